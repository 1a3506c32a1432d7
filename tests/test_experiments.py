"""The experiments as data, the table made of them, and a tiny one run: finished, repeated, killed."""

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import FrozenInstanceError, asdict, replace
from hashlib import sha256
from multiprocessing import active_children
from pathlib import Path
from statistics import mean, stdev

import pytest
import torch
from safetensors.torch import load_file

from rolab import storage
from rolab.attacks import first_order
from rolab.data import CIFAR10_CLASSES, Dataset, is_fetched
from rolab.errors import DataError, DivergedError, InvariantError, RecordError
from rolab.evaluation import accuracy, accuracy_vs_radius, predict
from rolab.experiments import (
    NETS,
    PAPER,
    caption,
    cifar10_experiment,
    markdown,
    mnist_experiment,
    runner,
    seed,
    table,
)
from rolab.experiments.runner import reproduce
from rolab.experiments.seed import load_collection
from rolab.experiments.workers import Stopped, worker_pool
from rolab.nets import MNIST_STD, ConvNet
from rolab.objectives import Augmented, Nominal, Robust
from rolab.sets import Ball
from rolab.storage import alone, read_json, read_tensors, write_json, write_tensors
from rolab.training import Recipe, train
from rolab.training.checkpoint import keep_weights

FIGURES = [
    f"{name}.{kind}"
    for name in ("figure1", "figure2", "figure3", "growth", "epochs")
    for kind in ("html", "png")
]
SIZES = {"l1": 5, "l2": 6, "linf": 7}
TINY = """
from dataclasses import replace

from rolab.experiments import mnist_experiment
from rolab.training import Recipe

tiny = replace(
    mnist_experiment("fast"),
    recipe=Recipe(epochs=2, batch_size=50),
    examples=1500,
    sizes={"l1": 5, "l2": 6, "linf": 7},
    grids={"l1": (1.0, 2.0, 4.0, 8.0, 16.0), "l2": (0.25, 0.5, 1.0, 2.0), "linf": (0.02, 0.05, 0.1, 0.4)},
    epsilons=(0.0, 0.1),
    scales=(1.0, 2.0),
)
"""
namespace: dict = {}
exec(TINY, namespace)  # the same text makes a script, for the processes that are killed
tiny = namespace["tiny"]


# What an experiment is


def test_the_presets():
    fast, full, paper = (mnist_experiment(preset) for preset in ("fast", "full", "paper"))
    assert (fast.seeds, len(full.seeds), len(set(full.seeds))) == ((0,), 5, 5)
    assert fast.recipe.epochs < full.recipe.epochs < paper.recipe.epochs == 120
    for experiment in (fast, full, paper):
        assert experiment.examples is None  # the whole data
        assert experiment.recipe.batch_size == 100
        assert sum(experiment.sizes.values()) == 1203
        assert set(experiment.sizes.values()) == {401}
        assert experiment.epsilons[0] == 0
        assert len(experiment.epsilons) >= 16
        assert (experiment.scales[0], experiment.scales[-1]) == (1, 3)
        for values in (experiment.epsilons, experiment.scales, *experiment.grids.values()):
            assert list(values) == sorted(set(values))
        assert {norm: min(grid) > 0 for norm, grid in experiment.grids.items()} == dict.fromkeys(SIZES, True)


def test_the_paper_s_recipe_is_the_authors():
    recipe = mnist_experiment("paper").recipe
    assert recipe == Recipe(120, 100, 0.01, "constant", 0.9, False, 1e-3, shuffle=False)
    radii = mnist_experiment("paper").radii
    standardised = {norm: radius / MNIST_STD for norm, radius in radii.items()}
    assert standardised == pytest.approx({"l1": 2, "l2": 2, "linf": 0.2})


def test_the_paper_s_table():
    """Counts of 1203, truncated to two digits: 407, 921, 962."""
    rows = PAPER["mnist"]
    assert [rows[net]["test_accuracy"] for net in NETS] == [99.09, 99.16, 99.28, 99.33]
    truncated = [int(10_000 * count / 1203) / 100 for count in (0, 407, 921, 962)]
    assert [rows[net]["adversarial_accuracy"] for net in NETS] == truncated


def test_the_objectives_of_the_nets():
    experiment = mnist_experiment("fast")
    assert experiment.objective("baseline") == Nominal()
    assert experiment.radius("baseline") is None
    for norm in ("l1", "l2", "linf"):
        objective = experiment.objective(f"robust-{norm}")
        assert isinstance(objective, Robust)
        assert objective.attack is first_order
        assert repr(objective.U) == repr(Ball(norm, experiment.radii[norm]))
        assert experiment.radius(f"robust-{norm}") == experiment.radii[norm]


@pytest.mark.parametrize("preset", ["", "Fast", "slow", None, 3])
def test_a_wrong_preset_is_named_with_the_right_ones(preset):
    with pytest.raises(ValueError, match=f"preset is {preset!r}, expected one of fast, full, paper"):
        mnist_experiment(preset)


@pytest.mark.parametrize("seeds", [(), (0, 0), (-1,), (2**63,), (0.5,), ("0",), (None,)])
def test_wrong_seeds_are_named(seeds):
    with pytest.raises(ValueError, match="seeds is .*expected distinct whole numbers"):
        mnist_experiment("fast", seeds)


def test_an_experiment_is_a_value():
    assert mnist_experiment("fast") == mnist_experiment("fast")
    assert mnist_experiment("fast", (3, 1)).seeds == (3, 1)
    with pytest.raises(FrozenInstanceError):
        mnist_experiment("fast").seeds = (1,)


