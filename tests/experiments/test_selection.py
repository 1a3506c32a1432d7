"""Selection on a split of the training set: candidates are tried without a test image, once."""

from dataclasses import replace

import pytest
import typer
from toy_experiment import toy

from rolab.experiments import radius_selection
from rolab.experiments.selection import select
from rolab.storage import load_result, read_json


def about(net):
    return {"candidate": net}


def only_training(split):
    assert split == "train"
    return toy.load(split)


def best(rows):
    return {"least": min(row["accuracy"] for row in rows)}


@pytest.mark.slow
def test_candidates_are_tried_on_the_training_set_alone_and_once(tmp_path, capsys):
    nets = {name: toy.nets[name] for name in ("baseline", "robust-linf")}
    small = replace(toy, nets=nets, load=only_training, recipe=replace(toy.recipe, epochs=1))
    path = tmp_path / "record.json"
    select("try", path, small, (200, 100), 0, about, best, wanted=3)
    record = read_json(path)
    assert [row["candidate"] for row in record["rows"]] == list(nets)
    assert (record["trained_on"], record["judged_on"], record["wanted"], record["seed"]) == (200, 100, 3, 0)
    first, second = record["rows"]
    assert first["mcnemar"] is None and record["chosen"] == best(record["rows"])
    lead = second["mcnemar"]["only_b"] - second["mcnemar"]["only_a"]
    assert second["accuracy"] - first["accuracy"] == pytest.approx(lead)  # of 100
    states = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    select("try", path, small, (200, 100), 0, about, best, wanted=3)
    assert states == {path: path.stat().st_mtime_ns for path in states}, "nothing was trained again"
    assert read_json(path)["rows"] == record["rows"]
    (tmp_path / "baseline" / "run.json").write_text("{}")
    (tmp_path / "baseline" / "run.before.json").write_text("{}")
    with pytest.raises(typer.Exit) as ended:
        select("try", path, small, (200, 100), 0, about, best)
    assert ended.value.exit_code == 2 and "try: " in capsys.readouterr().err


def test_the_rule_of_the_radii_is_the_one_of_the_record():
    record = load_result("cifar10_radii")
    assert radius_selection.chosen(record["rows"]) == record["chosen"]
    nets = radius_selection.EXPERIMENT.nets
    for row, net in zip(record["rows"], nets, strict=True):
        assert row | radius_selection.about(net) == row
