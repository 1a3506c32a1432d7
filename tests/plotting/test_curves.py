"""Curves: both renderings show the table; the slider reads it off."""

import pytest

from rolab.plotting import Curves, Style

STYLES = {"a": Style("curve a", "#123456", "dash", "square")}


@pytest.fixture
def curves():
    mean = {"a": [1.0, 2.0, 3.0], "b": [3.0, 2.0, 1.5]}
    more = {"sd": {"a": [0.1, 0.2, 0.3], "b": [0.1, None, 0.1]}, "paper": {"a": (2, 3.3), "b": (2, 1.1)}}
    return Curves("A message", [0, 1, 2], mean, "epoch", "%", **more, styles=STYLES, alt="seen")


def test_curves_show_the_table(curves):
    a, b, *hollow = curves.plotly()["data"]
    assert (a["name"], a["y"]) == ("curve a", [1, 2, 3]) and a["line"]["color"] == "#123456"
    assert a["error_y"]["array"] == [0.1, 0.2, 0.3] and "error_y" not in b, "a None among them has no bar"
    assert [row["curve a"] for row in curves.table()] == a["y"] and curves.table()[2]["± curve a"] == 0.3
    assert [row["b"] for row in curves.table()] == b["y"] and "± b" not in curves.table()[0]
    assert [trace["marker"]["symbol"][-5:] for trace in hollow] == ["-open", "-open"]
    assert [trace["y"] for trace in hollow] == [[3.3], [1.1]]
    assert [trace["showlegend"] for trace in hollow] == [True, False]


def test_an_axis_that_counts_has_all_its_ticks(curves):
    assert curves.plotly()["layout"]["xaxis"]["tickvals"] == [0, 1, 2]
    assert "tickvals" not in Curves("t", [0.0, 0.5], {"a": [1, 2]}, "x", "y").plotly()["layout"]["xaxis"]


def test_the_slider_reads_the_curves_off(curves):
    slider = curves.sliding("k")
    steps = slider.plotly()["layout"]["sliders"][0]["steps"]
    for k, step in enumerate(steps):
        assert step["method"] == "relayout", "no curve is drawn again"
        (moved,) = step["args"]
        assert moved["title.text"] == f"k = {k}: curve a {k + 1:.1f}, b {curves.mean['b'][k]:.1f} %"
        assert [value for path, value in moved.items() if path.endswith(".x")] == [k]
    assert slider.title == "A message" and slider.alt == "seen" and slider.table() == curves.table()
    assert slider.png_bytes() == curves.png_bytes()
