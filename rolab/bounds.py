"""What can be proved: on which images no perturbation of a set changes a network's answer.

An attack that fails proves nothing: the accuracy that it leaves is an upper bound of robust accuracy. Here is
a lower bound; the truth lies between. Write the network as layers, each an affine map with a bend behind it,

    z = W y + b,   y' = bend(z),    y = x + Δ at first, the bend a ReLU, a max pooling, both or none.

Where l ≤ z ≤ u is known, each output of a bend lies between two planes, both in one of its inputs z_j:

    low · z_j ≤ y' ≤ high · z_j + shift.

So Σ c_i y'_i is at least a linear function of z: take the lower plane where c_i > 0, else the upper. With
z = W y + b that is one of y, and so on, backwards, until one of Δ is left. Its least value over U is −σ(−c),
the course's oracle. The intervals l ≤ z ≤ u are found in the same way, from the first layer on.

Sources: Zhang et al. (2018), Efficient Neural Network Robustness Certification with General Activation
Functions (CROWN); for max pooling Singh et al. (2019), An Abstract Domain for Certifying Neural Networks.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby
from typing import TypeGuard, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rolab.data import Dataset
from rolab.nets import MNIST_MEAN, MNIST_STD, ConvNet, PatchConv2d
from rolab.sets import UncertaintySet, UncertaintySetLike, resolve

CHUNK = 4  # examples at a time: ConvNet needs some 100 MB for each


@torch.no_grad()
def margin_bound(model: nn.Module, x: Tensor, y: Tensor, U: UncertaintySetLike) -> Tensor:
    """A lower bound of the margin that is left of the logits z: min over Δ in U, k ≠ y of (z_y − z_k)(x + Δ).

    Each difference is bounded as one function. The result speaks of the network in exact arithmetic: what
    float64 may have rounded is taken off. A sum of n terms, |terms| adding up to M, errs by at most some
    n · 2⁻⁵³ · M, here 10⁻⁷.

    Made for ℓ∞ in the pixel box, where the intervals of the first layer are exact. Any set will do whose
    support function is exact, but the first layer sees only the box around it, which is far larger than an
    ℓ1 ball. As U grows the bound may rise here and there, since the planes change; what it bounds does not.

    Args:
        model: a `ConvNet`, or a `Sequential` of `Linear`, `Conv2d`, `Flatten`, `ReLU` and `MaxPool2d`
        x: images (N, …)
        y: class numbers (N,)
        U: an uncertainty set, or a function `x -> set`

    Returns:
        float64 (N,), beside the images

    Raises:
        ValueError: the model holds what cannot be bounded, or y are not class numbers.
    """
    return _margin_bound(layers_of(model, x), x, y, U)


@torch.no_grad()
def certified(model: nn.Module, data: Dataset, U: UncertaintySetLike) -> Tensor:
    """On which examples the answer is right and, it is proved, no Δ in U changes it: bool (N,).

    `margin_bound` must exceed not 0 but ε · M: M is what the terms of a logit add up to, were they all
    positive, ε the rounding of the model's float type. This is for the network as it is run. In float32 its
    logits of digits differ from the exact ones by 10⁻⁵, and ε · M is above 10⁻³; but that is measured, not
    proved: no order of summation can err by more than some hundred times ε · M, which is of no use.

    Images that are read wrongly are not tried.

    Raises:
        ValueError: as `margin_bound`.
    """
    x, y = data.images, data.labels
    layers = layers_of(model, x)
    right = torch.cat([_logits(layers, some) for some in [x[:0], *x.split(CHUNK)]]).argmax(1) == y
    slack = torch.finfo(next(model.parameters()).dtype).eps * float(layers[-1].size.max())
    rows = right.nonzero().squeeze(1)
    bound = _margin_bound(layers, x[rows], y[rows], resolve(U, x.double())[rows])
    return right.index_put((rows,), bound > slack)


# The network, as matrices.


@dataclass(frozen=True)
class Planes:
    """low · z_j ≤ y ≤ high · z_j + shift for each output y, where j is its source: all of shape (N, m).

    The slopes are from 0 to 1, so planes behind planes are planes.
    """

    source: Tensor
    low: Tensor
    high: Tensor
    shift: Tensor

    @staticmethod
    def exact(z: Tensor) -> Planes:
        """y = z."""
        one = torch.ones_like(z)
        return Planes(torch.arange(z.shape[1], device=z.device).expand(z.shape), one, one, 0 * one)

    def behind(self, first: Planes) -> Planes:
        """The planes of two bends, one after the other."""
        source, low, high, shift = (part.gather(1, self.source) for part in first.parts)
        return Planes(source, self.low * low, self.high * high, self.high * shift + self.shift)

    def __getitem__(self, outputs: Tensor) -> Planes:
        """The planes of some of the outputs."""
        return Planes(*(part[:, outputs] for part in self.parts))

    @property
    def parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The four tensors."""
        return self.source, self.low, self.high, self.shift


