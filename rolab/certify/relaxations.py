"""A network as affine maps with activations behind them, and linear relaxations of these activations.

    z = W y + b,   y' = activation(z),   y = x + Δ at first, the activation a ReLU, max pooling, both or none

Where l ≤ z ≤ u is known, each output y' lies between two planes, both in one input z_j of the activation:

    low · z_j ≤ y' ≤ high · z_j + shift.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rolab.nets.mnist import MNIST_MEAN, MNIST_STD, ConvNet, PatchConv2d

PARTS = (nn.Linear, nn.Conv2d, PatchConv2d, nn.Flatten, nn.ReLU, nn.MaxPool2d)


class LinearRelaxation(NamedTuple):
    """low · z_j ≤ y ≤ high · z_j + shift for each output y, where j is its source: all of shape (N, m).

    The slopes are from 0 to 1, so planes behind planes are planes.
    """

    source: Tensor
    low: Tensor
    high: Tensor
    shift: Tensor

    @staticmethod
    def exact(z: Tensor) -> LinearRelaxation:
        """y = z."""
        one = torch.ones_like(z)
        return LinearRelaxation(torch.arange(z.shape[1], device=z.device).expand(z.shape), one, one, 0 * one)

    def behind(self, first: LinearRelaxation) -> LinearRelaxation:
        """The planes of two activations, one after the other."""
        source, low, high, shift = (part.gather(1, self.source) for part in first)
        return LinearRelaxation(source, self.low * low, self.high * high, self.high * shift + self.shift)


@dataclass(frozen=True)
class Relu:
    """max(z, 0), entry by entry."""

    def __call__(self, z: Tensor) -> Tensor:
        """(N, n) → (N, n)."""
        return z.relu()

    def relaxation(self, lower: Tensor, upper: Tensor) -> LinearRelaxation:
        """Above, the chord from (l, 0) to (u, u); below, z or 0, whichever leaves less between."""
        below, above = lower.clamp(max=0), upper.clamp(min=0)
        high = torch.where(above > 0, above / (above - below), 0.0)  # 1 where l ≥ 0, 0 where u ≤ 0
        low = (above > -below).to(high)
        return LinearRelaxation(LinearRelaxation.exact(lower).source, low, high, -high * below)


@dataclass(frozen=True)
class MaxPool:
    """The largest of each window: windows (m, k) are places in the input."""

    windows: Tensor

    def __call__(self, z: Tensor) -> Tensor:
        """(N, n) → (N, m)."""
        return z[:, self.windows].amax(2)

    def relaxation(self, lower: Tensor, upper: Tensor) -> LinearRelaxation:
        """Below, the entry with the top interval; above, the same if no other exceeds it, or a constant."""
        lower, upper = lower[:, self.windows], upper[:, self.windows]
        best = (lower + upper).argmax(2, keepdim=True)
        others = upper.scatter(2, best, -torch.inf).amax(2)
        alone = lower.gather(2, best).squeeze(2) >= others
        source = self.windows.expand(lower.shape).gather(2, best).squeeze(2)
        high = alone.to(lower)
        return LinearRelaxation(source, torch.ones_like(high), high, upper.amax(2).masked_fill(alone, 0.0))


Activation = Relu | MaxPool


@dataclass(frozen=True)
class Layer:
    """activation(W y + b).

    Attributes:
        weight: W (m, n)
        absolute: |W|, entry by entry
        bias: b (m,)
        size: M (m,), what the terms of W y + b add up to at most, were they all positive and |x| ≤ 1
        slack: what float64 may have rounded in a bound of W y + b if |x| ≤ 1, (m,)
        views: outputs that see the same inputs, with these: all channels of a convolution at one place
        activations: what follows, one after the other
    """

    weight: Tensor
    absolute: Tensor
    bias: Tensor
    size: Tensor
    slack: Tensor
    views: tuple[tuple[Tensor, Tensor], ...]
    activations: tuple[Activation, ...] = ()

    def affine(self, y: Tensor) -> Tensor:
        """W y + b: (N, n) → (N, m)."""
        return F.linear(y, self.weight, self.bias)

    def activate(self, z: Tensor) -> Tensor:
        """What follows. It preserves order, so it takes bounds to bounds."""
        return reduce(lambda z, activation: activation(z), self.activations, z)

    def interval(self, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
        """The least and the largest value of each entry of W y + b, for y in a box."""
        middle, reach = self.affine((lower + upper) / 2), F.linear((upper - lower) / 2, self.absolute)
        return middle - reach, middle + reach

    def relaxation(self, lower: Tensor, upper: Tensor) -> LinearRelaxation:
        """Around all activations together."""
        found = LinearRelaxation.exact(lower)
        for activation in self.activations:
            found = activation.relaxation(lower, upper).behind(found)
            lower, upper = activation(lower), activation(upper)
        return found


@torch.no_grad()
def layers_of(model: nn.Module, x: Tensor) -> list[Layer]:
    """The network as matrices in float64, for images like x and beside them.

    Raises:
        ValueError: the model holds what cannot be bounded.
    """
    shape, layers = x.shape[1:], list[Layer]()
    size, operations = torch.ones(shape.numel(), dtype=torch.float64, device=x.device), 0
    parts = [nn.Identity(), *_parts(copy.deepcopy(model).to(x.device, torch.float64))]
    for nonlinear, run in groupby(parts, lambda part: isinstance(part, (nn.ReLU, nn.MaxPool2d))):
        if nonlinear:
            found: list[Activation] = []
            for part in run:
                found.append(_windows(part, shape, size) if isinstance(part, nn.MaxPool2d) else Relu())
                shape = part(size.new_empty(1, *shape)).shape[1:]
            relu_first = sorted(found, key=lambda each: isinstance(each, MaxPool))  # the same, and tighter
            layers[-1] = replace(layers[-1], activations=tuple(relu_first))
            size = layers[-1].activate(size[None])[0]
        else:
            bias, weight = _matrix(run, size.new_zeros(1, *shape))
            shape, weight, bias = bias.shape[1:], weight.flatten(1).T.contiguous(), bias.flatten()
            absolute, operations = weight.abs(), operations + weight.shape[1] + 16
            size = absolute @ size + bias.abs()
            slack = 2 * operations * torch.finfo(torch.float64).eps * size
            layers.append(Layer(weight, absolute, bias, size, slack, _views(weight) if layers else ()))
    return layers


def logits(layers: list[Layer], x: Tensor) -> Tensor:
    """The network itself, in float64: (N, K)."""
    return reduce(lambda y, layer: layer.activate(layer.affine(y)), layers, x.double().flatten(1))


def _matrix(maps: Iterable[nn.Module], zero: Tensor) -> tuple[Tensor, Tensor]:
    """What affine maps, one after the other, make of 0, (1, …), and of a step of 1 along each axis."""
    value, change = zero, torch.eye(zero.numel()).to(zero).view(-1, *zero.shape[1:])
    for part in maps:
        value, part = part(value), copy.deepcopy(part)
        if isinstance(part, (nn.Linear, nn.Conv2d)) and part.bias is not None:
            part.bias.zero_()
        change = part(change) - part(torch.zeros_like(change[:1]))
    return value, change


def _views(weight: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
    """Rows of a matrix whose entries other than 0 are in the same columns, with these columns."""
    seen, view = weight.ne(0).unique(dim=0, return_inverse=True)
    return tuple(
        ((view == number).nonzero().squeeze(1), columns.nonzero().squeeze(1))
        for number, columns in enumerate(seen)
    )


def _windows(pool: nn.MaxPool2d, shape: torch.Size, like: Tensor) -> MaxPool:
    """Max pooling on vectors."""
    places = torch.arange(shape.numel(), dtype=like.dtype, device=like.device).view(shape[0], 1, *shape[1:])
    windows = F.unfold(places, pool.kernel_size, pool.dilation, 0, pool.stride)  # (C, k, places)
    return MaxPool(windows.mT.flatten(0, 1).long())


def _parts(model: Any) -> list[nn.Module]:
    """The affine maps, ReLUs and poolings that the model applies, one after the other."""
    forward = type(model).forward  # a derived class may compute something else
    if forward is ConvNet.forward:
        return [
            _Frame(), model.conv1, nn.ReLU(), nn.MaxPool2d(3),
            model.conv2, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            model.linear1, nn.ReLU(), model.linear2,
        ]  # fmt: skip
    if forward is nn.Sequential.forward:
        return [part for child in model for part in _parts(child)]
    if forward not in [kind.forward for kind in PARTS]:
        known = "a ConvNet, or a Sequential of Linear, Conv2d, Flatten, ReLU and MaxPool2d"
        raise ValueError(f"model: expected {known}, got one that holds {model}")
    if isinstance(model, nn.MaxPool2d) and (model.padding != 0 or model.ceil_mode):
        raise ValueError(f"model: expected MaxPool2d without padding and ceil_mode, got {model}")
    return [model]


class _Frame(nn.Module):
    """What `ConvNet` does to pixels before its first convolution."""

    def forward(self, x: Tensor) -> Tensor:
        return (F.pad(x, (2, -2, 2, -2)) - MNIST_MEAN) / MNIST_STD
