"""The curves of notebook 04: the margin against ε, Danskin's envelope, and descent near a tie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from rolab.plotting import Curves, style


def margin_curve(norm: str, grid: Sequence[float], margins: Sequence[Tensor], attainable: float) -> Curves:
    """The final margin against the ε of training; bars are the standard deviation of the last steps."""
    return Curves(
        title="More ε, more margin, until the slit between the sets is too narrow",
        x=grid,
        mean={
            "margin": [float(m.mean()) for m in margins],
            "asked for: ε": grid,
            "half the gap": [attainable] * len(grid),
        },
        sd={"margin": [float(m.std()) for m in margins]},
        x_title=f"ε, the {style(norm).label} radius in training",
        y_title="margin",
        alt="The final margin against ε, beside the line margin = ε and half the gap between the classes. "
        "Bars: one standard deviation of the last steps.",
    )


def envelope() -> Curves:
    """φ(θ) = max over |Δ| ≤ 1 of ½(θ − Δ)², and three of the parabolas below it."""
    theta = [k / 10 for k in range(-15, 16)]
    family = {f"Δ = {d:g}": [(t - d) ** 2 / 2 for t in theta] for d in (-1, 0, 1)}
    return Curves(
        title="The envelope has the slope of the curve that it touches; at 0 it touches two",
        x=theta,
        mean={"φ, the maximum": [max(column) for column in zip(*family.values(), strict=True)], **family},
        x_title="θ",
        y_title="J",
        y_range=(-0.1, 2.2),
        alt="Three parabolas, for Δ = −1, 0 and 1, and their upper envelope: left of 0 it is the one of Δ = "
        "1, right of 0 the one of Δ = −1, with a kink at 0, where both touch it.",
    )


def descent_curves(paths: Mapping[str, Sequence[float]]) -> Curves:
    """θ against the steps: rate → its path."""
    return Curves(
        title="Near a tie a constant step never settles",
        x=list(range(len(next(iter(paths.values()))))),
        mean=paths,
        x_title="step",
        y_title="θ; the minimum of φ is at 0",
        alt="θ against the steps: with the rate 0.3 it jumps from side to side for ever, with 0.03 it comes "
        "down slowly and then trembles, with 0.3/k the jumps become small.",
    )


def replacing_curves(paths: Mapping[str, Sequence[float]]) -> Curves:
    """x₁ against the rounds, where a scenario replaces the one before: step → its path."""
    return Curves(
        title="Algorithm 1 replaces as well; it is saved by steps that shrink",
        x=list(range(1, 1 + len(next(iter(paths.values()))))),
        mean=paths,
        x_title="round",
        y_title="x₁",
        y_range=(-0.05, 1.05),
        alt="x₁ against rounds: with the whole step it jumps 1, 0, 1, 0; with 0.3 between two values; with "
        "0.5/k it closes in on one half.",
    )
