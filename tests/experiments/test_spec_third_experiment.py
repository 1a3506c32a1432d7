"""A third data set and one more method are one entry: an experiment made in a test runs whole."""

import json
from dataclasses import replace

import pytest
from table_forms import cells
from toy_experiment import largest_weight, toy

from rolab.experiments.runner import reproduce
from rolab.experiments.seed import load_net
from rolab.experiments.tables import markdown
from rolab.storage import read_json


@pytest.mark.slow
def test_a_third_experiment_runs_whole_with_its_own_data_net_objective_and_titles(tmp_path):
    result = reproduce(toy, tmp_path, device="cpu", progress=False)
    names = {path.name for path in tmp_path.iterdir() if path.suffix != ".lock"}
    drawn = {f"{name}.{kind}" for name in ("figure7", "figure8", "figure9") for kind in ("html", "png")}
    records = {"experiment.json", "experiment.before.json", "table3.json", "table3.md"}
    assert names == drawn | records | {"seed-0"}
    assert read_json(tmp_path / "table3.json") == result and result["experiment"] == "stripes"

    rows = {row["net"]: row for row in result["rows"]}
    assert list(rows) == ["baseline", "robust-linf", "blurred"]
    assert len(rows["blurred"]["mcnemar"]) == len(rows["blurred"]["against_robust"]) == 1
    assert "against_robust" not in rows["robust-linf"] and rows["blurred"]["radius"] is None
    measured = read_json(tmp_path / "seed-0" / "seed.json")["nets"]
    for test, other in {"mcnemar": "baseline", "against_robust": "robust-linf"}.items():
        lead = measured["blurred"]["test_accuracy"] - measured[other]["test_accuracy"]
        found = rows["blurred"][test][0]
        assert 100 * (found["only_b"] - found["only_a"]) / 200 == pytest.approx(lead)
    assert result["collection"]["examples_per_norm"] == {"l2": 4, "linf": 6}
    assert result["collection"]["size"] == 10
    assert {net: len(curve["mean"]) for net, curve in result["epochs"].items()} == {
        "baseline": 3, "robust-linf": 3, "blurred": 4
    }  # fmt: skip

    for row, net in zip(result["rows"], rows, strict=True):
        flipped = measured[net]["measures"]["flipped_accuracy"]
        assert row["flipped_accuracy"]["values"] == [flipped["value"]]
        assert row["flipped_accuracy_mcnemar"] == [flipped["mcnemar"]]
        lead = flipped["value"] - rows["baseline"]["flipped_accuracy"]["mean"]
        assert 100 * (flipped["mcnemar"]["only_b"] - flipped["mcnemar"]["only_a"]) / 200 == pytest.approx(
            lead
        )
        weights = load_net(toy, tmp_path / "seed-0", net)
        assert row["largest_weight"]["mean"] == largest_weight(weights, None)
        assert "largest_weight_mcnemar" not in row and row["step_cost"]["mean"] > 0
    assert rows["baseline"]["step_cost"]["mean"] == 1

    text = (tmp_path / "table3.md").read_text()
    assert text == markdown(result, experiment=toy)
    titles = ["baseline", "robust ℓ∞", "trained on blurred stripes"]
    assert [row[0] for row in cells(text)] == titles
    heads = "net", "radius", "test %", "on A %", "upside down %", "largest weight", "step", "McNemar's p"
    assert text.splitlines()[0] == f"| {' | '.join(heads)} |", "no paper has a number for them"
    assert "(trained on blurred stripes: 4)" in text  # epochs
    card = read_json(tmp_path / "seed-0" / "blurred.json")
    assert (card["net"], card["objective"]) == ("stripes/blurred", "Blurred()")

    page = (tmp_path / "figure7.html").read_text()
    assert "trained on blurred stripes" in page and "#CC79A7" in page
    assert "blurred" not in (tmp_path / "figure9.html").read_text(), "it has more epochs than the others"
    page = (tmp_path / "figure8.html").read_text()
    assert any(f"bottom → {name}" in page for name in toy.classes), "by the names of its classes"


@pytest.mark.slow
def test_a_measure_that_joins_later_is_taken_alone(tmp_path):
    """Nothing is trained or measured again, and what had been found stays."""
    few = replace(toy, measures={"largest_weight": toy.measures["largest_weight"]})
    before = reproduce(few, tmp_path, device="cpu", progress=False)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("seed-0/*.safetensors")}
    after = reproduce(toy, tmp_path, device="cpu", progress=False)
    assert after["rows"][2].keys() - before["rows"][2].keys() == {
        "flipped_accuracy",
        "flipped_accuracy_mcnemar",
    }
    for row, was in zip(after["rows"], before["rows"], strict=True):
        assert {key: row[key] for key in was} == was
    assert kept == {path: path.stat().st_mtime_ns for path in tmp_path.glob("seed-0/*.safetensors")}


def test_its_identity_can_be_written_and_its_controls_are_its_own():
    assert json.loads(json.dumps(toy.identity()))["nets"]["blurred"] == "Blurred()"
    assert toy.without_controls() == toy and toy.main_nets == ("baseline", "robust-linf", "blurred")
