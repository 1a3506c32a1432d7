"""What the paper says of tangent spaces, and what notebook 05 found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from rolab.course.nb05_tangent_space.small_nets import Runs, means
from rolab.sets import Ball, Tangent


def bends_in_words(bends: Sequence[float], step: float) -> str:
    """The radii of the bends beside the length of a shift by one pixel."""
    return f"R is {min(bends):.1f} to {max(bends):.1f}; a shift by one pixel is a step of {step:.1f}."


def promise_in_words(promised: Mapping[str, float], k: int = 15, pixels: int = 784) -> str:
    """The gradient's length in k directions, beside chance, and its energy; shares in percent."""
    kept = promised["autoencoder"] / 100
    chance = (k / pixels) ** 0.5
    return (
        f"By chance a direction keeps √({k}/{pixels}) = {100 * chance:.0f} % of its length in {k} "
        f"dimensions. The gradient of this net keeps {kept / chance:.1f} times as much in the directions of "
        f"the autoencoder. A length has the square root of the energy: {100 * kept**2:.0f} % of the "
        f"gradient's energy is inside, {100 - 100 * kept**2:.0f} % outside."
    )


@torch.no_grad()
def formula_error(Q: Tensor, ball: Ball, g: Tensor) -> float:
    """The largest difference of a pixel between r Πg/‖Πg‖ and the maximiser of tangent ∩ ball."""
    (radius, _), flat = ball.penalty, g.flatten(1)[:, :, None]
    inside = (Q @ (Q.mT @ flat))[..., 0]
    formula = radius * inside / inside.norm(dim=1, keepdim=True)
    return float((formula - Tangent(Q, ball).maximizer(g).flatten(1)).abs().max())


def paper_and_here(
    bends: Sequence[float],
    radius: float,
    error: float,
    energy: Mapping[tuple, float],
    found: Mapping[str, Runs],
) -> str:
    """Claims of the paper with what came out, as a table (Markdown)."""
    mean = {name: means(runs) for name, runs in found.items()}
    turns = ", ".join(f"{name} {row['turned']:.1f} %" for name, row in mean.items() if name != "ball")
    standard, tangent = mean["standard"], mean["tangent ∩ ball"]
    seeds = len(found["standard"])
    claims = {
        "Γ is locally Euclidean; for a sufficiently small r, (12) becomes (13)": "the six known moves bend "
        f"with R = {min(bends):.1f} to {max(bends):.1f} at this digit; r = {radius:g} is "
        f"{radius / max(bends):.1f} to {radius / min(bends):.1f} times as much",
        "the solution is ∝ Π∇J, of ℓ2 norm r": f"yes, to {error:.0e}",
        "the encoding changes only in directions tangent to the manifold": "15 of its directions hold "
        f"{energy['autoencoder', 'energy']:.0f} % of the six known tangents; the PCA of neighbours "
        f"{energy['local-pca', 'energy']:.0f} %",
        "(13) is analogous to the penalty (4)": f"digits turned by 5° are read: {turns}",
        "small perturbations on the tangent manifold should hardly change the output": "right under the "
        f"worst step there: {tangent['tangent']:.1f} % instead of {standard['tangent']:.1f} %; under the "
        f"worst step of the ball {tangent['ball']:.1f} %",
        "there is no experiment with (12), (13) or (4)": f"here there is: small nets, {seeds} seeds",
    }
    return "| the paper | here |\n|---|---|\n" + "\n".join(f"| {a} | {b} |" for a, b in claims.items())
