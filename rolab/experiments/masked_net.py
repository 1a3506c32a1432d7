"""Trains the net of notebook 09 that looks unbeatable: Algorithm 1 with a radius that is too large for it.

    python -m rolab.experiments.masked_net [--out FOLDER] [--radius R] [--epochs E] [--seed S]

Same architecture, data and optimiser as the nets of Table 1, 8 epochs instead of 12, and five times the
radius of robust ℓ∞. Such a net learns to have its gradient point elsewhere than uphill (Wong, Rice and Kolter
(2020) call it catastrophic overfitting): at that radius one step does not break it, several do. FOLDER holds
the run, saved after every epoch, and then `masked.safetensors` with its card.
"""

from pathlib import Path
from typing import Any

import torch
import typer

from rolab import zoo
from rolab.evaluation import accuracy
from rolab.experiments.presets import MASKED, mnist_experiment
from rolab.experiments.seed import build_collection
from rolab.nets import ConvNet
from rolab.objectives import Robust
from rolab.sets import Ball
from rolab.storage import read_json
from rolab.training import Recipe, train


def main(
    out: Path = Path("runs/masked"), radius: float = MASKED.radius or 0.0, epochs: int = 8, seed: int = 0
) -> None:
    """Train the net of notebook 09 that looks unbeatable."""
    torch.set_num_threads(1)  # as in the experiments: the result does not depend on the number of cores
    torch.manual_seed(seed)
    experiment = mnist_experiment("full")
    net, images, test = ConvNet(), experiment.images("train"), experiment.images("test")
    objective, recipe = Robust(Ball("linf", radius)), Recipe(epochs=epochs)
    train(net, images, objective, recipe, seed=seed, test=test, folder=out / "run", device="cpu")
    A = build_collection(experiment, zoo.load("mnist/baseline"), test)
    facts: dict[str, Any] = {"radius": radius, "test_accuracy": accuracy(net, test)}
    facts |= {"adversarial_accuracy": accuracy(net, A.examples()), "collection_radii": A.radii}
    zoo.keep(out, "mnist/masked", net, read_json(out / "run" / "run.json"), **facts)
    print(f"The net and its card are in {out}.")


if __name__ == "__main__":
    typer.run(main)
