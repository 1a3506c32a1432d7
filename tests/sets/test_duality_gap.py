"""Duality gaps: none where the maximiser is exact, sound where it is not, and no solver."""

import math

import cvxpy as cp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from set_samples import digits, inner, numbers

from rolab.errors import NonFiniteError
from rolab.norms import Lp
from rolab.sets import (
    Ball,
    Box,
    Budget,
    Ellipsoid,
    GroupBall,
    PixelBall,
    Scenarios,
    group_oracles,
    pixel_box,
    solver,
)
from rolab.sets.duality_gap import bound_in_box, gap, group_bound

PS = [1.0, 1.1, 1.5, 2.0, 3.0, 10.0, math.inf]
DRAWS = 200
RADII = torch.logspace(-2, 2, DRAWS, dtype=torch.float64)

quick = settings(max_examples=30, deadline=None, derandomize=True)
every_norm = pytest.mark.parametrize("p", PS)


def draws(dtype=torch.float64):
    """Images of which half are mostly 0, and gradients of one size and of many sizes."""
    x, g = digits(0, DRAWS, 3, 6, 6), numbers(1, DRAWS, 3, 6, 6)
    x[::2] = torch.rand(DRAWS // 2, 3, 6, 6, generator=torch.Generator().manual_seed(2), dtype=x.dtype)
    g[::3] *= 10 ** numbers(3, *g[::3].shape)
    return x.to(dtype), g.to(dtype)


def sets(p, x):
    """Every set that has a certificate, at images x."""
    radius = RADII[: len(x)].to(x)
    return {
        "ball": Ball(p, radius),
        "box": pixel_box(x),
        "ball in box": Ball(p, radius) & pixel_box(x),
        "budget": Budget(7.5, radius),
        "budget in box": Budget(7.5, 0.25) & pixel_box(x),
        "groups": GroupBall(p, radius, tuple(x.shape[1:]), 0),
        "pixels": PixelBall(p, radius),
        "pixels in box": PixelBall(p, radius) & pixel_box(x),
    }


@every_norm
def test_there_is_no_gap(p):
    x, g = draws()
    for name, U in sets(p, x).items():
        value = U.support(g)
        assert U.duality_gap_bound(g).shape == (DRAWS,)
        assert (U.duality_gap_bound(g).abs() <= 1e-13 * value).all(), name
        assert (U.contains(U.maximizer(g), 1e-12)).all(), name


@every_norm
def test_in_single_precision_the_gap_is_its_rounding(p):
    x, g = draws(torch.float32)
    for name, U in sets(p, x).items():
        assert U.duality_gap_bound(g).dtype == torch.float32
        assert (U.duality_gap_bound(g).abs() <= 3e-6 * U.support(g)).all(), name


@every_norm
def test_the_gap_of_a_worse_step_is_what_it_loses(p):
    """The bound is σ(g), whatever step is tried beside it: so a gap is seen, and is the loss."""
    x, g = digits(4, 60, 3, 6, 6), numbers(5, 60, 3, 6, 6)
    radius = 1.5 if p < math.inf else 0.3
    ball, box = Ball(p, radius), pixel_box(x)
    best = (ball & box).maximizer(g)
    naive = ball.maximizer(g).clamp(-x, 1 - x)
    bound = bound_in_box(Lp(p), g, radius, -x, 1 - x, best)
    torch.testing.assert_close(gap(bound, g, naive), inner(g, best) - inner(g, naive), rtol=1e-9, atol=1e-11)
    if p < 10:
        assert gap(bound, g, naive).mean() > 0.05 * bound.mean()


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, math.inf])
@pytest.mark.parametrize("off", [0.0, 0.5, 0.99, 1.01, 2.0, 1e6])
def test_every_price_gives_a_bound_and_a_wrong_one_a_worse(p, off):
    """Weak duality: sound for any price, so the certificate does not rest on the maximiser."""
    x, g = digits(6, 6, 3, 3, 3), numbers(7, 6, 3, 3, 3)
    a, cap = (v.flatten(2) for v in (g.abs(), torch.where(g > 0, 1 - x, x)))
    radius = torch.ones(6, 1, dtype=a.dtype)
    _, price = group_oracles.priced_maximizer(Lp(p), a, radius[:, :, None], cap)
    right, wrong = (group_bound(Lp(p), a, radius, cap, factor * price[:, :, 0]) for factor in (1.0, off))
    z = cp.Variable((3, 9))
    value = []
    for i in range(6):
        within = [sum(cp.norm(z[:, k], p) for k in range(9)) <= 1, z >= 0, z <= cap[i].numpy()]
        problem = cp.Problem(cp.Maximize(cp.sum(cp.multiply(a[i].numpy(), z))), within)
        value.append(problem.solve(solver=cp.CLARABEL))
    value = torch.tensor(value, dtype=torch.float64)
    torch.testing.assert_close(right, value, rtol=1e-6, atol=1e-6)
    assert (wrong >= right * (1 - 1e-13)).all()
    assert off in (0.99, 1.01) or (wrong > right * 1.001).any()


