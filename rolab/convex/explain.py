"""The robust counterpart of one row, derived line by line with its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from rolab.arguments import cvxpy
from rolab.convex.solution import scenario, with_epigraph
from rolab.convex.standard import OBJECTIVE

if TYPE_CHECKING:
    from rolab.convex.program import RobustLP


def explain(program: RobustLP, name: str, x: np.ndarray) -> str:
    """See `RobustLP.explain`.

    Line 1 states the row for all data, line 2 moves the uncertain part together, line 3 finds its worst case
    twice: by the set's maximiser, and from above by the dual problem; line 4 is the counterpart.
    """
    standard = program.standard
    if name not in standard.by_name:
        names = ", ".join(map(repr, standard.by_name)) or "none"
        raise ValueError(f"row: expected the name of an uncertain row, got {name!r}; uncertain are: {names}")
    row = standard.by_name[name]
    point = with_epigraph(program, x)
    w = row.P.T @ point - row.q
    direction = torch.from_numpy(w)[None]
    z = row.Z.maximizer(direction)[0].numpy()
    reached, dual = float(w @ z), _dual(row.Z, w)
    worst = scenario(program, name, z, x)
    nominal = scenario(program, name, np.zeros_like(z), x)
    objective = name == OBJECTIVE
    upward = program.maximize if objective else program.senses[program.names.index(name)] == ">="
    sign, sense, extreme = (-1.0, "≥", "min") if upward else (1.0, "≤", "max")
    limit = ("t" if objective else f"{nominal.rhs:g}") + ("" if not row.q.any() else " + qᵀz")
    protected = nominal.value + sign * reached
    protected = protected if abs(protected) > 1e-9 * (1 + abs(nominal.value)) else 0.0
    moved = ("−Pᵀx" if upward else "Pᵀx") if not row.q.any() else ("q − Pᵀx" if upward else "Pᵀx − q")
    assert row.Z.contains(torch.from_numpy(z)[None], atol=1e-6 * (1 + np.abs(z).max(initial=0))).item(), (
        "z* ∈ Z"
    )
    assert abs(dual - reached) <= 1e-5 * (1 + abs(reached)), "strong duality"
    moved_rhs = 0.0 if objective else worst.rhs - nominal.rhs
    assert abs(worst.value - moved_rhs - protected) <= 1e-7 * (1 + abs(protected)), "the row under z*"
    holds = "" if objective else f"   {'✓' if worst.violation <= 1e-6 * (1 + abs(worst.rhs)) else '✗ broken'}"
    right = (
        f"{protected:.6g} is the worst objective" if objective else f"{protected:.6g} {sense} {nominal.rhs:g}"
    )
    return "\n".join(
        [
            f"1. (a + P z)ᵀx {sense} {limit} for all z ∈ Z, here Z = {row.Z!r}",
            f"2. ⇔ aᵀx {'−' if upward else '+'} max over z ∈ Z of ⟨w, z⟩ {sense} {limit.split(' ')[0]},   "
            f"aᵀx = {nominal.value:.6g},   w = {moved} = {_vector(w)}",
            f"3. max = ⟨w, z*⟩ = {reached:.6g} at z* = {_vector(z)};   dual: {row.Z.formula} = {dual:.6g}",
            f"4. counterpart: {nominal.value:.6g} {'−' if upward else '+'} {reached:.6g} = {right}{holds}",
        ]
    )


def _dual(Z: object, w: np.ndarray) -> float:
    """σ_Z(w) from above: the least value of the dual problem, by a solver that knows no maximiser."""
    cp = cvxpy()
    problem = cp.Problem(cp.Minimize(Z.support_expression(cp.Constant(w))))  # type: ignore[attr-defined]
    problem.solve(solver=cp.CLARABEL)
    return float(problem.value)


def _vector(v: np.ndarray) -> str:
    shown = [f"{x + 0.0:.4g}" for x in np.round(v[:6], 12)] + ["…"] * (len(v) > 6)
    return f"({', '.join(shown)})"
