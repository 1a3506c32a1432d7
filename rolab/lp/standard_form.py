"""The standard form of a robust linear program, which all methods of solution share.

    min cᵀx   subject to   Gx ≤ h,  Ex = f,  lower ≤ x ≤ upper,

where some rows are uncertain: (g + P z)ᵀx ≤ h + qᵀz for all z in the row's set Z. With w = Pᵀx - q that is
gᵀx + σ_Z(w) ≤ h. An uncertain objective is a row too: t ≥ cᵀx, with t as the last variable.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from rolab.sets import UncertaintySet

OBJECTIVE = "objective"
SIGN = {"<=": 1.0, "==": 1.0, ">=": -1.0}


@dataclass(frozen=True, eq=False)
class UncertainRow:
    """Row `index` of G: its coefficients move by P z, P (n, k), its right-hand side by qᵀz, for all z ∈ Z."""

    index: int
    name: str
    Z: UncertaintySet
    P: sp.csr_array
    q: np.ndarray

    def with_one_more_variable(self) -> UncertainRow:
        """The row in a program with another variable, whose coefficient does not move."""
        return replace(self, P=sp.csr_array(sp.vstack([self.P, sp.csr_array((1, self.P.shape[1]))])))


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

    def worst(self, x: np.ndarray) -> list[np.ndarray]:
        """The z ∈ Z of each row that is worst for x: M Δ*(Mᵀw)."""
        directions = (self.S @ x).reshape(self.shift.shape) - self.shift  # Mᵀ(Pᵀx - q), (rows, k)
        return self.scenarios(self.U.maximizer(torch.from_numpy(directions)).numpy())

    def scenarios(self, u: np.ndarray) -> list[np.ndarray]:
        """From points of U, one a row, to points M u of the rows' own sets."""
        return [M * v if np.ndim(M) == 0 else np.asarray(M @ v) for M, v in zip(self.M, u, strict=True)]

    @cached_property
    def index(self) -> np.ndarray:
        """The places of the rows in G."""
        return np.array([row.index for row in self.rows])


@dataclass(frozen=True, eq=False)
class StandardForm:
    """The standard form, with the names and the signs that lead back to the program as the user stated it.

    Attributes:
        c, G, h, E, f, lower, upper: the numbers
        names, equalities: those of the rows of G, and of E
        variables: the user's (n,); without t
        sign: name of each row, in the order stated, and "objective" → -1 for ≥ and for a maximum, else 1: its
            data were multiplied by it
        uncertain: the uncertain rows, in the order of G
    """

    c: np.ndarray
    G: sp.csr_array
    h: np.ndarray
    E: sp.csr_array
    f: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    names: tuple[str, ...]
    equalities: tuple[str, ...]
    variables: tuple[str, ...]
    sign: Mapping[str, float]
    uncertain: tuple[UncertainRow, ...] = ()

    def with_uncertain(self, rows: Sequence[UncertainRow]) -> StandardForm:
        """The form with these uncertain rows; t ≥ cᵀx joins, as the last row, if one is the objective."""
        rows = sorted(rows, key=lambda row: row.index)
        if all(row.name != OBJECTIVE for row in rows):
            return replace(self, uncertain=tuple(rows))
        epigraph = [sp.csr_array(self.c[None]), np.array([[-1.0]])]
        return replace(
            self,
            c=np.append(np.zeros_like(self.c), 1.0),
            G=sp.block_array([[self.G, None], epigraph], format="csr"),
            h=np.append(self.h, 0.0),
            E=sp.csr_array(sp.hstack([self.E, sp.csr_array((self.E.shape[0], 1))])),
            lower=np.append(self.lower, -np.inf),
            upper=np.append(self.upper, np.inf),
            names=(*self.names, OBJECTIVE),
            uncertain=tuple(row.with_one_more_variable() for row in rows),
        )

    def restricted(self, names: Collection[str]) -> StandardForm:
        """The form with these rows alone."""
        rows = (self.names, self.equalities)
        of_G, of_E = (np.array([i for i, name in enumerate(each) if name in names], int) for each in rows)
        place = {self.names[i]: k for k, i in enumerate(of_G)}
        return replace(
            self,
            G=self.G[of_G],
            h=self.h[of_G],
            E=self.E[of_E],
            f=self.f[of_E],
            names=tuple(place),
            equalities=tuple(self.equalities[i] for i in of_E),
            uncertain=tuple(replace(r, index=place[r.name]) for r in self.uncertain if r.name in place),
        )

    # Back to the user's orientation

    @property
    def maximize(self) -> bool:
        """Whether the user's objective is to be large."""
        return self.sign[OBJECTIVE] < 0

    def stated(self, name: str) -> tuple[np.ndarray, float]:
        """A row of G, or the objective, as printed: its coefficients (n,) and right-hand side, or NaN."""
        sign, n = self.sign[name], len(self.variables)
        if name not in self.place:
            return sign * self.c, np.nan
        coefficients = self.G[[self.place[name]]].toarray()[0, :n]
        rhs = np.nan if name == OBJECTIVE else float(sign * self.h[self.place[name]])
        return sign * coefficients + 0.0, rhs  # -0.0 would be printed with its sign

    def objective(self, x: np.ndarray) -> float:
        """The objective of the user's x (n,) with the data as printed."""
        return float(self.stated(OBJECTIVE)[0] @ x)

    def point(self, x: np.ndarray) -> np.ndarray:
        """The point of this form: x (n,), and t = the nominal objective where that is uncertain."""
        return x if len(self.c) == len(x) else np.append(x, self.sign[OBJECTIVE] * self.objective(x))

    # Its rows

    @cached_property
    def place(self) -> dict[str, int]:
        """The places of the rows in G by their names."""
        return {name: i for i, name in enumerate(self.names)}

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

    # Its scenarios

    def first_scenarios(self) -> dict[int, np.ndarray]:
        """By the row's place in G: 0, the data as printed, if that is in the set; else some point of it."""
        zeros = ((row, torch.zeros(1, row.P.shape[1], dtype=torch.float64)) for row in self.uncertain)
        return {row.index: row.Z.maximizer(w)[0].numpy() for row, w in zeros}

    def worst(self, x: np.ndarray) -> dict[int, np.ndarray]:
        """For each uncertain row, by its place in G, the z that is worst for x."""
        pairs = (zip(group.rows, group.worst(x), strict=True) for group in self.groups)
        return {row.index: z for row, z in chain.from_iterable(pairs)}

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
