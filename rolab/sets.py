"""Uncertainty sets. Each answers one question: given a direction g, which δ in U goes furthest along it?

That answer, the linear maximiser Δ*(g), is the worst data of a robust linear program (§3 of the paper), the
worst design matrix of a robust regression (§3.1) and, with g the gradient of the loss, the adversarial
perturbation of eq. (11).

    >>> U = Ball("l1", 2.0)
    >>> g = torch.tensor([[0.5, -3.0, 1.0]])
    >>> U.maximizer(g)
    tensor([[ 0., -2.,  0.]])
    >>> U.support(g)
    tensor([6.])

Axis 0 is the batch and all other axes together are one vector: (N, C, H, W) and (N, d) are both fine. Pixels
are in [0, 1], and radii are in the same unit.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from rolab.norms import Bound, Lp, Radius, as_bounds, as_column, as_rows, check_radius, cvxpy, room


class UncertaintySet(ABC):
    """A convex, compact, non-empty set U of perturbations, seen only through its oracles.

    They take float tensors (N, ...) of any float type on any device and answer in the same type. A
    `ValueError` names the argument that is wrong: NaN or infinite entries (a `NonFiniteError`), no batch
    axis, a shape that does not fit.
    """

    @abstractmethod
    def maximizer(self, g: Tensor) -> Tensor:
        """The δ in U with the largest ⟨g, δ⟩, shaped like g; where g is 0 it is 0, if U holds that."""

    @abstractmethod
    def project(self, d: Tensor) -> Tensor:
        """The δ in U nearest to d in the Euclidean norm, shaped like d."""

    @abstractmethod
    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        """Whether d is in U, up to atol and the rounding of d's type: bool (N,). NaN and infinity are not."""

    @abstractmethod
    def support_expression(self, w: Any) -> Any:
        """σ(w) in cvxpy: of a vector w (n,), a scalar; of a matrix (m, n), one per row, (m,)."""

    @abstractmethod
    def scaled(self, factor: float) -> UncertaintySet:
        """The set of all factor · δ with δ in U; factor ≥ 0."""

    @abstractmethod
    def __getitem__(self, rows: Any) -> UncertaintySet:
        """The sets of some examples of a batch; a set that all examples share is its own."""

    def support(self, g: Tensor) -> Tensor:
        """The support function σ(g) = ⟨g, Δ*(g)⟩, the largest value of ⟨g, δ⟩ over U: (N,)."""
        best = as_rows(self.maximizer(g), "maximizer")
        return (as_rows(g, "g") * best).sum(1).to(g.dtype)

    def __and__(self, other: UncertaintySet) -> UncertaintySet:
        """The intersection: exact for a ball and a box, and for boxes; other pairs raise a `ValueError`."""
        return _intersection(self, other)


UncertaintySetLike = UncertaintySet | Callable[[Tensor], UncertaintySet]


