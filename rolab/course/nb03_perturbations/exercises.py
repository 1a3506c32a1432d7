"""The exercises of notebook 03, worst-case perturbations."""

from collections.abc import Callable
from typing import Any

import torch

from rolab.course.checking import brief, exercise, finite_array, number, require, shown
from rolab.sets import Ball, Box


@exercise("the ℓ1 maximiser")
def l1_maximizer(f: Callable) -> str:
    """f(g, radius) → Δ with ‖Δ‖₁ ≤ radius that maximises ⟨g, Δ⟩; g is a vector (n,)."""
    generator = torch.Generator().manual_seed(3)
    cases = [[3.0, -4.0], [0.5, -3.0, 1.0], [2.0, -2.0, 2.0], [0.0, 0.0, 0.0]]
    vectors = [torch.tensor(case) for case in cases] + [torch.randn(784, generator=generator)]
    for g in vectors:
        radius = 2.0
        d = _vector(f(g.clone(), radius), g, radius)
        norm = float(d.abs().sum())
        require(
            norm <= radius * (1 + 1e-5), f"{_case(g, radius)}: ‖Δ‖₁ is {norm:.4g}, the radius is {radius:g}"
        )
        _reaches(d, g, float(Ball("l1", radius).support(g[None])), _case(g, radius))
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
        case = _case(g, radius) + (
            f", box {shown(lower)} to {shown(upper)}" if len(g) < 5 else ", a pixel box"
        )
        d = _vector(f(g.clone(), radius, lower.clone(), upper.clone()), g, radius)
        norm, out = float(d.norm()), float(torch.maximum(lower - d, d - upper).max())
        require(norm <= radius * (1 + 1e-4), f"{case}: ‖Δ‖₂ is {norm:.4g}, the radius is {radius:g}")
        require(out <= 1e-4, f"{case}: an entry of Δ leaves the box by {out:.4g}")
        U = Ball("l2", radius) & Box(lower, upper)
        _reaches(d, g, float(U.support(g[None])), case)
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
            require(
                bound >= best - 1e-9,
                f"{case}, u = {name}: {bound:.4g} is no upper bound, a feasible Δ reaches {best:.4g}",
            )
            require(
                abs(bound - truth) <= 1e-6 * (1 + truth),
                f"{case}, u = {name}: the bound is {bound:.4g}, the formula gives {truth:.4g}",
            )
    return "an upper bound whatever u is: no Δ in ball and box goes further along g"


def _case(g: Any, radius: float) -> str:
    return f"for g = {brief(g)}, radius {radius:g}"


def _vector(d: Any, g: Any, radius: float) -> Any:
    shape = tuple(g.shape)
    d = finite_array(d, shape, _case(g, radius), "Δ", f"Δ has shape {{}}, g has {shape}")
    return torch.from_numpy(d).to(g.dtype)


def _reaches(d: Any, g: Any, best: float, case: str) -> None:
    value = float(g @ d)
    require(value >= best - 1e-4 * (1 + abs(best)), f"{case}: ⟨g, Δ⟩ is {value:.4g}, it could be {best:.4g}")
