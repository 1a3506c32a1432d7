"""Runs an experiment into a folder: the nets, trained side by side, the collection A, the table, the figures.

out/experiment.json                     what the folder holds; a folder that holds something else is refused
out/seed-0/baseline/                    the training run, saved after every epoch; finished, its weights
out/seed-0/baseline.safetensors, .json  the finished net and its card
out/seed-0/collection.safetensors       A: the rows of its sources in the test set and the perturbations
out/seed-0/seed.json                    all that was measured with this seed
out/table1.json, table1.md, figure1…3   the results (of CIFAR-10: table2, figure4…6)
"""

import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from torch import nn

from rolab import nets as networks
from rolab import zoo
from rolab.crew import Progress, Report, crew
from rolab.errors import RecordError
from rolab.evaluation import (
    Collection,
    accuracy,
    accuracy_percent,
    accuracy_vs_radius,
    adversarial_collection,
    mcnemar,
    predict,
)
from rolab.experiments import NETS, NORMS, TABLES, Experiment, InvariantError, markdown, spread, table
from rolab.nets import WhitenedNet
from rolab.sets import Ball
from rolab.storage import alone, holds_something, read_json, read_tensors, write, write_json, write_tensors
from rolab.training import pick_device, train
from rolab.training.checkpoint import keep_weights


def reproduce(
    experiment: Experiment, out: str | Path, *, device: str = "auto", progress: Progress = True
) -> dict:
    """Runs an experiment, or what is missing of it, and returns the table that it writes to `out`.

    On a CPU every net is trained by its own process on one thread, as many at a time as there are cores; on
    an accelerator one after the other.

    Args:
        experiment: as `mnist_experiment("fast")` gives it
        out: the folder; where it holds the same experiment, finished parts are taken over
        device: "auto", or a name that torch knows
        progress: a bar; or a function that is told (share done, a line); or False

    Raises:
        DataError: the images have not been fetched.
        RecordError: `out` cannot be written, is damaged, holds something else, or another process is at it.
        DivergedError: a loss became NaN.
    """
    out, place = Path(out), pick_device(device)
    experiment.images("test")  # if they have not been fetched, this says so before anything is written
    with alone(out):
        _claim(out, experiment)
        records, workers, seconds = _train_and_judge(experiment, out, place, progress)
        first = out / f"seed-{experiment.seeds[0]}"
        made_on = read_json(first / "baseline" / "run.json")["environment"] | {"workers": workers}
        result = table(experiment, [records[seed] for seed in experiment.seeds], made_on, seconds)
        result["collection"]["other_baselines"] = _others_on_A(experiment, out)
        _draw(out, experiment, result)
        name = TABLES[experiment.name]
        write(out / f"{name}.md", markdown(result).encode())
        write_json(out / f"{name}.json", result)
    return result


def _train_and_judge(
    experiment: Experiment, out: Path, place: torch.device, progress: Progress
) -> tuple[dict[int, dict], int, float]:
    """Trains what is missing, and judges each seed as soon as its nets are there.

    Returns:
        the record of every seed, the number of workers, and the seconds of all sittings
    """
    # The baseline takes half as long as the others, so it comes last: it fills the gap that they leave.
    every = [(seed, net) for seed in experiment.seeds for net in reversed(experiment.nets_of(seed))]
    every.sort(key=lambda job: job[1] not in NETS)  # what the paper has comes before what we add
    jobs: deque[tuple] = deque((train_net, *job) for job in every)
    missing = {seed: set(experiment.nets_of(seed)) for seed in experiment.seeds}
    records: dict[int, dict] = {}
    started = time.perf_counter()
    with crew(place.type, len(jobs), progress) as (workers, submit):
        running: dict[Future, tuple] = {}
        try:
            while jobs or running:
                while jobs and len(running) < workers:
                    job, seed, *net = jobs.popleft()
                    future = submit(job, experiment, seed, *net, out / f"seed-{seed}", str(place))
                    running[future] = (seed, *net)
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    seed, *net = running.pop(future)
                    result = future.result()
                    missing[seed] -= set(net)
                    if not net:
                        records[seed] = result
                    elif not missing[seed]:
                        jobs.appendleft((judge_seed, seed))
        finally:
            seconds = _note_time(out, time.perf_counter() - started)
    return records, workers, seconds


