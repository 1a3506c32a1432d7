"""Solver oracles: the maximiser and the projection of sets without a closed form, by Clarabel and HiGHS.

Solvers see each example in units of its set. What they do not call optimal is an error, never an answer.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import sparse
from scipy.optimize import linprog
from scipy.sparse.linalg import splu
from torch import Tensor

from rolab.arguments import cvxpy, divided, normalized, power_of_two
from rolab.errors import EmptySetError, SolverError
from rolab.sets.oracles import Oracles

# Clarabel's own are 1e-8 and 0.99 of the way to the boundary; shorter steps reach finer precisions.
PRECISIONS = ((3e-11, 0.8), (1e-9, 0.8), (1e-8, 0.99), (1e-7, 0.9))
TIGHT = {f"{side}_feasibility_tolerance": 1e-10 for side in ("primal", "dual")}  # HiGHS's own are 1e-7


def magnitude(U: Any) -> float:
    """A power of two near the largest entries of U; 1 where they are near 1 or not known; 0 if all are 0."""
    M = abs(U.as_linear_image()[1])
    largest = M.max() if np.ndim(M) else M
    return float(power_of_two(largest)) if largest not in (0, 1) else float(largest)


def in_units(U: Any, size: float) -> tuple[Any, float]:
    """The set divided by a power of two near its size, and that; a set of some size near 1 stays."""
    if 1e-2 < size < 1e2:
        return U, 1.0
    unit = float(power_of_two(size))
    return (U, 1.0) if unit == 1 else (U.scaled(1 / unit), unit)


@torch.no_grad()
def maximizer(U: Any, x: Tensor) -> Tensor:
    """The furthest points: the largest Σ ⟨x, z⟩ over the batch (N, d), each x first scaled to 1."""
    if not len(x):
        return x.double()
    cp, w, size = cvxpy(), cvxpy().Variable(x.shape), _sizes(U, len(x))
    goal = cp.Maximize(cp.sum(cp.multiply(array(normalized(x)[0]), w)))
    solve(cp.Problem(goal, U.constraints(divided(w, 1 / size))), U)
    return size * torch.from_numpy(w.value)


@torch.no_grad()
def project(U: Any, x: Tensor) -> Tensor:
    """The nearest point of each row of x (N, d), to some 9 digits of the size of U; a point of U stays."""
    rows = x.detach().double().cpu()
    found, sizes, shared = rows.clone(), _sizes(U, len(x)), len(x) and U[[0]] is U
    program = None
    for i, size in enumerate(sizes):
        if program is None or not shared:
            program = Projection(U if shared else U[[i]], x.shape[1], size.item())
        v = rows[i] / size
        w = program.nearest(v.numpy())
        if abs(w - v.numpy()).max() > 1e-10 * max(1.0, v.abs().max().item()):
            found[i] = size * torch.from_numpy(w)
    return found


def _sizes(U: Any, count: int) -> Tensor:
    """The magnitude of each example's set: (N, 1)."""
    if not count or U[[0]] is U:
        return torch.full((count, 1), magnitude(U) or 1.0, dtype=torch.float64)
    return torch.tensor([[magnitude(U[[i]]) or 1.0] for i in range(count)], dtype=torch.float64)


