"""Proofs of optimality."""

from dataclasses import replace

import numpy as np
import pytest
from linear_programs import production

from rolab.lp import RobustLP, Uncertain
from rolab.sets import Ball, Budget


def test_a_proof_fails_when_anything_in_it_is_false():
    program = production(Budget(1.5, 0.2), relative=True)
    good = program.solve()

    assert good.verify() < 1e-9
    labour = good.scenarios["labour"]
    for wrong, said in (
        ({"x": good.x * 1.001}, "row 'together' is broken|row 'labour' is broken"),
        ({"objective": good.objective + 1}, "the worst objective is"),
        ({"multipliers": good.multipliers | {"first": -1.0}}, "multiplier of 'first' is -1"),
        ({"multipliers": good.multipliers | {"labour": 0.0}}, "slope"),
        ({"scenarios": {"labour": replace(labour, z=np.array([0.2, 0.2]))}}, "'labour' is not in its set"),
        ({"scenarios": {"labour": replace(labour, z=np.array([0.2, 0.1]))}}, "slope|bound"),
        ({"x": good.x * 0.9, "objective": good.objective * 0.9}, "the proof's bound"),
        ({"multipliers": {}}, "without a certificate"),
    ):
        with pytest.raises(ValueError, match=said):
            replace(good, **wrong).verify()


def test_an_answer_that_is_verified_is_feasible():
    """A row of 4,800 hours is broken by rounding, which is small beside them."""
    rows = {"labour": ([4, 2], "<=", 4800), "together": ([1, 1], "<=", 1750), "both": ([1, -1], "==", 3)}
    program = RobustLP(
        maximize=[12, 9], rows=rows, uncertain={"labour": Uncertain(Ball("l2", 0.05), relative=True)}
    )
    answer = program.solve()
    worst = program.worst_case(answer.x)
    assert answer.verify() < 1e-6 and worst.feasible
    x = answer.x
    assert worst.sizes == pytest.approx({"labour": 4800, "together": 1750, "both": x.sum()})
    assert not program.worst_case(1.001 * answer.x).feasible
