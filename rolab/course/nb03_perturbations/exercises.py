"""The exercises of notebook 03, worst-case perturbations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rolab.course.checking import brief, examine, exercise, finite_array, number, require, shown
from rolab.sets import Ball, Box

SLACK = 1e-4  # a share: a bisection in float32 will do


@exercise("the ℓ1 maximiser")
def l1_maximizer(f: Callable) -> str:
    """f(g, radius) → Δ with ‖Δ‖₁ ≤ radius that maximises ⟨g, Δ⟩; g is a vector (n,)."""
    given = [([3.0, -4.0], 2.0), ([0.5, -3.0, 1.0], 0.3), ([1.0, 4.0, -2.0], 0.3), ([2.0, -2.0, 2.0], 2.0)]
    cases = {_name(g, radius): (torch.tensor(g), radius) for g, radius in [*given, ([0.0, 0.0, 0.0], 2.0)]}
    small = 1e-3 * torch.randn(784, generator=torch.Generator().manual_seed(3))
    cases[_name(small, 5.0)] = (small, 5.0)

    def judge(answer: Any, g: Tensor, radius: float) -> None:
        _require_best(answer, g, Ball("l1", radius), "‖Δ‖₁")

    def one_entry(choose: Callable[[Tensor], Tensor], size: Callable[[Tensor, float], Any]) -> Callable:
        """size(g_j, radius) at the entry j that is chosen by g; NaN at ties, where several are right."""

        def Δ(g: Tensor, radius: float) -> Tensor:
            d, j = torch.zeros_like(g), choose(g)
            d[j] = size(g[j], radius)
            return d if (g.abs() == g.abs().max()).sum() == 1 else d * torch.nan

        return Δ

    def largest(g: Tensor) -> Tensor:
        return g.abs().argmax()

    def all_ties(g: Tensor, radius: float) -> Tensor:
        return radius * g.sign() * (g.abs() == g.abs().max())

    mistakes = {
        "radius · sign(g_j) at the largest g_j, not the largest |g_j|: abs is missing": (
            one_entry(torch.argmax, lambda g, r: r * g.sign())
        ),
        "+radius where |g_j| is largest: Δ_j takes the sign of g_j": one_entry(largest, lambda g, r: r),
        "sign(g_j) where |g_j| is largest: the radius is left out": one_entry(largest, lambda g, r: g.sign()),
        "radius · g_j where |g_j| is largest: only the sign of g_j counts": (
            one_entry(largest, lambda g, r: r * g)
        ),
        "−radius · sign(g_j) where |g_j| is largest: that is downhill": (
            one_entry(largest, lambda g, r: -r * g.sign())
        ),
        "the step at the smallest |g_j|": one_entry(lambda g: g.abs().argmin(), lambda g, r: r * g.sign()),
        "the radius at every largest |g_j|: at a tie they have to share it, or one gets it": all_ties,
        "radius · sign(g), the step of the ℓ∞ ball": lambda g, r: r * g.sign(),
        "radius · g/‖g‖₂, the step of the ℓ2 ball": lambda g, r: r * g / g.norm(),
        "radius · g/‖g‖₁: ‖Δ‖₁ is right, but ⟨g, Δ⟩ is larger if all of it goes to one entry": (
            lambda g, r: r * g / g.norm(p=1)
        ),
        "the radius divided evenly: all of it belongs to the largest |g_j|": lambda g, r: (
            r * g.sign() / len(g)
        ),
        "⟨g, Δ⟩: what is asked for is Δ": lambda g, r: r * g.abs().max(),
    }
    examine(f, cases, judge, mistakes)
    return "within the radius and optimal; with ties, and with g = 0 too"


@exercise("the ℓ2 maximiser in a box")
def l2_in_box(f: Callable) -> str:
    """f(g, radius, lower, upper) → Δ with ‖Δ‖₂ ≤ radius and lower ≤ Δ ≤ upper that maximises ⟨g, Δ⟩."""
    given = [
        ([3.0, 4.0], 1.0, [-1.0, -1.0], [1.0, 0.5]),
        ([3.0, 4.0], 0.7, [-2.0, -2.0], [2.0, 2.0]),
        ([3.0, 4.0], 3.0, [-1.0, -1.0], [1.0, 0.5]),
        ([3.0, -4.0], 0.5, [-0.6, -0.2], [0.6, 0.6]),
        ([0.0, 0.0, 0.0], 1.0, [-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]),
    ]
    cases = {
        f"{_name(g, radius)}, box {shown(low)} to {shown(high)}": (
            torch.tensor(g),
            radius,
            torch.tensor(low),
            torch.tensor(high),
        )
        for g, radius, low, high in given
    }
    generator = torch.Generator().manual_seed(3)
    for size, radius in ((1.0, 2.0), (1e-3, 1.5), (1e-6, 0.3)):  # of gradients of trained nets
        many, x = size * torch.randn(50, generator=generator), torch.rand(50, generator=generator)
        x[:20] = x[:20].round()  # black and white pixels
        name = f"for g = {brief(many)} of the size {size:g}, radius {radius:g}, a pixel box"
        cases[name] = (many, radius, -x, 1 - x)

    def judge(answer: Any, g: Tensor, radius: float, lower: Tensor, upper: Tensor) -> None:
        ball, box = Ball("l2", radius), Box(lower, upper)
        _require_best(answer, g, ball, "‖Δ‖₂", box)

    def best(g: Tensor, radius: float, lower: Tensor, upper: Tensor) -> Tensor:
        return (Ball("l2", radius) & Box(lower, upper)).maximizer(g[None])[0]

    def step(g: Tensor, radius: float) -> Tensor:
        return radius * g / g.norm()

    def again(g: Tensor, radius: float, lower: Tensor, upper: Tensor) -> Tensor:
        d = step(g, radius).clamp(lower, upper)
        return radius * d / d.norm()

    def up_to_one(g: Tensor, radius: float, lower: Tensor, upper: Tensor) -> Tensor:
        d = g.clamp(lower, upper)
        return d if d.norm() <= radius else best(g, radius, lower, upper)

    mistakes = {
        "radius · g/‖g‖, the step without the box": lambda g, r, low, high: step(g, r),
        "the corner of the box, without the ball": (
            lambda g, r, low, high: torch.where(g > 0, high, low) * g / g  # NaN where any will do
        ),
        "g, clipped to the box: it is to be scaled to the radius": lambda g, r, low, high: g.clamp(low, high),
        "radius · g/‖g‖, clipped once: what the box cuts off is to be spent on the other entries": (
            lambda g, r, low, high: step(g, r).clamp(low, high)
        ),
        "a clipped step that is lengthened to the radius again: clip after the scaling": again,
        "a search for t that ends at 1: with a small gradient t is large": up_to_one,
        "the minimiser: the sign is wrong": lambda g, r, low, high: best(-g, r, low, high),
        "a box from −upper to upper: its lower bound is another one": (
            lambda g, r, low, high: best(g, r, -high, high)
        ),
        "a box from lower to −lower: its upper bound is another one": lambda g, r, low, high: best(
            g, r, low, -low
        ),
        "a box from 0 to 1, the range of the image: that of Δ is lower to upper": (
            lambda g, r, low, high: step(g, r).clamp(0, 1)
        ),
        "upper, whatever g is: min and max have changed places": lambda g, r, low, high: high,
        "lower, whatever g is: min and max have changed places": lambda g, r, low, high: low,
        "radius 1: the radius is left out": lambda g, r, low, high: best(g, 1.0, low, high),
        "‖Δ‖₂² = radius: the root is missing": lambda g, r, low, high: best(g, r**0.5, low, high),
        "radius · sign(g), clipped, which is the step of the ℓ∞ ball": (
            lambda g, r, low, high: (r * g.sign()).clamp(low, high)
        ),
    }
    examine(f, cases, judge, mistakes)
    return "within the ball, within the box, and optimal; a naively clipped step is not"


@exercise("the certificate")
def certificate(f: Callable) -> str:
    """f(g, u, radius, lower, upper) → r‖u‖₂ + Σ max(lower v, upper v) with v = g − u; vectors (n,)."""
    generator = torch.Generator().manual_seed(3)
    x, many, other = torch.rand(3, 40, generator=generator, dtype=torch.float64)
    plane, lower, upper = (
        torch.tensor(pair, dtype=torch.float64) for pair in ([3, -4], [-1, -0.2], [0.6, 0.5])
    )
    cases = {}
    for g, radius, *box in ((plane, 0.5, lower, upper), (many - 0.5, 2.5, -x, 1 - x)):
        for name, u in {"0": 0 * g, "g": g, "g/2": g / 2, "some other": other[: len(g)] - 0.3}.items():
            cases[f"{_name(g, radius)}, u = {name}"] = (g, u, radius, *box)

    def judge(answer: Any, g: Tensor, u: Tensor, radius: float, lower: Tensor, upper: Tensor) -> None:
        bound, truth = number(answer, ""), radius * float(u.norm()) + _most(g - u, lower, upper)
        best = float((Ball("l2", radius) & Box(lower, upper)).support(g[None]))
        above = bound >= best * (1 - 1e-6)
        require(above, f"{bound:.4g} is no upper bound, a feasible Δ reaches {best:.4g}")
        said = f"the bound is {bound:.4g}, the formula gives {truth:.4g}"
        require(abs(bound - truth) <= 1e-6 * truth, said)

    def with_box(part: Callable[[Tensor, Tensor, Tensor], Any]) -> Callable:
        """The formula with another second term, a function of v, lower and upper."""
        return lambda g, u, r, low, high: r * u.norm() + part(g - u, low, high)

    def with_ball(part: Callable[[Tensor, float], Any]) -> Callable:
        """The formula with another first term, a function of u and the radius."""
        return lambda g, u, r, low, high: part(u, r) + _most(g - u, low, high)

    mistakes = {
        "‖u‖ + Σ max(…): the radius is left out": with_ball(lambda u, r: u.norm()),
        "r‖u‖, what the ball bounds: the box has to bound ⟨v, Δ⟩": with_box(lambda v, low, high: 0),
        "Σ max(…), what the box bounds: the ball has to bound ⟨u, Δ⟩": with_ball(lambda u, r: 0),
        "r‖u‖ + Σ upper v: where v_i < 0, lower v is larger": with_box(lambda v, low, high: high @ v),
        "r‖u‖ + Σ lower v: where v_i > 0, upper v is larger": with_box(lambda v, low, high: low @ v),
        "r‖u‖ + Σ upper |v|: where v_i < 0, it is the lower bound that counts": (
            with_box(lambda v, low, high: high @ v.abs())
        ),
        "r‖u‖ + Σ upper max(v, 0): where v_i < 0, lower v counts": (
            with_box(lambda v, low, high: high @ v.clamp(min=0))
        ),
        "r‖u‖ + Σ min(lower v, upper v): the most is the max": (
            with_box(lambda v, low, high: torch.minimum(low * v, high * v).sum())
        ),
        "r‖u‖ + max(Σ lower v, Σ upper v): each entry chooses for itself, so max comes before Σ": (
            with_box(lambda v, low, high: torch.maximum(low @ v, high @ v))
        ),
        "r‖u‖ + Σ max(lower g, upper g): u bears a part of g, and v = g − u is left": (
            lambda g, u, r, low, high: r * u.norm() + _most(g, low, high)
        ),
        "the formula with v = u − g, the wrong way round": (
            lambda g, u, r, low, high: r * u.norm() + _most(u - g, low, high)
        ),
        "r‖v‖ + Σ max(lower u, upper u): u and v have changed places": (
            lambda g, u, r, low, high: r * (g - u).norm() + _most(u, low, high)
        ),
        "r‖g‖, the bound of the ball alone, whatever u is": lambda g, u, r, low, high: r * g.norm(),
        "the formula with ‖u‖₁: the ℓ2 norm is its own dual": with_ball(lambda u, r: r * u.norm(p=1)),
        "the formula with ‖u‖∞: the ℓ2 norm is its own dual": with_ball(lambda u, r: r * u.abs().max()),
        "the formula with ‖u‖²: no square": with_ball(lambda u, r: r * u.norm() ** 2),
        "a term for each entry: the sum is missing": (
            with_box(lambda v, low, high: torch.maximum(low * v, high * v))
        ),
    }
    examine(f, cases, judge, mistakes)
    return "an upper bound whatever u is: no Δ in ball and box goes further along g"


def _most(v: Tensor, lower: Tensor, upper: Tensor) -> float:
    """The largest ⟨v, Δ⟩ in the box."""
    return float(torch.maximum(lower * v, upper * v).sum())


def _name(g: Any, radius: float) -> str:
    return f"for g = {brief(g)}, radius {radius:g}"


def _require_best(answer: Any, g: Tensor, ball: Ball, name: str, box: Box | None = None) -> None:
    """Requires that the answer is in the ball, in the box if there is one, and goes furthest along g."""
    entries = finite_array(answer, tuple(g.shape), "", "Δ", f"Δ has shape {{}}, g has {tuple(g.shape)}")
    d, g, radius = torch.from_numpy(entries)[None], g.double()[None], float(ball.radius)
    norm = float(ball.norm.value(d))
    require(norm <= radius * (1 + SLACK), f"{name} is {norm:.4g}, the radius is {radius:g}")
    if box is not None:
        out = float(torch.maximum(box.lower - d, d - box.upper).max())
        require(out <= SLACK * radius, f"an entry of Δ leaves the box by {out:.4g}")
    best, value = float((ball if box is None else ball & box).support(g)), float((g * d).sum())
    left = " (the radius is not spent)" if norm < radius * (1 - SLACK) else ""
    require(value >= best * (1 - SLACK), f"⟨g, Δ⟩ is {value:.4g}, it could be {best:.4g}{left}")
