"""The explorer of notebook 04: live widget, standing figure and table hold the same numbers."""

import json

import pytest
import torch
from live_charts import page_of

from rolab.course.nb04_algorithm1.explorer import TrainingExplorer
from rolab.course.nb04_algorithm1.two_moons import two_moons


@pytest.fixture
def explorer():
    points, labels = two_moons(40)
    return TrainingExplorer(points, labels)


def drawn(live):
    """What a live chart shows: picture, traces and title."""
    page = page_of(live.chart)
    return page["layout"]["images"], page["data"], page["layout"]["title"]["text"]


def curves(traces):
    """Those of the losses and the margin."""
    names = "J(x)", "J(x + Δ̂), one step", "worst J in U", "margin"
    return [trace for trace in traces if trace["name"] in names]


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_live_and_standing_figure_and_table_agree(explorer, norm):
    explorer.steps = (0, 1, 2, 7, 27)
    live = explorer.live(plain=False, norm=norm, epsilon=0.2)
    standing = explorer.figure(norm=norm, epsilon=0.2)
    for k, row in enumerate(explorer.table(norm=norm, epsilon=0.2)):
        if row["step"]:
            live.controls["count"].value = count = row["step"] - live.state["step"]
            live.controls["one" if count == 1 else "many"].click()
        assert live.error.value == "" and live.state["step"] == row["step"]
        images, traces, title = drawn(live)
        page = json.loads(json.dumps(standing.at(k).still()))
        assert images == page["layout"]["images"]
        assert title == page["layout"]["title"]["text"] and title in live.summary.value
        whole, levels = curves(page["data"]), ("ε", "half the gap")
        for shown, other in zip(curves(traces), whole, strict=True):
            size = len(shown["x"])
            assert (shown["x"], shown["y"]) == (other["x"][:size], other["y"][:size])
        rest = [trace for trace in traces if trace not in curves(traces) and trace["name"] not in levels]
        assert rest == [t for t in page["data"] if t not in whole and t["name"] not in levels]
        here, there = (
            trace
            for trace in traces
            if trace["x"] in ([row["step"]], [row["step"]] * 3) and trace["mode"] == "markers"
        )
        assert here["y"] == pytest.approx(list(row.values())[1:4], rel=1e-5)
        assert there["y"] == [row["margin"] and pytest.approx(row["margin"], rel=1e-5)]
    assert traces == page["data"], "at the last step all is equal"


def test_every_control_leads_to_the_same_figure_as_a_fresh_start(explorer):
    live = explorer.live(plain=False)
    live.controls["many"].click()
    live.controls["norm"].value = "linf"
    live._parts["epsilon"][1].value = 0.3
    assert live.controls["epsilon"].value == 0.3 and live.state["step"] == 0, "another set is another run"
    live.controls["count"].value = 5
    live.controls["many"].click()
    fresh = explorer.live(plain=False, norm="linf", epsilon=0.3, step=5)
    assert drawn(live) == drawn(fresh)
    assert live.summary.value == fresh.summary.value and live.error.value == fresh.error.value == ""


def test_a_radius_may_be_between_two_places_and_each_view_remembers_its_own_runs(explorer):
    live, other = (explorer.live(plain=False, norm="l2", epsilon=0.13) for _ in range(2))
    assert live.state["epsilon"] == live.controls["epsilon"].value == 0.13
    assert "radius 0.13:" in live.shown.title
    live.controls["many"].click()
    other.controls["norm"].value = "l1"
    other.controls["norm"].value = "l2"
    assert other.state["step"] == 0 and live.state["step"] == 20
    assert explorer.live(plain=True, epsilon=9).state["epsilon"] == 0.5


def test_the_standing_figure_opens_at_the_step_chosen_or_where_arrows_are_seen(explorer):
    explorer.steps = (0, 1, 4, 9)
    assert (
        explorer.figure().shown == 2
        and explorer.figure(step=8).shown == explorer.at(step=9).figure().shown == 3
    )
    assert explorer.at(norm="l2").state()["step"] == 0, "live, it begins at the start"
    assert len(explorer.figure("norm", step=1).table()) == 3
    shown = [figure.title for figure in explorer.figure("norm", step=1).figures]
    assert shown == [explorer.draw(norm=norm, epsilon=0.2, step=1).title for norm in explorer.norms]


def test_a_run_is_where_it_was_left_and_reset_starts_it_again(explorer):
    live = explorer.live(plain=False, norm="l2", epsilon=0.2)
    start = drawn(live)
    live.controls["many"].click()
    left = drawn(live)
    live.controls["norm"].value = "l1"
    assert live.state["step"] == 0
    live.controls["norm"].value = "l2"
    assert drawn(live) == left and live.state["step"] == 20
    live.controls["reset"].click()
    assert drawn(live) == start and live.state["step"] == 0


def test_what_was_computed_is_not_computed_again(explorer, monkeypatch):
    live = explorer.live(plain=False)
    live.controls["many"].click()
    live.controls["reset"].click()
    monkeypatch.setattr("rolab.course.nb04_algorithm1.two_moons.training_step", None)
    live.controls["many"].click()
    assert live.error.value == "" and live.state["step"] == 20
    live.controls["one"].click()
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
        patch.setattr("rolab.course.nb04_algorithm1.two_moons.training_step", broken)
        live.controls["one"].click()
    assert 'role="alert"' in live.error.value and "RuntimeError: too &lt;large&gt;" in live.error.value
    live.controls["reset"].click()
    assert live.error.value == ""
    live.controls["one"].click()
    assert live.error.value == "" and "Step 1," in live.summary.value


def test_the_plain_explorer_needs_core_widgets_only(explorer):
    live = explorer.live(plain=True)
    before = bytes(live.chart.widget.value)
    live.controls["one"].click()
    after = bytes(live.chart.widget.value)
    assert before.startswith(b"\x89PNG") and after.startswith(b"\x89PNG") and before != after
    assert live.error.value == ""


def test_old_widgets_get_the_plain_explorer(explorer, monkeypatch):
    monkeypatch.setattr("ipywidgets.__version__", "7.7.1")
    assert type(explorer.live().chart).__name__ == "PictureChart"


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda e: e.run("l7"), "norm: expected one of l1, l2, linf, got 'l7'"),
        (lambda e: TrainingExplorer(ticks=1), "norms, largest, ticks: expected"),
        (lambda e: TrainingExplorer(largest=0), "norms, largest, ticks: expected"),
        (lambda e: TrainingExplorer(norms=()), "norms, largest, ticks: expected"),
        (lambda e: TrainingExplorer(e.points), "points, labels: expected both or none"),
        (lambda e: TrainingExplorer(e.points, torch.zeros(40)), "labels: expected 0 and 1"),
    ],
)
def test_a_wrong_argument_is_named(explorer, call, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        call(explorer)


def test_runs_that_are_kept_see_the_points_they_began_with():
    points, labels = two_moons(40)
    explorer = TrainingExplorer(points, labels)
    before = explorer.run("l2", 0.2)[3].loss
    points.mul_(3)
    labels.sub_(1).abs_()
    run = explorer.run("l2", 0.2)
    assert run[3].loss == before and run[4].loss == TrainingExplorer(*two_moons(40)).run("l2", 0.2)[4].loss
