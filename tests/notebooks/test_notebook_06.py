"""Notebook 06: its parameters, the solutions of its exercises, its predictions. nbval runs it."""

import re

import pytest
import torch
from shipped import Shipped

from rolab import storage
from rolab.course import nb06_relatives
from rolab.course.live import prediction
from rolab.course.nb06_relatives import record
from rolab.plotting import Table

SHIPPED = Shipped("06")
PREDICTIONS = (
    *("twins", "slope", "climb", "accuracy", "factor", "answer", "penalty", "miss", "side", "age"),
    *("least", "stretch", "share", "corner"),
)
WITH_THE_BENCHMARK = "penalty", "corner"


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
    verdicts = SHIPPED.verdicts(torch=torch)
    assert list(verdicts) == ["power_step", "convolution_norm", "dropout_penalty"]
    assert all(verdicts.values()), verdicts


def test_its_exercises_and_pictures():
    assert len(SHIPPED.reports) == 3
    made = record("related_work") is not None
    assert len(SHIPPED.pictures) == 9 + made and len(SHIPPED.sliding) == 8 + made


def test_every_prediction_is_asked_before_it_is_revealed_and_revealed_folded():
    cells = [cell.source for cell in SHIPPED.code]
    for name in PREDICTIONS:
        (asked,) = (k for k, source in enumerate(cells) if f"\n{name} = Prediction(" in f"\n{source}")
        (told,) = (k for k, source in enumerate(cells) if f"{name}.reveal(" in source)
        (field,), (fold,) = (SHIPPED.code[k].outputs for k in (asked, told))
        assert told > asked
        if name in WITH_THE_BENCHMARK and record("related_work") is None:
            for output in (field, fold):
                assert "results/related_work.json" in output.data["text/markdown"]
        else:
            assert "A running notebook has a field here" in field.data["text/html"]
            assert fold.data["text/html"].startswith('<details class="rolab-fold">')
    assert SHIPPED.source.count("Prediction(") == len(PREDICTIONS)
    assert SHIPPED.text.count("**Predict.") + len(WITH_THE_BENCHMARK) == len(PREDICTIONS)


def test_no_answer_stands_outside_a_fold():
    """Of all that the file shows: texts, outputs, pictures and what stands in for them."""
    outside = SHIPPED.unfolded()
    answers = re.findall(r"<p>It is ([\d.]+) ?(?:%|times|percentage points)\.</p>", SHIPPED.shown())
    assert len(answers) >= 6
    for answer in answers:
        if float(answer):
            assert not re.search(rf"(?<![\d.]){re.escape(answer)}(?!\d)(?! points)", outside), answer
    for word in (
        "<p>It is ",
        "of the most that",
        "features move by",
        "mean distance 0",
        "the KL is 1",
        "FFT 7",
    ):
        assert word in SHIPPED.shown() and word not in outside, word


def figure(mean):
    return {"mean": mean, "sd": 0.1, "values": [mean - 0.1, mean + 0.1]}


METHODS = (
    "baseline",
    "operator-norm",
    "stale",
    "robust-linf",
    "weight-decay",
    "jacobian",
    "contractive-layers",
)
MADE_UP = {
    "rows": [
        {
            "net": net,
            "title": f"the {net} net",
            "test_accuracy": figure(99 + k / 10),
            "ensemble_accuracy": figure(10.0 * k),
        }
        for k, net in enumerate((*METHODS, "contractive-layers", "free", "mixed"))
    ]
}


class Stale:
    """A stand-in that trains nothing."""

    gained = 12.5

    def __init__(self, *given):
        self.given = given

    def figure(self):
        return Table([{"step": 25}])


@pytest.mark.parametrize("made", [True, False])
def test_with_the_benchmark_of_all_methods_and_without(monkeypatch, made):
    load, shown = storage.load_result, []

    def shipped(name):
        if name != "related_work":
            return load(name)
        if not made:
            raise ValueError(name)
        return MADE_UP

    monkeypatch.setattr(storage, "load_result", shipped)
    monkeypatch.setattr(prediction, "display", lambda thing, **_: shown.append(thing))
    monkeypatch.setattr(prediction, "ASKED", {})
    monkeypatch.setattr(nb06_relatives, "StaleExamples", Stale)
    names = SHIPPED.start(2) | {"display": shown.append}
    for cell in SHIPPED.code[3:]:
        if re.search(r"\b(penalty|age|corner)( = Prediction|\.reveal)", cell.source):
            SHIPPED.run(cell, names)
    told = "\n".join(each.get("text/html", "") if isinstance(each, dict) else each.data for each in shown)
    assert told.count("results/related_work.json") == 3 * (not made)
    assert "It is 12.5 percentage points." in told
    assert ("It is 10 %." in told) == made and ("It is “the mixed net”." in told) == made
    assert ("<td>the stale net</td><td>99.20 ± 0.10</td><td>20.00 ± 0.10</td>" in told) == made
    corner = names["corner"].kind
    assert corner.read("operator-norm") and ("longer" in corner.options) != made
