"""Notebook 04: its parameters and the solutions of its exercises. nbval runs the notebook itself."""

import pytest
import torch
from shipped import Shipped

from rolab.course import check

SHIPPED = Shipped("04")


def test_the_parameters():
    assert SHIPPED.parameters() == {"norm": "l2", "epsilon": 0.2, "radius": 0.1, "steps": 150}


@pytest.mark.parametrize(
    "wrong, error",
    [
        ({"norm": "l7"}, ValueError),
        ({"epsilon": "0.2"}, TypeError),
        ({"steps": 3}, ValueError),
        ({"radius": None}, TypeError),
        ({"epsilom": 0.1}, NameError),
    ],
)
def test_a_wrong_parameter_fails_at_once_with_its_name(wrong, error):
    with pytest.raises(error, match=next(iter(wrong))):
        SHIPPED.start(1, **wrong)


def test_the_solutions_solve_the_exercises():
    names: dict = {"torch": torch}
    for solution in SHIPPED.solutions:
        exec(solution, names)
    for report in (
        check.hand_step(names["my_step"]),
        check.flow(names["my_gradient"]),
        check.robust_logistic(names["my_robust_loss"]),
    ):
        assert report, report


def test_its_exercises_and_pictures():
    assert len(SHIPPED.reports) == 7
    assert len(SHIPPED.pictures) == 5 and len(SHIPPED.sliding) >= 1


def test_the_loop_of_the_notebook_is_the_one_of_the_library():
    """Ten lines, and after some steps the same weights as `descend` with `Robust(U)`."""
    from rolab.data import mnist
    from rolab.nets import ConvNet
    from rolab.objectives import Robust
    from rolab.sets import Ball
    from rolab.training import training_step

    names = SHIPPED.run(SHIPPED.code[2], {})
    SHIPPED.run("def algorithm_1", names)
    digits, U = mnist("test")[:300], Ball("linf", 0.1)
    torch.manual_seed(0)
    ours, theirs = ConvNet(), ConvNet()
    theirs.load_state_dict(ours.state_dict())
    names["algorithm_1"](ours, digits, U, steps=3)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        rows = torch.randint(len(digits), (100,), generator=generator)
        training_step(theirs, digits.images[rows], digits.labels[rows], Robust(U), optimizer)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-5)
    assert len(SHIPPED.cell("def algorithm_1").source.splitlines()) <= 13
