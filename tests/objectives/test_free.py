"""Free adversarial training against a loop written out; what one step costs in passes; and where Δ is."""

import pytest
import torch
from small_nets import boxed
from tiny_runs import SHORT, STEPS, blobs, net, run, weights
from torch.nn import functional as F

from rolab.objectives import Free, Nominal, Robust, Step
from rolab.sets import Ball, resolve
from rolab.training import Recipe


@pytest.mark.parametrize("replays", [1, 3])
@pytest.mark.parametrize(
    "U", [Ball("l2", 0.3), Ball("linf", 0.05), boxed(0.4, "l2")], ids=["l2", "linf", "boxed"]
)
def test_it_is_the_loop_of_one_pass_for_both_written_out(replays, U):
    """Each example has a Δ, which every visit moves by the gradient that moved the weights."""
    model, data, generator = net().train(), blobs(), torch.Generator().manual_seed(0)
    recipe, total = Recipe(3, 10, 0.1), 15 * replays
    optimizer, d, step, losses = recipe.optimizer(model), torch.zeros_like(data.images), 0, []
    for _ in range(3):
        torch.randint(2**62, (), generator=generator)  # what the loop draws for dropout
        for rows in torch.randperm(45, generator=generator).split(10):
            x, y = data.images[rows], data.labels[rows]
            for _ in range(replays):
                optimizer.param_groups[0]["lr"] = recipe.rate(step, total)
                seen = (x + d[rows]).requires_grad_()
                loss = F.cross_entropy(model(seen), y)
                g, *slopes = torch.autograd.grad(loss, [seen, *model.parameters()])
                for weight, slope in zip(model.parameters(), slopes, strict=True):
                    weight.grad = slope
                optimizer.step()
                V, step = resolve(U, x), step + 1
                d[rows] = V.project(d[rows] + V.maximizer(g))
                losses.append(loss.item() * len(x) / 45 / replays)
    found = run(objective=Free(U, replays), recipe=recipe)
    torch.testing.assert_close(weights(found.model), weights(model), rtol=1e-4, atol=1e-5)
    expected = [sum(losses[5 * replays * k : 5 * replays * (k + 1)]) for k in range(3)]
    assert [epoch["loss"] for epoch in found.history] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("replays", [1, 2])
def test_a_step_is_one_pass(replays):
    model, passes, told = net(), [], []
    model.register_forward_hook(lambda layer, *_: passes.append(1) if layer.training else None)
    run(model, objective=Free(Ball("l2", 0.3), replays), progress=lambda *call: told.append(call))
    assert len(passes) == STEPS * replays
    assert told[-1][:2] == (STEPS * replays, STEPS * replays)


@pytest.mark.parametrize("U", [Ball("l1", 0.5), Ball("l2", 0.4), boxed(0.1), boxed(0.5, "l1")])
def test_its_perturbations_stay_in_the_set_and_raise_the_loss(U):
    data, model, memory, rows = blobs(), net(), {}, torch.arange(45)
    for visit in range(4):
        now = (0.5 * Nominal() + 0.5 * Free(U)).at_step(Step(visit, 4, 0, 1, data, rows, memory))
        now(model, data.images, data.labels).backward()
        assert list(memory) == ["b.perturbation"]
        d = memory["b.perturbation"]
        assert resolve(U, data.images).contains(d).all()
        assert Nominal()(model, data.images + d, data.labels) > Nominal()(model, data.images, data.labels)
    best = Robust(U)(model, data.images, data.labels)
    assert Nominal()(model, data.images + d, data.labels) > 0.97 * best


def test_a_radius_of_0_is_standard_training_to_the_bit():
    found, standard = (run(net(0, 0.3), objective=each).model for each in (Free(Ball("l2", 0.0)), Nominal()))
    assert torch.equal(weights(found), weights(standard))


def test_it_makes_robust_at_the_price_of_standard_training():
    data = blobs(200)
    recipe, U = Recipe(epochs=10, batch_size=20), Ball("linf", 0.2)
    left = [
        Robust(U)(run(net(), data, objective, recipe).model, data.images, data.labels)
        for objective in (Free(U), Nominal())
    ]
    assert left[0] < 0.8 * left[1]


@pytest.mark.parametrize("replays", [0, -1, 1.5, True])
def test_replays_that_are_none(replays):
    with pytest.raises(ValueError, match="^replays: expected a whole number from 1"):
        Free(Ball("l2", 0.3), replays)


def test_the_replays_of_a_part_are_those_of_the_whole():
    assert Nominal().replays == 1
    assert (0.5 * Nominal() + 0.5 * Free(Ball("l2", 0.3), 4)).replays == 4
    assert len(run(objective=Free(Ball("l2", 0.3), 2), recipe=SHORT).history) == 3
