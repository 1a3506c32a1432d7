"""Penalties of ridge and lasso that give the solution of a robust regression."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rolab.linear_models.inputs import as_data, check_number
from rolab.linear_models.least_squares import robust_least_squares
from rolab.linear_models.square_root import ROUNDING, square_root_ridge, zero_solution_radius
from rolab.sets import Ball, Columns


@dataclass(frozen=True, eq=False)
class EquivalentPenalty:
    """The penalty λ that gives the robust solution x (n,), and the radius from which on that is 0."""

    penalty: float
    x: np.ndarray
    zero_solution_radius: float


def ridge_equivalent(A: Any, b: Any, gamma: float) -> EquivalentPenalty:
    """The λ with argmin ‖Ax - b‖₂² + λ‖x‖₂² = argmin ‖Ax - b‖₂ + γ‖x‖₂, the robust fit for `Ball("l2", γ)`.

    λ = γ‖r*‖/‖x*‖, not γ: both gradients are multiples of Aᵀr + λx. Along the ridge path

        γ(λ) = λ‖x‖/‖r‖ = √(Σ s²β²k² / Σ β²k²),  k = λ/(s² + λ),

    with the singular values s of A (0 for the directions that A does not reach) and b's coordinates β; a mean
    of s² with weights that lean to the large ones as λ grows. So γ(λ) rises, and has one root.

    From γ ≥ `zero_solution_radius` = ‖Aᵀb‖₂/‖b‖₂ on the robust x is 0, which ridge never is: λ = ∞ (0 if
    Aᵀb = 0). Where Ax = b has solutions, the robust x is the shortest of them up to some γ, and λ = 0, the
    limit λ → 0.

    Raises:
        ValueError: names A, b or gamma.
    """
    A, b = as_data(A, b)
    check_number(gamma, "gamma", least=0)
    penalty, x = square_root_ridge(A, b, gamma)
    return EquivalentPenalty(penalty, x, zero_solution_radius(A, b, 2))


def lasso_equivalent(A: Any, b: Any, rho: float) -> EquivalentPenalty:
    """The λ with argmin ‖Ax - b‖₂² + λ‖x‖₁ = argmin ‖Ax - b‖₂ + ρ‖x‖₁, the robust fit for columns within ρ.

    λ = 2ρ‖r*‖₂: the columns of Δ have ℓ2 norms ≤ ρ. From ρ ≥ `zero_solution_radius` = ‖Aᵀb‖_∞/‖b‖₂ on
    x is 0, and λ = 2‖Aᵀb‖_∞ is the least that does it. Where Ax = b has solutions, the robust x is that of
    least ‖x‖₁ up to some ρ, and λ = 0, the limit λ → 0. A solver finds which entries are not 0, and their
    signs; these give x and λ in closed form.

    Raises:
        ValueError: names A, b or rho.
    """
    A, b = as_data(A, b)
    check_number(rho, "rho", least=0)
    zero_from = zero_solution_radius(A, b, math.inf)
    if rho >= zero_from:
        return EquivalentPenalty(2 * float(np.abs(A.T @ b).max()), np.zeros(A.shape[1]), zero_from)
    x = robust_least_squares(A, b, Columns(Ball("l2", rho), A.shape)).x
    residual = float(np.linalg.norm(A @ x - b))
    reaches = residual <= ROUNDING * float(np.linalg.norm(b))
    return EquivalentPenalty(0.0 if reaches else 2 * rho * residual, x, zero_from)
