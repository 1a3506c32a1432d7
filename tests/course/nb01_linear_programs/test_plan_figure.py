"""A plan that is dragged: what is red is what the data break, and nothing else."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from live_charts import page_of
from standing_figures import stands_without_a_kernel

from rolab.course.nb01_linear_programs.explorers import PlanExplorer
from rolab.course.nb01_linear_programs.plan_figure import PlanFigure
from rolab.course.nb01_linear_programs.polygon import harm, supporting_line
from rolab.course.nb01_linear_programs.problems import drug_factory, production
from rolab.plotting import RED
from rolab.sets import Ball, Budget

FACTORY = drug_factory()
PRINTED, ROBUST = FACTORY.nominal().solve("counterpart").x, FACTORY.solve("counterpart").x
MOST = {"raw I": 1000, "raw II": 500, "drug I": 20}
plans = st.tuples(st.floats(0, 1000), st.floats(0, 500), st.floats(0, 20), st.floats(0, 15))
errors = st.tuples(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))


def explorer(plan=PRINTED):
    return PlanExplorer(FACTORY, plan, MOST)


def stamped(figure):
    return any(note["text"] == "INFEASIBLE" for note in figure.still()["layout"]["annotations"])


@settings(derandomize=True, deadline=None, max_examples=40)
@given(plans, errors)
def test_the_rows_that_are_broken_are_red_and_the_plan_is_stamped(plan, z):
    figure = PlanFigure(FACTORY, np.array(plan), np.array(z))
    first, second, one, two = plan
    agent = 0.01 * (1 + 0.005 * z[0]) * first + 0.02 * (1 + 0.02 * z[1]) * second
    sides = {
        "active agent": (0.5 * one + 0.6 * two, agent),
        "storage": (first + second, 1000),
        "manpower": (90 * one + 100 * two, 2000),
        "equipment": (40 * one + 50 * two, 800),
        "budget": (100 * first + 199.9 * second + 700 * one + 800 * two, 100_000),
    }
    for name, (need, there) in sides.items():
        assert (name in figure.broken) == (need > there * (1 + 1e-6)) or abs(need - there) < 1e-5 * there
    bars = figure.panels()[1].marks[0]
    assert [color == RED for color in bars.color] == [name in figure.broken for name in sides]
    assert stamped(figure) == bool(figure.broken) == figure.title.startswith("Infeasible")


@settings(derandomize=True, deadline=None, max_examples=25)
@given(plans, st.sampled_from([Ball("linf", 1.0), Ball("l2", 1.0), Budget(1.5, 1.0)]))
def test_the_red_part_of_the_set_breaks_the_row_and_the_rest_does_not(plan, Z):
    program, x = drug_factory(Z), np.array(plan)
    figure = PlanFigure(program, x, np.zeros(2))
    holds, breaks, *_ = figure.panels()[0].marks
    area = [_area(np.array([part.x, part.y], float)) for part in (holds, breaks)]
    whole = _area(np.array(figure.panels()[0].marks[2]._xy, float))
    assert sum(area) == pytest.approx(whole, abs=1e-4)
    grid = torch.cartesian_prod(*[torch.linspace(-1, 1, 81, dtype=torch.float64)] * 2)
    inside = grid[Z.contains(grid)].numpy()
    agent = inside @ (program.standard_form.uncertain[0].P.T @ x) + FACTORY.A[[0]].toarray()[0] @ x * -1
    share = float((agent > 1e-9).mean())
    assert area[1] / whole == pytest.approx(share, abs=0.06)
    certain = all(
        need <= 100.0001 for name, need in figure.needs(np.zeros(2)).items() if name != "active agent"
    )
    assert figure.robust == (certain and area[1] < 1e-6)


def _area(corners):
    x, y = corners
    return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


@pytest.mark.parametrize("Z", [Ball("linf", 0.2), Ball("l2", 0.2), Budget(1.5, 0.2)])
def test_the_supporting_line_touches_the_set_at_the_worst_z(Z):
    program, x = production(Z), np.array([300.0, 1450.0])
    w, z = harm(program, "labour", x), program.worst_case(x).scenarios["labour"].z
    assert w == pytest.approx([1200, 2900]), "Pᵀx, with P = diag(4, 2)"
    line = np.array(supporting_line(w, z, 3.0)).T
    assert line @ w == pytest.approx(np.repeat(w @ z, 2)) and np.linalg.norm(
        line[0] - line[1]
    ) == pytest.approx(6)
    others = 2 * torch.rand(500, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    assert (Z.project(0.4 * others).numpy() @ w).max() <= w @ z + 1e-9, "the set is on one side of it"
    assert not len(supporting_line(np.zeros(2), z, 3.0)[0])


def test_the_best_plan_breaks_as_soon_as_a_label_lies_and_the_robust_one_does_not():
    printed, robust = explorer(), explorer(ROBUST)
    assert not stamped(printed.draw(error=0)) and stamped(printed.draw(error=5))
    assert "Some error within the tolerances breaks" in printed.say(printed.draw(error=0))
    assert not stamped(robust.draw(error=100)) and stamped(robust.draw(error=105))
    assert "No error within" in robust.say(robust.draw(error=0))


def test_the_sliders_drag_the_plan_and_the_delivery():
    live = explorer().live(plain=False)
    assert list(live.controls) == ["raw I", "raw II", "drug I", "error"]
    assert live.state["raw II"] == pytest.approx(PRINTED[1], abs=1e-6)
    assert live.state["raw II"] in dict(live.controls["raw II"].options).values(), "else a browser rounds it"
    assert "8,819.66 $" in live.summary.value
    live.controls["error"].value = 100
    assert "Infeasible: active agent 2.04 % short" in live.summary.value
    live.controls["drug I"].value = 17.0
    assert "The plan holds" in live.summary.value and live.error.value == ""
    live.controls["raw II"].value = 500
    fresh = PlanFigure(FACTORY, np.array([0, 500, 17.0, 0]), np.array([-1.0, -1.0]))
    assert page_of(live.chart)["data"] == fresh.still()["data"]
    assert "budget 11.8 % short" in live.summary.value


def test_it_stands_without_a_kernel_with_a_slider_over_the_error():
    figure = explorer().figure()
    stands_without_a_kernel(figure)
    assert [stamped(each) for each in figure.figures] == [False] + [True] * 30
    assert figure.table()[20]["for all data"] == "breaks"
