#!/usr/bin/env python3
"""Choose the radii of the CIFAR-10 experiment on a split of the training set.

    python scripts/cifar10_radii.py [--out FOLDER] [--seed S]

Nets of the `full` preset, with fewer epochs, are trained on the first 20,000 training images and judged on
the last 10,000; the test images are not looked at. For each norm there are two radii, a small one and its
triple. Chosen is the one with the higher accuracy on the unperturbed images, as the paper's first claim is
that robust training improves it; for A and for Figure 6 a larger radius would do better. A standard error of
these accuracies is a third of a point, and two radii bracket no optimum: the choice is rough, and the record
has both.

FOLDER/seed-S holds the runs, saved after every epoch, and radii.json in the end. Run again, it goes on.
"""

import argparse
import sys
from concurrent.futures import as_completed
from dataclasses import asdict, replace
from pathlib import Path

from torch import Tensor

from rolab import data
from rolab.crew import Report, crew
from rolab.evaluation import accuracy_percent, mcnemar, predict
from rolab.experiments import NORMS, cifar10_experiment
from rolab.objectives import Nominal, Objective, Robust
from rolab.reproduction import initial_net
from rolab.sets import Ball
from rolab.storage import alone, read_json, write_json
from rolab.training import train

CANDIDATES = {"l1": (0.1, 0.3), "l2": (0.02, 0.06), "linf": (0.0005, 0.0015)}
TRAINED, HELD_OUT, EPOCHS = 20_000, 10_000, 6
PLAN = cifar10_experiment("full").on("cpu")
RECIPE = replace(PLAN.recipe, epochs=EPOCHS)
TRIALS = [("baseline", None), *((norm, radius) for norm in NORMS for radius in CANDIDATES[norm])]


def name_of(norm: str, radius: float | None) -> str:
    """The folder of a trial."""
    return norm if radius is None else f"robust-{norm}-{radius:g}"


def trial(norm: str, radius: float | None, folder: Path, seed: int, report: Report) -> tuple[Tensor, float]:
    """Trains a net, or what is missing of it; which held-out images it gets right, and its seconds."""
    objective: Objective = Nominal(PLAN.smoothing)
    if radius is not None:
        objective = Robust(Ball(norm, radius), smoothing=PLAN.smoothing)
    images = data.cifar10("train")
    some, held_out, name = images[:TRAINED], images[-HELD_OUT:], name_of(norm, radius)
    net = initial_net(PLAN, seed, some.images)
    run = train(
        net,
        some,
        objective,
        RECIPE,
        seed=seed,
        test=held_out,
        folder=folder / name,
        device="cpu",
        progress=lambda done, steps, line: report(done / steps, f"{name}: {line}"),
    )
    right = predict(net, held_out.images) == held_out.labels
    return right, round(sum(epoch["seconds"] for epoch in run.history), 1)


def choose(seed: int, folder: Path) -> None:
    """Runs the trials, or what is missing of them, and writes what was chosen."""
    with crew("cpu", len(TRIALS), True) as (workers, submit):
        # The baseline takes least, so it comes last.
        running = {submit(trial, *tried, folder, seed): tried for tried in reversed(TRIALS)}
        done = {running[future]: future.result() for future in as_completed(running)}
    judged = {tried: done[tried] for tried in TRIALS}
    standard = judged[TRIALS[0]][0]
    accuracy = {tried: accuracy_percent(right) for tried, (right, _) in judged.items()}
    rows = [
        {
            "norm": norm if radius is not None else None,
            "radius": radius,
            "accuracy": accuracy[norm, radius],
            "mcnemar": mcnemar(standard, right) if radius is not None else None,
            "seconds": seconds,
        }
        for (norm, radius), (right, seconds) in judged.items()
    ]
    made_on = read_json(folder / "baseline" / "run.json")["environment"]
    result = {
        "trained_on": TRAINED,
        "judged_on": HELD_OUT,
        "seed": seed,
        "recipe": asdict(RECIPE),
        "rows": rows,
        "chosen": {norm: max(CANDIDATES[norm], key=lambda radius: accuracy[norm, radius]) for norm in NORMS},
        "environment": made_on | {"workers": workers},
    }
    write_json(folder / "radii.json", result)
    print(f"{result['chosen']}, in {folder / 'radii.json'}.")


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/cifar10-radii"))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    folder = arguments.out / f"seed-{arguments.seed}"
    try:
        with alone(folder):
            choose(arguments.seed, folder)
    except ValueError as error:
        print(f"cifar10_radii: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
