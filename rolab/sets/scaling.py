"""Scaling: programs in which rows and columns have numbers near 1, whatever the units they came in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import linprog
from scipy.sparse.linalg import lsmr

NEGLIGIBLE = 2.0**-40  # an entry so much smaller than the others of its row and column is rounding


def balanced(sizes: sparse.coo_array, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The r and c for which the entries a_ij 2^(r_i + c_j) of a matrix ≥ 0 are as near to 1 as can be.

    That is the least weighted Σ (log₂ a_ij + r_i + c_j)² over the entries that are not 0, one weight a row
    (Curtis and Reid, On the automatic scaling of matrices for Gaussian elimination, 1972). Rows and columns
    that come in other units end in the same matrix. Entries that are rounding have no say.
    """
    (m, n), (i, j), logs = sizes.shape, sizes.coords, np.log2(sizes.data)
    found, counts = np.zeros(m + n), np.ones(len(logs), bool)
    for _ in range(2):  # the second time without the rounding that the first has shown
        places = np.tile(np.arange(len(i)), 2), np.concatenate([i, m + j])
        weight = weights[i] * counts
        terms = sparse.csr_array((np.tile(weight, 2), places), shape=(len(i), m + n))
        found = lsmr(terms, -weight * logs, atol=1e-9, btol=1e-9, conlim=0, maxiter=1000)[0]
        now, rows, columns = logs + found[i] + found[m + j], np.full(m, -np.inf), np.full(n, -np.inf)
        np.maximum.at(rows, i, now)
        np.maximum.at(columns, j, now)
        counts = now > np.log2(NEGLIGIBLE) + np.minimum(rows[i], columns[j])
    return found[:m], found[m:]


def nearest_power(exponents: np.ndarray) -> np.ndarray:
    """2 to the nearest whole exponents; its inverse is a number, too."""
    return np.exp2(np.round(exponents).clip(-1000, 1000))


@dataclass(frozen=True, eq=False)
class ConeProgram:
    """min ½ uᵀPu + qᵀu  with  Au + s = b and s in a product of cones, as cvxpy states it, in its own units.

    Solvers see v = u / columns, the rows of A and b times `rows`, and the objective times `goal`: powers of 2
    that bring all numbers near 1. The rows of a cone share theirs, but for half lines.
    """

    P: Any
    q: np.ndarray
    A: Any
    b: np.ndarray
    dims: Any
    rows: np.ndarray
    columns: np.ndarray
    goal: float

    @classmethod
    def of(cls, data: dict[str, Any]) -> ConeProgram:
        """The program of cvxpy's data."""
        A, b, q, dims = data["A"].tocoo(), data["b"], data["c"], data["dims"]
        (m, n), halves = A.shape, dims.zero + dims.nonneg
        cones = [*dims.soc, m - halves - sum(dims.soc)]  # all that is rarer counts as one
        unit = np.append(np.arange(halves), np.repeat(halves + np.arange(len(cones)), cones)).astype(int)
        sizes = sparse.block_array([[abs(A), np.abs(b)[:, None]], [np.abs(q)[None], None]], format="coo")
        sizes.eliminate_zeros()
        i, j = sizes.coords
        groups = sparse.coo_array((sizes.data, (np.append(unit, m)[i], j)), shape=(m + 1, n + 1))
        r, c = balanced(groups, np.ones(m + 1))
        rows, columns = nearest_power(r + c[-1])[unit], nearest_power(c[:-1] - c[-1])
        scale = sparse.diags_array(columns)
        P = scale @ sparse.triu(data["P"]) @ scale if "P" in data else sparse.csc_array((n, n))
        A = (sparse.diags_array(rows) @ A @ scale).tocsc()
        return cls(P.tocsc(), columns * q, A, rows * b, dims, rows, columns, 1.0).aimed(columns * q)

    def aimed(self, q: np.ndarray) -> ConeProgram:
        """The same with this q, in units of v; it is brought to 1."""
        goal = float(nearest_power(-np.log2(abs(q).max(initial=0) or 1.0)))
        return replace(self, P=self.P * (goal / self.goal), q=goal * q, goal=goal)

    def vertex(self) -> Any:
        """HiGHS's answer, a vertex, where the program is linear."""
        A, equal = self.A.tocsr(), self.dims.zero
        rows = A[equal:], self.b[equal:], A[:equal], self.b[:equal]
        found = linprog(self.q, *rows, bounds=(None, None), method="highs-ds")
        status = {0: "Solved", 2: "PrimalInfeasible"}.get(found.status, found.message)
        return SimpleNamespace(status=status, x=self.columns * found.x if found.status == 0 else None)

    def solve(self, tolerance: float, step: float, **options: float) -> Any:
        """Clarabel's answer, brought back; `step` is how far towards the boundary it goes at a time."""
        import clarabel
        from cvxpy.reductions.solvers.conic_solvers.clarabel_conif import dims_to_solver_cones

        settings = clarabel.DefaultSettings()
        settings.verbose, settings.max_step_fraction = False, step
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
        for name, value in options.items():
            setattr(settings, name, value)
        cones = dims_to_solver_cones(self.dims)
        found = clarabel.DefaultSolver(self.P, self.q, self.A, self.b, cones, settings).solve()
        return SimpleNamespace(
            status=str(found.status),
            x=self.columns * found.x,
            z=self.rows * found.z / self.goal,
            obj_val=found.obj_val / self.goal,
            obj_val_dual=found.obj_val_dual / self.goal,
            solve_time=found.solve_time,
            iterations=found.iterations,
        )
