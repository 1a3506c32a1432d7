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

from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from rolab.experiments.presets import CIFAR10_SMOOTHING, NORMS, baseline_net, cifar10_experiment, robust_net
from rolab.experiments.selection import select
from rolab.experiments.spec import by_name

CANDIDATES = {"l1": (0.1, 0.3), "l2": (0.02, 0.06), "linf": (0.0005, 0.0015)}
TRAINED, HELD_OUT, EPOCHS = 20_000, 10_000, 6
SMOOTHING = CIFAR10_SMOOTHING["full"]
NAMES = {  # of a candidate → its norm and radius
    f"robust-{norm}-{radius:g}": (norm, radius) for norm in NORMS for radius in CANDIDATES[norm]
}
FULL = cifar10_experiment("full").on("cpu")
EXPERIMENT = replace(
    FULL,
    recipe=replace(FULL.recipe, epochs=EPOCHS),
    nets=by_name(
        [
            baseline_net(SMOOTHING),
            *(replace(robust_net(*which, SMOOTHING), name=name) for name, which in NAMES.items()),
        ]
    ),
)


def about(net: str) -> dict[str, Any]:
    """The norm of a candidate, and its radius."""
    norm, radius = NAMES.get(net, (None, None))
    return {"norm": norm, "radius": radius}


def chosen(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Norm → the radius with the highest accuracy."""
    best = {norm: max((r for r in rows if r["norm"] == norm), key=lambda r: r["accuracy"]) for norm in NORMS}
    return {norm: row["radius"] for norm, row in best.items()}


def main(out: Path = Path("runs/cifar10-radii"), seed: int = 0) -> None:
    """Choose the radii of the CIFAR-10 experiment on a split of the training set."""
    path = out / f"seed-{seed}" / "radii.json"
    select("radius_selection", path, EXPERIMENT, (TRAINED, HELD_OUT), seed, about, chosen)


if __name__ == "__main__":
    typer.run(main)
