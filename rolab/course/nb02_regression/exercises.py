"""The exercises of notebook 02, robustness is regularisation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from rolab.course.checking import exercise, finite_array, number, require, shown
from rolab.linear_models import ridge_equivalent, worst_design
from rolab.sets import Ball

TINY = 1e-7


@exercise("the worst Δ in the Frobenius ball")
def worst_frobenius(f: Callable) -> str:
    """f(A, b, x, gamma) → Δ with ‖Δ‖_F ≤ gamma that makes ‖(A + Δ)x - b‖₂ largest."""
    _check_worst(f, Ball("l2", 0.5), "γ", lambda D: float(np.linalg.norm(D)), "‖Δ‖_F")
    return "within the radius, and ‖r‖ + γ‖x‖ is reached; with r = 0, and with x = 0 too"


@exercise("the worst Δ entry by entry")
def worst_entries(f: Callable) -> str:
    """f(A, b, x, delta) → Δ with |Δ_ij| ≤ delta that makes ‖(A + Δ)x - b‖₂ largest."""
    _check_worst(f, Ball("linf", 0.5), "δ", lambda D: float(np.abs(D).max()), "an entry of Δ")
    return "within the radius, and ‖ |r| + δ‖x‖₁·1 ‖ is reached; where an r_i is 0 too"


@exercise("the λ of ridge")
def ridge_penalty(f: Callable) -> str:
    """f(A, b, gamma) → the λ with argmin ‖Ax - b‖² + λ‖x‖² = argmin ‖Ax - b‖ + gamma‖x‖, or infinity."""
    for A, b, _, case in _problems()[:2]:
        zero_from = ridge_equivalent(A, b, 0.0).zero_solution_radius
        for gamma in (0.3 * zero_from, 0.9 * zero_from, 1.2 * zero_from):
            where = f"{case}, γ = {gamma:.3g}"
            yours, truth = f(A.copy(), b.copy(), gamma), ridge_equivalent(A, b, gamma)
            if truth.penalty == math.inf:
                reason = f"‖Aᵀb‖/‖b‖ is {zero_from:.3g}: the robust x is 0, and only λ = ∞ does that"
                require(_is_infinite(yours), f"{where}: yours is {shown(yours)}, but {reason}")
                continue
            require(not _is_infinite(yours), f"{where}: λ = ∞ gives x = 0, the robust x is {shown(truth.x)}")
            penalty = number(yours, where)
            require(penalty >= 0, f"{where}: λ is {penalty:.4g}, a penalty is not negative")
            reason = "ridge at λ = γ is not the robust fit: its gradient Aᵀr + λx lacks ‖r‖ and ‖x‖"
            require(abs(penalty - gamma) > 1e-6 * gamma, f"{where}: yours is γ itself, but {reason}")
            x = np.linalg.solve(A.T @ A + penalty * np.eye(A.shape[1]), A.T @ b)
            said = f"ridge at your λ = {penalty:.4g} is {shown(x)}, the robust x is {shown(truth.x)}"
            require(np.abs(x - truth.x).max() <= 1e-5 * np.abs(truth.x).max(), f"{where}: {said}")
    return "ridge at your λ is the robust fit, and λ = ∞ from γ = ‖Aᵀb‖/‖b‖ on"


def _problems() -> list[tuple[np.ndarray, np.ndarray, np.ndarray, str]]:
    """Two ordinary problems, one with an r_i = 0, one with r = 0, one with x = 0: A, b, x and a name."""
    rng = np.random.default_rng(2)
    A, x = np.array([[1.0, 2.0], [0.0, 1.0], [-1.0, 1.0]]), np.array([3.0, -4.0])
    many = rng.normal(size=(12, 4)), rng.normal(size=12), rng.normal(size=4)
    touched = A @ x - np.array([1.0, 0.0, -2.0])  # r = (1, 0, -2)
    return [
        (A, np.array([1.0, 2.0, 0.0]), x, "for the 3 × 2 problem"),
        (*many, "for 12 × 4 random numbers"),
        (A, touched, x, "for the 3 × 2 problem with r = (1, 0, -2)"),
        (A, A @ x, x, "for the 3 × 2 problem with r = 0"),
        (A, np.array([1.0, 2.0, 0.0]), 0 * x, "for the 3 × 2 problem with x = 0"),
    ]


def _is_infinite(value: Any) -> bool:
    try:
        return float(value) == math.inf
    except (TypeError, ValueError):
        return False


def _check_worst(f: Callable, U: Ball, letter: str, size_of: Callable, name: str) -> None:
    """Whether f(A, b, x, radius) is within the ball and makes ‖(A + Δ)x - b‖₂ largest, for all problems."""
    radius = float(U.radius)
    for A, b, x, case in _problems():
        case = f"{case}, {letter} = {radius:g}"
        D = f(A.copy(), b.copy(), x.copy(), radius)
        D = finite_array(D, A.shape, case, "Δ", f"Δ has shape {{}}, A has {A.shape}")
        size = size_of(D)
        require(size <= radius * (1 + TINY), f"{case}: {name} is {size:.4g}, the radius is {radius:g}")
        value, best = float(np.linalg.norm((A + D) @ x - b)), worst_design(A, b, x, U).value
        require(value >= best * (1 - TINY), f"{case}: ‖(A + Δ)x - b‖ is {value:.4f}, it could be {best:.4f}")
