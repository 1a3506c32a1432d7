"""The pixel explorer: every change is the model's answer, renderings hold the same numbers; the census."""

import json

import pytest
import torch
from rolab.course.nb03_perturbations.single_pixel_scan import single_pixel_scan
from torch import nn
from torch.nn.functional import cross_entropy

from rolab import cli, storage, zoo
from rolab.attacks import first_order, input_gradient, single_pixel
from rolab.course.nb03_perturbations import SinglePixelExplorer
from rolab.data import Dataset, mnist
from rolab.errors import RecordError
from rolab.experiments import single_pixel
from rolab.sets import Ball, Box, SparsePixels, pixel_box


class Small(nn.Module):
    """A net for images of 6 × 5 pixels, with its weights from a seed."""

    def __init__(self, seed: int = 0, classes: int = 4):
        super().__init__()
        torch.manual_seed(seed)
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(30, 16), nn.Tanh(), nn.Linear(16, classes))
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return 3 * self.net(x)


@pytest.fixture
def data():
    images = (torch.rand(12, 1, 6, 5, generator=torch.Generator().manual_seed(1)) * 2 - 0.6).clamp(0, 1)
    return Dataset(images, Small()(images).argmax(1))


@pytest.fixture
def explorer(data):
    return SinglePixelExplorer({"baseline": Small(), "robust-l2": Small(2)}, data)


@pytest.mark.parametrize("radius, boxed", [(3.0, False), (1.0, True), (0.25, True)])
def test_every_change_is_the_models_answer_one_by_one(data, radius, boxed):
    model = Small()
    for index in range(4):
        x, y = data.images[index : index + 1], data.labels[index : index + 1]
        found = single_pixel_scan(model, x, int(y), radius, boxed)
        g, before = input_gradient(model, x, y), cross_entropy(model(x), y)
        for j in range(30):
            for way, sign in enumerate((1, -1)):
                d = torch.zeros(30)
                d[j] = sign * radius
                d = d.view(1, 1, 6, 5)
                if boxed:
                    d = (x + d).clamp(0, 1) - x
                rise = cross_entropy(model(x + d), y) - before
                assert found.rise[way, j] == pytest.approx(rise.item(), abs=1e-5)
                assert found.promised[way, j] == pytest.approx(float((g * d).sum()), abs=1e-6)
                assert torch.allclose(found.logits[way, j], model(x + d)[0].double(), atol=1e-5)
        best = found.rise.amax(0)
        assert best[found.truth] == best.max()
        assert torch.equal(found.changed(3) - found.image != 0, torch.arange(30).view(1, 6, 5) == 3) or boxed
        assert sorted(found.order) == list(range(30)) and found.rank(found.truth)[1] == 1
        assert found.rank(found.step)[0] == 1


def test_the_step_is_the_l1_step_and_the_truth_is_single_pixel(data):
    """Unbounded, Hölder's pixel; in the box, the best single pixel for the gradient."""
    model, flips = Small(), []
    for index in range(12):
        x, y = data.images[index : index + 1], data.labels[index : index + 1]
        for radius, boxed, U, box in (
            (0.7, False, Ball("l1", 0.7), Box(-0.7, 0.7)),
            (1.0, True, SparsePixels(1, pixel_box(x)), pixel_box(x)),
        ):
            found = single_pixel_scan(model, x, int(y), radius, boxed)
            step = first_order(model, x, y, U)
            assert int(step.abs().argmax()) == found.step
            assert float(step.flatten()[found.step]) == pytest.approx(
                float(found.change[found.step_way, found.step])
            )
            assert int(model(x + step).argmax()) == found.step_answer
            _, falls = single_pixel(model, x, y, box)
            assert bool(falls) == (found.falls > 0)
            flips.append(bool(falls))
    assert 0 < sum(flips) < len(flips), "the cases tell the two answers apart"


def shown(plot, count=6):
    """The traces that move, and the title, of a plotly figure as JSON."""
    traces = [{key: trace.get(key) for key in ("source", "x", "y")} for trace in plot["data"][:count]]
    return traces, plot["layout"]["title"]["text"]


