"""Notebook 02: its parameters, solutions, figures and sentences. nbval runs the notebook itself."""

import re

import numpy as np
import pytest
from shipped import Shipped

from rolab.course.nb02_regression import quiz, replies
from rolab.linear_models import worst_design
from rolab.sets import Ball, GroupBall

SHIPPED = Shipped("02")


def test_the_parameters():
    assert SHIPPED.parameters() == {"seed": 2, "gamma": 3.0, "rho": 1.6, "epsilon": 0.4}


def test_the_solutions_solve_the_exercises_and_the_stubs_do_not():
    verdicts = SHIPPED.verdicts(np=np, norm=np.linalg.norm)
    assert len(SHIPPED.solutions) == len(verdicts)
    assert all(verdicts.values()), verdicts
    assert len(SHIPPED.reports) == 3


def test_every_idea_is_predicted_tried_checked_and_explained():
    sections = re.split(r"^## (?=\d)", SHIPPED.text.split("## Exercises")[0], flags=re.M)[1:]
    assert [section[0] for section in sections] == ["1", "2", "3", "4", "5"]
    for section in sections:
        assert "**Predict.**" in section and "<summary>Explain</summary>" in section
    assert len(re.findall(r"\*\*Interact[.:]", SHIPPED.text)) == 5
    for equation in ("(7)", "(8)", "(9)", "(11)"):
        assert equation in SHIPPED.text


def test_its_pictures():
    assert len(SHIPPED.pictures) == 7 and len(SHIPPED.sliding) == 5


def test_what_is_said_after_a_prediction_is_folded():
    assert len({fold.question for fold in SHIPPED.folds}) == SHIPPED.text.count("**Predict.**") + 3 == 10
    questions = quiz.CHOSEN, quiz.TARGET, quiz.COLUMNS
    told_later = [reply for question in questions for reply in question.replies.values()]
    for told in (replies.STEEPER, "The black curve is straight", *told_later):
        assert told not in SHIPPED.unfolded(), told


def test_equation_7_is_the_papers():
    (tagged,) = re.findall(r"\$\$([^$]*)\\tag\{7\}\$\$", SHIPPED.text)
    assert tagged.startswith(r"\min_x \|Ax-b\| + \lambda\|x\|_1"), "and not the identity behind it"
    assert "an index or a square" in SHIPPED.text + SHIPPED.source


# The quiz


def test_the_target_adds_a_constant_and_the_columns_one_budget():
    rng = np.random.default_rng(0)
    A, b, x = rng.normal(size=(6, 3)), rng.normal(size=6), rng.normal(size=3)
    r, beta = A @ x - b, 0.7
    D = worst_design(A, b, x, Ball("l2", 0.5)).perturbation
    moved = (A + D) @ x - b
    assert np.linalg.norm(moved + beta * moved / np.linalg.norm(moved)) == pytest.approx(
        np.linalg.norm(r) + 0.5 * np.linalg.norm(x) + beta
    )
    one_budget = GroupBall("l2", 0.5, A.shape, axis=0)
    worst = worst_design(A, b, x, one_budget)
    assert np.linalg.norm(worst.perturbation, axis=0).sum() <= 0.5 + 1e-9
    assert worst.value == pytest.approx(np.linalg.norm(r) + 0.5 * np.abs(x).max())


def test_ten_digits_agree():
    rows = re.findall(r"<td>(\d+\.\d{10})</td><td>(\d+\.\d{10})</td>", SHIPPED.shown())
    assert len(rows) == 6
    for ascent, formula in rows:
        assert ascent == formula


def test_the_numbers_in_the_text_are_those_of_the_run():
    said = SHIPPED.shown()
    value = r"</td><td>(\d+\.\d+)"
    corners, exact = re.findall(rf"(?:the worst of 4096 corners|‖ \|r\| \+ δ‖x‖₁·1 ‖){value}", said)
    regulariser = re.search(rf"the regulariser ‖r‖ \+ δ√m‖x‖₁{value}", said)
    assert corners == exact and float(exact) < 0.95 * float(regulariser[1])
    differ = re.search(r"Algorithm 1's δ and the exact worst δ differ by at most (\S+)", said)
    assert float(differ[1]) < 1e-9
    (table,) = re.findall(r"<table><tr><th>c</th>.*?</table>", said)
    growing = [float(row.split("<td>")[-1].split("<")[0]) for row in table.split("<tr>")[2:]]
    assert growing == sorted(growing) and len(growing) == 3, "‖w‖ grows with ε for this draw"
    assert f"It is “{replies.fate(growing[0], growing[-1])}”" in said
