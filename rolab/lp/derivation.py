"""The derivation of the robust counterpart of one row, line by line with its numbers."""

from __future__ import annotations

import numpy as np
import torch

from rolab.arguments import cvxpy
from rolab.lp.standard_form import OBJECTIVE, StandardForm
from rolab.lp.units import extent
from rolab.lp.worst_case import scenario
from rolab.sets import UncertaintySet


def derive(form: StandardForm, name: str, x: np.ndarray) -> str:
    """See `RobustLP.explain`.

    Line 1 states the row for all data, line 2 moves the uncertain part together, line 3 finds its worst case
    twice: by the set's maximiser, and from above by the dual problem; line 4 is the counterpart.
    """
    if name not in form.by_name:
        names = ", ".join(map(repr, form.by_name)) or "none"
        raise ValueError(f"row: expected the name of an uncertain row, got {name!r}; uncertain are: {names}")
    row = form.by_name[name]
    w = row.P.T @ form.point(x) - row.q
    z = row.Z.maximizer(torch.from_numpy(w)[None])[0].numpy()
    most = extent(row.Z, len(z))
    reached, scale = float(w @ z), float(np.abs(w) @ most)
    dual = _dual(row.Z, w, scale)
    worst, nominal = scenario(form, name, z, x), scenario(form, name, np.zeros_like(z), x)
    objective, sign, moves = name == OBJECTIVE, form.sign[name], row.q.any()
    size = max(float(np.abs(nominal.coefficients) @ np.abs(x)), scale, 0.0 if objective else abs(nominal.rhs))
    protected = nominal.value + sign * reached
    protected = protected if abs(protected) > 1e-9 * size else 0.0
    if sign < 0:
        sense, plus, moved = "≥", "−", "q − Pᵀx" if moves else "−Pᵀx"
    else:
        sense, plus, moved = "≤", "+", "Pᵀx − q" if moves else "Pᵀx"
    limit = "t" if objective else f"{nominal.rhs:g}"
    assert row.Z.contains(torch.from_numpy(z)[None], 1e-6 * most.max()).item(), "z* ∈ Z"
    assert abs(dual - reached) <= 1e-5 * scale, "strong duality"
    moved_rhs = 0.0 if objective else worst.rhs - nominal.rhs
    assert abs(worst.value - moved_rhs - protected) <= 1e-7 * size, "the row under z*"
    holds = "" if objective else f"   {'✓' if worst.violation <= 1e-6 * size else '✗ broken'}"
    right = "is the worst objective" if objective else f"{sense} {limit}"
    return (
        f"1. (a + P z)ᵀx {sense} {limit}{' + qᵀz' if moves else ''} for all z ∈ Z, here Z = {row.Z!r}\n"
        f"2. ⇔ aᵀx {plus} max over z ∈ Z of ⟨w, z⟩ {sense} {limit},   "
        f"aᵀx = {nominal.value:.6g},   w = {moved} = {_vector(w)}\n"
        f"3. max = ⟨w, z*⟩ = {reached:.6g} at z* = {_vector(z)};   dual: {row.Z.formula} = {dual:.6g}\n"
        f"4. counterpart: {nominal.value:.6g} {plus} {reached:.6g} = {protected:.6g} {right}{holds}"
    )


def _dual(Z: UncertaintySet, w: np.ndarray, scale: float) -> float:
    """σ_Z(w) from above: the least value of the dual problem, by a solver that knows no maximiser.

    The solver sees w as of size 1 and the value in units of the scale, which is at least |σ_Z(w)|.
    """
    cp, length = cvxpy(), float(np.abs(w).max(initial=0)) or 1.0
    unit = scale / length or 1.0
    problem = cp.Problem(cp.Minimize(Z.support_expression(cp.Constant(w / length)) / unit))
    return length * unit * float(problem.solve(solver=cp.CLARABEL))


def _vector(v: np.ndarray) -> str:
    shown = [f"{x + 0.0:.4g}" for x in np.round(v[:6], 12)] + ["…"] * (len(v) > 6)
    return f"({', '.join(shown)})"
