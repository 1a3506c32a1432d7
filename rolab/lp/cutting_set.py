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
from rolab.lp.worst_case import worst_case

FAR = 1e7  # stands in for no bound while the scenarios known so far leave the program unbounded


def cutting_set(form: StandardForm, tolerance: float, most: int) -> Solution:
    """Adds the worst scenario of every broken row until none is broken by more than tolerance · its size.

    The program with some scenarios is a relaxation: its optimum, the *optimistic* bound, can only get worse
    when one is added. Whoever replaced the last scenario instead of adding could go round in circles. The
    *safe* bound is the objective of the best robust decision known: the last one on the way from a robust
    decision to the current x, where the worst case of every row is convex.
    """
    n, better = len(form.variables), max if form.maximize else min
    anchor = np.clip(np.zeros(n), form.lower[:n], form.upper[:n])  # robust without a solver, or it may be
    start = worst_case(form, anchor)
    safe, trace = (start.objective if start.feasible else None), []
    for now in rounds(form, tolerance, most):
        if safe is not None:
            point = _last_robust(form, form.point(anchor), now.x)[:n]
            value = worst_case(form, point).objective
            safe = better(value, safe)
        if not now.broken:  # then x itself is robust
            value = worst_case(form, now.x[:n]).objective
            safe = value if safe is None else better(value, safe)
        optimistic = form.sign[OBJECTIVE] * float(now.answer.fun)
        added = {row.name: now.worst[row.index] for row in now.broken}
        largest = max((now.violation[row.index] for row in form.uncertain), default=0.0)
        trace.append(CuttingSetRound(now.x[:n], optimistic, safe, max(float(largest), 0.0), added))
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
        """The answer of HiGHS, all variables within ±reach."""
        s = self.form
        bounds = np.stack([np.maximum(s.lower, -reach), np.minimum(s.upper, reach)], 1)
        rows = sp.vstack(self.rows, format="csr") if self.rows else None
        equal = (s.E, s.f) if len(s.f) else (None, None)
        return linprog(s.c, rows, self.rhs or None, *equal, bounds, method="highs")

    def certificate(self, answer: Any) -> tuple[np.ndarray, dict[int, np.ndarray]]:
        """Each row's multiplier, the sum over its scenarios, and one scenario: their weighted mean."""
        prices, owner = np.maximum(-np.asarray(answer.ineqlin.marginals), 0), np.array(self.owner, int)
        y, z = np.zeros(len(self.form.h)), {}
        np.add.at(y, owner, prices)
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
    """The loop; the last round that it yields has no broken row."""
    master, reach = Master(form, form.first_scenarios()), np.inf
    for _ in range(most):
        answer = master.solve(reach)
        if answer.status in (3, 4) and reach == np.inf:  # no end, or HiGHS cannot tell
            reach = FAR
            answer = master.solve(reach)
        if answer.status == 2:
            raise InfeasibleError
        if answer.status != 0:
            raise SolverError(f"the master problem was not solved: {answer.message}")
        worst = form.worst(answer.x)
        violation = form.violations(answer.x, worst)
        broken = [row for row in form.uncertain if violation[row.index] > tolerance * form.size[row.index]]
        if not broken and np.abs(answer.x).max() >= 0.999 * reach:
            raise UnboundedError
        yield MasterSolution(master, answer, answer.x, worst, violation, broken)
        if not broken:
            return
        for row in broken:
            master.add(row, worst[row.index])
    came = f"after {most} rounds a row is still broken by {violation.max():.3g}"
    raise SolverError(f"{came}; allow more rounds or a larger tolerance")


def _last_robust(form: StandardForm, start: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The last robust point on the way from a robust start to x, by bisection; the objective is no row."""
    rows = np.array([name != OBJECTIVE for name in form.names], bool)

    def robust(point: np.ndarray) -> bool:
        violation = form.violations(point, form.worst(point))
        return bool((violation <= 1e-9 * form.size)[rows].all())

    if robust(x):
        return x
    low = 0.0
    for k in range(1, 31):
        low += 0.5**k * robust(start + (low + 0.5**k) * (x - start))
    return start + low * (x - start)
