"""The best perturbation so far of each example, and which examples are still to be attacked."""

import torch
from torch import Tensor

from rolab.sets import UncertaintySet


def nearest_to_zero(U: UncertaintySet, x: Tensor) -> Tensor:
    """The point of U nearest to 0, shaped like x; without a projection where U is known to hold 0."""
    zero = torch.zeros_like(x)
    return zero if U.holds_zero else U.project(zero)


class BestSoFar:
    """For each example the Δ that misleads the model, else the Δ with the largest loss, of all seen so far.

    Attributes:
        perturbation: these Δ, (N, …)
        active: the examples that are not lost yet, ascending
    """

    def __init__(self, start: Tensor) -> None:
        """Begins with no Δ seen; what it returns if none ever is, is `start`."""
        self.perturbation = start.clone()
        self.active = torch.arange(len(start), device=start.device)
        precise = torch.promote_types(start.dtype, torch.float32)  # MPS has no float64
        self._losses = torch.full((len(start),), -torch.inf, dtype=precise, device=start.device)

    def update(self, d: Tensor, lost: Tensor, losses: Tensor) -> Tensor:
        """Takes in one Δ for each active example, whether it misleads, and its loss; bool (n,), who stays."""
        worse = lost | (losses > self._losses[self.active])
        rows = self.active[worse]
        self.perturbation[rows], self._losses[rows] = d[worse], losses[worse].to(self._losses)
        self.active = self.active[~lost]
        return ~lost
