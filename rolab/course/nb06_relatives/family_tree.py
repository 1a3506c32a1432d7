"""The family tree: every method of the paper's section 2 in one form. And two that are secretly the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from rolab.course.live import OneOf
from rolab.course.nb06_relatives.slopes import jacobians
from rolab.data import Dataset
from rolab.evaluation import eval_mode


@dataclass(frozen=True)
class Relative:
    """A method: where its perturbations may be, how far it expands, and what it penalises."""

    name: str
    reference: str  # of the paper
    U: str  # the uncertainty set, or what stands in its place
    order: str  # of the expansion at x
    penalised: str
    code: str


RELATIVES = (
    Relative("Algorithm 1", "(9), (11)", "any", "first", "worst J(x + Δ)", "Robust(U)"),
    Relative("mixed loss", "(3) [7]", "ℓ∞ ball", "first", "αJ(x) + (1 − α) worst J(x + Δ)",
             "a * Nominal() + (1 - a) * Robust(U)"),
    Relative("stale examples", "[9], [21]", "ball", "first, at old weights",
             "J(x + Δ), Δ kept", "Stale(U, every)"),
    Relative("tangent set", "(12), (13)", "ball ∩ tangent space", "first", "worst J(x + Δ)",
             "Robust(Tangent(basis, U))"),
    Relative("virtual", "[12]", "ℓ2 ball, here any", "section 2 asks", "worst KL(p(x) ‖ p(x + Δ))",
             "Virtual(U)"),
    Relative("noise", "conclusion", "a random Δ", "none", "mean J(x + Δ)", "Noise(U)"),
    Relative("dropout", "[22]", "random masks", "none", "mean J(x̃)", "nn.Dropout"),
    Relative("tangent propagation", "(4) [17]", "tangents u", "first, of z", "Σ ‖Ju‖²",
             "TangentPropagation(tangents)"),
    Relative("contractive layers", "[8]", "all directions", "first, of each layer", "Σ ‖J_l‖²_F",
             "JacobianPenalty(layerwise=True)"),
    Relative("Jacobian, end to end", "[8]", "all directions", "first, of z", "‖J‖²_F", "JacobianPenalty()"),
    Relative("operator norms", "[21]", "worst direction, any x", "first, of each layer", "Σ ‖A_l‖₂²",
             "OperatorNorm()"),
    Relative("scattering", "[16]", "shifts, small bends", "–", "nothing: fixed filters", "ScatteringNet()"),
)  # fmt: skip
SAME = "noise, and the Jacobian penalty"
TWINS = OneOf(
    {
        pair: pair
        for pair in (
            "virtual, and the mixed loss",
            SAME,
            "dropout, and stale examples",
            "contractive layers, and operator norms",
        )
    }
)


def family_table() -> list[dict[str, Any]]:
    """A row for each method."""
    heads = "method", "paper", "U", "order", "what is penalised", "in rolab"
    return [dict(zip(heads, vars(each).values(), strict=True)) for each in RELATIVES]


def twins_measured(
    model: nn.Module, digits: Dataset, sigmas: Sequence[float], draws: int = 20, seed: int = 0
) -> list[dict[str, float]]:
    """Normal noise s of deviation σ: the mean of ‖z(x + s) − z(x)‖² beside σ²‖J‖²_F, over digits and draws.

    x is a digit a little greyed: where pixels are all equally black poolings tie, and there is no Jacobian.
    """
    generator = torch.Generator().manual_seed(seed)
    x = 0.9 * digits.images + 0.1 * torch.rand(digits.images.shape, generator=generator)
    penalty = float(jacobians(model, x).double().square().sum((1, 2)).mean())
    noise = torch.randn(draws, *x.shape, generator=generator)
    rows = []
    with eval_mode(model), torch.no_grad():
        z = model(x)
        for sigma in sigmas:
            change = model((x + sigma * noise).flatten(0, 1)).unflatten(0, (draws, len(x))) - z
            found = float(change.double().square().sum(2).mean())
            row = {"σ": sigma, "mean ‖z(x + s) − z(x)‖²": found, "σ²‖J‖²_F": sigma**2 * penalty}
            rows.append(row | {"ratio": found / (sigma**2 * penalty)})
    return rows
