"""The first-order attack: the loss J, its gradient ∇ₓJ, and the perturbation of Algorithm 1, eq. (11)."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from rolab.arguments import as_logits, class_numbers
from rolab.attacks.losses import log_loss, precise, unfading
from rolab.attacks.queries import couples_batch, leaves_no_trace, logits_of
from rolab.sets import UncertaintySetLike, resolve

Attack = Callable[[nn.Module, Tensor, Tensor, UncertaintySetLike], Tensor]  # model, x, y, U → Δ


def cross_entropy(model: nn.Module, x: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """The cross-entropy J(θ, x, y) = −log p_y, the mean or the sum of `log_loss` over the batch."""
    losses = log_loss(as_logits(model(x), x, finite=False), class_numbers(y, x))
    return losses.sum() if reduction == "sum" else losses.mean()


@leaves_no_trace
def input_gradient(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """∇ₓ J(θ, x, y), the gradient of the cross-entropy with respect to the image.

    The loss is summed over the batch, so that the examples do not scale each other. Parameters get no
    gradient, and none is computed for them; the model stays in the mode in which it came. Where the model is
    sure of y the gradient fades like 1 − p_y, at last to 0; its direction does not: `ascent_direction`.

    Shape:
        x (N, …) pixels in [0, 1], y (N,) class numbers → (N, …)
    """
    x = x.detach().requires_grad_()
    with torch.enable_grad(), _precision(model, x):
        z = logits_of(model, x, y, wait=False)
    _, direction, exponent = backward(z, x, lambda z: log_loss(z, y), couples_batch(model))
    return direction.ldexp(exponent.reshape(-1, *[1] * (x.ndim - 1))).to(x.dtype)


@leaves_no_trace
def ascent_direction(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """For each example a positive multiple of ∇ₓ J(θ, x, y), in a unit of its own: (N, …).

    It shows the way where the gradient itself is too small for the type of the images, however sure the model
    is of y. Where examples meet in batch norm that is training, they have one unit. Mixed precision is for
    training: of a model in eval mode the direction is taken in the type of its images and weights.
    """
    x, coupled = x.detach().requires_grad_(), couples_batch(model)
    climbed = log_loss if coupled else unfading(log_loss)
    with torch.enable_grad(), _precision(model, x):
        z = logits_of(model, x, y, wait=False)
    return backward(z, x, lambda z: climbed(z, y), coupled)[1]


def backward(
    z: Tensor, x: Tensor, loss: Callable[[Tensor], Tensor], coupled: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The losses of logits z (N, K) of images x, their directions 2⁻ᵉ ∇ₓ of them, (N, …), and e (N,) or (1,).

    The gradient with respect to z is taken in single precision at least. What goes back through the model is
    2⁻ᵉ times this, its largest entry 1/2 to 1: so nothing fades on the way, and in no type is a bit lost, as
    a power of two rounds nothing. Each example has its e; those of a batch that are `coupled`, one. float16
    ends at 65504 and begins at 6e-8: there it is 256 times as much, or less where that overflows.
    """
    if not z.requires_grad:
        raise ValueError("model: expected logits with a gradient in the images, got some that have none")
    w = precise(z.detach()).requires_grad_()
    with torch.enable_grad():
        losses = loss(w)
        (c,) = torch.autograd.grad(losses.sum(), w)
    largest = c.abs().amax() if coupled else c.abs().amax(1)
    exponent = largest.frexp().exponent.reshape(-1).clamp(-100, 100)
    shifts = (8, 0, -8) if torch.float16 in (z.dtype, x.dtype) else (0,)
    for shift in shifts:
        sent = c.ldexp(shift - exponent[:, None]).to(z)
        (direction,) = torch.autograd.grad(z, x, sent, retain_graph=shift != shifts[-1])
        if shift != shifts[-1] and direction.isfinite().all():
            break
    return losses.detach(), direction, exponent - shift


@leaves_no_trace
def first_order(model: nn.Module, x: Tensor, y: Tensor, U: UncertaintySetLike) -> Tensor:
    """The perturbation of Algorithm 1: Δ̂ ∈ argmax_{Δ ∈ U} J(x) + ⟨∇ₓJ(x), Δ⟩, eq. (11).

    One forward and one backward pass, then the linear maximiser of the set. With an ℓ∞ ball this is the fast
    gradient sign step, eq. (2); with an ℓ1 ball, the single-pixel attack. Nothing is clipped that U does not
    bound: for valid images take `lambda x: Ball("linf", 0.1) & pixel_box(x)`.

    Args:
        model: maps (N, …) pixels in [0, 1] to (N, K) logits, K ≥ 2; its mode, its `param.grad` and its
            running averages are left alone
        x: images (N, …)
        y: class numbers, int64 (N,)
        U: an uncertainty set, or a function `x -> set`

    Returns:
        Δ shaped like x, without gradient history.

    Raises:
        ValueError: where the gradient is NaN or infinite, y are no class numbers, the model answers no
            logits, or U does not fit x.
    """
    g = ascent_direction(model, x, y)
    with full_precision(x):
        return resolve(U, x).maximizer(g)


def _precision(model: nn.Module, x: Tensor) -> AbstractContextManager:
    """Full precision for a model in eval mode and of one type, which is judged; else what the caller set."""
    judged = not model.training and all(weight.dtype == x.dtype for weight in model.parameters())
    return full_precision(x) if judged else nullcontext()


def full_precision(x: Tensor) -> AbstractContextManager:
    """In the type of x, also within mixed precision. Sets compute so: rounded, Δ would leave its set."""
    return torch.autocast(x.device.type, enabled=False)
