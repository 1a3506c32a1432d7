"""Objectives: what a training step descends. `objective(model, x, y)` is a scalar; they add and scale."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

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


@dataclass(frozen=True)
class Nominal(Objective):
    """The standard loss, J(θ, x, y): the mean cross-entropy of the batch."""

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(model, x, y)


@dataclass(frozen=True, repr=False)
class Robust(Objective):
    """The min–max loss of eq. (9), the inner maximum by one ascent step: J(θ, x + Δ̂, y) with Δ̂ from eq. (11).

    The descent step sees perturbed images only, and Δ̂ is held constant in it: nothing flows through the
    attack. The attack runs in whatever mode (train or eval) the model is in.

    Args:
        U: an uncertainty set, or a function `x -> set`
        attack: how the inner maximum is sought; `first_order` makes this Algorithm 1
    """

    U: UncertaintySetLike
    attack: Attack = first_order

    def __repr__(self) -> str:
        attack = "" if self.attack is first_order else f", {getattr(self.attack, '__name__', self.attack)}"
        return f"Robust({self.U!r}{attack})"

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        perturbation = self.attack(model, x, y, self.U).detach()
        return cross_entropy(model, x + perturbation, y)


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
