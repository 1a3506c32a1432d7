"""Convex polygons, and the decisions of a two-variable program as one.

A robust region is found by cutting sets: a corner that breaks a row under some scenario is cut off by the row
with that scenario's data. Where the set has corners the region is exact; where it is round, its sides are
tangents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rolab.lp import RobustLP
from rolab.plotting import Axis, Text
from rolab.sets import UncertaintySet

XY = tuple[np.ndarray, np.ndarray]
FAR = 1e9  # stands in for no bound


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

    @property
    def outline(self) -> XY:
        """x and y of the corners and the first again."""
        return xy(np.vstack([self.corners, self.corners[:1]]))

    @property
    def area(self) -> float:
        """The area inside."""
        x, y = self.corners.T
        return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)

    def window(self, names: Sequence[str]) -> tuple[Axis, Axis]:
        """Axes of these names around the bounding box, with a margin that has room for the names of rows."""
        low, high = self.corners.min(0), self.corners.max(0)
        ranges = zip(low - 0.05 * (high - low), high + (0.32, 0.12) * (high - low), strict=True)
        across, up = (Axis(name, (float(a), float(b))) for name, (a, b) in zip(names, ranges, strict=True))
        return across, up

    def row_names(self) -> list[Text]:
        """The name of each row beside the side that it makes."""
        size, middle, found = np.ptp(self.corners, axis=0), self.corners.mean(0), []
        ends = np.roll(self.corners, -1, axis=0)
        for name, start, end in zip(self.rows, self.corners, ends, strict=True):
            if "bound" not in name:
                at, along = (start + end) / 2, (end - start) / size
                outward = np.array([along[1], -along[0]]) / (np.hypot(*along) or 1)
                outward = outward if outward @ ((at - middle) / size) > 0 else -outward
                anchor = "left" if outward[0] > 0.3 else "center"
                x, y = at + 0.05 * outward * size
                found.append(Text(x, y, name, anchor=anchor))
        return found


def xy(points: np.ndarray) -> XY:
    """x and y of points (n, 2)."""
    return points[:, 0], points[:, 1]


def extreme_points(U: UncertaintySet) -> np.ndarray:
    """The points of a set in the plane that are furthest in 120 directions, each once, in order (n, 2)."""
    angle = torch.arange(1.5, 360, 3, dtype=torch.float64).deg2rad()
    points = U.maximizer(torch.stack([angle.cos(), angle.sin()], 1))
    return np.array(list(dict.fromkeys(map(tuple, points.tolist()))))


def harm(program: RobustLP, row: str, x: np.ndarray) -> np.ndarray:
    """w, the direction in which z harms an uncertain row at x: Pᵀx, and -Pᵀx for a row ≥."""
    form = program.standard_form
    return form.by_name[row].P.T @ form.point(x)


def supporting_line(w: np.ndarray, z: np.ndarray, reach: float) -> XY:
    """The line ⟨w, ·⟩ = ⟨w, z⟩, so far to both sides of z; nothing where w is 0."""
    if not w.any():
        return np.empty(0), np.empty(0)
    along = np.array([-w[1], w[0]]) / np.hypot(*w)
    return xy(z + reach * np.outer([-1, 1], along))


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
