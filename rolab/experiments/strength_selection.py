"""Strength selection: chooses how strong each method of the related work is, on a split of the training set.

    python -m rolab.experiments.strength_selection [--out FOLDER] [--seed S]

Nets are trained on the first 20,000 training images, fewer epochs than in the table, and evaluated on the
last 10,000; the test images are not looked at. One rule for all methods: of the strengths that cost no more
than 0.3 points of accuracy, the one that leaves most under PGD of 40 steps at ε = 0.1, on the first 1,000 of
the images held out; where all cost more, the one that costs least. A standard error of the accuracy is 0.1
points, and some strengths bracket no optimum: the choice is rough, and the record has all.

FOLDER/seed-S holds the runs, saved after every epoch, and strengths.json in the end. Run again, it goes on.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import typer

from rolab.experiments.measures import SETS, norm_product, pgd_40, right_under
from rolab.experiments.presets import baseline_net, mnist_experiment
from rolab.experiments.related_work import METHODS
from rolab.experiments.selection import select
from rolab.experiments.spec import Measure, by_name

TRAINED, HELD_OUT, ATTACKED, EPOCHS, COST = 20_000, 10_000, 1_000, 3, 0.3
CANDIDATES = {f"{name}-{s:g}": (name, s) for name, method in METHODS.items() for s in method.strengths}
FULL = mnist_experiment("full").on("cpu")
EXPERIMENT = replace(
    FULL,
    name="related-work-strengths",
    recipe=replace(FULL.recipe, epochs=EPOCHS),
    nets=by_name([baseline_net(), *(METHODS[name].net(each, s) for each, (name, s) in CANDIDATES.items())]),
    measures={
        "pgd_accuracy": Measure("PGD-40 %", partial(right_under, pgd_40, SETS["linf"], ATTACKED)),
        "norm_product": Measure("Π norms", norm_product),
    },
    memory=2 * 10**9,
)


def chosen(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Name of each method → the strength that the rule chooses; the first row is the baseline's."""
    least = rows[0]["accuracy"] - COST

    def merit(row: dict[str, Any]) -> tuple[bool, float]:
        cheap = row["accuracy"] >= least
        return cheap, row["pgd_accuracy"] if cheap else row["accuracy"]

    return {
        name: max((row for row in rows if row["method"] == name), key=merit)["strength"] for name in METHODS
    }


def about(net: str) -> dict[str, Any]:
    """The method of a candidate, and its strength."""
    name, strength = CANDIDATES.get(net, (None, None))
    return {"method": name, "strength": strength}


def main(out: Path = Path("runs/related-work-strengths"), seed: int = 0) -> None:
    """Choose the strengths of the related work on a split of the training set."""
    path, split = out / f"seed-{seed}" / "strengths.json", (TRAINED, HELD_OUT)
    facts = {"attacked": ATTACKED, "cost_allowed": COST}
    select("strength_selection", path, EXPERIMENT, split, seed, about, chosen, **facts)


if __name__ == "__main__":
    typer.run(main)
