"""What solving gives: the decision, the worst case, the trace, and a proof that needs no solver.

The proof is weak duality. Freeze the data of every uncertain row at one scenario z of its set, the binding
one, and weigh the rows by multipliers y ≥ 0: the sum bounds the objective of every decision that is robust,
since such a one satisfies each frozen row. If the decision at hand is robust and attains the bound, it is
best.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rolab.convex.inputs import SIGN, listed
from rolab.convex.standard import OBJECTIVE, Standard

if TYPE_CHECKING:
    from rolab.convex.program import RobustLP


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
        sizes: name → the size of the row, 1 + |right-hand side| + its largest coefficient
    """

    objective: float
    scenarios: Mapping[str, Scenario]
    violations: Mapping[str, float]
    sizes: Mapping[str, float]

    @property
    def feasible(self) -> bool:
        """Whether every row holds for all data, up to 1e-6 of its size."""
        return all(violation <= 1e-6 * self.sizes[name] for name, violation in self.violations.items())


@dataclass(frozen=True)
class Cut:
    """A round of the cutting-set method: its bounds, and the worst scenarios that it added.

    Attributes:
        x: the best decision for the scenarios known so far
        optimistic: its objective: no robust decision does better
        safe: the objective of the best robust decision known; None if none is known yet
        violation: the largest violation of a row at x, in the row's unit
        added: row name → the scenario z that was added
    """

    x: np.ndarray
    optimistic: float
    safe: float | None
    violation: float
    added: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Learning:
    """What the online learner of `method="oracle"` has to show for itself.

    Attributes:
        steps: T, the number of nominal programs solved
        violation: the largest violation of the averaged decision, in the row's unit
        bound: for each row the bound regret/T on its violation, from the learner's own gradients
        history: for T = 1, 2, 4, …: (T, objective, largest violation) of the average so far
    """

    steps: int
    violation: float
    bound: Mapping[str, float]
    history: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True, eq=False)
class Solution:
    """A robust optimum.

    Attributes:
        x: the decision (n,)
        objective: its worst-case value
        method: which method found it
        scenarios: name → binding scenario: the certificate, see `verify`
        multipliers: name of each row → its multiplier in the proof
        trace: the rounds of the cutting-set method
        learning: the report of the oracle-based method
    """

    x: np.ndarray
    objective: float
    method: str
    program: RobustLP = field(repr=False)
    scenarios: Mapping[str, Scenario] = field(repr=False, default_factory=dict)
    multipliers: Mapping[str, float] = field(repr=False, default_factory=dict)
    trace: tuple[Cut, ...] = field(repr=False, default=())
    learning: Learning | None = field(repr=False, default=None)

    def __getitem__(self, variable: str) -> float:
        """The value of a variable, by its name."""
        if variable not in self.program.variables:
            raise ValueError(
                f"variable: there is no {variable!r}; there are {listed(self.program.variables)}"
            )
        return float(self.x[self.program.variables.index(variable)])

    def verify(self, tolerance: float = 1e-6) -> float:
        """Checks the optimum by arithmetic alone and returns the relative gap that the proof leaves.

        Checked are: every scenario is in its set; every multiplier is ≥ 0 and the weighted rows cancel the
        objective's gradient; every row holds at x for all data; and the bound equals the objective.

        Raises:
            ValueError: says which of these fails, and by how much.
        """
        return verify(self, tolerance)


def worst_case(program: RobustLP, x: np.ndarray) -> WorstCase:
    """The worst data for a decision x."""
    standard: Standard = program.standard
    point = with_epigraph(program, x)
    worst = standard.worst(point)
    violations = dict(zip(standard.names, standard.violations(point, worst), strict=True))
    violations.pop(OBJECTIVE, None)
    violations |= zip(standard.equalities, abs(standard.E @ point - standard.f), strict=True)
    for name, bound in (("lower", program.lower - x), ("upper", x - program.upper)):
        if (beyond := bound.max()) > 0:
            violations[f"{name} bound of {program.variables[int(bound.argmax())]}"] = beyond
    scenarios = {row.name: scenario(program, row.name, worst[row.index], x) for row in standard.uncertain}
    objective = scenarios[OBJECTIVE].value if OBJECTIVE in scenarios else float(program.c @ x)
    known = dict(
        zip(
            [*standard.names, *standard.equalities],
            [*standard.size, *standard.equality_size],
            strict=True,
        )
    )
    sizes = {name: float(known.get(name, 1 + np.abs(x).max(initial=0))) for name in violations}
    return WorstCase(objective, scenarios, {name: float(v) for name, v in violations.items()}, sizes)