@dataclass(frozen=True)
class Relu:
    """max(z, 0), entry by entry."""

    def __call__(self, z: Tensor) -> Tensor:
        """(N, n) → (N, n)."""
        return z.relu()

    def planes(self, lower: Tensor, upper: Tensor) -> Planes:
        """Above, the chord from (l, 0) to (u, u); below, z or 0, whichever leaves less between."""
        below, above = lower.clamp(max=0), upper.clamp(min=0)
        high = torch.where(above > 0, above / (above - below), 0.0)  # 1 where l ≥ 0, 0 where u ≤ 0
        low = (above > -below).to(high)
        return Planes(Planes.exact(lower).source, low, high, -high * below)


@dataclass(frozen=True)
class MaxPool:
    """The largest of each window: windows (m, k) are places in the input."""

    windows: Tensor

    def __call__(self, z: Tensor) -> Tensor:
        """(N, n) → (N, m)."""
        return z[:, self.windows].amax(2)

    def planes(self, lower: Tensor, upper: Tensor) -> Planes:
        """Below, the entry with the top interval; above, the same if no other exceeds it, or a constant."""
        lower, upper = lower[:, self.windows], upper[:, self.windows]
        best = (lower + upper).argmax(2, keepdim=True)
        others = upper.scatter(2, best, -torch.inf).amax(2)
        alone = lower.gather(2, best).squeeze(2) >= others
        source = self.windows.expand(lower.shape).gather(2, best).squeeze(2)
        high = alone.to(lower)
        return Planes(source, torch.ones_like(high), high, upper.amax(2).masked_fill(alone, 0.0))


Bend = Relu | MaxPool


