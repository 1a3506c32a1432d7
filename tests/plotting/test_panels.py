"""Panels and axes: both backends put them in the same place, with the same ranges and words."""

import numpy as np
import pytest

from rolab.plotting import Axis, Figure, Legend, Line, Panel, Picture
from rolab.plotting.style import WIDTH


class Two(Figure):
    """Two panels and a legend."""

    title, legend = "Two panels", Legend(0, -0.3, rows=True)
    MARGIN = (50, 30, 40, 110)
    SEEN = "Two lines."

    def panels(self):
        return [
            Panel([Line([1, 100], [1, 2], name="one")], Axis("x", (1, 100), log=True), domain=(0, 0.4, 0, 1)),
            Panel(
                [Line([1, 2], [1, 2], "#ff0000", name="two<br>lines"), Line([1, 2], [2, 1], name="one")],
                Axis(ticks=[1, 2], labels=False),
                Axis("y", from_zero=True, grid=False),
                (0.5, 1, 0.2, 0.8),
                "above",
            ),
        ]

    def table(self):
        return []


def test_panels_are_at_the_same_place_in_both():
    layout, page = Two().plotly()["layout"], Two().matplotlib()
    left, right, top, bottom = Two.MARGIN
    for axes, number in zip(page.axes, ("", "2"), strict=True):
        across, up = layout[f"xaxis{number}"]["domain"], layout[f"yaxis{number}"]["domain"]
        box = axes.get_position()
        found = [(x * WIDTH - left) / (WIDTH - left - right) for x in (box.x0, box.x1)]
        assert found == pytest.approx(across)
        height = Two.HEIGHT
        found = [(y * height - bottom) / (height - top - bottom) for y in (box.y0, box.y1)]
        assert found == pytest.approx(up)


def test_axes_say_the_same_in_both():
    layout, (first, second) = Two().plotly()["layout"], Two().matplotlib().axes
    assert layout["xaxis"]["type"] == first.get_xscale() == "log"
    assert layout["xaxis"]["range"] == [0, 2] and first.get_xlim() == (1, 100)
    assert layout["xaxis"]["title"]["text"] == first.get_xlabel() == "x"
    assert layout["xaxis2"]["tickvals"] == second.get_xticks().tolist() == [1, 2]
    assert not layout["xaxis2"]["showticklabels"] and not layout["yaxis2"]["showgrid"]
    assert layout["yaxis2"]["rangemode"] == "tozero" and second.get_ylim()[0] == 0
    assert layout["annotations"][0]["text"] == second.get_title() == "above"


def test_the_legend_has_each_name_once_in_the_order_of_the_marks():
    (legend,) = Two().matplotlib().legends
    assert [text.get_text() for text in legend.texts] == ["one", "two\nlines"]
    assert Two().plotly()["layout"]["legend"]["orientation"] == "h"


def test_axes_with_a_picture_only_have_an_empty_trace():
    """Without, plotly computes NaN for them while it makes room for a legend."""

    class Bare(Two):
        def panels(self):
            return [Panel.picture(Picture(np.zeros((2, 2, 3), np.uint8))), *super().panels()]

    data = Bare().plotly()["data"]
    assert [trace["xaxis"] for trace in data] == ["x2", "x3", "x3", "x"]
    assert data[-1]["x"] == [None] and not data[-1]["showlegend"]


def test_the_text_for_the_figure_says_what_is_seen_and_what_is_shown():
    assert Two().alt == "Two lines. Shown: Two panels."