def scenario(program: RobustLP, name: str, z: np.ndarray, x: np.ndarray, multiplier: float = 0.0) -> Scenario:
    """The row's data under z, back from the standard form to the user's orientation."""
    row = program.standard.by_name[name]
    if name == OBJECTIVE:
        sign = -1.0 if program.maximize else 1.0
        coefficients = program.nominal_of(name) + sign * (row.P @ z)[: len(x)]
        return Scenario(name, z, coefficients, np.nan, float(coefficients @ x), np.nan, multiplier)
    i = program.names.index(name)
    sign = SIGN[program.senses[i]]
    coefficients = program.nominal_of(name) + sign * (row.P @ z)[: len(x)]
    rhs = float(program.b[i] + sign * row.q @ z)
    value = float(coefficients @ x)
    return Scenario(name, z, coefficients, rhs, value, sign * (value - rhs), multiplier)


def with_epigraph(program: RobustLP, x: np.ndarray) -> np.ndarray:
    """The point of the standard form: x, and t = the nominal objective where that is uncertain."""
    if len(program.standard.c) == len(x):
        return x
    return np.append(x, -program.c @ x if program.maximize else program.c @ x)


def verify(answer: Solution, tolerance: float) -> float:
    """See `Solution.verify`."""
    program, x, objective, multipliers = answer.program, answer.x, answer.objective, answer.multipliers
    standard: Standard = program.standard
    if not multipliers:
        raise ValueError("verify: this solution came without a certificate")
    worst = worst_case(program, x)
    for name, violation in worst.violations.items():
        if violation > tolerance * worst.sizes[name]:
            raise ValueError(f"verify: row {name!r} is broken by {violation:.3g} in its worst case")
    scale = 1 + abs(objective)
    if abs(worst.objective - objective) > tolerance * scale:
        raise ValueError(f"verify: the worst objective is {worst.objective:.9g}, not {objective:.9g}")
    bound, gradient = _weighted(standard, answer.scenarios, multipliers, tolerance)
    weight = sum(abs(y) for y in multipliers.values())
    slope = tolerance * (
        1 + np.abs(standard.c).max() + weight * abs(standard.G).max() if standard.G.nnz else 1
    )
    for j, r in enumerate(gradient):  # min of r_j x_j over lower ≤ x_j ≤ upper
        edge = standard.lower[j] if r > 0 else standard.upper[j]
        if np.isfinite(edge):
            bound += r * edge
        elif abs(r) > slope:
            name = program.variables[j] if j < len(program.variables) else "t"
            raise ValueError(f"verify: the multipliers leave the slope {r:.3g} along {name!r}")
    bound = -bound if program.maximize else bound
    gap = abs(bound - objective) / scale
    if gap > tolerance:
        raise ValueError(f"verify: the proof's bound is {bound:.9g}, the objective {objective:.9g}")
    return gap


def _weighted(
    standard: Standard, scenarios: Mapping[str, Scenario], multipliers: Mapping[str, float], tolerance: float
) -> tuple[float, np.ndarray]:
    """The rows with their frozen data, weighed: c + Σ y_i g_i(z_i) + Eᵀν, and -Σ y_i h_i(z_i) - νᵀf."""
    y = np.array([multipliers[name] for name in standard.names])
    nu = np.array([multipliers[name] for name in standard.equalities])
    if (y < -tolerance * (1 + np.abs(y).max(initial=0))).any():
        raise ValueError(
            f"verify: the multiplier of {standard.names[int(y.argmin())]!r} is {y.min():.3g} < 0"
        )
    gradient, bound = (
        standard.c + standard.G.T @ y + standard.E.T @ nu,
        float(-y @ standard.h - nu @ standard.f),
    )
    for row in standard.uncertain:
        z = scenarios[row.name].z
        if not row.Z.contains(
            torch.from_numpy(z)[None], atol=tolerance * (1 + np.abs(z).max(initial=0))
        ).item():
            raise ValueError(f"verify: the scenario of {row.name!r} is not in its set")
        gradient = gradient + y[row.index] * (row.P @ z)
        bound -= float(y[row.index] * (row.q @ z))
    return bound, gradient


def solution(
    program: RobustLP,
    point: np.ndarray,
    method: str,
    y: np.ndarray,
    nu: np.ndarray,
    z: Mapping[int, np.ndarray],
    **more: Any,
) -> Solution:
    """A `Solution` from what a solver found for the standard form."""
    standard: Standard = program.standard
    x = point[: len(program.variables)]
    y = np.maximum(y, 0)
    scenarios = {
        row.name: scenario(program, row.name, z[row.index], x, float(y[row.index]))
        for row in standard.uncertain
    }
    multipliers = {
        **dict(zip(standard.names, y.tolist(), strict=True)),
        **dict(zip(standard.equalities, nu.tolist(), strict=True)),
    }
    return Solution(x, worst_case(program, x).objective, method, program, scenarios, multipliers, **more)
