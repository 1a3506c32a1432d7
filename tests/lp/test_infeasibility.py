"""Programs without a solution name the rows or the variables."""

import pytest
from linear_programs import BOTH

from rolab.lp import InfeasibleError, RobustLP, UnboundedError
from rolab.sets import Ball

CORNERED = {"a": ([1, 1], ">=", 2.0), "b": ([1, 0], "<=", 1), "c": ([0, 1], "<=", 1), "d": ([1, 2], "<=", 10)}


@pytest.mark.parametrize("method", ["counterpart", "cutting-set", "both", "oracle"])
def test_an_infeasible_program_names_the_rows_that_conflict(method):
    with pytest.raises(InfeasibleError) as caught:
        RobustLP(minimize=[1, 1], rows=CORNERED | {"a": ([1, 1], ">=", 3)}).solve(method)
    assert caught.value.conflict == ("a", "b", "c") and "'d'" not in str(caught.value)
    assert str(caught.value).startswith("infeasible: rows 'a', 'b' and 'c' contradict each other")
    with pytest.raises(InfeasibleError, match="'a', 'b' and 'c' .*though not with the data as printed"):
        RobustLP(minimize=[1, 1], rows=CORNERED, uncertain={"a": Ball("l2", 0.1)}).solve(method)


def test_one_row_alone_or_the_bounds_may_be_at_fault():
    with pytest.raises(InfeasibleError, match="row 'a' cannot be met within the bounds"):
        RobustLP(minimize=[1], rows={"a": ([1], "==", -3), "b": ([1], "<=", 3)}).solve()


@pytest.mark.parametrize("method", ["counterpart", "cutting-set", "both"])
@pytest.mark.parametrize("U", [None, Ball("l2", 0.1)])
def test_an_unbounded_program_names_its_variables(method, U):
    uncertain = {} if U is None else {"a": U}
    program = RobustLP(
        maximize={"x": 1, "y": 1, "z": 1},
        rows={"a": ([1, -1, 0], "<=", 3), "b": ([0, 0, 1], "<=", 1)},
        uncertain=uncertain,
    )
    with pytest.raises(
        UnboundedError, match="unbounded: the objective grows without end along 'x' and 'y'|along 'y'"
    ) as caught:
        program.solve(method)
    assert set(caught.value.variables) <= {"x", "y"}


@pytest.mark.parametrize("method", BOTH)
def test_an_unbounded_nominal_program_may_have_a_robust_optimum(method):
    """max x + y with x - y ≤ 1 has no end; with all coefficients uncertain by 1.1, ‖·‖∞, it has."""
    program = RobustLP(maximize=[1, 1], rows={"a": ([1, -1], "<=", 1)}, uncertain={"a": Ball("linf", 1.1)})
    answer = program.solve(method)
    assert answer.objective == pytest.approx(1 / 0.1, rel=1e-4)


@pytest.mark.parametrize("most, least", [(1e7, 1e7 + 1), (1e6, 1e6 + 0.2), (5e8, 5e8 + 100)])
def test_a_conflict_too_small_to_blame_is_said_to_be_one(most, least):
    program = RobustLP(minimize=[1.0], rows={"most": ([1.0], "<=", most), "least": ([1.0], ">=", least)})
    with pytest.raises(InfeasibleError, match="rows and bounds contradict each other, by too little to tell"):
        program.solve()
