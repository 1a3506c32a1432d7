"""The cutting-set method in the plane against the trace of the solver."""

import pytest
from standing_figures import stands_without_a_kernel, steps

from rolab.course.nb01_linear_programs.cutting_set_figure import CuttingSetFigure
from rolab.course.nb01_linear_programs.problems import production
from rolab.lp import RobustLP, Uncertain
from rolab.sets import Ball


def test_the_cuts_are_the_trace():
    figure = CuttingSetFigure(production())
    trace = production().solve("cutting-set").trace
    rows = figure.table()
    assert len(figure.places) == len(trace) == len(rows) == len(steps(figure)) == 3
    for k, (cut, row, step) in enumerate(zip(trace, rows, steps(figure), strict=True)):
        page = figure.at(k).still()
        assert (row["at most"], row["at least"], row["violation"]) == (
            cut.optimistic,
            cut.safe,
            cut.violation,
        )
        c = figure.program.c
        assert c @ figure.region(k).best(c) == pytest.approx(cut.optimistic, rel=1e-9), (
            "its corner is the optimum"
        )
        assert page["data"][4]["y"] == pytest.approx([t.optimistic for t in trace[: k + 1]], rel=1e-5)
        assert page["data"][5]["y"] == pytest.approx([t.safe for t in trace[: k + 1]], rel=1e-5)
        assert f"at most {cut.optimistic:,.2f}, at least {cut.safe:,.2f}" in step["title.text"]
    assert rows[0]["at most"] == pytest.approx(17700) and rows[2]["at least"] == pytest.approx(16650)
    assert "no row is broken" in figure.title and figure.region(2).area < figure.region(0).area


def test_cuts_of_a_minimum():
    rows = {"most": ([1, 2], "<=", 4)}
    program = RobustLP(minimize=[-1, -1], rows=rows, uncertain={"most": Uncertain(Ball("l2", 0.1))})
    figure = CuttingSetFigure(program, 0)
    first, last = figure.table()[0], figure.table()[-1]
    assert first["at least"] < last["at least"] <= last["at most"] + 1e-6
    assert "Round 1: at least -4.00" in figure.title and figure.png_bytes()


def test_cuts_where_no_robust_decision_is_known():
    rows = {"cover": ([1, 2], ">=", 1), "most": ([1, 1], "<=", 4)}
    program = RobustLP(minimize=[1, 1], rows=rows, uncertain={"cover": Uncertain(Ball("l2", 0.1))})
    figure = CuttingSetFigure(program, 0)
    assert figure.table()[0]["at most"] is None and "at most" not in figure.title
    assert figure.png_bytes() and len(figure.plotly()["layout"]["annotations"]) == 3, "two rows and one bound"


def test_the_figure_stands_without_a_kernel():
    stands_without_a_kernel(CuttingSetFigure(production(Ball("l2", 0.2)), 1))
