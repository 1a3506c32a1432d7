"""Small nets, images and sets that the tests of attacks, evaluation and certify share."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from rolab.attacks import first_order
from rolab.data import Dataset, mnist
from rolab.evaluation import eval_mode, predict
from rolab.nets.layers import Residual, Standardize
from rolab.sets import Ball, UncertaintySet, UncertaintySetLike, pixel_box


def generator(seed: int) -> torch.Generator:
    """Random numbers of their own."""
    return torch.Generator().manual_seed(seed)


def small_net(entries: int = 12, classes: int = 3, seed: int = 0) -> nn.Module:
    """Two layers, in float64."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(entries, 8), nn.Tanh(), nn.Linear(8, classes)).double()


def linear(W: Tensor) -> nn.Module:
    """The logits Wx; its cross-entropy has the gradient Wᵀ(softmax(Wx) − e_y)."""
    layer = nn.Linear(W.shape[1], W.shape[0], bias=False).to(W.dtype)
    layer.weight.data = W
    return nn.Sequential(nn.Flatten(), layer)


def images(n: int, *shape: int, seed: int = 1) -> Tensor:
    """Random images (n, *shape), by default (n, 1, 3, 4), in float64."""
    return torch.rand(n, *(shape or (1, 3, 4)), dtype=torch.float64, generator=generator(seed))


def batch(n: int = 5, seed: int = 1, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Random images (n, 1, 3, 4) and classes from 0 to 2."""
    source = generator(seed)
    x = torch.rand(n, 1, 3, 4, dtype=dtype, generator=source)
    return x, torch.randint(0, 3, (n,), generator=source)


def boxed(radius: float | Tensor, norm: str = "linf") -> Callable[[Tensor], UncertaintySet]:
    """The ball of this norm in the pixel box."""
    return lambda x: Ball(norm, radius) & pixel_box(x)


def set_at(U: UncertaintySetLike, x: Tensor) -> UncertaintySet:
    """The set itself, or that of a function of x."""
    return U(x) if callable(U) else U


class Rounded(nn.Module):
    """A net that sees its pixels rounded: the gradient is 0 everywhere."""

    def __init__(self, net: nn.Module, levels: int) -> None:
        super().__init__()
        self.net, self.levels = net, levels

    def forward(self, x):
        return self.net((x * self.levels).round() / self.levels)


class Small(nn.Module):
    """A network with dropout, which tells in which mode it is run."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        source = generator(seed)
        self.w = nn.Parameter(torch.randn(16, 12, generator=source))
        self.v = nn.Parameter(torch.randn(4, 16, generator=source))
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        return self.dropout(torch.tanh((x.flatten(1) - 0.5) @ self.w.t())) @ self.v.t()


def data_for(model: nn.Module, n: int, seed: int = 0, wrong: int = 6) -> Dataset:
    """Images of which the model classifies all but about one in `wrong` correctly."""
    source = generator(seed)
    x = torch.rand(n, 1, 3, 4, generator=source)
    with eval_mode(model), torch.no_grad():
        y = model(x).argmax(1)
    spoilt = torch.randint(0, wrong, (n,), generator=source) == 0
    return Dataset(x, torch.where(spoilt, (y + 1) % 4, y))


def right_one_by_one(model: nn.Module, data: Dataset, U=None) -> list[bool]:
    """Example by example: does the model still classify it correctly under its own first-order attack?"""
    found = []
    for i in range(len(data)):
        x, y = data.images[i : i + 1], data.labels[i : i + 1]
        if U is not None:
            x = x + first_order(model, x, y, U)
        logits = model(x)[0].tolist()
        found.append(logits.index(max(logits)) == int(y))
    return found


class Linear(nn.Module):
    """Two classes, told apart by ⟨w, x⟩ > b."""

    def __init__(self, w: Tensor, b: float = 0.0) -> None:
        super().__init__()
        self.w, self.b = nn.Parameter(w), b

    def forward(self, x):
        z = (x.flatten(1) @ self.w - self.b) * 4
        return torch.stack([-z, z], 1)


def separated(n: int = 60, seed: int = 0) -> tuple[Linear, Dataset]:
    """A linear net, and points that it all classifies correctly."""
    model = Linear(torch.tensor([1.0, -1.0, 0.5, 0.25, -0.5, 1.0, -0.75, 0.1]), 0.3)
    x = torch.rand(n, 1, 2, 4, generator=generator(seed))
    return model, Dataset(x, predict(model, x))


def digits(n: int) -> Dataset:
    """The first test images of MNIST."""
    return mnist("test")[:n]


def randomised(net, seed, scale=1.0):
    """The net in float64, with normal weights."""
    source = generator(seed)
    for p in net.double().parameters():
        p.data = (
            scale * torch.randn(p.shape, generator=source, dtype=p.dtype) / math.sqrt(max(p[0].numel(), 4))
        )
    return net


def small_conv(seed):
    """A convolution, pooling, and two linear layers, for images (1, 6, 6) and three classes."""
    parts = [nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 4), nn.ReLU()]
    return randomised(nn.Sequential(*parts, nn.Linear(4, 3)), seed, 2.0)


