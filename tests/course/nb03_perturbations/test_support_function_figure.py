"""The support function in the plane: which point goes furthest along g, and the outlines of the sets."""

import numpy as np
import pytest

from rolab.course.nb03_perturbations.support_function_figure import SupportFunctionFigure
from rolab.sets import Ball, Box

BALLS = {norm: Ball(norm, 1.0) for norm in ("l1", "l2", "linf")}


def test_the_furthest_points_of_the_plane():
    figure = SupportFunctionFigure(BALLS)
    for k, degrees in enumerate(figure.places):
        a, b = figure.direction(k)
        assert figure.support("l1", k) == pytest.approx(max(abs(a), abs(b)))
        assert figure.support("l2", k) == pytest.approx(1)
        assert figure.support("linf", k) == pytest.approx(abs(a) + abs(b))
        if degrees % 90:
            assert figure.furthest["linf"][k] == (np.sign(a), np.sign(b))
        assert 0 in figure.furthest["l1"][k]
    assert figure.furthest["linf"][figure.places.index(90)] == (0, 1), "sign(0) = 0"


def test_an_outline_is_drawn_by_the_sets_own_maximiser():
    sets = {"diamond": Ball("l1", 1.0), "box": Box(-0.5, 1.0), "cut": Ball("l2", 1.0) & Box(-1.0, 0.5)}
    outlines = {n: list(map(tuple, o.tolist())) for n, o in SupportFunctionFigure(sets).outlines.items()}
    assert set(outlines["diamond"]) == {(1, 0), (0, 1), (-1, 0), (0, -1)}
    assert set(outlines["box"]) == {(1, 1), (1, -0.5), (-0.5, -0.5), (-0.5, 1)}
    assert all(x <= 0.5 + 1e-9 and y <= 0.5 + 1e-9 for x, y in outlines["cut"])


def test_the_figure_slides_without_a_kernel():
    figure = SupportFunctionFigure(BALLS, places=(0, 45, 90), shown=1)
    steps = figure.plotly()["layout"]["sliders"][0]["steps"]
    assert len(steps) == len(figure.table()) == 3
    assert [step["label"] for step in steps] == ["0°", "45°", "90°"]
    tip = figure.at(2).panels()[0].marks[-1]
    assert (tip.x, tip.y) == ([0.0], [1.0])
    data, layout, traces = steps[2]["args"]
    assert (data["x"][traces.index(3)], data["y"][traces.index(3)]) == ([0.0], [1.0])
    assert layout["title.text"] == figure.message(2)
    assert figure.table()[2]["σ ℓ∞"] == pytest.approx(1)
    assert figure.title in figure.alt and all(f"ℓ{p}" in figure.alt for p in "12∞")


@pytest.mark.parametrize("turn", [15, 7])
def test_the_first_jump_of_a_polygon(turn):
    """Also where the slider does not stop at the tie itself."""
    sets = {"l1": Ball("l1", 2.0), "linf": Ball("linf", 1.0)}
    figure = SupportFunctionFigure(sets, places=range(0, 361, turn))
    assert [figure.first_jump(name) for name in sets] == pytest.approx([45, 90])
