"""The slider without a kernel: each step makes of the figure that is shown the figure of its place."""

import copy
import json
from dataclasses import dataclass

import live_charts
import numpy as np
import pytest

from rolab.plotting import Axis, Cursor, Line, Panel, Picture, Points, Slider, Sliding, Text
from rolab.plotting.kernel_free_slider import changes, lookup, path


@dataclass(frozen=True, eq=False)
class Moving(Sliding):
    """A figure of which traces, texts and pictures move."""

    places: tuple = (0.0, 1.0, 2.0, 3.0)
    shown: int = 0
    layout_only: bool = False
    prefix = "k = "
    SEEN = "Something moves."

    def message(self, k):
        return f"place {k}" + "!" * 120 * (k == 3)

    def row(self, k):
        return {"k": k}

    def panels(self):
        k = self.shown
        marks = [Line([0, 1], [0, 1]), Cursor(float(k)), Picture(np.full((2, 2, 3), 50 * k, np.uint8))]
        if not self.layout_only:
            marks += [Points([k] * k, [1] * k), Line([0, k], [k, 0], color=["#000000", "#ff0000"][k % 2])]
            marks += [Text(i, k, f"text {i}") for i in range(k)]
        return [Panel(marks, Axis(range=(0, 3)))]


def applied(page, step):
    """The page after plotly's `relayout` or `update`."""
    page = copy.deepcopy(page)
    data, layout, traces = step["args"] if step["method"] == "update" else ({}, step["args"][0], [])
    changed = {f"layout.{place}": value for place, value in layout.items()}
    for place, values in data.items():
        for trace, value in zip(traces, values, strict=True):
            changed[f"data[{trace}].{place}"] = value
    for place, value in changed.items():
        *keys, last = live_charts.keys_of(place)
        parent = lookup(page, tuple(keys))
        if value is not None or parent is not None:  # plotly leaves out what is nothing
            parent[last] = value
    return page


@pytest.mark.parametrize("shown", range(4))
def test_every_step_makes_the_figure_of_its_place(shown):
    figure = Moving(shown=shown)
    page = json.loads(json.dumps(figure.plotly(), allow_nan=False))
    (slider,) = page["layout"]["sliders"]
    assert slider["active"] == shown and [step["label"] for step in slider["steps"]] == ["0", "1", "2", "3"]
    for k, step in enumerate(slider["steps"]):
        assert step["method"] == "update"
        now, fresh = applied(page, step), figure.at(k).still()
        assert now["data"] == fresh["data"]
        assert now["layout"]["title"]["text"] == figure.message(k)
        for name in ("images", "annotations"):
            seen = [each for each in now["layout"][name] if each["visible"]]
            assert seen == fresh["layout"][name]


def test_what_only_moves_the_layout_is_a_relayout():
    steps = Moving(layout_only=True).plotly()["layout"]["sliders"][0]["steps"]
    for k, step in enumerate(steps):
        assert step["method"] == "relayout"
        assert set(step["args"][0]) == {"title.text", "images[0].x", "images[1].source"}
        assert step["args"][0]["images[0].x"] == k


def test_all_titles_have_the_size_of_the_longest():
    figure = Moving()
    assert figure.title_size == 16 > figure.at(3).title_size
    assert figure.plotly()["layout"]["title"]["font"]["size"] == figure.at(3).title_size


def test_it_opens_anywhere():
    figure = Moving(shown=-1)
    assert figure.shown == 3 and figure.title == figure.message(3) and figure.title in figure.alt
    assert figure.at(1).title == "place 1" and figure.shown == 3
    assert figure.table() == [{"k": k} for k in range(4)] and figure.at(2).rows_shown() == [{"k": 2}]
    assert figure.place(1.2) == 1 and figure.place(99) == 3
    with pytest.raises(ValueError, match="^shown: expected 0 to 3, got 4"):
        Moving(shown=4)


def test_a_slider_over_other_figures():
    figures = [Moving(shown=k) for k in (2, 0)]
    slider = Slider(figures, ["two", "zero"], "place ", 1)
    assert (
        slider.figure is figures[1]
        and slider.title == "place 0"
        and slider.png_bytes() == figures[1].png_bytes()
    )
    assert slider.table() == [{"k": 2}, {"k": 0}]
    with pytest.raises(ValueError, match="^figures: expected one for each of 1 labels"):
        Slider(figures, ["one"])
    with pytest.raises(ValueError, match="^figures: expected marks of the same kinds"):
        Slider([Moving(), Moving(layout_only=True)], ["a", "b"]).plotly()


def test_changes_are_what_differs():
    old = {"a": 1, "b": {"c": [1, 2], "d": [{"e": 1}, {"e": 2}]}, "gone": 0}
    new = {"a": 1, "b": {"c": [1, 3], "d": [{"e": 1}, {"e": 5}]}, "new": None}
    found = changes(old, new)
    assert found == {("b", "c"): [1, 3], ("b", "d", 1, "e"): 5, ("gone",): None}
    assert path(("b", "d", 1, "e")) == "b.d[1].e"
    assert all(lookup(new, keys) == value for keys, value in found.items())
    assert changes(old, old) == {}
