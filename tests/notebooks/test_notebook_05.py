"""Notebook 05: its parameters, the solutions of its exercises, its predictions. nbval runs the notebook."""

import re

import pytest
import torch
from shipped import Shipped

SHIPPED = Shipped("05")
PREDICTIONS = ("gap", "reach", "energy", "promise", "table")


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
    verdicts = SHIPPED.verdicts(torch=torch)
    assert list(verdicts) == ["projection", "tangent_maximizer", "tangent_penalty"]
    assert all(verdicts.values()), verdicts


def test_its_exercises_and_pictures():
    assert len(SHIPPED.reports) == 3
    assert len(SHIPPED.pictures) == 5 and len(SHIPPED.sliding) == 4


def test_every_prediction_is_asked_before_it_is_revealed_and_revealed_folded():
    cells = [cell.source for cell in SHIPPED.code]
    for name in PREDICTIONS:
        (asked,) = (k for k, source in enumerate(cells) if f"\n{name} = Prediction(" in f"\n{source}")
        (told,) = (k for k, source in enumerate(cells) if f"{name}.reveal(" in source)
        assert cells[asked].endswith(f"\n{name}") and told > asked
        (field,), (fold,) = (SHIPPED.code[k].outputs for k in (asked, told))
        assert "A running notebook has a field here" in field.data["text/html"]
        assert fold.data["text/html"].startswith('<details class="rolab-fold">')
    assert SHIPPED.source.count("Prediction(") == len(PREDICTIONS)
    assert SHIPPED.text.count("**Predict") == len(PREDICTIONS)


def test_no_answer_stands_outside_a_fold():
    """Of all that the file shows: texts, outputs, pictures and what stands in for them."""
    outside = SHIPPED.unfolded()
    answers = re.findall(r"<p>It is ([\d.]+) (?:R|px|%)\.</p>", SHIPPED.shown())
    assert len(answers) == 3
    for answer in answers:
        assert not re.search(rf"(?<![\d.]){re.escape(answer)}(?!\d)", outside), answer
    for word in (
        "<th>we</th>",
        "off the digit truly moved",
        "of the promised rise;",
        "the best is",
        "It is “",
    ):
        assert word in SHIPPED.shown() and word not in outside, word
