"""The loop against a plain one: what a step sees, what comes back, progress, precision, divergence."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_runs import SHORT, STEPS, Fused, U, Watched, blobs, net, run, weights
from torch import nn
from torch.nn import functional as F

from rolab.attacks import first_order
from rolab.data import Dataset
from rolab.errors import DataError, DivergedError
from rolab.evaluation import accuracy
from rolab.nets import ConvNet
from rolab.objectives import Nominal, Robust
from rolab.sets import Ball
from rolab.training import Recipe

# The loop


@pytest.mark.parametrize("objective", [Nominal(), Robust(U), 0.5 * Nominal() + 0.5 * Robust(Ball("l2", 0.3))])
@pytest.mark.parametrize("schedule", ["triangular", "constant"])
@pytest.mark.parametrize("nesterov", [True, False])
def test_training_is_algorithm_1_written_out(objective, schedule, nesterov):
    """Every number of the optimiser by hand: momentum, Nesterov's look-ahead, weight decay, the schedule."""
    recipe = Recipe(2, 10, 0.1, schedule, 0.8, nesterov, 0.01, shuffle=False)
    data, plain, ours, losses = blobs(), net().train(), net(), []
    velocity = [torch.zeros_like(p) for p in plain.parameters()]
    for step in range(10):
        x, y = (part[10 * (step % 5) : 10 * (step % 5) + 10] for part in (data.images, data.labels))
        loss = objective(plain, x, y)
        losses.append(loss.item() * len(x))
        gradients = torch.autograd.grad(loss, list(plain.parameters()))
        t = (step + 1) / 11
        rate = 0.1 * (1 if schedule == "constant" else 4 * t if t < 0.25 else (1 - t) * 4 / 3)
        with torch.no_grad():
            for p, v, g in zip(plain.parameters(), velocity, gradients, strict=True):
                g = g + 0.01 * p
                v.mul_(0.8).add_(g)
                p -= rate * (g + 0.8 * v if nesterov else v)
    found = run(ours, data, objective, recipe)
    torch.testing.assert_close(weights(ours), weights(plain), rtol=1e-5, atol=1e-6)
    assert [epoch["loss"] for epoch in found.history] == pytest.approx(
        [sum(losses[:5]) / 45, sum(losses[5:]) / 45], rel=1e-5
    )


@pytest.mark.parametrize("objective", [Nominal(), Robust(U)])
def test_it_learns(objective):
    data, test = blobs(200), blobs(200, seed=1)
    before = accuracy(net(), test)
    found = run(net(), data, objective, Recipe(epochs=5, batch_size=20), test=test)
    assert before < 70
    assert found.history[-1]["test_accuracy"] > 99
    assert found.history[-1]["loss"] < 0.5 * found.history[0]["loss"]


def test_robust_training_makes_robust():
    """One pixel says all but a small step undoes it, many say little: only the robust net uses the many."""
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(0, 2, (400,), generator=generator)
    sign = (2 * y - 1).view(-1, 1, 1, 1)
    x = 0.5 + 0.02 * torch.randn(400, 1, 8, 8, generator=generator)
    x[:, :, 0, 0] = 0.5 + 0.05 * sign[:, 0, 0, 0].unsqueeze(1)
    x[:, :, 4:, :] += 0.12 * sign * (torch.rand(400, 1, 4, 8, generator=generator) < 0.6)
    data = Dataset(x, y)

    def trained(objective):
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
        return run(
            model, data, objective, Recipe(epochs=20, batch_size=20, learning_rate=2, weight_decay=0)
        ).model

    def attacked(model):
        worst = data.images + first_order(model, data.images, data.labels, Ball("linf", 0.06))
        return accuracy(model, Dataset(worst, data.labels))

    assert attacked(trained(Robust(Ball("linf", 0.06)))) > attacked(trained(Nominal())) + 5


def test_the_descent_step_sees_the_perturbed_batch():
    """Spied upon from inside the model: each step looks at x, then at x + Δ, and nothing else."""
    seen: list[torch.Tensor] = []

    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside = net()

        def forward(self, x):
            seen.append(x.detach().clone())
            return self.inside(x)

    data, recipe = blobs(), replace(SHORT, epochs=1, shuffle=False)
    run(Spy(), data, Robust(U), recipe)
    assert torch.equal(seen.pop(0), data.images[[0, -1]]), "what is checked before training"
    assert len(seen) == 10
    for step in range(5):
        clean, perturbed = seen[2 * step], seen[2 * step + 1]
        assert torch.equal(clean, data.images[10 * step : 10 * step + 10])
        torch.testing.assert_close((perturbed - clean).abs(), torch.full_like(clean, 0.05))


