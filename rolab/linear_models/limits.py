"""Limits of robustness: how far can examples be from a simple classifier's boundary? Fawzi et al. (2015).

The distance of x from the boundary of f is the smallest ‖δ‖₂ with which f(x + δ) has no longer the sign of
f(x); the robustness of f is its mean over the examples. Where what f can see of the classes, their means or
their second moments, is nearly the same, no f of small risk is robust. R is the risk, the share of examples
with y f(x) ≤ 0; p_y, μ_y and C_y = E[xxᵀ | y] are the share, the mean and the second moment of a class.

**Two sides.** Whatever f is, |f| = yf where it is right, and |f| = −yf where it is wrong, so that

    E|f| = E[yf] + 2 E[|f|; f is wrong] ≤ E[yf] + 2R max|f|.

**Linear.** f = wᵀx + b has the distance |f(x)|/‖w‖. Put the origin into the mean of all examples, and let M
be the largest ‖x‖. An f of both signs is 0 somewhere between two examples, so |b| ≤ M‖w‖ and |f| ≤ 2M‖w‖; and
E[yf] = wᵀ(p₁μ₁ − p₋₁μ₋₁) + b(p₁ − p₋₁), where p₁μ₁ − p₋₁μ₋₁ = 2p₁p₋₁(μ₁ − μ₋₁) around the mean. So

    robustness of f  ≤  2p₁p₋₁‖μ₁ − μ₋₁‖ + M(|p₁ − p₋₁| + 4R).

The first part can be had: as E|f| ≥ E[yf], it is the least robustness of w = μ₁ − μ₋₁, b = 0.

**Quadratic.** f = xᵀAx. Where f(x) > 0, let −λ < 0 be the least eigenvalue of A, v its eigenvector: one of
f(x ± tv) is at most f(x) − λt², so that the distance is at most √(f(x)/λ); where f(x) < 0 likewise with the
largest. With K = ‖A‖/λ for the smaller of the two λ, E√· ≤ √E·, E[yf] = ⟨A, p₁C₁ − p₋₁C₋₁⟩ and |f| ≤ ‖A‖M²,

    robustness of f  ≤  √( K (‖p₁C₁ − p₋₁C₋₁‖_* + 2M²R) )

with the nuclear norm, the sum of the singular values, and M the largest ‖x‖.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rolab.linear_models.inputs import as_array, as_examples, check_number


def linear_limit(X: Any, y: Any, risk: float) -> float:
    """What the robustness of no linear f of this risk exceeds, if it gives both answers on X: see above.

    Args:
        X: examples (N, d), an array, a tensor or a data frame
        y: labels ±1 (N,), some of each
        risk: R, from 0 to 1

    Raises:
        ValueError: names X, y or risk.
    """
    X, y = as_examples(X, y, both=True)
    _check_risk(risk)
    X = X - X.mean(0)
    return float(np.linalg.norm(y @ X) / len(X) + _largest_norm(X) * (abs(y.mean()) + 4 * risk))


def quadratic_limit(X: Any, y: Any, risk: float, K: float) -> float:
    """What the robustness of no f = xᵀAx of this risk and this K = `spread_of_eigenvalues(A)` exceeds.

    Args:
        X, y, risk: as for `linear_limit`
        K: from 1 up; infinite where A has eigenvalues of one sign only

    Raises:
        ValueError: names X, y, risk or K.
    """
    X, y = as_examples(X, y, both=True)
    _check_risk(risk)
    if not K >= 1:
        raise ValueError(f"K: expected a number >= 1, got {K!r}")
    apart = np.abs(np.linalg.eigvalsh((X * y[:, None]).T @ X / len(X))).sum()
    return math.sqrt(K * (apart + 2 * _largest_norm(X) ** 2 * risk))


def linear_robustness(X: Any, w: Any, b: float) -> np.ndarray:
    """The distances |wᵀx + b| / ‖w‖ of the examples X (N, d) from the boundary of f = wᵀx + b: (N,).

    Raises:
        ValueError: names X, w or b; or w is 0, so that there is no boundary.
    """
    examples = as_array(X, "X", ("N", "d"))
    w = as_array(w, "w", (examples.shape[1],), (X, 1, "X's columns"))
    check_number(b, "b")
    if not w.any():
        raise ValueError("w: expected weights other than 0, got 0")
    return np.abs(examples @ w + b) / np.linalg.norm(w)


def quadratic_robustness(X: Any, A: Any) -> np.ndarray:
    """The distances of the examples X (N, d) from the boundary of f = xᵀAx, exact but for rounding: (N,).

    With A = QΛQᵀ and z = Qᵀx, the nearest point of the boundary is z'_i = z_i / (1 + μλ_i), for the μ with
    Σ λ_i z'_i² = 0 at which all 1 + μλ_i ≥ 0. For f(x) > 0 the sum falls as μ grows from 0 to 1/λ, −λ the
    least eigenvalue, and μ is found by bisection. Where z has no part along that eigenvector, the sum may
    still be positive at the end: then μ = 1/λ, and z' goes along it until it is on the boundary.

    Args:
        X: examples (N, d)
        A: a matrix (d, d), of which the symmetric part counts

    Returns:
        0 where f(x) = 0, infinite where f has one sign only.

    Raises:
        ValueError: names X or A.
    """
    examples = as_array(X, "X", ("N", "d"))
    A = as_array(A, "A", (examples.shape[1], examples.shape[1]), (X, 1, "X's columns"))
    eigenvalues, Q = np.linalg.eigh((A + A.T) / 2)
    eigenvalues = eigenvalues / max(np.abs(eigenvalues).max(), np.finfo(float).tiny)
    squares = (examples @ Q) ** 2
    f = squares @ eigenvalues
    found = np.zeros(len(examples))
    for sign in (1, -1):
        rows, spectrum = sign * f > 0, sign * eigenvalues
        found[rows] = _distances(squares[rows], spectrum) if spectrum.min() < 0 else math.inf
    return found


def spread_of_eigenvalues(A: Any) -> float:
    """K = ‖A‖/λ of a matrix (d, d): λ is the largest eigenvalue of A or of −A, whichever is smaller.

    Infinite where A has eigenvalues of one sign only, so that f = xᵀAx always gives the same answer.

    Raises:
        ValueError: names A.
    """
    size = len(as_array(A, "A", ("d", "d")))
    matrix = as_array(A, "A", (size, size), (A, 0, "A's rows"))
    eigenvalues = np.linalg.eigvalsh((matrix + matrix.T) / 2)
    smaller = min(eigenvalues.max(), -eigenvalues.min())
    return float(np.abs(eigenvalues).max() / smaller) if smaller > 0 else math.inf


def _distances(squares: np.ndarray, spectrum: np.ndarray) -> np.ndarray:
    """The distances of points with the squared coordinates (n, d) and f = Σ λ_i z_i² > 0 from f = 0."""
    end = (4 * np.finfo(float).eps - 1) / spectrum.min()  # a little less, so that nothing is divided by 0
    low, high = np.zeros((len(squares), 1)), np.full((len(squares), 1), end)
    for _ in range(100):
        middle = (low + high) / 2
        positive = squares / (1 + middle * spectrum) ** 2 @ spectrum > 0
        low, high = np.where(positive[:, None], middle, low), np.where(positive[:, None], high, middle)
    factors = 1 / (1 + low * spectrum)
    left = np.maximum(squares * factors**2 @ spectrum, 0)
    return np.sqrt((squares * (1 - factors) ** 2).sum(1) - left / spectrum.min())


def _largest_norm(X: np.ndarray) -> float:
    return float(np.linalg.norm(X, axis=1).max())


def _check_risk(risk: float) -> None:
    if not 0 <= risk <= 1:
        raise ValueError(f"risk: expected a share from 0 to 1, got {risk!r}")