@dataclass(frozen=True)
class Layer:
    """bend(W y + b).

    Attributes:
        weight: W (m, n)
        absolute: |W|, entry by entry
        bias: b (m,)
        size: M (m,), what the terms of W y + b add up to at most, were they all positive and |x| ≤ 1
        slack: what float64 may have rounded in a bound of W y + b if |x| ≤ 1, (m,)
        views: outputs that see the same inputs, with these: all channels of a convolution at one place
        bends: what follows, one after the other
    """

    weight: Tensor
    absolute: Tensor
    bias: Tensor
    size: Tensor
    slack: Tensor
    views: tuple[tuple[Tensor, Tensor], ...]
    bends: tuple[Bend, ...] = ()

    def affine(self, y: Tensor) -> Tensor:
        """W y + b: (N, n) → (N, m)."""
        return F.linear(y, self.weight, self.bias)

    def bend(self, z: Tensor) -> Tensor:
        """What follows. It preserves order, so it takes bounds to bounds."""
        return reduce(lambda z, bend: bend(z), self.bends, z)

    def interval(self, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
        """The least and the largest value of each entry of W y + b, for y in a box."""
        middle, reach = self.affine((lower + upper) / 2), F.linear((upper - lower) / 2, self.absolute)
        return middle - reach, middle + reach

    def planes(self, lower: Tensor, upper: Tensor) -> Planes:
        """Around all bends together."""
        found = Planes.exact(lower)
        for bend in self.bends:
            found = bend.planes(lower, upper).behind(found)
            lower, upper = bend(lower), bend(upper)
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
    for bent, run in groupby(parts, lambda part: isinstance(part, (nn.ReLU, nn.MaxPool2d))):
        if bent:
            bends: list[Bend] = []
            for part in run:
                bends.append(_windows(part, shape, size) if isinstance(part, nn.MaxPool2d) else Relu())
                shape = part(size.new_empty(1, *shape)).shape[1:]
            relu_first = sorted(bends, key=lambda bend: isinstance(bend, MaxPool))  # the same, and tighter
            layers[-1] = replace(layers[-1], bends=tuple(relu_first))
            size = layers[-1].bend(size[None])[0]
        else:
            bias, weight = _matrix(run, size.new_zeros(1, *shape))
            shape, weight, bias = bias.shape[1:], weight.flatten(1).T.contiguous(), bias.flatten()
            absolute, operations = weight.abs(), operations + weight.shape[1] + 16
            size = absolute @ size + bias.abs()
            slack = 2 * operations * torch.finfo(torch.float64).eps * size
            layers.append(Layer(weight, absolute, bias, size, slack, _views(weight) if layers else ()))
    return layers


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


def _parts(model: nn.Module) -> list[nn.Module]:
    """The affine maps, ReLUs and poolings that the model applies, one after the other."""
    if _is(model, ConvNet):
        return [
            _Frame(), model.conv1, nn.ReLU(), nn.MaxPool2d(3),
            model.conv2, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            model.linear1, nn.ReLU(), model.linear2,
        ]  # fmt: skip
    if _is(model, nn.Sequential):
        return [part for child in model for part in _parts(child)]
    if not any(_is(model, kind) for kind in PARTS):
        raise ValueError(
            "model: expected a ConvNet, or a Sequential of Linear, Conv2d, Flatten, ReLU and MaxPool2d, "
            f"got one that holds {model}"
        )
    if isinstance(model, nn.MaxPool2d) and (model.padding != 0 or model.ceil_mode):
        raise ValueError(f"model: expected MaxPool2d without padding and ceil_mode, got {model}")
    return [model]


PARTS = (nn.Linear, nn.Conv2d, PatchConv2d, nn.Flatten, nn.ReLU, nn.MaxPool2d)


Kind = TypeVar("Kind", bound=nn.Module)


def _is(model: nn.Module, kind: type[Kind]) -> TypeGuard[Kind]:
    """Whether it computes what this kind of module does; a class derived from it may compute otherwise."""
    return isinstance(model, kind) and type(model).forward is kind.forward


class _Frame(nn.Module):
    """What `ConvNet` does to pixels before its first convolution."""

    def forward(self, x: Tensor) -> Tensor:
        return (F.pad(x, (2, -2, 2, -2)) - MNIST_MEAN) / MNIST_STD


# The bounds.

Path = list[tuple[Layer, Planes]]


def _logits(layers: list[Layer], x: Tensor) -> Tensor:
    """The network itself, in float64: (N, K)."""
    return reduce(lambda y, layer: layer.bend(layer.affine(y)), layers, x.double().flatten(1))


def _margin_bound(layers: list[Layer], x: Tensor, y: Tensor, U: UncertaintySetLike) -> Tensor:
    """`margin_bound`, some examples at a time."""
    classes = len(layers[-1].bias)
    if y.shape != x.shape[:1] or y.dtype != torch.int64 or not ((0 <= y) & (y < classes)).all():
        raise ValueError(f"y: expected {len(x)} class numbers from 0 to {classes - 1}, got {y}")
    x, differences = x.double(), torch.eye(classes, dtype=torch.float64, device=x.device)
    bound, V = x.new_empty(len(x)), resolve(U, x)
    slack = 2 * layers[-1].slack.max()  # of two logits
    for rows in torch.arange(len(x), device=x.device).split(CHUNK):
        c = differences[y[rows], None] - differences  # e_y − e_k for each k: (n, K, K)
        lower, upper = _box(x[rows], V[rows])
        scale = torch.maximum(lower.abs(), upper.abs()).amax(1, keepdim=True).clamp(min=1)
        path = _path(layers, x[rows], V[rows], lower, upper, scale)
        least = _least(c, path, x[rows], V[rows]) - scale * slack
        bound[rows] = least.scatter(1, y[rows, None], torch.inf).amin(1)
    return bound


def _path(
    layers: list[Layer], x: Tensor, U: UncertaintySet, lower: Tensor, upper: Tensor, scale: Tensor
) -> Path:
    """Planes around the bends of each layer, for inputs x + Δ in a box; scale is the largest, if over 1."""
    path: Path = []
    for layer in layers:
        lower, upper = layer.interval(lower, upper)
        for outputs, inputs in layer.views if layer.bends else ():
            last, planes = path[-1]
            c = layer.weight[outputs][:, inputs]
            found = _least(torch.cat([c, -c])[None], [*path[:-1], (last, planes[inputs])], x, U)
            low, high = found.split(len(outputs), 1)
            lower[:, outputs] = lower[:, outputs].maximum(layer.bias[outputs] + low)
            upper[:, outputs] = upper[:, outputs].minimum(layer.bias[outputs] - high)
        lower, upper = lower - scale * layer.slack, upper + scale * layer.slack
        path.append((layer, layer.planes(lower, upper)))
        lower, upper = layer.bend(lower), layer.bend(upper)
    return path


def _box(x: Tensor, U: UncertaintySet) -> tuple[Tensor, Tensor]:
    """The box around x + U: its sides are σ(e_i) and −σ(−e_i)."""
    one = torch.eye(x.shape[1:].numel(), dtype=x.dtype, device=x.device)
    above, below = _supports(torch.cat([one, -one]).expand(len(x), -1, -1), x, U).chunk(2, 1)
    return x.flatten(1) - below, x.flatten(1) + above


def _supports(c: Tensor, x: Tensor, U: UncertaintySet) -> Tensor:
    """σ of several directions for each example, (N, M, d) → (N, M)."""
    rows = torch.arange(len(x), device=x.device).repeat_interleave(c.shape[1])
    return U[rows].support(c.reshape(-1, *x.shape[1:])).view(c.shape[:2])


def _least(c: Tensor, path: Path, x: Tensor, U: UncertaintySet) -> Tensor:
    """A lower bound of Σ c_i y_i over x + U, where y leaves the path; c of shape (N or 1, M, m) → (N, M)."""
    constant = x.new_zeros(len(x), 1)
    for layer, planes in reversed(path):
        up, down = c.clamp(min=0), c.clamp(max=0)
        constant = constant + (down @ planes.shift[:, :, None]).squeeze(2)
        c = up * planes.low[:, None] + down * planes.high[:, None]
        used = (planes.low + planes.high).any(0)  # the others are constants
        c, source = c[:, :, used], planes.source[:, used]
        constant = constant + (c @ layer.bias[source][:, :, None]).squeeze(2)
        c = c @ layer.weight[source]
    return constant + (c @ x.flatten(1)[:, :, None]).squeeze(2) - _supports(-c, x, U)