def train_net(experiment: Experiment, seed: int, net: str, folder: Path, device: str, report: Report) -> None:
    """Trains one net, or what is missing of it, and measures its accuracy under its own attack."""
    images, test = experiment.images("train"), experiment.images("test")
    model = initial_net(experiment, seed, images.images)
    train(
        model,
        images,
        experiment.objective(net),
        experiment.recipe_of(net),
        seed=seed,
        test=test,
        folder=folder / net,
        device=device,
        progress=lambda done, steps, line: report(done / steps, f"{net}, seed {seed}: {line}"),
    )
    run = keep_weights(folder / net, experiment.stored)
    _round(model, experiment)
    path = folder / net / "evaluation.json"
    judged = {"sha256": run["sha256"], "stored": experiment.stored, "epsilons": list(experiment.epsilons)}
    known = read_json(path) if path.exists() else {}
    if known | judged != known:
        swept = accuracy_vs_radius(model, test, [Ball("linf", epsilon) for epsilon in experiment.epsilons])
        write_json(path, {**judged, "sweep": swept})


def initial_net(experiment: Experiment, seed: int, images: torch.Tensor) -> nn.Module:
    """The net with which the training of all nets of a seed begins; the images are those of training."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        model = architecture(experiment)()
    if isinstance(model, WhitenedNet):
        model.whiten(images[:5000])
    return model


def judge_seed(
    experiment: Experiment, seed: int, folder: Path, device: str, report: Report
) -> dict[str, Any]:
    """Judges the nets of a seed on A, built from its baseline, and writes them with their cards."""
    nets = experiment.nets_of(seed)
    runs = {net: read_json(folder / net / "run.json") for net in nets}
    hashes = {net: run["sha256"] for net, run in runs.items()}
    path = folder / "seed.json"
    known = read_json(path) if path.exists() else {"runs": {}}
    if known["runs"] == hashes:
        return known
    models = {net: _load(experiment, folder / net, runs[net]).to(device) for net in nets}
    test = experiment.images("test")
    right = {net: predict(model, test.images) == test.labels for net, model in models.items()}
    A = None
    if known["runs"].get("baseline") == hashes["baseline"]:  # other nets have joined: A stays
        A = _collection(experiment, folder)
        seen = predict(models["baseline"], A.examples().images)
        if not right["baseline"][A.rows].all() or (seen == A.examples().labels).any():
            A = None  # on another device an example may lie on the other side of a boundary
    if A is None:
        report(None, f"seed {seed}: building A")
        sets = {norm: Ball(norm, 1.0) for norm in NORMS}
        A = adversarial_collection(models["baseline"], test, sets, experiment.grids, experiment.sizes)
    report(None, f"seed {seed}: judging")
    grown = [A.examples(scale) for scale in experiment.scales]
    record: dict[str, Any] = {"seed": seed, "runs": hashes, "radii": A.radii, "size": len(A), "nets": {}}
    for net, model in models.items():
        on_A = [accuracy_percent(predict(model, examples.images) == examples.labels) for examples in grown]
        record["nets"][net] = {
            "test_accuracy": accuracy_percent(right[net]),
            "adversarial_accuracy": on_A[0],
            "growth": on_A,
            "sweep": read_json(folder / net / "evaluation.json")["sweep"],
            "epochs": [epoch["test_accuracy"] for epoch in runs[net]["history"]],
            "seconds": round(sum(epoch["seconds"] for epoch in runs[net]["history"]), 1),
            **{
                name: mcnemar(right[opponent], right[net])
                for name, opponent in experiment.opponents(net).items()
                if opponent in right
            },
        }
    _check_invariants(experiment, record, A, right["baseline"])
    record["names"] = A.names
    record["collection_sha256"] = write_tensors(
        folder / "collection.safetensors", {"rows": A.rows, "perturbation": A.perturbation}
    )
    for net, model in models.items():
        measured = record["nets"][net]
        zoo.keep(
            folder,
            f"{experiment.name}/{net}",
            model,
            runs[net],
            precision=experiment.stored,
            experiment=experiment.name,
            preset=experiment.preset,
            radius=experiment.radius(net),
            test_accuracy=measured["test_accuracy"],
            adversarial_accuracy=measured["adversarial_accuracy"],
            collection_radii=A.radii,
        )
    write_json(path, record)
    return record


def architecture(experiment: Experiment) -> type[nn.Module]:
    """The class of the experiment's networks."""
    return getattr(networks, experiment.architecture)


def _load(experiment: Experiment, folder: Path, run: dict) -> nn.Module:
    model = architecture(experiment)()
    model.load_state_dict(read_tensors(folder / run["state"], run["sha256"]))
    return model.eval()


def _round(model: nn.Module, experiment: Experiment) -> None:
    """Rounds the weights of a finished net as they will be kept: what is judged is what is kept."""
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(tensor.to(getattr(torch, experiment.stored)))


# Percent of the test set. An image may stand so close to a boundary that two ways to compute the same logits
# (in another memory layout, on another device) see it on either side.
ROUNDED = 0.1


