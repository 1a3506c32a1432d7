"""Transfer over architectures and over training sets: do adversarial examples of one net mislead the others?

    python -m rolab.experiments.transfer [--out FILE] [--radius R] [--steps S] [--examples N] [--epochs E]

A linear net, one with a hidden layer, the ConvNet of §5.1 and the scattering network, each trained on either
half of MNIST's training images, as Szegedy et al. (2014) did. FILE has the accuracy of each net on the test
digits that `pgd` has changed for each net within an ℓ∞ ball of radius R in the pixel box, and on the same
digits under noise of equal norm.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch
import typer
from torch import nn

from rolab.attacks import pgd
from rolab.data import Dataset, mnist
from rolab.evaluation import accuracy, equal_norm_noise, transfer_matrix
from rolab.experiments.attack_grid import linf_in_pixel_box
from rolab.experiments.scattering_net import RECIPE as SCATTERING_RECIPE
from rolab.experiments.scattering_net import standardized
from rolab.nets import ConvNet
from rolab.objectives import Nominal
from rolab.storage import environment, user_path, write_json
from rolab.training import Recipe, train

ARCHITECTURES: dict[str, tuple[Callable[[Dataset], nn.Module], Recipe]] = {
    "linear": (lambda data: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), Recipe()),
    "mlp": (
        lambda data: nn.Sequential(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 10)),
        Recipe(),
    ),
    "convnet": (lambda data: ConvNet(), Recipe()),
    "scattering": (standardized, SCATTERING_RECIPE),
}


def main(
    out: Path = Path("runs/transfer.json"),
    radius: float = 0.1,
    steps: int = 20,
    examples: int = 500,
    epochs: int = 3,
    seed: int = 0,
) -> None:
    """Train four architectures on two halves of MNIST, and show each the others' adversarial examples."""
    torch.set_num_threads(1)
    began, data, test = time.perf_counter(), mnist("train"), mnist("test")
    half = len(data) // 2
    nets = {
        f"{name}-{part}": trained(name, data[rows], epochs, seed)
        for part, rows in (("first", slice(half)), ("second", slice(half, None)))
        for name in ARCHITECTURES
    }
    attack, U = partial(pgd, steps=steps), linf_in_pixel_box(radius)
    noise = equal_norm_noise(attack, torch.Generator().manual_seed(seed))
    found = {
        name: transfer_matrix(nets, test[:examples], U, each)
        for name, each in (("pgd", attack), ("noise", noise))
    }
    record = {
        "experiment": "transfer", "radius": radius, "steps": steps, "epochs": epochs, "seed": seed,
        "test_accuracy": {name: accuracy(net, test) for name, net in nets.items()},
        "accuracy": {
            name: {net: {to: asdict(each) for to, each in row.items()} for net, row in matrix.items()}
            for name, matrix in found.items()
        },
        "environment": environment(),
    }  # fmt: skip
    write_json(user_path(out), record | {"seconds": round(time.perf_counter() - began, 1)})
    print(f"The record is {out}.")


def trained(name: str, data: Dataset, epochs: int, seed: int) -> nn.Module:
    """A net of this architecture, from the seed's initial weights."""
    make, recipe = ARCHITECTURES[name]
    torch.manual_seed(seed)
    net = make(data)
    train(net, data, Nominal(), replace(recipe, epochs=epochs), seed=seed, device="cpu")
    return net


if __name__ == "__main__":
    typer.run(main)
