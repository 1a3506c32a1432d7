"""Balls, boxes, and balls in boxes: sets with closed forms that need no matrix."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any, Self, cast

import torch
from torch import Tensor

from rolab.arguments import (
    Bound,
    Radius,
    as_bounds,
    as_column,
    as_rows,
    at_rows,
    bound_for_batch,
    check_count,
    check_factor,
    check_radius,
    cvxpy,
    divided,
    is_number,
    is_real,
    like,
    one_per_row,
    per_example,
    power_of_two,
    rounding,
    short,
)
from rolab.norms import Lp, headroom
from rolab.sets import solver
from rolab.sets.base import Intersection, Shape, UncertaintySet
from rolab.sets.duality_gap import bound_in_box, gap


class WithRadius(UncertaintySet):
    """A unit set times its radius, a number or a tensor (N,), one per example."""

    radius: Radius
    contains_zero = True

    def _with_radius(self, radius: Radius) -> Self:
        return replace(cast(Any, self), radius=radius)

    def _radii(self, rows: Tensor) -> Any:
        """The radius of each row, an array (m,)."""
        return one_per_row(self.radius, rows).numpy()

    def scaled(self, factor: Radius) -> Self:
        check_radius(factor, "factor")
        return self._with_radius(self.radius * factor)

    def for_batch(self, shape: torch.Size) -> Self:
        check_count(self.radius, shape[0])
        return self

    def __getitem__(self, rows: Any) -> Self:
        return self if is_number(self.radius) else self._with_radius(per_example(self.radius, rows))

    def extent(self, rows: Tensor) -> Tensor:
        return one_per_row(self.radius, rows)[:, None].expand(rows.shape)

    def _in_units(self, z: Any, rows: Tensor) -> tuple[Any, Any]:
        """Each row of z, and its radius, divided by a power of two near the radius."""
        radii = one_per_row(self.radius, rows)
        unit = power_of_two(radii)
        return divided(z, unit[:, None]), (radii / unit).numpy()

    def as_linear_image(self) -> tuple[UncertaintySet, Any]:
        one = not isinstance(self.radius, Tensor) or self.radius.numel() == 1
        return (self._with_radius(1.0), float(self.radius)) if one else (self, 1.0)


class OnBatch(UncertaintySet):
    """A set whose closed form depends on the shape of the batch: it answers as the set `on` that batch."""

    def on(self, x: Tensor, name: str = "x") -> UncertaintySet:
        """The same set for batches like x."""
        raise NotImplementedError

    def maximizer(self, g: Tensor) -> Tensor:
        return self.on(g, "g").maximizer(g)

    def project(self, d: Tensor) -> Tensor:
        return self.on(d, "d").project(d)

    def duality_gap_bound(self, g: Tensor) -> Tensor:
        return self.on(g, "g").duality_gap_bound(g)

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        return self.on(d, "d").contains(d, atol)


class BallAndBox(UncertaintySet):
    """A ball, a box, or both: what `&` gives of two of them is of this kind again where one norm is left."""

    def _parts(self) -> tuple[NormBall | None, Box | None] | None:
        """The ball and the box whose intersection this is, if there are."""
        raise NotImplementedError

    def _meet(self, other: UncertaintySet) -> UncertaintySet | None:
        """Exact for balls of one norm, boxes, a ball & a box; the ℓ∞ ball is a box, too."""
        parts = [U._parts() for U in (self, other) if isinstance(U, BallAndBox)]
        known = [part for part in parts if part is not None]
        if len(known) < 2:
            return None
        balls, boxes = ([part for part in each if part is not None] for each in zip(*known, strict=True))
        if len(balls) == 2:
            a, b = balls
            cube = next((ball for ball in balls if ball.as_box() is not None), None)
            if type(a) is type(b) and a.norm == b.norm:
                balls = [a._with_radius(_smaller(a.radius, b.radius))]
            elif cube is not None:
                balls, boxes = [b if cube is a else a], [*boxes, cube.as_box()]
            else:
                return None
        box = reduce(partial(_combined, torch.maximum, torch.minimum), boxes) if boxes else None
        if not balls:
            return box
        return balls[0] if box is None else balls[0].in_box(box)


@dataclass(frozen=True, eq=False, init=False, repr=False)
class NormBall(WithRadius, BallAndBox):
    """What the balls of a norm share."""

    norm: Lp
    radius: Radius

    def __init__(self, norm: Lp | str | float, radius: Radius) -> None:
        check_radius(radius)
        self._keep(norm=Lp.of(norm), radius=radius)

    def as_box(self) -> Box | None:
        """The same set as a box, if it is one."""
        return None

    def in_box(self, box: Box) -> UncertaintySet:
        """The intersection with a box, exact."""
        raise NotImplementedError

    def _parts(self) -> tuple[NormBall, None]:
        return self, None

    def _plus(self, other: UncertaintySet) -> UncertaintySet | None:
        """Exact for balls of one norm."""
        if isinstance(other, NormBall) and type(other) is type(self) and other.norm == self.norm:
            return self._with_radius(self.radius + other.radius)
        return None


class Ball(NormBall):
    """All δ with ‖δ‖_p ≤ radius, a number or a tensor (N,), one per example.

    The norm is "l1", "l2", "linf", a number p or an `Lp`.

    >>> Ball("linf", 0.5).formula
    '0.5·‖w‖₁'
    """

    def maximizer(self, g: Tensor) -> Tensor:
        return self.norm.maximizer(g, self.radius)

    def project(self, d: Tensor) -> Tensor:
        return self.norm.project(d, self.radius)

    def duality_gap_bound(self, g: Tensor) -> Tensor:
        """Beside radius · ‖g‖_q, by Hölder's inequality."""
        x = as_rows(g, "g")
        return gap(as_column(self.radius, x)[:, 0] * self.norm.dual.value(x), g, self.maximizer(g))

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        x = as_rows(d, "d", finite=False)
        return self.norm.value(x) <= (as_column(self.radius, x) * (1 + rounding(d)) + atol)[:, 0]

    @property
    def separable(self) -> bool:
        return self.norm.separable

    def _supports(self, w: Any, rows: Tensor) -> Any:
        """The dual norm, radius · ‖w‖_q."""
        return cvxpy().multiply(self._radii(rows), self.norm.dual.expression(w))

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        w, radii = self._in_units(z, rows)
        return [self.norm.expression(w) <= radii]

    def as_box(self) -> Box | None:
        return Box(-self.radius, self.radius) if self.separable and is_number(self.radius) else None

    def in_box(self, box: Box) -> BallInBox:
        return BallInBox(self, box)

    def formula_in(self, w: str) -> str:
        return f"{short(self.radius)}·{self.norm.dual.formula(w)}"

    def design_regularizer(self) -> Ball | None:
        """Itself, if it is a Frobenius ball: ‖u xᵀ‖_F = ‖u‖₂ ‖x‖₂."""
        return self if self.norm.euclidean else None

    def row_set(self, shape: Shape) -> Ball | None:
        return self if self.separable else None

    def enclosing(self, shape: Shape) -> tuple[UncertaintySet, ...]:
        """For p ≤ 2 the Frobenius ball: ‖z‖₂ ≤ ‖z‖_p."""
        return (Ball("l2", self.radius),) if self.norm.p <= 2 else ()

    @property
    def penalty(self) -> tuple[Radius, Lp]:
        return self.radius, self.norm.dual


