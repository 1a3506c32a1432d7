"""The checkers of notebook 03: its solutions solve it, and what is wrong is named."""

import re
from pathlib import Path

import nbformat
import pytest
import torch

from rolab.course import check
from rolab.sets import Ball, Box

NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "03_worst_case_perturbations.ipynb"


def test_the_solutions_in_the_notebook_solve_its_exercises():
    text = "\n\n".join(c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells)
    solutions = re.findall(r"<summary>Solution</summary>\s+```python\n(.*?)```", text, re.DOTALL)
    names: dict = {"torch": torch}
    for solution in solutions:
        exec(solution, names)
    assert len(solutions) == 3
    assert check.l1_maximizer(names["my_l1"]), check.l1_maximizer(names["my_l1"])
    assert check.l2_in_box(names["my_l2_in_box"]), check.l2_in_box(names["my_l2_in_box"])
    assert check.certificate(names["my_certificate"]), check.certificate(names["my_certificate"])


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


# The certificate


def right_certificate(g, u, radius, lower, upper):
    v = g - u
    return radius * u.norm() + torch.maximum(lower * v, upper * v).sum()


def test_no_certificate_yet(unsolved):
    assert repr(check.certificate(unsolved)) == "… the certificate: not yet"


@pytest.mark.parametrize(
    "wrong, said",
    [
        (lambda g, u, r, low, high: r * u.norm(), "is no upper bound, a feasible Δ reaches 4.598"),
        (lambda g, u, r, low, high: 2 * right_certificate(g, u, r, low, high), "the formula gives 5"),
        (lambda g, u, r, low, high: r * g.norm(), "the formula gives 5"),
        (lambda g, u, r, low, high: (high * (g - u)).sum() + r * u.norm(), "is no upper bound"),
        (lambda g, u, r, low, high: g, "expected a number, got tensor"),
    ],
)
def test_what_is_wrong_with_the_certificate(wrong, said):
    report = check.certificate(wrong)
    assert not report and said in repr(report)
