"""What every uncertainty set answers, and what the sets share."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rolab.norms import Bound, Lp, Radius, as_rows, cvxpy


class NoExpressionError(ValueError):
    """A set of which only the maximiser and the projection are known has no expression in cvxpy."""


class EmptySetError(ValueError):
    """There is no point in the set."""


class UncertaintySet(ABC):
    """A convex, compact, non-empty set U of perturbations, seen only through its oracles.

    Two are enough to pose a set of one's own: `maximizer` and `project`. They take float tensors (N, ...) of
    any float type on any device and answer in the same type. A `ValueError` names the argument that is wrong:
    NaN or infinite entries (a `NonFiniteError`), no batch axis, a shape that does not fit. Two sets are equal
    if they are of one class and hold the same numbers.
    """

    __array_ufunc__ = None  # so that a numpy matrix on the left of @ leaves the product to the set

    @abstractmethod
    def maximizer(self, g: Tensor) -> Tensor:
        """The δ in U with the largest ⟨g, δ⟩, shaped like g; where g is 0 it is 0, if U holds that."""

    @abstractmethod
    def project(self, d: Tensor) -> Tensor:
        """The δ in U nearest to d in the Euclidean norm, shaped like d."""

    def support(self, g: Tensor) -> Tensor:
        """The support function σ(g) = ⟨g, Δ*(g)⟩, the largest value of ⟨g, δ⟩ over U: (N,)."""
        best = as_rows(self.maximizer(g), "maximizer")
        return (as_rows(g, "g") * best).sum(1).to(g.dtype)

    def certificate(self, g: Tensor) -> Tensor:
        """A bound on the gap σ(g) − ⟨g, Δ*(g)⟩ of the maximiser, (N,), by duality and without a solver.

        It is 0 up to rounding where the maximiser is exact. Raises a `ValueError` where none is known.
        """
        raise ValueError(
            f"{self!r}: no certificate is known; balls, pixel balls and budgets have one, in a box too"
        )

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        """Whether d is in U, up to atol and the rounding of d's type: bool (N,). NaN and infinity are not."""
        x = as_rows(d, "d", finite=False)
        finite = x.isfinite().all(1)
        x = x.masked_fill(~finite[:, None], 0.0)
        distance = (x - as_rows(self.project(x.reshape(d.shape)), "project")).norm(dim=1)
        return finite & (distance <= atol + rounding(d) * x.norm(dim=1))

    def support_expression(self, w: Any) -> Any:
        """σ(w) in cvxpy, to be minimised or bounded above: of w (n,) a scalar, of (m, n) one a row, (m,)."""
        raise NoExpressionError(f'{self!r} has no cvxpy expression; solve by method="cutting-set"')

    def within(self, z: Any) -> list[Any]:
        """The cvxpy constraints that z (n,), or each row of z (m, n), is in U."""
        raise NoExpressionError(f'{self!r} has no cvxpy constraints; solve by method="cutting-set"')

    def scaled(self, factor: float) -> UncertaintySet:
        """The set of all factor · δ with δ in U; factor ≥ 0."""
        from rolab.sets.algebra import Scaled

        return Scaled(factor, self)

    def __getitem__(self, rows: Any) -> UncertaintySet:
        """The sets of some examples of a batch; a set that all examples share is its own."""
        return self

    def as_image(self) -> tuple[UncertaintySet, Any]:
        """A unit set and a matrix, or a number, with U = matrix @ unit: many sets share their unit.

        A matrix is of numpy or scipy. So a thousand balls need but one expression of their unit ball.
        """
        return self, 1.0

    @property
    def formula(self) -> str:
        """The support function of a direction w as text, with the set's numbers."""
        return self.formula_in("w")

    def formula_in(self, w: str) -> str:
        """The same with another name for the direction."""
        return f"max over δ in {self!r} of ⟨{w}, δ⟩"

    # What robust regressions and support vector machines ask. A set of matrices (m, n) is a set of vectors of
    # m · n numbers, row by row.

    def design_regularizer(self) -> UncertaintySet | None:
        """The set V with σ_U(u xᵀ) = ‖u‖₂ σ_V(x) for all u (m,) and x (n,), or None if none is known."""
        return None

    def left_invariant_summand(self) -> tuple[UncertaintySet, UncertaintySet, UncertaintySet] | None:
        """Of a sum, one part that has a `design_regularizer`, that V, and the other part; else None."""
        return None

    def row_set(self, shape: tuple[int, int]) -> UncertaintySet | None:
        """The set of each row of the matrices, one a batch entry, if U is the product of these; else None."""
        return None

    def enclosing(self, shape: tuple[int, int]) -> tuple[UncertaintySet, ...]:
        """Simpler sets that hold U, or none."""
        return ()

    def coupled_examples(self, shape: tuple[int, int]) -> UncertaintySet | None:
        """Where U is one budget for all examples, the rows of X (N, d): what one of them alone may do.

        None where it is a set for each example. Raises a `ValueError` if it is neither.
        """
        return None

    @property
    def vertices(self) -> Tensor | None:
        """Points (k, n) whose hull the set is, if it was built from some."""
        return None

    @property
    def penalty(self) -> tuple[Radius, Lp] | None:
        """The c and ‖·‖ with σ(w) = c ‖w‖ for all w, if the support function is a multiple of a norm ℓp."""
        return None

    @property
    def budgeted(self) -> bool:
        """Whether a number Γ limits how many entries are at their worst at once."""
        return False

    @property
    def convex(self) -> bool:
        """Whether all means of its points are in it; only then may an attack take steps within it."""
        return True

    @property
    def holds_zero(self) -> bool:
        """Whether 0 is known to be in U without a computation."""
        return False

    @property
    def dimension(self) -> int | None:
        """The number of entries of one δ, where the set fixes it."""
        return None

    def __and__(self, other: UncertaintySet) -> UncertaintySet:
        """The intersection of two sets: exact for balls and budgets in a box, and boxes; else by cvxpy."""
        from rolab.sets.algebra import intersection

        return intersection(self, other) if isinstance(other, UncertaintySet) else NotImplemented

    def __add__(self, other: UncertaintySet) -> UncertaintySet:
        """The Minkowski sum, all δ + δ' with δ in one set and δ' in the other."""
        from rolab.sets.algebra import minkowski

        return minkowski(self, other) if isinstance(other, UncertaintySet) else NotImplemented

    def __rmatmul__(self, matrix: Any) -> UncertaintySet:
        """The linear image, all matrix · δ with δ in U; the matrix is a tensor, of numpy or of scipy."""
        from rolab.sets.algebra import Image

        return Image(matrix, self)

    def __eq__(self, other: object) -> bool:
        """Whether the other set is of the same class, with the same numbers."""
        return isinstance(other, UncertaintySet) and _key(self) == _key(other)

    def __hash__(self) -> int:
        """A number that equal sets share."""
        return hash(_key(self))


