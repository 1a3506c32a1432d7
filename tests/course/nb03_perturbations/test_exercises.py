"""The checker of notebook 03's certificate: the solution solves it, and what is wrong is named."""

import re
from pathlib import Path

import nbformat
import pytest
import torch

from rolab.course import check

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "03_worst_case_perturbations.ipynb"


def right(g, u, radius, lower, upper):
    v = g - u
    return radius * u.norm() + torch.maximum(lower * v, upper * v).sum()


def test_the_solution_in_the_notebook_solves_it():
    text = "\n\n".join(c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells)
    solutions = re.findall(r"<summary>Solution</summary>\s+```python\n(.*?)```", text, re.DOTALL)
    names: dict = {"torch": torch}
    for solution in solutions:
        exec(solution, names)
    assert len(solutions) == 3
    assert check.certificate(names["my_certificate"]), check.certificate(names["my_certificate"])


def test_nothing_yet(unsolved):
    assert repr(check.certificate(unsolved)) == "… the certificate: not yet"


@pytest.mark.parametrize(
    "wrong, said",
    [
        (lambda g, u, r, low, high: r * u.norm(), "is no upper bound, a feasible Δ reaches 4.598"),
        (lambda g, u, r, low, high: 2 * right(g, u, r, low, high), "the formula gives 5"),
        (lambda g, u, r, low, high: r * g.norm(), "the formula gives 5"),
        (lambda g, u, r, low, high: (high * (g - u)).sum() + r * u.norm(), "is no upper bound"),
        (lambda g, u, r, low, high: g, "expected a number, got tensor"),
    ],
)
def test_what_is_wrong_is_named(wrong, said):
    report = check.certificate(wrong)
    assert not report and said in repr(report)
