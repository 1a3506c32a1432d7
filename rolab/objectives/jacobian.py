"""The Jacobian: J v exactly, and the penalty on it, end to end or layer by layer [8]."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.modules.conv import _ConvNd

from rolab.arguments import as_logits
from rolab.attacks.first_order import full_precision
from rolab.attacks.losses import precise
from rolab.objectives.base import Objective
from rolab.objectives.robust import frozen_statistics

LAYERS = (nn.Linear, _ConvNd)  # affine maps with weights; the transposed convolutions are among them


def jvp(model: nn.Module, x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """The logits z and J v with J = ∂z/∂x, both (N, K), of directions v shaped like x.

    One pass of forward differentiation: exact, and differentiable in the weights. Where the examples meet, in
    batch norm that is training, J is that of the whole batch. Of a layer that is an `autograd.Function` of
    one's own, torch needs its `jvp`.
    """
    _load_rules()
    with forward_ad.dual_level(), full_precision(x):  # the rules do not mix types
        dual = as_logits(model(forward_ad.make_dual(x.detach().clone(), v.to(x))), x, finite=False)
        z, Jv = forward_ad.unpack_dual(dual)
    return z, torch.zeros_like(z) if Jv is None else Jv


@cache
def _load_rules() -> None:
    """Has torch load its rules of forward differentiation, which some versions do with a warning."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.simplefilter("ignore", FutureWarning)
        forward_ad.make_dual(torch.zeros(()), torch.zeros(()))


def random_signs(x: Tensor) -> Tensor:
    """Signs ±1, each as likely, shaped like x: E[s sᵀ] = I, so E‖A s‖² = ‖A‖²_F (Hutchinson 1989)."""
    return torch.randint_like(x, 2).mul_(2).sub_(1)


def squared_length(v: Tensor) -> Tensor:
    """‖v‖², the mean over the batch."""
    return precise(v).square().sum() / len(v)


@dataclass(frozen=True)
class JacobianPenalty(Objective):
    """‖J‖²_F, the mean over the batch, to be added to a loss: `Nominal() + 0.01 * JacobianPenalty()`.

    J = ∂z/∂x is the Jacobian of the logits. With `layerwise` it is Σ_l ‖J_l‖²_F with J_l = ∂h_l/∂h_{l−1}, the
    deep contractive network of [8] (Gu and Rigazio 2015): h_0 = x, h_l is what the next linear or
    convolutional layer takes in, behind activation and pooling, and the last is z. In a chain of layers
    J = J_L ⋯ J_1, so ‖J‖₂ ≤ Π ‖J_l‖₂; where a shortcut passes a layer by, the penalty has no such meaning.

    Each step takes one random direction s of signs for each example, and ‖J s‖², whose mean is ‖J‖²_F; of the
    layers all in one pass. The network is looked at as in `frozen_statistics`, and labels are not.

    Raises:
        ValueError: `layerwise`, and the model has no linear or convolutional layer.
    """

    layerwise: bool = False

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor | None = None) -> Tensor:
        parts: list[Tensor] = []
        met: list[nn.Module] = []

        def begin_anew(layer: nn.Module, h: Tensor) -> Tensor:
            """Notes J_l s of the layer before, and sends another direction through this one."""
            met.append(layer)
            if len(met) == 1:  # the first has its direction from x
                return h
            h, Js = forward_ad.unpack_dual(h)
            parts.extend([] if Js is None else [Js])
            return forward_ad.make_dual(h, random_signs(h))

        with frozen_statistics(model), layer_inputs(model, begin_anew) if self.layerwise else nullcontext():
            parts.append(jvp(model, x, random_signs(x))[1])
        if self.layerwise and not met:
            raise ValueError("model: expected linear or convolutional layers, got none")
        return torch.stack([squared_length(part) for part in parts]).sum()


@contextmanager
def layer_inputs(model: nn.Module, look: Callable[[nn.Module, Tensor], Tensor]) -> Iterator[None]:
    """Within the block, each linear or convolutional layer is given look(layer, its input) instead."""

    def hook(layer: nn.Module, inputs: tuple) -> tuple:
        return look(layer, inputs[0]), *inputs[1:]

    layers = [part for part in model.modules() if isinstance(part, LAYERS)]
    hooks = [layer.register_forward_pre_hook(hook) for layer in layers]
    try:
        yield
    finally:
        for each in hooks:
            each.remove()
