"""The power method in the plane: it climbs, ends at the top of a ball, and sticks in a corner of a square."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from standing_figures import stands_without_a_kernel

from rolab.course.nb06_relatives.power_method import ENDS, STEPS, PowerMethodExplorer, where_it_ends

EXPLORER = PowerMethodExplorer()


@given(
    st.sampled_from(list(EXPLORER.sets)),
    st.integers(0, 359),
    st.tuples(st.floats(0, 5), st.floats(0, 5)),
    st.floats(0, 180),
)
def test_the_height_never_falls_in_any_set(norm, angle, eigenvalues, tilt):
    heights = PowerMethodExplorer(eigenvalues=eigenvalues, tilt=tilt).path(norm, angle).heights
    assert (heights[1:].diff() >= -1e-9).all()


def test_in_the_l2_ball_it_is_the_power_iteration():
    path, v = EXPLORER.path("l2", 45), None
    for k in range(1, STEPS + 1):
        v = EXPLORER.H @ path.points[k - 1]
        assert torch.allclose(path.points[k], v / v.norm())
    assert float(path.heights[-1]) == pytest.approx(0.5, rel=1e-3), "half the first eigenvalue"
    assert path.best == pytest.approx(0.5, rel=1e-3)


def test_a_corner_of_the_square_can_be_its_own_answer():
    stuck, well = EXPLORER.path("linf", 315), EXPLORER.path("linf", 45)
    assert stuck.points[1:].tolist() == [[1, -1]] * STEPS
    assert well.points[-1].tolist() == [1, 1] and float(well.heights[-1]) == pytest.approx(well.best)
    assert float(stuck.heights[-1]) < 0.4 * stuck.best


def test_the_explorer():
    figure = EXPLORER.figure(norm="linf", angle=315)
    stands_without_a_kernel(figure)
    assert [row["step"] for row in figure.table()] == list(range(STEPS + 1))
    live = EXPLORER.live(plain=False)
    live.controls["norm"].value = "l1"
    live.controls["steps"].value = 1
    assert live.error.value == "" and "ℓ1 ball, 1 step:" in live.summary.value


def test_where_it_ends_is_counted():
    rows = {row["set"]: row for row in EXPLORER.ends()}
    assert rows["ℓ2 ball"]["starts that reach the top, %"] > 90
    for name in ("ℓ∞ ball", "ℓ1 ball"):
        assert 0 < rows[name]["starts that reach the top, %"] < 90
        assert rows[name]["the worst end, % of the top"] < 90
    assert where_it_ends(EXPLORER.ends()) == ENDS.read("ℓ2")
    assert where_it_ends([{"set": "one", "starts that reach the top, %": 100}]) == "always"
    assert where_it_ends([{"set": "one", "starts that reach the top, %": 0}]) == "never"
