"""The figures of notebook 09 hold the benchmark's numbers: nets under more steps, a net between bounds."""

import math

import numpy as np
import pytest
import torch
from benchmark_nets import NETS, RADII, STEPS, digits, written
from hypothesis import given, settings
from hypothesis import strategies as st

from rolab.course.nb09_robustness import RobustnessExplorer, bounds_figure, robustness_figure
from rolab.course.nb09_robustness.figures import BoundsFigure
from rolab.experiments.robustness_results import RobustnessResults
from rolab.experiments.styles import style
from rolab.plotting import Area, Line

exactly = settings(max_examples=25, deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole record."""
    return written(tmp_path_factory.mktemp("whole") / "robustness.json")


@pytest.fixture(scope="module")
def results(whole):
    return RobustnessResults.of(whole)


def marks(figure):
    (panel,) = figure.panels()
    return panel.marks


def looks(figure):
    """The style of each curve by its name."""
    return {line.name: (line.color, line.dash, line.marker) for line in marks(figure)}


# All nets under an attack


@pytest.mark.parametrize("steps", STEPS)
def test_the_figure_says_and_draws_its_numbers(results, steps):
    figure = robustness_figure(results, steps, 2)
    rows = figure.table()
    assert {(row["steps"], row["restarts"]) for row in rows} == {(steps, 2)}
    for trace, net in zip(figure.plotly()["data"], results.nets, strict=True):
        assert trace["x"] == [0, *RADII] == [row["ε"] for row in rows]
        assert trace["y"] == [row[style(net).label] for row in rows]
        assert trace["y"][1:] == [results.percent(net, radius, steps, 2) for radius in RADII]
    best = max(results.nets, key=lambda net: results.correct(net, 0.1, steps, 2))
    first, last = results.percent(best, 0.1, 1, 0), results.percent(best, 0.1, steps, 2)
    run = "1 step" if steps == 1 else f"{steps} steps"
    assert figure.title.startswith(f"At ε = 0.1, one step leaves {style(best).label} {first:.1f} %")
    assert figure.title.endswith(f"; {run}, 2 restarts: {last:.1f} %")
    assert figure.plotly()["layout"]["title"]["text"] == figure.title and figure.title in figure.alt


def test_of_one_step_it_is_said_once(results):
    figure = robustness_figure(results, 1, 0)
    best = max(results.nets, key=lambda net: results.correct(net, 0.1, 1, 0))
    first = results.percent(best, 0.1, 1, 0)
    assert figure.title == f"At ε = 0.1, one step leaves {style(best).label} {first:.1f} %"


def test_it_is_of_the_hardest_attack_unless_another_is_asked_for(results):
    assert robustness_figure(results).table() == robustness_figure(results, 5, 2).table()


def test_its_slider_goes_over_the_steps(results):
    figure = RobustnessExplorer(results).figure(steps=5, restarts=2)
    plot = figure.plotly()
    (slider,) = plot["layout"]["sliders"]
    assert [step["label"] for step in slider["steps"]] == ["1", "2", "5"] and slider["active"] == 2
    assert figure.title == robustness_figure(results, 5, 2).title == plot["layout"]["title"]["text"]
    assert [trace["y"] for trace in plot["data"]] == [line.y for line in marks(robustness_figure(results))]


def test_a_net_keeps_its_look_when_others_are_left_out(results):
    every = looks(robustness_figure(results))
    assert len({(color, marker) for color, _, marker in every.values()}) == 3
    alone = robustness_figure(results, nets=["masked"])
    assert looks(alone) == {"the fifth": every["the fifth"]}
    assert alone.title.count("the fifth") == 1


def test_pictures_are_equal_where_data_are(results):
    for draw in (lambda: robustness_figure(results, 2, 1), lambda: bounds_figure(results, "baseline")):
        a, b = (draw().png_bytes() for _ in range(2))
        assert a == b and a.startswith(b"\x89PNG")
    assert robustness_figure(results, 5, 2).png_bytes() != robustness_figure(results, 1, 0).png_bytes()


def test_the_figure_of_a_grid_that_was_computed_anew_is_the_same(results):
    anew = RobustnessResults.run(NETS, digits(), radii=RADII, steps=STEPS, restarts=2, progress=False)
    assert robustness_figure(anew, 2, 1).table() == robustness_figure(results, 2, 1).table()


# One net between two bounds


@exactly
@given(st.data())
def test_the_bounds_are_right_at_every_radius(draw):
    """Bounds by counting, at radii that no one tried: lower ≤ upper ≤ one step, and so do the stairs."""
    n = draw.draw(st.integers(1, 12))
    fates = st.sampled_from([0.0, 0.05, 0.1, math.inf])
    one_step = [draw.draw(fates) for _ in range(n)]
    all_ = [min(fate, draw.draw(fates)) for fate in one_step]
    holds = [draw.draw(st.sampled_from([h for h in (0.0, 0.02, 0.05) if h < f or not h])) for f in all_]
    figure = BoundsFigure(
        "baseline", *(torch.tensor(each, dtype=torch.float64) for each in (one_step, all_, holds)), 0.3
    )
    curves = marks(figure)[1:]
    assert [curve.x[-1] for curve in curves] == [0.3] * 3
    for radius in (0.001, 0.019, 0.021, 0.04, 0.06, 0.099, 0.101, 0.2):
        counted = [
            100 * sum(hold >= radius and fall > 0 for hold, fall in zip(holds, all_, strict=True)) / n,
            100 * sum(fall > radius for fall in all_) / n,
            100 * sum(fall > radius for fall in one_step) / n,
        ]
        assert counted == list(figure.bounds(radius).values()) == sorted(counted)
        for curve, value in zip(curves, counted, strict=True):
            assert np.interp(radius, curve.x, curve.y) == pytest.approx(value)
    for row in figure.table():
        assert row["proved"] <= row["all attacks leave"] <= row["one step leaves"]


def test_the_bounds_of_a_record_are_of_the_digits_with_certificates(results, whole):
    figure = bounds_figure(results, "baseline", 0.4)
    assert len(figure.certified) == len(figure.attacks) == len(figure.one_step) == 25
    runs = whole["runs"]
    failed = runs["baseline/ensemble"]["first_failure_radius"][:25]
    upper, lower = figure.bounds(0.2)["all attacks leave"], figure.bounds(0.1)["proved"]
    assert upper == 4 * sum((fall or 9) > 0.2 for fall in failed if fall != 0)
    assert lower == 4 * sum(hold >= 0.1 for hold in runs["baseline/certified"]["certified_radius"])
    assert "the truth lies between" in figure.title and figure.title in figure.alt


def test_what_lies_between_the_bounds_is_filled(results):
    band, proved, broken, one_step = marks(bounds_figure(results, "baseline"))
    assert type(band) is Area and {type(line) for line in (proved, broken, one_step)} == {Line}
    assert list(band.x) == [*proved.x, *broken.x[::-1]] and list(band.y) == [*proved.y, *broken.y[::-1]]
    assert [line.name.split("<br>")[0] for line in (proved, broken, one_step)] == [
        "proved to hold",
        "left by all attacks",
        "left by one step:",
    ]


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda r: robustness_figure(r, 4, 0), "steps: expected one of 1, 2, 5, got 4"),
        (lambda r: robustness_figure(r, 5, 3), "restarts: expected one of 0, 1, 2, got 3"),
        (lambda r: robustness_figure(r, radius=0), "radius: expected one of 0.05, 0.1, 0.2, 0.4, got 0"),
        (lambda r: robustness_figure(r, radius=0.3), "radius: expected one of .*, got 0.3"),
        (lambda r: robustness_figure(r, nets=()), "nets: expected at least one, got none"),
        (lambda r: robustness_figure(r, nets=["nobody"]), "net: expected one of .*, got 'nobody'"),
        (lambda r: bounds_figure(r, "baseline", 0), "largest: expected a radius above 0, got 0"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_named(results, call, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        call(results)
