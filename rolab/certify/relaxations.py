"""A network as affine maps with activations behind them, and linear relaxations of these activations.

    z = W y + b,   y' = activation(z),   y = x + Δ at first, the activation a ReLU, max pooling, both or none

Where l ≤ z ≤ u is known, each output y' lies between two planes, both in one input z_j of the activation:

    low · z_j ≤ y' ≤ high · z_j + shift.

What a residual block puts aside (`parts`) is carried past the activations of its body as further entries of
each layer. So its planes lose nothing to the sum.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rolab.certify.intervals import affine_interval
from rolab.certify.parts import MONOTONE, SUMS, apply, linear, parts_of, positive
from rolab.errors import NonFiniteError

LARGEST = 2**28  # entries of a matrix, 2 GiB
AXES = 64  # at a time, in making a matrix


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


@dataclass(frozen=True)
class Beside:
    """The first entries are handed on as they are; the others go through an activation."""

    carried: int
    activation: Relu | MaxPool

    def __call__(self, z: Tensor) -> Tensor:
        """(N, carried + n) → (N, carried + m)."""
        return torch.cat([z[:, : self.carried], self.activation(z[:, self.carried :])], 1)

    def relaxation(self, lower: Tensor, upper: Tensor) -> LinearRelaxation:
        """Exact for the first entries."""
        n = self.carried
        first, others = (
            LinearRelaxation.exact(lower[:, :n]),
            self.activation.relaxation(lower[:, n:], upper[:, n:]),
        )
        others = others._replace(source=others.source + n)
        return LinearRelaxation(*(torch.cat(pair, 1) for pair in zip(first, others, strict=True)))


Activation = Relu | MaxPool | Beside


@dataclass(frozen=True)
class Layer:
    """activation(W y + b).

    Attributes:
        weight: W (m, n)
        absolute: |W|, entry by entry
        bias: b (m,)
        size: M (m,), what the terms of W y + b add up to at most, were they all positive and |x| ≤ 1; of
            several maps in one, the terms of each
        slack: what float64 may have rounded in a bound of W y + b if |x| ≤ 1, (m,)
        views: outputs that see the same inputs, with these: all channels of a convolution at one place. Those
            that see one input are left out, for no bound is better than their interval
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
        return affine_interval(self.affine, partial(F.linear, weight=self.absolute), lower, upper)

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
        ValueError: the model holds what cannot be bounded, or is too large, or does not take such images.
    """
    shapes, layers = [x.shape[1:]], list[Layer]()
    size, operations = torch.ones(shapes[0].numel(), dtype=torch.float64, device=x.device), 0
    parts = [nn.Identity(), *parts_of(copy.deepcopy(model).to(x.device, torch.float64))]
    for nonlinear, run in groupby(parts, lambda part: isinstance(part, MONOTONE)):
        if nonlinear:
            found, carried = list[Relu | MaxPool](), sum(shape.numel() for shape in shapes[:-1])
            for part in run:
                found.append(_windows(part, shapes[-1], size) if isinstance(part, nn.MaxPool2d) else Relu())
                shapes[-1] = part(size.new_empty(1, *shapes[-1])).shape[1:]
            found.sort(key=lambda each: isinstance(each, MaxPool))  # ReLU first is the same, and tighter
            activations = tuple(Beside(carried, each) if carried else each for each in found)
            layers[-1] = replace(layers[-1], activations=activations)
            size = layers[-1].activate(size[None])[0]
        else:
            shapes, weight, absolute, bias, size, summed = _affine(list(run), shapes, size)
            operations += summed + 16
            if not size.isfinite().all():
                raise NonFiniteError("model: expected finite weights, got NaN or infinity")
            slack = 2 * operations * torch.finfo(torch.float64).eps * size
            layers.append(Layer(weight, absolute, bias, size, slack, _views(weight) if layers else ()))
    return layers


def logits(layers: list[Layer], x: Tensor) -> Tensor:
    """The network itself, in float64: (N, K)."""
    return reduce(lambda y, layer: layer.activate(layer.affine(y)), layers, x.double().flatten(1))


def _affine(
    maps: Sequence[Any], shapes: list[torch.Size], size: Tensor
) -> tuple[list[torch.Size], Tensor, Tensor, Tensor, Tensor, int]:
    """Affine maps, one after the other, on a stack of these shapes, whose entries are at most `size`.

    They are applied to 0, to `size` with all terms made positive, and to a step of 1 along each axis, some
    axes at a time.

    Returns:
        the shapes behind them, W and |W| (m, n), b (m,), the sum of all terms (m,), how many they are at most
    """
    n = [shape.numel() for shape in shapes]

    def stacked(entries: Tensor) -> list[Tensor]:
        return [part.view(-1, *shape) for part, shape in zip(entries.split(n, 1), shapes, strict=True)]

    value, terms, summed = stacked(size.new_zeros(2, sum(n))), stacked(size[None]), 0  # one might be no batch
    for part in maps:
        summed += value[-1][0].numel() if isinstance(part, SUMS) else 0
        shape = tuple(value[-1].shape[1:])
        try:
            apply(part, part, value)
            apply(part, positive(part, constant=True), terms)
        except (RuntimeError, IndexError) as error:
            expected = f"images (N, …) that {part} takes"
            raise ValueError(f"x: expected {expected}, got some of shape {shape} there: {error}") from None
        if sum(n) * sum(each[0].numel() for each in value) > LARGEST:
            most = f"matrices of at most {LARGEST:,} numbers"
            raise ValueError(f"model: expected {most}, got more behind {part}")
    bias, total = (torch.cat([each[0].flatten() for each in stack]) for stack in (value, terms))
    weight = size.new_empty(len(bias), sum(n))
    for columns in torch.arange(sum(n), device=size.device).split(AXES):
        change = stacked(F.one_hot(columns, sum(n)).to(size))
        for part in maps:
            apply(part, linear(part), change)
        weight[:, columns] = torch.cat([each.flatten(1) for each in change], 1).T
    alone = sum(hasattr(part, "weight") for part in maps) < 2  # else what cancels between two counts as well
    absolute = weight.abs()
    size = absolute @ size + bias.abs() if alone else total
    return [each.shape[1:] for each in value], weight, absolute, bias, size, summed


def _views(weight: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
    """Rows of a matrix whose entries other than 0, two or more, are in the same columns; with these."""
    rows = (weight.ne(0).sum(1) > 1).nonzero().squeeze(1)
    seen, view = weight[rows].ne(0).unique(dim=0, return_inverse=True)
    return tuple((rows[view == number], columns.nonzero().squeeze(1)) for number, columns in enumerate(seen))


def _windows(pool: nn.MaxPool2d, shape: torch.Size, like: Tensor) -> MaxPool:
    """Max pooling on vectors."""
    places = torch.arange(shape.numel(), dtype=like.dtype, device=like.device).view(shape[0], 1, *shape[1:])
    windows = F.unfold(places, pool.kernel_size, pool.dilation, 0, pool.stride)  # (C, k, places)
    return MaxPool(windows.mT.flatten(0, 1).long())
