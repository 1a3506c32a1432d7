"""Uncertainty sets and their algebra: what makes sets of sets, `&`, `+`, `matrix @` and `scaled`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from scipy import sparse
from torch import Tensor

from rolab.arguments import (
    Radius,
    check_factor,
    cvxpy,
    divided,
    float64_copy,
    like,
    normalized,
    power_of_two,
    short,
)
from rolab.norms import Lp
from rolab.sets import intersections, solver
from rolab.sets.oracles import Oracles, check_inner

Shape = tuple[int, ...]


class UncertaintySet(Oracles):
    """A convex, compact, non-empty set U of perturbations, seen only through its oracles.

    Two are enough to pose a set of one's own: `maximizer` and `project`. They take float tensors (N, ...) of
    any float type on any device and answer in the same type. A `ValueError` names the argument that is wrong:
    NaN or infinite entries (a `NonFiniteError`), no batch axis, a shape that does not fit. Two sets are equal
    if they are of one class and hold the same numbers.
    """

    __array_ufunc__ = None  # so that a numpy matrix on the left of @ leaves the product to the set

    def scaled(self, factor: float) -> UncertaintySet:
        """The set of all factor · δ with δ in U; factor ≥ 0."""
        return Scaled(factor, self)

    def for_batch(self, shape: torch.Size) -> UncertaintySet:
        """The same set, checked against the shape (N, ...) of a batch: `resolve` asks it first.

        Raises a `ValueError` where radii or bounds are those of another number of examples. From then on
        U[rows] is right for a bound that is shaped like one example, too.
        """
        return self

    def as_linear_image(self) -> tuple[UncertaintySet, Any]:
        """A unit set and a matrix, or a number, with U = matrix @ unit: many sets share their unit.

        A matrix is of numpy or scipy. So a thousand balls need but one expression of their unit ball.
        """
        return self, 1.0

    # What linear models ask of a set of matrices (m, n): of vectors of m · n numbers, row by row.

    def design_regularizer(self) -> UncertaintySet | None:
        """The set V with σ_U(u xᵀ) = ‖u‖₂ σ_V(x) for all u (m,) and x (n,), or None if none is known."""
        return None

    def left_invariant_summand(self) -> tuple[UncertaintySet, UncertaintySet, UncertaintySet] | None:
        """Of a sum, one part that has a `design_regularizer`, that V, and the other part; else None."""
        return None

    def row_set(self, shape: Shape) -> UncertaintySet | None:
        """The set of each row of the matrices, one a batch entry, if U is the product of these; else None."""
        return None

    def enclosing(self, shape: Shape) -> tuple[UncertaintySet, ...]:
        """Simpler sets that hold U, or none."""
        return ()

    def coupled_examples(self, shape: Shape) -> UncertaintySet | None:
        """Where U is one budget for all examples, the rows of X (N, d): what one of them alone may do.

        None where it is a set for each example. Raises a `ValueError` if it is neither.
        """
        return None

    # The algebra. A class finds exact forms by `_meet` and `_plus`, which know the classes of their own file.

    def __and__(self, other: UncertaintySet) -> UncertaintySet:
        """The intersection of two sets: exact for balls and budgets in a box, and boxes; else by cvxpy."""
        if not isinstance(other, UncertaintySet):
            return NotImplemented
        return self._meet(other) or other._meet(self) or Intersection(self, other)

    def __add__(self, other: UncertaintySet) -> UncertaintySet:
        """The Minkowski sum, all δ + δ' with δ in one set and δ' in the other."""
        if not isinstance(other, UncertaintySet):
            return NotImplemented
        return self._plus(other) or other._plus(self) or Sum(self, other)

    def __rmatmul__(self, matrix: Any) -> UncertaintySet:
        """The linear image, all matrix · δ with δ in U; the matrix is a tensor, of numpy or of scipy."""
        return Image(matrix, self)

    def _meet(self, other: UncertaintySet) -> UncertaintySet | None:
        """The intersection with another set, if this class knows an exact form of it."""
        return None

    def _plus(self, other: UncertaintySet) -> UncertaintySet | None:
        """The sum with another set, if this class knows an exact form of it."""
        return None


class SolvedSet(UncertaintySet):
    """A set whose projection has no closed form: a solver finds it, from the constraints."""

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        return self._zero_if_idle(g, like(g, self._furthest(self._as_rows(g, "g"))))

    def _furthest(self, x: Tensor) -> Tensor:
        """A point of the set with the largest ⟨x, δ⟩ for each row of the matrix x (N, d)."""
        return solver.maximizer(self, x)

    def project(self, d: Tensor) -> Tensor:
        return like(d, solver.project(self, self._as_rows(d, "d")))


@dataclass(frozen=True, eq=False, repr=False)
class _Pair(SolvedSet):
    """What a sign makes of two sets of one dimension."""

    a: UncertaintySet
    b: UncertaintySet
    SIGN: ClassVar[str]
    COMPOUND = True

    def __post_init__(self) -> None:
        known = [U.dimension for U in (self.a, self.b) if U.dimension is not None]
        if len(set(known)) > 1:
            came = f"{known[0]} of {self.a!r} and {known[1]} of {self.b!r}"
            raise ValueError(f"{self.SIGN}: expected sets of one dimension, got {came}")

    def scaled(self, factor: float) -> Self:
        return type(self)(self.a.scaled(factor), self.b.scaled(factor))

    def for_batch(self, shape: torch.Size) -> Self:
        return self._of(self.a.for_batch(shape), self.b.for_batch(shape))

    def __getitem__(self, rows: Any) -> Self:
        return self._of(self.a[rows], self.b[rows])

    def _of(self, a: UncertaintySet, b: UncertaintySet) -> Self:
        return self if a is self.a and b is self.b else type(self)(a, b)

    def as_linear_image(self) -> tuple[UncertaintySet, Any]:
        sizes = solver.magnitude(self.a), solver.magnitude(self.b)
        return solver.in_units(self, min(sizes) if self.SIGN == "&" else max(sizes))

    def extent(self, rows: Tensor) -> Tensor:
        return (torch.minimum if self.SIGN == "&" else torch.add)(self.a.extent(rows), self.b.extent(rows))

    def row_set(self, shape: Shape) -> UncertaintySet | None:
        return self._rejoined(self.a.row_set(shape), self.b.row_set(shape))

    def _rejoined(self, a: UncertaintySet | None, b: UncertaintySet | None) -> UncertaintySet | None:
        """What the sign makes of two other sets, if there are both."""
        return None if a is None or b is None else a & b if self.SIGN == "&" else a + b

    @property
    def contains_zero(self) -> bool:
        return self.a.contains_zero and self.b.contains_zero

    @property
    def dimension(self) -> int | None:
        return self.b.dimension if self.a.dimension is None else self.a.dimension

    def __repr__(self) -> str:
        return f"{self.a._operand()} {self.SIGN} {self.b._operand()}"


class Intersection(_Pair):
    """All δ that are in both sets. What `a & b` gives where no closed form is known: a solver answers.

    An intersection that turns out to be empty is a `ValueError` where it is first used.
    """

    SIGN = "&"

    def _furthest(self, x: Tensor) -> Tensor:
        return intersections.furthest(self, self._all(), x)

    def _all(self) -> tuple[UncertaintySet, ...]:
        """The sets that are intersected, where one is an intersection, those of that."""
        a, b = (part._all() if type(part) is Intersection else (part,) for part in (self.a, self.b))
        return a + b

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        return self.a.contains(d, atol) & self.b.contains(d, atol)

    def _supports(self, w: Any, rows: Tensor) -> Any:
        """The least σ_a(u) + σ_b(w − u) over u: each u gives a bound, to be minimised."""
        cp, unit = cvxpy(), power_of_two(self.extent(rows))  # of a point; its inverse is that of a direction
        if not self.contains_zero:  # else there may be no point in it, and that is an error
            point = divided(cp.Variable(w.shape), 1 / unit)
            solver.solve(cp.Problem(cp.Minimize(0), self.constraints(point)), self)
        u = divided(cp.Variable(w.shape), unit)
        return self.a.support_expression(u) + self.b.support_expression(w - u)

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        return self.a.constraints(z) + self.b.constraints(z)

    def enclosing(self, shape: Shape) -> tuple[UncertaintySet, ...]:
        return self.a, self.b

    def formula_in(self, w: str) -> str:
        u, v = "pq" if "u" in w or "v" in w else "uv"
        return f"min over {u} + {v} = {w} of [{self.a.formula_in(u)}] + [{self.b.formula_in(v)}]"


class Sum(_Pair):
    """All δ + δ', δ in one set and δ' in the other: supports and maximisers add; a solver projects."""

    SIGN = "+"

    @property
    def separable(self) -> bool:
        return self.a.separable and self.b.separable

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        return self._zero_if_idle(g, self.a.maximizer(g) + self.b.maximizer(g))

    def _supports(self, w: Any, rows: Tensor) -> Any:
        return self.a.support_expression(w) + self.b.support_expression(w)

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        part = (solver.magnitude(self.a) or 1.0) * cvxpy().Variable(z.shape)
        return self.a.constraints(part) + self.b.constraints(z - part)

    def design_regularizer(self) -> UncertaintySet | None:
        return self._rejoined(self.a.design_regularizer(), self.b.design_regularizer())

    def left_invariant_summand(self) -> tuple[UncertaintySet, UncertaintySet, UncertaintySet] | None:
        for part, other in ((self.a, self.b), (self.b, self.a)):
            if (V := part.design_regularizer()) is not None:
                return part, V, other
        return None

    def formula_in(self, w: str) -> str:
        terms = (U.formula_in(w) for U in (self.a, self.b))
        return " + ".join(f"[{term}]" if " over " in term else term for term in terms)


@dataclass(frozen=True, eq=False, repr=False)
class Image(SolvedSet):
    """All Mδ with δ in the inner set and a matrix M (m, n): Δ*(g) is M times Δ*(Mᵀg); a solver projects."""

    matrix: Tensor
    inner: UncertaintySet
    COMPOUND, FITTED = True, ("matrix", 0)

    def __post_init__(self) -> None:
        self._keep(matrix=float64_copy(self.matrix, "matrix", 2))
        check_inner(self.inner, self.matrix.shape[1], self._owner)

    def _furthest(self, x: Tensor) -> Tensor:
        x, M = normalized(x)[0], self.matrix.to(x.device, x.dtype)
        return (M @ self.inner.maximizer((M.T @ x.T).T).T).T  # in this order, for M may be sparse

    def _supports(self, w: Any, rows: Tensor) -> Any:
        """The support function of the inner set at Mᵀw."""
        inner, M = self.as_linear_image()
        return inner.support_expression(w @ M)

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        """The image of the inner set in its unit; each row of the matrix is brought to 1."""
        inner, M = self.as_linear_image()
        largest = abs(M).max(axis=1)
        size = power_of_two(largest.toarray() if sparse.issparse(largest) else largest)
        part = cvxpy().Variable((z.shape[0], M.shape[1]))
        rows_of_1 = sparse.diags_array(1 / size.numpy()) @ M
        return [divided(z, size) == part @ rows_of_1.T, *inner.constraints(part)]

    def scaled(self, factor: float) -> Image:
        check_factor(factor, repr(self))
        return Image(self.matrix * factor, self.inner)

    def for_batch(self, shape: torch.Size) -> Image:
        return self._of(self.inner.for_batch(torch.Size((shape[0], self.matrix.shape[1]))))

    def __getitem__(self, rows: Any) -> Image:
        return self._of(self.inner[rows])

    def _of(self, inner: UncertaintySet) -> Image:
        return self if inner is self.inner else Image(self.matrix, inner)

    def as_linear_image(self) -> tuple[UncertaintySet, Any]:
        unit, matrix = self.inner.as_linear_image()
        M = solver.array(self.matrix)
        return unit, M * matrix if isinstance(matrix, float) else M @ matrix

    def formula_in(self, w: str) -> str:
        return self.inner.formula_in(f"(Mᵀ{w})")

    @property
    def contains_zero(self) -> bool:
        return self.inner.contains_zero

    def __repr__(self) -> str:
        return f"{short(self.matrix)} @ {self.inner._operand()}"


@dataclass(frozen=True, eq=False, repr=False)
class Scaled(UncertaintySet):
    """All factor · δ with δ in the inner set; factor ≥ 0. What `scaled` gives for sets of one's own."""

    factor: float
    inner: UncertaintySet
    COMPOUND = True

    def __post_init__(self) -> None:
        check_factor(self.factor, repr(self.inner))
        self._keep(factor=float(self.factor), convex=self.inner.convex, budgeted=self.inner.budgeted)

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        return self.factor * self.inner.maximizer(g)

    @torch.no_grad()
    def project(self, d: Tensor) -> Tensor:
        return self.factor * self.inner.project(d / self.factor if self.factor else d)

    def _supports(self, w: Any, rows: Tensor) -> Any:
        return self.factor * self.inner.support_expression(w)

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        return self.inner.constraints(z / self.factor) if self.factor else [z == 0]

    def scaled(self, factor: float) -> Scaled:
        return Scaled(factor * self.factor, self.inner)

    def for_batch(self, shape: torch.Size) -> Scaled:
        return self._of(self.inner.for_batch(shape))

    def __getitem__(self, rows: Any) -> Scaled:
        return self._of(self.inner[rows])

    def _of(self, inner: UncertaintySet) -> Scaled:
        return self if inner is self.inner else Scaled(self.factor, inner)

    def as_linear_image(self) -> tuple[UncertaintySet, Any]:
        unit, matrix = self.inner.as_linear_image()
        return unit, self.factor * matrix

    def duality_gap_bound(self, g: Tensor) -> Tensor:
        return self.factor * self.inner.duality_gap_bound(g)

    def design_regularizer(self) -> UncertaintySet | None:
        return self._scaled(self.inner.design_regularizer())

    def left_invariant_summand(self) -> tuple[UncertaintySet, UncertaintySet, UncertaintySet] | None:
        part, V, other = map(self._scaled, self.inner.left_invariant_summand() or (None, None, None))
        return None if part is None or V is None or other is None else (part, V, other)

    def row_set(self, shape: Shape) -> UncertaintySet | None:
        return self._scaled(self.inner.row_set(shape))

    def enclosing(self, shape: Shape) -> tuple[UncertaintySet, ...]:
        return tuple(larger.scaled(self.factor) for larger in self.inner.enclosing(shape))

    def coupled_examples(self, shape: Shape) -> UncertaintySet | None:
        return self._scaled(self.inner.coupled_examples(shape))

    def _scaled(self, U: UncertaintySet | None) -> UncertaintySet | None:
        return None if U is None else U.scaled(self.factor)

    @property
    def vertices(self) -> Tensor | None:
        return None if self.inner.vertices is None else self.factor * self.inner.vertices

    @property
    def penalty(self) -> tuple[Radius, Lp] | None:
        return self.inner.penalty and (self.factor * self.inner.penalty[0], self.inner.penalty[1])

    def formula_in(self, w: str) -> str:
        return f"{self.factor:g}·[{self.inner.formula_in(w)}]"

    @property
    def separable(self) -> bool:
        return self.inner.separable

    @property
    def contains_zero(self) -> bool:
        return self.inner.contains_zero or self.factor == 0

    @property
    def dimension(self) -> int | None:
        return self.inner.dimension

    def __repr__(self) -> str:
        return f"{self.factor:g} · {self.inner._operand()}"
