"""What solving a robust linear program gives: the decision, its proof, and the trace of the method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rolab.lp.certificate import verify
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
        scenarios = {
            row.name: scenario(form, row.name, z[row.index], x, float(y[row.index])) for row in form.uncertain
        }
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

        Checked are: every scenario is in its set; every multiplier is ≥ 0 and the weighted rows cancel the
        objective's gradient; every row holds at x for all data; and the bound equals the objective.

        Raises:
            ValueError: says which of these fails, and by how much.
        """
        form, found = self.standard_form, (self.scenarios, self.multipliers)
        return verify(form, self.x, self.objective, *found, tolerance)
