"""Training: Algorithm 1 as one loop, its hyperparameters, its checkpoints and its devices.

    run = train(ConvNet(), mnist("train"), Robust(Ball("linf", 0.06)), Recipe(), folder="runs/mine")

A run that is given a folder goes on from there.
"""

from rolab.training.checkpoint import Run, keep_weights
from rolab.training.devices import pick_device
from rolab.training.loop import train, training_step
from rolab.training.recipe import PRECISIONS, Recipe

__all__ = ["PRECISIONS", "Recipe", "Run", "keep_weights", "pick_device", "train", "training_step"]
