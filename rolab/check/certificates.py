"""The third exercise of notebook 03: a bound that nobody can beat, and that needs no solver."""

from collections.abc import Callable

from rolab.check.reports import exercise, number, require, shown


@exercise("the certificate")
def certificate(f: Callable) -> str:
    """f(g, u, radius, lower, upper) → r‖u‖₂ + Σ max(lower v, upper v) with v = g − u; vectors (n,)."""
    import torch

    from rolab.sets import Ball, Box

    generator = torch.Generator().manual_seed(3)
    x, g = torch.rand(2, 40, generator=generator, dtype=torch.float64)
    plane, lower, upper = (torch.tensor(pair, dtype=torch.float64) for pair in ([3, 4], [-1, -1], [1, 0.5]))
    cases = [(plane, 1.0, lower, upper), (g - 0.5, 1.0, -x, 1 - x)]
    for g, radius, lower, upper in cases:
        case = f"for {shown(g) if len(g) < 5 else f'{len(g)} random numbers'} as g, radius {radius:g}"
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
