"""Robust least squares against cvxpy and brute force."""

import itertools
from decimal import Decimal
from fractions import Fraction

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import example, given, settings
from linear_regressions import SHAPE, budget_vertices, draw, norm, seeds
from scipy.optimize import minimize_scalar

from rolab.errors import SolverError
from rolab.linear_models import least_squares
from rolab.linear_models.least_squares import robust_least_squares
from rolab.linear_models.worst_case import worst_design
from rolab.sets import (
    Ball,
    Box,
    Budget,
    Columns,
    Ellipsoid,
    GroupBall,
    Polyhedron,
    Rows,
    Scenarios,
    SpectralBall,
)


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
    assert worst_design(A, b, fit.x, Scenarios(vertices)).value == pytest.approx(exact, rel=1e-6)
    assert fit.lower <= fit.value <= fit.bound * (1 + 1e-12)
    assert norm((A + fit.perturbation) @ fit.x - b) == pytest.approx(fit.value, rel=1e-12)


@settings(max_examples=5, deadline=None, derandomize=True)
@given(seed=seeds)
def test_of_sets_without_a_closed_form_the_worst_case_is_least_not_its_bound(seed):
    """One column of two entries, so that a fine grid of the set and of x is brute force."""
    generator = np.random.default_rng(seed)
    A, b = generator.standard_normal((2, 1)), generator.standard_normal(2)
    matrix = generator.uniform(-1, 1, (2, 2)) + 0.1 * np.eye(2)
    angles = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ matrix.T
    cut = np.array(list(itertools.product([-0.3, 0.3], repeat=2)))
    octagon = np.array([p for x in (-0.3, 0.3) for y in (-0.1, 0.1) for p in ([x, y], [y, x])])
    sets = {
        Ellipsoid(torch.from_numpy(matrix @ matrix.T), 1.0): points,
        Budget(1, 0.5): np.array(list(budget_vertices(0.5, 1, 2))),
        Ball("linf", 0.3) & Ball("l1", 0.4): octagon,
        Ball("linf", 0.3) & Polyhedron(np.vstack([np.eye(2), -np.eye(2)]), np.full(4, 0.5)): cut,
    }
    for U, vertices in sets.items():
        fit = robust_least_squares(A, b, U)

        def worst(x, vertices=vertices):
            return float(np.linalg.norm((A[:, 0] + vertices) * x - b, axis=1).max())

        size = 2 * norm(b) / max(norm(A), 0.1)
        brute = minimize_scalar(worst, bounds=(-size, size), method="bounded", options={"xatol": 1e-12}).fun
        assert worst(fit.x[0]) <= min(brute, norm(b)) * (1 + 2e-6), U
        assert fit.value == pytest.approx(worst(fit.x[0]), rel=2e-6), U
        assert fit.lower <= fit.value <= fit.bound * (1 + 1e-12)


UNITS = [1e-12, 1e-9, 1e-6, 1e-3, 1e3, 1e6, 1e9, 1e12]
WITHOUT_A_CLOSED_FORM = {
    "budget": lambda s: Budget(2, 0.5 * s),
    "l1": lambda s: Ball("l1", 0.5 * s),
    "groups": lambda s: GroupBall("l2", 0.5 * s, SHAPE, axis=1),
    "intersection": lambda s: Ball("linf", 0.2 * s) & Ball("l2", 0.5 * s),
}
IN_A_UNIT = WITHOUT_A_CLOSED_FORM | {
    "Frobenius": lambda s: Ball("l2", 0.6 * s),
    "spectral": lambda s: SpectralBall(0.6 * s, SHAPE),
    "columns": lambda s: Columns(Ball("l2", 0.6 * s), SHAPE),
    "rows": lambda s: Rows(Ball("l2", 0.6 * s), SHAPE),
    "entries": lambda s: Ball("linf", 0.2 * s),
    "box": lambda s: Box(-0.1 * s, 0.3 * s),
    "rows + spectral": lambda s: Rows(Ball("l2", 0.1 * s), SHAPE) + SpectralBall(0.2 * s, SHAPE),
    "matrices": lambda s: Scenarios(s * np.random.default_rng(8).standard_normal((6, 21)) / 2),
}


