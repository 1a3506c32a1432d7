"""The exercises of notebook 05, tangent space."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from rolab.course.checking import brief, exercise, finite_array, require
from rolab.objectives import TangentPropagation
from rolab.sets import Ball, Tangent


def _cases(seed: int = 5) -> Iterator[tuple[Tensor, Tensor, float]]:
    """A basis (d, k) of oblique columns of different lengths, a direction g (d,), and a radius."""
    generator = torch.Generator().manual_seed(seed)
    plane = torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    yield plane, torch.tensor([3.0, 4.0, 12.0], dtype=torch.float64), 2.0
    for d, k, radius in ((5, 1, 0.5), (7, 3, 1.5), (40, 6, 3.0)):
        B = torch.randn(d, k, generator=generator, dtype=torch.float64)
        yield B * (1 + torch.arange(k)), torch.randn(d, generator=generator, dtype=torch.float64), radius


@exercise("the projection onto the tangent space")
def projection(f: Callable) -> str:
    """f(B) → Π (d, d), the orthogonal projection onto the span of the columns of B (d, k)."""
    for B, _, _ in _cases():
        d, k = B.shape
        case = f"for a basis of shape {(d, k)}"
        shapes = f"Π has shape {{}}, expected {(d, d)}; {(k, k)} is that of the rows, directions are columns"
        P = _array(f(B.clone()), (d, d), case, "Π", shapes)
        unit, (Q, R) = B / B.norm(dim=0), torch.linalg.qr(B)
        lengths = R.diagonal().abs()
        wrong = {
            "that is BBᵀ: a projection only if the columns are of length 1 and orthogonal": B @ B.T,
            "the columns are orthogonal, but not of length 1: normalise them once more": Q * lengths**2 @ Q.T,
            "that is I − Π: it keeps what is orthogonal to the span": torch.eye(d) - Q @ Q.T,
        }
        if k > 1:
            said = "the columns have length 1, but they are not orthogonal"
            wrong[f"{said}: what two of them share counts twice"] = unit @ unit.T
        for complaint, other in wrong.items():
            require(not _near(P, other), f"{case}: {complaint}")
        twice = float((P @ P - P).norm())
        require(twice < 1e-5 * (1 + float(P.norm())), f"{case}: ‖ΠΠ − Π‖ is {twice:.3g}: once is not enough")
        kept = float((P @ B - B).norm() / B.norm())
        require(kept < 1e-5, f"{case}: a column of B is not kept, ‖ΠB − B‖ is {100 * kept:.3g} % of ‖B‖")
        skew = float((P - P.T).norm())
        require(skew < 1e-5, f"{case}: ‖Π − Πᵀ‖ is {skew:.3g}: it projects, but not at a right angle")
        rank = float(P.trace())
        require(abs(rank - k) < 1e-4, f"{case}: its rank is {rank:.3g}: more than the span is kept")
    return "ΠΠ = Π = Πᵀ, the columns of B are kept, and nothing else"


@exercise("the maximiser of tangent ∩ ℓ2")
def tangent_maximizer(f: Callable) -> str:
    """f(Q, g, radius) → Δ in the span of Q (d, k), with ‖Δ‖₂ ≤ radius, that maximises ⟨g, Δ⟩; QᵀQ = I."""
    cases = [(torch.linalg.qr(B)[0], g, radius) for B, g, radius in _cases()]
    for Q, g, radius in (*cases, (cases[0][0], torch.zeros(3, dtype=torch.float64), 1.0)):
        case = f"for g = {brief(g)}, radius {radius:g}, {Q.shape[1]} directions"
        d = _array(f(Q.clone(), g.clone(), radius), tuple(g.shape), case, "Δ")
        inside = Q @ (Q.T @ g)
        wrong = {
            "that is the step of the whole ball: it leaves the span": radius * g / g.norm(),
            "normalise after the projection, not before: Δ does not reach the radius": radius
            * inside
            / g.norm(),
            "that is Πg, whatever the radius is": inside,
            "that is downhill": -radius * inside / inside.norm(),
        }
        for complaint, other in wrong.items():
            require(not g.any() or not _near(d, other), f"{case}: {complaint}")
        outside, length = float((d - Q @ (Q.T @ d)).norm()), float(d.norm())
        require(outside < 1e-5 * radius, f"{case}: Δ is {outside:.3g} away from the span")
        require(length <= radius * (1 + 1e-5), f"{case}: ‖Δ‖₂ is {length:.4g}, the radius is {radius:g}")
        best, value = float(Tangent(Q, Ball("l2", radius)).support(g[None])), float(g @ d)
        require(value >= best - 1e-5 * (1 + best), f"{case}: ⟨g, Δ⟩ is {value:.4g}, it could be {best:.4g}")
    return "in the span, within the radius and optimal; with g = 0 too"


@exercise("the penalty of (4) by Jacobian-vector products")
def tangent_penalty(f: Callable) -> str:
    """f(o, x, Q) → Σ_u ‖J_o(x) u‖² over the columns u of Q (d, k): o maps x (d,) to the logits (K,)."""
    generator = torch.Generator().manual_seed(5)
    for d, k in ((4, 1), (6, 2), (12, 5)):
        o = _small_net(d, generator)
        x = torch.randn(d, generator=generator, dtype=torch.float64)
        Q = torch.linalg.qr(torch.randn(d, k, generator=generator, dtype=torch.float64))[0]
        J = torch.autograd.functional.jacobian(o, x)
        truth = TangentPropagation(Q, exact=True)(o, x[None]).detach()
        case = f"{d} pixels, {len(J)} logits, {k} direction{'s' * (k > 1)}"
        answer = f(o, x.clone(), Q.clone())
        tensor = isinstance(answer, Tensor)
        yours = float(
            _array(answer.reshape(()) if tensor and answer.numel() == 1 else answer, (), case, "it")
        )
        wrong = {
            "the logits were added up before the square; each counts by itself": (J.sum(0) @ Q)
            .square()
            .sum(),
            "that is Σ ‖J u‖ without the square": (J @ Q).norm(dim=0).sum(),
            "that is the mean over the logits, and (4) has the sum": truth / len(J),
            "that is ‖J‖²_F, all directions and not only the tangents": J.square().sum(),
        }
        if k > 1:
            wrong |= {
                "the directions were added up first: J is to be applied to each": (J @ Q.sum(1))
                .square()
                .sum(),
                "that is the mean over the directions, and (4) has the sum": truth / k,
            }
        for complaint, other in wrong.items():
            require(abs(yours - float(other)) > 1e-7 * float(other), f"{case}: {complaint}")
        off = abs(yours - float(truth)) / float(truth)
        near = ": a difference quotient? A Jacobian-vector product is exact" if off < 0.01 else ""
        require(off < 1e-7, f"{case}: yours is {yours:.6g}, it is {float(truth):.6g}{near}")
        graph = tensor and answer.requires_grad
        require(
            graph, f"{case}: the number is right, but it has no gradient in the weights: (4) is descended"
        )
    return "the same as with the whole Jacobian, and it can be descended"


def _small_net(d: int, generator: torch.Generator) -> nn.Module:
    """Three logits of a vector (d,), by five hidden units."""
    net = nn.Sequential(nn.Linear(d, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    for p in net.parameters():
        p.data = torch.randn(p.shape, generator=generator, dtype=torch.float64)
    return net


def _array(value: object, shape: tuple[int, ...], case: str, name: str, expected: str = "") -> Tensor:
    """What the reader gave, as float64, once it has this shape."""
    complaint = expected or f"{name} has shape {{}}, expected {shape}"
    return torch.from_numpy(finite_array(value, shape, case, name, complaint).copy())


def _near(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).norm() <= 1e-6 * (1 + b.norm()))
