"""Robust regression against its identities, brute force, cvxpy and scikit-learn."""

import itertools
import math

import cvxpy as cp
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Lasso, Ridge

from rolab.convex.designs import regularizer, row_set
from rolab.convex.regression import (
    lasso_equivalent,
    ridge_equivalent,
    robust_least_squares,
    worst_design,
)
from rolab.norms import Lp
from rolab.sets import Ball, Box, Budget, Columns, Ellipsoid, GroupBall, Rows, Scenarios, SpectralBall, Sum

quick = settings(max_examples=15, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)


def draw(seed, m=7, n=3):
    """A design, a target and a decision."""
    generator = np.random.default_rng(seed)
    A = generator.standard_normal((m, n))
    return A, A @ generator.standard_normal(n) + generator.standard_normal(m), generator.standard_normal(n)


def norm(v, p=2):
    return float(np.linalg.norm(v, p))


def inside(U, perturbation):
    """Whether it is in U; of a sum, by ⟨g, Δ⟩ ≤ σ(g) in many directions, where `contains` needs a solver."""
    point = torch.from_numpy(perturbation.reshape(1, -1))
    if not isinstance(U, Sum):
        return bool(U.contains(point, atol=1e-9)[0])
    g = torch.randn(2000, point.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    g = torch.cat([g, 5 * point + g])
    return bool((g @ point[0] <= U.support(g) * (1 + 1e-9)).all())


def members(U, shape, count=300, seed=0):
    """Points of U: from far outside, projected; and extreme ones."""
    far = torch.from_numpy(np.random.default_rng(seed).standard_normal((count, math.prod(shape))))
    inner = 0.5 * U.maximizer(far[:1]) if isinstance(U, Sum) else U.project(5 * far)
    return torch.cat([inner, U.maximizer(far)]).numpy().reshape(-1, *shape)


SHAPE = (7, 3)
IDENTITIES = {  # the set, and the worst value by a formula in A, b, x
    "Frobenius": (Ball("l2", 0.6), lambda r, x: norm(r) + 0.6 * norm(x)),
    "spectral": (SpectralBall(0.6, SHAPE), lambda r, x: norm(r) + 0.6 * norm(x)),
    "columns": (Columns(Ball("l2", 0.6), SHAPE), lambda r, x: norm(r) + 0.6 * norm(x, 1)),
    "one column": (GroupBall("l2", 0.6, SHAPE, axis=0), lambda r, x: norm(r) + 0.6 * norm(x, math.inf)),
    "columns + Frobenius": (
        Columns(Ball("l2", 0.6), SHAPE) + Ball("l2", 0.3),
        lambda r, x: norm(r) + 0.6 * norm(x, 1) + 0.3 * norm(x),
    ),
    "Frobenius + entries": (
        Ball("l2", 0.3) + Ball("linf", 0.6),
        lambda r, x: norm(np.abs(r) + 0.6 * norm(x, 1)) + 0.3 * norm(x),
    ),
    "rows l2": (Rows(Ball("l2", 0.6), SHAPE), lambda r, x: norm(np.abs(r) + 0.6 * norm(x))),
    "rows l1": (Rows(Ball("l1", 0.6), SHAPE), lambda r, x: norm(np.abs(r) + 0.6 * norm(x, math.inf))),
    "entries": (Ball("linf", 0.6), lambda r, x: norm(np.abs(r) + 0.6 * norm(x, 1))),
    "box": (
        Box(-0.2, 0.6),
        lambda r, x: norm(
            np.maximum(
                r + np.maximum(-0.2 * x, 0.6 * x).sum(),
                -r + np.maximum(0.2 * x, -0.6 * x).sum(),
            )
        ),
    ),
    "entries + rows": (
        Ball("linf", 0.6) + Rows(Ball("l2", 0.3), SHAPE),
        lambda r, x: norm(np.abs(r) + 0.6 * norm(x, 1) + 0.3 * norm(x)),
    ),
}
each_identity = pytest.mark.parametrize(("U", "formula"), IDENTITIES.values(), ids=IDENTITIES.keys())


# The inner maximum


@each_identity
@quick
@given(seed=seeds)
def test_the_worst_value_is_the_formula(U, formula, seed):
    A, b, x = draw(seed)
    worst = worst_design(A, b, x, U)
    expected = formula(A @ x - b, x)
    assert worst.value == pytest.approx(expected, rel=1e-10)
    assert worst.bound == pytest.approx(expected, rel=1e-10)
    assert norm((A + worst.perturbation) @ x - b) == pytest.approx(expected, rel=1e-10)
    assert inside(U, worst.perturbation)


@each_identity
def test_no_member_of_the_set_does_better(U, formula):
    A, b, x = draw(5)
    residuals = (A + members(U, A.shape)) @ x - b
    value = worst_design(A, b, x, U).value
    assert np.linalg.norm(residuals, axis=1).max() <= value * (1 + 1e-9)
    assert value > norm(A @ x - b)


@each_identity
def test_where_the_residual_or_x_is_0(U, formula):
    A, b, x = draw(1)
    assert worst_design(A, A @ x, x, U).value == pytest.approx(formula(np.zeros(7), x), rel=1e-10)
    assert worst_design(A, b, 0 * x, U).value == pytest.approx(norm(b), rel=1e-12)


@pytest.mark.parametrize(
    ("U", "V"),
    [
        (Ball("l2", 0.6), Ball("l2", 0.6)),
        (SpectralBall(0.6, SHAPE), Ball("l2", 0.6)),
        (Columns(Ball("l2", 0.6), SHAPE), Ball("linf", 0.6)),
        (GroupBall("l2", 0.6, SHAPE, axis=0), Ball("l1", 0.6)),
        (SpectralBall(0.6, SHAPE) + Columns(Ball("l2", 0.1), SHAPE), Ball("l2", 0.6) + Ball("linf", 0.1)),
    ],
    ids=repr,
)
@quick
@given(seed=seeds)
def test_the_regularizer_is_the_set_turned(U, V, seed):
    u, _, x = draw(seed, m=1)[0], 0, draw(seed)[2]
    u = np.random.default_rng(seed).standard_normal(7)
    product, line = torch.from_numpy(np.outer(u, x).reshape(1, -1)), torch.from_numpy(x[None])
    expected = norm(u) * float(V.support(line)[0])
    assert float(U.support(product)[0]) == pytest.approx(expected, rel=1e-10)
    found = regularizer(U)
    assert found is not None and float(found.support(line)[0]) == pytest.approx(float(V.support(line)[0]))


@pytest.mark.parametrize(
    "U",
    [
        Ball("linf", 1.0),
        Ball("l1", 1.0),
        Box(-1.0, 1.0),
        Rows(Ball("l2", 1.0), SHAPE),
        Columns(Ball("l1", 1.0), SHAPE),
        GroupBall("l2", 1.0, SHAPE, axis=1),
        Ball("l2", 1.0) + Ball("linf", 1.0),
    ],
    ids=repr,
)
def test_other_sets_have_no_regularizer(U):
    assert regularizer(U) is None


def test_entries_are_less_than_the_regulariser_of_their_frobenius_ball():
    A, b, x = draw(11, 4, 2)
    delta, m = 0.3, len(A)
    worst = worst_design(A, b, x, Ball("linf", delta)).value
    largest_entries = norm(A @ x - b) + delta * math.sqrt(m) * norm(x, 1)
    assert worst < largest_entries * (1 - 1e-3)
    one = np.sign(np.outer(np.ones(m), x))  # equal residuals are the case of equality
    even = worst_design(one, one @ x - 1, x, Ball("linf", delta)).value
    assert even == pytest.approx(math.sqrt(m) + delta * math.sqrt(m) * norm(x, 1), rel=1e-12)


@quick
@given(seed=seeds, shape=st.sampled_from([(1, 3), (2, 3), (3, 2), (4, 3), (6, 2)]))
def test_entries_against_every_vertex(seed, shape):
    A, b, x = draw(seed, *shape)
    generator = np.random.default_rng(seed)
    lower, upper = -generator.uniform(0, 1, shape), generator.uniform(0, 1, shape)
    corners = np.array(list(itertools.product([0, 1], repeat=math.prod(shape)))).reshape(-1, *shape)
    for U, low, high in [
        (Ball("linf", 0.4), -0.4, 0.4),
        (Box(torch.from_numpy(lower.ravel()), torch.from_numpy(upper.ravel())), lower, upper),
        (Ball("linf", 0.4) & Box(-0.2, 0.7), -0.2, 0.4),
    ]:
        residuals = (A + np.where(corners == 1, high, low)) @ x - b
        worst = worst_design(A, b, x, U)
        assert worst.value == pytest.approx(np.linalg.norm(residuals, axis=1).max(), rel=1e-10)
        assert worst.bound == pytest.approx(worst.value, rel=1e-10)
        assert inside(U, worst.perturbation)


def test_scenarios_take_the_worst_matrix():
    A, b, x = draw(3)
    matrices = 0.5 * np.random.default_rng(3).standard_normal((6, 7, 3))
    U = Scenarios(matrices.reshape(6, -1))
    worst = worst_design(A, b, x, U)
    assert (
        worst.value == worst.bound == pytest.approx(max(norm((A + D) @ x - b) for D in matrices), rel=1e-12)
    )
    assert any(np.allclose(worst.perturbation, D) for D in matrices)


def budget_vertices(radius, gamma, size):
    for places in itertools.combinations(range(size), gamma):
        for signs in itertools.product([-radius, radius], repeat=gamma):
            vertex = np.zeros(size)
            vertex[list(places)] = signs
            yield vertex


@quick
@given(seed=seeds)
def test_a_set_without_a_closed_form_lies_between_value_and_bound(seed):
    A, b, x = draw(seed, 4, 2)
    worst = worst_design(A, b, x, Budget(2, 0.5))
    exact = max(norm((A + v.reshape(4, 2)) @ x - b) for v in budget_vertices(0.5, 2, 8))
    assert inside(Budget(2, 0.5), worst.perturbation)
    assert worst.value <= exact * (1 + 1e-12) and exact <= worst.bound * (1 + 1e-12)
    assert worst.value >= 0.95 * exact  # ascent from every row: nearly always exact
    assert norm((A + worst.perturbation) @ x - b) == pytest.approx(worst.value, rel=1e-12)


def test_ascent_finds_the_best_single_entry_and_the_best_single_row():
    for seed in range(20):
        A, b, x = draw(seed)
        r = A @ x - b
        for U, reach in [
            (Ball("l1", 0.7), 0.7 * norm(x, math.inf)),
            (GroupBall("l2", 0.7, SHAPE, axis=1), 0.7 * norm(x)),
        ]:
            pushed = max(norm(r + reach * math.copysign(1, r[i]) * np.eye(7)[i]) for i in range(7))
            assert worst_design(A, b, x, U).value == pytest.approx(pushed, rel=1e-10)


def test_an_intersection_is_bounded_by_its_parts():
    A, b, x = draw(2)
    U = Ball("l2", 0.6) & Box(-0.4, 0.4)
    worst = worst_design(A, b, x, U)
    parts = [worst_design(A, b, x, part).value for part in (Ball("l2", 0.6), Box(-0.4, 0.4))]
    assert norm(A @ x - b) < worst.value <= worst.bound * (1 + 1e-12) <= min(parts) * (1 + 2e-12)
    assert inside(U, worst.perturbation)


def test_an_ellipsoid_of_equal_axes_is_the_frobenius_ball():
    A, b, x = draw(4, 4, 2)
    worst = worst_design(A, b, x, Ellipsoid(np.eye(8), 0.6))
    assert worst.value == pytest.approx(norm(A @ x - b) + 0.6 * norm(x), rel=1e-8)
    assert worst.bound >= worst.value * (1 - 1e-12)


# The outer minimum


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


# Ridge and lasso


@quick
@given(seed=seeds, share=st.floats(0.02, 0.97), shape=st.sampled_from([(7, 3), (12, 5), (3, 6), (5, 5)]))
def test_ridge_at_the_equivalent_penalty_is_the_robust_fit(seed, share, shape):
    A, b, _ = draw(seed, *shape)
    gamma = share * ridge_equivalent(A, b, 0.0).zero_from
    found = ridge_equivalent(A, b, gamma)
    fit = robust_least_squares(A, b, Ball("l2", gamma))
    r = A @ found.x - b
    assert fit.x == pytest.approx(found.x, abs=1e-6 * norm(found.x))
    assert norm(r) + gamma * norm(found.x) <= fit.value * (1 + 1e-10)
    assert found.zero_from == pytest.approx(norm(A.T @ b) / norm(b), rel=1e-12)
    if found.penalty == 0:  # Ax = b, by the shortest x
        assert found.x == pytest.approx(np.linalg.pinv(A) @ b, abs=1e-9 * norm(found.x))
        return
    assert found.penalty == pytest.approx(gamma * norm(r) / norm(found.x), rel=1e-10)
    assert norm(A.T @ r + found.penalty * found.x) <= 1e-10 * norm(A.T @ b)
    ridge = Ridge(alpha=found.penalty, fit_intercept=False, solver="svd").fit(A, b)
    assert ridge.coef_ == pytest.approx(found.x, rel=1e-6, abs=1e-9)


@quick
@given(seed=seeds, share=st.floats(0.02, 0.97), shape=st.sampled_from([(7, 3), (12, 5), (3, 6), (5, 5)]))
def test_lasso_at_the_equivalent_penalty_is_the_robust_fit(seed, share, shape):
    A, b, _ = draw(seed, *shape)
    rho = share * lasso_equivalent(A, b, 0.0).zero_from
    found = lasso_equivalent(A, b, rho)
    fit = robust_least_squares(A, b, Columns(Ball("l2", rho), shape))
    r = A @ found.x - b
    assert norm(r) + rho * norm(found.x, 1) <= fit.value * (1 + 1e-10)
    assert fit.x == pytest.approx(found.x, abs=1e-6 * max(1, norm(found.x)))
    assert found.zero_from == pytest.approx(norm(A.T @ b, math.inf) / norm(b), rel=1e-12)
    if found.penalty == 0:
        assert norm(r) <= 1e-10 * norm(b)
        return
    assert found.penalty == pytest.approx(2 * rho * norm(r), rel=1e-10)
    slope = 2 * A.T @ r  # within λ of 0, and -λ sign x where x is not 0
    assert np.abs(slope).max() <= found.penalty * (1 + 1e-8)
    active = found.x != 0
    assert slope[active] == pytest.approx(-found.penalty * np.sign(found.x[active]), rel=1e-8)
    if len(b) > A.shape[1] and found.penalty > 1e-3:
        lasso = Lasso(alpha=found.penalty / (2 * len(b)), fit_intercept=False, tol=1e-14, max_iter=10**6)
        assert lasso.fit(A, b).coef_ == pytest.approx(found.x, abs=1e-6)


@pytest.mark.parametrize("equivalent", [ridge_equivalent, lasso_equivalent])
def test_the_robust_solution_is_0_from_a_radius_on_and_not_before(equivalent):
    A, b, _ = draw(6)
    edge = equivalent(A, b, 0.0).zero_from
    U = Ball("l2", 1.0) if equivalent is ridge_equivalent else Columns(Ball("l2", 1.0), SHAPE)
    for factor in (1.0, 1.0001, 1.5, 10.0):
        assert not equivalent(A, b, factor * edge).x.any()
        assert not robust_least_squares(A, b, U.scaled(factor * edge)).x.any()
    for factor in (0.5, 0.99, 0.999):
        assert equivalent(A, b, factor * edge).x.any()
        assert robust_least_squares(A, b, U.scaled(factor * edge)).x.any()


def test_ridge_is_never_0_and_lasso_is_from_the_penalty_given():
    A, b, _ = draw(6)
    assert ridge_equivalent(A, b, 100.0).penalty == math.inf
    assert Ridge(alpha=1e6, fit_intercept=False).fit(A, b).coef_.all()
    found = lasso_equivalent(A, b, 100.0)
    assert found.penalty == pytest.approx(2 * norm(A.T @ b, math.inf))
    for factor, is_zero in ((1 + 1e-6, True), (1 - 1e-3, False)):
        coefficients = (
            Lasso(alpha=factor * found.penalty / 14, fit_intercept=False, tol=1e-12).fit(A, b).coef_
        )
        assert is_zero == (not coefficients.any())


def test_the_squared_trap():
    """The worst square is (‖r‖ + γ‖x‖)², not ‖r‖² + γ‖x‖²: ridge at λ = γ is another fit."""
    A, b, x = draw(12)
    gamma = 0.5
    square = worst_design(A, b, x, Ball("l2", gamma)).value ** 2
    assert square == pytest.approx((norm(A @ x - b) + gamma * norm(x)) ** 2, rel=1e-12)
    assert square > norm(A @ x - b) ** 2 + gamma * norm(x) ** 2 + 0.1
    found = ridge_equivalent(A, b, gamma)
    trapped = Ridge(alpha=gamma, fit_intercept=False).fit(A, b).coef_
    assert norm(trapped - found.x) > 0.01 * norm(found.x)
    assert (
        norm(A @ trapped - b) + gamma * norm(trapped) > norm(A @ found.x - b) + gamma * norm(found.x) + 1e-6
    )


def test_edges_of_the_equivalents():
    A, b, x = draw(13)
    least = np.linalg.lstsq(A, b)[0]
    for equivalent in (ridge_equivalent, lasso_equivalent):
        none = equivalent(A, 0 * b, 0.3)  # b = 0
        assert (none.penalty, none.zero_from) == (0.0, 0.0) and not none.x.any()
        free = equivalent(A, b, 0.0)  # no uncertainty: least squares
        assert free.penalty == 0 and free.x == pytest.approx(least, rel=1e-9)
        exact = equivalent(A, A @ x, 0.01)  # Ax = b has a solution: the residual stays 0
        assert exact.penalty == 0 and exact.x == pytest.approx(x, rel=1e-9)
        twice = np.hstack([A, A])  # dependent columns
        assert equivalent(twice, b, 0.2).x.reshape(2, 3).sum(0) == pytest.approx(
            equivalent(A, b, 0.2 * (math.sqrt(0.5) if equivalent is ridge_equivalent else 1)).x, rel=1e-6
        )


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


def test_a_bad_decision_or_radius_is_named():
    A, b, _ = draw(0)
    with pytest.raises(ValueError, match=r"^x: expected finite numbers of shape \(3,\), got shape \(2,\)"):
        worst_design(A, b, [1.0, 2.0], Ball("l2", 1.0))
    for radius in (-1, math.nan, math.inf, "1", True):
        with pytest.raises(ValueError, match="^gamma: expected a finite number >= 0, got"):
            ridge_equivalent(A, b, radius)
        with pytest.raises(ValueError, match="^rho: expected a finite number >= 0, got"):
            lasso_equivalent(A, b, radius)


def test_tensors_are_taken_as_arrays():
    A, b, x = draw(0)
    tensors = [torch.from_numpy(each).requires_grad_() for each in (A, b, x)]
    assert worst_design(*tensors, Ball("l2", 1.0)).value == worst_design(A, b, x, Ball("l2", 1.0)).value


def test_two_questions_to_a_norm():
    assert [Lp(p).euclidean for p in (1, 2, 3, math.inf)] == [False, True, False, False]
    assert [Lp(p).separable for p in (1, 2, 3, math.inf)] == [False, False, False, True]
    assert row_set(Ball("l2", 1.0), SHAPE) is None


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
