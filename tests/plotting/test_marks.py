"""Marks: both backends draw the same numbers in the same colours."""

import json
import math

import numpy as np
import pytest
import torch

from rolab.plotting import Area, Axis, Bars, Cursor, Figure, Line, Panel, Picture, Points, Text, segments
from rolab.plotting.style import DASHES, MARKERS, RED, Style


class Sheet(Figure):
    """A figure of some panels."""

    title, alt, legend = "A sheet", "a sheet", None

    def __init__(self, *panels):
        self.given = panels

    def panels(self):
        return self.given

    def table(self):
        return [{"panels": len(self.given)}]


def both(mark, **axes):
    """What plotly gets, as JSON, and matplotlib's axes."""
    sheet = Sheet(Panel([mark], **axes))
    page = sheet.matplotlib()
    page.draw_without_rendering()
    return json.loads(json.dumps(sheet.plotly(), allow_nan=False)), page.axes[0]


@pytest.mark.parametrize("dash", DASHES)
@pytest.mark.parametrize("marker", ["", *MARKERS])
def test_a_line_has_its_look_in_both(dash, marker):
    x, y = torch.tensor([0.0, 1.0, 2.0]), np.array([1 / 3, math.nan, 2.0])
    page, axes = both(Line(x, y, "#123456", dash, 3, name="named", marker=marker))
    (trace,), (line,) = page["data"], axes.lines
    assert trace["x"] == line.get_xdata().tolist() == [0, 1, 2]
    assert trace["y"] == [0.333333, None, 2] and np.isnan(line.get_ydata()[1])
    assert trace["line"] == {"color": "#123456", "dash": dash, "width": 3}
    assert (line.get_color(), line.get_linestyle()) == ("#123456", DASHES[dash])
    assert trace["mode"] == ("lines+markers" if marker else "lines")
    assert line.get_marker() == (MARKERS[marker] if marker else "") or not marker
    assert trace["name"] == line.get_label() == "named" and trace["showlegend"]


def test_what_is_not_named_is_not_in_the_legend():
    for mark in (Line([0], [0]), Line([0], [0], name="a", legend=False), Area([0, 1], [0, 1])):
        page, axes = both(mark)
        assert not page["data"][0]["showlegend"] and axes.get_legend_handles_labels()[1] == []


def test_error_bars_and_a_line_that_is_not_drawn():
    page, axes = both(Line([0, 1], [2, 3], error=[0.5, 0.25]))
    assert page["data"][0]["error_y"]["array"] == [0.5, 0.25]
    (bars,) = axes.containers
    low_high = [segment[:, 1].tolist() for segment in bars.lines[2][0].get_segments()]
    assert low_high == [[1.5, 2.5], [2.75, 3.25]]
    page, axes = both(Line([0, 1], [2, 3], visible=False))
    assert page["data"][0]["visible"] is False and not axes.lines


def test_a_style_names_a_line():
    style = Style("a label", "#0072B2", "dot", "square")
    line = Line.of(style, [0], [1], marked=True)
    assert (line.color, line.dash, line.marker, line.name) == ("#0072B2", "dot", "square", "a label")
    assert Line.of(style, [0], [1]).marker == "" and Line.of(style, [0], [1], name="").label is None


def test_arrows_end_in_a_head():
    x, y = segments([[0, 0], [1, 1]], [[2, 0], [1, 3]])
    assert x == [0, 2, None, 1, 1, None] and y == [0, 0, None, 1, 3, None]
    page, axes = both(Line(x, y, RED, arrow=True))
    assert page["data"][0]["marker"]["size"] == [0, 11, 0, 0, 11, 0]
    ends = [(*arrow.xyann, *arrow.xy) for arrow in axes.texts]
    assert ends == [(0, 0, 2, 0), (1, 1, 1, 3)]
    assert segments(np.empty((0, 2)), np.empty((0, 2))) == ([], [])


