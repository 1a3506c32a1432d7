"""Radius selection: chooses the radii of the CIFAR-10 experiment on a split of the training set.

    python -m rolab.experiments.radius_selection [--out FOLDER] [--seed S]

Nets of the `full` preset, with fewer epochs, are trained on the first 20,000 training images and evaluated on
the last 10,000; the test images are not looked at. For each norm there are two radii, a small one and its
triple. Chosen is the one with the higher accuracy on the unperturbed images, as the paper's first claim is
that robust training improves it; for A and for Figure 6 a larger radius would do better. A standard error of
these accuracies is a third of a point, and two radii bracket no optimum: the choice is rough, and the record
has both.

FOLDER/seed-S holds the runs, saved after every epoch, and radii.json in the end. Run again, it goes on.
"""

import sys
from concurrent.futures import as_completed
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import typer
from torch import Tensor

from rolab import data
from rolab.evaluation import accuracy_percent, correct, mcnemar
from rolab.experiments.presets import CIFAR10_SMOOTHING, NORMS, baseline_net, cifar10_experiment, robust_net
from rolab.experiments.seed import initial_net
from rolab.experiments.workers import Report, worker_pool
from rolab.storage import lock, read_json, write_json
from rolab.training import train

CANDIDATES = {"l1": (0.1, 0.3), "l2": (0.02, 0.06), "linf": (0.0005, 0.0015)}
TRAINED, HELD_OUT, EPOCHS = 20_000, 10_000, 6
EXPERIMENT = cifar10_experiment("full").on("cpu")
RECIPE = replace(EXPERIMENT.recipe, epochs=EPOCHS)
SMOOTHING = CIFAR10_SMOOTHING["full"]
TRIALS = {  # name of the folder → norm, net
    "baseline": (None, baseline_net(SMOOTHING)),
    **{
        f"robust-{norm}-{radius:g}": (norm, robust_net(norm, radius, SMOOTHING))
        for norm in NORMS
        for radius in CANDIDATES[norm]
    },
}


def trial(name: str, folder: Path, seed: int, report: Report) -> tuple[Tensor, float]:
    """Trains a net, or what is missing of it; which held-out images it gets right, and its seconds."""

    def told(done: int, steps: int, line: str) -> None:
        report(done / steps, f"{name}: {line}")

    images = data.cifar10("train")
    some, test, how = images[:TRAINED], images[-HELD_OUT:], (TRIALS[name][1].objective, RECIPE)
    net = initial_net(EXPERIMENT, seed, some.images)
    run = train(net, some, *how, seed=seed, test=test, folder=folder / name, device="cpu", progress=told)
    return correct(net, test), round(sum(epoch["seconds"] for epoch in run.history), 1)


def choose(seed: int, folder: Path) -> None:
    """Runs the trials, or what is missing of them, and writes what was chosen."""
    with worker_pool("cpu", len(TRIALS), True) as (workers, submit):
        # The baseline takes least, so it comes last.
        running = {submit(trial, name, folder, seed): name for name in reversed(TRIALS)}
        done = {running[future]: future.result() for future in as_completed(running)}
    rows: list[dict[str, Any]] = []
    for name, (norm, net) in TRIALS.items():
        right, seconds = done[name]
        test = None if norm is None else mcnemar(done["baseline"][0], right)
        row = {"norm": norm, "radius": net.radius, "accuracy": accuracy_percent(right)}
        rows.append(row | {"mcnemar": test, "seconds": seconds})
    best = {norm: max((r for r in rows if r["norm"] == norm), key=lambda r: r["accuracy"]) for norm in NORMS}
    made_on = read_json(folder / "baseline" / "run.json")["environment"]
    result = {
        "trained_on": TRAINED,
        "judged_on": HELD_OUT,
        "seed": seed,
        "recipe": asdict(RECIPE),
        "rows": rows,
        "chosen": {norm: row["radius"] for norm, row in best.items()},
        "environment": made_on | {"workers": workers},
    }
    write_json(folder / "radii.json", result)
    print(f"{result['chosen']}, in {folder / 'radii.json'}.")


def main(out: Path = Path("runs/cifar10-radii"), seed: int = 0) -> None:
    """Choose the radii of the CIFAR-10 experiment on a split of the training set."""
    folder = out / f"seed-{seed}"
    try:
        with lock(folder / "radii.json"):
            choose(seed, folder)
    except ValueError as error:
        print(f"radius_selection: {error}", file=sys.stderr)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    typer.run(main)