def deep_conv(seed):
    """Two convolutions, with strides, padding, dilation and windows that overlap."""
    return randomised(
        nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1, stride=2), nn.ReLU(), nn.MaxPool2d(2, stride=1),
            nn.Conv2d(3, 4, 2), nn.MaxPool2d((1, 2), dilation=(1, 2)), nn.ReLU(),
            nn.Sequential(nn.Flatten(), nn.Linear(12, 5)), nn.ReLU(), nn.Linear(5, 3, bias=False),
        ),
        seed,
        2.0,
    )  # fmt: skip


def mixed_net(seed):
    """Some of all layers for which there are bounds, in eval mode: for images (2, 6, 6) and three classes."""
    source = generator(seed)

    def one_of(*options):
        return options[int(torch.randint(len(options), (), generator=source))]()

    def conv(width, to):
        return nn.Sequential(nn.Conv2d(width, to, 3, padding=1), nn.BatchNorm2d(to))

    def block(width, to):
        return nn.Sequential(conv(width, to), nn.ReLU(), nn.Dropout2d(), nn.Conv2d(to, to, 3, padding=1))

    net = nn.Sequential(
        one_of(nn.Identity, lambda: Standardize((0.4, 0.6), (0.2, 0.3)), lambda: nn.BatchNorm2d(2)),
        one_of(lambda: conv(2, 3), lambda: Residual(block(2, 3), nn.Conv2d(2, 3, 1)), lambda: block(2, 3)),
        nn.ReLU(),
        one_of(nn.Identity, lambda: nn.BatchNorm2d(3), nn.Dropout),
        one_of(lambda: nn.MaxPool2d(2), lambda: nn.AvgPool2d(2)),
        one_of(nn.Identity, lambda: Residual(block(3, 3)), lambda: Residual(Residual(conv(3, 3), nn.ReLU()))),
        one_of(lambda: nn.AdaptiveAvgPool2d(1), lambda: nn.AvgPool2d(3, count_include_pad=False, padding=1)),
        nn.ReLU(),
        nn.Flatten(),
        nn.LazyLinear(4),
        one_of(lambda: nn.BatchNorm1d(4), nn.Dropout),
        one_of(nn.Identity, lambda: Residual(nn.Sequential(nn.ReLU(), nn.Linear(4, 4)), nn.Dropout())),
        nn.Linear(4, 3),
    )
    net(torch.zeros(2, 2, 6, 6))
    for part in net.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.running_mean.copy_(torch.randn(part.num_features, generator=source))
            part.running_var.copy_(0.1 + 2 * torch.rand(part.num_features, generator=source))
    return randomised(net, seed, 1.5).eval()


def examples(net, seed, *shape):
    """Images (N, …), half of them mostly 0, and what the net says of them."""
    x = torch.rand(shape, generator=generator(seed + 1), dtype=torch.float64)
    x[::2] = (6 * x[::2] - 4.8).clamp(0, 1)
    return x, net(x).argmax(1)
