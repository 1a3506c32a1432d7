"""The duel: what the reader's errors add, as a share of what the worst ones add."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_charts import page_of
from standing_figures import stands_without_a_kernel

from rolab.course.nb02_regression.duel import DuelExplorer, DuelFigure

T = np.linspace(0.5, 2, 6)
B = 1.5 * T + np.random.default_rng(0).normal(0, 0.7, 6)
X = float(T @ B / (T @ T))
GAMMA = 1.5


def residual(errors):
    return np.linalg.norm((T + errors) * X - B)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.floats(-3, 3), min_size=6, max_size=6), st.floats(0.1, 3))
def test_no_errors_beat_the_worst_ones(asked, gamma):
    figure = DuelFigure(T, B, X, np.array(asked), gamma)
    used = figure.errors
    assert np.linalg.norm(used) <= gamma * (1 + 1e-9)
    if np.linalg.norm(asked) <= gamma:
        assert used == pytest.approx(asked)
    else:
        assert used == pytest.approx(np.array(asked) * gamma / np.linalg.norm(asked)), "shortened, not turned"
    most = gamma * abs(X)
    assert figure.share == pytest.approx(100 * (residual(used) - residual(0)) / most)
    assert figure.share <= 100 + 1e-6


def test_errors_along_the_residual_reach_all_of_it():
    r = T * X - B
    figure = DuelFigure(T, B, X, 9 * r, GAMMA)
    assert figure.share == pytest.approx(100) and "100 % of what the worst ones add" in figure.title
    assert DuelFigure(T, B, X, -0.5 * r, GAMMA).share < 0, "towards the line"
    assert DuelFigure(T, B, X, 0 * r, GAMMA).share == 0


def test_the_sliders_are_the_errors_and_the_worst_are_shown_on_demand():
    live = DuelExplorer(T, B, GAMMA).live(plain=False)
    assert len(live.controls) == 7 and " 0 % of what" in live.summary.value
    live.controls["d2"].value = 1.5
    live.controls["d5"].value = -1.5
    assert "is more than 1.5 N, so your errors are shortened" in live.summary.value
    asked = np.array([0, 1.5, 0, 0, -1.5, 0])
    assert page_of(live.chart)["data"] == DuelFigure(T, B, X, asked, GAMMA).still()["data"]
    marks = DuelFigure(T, B, X, asked, GAMMA).panels()[1].marks[1].y
    assert np.isnan(marks).all(), "nothing is told"
    live.controls["worst"].value = True
    shown = DuelFigure(T, B, X, asked, GAMMA, worst=True)
    assert page_of(live.chart)["data"] == shown.still()["data"]
    worst = shown.panels()[1].marks[1].y
    assert residual(worst) == pytest.approx(residual(0) + GAMMA * abs(X)) and live.error.value == ""


def test_it_stands_without_a_kernel_with_a_slider_over_the_last_load():
    figure = DuelExplorer(T, B, GAMMA).figure()
    stands_without_a_kernel(figure)
    assert figure.prefix == "Δ₆, N = " and max(row["share, %"] for row in figure.table()) < 100