@pytest.mark.parametrize("radius, boxed", [(3.0, False), (1.0, True)])
def test_live_and_standing_figure_and_table_agree(explorer, radius, boxed):
    live = explorer.live(plain=False, index=3, radius=radius, boxed=boxed, revealed=True)
    standing = json.loads(explorer.figure("baseline", 3, radius, boxed).plotly().to_json())
    numbers = explorer.table("baseline", 3, radius, boxed)
    assert len(standing["frames"]) == len(standing["layout"]["sliders"][0]["steps"]) == len(numbers) >= 24
    for frame, row in zip(standing["frames"], numbers, strict=True):
        live.row.value, live.column.value = row["pixel"]
        assert live.error.value == ""
        traces, title = shown(json.loads(live.chart.widget.to_json()))
        moved = [{key: trace.get(key) for key in ("source", "x", "y")} for trace in frame["data"]]
        assert traces == moved and title == frame["layout"]["title"]["text"] and title in live.summary.value
        assert traces[1]["y"] == [row[str(c)] for c in range(4)]
        assert (traces[2]["x"], traces[2]["y"]) == ([row["promised"]], [row["rise of the loss"]])
        assert f"says {row['answer']} " in title
        by_gradient, in_truth = row["place by the gradient"], row["place in truth"]
        said = f"number {in_truth} of 30 in truth, number {by_gradient} by the gradient"
        assert said in live.summary.value
    everything = json.loads(live.chart.widget.to_json())["data"][6:13]
    for ours, theirs in zip(everything, standing["data"][6:13], strict=True):
        assert [ours.get(key) for key in ("source", "x", "y")] == [
            theirs.get(key) for key in ("source", "x", "y")
        ]


def test_a_click_is_the_same_as_row_and_column(explorer):
    live = explorer.live(plain=False, index=2)
    drawn = []
    live.chart.slide, slide = lambda *what: (drawn.append(1), slide(*what)), live.chart.slide
    for trace in live.chart.widget.data[-2:]:
        clicked = {"point_indexes": [17], "xs": [2], "ys": [3]}
        for callback in trace._click_callbacks:
            callback(trace, type("Points", (), {"point_inds": clicked["point_indexes"]}), None)
        assert (live.row.value, live.column.value) == (3, 2) and live.error.value == ""
    typed = explorer.live(plain=False, index=2)
    typed.row.value, typed.column.value = 3, 2
    assert shown(json.loads(live.chart.widget.to_json())) == shown(json.loads(typed.chart.widget.to_json()))
    assert len(drawn) == 2, "a click draws once, though row and column both change"
    positions = live.chart.widget.data[-1]
    assert (positions.x[17], positions.y[17]) == (2, 3)


def test_the_truth_is_hidden_until_it_is_revealed(explorer):
    live = explorer.live(plain=False, index=1, radius=3.0, boxed=False)
    winners = live.chart.widget.data[11:13]
    assert all(not trace.x for trace in winners) and "in truth" not in live.summary.value
    blank = live.chart.widget.data[7].source
    live.revealed.value = True
    assert all(len(trace.x) == 1 for trace in winners) and live.chart.widget.data[7].source != blank
    live.best.click()
    found = explorer.scan("baseline", 1, 3.0, False)
    assert (live.row.value, live.column.value) == found.place(found.truth)
    assert "number 1 of 30 in truth" in live.summary.value
    live.step.click()
    assert (live.row.value, live.column.value) == found.place(found.step)
    assert "number 1 by the gradient" in live.summary.value


def test_every_control_leads_to_the_same_figure_as_a_fresh_start(explorer):
    live = explorer.live(plain=False)
    live.net.value, live.index.value, live.radius.value, live.boxed.value = "robust-l2", 5, 2.0, False
    live.row.value, live.column.value, live.revealed.value = 1, 4, True
    start = {"net": "robust-l2", "index": 5, "radius": 2.0, "boxed": False, "pixel": (1, 4)}
    fresh = explorer.live(plain=False, **start, revealed=True)
    ours, theirs = (json.loads(each.chart.widget.to_json()) for each in (live, fresh))
    assert ours["data"] == theirs["data"] and live.summary.value == fresh.summary.value
    assert ours["layout"]["title"]["text"] == theirs["layout"]["title"]["text"]


def test_a_move_computes_nothing_anew(explorer):
    live, model = explorer.live(plain=False), explorer.nets["baseline"]
    calls = model.calls
    live.row.value, live.column.value, live.revealed.value = 0, 0, True
    assert model.calls == calls
    live.index.value = 1
    assert model.calls > calls
    calls = model.calls
    live.index.value = 0
    assert model.calls == calls, "a digit seen before is in the cache"


def test_errors_are_shown_where_the_reader_looks(explorer):
    live = explorer.live(plain=False)
    explorer.nets["broken"] = nn.Linear(3, 3)
    live.net.options = ["baseline", "broken"]
    live.net.value = "broken"
    assert 'role="alert"' in live.error.value and "RuntimeError" in live.error.value
    live.net.value = "baseline"
    assert live.error.value == ""


