"""Cutting sets, [13] of the paper: solve, find the worst scenario, *add* it, repeat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch
from scipy.optimize import linprog

from rolab.convex.errors import InfeasibleError, SolverError, UnboundedError
from rolab.convex.solution import Cut, Solution, solution, with_epigraph, worst_case
from rolab.convex.standard import OBJECTIVE, Standard, UncertainRow

if TYPE_CHECKING:
    from rolab.convex.program import RobustLP

FAR = 1e7  # stands in for no bound while the scenarios known so far leave the program unbounded


def cutting_set(program: RobustLP, tolerance: float = 1e-6, most: int = 1000) -> Solution:
    """Adds the worst scenario of every broken row until none is broken by more than tolerance · its size.

    The program with some scenarios is a relaxation: its optimum, the *optimistic* bound, can only get worse
    when one is added. Whoever replaced the last scenario instead of adding could go round in circles. The
    *safe* bound is the objective of the best robust decision known: the last one on the way from a robust
    decision to the current x, where the worst case of every row is convex.
    """
    standard, n = program.standard, len(program.variables)
    better = max if program.maximize else min
    anchor = np.clip(np.zeros(n), program.lower, program.upper)  # robust without a solver, or it may be
    start = worst_case(program, anchor)
    safe, trace = (start.objective if start.feasible else None), []
    for now in rounds(standard, tolerance, most):
        if safe is not None:
            point = _last_robust(standard, with_epigraph(program, anchor), now.x)[:n]
            value = worst_case(program, point).objective
            safe = better(value, safe)
        if not now.broken:  # then x itself is robust
            value = worst_case(program, now.x[:n]).objective
            safe = value if safe is None else better(value, safe)
        optimistic = float(now.answer.fun) * (-1 if program.maximize else 1)
        added = {row.name: now.worst[row.index] for row in now.broken}
        largest = max((now.violation[row.index] for row in standard.uncertain), default=0.0)
        trace.append(Cut(now.x[:n], optimistic, safe, max(float(largest), 0.0), added))
    y, z = now.master.certificate(now.answer.ineqlin.marginals)
    nu = -np.asarray(now.answer.eqlin.marginals)
    return solution(program, now.x, "cutting-set", y, nu, z, trace=tuple(trace))


@dataclass
class Master:
    """The linear program with the scenarios known so far: all that its solver has to know."""

    standard: Standard
    found: dict[int, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))
    rows: list[sp.csr_array] = field(default_factory=list)
    rhs: list[float] = field(default_factory=list)
    owner: list[int] = field(default_factory=list)  # which row of G each row of the program comes from

    def __post_init__(self) -> None:
        certain = self.standard.certain
        if len(certain):
            self.rows.append(self.standard.G[certain])
        self.rhs += self.standard.h[certain].tolist()
        self.owner += certain.tolist()
        for row in self.standard.uncertain:
            self.add(row, some_scenario(row))

    def add(self, row: UncertainRow, z: np.ndarray) -> None:
        """Adds the row with the data of a scenario."""
        s = self.standard
        self.found[row.index].append(z)
        self.rows.append(s.G[[row.index]] + sp.csr_array((row.P @ z)[None]))
        self.rhs.append(float(s.h[row.index] + row.q @ z))
        self.owner.append(row.index)

    def solve(self, reach: float) -> Any:
        """The answer of HiGHS, all variables within ±reach."""
        s = self.standard
        bounds = np.stack([np.maximum(s.lower, -reach), np.minimum(s.upper, reach)], 1)
        rows = sp.vstack(self.rows, format="csr") if self.rows else None
        equal = (s.E, s.f) if len(s.f) else (None, None)
        return linprog(s.c, rows, self.rhs or None, *equal, bounds, method="highs")

    def certificate(self, marginals: np.ndarray) -> tuple[np.ndarray, dict[int, np.ndarray]]:
        """Each row's multiplier, the sum over its scenarios, and one scenario: their weighted mean."""
        prices, owner = np.maximum(-np.asarray(marginals), 0), np.array(self.owner, int)
        y, z = np.zeros(len(self.standard.h)), {}
        np.add.at(y, owner, prices)
        for i, scenarios in self.found.items():
            weights = prices[owner == i]
            z[i] = np.average(scenarios, axis=0, weights=weights if weights.sum() > 0 else None)
        return y, z


def some_scenario(row: UncertainRow) -> np.ndarray:
    """The scenario to begin with: 0, the data as printed, if that is in the set; else some point of it."""
    return row.Z.maximizer(torch.zeros(1, row.P.shape[1], dtype=torch.float64))[0].numpy()


@dataclass(frozen=True)
class Round:
    """One round: the master's answer and its x, and the rows that the worst scenarios break there."""

    master: Master
    answer: Any
    x: np.ndarray
    worst: dict[int, np.ndarray]
    violation: np.ndarray
    broken: list[UncertainRow]


def rounds(standard: Standard, tolerance: float, most: int) -> Iterator[Round]:
    """The loop; the last round that it yields has no broken row."""
    master, reach = Master(standard), np.inf
    for _ in range(most):
        answer = master.solve(reach)
        if answer.status in (3, 4) and reach == np.inf:  # no end, or HiGHS cannot tell
            reach = FAR
            answer = master.solve(reach)
        if answer.status == 2:
            raise InfeasibleError
        if answer.status != 0:
            raise SolverError(f"the master problem was not solved: {answer.message}")
        worst = standard.worst(answer.x)
        violation = standard.violations(answer.x, worst)
        broken = [
            row for row in standard.uncertain if violation[row.index] > tolerance * standard.size[row.index]
        ]
        if not broken and np.abs(answer.x).max() >= 0.999 * reach:
            raise UnboundedError
        yield Round(master, answer, answer.x, worst, violation, broken)
        if not broken:
            return
        for row in broken:
            master.add(row, worst[row.index])
    came = f"after {most} rounds a row is still broken by {violation.max():.3g}"
    raise SolverError(f"{came}; allow more rounds or a larger tolerance")


def _last_robust(standard: Standard, start: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The last robust point on the way from a robust start to x, by bisection; the objective is no row."""
    rows = np.array([name != OBJECTIVE for name in standard.names], bool)

    def robust(point: np.ndarray) -> bool:
        violation = standard.violations(point, standard.worst(point))
        return bool((violation <= 1e-9 * standard.size)[rows].all())

    if robust(x):
        return x
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if robust(start + middle * (x - start)) else (low, middle)
    return start + low * (x - start)
