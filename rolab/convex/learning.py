"""Robust optimisation by online learning with an oracle for the nominal program, [2] of the paper."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
import torch
from scipy.optimize import linprog

from rolab.convex.cutting import some_scenario
from rolab.convex.errors import InfeasibleError, SolverError, UnboundedError
from rolab.convex.solution import Learning, Solution, worst_case
from rolab.convex.standard import Standard, UncertainRow

if TYPE_CHECKING:
    from rolab.convex.program import RobustLP


def oracle(program: RobustLP, tolerance: float = 1e-6, steps: int = 1000) -> Solution:
    """Against each x_t the adversary takes a gradient step on its data; the answer is the average of all x_t.

    For every uncertain row, with w = Pᵀx - q and projected gradient ascent of step η = D/(G√T),

        z_{t+1} = Π_Z(z_t + η w(x_t)),    x_t optimal for the data z_t.

    Online gradient ascent has regret at most D²/2η + η/2 Σ‖w(x_t)‖², whatever the x_t. Each x_t satisfies the
    rows of its own z_t, so the average x̄ breaks no row by more than regret/T, about D G/√T; and since each
    nominal optimum is no worse than the robust one, neither is the objective of x̄. A nominal program that is
    infeasible proves that the robust one is. D is the diameter of Z, at most, and G the largest ‖w‖ met
    in a first run over a tenth of the steps.

    An approximation: the objective is optimistic, and rows may be broken by `learning.violation`.
    """
    standard: Standard = program.standard
    rows, n = standard.uncertain, len(program.variables)
    start = {row.index: some_scenario(row) for row in rows}
    across = {row.index: _diameter(row) for row in rows}
    warm_up = max(1, steps // 10)
    eager = {row.index: across[row.index] / math.sqrt(warm_up) for row in rows}
    steepest = {
        i: max(map(np.linalg.norm, w), default=0.0)
        for i, w in _play(standard, start, eager, warm_up)[1].items()
    }
    eta = {i: across[i] / (max(float(G), 1e-12) * math.sqrt(steps)) for i, G in steepest.items()}
    points, gradients = _play(standard, start, eta, steps)
    bound = {
        row.name: across[row.index] ** 2 / (2 * eta[row.index] * steps)
        + eta[row.index] / (2 * steps) * sum(float(w @ w) for w in gradients[row.index])
        if across[row.index] else 0.0
        for row in rows
    }  # fmt: skip
    history, total = [], np.cumsum(points, axis=0)
    marks = [2**k for k in range(steps.bit_length()) if 2**k < steps] + [steps]
    for count in marks:
        average = total[count - 1][:n] / count
        worst = worst_case(program, average)
        history.append((count, worst.objective, max([0.0, *worst.violations.values()])))
    x, (_, objective, violation) = total[-1][:n] / steps, history[-1]
    learning = Learning(steps, violation, bound, tuple(history))
    scenarios = worst_case(program, x).scenarios
    return Solution(x, objective, "oracle", program, scenarios, learning=learning)


def _play(
    standard: Standard, start: dict[int, np.ndarray], eta: dict[int, float], steps: int
) -> tuple[list[np.ndarray], dict[int, list[np.ndarray]]]:
    """The decisions x_t, and for each row the adversary's gradients w(x_t)."""
    z = dict(start)
    points: list[np.ndarray] = []
    gradients: dict[int, list[np.ndarray]] = {row.index: [] for row in standard.uncertain}
    for _ in range(steps):
        x = _nominal(standard, z)
        points.append(x)
        for row in standard.uncertain:
            w = row.P.T @ x - row.q
            gradients[row.index].append(w)
            moved = torch.from_numpy(z[row.index] + eta[row.index] * w)[None]
            z[row.index] = row.Z.project(moved)[0].numpy()
    return points, gradients


def _nominal(standard: Standard, z: dict[int, np.ndarray]) -> np.ndarray:
    """The oracle: a solver of the program with all data known."""
    s = standard
    G, h = s.G.tolil(), s.h.copy()
    for row in s.uncertain:
        G[row.index] = s.G[[row.index]].toarray()[0] + row.P @ z[row.index]
        h[row.index] += row.q @ z[row.index]
    equal = (s.E, s.f) if len(s.f) else (None, None)
    rows = (sp.csr_array(G), h) if len(h) else (None, None)
    answer = linprog(s.c, *rows, *equal, np.stack([s.lower, s.upper], 1), method="highs")
    if answer.status == 2:
        raise InfeasibleError
    if answer.status == 3:
        raise UnboundedError(
            "unbounded: a nominal program has no optimum, and the oracle no answer; bound the variables"
        )
    if answer.status != 0:
        raise SolverError(f"a nominal program was not solved: {answer.message}")
    return answer.x


def _diameter(row: UncertainRow) -> float:
    """At most the diameter of Z: the diagonal of the box around it."""
    k = row.P.shape[1]
    axes = torch.cat([torch.eye(k, dtype=torch.float64), -torch.eye(k, dtype=torch.float64)])
    reach = row.Z.support(axes)
    return float((reach[:k] + reach[k:]).norm())
