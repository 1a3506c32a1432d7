"""Recipe: the hyperparameters of a training run, with its learning-rate schedules and number formats."""

import math
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Recipe:
    """How to descend: stochastic gradient descent with momentum, as plain values.

    Attributes:
        epochs: passes over the data
        batch_size: images a step
        learning_rate: the peak of the schedule
        schedule: "triangular": from nothing up to the peak in a quarter of the steps, then straight down to
            nothing; "constant": the peak, always; "halving": the peak, halved after every 25 epochs
        momentum: of Nesterov's kind where `nesterov` says so
        nesterov: as above
        weight_decay: λ of the penalty (λ/2)‖θ‖². A step shrinks θ by the factor 1 − learning rate · λ, so a
            decay w stated apart from the rate (at its peak, without momentum) is λ = w / learning_rate
        shuffle: a new order in each epoch
        precision: "float32", or "bfloat16" for mixed precision by `torch.autocast`
        channels_last: the memory format of weights and images
    """

    epochs: int = 12
    batch_size: int = 100
    learning_rate: float = 0.08
    schedule: str = "triangular"
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    shuffle: bool = True
    precision: str = "float32"
    channels_last: bool = True

    def __post_init__(self) -> None:
        for name, least in {"epochs": 1, "batch_size": 1}.items():
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ValueError(f"{name} is {value!r}, expected a whole number from {least} up")
        for name in ("learning_rate", "momentum", "weight_decay"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise ValueError(f"{name} is {value!r}, expected a finite number from 0 up")
        for name, known in {"schedule": list(SCHEDULES), "precision": list(PRECISIONS)}.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")
        for name in ("nesterov", "shuffle", "channels_last"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected True or False")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov is True, expected False where momentum is 0")

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, counted from 0."""
        share, epoch = (step + 1) / (steps + 1), step * self.epochs // steps
        return self.learning_rate * SCHEDULES[self.schedule](share, epoch)

    def optimizer(self, model: nn.Module) -> torch.optim.SGD:
        """Stochastic gradient descent on the weights of a model; the loop sets the rate of each step."""
        momentum, weight_decay = self.momentum, self.weight_decay
        return torch.optim.SGD(
            model.parameters(), self.learning_rate, momentum, 0, weight_decay, nesterov=self.nesterov
        )


SCHEDULES = {  # the factor of the peak, from the share of the steps and the epoch, counted from 0
    "triangular": lambda share, epoch: min(share / 0.25, (1 - share) / 0.75),
    "constant": lambda share, epoch: 1.0,
    "halving": lambda share, epoch: 0.5 ** (epoch // 25),
}
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
