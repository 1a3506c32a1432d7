"""Group balls: the norms of groups of entries sum to at most a radius; of pixels also within a box."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rolab.arguments import (
    Radius,
    as_bounds,
    as_column,
    as_rows,
    check_radius,
    cvxpy,
    like,
    one_if_zero,
    one_per_row,
    rounding,
    short,
)
from rolab.errors import NoExpressionError
from rolab.norms import Lp, headroom
from rolab.sets import group_oracles, solver
from rolab.sets.balls import Ball, BallAndBox, Box, NormBall, OnBatch, WithRadius
from rolab.sets.base import Intersection, Shape, UncertaintySet
from rolab.sets.duality_gap import gap, group_bound


class Grouped(UncertaintySet):
    """A set of arrays of one shape; its groups are the fibres along an axis.

    Those of a matrix are its rows (axis 1) or its columns (axis 0); those of an image (3, H, W) its pixels.
    """

    shape: Shape
    axis: int

    @property
    def dimension(self) -> int:
        return math.prod(self.shape)

    @property
    def _owner(self) -> str:
        return f"shape {self.shape}"

    @property
    def _count(self) -> int:
        return self.dimension // self.shape[self.axis]

    def _groups(self, g: Tensor, name: str, finite: bool = True) -> Tensor:
        """The batch (N, ...) as (N, groups, length)."""
        x = self._as_rows(g, name, finite)
        fibres = x.reshape(-1, *self.shape).movedim(self.axis + 1, -1)
        return fibres.reshape(len(x), self._count, self.shape[self.axis])

    def _joined(self, parts: Tensor, g: Tensor) -> Tensor:
        """Groups in their order, (N, groups, length) or (N · groups, length), as the batch g they make."""
        rest = self.shape[: self.axis] + self.shape[self.axis + 1 :]
        return like(g, parts.reshape(len(g), *rest, self.shape[self.axis]).movedim(-1, self.axis + 1))

    def _group_expression(self, w: Any) -> Any:
        """The groups of all rows of w (m, n) in cvxpy, (m · groups, length)."""
        order = np.moveaxis(np.arange(self.dimension).reshape(self.shape), self.axis, -1).ravel()
        size = (w.shape[0] * self._count, self.shape[self.axis])
        return cvxpy().reshape(w[:, order], size, order="C")


def check_shape(shape: Any, axes: int | None) -> None:
    """Raise a `ValueError` unless the shape is a tuple of positive whole numbers, of that many axes."""
    whole = isinstance(shape, tuple) and all(isinstance(n, int) and n > 0 for n in shape)
    if not whole or len(shape) != (axes or max(len(shape), 1)):
        expected = "(m, n)" if axes == 2 else "a tuple of whole numbers"
        raise ValueError(f"shape: expected {expected}, each at least 1, got {shape!r}")


def _values(norm: Lp, parts: Tensor) -> Tensor:
    """The norms of the groups (N, K, C): (N, K)."""
    return norm.value(parts.flatten(0, 1)).reshape(parts.shape[:2])


@dataclass(frozen=True, eq=False, init=False, repr=False)
class GroupBall(WithRadius, Grouped):
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
        check_shape(shape, None)
        if not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
            raise ValueError(f"axis: expected an axis of the shape {shape}, got {axis!r}")
        self._keep(norm=Lp.of(norm), radius=radius, shape=shape, axis=axis % len(shape))

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        """All of the radius on a group with the largest dual norm, the first of them at ties."""
        parts = self._groups(g, "g")
        best = _values(self.norm.dual, parts).argmax(1)
        chosen = torch.arange(len(parts), device=g.device), best
        whole = torch.zeros_like(parts)
        whole[chosen] = self.norm.maximizer(parts[chosen], self.radius)
        return self._joined(whole, g)

    @torch.no_grad()
    def project(self, d: Tensor) -> Tensor:
        """For ℓ2 groups, their norms are projected onto the ℓ1 ball and each group is rescaled to that."""
        parts = self._groups(d, "d")
        if self.norm.additive:  # then the whole is an ℓ1 ball
            return self.norm.project(d, self.radius)
        if self.norm.separable:
            sides, radius = parts.mT, one_per_row(self.radius, parts)[:, None, None]
            uncapped = torch.full_like(sides, math.inf)
            y = group_oracles.priced_projection(self.norm, sides.abs(), radius, uncapped)
            return self._joined((sides.sign() * y).mT, d)
        if not self.norm.euclidean:
            return like(d, solver.project(self, as_rows(d, "d")))
        norms = _values(self.norm, parts)
        share = Lp(1).project(norms, self.radius) / one_if_zero(norms)
        return self._joined(parts * share[..., None], d)

    def duality_gap_bound(self, g: Tensor) -> Tensor:
        """Beside the radius times the largest dual norm of a group."""
        parts = self._groups(g, "g")
        largest = _values(self.norm.dual, parts).amax(1)
        return gap(as_column(self.radius, parts)[:, 0] * largest, g, self.maximizer(g))

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        parts = self._groups(d, "d", finite=False)
        total = _values(self.norm, parts).sum(1)
        return total <= as_column(self.radius, parts)[:, 0] * (1 + rounding(d)) + atol

    def _supports(self, w: Any, rows: Tensor) -> Any:
        """The largest dual norm of a group, times the radius."""
        cp = cvxpy()
        return cp.multiply(self._radii(rows), cp.max(self._norms(self.norm.dual, w), axis=1))

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        w, radii = self._in_units(z, rows)
        return [cvxpy().sum(self._norms(self.norm, w), axis=1) <= radii]

    def _norms(self, norm: Lp, w: Any) -> Any:
        """The norms of the groups, a row of them for each row of w."""
        values = norm.expression(self._group_expression(w))
        return cvxpy().reshape(values, (w.shape[0], self._count), order="C")

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


class PixelBall(OnBatch, NormBall):
    """All δ of images (N, C, H, W) with Σ over pixels of ‖pixel‖_p ≤ radius, a number or a tensor (N,).

    The norm acts on the C channels of one pixel. It is the `GroupBall` of the images' shape, axis 0; for
    flat vectors and for cvxpy, which do not know that shape, take that one.

    >>> g = torch.tensor([3.0, 0.0, 4.0, 4.5]).reshape(1, 2, 1, 2)  # two pixels, (3, 4) and (0, 4.5)
    >>> PixelBall("l2", 1.0).maximizer(g).flatten()
    tensor([0.6000, 0.0000, 0.8000, 0.0000])
    """

    def on(self, x: Tensor, name: str = "x") -> GroupBall:
        """The same set for vectors, with the shape (C, H, W) of the images x."""
        check_images(x, name)
        return GroupBall(self.norm, self.radius, tuple(x.shape[1:]), 0)

    def in_box(self, box: Box) -> PixelBallInBox:
        return PixelBallInBox(self, box)

    def _supports(self, w: Any, rows: Tensor) -> Any:
        why = "has no cvxpy expression, for the shape of the images is not known"
        instead = f"GroupBall({self.norm.name!r}, {short(self.radius)}, (C, H, W), 0)"
        raise NoExpressionError(f"{self!r} {why}; take {instead}")

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        return self._supports(z, rows)

    def formula_in(self, w: str) -> str:
        return f"{short(self.radius)}·max over pixels k of {self.norm.dual.formula(f'{w}[k]')}"


class PixelBallInBox(BallAndBox, Intersection):
    """A pixel ball & a box, exact: one price for all pixels, found by bisection (`rolab.sets.group_oracles`).

    The projection is exact for p = 1, 2 and ∞; others need a solver.

    >>> g = torch.tensor([3.0, 0.0, 4.0, 4.5]).reshape(1, 2, 1, 2)
    >>> PixelBallInBox(PixelBall("linf", 1.0), Box(-0.75, 0.75)).maximizer(g).flatten()  # the same as with &
    tensor([0.7500, 0.0000, 0.7500, 0.2500])
    """

    a: PixelBall
    b: Box

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        sign, *magnitudes = self._magnitudes(g, "g")
        y, _ = group_oracles.priced_maximizer(self.a.norm, *magnitudes)
        return like(g, sign * y)

    @torch.no_grad()
    def duality_gap_bound(self, g: Tensor) -> Tensor:
        sign, a, radius, cap = self._magnitudes(g, "g")
        y, price = group_oracles.priced_maximizer(self.a.norm, a, radius, cap)
        return gap(group_bound(self.a.norm, a, radius[:, :, 0], cap, price[:, :, 0]), g, like(g, sign * y))

    @torch.no_grad()
    def project(self, d: Tensor) -> Tensor:
        norm = self.a.norm
        if not (norm.additive or norm.euclidean or norm.separable):
            return (self.a.on(d, "d") & self.b).project(d)
        sign, *magnitudes = self._magnitudes(d, "d")
        return like(d, sign * group_oracles.priced_projection(norm, *magnitudes))

    def _magnitudes(self, g: Tensor, name: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of the pixels of g the signs, |g|, the radii (N, 1, 1), and how far the set lets each entry go."""
        x = pixels(g, name)
        sign, radius = x.sign(), one_per_row(self.a.radius, x)[:, None, None]
        room = headroom(sign.flatten(1), *as_bounds(self.b.lower, self.b.upper, g)).reshape(x.shape)
        return sign, x.abs(), radius, room.minimum(radius)

    def _parts(self) -> tuple[PixelBall, Box]:
        return self.a, self.b


def pixels(g: Tensor, name: str) -> Tensor:
    """The batch of images as (N, C, H · W): a pixel a column."""
    check_images(g, name)
    return as_rows(g, name).reshape(g.shape).flatten(2)


def check_images(g: Any, name: str) -> None:
    """Raise a `ValueError` unless g is a batch of images."""
    as_rows(g, name, finite=False)
    if g.ndim != 4:
        expected = "a batch of images (N, C, H, W); for vectors take GroupBall, with a shape"
        raise ValueError(f"{name}: expected {expected}, got shape {tuple(g.shape)}")
