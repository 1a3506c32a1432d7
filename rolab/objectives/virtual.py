"""Virtual adversarial training [12]: a worst case that needs no label, by a generalised power method."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from rolab.arguments import as_logits, as_rows, check_pixels, short, whole_number
from rolab.attacks.first_order import full_precision
from rolab.attacks.losses import precise
from rolab.objectives.base import Objective, Step
from rolab.objectives.jacobian import jvp
from rolab.objectives.robust import frozen_statistics
from rolab.sets import UncertaintySetLike, resolve


class KLHessian:
    """H = JᵀFJ, the Hessian of KL(p(x) ‖ p(x + Δ)) in Δ at 0, as an operator: H @ Δ, shaped like x.

    J = ∂z/∂x is the Jacobian of the logits and F = diag p − ppᵀ. The KL has its minimum, 0, at Δ = 0, where
    its gradient is 0 too: for small Δ it is ½ ΔᵀHΔ. H Δ is exact, one J v and one Jᵀ u; H has no negative
    eigenvalue. The network is looked at as in `frozen_statistics`.

    Attributes:
        log_p: the logarithms of p(x), (N, K)
    """

    def __init__(self, model: nn.Module, x: Tensor) -> None:
        """Takes pixels x (N, …), and a model of logits that torch can differentiate forwards as well."""
        as_rows(x, "x", finite=False)
        self.model, self.x = model, x.detach().requires_grad_()
        with frozen_statistics(model), torch.enable_grad():
            self._z = as_logits(model(self.x), x, finite=False)
        self.log_p = precise(self._z.detach()).log_softmax(1)

    def __matmul__(self, d: Tensor) -> Tensor:
        with frozen_statistics(self.model), torch.no_grad():
            w = precise(jvp(self.model, self.x, d)[1])
        p = self.log_p.exp()
        w = w - w.gather(1, p.argmax(1, keepdim=True))  # F 1 = 0; so nothing cancels where p is nearly 1
        Fw = p * (w - (p * w).sum(1, keepdim=True))
        (product,) = torch.autograd.grad(self._z, self.x, Fw.to(self._z), retain_graph=True)
        return product

    def maximizer(self, U: UncertaintySetLike, steps: int = 1) -> Tensor:
        """A Δ in U with a large ΔᵀHΔ, by the generalised power method, from a random direction: like x.

            Δ ← Δ*_U(HΔ)

        Since ΔᵀHΔ is convex, it never falls (from the first Δ in U on), whatever U is; for an ℓ2 ball this
        is the power iteration. It begins with normal numbers of torch's, for 0 would stay 0.
        """
        U, d = resolve(U, self.x.detach()), torch.randn_like(self.x)
        for _ in range(whole_number(steps, "steps", 1)):
            g = self @ d
            with full_precision(g):
                d = U.maximizer(g)
        return d


@dataclass(frozen=True)
class Virtual(Objective):
    """KL(p(x) ‖ p(x + Δ)), the mean over the batch, with Δ ∈ U found without a label (Miyato et al. 2015).

    Eq. (11) has no answer here: at Δ = 0 the gradient is 0. So Δ maximises the second order, ½ ΔᵀHΔ, by
    `KLHessian.maximizer`. In the descent p(x) and Δ are constants. It is a penalty, to be added to a loss of
    the same batch, or of another one:

        Nominal() + Virtual(U)                              Nominal() + Unlabelled(Virtual(U), images)

    Labels are not looked at. All passes are with `frozen_statistics`: the running averages of batch norm are
    those of the loss that it is added to, and without dropout it compares one network with itself.

    Args:
        U: an uncertainty set, or a function `x -> set`
        steps: of the power method

    Raises:
        ValueError: `steps` is no whole number from 1 on.
    """

    U: UncertaintySetLike
    steps: int = 1

    def __post_init__(self) -> None:
        whole_number(self.steps, "steps", 1)

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor | None = None) -> Tensor:
        H = KLHessian(model, x)
        perturbation = H.maximizer(self.U, self.steps)
        with frozen_statistics(model):
            log_q = precise(as_logits(model(x + perturbation), x, finite=False)).log_softmax(1)
        return (H.log_p.exp() * (H.log_p - log_q)).sum(1).mean()


@dataclass(frozen=True, eq=False, repr=False)
class Unlabelled(Objective):
    """An objective of images without labels, in the place of the batch: some of them, at random, each step.

    Args:
        objective: one that looks at no labels, such as `Virtual`
        images: (M, …), pixels in [0, 1]; they may lie on another device than the batch
        batch_size: how many are drawn, each on its own, by torch's random numbers

    Raises:
        ValueError: there are no images or not so, a pixel is not in [0, 1], or `batch_size` is below 1.
    """

    objective: Objective
    images: Tensor
    batch_size: int = 100

    def __post_init__(self) -> None:
        if not len(as_rows(self.images, "images")):
            raise ValueError("images: expected at least one, got none")
        check_pixels(self.images)
        whole_number(self.batch_size, "batch_size", 1)

    def __repr__(self) -> str:
        return f"Unlabelled({self.objective!r}, {short(self.images)}, {self.batch_size})"

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor | None = None) -> Tensor:
        rows = torch.randint(len(self.images), (self.batch_size,)).to(self.images.device)
        no_labels: Any = None  # an objective that looks at them says so
        return self.objective(model, self.images[rows].to(x), no_labels)

    def at_step(self, step: Step) -> "Unlabelled":
        return replace(self, objective=self.objective.at_step(replace(step, rows=None)))
