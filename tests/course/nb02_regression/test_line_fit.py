"""The line under the worst loads: what is drawn is what the mathematics says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from radius_figures import PLACES, spring
from scipy.optimize import minimize_scalar

from rolab.course.nb02_regression.line_fit import LineFit


@settings(max_examples=20, derandomize=True, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_line_is_drawn_with_its_exact_worst_case(seed):
    figure = spring(seed)
    t, b, x = figure.t, figure.b, figure.least_squares
    for k, gamma in enumerate(PLACES):
        left, right = figure.at(k).panels()
        (way, moved, line, *_), (here, *_) = left.marks, right.marks
        drawn = moved.x, moved.y
        assert drawn[1] == pytest.approx(b, abs=1e-4), "loads move sideways"
        assert np.linalg.norm(drawn[0] - t) == pytest.approx(gamma, abs=1e-3)
        worst = np.linalg.norm(t * x - b) + gamma * abs(x)
        assert np.linalg.norm(drawn[0] * x - b) == pytest.approx(worst, abs=1e-3), "the points drawn reach it"
        best = minimize_scalar(lambda s, g=gamma: np.linalg.norm(t * s - b) + g * abs(s), tol=1e-12)
        assert here.x == [gamma] * 2 and here.y == pytest.approx([worst, best.fun], rel=1e-8)
        assert line.y == pytest.approx([best.x * end for end in line.x], abs=1e-5)
        assert len(way.x) == 3 * len(t) and way.x[2::3] == [None] * len(t)


def test_a_search_is_drawn_as_it_was_found():
    figure = spring(search=lambda gamma: 7.0 + gamma)
    crosses = [trace for trace in figure.plotly()["data"] if trace["name"] == "found by ascent"]
    assert crosses[0]["y"] == [7, 7.5, 8, 8.5, 9] == [row["found by ascent"] for row in figure.table()]
    assert not [trace for trace in spring().plotly()["data"] if trace["name"] == "found by ascent"]
    assert "found by ascent" not in spring().table()[0]


@pytest.mark.parametrize("places", [[0.0], [0.5, 1.0], [0.0, 1.0, 3.0], [0.0, -1.0], [0.0, 0.0]])
def test_places_begin_at_0_in_equal_steps(places):
    with pytest.raises(ValueError, match="^places: expected radii from 0 in equal steps"):
        LineFit(np.ones(2), np.ones(2), places)


def test_a_place_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="^shown: expected 0 to 4, got 5"):
        spring(shown=5)
