"""Robust least squares, eqs. (7) and (8): the worst design matrix is a regulariser.

    min over x of max over Δ ∈ U of ‖(A + Δ)x - b‖₂  =  min over x of ‖Ax - b‖₂ + σ_V(x)

for the sets U that turn with u (`regularizer` gives their V): the Frobenius ball makes ridge's penalty of it,
columns in ℓ2 balls the lasso's, though not squared.

    >>> A, b = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([2.0, 1.0, 0.0])
    >>> U = Columns(Ball("l2", 0.5), (3, 2))
    >>> regularizer(U)  # ‖r‖₂ + 0.5 ‖x‖₁
    Ball('linf', 0.5)
    >>> fit = robust_least_squares(A, b, U)
    >>> bool(np.isclose(fit.value, np.linalg.norm(A @ fit.x - b) + 0.5 * np.abs(fit.x).sum()))
    True

Robustness is not always regularisation: with |Δ_ij| ≤ δ the worst case is ‖ |r| + δ‖x‖₁·1 ‖₂, which is below
‖r‖₂ + δ√m ‖x‖₁.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import brentq

from rolab.arguments import cvxpy
from rolab.convex.designs import (
    Shape,
    WorstDesign,
    as_data,
    check_set,
    enclosing,
    is_closed,
    regularizer,
    row_set,
    turning_summand,
    worst_design,
)
from rolab.convex.errors import SolverError
from rolab.sets import Ball, Columns, Scenarios, UncertaintySet

__all__ = [
    "Equivalent",
    "RobustFit",
    "WorstDesign",
    "lasso_equivalent",
    "regularizer",
    "ridge_equivalent",
    "robust_least_squares",
    "worst_design",
]

ROUNDING = 1e-13  # a residual this small beside b is 0


@dataclass(frozen=True, eq=False)
class RobustFit:
    """A robust fit x (n,), its worst case and what that is at most; `lower`: what every x has at least.

    The worst residual ‖(A + perturbation)x - b‖₂ is `value`; no perturbation in the set exceeds `bound`.
    """

    x: np.ndarray
    value: float
    bound: float
    lower: float
    perturbation: np.ndarray


# The outer minimum


def robust_least_squares(A: Any, b: Any, U: UncertaintySet) -> RobustFit:
    """min over x of max over Δ ∈ U of ‖(A + Δ)x - b‖₂, eq. (8): convex, by cvxpy and Clarabel.

    Where `worst_design` has a closed form, that is minimised, and `lower` (by the solver's dual), `value` and
    `bound` agree up to the solver's tolerance. For any other U its bound is minimised; `value` is then what
    ascent finds at this x, and the least worst case of all x lies between `lower` and `bound`. There `lower`
    is the least worst case over the matrices found so far, which are accumulated: cutting sets.

    Args:
        A: the design, an array or a tensor (m, n)
        b: the target (m,)
        U: a set of vectors of m·n numbers, the rows of Δ one after the other

    Raises:
        ValueError: names A, b or U.
    """
    A, b = as_data(A, b)
    check_set(U, A.shape)
    unit = float(np.abs(A).max(initial=0)) or 1.0
    if not 1e-3 < unit < 1e3:  # the solver's tolerances are absolute: (A + Δ)x = ((A + Δ)/unit)(unit·x)
        fit = robust_least_squares(A / unit, b, U.scaled(1 / unit))
        worst = worst_design(A, b, fit.x / unit, U)
        return RobustFit(
            fit.x / unit, worst.value, worst.bound, min(fit.lower, worst.value), worst.perturbation
        )
    x, size = cvxpy().Variable(A.shape[1]), float(np.linalg.norm(b)) or 1.0  # the solver sees b/‖b‖ and x/‖b‖
    closed, candidates = is_closed(U, A.shape), [np.zeros(A.shape[1])]
    for larger in [U] if closed else [U, *enclosing(U, A.shape)]:
        lower = size * solve(_counterpart(A, b / size, x, larger))
        candidates += _polished(A, b, U, size * x.value)
    best_x, best = min(((x, worst_design(A, b, x, U)) for x in candidates), key=lambda fit: fit[1].bound)
    cuts = [best.perturbation]
    for _ in range(0 if closed else 50):
        lower = size * solve(_largest_residual(A, b / size, x, np.stack(cuts)))
        worst = worst_design(A, b, size * x.value, U)
        if worst.bound < best.bound:
            best_x, best = size * x.value, worst
        if worst.value <= lower * (1 + 1e-6):
            break
        cuts.append(worst.perturbation)
    return RobustFit(best_x, best.value, best.bound, min(lower, best.value), best.perturbation)


def _polished(A: np.ndarray, b: np.ndarray, U: UncertaintySet, x: np.ndarray) -> list[np.ndarray]:
    """The solver's x to the last digits, where a formula has them; else x, with and without its dust."""
    V = regularizer(U)
    if isinstance(V, Ball) and V.norm.euclidean:
        return [ridge_equivalent(A, b, float(V.radius)).x]
    if isinstance(V, Ball) and V.norm.separable:
        return [_on_active_set(A, b, float(V.radius), x)]
    return without_dust(x)


def _counterpart(A: np.ndarray, b: np.ndarray, x: Any, U: UncertaintySet) -> Any:
    """The problem of minimising the bound of `worst_design` over x."""
    cp = cvxpy()
    r, V = A @ x - b, regularizer(U)
    if V is not None:
        return cp.Problem(cp.Minimize(cp.norm(r) + V.support_expression(x)))
    if (summands := turning_summand(U)) is not None:
        _, V, other = summands
        return _counterpart(A, b, x, other) + cp.Problem(cp.Minimize(V.support_expression(x)))
    if isinstance(U, Scenarios):
        return _largest_residual(A, b, x, U.points.double().cpu().numpy().reshape(-1, *A.shape))
    t = cp.Variable(len(b))
    up, down = (_row_supports(U, sign * x, A.shape) for sign in (1, -1))
    return cp.Problem(cp.Minimize(cp.norm(t)), [t >= r + up, t >= -r + down])


def _largest_residual(A: np.ndarray, b: np.ndarray, x: Any, perturbations: np.ndarray) -> Any:
    """Minimise the largest ‖(A + Δ_k)x - b‖₂ of some Δ_k (k, m, n)."""
    cp = cvxpy()
    largest = cp.Variable()
    return cp.Problem(cp.Minimize(largest), [cp.norm((A + D) @ x - b) <= largest for D in perturbations])


def _row_supports(U: UncertaintySet, x: Any, shape: Shape) -> Any:
    """σ_U(e_i xᵀ) for each row i, in cvxpy: (m,), or one number if the rows have one set."""
    cp, (m, n) = cvxpy(), shape
    rows = row_set(U, shape)
    if rows is not None and rows[0] is rows:
        return rows.support_expression(x)
    if rows is not None:
        return rows.support_expression(np.ones((m, 1)) @ cp.reshape(x, (1, n), order="C"))
    places = np.add.outer(np.arange(m) * (m * n + n), np.arange(n)).ravel()  # of x in row i of (m, m·n)
    spread = sp.csr_array((np.ones(m * n), (places, np.tile(np.arange(n), m))), shape=(m * m * n, n))
    return U.support_expression(cp.reshape(spread @ x, (m, m * n), order="C"))


def solve(problem: Any) -> float:
    """Solve by Clarabel, as closely as it can; return its dual's optimum, which bounds ours from below."""
    cp = cvxpy()
    for tolerance in (1e-14, 1e-11, 1e-10, 1e-9, 1e-8):  # of what is beyond reach Clarabel may accept 1e-8
        options = {name: tolerance for name in ("tol_gap_abs", "tol_gap_rel", "tol_feas")}
        options |= {f"reduced_{name}": 1e-8 for name in options}
        data, chain, inverse = problem.get_problem_data(cp.CLARABEL, solver_opts=options)
        found = chain.solve_via_data(problem, data, solver_opts=options)
        if str(found.status) in ("Solved", "AlmostSolved"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that an almost solved problem may be inaccurate
                problem.unpack_results(found, chain, inverse)
            return min(float(found.obj_val_dual), float(problem.value))
    raise SolverError(f"Clarabel: expected a solution, got {found.status}")


def without_dust(x: np.ndarray) -> list[np.ndarray]:
    """The solver's x without the tiny entries that should be 0, and x itself: take the better."""
    return [np.where(np.abs(x) > 1e-7 * np.abs(x).max(initial=0), x, 0), x]


# The penalties that give the same solution


@dataclass(frozen=True, eq=False)
class Equivalent:
    """The penalty λ that gives the robust solution x (n,), and the radius from which on that is 0."""

    penalty: float
    x: np.ndarray
    zero_from: float


def ridge_equivalent(A: Any, b: Any, gamma: float) -> Equivalent:
    """The λ with argmin ‖Ax - b‖₂² + λ‖x‖₂² = argmin ‖Ax - b‖₂ + γ‖x‖₂, the robust fit for `Ball("l2", γ)`.

    λ = γ‖r*‖/‖x*‖, not γ: both gradients are multiples of Aᵀr + λx. Along the ridge path

        γ(λ) = λ‖x‖/‖r‖ = √(Σ s²β²k² / Σ β²k²),  k = λ/(s² + λ),

    with the singular values s of A (0 for the directions that A does not reach) and b's coordinates β; a mean
    of s² with weights that lean to the large ones as λ grows. So γ(λ) rises, and has one root.

    From γ ≥ `zero_from` = ‖Aᵀb‖₂/‖b‖₂ on the robust x is 0, which ridge never is: λ = ∞ (0 if Aᵀb = 0).
    Where Ax = b has solutions, the robust x is the shortest of them up to some γ, and λ = 0, the limit λ → 0.

    Raises:
        ValueError: names A, b or gamma.
    """
    A, b = as_data(A, b)
    _check_radius(gamma, "gamma")
    slope, size = float(np.linalg.norm(A.T @ b)), float(np.linalg.norm(b))
    zero_from = slope / size if slope else 0.0
    if slope == 0 or gamma >= zero_from:
        return Equivalent(math.inf if slope else 0.0, np.zeros(A.shape[1]), zero_from)
    left, s, right = np.linalg.svd(A, full_matrices=False)
    reached = s > max(A.shape) * np.finfo(float).eps * s[0]
    left, s, right = left[:, reached], s[reached], right[reached]
    beta = left.T @ b
    rest = float(np.linalg.norm(b - left @ beta))
    if rest <= ROUNDING * size:  # rounding: Ax = b has solutions
        rest = 0.0

    def solution(penalty: float) -> np.ndarray:
        return right.T @ (s * beta / (s**2 + penalty))

    def radius(log_penalty: float) -> float:
        weighted = beta / (1 + s**2 * math.exp(-log_penalty))
        return float(np.linalg.norm(s * weighted) / np.hypot(np.linalg.norm(weighted), rest))

    low, high = math.log(s[-1] ** 2) - 80, math.log(s[0] ** 2) + 40
    if gamma <= radius(low):
        return Equivalent(0.0, solution(0.0), zero_from)
    if gamma >= radius(high):  # zero_from, up to rounding
        return Equivalent(math.exp(high), solution(math.exp(high)), zero_from)
    penalty = math.exp(brentq(lambda each: radius(each) - gamma, low, high, xtol=1e-14, rtol=1e-14))
    return Equivalent(penalty, solution(penalty), zero_from)


def lasso_equivalent(A: Any, b: Any, rho: float) -> Equivalent:
    """The λ with argmin ‖Ax - b‖₂² + λ‖x‖₁ = argmin ‖Ax - b‖₂ + ρ‖x‖₁, the robust fit for columns within ρ.

    λ = 2ρ‖r*‖₂: the columns of Δ have ℓ2 norms ≤ ρ. From ρ ≥ `zero_from` = ‖Aᵀb‖_∞/‖b‖₂ on x is 0, and
    λ = 2‖Aᵀb‖_∞ is the least that does it. Where Ax = b has solutions, the robust x is that of least ‖x‖₁
    up to some ρ, and λ = 0, the limit λ → 0. A solver finds which entries are not 0, and their signs; these
    give x and λ in closed form.

    Raises:
        ValueError: names A, b or rho.
    """
    A, b = as_data(A, b)
    _check_radius(rho, "rho")
    slope, size = float(np.abs(A.T @ b).max()), float(np.linalg.norm(b))
    zero_from = slope / size if slope else 0.0
    if slope == 0 or rho >= zero_from:
        return Equivalent(2 * slope, np.zeros(A.shape[1]), zero_from)
    x = robust_least_squares(A, b, Columns(Ball("l2", rho), A.shape)).x
    length = float(np.linalg.norm(A @ x - b))
    return Equivalent(2 * rho * length if length > ROUNDING * size else 0.0, x, zero_from)


def _on_active_set(A: np.ndarray, b: np.ndarray, rho: float, x: np.ndarray) -> np.ndarray:
    """The minimiser of ‖Ax - b‖₂ + ρ‖x‖₁ to the last digits, from the entries of x that are not 0; or else x.

    With the active columns S and the signs of x there, A_Sᵀr = -μ sign for μ = ρ‖r‖. So x = x₀ - μd with
    A_SᵀA_S d = sign, x₀ least squares and r = r₀ - μ A_S d; and as A_Sᵀr₀ = 0, μ² (1 - ρ² signᵀd) = ρ²‖r₀‖².
    """
    for dust in (1e-6, 1e-4, 1e-8, 1e-2):
        active = np.abs(x) > dust * np.abs(x).max()
        columns, sign = A[:, active], np.sign(x[active])
        inverse = np.linalg.pinv(columns, rcond=1e-12)
        d, least = inverse @ (inverse.T @ sign), inverse @ b
        r, room = columns @ least - b, 1 - rho**2 * (sign @ d)
        length = float(np.linalg.norm(r))
        if length <= ROUNDING * np.linalg.norm(b):  # the active columns reach b
            length = 0.0
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


def _check_radius(radius: Any, name: str) -> None:
    if (
        isinstance(radius, bool)
        or not isinstance(radius, int | float | np.number)
        or not 0 <= radius < math.inf
    ):
        raise ValueError(f"{name}: expected a finite number >= 0, got {radius!r}")
