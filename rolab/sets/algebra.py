"""What `&`, `+` and `matrix @` give, and the rules that find an exact form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from rolab.norms import Lp, Radius, check_factor, check_radius, cvxpy
from rolab.sets import solved
from rolab.sets.balls import Ball, BallInBox, Box, common_box, split_formula, summed_box
from rolab.sets.base import (
    UncertaintySet,
    check_width,
    decision,
    fitting,
    is_number,
    kept,
    like,
    short,
    zero_if_held,
)
from rolab.sets.pixels import PixelBall, PixelBallInBox
from rolab.sets.shapes import Budget


@dataclass(frozen=True, eq=False, repr=False)
class Intersection(UncertaintySet):
    """All δ that are in both sets. What `a & b` gives where no closed form is known: a solver answers.

    An intersection that turns out to be empty is a `ValueError` where it is first used.
    """

    a: UncertaintySet
    b: UncertaintySet

    def __post_init__(self) -> None:
        _common_dimension(self.a, self.b, "&")

    def maximizer(self, g: Tensor) -> Tensor:
        return solved.maximizer(self, g)

    def project(self, d: Tensor) -> Tensor:
        return solved.project(self, d)

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        return self.a.contains(d, atol) & self.b.contains(d, atol)

    def support_expression(self, w: Any) -> Any:
        """The least σ_a(u) + σ_b(w − u) over u: each u gives a bound, to be minimised."""
        w, _ = decision(w)
        solved.check_not_empty(self, w.shape)
        u = cvxpy().Variable(w.shape)
        return self.a.support_expression(u) + self.b.support_expression(w - u)

    def within(self, z: Any) -> list[Any]:
        return self.a.within(z) + self.b.within(z)

    def scaled(self, factor: float) -> UncertaintySet:
        check_radius(factor, "factor")
        return Intersection(self.a.scaled(factor), self.b.scaled(factor))

    def __getitem__(self, rows: Any) -> Intersection:
        return Intersection(self.a[rows], self.b[rows])

    def row_set(self, shape: tuple[int, int]) -> UncertaintySet | None:
        a, b = self.a.row_set(shape), self.b.row_set(shape)
        return None if a is None or b is None else a & b

    def enclosing(self, shape: tuple[int, int]) -> tuple[UncertaintySet, ...]:
        return self.a, self.b

    def formula_in(self, w: str) -> str:
        return split_formula(self.a, self.b, w)

    @property
    def holds_zero(self) -> bool:
        return self.a.holds_zero and self.b.holds_zero

    @property
    def dimension(self) -> int | None:
        return _common_dimension(self.a, self.b, "&")

    def __repr__(self) -> str:
        return f"{_operand(self.a)} & {_operand(self.b)}"


@dataclass(frozen=True, eq=False, repr=False)
class Sum(UncertaintySet):
    """All δ + δ' with δ in one set and δ' in the other: support functions and maximisers add.

    The projection needs a solver.
    """

    a: UncertaintySet
    b: UncertaintySet

    def __post_init__(self) -> None:
        _common_dimension(self.a, self.b, "+")

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        return zero_if_held(self, g, self.a.maximizer(g) + self.b.maximizer(g))

    def project(self, d: Tensor) -> Tensor:
        return solved.project(self, d)

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        return solved.contains(self, d, atol)

    def support_expression(self, w: Any) -> Any:
        return self.a.support_expression(w) + self.b.support_expression(w)

    def within(self, z: Any) -> list[Any]:
        z, _ = decision(z)
        part = cvxpy().Variable(z.shape)
        return self.a.within(part) + self.b.within(z - part)

    def scaled(self, factor: float) -> Sum:
        check_radius(factor, "factor")
        return Sum(self.a.scaled(factor), self.b.scaled(factor))

    def __getitem__(self, rows: Any) -> Sum:
        return Sum(self.a[rows], self.b[rows])

    def design_regularizer(self) -> UncertaintySet | None:
        a, b = self.a.design_regularizer(), self.b.design_regularizer()
        return None if a is None or b is None else a + b

    def left_invariant_summand(self) -> tuple[UncertaintySet, UncertaintySet, UncertaintySet] | None:
        for part, other in ((self.a, self.b), (self.b, self.a)):
            if (V := part.design_regularizer()) is not None:
                return part, V, other
        return None

    def row_set(self, shape: tuple[int, int]) -> UncertaintySet | None:
        a, b = self.a.row_set(shape), self.b.row_set(shape)
        return None if a is None or b is None else a + b

    def formula_in(self, w: str) -> str:
        terms = (U.formula_in(w) for U in (self.a, self.b))
        return " + ".join(f"[{term}]" if " over " in term else term for term in terms)

    @property
    def holds_zero(self) -> bool:
        return self.a.holds_zero and self.b.holds_zero

    @property
    def dimension(self) -> int | None:
        return _common_dimension(self.a, self.b, "+")

    def __repr__(self) -> str:
        return f"{_operand(self.a)} + {_operand(self.b)}"


@dataclass(frozen=True, eq=False, repr=False)
class Image(UncertaintySet):
    """All matrix · δ with δ in the inner set; the matrix is (m, n). Δ*(g) is M times Δ*(Mᵀg).

    The projection needs a solver.
    """

    matrix: Tensor
    inner: UncertaintySet

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", kept(self.matrix, "matrix", 2))
        if self.inner.dimension not in (None, self.matrix.shape[1]):
            came = f"{self.inner.dimension} of {self.inner!r}"
            raise ValueError(f"{self._owner}: expected a set of {self.matrix.shape[1]} entries, got {came}")

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        x = fitting(g, "g", self.matrix.shape[0], self._owner)
        M = self.matrix.to(x.device, x.dtype)
        best = M @ self.inner.maximizer((M.T @ x.T).T).T  # in this order, for M may be sparse
        return zero_if_held(self, g, like(g, best.T))

    def project(self, d: Tensor) -> Tensor:
        fitting(d, "d", self.matrix.shape[0], self._owner)
        return solved.project(self, d)

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        fitting(d, "d", self.matrix.shape[0], self._owner, finite=False)
        return solved.contains(self, d, atol)

    def support_expression(self, w: Any) -> Any:
        """The support function of the inner set at Mᵀw."""
        w, _ = decision(w)
        check_width(w.shape[-1], self.matrix.shape[0], "w", self._owner)
        return self.inner.support_expression(w @ solved.array(self.matrix))

    def within(self, z: Any) -> list[Any]:
        z, _ = decision(z)
        check_width(z.shape[-1], self.matrix.shape[0], "z", self._owner)
        part = cvxpy().Variable((*z.shape[:-1], self.matrix.shape[1]))
        return [z == part @ solved.array(self.matrix).T, *self.inner.within(part)]

    def scaled(self, factor: float) -> Image:
        check_factor(factor, repr(self))
        return Image(self.matrix * factor, self.inner)

    def __getitem__(self, rows: Any) -> Image:
        return Image(self.matrix, self.inner[rows])

    def as_image(self) -> tuple[UncertaintySet, Any]:
        unit, matrix = self.inner.as_image()
        M = solved.array(self.matrix)
        return unit, M * matrix if isinstance(matrix, float) else M @ matrix

    def formula_in(self, w: str) -> str:
        return self.inner.formula_in(f"(Mᵀ{w})")

    @property
    def _owner(self) -> str:
        return f"matrix {tuple(self.matrix.shape)}"

    @property
    def holds_zero(self) -> bool:
        return self.inner.holds_zero

    @property
    def dimension(self) -> int | None:
        return self.matrix.shape[0]

    def __repr__(self) -> str:
        return f"{short(self.matrix)} @ {_operand(self.inner)}"


@dataclass(frozen=True, eq=False, repr=False)
class Scaled(UncertaintySet):
    """All factor · δ with δ in the inner set; factor ≥ 0. What `scaled` gives for sets of one's own."""

    factor: float
    inner: UncertaintySet

    def __post_init__(self) -> None:
        check_factor(self.factor, repr(self.inner))
        object.__setattr__(self, "factor", float(self.factor))

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        return self.factor * self.inner.maximizer(g)

    @torch.no_grad()
    def project(self, d: Tensor) -> Tensor:
        return self.factor * self.inner.project(d / self.factor if self.factor else d)

    def support_expression(self, w: Any) -> Any:
        return self.factor * self.inner.support_expression(w)

    def within(self, z: Any) -> list[Any]:
        z, _ = decision(z)
        part = cvxpy().Variable(z.shape)
        return [z == self.factor * part, *self.inner.within(part)]

    def scaled(self, factor: float) -> Scaled:
        return Scaled(factor * self.factor, self.inner)

    def __getitem__(self, rows: Any) -> Scaled:
        return Scaled(self.factor, self.inner[rows])

    def as_image(self) -> tuple[UncertaintySet, Any]:
        unit, matrix = self.inner.as_image()
        return unit, self.factor * matrix

    def formula_in(self, w: str) -> str:
        return f"{self.factor:g}·[{self.inner.formula_in(w)}]"

    @property
    def holds_zero(self) -> bool:
        return self.inner.holds_zero or self.factor == 0

    @property
    def dimension(self) -> int | None:
        return self.inner.dimension

    def __repr__(self) -> str:
        return f"{self.factor:g} · {_operand(self.inner)}"


