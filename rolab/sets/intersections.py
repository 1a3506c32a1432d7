"""The furthest points of an intersection, by a solver, with a proof that they are.

The largest ⟨g, z⟩ over all z in several sets is solved with a copy of z for each of them. The multipliers u_k
of 'all copies are equal' sum to g. By weak duality, whatever the u_k that sum to g,

    ⟨g, z⟩ ≤ Σ_k σ_k(u_k)    for all z in all sets:

the sets' own support functions tell how much better than the z found another one may be. Solvers see z in
units of its coordinates, so that none is too small for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rolab.arguments import cvxpy, normalized, one_if_zero, power_of_two
from rolab.sets.solver import array, solve

TOLERANCE = 1e-6  # of the support function: by how much another point may at most be better
OUTSIDE = 1e-8  # by how much a point may leave a set, relative to that
NOTHING = 1e-8  # beside |g||z|, the support is 0 to what solvers can tell: g is at right angles to the set
SMALL = 1e-7  # the part of a direction that is so small beside the largest entry is 0


@torch.no_grad()
def furthest(U: Any, parts: tuple[Any, ...], x: Tensor) -> Tensor:
    """The points of U, all of whose parts they are in, with the largest ⟨x, z⟩ for each row of x (N, d).

    Raises:
        EmptySetError: no point is in all parts.
        SolverError: the points were not found to 1e-6 of the support function.
    """
    if not len(x):
        return x.double()
    program = _program(parts, *x.shape)
    g = normalized(x.double().cpu() * program.unit)[0]
    program.direction.value = g.numpy()
    solve(program.problem, U, lambda: program.misses(g) <= 1)
    return program.unit * torch.from_numpy(program.copies[0].value)


@dataclass(frozen=True, eq=False)
class _Program:
    """The largest Σ ⟨g, w⟩ over the batch, with unit · w in each of the parts."""

    parts: tuple[Any, ...]
    unit: Tensor  # powers of two near the extent of the intersection; 0 where that is 0
    problem: Any
    direction: Any
    copies: list[Any]
    links: list[Any]  # that the other copies are equal to the first

    def misses(self, g: Tensor) -> float:
        """How far the copies are from a proved answer, in units of what is tolerated."""
        outside = max(float(np.max(each.violation())) for each in self.problem.constraints)
        value = (g * torch.from_numpy(self.copies[0].value)).sum(1)
        others = torch.stack([torch.from_numpy(link.dual_value) for link in self.links])
        shares = torch.cat([(g - others.sum(0))[None], others])
        bound = self._bound(shares).minimum(self._bound(_without_traces(shares, g)))
        gap = (bound - value) / (TOLERANCE * bound.abs().maximum(value.abs()) + 1e-10)
        gap = gap.masked_fill(bound <= NOTHING, 0.0)
        return max(outside / OUTSIDE, gap.max().item())

    def _bound(self, shares: Tensor) -> Tensor:
        """The sum of the supports of the parts at their shares of the direction, (N,)."""
        units = one_if_zero(self.unit)
        return sum(part.support(share / units) for part, share in zip(self.parts, shares, strict=True))


def _without_traces(shares: Tensor, g: Tensor) -> Tensor:
    """The shares (K, N, d) of g without what is small, which goes to the largest of each entry."""
    kept = torch.where(shares.abs() > SMALL, shares, 0.0)
    return kept.scatter_add(0, shares.abs().argmax(0)[None], (g - kept.sum(0))[None])


@lru_cache(maxsize=8)  # an ascent asks the same set again and again
def _program(parts: tuple[Any, ...], count: int, width: int) -> _Program:
    cp, rows = cvxpy(), torch.empty(count, width, dtype=torch.float64)
    extent = reduce(torch.minimum, (part.extent(rows) for part in parts))
    unit = power_of_two(extent) * (extent > 0)
    copies = [cp.Variable((count, width)) for _ in parts]
    direction = cp.Parameter((count, width))
    links = [copies[0] - other == 0 for other in copies[1:]]
    within = [part.constraints(cp.multiply(array(unit), w)) for part, w in zip(parts, copies, strict=True)]
    problem = cp.Problem(cp.Maximize(cp.sum(cp.multiply(direction, copies[0]))), [*links, *sum(within, [])])
    return _Program(parts, unit, problem, direction, copies, links)
