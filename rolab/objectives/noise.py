"""Noise of the same size as the worst case: the control that tells what is due to its direction."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rolab.attacks.first_order import full_precision
from rolab.objectives.base import Objective
from rolab.objectives.robust import Nominal
from rolab.sets import UncertaintySetLike, resolve


@dataclass(frozen=True)
class Noise(Objective):
    """The loss at x + Δ*(z), where z is Gaussian noise and not the gradient; one draw for each image.

    Algorithm 1 but for the direction: the step goes as far, in the same set. In an ℓ2 ball it is Gaussian
    noise of norm r, in an ℓ∞ ball ±ε with random signs, in an ℓ1 ball one random pixel. The random numbers
    are torch's.

    Args:
        U: an uncertainty set, or a function `x -> set`
    """

    U: UncertaintySetLike

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        with full_precision(x):
            d = resolve(self.U, x).maximizer(torch.randn_like(x))
        return Nominal()(model, x + d, y)
