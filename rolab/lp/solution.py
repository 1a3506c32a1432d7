"""What solving a robust linear program gives: the decision, its proof, and the trace of the method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from rolab.lp.inputs import listed
from rolab.lp.standard_form import StandardForm
from rolab.lp.units import extent
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
        """From what a solver found for the equilibrated form: its point, the rows' prices and scenarios."""
        units, n = form.units, len(form.variables)
        x = np.clip(units.variable * point, form.lower, form.upper)[:n]
        y, nu = np.maximum(y, 0) * units.row / units.objective, nu * units.equality / units.objective
        found = ((row.name, z[row.index], float(y[row.index])) for row in form.uncertain)
        scenarios = {name: scenario(form, name, its, x, price) for name, its, price in found}
        prices = [*y.tolist(), *nu.tolist()]
        multipliers = dict(zip(form.rows, prices, strict=True))
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
        objective's gradient; every row holds at x for all data; and the bound equals the objective. The
        tolerance is relative: to the set's largest entry, to the row at x, to the objective.

        Raises:
            ValueError: says which of these fails, and by how much.
        """
        for row in self.standard_form.uncertain if self.multipliers else ():
            z = self.scenarios[row.name].z
            atol = tolerance * extent(row.Z, len(z)).max()
            if not row.Z.contains(torch.from_numpy(z)[None], atol).item():
                raise ValueError(f"verify: the scenario of {row.name!r} is not in its set")
        return self.gap(tolerance)

    def gap(self, tolerance: float = 1e-6) -> float:
        """The same, with it taken for granted that every scenario is in its set."""
        if not self.multipliers and self.standard_form.rows:
            raise ValueError("verify: this solution came without a certificate")
        form, objective, worst = self.standard_form, self.objective, worst_case(self.standard_form, self.x)
        for name, violation in worst.violations.items():
            if not violation <= tolerance * worst.sizes[name]:
                raise ValueError(f"verify: row {name!r} is broken by {violation:.3g} in its worst case")
        point = form.point(self.x)
        scale = form.objective_size(objective, point, form.units.variable)
        if not abs(worst.objective - objective) <= tolerance * scale:
            raise ValueError(f"verify: the worst objective is {worst.objective:.9g}, not {objective:.9g}")
        bound, gradient = self._weighted()
        reach, rest = form.units.variable * ((np.abs(point) / form.units.variable).max() or 1.0), 0.0
        for j, r in enumerate(gradient):  # min of r_j x_j over lower ≤ x_j ≤ upper
            edge = form.lower[j] if r > 0 else form.upper[j]
            if np.isfinite(edge):
                bound += r * edge
            elif not abs(r) * reach[j] <= tolerance * scale:
                name = (*form.variables, "t")[j]
                raise ValueError(f"verify: the multipliers leave the slope {r:.3g} along {name!r}")
            else:
                rest += abs(r) * reach[j]
        bound = -bound if form.maximize else bound
        for name, y in self.multipliers.items():  # what the rows are broken by is worth their prices
            rest += abs(y) * max(worst.violations.get(name, 0.0), 0.0)
        gap = (abs(bound - objective) + rest) / scale if scale else abs(bound - objective)
        if not gap <= tolerance:
            raise ValueError(f"verify: the proof's bound is {bound:.9g}, the objective {objective:.9g}")
        return gap

    def _weighted(self) -> tuple[float, np.ndarray]:
        """The rows with their frozen data, weighed: -Σ y_i h_i(z_i) - νᵀf, and c + Σ y_i g_i(z_i) + Eᵀν."""
        form = self.standard_form
        y, nu = (np.array([self.multipliers[row] for row in rows]) for rows in (form.names, form.equalities))
        if not (y >= 0).all():
            name = form.names[int(y.argmin())]
            raise ValueError(f"verify: the multiplier of {name!r} is {y.min():.3g} < 0")
        gradient, bound = form.c + form.G.T @ y + form.E.T @ nu, float(-y @ form.h - nu @ form.f)
        for row in form.uncertain:
            z = self.scenarios[row.name].z
            gradient = gradient + y[row.index] * (row.P @ z)
            bound -= float(y[row.index] * (row.q @ z))
        return bound, gradient
