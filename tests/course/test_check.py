"""The checkers, and the notebook texts that lean on them: solutions that solve, badges that lead home."""

import re
import tomllib
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from rolab.course import check
from rolab.course.nb01_linear_programs.problems import production
from rolab.sets import Ball, Box, Budget

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def markdown(path: Path) -> str:
    return "\n\n".join(c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown")


def right_l1(g, radius):
    return Ball("l1", radius).maximizer(g[None])[0]


def right_l2(g, radius, lower, upper):
    return (Ball("l2", radius) & Box(lower, upper)).maximizer(g[None])[0]


@pytest.mark.parametrize("checker", [check.l1_maximizer, check.l2_in_box])
def test_nothing_yet(checker, unsolved):
    report = checker(unsolved)
    assert not report and repr(report).endswith("not yet")


def test_right_answers_get_a_tick():
    assert check.l1_maximizer(right_l1) and repr(check.l1_maximizer(right_l1)).startswith(
        "✓ the ℓ1 maximiser"
    )
    assert check.l2_in_box(right_l2)
    assert check.l1_maximizer(lambda g, radius: right_l1(g, radius).numpy()), "a numpy array will do"


def split_ties(g, radius):
    top = (g.abs() == g.abs().max()).float() * g.sign()
    return radius * top / top.abs().sum().clamp(min=1)


def test_any_optimum_is_right():
    assert check.l1_maximizer(split_ties)


@pytest.mark.parametrize(
    "wrong, said",
    [
        (lambda g, r: r * g.sign(), "‖Δ‖₁ is 4, the radius is 2"),
        (lambda g, r: r * g.sign() * (g.abs() == g.abs().max()), "‖Δ‖₁ is 6, the radius is 2"),
        (lambda g, r: r * g / g.norm() / 3, "⟨g, Δ⟩ is 3.333, it could be 8"),
        (lambda g, r: -right_l1(g, r), "⟨g, Δ⟩ is -8, it could be 8"),
        (lambda g, r: g / g.abs().max() * right_l1(g, r).abs(), "Δ holds NaN or infinity"),
        (lambda g, r: torch.zeros(3), "Δ has shape (3,), g has (2,)"),
        (lambda g, r: g / 0 / undefined, "your function raised NameError: name 'undefined' is not defined"),  # noqa: F821
        (lambda g: g, "your function raised TypeError"),
        (7, "your answer cannot be checked, TypeError"),
    ],
)
def test_the_violated_property_of_l1_is_named(wrong, said):
    report = check.l1_maximizer(wrong)
    assert not report and repr(report).startswith("✗") and said in repr(report)


@pytest.mark.parametrize(
    "wrong, said",
    [
        (
            lambda g, r, low, high: torch.maximum(torch.minimum(g, high), low),
            "‖Δ‖₂ is 1.118, the radius is 1",
        ),
        (lambda g, r, low, high: right_l1(g, r), "an entry of Δ leaves the box by 0.5"),
        (lambda g, r, low, high: (r * g / g.norm()).clamp(low, high), "⟨g, Δ⟩ is 3.8, it could be 4.598"),
        (lambda g, r, low, high: Ball("l2", r).maximizer(g[None])[0], "leaves the box by 0.3"),
    ],
)
def test_the_violated_property_of_l2_is_named(wrong, said):
    report = check.l2_in_box(wrong)
    assert not report and said in repr(report)


def test_a_readers_function_cannot_change_the_case():
    def vandal(g, radius):
        d = right_l1(g, radius)
        g.zero_()
        return d

    assert check.l1_maximizer(vandal)


# Notebook 01


def box_support(w, radius):
    return radius * np.abs(w).sum()


def budget_maximizer(w, gamma, radius):
    return Budget(gamma, radius).maximizer(torch.from_numpy(w)[None])[0].numpy()


def whole_part(w, gamma, radius):
    return budget_maximizer(w, int(gamma), radius)


def loop(solve, worst, keep=True):
    scenarios = [np.zeros(2)]
    while True:
        x = solve(scenarios)
        z, violation = worst(x)
        if violation <= 1e-6:
            return x
        scenarios = [*scenarios, z] if keep else [z]


def optimum(radius, gamma):
    return production(Budget(gamma, radius)).solve("counterpart").x


def test_right_answers_about_programs_get_a_tick():
    assert check.box_support(box_support), check.box_support(box_support)
    assert check.budget_maximizer(budget_maximizer), check.budget_maximizer(budget_maximizer)
    assert check.cutting_set(loop), check.cutting_set(loop)
    assert check.mended(optimum), check.mended(optimum)


@pytest.mark.parametrize(
    "checker", [check.box_support, check.budget_maximizer, check.cutting_set, check.mended]
)
def test_nothing_yet_about_programs(checker, unsolved):
    assert repr(checker(unsolved)).endswith("not yet")


@pytest.mark.parametrize(
    "checker, wrong, said",
    [
        (check.box_support, lambda w, r: r * w.sum(), "yours is -0.2, it is 1.4, reached at z = (0.2, -0.2)"),
        (check.box_support, lambda w, r: np.abs(w).sum(), "yours is 7, it is 1.4"),
        (check.box_support, lambda w, r: r * w, "expected a number"),
        (check.budget_maximizer, lambda w, g, r: r * np.sign(w), "Σ|z_i| is 0.4, Γ · radius is 0.2"),
        (check.budget_maximizer, whole_part, "Γ = 1.5: ⟨w, z⟩ is 0.8, it could be 1.1 (a part of the budget"),
        (
            check.budget_maximizer,
            lambda w, g, r: -budget_maximizer(w, g, r),
            "⟨w, z⟩ is -0.8, it could be 0.8",
        ),
        (check.budget_maximizer, lambda w, g, r: g * r * np.sign(w) * (w == min(w)), "an entry of z is 0.3"),
        (check.budget_maximizer, lambda w, g, r: np.zeros(7), "z has shape (7,)"),
        (check.budget_maximizer, lambda w, g, r: w * np.nan, "z holds NaN"),
        (
            check.cutting_set,
            lambda solve, worst: loop(solve, worst, keep=False),
            "add the worst one, replace none",
        ),
        (
            check.cutting_set,
            lambda solve, worst: solve([np.zeros(2)]),
            "breaks the row by 740 under z = (0.2, 0.1)",
        ),
        (
            check.cutting_set,
            lambda solve, worst: np.zeros(2),
            "is robust, but brings 0 where 16,650 is possible",
        ),
        (
            check.cutting_set,
            lambda solve, worst: 1 / 0,
            "ZeroDivisionError: division by zero, for (solve, worst)",
        ),
        (check.cutting_set, lambda solve, worst: [1, 2, 3], "expected a plan of 2 numbers, got shape (3,)"),
        (check.mended, lambda r, g: [37.5, 1500], "brings 13,950.00 where 16,650.00 is possible"),
        (check.mended, lambda r, g: [650, 1100], "breaks 'labour' by 740; the worst z is (0.2, 0.1)"),
        (check.mended, lambda r, g: [300, 1450], "for radius 0, Γ = 1.5"),
        (check.mended, lambda r, g: [1100, -500], "breaks 'lower bound of x2' by 500"),
    ],
)
def test_the_violated_property_of_a_program_is_named(checker, wrong, said):
    report = checker(wrong)
    assert not report and repr(report).startswith("✗") and said in repr(report), report


# All


def test_exercises_are_made_by_a_decorator():
    @check.exercise("an even number")
    def even(answer):
        check.require(answer % 2 == 0, f"{answer} is odd")
        return "even"

    assert repr(even(2)) == "✓ an even number: even"
    assert repr(even(3)) == "✗ an even number: 3 is odd"
    assert repr(even(...)) == "… an even number: not yet"


def test_a_guess_may_be_wrong():
    assert repr(check.guess(..., 0.12)) == "… your prediction: not yet; it is 0.12"
    assert "you are off by 0.1" in repr(check.guess(0.22, 0.12))
    assert not check.guess("high", 0.12)


KNOWN = {"digit": range(10), "net": ("baseline", "other"), "rate": float, "run": bool}


def test_parameters_of_the_right_types_pass():
    check.parameters({"digit": 3, "net": "other", "rate": 1, "run": False, "more": object()}, **KNOWN)


@pytest.mark.parametrize(
    "change, error, name",
    [
        ({"digit": 10}, ValueError, "digit"),
        ({"digit": 3.0}, TypeError, "digit"),
        ({"digit": True}, TypeError, "digit"),
        ({"net": "else"}, ValueError, "net"),
        ({"rate": "1"}, TypeError, "rate"),
        ({"run": 1}, TypeError, "run"),
        ({"In": ["digit = 3", "# Parameters\ndigit = 4\ndigits = 5\n"]}, NameError, "digits"),
    ],
)
def test_a_wrong_parameter_is_named(change, error, name):
    given = {"digit": 3, "net": "other", "rate": 0.5, "run": False} | change
    with pytest.raises(error, match=rf"\b{name}\b"):
        check.parameters(given, **KNOWN)
    with pytest.raises(NameError, match="run is missing"):
        check.parameters({"digit": 3, "net": "other", "rate": 0.5}, **KNOWN)


# The notebooks


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_badges_lead_to_the_repository(path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    owner_and_name = project["urls"]["Repository"].removeprefix("https://github.com/")
    text = markdown(path)
    colab = f"https://colab.research.google.com/github/{owner_and_name}/blob/main/notebooks/{path.name}"
    binder = f"https://mybinder.org/v2/gh/{owner_and_name}/HEAD?urlpath=lab/tree/notebooks/{path.name}"
    assert f"({colab})" in text and f"({binder})" in text


def test_the_solutions_of_notebook_03_solve_its_exercises():
    text = markdown(ROOT / "notebooks" / "03_worst_case_perturbations.ipynb")
    solutions = re.findall(r"<summary>Solution</summary>\s+```python\n(.*?)```", text, re.DOTALL)
    names: dict = {"torch": torch}
    for solution in solutions:
        exec(solution, names)
    assert check.l1_maximizer(names["my_l1"]), check.l1_maximizer(names["my_l1"])
    assert check.l2_in_box(names["my_l2_in_box"]), check.l2_in_box(names["my_l2_in_box"])
