"""Clarabel for linear models: problems in numbers of size 1, solved as closely as it can."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from rolab.arguments import cvxpy, power_of_two
from rolab.errors import SolverError
from rolab.sets import UncertaintySet

TOLERANCE = 1e-6  # how far the best may lie below an answer, relative to it; what is further is an error
# Tolerances, and how far towards the boundary a step goes: the shorter they stop, the further they come.
PRECISIONS = (1e-14, 0.99), (1e-11, 0.99), (1e-11, 0.8), (1e-10, 0.8), (1e-9, 0.8), (1e-8, 0.9)


def solve(problem: Any) -> float:
    """Solve by Clarabel, as closely as it can; return a verified lower bound of the optimum, which is ≥ 0."""
    best, least = None, math.inf
    data, chain, inverse = problem.get_problem_data(cvxpy().CLARABEL, solver_opts={})
    for tolerance, step in PRECISIONS:
        options = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), tolerance)
        options |= {f"reduced_{name}": 1e-8 for name in options}  # what it may accept of what is beyond reach
        options["max_step_fraction"] = step
        found = chain.solve_via_data(problem, data, solver_opts=options)
        if str(found.status) in ("Solved", "AlmostSolved"):
            gap = max(float(found.obj_val) - _lower_bound(data, found), 0.0)
            if gap < least:
                best, least = found, gap
            if gap <= 1e-10 * abs(found.obj_val):
                break
    if best is None:
        raise SolverError(f"Clarabel: expected a solution, got {found.status}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that an almost solved problem may be inaccurate
        problem.unpack_results(best, chain, inverse)
    return max(float(problem.value) - least, 0.0)


def _lower_bound(data: dict[str, Any], found: Any) -> float:
    """What min qᵀu, with Au + s = b and s in the cones, is at least, whatever the solver calls its optimum.

    For z in the dual cones qᵀu ≥ restᵀu − bᵀz with rest = q + Aᵀz, which is not quite 0. What it may cost is
    counted for all u no further from the answer than the size of that: by convexity, a u that is k times as
    far gains at most k times as much beside it.
    """
    u, z = np.array(found.x), np.array(found.z)
    rest = data["c"] + data["A"].T @ z
    return float(rest @ u - data["b"] @ z - np.abs(rest).sum() * max(1.0, np.abs(u).max()))


def unit_of(values: Any) -> float:
    """The power of 2 that brings the largest of the magnitudes into [1, 2), and no rounding; of zeros, 1."""
    largest = float(np.abs(values).max(initial=0))
    return float(power_of_two(largest)) / 2 if largest else 1.0


def largest_move(U: UncertaintySet, g: np.ndarray) -> float:
    """The largest entry of U's furthest points in the directions ±g (N, d)."""
    directions = torch.from_numpy(g if g.any() else np.ones_like(g))
    return max(float(U.maximizer(sign * directions).abs().max()) for sign in (1, -1))


def step_lengths(columns: np.ndarray) -> Iterator[np.ndarray]:
    """What the entries of a step are divided by: the sizes of the columns, which may have units of their own.

    Should that fail, by 1: to a set that couples the columns, one far smaller than it is nothing.
    """
    yield np.where(columns > 0, columns, 1.0)
    yield np.ones_like(columns)


def drop_near_zeros(x: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    """The solver's x without the tiny entries that should be 0, and x itself: take the better."""
    size = np.abs(x) * lengths
    return [np.where(size > 1e-7 * size.max(initial=0), x, 0), x]
