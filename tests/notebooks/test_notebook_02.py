"""Notebook 02: its parameters, solutions, figures and sentences. nbval runs the notebook itself."""

import re

import numpy as np
from shipped import Shipped
from standing_figures import shows

from rolab.course import check

SHIPPED = Shipped("02")


def test_the_parameters():
    assert SHIPPED.parameters() == {"seed": 2, "gamma": 3.0, "rho": 1.6, "epsilon": 0.4}


def test_the_solutions_solve_the_exercises_and_the_stubs_do_not():
    names = {"np": np, "norm": np.linalg.norm}
    for solution in SHIPPED.solutions:
        exec(solution, names)
    pairs = re.findall(r"^check\.(worst_\w+|ridge_penalty)\((my_\w+)\)$", SHIPPED.source, re.M)
    assert len(SHIPPED.solutions) == len(pairs)
    for checker, mine in pairs:
        report = getattr(check, checker)(names[mine])
        assert report, report
    assert len(SHIPPED.reports) == 3 + SHIPPED.source.count("= ...")


def test_every_idea_is_predicted_tried_checked_and_explained():
    sections = re.split(r"^## (?=\d)", SHIPPED.text.split("## Exercises")[0], flags=re.M)[1:]
    assert [section[0] for section in sections] == ["1", "2", "3", "4", "5"]
    for section in sections:
        assert "**Predict.**" in section and "**Explain.**" in section
    assert SHIPPED.text.count("**Interact.**") == 4
    for equation in ("(7)", "(8)", "(9)", "(11)"):
        assert equation in SHIPPED.text


def test_its_pictures():
    assert len(SHIPPED.pictures) == 6 and len(SHIPPED.sliding) == 4
    assert all(len(shows(picture.data)) > 80 for picture in SHIPPED.pictures)


def test_ten_digits_agree():
    (table,) = (text for text in SHIPPED.shown().split("\n\n") if "found by ascent     ‖r‖" in text)
    rows = re.findall(r"(\d+\.\d{10}) +(\d+\.\d{10})", table)
    assert len(rows) == 6
    for ascent, formula in rows:
        assert ascent == formula


def test_the_numbers_in_the_text_are_those_of_the_run():
    said = SHIPPED.shown()
    corners, exact = re.findall(r"(?:the worst of 4096 corners|‖ \|r\| \+ δ‖x‖₁·1 ‖) +(\d+\.\d+)", said)
    regulariser = re.search(r"the regulariser ‖r‖ \+ δ√m‖x‖₁ +(\d+\.\d+)", said)
    assert corners == exact and float(exact) < 0.95 * float(regulariser[1])
    differ = re.search(r"Algorithm 1's δ and the exact worst δ differ by at most (\S+)", said)
    assert float(differ[1]) < 1e-9
    growing = [float(row.split()[-1]) for row in re.findall(r"^ *(?:0\.5|2|8)(?: +[\d.]+){6}$", said, re.M)]
    assert growing == sorted(growing) and len(growing) == 3, "‖w‖ grows with ε for this draw"
