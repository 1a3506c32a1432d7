"""The worst case of a decision."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from linear_programs import SMOOTH, production, quick, random_program

from rolab.lp import RobustLP
from rolab.sets import Box


def test_the_worst_case_of_a_decision():
    program = production(Box(-0.05, 0.05))
    worst = program.worst_case({"x1": 650, "x2": 1100})
    assert worst.violations["labour"] == pytest.approx(0.05 * 1750) and not worst.feasible
    assert worst.scenarios["labour"].coefficients == pytest.approx([4.05, 2.05])
    assert worst.violations["second"] == -400 and worst.objective == 17700
    beyond = program.worst_case([-1, 0])
    assert beyond.violations["lower bound of x1"] == 1 and not beyond.feasible
    prices = RobustLP(maximize=[3.0], rows={"a": ([1], "<=", 2)}, uncertain={"objective": Box(-1, 0.5)})
    assert prices.worst_case([2.0]).objective == pytest.approx(4.0)
    assert prices.worst_case([2.0]).scenarios["objective"].coefficients == pytest.approx([2.0])


@quick
@given(seed=st.integers(0, 10**6), name=st.sampled_from(sorted(SMOOTH)))
def test_no_scenario_is_worse_than_the_worst(seed, name):
    U, generator = SMOOTH[name], np.random.default_rng(seed)
    program, x = random_program(seed, U, upward=seed % 2 == 1), generator.uniform(0, 2, 3)
    worst = program.worst_case(x)
    sign = -1 if seed % 2 else 1
    for z in U.project(torch.from_numpy(generator.normal(size=(10, 3)))).numpy():
        for i in range(3):
            assert (
                sign * ((program.A.toarray()[i] + z) @ x - program.b[i]) <= worst.violations[f"r{i}"] + 1e-6
            )