def test_its_identity_is_all_but_which_nets_there_are_and_survives_json():
    identity = mnist_experiment("full").identity()
    assert json.loads(json.dumps(identity)) == identity
    assert mnist_experiment("full", (9,)).identity() == identity
    cifar10 = cifar10_experiment("full")
    alone = cifar10.without_controls()
    assert alone.nets == alone.nets_of(0) == NETS != cifar10.nets
    assert alone.nets_of(1) == cifar10.nets_of(1)
    assert alone.identity() == cifar10.identity()
    different = {"recipe": Recipe(epochs=11), "examples": 10, "radii": {"l1": 1.0}, "epsilons": (0.0,)}
    for field, value in different.items():
        assert replace(mnist_experiment("full"), **{field: value}).identity() != identity, field
    assert mnist_experiment("fast").identity() != identity


# The table


def measured(seed: int) -> dict:
    """What a seed gives, made up."""

    def net(k: int) -> dict:
        return {
            "test_accuracy": 99.0 + 0.1 * k + 0.01 * seed,
            "adversarial_accuracy": 20.0 * k + seed * (k > 0),
            "growth": [20.0 * k, 10.0 * k + seed],
            "sweep": [99.0 + seed, 50.0 + k],
            "epochs": [90.0 + seed, 99.0],
            "seconds": 10.0 + k,
            "mcnemar": {"only_a": 3, "only_b": 4 + k, "p": 0.01 * k + 0.001 * seed},
        }

    radii = {"l1": 4.0, "l2": 1.0 + seed, "linf": 0.1}
    return {"seed": seed, "size": 18, "radii": radii, "nets": {name: net(k) for k, name in enumerate(NETS)}}


MADE_ON = {"processor": "an abacus", "cores": 2, "system": "Linux", "torch": "2.0", "threads": 1}


def made_up(seeds: tuple[int, ...]) -> dict:
    experiment = replace(mnist_experiment("full", seeds), epsilons=(0.0, 0.1), scales=(1.0, 2.0), sizes=SIZES)
    return table(experiment, [measured(seed) for seed in seeds], MADE_ON, 90.0)


def assert_schema(result: dict) -> None:
    """The form that the issue fixes and that notebooks, README and results/mnist.json rely on."""
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert {"experiment", "preset", "seeds", "rows", "collection", "environment", "seconds"} <= set(result)
    assert result["experiment"] == "mnist"
    n = len(result["seeds"])
    assert [row["net"] for row in result["rows"]] == ["baseline", "robust-l1", "robust-l2", "robust-linf"]
    for row in result["rows"]:
        assert (row["radius"] is None) == (row["net"] == "baseline")
        for name in ("test_accuracy", "adversarial_accuracy"):
            values = row[name]["values"]
            assert set(row[name]) == {"mean", "sd", "values"}
            assert len(values) == n
            assert all(0 <= value <= 100 for value in values)
            assert row[name]["mean"] == pytest.approx(mean(values))
            assert row[name]["sd"] == (pytest.approx(stdev(values)) if n > 1 else None)
        assert (row["mcnemar"] is None) == (row["net"] == "baseline")
        assert row["mcnemar"] is None or len(row["mcnemar"]) == n
    assert result["collection"]["size"] == sum(result["collection"]["sizes"].values())
    assert set(result["collection"]["radii"]) == {"l1", "l2", "linf"}
    for figure, axis in (("growth", "scale"), ("figure3", "epsilon")):
        assert set(result[figure]["accuracy"]) == set(NETS)
        for curve in result[figure]["accuracy"].values():
            assert len(curve["mean"]) == len(curve["sd"]) == len(result[figure][axis])
    assert all(len(curve["mean"]) == result["recipe"]["epochs"] for curve in result["epochs"].values())
    assert {"torch", "python", "processor", "cores", "threads", "device"} <= set(result["environment"])
    assert result["seconds"] > 0


def test_means_and_deviations_of_the_table_by_hand():
    result = made_up((0, 1, 2))
    rows = {row["net"]: row for row in result["rows"]}
    assert rows["robust-l2"]["test_accuracy"] == {
        "mean": pytest.approx(99.21),
        "sd": pytest.approx(0.01),
        "values": pytest.approx([99.2, 99.21, 99.22]),
    }
    assert rows["baseline"]["adversarial_accuracy"] == {"mean": 0, "sd": 0, "values": [0, 0, 0]}
    assert [test["p"] for test in rows["robust-linf"]["mcnemar"]] == pytest.approx([0.03, 0.031, 0.032])
    assert rows["robust-l1"]["training_seconds"]["mean"] == 11
    assert result["collection"]["radii"]["l2"]["values"] == [1, 2, 3]
    assert result["growth"]["accuracy"]["robust-l1"] == {"mean": [20, 11], "sd": [0, pytest.approx(1)]}
    assert result["figure3"]["accuracy"]["baseline"] == {"mean": [100, 50], "sd": [pytest.approx(1), 0]}
    assert result["epochs"]["baseline"]["mean"] == [91, 99]
    assert (result["seeds"], result["preset"], result["seconds"]) == ([0, 1, 2], "full", 90)
    assert result["recipe"] == asdict(mnist_experiment("full").recipe)
    assert made_up((4,))["rows"][1]["test_accuracy"]["sd"] is None


