"""Tangent sets: the perturbations of another set that stay within the span of a basis, eqs. (12) and (13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from scipy import sparse
from torch import Tensor

from rolab.arguments import at_rows, cvxpy, divided, float64_copy, like, normalized, one_if_zero, rounding
from rolab.errors import NoExpressionError
from rolab.sets import solver
from rolab.sets.balls import Ball
from rolab.sets.base import SolvedSet, UncertaintySet
from rolab.sets.duality_gap import gap
from rolab.sets.oracles import check_inner


@dataclass(frozen=True, eq=False, repr=False)
class Tangent(SolvedSet):
    """All δ of the inner set that are sums of the columns of a basis: eq. (12), whose maximum is eq. (13).

    The basis (d, k) is shared, or there is one for each example, (N, d, k): the tangents of the images at
    each of them (`rolab.manifold`). The columns may be any that span; `basis` keeps orthonormal ones, Q, with
    0 in the place of those that depend on others. For an ℓ2 ball of radius r all oracles are closed forms,
    the maximiser r QQᵀg/‖QQᵀg‖. For others a solver answers, in some milliseconds an example; for sets that
    cvxpy does not know, the alternation of their projections with that onto the span.

    >>> U = Tangent([[1.0], [1.0], [0.0]], Ball("l2", 2**0.5))
    >>> U.maximizer(torch.tensor([[5.0, 3.0, 9.0]]))
    tensor([[1.0000, 1.0000, 0.0000]])
    """

    basis: Tensor
    inner: UncertaintySet
    FITTED = "basis", -2

    def __post_init__(self) -> None:
        given = self.basis
        basis = given.detach() if isinstance(given, Tensor) else float64_copy(given, "basis", 2)
        if basis.ndim not in (2, 3) or 0 in basis.shape[-2:] or not basis.is_floating_point():
            came = f"{basis.dtype} of shape {tuple(basis.shape)}"
            raise ValueError(f"basis: expected floats, a matrix (d, k) or (N, d, k), got {came}")
        if not basis.isfinite().all():
            raise ValueError("basis: expected finite entries, got NaN or infinity")
        self._keep(basis=orthonormal(basis))
        check_inner(self.inner, basis.shape[-2], "inner")

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        x = self._as_rows(g, "g")
        if ball := self._ball:
            return like(g, ball.maximizer(self._in_span(x)))
        U = self._precise
        return like(g, U._combine(_Coordinates(U).maximizer(U._coordinates(x.double().cpu()))))

    @torch.no_grad()
    def project(self, d: Tensor) -> Tensor:
        """Qz with the nearest z to Qᵀd, for Q keeps distances; a point of the set stays."""
        x = self._as_rows(d, "d")
        if ball := self._ball:
            near = ball.project(self._in_span(x))
        else:
            U = self._precise
            near = U._combine(_Coordinates(U).project(U._coordinates(x.double().cpu()))).to(x)
        stays = (x - near).norm(dim=1, keepdim=True) <= rounding(x) * x.norm(dim=1, keepdim=True)
        return like(d, torch.where(stays, x, near))

    def duality_gap_bound(self, g: Tensor) -> Tensor:
        """Of an ℓ2 ball, beside r ‖QQᵀg‖₂."""
        if ball := self._ball:
            return gap(ball.support(self._in_span(self._as_rows(g, "g"))), g, self.maximizer(g))
        return super().duality_gap_bound(g)

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        x = self._as_rows(d, "d", finite=False)
        x = x.masked_fill(~x.isfinite().all(1, keepdim=True), 0.0)
        slack = max(rounding(d), rounding(self.basis)) * x.norm(dim=1)
        flat = (x - self._in_span(x)).norm(dim=1) <= atol + slack
        return flat & self.inner.contains(d, atol)

    def _supports(self, w: Any, rows: Tensor) -> Any:
        """r ‖Qᵀw‖₂; else the least σ_inner(w + v) over v that are orthogonal to the span."""
        Q = self._blocks(len(rows))
        if ball := self._ball:
            return ball.support_expression(_times(Q.T, w))
        cp = cvxpy()
        if not self.contains_zero:  # else there may be no point in it, and that is an error
            solver.solve(cp.Problem(cp.Minimize(0), self.constraints(cp.Variable(w.shape))), self)
        v = cp.Variable(w.shape)
        return self.inner.support_expression(w + v - _times(Q, _times(Q.T, v)))

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        Q = self._blocks(len(rows))
        unit = torch.tensor([solver.magnitude(self.inner) or 1.0]).double()
        part = cvxpy().Variable((z.shape[0], self.basis.shape[-1]))
        return [divided(z, unit) == _times(Q, part), *self.inner.constraints(z)]

    def scaled(self, factor: float) -> Tangent:
        return Tangent(self.basis, self.inner.scaled(factor))

    def for_batch(self, shape: torch.Size) -> Tangent:
        self._check_count(shape[0])
        return self._of(self.basis, self.inner.for_batch(shape))

    def __getitem__(self, rows: Any) -> Tangent:
        return self._of(at_rows(self.basis, rows) if self._each else self.basis, self.inner[rows])

    def _of(self, basis: Tensor, inner: UncertaintySet) -> Tangent:
        return self if basis is self.basis and inner is self.inner else Tangent(basis, inner)

    def as_linear_image(self) -> tuple[UncertaintySet, Any]:
        unit, radius = self.inner.as_linear_image()
        if not isinstance(radius, float):
            return solver.in_units(self, solver.magnitude(self.inner))
        if self._ball and not self._each and radius != 1:
            return unit, radius * solver.array(self.basis)
        return self._of(self.basis, unit), radius

    def enclosing(self, shape: tuple[int, ...]) -> tuple[UncertaintySet, ...]:
        return (self.inner,)

    def formula_in(self, w: str) -> str:
        if ball := self._ball:
            return ball.formula_in(f"(Qᵀ{w})")
        v = "u" if "v" in w else "v"
        return f"min over {v} with Qᵀ{v} = 0 of [{self.inner.formula_in(f'({w} + {v})')}]"

    @property
    def contains_zero(self) -> bool:
        return self.inner.contains_zero

    @property
    def _ball(self) -> Ball | None:
        """The inner set as an ℓ2 ball, if it is one."""
        known = self.inner.penalty
        return Ball("l2", known[0]) if known and known[1].euclidean else None

    @property
    def _each(self) -> bool:
        """Whether each example has a basis of its own."""
        return self.basis.ndim == 3

    @property
    def _precise(self) -> Tangent:
        """The same, orthonormal to double precision on the CPU, where solvers are."""
        return self._of(self.basis.to("cpu", torch.float64), self.inner)

    def _coordinates(self, x: Tensor) -> Tensor:
        """Qᵀx for each row of the matrix x (N, d): (N, k)."""
        self._check_count(len(x))
        Q = self.basis.to(x)
        return (x[:, None] @ Q)[:, 0] if self._each else x @ Q

    def _combine(self, z: Tensor) -> Tensor:
        """Qz for each row of the matrix z (N, k): (N, d)."""
        Q = self.basis.to(z)
        return (z[:, None] @ Q.mT)[:, 0] if self._each else z @ Q.T

    def _in_span(self, x: Tensor) -> Tensor:
        """QQᵀx, the nearest point of the span to each row of the matrix x (N, d)."""
        return self._combine(self._coordinates(x))

    def _check_count(self, count: int) -> None:
        if self._each and len(self.basis) != count:
            expected = f"(d, k) for all examples or ({count}, d, k), one per example"
            raise ValueError(f"basis: expected {expected}, got shape {tuple(self.basis.shape)}")

    def _blocks(self, count: int) -> Any:
        """The matrix (N d, N k) with the basis of each example in a block of its own, in scipy."""
        self._check_count(count)
        Q = solver.array(self._precise.basis)
        return sparse.block_diag(Q if self._each else [Q] * count, format="csr")


class _Coordinates(SolvedSet):
    """All z with Qz in the inner set of a tangent set: as far from each other as the Qz, for QᵀQ = I."""

    def __init__(self, U: Tangent) -> None:
        self.U = U

    def _furthest(self, x: Tensor) -> Tensor:
        try:
            each = [solver.maximizer(self[[i]], x[[i]]) for i in range(len(x))]
        except NoExpressionError:
            return self.project(self._alternate(normalized(x)[0], 0.0, 2_000))
        return torch.cat(each) if each else x

    def project(self, d: Tensor) -> Tensor:
        try:
            return super().project(d)
        except NoExpressionError:
            return like(d, self._alternate(d, 1.0, 5_000))

    def _alternate(self, x: Tensor, curvature: float, most: int) -> Tensor:
        """The z with Qz in the inner set and the largest ⟨x, z⟩ − curvature ‖z‖²/2, from its projections.

        Qz and y of the inner set take turns, u is the price of their difference, weighted so that both errors
        fall alike (Boyd et al., Distributed optimization and statistical learning via the alternating
        direction method of multipliers, 2011, §3). With a curvature, they have to agree at the end.
        """
        x, U, inner = x.detach().double().cpu(), self.U, self.U.inner
        size = one_if_zero(inner.maximizer(U._combine(x)).norm(dim=1, keepdim=True))
        weight = torch.ones_like(size) if curvature else one_if_zero(x.norm(dim=1, keepdim=True)) / size
        y = u = torch.zeros_like(U._combine(x))
        for step in range(1, most + 1):
            z = (x + weight * U._coordinates(y - u)) / (curvature + weight)
            Qz, last = U._combine(z), y
            relaxed = 1.7 * Qz - 0.7 * y
            y = inner.project(relaxed + u)
            u = u + relaxed - y
            errors = Qz - y, U._coordinates(y - last)
            apart, moved = (error.norm(dim=1, keepdim=True) / size for error in errors)
            if (apart + moved <= 1e-9).all():
                return z
            if step % 50 == 0 and step < most / 2:
                change = (apart / moved.clamp(min=1e-300)).sqrt().clamp(0.2, 5.0)
                weight, u = weight * change, u / change
        if curvature and not (apart <= 1e-6).all():
            raise RuntimeError(f"{U!r}: no point was found that is in the span and in the inner set")
        return z

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        return self.U.inner.constraints(_times(self.U._blocks(len(rows)), z))

    def scaled(self, factor: float) -> _Coordinates:
        return _Coordinates(self.U.scaled(factor))

    def __getitem__(self, rows: Any) -> _Coordinates:
        return self if self.U[rows] is self.U else _Coordinates(self.U[rows])

    def as_linear_image(self) -> tuple[UncertaintySet, Any]:
        return solver.in_units(self, solver.magnitude(self.U.inner))

    @property
    def contains_zero(self) -> bool:
        return self.U.contains_zero

    def __repr__(self) -> str:
        return repr(self.U)


def _times(blocks: Any, z: Any) -> Any:
    """Each row of the expression z (N, k) times its block of a matrix (N d, N k): (N, d)."""
    size = z.shape[0], blocks.shape[0] // z.shape[0]
    return cvxpy().reshape(blocks @ cvxpy().vec(z, order="C"), size, order="C")


@torch.no_grad()
def orthonormal(basis: Tensor) -> Tensor:
    """Orthonormal columns that span what those of a basis (…, d, k) do, in float32 or float64.

    What depends on other columns, up to rounding, is 0. Columns that are orthonormal, or 0, stay as they are.
    """
    B = basis.to(torch.promote_types(basis.dtype, torch.float32))
    error, products = torch.finfo(B.dtype).eps * 4 * B.shape[-1], B.mT @ B
    unit = torch.diag_embed(products.diagonal(dim1=-2, dim2=-1).round().clamp(0, 1))
    if ((products - unit).abs() <= error).all():
        return B
    largest = B.abs().amax(-2, keepdim=True)
    B = B / one_if_zero(largest)
    Q, R = torch.linalg.qr(B / one_if_zero(B.norm(dim=-2, keepdim=True)))
    U, s, _ = torch.linalg.svd(R, full_matrices=False)
    return Q @ (U * (s > 10 * error * s[..., :1]).to(U)[..., None, :])
