"""Balls, boxes and what they share: the sets with closed forms that need no matrix."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from rolab.norms import (
    Bound,
    Lp,
    Radius,
    as_bounds,
    as_column,
    as_rows,
    check_factor,
    check_radius,
    cvxpy,
    room,
)
from rolab.sets.base import UncertaintySet, decision, is_number, listed, per_example, rounding, short
from rolab.sets.certificates import bound_in_box, gap


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Ball(UncertaintySet):
    """All δ with ‖δ‖_p ≤ radius, a number or a tensor (N,), one per example.

    The norm is "l1", "l2", "linf", a number p or an `Lp`.

    >>> Ball("linf", 0.5).formula
    '0.5·‖w‖₁'
    """

    norm: Lp
    radius: Radius

    def __init__(self, norm: Lp | str | float, radius: Radius) -> None:
        check_radius(radius)
        object.__setattr__(self, "norm", Lp.of(norm))
        object.__setattr__(self, "radius", radius)

    def maximizer(self, g: Tensor) -> Tensor:
        return self.norm.maximizer(g, self.radius)

    def project(self, d: Tensor) -> Tensor:
        return self.norm.project(d, self.radius)

    def certificate(self, g: Tensor) -> Tensor:
        """Beside radius · ‖g‖_q, by Hölder's inequality."""
        x = as_rows(g, "g")
        return gap(as_column(self.radius, x)[:, 0] * self.norm.dual.value(x), g, self.maximizer(g))

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        x = as_rows(d, "d", finite=False)
        return self.norm.value(x) <= (as_column(self.radius, x) * (1 + rounding(d)) + atol)[:, 0]

    def support_expression(self, w: Any) -> Any:
        """The dual norm, radius · ‖w‖_q."""
        w, like = decision(w)
        radius = as_column(self.radius, like).expand(len(like), 1)[:, 0].numpy()
        dual = self.norm.dual.expression(w)
        return cvxpy().multiply(radius, dual) if w.ndim == 2 else radius[0] * dual

    def within(self, z: Any) -> list[Any]:
        z, like = decision(z)
        radius = as_column(self.radius, like).expand(len(like), 1)[:, 0].numpy()
        return [self.norm.expression(z) <= (radius if z.ndim == 2 else radius[0])]

    def scaled(self, factor: Radius) -> Ball:
        check_radius(factor, "factor")
        return Ball(self.norm, self.radius * factor)

    def __getitem__(self, rows: Any) -> Ball:
        return self if is_number(self.radius) else Ball(self.norm, per_example(self.radius, rows))

    def as_image(self) -> tuple[UncertaintySet, Any]:
        return (Ball(self.norm, 1.0), float(self.radius)) if is_number(self.radius) else (self, 1.0)

    def formula_in(self, w: str) -> str:
        return f"{short(self.radius)}·{self.norm.dual.formula(w)}"

    def design_regularizer(self) -> Ball | None:
        """Itself, if it is a Frobenius ball: ‖u xᵀ‖_F = ‖u‖₂ ‖x‖₂."""
        return self if self.norm.euclidean else None

    def row_set(self, shape: tuple[int, int]) -> Ball | None:
        return self if self.norm.separable else None

    def enclosing(self, shape: tuple[int, int]) -> tuple[UncertaintySet, ...]:
        """For p ≤ 2 the Frobenius ball: ‖z‖₂ ≤ ‖z‖_p."""
        return (Ball("l2", self.radius),) if self.norm.p <= 2 else ()

    @property
    def penalty(self) -> tuple[Radius, Lp]:
        return self.radius, self.norm.dual

    @property
    def holds_zero(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"Ball({self.norm.name!r}, {short(self.radius)})"


@dataclass(frozen=True, eq=False, repr=False)
class Box(UncertaintySet):
    """All δ with lower ≤ δ ≤ upper, entry by entry; lower ≤ 0 ≤ upper, so that no perturbation is in it.

    A bound is a number; a tensor (d,), or shaped like one example, that all examples share; or a tensor
    (N, ...), one per example. Where a box is indexed, a bound of two or more axes counts as the latter.
    """

    lower: Bound
    upper: Bound

    def __post_init__(self) -> None:
        _check_bound(self.lower, "lower", -1)
        _check_bound(self.upper, "upper", 1)

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        """The corner: upper where g > 0, lower where g < 0, and 0 where g is 0."""
        sign = as_rows(g, "g").sign()
        return (sign * room(sign, *as_bounds(self.lower, self.upper, g))).reshape(g.shape).to(g.dtype)

    @torch.no_grad()
    def project(self, d: Tensor) -> Tensor:
        x = as_rows(d, "d")
        return x.clamp(*as_bounds(self.lower, self.upper, d)).reshape(d.shape).to(d.dtype)

    def certificate(self, g: Tensor) -> Tensor:
        """Beside the sum of max(lower_i g_i, upper_i g_i)."""
        x, (lower, upper) = as_rows(g, "g"), as_bounds(self.lower, self.upper, g)
        return gap(torch.maximum(lower * x, upper * x).sum(1), g, self.maximizer(g))

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        x, slack = as_rows(d, "d", finite=False), 1 + rounding(d)
        lower, upper = as_bounds(self.lower, self.upper, d)
        return ((x >= slack * lower - atol) & (x <= slack * upper + atol)).all(1)

    def support_expression(self, w: Any) -> Any:
        """The sum of max(lower_i w_i, upper_i w_i)."""
        cp, (w, lower, upper) = cvxpy(), self._beside(w)
        return cp.sum(cp.maximum(cp.multiply(lower, w), cp.multiply(upper, w)), axis=w.ndim - 1)

    def within(self, z: Any) -> list[Any]:
        z, lower, upper = self._beside(z)
        return [z >= lower, z <= upper]

    def _beside(self, w: Any) -> tuple[Any, Any, Any]:
        """The expression w and the bounds as arrays of its shape."""
        w, like = decision(w)
        bounds = as_bounds(self.lower, self.upper, like)
        lower, upper = (bound.expand_as(like).reshape(w.shape).numpy() for bound in bounds)
        return w, lower, upper

    def scaled(self, factor: float) -> Box:
        check_factor(factor, repr(self))
        return Box(self.lower * factor, self.upper * factor)

    def __getitem__(self, rows: Any) -> Box:
        def chosen(bound: Bound) -> Bound:
            if not isinstance(bound, Tensor) or bound.ndim < 2:
                return bound
            return bound[listed(rows)].flatten(1)

        return Box(chosen(self.lower), chosen(self.upper))

    def row_set(self, shape: tuple[int, int]) -> Box:
        def rows(bound: Bound) -> Bound:
            return bound.reshape(shape) if isinstance(bound, Tensor) and bound.ndim else bound

        return Box(rows(self.lower), rows(self.upper))

    def formula_in(self, w: str) -> str:
        lower = short(self.lower) if is_number(self.lower) else "lᵢ"
        upper = short(self.upper) if is_number(self.upper) else "uᵢ"
        return f"Σ max({lower} {w}ᵢ, {upper} {w}ᵢ)"

    @property
    def holds_zero(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"Box({short(self.lower)}, {short(self.upper)})"


def pixel_box(x: Tensor) -> Box:
    """The perturbations that keep the images x in [0, 1]: Box(-x, 1 - x)."""
    as_rows(x, "x")
    try:
        return Box(-x, 1 - x)
    except ValueError:
        least, most = _extremes(x)
        raise ValueError(f"x: expected pixels in [0, 1], got entries from {least:g} to {most:g}") from None


@dataclass(frozen=True, eq=False, repr=False)
class BallInBox(UncertaintySet):
    """A ball & a box, exact: the algorithms are the norm's, `Lp.maximizer_in_box` and `Lp.project_in_box`.

    To clip the ball's own step to the box is exact for l-infinity only. On inputs that are mostly 0 it
    reaches about three quarters of the optimum for l2, and one quarter for l1.

    >>> g = torch.tensor([[3.0, 4.0]])
    >>> (Ball("l2", 1.0) & Box(-0.5, 0.5)).maximizer(g)
    tensor([[0.5000, 0.5000]])
    """

    ball: Ball
    box: Box

    def maximizer(self, g: Tensor) -> Tensor:
        return self.ball.norm.maximizer_in_box(g, self.ball.radius, self.box.lower, self.box.upper)

    def project(self, d: Tensor) -> Tensor:
        return self.ball.norm.project_in_box(d, self.ball.radius, self.box.lower, self.box.upper)

    def certificate(self, g: Tensor) -> Tensor:
        """Beside radius · ‖u‖_q + Σ max(lower_i v_i, upper_i v_i) with u + v = g."""
        step, box = self.maximizer(g), self.box
        bound = bound_in_box(self.ball.norm, g, self.ball.radius, box.lower, box.upper, step)
        return gap(bound, g, step)

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        return self.ball.contains(d, atol) & self.box.contains(d, atol)

    def support_expression(self, w: Any) -> Any:
        """The least σ_ball(u) + σ_box(w - u) over u: each u gives a bound, to be minimised."""
        w, _ = decision(w)
        u = cvxpy().Variable(w.shape)
        return self.ball.support_expression(u) + self.box.support_expression(w - u)

    def within(self, z: Any) -> list[Any]:
        return self.ball.within(z) + self.box.within(z)

    def scaled(self, factor: float) -> BallInBox:
        return BallInBox(self.ball.scaled(factor), self.box.scaled(factor))

    def __getitem__(self, rows: Any) -> BallInBox:
        return BallInBox(self.ball[rows], self.box[rows])

    def row_set(self, shape: tuple[int, int]) -> UncertaintySet | None:
        ball = self.ball.row_set(shape)
        return None if ball is None else ball & self.box.row_set(shape)

    def enclosing(self, shape: tuple[int, int]) -> tuple[UncertaintySet, ...]:
        return self.ball, self.box

    def formula_in(self, w: str) -> str:
        return split_formula(self.ball, self.box, w)

    @property
    def holds_zero(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"{self.ball!r} & {self.box!r}"


def split_formula(a: UncertaintySet, b: UncertaintySet, w: str) -> str:
    """The support function of an intersection as text."""
    u, v = "pq" if "u" in w or "v" in w else "uv"
    return f"min over {u} + {v} = {w} of [{a.formula_in(u)}] + [{b.formula_in(v)}]"


def common_box(a: Box, b: Box) -> Box:
    """The intersection of two boxes."""
    lower = _beside(torch.maximum, a.lower, b.lower, "lower")
    return Box(lower, _beside(torch.minimum, a.upper, b.upper, "upper"))


def summed_box(a: Box, b: Box) -> Box:
    """The Minkowski sum of two boxes."""
    return Box(_beside(torch.add, a.lower, b.lower, "lower"), _beside(torch.add, a.upper, b.upper, "upper"))


def _beside(pick: Callable[[Tensor, Tensor], Tensor], a: Bound, b: Bound, name: str) -> Bound:
    """The bound picked from those of two boxes, such as the larger; one may be shared by a batch."""
    pair = [
        bound if isinstance(bound, Tensor) else torch.tensor(bound, dtype=torch.float64) for bound in (a, b)
    ]
    small, large = sorted(pair, key=lambda bound: bound.ndim)
    if small.ndim and small.shape not in (
        large.shape,
        large.shape[1:],
    ):  # (d,) and (N, C, H, W)? or a mistake
        small, large = (bound.flatten(1) if bound.ndim > 1 else bound for bound in (small, large))
        if small.shape not in (large.shape, large.shape[1:]):
            raise ValueError(f"{name}: expected two boxes of one shape, got {short(a)} and {short(b)}")
    picked = pick(small, large)
    return picked if picked.ndim else picked.item()


def _check_bound(bound: Any, name: str, side: int) -> None:
    if not isinstance(bound, Tensor | Real):
        raise ValueError(f"{name}: expected a number or a tensor, got {type(bound).__name__}")
    if isinstance(bound, Tensor) and bound.numel() == 0:  # a batch of no examples
        return
    least, most = _extremes(bound)
    if not (math.isfinite(least) and math.isfinite(most)):
        raise ValueError(f"{name}: expected finite entries, got NaN or infinity")
    if min(side * least, side * most) < 0:
        came = f"entries from {least:g} to {most:g}"
        raise ValueError(f"{name}: expected lower <= 0 <= upper, a box that holds 0, got {came}")


def _extremes(bound: Any) -> tuple[float, float]:
    return (
        (bound.min().item(), bound.max().item())
        if isinstance(bound, Tensor)
        else (float(bound), float(bound))
    )
