"""The checkers of notebook 01: right answers get a tick, wrong ones the property that they violate."""

import numpy as np
import pytest
import torch

from rolab.course import check
from rolab.course.nb01_linear_programs.problems import production
from rolab.sets import Budget


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
