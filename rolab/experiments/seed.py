"""The folder of one seed: its nets are trained there, evaluated on A, and loaded again.

seed-0/baseline/                    the training run, saved after every epoch; finished, its weights
seed-0/baseline.safetensors, .json  the finished net and its card
seed-0/collection.safetensors       A: the rows of its sources in the test set and the perturbations
seed-0/seed.json                    all that was measured with this seed
"""

import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rolab import nets as networks
from rolab import zoo
from rolab.data import Dataset
from rolab.errors import InvariantError, RecordError
from rolab.evaluation import (
    Collection,
    accuracy_percent,
    accuracy_vs_radius,
    adversarial_collection,
    correct,
    mcnemar,
    predict,
)
from rolab.experiments.spec import Experiment
from rolab.experiments.workers import Report
from rolab.nets import WhitenedNet
from rolab.norms import Lp
from rolab.sets import Ball
from rolab.storage import lock, read, read_json, read_tensors, write_json, write_tensors
from rolab.training import keep_weights, train
from rolab.training.checkpoint import RECORD, WEIGHTS


def train_net(experiment: Experiment, seed: int, net: str, folder: Path, device: str, report: Report) -> None:
    """Trains one net, or what is missing of it; measures it under its own attack, and what else is asked."""

    def told(done: int, steps: int, line: str) -> None:
        report(done / steps, f"{net}, seed {seed}: {line}")

    data, test, place = experiment.images("train"), experiment.images("test"), folder / net
    model = initial_net(experiment, seed, data.images)
    objective, recipe = experiment.objective(net), experiment.recipe_of(net)
    train(model, data, objective, recipe, seed=seed, test=test, folder=place, device=device, progress=told)
    dtype = experiment.weights_dtype
    run = keep_weights(place, dtype)
    for tensor in model.state_dict().values():  # what is evaluated is what is kept
        if tensor.is_floating_point():
            tensor.copy_(tensor.to(getattr(torch, dtype)))
    path = place / "evaluation.json"
    made_of = {"sha256": run["sha256"], "weights_dtype": dtype, "epsilons": list(experiment.epsilons)}
    known = _known(path)
    if known | made_of != known or "measures" not in known:
        known = {**made_of, "accuracy_vs_epsilon": None, "measures": {}}
    if known["accuracy_vs_epsilon"] and experiment.measures.keys() <= known["measures"].keys():
        return
    with lock(place / RECORD, folder=True):
        if not known["accuracy_vs_epsilon"]:
            sets = [Ball("linf", epsilon) for epsilon in experiment.epsilons]
            known["accuracy_vs_epsilon"] = accuracy_vs_radius(model, test, sets)
            write_json(path, known)
        for name, measure in experiment.measures.items():
            if name not in known["measures"]:
                report(None, f"{net}, seed {seed}: {name}")
                found = measure.of(model, test)
                known["measures"][name] = found.tolist() if isinstance(found, Tensor) else found
                write_json(path, known)


def _known(path: Path) -> dict[str, Any]:
    """What was measured before; nothing, if it was not, or if its record is damaged."""
    if not path.exists():
        return {}
    try:
        return read_json(path)
    except RecordError as error:
        warnings.warn(f"{error}; it is measured again", stacklevel=2)
        return {}


def initial_net(experiment: Experiment, seed: int, images: Tensor) -> nn.Module:
    """The net with which the training of all nets of a seed begins; the images are those of training."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        model = getattr(networks, experiment.architecture)()
    if isinstance(model, WhitenedNet):
        model.whiten(images[:5000])
    return model


def evaluate_seed(
    experiment: Experiment, seed: int, folder: Path, device: str, report: Report
) -> dict[str, Any]:
    """Evaluates the nets of a seed on A, built from its baseline, and writes them with their cards."""
    runs = {net: read_json(folder / net / RECORD) for net in experiment.nets_of(seed)}
    hashes = {net: run["sha256"] for net, run in runs.items()}
    path = folder / "seed.json"
    known = _known(path)
    measured = all(
        net["measures"].keys() >= experiment.measures.keys() for net in known.get("nets", {}).values()
    )
    if known.get("runs") == hashes and measured and _is_whole(folder, known):
        return known
    with lock(path, folder=True):
        record = _evaluate(experiment, seed, folder, device, report, runs, known)
        write_json(path, record)
    return record


def _is_whole(folder: Path, known: dict[str, Any]) -> bool:
    """Whether the files that a seed's record tells of are there, and as they were written."""
    try:
        read(folder / "collection.safetensors", known["collection_sha256"])
        for net in known["runs"]:
            read(folder / f"{net}.safetensors", read_json(folder / f"{net}.json")["sha256"])
    except RecordError as error:
        warnings.warn(f"{error}; the seed is evaluated again", stacklevel=2)
        return False
    return True


