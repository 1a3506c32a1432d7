"""Cutting sets: the trace, its bounds, and the loops that go wrong."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_programs import CLOSE, Own, production, random_program
from scipy.optimize import linprog

from rolab.lp import (
    RobustLP,
    SolverError,
)
from rolab.sets import Ball, Budget, Scenarios


def test_the_cutting_set_trace_of_the_production_example():
    answer = production(Budget(1.5, 0.2), relative=True).solve("cutting-set")
    assert [cut.optimistic for cut in answer.trace] == pytest.approx([17700, 16846.15, 16650], rel=1e-6)
    assert [cut.violation for cut in answer.trace] == pytest.approx([740, 130.769, 0], abs=1e-3)
    assert answer.trace[0].added["labour"] == pytest.approx([0.2, 0.1])
    assert not answer.trace[-1].added


def test_the_published_wrong_answer_comes_of_a_master_with_other_data():
    """The worst z of the data (1 + 0.2 z) is added as a row with the data (1 + z): too strict, 13950."""
    program, Z = production(), Budget(1.5, 1.0)
    a, rows, rhs = program.A.toarray()[3], [*program.A.toarray()], [*program.b]
    for _ in range(10):
        x = linprog(-program.c, rows, rhs).x
        z = Z.maximizer(torch.from_numpy(a * x)[None])[0].numpy()
        if (a * (1 + 0.2 * z)) @ x <= 4800 + 1e-6:
            break
        rows.append(a * (1 + z))
        rhs.append(4800)
    assert program.c @ x == pytest.approx(13950) and x == pytest.approx([37.5, 1500])
    assert production(Budget(1.5, 0.2), relative=True).worst_case(x).violations["labour"] < -1000


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), norm=st.sampled_from(["l1", "l2", "linf"]))
def test_the_bounds_of_cutting_sets_close_like_jaws(seed, norm):
    answer = random_program(seed, Ball(norm, 0.4), objective=True).solve("cutting-set")
    optimistic, safe = [[getattr(cut, name) for cut in answer.trace] for name in ("optimistic", "safe")]
    assert all(a >= b - 1e-9 for a, b in itertools.pairwise(optimistic))
    assert all(a <= b for a, b in itertools.pairwise(safe))
    assert all(s <= o * (1 + 1e-7) for s, o in zip(safe, optimistic, strict=True))
    assert safe[-1] == pytest.approx(optimistic[-1], rel=1e-4)
    scenarios = {(name, tuple(z)) for cut in answer.trace for name, z in cut.added.items()}
    assert len(scenarios) == sum(len(cut.added) for cut in answer.trace), "no scenario is added twice"


def test_to_replace_the_scenario_in_place_of_adding_it_goes_in_circles():
    """max over the simplex of min(x1, x2): the answer to e1 is e2, and the other way round."""
    program = RobustLP(
        maximize=[0, 0],
        rows={"all": ([1, 1], "==", 1)},
        uncertain={"objective": Scenarios(np.eye(2))},
    )
    z, seen = np.array([1.0, 0.0]), []
    for _ in range(6):
        x = np.eye(2)[int(z.argmax())]  # best for z alone
        z = program.worst_case(x).scenarios["objective"].z
        seen.append(tuple(z))
    assert seen[0] == seen[2] == seen[4] != seen[1] == seen[3] == seen[5]
    assert program.solve().x == pytest.approx([0.5, 0.5])


def test_a_set_with_two_methods_is_enough_for_cutting_sets():
    program = production(Own())
    assert program.solve("cutting-set").objective == pytest.approx(17603.26, rel=CLOSE)
    with pytest.raises(ValueError, match="cutting-set"):
        program.solve("counterpart")


def test_the_safe_bound_is_found_where_nothing_is_robust_without_a_solver():
    program = RobustLP(minimize=[1, 2], rows={"a": ([1, 1], ">=", 2)}, uncertain={"a": Ball("l2", 0.1)})
    trace = program.solve("cutting-set").trace
    assert [cut.safe for cut in trace[:-1]] == [None] * (len(trace) - 1)
    assert trace[-1].safe == pytest.approx(trace[-1].optimistic, rel=1e-5)


def test_rounds_that_are_used_up_are_an_error():
    with pytest.raises(SolverError, match="after 1 rounds a row is still broken by"):
        production(Ball("l2", 0.05)).solve("cutting-set", rounds=1)
