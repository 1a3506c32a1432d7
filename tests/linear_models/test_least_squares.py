"""Robust least squares against cvxpy and brute force."""

import itertools

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from linear_regressions import SHAPE, budget_vertices, draw, inside, norm, seeds
from scipy.optimize import minimize_scalar

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
    UncertaintySet,
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
    ids=lambda case: repr(case) if isinstance(case, UncertaintySet) else None,
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
    assert fit.lower == pytest.approx(fit.bound, rel=1e-8) and fit.exact
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


def least_worst_of(A, b, worst_squares):
    """The least s with constraints(s, x) that the square of the worst residual is at most s."""
    x, s = cp.Variable(A.shape[1]), cp.Variable()
    return np.sqrt(cp.Problem(cp.Minimize(s), worst_squares(s, x)).solve(solver="CLARABEL"))


def of_vertices(A, b, vertices):
    matrices = np.reshape(vertices, (-1, *A.shape))
    return lambda s, x: [cp.sum_squares((A + D) @ x - b) <= s for D in matrices]


def of_an_ellipsoid(A, b, root):
    """S-lemma: ‖r + Lu‖² ≤ s for all ‖u‖ ≤ 1 exactly if the matrix is semidefinite for some τ."""
    m, size = len(A), root.shape[1]

    def constraints(s, x):
        tau, r = cp.Variable(nonneg=True), cp.reshape(A @ x - b, (m, 1), order="C")
        moved = cp.vstack([x @ root[i * x.size : (i + 1) * x.size] for i in range(m)])
        top = cp.hstack([np.eye(m), r, moved])
        middle = cp.hstack([r.T, cp.reshape(s - tau, (1, 1), order="C"), np.zeros((1, size))])
        return [cp.vstack([top, middle, cp.hstack([moved.T, np.zeros((size, 1)), tau * np.eye(size)])]) >> 0]

    return constraints


def of_one_row(A, b, radius):
    """All of the radius on a row."""

    def constraints(s, x):
        r = A @ x - b
        reach = radius * cp.norm(x)
        pushed = [[cp.abs(r[k]) + (reach if k == i else 0) for k in range(len(b))] for i in range(len(b))]
        return [cp.sum_squares(cp.hstack(each)) <= s for each in pushed]

    return constraints


MIX = np.random.default_rng(0).standard_normal((8, 8))
AXES = np.vstack([np.eye(8), -np.eye(8)])
WITHOUT_CLOSED_FORM = {  # the set, and its least worst case stated anew
    "budget": (Budget(2, 0.5), lambda A, b: of_vertices(A, b, list(budget_vertices(0.5, 2, 8)))),
    "l1": (Ball("l1", 0.8), lambda A, b: of_vertices(A, b, 0.8 * AXES)),
    "image": ((0.3 * MIX) @ Ball("l1", 1.0), lambda A, b: of_vertices(A, b, 0.3 * AXES @ MIX.T)),
    "polyhedron": (
        Polyhedron(np.vstack([-np.eye(8), np.ones((1, 8))]), np.array([0.2] * 8 + [0.4])),
        lambda A, b: of_vertices(A, b, np.vstack([np.zeros((1, 8)), 2 * np.eye(8)]) - 0.2),
    ),
    "one row": (GroupBall("l2", 0.7, (4, 2), axis=1), lambda A, b: of_one_row(A, b, 0.7)),
    "ellipsoid": (Ellipsoid(MIX @ MIX.T, 0.2), lambda A, b: of_an_ellipsoid(A, b, 0.2 * MIX)),
}


@pytest.mark.parametrize(("U", "restated"), WITHOUT_CLOSED_FORM.values(), ids=WITHOUT_CLOSED_FORM.keys())
@pytest.mark.parametrize("seed", range(3))
def test_without_a_closed_form_the_least_worst_case_is_found(U, restated, seed):
    """It was the x of the least bound, up to 30 % worse than the best."""
    A, b, _ = draw(seed, 4, 2)
    fit = robust_least_squares(A, b, U)
    exact = least_worst_of(A, b, restated(A, b))
    assert fit.value == pytest.approx(exact, rel=2e-6)
    assert fit.lower <= fit.value <= fit.lower * (1 + 1e-6)
    assert exact <= fit.bound * (1 + 1e-6)
    assert not fit.exact or fit.bound <= exact * (1 + 2e-6)
    assert norm((A + fit.perturbation) @ fit.x - b) == pytest.approx(fit.value, rel=1e-12)
    assert inside(U, fit.perturbation)


