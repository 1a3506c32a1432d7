"""Selection on a split of the training set: an experiment whose nets are candidates, without test images.

Every candidate is trained on the first images of training and evaluated on the last ones, by a worker each.
"""

import sys
from collections.abc import Callable
from concurrent.futures import as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from torch import Tensor

from rolab.evaluation import accuracy_percent, correct, mcnemar
from rolab.experiments.seed import initial_net
from rolab.experiments.spec import Experiment
from rolab.experiments.workers import Report, worker_pool
from rolab.storage import lock, read_json, write_json
from rolab.training import train

Split = tuple[int, int]  # how many images train, how many judge
Found = tuple[Tensor, dict[str, Tensor | float], float]  # which images are right; measures; seconds


def try_net(experiment: Experiment, net: str, split: Split, seed: int, folder: Path, report: Report) -> Found:
    """Trains a candidate, or what is missing of it, and evaluates it on the images held out."""

    def told(done: int, steps: int, line: str) -> None:
        report(done / steps, f"{net}: {line}")

    images, (trained, held_out) = experiment.load("train"), split
    some, rest = images[:trained], images[-held_out:]
    model = initial_net(experiment, seed, some.images)
    objective, recipe = experiment.objective(net), experiment.recipe_of(net)
    run = train(
        model, some, objective, recipe, seed=seed, test=rest, folder=folder / net, device="cpu", progress=told
    )
    measured = {name: measure.of(model, rest) for name, measure in experiment.measures.items()}
    return correct(model, rest), measured, round(sum(epoch["seconds"] for epoch in run.history), 1)


def try_all(
    experiment: Experiment, split: Split, seed: int, folder: Path
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """What each candidate reached, with what the measures say and a comparison with the baseline; made on."""
    with worker_pool("cpu", len(experiment.nets), True, experiment.memory) as (workers, submit):
        last_first = list(experiment.nets)[::-1]  # the baseline takes least, so it comes last
        running = {submit(try_net, experiment, net, split, seed, folder): net for net in last_first}
        done: dict[str, Found] = {running[future]: future.result() for future in as_completed(running)}
    rows = {}
    for net in experiment.nets:
        right, measured, seconds = done[net]
        rows[net] = {
            "accuracy": accuracy_percent(right),
            **{name: accuracy_percent(m) if isinstance(m, Tensor) else m for name, m in measured.items()},
            "mcnemar": None if net == experiment.baseline else mcnemar(done[experiment.baseline][0], right),
            "seconds": seconds,
        }
    made_on = read_json(folder / experiment.baseline / "run.json")["environment"]
    return rows, made_on | {"workers": workers}


def select(
    command: str,
    path: Path,
    experiment: Experiment,
    split: Split,
    seed: int,
    about: Callable[[str], dict[str, Any]],
    choose: Callable[[list[dict[str, Any]]], dict[str, float]],
    **facts: Any,
) -> None:
    """Tries all candidates, or what is missing of them, beside the record, and writes what was chosen.

    Args:
        command: what errors call it; they are printed, in one sentence, and end it
        path: of the record; the runs are kept beside it
        experiment: its nets are the candidates
        split: how many images train, how many judge
        seed: of all random numbers
        about: name of a net → what its row says of it
        choose: rows, that of the baseline first → what is chosen
        facts: what else the record should say
    """
    try:
        with lock(path):
            found, made_on = try_all(experiment, split, seed, path.parent)
            rows = [about(net) | row for net, row in found.items()]
            chosen = choose(rows)
            result = {"trained_on": split[0], "judged_on": split[1], **facts, "seed": seed}
            result |= {"recipe": asdict(experiment.recipe), "rows": rows, "chosen": chosen}
            write_json(path, result | {"environment": made_on})
    except ValueError as error:
        print(f"{command}: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(f"{chosen}, in {path}.")
