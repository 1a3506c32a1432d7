"""Robust support vector machines: one budget for all examples is the regulariser; one each is Algorithm 1.

The hinge losses of a linear classifier are [1 - m_i]₊ with the margins m_i = y_i (wᵀx_i + b), and a
perturbation δ_i of an example moves its margin by y_i wᵀδ_i. So the worst case is

    Σ [1 - m_i + σ_U(-y_i w)]₊                              each δ_i ∈ U, eq. (9): what Algorithm 1 trains
    Σ [1 - m_i]₊ + max_i {[1 - m_i + c‖w‖_*]₊ - [1 - m_i]₊}      Σ ‖δ_i‖ ≤ c: one budget, the coupled set

The second maximum is at a vertex, where one example gets the whole budget. If some m_i ≤ 1, w does not
separate the data with margin, then it is Σ [1 - m_i]₊ + c‖w‖_*: the regularised SVM.

    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([-1, 1, -1, 1])
    >>> fit = robust_svm(X, y, GroupBall("l2", 0.5, (4, 1), axis=1))
    >>> bool(np.isclose(fit.objective, regularized_svm(X, y, 0.5, "l2").objective))
    True
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from rolab.arguments import cvxpy
from rolab.errors import SolverError
from rolab.linear_models.inputs import as_array, as_examples, check_number
from rolab.linear_models.solver import TOLERANCE, drop_near_zeros, largest_move, solve, step_lengths, unit_of
from rolab.norms import Lp
from rolab.sets import GroupBall, UncertaintySet, UncertaintySetLike, resolve

Budgeted = Literal["each", "one", "penalty"]  # a set for each example, one for all, or that as a regulariser


@dataclass(frozen=True, eq=False)
class RobustSVM:
    """A classifier sign(wᵀx + b) and its worst case.

    Attributes:
        w, b: weights (d,) and bias
        objective: the worst sum of hinge losses, that of the examples X + perturbation
        perturbation: a worst one, (N, d)
        margins, worst_margins: y_i (wᵀx_i + b) of the examples and of the perturbed ones, (N,)
    """

    w: np.ndarray
    b: float
    objective: float
    perturbation: np.ndarray
    margins: np.ndarray
    worst_margins: np.ndarray


def robust_svm(X: Any, y: Any, U: UncertaintySetLike) -> RobustSVM:
    """min over w, b of max over the perturbations in U of Σ [1 - y_i (wᵀ(x_i + δ_i) + b)]₊, exact, by cvxpy.

    Args:
        X: examples (N, d), an array, a tensor or a data frame
        y: labels ±1 (N,), some of each; of a series the labels of its rows count
        U: the set of each δ_i, its batch axis running over the examples, or a function `x -> set`; or a
            `GroupBall` of X's shape with axis 1, the coupled set Σ ‖δ_i‖ ≤ c

    Raises:
        ValueError: names X, y or U.
        NoExpressionError: a set of one's own has no `support_expression`.
        SolverError: the least objective was not reached to 1e-6, relative to itself.
    """
    X, y = as_examples(X, y, both=True)
    V = _resolved(U, X)
    return _fit(X, y, V, "each" if V.coupled_examples(X.shape) is None else "one")


def regularized_svm(X: Any, y: Any, c: float, norm: Lp | str | float) -> RobustSVM:
    """min over w, b of Σ [1 - m_i]₊ + c‖w‖_*: the `norm` is that of the perturbations, ‖·‖_* its dual.

    The worst case of the coupled set wherever w does not separate the data with margin. `objective` is the
    regularised loss; the perturbation is the worst of the coupled set.

    Raises:
        ValueError: names X, y, c or norm.
        SolverError: the least objective was not reached to 1e-6, relative to itself.
    """
    X, y = as_examples(X, y, both=True)
    check_number(c, "c", least=0)
    return _fit(X, y, GroupBall(norm, c, X.shape, axis=1), "penalty")


def worst_hinge(X: Any, y: Any, w: Any, b: float, U: UncertaintySetLike) -> tuple[float, np.ndarray]:
    """The largest Σ [1 - y_i (wᵀ(x_i + δ_i) + b)]₊ over U, and δ (N, d) that reach it.

    Each δ_i is U.maximizer(-y_i w); in the coupled set only the example moves that gains most by it.

    Raises:
        ValueError: names X, y, w, b or U.
    """
    examples, y = as_examples(X, y)
    w = as_array(w, "w", (examples.shape[1],), (X, 1, "X's columns"))
    check_number(b, "b")
    V = _resolved(U, examples)
    one = V.coupled_examples(examples.shape)
    perturbation = (V if one is None else one).maximizer(torch.from_numpy(-y[:, None] * w)).numpy()
    before, after = (np.maximum(1 - y * (Z @ w + b), 0) for Z in (examples, examples + perturbation))
    if one is None:
        return float(after.sum()), perturbation
    best = (after - before).argmax()
    perturbation[np.arange(len(y)) != best] = 0
    return float(before.sum() + (after - before)[best]), perturbation


def _fit(X: np.ndarray, y: np.ndarray, U: UncertaintySet, budget: Budgeted) -> RobustSVM:
    """The best classifier of the examples, brought around 0 and to size 1, with its worst case."""
    middle, one = (X.max(0) + X.min(0)) / 2, U.coupled_examples(X.shape)
    V = U if one is None else one
    unit = max(unit_of(X - middle), unit_of(largest_move(V, X - middle)))
    w, b, objective = _search((X - middle) / unit, y, V.scaled(1 / unit), budget)
    w = w / unit
    b = float(b - middle @ w)
    worst, perturbation = worst_hinge(X, y, w, b, U)
    margins, worst_margins = (y * (Z @ w + b) for Z in (X, X + perturbation))
    reached = objective if budget == "penalty" else worst
    return RobustSVM(w, b, reached, perturbation, margins, worst_margins)


def _search(
    X: np.ndarray, y: np.ndarray, U: UncertaintySet, budget: Budgeted
) -> tuple[np.ndarray, float, float]:
    """The w and b of the least objective, which is at first that of w = 0, and this objective."""
    cp, lower = cvxpy(), 0.0
    best = np.zeros(X.shape[1]), float(np.sign(y.sum())), float(2 * min((y > 0).sum(), (y < 0).sum()))

    def close(tolerance: float) -> bool:
        w, b, objective = best
        rounding = 1e-15 * (1 + np.abs(X) @ np.abs(w) + abs(b)).sum()
        return bool(objective - lower <= tolerance * objective + rounding)

    for lengths in step_lengths(np.abs(X).max(0)):
        unit = math.inf
        while 0 < best[2] < unit / 8:  # what is left may be far smaller, and is then a unit of its own
            unit = best[2]
            z, bias = cp.Variable(X.shape[1]), cp.Variable()
            losses = 1 - cp.multiply(y, (X / lengths) @ z + bias)
            rise = _rise(U, y, cp.multiply(1 / lengths, z), budget)
            try:
                lower = max(lower, unit * solve(_counterpart(losses, rise, unit, budget)))
            except SolverError:
                break
            for w in drop_near_zeros(z.value / lengths, lengths):
                for other in _classifiers(X, y, w, float(bias.value), U, budget):
                    if other[2] < (1 - 1e-14) * best[2]:  # the simpler one, unless it is worse
                        best = other
        if close(1e-9):
            break
    if not close(TOLERANCE):
        came = f"one between {lower:g} and {best[2]:g}"
        raise SolverError(f"X, y: expected the least objective to {TOLERANCE:g} of it, got {came}")
    return best


def _classifiers(
    X: np.ndarray, y: np.ndarray, w: np.ndarray, b: float, U: UncertaintySet, budget: Budgeted
) -> list[tuple[np.ndarray, float, float]]:
    """(w, b) and its objective; where all margins are positive at worst, also with the least brought to 1."""
    losses = 1 - y * (X @ w + b)
    rise = U.support(torch.from_numpy(-y[:, None] * w)).numpy()
    least = 1 - float((losses if budget == "penalty" else losses + rise).max())
    return [
        (t * w, t * b, _objective(1 - t * (1 - losses), t * rise, budget))
        for t in ([1.0, 1 / least] if least > 0 else [1.0])
    ]


# The three ways to add up losses 1 - m_i where a perturbation can add a rise to each: in numbers, in cvxpy


def _objective(losses: np.ndarray, rise: np.ndarray, budget: Budgeted) -> float:
    hinge, pushed = np.maximum(losses, 0), np.maximum(losses + rise, 0)
    if budget == "each":
        return float(pushed.sum())
    return float(hinge.sum() + (rise if budget == "penalty" else pushed - hinge).max())


def _counterpart(losses: Any, rise: Any, unit: float, budget: Budgeted) -> Any:
    """The problem of minimising the objective over unit."""
    cp, hinge = cvxpy(), cvxpy().Variable(losses.size, nonneg=True)
    if budget == "each":
        return cp.Problem(cp.Minimize(cp.sum(hinge)), [unit * hinge >= losses + rise])
    if budget == "penalty":
        return cp.Problem(cp.Minimize(cp.sum(hinge) + rise / unit), [unit * hinge >= losses])
    pushed, total, goal = cp.Variable(losses.size, nonneg=True), cp.Variable(), cp.Variable()
    within = [unit * hinge >= losses, unit * pushed >= losses + rise, total >= cp.sum(hinge)]
    return cp.Problem(cp.Minimize(goal), [*within, goal >= total - hinge + pushed])


def _rise(U: UncertaintySet, y: np.ndarray, w: Any, budget: Budgeted) -> Any:
    """σ_U(-y_i w) of each example in cvxpy, (N,); a set that all share is asked once for each label."""
    if budget != "each":  # a norm
        return U.support_expression(w)
    if U[0] is U:
        of_plus, of_minus = U.support_expression(-w), U.support_expression(w)
        return (y > 0) * of_plus + (y < 0) * of_minus
    return U.support_expression(-y[:, None] @ cvxpy().reshape(w, (1, w.size), order="C"))


# From what users pass


def _resolved(U: UncertaintySetLike, X: np.ndarray) -> UncertaintySet:
    found = resolve(U, torch.from_numpy(X))
    if found.coupled_examples(X.shape) is None and found.dimension not in (None, X.shape[1]):
        expected = f"a set of {X.shape[1]} entries, a feature each"
        raise ValueError(f"U: expected {expected}, got {found.dimension} of {found!r}")
    return found