def cells(text: str) -> list[list[str]]:
    """The rows of a Markdown table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert re.fullmatch(r"\|(---\|)+", lines[1])
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len({len(row) for row in split}) == 1
    return split[2:]


def assert_markdown(text: str, result: dict) -> None:
    """The table as text says what the record says, with the paper's figures beside."""
    for shown, row in zip(cells(text), result["rows"], strict=True):
        name, radius, test, paper_test, on_A, paper_A, p = shown
        assert name.replace("ℓ", "l").replace("∞", "inf").replace(" ", "-") == row["net"]
        assert (
            radius == "–"
            if row["radius"] is None
            else float(radius) == pytest.approx(row["radius"], abs=1e-3)
        )
        for cell, published, key in (
            (test, paper_test, "test_accuracy"),
            (on_A, paper_A, "adversarial_accuracy"),
        ):
            ours, *deviation = map(float, cell.split(" ± "))
            assert ours == pytest.approx(row[key]["mean"], abs=0.0051)
            assert deviation == (
                [] if row[key]["sd"] is None else [pytest.approx(row[key]["sd"], abs=0.0051)]
            )
            assert float(published) == PAPER["mnist"][row["net"]][key]
        if row["mcnemar"] is None:
            assert p == "–"
        else:
            assert [float(each) for each in p.split(", ")] == pytest.approx(
                [test["p"] for test in row["mcnemar"]], rel=0.06
            )


@pytest.mark.parametrize("seeds", [(0,), (2, 0, 1)])
def test_the_table_as_markdown(seeds):
    result = made_up(seeds)
    assert_markdown(markdown(result), result)
    assert caption(result) in markdown(result)
    assert ", radii ℓ1 " in caption(result) and ", radii ℓ1 " not in markdown(result, radii=False)
    for fact in ("`full`", ", ".join(map(str, seeds)), "12 epochs", "18 examples", "an abacus", "torch 2.0"):
        assert fact in caption(result)


# The crew


@pytest.mark.parametrize("progress", ["told", "a bar", "nothing"])
def test_a_crew_reports_what_share_is_done(progress, capfd):
    told: list[tuple[float, str]] = []

    def job(name, report):
        for share in (0.0, 0.5, 1.0):
            report(share, f"{name} at {share}")
        report(None, f"{name} tidies up")
        return name.upper()

    chosen = {"told": lambda *news: told.append(news), "a bar": True, "nothing": False}[progress]
    with worker_pool("an accelerator", 2, chosen) as (workers, submit):
        assert workers == 1
        assert [submit(job, name).result() for name in ("a", "b")] == ["A", "B"]
    shown = capfd.readouterr()
    if progress == "told":
        assert [share for share, _ in told] == [0, 0.25, 0.5, 0.5, 0.5, 0.75, 1, 1]
        assert [line for _, line in told][:4] == ["a at 0.0", "a at 0.5", "a at 1.0", "a tidies up"]
    assert ("100 %" in shown.err) == (progress == "a bar")
    assert shown.out == ""
    if progress != "a bar":
        assert shown.err == ""


def test_a_crew_that_is_left_by_an_error_stops_its_workers():
    ended = []

    def endless(report):
        try:
            while True:
                report(0.0, "working")
                time.sleep(0.01)
        except Stopped:
            ended.append(True)
            raise

    with pytest.raises(KeyboardInterrupt), worker_pool("an accelerator", 2, False) as (_, submit):
        running, waiting = submit(endless), submit(endless)
        while not running.running():
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert isinstance(running.exception(), Stopped)
    assert waiting.cancelled() or isinstance(waiting.exception(), Stopped)
    assert ended


def deaf(report):
    report(0.0, "begun")
    while True:
        time.sleep(0.01)


def test_a_crew_of_processes_that_is_left_ends_also_those_who_do_not_report():
    begun = threading.Event()
    with pytest.raises(KeyboardInterrupt), worker_pool("cpu", 1, lambda *_: begun.set()) as (_, submit):
        running = submit(deaf)
        begun.wait()
        raise KeyboardInterrupt
    assert running.exception() is not None
    assert not active_children()


