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

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from rolab.arguments import cvxpy
from rolab.errors import SolverError
from rolab.linear_models.inputs import as_data
from rolab.linear_models.solver import TOLERANCE, drop_near_zeros, largest_move, solve, step_lengths, unit_of
from rolab.linear_models.square_root import square_root_lasso, square_root_ridge
from rolab.linear_models.worst_case import Shape, has_closed_form, worst_design
from rolab.sets import Scenarios, UncertaintySet

ROUNDS = 200  # of cutting sets,
PATIENCE = 4  # and of them, how many may end no closer


@dataclass(frozen=True, eq=False)
class RobustFit:
    """A robust fit x (n,), its worst case and what that is at most; `lower`: what every x has at least.

    The worst residual ‖(A + perturbation)x - b‖₂ that was found is `value`, no more than 1e-6 above
    `lower`; no perturbation in the set exceeds `bound`. Where `exact` is False, there may be a
    worse one, and a better x.
    """

    x: np.ndarray
    value: float
    bound: float
    lower: float
    perturbation: np.ndarray

    @property
    def exact(self) -> bool:
        """Whether x is proved to be best: its worst case is at most `bound`, within 1e-6 of `value`."""
        return self.bound <= self.value * (1 + TOLERANCE)


def robust_least_squares(A: Any, b: Any, U: UncertaintySet) -> RobustFit:
    """min over x of max over Δ ∈ U of ‖(A + Δ)x - b‖₂, eq. (8): convex, by cvxpy and Clarabel.

    Where `worst_design` has a closed form, that is minimised, and `lower` (verified, by duality), `value` and
    `bound` agree. For any other U by cutting sets: x is the best for the worst matrices found so far, `lower`
    its worst case among these, and `worst_design` finds the next. The x of the least `value` is the answer;
    its worst case lies between `value`, which ascent found, and `bound`. `exact` says whether they agree.

    Numbers are brought to size 1 first, so that the answer is the same in any unit.

    Args:
        A: the design (m, n), an array, a tensor or a data frame
        b: the target (m,); of a series the labels count
        U: a set of vectors of m·n numbers, the rows of Δ one after the other

    Raises:
        ValueError: names A, b or U.
        SolverError: `value` was not brought within 1e-6 of `lower`, relative to itself; or a set that takes a
            solver was not maximised to 1e-6.
    """
    A, b = as_data(A, b, U)
    a, size = max(unit_of(A), unit_of(largest_move(U, A.reshape(1, -1)))), unit_of(b)
    A, b, U = A / a, b / size, U.scaled(1 / a)
    fit = (_by_closed_form if has_closed_form(U, A.shape) else _by_cutting_sets)(A, b, U)
    if not _close(A, b, fit, TOLERANCE):
        came = f"one between {size * fit.lower:g} and {size * fit.value:g}"
        raise SolverError(f"A, b: expected the least worst residual to {TOLERANCE:g} of it, got {came}")
    value, bound, lower = (size * each for each in (fit.value, fit.bound, min(fit.lower, fit.value)))
    return RobustFit(size / a * fit.x, value, bound, lower, a * fit.perturbation)


def _by_closed_form(A: np.ndarray, b: np.ndarray, U: UncertaintySet) -> RobustFit:
    best = _start(A, b, U)
    for lengths in step_lengths(np.linalg.norm(A, axis=0)):
        unit = math.inf
        while 0 < best.value < unit / 8:  # what is left may be far smaller, and is then a unit of its own
            unit = best.value
            try:
                lower, x = _step(A, b, U, best, lengths)
            except SolverError:
                break
            best = replace(best, lower=max(best.lower, lower))
            for each in _polished(A, b, U, x, lengths):
                best = _better(best, _at(A, b, each, U))
        if _close(A, b, best, 1e-9):
            break
    return best


def _by_cutting_sets(A: np.ndarray, b: np.ndarray, U: UncertaintySet) -> RobustFit:
    best = _start(A, b, U)
    known = torch.from_numpy(best.perturbation.reshape(1, -1))
    for lengths in step_lengths(np.linalg.norm(A, axis=0)):
        gaps: list[float] = []
        while len(known) < ROUNDS and not _close(A, b, best, 1e-8) and _closing(gaps):
            try:
                lower, x = _step(A, b, Scenarios(known), best, lengths)
            except SolverError:
                break
            best, fit = replace(best, lower=max(best.lower, lower)), _at(A, b, x, U)
            known = torch.cat([known, torch.from_numpy(fit.perturbation.reshape(1, -1))])
            best, fit = (_against(A, b, each, known) for each in (best, fit))
            best = _better(best, fit)
            gaps.append(best.value - best.lower)
    return best


def _closing(gaps: list[float]) -> bool:
    """Whether the gaps between value and lower bound became smaller lately: at the end they are rounding."""
    return len(gaps) <= PATIENCE or gaps[-1] < 0.9 * gaps[-1 - PATIENCE]


