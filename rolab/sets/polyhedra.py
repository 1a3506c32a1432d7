"""Polyhedra by their inequalities, and hulls by their points."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.optimize import linprog
from torch import Tensor

from rolab.norms import check_factor, cvxpy
from rolab.sets import solved
from rolab.sets.base import (
    EmptySetError,
    UncertaintySet,
    check_width,
    decision,
    fitting,
    kept,
    like,
    normalized,
    rounding,
    short,
    zero_if_held,
)


@dataclass(frozen=True, eq=False, repr=False)
class Polyhedron(UncertaintySet):
    """All z with Dz ≤ d, where D is (k, n) and d (k,). Maximisers are vertices, by HiGHS; Clarabel projects.

    It is checked when it is made: an `EmptySetError` names the rows that contradict each other, by Farkas'
    lemma; a `ValueError` says in which direction the set has no bound.

    >>> triangle = Polyhedron([[-1.0, 0.0], [0.0, -1.0], [1.0, 1.0]], [0.0, 0.0, 1.0])
    >>> triangle.maximizer(torch.tensor([[1.0, 2.0], [-1.0, -1.0]])).abs()
    tensor([[0., 1.],
            [0., 0.]])
    """

    D: Tensor
    d: Tensor
    lower: Tensor = field(init=False)  # the corners of the smallest box around the set
    upper: Tensor = field(init=False)

    def __post_init__(self) -> None:
        D, d = kept(self.D, "D", 2).to_dense(), kept(self.d, "d", 1)
        if len(D) != len(d):
            raise ValueError(f"d: expected {len(D)} entries, one a row of D {tuple(D.shape)}, got {len(d)}")
        object.__setattr__(self, "D", D)
        object.__setattr__(self, "d", d)
        size = D.norm(dim=1)
        size = torch.where(size > 0, size, 1.0)
        self._check_not_empty(D / size[:, None], d / size)
        self._check_bounded(D / size[:, None])
        axes = torch.eye(D.shape[1], dtype=torch.float64)
        object.__setattr__(self, "lower", solved.furthest(D, d, -axes).diagonal())
        object.__setattr__(self, "upper", solved.furthest(D, d, axes).diagonal())

    def _check_not_empty(self, D: Tensor, d: Tensor) -> None:
        """Farkas' lemma: there is no z exactly if some λ ≥ 0 has Dᵀλ = 0 and dᵀλ < 0."""
        equal = np.vstack([D.T.numpy(), np.ones(len(D))])
        found = linprog(d.numpy(), A_eq=equal, b_eq=[*np.zeros(D.shape[1]), 1.0], method="highs-ds")
        if found.status == 2:  # no such λ at all
            return
        if found.status != 0:
            raise RuntimeError(f"linear program: {found.message}")
        if found.fun < -1e-9 * max(1.0, d.abs().max().item()):
            rows = ", ".join(str(row) for row in np.flatnonzero(found.x > 1e-9))
            raise EmptySetError(
                f"D, d: expected a set with a point, but the rows {rows} of Dz ≤ d contradict each other"
            )

    def _check_bounded(self, D: Tensor) -> None:
        """The set is bounded exactly if Dv ≤ 0 only for v = 0."""
        axes = torch.eye(D.shape[1], dtype=torch.float64)
        rays = solved.furthest(D, torch.zeros(len(D)), torch.cat([axes, -axes]), reach=1.0)
        longest = rays[rays.abs().amax(1).argmax()]
        if longest.abs().max() > 1e-6:
            direction = ", ".join(f"{entry:g}" for entry in longest.tolist())
            raise ValueError(
                f"D, d: expected a bounded set, but Dz ≤ d has no bound in the direction ({direction})"
            )

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        x = fitting(g, "g", self.D.shape[1], self._owner)
        if not len(x):
            return g.clone()
        return zero_if_held(self, g, like(g, solved.furthest(self.D, self.d, normalized(x))))

    def project(self, d: Tensor) -> Tensor:
        fitting(d, "d", self.D.shape[1], self._owner)
        return solved.project(self, d)

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        x = fitting(d, "d", self.D.shape[1], self._owner, finite=False)
        D, most = self.D.to(x), self.d.to(x)
        slack = atol * D.norm(dim=1) + rounding(d) * (x.abs() @ D.abs().T + most.abs())
        return x.isfinite().all(1) & (x @ D.T <= most + slack).all(1)

    def support_expression(self, w: Any) -> Any:
        """The least dᵀλ over λ ≥ 0 with Dᵀλ = w; the equality is a penalty, and an exact one.

        With c the middle of the set's box, h its half widths and e = w − Dᵀλ, it is the least of
        cᵀw + (d − Dc)ᵀλ + 2 Σ h_i |e_i|: since |⟨e, z − c⟩| ≤ Σ h_i |e_i| for all z in the set, to leave a
        rest e saves at most half of what it costs.
        """
        cp, (w, _) = cvxpy(), decision(w)
        check_width(w.shape[-1], self.D.shape[1], "w", self._owner)
        D, middle = self.D.numpy(), (self.lower + self.upper).numpy() / 2
        half = (self.upper - self.lower).clamp(min=0).numpy() / 2
        dual = cp.Variable((*w.shape[:-1], len(D)), nonneg=True)
        return w @ middle + dual @ (self.d.numpy() - D @ middle) + 2 * (cp.abs(w - dual @ D) @ half)

    def within(self, z: Any) -> list[Any]:
        z, _ = decision(z)
        check_width(z.shape[-1], self.D.shape[1], "z", self._owner)
        most = np.broadcast_to(self.d.numpy(), (*z.shape[:-1], len(self.d)))
        return [z @ self.D.T.numpy() <= most]

    def scaled(self, factor: float) -> Polyhedron:
        check_factor(factor, repr(self))
        return Polyhedron(self.D, factor * self.d)

    def formula_in(self, w: str) -> str:
        return f"min over λ ≥ 0, Dᵀλ = {w} of dᵀλ"

    @property
    def _owner(self) -> str:
        return f"D {tuple(self.D.shape)}"

    @property
    def holds_zero(self) -> bool:
        return bool((self.d >= 0).all())

    @property
    def dimension(self) -> int | None:
        return self.D.shape[1]

    def __repr__(self) -> str:
        return f"Polyhedron({short(self.D)}, {short(self.d)})"


