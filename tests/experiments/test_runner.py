"""A tiny experiment, run for real: finished, repeated, killed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from hashlib import sha256
from multiprocessing import active_children
from pathlib import Path

import pytest
import torch
from small_disk import make_read_only, small_disk
from table_forms import assert_markdown, assert_schema
from tiny_experiment import FIGURES, SIZES, TINY, snapshot, tiny

from rolab.attacks import first_order
from rolab.errors import InvariantError
from rolab.evaluation import accuracy, accuracy_vs_radius, predict
from rolab.experiments import NETS
from rolab.experiments import seed as seeds
from rolab.experiments.runner import reproduce
from rolab.experiments.seed import load_collection
from rolab.nets import ConvNet
from rolab.sets import Ball
from rolab.storage import read_json, read_tensors


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of the tiny experiment, its table, and what was told on the way."""
    out = tmp_path_factory.mktemp("tiny") / "a" / "b"
    told: list[tuple[float, str]] = []
    result = reproduce(tiny, out, device="cpu", progress=lambda share, line: told.append((share, line)))
    assert not active_children()
    return out, result, told


def lasting(result: dict) -> dict:
    """A table without what depends on the clock and the machine's state."""
    timed = ("training_seconds", "step_cost")
    rows = [{key: value for key, value in row.items() if key not in timed} for row in result["rows"]]
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
    assert {path.suffix for path in out.rglob(".*")} == {".lock"}


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
        assert radius in tiny.radius_grids[norm]
        step = first_order(baseline, A.sources[mine].images, A.sources[mine].labels, Ball(norm, radius))
        torch.testing.assert_close(A.perturbation[mine], step)
    for net in NETS:
        curve = result["accuracy_vs_epsilon"]["accuracy"][net]["mean"]
        assert curve[0] == rows[net]["test_accuracy"]["mean"] == result["epochs"][net]["mean"][-1]
        assert (
            result["radius_scaling"]["accuracy"][net]["mean"][0] == rows[net]["adversarial_accuracy"]["mean"]
        )


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
    assert result["accuracy_vs_epsilon"]["accuracy"]["robust-l2"]["mean"][1] == found[0]


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

    seeds._check_invariants(tiny, record, A, right)
    two_pixels = A.perturbation.clone()
    two_pixels[2, 0, :2, :2] = 1.0
    for fact, arguments in {
        "A holds 18 examples": (record | {"size": 17}, A, right),
        "classifies every source": (record, A, right & (torch.arange(len(right)) != A.rows[3])),
        "classifies no example": (broken(baseline={"adversarial_accuracy": 5.5}), A, right),
        "exactly one pixel": (record, replace(A, perturbation=two_pixels), right),
        "ε begins with": (broken(robust_l1={"accuracy_vs_epsilon": [12.0, 1.0]}), A, right),
    }.items():
        with pytest.raises(InvariantError, match=fact):
            seeds._check_invariants(tiny, *arguments)


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


@pytest.mark.slow
def test_where_nothing_can_be_drawn_the_table_is_not_lost(finished, tmp_path, monkeypatch):
    out, result, _ = finished
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    for name in ("table1.json", "table1.md", *FIGURES):
        (copy / name).unlink()

    def cannot(*_):
        raise ModuleNotFoundError("No module named 'plotly'", name="plotly")

    with monkeypatch.context() as patch:
        patch.setattr("rolab.experiments.runner.draw", cannot)
        with pytest.warns(UserWarning, match="no figures are drawn, for plotly is not installed"):
            reproduce(tiny, copy, device="cpu", progress=False)
    assert lasting(read_json(copy / "table1.json")) == lasting(result)
    assert not [name for name in FIGURES if (copy / name).exists()]
    reproduce(tiny, copy, device="cpu", progress=False)
    assert all((copy / name).exists() for name in FIGURES)


@pytest.mark.slow
def test_a_finished_experiment_is_shown_where_nothing_may_be_written(finished, tmp_path):
    out, result, _ = finished
    with small_disk(tmp_path / "disk", "200m") as disk:
        shutil.copytree(out, disk / "out")
        make_read_only(disk)
        assert reproduce(tiny, disk / "out", device="cpu", progress=False) == result


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
