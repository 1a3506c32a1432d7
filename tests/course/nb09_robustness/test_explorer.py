"""The explorer of notebook 09: live widget, figure without a kernel and table hold the same numbers."""

import itertools

import pytest
import torch
from live_charts import page_of

from rolab.course.nb09_robustness import RobustnessExplorer, robustness_figure
from rolab.experiments.robustness_results import RobustnessResults
from rolab.experiments.styles import style

NETS = ("baseline", "robust-l2", "masked")
RADII, STEPS, RESTARTS, DIGITS = (0.05, 0.1, 0.2), (1, 5, 20), 2, 200


def counts(clean: int, seed: int) -> list:
    """Some counts for each radius, number of steps and of restarts, none above the one before."""
    generator = torch.Generator().manual_seed(seed)
    lost = torch.randint(1, 8, (len(RADII), len(STEPS), 1 + RESTARTS), generator=generator)
    return (clean - lost.cumsum(0).cumsum(1).cumsum(2)).clamp(0).tolist()


@pytest.fixture
def results():
    """A record that no one has computed."""
    config = {"radii": RADII, "steps": STEPS, "restarts": RESTARTS, "examples": DIGITS}
    runs = {f"{net}/pgd": {"clean": 198 - k, "correct": counts(198 - k, k)} for k, net in enumerate(NETS)}
    return RobustnessResults.of({"identity": config, "runs": runs})


@pytest.fixture
def explorer(results):
    return RobustnessExplorer(results)


def drawn(live):
    """What a live chart shows: each curve by its net, and the title."""
    page = page_of(live.chart)
    return {trace["name"]: (trace["x"], trace["y"]) for trace in page["data"]}, page["layout"]["title"][
        "text"
    ]


@pytest.mark.parametrize("restarts", range(1 + RESTARTS))
def test_live_and_standing_figure_and_table_agree(explorer, results, restarts):
    live = explorer.live(plain=False)
    live.controls["restarts"].value = restarts
    places = explorer.figure(restarts=restarts).plotly()["layout"]["sliders"][0]["steps"]
    rows = explorer.table(restarts=restarts)
    assert len(rows) == len(STEPS) * (1 + len(RADII))
    for place, steps in zip(places, STEPS, strict=True):
        live.controls["steps"].value = steps
        curves, title = drawn(live)
        assert live.error.value == ""
        data, layout, traces = place["args"]
        assert place["label"] == f"{steps}" and title == layout["title.text"]
        assert traces == [0, 1, 2] and [y for _, y in curves.values()] == data["y"]
        here = [row for row in rows if row["steps"] == steps]
        assert [row["ε"] for row in here] == [0, *RADII]
        for net in NETS:
            x, y = curves[style(net).label]
            assert x == [0, *RADII] and y == [row[style(net).label] for row in here]
            assert y == [results.percent(net, radius, steps, restarts) for radius in (0, *RADII)]
        assert {row["restarts"] for row in here} == {restarts}


def test_it_opens_at_one_step_with_all_nets(explorer):
    live = explorer.live(plain=False)
    assert [live.controls[name].value for name in ("steps", "restarts", "radius")] == [1, 0, 0.1]
    assert list(drawn(live)[0]) == [style(net).label for net in NETS]


def test_a_slider_that_is_moved_up_lowers_every_curve(explorer):
    live = explorer.live(plain=False)
    before = drawn(live)[0]
    for control, values in (("steps", STEPS[1:]), ("restarts", range(1, 1 + RESTARTS))):
        for value in values:
            live.controls[control].value = value
            after = drawn(live)[0]
            for name in before:
                assert all(a <= b for a, b in zip(after[name][1], before[name][1], strict=True))
                assert sum(after[name][1]) < sum(before[name][1])
            before = after


def test_every_control_leads_to_the_same_figure_as_a_fresh_start(explorer, results):
    live = explorer.live(plain=False)
    for control, value in (("radius", 0.2), ("restarts", 1), ("steps", 20), ("robust-l2", False)):
        live.controls[control].value = value
    start = {"steps": 20, "restarts": 1, "radius": 0.2}
    for fresh in (
        explorer.live(plain=False, **start, **{"robust-l2": False}),
        RobustnessExplorer(results, ("baseline", "masked")).at(**start).live(plain=False),
    ):
        assert drawn(live) == drawn(fresh) and list(drawn(live)[0]) == ["baseline", "the fifth"]
        assert live.summary.value == fresh.summary.value and live.error.value == fresh.error.value == ""
    live.controls["robust-l2"].value = True
    assert len(drawn(live)[0]) == len(NETS)


