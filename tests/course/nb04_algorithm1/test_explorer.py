"""The explorer of notebook 04: live widget, standing figure and table hold the same numbers."""

import json
import math

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


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_live_and_standing_figure_and_table_agree(explorer, norm):
    explorer.steps = (0, 0.5, 1, 2, 7)
    state = {"norm": norm, "epsilon": 0.2, "race": True}
    live, standing = explorer.live(plain=False, **state), explorer.figure(**state)
    for k, row in enumerate(explorer.table(**state)):
        live.controls["step"].value = explorer.steps[k]
        assert live.error.value == "" and live.state["step"] == explorer.steps[k]
        images, traces, title = drawn(live)
        page = json.loads(json.dumps(standing.at(k).still()))
        assert images == page["layout"]["images"] and traces == page["data"]
        assert title == page["layout"]["title"]["text"] and title in live.summary.value
        done = int(explorer.steps[k])
        dots = [t["y"] for t in traces if t["mode"] == "markers" and t["x"] in ([done], [done] * 3)]
        rival = explorer.run(norm, 0.0)[done].margin
        for found, true in zip(dots, (list(row.values())[1:4], [row["margin"]], [rival]), strict=True):
            assert found == [
                None if y is None or y == -math.inf else pytest.approx(y, rel=1e-5) for y in true
            ]


def test_a_step_has_two_halves_which_are_played_and_scrubbed_back(explorer):
    live = explorer.live(plain=False, norm="l2", epsilon=0.2)
    play = live._parts["step"][2]
    assert (play.min, play.max, play.step, play.value) == (0, 600, 1, 0)
    run, titles = live.explorer.run("l2", 0.2), []
    for frame in (1, 2, 3):
        play.value = frame  # as the browser does, once a second
        assert live.error.value == "" and live.state["step"] == live.controls["step"].value == frame / 2
        titles.append(live.shown.title)
    assert ["up" in title for title in titles] == [True, False, True]
    live.controls["half"].click()
    assert live.state["step"] == 2 and play.value == 4 and len(run._states) == 3
    live.controls["speed"].value = 5
    assert play.step == 10 and live.state["step"] == 2
    live.controls["step"].value = 0.5
    assert live.shown.title == titles[0] and play.value == 1 and live.error.value == ""


def test_uphill_the_boundary_stays_and_downhill_the_points_have_run(explorer):
    marks = {}
    for step in (3, 3.5, 4):
        state = {**explorer.state(norm="l2"), "step": step}
        named = {mark.name: mark for mark in explorer.draw(**state).panels()[0].marks if mark.name}
        marks[step] = {name: (list(mark.x), list(mark.y)) for name, mark in named.items()}
    boundary, arrows = "boundary, Algorithm 1", "Δ̂"
    assert marks[3][boundary] == marks[3.5][boundary] != marks[4][boundary]
    assert marks[3][arrows] != marks[3.5][arrows] == marks[4][arrows]
    assert marks[3.5]["boundary before"] == ([], []) != marks[4]["boundary before"]


def test_the_dot_is_on_its_curve_and_the_curve_ends_where_the_reader_has_been(explorer):
    live = explorer.live(plain=False, norm="l2", epsilon=0.2)
    for step, last in ((43, 43), (31, 43), (62, 62)):
        live.controls["step"].value = step
        for panel in live.shown.panels()[1:]:
            *curves, dots = panel.marks[: 4 if panel.title == "loss" else 2]
            for curve, y in zip(curves, dots.y, strict=True):
                assert max(curve.x) == last and curve.y[list(curve.x).index(step)] == y
    figure = explorer.figure(norm="l2", epsilon=0.2)
    assert all(max(mark.x) <= 1 for mark in figure.panels()[1].marks), "the standing figure too"


def test_both_start_from_the_same_weights_and_see_the_same_points(explorer):
    robust, standard = explorer.run("l2", 0.3), explorer.run("l2", 0.0)
    weights = [[p.tolist() for p in run[0].net.parameters()] for run in (robust, standard)]
    assert weights[0] == weights[1] and robust[5].rows.tolist() == standard[5].rows.tolist()
    raced = explorer.draw(**explorer.state(norm="l2", epsilon=0.3, race=True, step=60))
    assert f"(standard {standard[60].margin:.2f})" in raced.title
    alone = explorer.draw(**explorer.state(norm="l2", epsilon=0.3, step=60))
    assert "standard" not in alone.title


