"""Stale examples: perturbations that are made once, or every few epochs, and used until the next are made."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from rolab.arguments import whole_number
from rolab.objectives.base import Objective, Step
from rolab.objectives.robust import Nominal, Robust
from rolab.sets import UncertaintySetLike


@dataclass(frozen=True)
class Stale(Objective):
    """The loss at adversarial examples of an earlier network, J(θ, x + Δ̂(θ'), y).

    θ' are the weights at the last epoch in whose beginning Δ̂ was made, for all the data, by one ascent
    step, eq. (11). So there is one ascent in `every` epochs, where Algorithm 1 has one in each. Szegedy
    et al. (2013) and Gu and Rigazio (2014) fed such examples back. With `every=0` they are made for each
    batch, which is Algorithm 1.

    The perturbations, as many numbers as the images of training, are part of the run's state. The images of a
    batch must be those of the data: nothing may augment them.

    Args:
        U: an uncertainty set, or a function `x -> set`
        every: epochs for which the examples are used; None: for good
        after: epochs of standard training before the first are made, since an untrained network has none
            that are worth while

    Raises:
        ValueError: a number is none; or it is called other than by `train`, which says what the batch holds.
    """

    U: UncertaintySetLike
    every: int | None = None
    after: int = 0
    step: Step | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.every is not None:
            whole_number(self.every, "every")
        whole_number(self.after, "after")

    def at_step(self, step: Step) -> "Stale":
        return replace(self, step=step)

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        step = told(self.step, self)
        age = step.epoch - self.after
        if age < 0:
            return Nominal()(model, x, y)
        if self.every == 0:
            return Robust(self.U)(model, x, y)
        name = f"{step.place}perturbation"
        if step.batch == 0 and (age == 0 or (self.every and age % self.every == 0)):
            parts = zip(step.data.images.split(len(x)), step.data.labels.split(len(x)), strict=True)
            step.memory[name] = torch.cat([Robust(self.U).perturbation(model, *part) for part in parts])
        return Nominal()(model, x + step.memory[name][step.rows], y)


def told(step: Step | None, objective: Objective) -> Step:
    """The step, if there is one that says which examples of the data a batch holds."""
    if step is None or step.rows is None:
        expected = "a call by `train`, which says what a batch holds, on the images of the data as they are"
        raise ValueError(f"step: expected {expected}, got {type(objective).__name__} elsewhere")
    return step
