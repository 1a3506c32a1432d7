"""Contractive autoencoder's objective: the images again, by hidden units that move as little as they can."""

import math
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from rolab.manifold import contractive_penalty
from rolab.nets import ContractiveAutoencoder
from rolab.objectives.base import Objective


@dataclass(frozen=True)
class Contractive(Objective):
    """What a contractive autoencoder descends: the reconstruction's cross-entropy + strength · ‖∂h/∂x‖²_F.

    Both are sums over pixels, and means over the batch. A pixel is the probability that it is white. The
    labels are not looked at.
    """

    strength: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.strength, int | float) or not 0 <= self.strength < math.inf:
            raise ValueError(f"strength: expected a finite number from 0 up, got {self.strength!r}")

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        if not isinstance(model, ContractiveAutoencoder):
            raise ValueError(f"model: expected a ContractiveAutoencoder, got {type(model).__name__}")
        h = model.encode(x)
        error = F.binary_cross_entropy_with_logits(model.decode(h), x.flatten(1), reduction="sum") / len(x)
        return error + self.strength * contractive_penalty(model, h).mean()
