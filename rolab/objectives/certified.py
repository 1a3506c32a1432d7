"""Certified training: what is descended bounds the worst case, so that what is learnt can be proved."""

import math
from dataclasses import dataclass, replace

from torch import Tensor, nn

from rolab.attacks.first_order import full_precision
from rolab.attacks.losses import log_loss
from rolab.certify.intervals import largest_differences
from rolab.objectives.base import Objective, Step
from rolab.objectives.robust import frozen_statistics
from rolab.sets import UncertaintySetLike, resolve


@dataclass(frozen=True)
class Certified(Objective):
    """An upper bound of the loss over U, the mean over the batch. Gowal et al. (2018).

        max over Δ in U of J(θ, x + Δ, y)  ≤  log Σ_k exp(d_k),   d_k ≥ max over Δ in U of (z_k − z_y)(x + Δ)

    with d from `rolab.certify.largest_differences`: the first layer by the support function of U, then
    interval arithmetic. An attack approaches the inner maximum of eq. (9) from below, this from above; with a
    radius of 0 it is the loss itself.

    At the full radius from the start training learns one answer for all images. So `train` begins with the
    loss; when the share t of the ramp is over, from 0 to 1, it descends the bound over t^power · U, and from
    its end on that over U. Elsewhere U counts whole.

    Of fresh weights intervals grow by a factor of some ten from layer to layer, so the radius should be small
    until they are narrower: of the runs tried on MNIST with ε = 0.1 one of power 1 ended in one answer for
    all images, those of power 3 and 4 did not. `0.5 * Nominal() + 0.5 * Certified(U)` keeps an eye on the
    loss.

    Args:
        U: an uncertainty set, or a function `x -> set`. Boxes, such as an ℓ∞ ball in the pixel box, and sets
            that all examples share are quick
        ramp: the shares of the steps, 0 to 1, at which U begins to grow and is whole
        power: how U grows between them, above 0; 1 is in proportion

    Raises:
        ValueError: the ramp or the power is none; or when called, as `largest_differences`. Dropout is off in
            the bound; batch norm in training mode cannot be bounded.
    """

    U: UncertaintySetLike
    ramp: tuple[float, float] = (0.0, 0.5)
    power: float = 3.0

    def __post_init__(self) -> None:
        if not (len(self.ramp) == 2 and 0 <= self.ramp[0] <= self.ramp[1] <= 1):
            raise ValueError(f"ramp: expected two shares of the steps, 0 ≤ a ≤ b ≤ 1, got {self.ramp!r}")
        if not 0 < self.power < math.inf:
            raise ValueError(f"power: expected a finite number above 0, got {self.power!r}")

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        with frozen_statistics(model), full_precision(x):
            return log_loss(largest_differences(model, x, y, self.U), y).mean()

    def at_step(self, step: Step) -> "Certified":
        begin, whole = self.ramp
        if step.share >= whole:
            return self
        t = 0.0 if step.share <= begin else (step.share - begin) / (whole - begin)
        return replace(self, U=lambda x: resolve(self.U, x).scaled(t**self.power))
