"""Objectives: what a training step descends. `objective(model, x, y)` is a scalar; they add and scale."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


class Objective:
    """A loss of a model on a batch: pixels x (N, …) in [0, 1], class numbers y (N,) → scalar Tensor."""

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        raise NotImplementedError

    def __add__(self, other: "Objective") -> "Objective":
        return Sum(self, other) if isinstance(other, Objective) else NotImplemented

    def __mul__(self, factor: float) -> "Objective":
        return Scaled(self, factor) if isinstance(factor, int | float) else NotImplemented

    __rmul__ = __mul__


@dataclass(frozen=True)
class Sum(Objective):
    """a + b."""

    a: Objective
    b: Objective

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return self.a(model, x, y) + self.b(model, x, y)


@dataclass(frozen=True)
class Scaled(Objective):
    """factor · objective. `0.5 * Nominal() + 0.5 * Robust(U)` is eq. (3)."""

    objective: Objective
    factor: float

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return self.factor * self.objective(model, x, y)


@dataclass(frozen=True)
class Augmented(Objective):
    """An objective of images that are flipped at random, left to right, and shifted by up to some pixels.

    Each image of a batch on its own; what is shifted in is black. The random numbers are torch's.
    """

    objective: Objective
    shift: int = 2

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        from torchvision.transforms import v2

        draw = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomCrop(x.shape[2:], padding=self.shift)])
        return self.objective(model, torch.stack([draw(image) for image in x]), y)
