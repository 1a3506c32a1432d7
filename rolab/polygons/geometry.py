"""Convex polygons, and the decisions of a two-variable program as one.

A robust region is found by cutting sets: a corner that breaks a row under some scenario is cut off by the row
with that scenario's data. Where the set has corners the region is exact; where it is round, its sides are
tangents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rolab.convex import RobustLP

FAR = 1e9  # stands in for no bound


def rounded(values: Any) -> list[float]:
    """Six digits of each, so that a file stays small."""
    return [float(f"{value:.6g}") for value in values]


@dataclass(frozen=True, eq=False)
class Polygon:
    """A convex polygon: its corners (n, 2), in order, and the row that makes the side after each of them."""

    corners: np.ndarray
    rows: tuple[str, ...]

    def cut(self, a: np.ndarray, b: float, row: str) -> Polygon:
        """The part where aᵀx ≤ b; what was outside is replaced by one side, of that row."""
        excess = self.corners @ a - b
        outside = excess > 0
        if not outside.any():
            return self
        if outside.all():
            return Polygon(np.empty((0, 2)), ())
        start = int(np.flatnonzero(outside & ~np.roll(outside, 1))[0])
        corners, excess = np.roll(self.corners, -start, axis=0), np.roll(excess, -start)
        rows, k = self.rows[start:] + self.rows[:start], int(outside.sum())  # the first k are outside

        def crossing(i: int, j: int) -> np.ndarray:
            share = excess[i] / (excess[i] - excess[j])
            return corners[i] + share * (corners[j] - corners[i])

        kept = [crossing(k - 1, k), *corners[k:], crossing(-1, 0)]
        return Polygon(np.array(kept), (rows[k - 1], *rows[k:], row))

    def best(self, c: np.ndarray) -> np.ndarray:
        """A corner where cᵀx is largest."""
        return self.corners[int((self.corners @ c).argmax())]

    def outline(self) -> tuple[list[float], list[float]]:
        """x and y of the corners and the first again, six digits of each."""
        closed = [*self.corners.tolist(), *self.corners[:1].tolist()]
        return rounded(x for x, _ in closed), rounded(y for _, y in closed)


def half_plane(program: RobustLP, row: str, a: np.ndarray, b: float) -> tuple[np.ndarray, float, str]:
    """The row with these data as ⟨a, x⟩ ≤ b."""
    sign = -1.0 if program.senses[program.names.index(row)] == ">=" else 1.0
    return sign * a, sign * b, row


def nominal_region(program: RobustLP, rows: Sequence[str] | None = None) -> Polygon:
    """All decisions that meet these rows (all, if left out) with their data as printed.

    Raises:
        ValueError: there are not two variables, a row is an equality, or the region has no end.
    """
    if len(program.variables) != 2 or "==" in program.senses:
        raise ValueError(f"program: expected two variables and no equality, got {program.variables}")
    (left, low), (right, high) = np.maximum(program.lower, -FAR), np.minimum(program.upper, FAR)
    corners = np.array([[left, low], [right, low], [right, high], [left, high]])
    polygon = Polygon(corners, ("lower bound", "upper bound", "upper bound", "lower bound"))
    for i, name in enumerate(program.names):
        if rows is None or name in rows:
            polygon = polygon.cut(*half_plane(program, name, program.A[[i]].toarray()[0], program.b[i]))
    if (np.abs(polygon.corners) >= FAR).any():
        raise ValueError("program: expected rows that bound the region, it has no end")
    return polygon


def cut_off(program: RobustLP, polygon: Polygon, corner: np.ndarray, tolerance: float) -> Polygon:
    """The polygon without a corner that breaks some row: cut by the worst scenario of each; else itself."""
    for name, worst in program.worst_case(corner).scenarios.items():
        if worst.violation > tolerance * (1 + abs(worst.rhs)):
            polygon = polygon.cut(*half_plane(program, name, worst.coefficients, worst.rhs))
    return polygon
