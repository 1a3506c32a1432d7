"""The robust counterpart of a linear program, eq. (6): one convex problem, for cvxpy and Clarabel."""

from __future__ import annotations

import warnings
from itertools import chain
from typing import Any

import numpy as np

from rolab.arguments import cvxpy
from rolab.errors import InfeasibleError, SolverError, UnboundedError
from rolab.lp.solution import Solution
from rolab.lp.standard_form import StandardForm

DUST = 1e-7  # of the largest: prices whose scenarios a solver does not tell from rounding


def counterpart(form: StandardForm) -> Solution:
    """The robust counterpart gᵀx + σ_Z(w) ≤ h, one vectorised cvxpy problem, in the form's units.

    The directions w are variables of their own, w = Pᵀx - q. The solver's multiplier of that equation is
    -y z, with the price y of the row and its worst scenario z: one solution gives the certificate too.

    An interior point method ends near the bounds that bind, with prices near 0 where a row has slack. Of the
    two numbers, whose product is to be 0, the smaller is meant to be 0, and becomes it.
    """
    cp, s = cvxpy(), form.equilibrated
    x = cp.Variable(len(s.c))
    edges = [
        (edge, j, sign, sign * x[j] >= sign * edge[j])
        for edge, sign in ((s.lower, 1.0), (s.upper, -1.0))
        if (j := np.flatnonzero(np.isfinite(edge))).size
    ]
    certain = s.certain
    rows = s.G[certain] @ x <= s.h[certain] if len(certain) else None
    equal = s.E @ x == s.f if len(s.f) else None
    robust = []
    for group in s.groups:
        unit, w = np.broadcast_to(group.extent, group.shift.shape), cp.Variable(group.shift.shape)
        direction = cp.reshape(group.S @ x, w.shape, order="C") - group.shift
        link = w == cp.multiply(unit, direction)
        support = group.U.support_expression(cp.multiply(1 / unit, w))
        robust.append((link, s.G[group.index] @ x + support <= s.h[group.index]))
    certainly = (each for each in (rows, equal) if each is not None)
    constraints = [*(bound for *_, bound in edges), *certainly, *chain.from_iterable(robust)]
    problem = cp.Problem(cp.Minimize(s.c @ x), constraints)
    status = _run(problem)
    if "optimal" not in status:
        feasible = cp.Problem(cp.Minimize(0), constraints)
        raise UnboundedError if "optimal" in _run(feasible) else InfeasibleError
    point = x.value
    for edge, j, sign, bound in edges:
        binds = bound.dual_value > sign * (point[j] - edge[j])
        point[j] = np.where(binds, edge[j], point[j])
    y, z = np.zeros(len(s.h)), s.worst(point)
    if rows is not None:
        y[certain] = rows.dual_value
    for group, (_, protected) in zip(s.groups, robust, strict=True):
        y[group.index] = protected.dual_value
    y = np.where(y > -s.violations(point, z), y, 0.0)
    for group, (link, _) in zip(s.groups, robust, strict=True):
        prices = y[group.index]
        binding = prices > DUST * y.max(initial=0)
        u = -np.asarray(link.dual_value) * group.extent / np.where(binding, prices, 1.0)[:, None]
        found = group.scenarios(group.nearest(u))
        z |= {row.index: each for row, each, counts in zip(group.rows, found, binding, strict=True) if counts}
    nu = np.zeros(0) if equal is None else np.asarray(equal.dual_value)
    return Solution.from_solver(form, point, "counterpart", y, nu, z)


def _run(problem: Any) -> str:
    """Solves with Clarabel, and tells how it went; on a failure once more with its usual settings."""
    cp, failure = cvxpy(), "no status"
    tight = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}
    for settings in (tight, {}):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Solution may be inaccurate")
            try:
                problem.solve(solver=cp.CLARABEL, **settings)
            except cp.SolverError as error:
                failure = str(error)
                continue
        if problem.status.removesuffix("_inaccurate") in ("optimal", "infeasible", "unbounded"):
            return str(problem.status)
        failure = f"Clarabel ended with {problem.status}"
    raise SolverError(f"the counterpart was not solved: {failure}")