FAULTS = """
import resource, sys, torch
from rolab.experiments.workers import keep_memory

if sys.argv[1] == "kept":
    keep_memory()


def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


torch.ones(2**24)
before = faults()
for _ in range(40):
    torch.ones(2**24)  # 64 MB, freed at once
print(faults() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks the C library of Linux")
def test_memory_that_is_kept_is_not_asked_for_again():
    """A page has 4 KB: 64 MB anew are 16,384 of them (fewer, where the system gives larger ones)."""
    asked = {
        how: int(subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, check=True).stdout)
        for how in ("kept", "given back")
    }
    assert asked["kept"] < asked["given back"] / 2


# The initialisation and the recipe


def test_all_nets_of_a_seed_have_one_initialisation_one_recipe_and_the_same_data(
    monkeypatch, tmp_path, mnist_test
):
    class Enough(Exception):
        pass

    asked = []

    def spy(model, data, objective, recipe, *, seed, **_):
        weights = torch.cat([p.detach().flatten() for p in model.parameters()])
        asked.append((seed, weights, data.images, recipe, objective))
        raise Enough

    monkeypatch.setattr(runner, "train", spy)
    monkeypatch.setattr("rolab.data.mnist", lambda split: mnist_test)
    experiment = mnist_experiment("paper")  # whose recipe has no default value
    state = torch.get_rng_state()
    for seed in (0, 1):
        for net in NETS:
            with pytest.raises(Enough):
                seed.train_net(experiment, seed, net, tmp_path, "cpu", lambda *_: None)
    assert torch.equal(torch.get_rng_state(), state)
    for seed, weights, images, recipe, _ in asked:
        same = next(other for other in asked if other[0] == seed)
        assert torch.equal(weights, same[1])
        assert torch.equal(images, mnist_test.images)
        assert recipe == experiment.recipe
    assert not torch.equal(asked[0][1], asked[-1][1])
    assert [repr(each[4]) for each in asked[:4]] == [repr(experiment.objective(net)) for net in NETS]


# CIFAR-10


def test_the_presets_of_cifar10():
    fast, full, paper = (cifar10_experiment(preset) for preset in ("fast", "full", "paper"))
    assert [fast.architecture, full.architecture, paper.architecture] == ["WhitenedNet"] * 2 + ["VGG"]
    assert fast.excerpt and not full.excerpt and not paper.excerpt
    assert sum(full.sizes.values()) == sum(paper.sizes.values()) == 1712
    assert full.radii == paper.radii == fast.radii and set(full.radii) == set(SIZES)
    assert len(full.images("test")) == 10_000 if is_fetched() else True
    assert (len(fast.images("train")), len(fast.images("test"))) == (2000, 1000)
    assert (fast.recipe.precision, full.recipe.precision, paper.recipe.precision) == (
        "float32", "bfloat16", "float32"
    )  # fmt: skip
    # The authors' rate is 1, of gradients that Torch7 divides by ten; halved eleven times in 300 epochs.
    steps = 300 * 391
    rates = [paper.recipe.rate(step, steps) for step in (0, 25 * 391 - 1, 25 * 391, steps - 1)]
    assert rates == [0.1, 0.1, 0.05, 0.1 * 0.5**11]


def test_the_authors_rate_is_converted_from_torch7():
    """Its v ← mv + (1 − m)g with rate 1 moves the weights as PyTorch's v ← mv + g does with ours."""
    recipe = cifar10_experiment("paper").recipe
    torch.manual_seed(0)
    gradients, θ = torch.randn(50, 4, dtype=torch.float64), torch.ones(4, dtype=torch.float64)
    weight = torch.ones(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD(
        [weight], lr=recipe.learning_rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    v = torch.zeros(4, dtype=torch.float64)
    for gradient in gradients:
        v = recipe.momentum * v + (1 - recipe.momentum) * (gradient + recipe.weight_decay * θ)
        θ = θ - 1.0 * v
        weight.grad = gradient.clone()
        optimizer.step()
    torch.testing.assert_close(weight.detach(), θ)


def test_the_radii_are_those_that_were_chosen_on_a_split_of_the_training_set():
    record, full = storage.load_result("cifar10_radii"), cifar10_experiment("full")
    assert record["chosen"] == full.radii
    assert record["trained_on"] + record["judged_on"] <= 50_000
    assert record["recipe"] | {"epochs": full.recipe.epochs} == asdict(full.recipe)
    accuracies = {(row["norm"], row["radius"]): row["accuracy"] for row in record["rows"]}
    for norm, radius in full.radii.items():
        tried = [accuracy for (other, _), accuracy in accuracies.items() if other == norm]
        assert len(tried) == 2 and accuracies[norm, radius] == max(tried)
    (baseline,) = (row for row in record["rows"] if row["norm"] is None)
    for row in record["rows"]:
        if row["norm"] is not None:
            lead = row["mcnemar"]["only_b"] - row["mcnemar"]["only_a"]
            assert 100 * lead / record["judged_on"] == pytest.approx(row["accuracy"] - baseline["accuracy"])


def test_the_precision_is_the_preset_s_where_the_device_has_it(monkeypatch):
    fast, full = cifar10_experiment("fast"), cifar10_experiment("full")
    for has_it, precision in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr("rolab.experiments.multiplies_bfloat16", lambda device, has_it=has_it: has_it)
        assert full.on("cpu") == replace(full, recipe=replace(full.recipe, precision=precision))
        assert fast.on("cpu") == fast
        assert full.on("cpu", "float32").recipe.precision == "float32"
        assert fast.on("cpu", "bfloat16").recipe.precision == "bfloat16"
    with pytest.raises(ValueError, match="precision is 'half', expected one of float32, bfloat16"):
        full.on("cpu", "half")


def test_only_some_nets_are_trained_with_every_seed_and_some_once_more_with_augmentation():
    full = cifar10_experiment("full")
    assert full.seeds == (0, 1, 2)
    added = ("baseline-longer", "baseline-augmented", "robust-linf-augmented")
    assert full.nets_of(0) == (*NETS, *added) == full.nets
    assert full.nets_of(1) == full.nets_of(2) == ("baseline", "robust-linf")
    assert mnist_experiment("full").nets_of(3) == NETS
    plain, more = full.objective("robust-linf"), full.objective("robust-linf-augmented")
    assert more == Augmented(plain) and full.radius("robust-linf-augmented") == full.radii["linf"]
    assert not isinstance(full.objective("baseline"), Augmented)
    assert full.radius("baseline-augmented") is full.radius("baseline-longer") is None
    assert full.objective("baseline-longer") == full.objective("baseline")
    assert full.recipe_of("baseline-longer") == replace(full.recipe, epochs=full.longer)
    # It takes as long as a robust net: the ratio was measured on one thread, as a worker has.
    ratio = storage.load_result("benchmarks")["cifar_robust_step"]["one_thread"]["ratio"]
    assert full.longer == math.ceil(full.recipe.epochs * ratio)
    assert all(full.recipe_of(net) == full.recipe for net in full.nets if net != "baseline-longer")


def test_whom_a_net_is_compared_with():
    full, mnist = cifar10_experiment("full"), mnist_experiment("full")
    robust = {"mcnemar": "baseline"}
    assert {net: mnist.comparisons(net) for net in NETS} == {
        "baseline": {},
        **{net: robust for net in NETS[1:]},
    }
    assert full.comparisons("baseline") == {}
    assert full.comparisons("robust-l1") == {"mcnemar": "baseline", "against_longer": "baseline-longer"}
    assert full.comparisons("baseline-longer") == full.comparisons("baseline-augmented") == robust
    assert full.comparisons("robust-linf-augmented") == {"mcnemar": "baseline-augmented"}
    alone = replace(full, augmented=("robust-linf",))  # whose baseline was not augmented
    assert alone.comparisons("robust-linf-augmented") == robust


def test_a_table_has_the_seeds_that_a_net_was_trained_with():
    experiment = replace(
        cifar10_experiment("full"), epsilons=(0.0, 0.1), scales=(1.0, 2.0), seeds=(0, 1), sizes=SIZES
    )
    records = [measured(seed) for seed in (0, 1)]
    for net in ("robust-l1", "robust-l2"):
        del records[1]["nets"][net]
    for net in ("baseline", "robust-linf"):
        records[0]["nets"][f"{net}-augmented"] = records[0]["nets"][net]
    records[0]["nets"]["baseline-longer"] = records[0]["nets"]["baseline"]
    result = table(experiment, records, {"processor": "p", "cores": 2, "system": "s", "torch": "t"}, 60.0)
    rows = {row["net"]: row for row in result["rows"]}
    assert {net: len(row["test_accuracy"]["values"]) for net, row in rows.items()} == {
        "baseline": 2, "robust-l1": 1, "robust-l2": 1, "robust-linf": 2,
        "baseline-longer": 1, "baseline-augmented": 1, "robust-linf-augmented": 1,
    }  # fmt: skip
    assert "figure6" in result and "figure3" not in result
    assert "against_longer" not in rows["baseline"] and rows["robust-l1"]["against_longer"] == []
    text = markdown(result)
    assert "(seed 0 alone: robust ℓ1; robust ℓ2; baseline, more epochs; " in text
    assert "with flips and shifts: with the baseline that has them too" in text
    assert "90.79" in text and "robust ℓ∞, flips and shifts" in text  # the paper has no number for those


def check_that_A_stays_when_nets_join(experiment, folder, monkeypatch):
    record = read_json(folder / "seed.json")
    write_json(folder / "seed.json", record | {"runs": {"baseline": record["runs"]["baseline"]}})
    with monkeypatch.context() as patched:
        patched.setattr(runner, "adversarial_collection", None)  # nobody may call it
        assert seed.evaluate_seed(experiment, 0, folder, "cpu", lambda *_: None) == record
    assert read_json(folder / "seed.json") == record


def check_that_A_is_built_anew_where_the_baseline_reads_it(experiment, folder):
    """As it may on another device, which rounds otherwise."""
    record, path = read_json(folder / "seed.json"), folder / "collection.safetensors"
    tensors = read_tensors(path, record["collection_sha256"])
    tensors["perturbation"][0] = 0
    joined = {
        "runs": {"baseline": record["runs"]["baseline"]},
        "collection_sha256": write_tensors(path, tensors),
    }
    write_json(folder / "seed.json", record | joined)
    assert seed.evaluate_seed(experiment, 0, folder, "cpu", lambda *_: None) == record


@pytest.mark.slow
def test_a_tiny_experiment_on_the_excerpt(tmp_path, monkeypatch):
    """Every part of it, on 200 images: the nets are no good, so few examples are asked for."""
    experiment = replace(
        cifar10_experiment("fast", (0, 1)),
        longer=2,
        augmented=("robust-linf",),
        repeated=("baseline",),
        recipe=Recipe(epochs=1, batch_size=50, learning_rate=0.2),
        examples=200,
        sizes=SIZES,
        epsilons=(0.0, 0.01),
        scales=(1.0, 2.0),
    )
    alone = reproduce(experiment.without_controls(), tmp_path / "out", device="cpu", progress=False)
    assert [row["net"] for row in alone["rows"]] == list(NETS)
    result = reproduce(experiment, tmp_path / "out", device="cpu", progress=False)  # the rivals follow
    for row, before in zip(result["rows"], alone["rows"], strict=False):
        assert {key: row[key] for key in before} == before
    names = {path.name for path in (tmp_path / "out").iterdir()}
    drawn = {
        f"{name}.{kind}" for name in ("figure4", "figure5", "figure6", "growth") for kind in ("html", "png")
    }
    assert names == drawn | {"experiment.json", "table2.json", "table2.md", "seed-0", "seed-1"}
    assert read_json(tmp_path / "out" / "table2.json") == result
    A, predicted = load_collection(experiment, tmp_path / "out" / "seed-0")
    assert A.sources.images.shape == (sum(SIZES.values()), 3, 32, 32)
    assert (predicted != A.sources.labels).all()
    page = (tmp_path / "out" / "figure4.html").read_text()
    assert any(f"{name} → " in page for name in CIFAR10_CLASSES)
    check_epochs(experiment, result)
    check_half_precision(experiment, tmp_path / "out" / "seed-0", result)
    check_who_leads(experiment, tmp_path / "out")
    check_that_A_stays_when_nets_join(experiment, tmp_path / "out" / "seed-0", monkeypatch)
    check_that_A_is_built_anew_where_the_baseline_reads_it(experiment, tmp_path / "out" / "seed-0")
    # The two baselines have each the other's A.
    folders = [tmp_path / "out" / f"seed-{seed}" for seed in (0, 1)]
    collections = [load_collection(experiment, folder)[0] for folder in folders]
    nets = [seed.load_net(experiment, folder) for folder in folders]
    others = result["collection"]["other_baselines"]
    assert others["of_each_A"] == others["values"] == [
        accuracy(nets[1], collections[0].examples()), accuracy(nets[0], collections[1].examples())
    ]  # fmt: skip


def check_epochs(experiment, result):
    """The longer baseline has its own number of epochs, and a second seed has no such net."""
    curves = {net: len(curve["mean"]) for net, curve in result["epochs"].items()}
    assert curves == {net: 2 if net == "baseline-longer" else 1 for net in experiment.nets}


def check_who_leads(experiment, out):
    """`only_b` counts for the net and `only_a` for its opponent: the lead is the difference of accuracies."""
    n, met = len(experiment.images("test")), 0
    for seed in experiment.seeds:
        nets = read_json(out / f"seed-{seed}" / "seed.json")["nets"]
        for net, measured in nets.items():
            for name, opponent in experiment.comparisons(net).items():
                lead = measured["test_accuracy"] - nets[opponent]["test_accuracy"]
                assert measured[name]["only_b"] - measured[name]["only_a"] == pytest.approx(n * lead / 100)
                met += lead != 0
    assert met > 2


def check_half_precision(experiment, folder, result):
    """What is kept in half the space is what was judged, to the last bit."""
    for row in result["rows"]:
        tensors = load_file(folder / f"{row['net']}.safetensors")
        assert {t.dtype for t in tensors.values() if t.is_floating_point()} == {torch.float16}
        net = seed.load_net(experiment, folder, row["net"])
        assert {p.dtype for p in net.parameters()} == {torch.float32}
        card = read_json(folder / f"{row['net']}.json")
        assert accuracy(net, experiment.images("test")) == card["test_accuracy"]
        assert card["test_accuracy"] == row["test_accuracy"]["values"][0]
        check_a_finished_run(folder / row["net"])


def check_a_finished_run(folder):
    """It keeps the weights of the net and nothing of the optimiser, a small part of what training needs."""
    assert {path.name for path in folder.iterdir()} == {"evaluation.json", "run.json", "weights.safetensors"}
    assert (folder / "weights.safetensors").read_bytes() == folder.with_suffix(".safetensors").read_bytes()
    assert (
        read_json(folder / "run.json")["sha256"]
        == sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    )


def test_what_a_finished_run_keeps_is_the_same_however_often_it_was_interrupted(tmp_path):
    data = Dataset(torch.rand(20, 1, 28, 28), torch.arange(20) % 10)

    def trained():
        net = ConvNet()
        history = train(net, data, Nominal(), Recipe(epochs=1), folder=tmp_path, device="cpu", progress=False)
        return net, history.history

    net, history = trained()
    state, before = (tmp_path / "state-0001.safetensors").read_bytes(), read_json(tmp_path / "run.json")
    first = keep_weights(tmp_path, "float16")
    assert first == read_json(tmp_path / "run.json") and first["history"] == before["history"] == history
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["run.json", "weights.safetensors"]
    (tmp_path / "state-0001.safetensors").write_bytes(state)  # killed before it was removed,
    assert keep_weights(tmp_path, "float16") == first
    (tmp_path / "state-0001.safetensors").write_bytes(state)  # and before the record was written
    write_json(tmp_path / "run.json", before)
    assert keep_weights(tmp_path, "float16") == first
    assert not list(tmp_path.glob("state-*"))
    again, same = trained()  # finished: nothing is trained, the net is what was kept
    assert same == history
    for one, other in zip(net.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one.half().float(), other.float())


# A tiny experiment, run for real


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of the tiny experiment, its table, and what was told on the way."""
    out = tmp_path_factory.mktemp("tiny") / "a" / "b"
    told: list[tuple[float, str]] = []
    result = reproduce(tiny, out, device="cpu", progress=lambda share, line: told.append((share, line)))
    assert not active_children()
    return out, result, told


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def lasting(result: dict) -> dict:
    """A table without what depends on the clock and the machine's state."""
    rows = [{key: value for key, value in row.items() if key != "training_seconds"} for row in result["rows"]]
    left_out = ("seconds", "environment", "rows")
    return {"rows": rows} | {key: value for key, value in result.items() if key not in left_out}


def outcome(out: Path) -> dict[str, str]:
    """The SHA-256 of every file of tensors: the nets, the states of their training, the collection."""
    return {
        str(path.relative_to(out)): sha256(path.read_bytes()).hexdigest()
        for path in out.rglob("*.safetensors")
    }


@pytest.mark.slow
def test_everything_that_was_promised_is_written(finished):
    out, result, _ = finished
    for name in ["experiment.json", "table1.json", "table1.md", *FIGURES]:
        assert (out / name).stat().st_size > 0, name
    for net in NETS:
        for name in (f"{net}.json", f"{net}.safetensors", f"{net}/run.json", f"{net}/evaluation.json"):
            assert (out / "seed-0" / name).exists(), name
    assert read_json(out / "table1.json") == result
    assert not list(out.rglob(".*"))


@pytest.mark.slow
def test_the_table_has_its_form_and_reads_the_same_as_markdown(finished):
    out, result, _ = finished
    assert_schema(result)
    assert_markdown((out / "table1.md").read_text(), result)


@pytest.mark.slow
def test_the_bar_goes_from_nothing_to_all(finished):
    shares, lines = [share for share, _ in finished[2]], [line for _, line in finished[2]]
    assert shares[0] == 0
    assert shares[-1] == 1
    assert all(0 <= share <= 1 for share in shares)
    assert shares == sorted(shares)
    for net in NETS:
        assert any(net in line and "test accuracy" in line for line in lines)


@pytest.mark.slow
def test_the_invariants_of_the_paper_s_table(finished, mnist_test):
    out, result, _ = finished
    A, predicted = load_collection(tiny, out / "seed-0")
    baseline = load(out / "seed-0", "baseline")
    rows = {row["net"]: row for row in result["rows"]}
    assert rows["baseline"]["adversarial_accuracy"]["mean"] == 0
    assert len(A) == result["collection"]["size"] == sum(SIZES.values())
    assert A.names == ["l1"] * 5 + ["l2"] * 6 + ["linf"] * 7
    assert torch.equal(A.sources.images, mnist_test.images[A.rows])
    assert accuracy(baseline, A.sources) == 100
    assert accuracy(baseline, A.examples()) == 0
    assert torch.equal(predicted, predict(baseline, A.examples().images))
    assert ((A.perturbation[:5] != 0).flatten(1).sum(1) == 1).all()
    for norm in SIZES:
        mine = torch.tensor([name == norm for name in A.names])
        (radius,) = result["collection"]["radii"][norm]["values"]
        assert radius == A.radii[norm]
        assert radius in tiny.grids[norm]
        step = first_order(baseline, A.sources[mine].images, A.sources[mine].labels, Ball(norm, radius))
        torch.testing.assert_close(A.perturbation[mine], step)
    for net in NETS:
        curve = result["figure3"]["accuracy"][net]["mean"]
        assert curve[0] == rows[net]["test_accuracy"]["mean"] == result["epochs"][net]["mean"][-1]
        assert result["growth"]["accuracy"][net]["mean"][0] == rows[net]["adversarial_accuracy"]["mean"]


def load(folder: Path, net: str) -> ConvNet:
    model = ConvNet()
    model.load_state_dict(
        read_tensors(folder / f"{net}.safetensors", read_json(folder / f"{net}.json")["sha256"])
    )
    return model.eval()


@pytest.mark.slow
def test_cards_are_complete_and_the_nets_do_what_they_say(finished, mnist_test):
    out, result, _ = finished
    A, _ = load_collection(tiny, out / "seed-0")
    for row in result["rows"]:
        net = row["net"]
        card, model = read_json(out / "seed-0" / f"{net}.json"), load(out / "seed-0", net)
        assert card["net"] == f"mnist/{net}"
        assert card["architecture"] == "ConvNet"
        assert card["parameters"] == 105_506
        assert (card["experiment"], card["preset"], card["seed"]) == ("mnist", "fast", 0)
        assert card["objective"] == repr(tiny.objective(net))
        assert card["radius"] == tiny.radius(net)
        assert card["recipe"] == asdict(tiny.recipe)
        assert {"torch", "python", "rolab", "processor"} <= set(card["environment"])
        assert card["collection_radii"] == A.radii
        assert card["test_accuracy"] == row["test_accuracy"]["values"][0] == accuracy(model, mnist_test)
        assert card["adversarial_accuracy"] == row["adversarial_accuracy"]["values"][0]
        assert card["adversarial_accuracy"] == accuracy(model, A.examples())
        assert card["seconds"] > 0


@pytest.mark.slow
def test_figure_3_is_each_net_under_its_own_attack(finished, mnist_test):
    out, result, _ = finished
    found = accuracy_vs_radius(load(out / "seed-0", "robust-l2"), mnist_test, [Ball("linf", 0.1)])
    assert result["figure3"]["accuracy"]["robust-l2"]["mean"][1] == found[0]


@pytest.mark.slow
def test_what_the_invariants_guard_against_is_seen(finished, mnist_test):
    """Each fact of the table is broken once, and named."""
    out, _, _ = finished
    A, _ = load_collection(tiny, out / "seed-0")
    record = read_json(out / "seed-0/seed.json")
    right = predict(load(out / "seed-0", "baseline"), mnist_test.images) == mnist_test.labels

    def broken(**nets):
        changed = {
            net: values | nets.get(net.replace("-", "_"), {}) for net, values in record["nets"].items()
        }
        return record | {"nets": changed}

    runner._check_invariants(tiny, record, A, right)
    two_pixels = A.perturbation.clone()
    two_pixels[2, 0, :2, :2] = 1.0
    for fact, arguments in {
        "A holds 18 examples": (record | {"size": 17}, A, right),
        "classifies every source": (record, A, right & (torch.arange(len(right)) != A.rows[3])),
        "classifies no example": (broken(baseline={"adversarial_accuracy": 5.5}), A, right),
        "exactly one pixel": (record, replace(A, perturbation=two_pixels), right),
        "sweep begins with": (broken(robust_l1={"sweep": [12.0, 1.0]}), A, right),
    }.items():
        with pytest.raises(InvariantError, match=fact):
            runner._check_invariants(tiny, *arguments)


@pytest.mark.slow
def test_run_again_it_does_nothing_new(finished):
    out, result, _ = finished
    before = snapshot(out / "seed-0")
    told: list[float] = []
    again = reproduce(tiny, out, device="cpu", progress=lambda share, line: told.append(share))
    assert snapshot(out / "seed-0") == before
    assert lasting(again) == lasting(result)
    assert again["rows"] == result["rows"]
    assert again["seconds"] >= result["seconds"]
    assert told[-1] == 1


@pytest.mark.slow
def test_what_is_missing_is_made_again_and_comes_out_the_same(finished, tmp_path):
    out, result, _ = finished
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    for name in (
        "seed-0/seed.json",
        "seed-0/robust-l1/evaluation.json",
        "seed-0/baseline.json",
        "table1.json",
    ):
        (copy / name).unlink()
    again = reproduce(tiny, copy, device="cpu", progress=False)
    assert lasting(again) == lasting(result)
    assert outcome(copy) == outcome(out)
    assert snapshot(copy / "seed-0").keys() == snapshot(out / "seed-0").keys()


# Killed


SCRIPT = """
import sys

from rolab.experiments.runner import reproduce

if __name__ == "__main__":
    reproduce(tiny, sys.argv[1], device="cpu", progress=False)
"""


def wait_for(happened, child: subprocess.Popen | None = None) -> None:
    """Waits until something has happened; fails if the child ends before that, or if nothing ever happens."""
    patience = time.monotonic() + 600
    while not happened():
        assert child is None or child.poll() is None
        assert time.monotonic() < patience
        time.sleep(0.05)


def group_is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.slow
def test_killed_with_its_workers_and_killed_alone_it_goes_on_to_the_same_result(finished, tmp_path):
    """First the whole group, as when a machine goes down; then the parent alone: its workers must end."""
    script, out = tmp_path / "script.py", tmp_path / "out"
    script.write_text(TINY + SCRIPT)

    def killed_when(there: str, kill) -> None:
        """Runs the experiment in processes of their own until such a file is there, and kills."""
        child = subprocess.Popen([sys.executable, str(script), str(out)], start_new_session=True)
        try:
            wait_for(lambda: list(out.glob(there)), child)
            kill(child.pid, signal.SIGKILL)
            assert child.wait() == -signal.SIGKILL
            wait_for(lambda: group_is_gone(child.pid))
        finally:
            if not group_is_gone(child.pid):
                os.killpg(child.pid, signal.SIGKILL)

    killed_when("seed-0/*/state-0001.safetensors", os.killpg)
    histories = [read_json(path)["history"] for path in out.glob("seed-0/*/run.json")]
    assert sum(len(history) == 2 for history in histories) < len(NETS)
    killed_when("seed-0/*/weights.safetensors", os.kill)
    assert not (out / "table1.json").exists()

    whole, result, _ = finished
    assert lasting(reproduce(tiny, out, device="cpu", progress=False)) == lasting(result)
    assert outcome(out) == outcome(whole)


# What must not happen


@pytest.mark.parametrize(
    "other, differs",
    [
        (replace(tiny, recipe=Recipe(epochs=1, batch_size=50)), "recipe.epochs); choose another folder"),
        (
            replace(tiny, recipe=replace(tiny.recipe, precision="bfloat16")),
            "recipe.precision); choose another folder, or go on with precision float32",
        ),
        (replace(tiny, preset="full"), "preset"),
        (replace(tiny, examples=1501, smoothing=0.1), "examples, smoothing"),
        (replace(tiny, radii={**tiny.radii, "l2": 0.7}), "radii.l2"),
        (replace(tiny, epsilons=(0.0, 0.2)), "epsilons"),
        (mnist_experiment("paper"), "preset, recipe.epochs, recipe.batch_size, recipe.learning_rate"),
    ],
)
def test_the_folder_of_another_experiment_is_refused_and_left_alone(tmp_path, other, differs):
    out = tmp_path / "out"
    runner._claim(out, tiny)
    (out / "seed-0").mkdir()
    before = snapshot(tmp_path)
    with pytest.raises(RecordError, match="holds another experiment or preset") as caught:
        reproduce(other, out, device="cpu", progress=False)
    assert f"(what differs: {differs}" in str(caught.value)
    assert str(out) in str(caught.value)
    assert snapshot(tmp_path) == before


def test_a_folder_that_another_run_is_writing_to_is_left_alone(tmp_path):
    runner._claim(tmp_path, tiny)
    with alone(tmp_path):
        before = snapshot(tmp_path)
        with pytest.raises(RecordError, match="another process is writing to"):
            reproduce(tiny, tmp_path, device="cpu", progress=False)
        assert snapshot(tmp_path) == before


@pytest.mark.parametrize("foreign", ["thesis.tex", "seed-0/notes", "table1.json"])
def test_a_folder_with_foreign_files_is_refused_and_left_alone(tmp_path, foreign):
    (tmp_path / foreign).parent.mkdir(exist_ok=True)
    (tmp_path / foreign).write_text("mine")
    before = snapshot(tmp_path)
    with pytest.raises(RecordError, match="is not empty and holds no experiment"):
        reproduce(tiny, tmp_path, device="cpu", progress=False)
    assert snapshot(tmp_path) == before


def test_an_empty_folder_is_welcome_and_so_is_what_a_killed_start_leaves(tmp_path):
    (tmp_path / ".experiment.json.k1ll3d").write_bytes(b"{")
    runner._claim(tmp_path, tiny)
    assert read_json(tmp_path / "experiment.json")["experiment"] == tiny.identity()


def test_a_file_and_a_path_below_a_file_are_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(RecordError, match=str(out)):
            reproduce(tiny, out, device="cpu", progress=False)
    assert snapshot(tmp_path).keys() == {"file"}


def test_a_damaged_folder_is_named(tmp_path):
    (tmp_path / "experiment.json").write_text('{"experiment": ')
    with pytest.raises(RecordError, match=r"experiment\.json is damaged"):
        reproduce(tiny, tmp_path, device="cpu", progress=False)
    (tmp_path / "experiment.json").write_text("[]")
    with pytest.raises(RecordError, match="holds another experiment"):
        reproduce(tiny, tmp_path, device="cpu", progress=False)


def test_images_that_were_not_fetched_are_missed_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("ROLAB_DATA", str(tmp_path / "data"))
    with pytest.raises(DataError, match="rolab data fetch cifar10.* preset fast"):
        reproduce(cifar10_experiment("full"), tmp_path / "out", device="cpu", progress=False)
    assert not (tmp_path / "out").exists()


def test_an_unknown_device_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="device is 'abacus'"):
        reproduce(tiny, tmp_path / "out", device="abacus", progress=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_worker_s_error_becomes_one_error_and_the_workers_end(tmp_path):
    """Three nets cannot be written; the fourth finds it out as well, or is never begun."""
    runner._claim(tmp_path, tiny)
    for net in NETS:
        (tmp_path / "seed-0").mkdir(exist_ok=True)
        (tmp_path / "seed-0" / net).write_text("in the way")
    with pytest.raises(RecordError, match=r"seed-0/robust-\w+"):
        reproduce(tiny, tmp_path, device="cpu", progress=False)
    assert not active_children()
    assert not (tmp_path / "table1.json").exists()
    assert {path.read_text() for path in (tmp_path / "seed-0").iterdir()} == {"in the way"}


@pytest.mark.slow
def test_a_loss_that_diverges_in_a_worker_says_so(tmp_path):
    wild = replace(tiny, recipe=Recipe(epochs=2, batch_size=50, learning_rate=1e6))
    with pytest.raises(DivergedError, match="training diverged in epoch 1"):
        reproduce(wild, tmp_path / "out", device="cpu", progress=False)
    assert not active_children()
