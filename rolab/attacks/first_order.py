"""The first-order attack: the loss J, its gradient ∇ₓJ, and the perturbation of Algorithm 1, eq. (11)."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from rolab.attacks.losses import log_loss
from rolab.sets import UncertaintySetLike, resolve

Attack = Callable[[nn.Module, Tensor, Tensor, UncertaintySetLike], Tensor]  # model, x, y, U → Δ


def cross_entropy(model: nn.Module, x: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """The cross-entropy J(θ, x, y) = −log p_y, the mean or the sum of `log_loss` over the batch."""
    losses = log_loss(model(x), y)
    return losses.sum() if reduction == "sum" else losses.mean()


def input_gradient(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """∇ₓ J(θ, x, y), the gradient of the cross-entropy with respect to the image.

    The loss is summed over the batch, so that the examples do not scale each other. Parameters get no
    gradient, and none is computed for them; the model stays in the mode in which it came.

    Shape:
        x (N, …) pixels in [0, 1], y (N,) class numbers → (N, …)
    """
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        loss = cross_entropy(model, x, y, reduction="sum")
    return torch.autograd.grad(loss, x)[0]


def first_order(model: nn.Module, x: Tensor, y: Tensor, U: UncertaintySetLike) -> Tensor:
    """The perturbation of Algorithm 1: Δ̂ ∈ argmax_{Δ ∈ U} J(x) + ⟨∇ₓJ(x), Δ⟩, eq. (11).

    One forward and one backward pass, then the linear maximiser of the set. With an ℓ∞ ball this is the fast
    gradient sign step, eq. (2); with an ℓ1 ball, the single-pixel attack. Nothing is clipped that U does not
    bound: for valid images take `lambda x: Ball("linf", 0.1) & pixel_box(x)`.

    Args:
        model: maps (N, …) pixels in [0, 1] to (N, K) logits; its mode and its `param.grad` are left alone
        x: images (N, …)
        y: class numbers (N,)
        U: an uncertainty set, or a function `x -> set`

    Returns:
        Δ shaped like x, without gradient history.

    Raises:
        ValueError: where the gradient is NaN or infinite, or U does not fit x.
    """
    g = input_gradient(model, x, y)
    with full_precision(x):
        return resolve(U, x).maximizer(g)


def full_precision(x: Tensor) -> AbstractContextManager:
    """Has the sets compute in the type of x, also within mixed precision: rounded, Δ would leave its set."""
    return torch.autocast(x.device.type, enabled=False)
