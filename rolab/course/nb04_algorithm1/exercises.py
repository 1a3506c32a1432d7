"""The exercises of notebook 04, Algorithm 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import softplus

from rolab.course.checking import exercise, number, require, shown


@exercise("one step of Algorithm 1")
def hand_step(answer: Any) -> str:
    """(Δ, w): the ascent and the descent step of the exercise, two numbers each."""
    require(isinstance(answer, list | tuple) and len(answer) == 2, "expected two answers, (Δ, the new w)")
    if any(part is None or part is ... for part in answer):
        raise NotImplementedError
    d, new = (_plane(part, name) for part, name in zip(answer, ("Δ", "w"), strict=True))
    w, x, radius = (1.0, -2.0), (2.0, 0.25), 0.5
    largest = max(map(abs, d))
    require(largest <= radius + 1e-9, f"Δ is {shown(d)}: ‖Δ‖∞ is {largest:g}, the radius is {radius:g}")
    margin = sum(a * (b + c) for a, b, c in zip(w, x, d, strict=True))
    require(margin < 1.5 + 1e-9, f"Δ is {shown(d)}: wᵀ(x + Δ) is {margin:g}, above 1.5: the loss falls")
    require(abs(margin) < 1e-9, f"Δ is {shown(d)}: wᵀ(x + Δ) is {margin:g}, it could be 0")
    moved = (x[0] + d[0], x[1] + d[1])
    wrong = {
        "the step of standard training: it descends at x, and not at x + Δ": _descend(w, x, 1.5),
        "uphill: the loss at x + Δ rises": tuple(a - b / 2 for a, b in zip(w, moved, strict=True)),
        "the gradient, but not the new w: subtract it from w": tuple(-b / 2 for b in moved),
    }
    for complaint, there in wrong.items():
        require(math.dist(new, there) > 2e-3, f"w is {shown(new)}: that is {complaint}")
    right = math.dist(new, _descend(w, moved, 0)) < 2e-3
    require(right, f"Δ is right, w is not: {shown(new)}; at x + Δ the slope of J is ½")
    return "up in x, then down in w, at x + Δ; at the new w the loss there is smaller"


def _descend(w: tuple, x: tuple, margin: float) -> tuple[float, ...]:
    """w - ∇J for J = log(1 + exp(-wᵀx)) and the rate 1."""
    slope = 1 / (1 + math.exp(margin))
    return tuple(a + slope * b for a, b in zip(w, x, strict=True))


def _plane(value: Any, name: str) -> tuple[float, float]:
    value = value.tolist() if hasattr(value, "tolist") else value
    pair = isinstance(value, list | tuple) and len(value) == 2
    require(pair, f"{name}: expected two numbers, got {value!r}")
    return number(value[0], name), number(value[1], name)


@exercise("what flows through Δ")
def flow(f: Callable) -> str:
    """f(J, w, x, y, ascend, flows) → the gradient in w of J(w, x + Δ̂, y), through Δ̂(w) too if it flows."""
    generator = torch.Generator().manual_seed(4)
    w, x = (torch.randn(*size, generator=generator, dtype=torch.float64) for size in ((12,), (5, 2)))
    y = torch.tensor([1.0, -1.0, 1.0, -1.0, -1.0], dtype=torch.float64)
    truth = {flows: _gradient(_small_net_loss, w, x, y, _ascend, flows) for flows in (False, True)}
    plain = _gradient(_small_net_loss, w, x, y, torch.zeros_like, False)
    for flows in (False, True):
        given = (w.clone(), x.clone(), y.clone())
        yours = torch.as_tensor(f(_small_net_loss, *given, _ascend, flows)).detach().to(torch.float64)
        case = f"flows = {flows}"
        require(yours.shape == w.shape, f"{case}: expected shape (12,), got {tuple(yours.shape)}")
        swapped = "nothing flows: Δ̂ has no graph back to w" if flows else "Δ̂ is not held constant: detach it"
        wrong = {
            "that is the gradient at x, the one of standard training": plain,
            swapped: truth[not flows],
            "the sign is wrong, the gradient points uphill": -truth[flows],
            "the gradient at x has been added to it": truth[flows] + plain,
        }
        for complaint, other in wrong.items():
            require(not torch.allclose(yours, other, atol=1e-6), f"{case}: {complaint}")
        off = float((yours - truth[flows]).norm() / truth[flows].norm())
        close = torch.allclose(yours, truth[flows], atol=1e-6)
        require(close, f"{case}: off by {100 * off:.2g} % of its length")
    apart = float((truth[True] - truth[False]).norm() / truth[False].norm())
    return f"both are right; on this network they differ by {100 * apart:.0f} % of the length"


def _small_net_loss(w: Any, x: Any, y: Any) -> Any:
    """The mean logistic loss of a network with three hidden units; w holds its twelve weights."""
    hidden = torch.tanh(x @ w[:6].view(2, 3) + w[6:9])
    return softplus(-y * (hidden @ w[9:])).mean()


def _ascend(g: Any) -> Any:
    """The ℓ2 step of radius ½, for each example."""
    return 0.5 * g / g.norm(dim=1, keepdim=True)


def _gradient(J: Callable, w: Any, x: Any, y: Any, ascend: Callable, flows: bool) -> Any:
    w, x = w.clone().requires_grad_(), x.clone().requires_grad_()
    (g,) = torch.autograd.grad(J(w, x, y), x, create_graph=flows)
    d = ascend(g) if flows else ascend(g).detach()
    return torch.autograd.grad(J(w, x.detach() + d, y), w)[0]


@exercise("the robust loss of logistic regression")
def robust_logistic(f: Callable) -> str:
    """f(w, x, y, radius) → the mean of max log(1 + exp(-y wᵀ(x + Δ))) over ‖Δ‖∞ ≤ radius, y = ±1."""
    generator = torch.Generator().manual_seed(4)
    cases = [([3.0, -4.0], [[1.0, 0.5]], [y], radius) for y, radius in ((1.0, 0.0), (1.0, 0.1), (-1.0, 0.1))]
    cases.append(([0.0, 2.0, -1.0], [[1.0, 0.0, 1.0], [0.5, 1.0, 0.0]], [1.0, -1.0], 0.5))
    w, x = torch.randn(6, generator=generator), torch.randn(20, 6, generator=generator)
    cases.append((w.tolist(), x.tolist(), x[:, 0].sign().tolist(), 0.2))
    for weights, points, labels, radius in cases:
        w, x, y = (torch.tensor(part, dtype=torch.float64) for part in (weights, points, labels))
        corners = torch.cartesian_prod(*[torch.tensor([-radius, radius], dtype=torch.float64)] * len(w))
        best = float(softplus(-y * ((x + corners[:, None]) @ w)).amax(0).mean())
        yours = number(f(w.clone(), x.clone(), y.clone(), radius), "the loss")
        size = "" if len(w) > 3 else f"w = {shown(w)}, x = {shown(x)}, y = {shown(y)}, "
        case = f"for {size}radius {radius:g}: your loss is {yours:.4g}"
        require(yours > best - 1e-5, f"{case}, but a corner of the ball has {best:.4g}")
        require(yours < best + 1e-5, f"{case}, but no Δ in the ball has more than {best:.4g}")
    return "equal to the best of all 2ᵈ corners of the ball; the dual norm does the work"
