"""The explorer of notebook 09: live widget, standing figure and table hold the same numbers."""

import itertools
import json

import pytest
import torch

from rolab.benches import StressExplorer
from rolab.experiments.robustness_results import RobustnessResults
from rolab.figures import style

NETS = ("baseline", "robust-l2", "masked")
RADII, STEPS, RESTARTS, DIGITS = (0.05, 0.1, 0.2), (1, 5, 20), 2, 200


def counts(clean: int, seed: int) -> list:
    """Some counts for each radius, number of steps and of restarts, none above the one before."""
    generator = torch.Generator().manual_seed(seed)
    lost = torch.randint(1, 8, (len(RADII), len(STEPS), 1 + RESTARTS), generator=generator)
    return (clean - lost.cumsum(0).cumsum(1).cumsum(2)).clamp(0).tolist()


@pytest.fixture
def standing():
    """A record that no one has computed."""
    plan = {"radii": RADII, "steps": STEPS, "restarts": RESTARTS, "digits": DIGITS}
    parts = {f"{net}/pgd": {"clean": 198 - k, "right": counts(198 - k, k)} for k, net in enumerate(NETS)}
    return RobustnessResults.of({"plan": plan, "parts": parts})


@pytest.fixture
def explorer(standing):
    return StressExplorer(standing)


def drawn(live):
    """What a FigureWidget shows: each curve by its net, if it is seen, and the title."""
    plot = json.loads(live.chart.widget.to_json())
    curves = {trace["name"]: (trace["x"], trace["y"]) for trace in plot["data"] if trace["visible"]}
    return curves, plot["layout"]["title"]["text"]


@pytest.mark.parametrize("restarts", range(1 + RESTARTS))
def test_live_and_standing_figure_and_table_agree(explorer, standing, restarts):
    live = explorer.live(plain=False)
    live.restarts.value = restarts
    plot = json.loads(explorer.figure(STEPS[0], restarts).plotly().to_json())
    rows = explorer.table(restarts)
    assert len(rows) == len(STEPS) * (1 + len(RADII))
    for frame, steps in zip(plot["frames"], STEPS, strict=True):
        live.steps.value = steps
        curves, title = drawn(live)
        assert live.error.value == ""
        assert curves == {trace["name"]: (trace["x"], trace["y"]) for trace in frame["data"]}
        assert title == frame["layout"]["title"]["text"]
        here = [row for row in rows if row["steps"] == steps]
        assert [row["ε"] for row in here] == [0, *RADII]
        for net in NETS:
            x, y = curves[style(net).label]
            assert x == [0, *RADII] and y == [row[style(net).label] for row in here]
            assert y == [standing.percent(net, radius, steps, restarts) for radius in (0, *RADII)]
        assert len({row["restarts"] for row in here}) == 1


def test_it_opens_at_one_step_with_all_nets(explorer):
    live = explorer.live(plain=False)
    assert (live.steps.value, live.restarts.value, live.radius.value) == (1, 0, 0.1)
    assert list(drawn(live)[0]) == [style(net).label for net in NETS]


def test_a_slider_that_is_moved_up_lowers_every_curve(explorer):
    live = explorer.live(plain=False)
    before = drawn(live)[0]
    for control, values in ((live.steps, STEPS[1:]), (live.restarts, range(1, 1 + RESTARTS))):
        for value in values:
            control.value = value
            after = drawn(live)[0]
            for name in before:
                assert all(a <= b for a, b in zip(after[name][1], before[name][1], strict=True))
                assert sum(after[name][1]) < sum(before[name][1])
            before = after


def test_every_control_leads_to_the_same_figure_as_a_fresh_start(explorer):
    live = explorer.live(plain=False)
    live.radius.value, live.restarts.value, live.steps.value = 0.2, 1, 20
    live.nets["robust-l2"].value = False
    fresh = explorer.live(plain=False, steps=20, restarts=1, radius=0.2, nets=("baseline", "masked"))
    assert drawn(live) == drawn(fresh) and list(drawn(live)[0]) == ["baseline", "the fifth"]
    assert live.summary.value == fresh.summary.value and live.error.value == fresh.error.value == ""
    live.nets["robust-l2"].value = True
    assert len(drawn(live)[0]) == len(NETS)


def test_the_status_names_the_net_that_stands_best(explorer, standing):
    live = explorer.live(plain=False)
    for radius, steps, restarts in itertools.product(RADII, STEPS, range(1 + RESTARTS)):
        live.radius.value, live.steps.value, live.restarts.value = radius, steps, restarts
        right = {net: standing.correct(net, radius, steps, restarts) for net in NETS}
        best = [net for net in NETS if right[net] == max(right.values())]
        assert standing.best(radius, steps, restarts) == tuple(best)
        verb = "stands best" if len(best) == 1 else "stand best alike"
        left = standing.accuracy(best[0], radius, steps, restarts)
        assert f"{' and '.join(style(net).label for net in best)} {verb}: {left}." in live.summary.value
        assert 'role="status"' in live.summary.value and f"At ε = {radius:g}, one step" in live.summary.value


def test_nets_that_stand_alike_are_both_named():
    part = {"clean": 9, "right": [[[5]]]}
    plan = {"radii": [0.1], "steps": [1], "restarts": 0, "digits": 10}
    both = RobustnessResults.of({"plan": plan, "parts": {"baseline/pgd": part, "masked/pgd": part}})
    assert "baseline and the fifth stand best alike: 50.0 %" in StressExplorer(both).live().summary.value


def test_errors_are_shown_where_the_reader_looks(explorer):
    live = explorer.live(plain=False)
    shown = drawn(live)
    for net in NETS:
        live.nets[net].value = False
    assert 'role="alert"' in live.error.value and "nets: expected at least one, got none" in live.error.value
    for net in NETS:
        live.nets[net].value = True
    assert live.error.value == "" and drawn(live) == shown


def test_the_sliders_show_their_values_and_work_from_the_keyboard(explorer):
    """Core sliders: the browser gives each of them the arrow keys, and the value stands beside."""
    live = explorer.live(plain=False)
    for slider, labels in (
        (live.steps, ("1", "5", "20")),
        (live.restarts, ("0", "1", "2")),
        (live.radius, ("0.05", "0.1", "0.2")),
    ):
        assert type(slider).__name__ == "SelectionSlider" and slider.readout
        assert slider._options_labels == labels
    assert {type(box).__name__ for box in live.nets.values()} == {"Checkbox"}


def test_the_plain_explorer_needs_core_widgets_only(explorer):
    live = explorer.live(plain=True)
    before = bytes(live.chart.widget.value)
    live.steps.value = 20
    after = bytes(live.chart.widget.value)
    assert before.startswith(b"\x89PNG") and after.startswith(b"\x89PNG") and before != after
    assert after == explorer.figure(20, 0).png_bytes() and live.error.value == ""


def test_old_widgets_get_the_plain_explorer(explorer, monkeypatch):
    monkeypatch.setattr("ipywidgets.__version__", "7.7.1")
    assert type(explorer.live().chart).__name__ == "Pictures"


@pytest.mark.parametrize(
    "start, said",
    [
        ({"steps": 4}, "steps: expected one of 1, 5, 20, got 4"),
        ({"restarts": 3}, "restarts: expected one of 0, 1, 2, got 3"),
        ({"radius": 0.3}, "radius: expected one of 0.05, 0.1, 0.2, got 0.3"),
        ({"nets": ("nobody",)}, "net: expected one of baseline, robust-l2, masked, got 'nobody'"),
    ],
)
def test_a_wrong_start_is_named(explorer, start, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        explorer.live(plain=False, **start)
