"""The explorer of notebook 04: live widget, standing figure and table hold the same numbers."""

import json

import pytest
import torch

from rolab.moons import two_moons
from rolab.trainers import AlgorithmExplorer

MOVING, LOSSES, MARGIN = 6, slice(6, 9), 9  # the traces: what moves, then the curves


@pytest.fixture
def explorer():
    points, labels = two_moons(40)
    return AlgorithmExplorer(points, labels)


def drawn(live):
    """What a FigureWidget shows: its traces, each by what may change, and its title."""
    plot = json.loads(live.chart.widget.to_json())
    traces = [{key: trace[key] for key in ("source", "x", "y") if key in trace} for trace in plot["data"]]
    return traces, plot["layout"]["title"]["text"]


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_live_and_standing_figure_and_table_agree(explorer, norm):
    steps = (0, 1, 2, 7, 27)
    live = explorer.live(plain=False, norm=norm, epsilon=0.2)
    standing = json.loads(explorer.figure(norm, 0.2, steps).plotly().to_json())
    curves = standing["data"][LOSSES] + [standing["data"][MARGIN]]
    for frame, row in zip(standing["frames"], explorer.table(norm, 0.2, steps), strict=True):
        if row["step"]:
            live.count.value = row["step"] - live.step
            (live.one if live.count.value == 1 else live.many).click()
        assert live.error.value == "" and live.step == row["step"]
        traces, title = drawn(live)
        wanted = [{k: trace[k] for k in ("source", "x", "y") if k in trace} for trace in frame["data"]]
        assert traces[:MOVING] == wanted
        assert title == frame["layout"]["title"]["text"] and title in live.summary.value
        for shown, whole in zip([*traces[LOSSES], traces[MARGIN]], curves, strict=True):
            size = len(shown["x"])
            assert (shown["x"], shown["y"]) == (whole["x"][:size], whole["y"][:size])
        assert frame["data"][4]["y"] == pytest.approx(list(row.values())[1:4], abs=1e-5)
        assert frame["data"][5]["y"] == [row["margin"]]
    assert traces[MOVING + 6 :] == [
        {k: trace[k] for k in ("x", "y")} for trace in standing["data"][MOVING + 6 :]
    ]


def test_every_control_leads_to_the_same_figure_as_a_fresh_start(explorer):
    live = explorer.live(plain=False)
    live.many.click()
    live.norm.value = "linf"
    live.number.value = 0.3
    assert live.epsilon.value == 0.3 and live.step == 0, "another set is another run"
    live.count.value = 5
    live.many.click()
    fresh = explorer.live(plain=False, norm="linf", epsilon=0.3, step=5)
    assert drawn(live) == drawn(fresh)
    assert live.summary.value == fresh.summary.value and live.error.value == fresh.error.value == ""


def test_a_run_is_where_it_was_left_and_reset_starts_it_again(explorer):
    live = explorer.live(plain=False, norm="l2", epsilon=0.2)
    start = drawn(live)
    live.many.click()
    left = drawn(live)
    live.norm.value = "l1"
    assert live.step == 0
    live.norm.value = "l2"
    assert drawn(live) == left and live.step == 20
    live.reset.click()
    assert drawn(live) == start and live.step == 0


def test_what_was_computed_is_not_computed_again(explorer, monkeypatch):
    live = explorer.live(plain=False)
    live.many.click()
    live.reset.click()
    monkeypatch.setattr("rolab.moons.runs.descend", None)
    live.many.click()
    assert live.error.value == "" and live.step == 20
    live.one.click()
    assert "TypeError" in live.error.value, "step 21 is new"


def test_the_cache_does_not_grow_for_ever(explorer):
    assert explorer.run("l2", 0.1) is explorer.run("l2", 0.1)
    for k in range(explorer.KEPT + 5):
        explorer.run("l2", k / 100)
    assert len(explorer._runs) == explorer.KEPT


def test_errors_are_shown_where_the_reader_looks(explorer, monkeypatch):
    live = explorer.live(plain=False)

    def broken(*arguments):
        raise RuntimeError("too <large>")

    with monkeypatch.context() as patch:
        patch.setattr("rolab.moons.runs.descend", broken)
        live.one.click()
    assert 'role="alert"' in live.error.value and "RuntimeError: too &lt;large&gt;" in live.error.value
    live.reset.click()
    assert live.error.value == ""
    live.one.click()
    assert live.error.value == "" and "Step 1," in live.summary.value


def test_the_plain_explorer_needs_core_widgets_only(explorer):
    live = explorer.live(plain=True)
    before = bytes(live.chart.widget.value)
    live.one.click()
    after = bytes(live.chart.widget.value)
    assert before.startswith(b"\x89PNG") and after.startswith(b"\x89PNG") and before != after
    assert live.error.value == ""


def test_old_widgets_get_the_plain_explorer(explorer, monkeypatch):
    monkeypatch.setattr("ipywidgets.__version__", "7.7.1")
    assert type(explorer.live().chart).__name__ == "_Pictures"


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda e: e.run("l7"), "norm: expected one of l1, l2, linf, got 'l7'"),
        (lambda e: AlgorithmExplorer(ticks=1), "norms, largest, ticks: expected"),
        (lambda e: AlgorithmExplorer(largest=0), "norms, largest, ticks: expected"),
        (lambda e: AlgorithmExplorer(norms=()), "norms, largest, ticks: expected"),
        (lambda e: AlgorithmExplorer(e.points), "points, labels: expected both or none"),
        (lambda e: AlgorithmExplorer(e.points, torch.zeros(40)), "labels: expected 0 and 1"),
    ],
)
def test_a_wrong_argument_is_named(explorer, call, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        call(explorer)
