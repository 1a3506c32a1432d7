"""An explorer: live widget, standing figure and table are one, and every way leads to the same figure."""

import pytest
from live_charts import page_of
from small_explorer import PowerExplorer
from standing_figures import shows, slides

from rolab.plotting.kernel_free_slider import Slider


@pytest.fixture
def explorer():
    return PowerExplorer()


def test_shown_in_a_cell_it_is_one_output_with_all(explorer):
    shown = explorer.at(power=2, x=4.0)
    data = shown._repr_mimebundle_()
    assert list(data)[0] == "application/vnd.jupyter.widget-view+json"
    assert set(data) - {list(data)[0]} == {"text/html", "text/plain"}
    assert shows(data) == "A curve. Shown: 4 to the 2 is 16."
    assert slides(data)["layout"]["title"]["text"] == "4 to the 2 is 16"
    assert data[list(data)[0]]["model_id"] == shown._view.model_id
    assert shown._view.shown.title == "4 to the 2 is 16"
    assert explorer.state()["x"] == 0 and explorer.at()._view is not shown._view


@pytest.mark.parametrize("power", [1, 2, 3])
def test_live_and_standing_figure_and_table_agree(explorer, power):
    live = explorer.live(plain=False, power=power)
    standing = explorer.figure(power=power)
    steps = standing.plotly()["layout"]["sliders"][0]["steps"]
    table = explorer.table(power=power)
    assert isinstance(standing, Slider) and len(steps) == len(table) == 5
    for step, row, figure in zip(steps, table, standing.figures, strict=True):
        live.controls["x"].value = row["x"]
        assert live.error.value == "" and step["method"] == "relayout"
        page = page_of(live.chart)
        assert page["data"] == figure.still()["data"]
        assert page["layout"]["title"]["text"] == figure.title == step["args"][0]["title.text"]
        assert page["layout"]["images"][0]["x"] == row["x"] == step["args"][0]["images[0].x"]
        assert f"{row['x']:g} to the {power} is {row['y']:g}." in live.summary.value
        assert 'role="status"' in live.summary.value and live.chart.widget.alt == figure.alt


def test_every_way_leads_to_the_same_figure(explorer):
    live = explorer.live(plain=False)
    live.controls["x"].value = 3.0
    live.controls["dots"].value = 2
    live.controls["power"].value = 2
    live.controls["dots"].value = 5
    fresh = explorer.live(plain=False, power=2, dots=5, x=6.0)
    assert live.state == fresh.state and live.error.value == ""
    assert page_of(live.chart) == page_of(fresh.chart) and live.summary.value == fresh.summary.value
    assert live.controls["x"].max == fresh.controls["x"].max == 8


def test_another_scale_keeps_its_place_and_another_control_may_follow(explorer):
    live = explorer.live(plain=False, x=3.0, dots=4)
    live.controls["power"].value = 2
    assert live.state == {"power": 2, "dots": 0, "filled": False, "x": 6.0}
    slider, number = live._parts["x"]
    assert slider.value == number.value == 6 and slider.max == number.max == 8
    live.controls["power"].value = 1
    assert live.state["x"] == slider.value == 3 and slider.max == number.max == 4 and slider.step == 1


def test_several_changes_draw_once(explorer):
    live = explorer.live(plain=False)
    count = len(explorer.drawn)
    live.set(power=3, x=2.0, dots=1)
    assert len(explorer.drawn) == count + 1 and live.shown.title == "2 to the 3 is 8"
    assert [live.controls[name].value for name in ("power", "x", "dots")] == [3, 2.0, 1]


def test_buttons_clicks_and_keys(explorer):
    live = explorer.live(plain=False, x=1.0)
    live.controls["double"].click()
    assert live.state["x"] == 2 and live.shown.at == 2
    live.chart.widget._handle_custom_msg({"x": 3.2, "y": 0}, [])
    assert live.state["x"] == 3, "the nearest place"
    live._parts["x"][1].value = 1.2
    assert live.state["x"] == live.controls["x"].value == 1


def test_errors_are_shown_where_the_reader_looks_and_leave(explorer):
    live = explorer.live(plain=False)
    live.controls["fail"].click()
    assert 'role="alert"' in live.error.value and "ZeroDivisionError" in live.error.value
    live.controls["tell"].click()
    assert live.error.value == "nothing &lt;to&gt; do"
    live.controls["dots"].value = 9
    assert "too many &lt;dots&gt;" in live.error.value
    live.controls["dots"].value = 3
    assert live.error.value == "" and live.shown.dots == 3


def test_a_control_may_be_disabled_by_another(explorer):
    live = explorer.live(plain=False)
    live.controls["filled"].value = True
    assert all(part.disabled for part in live._parts["x"]) and live.error.value == ""
    with pytest.raises(ValueError, match="^slide: expected a control that can be moved, got 'x'"):
        explorer.figure(filled=True)
    live.controls["filled"].value = False
    assert not live.controls["x"].disabled


def test_the_slider_may_be_of_another_control(explorer):
    figure = explorer.figure("power", x=4.0)
    assert list(figure.places) == ["one", "two", "three"] and figure.prefix == "power = "
    assert [row["y"] for row in figure.table()] == [4, 16, 64]


def test_a_wrong_value_is_named(explorer):
    with pytest.raises(ValueError, match="^power: expected one of 1, 2, 3, got 7"):
        explorer.live(power=7)
    with pytest.raises(ValueError, match="^dots is 10, expected 0 to 9"):
        explorer.at(dots=10)
    with pytest.raises(ValueError, match="^colour: expected one of the controls power, dots"):
        explorer.figure(colour="red")


def test_old_widgets_get_pictures(explorer, monkeypatch):
    monkeypatch.setattr("ipywidgets.__version__", "7.7.1")
    live = explorer.live()
    before = bytes(live.chart.widget.value)
    live.controls["x"].value = 2.0
    assert before.startswith(b"\x89PNG") and bytes(live.chart.widget.value) != before


def test_what_is_shown_again_is_drawn_again(explorer, monkeypatch):
    """What it is drawn of, such as a net that is trained, may have changed; the reader's state stays."""
    explorer._repr_mimebundle_()
    view = explorer._view
    view.controls["x"].value = 3.0
    monkeypatch.setitem(explorer.LARGEST, 1, 40.0)
    data = explorer._repr_mimebundle_()
    assert explorer._view is view and view.error.value == ""
    places = slides(data)["layout"]["xaxis"]["range"]
    assert page_of(view.chart)["layout"]["xaxis"]["range"] == places == [0, 40]


def test_a_control_may_change_back(explorer, monkeypatch):
    live = explorer.live(plain=False, dots=2)
    monkeypatch.setattr(explorer, "follow", lambda changed, /, **state: {"dots": 2})
    live.controls["dots"].value = 5
    assert (
        live.controls["dots"].value == live.state["dots"] == live.shown.dots == 2 and live.error.value == ""
    )
