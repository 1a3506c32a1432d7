"""Polyhedra by their inequalities, and hulls by their points."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy import sparse
from scipy.optimize import linprog
from torch import Tensor

from rolab.arguments import (
    check_factor,
    cvxpy,
    divided,
    float64_copy,
    normalized,
    power_of_two,
    rounding,
)
from rolab.errors import EmptySetError, SolverError
from rolab.sets import solver
from rolab.sets.base import SolvedSet, UncertaintySet


@dataclass(frozen=True, eq=False, repr=False)
class Polyhedron(SolvedSet):
    """All z with Dz ≤ d, where D is (k, n) and d (k,). Maximisers are vertices, by HiGHS; Clarabel projects.

    It is checked when it is made: an `EmptySetError` names the rows that contradict each other, by Farkas'
    lemma; a `ValueError` says in which direction the set has no bound. Solvers drop what is small: they see z
    in units of the set's own, and rows of entries up to 1.

    >>> triangle = Polyhedron([[-1.0, 0.0], [0.0, -1.0], [1.0, 1.0]], [0.0, 0.0, 1.0])
    >>> triangle.maximizer(torch.tensor([[1.0, 2.0], [-1.0, -1.0]])).abs()
    tensor([[0., 1.],
            [0., 0.]])
    """

    D: Tensor
    d: Tensor
    lower: Tensor = field(init=False)  # the corners of the smallest box around the set
    upper: Tensor = field(init=False)
    unit: Tensor = field(init=False)  # (n,): the set is all unit · w with Aw ≤ b, its size is about 1
    A: Tensor = field(init=False)
    b: Tensor = field(init=False)
    FITTED = "D", 1

    def __post_init__(self) -> None:
        D, d = float64_copy(self.D, "D", 2).to_dense(), float64_copy(self.d, "d", 1)
        if len(D) != len(d):
            raise ValueError(f"d: expected {len(D)} entries, one a row of D {tuple(D.shape)}, got {len(d)}")
        self._keep(D=D, d=d)
        self._take_units(_likely_units(D, d))
        self._check_not_empty()
        self._check_bounded()
        for _ in range(4):  # once, for a set of some size near 1
            axes = torch.eye(D.shape[1], dtype=torch.float64)
            lower, upper = (solver.lp_vertices(self.A, self.b, side * axes).diagonal() for side in (-1, 1))
            last = self.unit
            self._keep(lower=last * lower, upper=last * upper)
            self._take_units(own_units(lower, upper, last))
            if torch.equal(last, self.unit):
                break

    def _take_units(self, unit: Tensor) -> None:
        """Keeps A and b: the rows for z/unit, each divided by a power of two near its largest entry."""
        A = self.D * unit
        row = power_of_two(torch.where(A.any(1), A.abs().amax(1), self.d.abs()))
        self._keep(unit=unit, A=A / row[:, None], b=self.d / row)

    def _check_not_empty(self) -> None:
        """Farkas' lemma: there is no z exactly if some λ ≥ 0 has Aᵀλ = 0 and bᵀλ < 0."""
        equal = np.vstack([self.A.T.numpy(), np.ones(len(self.A))])
        found = linprog(self.b.numpy(), A_eq=equal, b_eq=[*np.zeros(self.A.shape[1]), 1.0], method="highs-ds")
        if found.status not in (0, 2):  # 2: no such λ at all
            raise SolverError(f"linear program: {found.message}")
        if found.status == 0 and found.fun < -1e-9 * max(1.0, self.b.abs().max().item()):
            rows = ", ".join(str(row) for row in np.flatnonzero(found.x > 1e-9))
            came = f"the rows {rows} of Dz ≤ d contradict each other"
            raise EmptySetError(f"D, d: expected a set with a point, but {came}")

    def _check_bounded(self) -> None:
        """The set is bounded exactly if Av ≤ 0 only for v = 0."""
        axes = torch.eye(self.A.shape[1], dtype=torch.float64)
        rays = solver.lp_vertices(self.A, torch.zeros(len(self.A)), torch.cat([axes, -axes]), reach=1.0)
        longest = rays[rays.abs().amax(1).argmax()]
        if longest.abs().max() > 1e-6:
            ray = normalized((self.unit * longest)[None])[0][0]
            direction = ", ".join(f"{entry:g}" for entry in ray.tolist())
            came = f"Dz ≤ d has no bound in the direction ({direction})"
            raise ValueError(f"D, d: expected a bounded set, but {came}")

    def _furthest(self, x: Tensor) -> Tensor:
        g = normalized(x.double().cpu() * self.unit)[0]
        return self.unit * solver.lp_vertices(self.A, self.b, g) if len(x) else x

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        x = self._as_rows(d, "d", finite=False).double().cpu()
        w, A = x / self.unit, self.A
        slack = atol * (A / self.unit).norm(dim=1) + rounding(d) * (w.abs() @ A.abs().T + self.b.abs())
        return (x.isfinite().all(1) & (w @ A.T <= self.b + slack).all(1)).to(d.device)

    def _supports(self, w: Any, rows: Tensor) -> Any:
        """The least bᵀλ over λ ≥ 0 with Aᵀλ = w, both in its units; the equality is an exact penalty.

        With c the middle of the set's box, h its half widths and e = w − Aᵀλ, it is the least of
        cᵀw + (b − Ac)ᵀλ + 2 Σ h_i |e_i|: since |⟨e, z − c⟩| ≤ Σ h_i |e_i| for all z in the set, to leave a
        rest e saves at most half of what it costs.
        """
        cp, A, w = cvxpy(), self.A.numpy(), w @ np.diag(self.unit.numpy())
        lower, upper = (self.lower / self.unit).numpy(), (self.upper / self.unit).numpy()
        middle, half = (lower + upper) / 2, np.maximum(upper - lower, 0) / 2
        dual = cp.Variable((len(rows), len(A)), nonneg=True)
        return w @ middle + dual @ (self.b.numpy() - A @ middle) + 2 * (cp.abs(w - dual @ A) @ half)

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        most = np.broadcast_to(self.b.numpy(), (len(rows), len(self.b)))
        return [z @ (self.A / self.unit).T.numpy() <= most]

    def scaled(self, factor: float) -> Polyhedron:
        check_factor(factor, repr(self))
        return Polyhedron(self.D, factor * self.d)

    def as_linear_image(self) -> tuple[UncertaintySet, Any]:
        return (self, 1.0) if self.unit.eq(1).all() else (Polyhedron(self.A, self.b), diagonal(self.unit))

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
        unit = self._unit
        g = normalized(x.double().cpu() * unit)[0]
        return self.points[(g @ (self.points / unit).T).argmax(1)]

    @property
    def _unit(self) -> Tensor:
        return _units_of(self.points.abs().amax(0))

    def _supports(self, w: Any, rows: Tensor) -> Any:
        return cvxpy().max(w @ self.points.T.numpy(), axis=1)

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        """With shares that are ≥ 0 and sum to 1, z is the average of the points; seen from their middle."""
        share = cvxpy().Variable((len(rows), len(self.points)), nonneg=True)
        lower, upper = self.points.amin(0), self.points.amax(0)
        middle, width = (lower + upper) / 2, upper - lower
        unit = _units_of(torch.where(width > 1e-15 * upper.maximum(-lower), width, 0.0))
        moved = divided(z - np.broadcast_to(middle.numpy(), z.shape), unit)
        return [moved == share @ ((self.points - middle) / unit).numpy(), cvxpy().sum(share, axis=1) == 1]

    def scaled(self, factor: float) -> Scenarios:
        check_factor(factor, repr(self))
        return Scenarios(factor * self.points)

    def as_linear_image(self) -> tuple[UncertaintySet, Any]:
        unit = self._unit
        return (self, 1.0) if unit.eq(1).all() else (Scenarios(self.points / unit), diagonal(unit))

    def formula_in(self, w: str) -> str:
        return f"max over k of ⟨p_k, {w}⟩"

    @property
    def vertices(self) -> Tensor:
        return self.points

    @property
    def contains_zero(self) -> bool:
        return bool((self.points == 0).all(1).any())


