"""Limits of robustness: never below what is measured, and reached where the proof says so."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import minimize

from rolab.linear_models import (
    linear_limit,
    linear_robustness,
    quadratic_limit,
    quadratic_robustness,
    spread_of_eigenvalues,
)

problems = st.tuples(
    st.integers(2, 30), st.integers(1, 5), st.integers(0, 2**32), st.sampled_from([1e-6, 1, 1e6])
)


def classes(n, d, rng, unit):
    """Points of two classes with means and spreads of their own, in any unit."""
    y = np.where(rng.random(n) < rng.uniform(0.1, 0.9), 1.0, -1.0)
    y[:2] = 1, -1
    means = 3 * rng.normal(size=(2, d))
    X = means[(y > 0).astype(int)] + rng.exponential(size=(n, 1)) * rng.normal(size=(n, d))
    return unit * (X + 5 * rng.normal(size=d)), y


# Linear


@given(problems)
def test_no_linear_classifier_is_more_robust_than_the_limit(problem):
    n, d, seed, unit = problem
    rng = np.random.default_rng(seed)
    X, y = classes(n, d, rng, unit)
    for towards_means in (0, 1, 100):
        w = rng.normal(size=d) + towards_means * (y @ X) / unit
        between = rng.uniform(*np.sort(X @ w)[[0, -1]])
        f = X @ w - between
        assume(f.min() < 0 < f.max())
        measured = linear_robustness(X, w, -between).mean()
        assert measured == pytest.approx((np.abs(f) / np.linalg.norm(w)).mean())
        assert measured <= linear_limit(X, y, np.mean(y * f <= 0)) * (1 + 1e-9)


@given(st.integers(1, 6), st.floats(0.1, 10), st.integers(0, 2**32))
def test_the_linear_limit_is_reached(d, distance, seed):
    """Two balanced classes on opposite sides of the boundary, without an error."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=d)
    w /= np.linalg.norm(w)
    X = 3 + distance * np.stack([w, -w])
    found = linear_robustness(X, w, -3 * w.sum()).mean()
    assert linear_limit(X, [1, -1], 0) == pytest.approx(distance) == found


def test_each_part_of_the_linear_limit_is_what_the_formula_says():
    X, y = np.array([[0.0], [2.0], [2.0], [4.0]]), np.array([-1, 1, 1, 1])
    # around the mean 2: μ₁ = 2/3, μ₋₁ = -2, p₁ = 3/4, M = 2
    assert linear_limit(X, y, 0.25) == pytest.approx(2 * 3 / 16 * (2 / 3 + 2) + 2 * (1 / 2 + 4 * 0.25))


@given(problems, st.floats(-1e3, 1e3))
def test_where_the_origin_is_does_not_matter_to_linear_classifiers(problem, shift):
    n, d, seed, unit = problem
    X, y = classes(n, d, np.random.default_rng(seed), unit)
    assert linear_limit(X + unit * shift, y, 0.1) == pytest.approx(linear_limit(X, y, 0.1), rel=1e-9)


# Quadratic


def indefinite(d, rng):
    """A symmetric matrix with eigenvalues of both signs."""
    Q, _ = np.linalg.qr(rng.normal(size=(d, d)))
    eigenvalues = np.sort(rng.normal(size=d))
    eigenvalues[[0, -1]] = -rng.exponential() - 0.01, rng.exponential() + 0.01
    return (Q * eigenvalues) @ Q.T


@given(problems)
def test_no_quadratic_classifier_is_more_robust_than_the_limit(problem):
    n, d, seed, unit = problem
    rng = np.random.default_rng(seed)
    X, y = classes(n, d + 1, rng, unit)
    moments = (X * y[:, None]).T @ X / unit**2
    for A in (indefinite(d + 1, rng), moments):
        K = spread_of_eigenvalues(A)
        risk = np.mean(y * np.einsum("ni,ij,nj->n", X, A, X) <= 0)
        if K < math.inf:
            assert quadratic_robustness(X, A).mean() <= quadratic_limit(X, y, risk, K) * (1 + 1e-9)


