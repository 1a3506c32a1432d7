"""Sets of matrices: for design matrices of a regression, data of an SVM, pixels of RGB images.

A matrix (m, n) is flattened to m · n entries row by row, as `flatten` does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from rolab.norms import Lp, Radius, as_column, check_radius, cvxpy
from rolab.sets import groups, solved
from rolab.sets.balls import Ball, Box
from rolab.sets.base import (
    UncertaintySet,
    check_width,
    decision,
    fitting,
    is_number,
    like,
    per_example,
    rounding,
    short,
)
from rolab.sets.certificates import gap

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False, repr=False)
class _Product(UncertaintySet):
    """All matrices of a shape (m, n) of which each group, its rows or its columns, is in the inner set."""

    inner: UncertaintySet
    shape: Shape
    AXIS: ClassVar[int]  # along which a group runs
    GROUP: ClassVar[str]  # how a formula calls the groups,
    ENTRY: ClassVar[str]  # and the k-th of them

    def __post_init__(self) -> None:
        _check_shape(self.shape, 2)
        _check_inner(self.inner, self.shape[self.AXIS])

    def maximizer(self, g: Tensor) -> Tensor:
        parts = _groups(g, "g", self.shape, self.AXIS)
        best = _each(self.inner, parts).maximizer(parts.flatten(0, 1))
        return _joined(best, g, self.shape, self.AXIS)

    def project(self, d: Tensor) -> Tensor:
        parts = _groups(d, "d", self.shape, self.AXIS)
        nearest = _each(self.inner, parts).project(parts.flatten(0, 1))
        return _joined(nearest, d, self.shape, self.AXIS)

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        parts = _groups(d, "d", self.shape, self.AXIS, finite=False)
        return _each(self.inner, parts).contains(parts.flatten(0, 1), atol).reshape(parts.shape[:2]).all(1)

    def support_expression(self, w: Any) -> Any:
        """The sum over the groups of the inner set's support function."""
        return _summed(self.inner, w, self.shape, self.AXIS)

    def within(self, z: Any) -> list[Any]:
        return _all_within(self.inner, z, self.shape, self.AXIS)

    def scaled(self, factor: float) -> UncertaintySet:
        return type(self)(self.inner.scaled(factor), self.shape)

    def formula_in(self, w: str) -> str:
        return f"Σ over {self.GROUP} k of [{self.inner.formula_in(w + self.ENTRY)}]"

    @property
    def holds_zero(self) -> bool:
        return self.inner.holds_zero

    @property
    def dimension(self) -> int | None:
        return math.prod(self.shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inner!r}, {self.shape})"


class Rows(_Product):
    """All matrices of a shape (m, n) of which each row is in the inner set: a product of m sets.

    The inner set is one for all rows, or holds one radius or bound a row: `Rows(Ball("l2", radii), (m, n))`.
    """

    AXIS, GROUP, ENTRY = 1, "rows", "[k,:]"

    def row_set(self, shape: Shape) -> UncertaintySet:
        return self.inner


class Columns(_Product):
    """All matrices of a shape (m, n) of which each column is in the inner set: a product of n sets.

    The inner set is one for all columns, or holds one radius or bound a column.
    """

    AXIS, GROUP, ENTRY = 0, "columns", "[:,k]"

    def design_regularizer(self) -> UncertaintySet | None:
        """For ℓ2 balls, with the radii c_j: the columns of u xᵀ are x_j u, and Σ_j c_j |x_j| ‖u‖₂ is σ."""
        if self.inner.penalty is None or not self.inner.penalty[1].euclidean:
            return None
        radius, _ = self.inner.penalty
        return Ball("linf", radius) if is_number(radius) else Box(-radius, radius)


