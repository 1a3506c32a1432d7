"""Transfer of adversarial examples from net to net, with noise of equal norm as the control."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rolab.attacks import Attack, first_order
from rolab.attacks.pgd import draw
from rolab.data import Dataset
from rolab.data.base import check_data
from rolab.evaluation.accuracy import check_model, correct
from rolab.evaluation.robustness import perturbations
from rolab.evaluation.statistics import AccuracyEstimate
from rolab.norms import Lp
from rolab.sets import Ball, UncertaintySetLike, pixel_box


def transfer_matrix(
    models: Mapping[str, nn.Module], data: Dataset, U: UncertaintySetLike, attack: Attack = first_order
) -> dict[str, dict[str, AccuracyEstimate]]:
    """matrix[a][b]: the accuracy of net b on what the attack made from net a. The diagonal is white-box.

    Each net makes its Δ once, and all nets see them. The control, noise that is as large, is the matrix of
    `equal_norm_noise(attack)`: what a Δ does to other nets beyond that has been transferred.
    """
    if not isinstance(models, Mapping):
        raise ValueError(f"models: expected name → net, got {models!r}")
    for name, model in models.items():
        check_model(model, f"models[{name!r}]")
    check_data(data, least=1)
    made = {name: perturbations(model, data, U, attack) for name, model in models.items()}
    return {
        source: {name: AccuracyEstimate.of(correct(model, data, d)) for name, model in models.items()}
        for source, d in made.items()
    }


def equal_norm_noise(attack: Attack = first_order, generator: torch.Generator | None = None) -> Attack:
    """The attack with noise in the place of its Δ, as large in ℓ2, and such that the image stays one.

    The point of {‖δ‖₂ ≤ ‖Δ‖₂, x + δ in [0, 1]} that is furthest along a normal random direction: Gaussian
    noise, cut where a pixel ends, and so much larger elsewhere that the norm is the same. Where the corner
    of the pixel box is nearer than that, it is the corner.

    Args:
        attack: whose Δ it is compared with
        generator: where the noise comes from
    """

    def noise(model: nn.Module, x: Tensor, y: Tensor, U: UncertaintySetLike) -> Tensor:
        radius = Lp(2).value(attack(model, x, y, U))
        return (Ball("l2", radius) & pixel_box(x)).maximizer(draw(torch.randn, x, x.shape, generator))

    return noise
