"""Budgets and ellipsoids, the sets of robust linear programs that have closed forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rolab.norms import Bound, Lp, Radius, as_column, as_rows, check_radius, cvxpy
from rolab.sets.balls import Ball
from rolab.sets.base import (
    UncertaintySet,
    check_width,
    decision,
    fitting,
    is_number,
    kept,
    like,
    per_example,
    rounding,
    short,
)
from rolab.sets.certificates import bound_in_box, gap


@dataclass(frozen=True, eq=False, repr=False)
class Budget(UncertaintySet):
    """All δ with |δ_i| ≤ radius and ‖δ‖₁ ≤ gamma · radius: at most Γ entries at their worst at once.

    Γ ≥ 0 is any real number (Bertsimas and Sim, The price of robustness, 2004). Both are numbers or tensors
    (N,), one per example. All oracles are closed forms: those of the ℓ1 ball in a box.

    >>> Budget(1.5, 0.2).maximizer(torch.tensor([[3.0, -2.0, 1.0]]))
    tensor([[ 0.2000, -0.1000,  0.0000]])
    """

    gamma: Radius
    radius: Radius

    def __post_init__(self) -> None:
        check_radius(self.gamma, "gamma")
        check_radius(self.radius)

    def maximizer(self, g: Tensor) -> Tensor:
        total, cap = self._limits(g, "g")
        return Lp(1).maximizer_in_box(g, total, -cap, cap)

    def project(self, d: Tensor) -> Tensor:
        total, cap = self._limits(d, "d")
        return Lp(1).project_in_box(d, total, -cap, cap)

    def certificate(self, g: Tensor) -> Tensor:
        """As of the ℓ1 ball in a box."""
        (total, cap), step = self._limits(g, "g"), self.maximizer(g)
        return gap(bound_in_box(Lp(1), g, total, -cap, cap, step), g, step)

    def _limits(self, g: Tensor, name: str) -> tuple[Radius, Bound]:
        """The radius of the ℓ1 ball and the largest entry, shaped like g if it depends on the example."""
        x = as_rows(g, name)
        cap = self.radius if is_number(self.radius) else as_column(self.radius, x).expand_as(x)
        return (as_column(self.gamma, x, "gamma") * as_column(self.radius, x)).expand(len(x), 1)[:, 0], cap

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        x = as_rows(d, "d", finite=False)
        gamma, radius = as_column(self.gamma, x, "gamma"), as_column(self.radius, x) * (1 + rounding(d))
        small = x.abs() <= radius + atol
        return small.all(1) & (x.abs().sum(1) <= (gamma * radius + atol)[:, 0])

    def support_expression(self, w: Any) -> Any:
        """The least radius · (Γt + Σ max(|w_i| − t, 0)) over t ≥ 0, the dual of Bertsimas and Sim."""
        cp, (w, rows) = cvxpy(), decision(w)
        gamma = as_column(self.gamma, rows, "gamma").expand(len(rows), 1)[:, 0].numpy()
        radius = as_column(self.radius, rows).expand(len(rows), 1)[:, 0].numpy()
        if w.ndim == 1:
            t = cp.Variable(nonneg=True)
            return radius[0] * (gamma[0] * t + cp.sum(cp.pos(cp.abs(w) - t)))
        t = cp.Variable((w.shape[0], 1), nonneg=True)
        over = cp.pos(cp.abs(w) - t @ np.ones((1, w.shape[1])))
        return cp.multiply(radius, cp.multiply(gamma, cp.vec(t, order="C")) + cp.sum(over, axis=1))

    def within(self, z: Any) -> list[Any]:
        z, rows = decision(z)
        radius = as_column(self.radius, rows)
        total = (as_column(self.gamma, rows, "gamma") * radius).expand(len(rows), 1)[:, 0].numpy()
        cap = radius.expand_as(rows).reshape(z.shape).numpy()
        largest = total if z.ndim == 2 else total[0]
        return [cvxpy().abs(z) <= cap, Lp(1).expression(z) <= largest]

    def scaled(self, factor: Radius) -> Budget:
        check_radius(factor, "factor")
        return Budget(self.gamma, self.radius * factor)

    def __getitem__(self, rows: Any) -> Budget:
        return Budget(per_example(self.gamma, rows), per_example(self.radius, rows))

    def as_image(self) -> tuple[UncertaintySet, Any]:
        return (Budget(self.gamma, 1.0), float(self.radius)) if is_number(self.radius) else (self, 1.0)

    def enclosing(self, shape: tuple[int, int]) -> tuple[UncertaintySet, ...]:
        """The Frobenius ball: ‖z‖₂² ≤ ‖z‖_∞ ‖z‖₁ ≤ radius · Γ radius."""
        return (Ball("l2", self.radius * self.gamma**0.5),)

    @property
    def budgeted(self) -> bool:
        return True

    def formula_in(self, w: str) -> str:
        gamma, radius = short(self.gamma), short(self.radius)
        return f"min over t ≥ 0 of {radius}·({gamma} t + Σ max(|{w}ᵢ| − t, 0))"

    @property
    def holds_zero(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"Budget({short(self.gamma)}, {short(self.radius)})"


@dataclass(frozen=True, eq=False, repr=False)
class Ellipsoid(UncertaintySet):
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

    def __post_init__(self) -> None:
        check_radius(self.radius)
        sigma = kept(self.sigma, "sigma", 2)
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
        object.__setattr__(self, "sigma", sigma)
        object.__setattr__(self, "axes", axes)
        flat = values <= len(values) * torch.finfo(values.dtype).eps * largest
        object.__setattr__(self, "spread", values.masked_fill(flat, 0.0).sqrt())

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        """δ = radius · Σg / √(gᵀΣg), that is L times the maximiser of the ball at Lᵀg."""
        x, L = self._fitting(g, "g")
        return like(g, Lp(2).maximizer(x @ L, self.radius) @ L.T)

    @torch.no_grad()
    def project(self, d: Tensor) -> Tensor:
        """In the axes, with y = Vᵀd and spreads s, it is s u with u_i = s_i y_i / (s_i² + μ), ‖u‖ ≤ radius.

        The μ ≥ 0 that makes it so solves 1/‖u(μ)‖ = 1/radius. The left side is concave and rises with μ, so
        Newton's method, begun at 0, climbs to the root (Moré, Sorensen: Computing a trust region step, 1983).
        """
        x, L = self._fitting(d, "d")
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

    def _fitting(self, g: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """The batch g as a matrix, and L with Σ = LLᵀ."""
        x = fitting(g, name, len(self.sigma), f"sigma {tuple(self.sigma.shape)}")
        return x, (self.axes * self.spread).to(x)

    def support_expression(self, w: Any) -> Any:
        """The norm radius · ‖Lᵀw‖₂ = radius · √(wᵀΣw)."""
        w, _ = decision(w)
        check_width(w.shape[-1], len(self.sigma), "w", f"sigma {tuple(self.sigma.shape)}")
        return Ball(Lp(2), self.radius).support_expression(w @ (self.axes * self.spread).numpy())

    def within(self, z: Any) -> list[Any]:
        z, _ = decision(z)
        check_width(z.shape[-1], len(self.sigma), "z", f"sigma {tuple(self.sigma.shape)}")
        u = cvxpy().Variable(z.shape)
        return [z == u @ (self.axes * self.spread).T.numpy(), *Ball(Lp(2), self.radius).within(u)]

    def scaled(self, factor: Radius) -> Ellipsoid:
        check_radius(factor, "factor")
        return Ellipsoid(self.sigma, self.radius * factor)

    def __getitem__(self, rows: Any) -> Ellipsoid:
        return self if is_number(self.radius) else Ellipsoid(self.sigma, per_example(self.radius, rows))

    def as_image(self) -> tuple[UncertaintySet, Any]:
        if not is_number(self.radius):
            return self, 1.0
        return Ball(Lp(2), 1.0), float(self.radius) * (self.axes * self.spread).numpy()

    def enclosing(self, shape: tuple[int, int]) -> tuple[UncertaintySet, ...]:
        """The ball of its longest axis."""
        return (Ball("l2", self.radius * self.spread.max().item()),)

    def formula_in(self, w: str) -> str:
        return f"{short(self.radius)}·√({w}ᵀΣ{w})"

    @property
    def holds_zero(self) -> bool:
        return True

    @property
    def dimension(self) -> int | None:
        return len(self.sigma)

    def __repr__(self) -> str:
        return f"Ellipsoid({short(self.sigma)}, {short(self.radius)})"