def own_units(lower: Tensor, upper: Tensor, unit: Tensor | float = 1.0) -> Tensor:
    """`_units_of` the coordinates of a box that is in these units; what is 1e-15 of others there is 0."""
    size = lower.abs().maximum(upper.abs())
    return _units_of(torch.where(size > 1e-15 * size.max(), unit * size, 0.0))


def _units_of(size: Tensor) -> Tensor:
    """Powers of two near the sizes of coordinates, the largest of all for 0; 1 where none is far from 1."""
    size = torch.where(size > 0, size, size.max())
    near_1 = (size == 0) | ((size > 1e-2) & (size < 1e2))
    return torch.ones_like(size) if near_1.all() else power_of_two(size)


def diagonal(unit: Tensor) -> Any:
    """A number if all entries are one, else the diagonal matrix."""
    return float(unit[0]) if unit.eq(unit[0]).all() else sparse.diags_array(unit.numpy()).tocsr()


def _likely_units(D: Tensor, d: Tensor) -> Tensor:
    """For each coordinate the size that most rows give it, |d_i|/|D_ij|; where none does, that of others."""
    ratio = d.abs()[:, None] / D.abs()
    size = torch.where(ratio.isfinite() & (ratio > 0), ratio, torch.nan).nanmedian(0).values
    size = torch.where(size.isnan(), size.nanmean().nan_to_num(1.0), size)
    return _units_of(size)
