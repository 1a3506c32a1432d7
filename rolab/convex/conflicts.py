"""Programs without a solution: which rows contradict each other, along which variables there is no end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from rolab.convex.cutting import rounds
from rolab.convex.errors import InfeasibleError, SolverError, UnboundedError
from rolab.convex.standard import OBJECTIVE, Standard

if TYPE_CHECKING:
    from rolab.convex.program import RobustLP

MANY = 60  # rows to try one by one
MOST = 2000  # rounds


def infeasible(program: RobustLP) -> InfeasibleError:
    """The error with a conflict that cannot be made smaller, the variables' bounds aside.

    The least t by which all rows have to be relaxed is positive. In the proof of that, by weak duality, only
    rows with a positive multiplier take part; of these, the ones that are not needed are left out in turn.
    """
    rows = [name for name in (*program.names, *program.standard.equalities)]
    conflict = [name for name in dict.fromkeys(rows) if name in _blamed(program.standard)]
    if len(conflict) <= MANY:
        for name in list(conflict):
            rest = [other for other in conflict if other != name]
            if _least_relaxation(program._restricted(rest).standard)[0] > 0:
                conflict = rest
    which = _listed(conflict) if conflict else ""
    if not conflict:
        said = "rows and bounds contradict each other, by too little to tell which"
    elif len(conflict) == 1:
        said = f"row {which} cannot be met within the bounds on the variables"
    else:
        said = f"rows {which} contradict each other within the bounds on the variables"
    moved = {row.name for row in program.standard.uncertain} & set(conflict)
    if moved and _least_relaxation(program.nominal()._restricted(conflict).standard)[0] <= 0:
        said += ", though not with the data as printed"
    return InfeasibleError(f"infeasible: {said}", tuple(conflict))


def unbounded(program: RobustLP) -> UnboundedError:
    """The error with the variables of a ray, along which no row is ever met and the objective gains."""
    s = program.standard
    still = replace(
        s,
        h=np.zeros_like(s.h),
        f=np.zeros_like(s.f),
        lower=np.where(np.isfinite(s.lower), 0.0, -1.0),
        upper=np.where(np.isfinite(s.upper), 0.0, 1.0),
        uncertain=tuple(replace(row, q=np.zeros_like(row.q)) for row in s.uncertain),
    )
    try:
        *_, last = rounds(still, 1e-9, MOST)
        ray = last.x[: len(program.variables)]
        along = tuple(v for v, d in zip(program.variables, ray, strict=True) if abs(d) > 1e-6)
    except (InfeasibleError, SolverError):
        along = ()
    better = "grows" if program.maximize else "falls"
    where = f" along {_listed(along)}" if along else ""
    return UnboundedError(f"unbounded: the objective {better} without end{where}", along)


def _blamed(standard: Standard) -> set[str]:
    """The rows in the proof that t cannot be 0."""
    t, prices = _least_relaxation(standard)
    return {name for name, y in prices.items() if y > 1e-7} if t > 0 else set()


def _least_relaxation(standard: Standard) -> tuple[float, dict[str, float]]:
    """The least t ≥ 0 with G x - t·size ≤ h for all data and |Ex - f| ≤ t, and the multipliers; 0 if tiny."""
    s, names = standard, [name for name in standard.names if name != OBJECTIVE]
    kept = [s.names.index(name) for name in names]
    G = sp.vstack([s.G[kept], s.E, -s.E], format="csr")
    size = np.concatenate([s.size[kept], np.ones(2 * len(s.f))])
    one = sp.csr_array(-size[:, None])
    n = len(s.c)
    place = {name: i for i, name in enumerate(names)}
    phase_one = Standard(
        c=np.append(np.zeros(n), 1.0),
        G=sp.csr_array(sp.hstack([G, one])),
        h=np.concatenate([s.h[kept], s.f, -s.f]),
        E=sp.csr_array((0, n + 1)),
        f=np.zeros(0),
        lower=np.append(s.lower, 0.0),
        upper=np.append(s.upper, np.inf),
        names=(*names, *s.equalities, *s.equalities),
        equalities=(),
        uncertain=tuple(
            replace(
                row,
                index=place[row.name],
                P=sp.csr_array(sp.vstack([row.P, sp.csr_array((1, row.P.shape[1]))])),
            )
            for row in s.uncertain
            if row.name != OBJECTIVE
        ),
    )
    *_, last = rounds(phase_one, 1e-7, MOST)
    y, _ = last.master.certificate(last.answer.ineqlin.marginals)
    prices: dict[str, float] = {}
    for name, price, unit in zip(phase_one.names, y, size, strict=True):
        prices[name] = prices.get(name, 0.0) + price * unit
    return (last.x[-1] if last.x[-1] > 2e-7 else 0.0), prices


def _listed(names: tuple[str, ...] | list[str]) -> str:
    shown = [repr(name) for name in names[:8]] + ["…"] * (len(names) > 8)
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]