def intersection(a: UncertaintySet, b: UncertaintySet) -> UncertaintySet:
    """Exact for balls of one norm, boxes, a ball & a box, a budget & a box; the ℓ∞ ball is a box, too.

    A pixel ball counts as a ball.
    """
    balls: list[Ball | PixelBall] = []
    boxes: list[Box] = []
    for U in (a, b):
        match U:
            case Ball() | PixelBall():
                balls.append(U)
            case Box():
                boxes.append(U)
            case BallInBox() | PixelBallInBox():
                balls.append(U.ball)
                boxes.append(U.box)
            case Budget() if is_number(U.radius):
                balls.append(Ball(Lp(1), U.gamma * U.radius))
                boxes.append(Box(-U.radius, U.radius))
            case _:
                return Intersection(a, b)
    if len(balls) == 2:
        cube = next((ball for ball in balls if _is_cube(ball)), None)
        if type(balls[0]) is type(balls[1]) and balls[0].norm == balls[1].norm:
            balls = [type(balls[0])(balls[0].norm, _smaller(balls[0].radius, balls[1].radius))]
        elif cube:
            balls.remove(cube)
            boxes.append(Box(-cube.radius, cube.radius))
        else:
            return Intersection(a, b)
    if not boxes:
        return balls[0]
    box = reduce(common_box, boxes)
    match balls:
        case [Ball() as ball]:
            return BallInBox(ball, box)
        case [PixelBall() as ball]:
            return PixelBallInBox(ball, box)
    return box


