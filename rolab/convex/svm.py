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
from typing import Any, TypeGuard

import numpy as np
import torch

from rolab.arguments import check_radius, cvxpy
from rolab.convex.designs import as_array
from rolab.convex.regression import solve, without_dust
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

    Args:
        X: examples (N, d), an array or a tensor
        y: labels ±1 (N,)
        U: the set of each δ_i, its batch axis running over the examples, or a function `x -> set`; or a
            `GroupBall` of X's shape with axis 1, the coupled set Σ ‖δ_i‖ ≤ c

    Raises:
        ValueError: names X, y or U.
    """
    X, y = _examples(X, y)
    cp = cvxpy()
    w, bias = cp.Variable(X.shape[1]), cp.Variable()
    losses = 1 - cp.multiply(y, X @ w + bias)
    if _is_coupled(U, X):
        hinge, pushed = (cp.Variable(len(y), nonneg=True) for _ in range(2))
        total, worst = cp.Variable(), cp.Variable()
        reach = U.radius * U.norm.dual.expression(w)
        exact = [
            hinge >= losses,
            pushed >= losses + reach,
            total >= cp.sum(hinge),
            worst >= total - hinge + pushed,
        ]
        solve(cp.Problem(cp.Minimize(worst), exact))
    else:
        solve(cp.Problem(cp.Minimize(cp.sum(cp.pos(losses + _rise(_per_example(U, X), y, w))))))
    return _best(X, y, w, bias, U)


def regularized_svm(X: Any, y: Any, c: float, norm: Lp | str | float) -> RobustSVM:
    """min over w, b of Σ [1 - m_i]₊ + c‖w‖_*: the `norm` is that of the perturbations, ‖·‖_* its dual.

    The worst case of the coupled set wherever w does not separate the data with margin. `objective` is the
    regularised loss; the perturbation is the worst of the coupled set.

    Raises:
        ValueError: names X, y, c or norm.
    """
    X, y = _examples(X, y)
    check_radius(c, "c")
    cp, dual = cvxpy(), Lp.of(norm).dual
    w, bias = cp.Variable(X.shape[1]), cp.Variable()
    losses = 1 - cp.multiply(y, X @ w + bias)
    solve(cp.Problem(cp.Minimize(cp.sum(cp.pos(losses)) + c * dual.expression(w))))
    fit = _best(X, y, w, bias, GroupBall(norm, c, X.shape, axis=1))
    penalty = c * float(dual.value(torch.from_numpy(fit.w)[None])[0])
    objective = float(np.maximum(1 - fit.margins, 0).sum()) + penalty
    return RobustSVM(fit.w, fit.b, objective, fit.perturbation, fit.margins, fit.worst_margins)


def worst_hinge(X: Any, y: Any, w: Any, b: float, U: UncertaintySetLike) -> tuple[float, np.ndarray]:
    """The largest Σ [1 - y_i (wᵀ(x_i + δ_i) + b)]₊ over U, and δ (N, d) that reach it.

    Each δ_i is U.maximizer(-y_i w); in the coupled set only the example moves that gains most by it: the set
    is asked with a direction of which this is the only non-zero row.

    Raises:
        ValueError: names X, y, w or U.
    """
    X, y = _examples(X, y)
    w = as_array(w, "w", (X.shape[1],))
    directions = torch.from_numpy(-y[:, None] * w)
    if _is_coupled(U, X):
        losses = 1 - y * (X @ w + b)
        reach = U.radius * float(U.norm.dual.value(directions[:1])[0])
        gains = np.maximum(losses + reach, 0) - np.maximum(losses, 0)
        alone = torch.zeros_like(directions)
        alone[int(gains.argmax())] = directions[int(gains.argmax())]
        perturbation = U.maximizer(alone.reshape(1, -1)).reshape(X.shape).numpy()
    else:
        perturbation = _per_example(U, X).maximizer(directions).numpy()
    value = np.maximum(1 - y * ((X + perturbation) @ w + b), 0).sum()
    return float(value), perturbation


def _rise(U: UncertaintySet, y: np.ndarray, w: Any) -> Any:
    """σ_U(-y_i w) of each example in cvxpy, (N,); a set that all share is asked once for each label."""
    if U[0] is U:
        of_plus, of_minus = U.support_expression(-w), U.support_expression(w)
        return (y > 0) * of_plus + (y < 0) * of_minus
    cp = cvxpy()
    return U.support_expression(-y[:, None] @ cp.reshape(w, (1, w.size), order="C"))


def _best(X: np.ndarray, y: np.ndarray, w: Any, bias: Any, U: UncertaintySetLike) -> RobustSVM:
    """The solver's solution, its dust removed where that is no loss, with its worst case."""
    b = float(bias.value)
    fits = [
        (*worst_hinge(X, y, each, b, U), each) for each in (np.zeros_like(w.value), *without_dust(w.value))
    ]
    objective, perturbation, weights = min(fits, key=lambda fit: fit[0])
    margins, worst_margins = (y * (Z @ weights + b) for Z in (X, X + perturbation))
    return RobustSVM(weights, b, objective, perturbation, margins, worst_margins)


def _is_coupled(U: UncertaintySetLike, X: np.ndarray) -> TypeGuard[GroupBall]:
    if not isinstance(U, GroupBall) or math.prod(U.shape) == X.shape[1]:  # a set of each example's entries
        return False
    if tuple(U.shape) != X.shape or U.axis != 1:
        expected = f"shape {X.shape} and axis 1, a group an example, or shape {X.shape[1:]} for each example"
        raise ValueError(f"U: expected a GroupBall with {expected}, got {U!r}")
    return True


def _per_example(U: UncertaintySetLike, X: np.ndarray) -> UncertaintySet:
    return resolve(U, torch.from_numpy(X))


def _examples(X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    X = as_array(X, "X", ("N", "d"))
    y = as_array(y, "y", (len(X),))
    if not (np.abs(y) == 1).all():
        raise ValueError(f"y: expected labels -1 and 1, got {np.unique(y)[:5].tolist()}")
    return X, y