@pytest.mark.parametrize("U", [Ball(1.5, 0.6), Ball(3.0, 0.6), Ball("l2", 0.6) & Box(-0.3, 0.5)], ids=repr)
@pytest.mark.parametrize("seed", range(4))
def test_curved_sets_in_the_plane_against_a_grid(U, seed):
    """Two rows and one column: the perturbations along 20,000 directions, and x by golden section."""
    A, b, _ = draw(seed, 2, 1)
    angle = torch.linspace(0, 2 * np.pi, 20_000, dtype=torch.float64)
    boundary = U.maximizer(torch.stack([angle.cos(), angle.sin()], 1)).numpy()

    def worst(x):
        return np.linalg.norm((A[:, 0] + boundary) * x - b, axis=1).max()

    best = minimize_scalar(worst, bracket=(-1, 1), tol=1e-10)
    assert robust_least_squares(A, b, U).value == pytest.approx(best.fun, rel=1e-6)


def test_a_set_of_ones_own_needs_no_expression():
    class Own(UncertaintySet):
        def maximizer(self, g):
            return ball.maximizer(g)

        def project(self, d):
            return ball.project(d)

    A, b, _ = draw(3, 4, 2)
    ball = Ball("l1", 0.5)
    own, known = robust_least_squares(A, b, Own()), robust_least_squares(A, b, ball)
    assert own.value == pytest.approx(known.value, rel=1e-6) and own.value < norm(b)


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


CORNERS = np.random.default_rng(1).standard_normal((5, 21))
SPREAD = np.random.default_rng(2).standard_normal((21, 4))
IN_UNITS = {  # the set where the design is in this unit
    "frobenius": lambda k: Ball("l2", 0.3 * k),
    "spectral": lambda k: SpectralBall(0.3 * k, SHAPE),
    "columns": lambda k: Columns(Ball("l2", 0.3 * k), SHAPE),
    "one column": lambda k: GroupBall("l2", 0.6 * k, SHAPE, axis=0),
    "rows": lambda k: Rows(Ball("l2", 0.2 * k), SHAPE),
    "entries": lambda k: Ball("linf", 0.1 * k),
    "box": lambda k: Box(-0.1 * k, 0.3 * k),
    "scenarios": lambda k: Scenarios(0.3 * k * CORNERS),
    "sum": lambda k: Rows(Ball("l2", 0.1 * k), SHAPE) + SpectralBall(0.2 * k, SHAPE),
    "budget": lambda k: Budget(2, 0.3 * k),
    "l1": lambda k: Ball("l1", 0.7 * k),
    "one row": lambda k: GroupBall("l2", 0.5 * k, SHAPE, axis=1),
    "ellipsoid": lambda k: Ellipsoid(SPREAD @ SPREAD.T, 0.1 * k),
    "image": lambda k: (k * SPREAD) @ Ball("l1", 0.2),
    "polyhedron": lambda k: Polyhedron(np.vstack([np.eye(21), -np.ones((1, 21))]), 0.1 * k * np.ones(22)),
    "ball in a box": lambda k: Ball("l2", 0.4 * k) & Box(-0.15 * k, 0.15 * k),
}
each_set = pytest.mark.parametrize("U", IN_UNITS.values(), ids=IN_UNITS.keys())
units = st.floats(-12, 12).map(lambda power: 10.0**power)


@each_set
@settings(max_examples=5, deadline=None, derandomize=True)
@example(k=1e-12, scale=1e12)
@example(k=1e12, scale=1e-12)
@given(k=units, scale=units)
def test_in_other_units_the_fit_is_the_same(U, k, scale):
    A, b, _ = draw(3)
    one, other = robust_least_squares(A, b, U(1.0)), robust_least_squares(k * A, scale * b, U(k))
    there = worst_design(A, b, k / scale * other.x, U(1.0))
    assert one.value == pytest.approx(there.value, rel=1e-6)
    assert other.value == pytest.approx(scale * one.value, rel=1e-6, abs=0)
    assert other.lower == pytest.approx(scale * one.lower, rel=1e-6, abs=0)
    assert other.bound == pytest.approx(scale * there.bound, rel=1e-6, abs=0)
    assert other.lower <= other.value <= other.bound * (1 + 1e-12)