def _against(A: np.ndarray, b: np.ndarray, fit: RobustFit, known: torch.Tensor) -> RobustFit:
    """The fit, its value raised if ascent missed a matrix there that it found elsewhere."""
    again = _at(A, b, fit.x, Scenarios(known))
    missed = again.value > fit.value
    return replace(fit, value=again.value, perturbation=again.perturbation) if missed else fit


def _start(A: np.ndarray, b: np.ndarray, U: UncertaintySet) -> RobustFit:
    """0 or least squares, whichever has the smaller worst case."""
    size = np.linalg.norm(A, axis=0)
    lengths = np.where(size > 0, size, 1.0)
    nominal = np.zeros_like(size)
    for _ in range(2):  # the second time for what rounding left
        nominal = nominal + np.linalg.lstsq(A / lengths, b - A @ nominal)[0] / lengths
    return _better(_at(A, b, np.zeros_like(nominal), U), _at(A, b, nominal, U))


def _better(best: RobustFit, other: RobustFit) -> RobustFit:
    """The first, which may be simpler, unless the other is better by more than rounding."""
    return replace(other, lower=best.lower) if other.value < (1 - 1e-14) * best.value else best


def _at(A: np.ndarray, b: np.ndarray, x: np.ndarray, U: UncertaintySet) -> RobustFit:
    """The worst case of x."""
    worst = worst_design(A, b, x, U)
    return RobustFit(x, worst.value, worst.bound, 0.0, worst.perturbation)


def _close(A: np.ndarray, b: np.ndarray, fit: RobustFit, tolerance: float) -> bool:
    """Whether the value is within the tolerance of the lower bound, up to the rounding of the residual."""
    rounding = 1e-15 * np.linalg.norm(np.abs(A) @ np.abs(fit.x) + np.abs(b))
    return bool(fit.value - fit.lower <= tolerance * fit.value + rounding)


def _step(
    A: np.ndarray, b: np.ndarray, U: UncertaintySet, best: RobustFit, lengths: np.ndarray
) -> tuple[float, np.ndarray]:
    """The least worst case and its x, where the solver sees z in x = best.x + best.value · z / lengths."""
    u, z = unit_of(largest_move(U, A.reshape(1, -1))), cvxpy().Variable(A.shape[1])
    r = (A @ best.x - b) / best.value + (A / lengths) @ z
    x = best.x * (u / best.value) + cvxpy().multiply(u / lengths, z)
    lower = best.value * solve(_counterpart(r, x, U.scaled(1 / u)))
    return lower, best.x + best.value / lengths * z.value


def _polished(
    A: np.ndarray, b: np.ndarray, U: UncertaintySet, x: np.ndarray, lengths: np.ndarray
) -> list[np.ndarray]:
    """The solver's x to the last digits, where a formula has them; else x and x without near-zeros."""
    V = U.design_regularizer()
    if V is not None and V.penalty is not None:
        radius, norm = V.penalty
        if norm.euclidean:
            return [square_root_ridge(A, b, float(radius))[1]]
        if norm.additive:
            return [square_root_lasso(A, b, float(radius), x)]
    return drop_near_zeros(x, lengths)


def _counterpart(r: Any, x: Any, U: UncertaintySet) -> Any:
    """The problem of minimising the worst ‖r + Δx‖ where `worst_design` has a closed form."""
    cp = cvxpy()
    if (V := U.design_regularizer()) is not None:
        return cp.Problem(cp.Minimize(cp.norm(r) + V.support_expression(x)))
    if (summands := U.left_invariant_summand()) is not None:
        _, V, other = summands
        return _counterpart(r, x, other) + cp.Problem(cp.Minimize(V.support_expression(x)))
    if U.vertices is not None:
        return _largest_residual(r, x, U.vertices.double().cpu().numpy())
    t = cp.Variable(r.size)
    up, down = (_row_supports(U, sign * x, (r.size, x.size)) for sign in (1, -1))
    return cp.Problem(cp.Minimize(cp.norm(t)), [t >= r + up, t >= -r + down])


def _largest_residual(r: Any, x: Any, perturbations: np.ndarray) -> Any:
    """Minimise the largest ‖r + Δ_k x‖₂ of some Δ_k."""
    cp, largest = cvxpy(), cvxpy().Variable()
    moved = cp.reshape(perturbations.reshape(-1, x.size) @ x, (len(perturbations), r.size), order="C")
    residuals = moved + np.ones((len(perturbations), 1)) @ cp.reshape(r, (1, r.size), order="C")
    return cp.Problem(cp.Minimize(largest), [cp.norm(residuals, 2, axis=1) <= largest])


def _row_supports(U: UncertaintySet, x: Any, shape: Shape) -> Any:
    """σ of x for the set of each row, in cvxpy: (m,), or one number if the rows have one set."""
    rows: Any = U.row_set(shape)
    if rows[0] is rows:
        return rows.support_expression(x)
    return rows.support_expression(np.ones((shape[0], 1)) @ cvxpy().reshape(x, (1, x.size), order="C"))