def test_the_quadratic_limit_is_what_the_formula_says():
    X, y = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([1, -1])
    # p₁C₁ − p₋₁C₋₁ = diag(1/2, −2), M = 2
    assert quadratic_limit(X, y, 0.1, 3) == pytest.approx(math.sqrt(3 * (2.5 + 2 * 4 * 0.1)))


@given(st.integers(0, 2**32), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_in_the_plane_the_boundary_is_two_lines(seed, a, b):
    """a x² − b y² = 0 where √a x = ±√b y; turned by a rotation."""
    rng = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(rng.normal(size=(2, 2)))
    Z = rng.normal(size=(20, 2))
    lines = np.array([[math.sqrt(a), math.sqrt(b)], [math.sqrt(a), -math.sqrt(b)]]) / math.sqrt(a + b)
    expected = np.abs(Z @ lines.T).min(1)
    found = quadratic_robustness(Z @ Q.T, Q @ np.diag([a, -b]) @ Q.T)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_in_space_it_is_what_a_solver_finds(seed):
    rng = np.random.default_rng(seed)
    A, X = indefinite(4, rng), rng.normal(size=(3, 4))
    for x, found in zip(X, quadratic_robustness(X, A), strict=True):
        boundary = {
            "type": "eq",
            "fun": lambda d, x=x: (x + d) @ A @ (x + d),
            "jac": lambda d, x=x: 2 * A @ (x + d),
        }
        starts = (rng.normal(size=4) for _ in range(20))
        runs = [
            minimize(lambda d: d @ d, s, jac=lambda d: 2 * d, constraints=boundary, tol=1e-14) for s in starts
        ]
        nearest = min(run.fun for run in runs if run.success and abs(boundary["fun"](run.x)) < 1e-9)
        assert found == pytest.approx(math.sqrt(nearest), rel=1e-5)


def test_a_point_with_no_part_along_the_last_eigenvector_goes_along_it():
    """x₁² = x₂² from (1, 0): the nearest points are (½, ±½), and no root of the secular equation is there."""
    found = quadratic_robustness([[1.0, 0.0], [0.0, 3.0], [1.0, 1.0], [0.0, 0.0]], np.diag([1.0, -1.0]))
    np.testing.assert_allclose(found, [math.sqrt(0.5), 3 * math.sqrt(0.5), 0, 0], atol=1e-12)


def test_an_answer_that_never_changes_is_infinitely_robust():
    A = np.diag([2.0, 1.0])
    assert spread_of_eigenvalues(A) == math.inf == quadratic_limit(np.eye(2), [1, -1], 0.5, math.inf)
    assert (quadratic_robustness(np.eye(2), A) == math.inf).all()
    assert spread_of_eigenvalues(np.diag([4.0, 0, -1])) == 4


# What it refuses


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: linear_limit(np.eye(2), [1, 1], 0), "y"),
        (lambda: linear_limit(np.eye(2), [1, -1], 1.1), "risk"),
        (lambda: linear_limit(np.eye(2), [1, -1], math.nan), "risk"),
        (lambda: quadratic_limit(np.eye(2), [1, -1], 0, 0.9), "K"),
        (lambda: quadratic_limit(np.eye(2), [1, 2], 0, 1), "y"),
        (lambda: linear_robustness(np.eye(2), [0, 0], 1), "w"),
        (lambda: linear_robustness(np.eye(2), [1, 0, 0], 1), "w"),
        (lambda: linear_robustness(np.eye(2), [1, 0], math.inf), "b"),
        (lambda: quadratic_robustness(np.eye(2), np.ones((2, 3))), "A"),
        (lambda: spread_of_eigenvalues(np.ones((2, 3))), "A"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_name(call, name):
    with pytest.raises(ValueError, match=f"^{name}: expected "):
        call()
