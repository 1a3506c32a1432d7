"""The explorers of notebook 01: live widget, standing figure and table hold the same numbers."""

import pytest
from live_charts import page_of
from standing_figures import slides

from rolab.course.live.explorer import WIDGET
from rolab.course.nb01_linear_programs.explorers import CuttingSetExplorer, RegionExplorer
from rolab.course.nb01_linear_programs.problems import production
from rolab.course.nb01_linear_programs.region_figure import SHAPES
from rolab.plotting.kernel_free_slider import changes
from rolab.sets import Ball


@pytest.fixture
def explorer():
    return RegionExplorer(production, largest=0.4, points=9)


@pytest.mark.parametrize("shape", SHAPES)
def test_live_and_standing_figure_and_table_agree(explorer, shape):
    live = explorer.live(plain=False, shape=shape, rho=0.0)
    standing = explorer.figure(shape=shape)
    for figure, row in zip(standing.figures, explorer.table(shape=shape), strict=True):
        live.controls["rho"].value = row["ρ"]
        assert live.error.value == ""
        shown = page_of(live.chart)
        assert not changes(shown, figure.still())
        title = shown["layout"]["title"]["text"]
        assert title == figure.title and title in live.summary.value and f"{row['objective']:,.2f}" in title
        x = [value for key in "xy" for value in shown["data"][5][key]]
        assert x == pytest.approx([row["x1"], row["x2"]], rel=1e-5)


def test_the_slider_of_gamma(explorer):
    live = explorer.live(plain=False, shape="budget", rho=0.2)
    for row in explorer.table("gamma", shape="budget"):
        live.controls["gamma"].value = row["Γ"]
        assert f"Γ = {row['Γ']:g}, ρ = 0.2: the objective is {row['objective']:,.2f}" in live.summary.value
    assert explorer.region("budget", 0.2, 2.0).objective == pytest.approx(
        explorer.region("box", 0.2).objective
    )
    assert explorer.region("budget", 0.2, 0.0).objective == pytest.approx(17700)


def test_every_control_leads_to_the_same_figure_as_a_fresh_start(explorer):
    live = explorer.live(plain=False)
    live.controls["shape"].value = "ellipsoid"
    _, field = live._parts["rho"]
    field.value = 0.3
    assert live.controls["rho"].value == 0.3 and all(part.disabled for part in live._parts["gamma"])
    fresh = explorer.live(plain=False, shape="ellipsoid", rho=0.3)
    assert not changes(page_of(live.chart), page_of(fresh.chart))
    assert live.summary.value == fresh.summary.value
    live.controls["shape"].value = "budget"
    assert not any(part.disabled for part in live._parts["gamma"])
    assert "; worst z = (" in live.summary.value and "; x = (" in live.summary.value


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

    live = RegionExplorer(program).live(plain=False, shape="box", rho=0.2)
    live.controls["rho"].value = 0.4
    assert 'role="alert"' in live.error.value and "RuntimeError: too &lt;large&gt;" in live.error.value
    live.controls["rho"].value = 0.1
    assert live.error.value == ""


def test_the_plain_explorers_need_core_widgets_only(explorer):
    live, cuts = explorer.live(plain=True), CuttingSetExplorer(production()).live(plain=True)
    before = bytes(live.chart.widget.value), bytes(cuts.chart.widget.value)
    live.controls["rho"].value = 0.1
    cuts.controls["add"].click()
    after = bytes(live.chart.widget.value), bytes(cuts.chart.widget.value)
    assert all(png.startswith(b"\x89PNG") for png in before + after)
    assert before[0] != after[0] and before[1] != after[1] and live.error.value == cuts.error.value == ""


def test_old_widgets_get_the_plain_explorer(explorer, monkeypatch):
    monkeypatch.setattr("ipywidgets.__version__", "7.7.1")
    assert type(explorer.live().chart).__name__ == "PictureChart"
    assert type(CuttingSetExplorer(production()).live().chart).__name__ == "PictureChart"


def test_the_button_goes_through_the_rounds():
    explorer = CuttingSetExplorer(production(Ball("l2", 0.2)))
    live = explorer.live(plain=False)
    add, again = (live.controls[name] for name in ("add", "again"))
    standing = explorer.figure().figures
    for k, (figure, row) in enumerate(zip(standing, explorer.table(), strict=True)):
        shown = page_of(live.chart)
        assert not changes(shown, figure.still())
        title = shown["layout"]["title"]["text"]
        assert title == figure.title and title in live.summary.value
        assert f"Round {k + 1}: at most {row['at most']:,.2f}" in title
        assert add.disabled == (k + 1 == len(standing))
        if not add.disabled:
            add.click()
    again.click()
    assert live.state["round"] == 1 and not add.disabled and "Round 1" in live.summary.value


def test_a_cell_shows_the_explorer_once_for_all_readers(explorer):
    """A kernel shows the widget, a file without one the figure with a slider, a printed page its picture."""
    for shown, slid in ((explorer.at(shape="ball"), "ρ = "), (CuttingSetExplorer(production()), "round = ")):
        data = shown._repr_mimebundle_()
        assert data[WIDGET]["model_id"] == shown._view.model_id
        (slider,) = slides(data)["layout"]["sliders"]
        assert slider["currentvalue"]["prefix"] == slid
        assert data["text/plain"] == shown.figure().alt
    assert slider["active"] == 0, "the cutting sets open at the first round"


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda e: e.region("cube"), "shape"),
        (lambda e: e.at(shape="cube"), "shape"),
        (lambda e: e.figure("gamma", shape="ball"), "slide"),
        (lambda e: e.figure("epsilon", shape="budget"), "slide"),
        (lambda e: RegionExplorer(production, points=1), "shapes, largest, points"),
        (lambda e: RegionExplorer(production, largest=0), "shapes, largest, points"),
        (lambda e: RegionExplorer(production, shapes={}), "shapes, largest, points"),
    ],
)
def test_a_wrong_argument_is_named(explorer, call, name):
    with pytest.raises(ValueError, match=rf"^{name}: expected"):
        call(explorer)
