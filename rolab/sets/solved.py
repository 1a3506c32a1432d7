"""The oracles of sets that have no closed form: small convex problems, by Clarabel and HiGHS.

A batch is one problem. What a solver does not call optimal is an error, never an answer.
"""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import numpy as np
import torch
from scipy import sparse
from scipy.optimize import linprog
from torch import Tensor

from rolab.norms import as_rows, cvxpy
from rolab.sets.base import EmptySetError, UncertaintySet, like, normalized, rounding, zero_if_held

# Clarabel's own are 1e-8, and 0.99 of the way to the boundary; shorter steps reach finer precisions.
PRECISIONS_AND_STEPS = ((3e-11, 0.8), (1e-9, 0.8), (1e-8, 0.99), (1e-7, 0.9))


@torch.no_grad()
def project(U: UncertaintySet, d: Tensor) -> Tensor:
    """The nearest points of `U.within`: the least Σ ‖z − d‖² over the batch, right to some 6 digits."""
    cp, x = cvxpy(), as_rows(d, "d")
    if not len(x):
        return d.clone()
    z = cp.Variable(x.shape)
    solve(cp.Problem(cp.Minimize(cp.sum_squares(z - array(x))), U.within(z)), U)
    return like(d, torch.from_numpy(z.value))


@torch.no_grad()
def contains(U: UncertaintySet, d: Tensor, atol: float) -> Tensor:
    """Whether the least ‖z − d‖ over `U.within` is at most atol, beside the rounding of d.

    Of a point of the set the norm finds all digits; its square, which has no slope there, half of them.
    """
    cp, x = cvxpy(), as_rows(d, "d", finite=False)
    finite = x.isfinite().all(1)
    x = x.masked_fill(~finite[:, None], 0.0)
    if not len(x):
        return finite
    z = cp.Variable(x.shape)
    distance = cp.norm(z - array(x), 2, axis=1)
    solve(cp.Problem(cp.Minimize(cp.sum(distance)), U.within(z)), U)
    return finite & (torch.from_numpy(distance.value).to(x) <= atol + rounding(d) * x.norm(dim=1))


@torch.no_grad()
def maximizer(U: UncertaintySet, g: Tensor) -> Tensor:
    """The furthest points of `U.within`: the largest Σ ⟨g, z⟩ over the batch, each g first scaled to 1."""
    cp, x = cvxpy(), as_rows(g, "g")
    if not len(x):
        return g.clone()
    z = cp.Variable(x.shape)
    value = cp.sum(cp.multiply(array(normalized(x)), z))
    solve(cp.Problem(cp.Maximize(value), U.within(z)), U)
    return zero_if_held(U, g, like(g, torch.from_numpy(z.value)))


def check_not_empty(U: UncertaintySet, shape: tuple[int, ...]) -> None:
    """Raise an `EmptySetError` unless a z of this shape is `U.within`."""
    cp = cvxpy()
    if not U.holds_zero:
        solve(cp.Problem(cp.Minimize(0), U.within(cp.Variable(shape))), U)


def solve(problem: Any, U: UncertaintySet) -> None:
    """Solve a problem over U: at a vertex by HiGHS if it is linear, else by Clarabel."""
    cp = cvxpy()
    if problem.is_lp():
        problem.solve(solver=cp.SCIPY, scipy_options={"method": "highs-ds"})
    else:
        _solve_by_clarabel(problem)
    if problem.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE):
        raise EmptySetError(f"{U!r}: expected a set that holds a point, got an empty one")
    if problem.status != cp.OPTIMAL:
        raise RuntimeError(f"{U!r}: the solver ended with the status {problem.status}")


def _solve_by_clarabel(problem: Any) -> None:
    """Solve with the first precision that can be had."""
    cp = cvxpy()
    for precision, step in PRECISIONS_AND_STEPS:
        tolerances = {f"tol_{what}": precision for what in ("gap_abs", "gap_rel", "feas")}
        with warnings.catch_warnings(), contextlib.suppress(cp.SolverError):
            warnings.filterwarnings("ignore", message="Solution may be inaccurate")
            problem.solve(solver=cp.CLARABEL, warm_start=False, max_step_fraction=step, **tolerances)
        if problem.status in (cp.OPTIMAL, cp.INFEASIBLE):
            return


def furthest(D: Tensor, d: Tensor, g: Tensor, reach: float | None = None) -> Tensor:
    """A vertex of {z: Dz ≤ d, |z_i| ≤ reach} with the largest ⟨g, z⟩ for each row of g (N, n): one LP."""
    count, width = g.shape
    rows = sparse.kron(sparse.eye(count), array(D), format="csr")
    limits = (None if reach is None else -reach, reach)
    tight = {f"{side}_feasibility_tolerance": 1e-10 for side in ("primal", "dual")}
    found = linprog(
        -array(g).ravel(),
        A_ub=rows,
        b_ub=np.tile(array(d), count),
        bounds=limits,
        method="highs-ds",
        options=tight,
    )
    if found.status != 0:
        raise RuntimeError(f"linear program: {found.message}")
    return torch.from_numpy(found.x.reshape(count, width))


def array(x: Tensor) -> Any:
    """The tensor as a float64 array of numpy, or of scipy if it is sparse."""
    if x.is_sparse:
        return sparse.csr_array((x.values().numpy(), tuple(x.indices().numpy())), shape=tuple(x.shape))
    return x.detach().to("cpu", torch.float64).numpy()
