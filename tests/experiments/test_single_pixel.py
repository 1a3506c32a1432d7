"""How many digits one pixel flips: the count is what scans find, and goes on after an interrupt."""

import json

import pytest
from single_pixels import SmallNet, small_images

from rolab import cli, zoo
from rolab.course.nb03_perturbations.single_pixel_scan import single_pixel_scan
from rolab.data import mnist
from rolab.errors import RecordError
from rolab.experiments import single_pixel
from rolab.storage import load_result, read_json


@pytest.fixture
def data():
    return small_images()


RADII = {"within [0, 1]": None, "by 0.5": 0.5}


def test_the_count_is_what_scans_find(data, tmp_path):
    nets = {"a": SmallNet(), "b": SmallNet(5)}
    record = single_pixel.count_misread(nets, data, tmp_path / "count.json", RADII, progress=False)
    assert record == read_json(tmp_path / "count.json")
    assert [(row["net"], row["radius"]) for row in record["rows"]] == [
        (net, radius) for net in nets for radius in RADII.values()
    ]
    for row in record["rows"]:
        model, right, step, truth = nets[row["net"]], 0, [], []
        for i in range(len(data)):
            label = int(data.labels[i])
            found = single_pixel_scan(
                model, data.images[i : i + 1], label, row["radius"] or 1.0, row["radius"] is None
            )
            if int(found.before.argmax()) == label:
                right += 1
                step += [i] * (found.row(found.step, found.step_way)["answer"] != label)
                truth += [i] * bool((found.logits.argmax(-1) != label).any())
        assert (row["correct"], row["first_order"], row["exhaustive"], row["done"]) == (
            right,
            step,
            truth,
            len(data),
        )
        assert set(row["first_order"]) <= set(row["exhaustive"])
    counts = single_pixel.table(record)
    assert counts[0]["the truth"].startswith(f"{len(record['rows'][0]['exhaustive'])} (")


def test_an_interrupted_count_goes_on(data, tmp_path, monkeypatch):
    monkeypatch.setattr(single_pixel, "AT_ONCE", 5)
    whole = single_pixel.count_misread(
        {"a": SmallNet()}, data, tmp_path / "whole.json", RADII, progress=False
    )
    out, count, calls = tmp_path / "part.json", single_pixel._count, []

    def stops(*arguments):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        count(*arguments)

    monkeypatch.setattr(single_pixel, "_count", stops)
    with pytest.raises(KeyboardInterrupt):
        single_pixel.count_misread({"a": SmallNet()}, data, out, RADII, progress=False)
    part = json.loads(out.read_text())
    assert sum(row["done"] for row in part["rows"]) == 17
    again = single_pixel.count_misread({"a": SmallNet()}, data, out, RADII, progress=False)
    for record in (whole, again):
        for row in record["rows"]:
            row.pop("seconds")
    assert again == whole
    with pytest.raises(RecordError, match="another single-pixel count"):
        single_pixel.count_misread({"b": SmallNet()}, data, out, RADII, progress=False)


def test_the_command_counts_and_shows(tmp_path, capsys, monkeypatch):
    out = tmp_path / "count.json"
    monkeypatch.setattr("sys.argv", ["rolab", "single-pixel", "--examples", "2", "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    record = json.loads(out.read_text())
    assert [(row["net"], row["radius"], row["done"]) for row in record["rows"]] == [("baseline", None, 2)]
    assert "within [0, 1]" in capsys.readouterr().out
    assert {"torch", "processor", "threads"} <= set(record["environment"])


@pytest.mark.parametrize("wrong", [["--examples", "0"], ["--nets", "nobody"]])
def test_a_wrong_option_is_named(tmp_path, capsys, monkeypatch, wrong):
    monkeypatch.setattr("sys.argv", ["rolab", "single-pixel", *wrong, "--out", str(tmp_path / "count.json")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2 and wrong[1] in capsys.readouterr().err


def test_the_shipped_census_is_that_of_the_shipped_nets():
    """The first digits of the record, counted again."""
    record = load_result("single_pixel")
    test, net = mnist("test")[:6], zoo.load("mnist/baseline")
    rows = [row for row in record["rows"] if row["net"] == "baseline"]
    assert [row["radius"] for row in rows] == [None, 3.0]
    for row in rows:
        how, falls = (row["radius"] or 1.0, row["radius"] is None), []
        for i, label in enumerate(test.labels.tolist()):
            found = single_pixel_scan(net, test.images[i : i + 1], label, *how)
            falls += [i] * bool((found.logits.argmax(-1) != label).any())
        assert falls == [i for i in row["exhaustive"] if i < len(test)]
        assert row["done"] == record["identity"]["examples"] and set(row["first_order"]) <= set(
            row["exhaustive"]
        )
