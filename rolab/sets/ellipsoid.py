"""Ellipsoids by their matrix, which may be singular."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from rolab.arguments import (
    Radius,
    as_column,
    check_radius,
    cvxpy,
    divided,
    float64_copy,
    like,
    one_if_zero,
    power_of_two,
    short,
)
from rolab.sets.balls import Ball, WithRadius
from rolab.sets.base import Shape, UncertaintySet


@dataclass(frozen=True, eq=False, repr=False)
class Ellipsoid(WithRadius):
    """All δ with δᵀ Σ⁻¹ δ ≤ radius²: the image radius · L u of the unit ball ‖u‖₂ ≤ 1, where Σ = LLᵀ.

    Σ (d, d) is symmetric and may be singular: then the set is flat. The radius is a number or a tensor (N,).

    >>> U = Ellipsoid([[4.0, 0.0], [0.0, 1.0]], 1.0)
    >>> U.maximizer(torch.tensor([[1.0, 0.0], [0.0, -3.0]]))
    tensor([[ 2.,  0.],
            [ 0., -1.]])
    """

    sigma: Tensor
    radius: Radius
    root: Tensor = field(init=False)  # L with Σ = LLᵀ, right in each coordinate whatever its unit
    axes: Tensor = field(init=False)  # the orthonormal columns v of Σv = λv
    spread: Tensor = field(init=False)  # the roots of their λ, with 0 for those that are 0 up to rounding
    FITTED = "sigma", 0

    def __post_init__(self) -> None:
        check_radius(self.radius)
        sigma = float64_copy(self.sigma, "sigma", 2)
        if sigma.shape[0] != sigma.shape[1]:
            raise ValueError(f"sigma: expected a square matrix (d, d), got shape {tuple(sigma.shape)}")
        sigma = sigma.to_dense()
        skew = (sigma - sigma.T).abs()
        if skew.max() > 1e-6 * sigma.abs().max():
            came = f"one with |Σ − Σᵀ| up to {skew.max().item():g}"
            raise ValueError(f"sigma: expected a symmetric matrix, got {came}")
        sizes = power_of_two(sigma.diagonal().abs().sqrt())
        for unit in (sizes, torch.ones_like(sizes)):  # the latter where rounding has left a wrong diagonal
            of_1 = (sigma + sigma.T) / 2 / unit / unit[:, None]
            values, vectors = torch.linalg.eigh(of_1)
            if values[0] >= -1e-6 * of_1.abs().max():
                break
        else:
            came = f"the eigenvalue {values[0].item():g}"
            raise ValueError(f"sigma: expected a matrix without negative eigenvalues, got {came}")
        flat = values <= len(values) * torch.finfo(values.dtype).eps * of_1.abs().max()
        root = unit[:, None] * vectors * values.masked_fill(flat, 0.0).sqrt()
        axes, spread, _ = torch.linalg.svd(root)
        spread[len(flat) - int(flat.sum()) :] = 0.0
        self._keep(sigma=sigma, root=root, axes=axes, spread=spread)

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        """δ = radius · Σg / √(gᵀΣg), that is L times the maximiser of the ball at Lᵀg."""
        x, L = self._as_rows(g, "g"), self.root
        return like(g, Ball("l2", self.radius).maximizer(x @ L.to(x)) @ L.to(x).T)

    @torch.no_grad()
    def project(self, d: Tensor) -> Tensor:
        """In the axes, with y = Vᵀd and spreads s, it is s u with u_i = s_i y_i / (s_i² + μ), ‖u‖ ≤ radius.

        The μ ≥ 0 that makes it so solves 1/‖u(μ)‖ = 1/radius. The left side is concave and rises with μ, so
        Newton's method, begun at 0, climbs to the root (Moré, Sorensen: Computing a trust region step, 1983).
        """
        x = self._as_rows(d, "d")
        r, s, axes = as_column(self.radius, x), self.spread.to(x), self.axes.to(x)
        s = torch.where(s > torch.finfo(x.dtype).eps * s.max(), s, 0.0)  # what is thinner is flat
        y = x @ axes
        scale = torch.where(s > 0, s, 1.0)
        mu = torch.zeros_like(x[:, :1])
        for _ in range(100):  # some 10 in practice; nothing moves any more after that
            u = torch.where(s > 0, scale * y / (scale**2 + mu), 0.0)
            length = u.norm(dim=1, keepdim=True)
            fall = ((u / one_if_zero(length)).square() / (scale**2 + mu)).sum(1, keepdim=True)
            last, mu = mu, torch.where((length > r) & (r > 0), mu + (length / r - 1) / fall, mu)
            if torch.equal(last, mu):
                break
        shrunk = u * (r / length).nan_to_num(1.0).clamp(max=1)
        inside = (length <= r) & (s > 0).all() & (mu == 0)
        return like(d, torch.where(inside, x, (shrunk * s) @ axes.T))

    def extent(self, rows: Tensor) -> Tensor:
        return super().extent(rows) * self.root.norm(dim=1)

    def _supports(self, w: Any, rows: Tensor) -> Any:
        """The norm radius · ‖Lᵀw‖₂ = radius · √(wᵀΣw)."""
        unit = float(power_of_two(self.spread.max()))
        return Ball("l2", unit * self.radius).support_expression(w @ (self.root / unit).numpy())

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        u, (w, radii) = cvxpy().Variable(z.shape), self._in_units(z, rows)
        unit = power_of_two(self.root.norm(dim=1))
        root = self.root / unit[:, None]
        return [divided(w, unit) == u @ root.T.numpy(), cvxpy().norm(u, 2, axis=1) <= radii]

    def as_linear_image(self) -> tuple[UncertaintySet, Any]:
        unit, radius = super().as_linear_image()
        return (self, 1.0) if unit is self else (Ball("l2", 1.0), radius * self.root.numpy())

    def enclosing(self, shape: Shape) -> tuple[UncertaintySet, ...]:
        """The ball of its longest axis."""
        return (Ball("l2", self.radius * self.spread.max().item()),)

    def formula_in(self, w: str) -> str:
        return f"{short(self.radius)}·√({w}ᵀΣ{w})"