class Projection:
    """The cone program of min ‖w − v‖² over size · w in U, in which w is a part of u.

    min ½ uᵀPu + qᵀu   with   Au + s = b and s in a product of cones.
    """

    def __init__(self, U: Any, width: int, size: float) -> None:
        cp, w = cvxpy(), cvxpy().Variable((1, width))
        problem = cp.Problem(cp.Minimize(cp.sum_squares(w)), U.constraints(size * w))
        self.U, self.size, (data, *_) = U, size, problem.get_problem_data(cp.CLARABEL)
        self.P, self.A, self.b, self.cones = data["P"], data["A"].tocsc(), data["b"], data["dims"]
        first = data["param_prob"].var_id_to_col[w.id]
        self.w = slice(first, first + width)

    def nearest(self, v: np.ndarray) -> np.ndarray:
        """The w nearest to v.

        The interior point's answer has some 9 digits of the objective: for a v far away, few of w. The
        constraints that it finds active, as equalities, give the rest.
        """
        import clarabel
        from cvxpy.reductions.solvers.conic_solvers.clarabel_conif import dims_to_solver_cones

        q = np.zeros(self.P.shape[0])
        q[self.w] = -2 * v
        far = max(1.0, abs(v).max())
        for precision, step in PRECISIONS:
            settings = clarabel.DefaultSettings()
            settings.verbose, settings.max_step_fraction = False, step
            settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = precision
            cones = dims_to_solver_cones(self.cones)
            found = clarabel.DefaultSolver(
                sparse.triu(self.P / far).tocsc(), q / far, self.A, self.b, cones, settings
            ).solve()
            if found.status in (clarabel.SolverStatus.Solved, clarabel.SolverStatus.PrimalInfeasible):
                break
        if found.status == clarabel.SolverStatus.PrimalInfeasible:
            raise EmptySetError(f"{self.U!r}: expected a set that holds a point, got an empty one")
        if found.status != clarabel.SolverStatus.Solved:
            raise SolverError(f"{self.U!r}: the solver ended with the status {found.status}")
        u, y = np.array(found.x), np.array(found.z)
        refined = self._refined(u, y, q, far)
        if refined is not None:
            return refined[self.w]
        return self._by_norm(v) if abs(u[self.w] - v).max() <= 1e-3 else u[self.w]

    def _by_norm(self, v: np.ndarray) -> np.ndarray:
        """The same by min ‖w − v‖: near the set it finds all digits, its square, flat there, half of them."""
        cp, w = cvxpy(), cvxpy().Variable((1, len(v)))
        solve(cp.Problem(cp.Minimize(cp.norm(w - v[None])), self.U.constraints(self.size * w)), self.U)
        return w.value[0]

    def _refined(self, u: np.ndarray, y: np.ndarray, q: np.ndarray, far: float) -> np.ndarray | None:
        """The optimum by its active constraints, first guessed from u and its multipliers y · far.

        What is violated joins them, what has a multiplier < 0 leaves, until all is right. A second-order cone
        ‖s₁‖ ≤ s₀ is inside, on its boundary, or at its apex s = 0. None where this finds no end.
        """
        A, dims = self.A, self.cones
        if dims.psd or dims.exp or dims.p3d or dims.pnd:
            return None
        ends = np.cumsum([dims.zero + dims.nonneg, *dims.soc])
        cones = [slice(start, end) for start, end in zip(ends, ends[1:], strict=False)]
        s = self.b - A @ u
        active = y > s
        active[: dims.zero], active[ends[0] :] = True, False
        smooth = []
        for cone in cones:
            (s0, *s1), (y0, *y1) = s[cone], y[cone]
            active[cone] = y0 - np.linalg.norm(y1) > s0
            if not active[cone.start] and y0 > s0 - np.linalg.norm(s1):
                smooth.append(cone)
        price = {cone.start: far * y[cone.start] for cone in smooth}
        slack = max(1e-9, 5e-15 * far)  # what rounding leaves of a multiplier
        for _ in range(30):
            found = self._newton(u, q, np.flatnonzero(active), smooth, price)
            if found is None:
                return None
            u, prices, edge = found
            s = self.b - A @ u
            wrong = np.where(active, prices < -slack, s < -1e-10)
            wrong[: dims.zero], wrong[ends[0] :] = False, False
            leaving = [cone for cone in smooth if edge[cone.start] < -slack]
            outside = [
                cone for cone in cones
                if cone not in smooth and not active[cone.start]
                and np.linalg.norm(s[cone][1:]) > s[cone.start] + 1e-10
            ]  # fmt: skip
            if not (wrong.any() or leaving or outside):
                return u
            active ^= wrong
            smooth = [cone for cone in smooth if cone not in leaving] + outside
            price = {cone.start: max(edge.get(cone.start, 0.0), 0.0) for cone in smooth}
        return None

    def _newton(
        self, u: np.ndarray, q: np.ndarray, equal: np.ndarray, smooth: list[slice], price: dict[int, float]
    ) -> tuple[np.ndarray, np.ndarray, dict[int, float]] | None:
        """The u where the gradient is 0, the rows `equal` are equalities and the cones are on their boundary.

        Beside it the multipliers of all rows, 0 of others, and those of the cones. None where it fails.
        """
        P, A, b = self.P, self.A.tocsr(), self.b
        E = A[equal]
        for _ in range(20):
            s, H, normals, off = b - A @ u, P, [E], [E @ u - b[equal]]
            for cone in smooth:
                length, bent = float(np.linalg.norm(s[cone][1:])), A[cone.start + 1 : cone.stop]
                slope = sparse.csr_array((s[cone][1:] / max(length, 1e-300))[None] @ bent)
                H = H + price[cone.start] / max(length, 1e-300) * (bent.T @ bent - slope.T @ slope)
                normals.append(A[[cone.start]] - slope)
                off.append([length - s[cone.start]])
            G, residual = sparse.vstack(normals, format="csc"), np.concatenate(off)
            K = sparse.block_array([[H, G.T], [G, None]], format="csc") if len(residual) else H.tocsc()
            shift = np.append(np.full(len(u), 1e-8), np.full(len(residual), -1e-8))
            wanted = np.append(-(P @ u + q), -residual)
            factors = splu((K + sparse.diags_array(shift)).tocsc())
            step = factors.solve(wanted)
            for _ in range(6):  # what the shift took, and rounding
                step = step + factors.solve(wanted - K @ step)
            if not np.isfinite(step).all():
                return None
            u, multipliers = u + step[: len(u)], step[len(u) :]
            price = dict(zip(price, multipliers[len(equal) :], strict=True))
            if abs(step[: len(u)]).max() <= 1e-13 * max(1.0, abs(u).max()):
                break
        slack = max(1e-9, 1e-14 * abs(q).max())
        if abs(P @ u + q + G.T @ multipliers).max() > slack or abs(residual).max(initial=0) > 1e-9:
            return None
        prices = np.zeros(len(b))
        prices[equal] = multipliers[: len(equal)]
        return u, prices, price


