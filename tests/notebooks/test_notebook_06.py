"""Notebook 06: its parameters, the solutions of its exercises, its predictions. nbval runs it."""

import ast
from types import SimpleNamespace

import pytest
import torch
from shipped import Shipped

from rolab import storage
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


def figure(mean):
    return {"mean": mean, "sd": 0.1, "values": [mean - 0.1, mean + 0.1]}


MADE_UP = {
    "related_work": {
        "rows": [
            {
                "net": net,
                "title": net,
                "test_accuracy": figure(99 + k / 10),
                "ensemble_accuracy": figure(10.0 * k),
            }
            for k, net in enumerate(("baseline", "operator-norm", "stale", "robust-linf"))
        ]
    },
    "unlabelled": {
        "rows": [
            {"net": net, "title": net, "test_accuracy": figure(mean), "mcnemar": None}
            for net, mean in (("supervised", 90.0), ("virtual-labelled", 94.0), ("virtual", 95.0))
        ]
    },
}


@pytest.mark.parametrize("made", [True, False])
def test_with_the_records_of_long_runs_and_without(monkeypatch, made):
    load = storage.load_result

    def shipped(name):
        if name not in MADE_UP:
            return load(name)
        if not made:
            raise ValueError(name)
        return MADE_UP[name]

    monkeypatch.setattr(storage, "load_result", shipped)
    names = SHIPPED.start(2) | {"my_slope": ..., "my_accuracy": ..., "my_corner": "stale"}
    names |= {
        "factor": {"baseline": 35.0},
        "stale": SimpleNamespace(accuracy=[[50.0, 80.0], [None, 70.0]]),
        "miss": lambda *case: 7.0,
        "far": dict.fromkeys(("shift", "bend"), dict.fromkeys(("pixels", "convnet", "scattering"), 0.5)),
        "limits": load("limits"),
        "share_of_limit": lambda classifier: 42.0,
    }
    asked = [
        cell
        for cell in SHIPPED.code[3:]
        if any(word in cell.source for word in ("missing(", "record(", "def kl(", "PENALTIES =", "claims ="))
    ]
    said = []
    for cell in asked:
        tree = SHIPPED.tree(cell)
        last = tree.body.pop().value
        exec(compile(tree, "cell", "exec"), names)
        said.append(eval(compile(ast.Expression(last), "cell", "eval"), names))
    told = "\n".join(str(getattr(each, "data", each)) for each in said)
    for name in MADE_UP:
        assert (f"results/{name}.json" in told) != made
    assert ("it is 95 %" in told) == made
    assert ("it adds 4.0 points at 1,000 labelled images, 5.0 at 59,000 without" in told) == made
    assert ("stale, stale; it is robust-linf" in told) == made, "the corner"
    assert ("the penalty reaches 99.10 ± 0.10 % clean, 10.00 ± 0.10 % after all attacks" in told) == made
