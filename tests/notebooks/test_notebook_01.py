"""Notebook 01: its parameters, its exercises, and the numbers that its text relies on.

nbval runs the notebook itself, as it is shipped.
"""

import re

import numpy as np
import pytest
import torch
from shipped import Shipped, text_of

from rolab import data, zoo
from rolab.attacks import first_order
from rolab.course import check
from rolab.course.nb01_linear_programs import quiz
from rolab.course.nb01_linear_programs.problems import drug_factory, production
from rolab.lp import RobustLP, Uncertain
from rolab.sets import Ball, Budget

SHIPPED = Shipped("01")
REPLIES = [reply for q in (quiz.MIXING, quiz.MEASURING, quiz.SHARED) for reply in q.replies.values()]


# The parameters


def test_the_parameters():
    assert SHIPPED.parameters() == {"shape": "budget", "assets": 150, "digit": 18, "pixels": 10}


@pytest.mark.parametrize(
    "wrong, named",
    [
        ({"shape": "cube"}, "parameter shape is 'cube', expected one of 'box', 'ball'"),
        ({"assets": 10}, "parameter assets is 10"),
        ({"assets": 150.0}, "parameter assets is 150.0"),
        ({"digit": 10_000}, "parameter digit is 10000"),
        ({"pixels": 0}, "parameter pixels is 0"),
        ({"pixel": 3}, "unknown parameter pixel"),
    ],
)
def test_a_wrong_parameter_fails_at_once_with_its_name(wrong, named):
    with pytest.raises((ValueError, TypeError, NameError), match=re.escape(named)):
        SHIPPED.start(1, **wrong)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # papermill's own
def test_other_parameters_run_through(tmp_path):
    done = SHIPPED.execute(tmp_path, shape="ball", assets=30, digit=3, pixels=5)
    assert "not yet" in text_of(done)


# What the committed file shows


def test_the_known_answers_are_there():
    said = SHIPPED.shown()
    for number in ("8,819.66", "6,888.99", "8,294.57", "1.200000", "1.186597", "1.170890", "1.126685"):
        assert number in said, number
    for number in (
        "8.2",
        "24.3",
        "33.9",
        "17,700.00",
        "16,846.15",
        "16,650.00",
        "12 x₁ + 9 x₂ ≤ 16,650.00",
        "13,950.00",
        "18,750",
    ):
        assert number in said, number
    assert "rows 'promised 1', 'promised 2' and 'labour' contradict each other" in said


def test_its_pictures():
    assert len(SHIPPED.pictures) == 9 and len(SHIPPED.sliding) == 5


def test_what_is_said_after_a_prediction_is_folded():
    said = SHIPPED.unfolded()
    assert len(SHIPPED.folds) == 9 + 3 and SHIPPED.text.count("**Predict.**") == 9
    for told in ("6,888.99", "8,294.57", "runs in a circle", "Newton", *REPLIES):
        assert told not in said, told


# The quiz


@pytest.mark.parametrize("errors", [(0.005, 0.0054), (0.005, 0.0056)])
def test_the_best_robust_plan_never_mixes_in_a_box(errors):
    raw = drug_factory(errors=errors).solve("cutting-set").x[:2]
    assert (raw > 1e-6).sum() == 1 and (raw[1] > 1e-6) == (100 * errors[1] < quiz.EQUAL)
    ball = drug_factory(Ball("l2", 1.0), errors=errors).solve("cutting-set").x[:2]
    assert (ball > 1e-3).all(), "in a ball it does"


def test_the_second_number_is_the_one_to_measure():
    gains = []
    for tolerances in ((0, 0.2), (0.2, 0), (0.1, 0.1)):
        moved = np.diag([4 * tolerances[0], 2 * tolerances[1]])
        printed = production()
        rows = {
            name: (printed.A[[i]].toarray()[0], "<=", printed.b[i]) for i, name in enumerate(printed.names)
        }
        uncertain = {"labour": Uncertain(Ball("linf", 1.0), row=moved)}
        gains.append(RobustLP(maximize=[12, 9], rows=rows, uncertain=uncertain).solve().objective)
    options = list(quiz.MEASURING.replies)
    assert options[int(np.argmax(gains))] == quiz.MEASURING.right
    assert production(Ball("linf", 0.2)).solve().x == pytest.approx([250, 1500])


def test_unsolved_exercises_say_not_yet():
    said = SHIPPED.shown()
    for checker in ("the support function of a box", "the maximiser of a budget", "a cutting-set loop"):
        assert f"… {checker}: not yet" in said
    assert "… the mended loop: not yet" in said


# The exercises


def test_the_folded_solutions_solve_the_exercises():
    verdicts = SHIPPED.verdicts(np=np, torch=torch, Budget=Budget, RobustLP=RobustLP)
    assert len(SHIPPED.solutions) == 3 and list(verdicts) == [
        "box_support",
        "budget_maximizer",
        "cutting_set",
        "mended",
    ]
    assert all(verdicts.values()), verdicts


def test_the_published_loop_gives_the_published_answer():
    given = {"np": np, "torch": torch, "Budget": Budget, "RobustLP": RobustLP, "production": production}
    names = SHIPPED.run("def published", given)
    assert names["x_published"] == pytest.approx([37.5, 1500], rel=1e-5)
    report = check.mended(names["published"])
    assert not report and "is robust, but brings 13,950.00 where 16,650.00 is possible" in report.message


# One object, two worlds


def test_one_budget_robustifies_a_program_and_attacks_a_digit(mnist_test):
    U = Budget(gamma=10, radius=1.0)
    program = RobustLP(
        maximize=np.ones(784), upper=1.0, rows={"r": (np.ones(784), "<=", 400)}, uncertain={"r": U}
    )
    assert program.solve("counterpart").objective == pytest.approx(400 / (1 + 10 / 784), rel=1e-6), (
        "all jobs alike"
    )
    test, model = data.mnist("test")[:20], zoo.load("mnist/baseline")
    d = first_order(model, test.images, test.labels, U)
    assert ((d != 0).flatten(1).sum(1) <= 10).all() and d.abs().max() <= 1
    wrong = model(test.images + d).argmax(1) != test.labels
    assert wrong[18], "the digit of the notebook"
