"""The exercises of notebook 04, Algorithm 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from rolab.course.checking import examine, exercise, finite_array, number, require, shown


@exercise("one step of Algorithm 1")
def hand_step(answer: Any) -> str:
    """(Δ, w): the ascent and the descent step of the exercise, two numbers each."""
    answer = answer.tolist() if hasattr(answer, "tolist") else answer
    require(isinstance(answer, list | tuple) and len(answer) == 2, "expected two answers, (Δ, the new w)")
    entries = [entry for part in answer for entry in (part if isinstance(part, list | tuple) else [part])]
    if any(entry is None or entry is ... for entry in entries):
        raise NotImplementedError
    d, new = (_plane(part, name) for part, name in zip(answer, ("Δ", "w"), strict=True))
    w, x, radius = _plane((1, -2), "w"), _plane((2, 0.25), "x"), 0.5
    moved, slope = x + radius * -w.sign(), 1 / (1 + math.exp(w @ x))

    found = _same(d, {
        "x + Δ, and Δ is asked for": moved,
        "the new w: Δ comes first": w + moved / 2,
        "the direction of the signs, without the radius": -w.sign(),
        "−radius · w: only the signs count in the ℓ∞ ball": -radius * w,
        "∇ₓJ: in the ℓ∞ ball, each entry goes by the radius along its sign": -slope * w,
        "the step of the ℓ2 ball: in the ℓ∞ ball, each entry goes by the radius": -radius * w / w.norm(),
        "the step of the ℓ1 ball: in the ℓ∞ ball, each entry goes by the radius": _plane((0, radius), "Δ"),
    })  # fmt: skip
    largest, margin = float(d.abs().max()), float(w @ (x + d))
    require(
        largest <= radius + 1e-9, f"Δ is {shown(d)}{found}: ‖Δ‖∞ is {largest:g}, the radius is {radius:g}"
    )
    require(
        margin < 1.5 + 1e-9, f"Δ is {shown(d)}{found}: wᵀ(x + Δ) is {margin:g}, above 1.5: the loss falls"
    )
    require(abs(margin) < 1e-6, f"Δ is {shown(d)}{found}: wᵀ(x + Δ) is {margin:g}, it could be 0")

    found = _same(new, {
        "the old w": w,
        "the step of standard training: it descends at x, and not at x + Δ": w + slope * x,
        "uphill: the loss at x + Δ rises": w - moved / 2,
        "the gradient, but not the new w: subtract it from w": -moved / 2,
        "w + x + Δ: the slope ½ is left out": w + moved,
        "w + ½ x: the gradient at x + Δ is −½ (x + Δ)": w + x / 2,
        "a step with the slope at x: that at x + Δ is ½": w + slope * moved,
        "w + Δ: Δ is added to x, and w descends by the gradient": w + d,
        "x + Δ, and the new w is asked for": moved,
    })  # fmt: skip
    close = (new - w - moved / 2).norm() < 2e-3
    require(close, f"Δ is right, w is not: {shown(new)}{found or '; at x + Δ the slope of J is ½'}")
    return "up in x, then down in w, at x + Δ; at the new w the loss there is smaller"


def _same(yours: Tensor, mistakes: dict[str, Tensor]) -> str:
    """Which of these the answer is, to three digits."""
    return next((f", that is {name}" for name, it in mistakes.items() if (yours - it).norm() < 2e-3), "")


def _plane(value: Any, name: str) -> Tensor:
    return torch.from_numpy(
        finite_array(value, (2,), "", name, f"{name}: expected two numbers, got shape {{}}")
    )


@exercise("what flows through Δ")
def flow(f: Callable) -> str:
    """f(J, w, x, y, ascend, flows) → the gradient in w of J(w, x + Δ̂, y), through Δ̂(w) too if it flows."""
    generator = torch.Generator().manual_seed(4)
    w, x = (torch.randn(*size, generator=generator, dtype=torch.float64) for size in ((12,), (5, 2)))
    y = torch.tensor([1.0, -1.0, 1.0, -1.0, -1.0], dtype=torch.float64)
    cases = {
        f"flows = {flows}{other}": (_small_net_loss, w, x, y, ascend, flows)
        for ascend, other in ((_ascend, ""), (_bounded, ", another ascend"))
        for flows in (False, True)
    }

    def judge(answer: Any, *case: Any) -> None:
        require(
            not isinstance(answer, tuple), "`torch.autograd.grad` returns a tuple: hand over its first entry"
        )
        yours = finite_array(answer, (12,), "", "the gradient", "expected shape (12,), got {}")
        truth = _gradient(*case)
        off = float((torch.from_numpy(yours) - truth).norm() / truth.norm())
        require(off < 1e-5, f"off by {100 * off:.3g} % of its length")

    def plain(J: Callable, w: Tensor, x: Tensor, y: Tensor, ascend: Callable, flows: bool) -> Tensor:
        return _gradient(J, w, x, y, torch.zeros_like, False)

    def in_x(J: Callable, w: Tensor, x: Tensor, y: Tensor, ascend: Callable, flows: bool) -> Tensor:
        x = x.clone().requires_grad_()
        return torch.autograd.grad(J(w, x, y), x)[0]

    def taken(for_: Callable[[bool], bool]) -> Callable:
        """The gradient if `flows` is taken for something else."""
        return lambda J, w, x, y, ascend, flows: _gradient(J, w, x, y, ascend, for_(flows))

    held = taken(lambda flows: False)
    mistakes = {
        "the gradient at x, that of standard training": plain,
        "what flows = True asks for, also where it is False: there Δ̂ is held constant, detach it": (
            taken(lambda flows: True)
        ),
        "what flows = False asks for, also where it is True: there Δ̂ keeps its graph back to w": held,
        "the other case: flows is taken the wrong way round": taken(lambda flows: not flows),
        "minus the gradient: the sign is wrong": lambda *case: -_gradient(*case),
        "a sum with the gradient at x: it was left over from the first step": (
            lambda *case: _gradient(*case) + plain(*case)
        ),
        "the gradient at x − Δ̂: `ascend` goes uphill by itself": (
            lambda J, w, x, y, ascend, flows: _gradient(J, w, x, y, lambda g: -ascend(g), flows)
        ),
        "what flows through Δ̂ alone: the gradient at x + Δ̂ is a part of it": (
            lambda *case: _gradient(*case) - case[-1] * held(*case)
        ),
        "the sum over the examples: J is their mean": lambda *case: len(case[2]) * _gradient(*case),
        "the gradient in x: it is asked for in w": in_x,
    }
    examine(f, cases, judge, mistakes)
    first, second = (_gradient(*case) for case in list(cases.values())[:2])
    apart = float((second - first).norm() / first.norm())
    return f"both are right; on this network they differ by {100 * apart:.0f} % of the length"


def _small_net_loss(w: Any, x: Any, y: Any) -> Any:
    """The mean logistic loss of a network with three hidden units; w holds its twelve weights."""
    hidden = torch.tanh(x @ w[:6].view(2, 3) + w[6:9])
    return softplus(-y * (hidden @ w[9:])).mean()


def _ascend(g: Any) -> Any:
    """The ℓ2 step of radius ½, for each example."""
    return 0.5 * g / g.norm(dim=1, keepdim=True)


def _bounded(g: Any) -> Any:
    """A smooth step within the ℓ∞ ball of radius 0.3."""
    return 0.3 * torch.tanh(10 * g)


def _gradient(J: Callable, w: Any, x: Any, y: Any, ascend: Callable, flows: bool) -> Any:
    w, x = w.clone().requires_grad_(), x.clone().requires_grad_()
    (g,) = torch.autograd.grad(J(w, x, y), x, create_graph=flows)
    d = ascend(g) if flows else ascend(g).detach()
    return torch.autograd.grad(J(w, x.detach() + d, y), w)[0]


@exercise("the robust loss of logistic regression")
def robust_logistic(f: Callable) -> str:
    """f(w, x, y, radius) → the mean of max log(1 + exp(-y wᵀ(x + Δ))) over ‖Δ‖∞ ≤ radius, y = ±1."""
    given = [([3.0, -4.0], [[1.0, 0.5]], [y], radius) for y, radius in ((1.0, 0.0), (1.0, 0.1), (-1.0, 0.1))]
    given.append(([0.0, 2.0, -1.0], [[1.0, 0.0, 1.0], [0.5, 1.0, 0.0]], [1.0, -1.0], 0.5))
    w, x = torch.randn(21, 6, generator=torch.Generator().manual_seed(4)).split([1, 20])
    given.append((w[0].tolist(), x.tolist(), x[:, 0].sign().tolist(), 0.2))
    cases = {}
    for *data, radius in given:
        w, x, y = (torch.tensor(part, dtype=torch.float64) for part in data)
        what = f"w = {shown(w)}, x = {shown(x)}, y = {shown(y)}" if len(w) < 4 else f"{len(x)} random points"
        cases[f"for {what}, radius {radius:g}"] = (w, x, y, radius)

    def judge(answer: Any, w: Tensor, x: Tensor, y: Tensor, radius: float) -> None:
        corners = torch.cartesian_prod(*[torch.tensor([-radius, radius], dtype=torch.float64)] * len(w))
        best = float(softplus(-y * ((x + corners[:, None]) @ w)).amax(0).mean())
        yours = number(answer, "")
        said = f"your loss is {yours:.4g}, but"
        require(yours >= best * (1 - 1e-5), f"{said} a corner of the ball has {best:.4g}")
        require(yours <= best * (1 + 1e-5), f"{said} no Δ in the ball has more than {best:.4g}")

    def with_term(term: Callable[[Tensor, float], Any]) -> Callable:
        """The loss with another term in the place of radius · ‖w‖₁."""
        return lambda w, x, y, r: softplus(-y * (x @ w) + term(w, r)).mean()

    def margins(w: Tensor, x: Tensor, y: Tensor, r: float) -> Tensor:
        return y * (x @ w) - r * w.abs().sum()

    mistakes = {
        "the loss at x: the radius is not used": with_term(lambda w, r: 0),
        "the formula with radius 1: the radius is left out": with_term(lambda w, r: w.abs().sum()),
        "the smallest loss in the ball: radius · ‖w‖₁ lowers the margin": with_term(
            lambda w, r: -r * w.abs().sum()
        ),
        "the loss for the ℓ2 ball: the dual of ℓ∞ is ‖w‖₁, not ‖w‖₂": with_term(lambda w, r: r * w.norm()),
        "a loss with ‖w‖∞: the dual of ℓ∞ is ‖w‖₁": with_term(lambda w, r: r * w.abs().max()),
        "a loss with radius · Σ w_i: abs is missing": with_term(lambda w, r: r * w.sum()),
        "a loss without y: the margin is y wᵀx": (
            lambda w, x, y, r: softplus(-(x @ w) + r * w.abs().sum()).mean()
        ),
        "a loss where y multiplies radius · ‖w‖₁ too: it lowers the margin of both classes": (
            lambda w, x, y, r: softplus(-y * (x @ w - r * w.abs().sum())).mean()
        ),
        "log(1 + exp(+margin)): the loss falls in the margin": lambda *case: softplus(margins(*case)).mean(),
        "the loss at x plus radius · ‖w‖₁: it belongs into the exponent, to the margin": (
            lambda w, x, y, r: softplus(-y * (x @ w)).mean() + r * w.abs().sum()
        ),
        "the hinge loss": lambda *case: (1 - margins(*case)).relu().mean(),
        "the sum over the examples, and not their mean": lambda *case: softplus(-margins(*case)).sum(),
        "the worst example, and not the mean": lambda *case: softplus(-margins(*case)).max(),
        "a loss for each example: the mean is missing": lambda *case: softplus(-margins(*case)),
        "the margins, and not their loss": lambda *case: margins(*case).mean(),
    }
    examine(f, cases, judge, mistakes)
    return "equal to the best of all 2ᵈ corners of the ball; the dual norm does the work"