@dataclass(frozen=True, eq=False, repr=False)
class Box(BallAndBox):
    """All δ with lower ≤ δ ≤ upper, entry by entry; lower ≤ 0 ≤ upper, so that no perturbation is in it.

    A bound is a number; a tensor (d,), or shaped like one example, that all examples share; or a tensor
    (N, ...), one per example. Where no batch tells (`for_batch`), a box that is indexed takes a bound of two
    or more axes for the latter.
    """

    lower: Bound
    upper: Bound
    contains_zero = separable = True

    def __post_init__(self) -> None:
        _check_bound(self.lower, "lower", -1)
        _check_bound(self.upper, "upper", 1)

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        """The corner: upper where g > 0, lower where g < 0, and 0 where g is 0."""
        sign = as_rows(g, "g").sign()
        return like(g, sign * headroom(sign, *as_bounds(self.lower, self.upper, g)))

    @torch.no_grad()
    def project(self, d: Tensor) -> Tensor:
        x = as_rows(d, "d")
        return like(d, x.clamp(*as_bounds(self.lower, self.upper, d)))

    def duality_gap_bound(self, g: Tensor) -> Tensor:
        """Beside the sum of max(lower_i g_i, upper_i g_i)."""
        x, (lower, upper) = as_rows(g, "g"), as_bounds(self.lower, self.upper, g)
        return gap(torch.maximum(lower * x, upper * x).sum(1), g, self.maximizer(g))

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        x, slack = as_rows(d, "d", finite=False), 1 + rounding(d)
        lower, upper = as_bounds(self.lower, self.upper, d)
        return ((x >= slack * lower - atol) & (x <= slack * upper + atol)).all(1)

    def _supports(self, w: Any, rows: Tensor) -> Any:
        """The sum of max(lower_i w_i, upper_i w_i)."""
        cp, (lower, upper) = cvxpy(), self._sides(rows)
        return cp.sum(cp.maximum(cp.multiply(lower, w), cp.multiply(upper, w)), axis=1)

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        lower, upper = (torch.from_numpy(side) for side in self._sides(rows))
        unit = power_of_two(upper.maximum(-lower))
        w = divided(z, unit)
        return [w >= (lower / unit).numpy(), w <= (upper / unit).numpy()]

    def extent(self, rows: Tensor) -> Tensor:
        return torch.maximum(*(torch.from_numpy(side).abs() for side in self._sides(rows)))

    def _sides(self, rows: Tensor) -> list[Any]:
        """The bounds of each row, arrays (m, n)."""
        return [bound.expand_as(rows).numpy() for bound in as_bounds(self.lower, self.upper, rows)]

    def as_linear_image(self) -> tuple[UncertaintySet, Any]:
        return solver.in_units(self, max(map(abs, (*_extremes(self.lower), *_extremes(self.upper)))))

    def scaled(self, factor: float) -> Box:
        check_factor(factor, repr(self))
        return Box(self.lower * factor, self.upper * factor)

    def for_batch(self, shape: torch.Size) -> Box:
        return self._of(
            bound_for_batch(self.lower, shape, "lower"), bound_for_batch(self.upper, shape, "upper")
        )

    def __getitem__(self, rows: Any) -> Box:
        return self._with_bounds(lambda bound: at_rows(bound, rows).flatten(1) if bound.ndim > 1 else bound)

    def row_set(self, shape: Shape) -> Box:
        return self._with_bounds(lambda bound: bound.reshape(shape) if bound.ndim else bound)

    def _with_bounds(self, change: Callable[[Tensor], Tensor]) -> Box:
        """The same box with its tensors changed."""
        bounds = self.lower, self.upper
        return self._of(*(change(bound) if isinstance(bound, Tensor) else bound for bound in bounds))

    def _of(self, lower: Bound, upper: Bound) -> Box:
        return self if lower is self.lower and upper is self.upper else Box(lower, upper)

    def _parts(self) -> tuple[None, Box]:
        return None, self

    def _plus(self, other: UncertaintySet) -> Box | None:
        """Exact for boxes."""
        return _combined(torch.add, torch.add, self, other) if isinstance(other, Box) else None

    def formula_in(self, w: str) -> str:
        lower = short(self.lower) if is_number(self.lower) else "lᵢ"
        upper = short(self.upper) if is_number(self.upper) else "uᵢ"
        return f"Σ max({lower} {w}ᵢ, {upper} {w}ᵢ)"