@every_norm
@quick
@given(seed=st.integers(0, 10**6), tried=st.integers(0, 10**6), share=st.floats(0, 1))
def test_the_bound_holds_for_every_step_and_every_point(p, seed, tried, share):
    """Whatever step the price is read from, no point of the set has more than the bound."""
    x, g = digits(seed, 3, 12), numbers(seed, 3, 12)
    radius = 0.8
    U = Ball(p, radius) & pixel_box(x)
    step = share * U.maximizer(numbers(tried, 3, 12))
    bound = bound_in_box(Lp(p), g, radius, -x, 1 - x, step)
    assert (bound >= U.support(g) * (1 - 1e-13)).all()
    points = U.project(numbers(tried + 1, 3, 12))
    assert (inner(g, points) <= bound + 1e-12).all()


@quick
@given(
    g=st.lists(st.integers(-4, 4), min_size=6, max_size=6),
    upper=st.lists(st.integers(0, 3), min_size=6, max_size=6),
    radius=st.sampled_from([0.0, 0.5, 1.0, 3.0, 30.0]),
    p=st.sampled_from(PS),
)
def test_ties_zeros_and_flat_boxes_leave_no_gap(g, upper, radius, p):
    g, upper = (torch.tensor(v, dtype=torch.float64).reshape(1, 3, 1, 2) / 4 for v in (g, upper))
    for ball in (Ball(p, radius), PixelBall(p, radius)):
        for U in (ball, ball & Box(-0.5, upper), ball & Box(-upper, upper)):
            assert abs(U.duality_gap_bound(g).item()) <= 1e-13 * U.support(g).item()


@every_norm
def test_where_the_gradient_or_the_radius_is_0_the_gap_is_0(p):
    x = digits(8, 2, 3, 4, 4)
    zero = torch.zeros_like(x)
    for name, U in sets(p, x).items():
        assert torch.equal(U.duality_gap_bound(zero), torch.zeros(2, dtype=x.dtype)), name
        assert torch.equal(
            U.scaled(0).duality_gap_bound(numbers(9, 2, 3, 4, 4)), torch.zeros(2, dtype=x.dtype)
        ), name


@every_norm
@pytest.mark.parametrize("scale", [2.0**-200, 2.0**200])
def test_the_size_of_the_gradient_does_not_matter(p, scale):
    x, g = draws()
    for name, U in sets(p, x).items():
        assert (U.duality_gap_bound(g * scale).abs() <= 1e-13 * U.support(g * scale)).all(), name


@every_norm
def test_no_solver_is_called(p, monkeypatch):
    monkeypatch.setattr(cp.Problem, "solve", None)
    monkeypatch.setattr(solver, "solve", None)
    x, g = draws()
    for U in sets(p, x).values():
        U.duality_gap_bound(g)


@pytest.mark.parametrize(
    "U",
    [
        Ellipsoid(np.eye(3), 1.0),
        Scenarios([[0.0, 0.0, 1.0]]),
        Ball("l1", 1.0) & Ball("l2", 0.8),
        Ball("l1", 1.0) + Ball("l2", 0.8),
    ],
    ids=repr,
)
def test_where_no_certificate_is_known_the_set_says_so(U):
    with pytest.raises(ValueError, match="no certificate is known"):
        U.duality_gap_bound(torch.ones(1, 3))


def test_bad_directions_are_refused():
    x = digits(10, 2, 3, 4, 4)
    for U in sets(2, x).values():
        with pytest.raises(NonFiniteError, match="g: expected finite entries"):
            U.duality_gap_bound(torch.full_like(x, math.nan))
        with pytest.raises(ValueError, match="expected"):
            U.duality_gap_bound(torch.ones(3))


def test_an_empty_batch_has_no_gaps():
    none = torch.zeros(0, 3, 2, 2)
    for U in (Ball("l2", 1.0), Ball("l2", 1.0) & pixel_box(none), PixelBall("l2", 1.0) & pixel_box(none)):
        assert U.duality_gap_bound(none).shape == (0,)
