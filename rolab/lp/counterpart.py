"""The robust counterpart of a linear program, eq. (6): one convex problem, for cvxpy and Clarabel."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import scipy.sparse as sp

from rolab.arguments import cvxpy
from rolab.errors import InfeasibleError, SolverError, UnboundedError
from rolab.lp.solution import Solution
from rolab.lp.standard_form import StandardForm, largest

AGREE = 1e-5  # relative: how far two methods, or an answer and its proof, may differ


def counterpart(form: StandardForm, check: bool) -> Solution:
    """The robust counterpart gᵀx + σ_Z(w) ≤ h, one vectorised cvxpy problem.

    The directions w are variables of their own, w = Pᵀx - q. The solver's multiplier of that equation is
    -y z, with the price y of the row and its worst scenario z: one solution gives the certificate too.

    Clarabel's tolerances are absolute. So it sees rows and objective in units in which their largest
    coefficient is neither large nor small; the prices come back in the user's. `check` where no second method
    looks at the answer: then its own proof has to do.
    """
    cp, (scaled, unit, equality_unit, cost) = cvxpy(), _in_units(form)
    x = cp.Variable(len(scaled.c))
    limits = [
        sign * x[j] >= sign * edge[j]
        for edge, sign in ((scaled.lower, 1.0), (scaled.upper, -1.0))
        if (j := np.flatnonzero(np.isfinite(edge))).size
    ]
    certain = scaled.certain
    rows = scaled.G[certain] @ x <= scaled.h[certain] if len(certain) else None
    equal = scaled.E @ x == scaled.f if len(scaled.f) else None
    robust = []
    for group in scaled.groups:
        w = cp.Variable(group.shift.shape)
        link = w == cp.reshape(group.S @ x, w.shape, order="C") - group.shift
        protected = scaled.G[group.index] @ x + group.U.support_expression(w) <= scaled.h[group.index]
        robust.append((link, protected))
    constraints = [*limits, *(c for c in (rows, equal) if c is not None), *chain.from_iterable(robust)]
    problem = cp.Problem(cp.Minimize(scaled.c @ x), constraints)
    status = _run(problem)
    if "optimal" not in status:
        feasible = cp.Problem(cp.Minimize(0), constraints)
        raise UnboundedError if "optimal" in _run(feasible) else InfeasibleError
    y, nu, z = np.zeros(len(scaled.h)), np.zeros(len(scaled.f)), scaled.worst(x.value)
    if rows is not None:
        y[certain] = unit[certain] * rows.dual_value / cost
    if equal is not None:
        nu = equality_unit * np.asarray(equal.dual_value) / cost
    for group, (link, protected) in zip(scaled.groups, robust, strict=True):
        prices = np.asarray(protected.dual_value)
        y[group.index] = unit[group.index] * prices / cost
        binding = prices > 1e-7 * (1 + prices.max(initial=0))
        u = -np.asarray(link.dual_value) / np.where(binding, prices, 1.0)[:, None]
        for row, found, counts in zip(group.rows, group.scenarios(u), binding, strict=True):
            if counts:
                z[row.index] = found
    answer = Solution.from_solver(form, x.value, "counterpart", y, nu, z)
    if check or status != "optimal":
        try:
            answer.verify(AGREE)
        except ValueError as error:
            raise SolverError(f"the counterpart was not solved: {error}") from None
    return answer


def _in_units(s: StandardForm) -> tuple[StandardForm, np.ndarray, np.ndarray, float]:
    """The program with rows, equalities and objective multiplied by these units, which leaves its optimum."""
    unit, equality, cost = _units(s.G), _units(s.E), _units(sp.csr_array(s.c[None]))[0]
    if (np.concatenate([unit, equality, [cost]]) != 1).any():
        G, E = (sp.csr_array(sp.diags_array(u) @ A) for u, A in ((unit, s.G), (equality, s.E)))
        uncertain = tuple(replace(r, P=unit[r.index] * r.P, q=unit[r.index] * r.q) for r in s.uncertain)
        s = replace(s, c=cost * s.c, G=G, h=unit * s.h, E=E, f=equality * s.f, uncertain=uncertain)
    return s, unit, equality, cost


def _units(matrix: sp.csr_array) -> np.ndarray:
    """For each row a power of 2 that makes its largest entry about 1; 1 where that is not far off."""
    sizes = largest(matrix)
    exponent = np.round(np.log2(np.where(sizes > 0, sizes, 1.0)))
    return np.where(np.abs(exponent) > 10, 2.0**-exponent, 1.0)


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
