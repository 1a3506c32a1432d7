"""The worst design matrix of a least-squares problem, eq. (7).

With the residual r = Ax - b and a set U of perturbations Δ of the design matrix,

    max over Δ ∈ U of ‖(A + Δ)x - b‖₂  =  max over ‖u‖₂ ≤ 1 of uᵀr + σ_U(u xᵀ):

the support function again, at a matrix of rank one. Where U is *left-invariant*, σ_U(u xᵀ) = ‖u‖₂ σ_V(x), the
best u is r/‖r‖ and the maximum is ‖r‖₂ + σ_V(x): the penalty is the support function of another set V.

A set of matrices (m, n) is a set of vectors of m·n numbers, row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rolab.linear_models.inputs import as_array, as_data
from rolab.linear_models.solver import TOLERANCE
from rolab.sets import UncertaintySet

Shape = tuple[int, int]


@dataclass(frozen=True, eq=False)
class WorstDesign:
    """A worst perturbation Δ (m, n) of the design, its value ‖(A + Δ)x - b‖₂, and what no Δ in U exceeds.

    Where `exact` is False, `value` is the best that ascent found: a lower bound of the maximum, not proved.
    """

    perturbation: np.ndarray
    value: float
    bound: float

    @property
    def exact(self) -> bool:
        """Whether `value` is proved to be the maximum: the bound is within 1e-6 of it."""
        return self.bound <= self.value * (1 + TOLERANCE)


def worst_design(A: Any, b: Any, x: Any, U: UncertaintySet) -> WorstDesign:
    """max over Δ ∈ U of ‖(A + Δ)x - b‖₂, eq. (7); `value` is recomputed from the Δ found, `bound` is proved.

    The two agree to rounding wherever there is a closed form, r = Ax - b:

    - U is left-invariant (Frobenius and spectral balls, columns in ℓ2 balls, their sums): the two parts of
      uᵀr + ‖u‖₂ σ_V(x) are largest for the same u = r/‖r‖, so that Δ* = U.maximizer((r/‖r‖) xᵀ).
    - every row has its own set (rows bounded, entries bounded, boxes): each is pushed by its own worst,
      ‖t‖₂ with t_i = max(r_i + σ_U(e_i xᵀ), -r_i + σ_U(-e_i xᵀ)).
    - U is the hull of some matrices: a convex function is largest at one of them.
    - U is a sum of one of these and a left-invariant set, which adds σ_V(x) to whatever the other gives.

    For any other U the t above still gives a bound, and so do sets that hold U: the parts of an intersection,
    a Frobenius ball around a budget set, an ellipsoid or a smaller ball. `value` is what alternating ascent
    finds: u ← r + Δx, Δ ← U.maximizer(u xᵀ), begun at r, at every ±e_i and at random. A convex
    function is maximised, so that ascent may end below the best: the truth is between. `exact` is where both
    agree.

    Args:
        A: the design (m, n), an array, a tensor or a data frame
        b: the target (m,); of a series the labels count, here and for x
        x: the decision (n,)
        U: a set of vectors of m·n numbers, the rows of Δ one after the other

    Raises:
        ValueError: names A, b, x or U.
        SolverError: a set that takes a solver was not maximised to 1e-6.
    """
    design, b = as_data(A, b, U)
    x = as_array(x, "x", (design.shape[1],), (A, 1, "A's columns"))
    found, bound = _worst(torch.from_numpy(design @ x - b), torch.from_numpy(x), U)
    values = np.linalg.norm((design + found.numpy()) @ x - b, axis=1)
    return WorstDesign(found[int(values.argmax())].numpy(), float(values.max()), float(bound))


def _worst(r: Tensor, x: Tensor, U: UncertaintySet) -> tuple[Tensor, Tensor]:
    """Perturbations (k, m, n) that may be worst, and a bound for all of U."""
    shape = len(r), len(x)
    V, rows, summands = U.design_regularizer(), U.row_set(shape), U.left_invariant_summand()
    every_row = torch.eye(len(r), dtype=r.dtype)
    if V is not None:
        u = r / r.norm() if r.any() else every_row[0]  # any unit vector will do where r is 0
        return _furthest(U, torch.outer(u, x)[None]), r.norm() + V.support(x[None])[0]
    if summands is not None:  # lengthens any residual by σ_V(x): so let the other one move first
        invariant, V, other = summands
        first, bound = _worst(r, x, other)
        moved = r + first @ x
        best = moved.norm(dim=1).argmax()
        then, _ = _worst(moved[best], x, invariant)
        return first[best] + then, bound + V.support(x[None])[0]
    if U.vertices is not None:
        points = U.vertices.to(r).reshape(-1, *shape)
        return points, (r + points @ x).norm(dim=1).max()
    if rows is not None:
        together, bound = _row_by_row(r, x, *(rows.maximizer(sign * x.expand(shape)) for sign in (1, -1)))
        return together[None], bound
    directions = every_row[:, :, None] * x  # e_i xᵀ
    anywhere = (
        torch.randn(2 * len(r), len(r), 1, generator=torch.Generator().manual_seed(0), dtype=r.dtype) * x
    )
    found = _furthest(U, torch.cat([directions, -directions, torch.outer(r, x)[None], anywhere]))
    _, bound = _row_by_row(r, x, *(found[begin : begin + len(r)].diagonal().T for begin in (0, len(r))))
    for larger in enclosing(U, shape):
        bound = bound.minimum(_worst(r, x, larger)[1])
    return _ascend(r, x, U, found), bound


def _row_by_row(r: Tensor, x: Tensor, up: Tensor, down: Tensor) -> tuple[Tensor, Tensor]:
    """Each row from the one of its two extremes that makes the residual longer, (m, n), and ‖t‖₂."""
    high, low = r + up @ x, r + down @ x
    return torch.where((high >= -low)[:, None], up, down), torch.maximum(high, -low).norm()


def _ascend(r: Tensor, x: Tensor, U: UncertaintySet, found: Tensor) -> Tensor:
    """u ← r + Δx, Δ ← U.maximizer(u xᵀ), from many Δ at once; no step shortens the residual."""
    for _ in range(100):
        u = r + found @ x
        step = _furthest(U, u[:, :, None] * x)
        better = (r + step @ x).norm(dim=1) > u.norm(dim=1) * (1 + 1e-12)
        if not better.any():
            break
        found = torch.where(better[:, None, None], step, found)
    return found


def _furthest(U: UncertaintySet, G: Tensor) -> Tensor:
    """The maximisers at the matrices G (k, m, n)."""
    return U.maximizer(G.flatten(1)).reshape(G.shape)


def enclosing(U: UncertaintySet, shape: Shape) -> list[UncertaintySet]:
    """Sets with a closed form that hold U: the parts of an intersection, or a Frobenius ball."""
    return [
        each
        for larger in U.enclosing(shape)
        for each in ([larger] if has_closed_form(larger, shape) else enclosing(larger, shape))
    ]


def has_closed_form(U: UncertaintySet, shape: Shape) -> bool:
    """Whether `worst_design` has a closed form for U."""
    known = U.design_regularizer(), U.vertices, U.row_set(shape)
    if any(each is not None for each in known):
        return True
    summands = U.left_invariant_summand()
    return summands is not None and has_closed_form(summands[2], shape)
