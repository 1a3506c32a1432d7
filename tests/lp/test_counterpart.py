"""The robust counterpart: its units, and its own proof."""

from dataclasses import replace

import numpy as np
import pytest

from rolab.lp import RobustLP, Solution, SolverError, Uncertain
from rolab.sets import Ball, Budget


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e4, 1e6])
@pytest.mark.parametrize("Z", [Ball("l2", 0.05), Ball("linf", 0.05), Budget(1.5, 0.05)], ids=repr)
def test_the_counterpart_does_not_depend_on_the_units_of_a_row(unit, Z):
    """Clarabel calls an answer optimal that is 4 % off, where coefficients are large."""

    def optimum(unit, gain=1.0):
        labour, together = np.array([4.0, 2.0]), np.ones(2)
        rows = {
            "labour": (unit * labour, "<=", 4800e2 * unit),
            "together": (unit * together, "<=", 1750e2 * unit),
        }
        return RobustLP(
            maximize=[12 * gain, 9 * gain], rows=rows, uncertain={"labour": Uncertain(Z, relative=True)}
        )

    expected = optimum(1.0).solve("cutting-set").objective
    found = optimum(unit).solve("counterpart")
    assert found.objective == pytest.approx(expected, rel=1e-7)
    assert found.verify() < 1e-6
    assert optimum(1.0, unit).solve("counterpart").objective == pytest.approx(unit * expected, rel=1e-7)


def test_a_counterpart_that_its_own_proof_does_not_bear_out_is_no_answer(monkeypatch):
    program = RobustLP(maximize=[1.0], rows={"most": ([1.0], "<=", 2.0)}, uncertain={"most": Ball("l2", 0.1)})
    assert program.solve("counterpart").objective == pytest.approx(2 / 1.1)
    wrong = replace(program.solve("counterpart"), objective=1.9)
    monkeypatch.setattr(Solution, "from_solver", lambda *arguments: wrong)
    with pytest.raises(SolverError, match="the counterpart was not solved: verify: the worst objective"):
        program.solve("counterpart")
