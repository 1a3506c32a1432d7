"""The three figures of notebook 02, small."""

import numpy as np
import pytest

from rolab.course.nb02_regression.coefficient_paths import CoefficientPaths
from rolab.course.nb02_regression.line_fit import LineFit
from rolab.course.nb02_regression.svm_margins import SVMMargins
from rolab.linear_models import lasso_equivalent, ridge_equivalent
from rolab.sets import Ball, Columns

PLACES = [0.0, 0.5, 1.0, 1.5, 2.0]


def spring(seed=0, **more):
    rng = np.random.default_rng(seed)
    t = np.linspace(0.5, 2, 6)
    return LineFit(t, 1.5 * t + rng.normal(0, 0.7, 6), PLACES, **more)


def problem(seed=0):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(12, 4))
    return A, A @ [2.0, -1.0, 0.0, 0.0] + rng.normal(0, 0.5, 12)


def ridge_path(seed=0):
    A, b = problem(seed)
    places = np.linspace(0, 1.25 * np.linalg.norm(A.T @ b) / np.linalg.norm(b), 6).tolist()

    def ridge(penalty):
        return np.linalg.solve(A.T @ A + penalty * np.eye(4), A.T @ b)

    return CoefficientPaths(A, b, Ball("l2", 1.0), ridge_equivalent, ridge, places, "γ", "λ")


def lasso_path(seed=0):
    from sklearn.linear_model import Lasso

    A, b = problem(seed)

    def lasso(penalty):  # scikit-learn's objective is ours over 2m
        model = Lasso(alpha=penalty / 24, fit_intercept=False, tol=1e-12, max_iter=100_000)
        return model.fit(A, b).coef_

    places = np.linspace(0, 1.25 * np.abs(A.T @ b).max() / np.linalg.norm(b), 6).tolist()
    return CoefficientPaths(
        A, b, Columns(Ball("l2", 1.0), A.shape), lasso_equivalent, lasso, places, "ρ", "λ"
    )


def machines(share=1.0):
    rng = np.random.default_rng(0)
    y = np.repeat([1, -1], 8)
    X = rng.normal(0, 0.8, size=(16, 2)) + y[:, None]
    y[0] = -1
    return SVMMargins(X, y, np.linspace(0, 3, 7).tolist(), share)


ALL = [spring, ridge_path, lasso_path, machines]
every_figure = pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)
