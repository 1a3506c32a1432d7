"""The exercises of notebook 02, robustness is regularisation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rolab.course.checking import examine, exercise, finite_array, number, require, shown
from rolab.linear_models import ridge_equivalent, worst_design
from rolab.sets import Ball

TINY = 1e-6  # so that float32 will do


@exercise("the worst Δ in the Frobenius ball")
def worst_frobenius(f: Callable) -> str:
    """f(A, b, x, gamma) → Δ with ‖Δ‖_F ≤ gamma that makes ‖(A + Δ)x - b‖₂ largest."""
    mistakes = {
        "γ r xᵀ: divide by ‖r‖‖x‖": lambda A, b, x, gamma: gamma * np.outer(A @ x - b, x),
        "γ (r/‖r‖) xᵀ: divide by ‖x‖ too": lambda A, b, x, gamma: gamma * np.outer(_unit(A @ x - b), x),
        "γ r (x/‖x‖)ᵀ: divide by ‖r‖ too": lambda A, b, x, gamma: gamma * np.outer(A @ x - b, _unit(x)),
        "the worst Δ for γ = 1: the radius is left out": lambda A, b, x, gamma: _frobenius(A, b, x, 1.0),
        "−Δ: the residual is Ax − b, and Δ is to lengthen it": (
            lambda A, b, x, gamma: -_frobenius(A, b, x, gamma)
        ),
        "Δᵀ: r comes first, x second": lambda A, b, x, gamma: _frobenius(A, b, x, gamma).T,
        "(Ax) xᵀ at the length γ: the residual is Ax − b": (
            lambda A, b, x, gamma: _frobenius(A, 0 * b, x, gamma)
        ),
        "γ A/‖A‖_F: Δ is to lengthen Ax − b": lambda A, b, x, gamma: gamma * A / np.linalg.norm(A),
        "γ sign(r) sign(x)ᵀ: that is the worst Δ entry by entry": _entries,
        "γ r xᵀ/(‖r‖‖x‖), but 0 where r = 0: there any unit vector takes the place of r/‖r‖": (
            lambda A, b, x, gamma: _frobenius(A, b, x, gamma) if (A @ x - b).any() else 0 * A
        ),
    }
    _examine_worst(f, "l2", "γ", lambda D: float(np.linalg.norm(D)), "‖Δ‖_F", mistakes)
    return "within the radius, and ‖r‖ + γ‖x‖ is reached; with r = 0, and with x = 0 too"


@exercise("the worst Δ entry by entry")
def worst_entries(f: Callable) -> str:
    """f(A, b, x, delta) → Δ with |Δ_ij| ≤ delta that makes ‖(A + Δ)x - b‖₂ largest."""
    mistakes = {
        "δ sign(r) sign(x)ᵀ: sign(0) = 0 spares a row with r_i = 0, which may be pushed either way": (
            lambda A, b, x, delta: delta * np.outer(np.sign(A @ x - b), np.sign(x))
        ),
        "δ sign(x)ᵀ in every row: where r_i < 0, the row is to be pushed down": (
            lambda A, b, x, delta: delta * np.outer(np.ones(len(b)), _signs(x))
        ),
        "δ sign(r_i) all along a row: the sign of x_j counts too": (
            lambda A, b, x, delta: delta * np.outer(_signs(A @ x - b), np.ones(len(x)))
        ),
        "δ in every entry: the signs of r and x are left out": lambda A, b, x, delta: delta + 0 * A,
        "the worst Δ for δ = 1: the radius is left out": lambda A, b, x, delta: _entries(A, b, x, 1.0),
        "−Δ: the residual is Ax − b, and Δ is to lengthen it": (
            lambda A, b, x, delta: -_entries(A, b, x, delta)
        ),
        "Δᵀ: r comes first, x second": lambda A, b, x, delta: _entries(A, b, x, delta).T,
        "δ sign(A): Δ is to lengthen Ax − b": lambda A, b, x, delta: delta * np.sign(A),
        "δ r xᵀ: of r and x only the signs count": lambda A, b, x, delta: delta * np.outer(A @ x - b, x),
        "δ r xᵀ/(‖r‖‖x‖): that is the worst Δ in the Frobenius ball": _frobenius,
    }
    _examine_worst(f, "linf", "δ", lambda D: float(np.abs(D).max()), "an entry of Δ", mistakes)
    return "within the radius, and ‖ |r| + δ‖x‖₁·1 ‖ is reached; where an r_i is 0 too"


# Typical answers, NaN where several are right: such a case is not compared.


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v)


def _signs(v: np.ndarray) -> np.ndarray:
    return v / np.abs(v)


def _frobenius(A: np.ndarray, b: np.ndarray, x: np.ndarray, gamma: float) -> np.ndarray:
    return gamma * np.outer(_unit(A @ x - b), _unit(x))


def _entries(A: np.ndarray, b: np.ndarray, x: np.ndarray, delta: float) -> np.ndarray:
    return delta * np.outer(_signs(A @ x - b), _signs(x))


@exercise("the λ of ridge")
def ridge_penalty(f: Callable) -> str:
    """f(A, b, gamma) → the λ with argmin ‖Ax - b‖² + λ‖x‖² = argmin ‖Ax - b‖ + gamma‖x‖, or infinity."""
    cases = {}
    for A, b, _, name in _problems()[:2]:
        zero_from = ridge_equivalent(A, b, 0.0).zero_solution_radius
        for gamma in (share * zero_from for share in (0.3, 0.02, 0.9, 0.999, 1.2)):
            cases[f"{name}, γ = {gamma:.3g}"] = (A, b, gamma)

    def judge(answer: Any, A: np.ndarray, b: np.ndarray, gamma: float) -> None:
        penalty, truth = number(answer, "", finite=False), ridge_equivalent(A, b, gamma)
        require(penalty >= 0, f"λ is {penalty:.4g}, a penalty is not negative")
        if truth.penalty == math.inf:
            reason = f"‖Aᵀb‖/‖b‖ is {truth.zero_solution_radius:.3g}: the robust x is 0, only λ = ∞ does that"
            require(penalty == math.inf, f"your λ is {penalty:.4g}, but {reason}")
        else:
            require(penalty < math.inf, f"λ = ∞ gives x = 0, the robust x is {shown(truth.x)}")
            x = _ridge(A, b, penalty)
            said = f"ridge at your λ = {penalty:.4g} is {shown(x)}, the robust x is {shown(truth.x)}"
            require(np.abs(x - truth.x).max() <= 1e-5 * np.abs(truth.x).max(), said)

    def formula(penalty: Callable[[float, float, float], float]) -> Callable:
        """What λ(γ, ‖r‖, ‖x‖) is at the robust fit, NaN where that is 0."""

        def at_robust(A: np.ndarray, b: np.ndarray, gamma: float) -> float:
            x = ridge_equivalent(A, b, gamma).x
            r_and_x = float(np.linalg.norm(A @ x - b)), float(np.linalg.norm(x))
            return penalty(gamma, *r_and_x) if x.any() else math.nan

        return at_robust

    def at_least_squares(A: np.ndarray, b: np.ndarray, gamma: float) -> float:
        x = _ridge(A, b, 0.0)
        at_robust = ridge_equivalent(A, b, gamma).x.any()
        return gamma * float(np.linalg.norm(A @ x - b) / np.linalg.norm(x)) if at_robust else math.nan

    mistakes = {
        "λ = γ: the gradient of ridge at that λ, Aᵀr + λx, lacks ‖r‖ and ‖x‖": formula(lambda g, r, x: g),
        "λ = γ²: the square of the sum ‖r‖ + γ‖x‖ is not the sum of the squares": (
            formula(lambda g, r, x: g**2)
        ),
        "λ = γ‖r‖/‖x‖ at the least squares fit: r and x are those of the robust fit": at_least_squares,
        "λ = γ‖x‖/‖r‖, which is upside down": formula(lambda g, r, x: g * x / r),
        "λ = 2γ‖r‖/‖x‖: both squares bring a 2, which cancels": formula(lambda g, r, x: 2 * g * r / x),
        "λ = γ‖r‖/2‖x‖: both squares bring a 2, which cancels": formula(lambda g, r, x: g * r / x / 2),
        "λ = γ‖r‖: divide by ‖x‖": formula(lambda g, r, x: g * r),
        "λ = ‖r‖/‖x‖: γ is left out": formula(lambda g, r, x: r / x),
        "λ = γ‖r‖²/‖x‖²: no squares": formula(lambda g, r, x: g * (r / x) ** 2),
        "the robust x: what is asked for is its λ": (
            lambda A, b, gamma: (x := ridge_equivalent(A, b, gamma).x) / x.any()  # 0/0 is NaN
        ),
    }
    examine(f, cases, judge, mistakes)
    return "ridge at your λ is the robust fit, and λ = ∞ from γ = ‖Aᵀb‖/‖b‖ on"


def _ridge(A: np.ndarray, b: np.ndarray, penalty: float) -> np.ndarray:
    return np.linalg.solve(A.T @ A + penalty * np.eye(A.shape[1]), A.T @ b)


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


def _examine_worst(
    f: Callable, norm: str, letter: str, size_of: Callable, name: str, mistakes: Mapping[str, Callable]
) -> None:
    """Whether f(A, b, x, radius) is within the ball and makes ‖(A + Δ)x - b‖₂ largest, for all problems."""
    radii = (0.5, 2.5, 0.02, 0.5, 1.5)
    cases = {
        f"{problem}, {letter} = {radius:g}": (A, b, x, radius)
        for (A, b, x, problem), radius in zip(_problems(), radii, strict=True)
    }

    def judge(answer: Any, A: np.ndarray, b: np.ndarray, x: np.ndarray, radius: float) -> None:
        D = finite_array(answer, A.shape, "", "Δ", f"Δ has shape {{}}, A has {A.shape}")
        size = size_of(D)
        require(size <= radius * (1 + TINY), f"{name} is {size:.4g}, the radius is {radius:g}")
        value = float(np.linalg.norm((A + D) @ x - b))
        best = worst_design(A, b, x, Ball(norm, radius)).value
        left = " (the radius is not spent)" if size < radius * (1 - TINY) else ""
        require(value >= best * (1 - TINY), f"‖(A + Δ)x - b‖ is {value:.4f}, it could be {best:.4f}{left}")

    examine(f, cases, judge, mistakes)
