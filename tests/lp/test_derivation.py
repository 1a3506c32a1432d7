"""The derivation of a row's counterpart."""

import math

import numpy as np
import pytest
from linear_programs import drug, portfolio, production

from rolab.sets import Ball, Box, Budget, Ellipsoid, Polyhedron, Scenarios, UncertaintySet


@pytest.mark.parametrize(
    ("U", "dual"),
    [
        (Box(-0.05, 0.05), 87.5),
        (Ball("linf", 0.05), 87.5),
        (Budget(1.5, 0.05), 0.05 * (1143.75 + 0.5 * 606.25)),
        (Ellipsoid(np.eye(2) * 0.05**2, 1.0), 0.05 * math.hypot(606.25, 1143.75)),
        (Scenarios([[0.05, 0.0], [0.0, 0.05], [-0.05, -0.05]]), 0.05 * 1143.75),
        (Polyhedron(np.vstack([np.eye(2), -np.eye(2)]), [0.05] * 4), 87.5),
        (Ball("l2", 0.05) & Ball("l1", 0.06), None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, UncertaintySet) else "",
)
def test_explain_derives_the_counterpart_with_its_numbers(U, dual):
    text = production(U).explain("labour", x=[606.25, 1143.75])
    lines = text.splitlines()
    assert [line[:2] for line in lines] == ["1.", "2.", "3.", "4."]
    primal = float(lines[2].split("⟨w, z*⟩ = ")[1].split(" ")[0])
    upper = float(lines[2].rsplit("= ", 1)[1])
    assert primal == pytest.approx(upper, rel=1e-5)
    assert dual is None or primal == pytest.approx(dual, rel=1e-5)
    assert f"4712.5 + {primal:.6g}" in lines[3] and "✓" in lines[3]


def test_explain_of_an_upward_row_and_of_the_objective():
    text = drug(Box(-1, 1)).explain("active agent")
    assert "≥ 0 for all z" in text and "−" in text and text.endswith("✓")
    broken = drug(Box(-1, 1)).explain("active agent", drug().solve().x)
    assert "✗ broken" in broken
    assert "is the worst objective" in portfolio(5).explain("objective")
    with pytest.raises(
        ValueError, match="row: expected the name of an uncertain row, got 'hours'; .*'active agent'"
    ):
        drug(Box(-1, 1)).explain("hours")
