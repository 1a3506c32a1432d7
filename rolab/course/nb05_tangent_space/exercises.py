"""The exercises of notebook 05, tangent space."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rolab.course.checking import brief, examine, exercise, finite_array, number, require
from rolab.objectives import TangentPropagation
from rolab.sets import Ball, Tangent


def _cases() -> list[tuple[Tensor, Tensor, float]]:
    """A basis (d, k) of oblique columns of different lengths, a direction g (d,), and a radius."""
    generator = torch.Generator().manual_seed(5)
    plane = torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    cases = [(plane, torch.tensor([3.0, 4.0, 12.0], dtype=torch.float64), 2.0)]
    for d, k, radius in ((5, 1, 0.5), (7, 3, 4.5), (40, 6, 3.0)):
        B = torch.randn(d, k, generator=generator, dtype=torch.float64) * (1 + torch.arange(k))
        cases.append((B, torch.randn(d, generator=generator, dtype=torch.float64), radius))
    return cases


@exercise("the projection onto the tangent space")
def projection(f: Callable) -> str:
    """f(B) → Π (d, d), the orthogonal projection onto the span of the columns of B (d, k)."""

    def judge(answer: Any, B: Tensor) -> None:
        d, k = B.shape
        shapes = {
            (k, k): "; that acts on the rows of B, and the directions are its columns",
            (d, k): ", for Π takes a vector (d,) to a vector (d,)",
        }
        P = _array(answer, (d, d), "Π", shapes)
        twice = float((P @ P - P).norm())
        require(twice < 1e-5 * (1 + float(P.norm())), f"‖ΠΠ − Π‖ is {twice:.3g}: once is not enough")
        kept = float((P @ B - B).norm() / B.norm())
        require(kept < 1e-5, f"a column of B is not kept, ‖ΠB − B‖ is {100 * kept:.3g} % of ‖B‖")
        skew = float((P - P.T).norm())
        require(skew < 1e-5, f"‖Π − Πᵀ‖ is {skew:.3g}: it projects, but not at a right angle")
        rank = float(P.trace())
        require(abs(rank - k) < 1e-4, f"its rank is {rank:.3g}: more than the span is kept")

    def through(B: Tensor) -> Tensor:
        return torch.linalg.qr(B)[0] @ torch.linalg.qr(B)[0].T

    def unit(B: Tensor) -> Tensor:
        return B / B.norm(dim=0)

    def orthogonal(B: Tensor) -> Tensor:
        Q, R = torch.linalg.qr(B)
        return Q * R.diagonal()

    mistakes = {
        "BBᵀ: a projection only if the columns are of length 1 and orthogonal": lambda B: B @ B.T,
        "columns of length 1 that are not orthogonal: what two of them share counts twice": lambda B: (
            unit(B) @ unit(B).T
        ),
        "columns that are orthogonal, but not of length 1: normalise them once more": lambda B: (
            orthogonal(B) @ orthogonal(B).T
        ),
        "B(BᵀB)Bᵀ: the inverse of BᵀB is missing": lambda B: B @ (B.T @ B) @ B.T,
        "I − Π: it keeps what is orthogonal to the span": lambda B: torch.eye(len(B)) - through(B),
        "2Π − I, the reflection at the span": lambda B: 2 * through(B) - torch.eye(len(B)),
        "a projection onto the first column alone": lambda B: through(B[:, :1]),
    }
    cases = {f"for a basis of shape {tuple(B.shape)}": (B,) for B, _, _ in _cases()}
    examine(f, cases, judge, mistakes)
    return "ΠΠ = Π = Πᵀ, the columns of B are kept, and nothing else"


@exercise("the maximiser of tangent ∩ ℓ2")
def tangent_maximizer(f: Callable) -> str:
    """f(Q, g, radius) → Δ in the span of Q (d, k), with ‖Δ‖₂ ≤ radius, that maximises ⟨g, Δ⟩; QᵀQ = I."""

    def judge(answer: Any, Q: Tensor, g: Tensor, radius: float) -> None:
        shapes = {(Q.shape[1],): "; those are coordinates in the basis: multiply by Q"}
        d = _array(answer, tuple(g.shape), "Δ", shapes)
        outside, length = float((d - Q @ (Q.T @ d)).norm()), float(d.norm())
        require(outside < 1e-5 * radius, f"Δ is {outside:.3g} away from the span")
        require(length <= radius * (1 + 1e-5), f"‖Δ‖₂ is {length:.4g}, the radius is {radius:g}")
        best, value = float(Tangent(Q, Ball("l2", radius)).support(g[None])), float(g @ d)
        require(value >= best - 1e-5 * (1 + best), f"⟨g, Δ⟩ is {value:.4g}, it could be {best:.4g}")

    def inside(Q: Tensor, g: Tensor) -> Tensor:
        return Q @ (Q.T @ g)

    def unit(v: Tensor) -> Tensor:
        return v / v.norm()

    mistakes = {
        "the step of the whole ball, which leaves the span": lambda Q, g, r: r * unit(g),
        "a Πg that is divided by ‖g‖: normalise after the projection": lambda Q, g, r: inside(Q, unit(g)) * r,
        "Πg, whatever the radius is": lambda Q, g, r: inside(Q, g),
        "a Δ of length 1, whatever the radius is": lambda Q, g, r: unit(inside(Q, g)),
        "a Πg that is divided by ‖Πg‖²": lambda Q, g, r: r * inside(Q, g) / inside(Q, g).square().sum(),
        "a Πg that is shortened to the radius, but not stretched to it": lambda Q, g, r: (
            inside(Q, g) * min(1.0, r / float(inside(Q, g).norm()))
        ),
        "steps downhill": lambda Q, g, r: -r * unit(inside(Q, g)),
    }
    given = [(torch.linalg.qr(B)[0], g, radius) for B, g, radius in _cases()]
    axes, up = torch.eye(3, 2, dtype=torch.float64), torch.tensor([0.0, 0.0, 5.0], dtype=torch.float64)
    cases = {
        f"for g = {brief(g)}, radius {radius:g}, {Q.shape[1]} direction{'s' * (Q.shape[1] > 1)}": (
            Q,
            g,
            radius,
        )
        for Q, g, radius in (*given, (axes, 0 * up, 1.0))
    }
    cases["for g = (0, 0, 5) that is orthogonal to both directions, radius 1.5"] = (axes, up, 1.5)
    examine(f, cases, judge, mistakes)
    return "in the span, within the radius and optimal; with g = 0 and Πg = 0 too"


@exercise("the penalty of (4) by Jacobian-vector products")
def tangent_penalty(f: Callable) -> str:
    """f(o, x, Q) → Σ_u ‖J_o(x) u‖² over the columns u of Q (d, k): o maps x (d,) to the logits (K,)."""
    generator = torch.Generator().manual_seed(5)

    def library(o: nn.Module, x: Tensor, Q: Tensor) -> Tensor:
        return TangentPropagation(Q, exact=True)(o, x[None])

    def changes(o: nn.Module, x: Tensor, Q: Tensor) -> Tensor:
        return torch.autograd.functional.jacobian(o, x, create_graph=True) @ Q  # (K, k)

    def judge(answer: Any, o: nn.Module, x: Tensor, Q: Tensor) -> None:
        shape = tuple(getattr(answer, "shape", ()))
        require(math.prod(shape) == 1, f"expected a number, got shape {shape}: add up logits and directions")
        yours, exact = number(answer, ""), float(library(o, x, Q).detach())
        off = abs(yours - exact) / exact
        near = ": a difference quotient? A Jacobian-vector product is exact" if off < 0.01 else ""
        require(off < 1e-7, f"yours is {yours:.6g}, it is {exact:.6g}{near}")

    mistakes = {
        "logits that were added up before the square; each counts by itself": lambda *case: (
            changes(*case).sum(0).square().sum()
        ),
        "directions that were added up first: J is to be applied to each": lambda *case: (
            changes(*case).sum(1).square().sum()
        ),
        "Σ ‖J u‖ without the square": lambda *case: changes(*case).norm(dim=0).sum(),
        "the root of the sum": lambda *case: changes(*case).norm(),
        "the mean over the logits, and (4) has the sum": lambda *case: changes(*case).square().mean(0).sum(),
        "the mean over the directions, and (4) has the sum": lambda *case: (
            changes(*case).square().sum(0).mean()
        ),
        "the first direction alone": lambda *case: changes(*case)[:, 0].square().sum(),
        "‖J‖²_F: all directions and not only the tangents": lambda o, x, Q: (
            changes(o, x, torch.eye(len(x), dtype=x.dtype)).square().sum()
        ),
        "Q.reshape(k, d), whose rows are not the columns of Q": lambda o, x, Q: (
            changes(o, x, Q.reshape(Q.shape[1], -1).T).square().sum()
        ),
        "probabilities: o gives the logits, they need no softmax": lambda o, x, Q: (
            changes(nn.Sequential(o, nn.Softmax(-1)), x, Q).square().sum()
        ),
    }
    cases = {}
    for d, k in ((4, 1), (6, 2), (12, 5)):
        o = _small_net(d, generator)
        x = torch.randn(d, generator=generator, dtype=torch.float64)
        Q = torch.linalg.qr(torch.randn(d, k, generator=generator, dtype=torch.float64))[0]
        cases[f"{d} pixels, 3 logits, {k} direction{'s' * (k > 1)}"] = (o, x, Q)
    truths = [library(*case) for case in cases.values()]
    examine(f, cases, judge, mistakes)
    for (o, x, Q), truth in zip(cases.values(), truths, strict=True):
        answer, weights = f(o, x.clone(), Q.clone()), list(o.parameters())
        alone = "the number is right, but it has no gradient in the weights: (4) is descended"
        require(isinstance(answer, Tensor) and answer.requires_grad, alone)
        yours, exact = (
            torch.cat(
                [g.flatten() for g in torch.autograd.grad(value.sum(), weights, materialize_grads=True)]
            )
            for value in (answer, truth)
        )
        require(yours.any(), alone)
        part = "the number is right, but its gradient in the weights is not: is a part of it detached?"
        require(torch.allclose(yours, exact, rtol=1e-5, atol=1e-7 * float(exact.abs().max())), part)
    return "the same as with the whole Jacobian, and it can be descended"


def _small_net(d: int, generator: torch.Generator) -> nn.Module:
    """Three logits of a vector (d,), by five hidden units."""
    net = nn.Sequential(nn.Linear(d, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    for p in net.parameters():
        p.data = torch.randn(p.shape, generator=generator, dtype=torch.float64)
    return net


def _array(value: Any, shape: tuple[int, ...], name: str, other: dict[Any, str]) -> Tensor:
    """What the reader gave, as float64, once it has this shape; a word about some other shapes."""
    came = tuple(value.shape) if hasattr(value, "shape") else None
    complaint = f"{name} has shape {{}}, expected {shape}{other.get(came, '') if came else ''}"
    return torch.from_numpy(finite_array(value, shape, "", name, complaint).copy())
