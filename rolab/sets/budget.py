"""The budget of uncertainty of Bertsimas and Sim: at most Γ entries at their worst at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from rolab.arguments import (
    Radius,
    as_rows,
    check_count,
    check_radius,
    cvxpy,
    is_number,
    one_per_row,
    per_example,
    short,
)
from rolab.norms import Lp
from rolab.sets.balls import Ball, BallAndBox, BallInBox, Box, OnBatch, WithRadius
from rolab.sets.base import Shape, UncertaintySet


@dataclass(frozen=True, eq=False, repr=False)
class Budget(OnBatch, WithRadius, BallAndBox):
    """All δ with |δ_i| ≤ radius and ‖δ‖₁ ≤ gamma · radius: at most Γ entries at their worst at once.

    Γ ≥ 0 is any real number (Bertsimas and Sim, The price of robustness, 2004). Both are numbers or tensors
    (N,), one per example. All oracles are closed forms: those of the ℓ1 ball in a box.

    >>> import torch
    >>> Budget(1.5, 0.2).maximizer(torch.tensor([[3.0, -2.0, 1.0]]))
    tensor([[ 0.2000, -0.1000,  0.0000]])
    """

    gamma: Radius
    radius: Radius
    budgeted = True

    def __post_init__(self) -> None:
        check_radius(self.gamma, "gamma")
        check_radius(self.radius)

    def on(self, x: Tensor, name: str = "x") -> BallInBox:
        """The ℓ1 ball and the box for the examples x (N, ...), whose oracles are those of the budget."""
        rows = as_rows(x, name, finite=False)
        gamma, radius = one_per_row(self.gamma, rows, "gamma"), one_per_row(self.radius, rows)
        side = self.radius if is_number(self.radius) else radius[:, None].expand_as(rows)
        return BallInBox(Ball(Lp(1), gamma * radius), Box(-side, side))

    def as_linear_image(self) -> tuple[UncertaintySet, Any]:
        """With Γ ≤ 1 it is the ℓ1 ball of radius Γ · radius, whose support has no small numbers in it."""
        if is_number(self.gamma) and self.gamma <= 1:
            return Ball(Lp(1), self.gamma * self.radius).as_linear_image()
        return super().as_linear_image()

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        w, radii = self._in_units(z, rows)
        return type(self)(self.gamma, torch.from_numpy(radii)).on(rows).constraints(w)

    def _parts(self) -> tuple[Ball, Box] | None:
        if not is_number(self.radius):  # the box does not know how many entries there are
            return None
        return Ball(Lp(1), self.gamma * self.radius), Box(-self.radius, self.radius)

    def _supports(self, w: Any, rows: Tensor) -> Any:
        """The least radius · (Γt + Σ max(|w_i| − t, 0)) over t ≥ 0, the dual of Bertsimas and Sim."""
        cp, gamma = cvxpy(), one_per_row(self.gamma, rows, "gamma").numpy()
        t = cp.Variable((len(rows), 1), nonneg=True)
        over = cp.sum(cp.pos(cp.abs(w) - t @ np.ones((1, w.shape[1]))), axis=1)
        return cp.multiply(self._radii(rows), cp.multiply(gamma, cp.vec(t, order="C")) + over)

    def extent(self, rows: Tensor) -> Tensor:
        return super().extent(rows) * one_per_row(self.gamma, rows, "gamma")[:, None].clamp(max=1)

    def for_batch(self, shape: torch.Size) -> Self:
        check_count(self.gamma, shape[0], "gamma")
        return super().for_batch(shape)

    def __getitem__(self, rows: Any) -> Self:
        return type(self)(per_example(self.gamma, rows), per_example(self.radius, rows))

    def enclosing(self, shape: Shape) -> tuple[UncertaintySet, ...]:
        """The Frobenius ball: ‖z‖₂² ≤ ‖z‖_∞ ‖z‖₁ ≤ radius · Γ radius."""
        return (Ball("l2", self.radius * self.gamma**0.5),)

    def formula_in(self, w: str) -> str:
        gamma, radius = short(self.gamma), short(self.radius)
        return f"min over t ≥ 0 of {radius}·({gamma} t + Σ max(|{w}ᵢ| − t, 0))"