def test_the_status_names_the_net_that_stands_best(explorer, results):
    live = explorer.live(plain=False)
    for radius, steps, restarts in itertools.product(RADII, STEPS, range(1 + RESTARTS)):
        live.set(radius=radius, steps=steps, restarts=restarts)
        correct = {net: results.correct(net, radius, steps, restarts) for net in NETS}
        best = [net for net in NETS if correct[net] == max(correct.values())]
        assert results.best(radius, steps, restarts) == tuple(best)
        verb = "stands best" if len(best) == 1 else "stand best alike"
        left = results.accuracy(best[0], radius, steps, restarts)
        assert f"{' and '.join(style(net).label for net in best)} {verb}: {left}." in live.summary.value
        assert 'role="status"' in live.summary.value and f"At ε = {radius:g}, one step" in live.summary.value


def test_nets_that_stand_alike_are_both_named():
    run = {"clean": 9, "correct": [[[5]]]}
    config = {"radii": [0.1], "steps": [1], "restarts": 0, "examples": 10}
    both = RobustnessResults.of({"identity": config, "runs": {"baseline/pgd": run, "masked/pgd": run}})
    said = RobustnessExplorer(both).live().summary.value
    assert "baseline and the fifth stand best alike: 50.0 %" in said


def test_the_last_box_stays_ticked(explorer):
    live = explorer.live(plain=False)
    shown = drawn(live)
    for order in itertools.permutations(NETS):
        for net in order:
            live.controls[net].value = False
            assert live.error.value == "" and list(drawn(live)[0])
        assert [net for net in NETS if live.controls[net].value] == [order[-1]]
        live.controls["steps"].value = 5
        assert live.error.value == "" and live.state[order[-1]]
        live.set(steps=1, **dict.fromkeys(NETS, True))
        assert live.error.value == "" and drawn(live) == shown


def test_no_net_at_all_is_an_error_by_name(explorer):
    for call in (explorer.figure, explorer.table, explorer.live):
        with pytest.raises(ValueError, match="^nets: expected at least one, got none$"):
            call(**dict.fromkeys(NETS, False))


def test_the_sliders_show_their_values_and_work_from_the_keyboard(explorer):
    """Core widgets: the browser gives each of them its keys, and the value stands beside a slider."""
    controls = explorer.live(plain=False).controls
    for name, labels in (("steps", ("1", "5", "20")), ("radius", ("0.05", "0.1", "0.2"))):
        assert type(controls[name]).__name__ == "SelectionSlider" and controls[name].readout
        assert controls[name]._options_labels == labels
    restarts = controls["restarts"]
    assert type(restarts).__name__ == "IntSlider" and (restarts.min, restarts.max, restarts.step) == (0, 2, 1)
    assert {type(controls[net]).__name__ for net in NETS} == {"Checkbox"}


def test_the_nets_share_a_line(explorer):
    live = explorer.live(plain=False)
    assert [len(line.children) for line in live.children[:4]] == [1, 2, 1, 3]


def test_the_plain_explorer_needs_core_widgets_only(explorer, results):
    live = explorer.live(plain=True)
    before = bytes(live.chart.widget.value)
    live.controls["steps"].value = 20
    after = bytes(live.chart.widget.value)
    assert before.startswith(b"\x89PNG") and after.startswith(b"\x89PNG") and before != after
    assert after == robustness_figure(results, 20, 0).png_bytes() and live.error.value == ""


def test_old_widgets_get_the_plain_explorer(explorer, monkeypatch):
    monkeypatch.setattr("ipywidgets.__version__", "7.7.1")
    assert type(explorer.live().chart).__name__ == "PictureChart"


@pytest.mark.parametrize(
    "start, said",
    [
        ({"nets": ()}, "nets: expected at least one, got none"),
        ({"nets": ("nobody",)}, "net: expected one of baseline, robust-l2, masked, got 'nobody'"),
    ],
)
def test_a_wrong_start_is_named(results, start, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        RobustnessExplorer(results, **start)


@pytest.mark.parametrize("start, said", [({"step": 5}, "step: "), ({"nobody": True}, "nobody: ")])
def test_a_control_that_is_not_there_is_named(explorer, start, said):
    with pytest.raises(ValueError, match=f"^{said}expected one of the controls steps, restarts, radius, "):
        explorer.at(**start)
