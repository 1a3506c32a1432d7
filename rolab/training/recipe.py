"""Recipe: the hyperparameters of a training run, with its learning-rate schedules and number formats."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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
        def check(expected: str, valid: Callable[[Any], bool], *names: str) -> None:
            for name in names:
                if not valid(value := getattr(self, name)):
                    raise ValueError(f"{name} is {value!r}, expected {expected}")

        def is_a(kinds: Any, value: Any) -> bool:
            return isinstance(value, kinds) and not isinstance(value, bool)

        rates = "learning_rate", "momentum", "weight_decay"
        check("a whole number from 1 up", lambda n: is_a(int, n) and n >= 1, "epochs", "batch_size")
        check("a finite number from 0 up", lambda a: is_a(int | float, a) and 0 <= a < math.inf, *rates)
        check(f"one of {', '.join(SCHEDULES)}", list(SCHEDULES).__contains__, "schedule")
        check(f"one of {', '.join(PRECISIONS)}", list(PRECISIONS).__contains__, "precision")
        check("True or False", lambda on: isinstance(on, bool), "nesterov", "shuffle", "channels_last")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov is True, expected False where momentum is 0")

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, counted from 0."""
        share, epoch = (step + 1) / (steps + 1), step * self.epochs // steps
        return self.learning_rate * SCHEDULES[self.schedule](share, epoch)

    def optimizer(self, model: nn.Module) -> torch.optim.SGD:
        """Stochastic gradient descent on the weights of a model; the loop sets the rate of each step."""
        rates = self.learning_rate, self.momentum, 0, self.weight_decay  # 0: nothing is dampened
        return torch.optim.SGD(model.parameters(), *rates, nesterov=self.nesterov)


SCHEDULES = {  # the factor of the peak, from the share of the steps and the epoch, counted from 0
    "triangular": lambda share, epoch: min(share / 0.25, (1 - share) / 0.75),
    "constant": lambda share, epoch: 1.0,
    "halving": lambda share, epoch: 0.5 ** (epoch // 25),
}
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
