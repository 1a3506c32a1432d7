"""What the sections of `accelerator.py` share: the device and its time, TF32, images, nets in training."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rolab.data import mnist
from rolab.nets import ConvNet, WhitenedNet
from rolab.training import Recipe

ROOT = Path(__file__).parents[1]
SEED = 0


class Plan:
    """The device, how much to do, and until when."""

    def __init__(self, device: torch.device, quick: bool, minutes: float) -> None:
        self.device, self.quick = device, quick
        self.end = time.monotonic() + 60 * minutes
        self.cuda = device.type == "cuda"

    def left(self) -> float:
        """The seconds that are left."""
        return self.end - time.monotonic()

    def wait(self) -> None:
        """Until the device has done what it was given."""
        if self.device.type != "cpu":
            getattr(torch, self.device.type).synchronize()

    def timed(self, job: Callable[[], Any]) -> tuple[Any, float]:
        """What a job returns, and its seconds."""
        self.wait()
        started = time.perf_counter()
        result = job()
        self.wait()
        return result, time.perf_counter() - started


class NotHere(Exception):
    """A section that this device has no use for."""


@contextmanager
def tf32(on: bool) -> Iterator[None]:
    """Products and convolutions of float32 on an NVIDIA card in TF32, or not; afterwards as before."""
    name, value, convolutions = "allow_tf32", on, torch.backends.cudnn
    if hasattr(convolutions, "conv"):  # since PyTorch 2.9
        name, value, convolutions = "fp32_precision", "tf32" if on else "ieee", convolutions.conv
    before = [(part, getattr(part, name)) for part in (torch.backends.cuda.matmul, convolutions)]
    for part, _ in before:
        setattr(part, name, value)
    try:
        yield
    finally:
        for part, earlier in before:
            setattr(part, name, earlier)


def seeded() -> torch.Generator:
    """Random numbers of the CPU, the same for every device."""
    return torch.Generator().manual_seed(SEED)


def off(a: Tensor, b: Tensor) -> float:
    """The largest |a − b|, relative to the largest |b|."""
    a, b = a.detach().cpu().double(), b.detach().cpu().double()
    return ((a - b).abs().max() / b.abs().max().clamp(min=1e-300)).item()


def number(value: float, digits: int = 4) -> float | str:
    """To so many digits; what JSON has no number for, as text."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else str(value)


def noisy_digits(count: int) -> tuple[Tensor, Tensor]:
    """Test digits with a little noise, so that no two entries are the same."""
    data = mnist("test")[:count]
    noise = torch.rand(data.images.shape, dtype=torch.float64, generator=seeded())
    return (0.9 * data.images.double() + 0.1 * noise), data.labels


def fresh(name: str, device: torch.device, images: Tensor | None = None, dropout: float = 0.1) -> nn.Module:
    """A net in training, the same each time."""
    with torch.random.fork_rng([]):
        torch.manual_seed(SEED)
        net = ConvNet() if name == "ConvNet" else WhitenedNet(dropout)
        if isinstance(net, WhitenedNet):
            net.whiten(torch.rand(100, 3, 32, 32) if images is None else images)
    return net.to(device).train()


def sgd(net: nn.Module, rate: float = 1e-3) -> torch.optim.SGD:
    """The optimiser of the recipe."""
    return Recipe(learning_rate=rate).optimizer(net)


def flat(net: nn.Module) -> Tensor:
    """The learnt weights as a vector."""
    return torch.cat([weight.detach().cpu().double().flatten() for weight in net.parameters()])
