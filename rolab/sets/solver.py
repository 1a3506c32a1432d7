"""Solver oracles: the maximiser and the projection of sets without a closed form, by Clarabel and HiGHS.

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

from rolab.arguments import cvxpy, normalized
from rolab.errors import EmptySetError
from rolab.sets.oracles import Oracles


@torch.no_grad()
def maximizer(U: Oracles, x: Tensor) -> Tensor:
    """The furthest points: the largest Σ ⟨x, z⟩ over the batch (N, d), each x first scaled to 1."""
    return _best(U, x, lambda cp, z: cp.Maximize(cp.sum(cp.multiply(array(normalized(x)[0]), z))))


@torch.no_grad()
def project(U: Oracles, x: Tensor) -> Tensor:
    """The nearest points: the least Σ ‖z − x‖² over the batch (N, d), right to some 6 digits."""
    return _best(U, x, lambda cp, z: cp.Minimize(cp.sum_squares(z - array(x))))


@torch.no_grad()
def distance(U: Oracles, x: Tensor) -> Tensor:
    """The least ‖z − x‖ of each example: (N,).

    Of a point of the set the norm finds all digits; its square, which has no slope there, half of them.
    """
    z = _best(U, x, lambda cp, z: cp.Minimize(cp.sum(cp.norm(z - array(x), 2, axis=1))))
    return (z - x.double().cpu()).norm(dim=1).to(x)


def _best(U: Oracles, x: Tensor, objective: Any) -> Tensor:
    """The best z in U, one for each row of x, in float64."""
    if not len(x):
        return x.double()
    cp = cvxpy()
    z = cp.Variable(x.shape)
    solve(cp.Problem(objective(cp, z), U.constraints(z)), U)
    return torch.from_numpy(z.value)


def solve(problem: Any, U: Oracles) -> None:
    """Solve a problem over U: at a vertex by HiGHS if it is linear, else by Clarabel."""
    cp = cvxpy()
    if problem.is_lp():
        problem.solve(solver=cp.SCIPY, scipy_options={"method": "highs-ds"})
    else:  # Clarabel's own are 1e-8 and 0.99 of the way to the boundary; shorter steps reach finer precisions
        for precision, step in ((3e-11, 0.8), (1e-9, 0.8), (1e-8, 0.99), (1e-7, 0.9)):
            tolerances = {f"tol_{what}": precision for what in ("gap_abs", "gap_rel", "feas")}
            with warnings.catch_warnings(), contextlib.suppress(cp.SolverError):
                warnings.filterwarnings("ignore", message="Solution may be inaccurate")
                problem.solve(solver=cp.CLARABEL, warm_start=False, max_step_fraction=step, **tolerances)
            if problem.status in (cp.OPTIMAL, cp.INFEASIBLE):
                break
    if problem.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE):
        raise EmptySetError(f"{U!r}: expected a set that holds a point, got an empty one")
    if problem.status != cp.OPTIMAL:
        raise RuntimeError(f"{U!r}: the solver ended with the status {problem.status}")


def lp_vertices(D: Tensor, d: Tensor, g: Tensor, reach: float | None = None) -> Tensor:
    """A vertex of {z: Dz ≤ d, |z_i| ≤ reach} with the largest ⟨g, z⟩ for each row of g (N, n): one LP."""
    count, width = g.shape
    rows, most = sparse.kron(sparse.eye(count), array(D), format="csr"), np.tile(array(d), count)
    limits = (None if reach is None else -reach, reach)
    tight = {f"{side}_feasibility_tolerance": 1e-10 for side in ("primal", "dual")}
    found = linprog(-array(g).ravel(), rows, most, bounds=limits, method="highs-ds", options=tight)
    if found.status != 0:
        raise RuntimeError(f"linear program: {found.message}")
    return torch.from_numpy(found.x.reshape(count, width))


def array(x: Tensor) -> Any:
    """The tensor as a float64 array of numpy, or of scipy if it is sparse."""
    if x.is_sparse:
        return sparse.csr_array((x.values().numpy(), tuple(x.indices().numpy())), shape=tuple(x.shape))
    return x.detach().to("cpu", torch.float64).numpy()
