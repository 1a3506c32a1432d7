"""Convex polygons: cuts against qhull, and programs that cannot be drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import HalfspaceIntersection, QhullError

from rolab.course.nb01_linear_programs.polygon import Polygon, nominal_region
from rolab.lp import RobustLP

SQUARE = Polygon(np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]), ("s", "e", "n", "w"))


def test_a_cut_takes_the_place_of_what_it_cuts_off():
    cut = SQUARE.cut(np.array([1.0, 1.0]), 1.0, "new")
    assert len(cut.corners) == 5 and cut.area == pytest.approx(3.5)
    corners = cut.corners.tolist()
    sides = zip(cut.rows, corners, corners[1:] + corners[:1], strict=True)
    ends = {row: (start, end) for row, start, end in sides}
    assert ends["new"] == ([1.0, 0.0], [0.0, 1.0]) and ends["n"] == ([0.0, 1.0], [-1.0, 1.0])
    assert SQUARE.cut(np.array([1.0, 0.0]), 1.0, "new") is SQUARE
    assert len(SQUARE.cut(np.array([1.0, 0.0]), -2.0, "new").corners) == 0


@given(st.integers(0, 10_000), st.integers(1, 12))
@settings(derandomize=True, deadline=None)
def test_cuts_agree_with_qhull(seed, count):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(count, 2)), rng.uniform(0.05, 1.0, size=count)  # 0 stays inside
    polygon = SQUARE
    for k in range(count):
        polygon = polygon.cut(a[k], b[k], str(k))
    walls = [[1, 0, -1], [-1, 0, -1], [0, 1, -1], [0, -1, -1]]
    try:
        whole = HalfspaceIntersection(np.vstack([walls, np.column_stack([a, -b])]), np.zeros(2))
    except QhullError:
        return
    corners = whole.intersections[np.argsort(np.arctan2(*whole.intersections.T))]
    assert polygon.area == pytest.approx(Polygon(corners, ()).area, rel=1e-6)
    ends = np.roll(polygon.corners, -1, axis=0)
    for row, start, end in zip(polygon.rows, polygon.corners, ends, strict=True):
        if row.isdigit():
            assert start @ a[int(row)] == pytest.approx(b[int(row)])
            assert end @ a[int(row)] == pytest.approx(b[int(row)])


@pytest.mark.parametrize(
    "program, said",
    [
        (RobustLP(maximize=[1, 1, 1], rows={"r": ([1, 1, 1], "<=", 1)}), "two variables"),
        (RobustLP(maximize=[1, 1], rows={"r": ([1, 1], "==", 1)}), "no equality"),
        (RobustLP(maximize=[1, 1], rows={"r": ([1, 0], "<=", 1)}), "it has no end"),
    ],
)
def test_a_program_that_cannot_be_drawn(program, said):
    with pytest.raises(ValueError, match=f"^program: .*{said}"):
        nominal_region(program)
