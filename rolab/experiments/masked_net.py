"""Trains the net of notebook 09 that looks unbeatable: Algorithm 1 with a radius that is too large for it.

    python -m rolab.experiments.masked_net [--out FOLDER] [--radius R] [--epochs E] [--seed S]

Same architecture, data and optimiser as the nets of Table 1, 8 epochs instead of 12, and five times the
radius of robust ℓ∞. Such a net learns to have its gradient point elsewhere than uphill (Wong, Rice and Kolter
(2020) call it catastrophic overfitting): at that radius one step does not break it, several do. FOLDER holds
the run, saved after every epoch, and then `masked.safetensors` with its card.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
import typer
from torch import nn

from rolab import zoo
from rolab.data import Dataset
from rolab.evaluation import accuracy
from rolab.experiments.presets import MASKED, mnist_experiment
from rolab.experiments.seed import build_collection
from rolab.nets import ConvNet
from rolab.objectives import Objective, Robust
from rolab.sets import Ball
from rolab.storage import read_json
from rolab.training import Recipe, train


def main(
    out: Path = Path("runs/masked"), radius: float = MASKED.radius or 0.0, epochs: int = 8, seed: int = 0
) -> None:
    """Train the net of notebook 09 that looks unbeatable."""
    objective, recipe = Robust(Ball("linf", radius)), Recipe(epochs=epochs)
    train_and_keep("mnist/masked", lambda images: ConvNet(), objective, recipe, out, seed, radius=radius)


def train_and_keep(
    name: str,
    make: Callable[[Dataset], nn.Module],
    objective: Objective,
    recipe: Recipe,
    out: Path,
    seed: int,
    measures: Mapping[str, Callable[[nn.Module, Dataset], float]] = MappingProxyType({}),
    **facts: Any,
) -> None:
    """Trains a net of MNIST beside those of Table 1; keeps it and its card, with its accuracy on their A.

    Args:
        name: as the zoo will know it
        make: the training set → a fresh net
        out: where the run and, at the end, the net go
        measures: name → what is measured of the finished net with the test set, for its card
        facts: what else the card should say
    """
    torch.set_num_threads(1)  # as in the experiments: the result does not depend on the number of cores
    torch.manual_seed(seed)
    experiment = mnist_experiment("full")
    images, test = experiment.images("train"), experiment.images("test")
    net = make(images)
    train(net, images, objective, recipe, seed=seed, test=test, folder=out / "run", device="cpu")
    A = build_collection(experiment, zoo.load("mnist/baseline"), test)
    facts |= {"test_accuracy": accuracy(net, test), "adversarial_accuracy": accuracy(net, A.examples())}
    facts |= {fact: measure(net, test) for fact, measure in measures.items()}
    zoo.keep(out, name, net, read_json(out / "run" / "run.json"), **facts, collection_radii=A.radii)
    print(f"The net and its card are in {out}.")


if __name__ == "__main__":
    typer.run(main)
