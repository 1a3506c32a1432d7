"""Programs without a solution: an irreducible infeasible subset of the rows, or the variables of a ray."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from rolab.errors import InfeasibleError, SolverError, UnboundedError
from rolab.lp.cutting_set import rounds
from rolab.lp.inputs import listed
from rolab.lp.standard_form import OBJECTIVE, StandardForm

MANY = 60  # rows to try one by one
MOST = 2000  # rounds
TINY = 2e-7  # in the units of the rows: a relaxation so small, and what its proof leans on, is no conflict


def infeasible(form: StandardForm) -> InfeasibleError:
    """The error with an irreducible infeasible subset of the rows: a conflict that cannot be made smaller.

    The variables' bounds stay. The least t by which all rows have to be relaxed is positive. In the proof of
    that, by weak duality, only rows with a positive multiplier take part; of these, the ones that are not
    needed are left out in turn.
    """
    form, rows = form.equilibrated, [name for name in form.sign if name != OBJECTIVE]
    t, prices = _least_relaxation(form, rows)
    conflict = [name for name in rows if t > 0 and prices[name] > TINY]
    for name in list(conflict) if len(conflict) <= MANY else ():
        rest = [other for other in conflict if other != name]
        if _least_relaxation(form, rest)[0] > 0:
            conflict = rest
    which = listed(conflict, " and ")
    if not conflict:
        said = "rows and bounds contradict each other, by too little to tell which"
    elif len(conflict) == 1:
        said = f"row {which} cannot be met within the bounds on the variables"
    else:
        said = f"rows {which} contradict each other within the bounds on the variables"
    nominal = replace(form, uncertain=())
    if form.by_name.keys() & set(conflict) and _least_relaxation(nominal, conflict)[0] <= 0:
        said += ", though not with the data as printed"
    return InfeasibleError(f"infeasible: {said}", tuple(conflict))


def unbounded(form: StandardForm) -> UnboundedError | SolverError:
    """The error with the variables of a ray, along which no row is ever met and the objective gains.

    Where there is no such ray there is an optimum, which was not found.
    """
    form = form.equilibrated
    still = replace(
        form,
        h=np.zeros_like(form.h),
        f=np.zeros_like(form.f),
        lower=np.where(np.isfinite(form.lower), 0.0, -1.0),
        upper=np.where(np.isfinite(form.upper), 0.0, 1.0),
        uncertain=tuple(replace(row, q=np.zeros_like(row.q)) for row in form.uncertain),
    )
    try:
        *_, last = rounds(still, 1e-9, MOST)
    except SolverError:
        return UnboundedError("unbounded: the objective gets better without end")
    if not last.answer.fun < -TINY * np.abs(form.c).max():
        return SolverError("the optimum is too far away to be found, beside the numbers of the program")
    along = tuple(v for v, d in zip(form.variables, last.x, strict=False) if abs(d) > TINY)  # without t
    better = "grows" if form.maximize else "falls"
    where = f" along {listed(along, ' and ')}"
    return UnboundedError(f"unbounded: the objective {better} without end{where}", along)


def _least_relaxation(form: StandardForm, names: Collection[str]) -> tuple[float, dict[str, float]]:
    """The least t ≥ 0 with G x - t·size ≤ h for all data and |Ex - f| ≤ t·size, and the prices; 0 if tiny.

    The form is one in its units, in which a row's size is 1, or |h| if that is larger.
    """
    s, n = form.restricted(names), len(form.c)
    size = np.maximum(1.0, np.abs(np.concatenate([s.h, s.f, s.f])))
    phase_one = replace(
        s,
        c=np.append(np.zeros(n), 1.0),
        G=sp.csr_array(sp.hstack([sp.vstack([s.G, s.E, -s.E]), sp.csr_array(-size[:, None])])),
        h=np.concatenate([s.h, s.f, -s.f]),
        E=sp.csr_array((0, n + 1)),
        f=np.zeros(0),
        lower=np.append(s.lower, 0.0),
        upper=np.append(s.upper, np.inf),
        names=(*s.names, *s.equalities, *s.equalities),
        equalities=(),
        uncertain=tuple(row.with_one_more_variable() for row in s.uncertain),
    )
    *_, last = rounds(phase_one, 1e-7, MOST)
    y, _ = last.master.certificate(last.answer)
    prices = dict.fromkeys(phase_one.names, 0.0)
    for name, price, unit in zip(phase_one.names, y, size, strict=True):
        prices[name] += price * unit
    return (last.x[-1] if last.x[-1] > TINY else 0.0), prices