def pixel_box(x: Tensor) -> Box:
    """The perturbations that keep the images x in [0, 1]: Box(-x, 1 - x)."""
    as_rows(x, "x")
    try:
        return Box(-x, 1 - x)
    except ValueError:
        least, most = _extremes(x)
        raise ValueError(f"x: expected pixels in [0, 1], got entries from {least:g} to {most:g}") from None


class BallInBox(BallAndBox, Intersection):
    """A ball & a box, exact: the algorithms are the norm's, `Lp.maximizer_in_box` and `Lp.project_in_box`.

    To clip the ball's own step to the box is exact for l-infinity only. On inputs that are mostly 0 it
    reaches about three quarters of the optimum for l2, and one quarter for l1.

    >>> g = torch.tensor([[3.0, 4.0]])
    >>> (Ball("l2", 1.0) & Box(-0.5, 0.5)).maximizer(g)
    tensor([[0.5000, 0.5000]])
    """

    a: Ball
    b: Box

    def maximizer(self, g: Tensor) -> Tensor:
        return self.a.norm.maximizer_in_box(g, self.a.radius, self.b.lower, self.b.upper)

    def project(self, d: Tensor) -> Tensor:
        return self.a.norm.project_in_box(d, self.a.radius, self.b.lower, self.b.upper)

    def duality_gap_bound(self, g: Tensor) -> Tensor:
        """Beside radius · ‖u‖_q + Σ max(lower_i v_i, upper_i v_i) with u + v = g."""
        step, ball, box = self.maximizer(g), self.a, self.b
        return gap(bound_in_box(ball.norm, g, ball.radius, box.lower, box.upper, step), g, step)

    @property
    def separable(self) -> bool:
        return self.a.separable

    def _parts(self) -> tuple[Ball, Box]:
        return self.a, self.b


