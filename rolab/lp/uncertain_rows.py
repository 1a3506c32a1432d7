"""Uncertain rows of a linear program: what the user says of them, checked and in standard form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from rolab.errors import EmptySetError
from rolab.lp.inputs import as_matrix, as_vector, by_label, labels, listed
from rolab.lp.standard_form import OBJECTIVE, StandardForm, UncertainRow
from rolab.sets import UncertaintySet


@dataclass(frozen=True, eq=False)
class Uncertain:
    """What an uncertainty set Z does to rows: coefficients a + P z, right-hand side b + qᵀz, for all z ∈ Z.

    Attributes:
        Z: the set; a set alone in place of an `Uncertain` means P = I, the coefficients move by z itself
        row: P (n, k), dense or sparse, n variables; or a dictionary row name → P. None: I, or 0 if there is
            an `rhs`. Under "objective" it moves the objective's coefficients
        rhs: q (k,), or a dictionary row name → q. None: certain
        relative: P = diag(a), so that z is the relative change of each coefficient
    """

    Z: UncertaintySet
    row: Any = None
    rhs: Any = None
    relative: bool = False


def uncertain_rows(form: StandardForm, blocks: Mapping[tuple[str, ...], Uncertain]) -> list[UncertainRow]:
    """The uncertain rows of a nominal program's form, or a `ValueError` that names what is wrong."""
    rows = [row for key, block in blocks.items() for row in _rows(form, key, block)]
    touched = [row.name for row in rows]
    if twice := {name for name in touched if touched.count(name) > 1}:
        raise ValueError(f"uncertain: {sorted(twice)[0]!r} is named twice; join its sets into one")
    return rows


def _rows(form: StandardForm, key: tuple[str, ...], block: Uncertain) -> list[UncertainRow]:
    """The rows of one key, which share their z."""
    if not isinstance(block.Z, UncertaintySet):
        raise ValueError(f"uncertain: expected an UncertaintySet for {listed(key)}, got {block.Z!r}")
    for name in key:
        if name not in form.sign:
            stated = listed(row for row in form.sign if row != OBJECTIVE)
            raise ValueError(f"uncertain: there is no row {name!r}; there are {stated}")
        if name in form.equalities:
            hint = "solve it for a variable, or state it as two inequalities"
            raise ValueError(f"uncertain: {name!r} is an equality, which cannot hold for all data; {hint}")
    found = []
    for name in key:
        P, q = _matrices(form, key, block, name)
        try:
            block.Z.maximizer(torch.zeros(1, P.shape[1], dtype=torch.float64))
        except ValueError as error:
            asked = f"uncertain: the set of {name!r} is asked with {P.shape[1]} numbers and answers: {error}"
            kind = EmptySetError if isinstance(error, EmptySetError) else ValueError
            raise kind(asked) from error
        place = form.place.get(name, len(form.names))  # the objective will be the last row
        P, q = sp.csr_array(form.sign[name] * P), form.sign[name] * q
        found.append(UncertainRow(place, name, block.Z, P, q))
    return found


def _matrices(
    form: StandardForm, key: tuple[str, ...], block: Uncertain, name: str
) -> tuple[sp.csr_array, np.ndarray]:
    """P (n, k) and q (k,) of a row of the key, as stated."""
    n, stated = len(form.variables), (block.row, block.rhs)
    P, q = (value.get(name) if isinstance(value, Mapping) else value for value in stated)
    if P is None and q is None and any(isinstance(value, Mapping) for value in stated):
        raise ValueError(f"row, rhs: expected an entry for {name!r}, which the key names, got none")
    if P is not None and block.relative:
        raise ValueError(f"uncertain: expected either row or relative for {name!r}, got both")
    if q is not None and name == OBJECTIVE:
        raise ValueError("uncertain: the objective has no right-hand side; leave its rhs out")
    if P is None and q is not None and not block.relative:
        P = sp.csr_array((n, np.asarray(q).size))
    elif P is None:
        P = sp.diags_array(form.stated(name)[0] if block.relative else np.ones(n)).tocsr()
        if len(key) > 1:
            P = sp.hstack([P if other == name else sp.csr_array((n, n)) for other in key], format="csr")
    columns = labels(P, "row", "columns") or ()
    P, q = by_label(P, "row", form.variables, columns), by_label(q, "rhs", columns)
    P = as_matrix(P, "row")
    if P.shape[0] != n:
        raise ValueError(f"row: expected ({n}, k) for {name!r}, a row a variable, got shape {P.shape}")
    q = np.zeros(P.shape[1]) if q is None else as_vector(q, "rhs")
    if q.shape != (P.shape[1],):
        raise ValueError(f"rhs: expected ({P.shape[1]},) for {name!r}, as row has columns, got {q.shape}")
    if not (np.isfinite(P.data).all() and np.isfinite(q).all()):
        raise ValueError(f"row, rhs: expected finite entries for {name!r}, got NaN or infinity")
    return P, q
