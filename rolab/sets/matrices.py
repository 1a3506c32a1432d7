"""Sets of matrices: for design matrices of a regression, data of an SVM.

A matrix (m, n) is flattened to m · n entries row by row, as `flatten` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from rolab.arguments import Radius, as_column, check_radius, cvxpy, is_number, like, short
from rolab.sets import solver
from rolab.sets.balls import Ball, Box, WithRadius
from rolab.sets.base import Shape, UncertaintySet
from rolab.sets.group_balls import Grouped, check_shape
from rolab.sets.oracles import check_inner


@dataclass(frozen=True, eq=False, repr=False)
class _Product(Grouped):
    """All matrices of a shape (m, n) of which each group, its rows or its columns, is in the inner set."""

    inner: UncertaintySet
    shape: Shape
    GROUP: ClassVar[str]  # how a formula calls the groups,
    ENTRY: ClassVar[str]  # and the k-th of them

    def __post_init__(self) -> None:
        check_shape(self.shape, 2)
        check_inner(self.inner, self.shape[self.axis], "inner")
        self._keep(inner=self.inner.for_batch(torch.Size((self._count, self.shape[self.axis]))))

    def maximizer(self, g: Tensor) -> Tensor:
        parts = self._groups(g, "g")
        return self._joined(self._each(len(parts)).maximizer(parts.flatten(0, 1)), g)

    def project(self, d: Tensor) -> Tensor:
        parts = self._groups(d, "d")
        return self._joined(self._each(len(parts)).project(parts.flatten(0, 1)), d)

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        parts = self._groups(d, "d", finite=False)
        return self._each(len(parts)).contains(parts.flatten(0, 1), atol).reshape(parts.shape[:2]).all(1)

    def _supports(self, w: Any, rows: Tensor) -> Any:
        """The sum over the groups of the inner set's support function."""
        values = self._each(len(rows)).support_expression(self._group_expression(w))
        return cvxpy().sum(cvxpy().reshape(values, (len(rows), self._count), order="C"), axis=1)

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        return self._each(len(rows)).constraints(self._group_expression(z))

    def _each(self, count: int) -> UncertaintySet:
        """The sets of the groups of so many matrices: those of one, repeated."""
        return self.inner[torch.arange(self._count).repeat(count)]

    def scaled(self, factor: float) -> UncertaintySet:
        return type(self)(self.inner.scaled(factor), self.shape)

    def as_linear_image(self) -> tuple[UncertaintySet, Any]:
        return solver.in_units(self, solver.magnitude(self.inner))

    def formula_in(self, w: str) -> str:
        return f"Σ over {self.GROUP} k of [{self.inner.formula_in(w + self.ENTRY)}]"

    @property
    def contains_zero(self) -> bool:
        return self.inner.contains_zero


class Rows(_Product):
    """All matrices of a shape (m, n) of which each row is in the inner set: a product of m sets.

    The inner set is one for all rows, or holds one radius or bound a row: `Rows(Ball("l2", radii), (m, n))`.
    """

    axis, GROUP, ENTRY = 1, "rows", "[k,:]"

    def row_set(self, shape: Shape) -> UncertaintySet:
        return self.inner


class Columns(_Product):
    """All matrices of a shape (m, n) of which each column is in the inner set; as `Rows`, for columns."""

    axis, GROUP, ENTRY = 0, "columns", "[:,k]"

    def design_regularizer(self) -> UncertaintySet | None:
        """For ℓ2 balls, with the radii c_j: the columns of u xᵀ are x_j u, and Σ_j c_j |x_j| ‖u‖₂ is σ."""
        if self.inner.penalty is None or not self.inner.penalty[1].euclidean:
            return None
        radius, _ = self.inner.penalty
        return Ball("linf", radius) if is_number(radius) else Box(-radius, radius)


@dataclass(frozen=True, eq=False, repr=False)
class SpectralBall(WithRadius, Grouped):
    """All matrices of a shape (m, n) whose largest singular value is ≤ radius, a number or a tensor (N,).

    >>> SpectralBall(1.0, (2, 2)).maximizer(torch.tensor([[0.0, 5.0, 0.5, 0.0]]))
    tensor([[0., 1., 1., 0.]])
    """

    radius: Radius
    shape: Shape
    axis = 1

    def __post_init__(self) -> None:
        check_radius(self.radius)
        check_shape(self.shape, 2)

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        """The matrix radius · UVᵀ of the singular vectors of g, but for those whose singular value is 0."""
        matrices = self._groups(g, "g")
        U, s, Vt = torch.linalg.svd(matrices, full_matrices=False)
        least = max(self.shape) * torch.finfo(s.dtype).eps * s[:, :1]
        best = (U * (s > least)[:, None, :]) @ Vt
        return like(g, as_column(self.radius, matrices)[..., None] * best)

    @torch.no_grad()
    def project(self, d: Tensor) -> Tensor:
        """The singular values are clipped at the radius."""
        matrices = self._groups(d, "d")
        radius = as_column(self.radius, matrices)
        U, s, Vt = torch.linalg.svd(matrices, full_matrices=False)
        clipped = (U * s.minimum(radius)[:, None, :]) @ Vt
        return like(d, torch.where((s <= radius).all(1)[:, None, None], matrices, clipped))

    def _supports(self, w: Any, rows: Tensor) -> Any:
        """The nuclear norm, the sum of the singular values, times the radius."""
        cp = cvxpy()
        return cp.multiply(self._radii(rows), cp.hstack([cp.normNuc(W) for W in self._matrices(w)]))

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        w, radii = self._in_units(z, rows)
        return [cvxpy().sigma_max(W) <= most for W, most in zip(self._matrices(w), radii, strict=True)]

    def _matrices(self, w: Any) -> list[Any]:
        """The matrix that each row of w holds."""
        return [cvxpy().reshape(w[i], self.shape, order="C") for i in range(w.shape[0])]

    def design_regularizer(self) -> UncertaintySet | None:
        """An ℓ2 ball: the nuclear norm of u xᵀ, which has one singular value, is ‖u‖₂ ‖x‖₂."""
        return Ball("l2", self.radius)

    def formula_in(self, w: str) -> str:
        m, n = self.shape
        return f"{short(self.radius)}·Σ of the singular values of {w} as a {m}×{n} matrix"