def _check_invariants(experiment: Experiment, record: dict, A, baseline_right: torch.Tensor) -> None:
    """What must hold of the paper's table, whatever the numbers."""
    changed = (A.perturbation != 0).flatten(1).sum(1)
    single = torch.tensor([name == "l1" for name in A.names])
    facts = {
        f"A holds {sum(experiment.sizes.values())} examples": record["size"]
        == sum(experiment.sizes.values()),
        "the baseline classifies every source of A correctly": bool(baseline_right[A.rows].all()),
        "the baseline classifies no example of A correctly": record["nets"]["baseline"][
            "adversarial_accuracy"
        ]
        == 0,
        "every ℓ1 example differs in exactly one pixel": bool((changed[single] == 1).all()),
        "the sweep begins with the accuracy on the test set": all(
            abs(net["sweep"][0] - net["test_accuracy"]) <= ROUNDED for net in record["nets"].values()
        ),
    }
    for fact, holds in facts.items():
        if not holds:
            raise InvariantError(f"seed {record['seed']}: it should hold that {fact}, and it does not")


def _claim(out: Path, experiment: Experiment) -> None:
    """Marks the folder as this experiment's, or refuses a folder that is something else's."""
    path = out / "experiment.json"
    if path.exists():
        record, asked = read_json(path), experiment.identity()
        held = record.get("experiment") if isinstance(record, dict) else None
        if held != asked:
            known = held if isinstance(held, dict) else {}
            other, begun = _differing(known, asked), ""
            if other == ["recipe.precision"]:
                begun = f", or go on with precision {known['recipe']['precision']}"
            raise RecordError(
                f"out {out} holds another experiment or preset (what differs: {', '.join(other)}); "
                f"choose another folder{begun}"
            )
    elif holds_something(out):
        raise RecordError(f"out {out} is not empty and holds no experiment; choose another folder")
    else:
        write_json(path, {"experiment": experiment.identity(), "seconds": 0.0})


def _differing(held: Any, asked: Any, name: str = "") -> list[str]:
    """Where two records differ, as `recipe.epochs`."""
    if held == asked:
        return []
    if not isinstance(held, dict) or not isinstance(asked, dict):
        return [name]
    keys = dict.fromkeys([*asked, *held])
    return [
        each
        for key in keys
        for each in _differing(held.get(key), asked.get(key), f"{name}.{key}" if name else key)
    ]


def _note_time(out: Path, seconds: float) -> float:
    """Adds to what the experiment has taken, over all sittings, and returns the sum."""
    claimed = read_json(out / "experiment.json")
    claimed["seconds"] = round(claimed["seconds"] + seconds, 1)
    write_json(out / "experiment.json", claimed)
    return claimed["seconds"]


def _others_on_A(experiment: Experiment, out: Path) -> dict[str, Any] | None:
    """The accuracy, on the A of each seed, of the baselines of the other seeds; None with one seed.

    A was not aimed at them, and they have seen no attack: what they get right, robust training need not
    explain.
    """
    if len(experiment.seeds) < 2:
        return None
    folders = {seed: out / f"seed-{seed}" for seed in experiment.seeds}
    baselines = {seed: load_net(experiment, folder) for seed, folder in folders.items()}
    right: dict[int, list[float]] = {}
    for seed, folder in folders.items():
        A = _collection(experiment, folder)
        right[seed] = [accuracy(net, A.examples()) for other, net in baselines.items() if other != seed]
    return spread([value for values in right.values() for value in values]) | {
        "of_each_A": [mean(values) for values in right.values()]
    }


def load_net(experiment: Experiment, folder: Path, net: str = "baseline") -> nn.Module:
    """A finished net from the folder of its seed, checked against its card; on the CPU, in eval mode."""
    model, card = architecture(experiment)(), read_json(folder / f"{net}.json")
    model.load_state_dict(read_tensors(folder / f"{net}.safetensors", card["sha256"]))
    return model.eval()


def _draw(out: Path, experiment: Experiment, result: dict) -> None:
    """Draws the figures, Figures 1 and 2 with the collection of the first seed."""
    from rolab import plots

    A, predicted = load_collection(experiment, out / f"seed-{experiment.seeds[0]}")
    plots.draw(out, result, A, predicted)


def load_collection(experiment: Experiment, folder: Path) -> tuple[Collection, torch.Tensor]:
    """The collection A that a seed's folder keeps, and the classes that the baseline sees in it."""
    A = _collection(experiment, folder)
    return A, predict(load_net(experiment, folder), A.examples().images)


def _collection(experiment: Experiment, folder: Path) -> Collection:
    record = read_json(folder / "seed.json")
    tensors = read_tensors(folder / "collection.safetensors", record["collection_sha256"])
    return Collection(
        experiment.images("test")[tensors["rows"]],
        tensors["perturbation"],
        tensors["rows"],
        record["radii"],
        record["names"],
    )
