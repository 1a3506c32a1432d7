"""A tiny CIFAR-10 experiment on the excerpt: every part of it, its controls too."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from tiny_experiment import SIZES, check_a_finished_run, few_cifar10_images

from rolab.data import CIFAR10_CLASSES
from rolab.evaluation import accuracy
from rolab.experiments import NETS, by_name, cifar10_experiment
from rolab.experiments import seed as seeds
from rolab.experiments.presets import augmented_net, longer_net
from rolab.experiments.runner import reproduce
from rolab.experiments.seed import load_collection, load_net
from rolab.storage import read_json, read_tensors, write_json, write_tensors
from rolab.training import Recipe


@pytest.mark.slow
def test_a_tiny_experiment_on_the_excerpt(tmp_path, monkeypatch):
    """Every part of it, on 200 images of each split: the nets are no good, so few examples are asked for."""
    fast = cifar10_experiment("fast", (0, 1))
    nets = [replace(net, every_seed=net.name == fast.baseline) for net in fast.nets.values()]
    nets += [longer_net(nets[0], epochs=2), augmented_net(nets[3], "baseline")]
    experiment = replace(
        fast,
        load=few_cifar10_images,
        nets=by_name(nets),
        recipe=Recipe(epochs=1, batch_size=50, learning_rate=0.2),
        examples_per_norm=SIZES,
        epsilons=(0.0, 0.01),
        radius_scales=(1.0, 2.0),
    )
    alone = reproduce(experiment.without_controls(), tmp_path / "out", device="cpu", progress=False)
    assert [row["net"] for row in alone["rows"]] == list(NETS)
    result = reproduce(experiment, tmp_path / "out", device="cpu", progress=False)  # the controls follow
    for row, before in zip(result["rows"], alone["rows"], strict=False):
        assert {key: row[key] for key in before} == before
    names = {path.name for path in (tmp_path / "out").iterdir() if path.suffix != ".lock"}
    drawn = {
        f"{name}.{kind}"
        for name in ("figure4", "figure5", "figure6", "radius_scaling")
        for kind in ("html", "png")
    }
    records = {"experiment.json", "experiment.before.json", "table2.json", "table2.md"}
    assert names == drawn | records | {"seed-0", "seed-1"}
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
    nets = [load_net(experiment, folder) for folder in folders]
    others = result["collection"]["other_baselines"]
    assert others["per_seed"] == others["values"] == [
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
        net = load_net(experiment, folder, row["net"])
        assert {p.dtype for p in net.parameters()} == {torch.float32}
        card = read_json(folder / f"{row['net']}.json")
        assert accuracy(net, experiment.images("test")) == card["test_accuracy"]
        assert card["test_accuracy"] == row["test_accuracy"]["values"][0]
        check_a_finished_run(folder / row["net"])


def check_that_A_stays_when_nets_join(experiment, folder, monkeypatch):
    record = read_json(folder / "seed.json")
    write_json(folder / "seed.json", record | {"runs": {"baseline": record["runs"]["baseline"]}})
    with monkeypatch.context() as patched:
        patched.setattr(seeds, "adversarial_collection", None)  # nobody may call it
        assert seeds.evaluate_seed(experiment, 0, folder, "cpu", lambda *_: None) == record
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
    assert seeds.evaluate_seed(experiment, 0, folder, "cpu", lambda *_: None) == record