@pytest.mark.parametrize(
    "U",
    [
        lambda c: Columns(Ball("l2", torch.from_numpy(0.3 * c)), SHAPE),
        lambda c: Rows(Box(torch.from_numpy(-0.1 * c), torch.from_numpy(0.2 * c)), SHAPE),
        lambda c: Box(*(torch.from_numpy(side * np.tile(c, 7)) for side in (-0.1, 0.2))),
        lambda c: Scenarios(0.3 * CORNERS * np.tile(c, 7)),
        lambda c: np.diag(np.tile(c, 7)) @ Ball("l1", 0.5),
    ],
    ids=["columns", "rows", "box", "scenarios", "image"],
)
@settings(max_examples=5, deadline=None, derandomize=True)
@given(powers=st.lists(st.floats(-12, 12), min_size=3, max_size=3))
def test_columns_have_units_of_their_own(U, powers):
    A, b, _ = draw(3)
    c = 10.0 ** np.array(powers)
    one, other = robust_least_squares(A, b, U(np.ones(3))), robust_least_squares(A * c, b, U(c))
    assert other.value == pytest.approx(one.value, rel=1e-6)
    assert worst_design(A, b, c * other.x, U(np.ones(3))).value == pytest.approx(one.value, rel=1e-6)


@pytest.mark.parametrize("tiny", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("U", [lambda t: Rows(Ball("l2", 0.2 * t), SHAPE), lambda t: Budget(2, 0.3 * t)])
def test_small_beside_b_is_not_small_beside_the_answer(U, tiny):
    """Where Ax = b nearly holds and the set is tiny: (A + Δ)x - b for x = x₀ + tiny·z is tiny·(Az + …)."""
    A, _, x = draw(4)
    noise = np.random.default_rng(5).standard_normal(7)
    fit = robust_least_squares(A, A @ x + tiny * noise, U(tiny))
    limit = robust_least_squares(A, A @ x + 1e-5 * noise, U(1e-5)).value / 1e-5
    assert fit.value == pytest.approx(tiny * limit, rel=1e-2 if tiny > 1e-5 else 1e-4, abs=0)
    assert fit.value <= fit.lower * (1 + 1e-6)


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
        ({"A": [["1"] * 3] * 7}, "A: expected finite numbers of shape (m, n), got '1'"),
        ({"A": np.full((7, 3), "1")}, "A: expected finite numbers of shape (m, n), got entries of type str"),
        (
            {"A": np.ones((7, 3), bool)},
            "A: expected finite numbers of shape (m, n), got entries of type bool",
        ),
        ({"A": torch.ones(7, 3) > 0}, "A: expected finite numbers of shape (m, n), got entries of type bool"),
        ({"A": np.ones((7, 3)) * 1j}, "A: expected finite numbers of shape (m, n), got entries of type comp"),
        (
            {"A": np.ma.masked_equal(np.ones((7, 3)), 1)},
            "A: expected finite numbers of shape (m, n), got mask",
        ),
        ({"A": [[1.0, 2.0], [3.0]]}, "A: expected finite numbers of shape (m, n), got list"),
        ({"A": np.ones((0, 3))}, "A: expected finite numbers of shape (m, n), got shape (0, 3)"),
        ({"b": [*np.ones(6), True]}, "b: expected finite numbers of shape (7,), got True"),
        ({"b": [*np.ones(6), None]}, "b: expected finite numbers of shape (7,), got NaN"),
        ({"b": np.ones((7, 1))}, "b: expected finite numbers of shape (7,), got shape (7, 1)"),
        ({"b": 1.0}, "b: expected finite numbers of shape (7,), got float"),
        ({"b": pd.Series([1.0, None] * 4).head(7)}, "b: expected finite numbers of shape (7,), got NaN"),
        ({"b": pd.Series(["1"] * 7)}, "b: expected finite numbers of shape (7,), got"),
        (
            {"b": pd.Series(range(7), list("abcdefg"))},
            "b: expected an array, as A's rows have no labels, got",
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


def test_of_a_series_the_labels_count():
    A, b, x = draw(0)
    table = pd.DataFrame(A, list("stuvwxy"), list("abc"))
    target, order = pd.Series(b, table.index), [3, 1, 0, 2, 6, 5, 4]
    plain = robust_least_squares(A, b, Ball("l2", 0.3)).x
    assert robust_least_squares(table, target.iloc[order], Ball("l2", 0.3)).x == pytest.approx(plain)
    assert robust_least_squares(table, b, Ball("l2", 0.3)).x == pytest.approx(plain)
    decision = pd.Series(x, table.columns)[["c", "a", "b"]]
    worst = worst_design(table, target, decision, Ball("l2", 0.3)).value
    assert worst == worst_design(A, b, x, Ball("l2", 0.3)).value
    for wrong in (target.rename({"s": "z"}), target.rename({"s": "t"}), pd.Series(b)):
        with pytest.raises(
            ValueError, match="^b: expected the labels of A's rows, got a series with the labels"
        ):
            robust_least_squares(table, wrong, Ball("l2", 0.3))
    with pytest.raises(ValueError, match="^x: expected the labels of A's columns, got a series"):
        worst_design(table, target, pd.Series(x), Ball("l2", 0.3))
