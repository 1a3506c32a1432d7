"""Objectives add and scale; augmentation; and a new objective is one class and nothing else."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from objective_cases import batch, gradients, small_net
from tiny_runs import blobs, net, run, weights
from torch import nn
from torch.nn import functional as F

from rolab.attacks import cross_entropy
from rolab.errors import RecordError
from rolab.objectives import Augmented, Nominal, Objective, Robust
from rolab.sets import Ball

# Objectives add and scale


@given(st.floats(0, 1), st.sampled_from(["l1", "l2", "linf"]))
def test_the_mixture_of_eq_3(alpha, norm):
    model, (x, y), robust = small_net(), batch(), Robust(Ball(norm, 0.4))
    mixed = alpha * Nominal() + (1 - alpha) * robust
    by_hand = alpha * Nominal()(model, x, y) + (1 - alpha) * robust(model, x, y)
    torch.testing.assert_close(mixed(model, x, y), by_hand, rtol=1e-12, atol=1e-12)
    standard, worst = (gradients(objective, model, x, y) for objective in (Nominal(), robust))
    for found, a, b in zip(gradients(mixed, model, x, y), standard, worst, strict=True):
        torch.testing.assert_close(found, alpha * a + (1 - alpha) * b, rtol=1e-10, atol=1e-12)


def batch_norm_net() -> nn.Module:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        layers = (
            nn.Flatten(),
            nn.Linear(12, 8),
            nn.BatchNorm1d(8),
            nn.Tanh(),
            nn.Dropout(0.3),
            nn.Linear(8, 3),
        )
        return nn.Sequential(*layers)


@pytest.mark.parametrize("alpha, alone", [(1, Nominal()), (0, Robust(Ball("l2", 0.4)))])
def test_at_its_ends_the_mixture_is_one_of_its_parts_to_the_bit(alpha, alone):
    """α = 1 is standard training, α = 0 Algorithm 1: also the masks and the averages of a net's layers."""
    mixed = alpha * Nominal() + (1 - alpha) * Robust(Ball("l2", 0.4))
    found, expected = (run(batch_norm_net(), objective=each).model.state_dict() for each in (mixed, alone))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_objectives_scale_from_both_sides_and_add_up():
    model, (x, y) = small_net(), batch()
    one = Nominal()(model, x, y)
    torch.testing.assert_close((2 * Nominal())(model, x, y), 2 * one)
    torch.testing.assert_close((Nominal() * 2)(model, x, y), 2 * one)
    torch.testing.assert_close(
        (Nominal() + 3 * Nominal() + 0.5 * (Nominal() + Nominal()))(model, x, y), 5 * one
    )


def test_equal_objectives_are_equal_and_read_well():
    assert Nominal() == Nominal()
    assert 0.5 * Nominal() == 0.5 * Nominal()
    assert 0.5 * Nominal() != 0.6 * Nominal()
    assert "Ball('linf', 0.1)" in repr(0.5 * Nominal() + 0.5 * Robust(Ball("linf", 0.1)))


@pytest.mark.parametrize(
    "bad",
    [
        lambda: Nominal() + 1,
        lambda: 1 + Nominal(),
        lambda: Nominal() * "2",
        lambda: [1] * Nominal(),
        lambda: Nominal() * Nominal(),
        lambda: Nominal() * None,
        lambda: Nominal() - Nominal(),
    ],
)
def test_what_is_no_objective_does_not_add_and_what_is_no_number_does_not_scale(bad):
    with pytest.raises(TypeError):
        bad()


def test_an_unfinished_objective_says_so():
    with pytest.raises(NotImplementedError):
        Objective()(small_net(), *batch())


# Augmentation


def test_augmentation_flips_and_shifts_each_image_on_its_own():
    """Each is one of 2 · 5 · 5 flips and shifts of what came in; together they are not all alike."""
    x = torch.rand(40, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    seen = []

    @dataclass(frozen=True)
    class Looks(Objective):
        def __call__(self, model, x, y):
            seen.append(x)
            return x.sum()

    torch.manual_seed(3)
    Augmented(Looks())(None, x, None)
    padded = [F.pad(image, (2, 2, 2, 2)) for image in (x, x.flip(3))]
    views = torch.stack(
        [image[:, :, i : i + 8, j : j + 8] for image in padded for i in range(5) for j in range(5)]
    )
    same = (views == seen[0]).flatten(2).all(2)  # (50, 40)
    assert (same.sum(0) == 1).all() and same.any(1).sum() > 15
    torch.manual_seed(3)
    Augmented(Looks())(None, x, None)
    assert torch.equal(seen[0], seen[1]), "the same numbers, the same images"
    Augmented(Looks(), shift=0)(None, x, None)
    assert ((seen[2] == x) | (seen[2] == x.flip(3))).flatten(1).all()


def test_an_augmented_objective_is_a_value_and_says_what_it_is():
    assert Augmented(Nominal()) == Augmented(Nominal(), 2) != Augmented(Nominal(), 3)
    assert repr(Augmented(Nominal(0.2))) == "Augmented(objective=Nominal(smoothing=0.2), shift=2)"


# A new objective


@dataclass(frozen=True)
class GradientPenalty(Objective):
    """λ‖∇ₓJ‖², the mean over the batch (Drucker and Le Cun 1992): all that a new method of training is."""

    weight: float = 1.0

    def __call__(self, model, x, y):
        x = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(cross_entropy(model, x, y, "sum"), x, create_graph=True)
        return self.weight * gradient.square().sum() / len(x)


def test_a_new_objective_is_one_class_and_nothing_else(tmp_path):
    """It is trained, adds, scales, is resumed to the same bits, and its run is told from any other."""

    def stop(done, steps, line):
        if done == 5:  # after the first epoch
            raise KeyboardInterrupt

    objective = Nominal() + 2 * GradientPenalty(0.5)
    whole = run(objective=objective)
    assert not torch.equal(weights(whole.model), weights(run().model))
    (x, y), model = batch(), small_net()
    both = Nominal()(model, x, y) + 2 * GradientPenalty(0.5)(model, x, y)
    torch.testing.assert_close(objective(model, x, y), both, rtol=1e-12, atol=0)
    data = blobs()
    after = [GradientPenalty()(each.model, data.images, data.labels) for each in (whole, run())]
    assert after[0] < 0.9 * after[1]
    with pytest.raises(KeyboardInterrupt):
        run(objective=objective, folder=tmp_path, progress=stop)
    with pytest.raises(RecordError, match="holds another run .what differs: objective"):
        run(objective=Nominal() + 2 * GradientPenalty(0.6), folder=tmp_path)
    resumed = run(net(5), objective=objective, folder=tmp_path)
    assert len(resumed.history) == 3
    assert torch.equal(weights(resumed.model), weights(whole.model))


def test_a_plain_function_is_an_objective_of_training_too(tmp_path):
    def mean_square(model, x, y):
        return (model(x).softmax(1) - F.one_hot(y, 3)).square().mean()

    first = run(objective=mean_square, folder=tmp_path)
    assert torch.equal(
        weights(run(net(5), objective=mean_square, folder=tmp_path).model), weights(first.model)
    )
    assert first.history[-1]["loss"] < first.history[0]["loss"]
