"""Sets of whole pixels: a pixel of an RGB image is a group of three entries, along axis 1 of the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rolab.norms import Lp, Radius, as_bounds, as_column, as_rows, check_radius, room
from rolab.sets import groups
from rolab.sets.balls import Box, split_formula
from rolab.sets.base import NoExpressionError, UncertaintySet, is_number, per_example, short
from rolab.sets.certificates import gap, group_bound
from rolab.sets.matrices import GroupBall


@dataclass(frozen=True, eq=False, init=False, repr=False)
class PixelBall(UncertaintySet):
    """All δ of images (N, C, H, W) with Σ over pixels of ‖pixel‖_p ≤ radius, a number or a tensor (N,).

    The norm acts on the C channels of one pixel. It is the `GroupBall` of the images' shape, axis 0; for
    flat vectors and for cvxpy, which do not know that shape, take that one.

    >>> g = torch.tensor([3.0, 0.0, 4.0, 4.5]).reshape(1, 2, 1, 2)  # two pixels, (3, 4) and (0, 4.5)
    >>> PixelBall("l2", 1.0).maximizer(g).flatten()
    tensor([0.6000, 0.0000, 0.8000, 0.0000])
    """

    norm: Lp
    radius: Radius

    def __init__(self, norm: Lp | str | float, radius: Radius) -> None:
        check_radius(radius)
        object.__setattr__(self, "norm", Lp.of(norm))
        object.__setattr__(self, "radius", radius)

    def maximizer(self, g: Tensor) -> Tensor:
        """All of the radius on a pixel with the largest dual norm, the first of them at ties."""
        return self.on(g, "g").maximizer(g)

    def project(self, d: Tensor) -> Tensor:
        return self.on(d, "d").project(d)

    def certificate(self, g: Tensor) -> Tensor:
        return self.on(g, "g").certificate(g)

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        return self.on(d, "d").contains(d, atol)

    def on(self, images: Tensor, name: str = "images") -> GroupBall:
        """The same set for vectors, with the shape (C, H, W) of these images."""
        check_images(images, name)
        return GroupBall(self.norm, self.radius, tuple(images.shape[1:]), 0)

    def support_expression(self, w: Any) -> Any:
        raise NoExpressionError(no_shape(self, self, ""))

    def within(self, z: Any) -> list[Any]:
        raise NoExpressionError(no_shape(self, self, ""))

    def scaled(self, factor: Radius) -> PixelBall:
        check_radius(factor, "factor")
        return PixelBall(self.norm, self.radius * factor)

    def __getitem__(self, rows: Any) -> PixelBall:
        return PixelBall(self.norm, per_example(self.radius, rows))

    def as_image(self) -> tuple[UncertaintySet, Any]:
        return (PixelBall(self.norm, 1.0), float(self.radius)) if is_number(self.radius) else (self, 1.0)

    def formula_in(self, w: str) -> str:
        return f"{short(self.radius)}·max over pixels k of {self.norm.dual.formula(f'{w}[k]')}"

    @property
    def holds_zero(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"PixelBall({self.norm.name!r}, {short(self.radius)})"


@dataclass(frozen=True, eq=False, repr=False)
class PixelBallInBox(UncertaintySet):
    """A pixel ball & a box, exact: one price for all pixels, found by bisection (`rolab.sets.groups`).

    The projection is exact for p = 1, 2 and ∞; others need a solver.

    >>> g = torch.tensor([3.0, 0.0, 4.0, 4.5]).reshape(1, 2, 1, 2)
    >>> PixelBallInBox(PixelBall("linf", 1.0), Box(-0.75, 0.75)).maximizer(g).flatten()  # the same as with &
    tensor([0.7500, 0.0000, 0.7500, 0.2500])
    """

    ball: PixelBall
    box: Box

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        return self._priced(g)[0]

    @torch.no_grad()
    def certificate(self, g: Tensor) -> Tensor:
        step, price = self._priced(g)
        _, radius, cap = self._room(g, "g")
        bound = group_bound(self.ball.norm, pixels(g, "g").abs(), radius[:, :, 0], cap, price[:, :, 0])
        return gap(bound, g, step)

    def _priced(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """The maximiser and the price of its radius."""
        sign, radius, cap = self._room(g, "g")
        y, price = groups.maximizer(self.ball.norm, pixels(g, "g").abs(), radius, cap)
        return (sign * y).reshape(g.shape).to(g.dtype), price

    @torch.no_grad()
    def project(self, d: Tensor) -> Tensor:
        norm = self.ball.norm
        if not (norm == Lp(1) or norm.euclidean or norm.separable):
            return (self.ball.on(d, "d") & self.box).project(d)
        sign, radius, cap = self._room(d, "d")
        y = groups.project(norm, pixels(d, "d").abs(), radius, cap)
        return (sign * y).reshape(d.shape).to(d.dtype)

    def _room(self, g: Tensor, name: str) -> tuple[Tensor, Tensor, Tensor]:
        """The signs of the pixels of g, the radii (N, 1, 1), and how far the set lets each entry go."""
        x = pixels(g, name)
        sign, rows = x.sign().flatten(1), x.flatten(1)
        radius = as_column(self.ball.radius, rows).expand(len(rows), 1)
        cap = room(sign, *as_bounds(self.box.lower, self.box.upper, g)).minimum(radius)
        return sign.reshape(x.shape), radius[:, :, None], cap.reshape(x.shape)

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        return self.ball.contains(d, atol) & self.box.contains(d, atol)

    def support_expression(self, w: Any) -> Any:
        raise NoExpressionError(no_shape(self, self.ball, " & box"))

    def within(self, z: Any) -> list[Any]:
        raise NoExpressionError(no_shape(self, self.ball, " & box"))

    def scaled(self, factor: float) -> PixelBallInBox:
        return PixelBallInBox(self.ball.scaled(factor), self.box.scaled(factor))

    def __getitem__(self, rows: Any) -> PixelBallInBox:
        return PixelBallInBox(self.ball[rows], self.box[rows])

    def formula_in(self, w: str) -> str:
        return split_formula(self.ball, self.box, w)

    @property
    def holds_zero(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"{self.ball!r} & {self.box!r}"


@dataclass(frozen=True, eq=False, repr=False)
class Pixels(UncertaintySet):
    """At most k whole pixels of images (N, C, H, W) change, each anywhere within its box: a maximiser only.

    The set is not convex: half of one pixel's change plus half of another's moves both. So it has no
    projection, no certificate and no expression, and its support function is that of its convex hull. For
    valid images take `lambda x: Pixels(3, pixel_box(x))`.

    >>> g = torch.tensor([3.0, 0.0, 4.0, 4.5]).reshape(1, 2, 1, 2)
    >>> Pixels(1, Box(-0.5, 0.5)).maximizer(g).flatten()
    tensor([0.5000, 0.0000, 0.5000, 0.0000])
    """

    k: int
    box: Box

    def __post_init__(self) -> None:
        if not isinstance(self.k, int) or isinstance(self.k, bool) or self.k < 0:
            raise ValueError(f"k: expected a whole number of pixels >= 0, got {self.k!r}")
        if not isinstance(self.box, Box):
            raise ValueError(f"box: expected a Box, such as pixel_box(x), got {self.box!r}")

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        """The corner of the box in the k pixels of the largest Σ_c |g_c| cap_c, the first of them at ties."""
        corner = self.box.maximizer(g)
        scores = (pixels(g, "g") * pixels(corner, "maximizer")).sum(1)
        best = scores.argsort(dim=1, descending=True, stable=True)[:, : self.k]
        chosen = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, best, True)
        return corner.where(chosen.reshape(len(g), 1, *g.shape[2:]), 0.0)

    def project(self, d: Tensor) -> Tensor:
        raise ValueError(f"{self!r}: a set that is not convex has no projection; use one step, not PGD")

    def certificate(self, g: Tensor) -> Tensor:
        raise ValueError(f"{self!r}: a set that is not convex has no certificate; compare with brute force")

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        check_images(d, "d")
        changed = (d.abs() > atol).any(1) | d.isnan().any(1)
        return (changed.flatten(1).sum(1) <= self.k) & self.box.contains(d, atol)

    def support_expression(self, w: Any) -> Any:
        raise NoExpressionError(f"{self!r} has no cvxpy expression, for the shape of the images is not known")

    def scaled(self, factor: float) -> Pixels:
        return Pixels(self.k, self.box.scaled(factor))

    def __getitem__(self, rows: Any) -> Pixels:
        return Pixels(self.k, self.box[rows])

    @property
    def convex(self) -> bool:
        return False

    def formula_in(self, w: str) -> str:
        return f"the {self.k} largest over pixels k of [{self.box.formula_in(f'{w}[k]')}]"

    @property
    def holds_zero(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"Pixels({self.k}, {self.box!r})"


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


def no_shape(U: UncertaintySet, ball: PixelBall, box: str) -> str:
    """Why there is no expression, and what to take."""
    instead = f"GroupBall({ball.norm.name!r}, {short(ball.radius)}, (C, H, W), 0){box}"
    return f"{U!r} has no cvxpy expression, for the shape of the images is not known; take {instead}"
