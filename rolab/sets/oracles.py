"""The oracles of an uncertainty set: what is asked of one set alone, and what the answers share."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from numbers import Real
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from rolab.arguments import Radius, as_rows, cast_rows, rounding, short
from rolab.errors import NoExpressionError
from rolab.norms import Lp


class Oracles(ABC):
    """Answers about a set U, all but the first two with a default; `UncertaintySet` adds what makes sets."""

    convex: ClassVar[bool] = True  # whether all means of its points are in it; else no attack walks in it
    budgeted: ClassVar[bool] = False  # whether a number Γ limits how many entries are at their worst at once
    COMPOUND: ClassVar[bool] = False  # whether its text needs brackets among signs
    FITTED: ClassVar[tuple[str, int] | None] = None  # a matrix of the set, and the axis as long as a δ is

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

    def duality_gap_bound(self, g: Tensor) -> Tensor:
        """A bound on the gap σ(g) − ⟨g, Δ*(g)⟩ of the maximiser, (N,), by duality and without a solver.

        It is 0 up to rounding where the maximiser is exact. Raises a `ValueError` where none is known.
        """
        known = "balls, pixel balls and budgets have one, in a box too"
        raise ValueError(f"{self!r}: no certificate is known; {known}")

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        """Whether d is in U, up to atol and the rounding of d's type: bool (N,). NaN and infinity are not."""
        x = self._as_rows(d, "d", finite=False)
        finite = x.isfinite().all(1)
        x = x.masked_fill(~finite[:, None], 0.0)
        return finite & (self._distance(x.reshape(d.shape)) <= atol + rounding(d) * x.norm(dim=1))

    def extent(self, rows: Tensor) -> Tensor:
        """The largest |δ_j| over U, or what it is at most, of examples like the rows (N, d): (N, d)."""
        axes = torch.eye(rows.shape[1], dtype=torch.float64)
        both = torch.cat([axes, -axes])
        own = [0] if self[[0]] is self else range(len(rows))
        found = [self[[i] * len(both)].support(both).reshape(2, -1).abs().amax(0) for i in own]
        return torch.stack(found).expand(rows.shape)

    def support_expression(self, w: Any) -> Any:
        """σ(w) in cvxpy, to be minimised or bounded above: of w (n,) a scalar, of (m, n) one a row, (m,)."""
        W, rows, ndim = cast_rows(w)
        self._check_width(W.shape[1], "w")
        return self._supports(W, rows) if ndim == 2 else self._supports(W, rows)[0]

    def constraints(self, z: Any) -> list[Any]:
        """The cvxpy constraints that z (n,), or each row of z (m, n), is in U."""
        Z, rows, _ = cast_rows(z)
        self._check_width(Z.shape[1], "z")
        return self._row_constraints(Z, rows)

    def _supports(self, w: Any, rows: Tensor) -> Any:
        """σ of each row of the expression w (m, n), (m,); `rows` is a stand-in of its shape."""
        raise NoExpressionError(self._lacks("expression", "support_expression"))

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        """That each row of the expression z (m, n) is in U."""
        raise NoExpressionError(self._lacks("constraints", "constraints"))

    def _lacks(self, what: str, method: str) -> str:
        instead = 'a `RobustLP` does without by method="cutting-set"'
        return f"{self!r} has no cvxpy {what}; its class needs the method `{method}`, or {instead}"

    def __getitem__(self, rows: Any) -> Self:
        """The sets of some examples of a batch; a set that all examples share is its own."""
        return self

    __iter__: ClassVar[None] = None  # else U[0], U[1], … would go on for ever

    def __contains__(self, d: Any) -> bool:
        raise TypeError(f"{self!r}: expected U.contains(d), one answer per example, got `d in U`")

    @property
    def formula(self) -> str:
        """The support function of a direction w as text, with the set's numbers."""
        return self.formula_in("w")

    def formula_in(self, w: str) -> str:
        """The same with another name for the direction."""
        return f"max over δ in {self!r} of ⟨{w}, δ⟩"

    @property
    def separable(self) -> bool:
        """Whether U is known to be a box: what one entry of δ is leaves the others free."""
        return False

    @property
    def contains_zero(self) -> bool:
        """Whether 0 is known to be in U without a computation."""
        return False

    @property
    def dimension(self) -> int | None:
        """The number of entries of one δ, where the set fixes it."""
        return getattr(self, self.FITTED[0]).shape[self.FITTED[1]] if self.FITTED else None

    @property
    def vertices(self) -> Tensor | None:
        """Points (k, n) whose hull the set is, if it was built from some."""
        return None

    @property
    def penalty(self) -> tuple[Radius, Lp] | None:
        """The c and ‖·‖ with σ(w) = c ‖w‖ for all w, if the support function is a multiple of an ℓp norm."""
        return None

    @property
    def _owner(self) -> str:
        """The part of the set that fixes its dimension, as errors name it."""
        return f"{self.FITTED[0]} {tuple(getattr(self, self.FITTED[0]).shape)}" if self.FITTED else repr(self)

    def _as_rows(self, g: Any, name: str, finite: bool = True) -> Tensor:
        """The batch g (N, ...) as a matrix, or a `ValueError` unless it has the set's dimension."""
        x = as_rows(g, name, finite)
        self._check_width(x.shape[1], name)
        return x

    def _check_width(self, came: int, name: str) -> None:
        if self.dimension not in (None, came):
            expected = f"{self.dimension} entries an example, to fit {self._owner}"
            raise ValueError(f"{name}: expected {expected}, got {came}")

    def _distance(self, d: Tensor) -> Tensor:
        """How far each d is from the set: (N,)."""
        return (as_rows(d, "d") - as_rows(self.project(d), "project")).norm(dim=1)

    def _zero_if_idle(self, g: Tensor, best: Tensor) -> Tensor:
        """The maximisers, but 0 where the direction is 0 and U holds that."""
        idle = as_rows(g, "g").eq(0).all(1)
        if not (idle & as_rows(best, "maximizer").ne(0).any(1)).any():
            return best
        try:
            one_for_all = len(g) and self[[0]] is self
            idle = idle & self.contains(torch.zeros_like(g[:1] if one_for_all else g))
        except NoExpressionError:  # without a projection nobody knows, and each point of U is as good
            return best
        return best.masked_fill(idle.reshape(-1, *[1] * (g.ndim - 1)), 0.0)

    def _keep(self, **fields: Any) -> None:
        """Write fields of the frozen set, while it is made."""
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        """The class and what it was built from, tensors by their shapes."""
        this: Any = self
        if not dataclasses.is_dataclass(this):  # a set of a user's own
            return super().__repr__()
        parts = (getattr(this, field.name) for field in dataclasses.fields(this) if field.init)
        return f"{type(self).__name__}({', '.join(map(_text, parts))})"

    def _operand(self) -> str:
        """The set as it reads among signs."""
        return f"({self!r})" if self.COMPOUND else repr(self)

    def __eq__(self, other: object) -> bool:
        """Whether the other set is of the same class, with the same numbers."""
        return isinstance(other, Oracles) and _key(self) == _key(other)

    def __hash__(self) -> int:
        """A number that equal sets share."""
        return hash(_key(self))


def _text(part: Any) -> str:
    if isinstance(part, Lp):
        return repr(part.name)
    return short(part) if isinstance(part, Tensor | Real) else repr(part)


def _key(part: Any) -> Any:
    """What equal sets share: the class and what it was built from."""
    if isinstance(part, Tensor):
        dense = part.detach().to_dense().to("cpu", torch.float64).numpy()
        return dense.shape, dense.tobytes()
    if dataclasses.is_dataclass(part):
        built_from = (getattr(part, field.name) for field in dataclasses.fields(part) if field.init)
        return type(part), *map(_key, built_from)
    return id(part) if isinstance(part, Oracles) else part


def check_inner(inner: Any, length: int, name: str) -> None:
    """Raise a `ValueError` unless the inner set of another is one of so many entries."""
    if not isinstance(inner, Oracles):
        raise ValueError(f"{name}: expected an UncertaintySet, got {inner!r}")
    if inner.dimension not in (None, length):
        raise ValueError(f"{name}: expected a set of {length} entries, got {inner.dimension} of {inner!r}")
