"""Robust least squares, eqs. (7) and (8): the worst design matrix is a regulariser.

    min over x of max over Δ ∈ U of ‖(A + Δ)x - b‖₂  =  min over x of ‖Ax - b‖₂ + σ_V(x)

for the sets U with a `design_regularizer` V: the Frobenius ball makes ridge's penalty of it,
columns in ℓ2 balls the lasso's, though not squared.

    >>> from rolab.sets import Ball, Columns
    >>> A, b = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([2.0, 1.0, 0.0])
    >>> U = Columns(Ball("l2", 0.5), (3, 2))
    >>> U.design_regularizer()  # ‖r‖₂ + 0.5 ‖x‖₁
    Ball('linf', 0.5)
    >>> fit = robust_least_squares(A, b, U)
    >>> bool(np.isclose(fit.value, np.linalg.norm(A @ fit.x - b) + 0.5 * np.abs(fit.x).sum()))
    True

Robustness is not always regularisation: with |Δ_ij| ≤ δ the worst case is ‖ |r| + δ‖x‖₁·1 ‖₂, which is below
‖r‖₂ + δ√m ‖x‖₁.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from rolab.arguments import cvxpy
from rolab.errors import SolverError
from rolab.linear_models.square_root import square_root_lasso, square_root_ridge
from rolab.linear_models.worst_case import Shape, as_data, enclosing, has_closed_form, worst_design
from rolab.sets import UncertaintySet


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
    A, b = as_data(A, b, U)
    unit = float(np.abs(A).max(initial=0)) or 1.0
    if not 1e-3 < unit < 1e3:  # the solver's tolerances are absolute: (A + Δ)x = ((A + Δ)/unit)(unit·x)
        fit = robust_least_squares(A / unit, b, U.scaled(1 / unit))
        x, worst = fit.x / unit, worst_design(A, b, fit.x / unit, U)
        return RobustFit(x, worst.value, worst.bound, min(fit.lower, worst.value), worst.perturbation)
    x, size = cvxpy().Variable(A.shape[1]), float(np.linalg.norm(b)) or 1.0  # the solver sees b/‖b‖ and x/‖b‖
    closed, candidates = has_closed_form(U, A.shape), [np.zeros(A.shape[1])]
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
    """The solver's x to the last digits, where a formula has them; else x and x without near-zeros."""
    V = U.design_regularizer()
    if V is not None and V.penalty is not None:
        radius, norm = V.penalty
        if norm.euclidean:
            return [square_root_ridge(A, b, float(radius))[1]]
        if norm.additive:
            return [square_root_lasso(A, b, float(radius), x)]
    return drop_near_zeros(x)


def _counterpart(A: np.ndarray, b: np.ndarray, x: Any, U: UncertaintySet) -> Any:
    """The problem of minimising the bound of `worst_design` over x."""
    cp = cvxpy()
    r, V = A @ x - b, U.design_regularizer()
    if V is not None:
        return cp.Problem(cp.Minimize(cp.norm(r) + V.support_expression(x)))
    if (summands := U.left_invariant_summand()) is not None:
        _, V, other = summands
        return _counterpart(A, b, x, other) + cp.Problem(cp.Minimize(V.support_expression(x)))
    if U.vertices is not None:
        return _largest_residual(A, b, x, U.vertices.double().cpu().numpy().reshape(-1, *A.shape))
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
    rows = U.row_set(shape)
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
        options = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), tolerance)
        options |= {f"reduced_{name}": 1e-8 for name in options}
        data, chain, inverse = problem.get_problem_data(cp.CLARABEL, solver_opts=options)
        found = chain.solve_via_data(problem, data, solver_opts=options)
        if str(found.status) in ("Solved", "AlmostSolved"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that an almost solved problem may be inaccurate
                problem.unpack_results(found, chain, inverse)
            return min(float(found.obj_val_dual), float(problem.value))
    raise SolverError(f"Clarabel: expected a solution, got {found.status}")


def drop_near_zeros(x: np.ndarray) -> list[np.ndarray]:
    """The solver's x without the tiny entries that should be 0, and x itself: take the better."""
    return [np.where(np.abs(x) > 1e-7 * np.abs(x).max(initial=0), x, 0), x]