def test_the_switch_lets_gradients_flow_through_the_perturbation(explorer):
    live = explorer.live(plain=False, norm="l2", epsilon=0.4, step=20)
    held = live.shown.title
    live.controls["detached"].value = False
    assert live.state["step"] == 0 and live.error.value == "", "another run, from the start"
    live.controls["step"].value = 20
    assert live.shown.title != held and live.shown.run.detached is False
    live.controls["detached"].value = True
    assert live.shown.title == held, "where it was left"


def test_every_control_leads_to_the_same_figure_as_a_fresh_start(explorer):
    live = explorer.live(plain=False)
    live.controls["step"].value = 20
    live.controls["norm"].value = "linf"
    live._parts["epsilon"][1].value = 0.3
    assert live.controls["epsilon"].value == 0.3 and live.state["step"] == 0, "another set is another run"
    live.controls["race"].value = True
    live.controls["step"].value = 5
    fresh = explorer.live(plain=False, norm="linf", epsilon=0.3, race=True, step=5)
    assert drawn(live) == drawn(fresh)
    assert live.summary.value == fresh.summary.value and live.error.value == fresh.error.value == ""


def test_a_radius_may_be_between_two_places_and_each_view_remembers_its_own_runs(explorer):
    live, other = (explorer.live(plain=False, norm="l2", epsilon=0.13) for _ in range(2))
    assert live.state["epsilon"] == live.controls["epsilon"].value == 0.13
    live.controls["step"].value = 20
    assert "radius 0.13:" in live.shown.title
    other.controls["norm"].value = "l1"
    other.controls["norm"].value = "l2"
    assert other.state["step"] == 0 and live.state["step"] == 20
    assert explorer.live(plain=True, epsilon=9).state["epsilon"] == 0.5


def test_the_standing_figure_opens_at_the_step_chosen_or_where_arrows_are_seen(explorer):
    explorer.steps = (0, 0.5, 4, 9)
    assert explorer.figure().shown == 1 and "up" in explorer.figure().title
    assert explorer.figure(step=8).shown == explorer.at(step=9).figure().shown == 3
    assert explorer.at(norm="l2").state()["step"] == 0, "live, it begins at the start"
    shown = [figure.title for figure in explorer.figure("norm", step=1).figures]
    state = explorer.state(step=1)
    assert shown == [explorer.draw(**{**state, "norm": norm}).title for norm in explorer.norms]


def test_a_run_is_where_it_was_left_and_reset_starts_it_again(explorer):
    live = explorer.live(plain=False, norm="l2", epsilon=0.2)
    start = live.shown.title
    live.controls["step"].value = 20
    left = drawn(live)
    live.controls["norm"].value = "l1"
    assert live.state["step"] == 0
    live.controls["norm"].value = "l2"
    assert drawn(live) == left and live.state["step"] == 20
    live.controls["reset"].click()
    assert live.shown.title == start and live.state["step"] == 0


def test_what_was_computed_is_not_computed_again(explorer, monkeypatch):
    live = explorer.live(plain=False)
    live.controls["step"].value = 20
    live.controls["reset"].click()
    monkeypatch.setattr("rolab.course.nb04_algorithm1.two_moons.training_step", None)
    live.controls["step"].value = 20
    assert live.error.value == "" and live.state["step"] == 20
    live.controls["half"].click()
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
        live.controls["half"].click()
    assert 'role="alert"' in live.error.value and "RuntimeError: too &lt;large&gt;" in live.error.value
    live.controls["reset"].click()
    assert live.error.value == ""
    live.controls["half"].click()
    assert live.error.value == "" and "Step 1," in live.summary.value


def test_the_plain_explorer_needs_core_widgets_only(explorer):
    live = explorer.live(plain=True)
    before = bytes(live.chart.widget.value)
    live.controls["half"].click()
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
