"""Small nets, data and a benchmark of them, for the tests of attack grid, record and results."""

import itertools

import torch
from torch import nn

from rolab.data import Dataset
from rolab.evaluation import predict
from rolab.experiments.robustness_benchmark import BenchmarkConfig, benchmark

RADII = (0.05, 0.1, 0.2, 0.4)


STEPS = (1, 2, 5)


CONFIG = BenchmarkConfig(
    radii=RADII,
    steps=STEPS,
    restarts=2,
    ensemble_radii=RADII,
    budget=40,
    proof_radii=(0.02, 0.1, 0.2),
    proof_examples=25,
    transfer_radii=(0.1,),
    transfer_steps=3,
    masking_radii=(0.1, 1.0),
)


class Small(nn.Module):
    """Three classes of 2 × 3 pixels, with a bent boundary: more steps find more."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3))
        generator = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            parameter.data = 2 * torch.randn(parameter.shape, generator=generator)

    def forward(self, x):
        return self.layers(x)


def digits(n: int = 40, seed: int = 0) -> Dataset:
    """Points that the net of seed 0 classifies correctly, but for each seventh."""
    images = torch.rand(n, 1, 2, 3, generator=torch.Generator().manual_seed(seed))
    labels = predict(Small(0), images)
    labels[::7] = (labels[::7] + 1) % 3
    return Dataset(images, labels)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sure(model: nn.Module, data: Dataset, U) -> torch.Tensor:
    """A certificate by corners: who is right at 0 and at all corners of U. Enough for these tests."""
    corners = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=6))).view(-1, 1, 2, 3)
    right = predict(model, data.images) == data.labels
    for corner in corners:
        d = U(data.images).maximizer(corner.expand_as(data.images))
        right &= predict(model, data.images + d) == data.labels
    return right


NETS = {"masked": Small(3), "baseline": Small(0), "robust-linf": Small(1)}


def written(path, **more):
    return benchmark(NETS, digits(), path, CONFIG, sure, progress=False, **more)


def timeless(found):
    """A record without what differs from run to run."""
    parts = {name: {k: v for k, v in part.items() if k != "seconds"} for name, part in found["runs"].items()}
    return {"identity": found["identity"], "runs": parts}