def _evaluate(
    experiment: Experiment,
    seed: int,
    folder: Path,
    device: str,
    report: Report,
    runs: dict[str, dict],
    known: dict[str, Any],
) -> dict[str, Any]:
    baseline, hashes = experiment.baseline, {net: run["sha256"] for net, run in runs.items()}
    models = {net: _load(experiment, folder / net / WEIGHTS, sha256) for net, sha256 in hashes.items()}
    test = experiment.images("test")
    right = {net: correct(model.to(device), test) for net, model in models.items()}
    A = None
    if known.get("runs", {}).get(baseline) == hashes[baseline]:  # other nets have joined: A stays
        with suppress(RecordError):  # damaged, or never written: it is built anew
            A = _collection(test, folder)
        if A is not None and not (
            right[baseline][A.rows].all() and not correct(models[baseline], A.examples()).any()
        ):
            A = None  # on another device an example may lie on the other side of a boundary
    if A is None:
        report(None, f"seed {seed}: building A")
        A = build_collection(experiment, models[baseline], test)
    report(None, f"seed {seed}: evaluating")
    grown = [A.examples(scale) for scale in experiment.radius_scales]
    record: dict[str, Any] = {"seed": seed, "runs": hashes, "radii": A.radii, "size": len(A), "nets": {}}
    evaluations = {net: read_json(folder / net / "evaluation.json") for net in models}
    for net, model in models.items():
        tests = experiment.comparisons(net).items()
        on_A = [accuracy_percent(correct(model, examples)) for examples in grown]
        record["nets"][net] = {
            "test_accuracy": accuracy_percent(right[net]),
            "adversarial_accuracy": on_A[0],
            "radius_scaling": on_A,
            "accuracy_vs_epsilon": evaluations[net]["accuracy_vs_epsilon"],
            "measures": {
                name: _compared(evaluations[net]["measures"][name], evaluations[baseline]["measures"][name])
                for name in experiment.measures
            },
            "epochs": [epoch["test_accuracy"] for epoch in runs[net]["history"]],
            "seconds": round(sum(epoch["seconds"] for epoch in runs[net]["history"]), 1),
            **{test: mcnemar(right[other], right[net]) for test, other in tests if other in right},
        }
    _check_invariants(experiment, record, A, right[baseline])
    record["names"] = A.names
    tensors = {"rows": A.rows, "perturbation": A.perturbation}
    record["collection_sha256"] = write_tensors(folder / "collection.safetensors", tensors)
    for net, model in models.items():
        facts: dict[str, Any] = {"experiment": experiment.name, "preset": experiment.preset}
        facts["radius"] = experiment.radius(net)
        facts |= {key: record["nets"][net][key] for key in ("test_accuracy", "adversarial_accuracy")}
        facts |= {"precision": experiment.weights_dtype, "collection_radii": A.radii}
        zoo.keep(folder, f"{experiment.name}/{net}", model, runs[net], **facts)
    return record


def _compared(found: Any, of_baseline: Any) -> dict[str, Any]:
    """The value of a measure, and McNemar's test with the baseline where it tells of examples."""
    if not isinstance(found, list):
        return {"value": found}
    right, other = torch.tensor(found), torch.tensor(of_baseline)
    return {"value": accuracy_percent(right), "mcnemar": mcnemar(other, right)}


def build_collection(experiment: Experiment, model: nn.Module, test: Dataset) -> Collection:
    """The paper's A: the first test images that the smallest sufficient step in each norm has misread."""
    sets = {norm: Ball(norm, 1.0) for norm in experiment.examples_per_norm}
    return adversarial_collection(model, test, sets, experiment.radius_grids, experiment.examples_per_norm)


# Percent of the test set. An image may stand so close to a boundary that two ways to compute the same logits
# (in another memory layout, on another device) see it on either side.
ROUNDED = 0.1


def _check_invariants(experiment: Experiment, record: dict, A: Collection, baseline_right: Tensor) -> None:
    """What must hold of the paper's table, whatever the numbers."""
    changed = (A.perturbation != 0).flatten(1).sum(1)
    single = torch.tensor([Lp.of(name).additive for name in A.names])
    size, nets = sum(experiment.examples_per_norm.values()), record["nets"]
    on_A = nets[experiment.baseline]["adversarial_accuracy"]
    facts = {
        f"A holds {size} examples": record["size"] == size,
        "the baseline classifies every source of A correctly": bool(baseline_right[A.rows].all()),
        "the baseline classifies no example of A correctly": not on_A,
        "every ℓ1 example differs in exactly one pixel": bool((changed[single] == 1).all()),
        "accuracy against ε begins with the accuracy on the test set": all(
            abs(net["accuracy_vs_epsilon"][0] - net["test_accuracy"]) <= ROUNDED for net in nets.values()
        ),
    }
    for fact, holds in facts.items():
        if not holds:
            raise InvariantError(f"seed {record['seed']}: it should hold that {fact}, and it does not")


def load_net(experiment: Experiment, folder: Path, net: str | None = None) -> nn.Module:
    """A finished net from the folder of its seed, checked against its card; on the CPU, in eval mode.

    Args:
        experiment: whose folder it is
        folder: of the seed
        net: its name; the baseline, if left out
    """
    net = net or experiment.baseline
    return _load(experiment, folder / f"{net}.safetensors", read_json(folder / f"{net}.json")["sha256"])


def load_collection(experiment: Experiment, folder: Path) -> tuple[Collection, Tensor]:
    """The collection A that a seed's folder keeps, and the classes that the baseline sees in it."""
    A = _collection(experiment.images("test"), folder)
    return A, predict(load_net(experiment, folder), A.examples().images)


def _collection(test: Dataset, folder: Path) -> Collection:
    record = read_json(folder / "seed.json")
    tensors = read_tensors(folder / "collection.safetensors", record["collection_sha256"])
    rows = tensors["rows"]
    return Collection(test[rows], tensors["perturbation"], rows, record["radii"], record["names"])


def _load(experiment: Experiment, path: Path, sha256: str) -> nn.Module:
    model = getattr(networks, experiment.architecture)()
    model.load_state_dict(read_tensors(path, sha256))
    return model.eval()
