"""Who still stands: the trial is monotone and exact, the record resumable, its figures hold its numbers."""

import json
import math

import numpy as np
import pytest
import torch
from benchmark_nets import NETS, RADII, STEPS, digits, written
from hypothesis import given, settings
from hypothesis import strategies as st
from rolab.standing.figure import BandFigure, bounds_figure, robustness_figure

from rolab.experiments.robustness_results import RobustnessResults
from rolab.experiments.styles import style

exactly = settings(max_examples=25, deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole record."""
    return written(tmp_path_factory.mktemp("whole") / "robustness.json")


# The trial


# The record


# One computation: run anew, and read back


# The figures


def test_the_standing_figure_says_and_draws_its_numbers(whole):
    standing = RobustnessResults.of(whole)
    figure = robustness_figure(standing, 5, 2)
    plot = json.loads(figure.plotly().to_json())
    assert [frame["name"] for frame in plot["frames"]] == ["1", "2", "5"]
    rows = figure.table()
    for frame, steps in zip(plot["frames"], STEPS, strict=True):
        here = [row for row in rows if row["steps"] == steps]
        for trace, net in zip(frame["data"], standing.nets, strict=True):
            assert trace["x"] == [0, *RADII] == [row["ε"] for row in here]
            assert trace["y"] == [row[style(net).label] for row in here]
            assert trace["y"][1:] == [standing.percent(net, radius, steps, 2) for radius in RADII]
    assert [trace["y"] for trace in plot["data"]] == [trace["y"] for trace in plot["frames"][-1]["data"]]
    best = max(standing.nets, key=lambda net: standing.correct(net, 0.1, 5, 2))
    first, last = standing.percent(best, 0.1, 1, 0), standing.percent(best, 0.1, 5, 2)
    label = style(best).label
    assert (
        figure.title
        == f"At ε = 0.1, one step leaves {label} {first:.1f} %; 5 steps, 2 restarts: {last:.1f} %"
    )
    assert "; 1 step, 2 restarts: " in figure.message(1)
    assert robustness_figure(standing, 1, 0).title == f"At ε = 0.1, one step leaves {label} {first:.1f} %"
    assert plot["layout"]["title"]["text"] == figure.title and figure.title in figure.alt
    assert plot["layout"]["sliders"][0]["active"] == 2


def test_a_net_keeps_its_look_when_others_are_left_out(whole):
    standing = RobustnessResults.of(whole)
    looks = {curve.look.label: curve.look for curve in robustness_figure(standing).curves()}
    assert len({(look.color, look.marker) for look in looks.values()}) == 3
    alone = [curve for curve in robustness_figure(standing, nets=["masked"]).curves() if curve.shown]
    assert [curve.look for curve in alone] == [looks["the fifth"]]
    assert robustness_figure(standing, nets=["masked"]).title.count("the fifth") == 1


def test_pictures_are_equal_where_data_are(whole):
    read = RobustnessResults.of(whole)
    for figures in (
        [robustness_figure(read, 2, 1), robustness_figure(read, 2, 1)],
        [bounds_figure(read, "baseline"), bounds_figure(read, "baseline")],
    ):
        a, b = (figure.png_bytes() for figure in figures)
        assert a == b and a.startswith(b"\x89PNG")
    assert robustness_figure(read, 5, 2).png_bytes() != robustness_figure(read, 1, 0).png_bytes()


@exactly
@given(st.data())
def test_the_band_is_right_at_every_radius(draw):
    """Bounds by counting, at radii that no one tried: lower ≤ upper ≤ one step, and so do the stairs."""
    n = draw.draw(st.integers(1, 12))
    fates = st.sampled_from([0.0, 0.05, 0.1, math.inf])
    one_step = [draw.draw(fates) for _ in range(n)]
    all_ = [min(fate, draw.draw(fates)) for fate in one_step]
    holds = [draw.draw(st.sampled_from([h for h in (0.0, 0.02, 0.05) if h < f or not h])) for f in all_]
    band = BandFigure(
        "baseline", *(torch.tensor(each, dtype=torch.float64) for each in (one_step, all_, holds)), 0.3
    )
    assert [curve.x[-1] for curve in band.curves()] == [0.3] * 3
    for radius in (0.001, 0.019, 0.021, 0.04, 0.06, 0.099, 0.101, 0.2):
        counted = [
            100 * sum(hold >= radius and fall > 0 for hold, fall in zip(holds, all_, strict=True)) / n,
            100 * sum(fall > radius for fall in all_) / n,
            100 * sum(fall > radius for fall in one_step) / n,
        ]
        assert counted == [band.lower(radius), band.upper(radius), band.single(radius)] == sorted(counted)
        for curve, value in zip(band.curves(), counted, strict=True):
            assert np.interp(radius, curve.x, curve.y) == pytest.approx(value)
    for row in band.table():
        assert row["proved"] <= row["all attacks leave"] <= row["one step leaves"]


def test_the_band_of_a_record_is_of_the_digits_with_certificates(whole):
    standing = RobustnessResults.of(whole)
    band = bounds_figure(standing, "baseline", 0.4)
    assert len(band.holds) == len(band.falls) == len(band.one_step) == 25
    parts = whole["runs"]
    failed = parts["baseline/ensemble"]["first_failure_radius"]
    assert band.upper(0.2) == 4 * sum((fall or 9) > 0.2 for fall in failed[:25]
                                      if fall != 0)  # fmt: skip
    assert band.lower(0.1) == 4 * sum(hold >= 0.1 for hold in parts["baseline/certified"]["certified_radius"])
    assert "the truth lies between" in band.title and band.title in band.alt
    shaded = [trace["fill"] for trace in json.loads(band.plotly().to_json())["data"]]
    assert shaded == ["none", "tonexty", "none"]


# The command


def test_the_figure_of_a_grid_that_was_computed_anew_is_the_same(whole):
    read = RobustnessResults.of(whole)
    anew = RobustnessResults.run(NETS, digits(), radii=RADII, steps=STEPS, restarts=2, progress=False)
    assert robustness_figure(anew, 2, 1).table() == robustness_figure(read, 2, 1).table()


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda s: robustness_figure(s, 4, 0), "steps: expected one of"),
        (
            lambda s: robustness_figure(s, radius=0),
            "radius: expected one of 0.05, 0.1, 0.2, 0.4, got 0",
        ),
        (lambda s: robustness_figure(s, nets=()), "nets: expected at least one, got none"),
        (lambda s: bounds_figure(s, "baseline", 0), "largest: expected a radius above 0, got 0"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_named(whole, call, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        call(RobustnessResults.of(whole))
