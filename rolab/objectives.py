"""Objectives: what a training step descends. `objective(model, x, y)` is a scalar; they add and scale."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rolab.attacks import cross_entropy, first_order
from rolab.sets import UncertaintySetLike

Attack = Callable[[nn.Module, Tensor, Tensor, UncertaintySetLike], Tensor]


class Objective:
    """A loss of a model on a batch: pixels x (N, …) in [0, 1], class numbers y (N,) → scalar Tensor."""

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        raise NotImplementedError

    def __add__(self, other: "Objective") -> "Objective":
        if not isinstance(other, Objective):
            return NotImplemented
        return Sum(self, other)

    def __mul__(self, factor: float) -> "Objective":
        if not isinstance(factor, int | float):
            return NotImplemented
        return Scaled(self, factor)

    __rmul__ = __mul__


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
        _check_smoothing(self.smoothing)

    def __repr__(self) -> str:
        return f"Nominal({_smoothing_text(self.smoothing).removeprefix(', ')})"

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return _smoothed(model, x, y, self.smoothing)


@dataclass(frozen=True, repr=False)
class Robust(Objective):
    """The min–max loss of eq. (9), the inner maximum by one ascent step: J(θ, x + Δ̂, y) with Δ̂ from eq. (11).

    The descent step sees perturbed images only, and Δ̂ is held constant in it: nothing flows through the
    attack. The attack runs in whatever mode (train or eval) the model is in, `undisturbed`: batch norm and
    dropout behave in it so that a robust and a standard step differ in Δ̂ and in nothing else.

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
        _check_smoothing(self.smoothing)

    def __repr__(self) -> str:
        attack = "" if self.attack is first_order else f", {getattr(self.attack, '__name__', self.attack)}"
        return f"Robust({self.U!r}{attack}{_smoothing_text(self.smoothing)})"

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        with undisturbed(model):
            perturbation = self.attack(model, x, y, self.U).detach()
        return _smoothed(model, x + perturbation, y, self.smoothing)


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


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """While an attack looks at a network in training, it leaves no trace in it and does not see dropout.

    Batch norm takes mean and deviation of the batch, as the descent will, but its running averages, with
    which the finished net works, do not move: they are averages over steps, of what was descended. Dropout is
    off: Δ̂ is against the network, not against a random part of it which differs from the part that is then
    descended; and as the attack draws no numbers, the runs of a seed have the same masks with any U.
    """
    training = [layer for layer in model.modules() if layer.training]
    averaging = [layer for layer in training if isinstance(layer, BATCH_NORM) and layer.track_running_stats]
    dropping = [layer for layer in training if isinstance(layer, DROPOUT)]
    for norm in averaging:
        norm.track_running_stats = False
    for dropout in dropping:
        dropout.training = False
    try:
        yield
    finally:
        for norm in averaging:
            norm.track_running_stats = True
        for dropout in dropping:
            dropout.training = True


BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


def _smoothed(model: nn.Module, x: Tensor, y: Tensor, s: float) -> Tensor:
    if not s:
        return cross_entropy(model, x, y)
    logits = model(x)
    precise = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return F.cross_entropy(precise, y, label_smoothing=s)


def _check_smoothing(s: float) -> None:
    if not isinstance(s, int | float) or not 0 <= s <= 1:
        raise ValueError(f"smoothing: expected a number from 0 to 1, got {s!r}")


def _smoothing_text(s: float) -> str:
    """Nothing where labels are not smoothed: the text is part of a run's identity."""
    return f", smoothing={s!r}" if s else ""
