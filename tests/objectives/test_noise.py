"""Noise of the same size as the worst case: how far it goes, where, and that it draws from torch alone."""

import math

import pytest
import torch
from objective_cases import batch, small_net
from small_nets import boxed
from tiny_runs import run, weights
from torch import nn

from rolab.objectives import Noise, Nominal, Objective, Robust
from rolab.sets import Ball, resolve


class Spy(nn.Module):
    """A network that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.seen = small_net(), []

    def forward(self, x):
        self.seen.append(x)
        return self.inside(x)


def seen_by(objective: Objective, x, y, seed=0):
    spy = Spy()
    torch.manual_seed(seed)
    objective(spy, x, y)
    return spy.seen[-1]


@pytest.mark.parametrize("p", [1, 1.5, 2, math.inf])
def test_it_is_as_large_as_the_step_of_algorithm_1_in_the_same_norm(p):
    x, y = batch(50)
    U = Ball(p, 0.3)
    noise, step = (seen_by(objective, x, y) - x for objective in (Noise(U), Robust(U)))
    for d in (noise, step):
        size = torch.linalg.vector_norm(d.flatten(1), p, dim=1)
        torch.testing.assert_close(size, torch.full_like(size, 0.3))
    assert not torch.allclose(noise, step)


def test_it_has_no_direction_of_its_own():
    """The mean over many draws is 0 up to chance, and the draws are told apart by the seed only."""
    x, y = batch(4000)
    d = seen_by(Noise(Ball("l2", 1.0)), x, y) - x
    assert d.mean(0).abs().max() < 5 / math.sqrt(12 * 4000)
    again, other = (seen_by(Noise(Ball("l2", 1.0)), x, y, seed) - x for seed in (0, 1))
    assert torch.equal(d, again) and not torch.allclose(d, other)


def test_in_an_l2_ball_it_is_gaussian_noise_of_that_norm():
    x, y = batch(5)
    d = seen_by(Noise(Ball("l2", 0.7)), x, y, seed=3) - x
    torch.manual_seed(3)
    z = torch.randn_like(x)
    torch.testing.assert_close(d, 0.7 * z / z.flatten(1).norm(dim=1).view(-1, 1, 1, 1))


def test_it_stays_in_a_set_that_is_a_function_of_the_images():
    x, y = batch(20)
    d = seen_by(Noise(boxed(0.2, "l2")), x, y) - x
    assert resolve(boxed(0.2, "l2"), x).contains(d).all()


def test_the_loss_is_that_of_the_noisy_images_and_a_radius_of_0_is_standard_training():
    (x, y), U, model = batch(), Ball("linf", 0.2), small_net()
    noisy = seen_by(Noise(U), x, y)
    spy = Spy()
    torch.manual_seed(0)
    loss = Noise(U)(spy, x, y)
    assert torch.equal(spy.seen[-1], noisy) and len(spy.seen) == 1
    assert torch.equal(loss, Nominal()(model, noisy, y))
    nothing = run(objective=Noise(Ball("linf", 0.0)))
    assert torch.equal(weights(nothing.model), weights(run().model))
