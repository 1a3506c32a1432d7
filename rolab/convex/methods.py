"""The methods of solution: the counterpart as one convex problem, and the choice among all of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from rolab.arguments import cvxpy
from rolab.convex.conflicts import infeasible, unbounded
from rolab.convex.cutting import cutting_set
from rolab.convex.errors import DisagreementError, InfeasibleError, SolverError, UnboundedError
from rolab.convex.learning import oracle
from rolab.convex.solution import Solution, solution
from rolab.convex.standard import Standard, largest

if TYPE_CHECKING:
    from rolab.convex.program import RobustLP

AGREE = 1e-5  # relative: how far the two methods may differ


ROUNDS = {"both": 200, "counterpart": 1, "cutting-set": 1000, "oracle": 1000}  # unless the user says so


def solve(program: RobustLP, method: str, tolerance: float, rounds: int | None) -> Solution:
    """See `RobustLP.solve`."""
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance: expected a number between 0 and 1, got {tolerance!r}")
    if rounds is None:
        rounds = ROUNDS[method]
    if not isinstance(rounds, int) or rounds < 1:
        raise ValueError(f"rounds: expected a whole number from 1 up, got {rounds!r}")
    try:
        return METHODS[method](program, tolerance, rounds)
    except InfeasibleError:
        raise infeasible(program) from None
    except UnboundedError as error:
        raise (unbounded(program) if str(error) == "unbounded" else error) from None


def counterpart(program: RobustLP, tolerance: float = 1e-6, rounds: int = 0) -> Solution:
    """The robust counterpart gᵀx + σ_Z(w) ≤ h, one vectorised cvxpy problem.

    The directions w are variables of their own, w = Pᵀx - q. The solver's multiplier of that equation is
    -y z, with the price y of the row and its worst scenario z: one solution gives the certificate too.

    Clarabel's tolerances are absolute. So it sees rows and objective in units in which their largest
    coefficient is neither large nor small; the prices come back in the user's.
    """
    cp, (standard, unit, equality_unit, cost) = cvxpy(), _in_units(program.standard)
    x = cp.Variable(len(standard.c))
    within = [
        bound
        for edge, sign in ((standard.lower, 1.0), (standard.upper, -1.0))
        if (j := np.flatnonzero(np.isfinite(edge))).size
        for bound in [sign * x[j] >= sign * edge[j]]
    ]
    certain = standard.certain
    rows = standard.G[certain] @ x <= standard.h[certain] if len(certain) else None
    equal = standard.E @ x == standard.f if len(standard.f) else None
    robust = []
    for group in standard.groups:
        w = cp.Variable(group.shift.shape)
        link = w == cp.reshape(group.S @ x, w.shape, order="C") - group.shift
        protected = standard.G[group.index] @ x + group.U.support_expression(w) <= standard.h[group.index]
        robust.append((link, protected))
    constraints = [
        *within,
        *(c for c in (rows, equal) if c is not None),
        *(c for pair in robust for c in pair),
    ]
    problem = cp.Problem(cp.Minimize(standard.c @ x), constraints)
    status = _run(problem)
    if "optimal" not in status:
        feasible = cp.Problem(cp.Minimize(0), constraints)
        raise UnboundedError if "optimal" in _run(feasible) else InfeasibleError
    y, nu, z = np.zeros(len(standard.h)), np.zeros(len(standard.f)), standard.worst(x.value)
    if rows is not None:
        y[certain] = unit[certain] * rows.dual_value / cost
    if equal is not None:
        nu = equality_unit * np.asarray(equal.dual_value) / cost
    for group, (link, protected) in zip(standard.groups, robust, strict=True):
        prices = np.asarray(protected.dual_value)
        y[group.index] = unit[group.index] * prices / cost
        binding = prices > 1e-7 * (1 + prices.max(initial=0))
        u = -np.asarray(link.dual_value) / np.where(binding, prices, 1.0)[:, None]
        for row, found, counts in zip(group.rows, group.scenarios(u), binding, strict=True):
            if counts:
                z[row.index] = found
    answer = solution(program, x.value, "counterpart", y, nu, z)
    if status != "optimal":
        _check(answer)
    return answer


def checked_counterpart(program: RobustLP, tolerance: float, rounds: int) -> Solution:
    """The counterpart alone: no second method looks at it, so its own proof has to do."""
    answer = counterpart(program)
    _check(answer)
    return answer


def _check(answer: Solution) -> None:
    try:
        answer.verify(AGREE)
    except ValueError as error:
        raise SolverError(f"the counterpart was not solved: {error}") from None


def _in_units(s: Standard) -> tuple[Standard, np.ndarray, np.ndarray, float]:
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


def both(program: RobustLP, tolerance: float, rounds: int) -> Solution:
    """Solves twice, and answers only if the two agree: what one forgets, the other finds."""
    first = counterpart(program)
    try:
        second = cutting_set(program, tolerance, rounds)
    except SolverError as error:
        hint = 'method="counterpart" needs no rounds, and `verify` checks its proof'
        raise SolverError(f"{error}; {hint}") from None
    if abs(first.objective - second.objective) > AGREE * (1 + abs(second.objective)):
        raise DisagreementError(
            f"the counterpart gives {first.objective:.9g}, the cutting sets {second.objective:.9g}: no answer"
        )
    return Solution(
        second.x, second.objective, "both", program, second.scenarios, second.multipliers, second.trace
    )


METHODS: dict[str, Callable[[RobustLP, float, int], Solution]] = {
    "both": both,
    "counterpart": checked_counterpart,
    "cutting-set": cutting_set,
    "oracle": oracle,
}
