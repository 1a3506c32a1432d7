"""Square-root ridge and square-root lasso: min ‖Ax - b‖₂ + γ‖x‖₂, or + ρ‖x‖₁, to the last digits."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq

ROUNDING = 1e-13  # a residual this small beside b is 0


def zero_solution_radius(A: np.ndarray, b: np.ndarray, p: float) -> float:
    """‖Aᵀb‖_p / ‖b‖₂: from this radius on the minimiser is 0, with p = 2 for ridge and ∞ for the lasso."""
    slope = float(np.linalg.norm(A.T @ b, p))
    return slope / float(np.linalg.norm(b)) if slope else 0.0


def square_root_ridge(A: np.ndarray, b: np.ndarray, gamma: float) -> tuple[float, np.ndarray]:
    """The x with the least ‖Ax - b‖₂ + γ‖x‖₂, and the λ with which ridge finds it; see `ridge_equivalent`."""
    if gamma >= zero_solution_radius(A, b, 2):
        return math.inf if (A.T @ b).any() else 0.0, np.zeros(A.shape[1])
    left, s, right = np.linalg.svd(A, full_matrices=False)
    reached = s > max(A.shape) * np.finfo(float).eps * s[0]
    left, s, right = left[:, reached], s[reached], right[reached]
    beta = left.T @ b
    rest = float(np.linalg.norm(b - left @ beta))
    rest = rest if rest > ROUNDING * np.linalg.norm(b) else 0.0  # rounding: Ax = b has solutions

    def solution(penalty: float) -> np.ndarray:
        return right.T @ (s * beta / (s**2 + penalty))

    def radius(log_penalty: float) -> float:
        weighted = beta / (1 + s**2 * math.exp(-log_penalty))
        return float(np.linalg.norm(s * weighted) / np.hypot(np.linalg.norm(weighted), rest))

    low, high = math.log(s[-1] ** 2) - 80, math.log(s[0] ** 2) + 40
    if gamma <= radius(low):
        return 0.0, solution(0.0)
    if gamma >= radius(high):  # the zero-solution radius, up to rounding
        return math.exp(high), solution(math.exp(high))
    penalty = math.exp(brentq(lambda each: radius(each) - gamma, low, high, xtol=1e-14, rtol=1e-14))
    return penalty, solution(penalty)


def square_root_lasso(A: np.ndarray, b: np.ndarray, rho: float, x: np.ndarray) -> np.ndarray:
    """The minimiser of ‖Ax - b‖₂ + ρ‖x‖₁ to the last digits, from the entries of x that are not 0; or else x.

    With the active columns S and the signs of x there, A_Sᵀr = -μ sign for μ = ρ‖r‖. So x = x₀ - μd with
    A_SᵀA_S d = sign, x₀ least squares and r = r₀ - μ A_S d; and as A_Sᵀr₀ = 0, μ² (1 - ρ² signᵀd) = ρ²‖r₀‖².
    """
    for tiny in (1e-6, 1e-4, 1e-8, 1e-2):
        active = np.abs(x) > tiny * np.abs(x).max()
        columns, sign = A[:, active], np.sign(x[active])
        inverse = np.linalg.pinv(columns, rcond=1e-12)
        d, least = inverse @ (inverse.T @ sign), inverse @ b
        r, room = columns @ least - b, 1 - rho**2 * (sign @ d)
        length = float(np.linalg.norm(r))
        length = length if length > ROUNDING * np.linalg.norm(b) else 0.0  # the active columns reach b
        if room < 0 or (room == 0 and length > 0):
            continue
        mu = rho * length / math.sqrt(room) if length else 0.0
        # u = r/‖r‖, or where r = 0 some ‖u‖ ≤ 1, proves x best: Aᵀu = -ρ sign on S, within ρ elsewhere
        u = rho * (r / mu if mu else 0) - rho * (columns @ d)
        proof, slack = A.T @ u, 1e-9 * rho
        stationary = np.abs(proof[active] + rho * sign).max(initial=0) <= slack
        if stationary and np.abs(proof).max() <= rho + slack and (sign * (least - mu * d) >= 0).all():
            polished = np.zeros_like(x)
            polished[active] = least - mu * d
            return polished
    return x
