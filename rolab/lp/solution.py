"""What solving a robust linear program gives: the decision, its proof, and the trace of the method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from rolab.lp.inputs import listed
from rolab.lp.standard_form import StandardForm
from rolab.lp.worst_case import Scenario, scenario, worst_case


@dataclass(frozen=True)
class CuttingSetRound:
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
class OnlineReport:
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
        standard_form: of the program that is solved
        scenarios: name → binding scenario: the certificate, see `verify`
        multipliers: name of each row → its multiplier in the proof
        trace: the rounds of the cutting-set method
        online: the report of the oracle-based method
    """

    x: np.ndarray
    objective: float
    method: str
    standard_form: StandardForm = field(repr=False)
    scenarios: Mapping[str, Scenario] = field(repr=False, default_factory=dict)
    multipliers: Mapping[str, float] = field(repr=False, default_factory=dict)
    trace: tuple[CuttingSetRound, ...] = field(repr=False, default=())
    online: OnlineReport | None = field(repr=False, default=None)

    @classmethod
    def from_solver(
        cls,
        form: StandardForm,
        point: np.ndarray,
        method: str,
        y: np.ndarray,
        nu: np.ndarray,
        z: Mapping[int, np.ndarray],
        trace: tuple[CuttingSetRound, ...] = (),
    ) -> Solution:
        """From what a solver found for the standard form: its point, the rows' prices and scenarios."""
        x, y = point[: len(form.variables)], np.maximum(y, 0)
        found = ((row.name, z[row.index], float(y[row.index])) for row in form.uncertain)
        scenarios = {name: scenario(form, name, its, x, price) for name, its, price in found}
        prices = [*y.tolist(), *nu.tolist()]
        multipliers = dict(zip((*form.names, *form.equalities), prices, strict=True))
        return cls(x, worst_case(form, x).objective, method, form, scenarios, multipliers, trace)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables."""
        return self.standard_form.variables

    def __getitem__(self, variable: str) -> float:
        """The value of a variable, by its name."""
        if variable not in self.variables:
            raise ValueError(f"variable: there is no {variable!r}; there are {listed(self.variables)}")
        return float(self.x[self.variables.index(variable)])

    def verify(self, tolerance: float = 1e-6) -> float:
        """Checks the optimum by arithmetic alone and returns the relative gap that the proof leaves.

        The proof is weak duality. Freeze the data of every uncertain row at one scenario z of its set, the
        binding one, and weigh the rows by multipliers y ≥ 0: the sum bounds the objective of every decision
        that is robust, since such a one satisfies each frozen row.

        Checked are: every scenario is in its set; every multiplier is ≥ 0 and the weighted rows cancel the
        objective's gradient; every row holds at x for all data; and the bound equals the objective.

        Raises:
            ValueError: says which of these fails, and by how much.
        """
        if not self.multipliers:
            raise ValueError("verify: this solution came without a certificate")
        form, objective, worst = self.standard_form, self.objective, worst_case(self.standard_form, self.x)
        for name, violation in worst.violations.items():
            if violation > tolerance * worst.sizes[name]:
                raise ValueError(f"verify: row {name!r} is broken by {violation:.3g} in its worst case")
        scale = 1 + abs(objective)
        if abs(worst.objective - objective) > tolerance * scale:
            raise ValueError(f"verify: the worst objective is {worst.objective:.9g}, not {objective:.9g}")
        bound, gradient = self._weighted(tolerance)
        weight = sum(abs(y) for y in self.multipliers.values())
        slope = tolerance * (1 + np.abs(form.c).max() + weight * abs(form.G).max() if form.G.nnz else 1)
        for j, r in enumerate(gradient):  # min of r_j x_j over lower ≤ x_j ≤ upper
            edge = form.lower[j] if r > 0 else form.upper[j]
            if np.isfinite(edge):
                bound += r * edge
            elif abs(r) > slope:
                name = (*form.variables, "t")[j]
                raise ValueError(f"verify: the multipliers leave the slope {r:.3g} along {name!r}")
        bound = -bound if form.maximize else bound
        gap = abs(bound - objective) / scale
        if gap > tolerance:
            raise ValueError(f"verify: the proof's bound is {bound:.9g}, the objective {objective:.9g}")
        return gap

    def _weighted(self, tolerance: float) -> tuple[float, np.ndarray]:
        """The rows with their frozen data, weighed: c + Σ y_i g_i(z_i) + Eᵀν, and -Σ y_i h_i(z_i) - νᵀf."""
        form = self.standard_form
        y, nu = (np.array([self.multipliers[row] for row in rows]) for rows in (form.names, form.equalities))
        if (y < -tolerance * (1 + np.abs(y).max(initial=0))).any():
            name = form.names[int(y.argmin())]
            raise ValueError(f"verify: the multiplier of {name!r} is {y.min():.3g} < 0")
        gradient, bound = form.c + form.G.T @ y + form.E.T @ nu, float(-y @ form.h - nu @ form.f)
        for row in form.uncertain:
            z = self.scenarios[row.name].z
            atol = tolerance * (1 + np.abs(z).max(initial=0))
            if not row.Z.contains(torch.from_numpy(z)[None], atol).item():
                raise ValueError(f"verify: the scenario of {row.name!r} is not in its set")
            gradient = gradient + y[row.index] * (row.P @ z)
            bound -= float(y[row.index] * (row.q @ z))
        return bound, gradient
