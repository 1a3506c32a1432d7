"""Ridge and lasso at the penalty of the robust fit, against the identities and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from linear_regressions import SHAPE, draw, norm, quick, seeds
from sklearn.linear_model import Lasso, Ridge

from rolab.linear_models.least_squares import robust_least_squares
from rolab.linear_models.penalties import lasso_equivalent, ridge_equivalent
from rolab.linear_models.worst_case import worst_design
from rolab.sets import Ball, Columns


@quick
@given(seed=seeds, share=st.floats(0.02, 0.97), shape=st.sampled_from([(7, 3), (12, 5), (3, 6), (5, 5)]))
def test_ridge_at_the_equivalent_penalty_is_the_robust_fit(seed, share, shape):
    A, b, _ = draw(seed, *shape)
    gamma = share * ridge_equivalent(A, b, 0.0).zero_solution_radius
    found = ridge_equivalent(A, b, gamma)
    fit = robust_least_squares(A, b, Ball("l2", gamma))
    r = A @ found.x - b
    assert fit.x == pytest.approx(found.x, abs=1e-6 * norm(found.x))
    assert norm(r) + gamma * norm(found.x) <= fit.value * (1 + 1e-10)
    assert found.zero_solution_radius == pytest.approx(norm(A.T @ b) / norm(b), rel=1e-12)
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
    rho = share * lasso_equivalent(A, b, 0.0).zero_solution_radius
    found = lasso_equivalent(A, b, rho)
    fit = robust_least_squares(A, b, Columns(Ball("l2", rho), shape))
    r = A @ found.x - b
    assert norm(r) + rho * norm(found.x, 1) <= fit.value * (1 + 1e-10)
    assert fit.x == pytest.approx(found.x, abs=1e-6 * max(1, norm(found.x)))
    assert found.zero_solution_radius == pytest.approx(norm(A.T @ b, math.inf) / norm(b), rel=1e-12)
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
    edge = equivalent(A, b, 0.0).zero_solution_radius
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
        assert (none.penalty, none.zero_solution_radius) == (0.0, 0.0) and not none.x.any()
        free = equivalent(A, b, 0.0)  # no uncertainty: least squares
        assert free.penalty == 0 and free.x == pytest.approx(least, rel=1e-9)
        exact = equivalent(A, A @ x, 0.01)  # Ax = b has a solution: the residual stays 0
        assert exact.penalty == 0 and exact.x == pytest.approx(x, rel=1e-9)
        twice = np.hstack([A, A])  # dependent columns
        assert equivalent(twice, b, 0.2).x.reshape(2, 3).sum(0) == pytest.approx(
            equivalent(A, b, 0.2 * (math.sqrt(0.5) if equivalent is ridge_equivalent else 1)).x, rel=1e-6
        )


def test_a_bad_radius_is_named():
    A, b, _ = draw(0)
    for radius in (-1, math.nan, math.inf, "1", True):
        with pytest.raises(ValueError, match="^gamma: expected a finite number >= 0, got"):
            ridge_equivalent(A, b, radius)
        with pytest.raises(ValueError, match="^rho: expected a finite number >= 0, got"):
            lasso_equivalent(A, b, radius)
