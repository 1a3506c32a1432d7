"""Nominal and robust objectives: the loss, and eq. (9), whose inner maximum is one ascent step, eq. (11)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.dropout import _DropoutNd

from rolab.arguments import as_logits, class_numbers
from rolab.attacks.first_order import Attack, cross_entropy, first_order
from rolab.attacks.losses import precise
from rolab.attacks.pgd import inner_maximum
from rolab.attacks.queries import frozen_buffers
from rolab.nets.layers import temporarily
from rolab.objectives.base import Objective
from rolab.sets import UncertaintySetLike


@dataclass(frozen=True, repr=False)
class Nominal(Objective):
    """The standard loss, J(θ, x, y): the mean cross-entropy of the batch, −log p_y.

    Args:
        smoothing: s of label smoothing, from 0 to 1 (Szegedy et al. 2016, §7): J becomes the mean of
            −(1 − s) log p_y − (s/K) Σ_k log p_k over the batch, with K classes

    Raises:
        ValueError: smoothing lies outside [0, 1].
    """

    smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.smoothing, int | float) or not 0 <= self.smoothing <= 1:
            raise ValueError(f"smoothing: expected a number from 0 to 1, got {self.smoothing!r}")

    def __repr__(self) -> str:  # part of a run's identity, as is that of `Robust`
        return f"Nominal(smoothing={self.smoothing!r})" if self.smoothing else "Nominal()"

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        if not self.smoothing:
            return cross_entropy(model, x, y)
        z = precise(as_logits(model(x), x, finite=False))
        return F.cross_entropy(z, class_numbers(y, x), label_smoothing=self.smoothing)


@dataclass(frozen=True, repr=False)
class Robust(Objective):
    """The min–max loss of eq. (9), the inner maximum by one ascent step: J(θ, x + Δ̂, y) with Δ̂ from eq. (11).

    The descent step sees perturbed images only, and Δ̂ is held constant in it: nothing flows through the
    attack. The attack runs in whatever mode (train or eval) the model is in, with `frozen_statistics`: batch
    norm and dropout behave in it so that a robust and a standard step differ in Δ̂ and in nothing else.

    An attack may be content once the model errs; an inner maximum is not. So one that can `go_on`, like
    `pgd`, does: to the largest loss within U, also of the examples that the model misreads.

    The attack climbs −log p_y also where labels are smoothed. The smoothed loss is least at p_y = 1 − s + s/K
    (0.82 for s = 0.2 and ten classes): where the network is surer than that, climbing it would make the
    network surer still.

    Args:
        U: an uncertainty set, or a function `x -> set`
        attack: how the inner maximum is sought; `first_order` makes this Algorithm 1
        smoothing: of the labels in the descent, as in `Nominal`

    Raises:
        ValueError: smoothing lies outside [0, 1].
    """

    U: UncertaintySetLike
    attack: Attack = first_order
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        Nominal(self.smoothing)

    def __repr__(self) -> str:
        attack = "" if self.attack is first_order else f", {getattr(self.attack, '__name__', self.attack)}"
        smoothing = f", smoothing={self.smoothing!r}" if self.smoothing else ""
        return f"Robust({self.U!r}{attack}{smoothing})"

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return Nominal(self.smoothing)(model, x + self.perturbation(model, x, y), y)

    def perturbation(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """Δ̂, shaped like x."""
        with frozen_statistics(model):
            return inner_maximum(self.attack)(model, x, y, self.U).detach()


@contextmanager
def frozen_statistics(model: nn.Module) -> Iterator[None]:
    """While an attack looks at a network in training, it leaves no trace in it and does not see dropout.

    The first is true of every attack: `frozen_buffers`. Dropout is off: Δ̂ is against the network, not against
    a random part of it which differs from the part that is then descended; and as the attack draws no
    numbers, the runs of a seed have the same masks with any U.
    """
    layers = [layer for layer in model.modules() if layer.training and isinstance(layer, _DropoutNd)]
    with frozen_buffers(model), temporarily([(layer, "training", False) for layer in layers]):
        yield
