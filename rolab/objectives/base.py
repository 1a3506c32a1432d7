"""Objectives: what a training step descends. `objective(model, x, y)` is a scalar; they add and scale."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from rolab.data import Dataset


@dataclass(frozen=True)
class Step:
    """Where training stands: what `train` tells objectives that depend on it.

    Attributes:
        epoch, epochs: which pass over the data this is, from 0, and how many there are
        batch, batches: which step of the epoch this is, from 0, and how many there are
        data: all examples of training
        rows: the places in `data` of the batch, in its order; None where its images are altered ones
        memory: tensors that objectives keep from one step to the next; a run's folder keeps them, too
        place: of the objective among those that are added up; its names in `memory` begin with it
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    data: Dataset
    rows: Tensor | None
    memory: dict[str, Tensor]
    place: str = ""

    @property
    def share(self) -> float:
        """The share of all steps that are done, from 0 to 1."""
        return (self.epoch + self.batch / self.batches) / self.epochs

    def within(self, part: str) -> "Step":
        """The same step as a part of an objective sees it."""
        return replace(self, place=f"{self.place}{part}.")


class Objective:
    """A loss of a model on a batch: pixels x (N, …) in [0, 1], class numbers y (N,) → scalar Tensor."""

    @property
    def replays(self) -> int:
        """How many steps in a row it asks for on each batch."""
        return 1

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        raise NotImplementedError

    def at_step(self, step: Step) -> "Objective":
        """What it is at a step of training: itself, unless it changes with time or has a memory."""
        return self

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

    @property
    def replays(self) -> int:
        return max(self.a.replays, self.b.replays)

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return self.a(model, x, y) + self.b(model, x, y)

    def at_step(self, step: Step) -> "Sum":
        return Sum(self.a.at_step(step.within("a")), self.b.at_step(step.within("b")))


@dataclass(frozen=True)
class Scaled(Objective):
    """factor · objective. `0.5 * Nominal() + 0.5 * Robust(U)` is eq. (3).

    With the factor 0 the objective is not asked at all: it draws no random numbers and moves no averages.
    """

    objective: Objective
    factor: float

    @property
    def replays(self) -> int:
        return self.objective.replays

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        if self.factor == 0:
            return torch.zeros((), device=x.device, requires_grad=True)
        return self.factor * self.objective(model, x, y)

    def at_step(self, step: Step) -> "Scaled":
        return replace(self, objective=self.objective.at_step(step))


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

    def at_step(self, step: Step) -> "Augmented":
        return replace(self, objective=self.objective.at_step(replace(step, rows=None)))
