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

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from rolab.arguments import check_radius, cvxpy
from rolab.linear_models.least_squares import drop_near_zeros, solve
from rolab.linear_models.worst_case import as_array
from rolab.norms import Lp
from rolab.sets import Ball, GroupBall, UncertaintySet, UncertaintySetLike, resolve


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
    cp, one = cvxpy(), _of_one(U, X)
    w, bias, losses = _classifier(X, y)
    if one is None:
        goal, exact = cp.sum(cp.pos(losses + _rise(resolve(U, torch.from_numpy(X)), y, w))), []
    else:
        hinge, pushed = (cp.Variable(len(y), nonneg=True) for _ in range(2))
        total, goal = cp.Variable(), cp.Variable()
        exact = [hinge >= losses, pushed >= losses + one.support_expression(w)]
        exact += [total >= cp.sum(hinge), goal >= total - hinge + pushed]
    solve(cp.Problem(cp.Minimize(goal), exact))
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
    cp, one = cvxpy(), Ball(norm, c)
    w, bias, losses = _classifier(X, y)
    solve(cp.Problem(cp.Minimize(cp.sum(cp.pos(losses)) + one.support_expression(w))))
    fit = _best(X, y, w, bias, GroupBall(norm, c, X.shape, axis=1))
    penalty = float(one.support(torch.from_numpy(fit.w)[None])[0])
    return replace(fit, objective=float(np.maximum(1 - fit.margins, 0).sum()) + penalty)


def worst_hinge(X: Any, y: Any, w: Any, b: float, U: UncertaintySetLike) -> tuple[float, np.ndarray]:
    """The largest Σ [1 - y_i (wᵀ(x_i + δ_i) + b)]₊ over U, and δ (N, d) that reach it.

    Each δ_i is U.maximizer(-y_i w); in the coupled set only the example moves that gains most by it.

    Raises:
        ValueError: names X, y, w or U.
    """
    X, y = _examples(X, y)
    w = as_array(w, "w", (X.shape[1],))
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


def _classifier(X: np.ndarray, y: np.ndarray) -> tuple[Any, Any, Any]:
    """Variables w and b, and the expression of 1 - m_i."""
    w, bias = cvxpy().Variable(X.shape[1]), cvxpy().Variable()
    return w, bias, 1 - cvxpy().multiply(y, X @ w + bias)


def _rise(U: UncertaintySet, y: np.ndarray, w: Any) -> Any:
    """σ_U(-y_i w) of each example in cvxpy, (N,); a set that all share is asked once for each label."""
    if U[0] is U:
        of_plus, of_minus = U.support_expression(-w), U.support_expression(w)
        return (y > 0) * of_plus + (y < 0) * of_minus
    cp = cvxpy()
    return U.support_expression(-y[:, None] @ cp.reshape(w, (1, w.size), order="C"))


def _best(X: np.ndarray, y: np.ndarray, w: Any, bias: Any, U: UncertaintySetLike) -> RobustSVM:
    """The solver's solution, its near-zeros removed where that is no loss, with its worst case."""
    b = float(bias.value)
    candidates = (np.zeros_like(w.value), *drop_near_zeros(w.value))
    fits = [(*worst_hinge(X, y, each, b, U), each) for each in candidates]
    objective, perturbation, weights = min(fits, key=lambda fit: fit[0])
    margins, worst_margins = (y * (Z @ weights + b) for Z in (X, X + perturbation))
    return RobustSVM(weights, b, objective, perturbation, margins, worst_margins)


def _of_one(U: UncertaintySetLike, X: np.ndarray) -> UncertaintySet | None:
    """What one example alone may do where all share one budget; None where each has its own set."""
    return U.coupled_examples(X.shape) if isinstance(U, UncertaintySet) else None


def _examples(X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    X = as_array(X, "X", ("N", "d"))
    y = as_array(y, "y", (len(X),))
    if not (np.abs(y) == 1).all():
        raise ValueError(f"y: expected labels -1 and 1, got {np.unique(y)[:5].tolist()}")
    return X, y
