"""The exercises of notebook 03, worst-case perturbations."""

from collections.abc import Callable

import torch
from torch import Tensor

from rolab.course.checking import brief, exercise, finite_array, number, require, shown
from rolab.sets import Ball, Box


@exercise("the ℓ1 maximiser")
def l1_maximizer(f: Callable) -> str:
    """f(g, radius) → Δ with ‖Δ‖₁ ≤ radius that maximises ⟨g, Δ⟩; g is a vector (n,)."""
    generator = torch.Generator().manual_seed(3)
    cases = [[3.0, -4.0], [0.5, -3.0, 1.0], [2.0, -2.0, 2.0], [0.0, 0.0, 0.0]]
    for g in [*map(torch.tensor, cases), torch.randn(784, generator=generator)]:
        _check(f, Ball("l1", 2.0), "‖Δ‖₁", 1e-5, g)
    return "within the radius and optimal; with ties, and with g = 0 too"


@exercise("the ℓ2 maximiser in a box")
def l2_in_box(f: Callable) -> str:
    """f(g, radius, lower, upper) → Δ with ‖Δ‖₂ ≤ radius and lower ≤ Δ ≤ upper that maximises ⟨g, Δ⟩."""
    generator = torch.Generator().manual_seed(3)
    g, x = torch.randn(50, generator=generator), torch.rand(50, generator=generator)
    plane, zero = torch.tensor([3.0, 4.0]), torch.zeros(3)
    cases = [
        (plane, 1.0, torch.tensor([-1.0, -1.0]), torch.tensor([1.0, 0.5])),
        (plane, 1.0, torch.tensor([-2.0, -2.0]), torch.tensor([2.0, 2.0])),
        (plane, 3.0, torch.tensor([-1.0, -1.0]), torch.tensor([1.0, 0.5])),
        (zero, 1.0, zero - 1, zero + 1),
        (g, 2.0, -x, 1 - x),
    ]
    for g, radius, lower, upper in cases:
        _check(f, Ball("l2", radius), "‖Δ‖₂", 1e-4, g, lower, upper)
    return "within the ball, within the box, and optimal; a naively clipped step is not"


@exercise("the certificate")
def certificate(f: Callable) -> str:
    """f(g, u, radius, lower, upper) → r‖u‖₂ + Σ max(lower v, upper v) with v = g − u; vectors (n,)."""
    generator = torch.Generator().manual_seed(3)
    x, g = torch.rand(2, 40, generator=generator, dtype=torch.float64)
    plane, lower, upper = (torch.tensor(pair, dtype=torch.float64) for pair in ([3, 4], [-1, -1], [1, 0.5]))
    cases = [(plane, 1.0, lower, upper), (g - 0.5, 1.0, -x, 1 - x)]
    for g, radius, lower, upper in cases:
        case = f"for {brief(g)} as g, radius {radius:g}"
        best = float((Ball("l2", radius) & Box(lower, upper)).support(g[None]))
        for name, u in {"0": 0 * g, "g": g, "g / 2": g / 2}.items():
            v = g - u
            truth = float(radius * u.norm() + torch.maximum(lower * v, upper * v).sum())
            given = (t.clone() for t in (g, u))
            bound = number(f(*given, radius, lower.clone(), upper.clone()), f"{case}, u = {name}")
            said = f"{case}, u = {name}: {bound:.4g} is no upper bound, a feasible Δ reaches {best:.4g}"
            require(bound >= best - 1e-9, said)
            said = f"{case}, u = {name}: the bound is {bound:.4g}, the formula gives {truth:.4g}"
            require(abs(bound - truth) <= 1e-6 * (1 + truth), said)
    return "an upper bound whatever u is: no Δ in ball and box goes further along g"


def _check(f: Callable, ball: Ball, name: str, slack: float, g: Tensor, *box: Tensor) -> None:
    """Whether f(g, radius, *box) is in the ball, in the box if there is one, and goes furthest along g."""
    radius, shape = float(ball.radius), tuple(g.shape)
    case = f"for g = {brief(g)}, radius {radius:g}"
    d = f(g.clone(), radius, *(bound.clone() for bound in box))
    d = finite_array(d, shape, case, "Δ", f"Δ has shape {{}}, g has {shape}")
    d = torch.from_numpy(d).to(g.dtype)
    if box:
        case += ", box {} to {}".format(*map(shown, box)) if len(g) < 5 else ", a pixel box"
    norm = float(ball.norm.value(d[None]))
    require(norm <= radius * (1 + slack), f"{case}: {name} is {norm:.4g}, the radius is {radius:g}")
    if box:
        lower, upper = box
        out = float(torch.maximum(lower - d, d - upper).max())
        require(out <= 1e-4, f"{case}: an entry of Δ leaves the box by {out:.4g}")
    U = ball & Box(*box) if box else ball
    best, value = float(U.support(g[None])), float(g @ d)
    require(value >= best - 1e-4 * (1 + abs(best)), f"{case}: ⟨g, Δ⟩ is {value:.4g}, it could be {best:.4g}")