@dataclass(frozen=True, eq=False, repr=False)
class Scenarios(UncertaintySet):
    """The hull of finitely many points, the rows of a matrix (k, d). The projection needs a solver.

    >>> Scenarios([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]).maximizer(torch.tensor([[1.0, 1.0], [1.0, 2.0]]))
    tensor([[1., 0.],
            [0., 1.]])
    """

    points: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", kept(self.points, "points", 2).to_dense())

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        """The point with the largest ⟨g, p⟩, the first of them at ties."""
        x = fitting(g, "g", self.points.shape[1], self._owner)
        points = self.points.to(x)
        return zero_if_held(self, g, like(g, points[(x @ points.T).argmax(1)]))

    def project(self, d: Tensor) -> Tensor:
        fitting(d, "d", self.points.shape[1], self._owner)
        return solved.project(self, d)

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        fitting(d, "d", self.points.shape[1], self._owner, finite=False)
        return solved.contains(self, d, atol)

    def support_expression(self, w: Any) -> Any:
        w, _ = decision(w)
        check_width(w.shape[-1], self.points.shape[1], "w", self._owner)
        return cvxpy().max(w @ self.points.T.numpy(), axis=w.ndim - 1)

    def within(self, z: Any) -> list[Any]:
        """With shares that are ≥ 0 and sum to 1, z is the average of the points."""
        z, _ = decision(z)
        check_width(z.shape[-1], self.points.shape[1], "z", self._owner)
        share = cvxpy().Variable((*z.shape[:-1], len(self.points)), nonneg=True)
        return [z == share @ self.points.numpy(), cvxpy().sum(share, axis=z.ndim - 1) == 1]

    def scaled(self, factor: float) -> Scenarios:
        check_factor(factor, repr(self))
        return Scenarios(factor * self.points)

    def formula_in(self, w: str) -> str:
        return f"max over k of ⟨p_k, {w}⟩"

    @property
    def vertices(self) -> Tensor:
        return self.points

    @property
    def _owner(self) -> str:
        return f"points {tuple(self.points.shape)}"

    @property
    def holds_zero(self) -> bool:
        return bool((self.points == 0).all(1).any())

    @property
    def dimension(self) -> int | None:
        return self.points.shape[1]

    def __repr__(self) -> str:
        return f"Scenarios({short(self.points)})"
