"""Notebook 06: its parameters, the solutions of its exercises, its predictions. nbval runs it."""

import pytest
import torch
from shipped import Shipped

from rolab.course import check
from rolab.course.nb06_relatives import record

SHIPPED = Shipped("06")


def test_the_parameters():
    assert SHIPPED.parameters() == {"digit": 247, "net": "baseline", "sample": 40}


@pytest.mark.parametrize(
    "wrong, error",
    [
        ({"digit": 10_000}, ValueError),
        ({"net": "masked"}, ValueError),
        ({"sample": 5}, ValueError),
        ({"sample": "40"}, TypeError),
        ({"digti": 1}, NameError),
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
        check.power_step(names["my_step"]),
        check.convolution_norm(names["my_norm"]),
        check.dropout_penalty(names["my_ridge"]),
    ):
        assert report, report


def test_its_exercises_and_pictures():
    records = sum(record(name) is not None for name in ("related_work", "unlabelled"))
    assert len(SHIPPED.reports) == 3 + 8 + records
    assert len(SHIPPED.sliding) >= 7


def test_every_prediction_is_looked_at_after_it_is_made():
    """The answer is not in the cell before the prediction."""
    made = [
        i for i, cell in enumerate(SHIPPED.code) if cell.source.startswith("my_") and "= ..." in cell.source
    ]
    assert len(made) >= 8
    for i in made:
        name = SHIPPED.code[i].source.split(" =")[0]
        assert any(name in cell.source for cell in SHIPPED.code[i + 1 : i + 5]), name
        assert all(name not in cell.source for cell in SHIPPED.code[:i])


@pytest.mark.parametrize("name", ["related_work", "unlabelled"])
def test_a_record_that_is_missing_is_named(name):
    if record(name) is None:
        assert f"results/{name}.json" in SHIPPED.shown()