def at(U: UncertaintySetLike, x: Tensor) -> UncertaintySet:
    """The set at the inputs x: U itself, or U(x) if U is a function of the inputs.

    >>> at(lambda x: Ball("linf", 0.1) & pixel_box(x), torch.zeros(5, 1, 2, 2))
    Ball('linf', 0.1) & Box(<5x1x2x2>, <5x1x2x2>)
    """
    found: Any = U(x) if callable(U) and not isinstance(U, UncertaintySet) else U
    if not isinstance(found, UncertaintySet):
        came = repr(found) if found is U else f"a function that returns {found!r}"
        raise ValueError(f"U: expected an UncertaintySet or a function x -> UncertaintySet, got {came}")
    return found


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Ball(UncertaintySet):
    """All δ with ‖δ‖_p ≤ radius, a number or a tensor (N,), one per example.

    The norm is "l1", "l2", "linf", a number p or an `Lp`.
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

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        x = as_rows(d, "d", finite=False)
        return self.norm.value(x) <= (as_column(self.radius, x) * (1 + _rounding(d)) + atol)[:, 0]

    def support_expression(self, w: Any) -> Any:
        """The dual norm, radius · ‖w‖_q."""
        w, like = _decision(w)
        radius = as_column(self.radius, like).expand(len(like), 1)[:, 0].numpy()
        dual = self.norm.dual.expression(w)
        return cvxpy().multiply(radius, dual) if w.ndim == 2 else radius[0] * dual

    def scaled(self, factor: Radius) -> Ball:
        check_radius(factor, "factor")
        return Ball(self.norm, self.radius * factor)

    def __getitem__(self, rows: Any) -> Ball:
        if not isinstance(self.radius, Tensor) or self.radius.ndim == 0:
            return self
        return Ball(self.norm, self.radius[_list(rows)])

    def __repr__(self) -> str:
        return f"Ball({self.norm.name!r}, {_short(self.radius)})"


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

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        x, slack = as_rows(d, "d", finite=False), 1 + _rounding(d)
        lower, upper = as_bounds(self.lower, self.upper, d)
        return ((x >= slack * lower - atol) & (x <= slack * upper + atol)).all(1)

    def support_expression(self, w: Any) -> Any:
        """The sum of max(lower_i w_i, upper_i w_i)."""
        w, like = _decision(w)
        bounds = as_bounds(self.lower, self.upper, like)
        lower, upper = (bound.expand_as(like).reshape(w.shape).numpy() for bound in bounds)
        cp = cvxpy()
        return cp.sum(cp.maximum(cp.multiply(lower, w), cp.multiply(upper, w)), axis=w.ndim - 1)

    def scaled(self, factor: float) -> Box:
        check_radius(factor, "factor")
        return Box(self.lower * factor, self.upper * factor)

    def __getitem__(self, rows: Any) -> Box:
        def chosen(bound: Bound) -> Bound:
            if not isinstance(bound, Tensor) or bound.ndim < 2:
                return bound
            return bound[_list(rows)].flatten(1)

        return Box(chosen(self.lower), chosen(self.upper))

    def __repr__(self) -> str:
        return f"Box({_short(self.lower)}, {_short(self.upper)})"


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

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        return self.ball.contains(d, atol) & self.box.contains(d, atol)

    def support_expression(self, w: Any) -> Any:
        """The least σ_ball(u) + σ_box(w - u) over u: each u gives a bound, to be minimised."""
        w, _ = _decision(w)
        u = cvxpy().Variable(w.shape)
        return self.ball.support_expression(u) + self.box.support_expression(w - u)

    def scaled(self, factor: float) -> BallInBox:
        return BallInBox(self.ball.scaled(factor), self.box.scaled(factor))

    def __getitem__(self, rows: Any) -> BallInBox:
        return BallInBox(self.ball[rows], self.box[rows])

    def __repr__(self) -> str:
        return f"{self.ball!r} & {self.box!r}"


def _intersection(a: UncertaintySet, b: UncertaintySet) -> UncertaintySet:
    match a, b:
        case Box(), Box():
            return _common_box(a, b)
        case Ball(), Box():
            return BallInBox(a, b)
        case BallInBox(), Box():
            return BallInBox(a.ball, _common_box(a.box, b))
        case Box(), (Ball() | BallInBox()):
            return _intersection(b, a)
        case UncertaintySet(), UncertaintySet():
            raise ValueError(f"&: expected a ball and a box, or boxes; not supported yet: {a!r} & {b!r}")
    return NotImplemented


def _common_box(a: Box, b: Box) -> Box:
    lower = _tighter(torch.maximum, a.lower, b.lower, "lower")
    return Box(lower, _tighter(torch.minimum, a.upper, b.upper, "upper"))


def _tighter(pick: Callable[[Tensor, Tensor], Tensor], a: Bound, b: Bound, name: str) -> Bound:
    """The larger of two lower bounds, or the smaller of two upper ones; one may be shared by a batch."""
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
            raise ValueError(f"{name}: expected two boxes of one shape, got {_short(a)} and {_short(b)}")
    tight = pick(small, large)
    return tight if tight.ndim else tight.item()


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


def _list(rows: Any) -> Any:
    return [rows] if isinstance(rows, int) else rows


def _decision(w: Any) -> tuple[Any, Tensor]:
    """The cvxpy expression of w, and a stand-in (m, n) for its rows, to shape radii and bounds by."""
    w = cvxpy().Expression.cast_to_const(w)
    if w.ndim not in (1, 2):
        raise ValueError(f"w: expected a vector (n,) or a matrix (m, n), one w a row, got shape {w.shape}")
    return w, torch.empty(w.shape if w.ndim == 2 else (1, *w.shape), dtype=torch.float64)


def _rounding(d: Tensor) -> float:
    return 8 * torch.finfo(d.dtype).eps


def _short(value: Bound) -> str:
    return (
        f"<{'x'.join(map(str, value.shape))}>"
        if isinstance(value, Tensor) and value.ndim
        else f"{float(value):g}"
    )
