"""The explorers of notebook 01: live widget, standing figure and table hold the same numbers."""

import json

import pytest

from rolab.course.nb01_linear_programs.problems import production
from rolab.levers import CutsExplorer, PolygonExplorer
from rolab.polygons import SHAPES
from rolab.sets import Ball


@pytest.fixture
def explorer():
    return PolygonExplorer(production, largest=0.4, points=9)


def drawn(chart, count):
    """What a FigureWidget shows: its first traces and its title."""
    plot = json.loads(chart.widget.to_json())
    return [(trace.get("x"), trace.get("y")) for trace in plot["data"][:count]], plot["layout"]["title"][
        "text"
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_live_and_standing_figure_and_table_agree(explorer, shape):
    live = explorer.live(plain=False, shape=shape, rho=0.0)
    standing = json.loads(explorer.figure(shape).plotly().to_json())["frames"]
    table = explorer.table(shape)
    for frame, row in zip(standing, table, strict=True):
        live.rho.value = row["ρ"]
        assert live.error.value == ""
        shown, title = drawn(live.chart, 5)
        assert shown == [(trace["x"], trace["y"]) for trace in frame["data"]]
        assert title == frame["layout"]["title"]["text"] and title in live.summary.value
        assert f"{row['objective']:,.2f}" in title
        assert (shown[4][0] + shown[4][1]) == pytest.approx([row["x1"], row["x2"]], rel=1e-5)


def test_the_slider_of_gamma(explorer):
    live = explorer.live(plain=False, shape="budget", rho=0.2)
    for row in explorer.table("budget", slide="Γ"):
        live.gamma.value = row["Γ"]
        assert f"Γ = {row['Γ']:g}, ρ = 0.2: the objective is {row['objective']:,.2f}" in live.summary.value
    assert explorer.region("budget", 0.2, 2.0).objective == pytest.approx(
        explorer.region("box", 0.2).objective
    )
    assert explorer.region("budget", 0.2, 0.0).objective == pytest.approx(17700)


def test_every_control_leads_to_the_same_figure_as_a_fresh_start(explorer):
    live = explorer.live(plain=False)
    live.shape.value = "ellipsoid"
    live.numbers["ρ"].value = 0.3
    assert live.rho.value == 0.3 and live.gamma.disabled and live.numbers["Γ"].disabled
    fresh = explorer.live(plain=False, shape="ellipsoid", rho=0.3)
    assert json.loads(live.chart.widget.to_json())["data"] == json.loads(fresh.chart.widget.to_json())["data"]
    assert live.summary.value == fresh.summary.value
    live.shape.value = "budget"
    assert (
        not live.gamma.disabled and "; worst z = (" in live.summary.value and "; x = (" in live.summary.value
    )


def test_a_region_is_computed_once_and_the_cache_does_not_grow_for_ever(explorer):
    assert explorer.region("ball", 0.2, 1.0) is explorer.region("ball", 0.2, 2.0), "a ball asks for no Γ"
    assert explorer.region("budget", 0.2, 1.0) is not explorer.region("budget", 0.2, 2.0)
    for k in range(explorer.KEPT + 5):
        explorer.region("box", k / 1000)
    assert len(explorer._regions) == explorer.KEPT


def test_errors_are_shown_where_the_reader_looks():
    def program(Z):
        if isinstance(Z, Ball) and Z.radius > 0.3:
            raise RuntimeError("too <large>")
        return production(Z)

    live = PolygonExplorer(program).live(plain=False, shape="box", rho=0.2)
    live.rho.value = 0.4
    assert 'role="alert"' in live.error.value and "RuntimeError: too &lt;large&gt;" in live.error.value
    live.rho.value = 0.1
    assert live.error.value == ""


def test_the_plain_explorers_need_core_widgets_only(explorer):
    live, cuts = explorer.live(plain=True), CutsExplorer(production()).live(plain=True)
    before = bytes(live.chart.widget.value), bytes(cuts.chart.widget.value)
    live.rho.value = 0.1
    cuts.add.click()
    after = bytes(live.chart.widget.value), bytes(cuts.chart.widget.value)
    assert all(png.startswith(b"\x89PNG") for png in before + after)
    assert before[0] != after[0] and before[1] != after[1] and live.error.value == cuts.error.value == ""


def test_old_widgets_get_the_plain_explorer(explorer, monkeypatch):
    monkeypatch.setattr("ipywidgets.__version__", "7.7.1")
    assert type(explorer.live().chart).__name__ == "_Pictures"
    assert type(CutsExplorer(production()).live().chart).__name__ == "_Pictures"


def test_the_button_goes_through_the_rounds():
    explorer = CutsExplorer(production(Ball("l2", 0.2)))
    live = explorer.live(plain=False)
    standing = json.loads(explorer.figure().plotly().to_json())["frames"]
    for k, (frame, row) in enumerate(zip(standing, explorer.table(), strict=True)):
        shown, title = drawn(live.chart, 5)
        assert shown == [(trace["x"], trace["y"]) for trace in frame["data"]]
        assert title == frame["layout"]["title"]["text"] and title in live.summary.value
        assert f"Round {k + 1}: at most {row['at most']:,.2f}" in title
        assert live.add.disabled == (k + 1 == len(standing))
        if not live.add.disabled:
            live.add.click()
    live.again.click()
    assert live.round == 0 and not live.add.disabled and "Round 1" in live.summary.value


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda e: e.region("cube"), "shape"),
        (lambda e: e.figure("ball", slide="Γ"), "slide"),
        (lambda e: e.figure("budget", slide="ε"), "slide"),
        (lambda e: PolygonExplorer(production, points=1), "shapes, largest, points"),
        (lambda e: PolygonExplorer(production, largest=0), "shapes, largest, points"),
        (lambda e: PolygonExplorer(production, shapes={}), "shapes, largest, points"),
    ],
)
def test_a_wrong_argument_is_named(explorer, call, name):
    with pytest.raises(ValueError, match=rf"^{name}: expected"):
        call(explorer)