def minkowski(a: UncertaintySet, b: UncertaintySet) -> UncertaintySet:
    """Exact for balls of one norm and for boxes."""
    match a, b:
        case Ball(), Ball() if a.norm == b.norm:
            return Ball(a.norm, a.radius + b.radius)
        case PixelBall(), PixelBall() if a.norm == b.norm:
            return PixelBall(a.norm, a.radius + b.radius)
        case Box(), Box():
            return summed_box(a, b)
    return Sum(a, b)


def _is_cube(ball: Ball | PixelBall) -> bool:
    """Whether the ball is a box, with one radius."""
    return isinstance(ball, Ball) and ball.norm.separable and is_number(ball.radius)


def _smaller(a: Radius, b: Radius) -> Radius:
    if is_number(a) and is_number(b):
        return min(a, b)
    return torch.minimum(*(torch.as_tensor(radius, dtype=torch.float64) for radius in (a, b)))


def _common_dimension(a: UncertaintySet, b: UncertaintySet, sign: str) -> int | None:
    """The number of entries that both sets have, or a `ValueError`."""
    known = [U.dimension for U in (a, b) if U.dimension is not None]
    if len(set(known)) > 1:
        raise ValueError(
            f"{sign}: expected sets of one dimension, got {known[0]} of {a!r} and {known[1]} of {b!r}"
        )
    return known[0] if known else None


def _operand(U: UncertaintySet) -> str:
    """The set as it reads among signs."""
    return (
        f"({U!r})"
        if isinstance(U, BallInBox | Image | Intersection | PixelBallInBox | Scaled | Sum)
        else repr(U)
    )
