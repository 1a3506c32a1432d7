"""Regions of two-variable programs against solvers, and their figure against its own numbers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from standing_figures import stands_without_a_kernel

from rolab.course.nb01_linear_programs.explorers import RegionExplorer
from rolab.course.nb01_linear_programs.problems import production
from rolab.course.nb01_linear_programs.region_figure import SHAPES, RegionFigure
from rolab.lp import RobustLP, Uncertain
from rolab.sets import Ball


def some_program(seed, Z, senses=("<=", "<=")):
    """max cᵀx with two bounded rows, one of them uncertain, and a bound on each variable."""
    rng = np.random.default_rng(seed)
    rows = {
        "first": (rng.uniform(0.2, 1, 2), "<=", 1.0),
        "second": (rng.uniform(0.2, 1, 2), "<=", 1.0),
        "least": ([1, 1], ">=", 0.05),
    }
    return RobustLP(maximize=rng.uniform(0.1, 1, 2), rows=rows, uncertain={"second": Uncertain(Z)}, upper=4.0)


@given(
    st.integers(0, 10_000), st.sampled_from(list(SHAPES)), st.floats(0, 1.5), st.floats(0, 2), st.booleans()
)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_the_region_and_its_optimum(seed, shape, rho, gamma, covering):
    Z = SHAPES[shape](rho, gamma)
    program = some_program(seed, Z)
    if covering:  # a row ≥ that is uncertain, and a minimum
        program = RobustLP(
            minimize=program.c,
            rows={"cover": ([2.0, 2.0], ">=", 0.5), "together": ([1, 1], "<=", 3)},
            uncertain={"cover": Uncertain(Z)},
        )
    region = RegionFigure(program, shape, rho, gamma)
    answer = program.solve("counterpart")
    assert region.objective == pytest.approx(answer.objective, rel=1e-6, abs=1e-6)
    printed = program.nominal().solve("counterpart").objective
    lost = abs(printed - answer.objective)
    assert region.percent == pytest.approx(100 * lost / abs(printed), abs=1e-3)
    for x in np.random.default_rng(seed).uniform(0, 2.5, size=(40, 2)):
        worst = max(program.worst_case(x).violations.values())
        start = region.robust.corners
        along, to = np.roll(start, -1, axis=0) - start, x - start
        turn = along[:, 0] * to[:, 1] - along[:, 1] * to[:, 0]
        inside = (turn >= -1e-12).all()
        assert inside or worst > -1e-3, "a robust decision is left out"
        assert not inside or worst <= 1e-3, "a decision that is not robust is in"


@pytest.mark.parametrize("shape", SHAPES)
def test_the_worst_scenario_is_where_the_row_binds(shape):
    region = RegionFigure(production(SHAPES[shape](0.2, 1.5)), shape, 0.2, 1.5)
    z = region.scenario.z
    assert region.worst is z and region.Z.contains(torch.tensor(z)[None], atol=1e-9)
    assert (4 * (1 + z[0])) * region.x[0] + 2 * (1 + z[1]) * region.x[1] == pytest.approx(4800)
    outline = torch.tensor(np.array(region.outline)).T
    assert region.Z.contains(outline, atol=1e-5).all() and torch.equal(outline[0], outline[-1])
    assert not region.Z.contains(outline * 1.01, atol=1e-6).any()


def test_an_uncertain_row_that_does_not_bind():
    Z = Ball("linf", 0.01)
    rows = {"tight": ([1, 1], "<=", 1.0), "loose": ([1, 1], "<=", 100.0)}
    region = RegionFigure(
        RobustLP(maximize=[1, 2], rows=rows, uncertain={"loose": Uncertain(Z)}), "box", 0.01, 0
    )
    assert region.worst is None and region.percent == 0 and region.table()[0]["z₁*"] is None
    assert "worst" not in region.places()


def test_no_decision_holds():
    rows = {"most": ([1, 1], "<=", 1.0), "least": ([1, 1], ">=", 0.9)}
    program = RobustLP(maximize=[1, 2], rows=rows, uncertain={"least": Uncertain(Ball("linf", 0.5))})
    region = RegionFigure(program, "box", 0.5, 0)
    assert region.x is None and region.objective is None and region.percent is None
    assert region.title == "box, ρ = 0.5: no decision holds for all data"
    assert region.png_bytes()


@pytest.mark.parametrize(
    "uncertain", [{}, {"a": Ball("l2", 1), "b": Ball("l2", 1)}, {"objective": Ball("l2", 1)}]
)
def test_a_region_has_one_uncertain_row(uncertain):
    rows = {"a": ([1, 0], "<=", 1), "b": ([0, 1], "<=", 1)}
    with pytest.raises(ValueError, match="^program: expected one uncertain row"):
        RegionFigure(RobustLP(maximize=[1, 1], rows=rows, uncertain=uncertain), "ball", 1.0, 0.0)


def test_the_figure_shows_the_numbers_of_its_table():
    explorer = RegionExplorer(production, largest=0.3, points=4)
    figure = explorer.figure(rho=0.2)
    steps = figure.plotly()["layout"]["sliders"][0]["steps"]
    assert [step["label"] for step in steps] == ["0", "0.1", "0.2", "0.3"]
    for drawn, step, row in zip(figure.figures, steps, figure.table(), strict=True):
        title = drawn.title
        assert step["args"][1]["title.text"] == title
        assert f"{row['objective']:,.2f}" in title and f"{row['lost %']:.2f} %" in title
        z, point = (drawn.still()["data"][k] for k in (1, 5))
        assert (point["x"] + point["y"]) == pytest.approx([row["x1"], row["x2"]], rel=1e-5)
        assert (z["x"] + z["y"]) == pytest.approx([row["z₁*"], row["z₂*"]], rel=1e-5)
    assert figure.title == figure.figures[2].title and figure.title in figure.alt


def test_the_figure_stands_without_a_kernel():
    stands_without_a_kernel(RegionExplorer(production, points=4).figure(shape="ball"))
