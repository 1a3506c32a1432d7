"""Group balls within a box: the largest ⟨a, y⟩, or the nearest y to a, with Σ over groups ‖y_k‖ ≤ radius.

Only the radius couples the groups. Give it a price: with the multiplier μ ≥ 0 each group has a problem of its
own, and solves it in closed form. The μ at which the groups spend the radius is found by bisection.

Arrays are (N, C, K): the C entries of each of K groups. All is about magnitudes: a = |g| or |d|, and the
solution has 0 ≤ y ≤ cap, the headroom of the box on the side of the sign. Prices and radii are (N, 1, 1).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from rolab.arguments import one_if_zero
from rolab.norms import Lp

AtPrice = Callable[[Tensor], Tensor]  # μ (N, 1, 1) -> the best y (N, C, K)


def priced_maximizer(norm: Lp, a: Tensor, radius: Tensor, cap: Tensor) -> tuple[Tensor, Tensor]:
    """The y with the largest ⟨a, y⟩, and the price μ of its radius."""
    largest = a.amax((1, 2), keepdim=True)
    unit = torch.where(cap > 0, a / one_if_zero(largest), 0.0)
    y, price = _bisect_price(norm, _maximizer_at(norm, unit, torch.where(a > 0, cap, 0.0)), radius, unit)
    return y.minimum(cap), largest * price


def priced_projection(norm: Lp, a: Tensor, radius: Tensor, cap: Tensor) -> Tensor:
    """The y nearest to a (Euclidean), for p = 1, 2 and ∞; caps may be infinite."""
    y, _ = _bisect_price(norm, _projection_at(norm, a, cap), radius, a)
    return y.minimum(cap)


def _bisect_price(norm: Lp, best: AtPrice, radius: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
    """The best(μ) with norms that sum to the radius, or best(0) if that is in the ball; and the μ.

    The sum falls as μ grows, and is 0 from the largest dual norm ‖a_k‖_q on. Bisection goes on until the two
    prices are neighbours among the floats. The sum may jump there, as a whole group goes from 0 to its caps:
    what is left of the radius is given to one such group after the other, also at ties.
    """
    low = torch.zeros_like(radius)
    high = 2 * norm.dual.lengths(a).amax(2, keepdim=True)
    high = torch.where(norm.lengths(best(low)).sum(2, keepdim=True) <= radius, low, high)
    middle = high / 2
    while ((low < middle) & (middle < high)).any():
        inside = norm.lengths(best(middle)).sum(2, keepdim=True) <= radius
        low, high = torch.where(inside, low, middle), torch.where(inside, middle, high)
        middle = (low + high) / 2
    far, near = best(low), best(high)
    length = norm.lengths(near)
    more = (norm.lengths(far) - length).clamp(min=0)
    left = radius - length.sum(2, keepdim=True) - F.pad(more.cumsum(2)[:, :, :-1], (1, 0))
    share = left.clamp(min=0).minimum(more) / one_if_zero(more)
    return near + share * (far - near), high


def _maximizer_at(norm: Lp, a: Tensor, cap: Tensor) -> AtPrice:
    """μ ↦ the y in [0, cap] with the largest ⟨a_k, y_k⟩ − μ‖y_k‖, group by group.

    p = 1: the cap where a > μ. p = ∞: y = min(t, cap), with slope Σ a over the caps above t; t is the largest
    cap before which the slope is above μ.

    Else (KKT): y = min(t x^(q-1), cap) with x = a/μ and t = ‖y‖, so that f(z) = Σ min(x^q, z cap^p) is 1 at
    z = t^(-p). f is concave and piecewise linear, the least of its pieces: with A the sum of x^q over the
    entries that are free and B that of cap^p over the others, z is the largest (1 - A)/B. Where Σ x^q ≤ 1,
    that is ‖a_k‖_q ≤ μ, the group stays at 0.
    """
    p, q, tiny = norm.p, norm.dual.p, torch.finfo(a.dtype).tiny
    if norm.additive:
        return lambda mu: torch.where(a > mu, cap, 0.0)
    if norm.separable:
        caps, order = cap.sort(1, descending=True)
        slope = a.gather(1, order).cumsum(1)
        return lambda mu: cap.minimum(torch.where(slope > mu, caps, 0.0).amax(1, keepdim=True))
    order = (q * a.log() - p * cap.log()).nan_to_num(nan=-torch.inf).argsort(1)  # the last is capped first
    largest = cap.amax(1, keepdim=True)
    power = (cap / one_if_zero(largest)).pow(p).gather(1, order)
    capped = power.flip(1).cumsum(1).flip(1).clamp(min=tiny)

    def bought(mu: Tensor) -> Tensor:
        x = a / mu.clamp(min=tiny)
        total = x.gather(1, order).pow(q).cumsum(1)
        free = F.pad(total[:, :-1], (0, 0, 1, 0))
        z = ((1 - free) / capped).amax(1, keepdim=True)
        t = torch.where(total[:, -1:] > 1, largest * z.pow(-1 / p), 0.0)
        return (t * x.pow(q - 1)).minimum(cap)

    return bought


def _projection_at(norm: Lp, a: Tensor, cap: Tensor) -> AtPrice:
    """μ ↦ the y in [0, cap] with the least ½‖y_k − a_k‖² + μ‖y_k‖, group by group.

    p = 1: the soft threshold a - μ. p = ∞: y = min(a, cap, t) with Σ (a - t) = μ over the entries at t. As
    the entries that a rising t leaves behind only lower that sum, t is the largest min(m_j, (S_j - μ)/j),
    with m_j the j-th largest min(a, cap) and S_j the sum of a over the first j.
    """
    m = a.minimum(cap)
    if norm.additive:
        return lambda mu: (a - mu).clamp(min=0).minimum(cap)
    if norm.euclidean:
        return _projection_to_cap(a, cap)
    if not norm.separable:
        raise ValueError(f"norm: expected l1, l2 or linf, got {norm!r}")
    least, order = m.sort(1, descending=True)
    sums = a.gather(1, order).cumsum(1)
    count = torch.arange(1, a.shape[1] + 1, device=a.device, dtype=a.dtype)[:, None]
    return lambda mu: m.minimum(((sums - mu) / count).minimum(least).amax(1, keepdim=True).clamp(min=0))


def _projection_to_cap(a: Tensor, cap: Tensor) -> AtPrice:
    """For p = 2: y = min(θ a, cap) with θ = t/(t + μ) and t = ‖y‖.

    As μ falls, θ rises from 0 to 1, and the entries reach their caps by ascending ρ = cap/a: at the price
    μ = (1 - ρ) ‖min(a, cap/ρ)‖, which is t/θ - t. With c the norm of the caps that are reached and b that of
    the other a, c²/t² + b²/(t + μ)² = 1. To the power -1/2 the left side is concave and rises with t:
    Newton's method, begun at max(c, b - μ), climbs to the root.
    """
    tiny = torch.finfo(a.dtype).tiny
    ratio, order = (cap / a).nan_to_num(nan=torch.inf).clamp(max=2).sort(1)  # from 1 on, never reached
    c = F.pad(cap.gather(1, order).square().cumsum(1), (0, 0, 1, 0)).sqrt()
    b = F.pad(a.gather(1, order).square().flip(1).cumsum(1).flip(1), (0, 0, 0, 1)).sqrt()
    prices = (1 - ratio) * (c[:, :-1] / ratio.clamp(min=tiny)).hypot(b[:, :-1])

    def shrunk(mu: Tensor) -> Tensor:
        reached = (mu < prices).sum(1, keepdim=True)
        fixed, free = c.gather(1, reached), b.gather(1, reached)
        t = fixed.maximum(free - mu).clamp(min=tiny)
        for _ in range(200):  # 5 to 20 in practice; nothing moves any more after that
            u, v = (fixed / t).square(), (free / (t + mu)).square()
            root = (u + v).sqrt()
            step = root.square() * (root - 1) / (u / t + v / (t + mu)).clamp(min=tiny)
            last, t = t, t.maximum(t + step)
            if torch.equal(last, t):
                break
        t = torch.where(t > tiny, t, 0.0)
        return (a * (t / (t + mu).clamp(min=tiny))).minimum(cap)

    return shrunk
