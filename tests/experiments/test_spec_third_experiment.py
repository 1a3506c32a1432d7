"""A third data set and one more method are one entry: an experiment made in a test runs whole."""

import json

import pytest
from table_forms import cells
from toy_experiment import toy

from rolab.experiments.runner import reproduce
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

    text = (tmp_path / "table3.md").read_text()
    assert text == markdown(result, experiment=toy)
    titles = ["baseline", "robust ℓ∞", "trained on blurred stripes"]
    assert [row[0] for row in cells(text)] == titles
    assert [row[3] for row in cells(text)] == ["–"] * 3, "no paper has a number for them"
    assert "(trained on blurred stripes: 4)" in text  # epochs
    card = read_json(tmp_path / "seed-0" / "blurred.json")
    assert (card["net"], card["objective"]) == ("stripes/blurred", "Blurred()")

    page = (tmp_path / "figure7.html").read_text()
    assert "trained on blurred stripes" in page and "#CC79A7" in page
    assert "blurred" not in (tmp_path / "figure9.html").read_text(), "it has more epochs than the others"
    page = (tmp_path / "figure8.html").read_text()
    assert any(f"bottom → {name}" in page for name in toy.classes), "by the names of its classes"


def test_its_identity_can_be_written_and_its_controls_are_its_own():
    assert json.loads(json.dumps(toy.identity()))["nets"]["blurred"] == "Blurred()"
    assert toy.without_controls() == toy and toy.main_nets == ("baseline", "robust-linf", "blurred")
