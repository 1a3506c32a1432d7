"""The figures under a radius and their explorer: every way of showing them shows the same numbers."""

import json

import numpy as np
import pytest
from live_charts import page_of
from radius_figures import ALL, PLACES, every_figure, machines, spring
from standing_figures import shows, slides

from rolab.course.nb02_regression.coefficient_paths import CoefficientPaths
from rolab.course.nb02_regression.explorer import RadiusExplorer, RadiusFigure
from rolab.course.nb02_regression.line_fit import LineFit
from rolab.course.nb02_regression.svm_margins import SVMMargins
from rolab.plotting import Figure, Sliding

FILES = {"line_fit": LineFit, "coefficient_paths": CoefficientPaths, "svm_margins": SVMMargins}


def plain(page):
    """As the browser gets it."""
    return json.loads(json.dumps(page, allow_nan=False))


@every_figure
def test_the_slider_without_a_kernel_shows_the_same_numbers(make):
    figure = make()
    (slider,) = figure.plotly()["layout"]["sliders"]
    assert len(figure.places) == len(slider["steps"]) == len(figure.table())
    for k, step in enumerate(slider["steps"]):
        data, layout, traces = plain(step["args"])
        assert layout["title.text"] == figure.message(k)
        drawn = plain(figure.at(k).still()["data"])
        for place in ("x", "y"):
            assert data[place] == [drawn[i][place] for i in traces]
    assert slider["active"] == figure.shown


@every_figure
def test_it_opens_anywhere_and_computes_nothing_again(make, monkeypatch):
    figure = make()
    figure.table()
    for module in FILES:
        for name in ("robust_least_squares", "worst_design", "robust_svm"):
            monkeypatch.setattr(f"rolab.course.nb02_regression.{module}.{name}", None, raising=False)
    for k in range(len(figure.places)):
        moved = figure.at(k)
        assert moved.shown == k and moved.title == figure.message(k) and moved.title in moved.alt
        assert plain(moved.still())["layout"]["title"]["text"] == moved.title
    assert figure.shown == 0, "the figure itself is left as it was"
    assert figure.place(figure.places[2] + 0.01) == 2 and figure.place(99) == len(figure.places) - 1


@every_figure
def test_the_picture_stands_for_itself(make):
    figure = make()
    data = figure._repr_mimebundle_()
    assert len(shows(data)) > 100
    assert figure.png_bytes() == make().png_bytes() != figure.at(2).png_bytes()


def test_a_figure_is_abstract_or_final():
    assert issubclass(Sliding, Figure) and Sliding.__abstractmethods__ == RadiusFigure.__abstractmethods__
    for kind in FILES.values():
        assert kind.__bases__ == (RadiusFigure,) and not kind.__abstractmethods__
        assert not {"plotly", "still", "matplotlib", "at", "place"} & vars(kind).keys()


# Live


@every_figure
def test_the_slider_of_the_kernel_shows_what_the_figure_says(make):
    figure = make()
    live = RadiusExplorer({"only": figure}).live(plain=False)
    assert live.controls["name"].layout.display == "none", "nothing to choose"
    slider, number = live._parts["radius"]
    assert slider.description == figure.prefix.split()[0]
    for k in (3, 1, 0, len(figure.places) - 1):
        number.value = figure.places[k]
        assert slider.value == figure.places[k]
        assert figure.message(k) in live.summary.value and 'role="status"' in live.summary.value
        page, wanted = page_of(live.chart), plain(figure.at(k).still())
        assert page["layout"]["title"]["text"] == figure.message(k)
        assert page["data"] == wanted["data"]


def test_a_number_between_two_places_is_the_nearer_one():
    live = RadiusExplorer({"only": spring()}).live(plain=False)
    live.controls["radius"].value = 1.2
    assert live.controls["radius"].value == live.state["radius"] == 1.0 and live.shown.shown == 2


def test_a_choice_brings_the_other_figure_with_its_own_radii():
    explorer = RadiusExplorer({"one": spring(), "two": machines()})
    live = explorer.live(name="two", plain=False)
    name, radius = live.controls["name"], live.controls["radius"]
    assert name.layout.display != "none" and radius.description == "ε" and radius.max == 3
    name.value = "one"
    assert isinstance(live.shown, LineFit) and radius.description == "γ" and radius.max == 2
    name.value = "two"
    assert live.shown.each is explorer.figures["two"].each, "what was computed is kept"
    assert live.error.value == ""


def test_without_live_charts_it_draws_pictures():
    live = RadiusExplorer({"one": spring()}).live(plain=True)
    before = bytes(live.chart.widget.value)
    live.controls["radius"].value = 1.0
    assert before.startswith(b"\x89PNG") and bytes(live.chart.widget.value) != before


class Broken(LineFit):
    def panels(self):
        if self.shown == 2:
            raise RuntimeError("no <such> radius")
        return super().panels()


def test_errors_are_shown_and_leave_when_the_slider_moves_on():
    figure = Broken(np.linspace(0.5, 2, 6), np.arange(6.0), PLACES)
    live = RadiusExplorer({"one": figure}).live(plain=False)
    live.controls["radius"].value = 1.0
    assert "no &lt;such&gt; radius" in live.error.value and 'role="alert"' in live.error.value
    live.controls["radius"].value = 0.5
    assert live.error.value == ""


def test_an_explorer_knows_its_figures():
    explorer = RadiusExplorer({"one": spring(), "two": machines(), "three": spring(shown=3)})
    assert explorer.figure().prefix == "γ = " and explorer.figure(name="two", radius=0.6).shown == 1
    assert explorer.figure(name="three").shown == 3, "it opens where the figure does"
    assert explorer.at(name="two").table() == explorer.figures["two"].table() == explorer.table(name="two")
    with pytest.raises(ValueError, match="^name: expected one of one, two, three, got 'four'"):
        explorer.figure(name="four")
    with pytest.raises(ValueError, match="^figures: expected at least one"):
        RadiusExplorer({})


def test_shown_in_a_cell_it_is_one_output():
    data = RadiusExplorer({"one": spring()}).at(radius=1.0)._repr_mimebundle_()
    assert data.keys() == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    assert slides(data)["layout"]["sliders"][0]["active"] == 2
    assert len(ALL) == len(FILES) + 1 and len(shows(data)) > 100
