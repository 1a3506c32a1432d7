"""Two-variable programs in the plane: regions against solvers, figures against their own numbers."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import HalfspaceIntersection, QhullError

from rolab.convex import RobustLP, Uncertain
from rolab.course.nb01_linear_programs.problems import production
from rolab.figures import Figure
from rolab.polygons import SHAPES, Cuts, Envelope, Polygon, Region, RegionFigure, nominal_region
from rolab.sets import Ball, Box, Budget

SQUARE = Polygon(np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]), ("s", "e", "n", "w"))
CALM = {"derandomize": True, "deadline": None}


def area(polygon):
    x, y = polygon.corners.T
    return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


# Polygons


def test_a_cut_takes_the_place_of_what_it_cuts_off():
    cut = SQUARE.cut(np.array([1.0, 1.0]), 1.0, "new")
    assert len(cut.corners) == 5 and area(cut) == pytest.approx(3.5)
    corners = cut.corners.tolist()
    sides = zip(cut.rows, corners, corners[1:] + corners[:1], strict=True)
    ends = {row: (start, end) for row, start, end in sides}
    assert ends["new"] == ([1.0, 0.0], [0.0, 1.0]) and ends["n"] == ([0.0, 1.0], [-1.0, 1.0])
    assert SQUARE.cut(np.array([1.0, 0.0]), 1.0, "new") is SQUARE
    assert len(SQUARE.cut(np.array([1.0, 0.0]), -2.0, "new").corners) == 0


@given(st.integers(0, 10_000), st.integers(1, 12))
@settings(**CALM)
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
    assert area(polygon) == pytest.approx(area(Polygon(corners, ())), rel=1e-6)
    ends = np.roll(polygon.corners, -1, axis=0)
    for row, start, end in zip(polygon.rows, polygon.corners, ends, strict=True):
        if row.isdigit():
            assert start @ a[int(row)] == pytest.approx(b[int(row)])
            assert end @ a[int(row)] == pytest.approx(b[int(row)])


# Regions


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
@settings(**CALM, max_examples=60)
def test_the_region_and_its_optimum(seed, shape, rho, gamma, covering):
    Z = SHAPES[shape](rho, gamma)
    program = some_program(seed, Z)
    if covering:  # a row ≥ that is uncertain, and a minimum
        program = RobustLP(
            minimize=program.c,
            rows={"cover": ([2.0, 2.0], ">=", 0.5), "together": ([1, 1], "<=", 3)},
            uncertain={"cover": Uncertain(Z)},
        )
    region = Region(program, shape, rho, gamma)
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
        inside = (turn >= 0).all()
        assert inside or worst > -1e-3, "a robust decision is left out"
        assert not inside or worst <= 1e-3, "a decision that is not robust is in"


@pytest.mark.parametrize("shape", SHAPES)
def test_the_worst_scenario_is_where_the_row_binds(shape):
    region = Region(production(SHAPES[shape](0.2, 1.5)), shape, 0.2, 1.5)
    z = region.scenario.z
    assert region.binds and region.Z.contains(torch.tensor(z)[None], atol=1e-9)
    assert (4 * (1 + z[0])) * region.x[0] + 2 * (1 + z[1]) * region.x[1] == pytest.approx(4800)
    outline = torch.tensor(region.outline, dtype=torch.float64).T
    assert region.Z.contains(outline, atol=1e-5).all() and torch.equal(outline[0], outline[-1])
    assert not region.Z.contains(outline * 1.01, atol=1e-6).any()


def test_an_uncertain_row_that_does_not_bind():
    Z = Ball("linf", 0.01)
    rows = {"tight": ([1, 1], "<=", 1.0), "loose": ([1, 1], "<=", 100.0)}
    region = Region(RobustLP(maximize=[1, 2], rows=rows, uncertain={"loose": Uncertain(Z)}), "box", 0.01, 0)
    assert not region.binds and region.percent == 0 and region.record()["z₁*"] is None
    assert "worst" not in region.places()


def test_no_decision_holds():
    rows = {"most": ([1, 1], "<=", 1.0), "least": ([1, 1], ">=", 0.9)}
    program = RobustLP(maximize=[1, 2], rows=rows, uncertain={"least": Uncertain(Ball("linf", 0.5))})
    region = Region(program, "box", 0.5, 0)
    assert region.x is None and region.objective is None and region.percent is None
    assert region.sentence == "box, ρ = 0.5: no decision holds for all data"
    assert RegionFigure([region], "ρ", 0, 1.0).png_bytes()


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


@pytest.mark.parametrize(
    "uncertain", [{}, {"a": Ball("l2", 1), "b": Ball("l2", 1)}, {"objective": Ball("l2", 1)}]
)
def test_a_region_has_one_uncertain_row(uncertain):
    rows = {"a": ([1, 0], "<=", 1), "b": ([0, 1], "<=", 1)}
    with pytest.raises(ValueError, match="^program: expected one uncertain row"):
        Region(RobustLP(maximize=[1, 1], rows=rows, uncertain=uncertain), "ball", 1.0, 0.0)


# Figures


def frames(figure):
    return json.loads(figure.plotly().to_json())["frames"]


def test_the_figure_shows_the_numbers_of_its_table():
    regions = [Region(production(Budget(1.5, k / 10)), "budget", k / 10, 1.5) for k in range(4)]
    figure = RegionFigure(regions, "ρ", 2, 0.5)
    for frame, row, region in zip(frames(figure), figure.table(), regions, strict=True):
        assert frame["layout"]["title"]["text"] == region.sentence
        assert f"{row['objective']:,.2f}" in region.sentence and f"{row['lost %']:.2f} %" in region.sentence
        point, z = frame["data"][4], frame["data"][1]
        assert (point["x"] + point["y"]) == pytest.approx([row["x1"], row["x2"]], rel=1e-5)
        assert (z["x"] + z["y"]) == pytest.approx([row["z₁*"], row["z₂*"]], rel=1e-5)
    assert figure.title == regions[2].sentence and figure.title in figure.alt
    steps = json.loads(figure.plotly().to_json())["layout"]["sliders"][0]["steps"]
    assert [step["label"] for step in steps] == ["0", "0.1", "0.2", "0.3"]


def test_the_envelope_is_the_polar_set():
    figure = Envelope({name: SHAPES[name](1.0, 1.5) for name in ("box", "ball", "budget")})
    *some, everything = figure.table()
    truth = {"box": 2.0, "ball": math.pi, "budget": 8 / 3}
    for name, expected in truth.items():
        column = [row[f"area left, {name}"] for row in figure.table()]
        assert column == sorted(column, reverse=True), "each scenario takes something away"
        assert everything[f"area left, {name}"] == pytest.approx(expected, rel=1e-3)
        for k, count in enumerate(figure.counts):
            z = figure.drawn(name, k)
            assert len(z) == count and figure.sets[name].contains(torch.tensor(z)).all()
            corners = torch.tensor(figure.left(name, len(some)).corners)
            assert ((torch.tensor(z).double() @ corners.T) <= 1 + 1e-6).all(), "all leaves less than some"
    assert len(frames(figure)) == len(figure.counts) + 1
    assert frames(figure)[2]["layout"]["title"]["text"] == figure.title


def test_the_cuts_are_the_trace():
    figure = Cuts(production())
    trace = production().solve("cutting-set").trace
    rows = figure.table()
    assert len(figure) == len(trace) == len(rows) == len(frames(figure)) == 3
    for k, (cut, row, frame) in enumerate(zip(trace, rows, frames(figure), strict=True)):
        assert (row["at most"], row["at least"], row["violation"]) == (
            cut.optimistic,
            cut.safe,
            cut.violation,
        )
        c = figure.program.c
        assert c @ figure.region(k).best(c) == pytest.approx(cut.optimistic, rel=1e-9), (
            "its corner is the optimum"
        )
        assert frame["data"][3]["y"] == [t.optimistic for t in trace[: k + 1]]
        assert frame["data"][4]["y"] == [t.safe for t in trace[: k + 1]]
        assert f"at most {cut.optimistic:,.2f}, at least {cut.safe:,.2f}" in frame["layout"]["title"]["text"]
    assert rows[0]["at most"] == pytest.approx(17700) and rows[2]["at least"] == pytest.approx(16650)
    assert "no row is broken" in figure.title and area(figure.region(2)) < area(figure.region(0))


def test_cuts_of_a_minimum():
    rows = {"most": ([1, 2], "<=", 4)}
    program = RobustLP(minimize=[-1, -1], rows=rows, uncertain={"most": Uncertain(Ball("l2", 0.1))})
    figure = Cuts(program, 0)
    first, last = figure.table()[0], figure.table()[-1]
    assert first["at least"] < last["at least"] <= last["at most"] + 1e-6
    assert "Round 1: at least -4.00" in figure.title and figure.png_bytes()


def test_cuts_where_no_robust_decision_is_known():
    rows = {"cover": ([1, 2], ">=", 1), "most": ([1, 1], "<=", 4)}
    program = RobustLP(minimize=[1, 1], rows=rows, uncertain={"cover": Uncertain(Ball("l2", 0.1))})
    figure = Cuts(program, 0)
    assert figure.table()[0]["at most"] is None and "at most" not in figure.title
    assert figure.png_bytes() and len(figure.plotly().layout.annotations) == 3, "two rows and one bound"


@pytest.mark.parametrize(
    "figure",
    [
        RegionFigure([Region(production(SHAPES[s](0.2, 1)), s, 0.2, 1) for s in SHAPES], "ρ", 1, 0.5),
        Envelope({"box": Box(-1.0, 1.0)}, counts=(1, 2)),
        Cuts(production(Ball("l2", 0.2)), 1),
    ],
    ids=["region", "envelope", "cuts"],
)
def test_a_figure_stands_without_a_kernel(figure):
    assert isinstance(figure, Figure) and figure.slides
    data, metadata = figure._repr_mimebundle_()
    assert {"application/vnd.plotly.v1+json", "image/png", "text/plain"} == set(data)
    assert metadata["image/png"]["alt"] == figure.alt and figure.title in figure.alt
    assert len(json.dumps(data)) < 200_000
    assert figure.png_bytes() == figure.png_bytes()