UncertaintySetLike = UncertaintySet | Callable[[Tensor], UncertaintySet]


def at(U: UncertaintySetLike, x: Tensor) -> UncertaintySet:
    """The set at the inputs x: U itself, or U(x) if U is a function of the inputs.

    >>> from rolab.sets import Ball, pixel_box
    >>> at(lambda x: Ball("linf", 0.1) & pixel_box(x), torch.zeros(5, 1, 2, 2))
    Ball('linf', 0.1) & Box(<5x1x2x2>, <5x1x2x2>)
    """
    found: Any = U(x) if callable(U) and not isinstance(U, UncertaintySet) else U
    if not isinstance(found, UncertaintySet):
        came = repr(found) if found is U else f"a function that returns {found!r}"
        raise ValueError(f"U: expected an UncertaintySet or a function x -> UncertaintySet, got {came}")
    return found


# What the sets share.


def kept(value: Any, name: str, ndim: int) -> Tensor:
    """A tensor, or an array of numpy or scipy, as a float64 tensor of the set's own, sparse if it was."""
    if hasattr(value, "tocoo"):
        coo = value.tocoo()
        places = torch.from_numpy(np.stack([coo.row, coo.col]).astype(np.int64))
        value = torch.sparse_coo_tensor(places, coo.data, coo.shape, check_invariants=True).coalesce()
    try:
        tensor = torch.as_tensor(value).detach().to("cpu", torch.float64, copy=True)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{name}: expected an array of numbers, got {type(value).__name__}") from None
    if tensor.ndim != ndim or 0 in tensor.shape:
        expected = "a matrix (m, n)" if ndim == 2 else "a vector (n,)"
        raise ValueError(f"{name}: expected {expected}, got shape {tuple(tensor.shape)}")
    if not (tensor.values() if tensor.is_sparse else tensor).isfinite().all():
        raise ValueError(f"{name}: expected finite entries, got NaN or infinity")
    return tensor


