"""The worst case of a decision: for each uncertain row the worst data, and by how much they break it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rolab.lp.standard_form import OBJECTIVE, StandardForm
from rolab.lp.units import magnitudes


@dataclass(frozen=True, eq=False)
class Scenario:
    """One outcome z ∈ Z for one row at a decision x, in the row's own orientation.

    Attributes:
        row: its name
        z: the scenario
        coefficients, rhs: the row's data under it; the objective has the right-hand side NaN
        value: ⟨coefficients, x⟩
        violation: by how much the row is broken; negative: slack. NaN for the objective
        multiplier: the row's price y ≥ 0 in the proof of optimality; 0 where the row does not bind
    """

    row: str
    z: np.ndarray
    coefficients: np.ndarray
    rhs: float
    value: float
    violation: float
    multiplier: float = 0.0


@dataclass(frozen=True, eq=False)
class WorstCase:
    """The worst data for one decision.

    Attributes:
        objective: the worst value of the objective
        scenarios: name of an uncertain row, or "objective" → its worst scenario
        violations: name → by how much each row is broken in its worst case; negative: slack; an equality: |·|
        sizes: name → the size of the row at the decision: the largest of |right-hand side|,
            Σ|coefficient|·|x_j| and what the worst scenario adds to them
    """

    objective: float
    scenarios: Mapping[str, Scenario]
    violations: Mapping[str, float]
    sizes: Mapping[str, float]

    @property
    def feasible(self) -> bool:
        """Whether every row holds for all data, up to 1e-6 of its size."""
        return all(violation <= 1e-6 * self.sizes[name] for name, violation in self.violations.items())


def worst_case(form: StandardForm, x: np.ndarray) -> WorstCase:
    """The worst data for a decision x (n,)."""
    n, point = len(x), form.point(x)
    worst, X = form.worst(point), magnitudes(point, form.units.variable)
    broken = [*form.violations(point, worst), *abs(form.E @ point - form.f)]
    size = [*form.sizes(X, worst), *np.maximum(np.abs(form.f), abs(form.E) @ X)]
    violations, sizes = (dict(zip(form.rows, map(float, each), strict=True)) for each in (broken, size))
    for known in (violations, sizes):
        known.pop(OBJECTIVE, None)
    for side, edge, sign in (("lower", form.lower[:n], -1.0), ("upper", form.upper[:n], 1.0)):
        for j in np.flatnonzero(sign * (x - edge) > 0):
            name = f"{side} bound of {form.variables[j]}"
            violations[name], sizes[name] = float(abs(x[j] - edge[j])), float(max(abs(edge[j]), X[j]))
    scenarios = {row.name: scenario(form, row.name, worst[row.index], x) for row in form.uncertain}
    objective = scenarios[OBJECTIVE].value if OBJECTIVE in scenarios else form.objective(x)
    return WorstCase(objective, scenarios, violations, sizes)


def scenario(form: StandardForm, name: str, z: np.ndarray, x: np.ndarray, price: float = 0.0) -> Scenario:
    """The uncertain row's data under z, back from the standard form to the user's orientation."""
    row, sign, (coefficients, rhs) = form.by_name[name], form.sign[name], form.stated(name)
    coefficients = coefficients + sign * (row.P @ z)[: len(x)]
    rhs, value = float(rhs + sign * row.q @ z), float(coefficients @ x)
    return Scenario(name, z, coefficients, rhs, value, sign * (value - rhs), price)