def test_the_plain_explorer_needs_core_widgets_only(explorer):
    live = explorer.live(plain=True)
    before = bytes(live.chart.widget.value)
    live.column.value = 0
    assert bytes(live.chart.widget.value) != before and live.error.value == ""


def test_the_figure_says_what_it_shows(explorer):
    figure = explorer.figure("baseline", 3)
    assert figure.pixel == figure.scan.step and figure.title in figure.alt
    data, _ = figure._repr_mimebundle_()
    assert {"application/vnd.plotly.v1+json", "image/png", "text/plain"} == set(data)
    assert "the best is" not in explorer.figure("baseline", 3, revealed=False).alt


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda e: e.scan("other", 0), "net"),
        (lambda e: e.scan("baseline", 12), "index"),
        (lambda e: e.scan("baseline", 0, -1.0), "radius"),
        (lambda e: e.figure("baseline", 0, pixel=(6, 0)), "pixel"),
        (lambda e: single_pixel_scan(Small(), e.data.images[:2], 0), "x"),
        (lambda e: SinglePixelExplorer({}, e.data), "nets"),
    ],
)
def test_a_wrong_argument_is_named(explorer, call, name):
    with pytest.raises(ValueError, match=rf"^{name}\b"):
        call(explorer)


# The census


RADII = {"within [0, 1]": None, "by 0.5": 0.5}


def test_the_census_counts_what_scans_find(data, tmp_path):
    nets = {"a": Small(), "b": Small(5)}
    record = single_pixel.count_misread(nets, data, tmp_path / "census.json", RADII, progress=False)
    assert record == json.loads((tmp_path / "census.json").read_text())
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
                step += [i] * (found.step_answer != label)
                truth += [i] * (found.falls > 0)
        assert (row["right"], row["step"], row["truth"], row["done"]) == (right, step, truth, len(data))
        assert set(row["step"]) <= set(row["truth"])
    counts = single_pixel.table(record)
    assert counts[0]["the truth"].startswith(f"{len(record['rows'][0]['truth'])} (")


def test_an_interrupted_census_goes_on(data, tmp_path, monkeypatch):
    monkeypatch.setattr(single_pixel, "DIGITS", 5)
    whole = single_pixel.count_misread({"a": Small()}, data, tmp_path / "whole.json", RADII, progress=False)
    out, count, calls = tmp_path / "part.json", single_pixel._count, []

    def stops(*arguments):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        count(*arguments)

    monkeypatch.setattr(single_pixel, "_count", stops)
    with pytest.raises(KeyboardInterrupt):
        single_pixel.count_misread({"a": Small()}, data, out, RADII, progress=False)
    part = json.loads(out.read_text())
    assert sum(row["done"] for row in part["rows"]) == 17
    again = single_pixel.count_misread({"a": Small()}, data, out, RADII, progress=False)
    for record in (whole, again):
        for row in record["rows"]:
            row.pop("seconds")
    assert again == whole
    with pytest.raises(RecordError, match="another census"):
        single_pixel.count_misread({"b": Small()}, data, out, RADII, progress=False)


def test_the_command_counts_and_shows(tmp_path, capsys, monkeypatch):
    out = tmp_path / "census.json"
    monkeypatch.setattr("sys.argv", ["rolab", "census", "--digits", "2", "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    record = json.loads(out.read_text())
    assert [(row["net"], row["radius"], row["done"]) for row in record["rows"]] == [("baseline", None, 2)]
    assert "within [0, 1]" in capsys.readouterr().out
    assert {"torch", "processor", "threads"} <= set(record["environment"])


@pytest.mark.parametrize("wrong", [["--digits", "0"], ["--nets", "nobody"]])
def test_a_wrong_option_is_named(tmp_path, capsys, monkeypatch, wrong):
    monkeypatch.setattr("sys.argv", ["rolab", "census", *wrong, "--out", str(tmp_path / "census.json")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2 and wrong[1] in capsys.readouterr().err


def test_the_shipped_census_is_that_of_the_shipped_nets():
    """The first digits of the record, counted again."""
    record = storage.load_result("single_pixel")
    test, net = mnist("test")[:6], zoo.load("mnist/baseline")
    rows = [row for row in record["rows"] if row["net"] == "baseline"]
    assert [row["radius"] for row in rows] == [None, 3.0]
    for row in rows:
        falls = [
            i
            for i in range(len(test))
            if single_pixel_scan(
                net, test.images[i : i + 1], int(test.labels[i]), row["radius"] or 1.0, row["radius"] is None
            ).falls
        ]
        assert falls == [i for i in row["truth"] if i < len(test)]
        assert row["done"] == record["digits"] and set(row["step"]) <= set(row["truth"])
