"""Robust optimisation by online learning with an oracle for the nominal program, [2] of the paper."""

from __future__ import annotations

import math

import numpy as np
import torch

from rolab.errors import InfeasibleError, SolverError, UnboundedError
from rolab.lp.cutting_set import Master
from rolab.lp.solution import OnlineReport, Solution
from rolab.lp.standard_form import StandardForm, UncertainRow
from rolab.lp.worst_case import worst_case

Arrays = list[np.ndarray]


def oracle(form: StandardForm, tolerance: float, steps: int) -> Solution:
    """Against each x_t the adversary takes a gradient step on its data; the answer is the average of all x_t.

    For every uncertain row, with w = Pᵀx - q and projected gradient ascent of step η = D/(G√T),

        z_{t+1} = Π_Z(z_t + η w(x_t)),    x_t optimal for the data z_t.

    Online gradient ascent has regret at most D²/2η + η/2 Σ‖w(x_t)‖², whatever the x_t. Each x_t satisfies the
    rows of its own z_t, so the average x̄ breaks no row by more than regret/T, about D G/√T; and since each
    nominal optimum is no worse than the robust one, neither is the objective of x̄. A nominal program that is
    infeasible proves that the robust one is. D is the diameter of Z, at most, and G the largest ‖w‖ met
    in a first run over a tenth of the steps.

    An approximation: the objective is optimistic, and rows may be broken by `online.violation`.
    """
    s, units, n = form.equilibrated, form.units, len(form.variables)
    rows = s.uncertain
    across = {row.index: _diameter(row) for row in rows}
    warm_up = max(1, steps // 10)
    eager = {row.index: across[row.index] / math.sqrt(warm_up) for row in rows}
    met = _play(s, eager, warm_up)[1]
    steepest = {i: max(float(np.linalg.norm(each)) for each in w) or 1.0 for i, w in met.items()}
    eta = {i: across[i] / (G * math.sqrt(steps)) for i, G in steepest.items()}
    points, gradients = _play(s, eta, steps)
    bound = {
        row.name: (
            across[row.index] ** 2 / (2 * eta[row.index] * steps)
            + eta[row.index] / (2 * steps) * sum(float(w @ w) for w in gradients[row.index])
        ) / units.row[row.index]
        if across[row.index] else 0.0
        for row in rows
    }  # fmt: skip
    history, total = [], units.variable * np.cumsum(points, axis=0)
    marks = [2**k for k in range(steps.bit_length()) if 2**k < steps] + [steps]
    for count in marks:
        x = total[count - 1][:n] / count
        worst = worst_case(form, x)
        violation = max([0.0, *worst.violations.values()])
        history.append((count, worst.objective, violation))
    online = OnlineReport(steps, violation, bound, tuple(history))
    return Solution(x, worst.objective, "oracle", form, worst.scenarios, online=online)


def _play(form: StandardForm, eta: dict[int, float], steps: int) -> tuple[Arrays, dict[int, Arrays]]:
    """The decisions x_t, and for each row the adversary's gradients w(x_t)."""
    z, points = form.first_scenarios(), []
    gradients: dict[int, Arrays] = {row.index: [] for row in form.uncertain}
    for _ in range(steps):
        x = _nominal(form, z)
        points.append(x)
        for row in form.uncertain:
            w = row.P.T @ x - row.q
            gradients[row.index].append(w)
            moved = torch.from_numpy(z[row.index] + eta[row.index] * w)[None]
            z[row.index] = row.Z.project(moved)[0].numpy()
    return points, gradients


def _nominal(form: StandardForm, z: dict[int, np.ndarray]) -> np.ndarray:
    """The oracle: a solver of the program with all data known."""
    answer = Master(form, z).solve()
    if answer.status == 2:
        raise InfeasibleError
    if answer.status == 3:
        no_answer = "a nominal program has no optimum, and the oracle no answer; bound the variables"
        raise UnboundedError(f"unbounded: {no_answer}")
    if answer.status != 0:
        raise SolverError(f"a nominal program was not solved: {answer.message}")
    return answer.x


def _diameter(row: UncertainRow) -> float:
    """At most the diameter of Z: the diagonal of the box around it."""
    k = row.P.shape[1]
    axes = torch.eye(k, dtype=torch.float64)
    return float((row.Z.support(axes) + row.Z.support(-axes)).norm())