@pytest.mark.parametrize("hollow", [False, True])
def test_points(hollow):
    colors = ["#000000", "#ffffff"]
    page, axes = both(Points([1, 2], [3, 4], colors, symbol="square", size=10, hollow=hollow))
    (trace,), (dots,) = page["data"], axes.collections
    assert trace["marker"]["symbol"] == ("square-open" if hollow else "square")
    assert trace["marker"]["color"] == colors and dots.get_offsets().tolist() == [[1, 3], [2, 4]]
    found = dots.get_edgecolors() if hollow else dots.get_facecolors()
    assert found[:, :3].tolist() == [[0, 0, 0], [1, 1, 1]]
    assert len(dots.get_facecolors()) == (0 if hollow else 2)


def test_points_to_click_on_are_not_seen():
    page, axes = both(Points([1], [3], opacity=0, hover="row %{y}"))
    (trace,) = page["data"]
    assert trace["hovertemplate"].startswith("row %{y}") and trace["hoverinfo"] == "all"
    assert trace["marker"]["opacity"] == 0 and not axes.collections


def test_areas_and_bars():
    page, axes = both(Area([0, 1, 1, 0], [0, 0, 1, 0], "#0072B2", width=0))
    assert page["data"][0]["fill"] == "toself" and page["data"][0]["fillcolor"] == "rgba(0,114,178,0.2)"
    assert len(axes.patches) == 1 and not axes.lines
    page, axes = both(Bars([0, 1], [0.25, 0.75], offset=0.2, broad=0.4))
    assert (page["data"][0]["offset"], page["data"][0]["width"]) == (0, 0.4)
    assert [(round(bar.get_x(), 9), bar.get_height()) for bar in axes.patches] == [(0, 0.25), (1, 0.75)]


@pytest.mark.parametrize("extent", [None, (-2.0, 2.0, -1.0, 1.0)])
def test_a_picture_is_stretched_over_the_same_rectangle(extent):
    picture = Picture(np.zeros((4, 6, 3), np.uint8), extent)
    sheet = Sheet(Panel.picture(picture, title="a caption"))
    layout, axes = sheet.plotly()["layout"], sheet.matplotlib().axes[0]
    left, right, bottom, top = extent or (-0.5, 5.5, 3.5, -0.5)
    (image,) = layout["images"]
    assert (image["x"], image["y"], image["sizex"], image["sizey"]) == (
        left,
        top,
        right - left,
        abs(top - bottom),
    )
    assert axes.images[0].get_extent() == [left, right, bottom, top] or tuple(
        axes.images[0].get_extent()
    ) == (left, right, bottom, top)
    assert layout["xaxis"]["range"] == [left, right] == list(axes.get_xlim())
    assert layout["yaxis"]["range"] == [bottom, top] == list(axes.get_ylim())
    assert layout["annotations"][0]["text"] == axes.get_title() == "a caption"


def test_a_cursor_is_a_picture_that_moves_at_once():
    axis = Axis("x", (0, 10))
    page, axes = both(Cursor(4.0, name="here"), x=axis)
    (image,), (line,) = page["layout"]["images"], axes.lines
    assert image["x"] == 4 == line.get_xdata()[0] and image["visible"]
    assert page["data"][0]["x"] == [None] and page["data"][0]["showlegend"]
    page, axes = both(Cursor(None), x=axis)
    assert not page["layout"]["images"][0]["visible"] and not axes.lines
    with pytest.raises(ValueError, match="range"):
        both(Cursor(1.0))


def test_words():
    page, axes = both(Text(1, 2, "words", "#ff0000", anchor="left", up=10, angle=90))
    (note,), (text,) = page["layout"]["annotations"], axes.texts
    assert note["text"] == text.get_text() == "words" and (note["x"], note["y"]) == text.xy == (1, 2)
    assert note["xanchor"] == text.get_horizontalalignment() == "left"
    assert note["textangle"] == -text.get_rotation() == -90 and note["yshift"] == 10


def test_numbers_have_six_digits_and_no_infinity():
    page, _ = both(Line([1e9 / 3, 1e-9 / 3, math.inf], [1, 2, 3]))
    assert page["data"][0]["x"] == [333333000.0, 3.33333e-10, None]
