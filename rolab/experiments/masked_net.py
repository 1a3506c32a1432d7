"""Trains the net of notebook 09 that looks unbeatable: Algorithm 1 with a radius that is too large for it.

    python -m rolab.experiments.masked_net [--out FOLDER] [--radius R] [--epochs E] [--seed S]

Same architecture, data and optimiser as the nets of Table 1, 8 epochs instead of 12, and five times the
radius of robust ℓ∞. Such a net learns to have its gradient point elsewhere than uphill (Wong, Rice and Kolter
(2020) call it catastrophic overfitting): at that radius one step does not break it, several do. FOLDER holds
the run, saved after every epoch, and then `masked.safetensors` with its card.
"""

import argparse
import sys
from pathlib import Path

import torch

from rolab import zoo
from rolab.evaluation import accuracy
from rolab.experiments.presets import MASKED, mnist_experiment
from rolab.experiments.seed import build_collection
from rolab.nets import ConvNet
from rolab.objectives import Robust
from rolab.sets import Ball
from rolab.storage import read_json
from rolab.training import Recipe, train


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/masked"))
    parser.add_argument("--radius", type=float, default=MASKED.radius)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # as in the experiments: the result does not depend on the number of cores
    torch.manual_seed(arguments.seed)
    experiment = mnist_experiment("full")
    net, test = ConvNet(), experiment.images("test")
    train(
        net,
        experiment.images("train"),
        Robust(Ball("linf", arguments.radius)),
        Recipe(epochs=arguments.epochs),
        seed=arguments.seed,
        test=test,
        folder=arguments.out / "run",
        device="cpu",
    )
    A = build_collection(experiment, zoo.load("mnist/baseline"), test)
    zoo.keep(
        arguments.out,
        "mnist/masked",
        net,
        read_json(arguments.out / "run" / "run.json"),
        radius=arguments.radius,
        test_accuracy=accuracy(net, test),
        adversarial_accuracy=accuracy(net, A.examples()),
        collection_radii=A.radii,
    )
    print(f"The net and its card are in {arguments.out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