def solve(problem: Any, U: Oracles, reached: Callable[[], bool] = lambda: True) -> None:
    """Solve a problem over U until it is `reached`: at a vertex by HiGHS if it is linear, else by Clarabel.

    Raises:
        EmptySetError: no point is in U.
        SolverError: no answer that is `reached` was found.
    """
    cp, linear = cvxpy(), problem.is_lp()
    many = sum(each.size for each in problem.parameters()) > 1000  # cvxpy takes long to keep them apart
    for precision, step in PRECISIONS[: 1 if linear else None]:
        options: dict[str, Any] = {"scipy_options": {"method": "highs-ds", **TIGHT}}
        if not linear:
            options = {f"tol_{what}": precision for what in ("gap_abs", "gap_rel", "feas")}
            options["max_step_fraction"] = step
        with warnings.catch_warnings(), contextlib.suppress(cp.SolverError):
            warnings.filterwarnings("ignore", message="Solution may be inaccurate")
            problem.solve(
                solver=cp.SCIPY if linear else cp.CLARABEL, warm_start=False, ignore_dpp=many, **options
            )
        empty = problem.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE)
        if problem.status == cp.OPTIMAL and reached():
            return
        if empty and not U.contains_zero:
            raise EmptySetError(f"{U!r}: expected a set that holds a point, got an empty one")
    came = "none that is proved to be one" if problem.status == cp.OPTIMAL else f"the status {problem.status}"
    raise SolverError(f"{U!r}: expected an answer by a solver, got {came}")


def lp_vertices(D: Tensor, d: Tensor, g: Tensor, reach: float | None = None) -> Tensor:
    """A vertex of {z: Dz ≤ d, |z_i| ≤ reach} with the largest ⟨g, z⟩ for each row of g (N, n): one LP."""
    count, width = g.shape
    rows, most = sparse.kron(sparse.eye(count), array(D), format="csr"), np.tile(array(d), count)
    limits = (None if reach is None else -reach, reach)
    found = linprog(-array(g).ravel(), rows, most, bounds=limits, method="highs-ds", options=TIGHT)
    if found.status != 0:
        raise SolverError(f"linear program: {found.message}")
    return torch.from_numpy(found.x.reshape(count, width))


def array(x: Tensor) -> Any:
    """The tensor as a float64 array of numpy, or of scipy if it is sparse."""
    if x.is_sparse:
        return sparse.csr_array((x.values().numpy(), tuple(x.indices().numpy())), shape=tuple(x.shape))
    return x.detach().to("cpu", torch.float64).numpy()
