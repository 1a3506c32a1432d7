"""The oracle-based method: its bound."""

import pytest
from linear_programs import random_program

from rolab.sets import Ball, Budget


@pytest.mark.parametrize("U", [Ball("l2", 0.2), Budget(1.5, 0.2)], ids=["ball", "budget"])
def test_the_oracle_based_average_keeps_its_bound_and_nears_the_truth(U):
    program = random_program(3, U, objective=True)
    truth = program.solve().objective
    errors = []
    for steps in (20, 80):
        answer = program.solve("oracle", rounds=steps)
        learning = answer.online
        worst = program.worst_case(answer.x)
        for name, violation in worst.violations.items():
            assert violation <= learning.bound.get(name, 0.0) + 1e-7
        assert answer.objective >= truth - learning.bound["objective"] - 1e-7
        assert learning.steps == steps and learning.history[-1][0] == steps
        errors.append(max(learning.bound.values()))
    assert errors[1] == pytest.approx(errors[0] / 2, rel=0.4)
    with pytest.raises(ValueError, match="without a certificate"):
        answer.verify()