def test_every_epoch_sees_every_example_once_in_an_order_of_its_own():
    watched = Watched(Nominal())
    data = blobs()
    run(data=data, objective=watched)
    assert [len(y) for _, y in watched.batches] == [10, 10, 10, 10, 5] * 3
    epochs = [torch.cat([x for x, _ in watched.batches[5 * k : 5 * k + 5]]) for k in range(3)]
    place = {image.numpy().tobytes(): i for i, image in enumerate(data.images)}
    orders = [[place[image.numpy().tobytes()] for image in epoch] for epoch in epochs]
    assert all(sorted(order) == list(range(45)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    for x, y in watched.batches:
        assert torch.equal(y, data.labels[[place[image.numpy().tobytes()] for image in x]])


def test_the_order_depends_on_the_seed_and_on_nothing_else():
    def order(**more):
        watched = Watched(more.pop("objective", Nominal()))
        run(objective=watched, **more)
        return torch.cat([x for x, _ in watched.batches])

    first = order(seed=3)
    torch.manual_seed(99)
    assert torch.equal(order(seed=3, model=net(5), objective=Robust(U)), first)
    assert not torch.equal(order(seed=4), first)


def test_without_shuffling_the_order_is_that_of_the_data():
    watched, data = Watched(Nominal()), blobs()
    run(data=data, objective=watched, recipe=replace(SHORT, shuffle=False))
    assert torch.equal(torch.cat([x for x, _ in watched.batches]), data.images.repeat(3, 1, 1, 1))


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    first, second, third = (run(net(0, 0.5), seed=seed).model for seed in (1, 1, 2))
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(third))


def test_the_test_set_decides_nothing():
    with_test, without = run(test=blobs(20, 1)), run()
    assert torch.equal(weights(with_test.model), weights(without.model))
    assert "test_accuracy" not in without.history[0]


# What comes back


def test_history_and_seconds():
    found = run(test=blobs(20, 1), seed=7)
    assert [epoch["epoch"] for epoch in found.history] == [1, 2, 3]
    for epoch in found.history:
        assert set(epoch) == {"epoch", "loss", "seconds", "test_accuracy"}
        assert epoch["seconds"] >= 0
    assert found.seconds == sum(epoch["seconds"] for epoch in found.history)
    assert found.history[-1]["test_accuracy"] == accuracy(found.model, blobs(20, 1))
    assert (found.recipe, found.seed) == (SHORT, 7)


def test_the_model_is_trained_in_place_and_comes_back_in_eval_mode():
    model = net(0, 0.5).eval()
    modes: list[bool] = []
    model[3].register_forward_hook(lambda module, *_: modes.append(module.training))
    before = weights(model)
    found = run(model)
    assert found.model is model
    assert modes == [False] + [True] * STEPS, "one look before training, and the steps"
    assert not model.training
    assert not torch.equal(weights(model), before)


def test_every_epoch_is_trained_in_train_mode_although_the_test_between_is_not():
    model = net(0, 0.5)
    modes: list[bool] = []
    model[3].register_forward_hook(lambda module, *_: modes.append(module.training))
    run(model, test=blobs(20, 1))
    assert modes == [False] * 2 + ([True] * 5 + [False]) * 3, (
        "a look at either before training, and the epochs"
    )


def test_the_global_random_state_is_left_alone():
    def states():
        return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()

    torch.manual_seed(5)
    before = states()
    run(net(0, 0.5))
    assert states() == before


def test_the_data_are_left_alone():
    data = blobs()
    images, labels = data.images.clone(), data.labels.clone()
    run(data=data, objective=Robust(Ball("l2", 1.0)))
    assert torch.equal(data.images, images)
    assert torch.equal(data.labels, labels)


# Progress


@pytest.mark.parametrize("epochs_before", [0, 1, 3])
def test_progress_is_told_monotone_steps_up_to_the_last(tmp_path, epochs_before):
    calls: list[tuple[int, int, str]] = []

    def stop(done, steps, line):
        if done == 5 * epochs_before < STEPS:
            raise KeyboardInterrupt

    if epochs_before == 1:
        with pytest.raises(KeyboardInterrupt):
            run(folder=tmp_path / "run", progress=stop)
    elif epochs_before == 3:
        run(folder=tmp_path / "run")
    run(folder=tmp_path / "run", progress=lambda *call: calls.append(call), test=blobs(20, 1))
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert done[0] == 5 * epochs_before
    assert {call[1] for call in calls} == {STEPS}
    assert calls[-1][:2] == (STEPS, STEPS)
    assert "epoch 3/3" in calls[-1][2]
    if epochs_before < 3:
        assert "test accuracy" in calls[-1][2]
        assert any("loss" in call[2] for call in calls)


def test_a_bar_in_the_terminal(capfd):
    run(progress=True, test=blobs(20, 1))
    shown = capfd.readouterr().err
    assert "100%" in shown
    assert f"{STEPS}/{STEPS}" in shown
    assert "epoch 3/3, test accuracy" in shown
    run(progress=False)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("objective", [Nominal(), Robust(U)])
def test_mixed_precision_on_the_cpu(objective):
    model, types = ConvNet(), []
    model.conv2.register_forward_hook(lambda module, args, out: types.append(out.dtype))
    data = Dataset(torch.rand(40, 1, 28, 28), torch.arange(40) % 10)
    found = run(model, data, objective, Recipe(epochs=2, batch_size=20, precision="bfloat16"))
    assert types.pop(0) == torch.float32, "a look before training"
    assert set(types) == {torch.bfloat16}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert math.isfinite(found.history[-1]["loss"])
    types.clear()
    run(ConvNet(), data, objective, Recipe(epochs=1, batch_size=20))
    model(data.images)
    assert set(types) == {torch.float32}


@pytest.mark.parametrize("channels_last", [True, False])
def test_the_memory_format_is_the_recipe_s_and_changes_no_number(channels_last):
    layouts = []

    def trained(channels_last):
        torch.manual_seed(0)
        model = ConvNet()
        model.conv2.register_forward_hook(
            lambda module, *_: layouts.append(module.weight.is_contiguous(memory_format=torch.channels_last))
        )
        data = Dataset(
            torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 10
        )
        run(model, data, Robust(U), Recipe(epochs=1, batch_size=20, channels_last=channels_last))
        return weights(model)

    found = trained(channels_last)
    assert layouts.pop(0) is False, "a look before training, at the weights as they came"
    assert set(layouts) == {channels_last}
    torch.testing.assert_close(found, trained(not channels_last), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "objective", [Nominal(), Robust(U), Robust(Ball("l2", 0.5)), Robust(Ball("l1", 0.5))]
)
def test_too_large_a_learning_rate_stops_with_a_clear_message(objective):
    torch.manual_seed(0)
    data = Dataset(torch.rand(300, 1, 28, 28), torch.randint(0, 10, (300,)))
    recipe = Recipe(epochs=4, batch_size=10, learning_rate=1e6)
    with pytest.raises(DivergedError, match=r"training diverged in epoch \d.*learning_rate below 1e\+06"):
        run(ConvNet(), data, objective, recipe)


@pytest.mark.parametrize(
    "objective", [Nominal(), Robust(U), Robust(Ball("l2", 0.5)), Robust(Ball("l1", 0.5))]
)
def test_a_pixel_that_is_not_a_number_is_named_before_training(tmp_path, objective):
    data, model = blobs(), net()
    data.images[17, 0, 1, 2] = math.nan
    with pytest.raises(DataError, match=r"^data: expected pixels in \[0, 1\], got NaN in 1 of 45 images$"):
        run(model, data=data, objective=objective, folder=tmp_path / "run")
    assert not list(tmp_path.iterdir()) and torch.equal(weights(model), weights(net()))


def test_the_loss_that_is_not_finite_is_not_descended():
    model = net()
    with pytest.raises(DivergedError, match="the loss is nan"):
        run(model, objective=Fused(0))
    assert torch.equal(weights(model), weights(net()))


def test_a_plain_loop_would_not_have_noticed():
    """The oracle of the tests above: the fuse does blow."""
    model, (x, y) = net(), (blobs().images, blobs().labels)
    assert Fused(0)(model, x, y).isnan()
    loss = Fused(0, gradient_only=True)(model, x, y)
    assert torch.equal(loss, F.cross_entropy(model(x), y))
    loss.backward()
    assert model[1].weight.grad.isnan().any()
