"""Layers: standardisation, a quick dropout, residual blocks; and any layer in another mode."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

# Of the pixels of the 50,000 training images, red, green and blue.
CIFAR10_MEAN = (0.49139968, 0.48215841, 0.44653091)
CIFAR10_STD = (0.24703223, 0.24348513, 0.26158784)


class Standardize(nn.Module):
    """(x − μ_c) / σ_c in each colour c: (N, 3, H, W) → the same.

    μ and σ are constants of the network, not weights: they are not saved with it.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...] = CIFAR10_MEAN, std: tuple[float, ...] = CIFAR10_STD) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


class Dropout(nn.Dropout):
    """In training every entry becomes 0 with probability p, the others are divided by 1 − p.

    On a CPU `nn.Dropout` draws its numbers one by one, which takes up to a fifth of a training step. Here one
    random number of 64 bits decides on eight entries, with a byte each, so that p is rounded to 256ths
    (0.1 to 26/256). Accelerators draw in parallel and are left to `nn.Dropout`.
    """

    def forward(self, x: Tensor) -> Tensor:
        dropped = round(256 * self.p)  # of the 256 values of a byte
        if not self.training or not dropped:
            return x
        if x.device.type != "cpu" or dropped == 256:
            return super().forward(x)
        keep = torch.empty_like(x)  # in the memory layout of x
        words = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        entries = words.view(torch.uint8).as_strided(keep.shape, keep.stride())
        return x * keep.copy_(entries >= dropped).mul_(256 / (256 - dropped))


class Residual(nn.Module):
    """shortcut(x) + body(x), He et al. (2016).

    The shortcut is x itself, unless another is given, such as a 1×1 convolution where the shape changes.
    """

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.body, self.shortcut = body, nn.Identity() if shortcut is None else shortcut

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.body(x)


@contextmanager
def temporarily(changes: Sequence[tuple[Any, str, Any]]) -> Iterator[None]:
    """Gives objects, such as layers, other attributes for a while: (object, name, value) each."""
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in changes]
    try:
        for owner, name, value in changes:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