@dataclass(frozen=True, eq=False, init=False, repr=False)
class GroupBall(UncertaintySet):
    """All δ of a shape with Σ over groups of ‖group‖ ≤ radius, a number or a tensor (N,).

    A group runs along `axis`: rows of a data matrix are the groups of shape (m, n), axis 1; pixels of an RGB
    image those of (3, H, W), axis 0. The projection is exact for ℓ1, ℓ2 and ℓ∞ groups; others need a solver.

    >>> g = torch.tensor([[3.0, 4.0, 0.0, 4.5]])
    >>> GroupBall("l2", 1.0, (2, 2), 1).maximizer(g)
    tensor([[0.6000, 0.8000, 0.0000, 0.0000]])
    """

    norm: Lp
    radius: Radius
    shape: Shape
    axis: int

    def __init__(self, norm: Lp | str | float, radius: Radius, shape: Shape, axis: int) -> None:
        check_radius(radius)
        _check_shape(shape, None)
        if not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
            raise ValueError(f"axis: expected an axis of the shape {shape}, got {axis!r}")
        object.__setattr__(self, "norm", Lp.of(norm))
        object.__setattr__(self, "radius", radius)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "axis", axis % len(shape))

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        """All of the radius on a group with the largest dual norm, the first of them at ties."""
        parts = _groups(g, "g", self.shape, self.axis)
        best = self.norm.dual.value(parts.flatten(0, 1)).reshape(parts.shape[:2]).argmax(1)
        chosen = torch.arange(len(parts), device=g.device), best
        whole = torch.zeros_like(parts)
        whole[chosen] = self.norm.maximizer(parts[chosen], self.radius)
        return _joined(whole, g, self.shape, self.axis)

    @torch.no_grad()
    def project(self, d: Tensor) -> Tensor:
        """For ℓ2 groups, their norms are projected onto the ℓ1 ball and each group is rescaled to that."""
        parts = _groups(d, "d", self.shape, self.axis)
        if self.norm == Lp(1):  # then the whole is an ℓ1 ball
            return Lp(1).project(d, self.radius)
        if self.norm.separable:
            sides, radius = parts.mT, as_column(self.radius, parts)[:, :, None].expand(len(parts), 1, 1)
            y = groups.project(self.norm, sides.abs(), radius, torch.full_like(sides, math.inf))
            return _joined((sides.sign() * y).mT, d, self.shape, self.axis)
        if not self.norm.euclidean:
            return solved.project(self, d)
        norms = self.norm.value(parts.flatten(0, 1)).reshape(parts.shape[:2])
        share = Lp(1).project(norms, self.radius) / torch.where(norms > 0, norms, 1.0)
        return _joined(parts * share[..., None], d, self.shape, self.axis)

    def certificate(self, g: Tensor) -> Tensor:
        """Beside the radius times the largest dual norm of a group."""
        parts = _groups(g, "g", self.shape, self.axis)
        largest = self.norm.dual.value(parts.flatten(0, 1)).reshape(parts.shape[:2]).amax(1)
        return gap(as_column(self.radius, parts)[:, 0] * largest, g, self.maximizer(g))

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        parts = _groups(d, "d", self.shape, self.axis, finite=False)
        total = self.norm.value(parts.flatten(0, 1)).reshape(parts.shape[:2]).sum(1)
        return total <= as_column(self.radius, parts)[:, 0] * (1 + rounding(d)) + atol

    def support_expression(self, w: Any) -> Any:
        """The largest dual norm of a group, times the radius."""
        cp, (w, rows) = cvxpy(), decision(w)
        radius = as_column(self.radius, rows).expand(len(rows), 1)[:, 0].numpy()
        norms = self._norms(self.norm.dual, w, "w")
        return cp.multiply(radius, cp.max(norms, axis=1)) if w.ndim == 2 else radius[0] * cp.max(norms)

    def within(self, z: Any) -> list[Any]:
        z, rows = decision(z)
        radius = as_column(self.radius, rows).expand(len(rows), 1)[:, 0].numpy()
        return [cvxpy().sum(self._norms(self.norm, z, "z"), axis=1) <= radius]

    def _norms(self, norm: Lp, w: Any, name: str) -> Any:
        """The norms of the groups, a row of them for each row of w."""
        groups, count = _group_expression(w, name, self.shape, self.axis)
        return cvxpy().reshape(norm.expression(groups), (count, groups.shape[0] // count), order="C")

    def scaled(self, factor: Radius) -> GroupBall:
        check_radius(factor, "factor")
        return GroupBall(self.norm, self.radius * factor, self.shape, self.axis)

    def __getitem__(self, rows: Any) -> GroupBall:
        return GroupBall(self.norm, per_example(self.radius, rows), self.shape, self.axis)

    def as_image(self) -> tuple[UncertaintySet, Any]:
        if not is_number(self.radius):
            return self, 1.0
        return GroupBall(self.norm, 1.0, self.shape, self.axis), float(self.radius)

    def design_regularizer(self) -> UncertaintySet | None:
        """For columns in ℓ2, an ℓ1 ball, as one column takes all: max_j c |x_j| ‖u‖₂."""
        return Ball("l1", self.radius) if self.axis == 0 and self.norm.euclidean else None

    def enclosing(self, shape: Shape) -> tuple[UncertaintySet, ...]:
        """For p ≤ 2 the Frobenius ball: ‖z‖₂ ≤ ‖z‖_p, and the sum over the groups is larger still."""
        return (Ball("l2", self.radius),) if self.norm.p <= 2 else ()

    def coupled_examples(self, shape: Shape) -> UncertaintySet | None:
        if math.prod(self.shape) == shape[1]:  # a set of each example's entries
            return None
        if self.shape != shape or self.axis != 1:
            expected = f"shape {shape} and axis 1, a group an example, or shape {shape[1:]} for each example"
            raise ValueError(f"U: expected a GroupBall with {expected}, got {self!r}")
        return Ball(self.norm, self.radius)

    def formula_in(self, w: str) -> str:
        return f"{short(self.radius)}·max over groups k of {self.norm.dual.formula(f'{w}[k]')}"

    @property
    def holds_zero(self) -> bool:
        return True

    @property
    def dimension(self) -> int | None:
        return math.prod(self.shape)

    def __repr__(self) -> str:
        return f"GroupBall({self.norm.name!r}, {short(self.radius)}, {self.shape}, {self.axis})"


@dataclass(frozen=True, eq=False, repr=False)
class SpectralBall(UncertaintySet):
    """All matrices of a shape (m, n) whose largest singular value is ≤ radius, a number or a tensor (N,).

    >>> SpectralBall(1.0, (2, 2)).maximizer(torch.tensor([[0.0, 5.0, 0.5, 0.0]]))
    tensor([[0., 1., 1., 0.]])
    """

    radius: Radius
    shape: Shape

    def __post_init__(self) -> None:
        check_radius(self.radius)
        _check_shape(self.shape, 2)

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        """The matrix radius · UVᵀ of the singular vectors of g, but for those whose singular value is 0."""
        matrices = _groups(g, "g", self.shape, 1)
        U, s, Vt = torch.linalg.svd(matrices, full_matrices=False)
        least = max(self.shape) * torch.finfo(s.dtype).eps * s[:, :1]
        best = (U * (s > least)[:, None, :]) @ Vt
        return like(g, as_column(self.radius, matrices)[..., None] * best)

    @torch.no_grad()
    def project(self, d: Tensor) -> Tensor:
        """The singular values are clipped at the radius."""
        matrices = _groups(d, "d", self.shape, 1)
        radius = as_column(self.radius, matrices)
        U, s, Vt = torch.linalg.svd(matrices, full_matrices=False)
        clipped = (U * s.minimum(radius)[:, None, :]) @ Vt
        return like(d, torch.where((s <= radius).all(1)[:, None, None], matrices, clipped))

    def support_expression(self, w: Any) -> Any:
        """The nuclear norm, the sum of the singular values, times the radius."""
        cp, (w, rows) = cvxpy(), decision(w)
        radius = as_column(self.radius, rows).expand(len(rows), 1)[:, 0].numpy()
        norms = [cp.normNuc(matrix) for matrix in self._matrices(w, "w")]
        return cp.multiply(radius, cp.hstack(norms)) if w.ndim == 2 else radius[0] * norms[0]

    def within(self, z: Any) -> list[Any]:
        z, rows = decision(z)
        radius = as_column(self.radius, rows).expand(len(rows), 1)[:, 0].numpy()
        matrices = self._matrices(z, "z")
        return [cvxpy().sigma_max(matrix) <= most for matrix, most in zip(matrices, radius, strict=True)]

    def _matrices(self, w: Any, name: str) -> list[Any]:
        """The matrix that w, or each of its rows, holds."""
        check_width(w.shape[-1], math.prod(self.shape), name, f"shape {self.shape}")
        rows = [w] if w.ndim == 1 else [w[i] for i in range(w.shape[0])]
        return [cvxpy().reshape(row, self.shape, order="C") for row in rows]

    def scaled(self, factor: Radius) -> SpectralBall:
        check_radius(factor, "factor")
        return SpectralBall(self.radius * factor, self.shape)

    def __getitem__(self, rows: Any) -> SpectralBall:
        return SpectralBall(per_example(self.radius, rows), self.shape)

    def as_image(self) -> tuple[UncertaintySet, Any]:
        return (SpectralBall(1.0, self.shape), float(self.radius)) if is_number(self.radius) else (self, 1.0)

    def design_regularizer(self) -> UncertaintySet | None:
        """An ℓ2 ball: the nuclear norm of u xᵀ, which has one singular value, is ‖u‖₂ ‖x‖₂."""
        return Ball("l2", self.radius)

    def formula_in(self, w: str) -> str:
        m, n = self.shape
        return f"{short(self.radius)}·Σ of the singular values of {w} as a {m}×{n} matrix"

    @property
    def holds_zero(self) -> bool:
        return True

    @property
    def dimension(self) -> int | None:
        return math.prod(self.shape)

    def __repr__(self) -> str:
        return f"SpectralBall({short(self.radius)}, {self.shape})"


# The groups of a matrix are its rows (axis 1), its columns (axis 0), or the fibres of an array along an axis.


def _groups(g: Tensor, name: str, shape: Shape, axis: int, finite: bool = True) -> Tensor:
    """The batch (N, ...) as (N, groups, length)."""
    x = fitting(g, name, math.prod(shape), f"shape {shape}", finite)
    return x.reshape(-1, *shape).movedim(axis + 1, -1).reshape(len(x), _count(shape, axis), shape[axis])


def _joined(parts: Tensor, g: Tensor, shape: Shape, axis: int) -> Tensor:
    """Groups in their order, (N, groups, length) or (N · groups, length), as the batch g that they make."""
    rest = shape[:axis] + shape[axis + 1 :]
    return like(g, parts.reshape(len(g), *rest, shape[axis]).movedim(-1, axis + 1))


def _each(inner: UncertaintySet, parts: Tensor) -> UncertaintySet:
    """The sets of the groups (N · groups, length): those of one matrix, repeated."""
    return inner[torch.arange(parts.shape[1]).repeat(len(parts))]


def _group_expression(w: Any, name: str, shape: Shape, axis: int) -> tuple[Any, int]:
    """The groups of all rows of w in cvxpy, (m · groups, length), and how many rows it has."""
    w, rows = decision(w)
    check_width(w.shape[-1], math.prod(shape), name, f"shape {shape}")
    order = np.moveaxis(np.arange(math.prod(shape)).reshape(shape), axis, -1).ravel()
    sorted_entries = w[order] if w.ndim == 1 else w[:, order]
    size = (len(rows) * _count(shape, axis), shape[axis])
    return cvxpy().reshape(sorted_entries, size, order="C"), len(rows)


def _summed(inner: UncertaintySet, w: Any, shape: Shape, axis: int) -> Any:
    """The sum of the support functions of the groups of w, or of each of its rows."""
    groups, count = _group_expression(w, "w", shape, axis)
    k = _count(shape, axis)
    values = inner[torch.arange(k).repeat(count)].support_expression(groups)
    sums = cvxpy().sum(cvxpy().reshape(values, (count, k), order="C"), axis=1)
    return sums if len(w.shape) == 2 else sums[0]


def _all_within(inner: UncertaintySet, z: Any, shape: Shape, axis: int) -> list[Any]:
    """The constraints that each group of z, or of each of its rows, is in the inner set."""
    groups, count = _group_expression(z, "z", shape, axis)
    return inner[torch.arange(_count(shape, axis)).repeat(count)].within(groups)


def _count(shape: Shape, axis: int) -> int:
    return math.prod(shape) // shape[axis]


def _check_shape(shape: Any, axes: int | None) -> None:
    """Raise a `ValueError` unless the shape is a tuple of positive whole numbers, of that many axes."""
    whole = isinstance(shape, tuple) and all(isinstance(n, int) and n > 0 for n in shape)
    if not whole or len(shape) != (axes or max(len(shape), 1)):
        expected = "(m, n)" if axes == 2 else "a tuple of whole numbers"
        raise ValueError(f"shape: expected {expected}, each at least 1, got {shape!r}")


def _check_inner(inner: Any, length: int) -> None:
    if not isinstance(inner, UncertaintySet):
        raise ValueError(f"inner: expected an UncertaintySet, got {inner!r}")
    if inner.dimension not in (None, length):
        raise ValueError(f"inner: expected a set of {length} entries, got {inner.dimension} of {inner!r}")