def _combined(lowest: Callable[..., Tensor], highest: Callable[..., Tensor], a: Box, b: Box) -> Box:
    """The box whose bounds are picked from those of two boxes, such as the larger of the lower ones."""
    return Box(_picked(lowest, a.lower, b.lower, "lower"), _picked(highest, a.upper, b.upper, "upper"))


def _smaller(a: Radius, b: Radius) -> Radius:
    if is_number(a) and is_number(b):
        return min(a, b)
    return torch.minimum(*(torch.as_tensor(radius, dtype=torch.float64) for radius in (a, b)))


def _picked(pick: Callable[..., Tensor], a: Bound, b: Bound, name: str) -> Bound:
    """The bound picked from two; one may be shared by a batch."""
    small, large = (x if isinstance(x, Tensor) else torch.tensor(x, dtype=torch.float64) for x in (a, b))
    if small.ndim > large.ndim:
        small, large = large, small
    if small.ndim and small.shape not in (
        large.shape,
        large.shape[1:],
    ):  # (d,) and (N, C, H, W)? an error?
        small, large = (bound.flatten(1) if bound.ndim > 1 else bound for bound in (small, large))
        if small.shape not in (large.shape, large.shape[1:]):
            raise ValueError(f"{name}: expected two boxes of one shape, got {short(a)} and {short(b)}")
    picked = pick(small, large)
    return picked if picked.ndim else picked.item()


def _check_bound(bound: Any, name: str, side: int) -> None:
    if not is_real(bound):
        came = bound.dtype if isinstance(bound, Tensor) else type(bound).__name__
        raise ValueError(f"{name}: expected a number or a tensor of them, got {came}")
    least, most = _extremes(bound)
    if not (math.isfinite(least) and math.isfinite(most)):
        raise ValueError(f"{name}: expected finite entries, got NaN or infinity")
    if min(side * least, side * most) < 0:
        came = f"entries from {least:g} to {most:g}"
        raise ValueError(f"{name}: expected lower <= 0 <= upper, a box that holds 0, got {came}")


def _extremes(bound: Any) -> tuple[float, float]:
    if isinstance(bound, Tensor) and not bound.numel():  # a batch of no examples
        return 0.0, 0.0
    least, most = bound.detach().aminmax() if isinstance(bound, Tensor) else (bound, bound)
    return float(least), float(most)
