"""The circle: how far a step on the tangent leaves it, in the sentence, the table and both drawings."""

import math

import pytest

from rolab.course.nb05_tangent_space import CircleFigure
from rolab.course.nb05_tangent_space.circle_figure import gap
from rolab.plotting import RED


def test_the_distance_is_that_of_the_nearest_point():
    for r in (0.0, 0.3, 1.5):
        points = [(math.sin(t / 1000), math.cos(t / 1000)) for t in range(3142)]
        assert gap(r) == pytest.approx(min(math.dist((r, 1), p) for p in points), abs=1e-5)
    assert gap(1e-3) == pytest.approx(1e-6 / 2, rel=1e-3), "r²/2R"


def test_the_slider_the_sentence_and_the_table_agree():
    figure = CircleFigure()
    steps = figure.plotly()["layout"]["sliders"][0]["steps"]
    for k, (step, row) in enumerate(zip(steps, figure.table(), strict=True)):
        r, at = row["r / R"], figure.at(k)
        assert step["label"] == f"{r:g}" and f"by {row['distance / R']:.3f} R" in at.title
        assert row["r²/2R²"] == pytest.approx(r * r / 2)
        plane, curves = at.panels()
        red = next(mark for mark in plane.marks if mark.color == RED)
        ends = list(zip(red.x, red.y, strict=True))
        assert math.dist(*ends) == pytest.approx(gap(r)) and math.hypot(*ends[0]) == pytest.approx(1)
        assert (curves.marks[-1].x, curves.marks[-1].y) == ([r], [gap(r)])


def test_it_can_be_drawn_and_read():
    figure = CircleFigure()
    assert figure.png_bytes().startswith(b"\x89PNG") and figure.title in figure.alt
    assert figure.at(0).png_bytes(), "a step of length 0 too"
