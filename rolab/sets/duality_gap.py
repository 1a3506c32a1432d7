"""The duality gap: how far a perturbation can at most be from the best, by weak duality, without a solver.

Take any part u of the direction g, and v = g - u. Over a ball, ⟨u, δ⟩ ≤ radius · ‖u‖_q; over a box,
⟨v, δ⟩ ≤ Σ max(l_i v_i, h_i v_i). So over their intersection

    σ(g) ≤ radius · ‖u‖_q + Σ max(l_i v_i, h_i v_i).

The best u with ‖u‖_q ≤ μ is the one furthest along the caps in the dual ball of radius μ, in the box between
0 and g. That leaves one number, the price μ of the radius: any is right, and the maximiser's leaves no gap.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rolab.arguments import Bound, Radius, as_bounds, as_column, as_rows
from rolab.norms import Lp, headroom


@torch.no_grad()
def gap(bound: Tensor, g: Tensor, step: Tensor) -> Tensor:
    """An upper bound on σ(g) minus ⟨g, step⟩: (N,). Rounding can make it a little negative."""
    return (bound - (as_rows(g, "g") * as_rows(step, "maximizer")).sum(1)).to(g.dtype)


@torch.no_grad()
def bound_in_box(norm: Lp, g: Tensor, radius: Radius, lower: Bound, upper: Bound, step: Tensor) -> Tensor:
    """An upper bound on ⟨g, δ⟩ over ‖δ‖_p ≤ radius, lower ≤ δ ≤ upper; the least, if the step is best: (N,).

    An entry of the step that no cap stops has |g_j| = μ (|δ_j|/radius)^(p-1), one at its cap has more: so μ
    is the least of |g_j| (radius/|δ_j|)^(p-1). It is 0 if the ball holds the corner of the box.
    """
    x = as_rows(g, "g")
    r, y, a = as_column(radius, x), as_rows(step, "step").abs(), x.abs()
    cap = headroom(x.sign(), *as_bounds(lower, upper, g)).minimum(r)
    prices = torch.where(y > 0, a * (r / y).pow(norm.p - 1), torch.inf).amin(1, keepdim=True)
    price = torch.where(prices.isfinite(), prices, 0.0)
    groups = a[:, :, None], r, cap[:, :, None]  # all of the example is one group
    return group_bound(norm, *groups, price).minimum(group_bound(norm, *groups, torch.zeros_like(price)))


@torch.no_grad()
def group_bound(norm: Lp, a: Tensor, radius: Tensor, cap: Tensor, price: Tensor) -> Tensor:
    """An upper bound on ⟨a, y⟩ over Σ over groups ‖y_k‖_p ≤ radius and 0 ≤ y ≤ cap: (N,).

    Magnitudes and caps are (N, C, K), one group a column; radii and prices (N, 1). The dual norm of u is the
    largest of those of its groups.
    """
    count, _, groups = a.shape
    a, cap = (v.mT.flatten(0, 1) for v in (a, cap))
    u = norm.dual.maximizer_in_box(cap, price.expand(count, groups).flatten(), 0.0, a)
    ball = radius[:, 0] * norm.dual.value(u).reshape(count, groups).amax(1)
    return ball + (cap * (a - u)).sum(1).reshape(count, groups).sum(1)
