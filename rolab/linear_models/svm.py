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
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from rolab.arguments import cvxpy
from rolab.errors import SolverError
from rolab.linear_models.inputs import as_array, check_size
from rolab.linear_models.solver import TOLERANCE, drop_near_zeros, largest_move, solve, step_lengths, unit_of
from rolab.norms import Lp
from rolab.sets import GroupBall, UncertaintySet, UncertaintySetLike, resolve


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

    Numbers are brought to size 1 first, so that the answer is the same in any unit.

    Args:
        X: examples (N, d), an array, a tensor or a data frame
        y: labels ±1 (N,), both of them; of a series the labels count
        U: the set of each δ_i, its batch axis running over the examples, or a function `x -> set`; or a
            `GroupBall` of X's shape with axis 1, the coupled set Σ ‖δ_i‖ ≤ c

    Raises:
        ValueError: names X, y or U.
        SolverError: the objective was not brought within 1e-6 of the least, relative to itself.
    """
    X, y = _examples(X, y)
    own: Any = U if _of_one(U, X) else resolve(U, torch.from_numpy(X))
    return _least(X, y, own, regularized=False)


def regularized_svm(X: Any, y: Any, c: float, norm: Lp | str | float) -> RobustSVM:
    """min over w, b of Σ [1 - m_i]₊ + c‖w‖_*: the `norm` is that of the perturbations, ‖·‖_* its dual.

    The worst case of the coupled set wherever w does not separate the data with margin. `objective` is the
    regularised loss; the perturbation is the worst of the coupled set.

    Raises:
        ValueError: names X, y, c or norm.
        SolverError: as `robust_svm`.
    """
    X, y = _examples(X, y)
    check_size(c, "c")
    return _least(X, y, GroupBall(norm, c, X.shape, axis=1), regularized=True)


def worst_hinge(X: Any, y: Any, w: Any, b: float, U: UncertaintySetLike) -> tuple[float, np.ndarray]:
    """The largest Σ [1 - y_i (wᵀ(x_i + δ_i) + b)]₊ over U, and δ (N, d) that reach it.

    Each δ_i is U.maximizer(-y_i w); in the coupled set only the example moves that gains most by it.

    Raises:
        ValueError: names X, y, w or U.
    """
    table = X
    X, y = _examples(X, y)
    w = as_array(w, "w", (X.shape[1],), (table, 1, "X's columns"))
    directions = torch.from_numpy(-y[:, None] * w)
    one = _of_one(U, X)
    if one is not None:
        losses = 1 - y * (X @ w + b)
        gains = np.maximum(losses + one.support(directions).numpy(), 0) - np.maximum(losses, 0)
        best, perturbation = int(gains.argmax()), np.zeros_like(X)
        perturbation[best] = one.maximizer(directions[[best]])[0].numpy()
    else:
        perturbation = resolve(U, torch.from_numpy(X)).maximizer(directions).numpy()
    value = np.maximum(1 - y * ((X + perturbation) @ w + b), 0).sum()
    return float(value), perturbation


def _least(X: np.ndarray, y: np.ndarray, U: UncertaintySet, regularized: bool) -> RobustSVM:
    """The classifier of least objective; the solver sees z in w = z / lengths, and centred examples."""
    if len(set(y)) < 2:
        raise ValueError(f"y: expected both labels, -1 and 1, got only {y[0]:g}")
    middle = X.mean(axis=0)
    centred = np.where(np.ptp(X, axis=0) > 0, X - middle, 0.0)
    unit = max(unit_of(centred), unit_of(largest_move(_of_one(U, X) or U, centred)))
    X, centred, middle, U = X / unit, centred / unit, middle / unit, U.scaled(1 / unit)
    cp, fits, lower = cvxpy(), [], 0.0
    for lengths in step_lengths(centred.std(axis=0)):
        z, bias = cp.Variable(X.shape[1]), cp.Variable()
        losses = 1 - cp.multiply(y, (centred / lengths) @ z + bias)
        problem = _problem(losses, cp.multiply(1 / lengths, z), y, U, _of_one(U, X), regularized)
        try:
            lower = max(lower, solve(problem))
        except SolverError:
            continue
        for w in (np.zeros_like(middle), *drop_near_zeros(z.value / lengths, lengths)):
            fits.append(_fit(X, y, w, float(bias.value - w @ middle), U, regularized))
        best = min(fits, key=lambda fit: fit.objective)
        if best.objective - lower <= TOLERANCE * best.objective + 1e-9 * len(y):  # a hinge loss has unit 1
            return replace(best, w=best.w / unit, perturbation=unit * best.perturbation)
    value = min((fit.objective for fit in fits), default=math.inf)
    came = f"one between {lower:g} and {value:g}"
    raise SolverError(f"X, y: expected the least objective to {TOLERANCE:g} of it, got {came}")


def _problem(
    losses: Any, w: Any, y: np.ndarray, U: UncertaintySet, one: UncertaintySet | None, regularized: bool
) -> Any:
    """The problem in cvxpy, of the losses 1 - m_i."""
    cp = cvxpy()
    if one is None:
        return cp.Problem(cp.Minimize(cp.sum(cp.pos(losses + _rise(U, y, w)))))
    if regularized:
        return cp.Problem(cp.Minimize(cp.sum(cp.pos(losses)) + one.support_expression(w)))
    hinge, pushed = (cp.Variable(len(y), nonneg=True) for _ in range(2))
    total, goal = cp.Variable(), cp.Variable()
    exact = [hinge >= losses, pushed >= losses + one.support_expression(w)]
    return cp.Problem(cp.Minimize(goal), [*exact, total >= cp.sum(hinge), goal >= total - hinge + pushed])


def _fit(
    X: np.ndarray, y: np.ndarray, w: np.ndarray, b: float, U: UncertaintySet, regularized: bool
) -> RobustSVM:
    """This classifier and its worst case."""
    objective, perturbation = worst_hinge(X, y, w, b, U)
    margins, worst_margins = (y * (Z @ w + b) for Z in (X, X + perturbation))
    if regularized:
        one: Any = _of_one(U, X)
        objective = float(np.maximum(1 - margins, 0).sum() + one.support(torch.from_numpy(w)[None])[0])
    return RobustSVM(w, b, objective, perturbation, margins, worst_margins)


def _rise(U: UncertaintySet, y: np.ndarray, w: Any) -> Any:
    """σ_U(-y_i w) of each example in cvxpy, (N,); a set that all share is asked once for each label."""
    if U[0] is U:
        of_plus, of_minus = U.support_expression(-w), U.support_expression(w)
        return (y > 0) * of_plus + (y < 0) * of_minus
    cp = cvxpy()
    return U.support_expression(-y[:, None] @ cp.reshape(w, (1, w.size), order="C"))


def _of_one(U: UncertaintySetLike, X: np.ndarray) -> UncertaintySet | None:
    """What one example alone may do where all share one budget; None where each has its own set."""
    return U.coupled_examples(X.shape) if isinstance(U, UncertaintySet) else None


def _examples(X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    examples = as_array(X, "X", ("N", "d"))
    labels = as_array(y, "y", (len(examples),), (X, 0, "X's rows"))
    if not (np.abs(labels) == 1).all():
        raise ValueError(f"y: expected labels -1 and 1, got {np.unique(labels)[:5].tolist()}")
    return examples, labels
