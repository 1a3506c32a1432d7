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
    axes: Tensor = field(init=False)  # the orthonormal columns v of Σv = λv
    spread: Tensor = field(init=False)  # the roots of their λ, with 0 for those that are 0 up to rounding
    FITTED = "sigma", 0

    def __post_init__(self) -> None:
        check_radius(self.radius)
        sigma = float64_copy(self.sigma, "sigma", 2)
        if sigma.shape[0] != sigma.shape[1]:
            raise ValueError(f"sigma: expected a square matrix (d, d), got shape {tuple(sigma.shape)}")
        sigma, largest = sigma.to_dense(), sigma.abs().max().item()
        skew = (sigma - sigma.T).abs().max().item()
        if skew > 1e-6 * largest:
            raise ValueError(f"sigma: expected a symmetric matrix, got one with |Σ − Σᵀ| up to {skew:g}")
        values, axes = torch.linalg.eigh((sigma + sigma.T) / 2)
        if values[0] < -1e-6 * largest:
            came = f"the eigenvalue {values[0].item():g}"
            raise ValueError(f"sigma: expected a matrix without negative eigenvalues, got {came}")
        flat = values <= len(values) * torch.finfo(values.dtype).eps * largest
        self._keep(sigma=sigma, axes=axes, spread=values.masked_fill(flat, 0.0).sqrt())

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        """δ = radius · Σg / √(gᵀΣg), that is L times the maximiser of the ball at Lᵀg."""
        x, L = self._as_rows(g, "g"), self._root
        return like(g, Ball("l2", self.radius).maximizer(x @ L.to(x)) @ L.to(x).T)

    @torch.no_grad()
    def project(self, d: Tensor) -> Tensor:
        """In the axes, with y = Vᵀd and spreads s, it is s u with u_i = s_i y_i / (s_i² + μ), ‖u‖ ≤ radius.

        The μ ≥ 0 that makes it so solves 1/‖u(μ)‖ = 1/radius. The left side is concave and rises with μ, so
        Newton's method, begun at 0, climbs to the root (Moré, Sorensen: Computing a trust region step, 1983).
        """
        x = self._as_rows(d, "d")
        r, s, axes = as_column(self.radius, x), self.spread.to(x), self.axes.to(x)
        y = x @ axes
        scale = torch.where(s > 0, s, 1.0)
        mu = torch.zeros_like(x[:, :1])
        for _ in range(100):  # some 10 in practice; nothing moves any more after that
            u = torch.where(s > 0, scale * y / (scale**2 + mu), 0.0)
            square = u.square().sum(1, keepdim=True)
            fall = (u.square() / (scale**2 + mu)).sum(1, keepdim=True)
            step = square / fall * (square.sqrt() / r - 1)
            last, mu = mu, torch.where((square > r**2) & (r > 0), mu + step, mu)
            if torch.equal(last, mu):
                break
        shrunk = u * (r / u.norm(dim=1, keepdim=True)).nan_to_num(1.0).clamp(max=1)
        inside = (square <= r**2) & (s > 0).all() & (mu == 0)
        return like(d, torch.where(inside, x, (shrunk * s) @ axes.T))

    @property
    def _root(self) -> Tensor:
        """L with Σ = LLᵀ."""
        return self.axes * self.spread

    def _supports(self, w: Any, rows: Tensor) -> Any:
        """The norm radius · ‖Lᵀw‖₂ = radius · √(wᵀΣw)."""
        unit = float(power_of_two(self.spread.max()))
        return Ball("l2", unit * self.radius).support_expression(w @ (self._root / unit).numpy())

    def _row_constraints(self, z: Any, rows: Tensor) -> list[Any]:
        u, (w, radii) = cvxpy().Variable(z.shape), self._in_units(z, rows)
        unit = power_of_two(self._root.norm(dim=1))
        root = self._root / unit[:, None]
        return [divided(w, unit) == u @ root.T.numpy(), cvxpy().norm(u, 2, axis=1) <= radii]

    def as_linear_image(self) -> tuple[UncertaintySet, Any]:
        unit, radius = super().as_linear_image()
        return (self, 1.0) if unit is self else (Ball("l2", 1.0), radius * self._root.numpy())

    def enclosing(self, shape: Shape) -> tuple[UncertaintySet, ...]:
        """The ball of its longest axis."""
        return (Ball("l2", self.radius * self.spread.max().item()),)

    def formula_in(self, w: str) -> str:
        return f"{short(self.radius)}·√({w}ᵀΣ{w})"
