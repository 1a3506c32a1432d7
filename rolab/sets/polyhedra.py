"""Polyhedra by their inequalities, and hulls by their points."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.optimize import linprog
from torch import Tensor

from rolab.arguments import check_factor, cvxpy, float64_copy, normalized, one_if_zero, rounding
from rolab.errors import EmptySetError
from rolab.sets import solver
from rolab.sets.base import SolvedSet


@dataclass(frozen=True, eq=False, repr=False)
class Polyhedron(SolvedSet):
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
    FITTED = "D", 1

    def __post_init__(self) -> None:
        D, d = float64_copy(self.D, "D", 2).to_dense(), float64_copy(self.d, "d", 1)
        if len(D) != len(d):
            raise ValueError(f"d: expected {len(D)} entries, one a row of D {tuple(D.shape)}, got {len(d)}")
        self._keep(D=D, d=d)
        size = one_if_zero(D.norm(dim=1))
        self._check_not_empty(D / size[:, None], d / size)
        self._check_bounded(D / size[:, None])
        axes = torch.eye(D.shape[1], dtype=torch.float64)
        lower, upper = (solver.lp_vertices(D, d, side * axes).diagonal() for side in (-1, 1))
        self._keep(lower=lower, upper=upper)

    def _check_not_empty(self, D: Tensor, d: Tensor) -> None:
        """Farkas' lemma: there is no z exactly if some λ ≥ 0 has Dᵀλ = 0 and dᵀλ < 0."""
        equal = np.vstack([D.T.numpy(), np.ones(len(D))])
        found = linprog(d.numpy(), A_eq=equal, b_eq=[*np.zeros(D.shape[1]), 1.0], method="highs-ds")
        if found.status not in (0, 2):  # 2: no such λ at all
            raise RuntimeError(f"linear program: {found.message}")
        if found.status == 0 and found.fun < -1e-9 * max(1.0, d.abs().max().item()):
            rows = ", ".join(str(row) for row in np.flatnonzero(found.x > 1e-9))
            came = f"the rows {rows} of Dz ≤ d contradict each other"
            raise EmptySetError(f"D, d: expected a set with a point, but {came}")

    def _check_bounded(self, D: Tensor) -> None:
        """The set is bounded exactly if Dv ≤ 0 only for v = 0."""
        axes = torch.eye(D.shape[1], dtype=torch.float64)
        rays = solver.lp_vertices(D, torch.zeros(len(D)), torch.cat([axes, -axes]), reach=1.0)
        longest = rays[rays.abs().amax(1).argmax()]
        if longest.abs().max() > 1e-6:
            direction = ", ".join(f"{entry:g}" for entry in longest.tolist())
            came = f"Dz ≤ d has no bound in the direction ({direction})"
            raise ValueError(f"D, d: expected a bounded set, but {came}")

    def _furthest(self, x: Tensor) -> Tensor:
        return solver.lp_vertices(self.D, self.d, normalized(x)[0]) if len(x) else x

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        x = self._as_rows(d, "d", finite=False)
        D, most = self.D.to(x), self.d.to(x)
        slack = atol * D.norm(dim=1) + rounding(d) * (x.abs() @ D.abs().T + most.abs())
        return x.isfinite().all(1) & (x @ D.T <= most + slack).all(1)

    def _supports(self, w: Any, rows: Tensor) -> Any:
        """The least dᵀλ over λ ≥ 0 with Dᵀλ = w; the equality is a penalty, and an exact one.

        With c the middle of the set's box, h its half widths and e = w − Dᵀλ, it is the least of
        cᵀw + (d − Dc)ᵀλ + 2 Σ h_i |e_i|: since |⟨e, z − c⟩| ≤ Σ h_i |e_i| for all z in the set, to leave a
        rest e saves at most half of what it costs.
        """
        cp, D, middle = cvxpy(), self.D.numpy(), (self.lower + self.upper).numpy() / 2
        half = (self.upper - self.lower).clamp(min=0).numpy() / 2
        dual = cp.Variable((len(rows), len(D)), nonneg=True)
        return w @ middle + dual @ (self.d.numpy() - D @ middle) + 2 * (cp.abs(w - dual @ D) @ half)

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        return [z @ self.D.T.numpy() <= np.broadcast_to(self.d.numpy(), (len(rows), len(self.d)))]

    def scaled(self, factor: float) -> Polyhedron:
        check_factor(factor, repr(self))
        return Polyhedron(self.D, factor * self.d)

    def formula_in(self, w: str) -> str:
        return f"min over λ ≥ 0, Dᵀλ = {w} of dᵀλ"

    @property
    def contains_zero(self) -> bool:
        return bool((self.d >= 0).all())


@dataclass(frozen=True, eq=False, repr=False)
class Scenarios(SolvedSet):
    """The hull of finitely many points, the rows of a matrix (k, d). The projection needs a solver.

    >>> Scenarios([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]).maximizer(torch.tensor([[1.0, 1.0], [1.0, 2.0]]))
    tensor([[1., 0.],
            [0., 1.]])
    """

    points: Tensor
    FITTED = "points", 1

    def __post_init__(self) -> None:
        self._keep(points=float64_copy(self.points, "points", 2).to_dense())

    def _furthest(self, x: Tensor) -> Tensor:
        """The point with the largest ⟨x, p⟩, the first of them at ties."""
        points = self.points.to(x)
        return points[(x @ points.T).argmax(1)]

    def _supports(self, w: Any, rows: Tensor) -> Any:
        return cvxpy().max(w @ self.points.T.numpy(), axis=1)

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        """With shares that are ≥ 0 and sum to 1, z is the average of the points."""
        share = cvxpy().Variable((len(rows), len(self.points)), nonneg=True)
        return [z == share @ self.points.numpy(), cvxpy().sum(share, axis=1) == 1]

    def scaled(self, factor: float) -> Scenarios:
        check_factor(factor, repr(self))
        return Scenarios(factor * self.points)

    def formula_in(self, w: str) -> str:
        return f"max over k of ⟨p_k, {w}⟩"

    @property
    def vertices(self) -> Tensor:
        return self.points

    @property
    def contains_zero(self) -> bool:
        return bool((self.points == 0).all(1).any())
