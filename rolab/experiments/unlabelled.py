"""A month's worth of unlabelled digits: what do images without labels add to few with labels?

    python -m rolab.experiments.unlabelled [--out FOLDER] [--seeds 0,1,2] [--epochs E]

Each seed draws 1,000 of MNIST's training images, which keep their labels; the other 59,000 lose theirs. Four
nets with one hidden layer, of 200, learn from the same initial weights, in equally many steps of the same
labelled images, and U is an ℓ2 ball:

    supervised        Nominal()
    noise             0.5 * Nominal() + 0.5 * Noise(U), as far from the labelled images, in any direction
    virtual-labelled  Nominal() + Virtual(U), at the labelled images
    virtual           Nominal() + Unlabelled(Virtual(U), images), at 64 images without labels a step

The radius is chosen by the 1,000 labels: with each of `RADII` and each seed the net `virtual` learns from 750
of the labelled images, and the radius is taken with which most of the other 250 are read right, summed over
the seeds; of equally good ones the smallest. Only the finished four nets look at test images.

FOLDER holds the runs, saved after every epoch, and in the end `unlabelled.json`. Run again, it goes on.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
import typer
from torch import Tensor
from tqdm.auto import tqdm

from rolab.data import Dataset, mnist
from rolab.evaluation import accuracy_percent, correct, mcnemar
from rolab.experiments.tables import mean_sd
from rolab.experiments.transfer import ARCHITECTURES
from rolab.objectives import Noise, Nominal, Objective, Unlabelled, Virtual
from rolab.sets import Ball
from rolab.storage import environment, lock, user_path, write_json
from rolab.training import Recipe, train, training_step

MAKE, _ = ARCHITECTURES["mlp"]
LABELLED, HELD_OUT = 1000, 250  # the held out are among the labelled
RADII = 1.0, 2.0, 4.0
RECIPE = Recipe(epochs=16, batch_size=32, learning_rate=0.1)
TITLES = {
    "supervised": "1,000 labels",
    "noise": "1,000 labels, noise",
    "virtual-labelled": "1,000 labels, virtual",
    "virtual": "1,000 labels, virtual on 59,000 images",
}


def objective_of(net: str, U: Ball, images: Tensor) -> Objective:
    """The objective of a net, by its name; the images are those without labels."""
    return {
        "supervised": Nominal(),
        "noise": 0.5 * Nominal() + 0.5 * Noise(U),
        "virtual-labelled": Nominal() + Virtual(U),
        "virtual": Nominal() + Unlabelled(Virtual(U), images, 64),
    }[net]


def parted(data: Dataset, seed: int) -> tuple[Dataset, Tensor]:
    """The labelled examples of a seed, and all other images."""
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    return data[order[:LABELLED]], data.images[order[LABELLED:]]


def judged(
    objective: Objective, known: Dataset, unseen: Dataset, recipe: Recipe, seed: int, folder: Path
) -> Tensor:
    """Trains a net on what is known, or what is missing of it; which of the unseen images it reads right."""
    torch.manual_seed(seed)
    net = MAKE(known)
    train(net, known, objective, recipe, seed=seed, folder=folder, device="cpu", progress=False)
    return correct(net, unseen)


def compared(seeds: Sequence[int], recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Chooses the radius, trains the nets of all seeds, and returns the record."""
    data, test = mnist("train"), mnist("test")
    held_out: dict[float, list[Tensor]] = {radius: [] for radius in RADII}  # a seed each
    found: dict[str, list[Tensor]] = {net: [] for net in TITLES}  # a seed each
    with tqdm(total=len(seeds) * (len(RADII) + len(TITLES)), unit="net") as bar:
        for seed in seeds:
            labelled, images = parted(data, seed)
            for radius, parts in held_out.items():
                how, place = objective_of("virtual", Ball("l2", radius), images), f"held-out-{radius:g}"
                known, unseen = labelled[:-HELD_OUT], labelled[-HELD_OUT:]
                parts.append(judged(how, known, unseen, recipe, seed, folder / f"seed-{seed}" / place))
                bar.update()
        chances = {radius: accuracy_percent(torch.cat(parts)) for radius, parts in held_out.items()}
        chosen = max(sorted(chances), key=lambda radius: chances[radius])  # the first of equally good ones
        for seed in seeds:
            labelled, images = parted(data, seed)
            for net, each in found.items():
                how = objective_of(net, Ball("l2", chosen), images)
                each.append(judged(how, labelled, test, recipe, seed, folder / f"seed-{seed}" / net))
                bar.update()
    costs = step_costs(labelled, images, Ball("l2", chosen), recipe)
    return {
        "experiment": "unlabelled",
        "seeds": list(seeds),
        "labelled": LABELLED,
        "unlabelled": len(data) - LABELLED,
        "radius": {
            "chosen": chosen,
            "held_out_accuracy": [{"radius": radius, "accuracy": chances[radius]} for radius in RADII],
            "held_out_examples": HELD_OUT * len(seeds),
        },
        "architecture": "784-200-10",
        "recipe": asdict(recipe),
        "steps": recipe.epochs * -(-LABELLED // recipe.batch_size),
        "rows": [row(net, found[net], found["supervised"], costs[net]) for net in TITLES],
        "environment": environment(),
    }


def step_costs(data: Dataset, images: Tensor, U: Ball, recipe: Recipe, rounds: int = 10) -> dict[str, Any]:
    """The time of a training step in supervised ones, by name: all in turn, the first round apart.

    It is time of the processor: on one thread, what else the machine does hardly matters.
    """
    nets = {name: MAKE(data) for name in TITLES}
    optimizers = {name: recipe.optimizer(net) for name, net in nets.items()}
    objectives = {name: objective_of(name, U, images) for name in TITLES}
    x, y = data.images[: recipe.batch_size], data.labels[: recipe.batch_size]
    taken: dict[str, list[float]] = {name: [] for name in TITLES}
    for _ in range(1 + rounds):
        for name, net in nets.items():
            began = time.process_time()
            training_step(net.train(), x, y, objectives[name], optimizers[name])
            taken[name].append(time.process_time() - began)
    standard = taken["supervised"]
    return {
        name: mean_sd([own / one for own, one in list(zip(each, standard, strict=True))[1:]])
        for name, each in taken.items()
    }


def row(net: str, found: Sequence[Tensor], supervised: Sequence[Tensor], cost: Any) -> dict[str, Any]:
    """What a net's seeds gave, beside those of the supervised net."""
    tests = [mcnemar(alone, own) for alone, own in zip(supervised, found, strict=True)]
    return {
        "net": net,
        "title": TITLES[net],
        "test_accuracy": mean_sd([accuracy_percent(right) for right in found]),
        "mcnemar": None if net == "supervised" else tests,
        "step_cost": cost,
    }


def main(out: Path = Path("runs/unlabelled"), seeds: str = "0,1,2", epochs: int = RECIPE.epochs) -> None:
    """Compare what is learnt from few labelled digits, with and without many others."""
    torch.set_num_threads(1)  # as in the experiments: the result does not depend on the number of cores
    try:
        try:
            numbers = [int(seed) for seed in seeds.split(",")]
        except ValueError:
            raise ValueError(f"seeds: expected whole numbers such as 0,1,2, got {seeds!r}") from None
        folder, recipe = user_path(out), replace(RECIPE, epochs=epochs)
        with lock(folder / "unlabelled.json"):
            record = compared(numbers, recipe, folder)
            write_json(folder / "unlabelled.json", record)
    except ValueError as error:
        print(f"unlabelled: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    for each in record["rows"]:
        values, mean = each["test_accuracy"]["values"], each["test_accuracy"]["mean"]
        print(f"{each['title']:40} {mean:.2f} % ({min(values):.2f} to {max(values):.2f} over seeds)")
    print(f"The record is in {folder}.")


if __name__ == "__main__":
    typer.run(main)