@pytest.mark.parametrize("kind", IN_A_UNIT)
def test_the_fit_is_the_same_in_every_unit(kind):
    """(A + Δ)x = b in units of A's, and of b's: x in the quotient, the worst residual in b's."""
    A, b, _ = draw(5)
    one = robust_least_squares(A, b, IN_A_UNIT[kind](1.0))
    for of_a, of_b in [
        *((s, 1.0) for s in UNITS[::2]),
        *((1.0, s) for s in UNITS[1::2]),
        (1e-9, 1e9),
        (1e9, 1e-9),
    ]:
        other = robust_least_squares(of_a * A, of_b * b, IN_A_UNIT[kind](of_a))
        assert other.value == pytest.approx(of_b * one.value, rel=1e-6)
        assert other.lower == pytest.approx(of_b * one.lower, rel=1e-6)
        assert other.bound == pytest.approx(of_b * one.bound, rel=1e-3)
        if kind not in WITHOUT_A_CLOSED_FORM:  # of these x is sure to the root of the value's precision
            assert norm(of_a / of_b * other.x - one.x) <= 2e-5 * norm(one.x)
        residual = (of_a * A + other.perturbation) @ other.x - of_b * b
        assert norm(residual) == pytest.approx(other.value, rel=1e-9)


@pytest.mark.parametrize("s", [1e-6, 1e-3, 1e3, 1e6])
def test_columns_have_units_of_their_own(s):
    """A column and what it may change by × s: its weight / s."""
    A, b, _ = draw(6)
    units = np.array([1.0, s, 1.0])
    low, high = (torch.from_numpy(np.tile(side * units, 7)) for side in (-0.1, 0.3))
    one = robust_least_squares(A, b, Box(-0.1, 0.3))
    other = robust_least_squares(A * units, b, Box(low, high))
    assert other.value == pytest.approx(one.value, rel=1e-6)
    assert norm(other.x * units - one.x) <= 1e-6 * norm(one.x)


def test_a_solver_that_stops_early_is_an_error(monkeypatch):
    monkeypatch.setattr(least_squares, "ROUNDS", 1)
    A, b, _ = draw(0)
    with pytest.raises(SolverError, match="^A, b: expected the least worst residual to 1e-06 of it, got one"):
        robust_least_squares(A, b, Budget(4, 0.5))


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
        ({"A": np.ones((0, 3))}, "A: expected finite numbers of shape (m, n), got shape (0, 3)"),
        ({"A": np.full((7, 3), True)}, "A: expected finite numbers of shape (m, n), got entries of type b"),
        ({"A": [["1", 2, 3]] * 7}, "A: expected finite numbers of shape (m, n), got '1'"),
        ({"A": np.full((7, 3), 1j)}, "A: expected finite numbers of shape (m, n), got entries of type c"),
        ({"A": [[1.0, 2.0], [3.0]]}, "A: expected finite numbers of shape (m, n), got list"),
        ({"A": None}, "A: expected finite numbers of shape (m, n), got NoneType"),
        ({"b": [True, *range(6)]}, "b: expected finite numbers of shape (7,), got True"),
        ({"b": ["1.0"] * 7}, "b: expected finite numbers of shape (7,), got '1.0'"),
        ({"b": np.ones((7, 1))}, "b: expected finite numbers of shape (7,), got shape (7, 1)"),
        ({"b": np.ma.masked_less(np.arange(7.0), 2)}, "b: expected finite numbers of shape (7,), got masked"),
        (
            {"b": pd.Series(range(7), index=range(7, 0, -1))},
            "b: expected an array, as A's rows have no labels, got a series with the labels [7, 6, 5, 4, 3]",
        ),
        (
            {"A": pd.DataFrame(np.ones((7, 3)), index=list("abcdefg")), "b": pd.Series(range(7))},
            "b: expected the labels of A's rows, got a series with the labels [0, 1, 2, 3, 4]",
        ),
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


def test_labels_count():
    """A series in another order is that of the same labels."""
    A, b, x = draw(1)
    frame = pd.DataFrame(A, index=list("abcdefg"), columns=["u", "v", "w"])
    target = pd.Series(b, index=frame.index)[::-1]
    weights = pd.Series(x, index=frame.columns)[["w", "u", "v"]]
    U = Ball("l2", 0.5)
    assert (robust_least_squares(frame, target, U).x == robust_least_squares(A, b, U).x).all()
    assert worst_design(frame, target, weights, U).value == worst_design(A, b, x, U).value
    assert (robust_least_squares(A, pd.Series(b), U).x == robust_least_squares(A, b, U).x).all()
    numbers = [Decimal(1), np.float32(2), torch.tensor(3.0), 4, np.int8(5), Fraction(6), 7.0]
    assert (robust_least_squares(A, numbers, U).x == robust_least_squares(A, np.arange(1.0, 8.0), U).x).all()


@pytest.mark.parametrize(
    "U", [Ball("l2", 0.5), Budget(2, 0.5), Ball("linf", 0.2), Scenarios(np.ones((2, 21)))]
)
def test_a_target_of_zeros_is_met_by_zeros(U):
    fit = robust_least_squares(draw(0)[0], np.zeros(7), U)
    assert not fit.x.any() and fit.value == fit.bound == fit.lower == 0
