"""The cutting-set method, [13] of the paper: solve, find the worst scenario, *add* it, repeat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from rolab.errors import InfeasibleError, SolverError, UnboundedError
from rolab.lp.solution import CuttingSetRound, Solution
from rolab.lp.standard_form import OBJECTIVE, StandardForm, UncertainRow
from rolab.lp.units import magnitudes
from rolab.lp.worst_case import worst_case

FAR = (
    1e7  # in units of x: stands in for no bound while the scenarios known so far leave the program unbounded
)
TIGHT = {f"{side}_feasibility_tolerance": 1e-10 for side in ("primal", "dual")}


def cutting_set(form: StandardForm, tolerance: float, most: int) -> Solution:
    """Adds the worst scenario of every broken row until none is broken by more than tolerance · its size.

    The program with some scenarios is a relaxation: its optimum, the *optimistic* bound, can only get worse
    when one is added. Whoever replaced the last scenario instead of adding could go round in circles. The
    *safe* bound is the objective of the best robust decision known: the last one on the way from a robust
    decision to the current x, where the worst case of every row is convex.
    """
    s, units, n = form.equilibrated, form.units, len(form.variables)
    better = max if form.maximize else min
    anchor = np.clip(np.zeros(len(s.c)), s.lower, s.upper)  # robust without a solver, or it may be
    start = worst_case(form, (units.variable * anchor)[:n])
    safe, trace = (start.objective if start.feasible else None), []
    for now in rounds(s, tolerance, most):
        points = [now.x] if not now.broken else []  # then x itself is robust
        if safe is not None:
            points.append(_last_robust(s, s.point(anchor[:n]), now.x))
        for point in points:
            value = worst_case(form, (units.variable * point)[:n]).objective
            safe = value if safe is None else better(value, safe)
        optimistic = form.sign[OBJECTIVE] * float(now.answer.fun) / units.objective
        added = {row.name: now.worst[row.index] for row in now.broken}
        largest = max((now.violation / units.row)[[row.index for row in s.uncertain]], default=0.0)
        x = (units.variable * now.x)[:n]
        trace.append(CuttingSetRound(x, optimistic, safe, max(float(largest), 0.0), added))
    y, z = now.master.certificate(now.answer)
    nu = -np.asarray(now.answer.eqlin.marginals)
    return Solution.from_solver(form, now.x, "cutting-set", y, nu, z, tuple(trace))


class Master:
    """The linear program with the scenarios known so far, at first one a row: all its solver has to know."""

    def __init__(self, form: StandardForm, first: Mapping[int, np.ndarray]) -> None:
        self.form, certain = form, form.certain
        self.found: dict[int, list[np.ndarray]] = defaultdict(list)
        self.rows: list[sp.csr_array] = [form.G[certain]] if len(certain) else []
        self.rhs: list[float] = form.h[certain].tolist()
        self.owner: list[int] = certain.tolist()  # which row of G each row of the program comes from
        for row in form.uncertain:
            self.add(row, first[row.index])

    def add(self, row: UncertainRow, z: np.ndarray) -> None:
        """Adds the row with the data of a scenario: (g + P z)ᵀx ≤ h + qᵀz."""
        self.found[row.index].append(z)
        self.rows.append(self.form.G[[row.index]] + sp.csr_array((row.P @ z)[None]))
        self.rhs.append(float(self.form.h[row.index] + row.q @ z))
        self.owner.append(row.index)

    def solve(self, reach: float = np.inf) -> Any:
        """The answer of HiGHS, all variables within ±reach; less precise where it cannot be."""
        s = self.form
        bounds = np.stack([np.maximum(s.lower, -reach), np.minimum(s.upper, reach)], 1)
        rows = sp.vstack(self.rows, format="csr") if self.rows else None
        equal = (s.E, s.f) if len(s.f) else (None, None)
        for settings in (TIGHT, {}):
            answer = linprog(s.c, rows, self.rhs or None, *equal, bounds, method="highs", options=settings)
            if answer.status != 4:
                break
        return answer

    def prices(self, answer: Any) -> tuple[np.ndarray, np.ndarray]:
        """The multipliers of the program's rows, ≥ 0, and their sums, the multipliers of the rows of G."""
        prices, y = np.maximum(-np.asarray(answer.ineqlin.marginals), 0), np.zeros(len(self.form.h))
        np.add.at(y, np.array(self.owner, int), prices)
        return prices, y

    def certificate(self, answer: Any) -> tuple[np.ndarray, dict[int, np.ndarray]]:
        """Each row's multiplier, and one scenario: the mean of those known, weighed by their prices."""
        (prices, y), owner, z = self.prices(answer), np.array(self.owner, int), {}
        for i, scenarios in self.found.items():
            weights = prices[owner == i]
            z[i] = np.average(scenarios, axis=0, weights=weights if weights.sum() > 0 else None)
        return y, z


@dataclass(frozen=True)
class MasterSolution:
    """The master's answer and its x, and the rows that the worst scenarios break there."""

    master: Master
    answer: Any
    x: np.ndarray
    worst: dict[int, np.ndarray]
    violation: np.ndarray
    broken: list[UncertainRow]


def rounds(form: StandardForm, tolerance: float, most: int) -> Iterator[MasterSolution]:
    """The loop over a form in its units; the last round that it yields has no broken row.

    Broken is also a row whose violation is small beside its size, but is worth much at its price.
    """
    master = Master(form, form.first_scenarios())
    for _ in range(most):
        answer, reach = master.solve(), np.inf
        if answer.status in (3, 4):  # no end, or HiGHS cannot tell
            reach = FAR
            answer = master.solve(reach)
        if answer.status == 2:
            raise InfeasibleError
        if answer.status != 0:
            raise SolverError(f"the master problem was not solved: {answer.message}")
        worst = form.worst(answer.x)
        violation, sizes = form.violations(answer.x, worst), form.sizes(magnitudes(answer.x), worst)
        _, price = master.prices(answer)
        share = form.objective_size(answer.fun, answer.x) / (2 * max(1, len(form.uncertain)))
        worth = np.divide(share, price, out=np.full_like(price, np.inf), where=price > 0)
        limit = tolerance * np.minimum(sizes, worth)
        broken = [row for row in form.uncertain if violation[row.index] > limit[row.index]]
        if not broken and np.abs(answer.x).max() >= 0.999 * reach:
            raise UnboundedError
        yield MasterSolution(master, answer, answer.x, worst, violation, broken)
        if not broken:
            return
        for row in broken:
            master.add(row, worst[row.index])
    came = max(violation[row.index] / sizes[row.index] for row in broken)
    hint = "allow more rounds or a larger tolerance"
    raise SolverError(f"after {most} rounds a row is still broken by {came:.3g} of its size; {hint}")


def _last_robust(form: StandardForm, start: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The last robust point on the way from a robust start to x, by bisection; the objective is no row."""
    rows = np.array([name != OBJECTIVE for name in form.names], bool)

    def robust(point: np.ndarray) -> bool:
        worst = form.worst(point)
        violation, sizes = form.violations(point, worst), form.sizes(magnitudes(point), worst)
        return bool((violation <= 1e-9 * sizes)[rows].all())

    if robust(x):
        return x
    low = 0.0
    for k in range(1, 31):
        low += 0.5**k * robust(start + (low + 0.5**k) * (x - start))
    return start + low * (x - start)
