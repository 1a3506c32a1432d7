"""Notebook 05: its parameters and the solutions of its exercises. nbval runs the notebook itself."""

import pytest
import torch
from shipped import Shipped

from rolab.course import check

SHIPPED = Shipped("05")


def test_the_parameters():
    expected = {"digit": 36, "radius": 1.5, "tangents": "known", "epochs": 10, "seeds": 3}
    assert SHIPPED.parameters() == expected


@pytest.mark.parametrize(
    "wrong, error",
    [
        ({"digit": 10_000}, ValueError),
        ({"radius": "1.5"}, TypeError),
        ({"tangents": "all"}, ValueError),
        ({"epochs": 0}, ValueError),
        ({"seeds": 3.0}, TypeError),
        ({"radios": 1.5}, NameError),
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
        check.projection(names["my_projection"]),
        check.tangent_maximizer(names["my_maximizer"]),
        check.tangent_penalty(names["my_penalty"]),
    ):
        assert report, report


def test_its_exercises_and_pictures():
    assert len(SHIPPED.reports) == 7
    assert len(SHIPPED.pictures) == 5 and len(SHIPPED.sliding) == 4


def test_every_prediction_stands_before_its_answer():
    cells = [cell.source for cell in SHIPPED.code]
    for name in ("my_gap", "my_reach", "my_energy", "my_promise", "my_table"):
        (asked,) = (k for k, source in enumerate(cells) if source.startswith(f"{name} = "))
        assert "..." in cells[asked] and not SHIPPED.code[asked].outputs
        assert [k for k, source in enumerate(cells) if name in source][1] > asked
