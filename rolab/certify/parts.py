"""A model as a list of parts: affine maps, ReLUs and max poolings, and the steps of a stack.

Batch norm in eval mode and average pooling are affine, dropout in eval mode is nothing. A residual block
shortcut(y) + body(y) is run on a stack: y is put aside while the body is computed, and added behind it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rolab.nets.layers import Dropout, Residual, Standardize
from rolab.nets.mnist import MNIST_MEAN, MNIST_STD, ConvNet, PatchConv2d

SUMS = (nn.Linear, nn.Conv2d, PatchConv2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)  # many inputs to an output
MONOTONE = (nn.ReLU, nn.MaxPool2d)  # they take bounds to bounds
BatchNorm = nn.modules.batchnorm._BatchNorm  # of one and of two dimensions
DROPOUTS = (nn.Dropout, nn.Dropout2d, Dropout)
PARTS = (*SUMS, *DROPOUTS, *MONOTONE, nn.BatchNorm1d, nn.Identity, nn.Flatten, Standardize)
KNOWN = (
    "a ConvNet, or a Sequential of Linear, Conv2d, BatchNorm1d and 2d, Dropout, Identity, Flatten, ReLU, "
    "MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, Standardize and Residual"
)
Stack = list[Tensor]  # what a part is applied to comes last; what is put aside, before it
Map = Callable[[Tensor], Tensor]


def _put_aside(stack: Stack) -> None:
    """y → y, y."""
    stack.append(stack[-1])


def _exchange(stack: Stack) -> None:
    """y, z → z, y."""
    stack[-2:] = stack[:-3:-1]


def _add(stack: Stack) -> None:
    """y, z → y + z."""
    z = stack.pop()
    stack[-1] = stack[-1] + z


STEPS = (_put_aside, _exchange, _add)


def apply(part: Any, form: Map, stack: Stack) -> None:
    """A part of the model, in one of its forms, on what is last on the stack; or a step of the stack."""
    if part in STEPS:
        part(stack)
    else:
        stack[-1] = form(stack[-1])


def linear(part: Any) -> Map:
    """An affine map without its constant."""
    return with_weights(part, getattr(part, "weight", None), None)


def positive(part: Any, constant: bool = False) -> Map:
    """An affine map with the absolute values of its weights, and of its constant if that is to count."""
    weight, bias = getattr(part, "weight", None), getattr(part, "bias", None) if constant else None
    return with_weights(part, *(None if each is None else each.abs() for each in (weight, bias)))


def with_weights(part: Any, weight: Tensor | None, bias: Tensor | None) -> Map:
    """An affine map with another weight and constant; one without weights, without its constant."""
    if weight is None:  # a mean, or what moves entries or standardises pixels: nothing in it is negative
        return lambda x: part(x) - part(torch.zeros_like(x[:1]))
    if isinstance(part, nn.Linear):
        return partial(F.linear, weight=weight, bias=bias)
    of_kind = part._conv_forward if isinstance(part, nn.Conv2d) else part.with_weights
    return partial(of_kind, weight=weight, bias=bias)


def parts_of(model: Any) -> list[Any]:
    """The affine maps, ReLUs and poolings that the model applies, and steps of the stack, in this order."""
    forward = type(model).forward  # a derived class may compute something else
    if forward is ConvNet.forward:
        return [
            _Frame(), model.conv1, nn.MaxPool2d(3), nn.ReLU(),
            model.conv2, nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(),
            model.linear1, nn.ReLU(), model.linear2,
        ]  # fmt: skip
    if forward is nn.Sequential.forward:
        return [part for child in model for part in parts_of(child)]
    if forward is Residual.forward:
        return [_put_aside, *parts_of(model.body), _exchange, *parts_of(model.shortcut), _add]
    if forward not in [kind.forward for kind in PARTS]:
        raise ValueError(f"model: expected {KNOWN}, got one that holds {model}")
    if isinstance(model, nn.MaxPool2d) and (model.padding != 0 or model.ceil_mode):
        raise ValueError(f"model: expected MaxPool2d without padding and ceil_mode, got {model}")
    if isinstance(model, (BatchNorm, *DROPOUTS)) and model.training:
        raise ValueError(f"model: expected eval mode, got {model} in training mode; call model.eval()")
    if isinstance(model, (nn.Identity, *DROPOUTS)):
        return []
    if isinstance(model, Standardize):
        return _standardisation(model.mean.flatten(), model.std.flatten())
    if isinstance(model, BatchNorm):
        if model.running_mean is None or model.running_var is None:
            raise ValueError(f"model: expected batch norm with running statistics, got {model}")
        spread = (model.running_var + model.eps).sqrt()
        return _standardisation(model.running_mean, spread, model.weight, model.bias)
    return [model]


def _standardisation(
    mean: Tensor, spread: Tensor, weight: Tensor | None = None, bias: Tensor | None = None
) -> list[nn.Module]:
    """(y − mean) / spread · weight + bias in each channel."""
    one, zero = torch.ones_like(mean), torch.zeros_like(mean)
    scale = (one if weight is None else weight) / spread
    return [_Channelwise(one, -mean), _Channelwise(scale, zero if bias is None else bias)]


class _Channelwise(nn.Module):
    """weight · y + bias in each channel."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, y: Tensor) -> Tensor:
        return self.with_weights(y, self.weight, self.bias)

    def with_weights(self, y: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        channel = -1, *[1] * (y.ndim - 2)
        return weight.view(channel) * y + (0 if bias is None else bias.view(channel))


class _Frame(nn.Module):
    """What `ConvNet` does to pixels before its first convolution."""

    def forward(self, x: Tensor) -> Tensor:
        return (F.pad(x, (2, -2, 2, -2)) - MNIST_MEAN) / MNIST_STD
