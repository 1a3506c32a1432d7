"""Trains the linear layer of the scattering network, for the zoo.

    python -m rolab.experiments.scattering_net [--out FOLDER] [--epochs E] [--seed S]

Same data and optimiser as the nets of Table 1; the filters are fixed, so that 6 epochs are enough. Of seven
pairs of rate and weight decay, tried on the last 10,000 training images after training on the others, four
were equally good; this is one of them. FOLDER holds the run, saved after every epoch, and then
`scattering.safetensors` with its card.
"""

from dataclasses import replace
from pathlib import Path

import typer

from rolab.data import Dataset
from rolab.experiments.masked_net import train_and_keep
from rolab.nets import ScatteringNet
from rolab.objectives import Nominal
from rolab.training import Recipe

RECIPE = Recipe(epochs=6, learning_rate=0.01, weight_decay=5e-3)


def standardized(data: Dataset) -> ScatteringNet:
    """A fresh net that knows the scale of its features."""
    net = ScatteringNet()
    net.standardize(data.images[:5000])
    return net


def main(out: Path = Path("runs/scattering"), epochs: int = RECIPE.epochs, seed: int = 0) -> None:
    """Train the linear layer of the scattering network."""
    recipe = replace(RECIPE, epochs=epochs)
    train_and_keep("mnist/scattering", standardized, Nominal(), recipe, out, seed)


if __name__ == "__main__":
    typer.run(main)
