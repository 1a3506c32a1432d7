"""Robust least squares against cvxpy and brute force."""

import itertools

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import example, given, settings
from linear_regressions import SHAPE, budget_vertices, draw, norm, seeds

from rolab.linear_models.least_squares import robust_least_squares
from rolab.linear_models.worst_case import worst_design
from rolab.sets import Ball, Box, Budget, Columns, Rows, Scenarios, SpectralBall


def least_worst(A, b, penalty):
    x = cp.Variable(A.shape[1])
    return cp.Problem(cp.Minimize(penalty(A @ x - b, x))).solve(solver="CLARABEL")


@pytest.mark.parametrize(
    ("U", "penalty"),
    [
        (Ball("l2", 0.6), lambda r, x: cp.norm(r) + 0.6 * cp.norm(x)),
        (SpectralBall(0.6, SHAPE), lambda r, x: cp.norm(r) + 0.6 * cp.norm(x)),
        (Columns(Ball("l2", 0.6), SHAPE), lambda r, x: cp.norm(r) + 0.6 * cp.norm1(x)),
        (Rows(Ball("l2", 0.6), SHAPE), lambda r, x: cp.norm(cp.abs(r) + 0.6 * cp.norm(x))),
        (Ball("linf", 0.2), lambda r, x: cp.norm(cp.abs(r) + 0.2 * cp.norm1(x))),
        (
            Box(-0.1, 0.3),
            lambda r, x: cp.norm(
                cp.maximum(
                    r + cp.sum(cp.maximum(-0.1 * x, 0.3 * x)), 0, cp.sum(cp.maximum(0.1 * x, -0.3 * x)) - r
                )
            ),
        ),
        (
            Rows(Ball("l2", 0.1), SHAPE) + SpectralBall(0.2, SHAPE),
            lambda r, x: cp.norm(cp.abs(r) + 0.1 * cp.norm(x)) + 0.2 * cp.norm(x),
        ),
        (
            Ball("l2", 0.1) + Columns(Ball("l2", 0.2), SHAPE),
            lambda r, x: cp.norm(r) + 0.1 * cp.norm(x) + 0.2 * cp.norm1(x),
        ),
    ],
    ids=repr,
)
@settings(max_examples=5, deadline=None, derandomize=True)
@example(seed=405485)  # Clarabel gives up on tolerances of 1e-14 and 1e-11 for rows in ℓ2 balls
@given(seed=seeds)
def test_the_least_worst_case_against_cvxpy(U, penalty, seed):
    A, b, _ = draw(seed)
    fit = robust_least_squares(A, b, U)
    expected = least_worst(A, b, penalty)
    assert fit.value == pytest.approx(expected, rel=1e-6)
    assert fit.lower <= fit.value <= fit.bound * (1 + 1e-12)
    assert fit.lower == pytest.approx(fit.bound, rel=1e-8)
    assert worst_design(A, b, fit.x, U).value == fit.value
    assert norm((A + fit.perturbation) @ fit.x - b) == pytest.approx(fit.value, rel=1e-12)


def test_scenarios_against_cvxpy():
    A, b, _ = draw(8)
    matrices = 0.5 * np.random.default_rng(8).standard_normal((6, 7, 3))
    fit = robust_least_squares(A, b, Scenarios(matrices.reshape(6, -1)))
    x = cp.Variable(3)
    worst = cp.max(cp.hstack([cp.norm((A + D) @ x - b) for D in matrices]))
    assert fit.value == pytest.approx(cp.Problem(cp.Minimize(worst)).solve(solver="CLARABEL"), rel=1e-6)
    assert fit.lower == pytest.approx(fit.bound, rel=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_a_set_without_a_closed_form_is_solved_between_bounds(seed):
    A, b, _ = draw(seed, 4, 2)
    vertices = np.array(list(budget_vertices(0.5, 2, 8)))
    exact = robust_least_squares(A, b, Scenarios(vertices)).value  # the budget's set is their hull
    fit = robust_least_squares(A, b, Budget(2, 0.5))
    assert fit.lower <= exact * (1 + 1e-7) and exact <= fit.bound * (1 + 1e-7)
    assert fit.lower >= 0.999 * exact
    assert fit.lower <= fit.value <= fit.bound * (1 + 1e-12)
    assert norm((A + fit.perturbation) @ fit.x - b) == pytest.approx(fit.value, rel=1e-12)


def test_a_larger_set_has_a_larger_least_worst_case():
    A, b, _ = draw(9)
    for U in (
        Ball("l2", 1.0),
        Columns(Ball("l2", 1.0), SHAPE),
        Ball("linf", 0.4),
        Rows(Ball("l1", 1.0), SHAPE),
    ):
        values = [robust_least_squares(A, b, U.scaled(t)).value for t in (0, 0.1, 0.3, 0.9)]
        assert values[0] == pytest.approx(norm(A @ np.linalg.lstsq(A, b)[0] - b), rel=1e-8)
        assert all(small < large for small, large in itertools.pairwise(values))


@pytest.mark.parametrize("k", [1e-7, 1e-6, 1e-5, 1e5, 1e7])
@pytest.mark.parametrize("kind", [Rows, Columns])
def test_the_robust_fit_does_not_depend_on_the_unit_of_the_design(k, kind):
    """`lower` was above the worst case of some x, for a small A."""
    generator = np.random.default_rng(3)
    X = generator.normal(size=(6, 2))
    y = X @ [2.0, -1.0] + generator.normal(size=6)
    one, other = (robust_least_squares(r * X, y, kind(Ball("l2", 0.1 * r), (6, 2))) for r in (1.0, k))
    assert other.value == pytest.approx(one.value, rel=1e-6)
    assert other.bound == pytest.approx(one.bound, rel=1e-6)
    assert other.lower <= one.bound * (1 + 1e-9)
    assert other.lower == pytest.approx(one.lower, rel=1e-5)
    np.testing.assert_allclose(k * other.x, one.x, rtol=1e-3, atol=1e-4)


# Bad input


@pytest.mark.parametrize(
    "function", [robust_least_squares, lambda A, b, U: worst_design(A, b, [1.0, 2.0, 3.0], U)]
)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"A": np.ones(7)}, "A: expected finite numbers of shape (m, n), got shape (7,)"),
        ({"A": np.full((7, 3), np.nan)}, "A: expected finite numbers of shape (m, n), got NaN"),
        ({"A": "no"}, "A: expected finite numbers"),
        ({"b": np.ones(6)}, "b: expected finite numbers of shape (7,), got shape (6,)"),
        ({"b": np.full(7, np.inf)}, "b: expected finite"),
        ({"U": 0.5}, "U: expected an UncertaintySet, got 0.5"),
        ({"U": "ridge"}, "U: expected an UncertaintySet, got 'ridge'"),
        ({"U": SpectralBall(0.5, (3, 7))}, "U: expected a set of matrices of A's shape (7, 3)"),
        ({"U": Scenarios(np.ones((2, 20)))}, "U: expected a set of matrices of A's shape (7, 3)"),
    ],
)
def test_bad_data_are_named(function, change, message):
    A, b, _ = draw(0)
    with pytest.raises(ValueError) as caught:
        function(**({"A": A, "b": b, "U": Ball("l2", 1.0)} | change))
    assert str(caught.value).startswith(message)
