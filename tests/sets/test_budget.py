"""Budgets: vertices, both ends, one for each example, and a network attacked."""

import itertools
import math

import cvxpy as cp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from set_samples import (
    batches,
    every_type,
    is_projection,
    numbers,
)
from torch import nn

from rolab.attacks import first_order
from rolab.sets import (
    Ball,
    Budget,
    pixel_box,
)

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}

quick = settings(max_examples=40, deadline=None, derandomize=True)


def vertices_of_a_budget(gamma, radius, width):
    """±radius on ⌊Γ⌋ entries, the fraction on one more; or 0 and all signs where Γ < 1 or Γ ≥ d."""
    whole, fraction = int(min(gamma, width)), min(gamma, width) - int(min(gamma, width))
    sizes = [radius] * whole + [radius * fraction] * (whole < width)
    for places in itertools.permutations(range(width), len(sizes)):
        for signs in itertools.product([-1, 1], repeat=len(sizes)):
            point = [0.0] * width
            for place, size, sign in zip(places, sizes, signs, strict=True):
                point[place] = sign * size
            yield point


@every_type
@quick
@given(
    g=batches(width=4),
    gamma=st.sampled_from([0, 0.25, 1, 1.5, 2.75, 3, 4, 7]),
    radius=st.sampled_from([0, 0.5, 3]),
)
def test_a_budget_reaches_its_best_vertex(dtype, g, gamma, radius):
    g, U = g.to(dtype), Budget(gamma, radius)
    best = torch.tensor(list(vertices_of_a_budget(gamma, radius, 4))).double()
    most = (g.double() @ best.T).amax(1)
    np.testing.assert_allclose(U.support(g).double(), most, rtol=TOLERANCE[dtype], atol=1e-30)
    delta = U.maximizer(g)
    assert U.contains(delta, atol=0).all() and (delta[g == 0] == 0).all()
    assert ((delta != 0).sum(1) <= math.ceil(gamma)).all()
    assert U.contains(best).all() and (not best.any() or not U.contains(best * 1.01).any())


@every_type
@quick
@given(d=batches(), gamma=st.floats(0, 7), radius=st.floats(0.01, 5))
def test_the_projection_onto_a_budget_is_the_nearest_point(dtype, d, gamma, radius):
    d, U = d.to(dtype), Budget(gamma, radius)
    x = U.project(d)
    assert U.contains(x, atol=1e-6 * radius).all()
    assert is_projection(U, d, x, 4 * TOLERANCE[dtype])
    torch.testing.assert_close(U.project(x), x, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_a_budget_is_a_ball_at_both_ends():
    g = numbers(0, 5, 6)
    for budget, ball in ((Budget(1, 0.3), Ball("l1", 0.3)), (Budget(6, 0.3), Ball("linf", 0.3))):
        torch.testing.assert_close(budget.support(g), ball.support(g))
        torch.testing.assert_close(budget.project(g), ball.project(g))


def test_a_budget_for_each_example_is_that_example_s():
    gammas, radii, g = torch.tensor([0.0, 1.5, 3.0]), torch.tensor([1.0, 0.5, 0.25]), numbers(1, 3, 2, 2)
    for i in range(3):
        one = Budget(gammas[i].item(), radii[i].item())
        for U in (Budget(gammas, radii), Budget(gammas, radii)[[i] * 3]):
            torch.testing.assert_close(U.maximizer(g)[i], one.maximizer(g)[i])
            torch.testing.assert_close(U.project(g)[i], one.project(g)[i])
    for U in (Budget(gammas, 1), Budget(1, radii)):
        with pytest.raises(
            ValueError, match=r"^(gamma|radius): expected a number or a tensor \(2,\).*shape \(3,\)"
        ):
            U.maximizer(g[:2])


@pytest.mark.parametrize(
    "gamma", [-1, -0.001, math.nan, math.inf, "2", torch.tensor([1.0, -1.0]), torch.ones(2, 2)]
)
def test_what_is_no_budget_is_refused(gamma):
    with pytest.raises(ValueError, match="^gamma: expected a finite number >= 0, or a tensor"):
        Budget(gamma, 1)
    with pytest.raises(ValueError, match="^radius: expected a finite number >= 0, or a tensor"):
        Budget(1, gamma)


@pytest.mark.parametrize("gamma", [0, 1, 2.5, 3])
def test_the_budget_of_a_linear_program_is_a_sparse_attack_on_a_network(gamma):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 12), nn.Tanh(), nn.Linear(12, 3))
    x, y = torch.rand(8, 1, 6, 6), torch.randint(3, (8,))
    U = Budget(gamma, 0.3)
    loss = nn.CrossEntropyLoss(reduction="none")
    delta = first_order(model, x, y, U)
    assert delta.shape == x.shape and ((delta != 0).flatten(1).sum(1) <= math.ceil(gamma)).all()
    assert ((delta.abs() > 0.3 * (1 - 1e-6)).flatten(1).sum(1) == int(gamma)).all()
    assert gamma == 0 or (loss(model(x + delta), y) > loss(model(x), y)).all()
    boxed = first_order(model, x, y, lambda x: U & pixel_box(x))
    assert U.contains(boxed).all() and ((x + boxed >= 0) & (x + boxed <= 1)).all()
    assert gamma == 0 or (loss(model(x + boxed), y) > loss(model(x), y)).all()
    # and it robustifies a program: min c·x over the simplex has its worst case at the vertex of least c + 0.3
    w, c = cp.Variable(4, nonneg=True), np.array([1.0, 1.1, 1.2, 5.0])
    worst = c @ w + U.support_expression(w)
    assert (
        cp.Problem(cp.Minimize(worst), [cp.sum(w) == 1]).solve(solver=cp.CLARABEL)
        <= 1 + 0.3 * min(gamma, 1) + 1e-6
    )
