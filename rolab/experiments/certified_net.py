"""Trains a net of which as much as possible can be proved: no change of pixels up to 0.1 misleads it.

    python -m rolab.experiments.certified_net [--out FOLDER] [--epochs E] [--seed S]

Same architecture, data and optimiser as the nets of Table 1, without weight decay, at a lower rate, for 16
epochs, in the first half of which the set grows. FOLDER holds the run, saved after every epoch, and then
`certified.safetensors` with its card: `proved_accuracy` is the share of the test digits that
`rolab.certify.certified` proves to be read correctly whatever is done to their pixels, up to 0.1.
"""

from pathlib import Path

import typer
from torch import nn

from rolab.data import Dataset
from rolab.evaluation import accuracy_percent
from rolab.experiments.attack_grid import InPixelBox
from rolab.experiments.masked_net import train_and_keep
from rolab.experiments.measures import proved
from rolab.nets import ConvNet
from rolab.objectives import Certified
from rolab.sets import Ball
from rolab.training import Recipe

U = Ball("linf", 0.1)


def proved_accuracy(model: nn.Module, test: Dataset) -> float:
    """The share of the test images that are proved, in percent."""
    return accuracy_percent(proved(U, len(test), model, test))


def main(out: Path = Path("runs/certified"), epochs: int = 16, seed: int = 0) -> None:
    """Train a net of which as much as possible can be proved."""
    recipe = Recipe(epochs=epochs, learning_rate=0.05, weight_decay=0.0)
    objective, measures = Certified(InPixelBox(U)), {"proved_accuracy": proved_accuracy}
    train_and_keep("mnist/certified", lambda images: ConvNet(), objective, recipe, out, seed, measures)


if __name__ == "__main__":
    typer.run(main)
