"""Free adversarial training: the backward pass that descends in the weights also ascends in the images."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from rolab.arguments import whole_number
from rolab.attacks.first_order import full_precision
from rolab.objectives.base import Objective, Step
from rolab.objectives.robust import Nominal
from rolab.objectives.stale import told
from rolab.sets import UncertaintySetLike, resolve


@dataclass(frozen=True)
class Free(Objective):
    """Algorithm 1 at nearly the price of standard training: no pass for Δ alone. Shafahi et al. (2019).

        θ ← θ − η ∇_θ J(θ, x + Δ, y),   Δ ← Π_U(Δ + Δ*(∇ₓJ(θ, x + Δ, y))),   both gradients from one pass

    So Δ is always one visit old. Each batch is trained on `replays` times in a row, and Δ is of the step
    before, but at the first of them: there it is of the last epoch, since each example keeps its own (as in
    Zheng et al. 2020). With m replays an epoch has m times as many steps; compare at epochs / m.

    The gradient is that of the descent, with its dropout masks. The perturbations, as many numbers as the
    images of training, are part of the run's state; the images of a batch must be those of the data.

    Args:
        U: a convex uncertainty set, or a function `x -> set`
        replays: steps in a row on each batch, m

    Raises:
        ValueError: a number is none; or it is called other than by `train`, which says what the batch holds.
    """

    U: UncertaintySetLike
    replays: int = 1
    step: Step | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole_number(self.replays, "replays", least=1)

    def at_step(self, step: Step) -> "Free":
        return replace(self, step=step)

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        step, U = told(self.step, self), resolve(self.U, x)
        name = f"{step.place}perturbation"
        if name not in step.memory:
            step.memory[name] = torch.zeros_like(step.data.images)
        kept = step.memory[name]
        d = kept[step.rows]
        seen = (x + d).requires_grad_()

        def ascend(g: Tensor) -> None:
            with full_precision(x):
                kept[step.rows] = U.project(d + U.maximizer(g))

        seen.register_hook(ascend)  # within the backward pass of the descent
        return Nominal()(model, seen, y)
