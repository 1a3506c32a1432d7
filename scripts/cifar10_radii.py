#!/usr/bin/env python3
"""Choose the radii of the CIFAR-10 experiment on a split of the training set.

    python scripts/cifar10_radii.py [--out FOLDER] [--seed S]

Nets of the `full` preset, with fewer epochs, are trained on the first 20,000 training images and judged on
the last 10,000; the test images are not looked at. For each norm there are two radii, a small one and its
triple. Chosen is the one with the higher accuracy on the unperturbed images: the paper's claim is that robust
training improves it, so each norm gets its best chance. A standard error of these accuracies is a third of a
point: the choice is rough, and the record has both.

FOLDER is resumable like a run of `rolab reproduce`, and holds radii.json in the end.
"""

import argparse
import sys
import time
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from rolab import data
from rolab.crew import crew
from rolab.data import Dataset
from rolab.experiments import NORMS, Experiment, cifar10_experiment
from rolab.objectives import Nominal, Objective, Robust
from rolab.records import environment, write_json
from rolab.reproduction import judge_seed, train_net
from rolab.sets import Ball

CANDIDATES = {"l1": (0.1, 0.3), "l2": (0.02, 0.06), "linf": (0.0005, 0.0015)}
TRAINED, HELD_OUT, EPOCHS = 20_000, 10_000, 10


@dataclass(frozen=True)
class Split(Experiment):
    """The experiment on a split of its training set, with one robust net for every radius."""

    @property
    def nets(self) -> tuple[str, ...]:
        robust = (f"robust-{norm}-{radius:g}" for norm in NORMS for radius in CANDIDATES[norm])
        return ("baseline", *robust)

    def nets_of(self, seed: int) -> tuple[str, ...]:
        return self.nets

    def images(self, split: Literal["train", "test"]) -> Dataset:
        train = data.cifar10("train")
        return train[:TRAINED] if split == "train" else train[-HELD_OUT:]

    def objective(self, net: str) -> Objective:
        radius = self.radius(net)
        if radius is None:
            return Nominal(self.smoothing)
        return Robust(Ball(net.split("-")[1], radius), smoothing=self.smoothing)

    def radius(self, net: str) -> float | None:
        return None if net == "baseline" else float(net.split("-")[2])


def split(seed: int) -> Split:
    """The `full` preset on the split."""
    full = cifar10_experiment("full", (seed,))
    fields = {name: getattr(full, name) for name in asdict(full)}
    recipe = replace(full.recipe, epochs=EPOCHS)
    return Split(**fields | {"preset": "split", "recipe": recipe, "augmented": ()})


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/cifar10-radii"))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    plan, started = split(arguments.seed), time.perf_counter()
    folder = arguments.out / f"seed-{arguments.seed}"
    with crew("cpu", len(plan.nets), True) as (workers, submit):
        trained = [submit(train_net, plan, arguments.seed, net, folder, "cpu") for net in reversed(plan.nets)]
        for future in as_completed(trained):
            future.result()
        record = submit(judge_seed, plan, arguments.seed, folder, "cpu").result()
    nets: dict[str, Any] = record["nets"]
    accuracies = {
        norm: {radius: nets[f"robust-{norm}-{radius:g}"]["test_accuracy"] for radius in CANDIDATES[norm]}
        for norm in NORMS
    }
    kept = ("test_accuracy", "adversarial_accuracy", "mcnemar", "seconds")
    result = {
        "trained_on": TRAINED,
        "judged_on": HELD_OUT,
        "seed": arguments.seed,
        "recipe": asdict(plan.recipe),
        "rows": [
            {"net": net, "radius": plan.radius(net), **{name: nets[net][name] for name in kept}}
            for net in plan.nets
        ],
        "chosen": {norm: max(tried, key=lambda radius: tried[radius]) for norm, tried in accuracies.items()},
        "environment": environment() | {"workers": workers},
        "seconds_of_this_sitting": round(time.perf_counter() - started, 1),
    }
    write_json(arguments.out / "radii.json", result)
    print(f"{result['chosen']}, in {arguments.out / 'radii.json'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
