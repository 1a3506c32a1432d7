"""The standard form of a robust linear program, which all methods of solution share.

    min cᵀx   subject to   Gx ≤ h,  Ex = f,  lower ≤ x ≤ upper,

where some rows are uncertain: (g + P z)ᵀx ≤ h + qᵀz for all z in the row's set Z. With w = Pᵀx - q that is
gᵀx + σ_Z(w) ≤ h. An uncertain objective is a row too: t ≥ cᵀx, with t as the last variable.

Solvers see it `equilibrated`: in units, powers of 2, in which its numbers are neither large nor small.
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

from rolab.lp.units import SMALL, Units, balanced, extent, power_of_2
from rolab.sets import UncertaintySet

OBJECTIVE = "objective"
SIGN = {"<=": 1.0, "==": 1.0, ">=": -1.0}
FAR_OFF = 64.0  # a set of entries so much larger or smaller than 1 is an image of one of size 1


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

    def nearest(self, u: np.ndarray) -> np.ndarray:
        """The points of U nearest to these, one a row, which a solver left outside by its rounding."""
        points = torch.from_numpy(u)
        inside = self.U.contains(points, 2e-7 * float(extent(self.U, u.shape[1]).max())).numpy()
        return u if inside.all() else np.where(inside[:, None], u, self.U.project(points).numpy())

    @cached_property
    def index(self) -> np.ndarray:
        """The places of the rows in G."""
        return np.array([row.index for row in self.rows])

    @cached_property
    def extent(self) -> np.ndarray:
        """The largest |u_j| over U, (k,), as powers of 2: the units of its numbers."""
        size = extent(self.U, self.shift.shape[1])
        return power_of_2(np.log2(np.where(size > 0, size, 1.0)))

    @cached_property
    def squares(self) -> tuple[sp.csr_array, np.ndarray]:
        """How far the set moves each row's coefficients, (rows, n), and its right-hand side, squared."""
        count, k = self.shift.shape
        of_row = sp.kron(sp.eye_array(count), self.extent[None] ** 2, format="csr")
        return of_row @ self.S.power(2), (self.shift * self.extent) ** 2 @ np.ones(k)


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

    # Units

    @cached_property
    def units(self) -> Units:
        """The units in which the coefficients, the right-hand sides and x are as near to 1 as can be.

        Balanced is one matrix of rows, equalities and objective, beside them the right-hand sides, which give
        x its size as a whole; an entry counts with what its set moves it by. Bounds weigh little: many a one
        only stands in for no bound.
        """
        count, n = self.E.shape
        squares, rhs = self.G.power(2), self.h**2
        for group in self.groups:
            place = sp.eye_array(len(self.h), format="csc")[:, group.index]
            coefficients, moved = group.squares
            squares, rhs = squares + place @ coefficients, rhs + place @ moved
        edges = np.abs(np.concatenate([self.lower, self.upper]))
        (bound,) = np.nonzero(np.isfinite(edges) & (edges > 0))
        blocks = [
            [squares.sqrt(), np.sqrt(rhs)[:, None]],
            [abs(self.E), np.abs(self.f)[:, None]],
            [np.abs(self.c)[None], None],
            [sp.eye_array(n, format="csr")[bound % n], edges[bound, None]],
        ]
        sizes = sp.block_array([row for row in blocks if row[0].shape[0]], format="coo")
        sizes.eliminate_zeros()
        m, stated = len(self.h), len(self.h) + count + 1
        r, s = balanced(sizes, np.repeat([1.0, 0.1], [stated, len(bound)]))
        r, variable = power_of_2(r + s[-1]), power_of_2(s[:-1] - s[-1])
        return Units(r[:m], r[m : m + count], variable, float(r[m + count]))

    @cached_property
    def equilibrated(self) -> StandardForm:
        """The form in its units, not rounded: what solvers see, and the same whatever the user's units."""
        row, equality, variable, objective = self.units
        scale = sp.diags_array(variable)
        return replace(
            self,
            c=objective * variable * self.c,
            G=sp.csr_array(sp.diags_array(row) @ self.G @ scale),
            h=row * self.h,
            E=sp.csr_array(sp.diags_array(equality) @ self.E @ scale),
            f=equality * self.f,
            lower=self.lower / variable,
            upper=self.upper / variable,
            uncertain=tuple(
                replace(r, P=sp.csr_array(row[r.index] * scale @ r.P), q=row[r.index] * r.q)
                for r in self.uncertain
            ),
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

    @property
    def rows(self) -> tuple[str, ...]:
        """The names of all rows: those of G, then of E."""
        return *self.names, *self.equalities

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
            size = extent(U, row.P.shape[1] if np.ndim(M) == 0 else M.shape[1]).max() or 1.0
            if not 1 / FAR_OFF <= size <= FAR_OFF:
                unit = float(power_of_2(np.log2(size)))
                U, M = U.scaled(1 / unit), unit * M
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

    def sizes(self, X: np.ndarray, scenarios: dict[int, np.ndarray]) -> np.ndarray:
        """The size of each row of G at an x of the magnitudes X, to measure violations by.

        It is the largest of |h|, |g|ᵀX, and what the scenario adds to them.
        """
        size = np.maximum(np.abs(self.h), abs(self.G) @ X)
        for row in self.uncertain:
            z = scenarios[row.index]
            moved = max(float(np.abs(row.P @ z) @ X), abs(float(row.q @ z)))
            size[row.index] = max(size[row.index], moved)
        return size

    def objective_size(self, value: float, x: np.ndarray, unit: np.ndarray | float = 1.0) -> float:
        """The size of an objective at x, to measure differences by: |value|, unless terms cancel or are 0.

        Then it is `SMALL` of the largest |c_j| times the size of x, in the unit of x_j; times that unit if
        all of x is 0.
        """
        reach = (np.abs(x) / unit).max() or 1.0
        return max(abs(value), SMALL * reach * float((np.abs(self.c) * unit).max()))