def fitting(g: Tensor, name: str, width: int, owner: str, finite: bool = True) -> Tensor:
    """The batch g (N, ...) as a matrix (N, width), or a `ValueError` that says which part of the set asks."""
    x = as_rows(g, name, finite)
    check_width(x.shape[1], width, name, owner)
    return x


def check_width(came: int, width: int, name: str, owner: str) -> None:
    """Raise a `ValueError` unless the examples of the argument `name` have as many entries as the set."""
    if came != width:
        raise ValueError(f"{name}: expected {width} entries an example, to fit {owner}, got {came}")


def normalized(x: Tensor) -> Tensor:
    """The rows of x, each with a largest entry of ±1; a row of zeros stays."""
    largest = x.abs().amax(1, keepdim=True)
    return x / torch.where(largest > 0, largest, 1.0)


def like(g: Tensor, x: Tensor) -> Tensor:
    """The matrix x (N, d) in the shape and the type of g."""
    return x.reshape(g.shape).to(g)


def zero_if_held(U: UncertaintySet, g: Tensor, best: Tensor) -> Tensor:
    """The maximisers, but 0 where the direction is 0 and U holds that."""
    idle = as_rows(g, "g").eq(0).all(1)
    if not (idle & as_rows(best, "maximizer").ne(0).any(1)).any():
        return best
    try:
        idle = idle & U.contains(torch.zeros_like(g))
    except NoExpressionError:  # without a projection nobody knows, and each point of U is as good
        return best
    return best.masked_fill(idle.reshape(-1, *[1] * (g.ndim - 1)), 0.0)


def decision(w: Any) -> tuple[Any, Tensor]:
    """The cvxpy expression of w, and a stand-in (m, n) for its rows, to shape radii and bounds by."""
    w = cvxpy().Expression.cast_to_const(w)
    if w.ndim not in (1, 2):
        raise ValueError(f"w: expected a vector (n,) or a matrix (m, n), one w a row, got shape {w.shape}")
    return w, torch.empty(w.shape if w.ndim == 2 else (1, *w.shape), dtype=torch.float64)


def is_number(radius: Any) -> bool:
    """Whether all examples share the radius."""
    return not isinstance(radius, Tensor) or radius.ndim == 0


def per_example(value: Any, rows: Any) -> Any:
    """A number as it is, a tensor (N,) at the chosen examples."""
    return value if is_number(value) else value[listed(rows)]


def listed(rows: Any) -> Any:
    """An index that keeps the batch axis."""
    return [rows] if isinstance(rows, int) else rows


def rounding(d: Tensor) -> float:
    """The relative error that a few operations in the type of d leave."""
    return 8 * torch.finfo(d.dtype).eps


def short(value: Bound) -> str:
    """A number, or the shape of a tensor, as text."""
    return (
        f"<{'x'.join(map(str, value.shape))}>"
        if isinstance(value, Tensor) and value.ndim
        else f"{float(value):g}"
    )


def _key(part: Any) -> Any:
    """What equal sets share: the class and what it was built from."""
    if isinstance(part, Tensor):
        dense = part.detach().to_dense().to("cpu", torch.float64).numpy()
        return dense.shape, dense.tobytes()
    if dataclasses.is_dataclass(part):
        return type(part), *(
            _key(getattr(part, field.name)) for field in dataclasses.fields(part) if field.init
        )
    return id(part) if isinstance(part, UncertaintySet) else part
