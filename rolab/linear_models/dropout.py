"""Dropout is an adaptive ridge: Wager, Wang and Liang (2013), the paper's [22].

Dropout keeps each feature with probability 1 − δ, divided by it, and makes it 0 otherwise: x̃ has the mean x.
Let the loss of an example be A(xᵀβ) − y xᵀβ: A(z) = z²/2 is least squares, A(z) = log(1 + e^z) is logistic
regression with labels 0 and 1. The part with y is linear and does not change in the mean, so that what
dropout adds knows no label:

    E[loss at x̃] − loss at x  =  E[A(x̃ᵀβ)] − A(xᵀβ)  ≈  ½ A''(xᵀβ) Var(x̃ᵀβ)
                                                     =  ½ δ/(1−δ) A''(xᵀβ) Σ_j x_j² β_j²

Summed over the examples this is a ridge with its own weight Σ_i A''(x_iᵀβ) x_ij² for each β_j²: to rely on a
feature is cheap where it is seldom there, or there only where the model is sure. For least squares A'' = 1,
and it is exact. For logistic regression A'' = p(1 − p), and it is not: where the model is sure, A'' is 0 and
the approximation sees nothing, but a mask that undoes the decision still costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit

from rolab.linear_models.inputs import as_array

Function = Callable[[np.ndarray], np.ndarray]
FAMILIES: dict[str, tuple[Function, Function]] = {
    "least squares": (lambda z: z**2 / 2, np.ones_like),  # A and A''
    "logistic": (lambda z: np.logaddexp(0, z), lambda z: expit(z) * expit(-z)),
}
MOST = 20  # features with all masks


def dropout_ridge(X: Any, beta: Any, delta: float, family: str) -> np.ndarray:
    """½ δ/(1−δ) A''(x_iᵀβ) Σ_j x_ij² β_j² of each example, (N,): exact for least squares.

    Args:
        X: examples (N, d), an array, a tensor or a data frame
        beta: weights (d,)
        delta: δ, with which a feature is dropped, from 0 to below 1
        family: "least squares" or "logistic"

    Raises:
        ValueError: names X, beta, delta or family.
    """
    X, beta, (_, curvature) = _checked(X, beta, delta, family)
    return delta / (1 - delta) / 2 * curvature(X @ beta) * (X**2 @ beta**2)


def dropout_increase(X: Any, beta: Any, delta: float, family: str) -> np.ndarray:
    """E[A(x̃ᵀβ)] − A(xᵀβ) of each example, (N,): what dropout adds to its loss, over all 2^d masks.

    The arguments are those of `dropout_ridge`, with d ≤ 20.

    Raises:
        ValueError: names X, beta, delta or family.
    """
    X, beta, (A, _) = _checked(X, beta, delta, family)
    if X.shape[1] > MOST:
        raise ValueError(f"X: expected at most {MOST} features, for 2^d masks, got {X.shape[1]}")
    z, masks = np.zeros((len(X), 1)), np.ones(1)  # the value of xᵀβ under each mask, and its probability
    for part in (X * beta / (1 - delta)).T:
        z, masks = np.hstack([z, z + part[:, None]]), np.hstack([delta * masks, (1 - delta) * masks])
    return A(z) @ masks - A(X @ beta)


def dropout_curve(X: Any, beta: Any, deltas: Any, family: str) -> tuple[np.ndarray, np.ndarray]:
    """`dropout_increase` and `dropout_ridge` at each δ of several, means over the examples: (D,) and (D,).

    For least squares the two are equal. For logistic regression they are nearly so where all x_jβ_j are
    small. A small δ is not enough: few features are dropped, but each as a whole. As δ → 1 the ridge grows
    beyond all bounds, and what dropout adds to an example never exceeds log 2 + Σ_j |x_jβ_j|.

    Args:
        X, beta, family: as for `dropout_increase`
        deltas: probabilities (D,), from 0 to below 1

    Raises:
        ValueError: names X, beta, delta, deltas or family.
    """
    deltas = as_array(deltas, "deltas", ("D",)).tolist()
    exact, ridge = (
        np.array([function(X, beta, delta, family).mean() for delta in deltas])
        for function in (dropout_increase, dropout_ridge)
    )
    return exact, ridge


def dropout_least_squares(X: Any, y: Any, delta: float) -> np.ndarray:
    """The β (d,) with the least expected loss E ½‖X̃β − y‖²: (XᵀX + δ/(1−δ) diag(XᵀX))⁻¹ Xᵀy.

    A ridge in which each feature is measured in its own length: it is the same in whatever units it comes.
    Where a feature is 0 everywhere, so is its β, but for rounding.

    Raises:
        ValueError: names X, y or delta.
    """
    design = as_array(X, "X", ("N", "d"))
    y = as_array(y, "y", (len(design),), (X, 0, "X's rows"))
    _check_delta(delta)
    lengths = np.linalg.norm(design, axis=0)
    lengths[lengths == 0] = 1
    ridge = (delta / (1 - delta)) ** 0.5 * np.eye(len(lengths))
    return (
        np.linalg.lstsq(np.vstack([design / lengths, ridge]), np.append(y, np.zeros(len(ridge))))[0] / lengths
    )


def _checked(
    X: Any, beta: Any, delta: float, family: str
) -> tuple[np.ndarray, np.ndarray, tuple[Function, Function]]:
    design = as_array(X, "X", ("N", "d"))
    weights = as_array(beta, "beta", (design.shape[1],), (X, 1, "X's columns"))
    _check_delta(delta)
    if family not in FAMILIES:
        raise ValueError(f"family: expected one of {', '.join(FAMILIES)}, got {family!r}")
    return design, weights, FAMILIES[family]


def _check_delta(delta: float) -> None:
    if not 0 <= delta < 1:
        raise ValueError(f"delta: expected a probability from 0 to below 1, got {delta!r}")
