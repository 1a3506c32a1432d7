"""The norms: value, dual norm, linear maximiser and Euclidean projection, alone and within a box.

Everything that depends on *which* norm is meant stands in the one class `Lp`. Tensors have the batch on
axis 0 and all other axes together are one vector: (N, C, H, W) and (N, d) are the same to it. No method
loops over examples.

A solution has the signs of its input. What is left to find is how far each coordinate goes, between 0 and
its `cap`: the room that the ball and the box leave it on that side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from rolab.arguments import (
    Bound,
    Radius,
    as_bounds,
    as_column,
    as_rows,
    cvxpy,
    like,
    normalized,
    one_if_zero,
    rounding,
)

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True, init=False, repr=False)
class Lp:
    """The norm ‖v‖_p = (Σ |v_i|^p)^(1/p), p in [1, inf]; built from p or a name: "l1", "l2", "linf", "l1.5".

    Methods take float tensors (N, ...) of any float type on any device and answer in the same type. They
    raise a `ValueError` that names the argument if a shape is wrong, an entry is NaN or infinite (then it is
    a `NonFiniteError`), or a radius is negative. Half precision is computed in float32.

    >>> Lp(3).dual
    Lp('l1.5')
    >>> Lp("l2").maximizer(torch.tensor([[3.0, -4.0]]))
    tensor([[ 0.6000, -0.8000]])
    """

    p: float

    def __init__(self, p: float | str) -> None:
        try:
            value = float(p[1:] if isinstance(p, str) and p[:1] == "l" else p)
        except (TypeError, ValueError):
            value = math.nan
        if not value >= 1:
            raise ValueError(f"norm: expected 'l1', 'l2', 'linf' or a number p in [1, inf], got {p!r}")
        object.__setattr__(self, "p", value)

    @classmethod
    def of(cls, norm: Lp | str | float) -> Lp:
        """The norm itself, or the one that a name or a number stands for."""
        return norm if isinstance(norm, Lp) else cls(norm)

    def __repr__(self) -> str:
        return f"Lp({self.name!r})"

    @property
    def name(self) -> str:
        """'l1', 'l2', 'linf', 'l1.5', ...: what `Lp` reads back."""
        return f"l{self.p:g}"

    def formula(self, v: str) -> str:
        """The norm as text: ‖v‖₁, ‖v‖₂, ‖v‖∞, ‖v‖_1.5."""
        index = "∞" if self.p == math.inf else f"{self.p:g}"
        return f"‖{v}‖" + (index.translate(SUBSCRIPTS) if self.p % 1 == 0 or index == "∞" else f"_{index}")

    @property
    def dual(self) -> Lp:
        """The norm of the conjugate exponent, 1/p + 1/q = 1: ‖g‖_q = max ⟨g, δ⟩ over ‖δ‖_p ≤ 1."""
        if self.p == 1:
            return Lp(math.inf)
        return Lp(1.0 if self.p == math.inf else self.p / (self.p - 1))

    @property
    def euclidean(self) -> bool:
        """Whether ‖Qv‖ = ‖v‖ for every rotation Q: p = 2."""
        return self.p == 2

    @property
    def separable(self) -> bool:
        """Whether balls are products, a set for each entry: p = ∞."""
        return self.p == math.inf

    @property
    def additive(self) -> bool:
        """Whether the norm of a vector is the sum of the norms of its parts: p = 1."""
        return self.p == 1

    def value(self, v: Tensor) -> Tensor:
        """‖v‖_p of each example, (N,); NaN or infinite where v is.

        Autograd's gradient of it is a δ with ‖δ‖_q ≤ 1 and ⟨v, δ⟩ = ‖v‖_p, 1/p + 1/q = 1; 0 where v is 0.
        """
        return self.lengths(as_rows(v, "v", finite=False))[:, 0].to(v.dtype)

    def expression(self, w: Any) -> Any:
        """‖w‖_p in cvxpy: of a vector (n,), a scalar; of a matrix (m, n), one per row, (m,)."""
        cp = cvxpy()
        if w.ndim == 1:
            return cp.norm(w, self.p)
        if self.p in (1, 2, math.inf):  # those that cvxpy takes along an axis
            return cp.norm(w, self.p, axis=1)
        return cp.hstack([cp.norm(w[i], self.p) for i in range(w.shape[0])])

    @torch.no_grad()
    def maximizer(self, g: Tensor, radius: Radius = 1.0) -> Tensor:
        """The δ with the largest ⟨g, δ⟩ over ‖δ‖_p ≤ radius, shaped like g: eq. (11). Where g is 0 it is 0.

        δ = radius · sign(g) |g|^(q-1) / ‖g‖_q^(q-1), Hölder's case of equality. For p = inf it is eq.
        (2), the sign of g; for p = 1 it moves one coordinate, a largest |g_j|: one only, also at ties.
        """
        x = as_rows(g, "g")
        return like(g, as_column(radius, x) * self._direction(x))

    @torch.no_grad()
    def project(self, d: Tensor, radius: Radius) -> Tensor:
        """The δ nearest to d (Euclidean) in ‖δ‖_p ≤ radius, shaped like d.

        Closed forms for p = 1, 2, inf. Other p: bisection down to rounding, some 100 times as slow.
        """
        x = as_rows(d, "d")
        r = as_column(radius, x)
        if self.p == math.inf:
            return like(d, x.clamp(-r, r))
        if self.p == 1:
            outside = x.sign() * _onto_simplex(x.abs(), r)
        elif self.p == 2:
            outside = r * self._direction(x)
        else:
            outside = x.sign() * self._capped_prox(x.abs(), r, cap=r.expand_as(x))
        return like(d, torch.where(self.lengths(x) <= r, x, self._within(outside, r)))

    @torch.no_grad()
    def maximizer_in_box(self, g: Tensor, radius: Radius, lower: Bound, upper: Bound) -> Tensor:
        """The δ with the largest ⟨g, δ⟩ over ‖δ‖_p ≤ radius and lower ≤ δ ≤ upper, a box that holds 0.

        p = inf: the clipped step, exact since both sets are products. p = 1: fill the caps by descending |g|
        until the radius is spent, a fractional knapsack. Else (KKT): sign(g) min(t |g|^(q-1), cap) with the t
        that spends the radius, or the corner of the box if the ball holds it.
        """
        x = as_rows(g, "g")
        r, (low, high), sign = as_column(radius, x), as_bounds(lower, upper, g), x.sign()
        if self.p == math.inf:
            return like(g, (r * sign).clamp(low, high))
        cap = headroom(sign, low, high).minimum(r)
        reach = _fractional_knapsack if self.p == 1 else self._capped_scaling
        return like(g, self._within(sign * reach(x.abs(), r, cap), r))

    @torch.no_grad()
    def project_in_box(self, d: Tensor, radius: Radius, lower: Bound, upper: Bound) -> Tensor:
        """The δ nearest to d (Euclidean) in ‖δ‖_p ≤ radius and lower ≤ δ ≤ upper, a box that holds 0.

        It is d clipped to the box if the ball holds that. Else it is on the sphere, and one multiplier finds
        it (KKT): for p = 2, d is scaled and clipped, as in the maximiser.
        """
        x = as_rows(d, "d")
        r, (low, high), sign = as_column(radius, x), as_bounds(lower, upper, d), x.sign()
        clipped = x.clamp(low, high)
        if self.p == math.inf:
            return like(d, clipped.clamp(-r, r))
        cap = headroom(sign, low, high).minimum(r)
        outside = sign * (self._capped_scaling if self.p == 2 else self._capped_prox)(x.abs(), r, cap)
        return like(d, torch.where(self.lengths(clipped) <= r, clipped, self._within(outside, r)))

    # The mathematics, on matrices x (N, d) with radii r (N, 1); magnitudes a = |x| and caps <= r are (N, d).

    def lengths(self, x: Tensor) -> Tensor:
        """‖x‖_p along axis 1, which is kept: of rows (N, d), (N, 1); of columns (N, C, K), (N, 1, K).

        It is m ‖x/m‖ with m = max |x|, a constant to autograd: no power overflows.
        """
        if self.p == math.inf:
            return x.abs().amax(1, keepdim=True)
        unit, largest = normalized(x)
        norm = largest * torch.linalg.vector_norm(unit, self.p, dim=1, keepdim=True)
        return torch.where(largest.isfinite(), norm, largest)

    def _within(self, y: Tensor, r: Tensor) -> Tensor:
        """The matrix y, its rows shrunk by what rounding in many entries has put them outside the ball."""
        length = self.lengths(y)
        return torch.where(length > r * (1 + rounding(y) / 2), y * (r / one_if_zero(length)), y)

    def _direction(self, x: Tensor) -> Tensor:
        """The maximiser over the unit ball."""
        if self.p == math.inf:
            return x.sign()
        if self.p == 1:
            top = x.abs().argmax(1, keepdim=True)
            return torch.zeros_like(x).scatter_(1, top, x.gather(1, top).sign())
        unit, _ = normalized(x)
        power = unit if self.p == 2 else unit.sign() * unit.abs().pow(self.dual.p - 1)
        total = (unit * power).sum(1, keepdim=True)  # Σ |u|^q: at least 1, since max |u| = 1, unless x is 0
        return power / total.clamp(min=1).pow(1 / self.p)

    def _capped_scaling(self, a: Tensor, r: Tensor, cap: Tensor) -> Tensor:
        """The largest r·min(y, c) in the ball: y = (κu)^(q-1), c = cap/r, u = a up to scale; for 1 < p < inf.

        F(κ) = Σ min(y, c)^p is to be 1. In κ^q it is concave and piecewise linear, so Newton's method, begun
        at the solution without caps, where F ≤ 1, climbs to the root and never passes it: each step halves
        the gap 1 - F or the slope. If every coordinate is capped and F < 1, the corner is the answer.
        """
        p, q, limits = self.p, self.dual.p, torch.finfo(a.dtype)
        c = cap / one_if_zero(r)
        u, _ = normalized(a * (cap > 0))
        kappa = 1 / self.dual.lengths(u).clamp(min=1)
        for _ in range(4 * _bits(a)):  # some 6 in practice; nothing moves any more after that
            y = (kappa * u).pow(q - 1)
            powers = y.minimum(c).pow(p)
            gap = (1 - powers.sum(1, keepdim=True)).clamp(min=0)
            free = (powers * (y < c)).sum(1, keepdim=True).clamp(min=limits.tiny)
            last, kappa = kappa, (kappa * (1 + gap / free).pow(1 / q)).clamp(max=limits.max)
            if torch.equal(last, kappa):
                break
        return (r * (kappa * u).pow(q - 1)).minimum(cap)

    def _capped_prox(self, a: Tensor, r: Tensor, cap: Tensor) -> Tensor:
        """The r·min(y, c) on the sphere: y + μ y^(p-1) = a/r (KKT), c = cap/r; for 1 ≤ p < inf.

        The norm falls as μ grows: bisection between 0 and ‖a/r‖_q, which is too large even without caps, as
        there μ = ‖a/r - y‖_q. Between the ends of the last bracket, interpolate so that the radius is spent.

        From so far away that y is lost beside a/r, it is the maximiser. For p = 1 nothing is divided by r.
        """
        unit, limits = one_if_zero(r), torch.finfo(a.dtype)
        far = (a.amax(1, keepdim=True) > 1e-8 * limits.max * unit.clamp(max=1)) & (self.p > 1)
        if far.any():
            near = self._capped_prox(torch.where(far, 0.0, a), r, cap)
            return torch.where(far, self._capped_scaling(a, r, cap), near)
        one = torch.ones_like(r)
        part, unit = ((1 / unit).clamp(max=limits.max), one) if self.p == 1 else (one, unit)
        c, a = cap / unit, a / unit

        def spent(y: Tensor) -> Tensor:
            return (part * y).pow(self.p).sum(1, keepdim=True)

        low, high = torch.zeros_like(r), self.dual.lengths(a)
        for _ in range(_bits(a) + 16):
            middle = (low + high) / 2
            inside = spent(self._resolvent(a, middle).minimum(c)) <= 1
            low, high = torch.where(inside, low, middle), torch.where(inside, middle, high)
        further, near = self._resolvent(a, low).minimum(c), self._resolvent(a, high).minimum(c)
        share = (1 - spent(near)) / (spent(further) - spent(near)).clamp(min=limits.tiny)
        return (unit * (near + share.clamp(0, 1) * (further - near))).where(r > 0, 0.0).minimum(cap)

    def _resolvent(self, a: Tensor, mu: Tensor) -> Tensor:
        """The y ≥ 0 with y + μ y^(p-1) = a; for p = 1 the soft threshold max(a - μ, 0).

        With z = y, or z = y^(p-1) for p < 2, the equation is αz + βz^s = a with s ≥ 1: its left side is
        convex, and Newton's method from above falls to the root.
        """
        if self.p == 1:
            return (a - mu).clamp(min=0)
        one = torch.ones_like(mu)
        alpha, beta, s = (one, mu, self.p - 1) if self.p >= 2 else (mu, one, 1 / (self.p - 1))
        z = torch.fmin(a / alpha, (a / beta).pow(1 / s))  # fmin: for μ = 0 one of them is infinite or NaN
        for _ in range(6 + int(2 * math.log10(s))):
            power = beta * z.pow(s - 1)
            slope = alpha + s * power
            z = z - ((alpha + power) * z - a) / one_if_zero(slope)
        return torch.where(mu > 0, z if self.p >= 2 else z.pow(s), a)  # at μ = 0, 0 · ∞ may stand in z


def headroom(sign: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """How far a box lets each coordinate go in the direction of sign: upper, -lower or 0."""
    return torch.maximum(sign * lower, sign * upper)


def _onto_simplex(a: Tensor, r: Tensor) -> Tensor:
    """The max(a - θ, 0) whose sum is r, for rows with Σ a > r (Duchi et al. 2008).

    θ = max_k (S_k - r)/k with S_k the sum of the k largest. All is measured from the largest of them, so that
    a point far from the ball loses no digits.
    """
    below = a - a.amax(1, keepdim=True)
    sums = below.sort(dim=1, descending=True).values.cumsum(1)
    count = torch.arange(1, a.shape[1] + 1, device=a.device, dtype=a.dtype)
    return (below + ((r - sums) / count).amin(1, keepdim=True)).clamp(min=0)


def _fractional_knapsack(a: Tensor, r: Tensor, cap: Tensor) -> Tensor:
    """The caps filled by descending a until r is spent: the fractional knapsack."""
    order = a.argsort(dim=1, descending=True, stable=True)
    space = cap.gather(1, order)
    spent = F.pad(space.cumsum(1)[:, :-1], (1, 0))  # before each: the cumulated sum of those above it
    return torch.zeros_like(a).scatter_(1, order, (r - spent).clamp(min=0).minimum(space))


def _bits(x: Tensor) -> int:
    """The bits of the mantissa: 23 or 52."""
    return round(-math.log2(torch.finfo(x.dtype).eps))
