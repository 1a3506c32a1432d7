"""Transfer over architectures and over training sets: do adversarial examples of one net mislead the others?

    python -m rolab.experiments.transfer [--out FOLDER] [--radius R] [--steps S] [--digits N] [--epochs E]

A linear net, one with a hidden layer, the ConvNet of §5.1 and the scattering network, each trained on either
half of MNIST's training images, as Szegedy et al. (2014) did. `accuracy` has what each net reads right of the
first N test digits, after `pgd` has changed them for each net within an ℓ∞ ball of radius R in the pixel box
(white-box on the diagonal), and under noise of equal norm.

FOLDER holds the runs, saved after every epoch, and in the end `transfer.json`. Run again, it goes on.
"""

import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import typer
from torch import nn

from rolab.arguments import check_radius, whole_number
from rolab.attacks import Attack, pgd
from rolab.data import Dataset, mnist
from rolab.evaluation import accuracy, equal_norm_noise, transfer_matrix
from rolab.experiments.attack_grid import linf_in_pixel_box
from rolab.experiments.scattering_net import RECIPE as SCATTERING_RECIPE
from rolab.experiments.scattering_net import standardized
from rolab.nets import ConvNet
from rolab.objectives import Nominal
from rolab.storage import environment, lock, user_path, write_json
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


def trained(name: str, data: Dataset, epochs: int, seed: int, folder: Path) -> nn.Module:
    """A net of this architecture, from the seed's initial weights, or as the folder of its run has it."""
    make, recipe = ARCHITECTURES[name]
    torch.manual_seed(seed)
    net = make(data)
    train(net, data, Nominal(), replace(recipe, epochs=epochs), seed=seed, folder=folder, device="cpu")
    return net


def measured(radius: float, steps: int, digits: int, epochs: int, seed: int, folder: Path) -> dict[str, Any]:
    """Trains the nets, or what is missing of them, attacks each, and returns the record."""
    data, test = mnist("train"), mnist("test")
    check_radius(radius)
    some = test[: whole_number(digits, "digits", 1, len(test))]
    attack: Attack = partial(pgd, steps=whole_number(steps, "steps", 1))
    U = linf_in_pixel_box(radius)
    attacks: dict[str, Attack] = {
        "pgd": attack,
        "noise": equal_norm_noise(attack, torch.Generator().manual_seed(seed)),
    }
    half = len(data) // 2
    nets = {
        f"{name}-{part}": trained(name, data[rows], epochs, seed, folder / f"{name}-{part}")
        for part, rows in (("first", slice(half)), ("second", slice(half, None)))
        for name in ARCHITECTURES
    }
    found = {name: transfer_matrix(nets, some, U, each) for name, each in attacks.items()}
    return {
        "experiment": "transfer",
        "radius": radius,
        "steps": steps,
        "digits": digits,
        "epochs": epochs,
        "seed": seed,
        "test_accuracy": {name: accuracy(net, test) for name, net in nets.items()},
        "accuracy": {
            name: {net: {to: asdict(each) for to, each in row.items()} for net, row in matrix.items()}
            for name, matrix in found.items()
        },
        "environment": environment(),
    }


def main(
    out: Path = Path("runs/transfer"),
    radius: float = 0.1,
    steps: int = 20,
    digits: int = 500,
    epochs: int = 3,
    seed: int = 0,
) -> None:
    """Train four architectures on two halves of MNIST, and show each the others' adversarial examples."""
    torch.set_num_threads(1)  # as in the experiments: the result does not depend on the number of cores
    try:
        folder = user_path(out)
        with lock(folder / "transfer.json"):
            write_json(folder / "transfer.json", measured(radius, steps, digits, epochs, seed, folder))
    except ValueError as error:
        print(f"transfer: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(f"The record is in {folder}.")


if __name__ == "__main__":
    typer.run(main)
