"""The standard form of a robust linear program, which all methods of solution share.

    min cᵀx   subject to   Gx ≤ h,  Ex = f,  lower ≤ x ≤ upper,

where some rows are uncertain: (g + P z)ᵀx ≤ h + qᵀz for all z in the row's set Z. With w = Pᵀx - q that is
gᵀx + σ_Z(w) ≤ h.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from rolab.sets import UncertaintySet

OBJECTIVE = "objective"


@dataclass(frozen=True, eq=False)
class UncertainRow:
    """Row `index` of G: its coefficients move by P z, P (n, k), its right-hand side by qᵀz, for all z ∈ Z."""

    index: int
    name: str
    Z: UncertaintySet
    P: sp.csr_array
    q: np.ndarray


@dataclass(frozen=True, eq=False)
class Group:
    """Uncertain rows whose sets are images M·U of one set U: asked together, as one batch.

    With w = Pᵀx - q of a row, σ_{MU}(w) = σ_U(Mᵀw). The directions Mᵀw of all rows are the rows of a matrix.
    """

    U: UncertaintySet
    rows: tuple[UncertainRow, ...]
    M: tuple[Any, ...]  # for each row the matrix, or a number
    S: sp.csr_array  # (rows · k, n): the PM of all rows, transposed, one below the other
    shift: np.ndarray  # (rows, k): Mᵀq

    def directions(self, x: np.ndarray) -> np.ndarray:
        """Mᵀ(Pᵀx - q), (rows, k)."""
        return (self.S @ x).reshape(self.shift.shape) - self.shift

    def worst(self, x: np.ndarray) -> list[np.ndarray]:
        """The z ∈ Z of each row that is worst for x: M Δ*(Mᵀw)."""
        return self.scenarios(self.U.maximizer(torch.from_numpy(self.directions(x))).numpy())

    def scenarios(self, u: np.ndarray) -> list[np.ndarray]:
        """From points of U, one a row, to points M u of the rows' own sets."""
        return [M * v if np.ndim(M) == 0 else np.asarray(M @ v) for M, v in zip(self.M, u, strict=True)]

    @cached_property
    def index(self) -> np.ndarray:
        """The places of the rows in G."""
        return np.array([row.index for row in self.rows])


@dataclass(frozen=True, eq=False)
class Standard:
    """The standard form; `names` are the rows of G and `equalities` those of E."""

    c: np.ndarray
    G: sp.csr_array
    h: np.ndarray
    E: sp.csr_array
    f: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    names: tuple[str, ...]
    equalities: tuple[str, ...]
    uncertain: tuple[UncertainRow, ...]

    @cached_property
    def by_name(self) -> dict[str, UncertainRow]:
        """The uncertain rows by their names."""
        return {row.name: row for row in self.uncertain}

    @cached_property
    def groups(self) -> list[Group]:
        """The uncertain rows by the set that theirs are images of, and by its dimension."""
        found: dict[Any, list] = defaultdict(list)
        for row in self.uncertain:
            U, M = row.Z.as_linear_image()
            P = row.P * M if np.ndim(M) == 0 else row.P @ M
            shift = row.q * M if np.ndim(M) == 0 else M.T @ row.q
            found[U, P.shape[1]].append((U, row, M, sp.csr_array(P.T), shift))
        groups = []
        for members in found.values():
            units, rows, matrices, parts, shifts = zip(*members, strict=True)
            stacked = sp.csr_array(sp.vstack(parts, format="csr"))
            groups.append(Group(units[0], rows, matrices, stacked, np.stack(shifts)))
        return groups

    @cached_property
    def certain(self) -> np.ndarray:
        """The places of the rows of G that are certain."""
        touched = {row.index for row in self.uncertain}
        return np.array([i for i in range(len(self.names)) if i not in touched], int)

    def worst(self, x: np.ndarray) -> dict[int, np.ndarray]:
        """For each uncertain row, by its place in G, the z that is worst for x."""
        return {
            row.index: z for group in self.groups for row, z in zip(group.rows, group.worst(x), strict=True)
        }

    def cut(self, row: UncertainRow, z: np.ndarray) -> tuple[np.ndarray, float]:
        """The row with the data of a scenario z: its coefficients g + P z and right-hand side h + qᵀz."""
        return self.G[[row.index]].toarray()[0] + row.P @ z, float(self.h[row.index] + row.q @ z)

    def violations(self, x: np.ndarray, scenarios: dict[int, np.ndarray]) -> np.ndarray:
        """By how much each row of G is exceeded at x under these scenarios; negative: slack."""
        excess = self.G @ x - self.h
        for row in self.uncertain:
            z = scenarios[row.index]
            excess[row.index] += (row.P.T @ x - row.q) @ z
        return excess

    @cached_property
    def size(self) -> np.ndarray:
        """The scale of each row of G, to measure violations by: 1 + |h| and its largest coefficient."""
        return 1 + np.abs(self.h) + largest(self.G)

    @cached_property
    def equality_size(self) -> np.ndarray:
        """The same of each row of E."""
        return 1 + np.abs(self.f) + largest(self.E)


def largest(matrix: sp.csr_array) -> np.ndarray:
    """The largest |entry| of each row."""
    return abs(matrix).max(axis=1).toarray().ravel() if matrix.nnz else np.zeros(matrix.shape[0])
