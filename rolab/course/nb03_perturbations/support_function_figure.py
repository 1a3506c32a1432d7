"""The support function in the plane: which point of each set goes furthest along g, while g turns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from rolab.experiments.styles import style
from rolab.plotting import RED, Axis, Line, Panel, Points, Sliding, Text
from rolab.sets import UncertaintySet

Point = tuple[float, float]
SPAN = (-1.75, 1.75)  # of the axes


@dataclass(frozen=True, eq=False)
class SupportFunctionFigure(Sliding):
    """Sets in the plane side by side, the direction g, Δ*(g) and the line ⟨g, δ⟩ = σ(g); a slider turns g.

    The outline of a set is drawn by its own maximiser, asked in all directions: any convex set will do.
    """

    sets: Mapping[str, UncertaintySet]  # name → set; its oracles are asked with tensors (N, 2)
    places: Sequence[int] = tuple(range(0, 361, 15))  # the directions of the slider, in degrees
    shown: int = 2
    HEIGHT = 330
    MARGIN = (50, 16, 56, 50)
    prefix = "direction of g: "

    @property
    def alt(self) -> str:
        names = ", ".join(style(name).label for name in self.sets)
        seen = f"The sets {names} in the plane, a direction g, and the point of each set furthest along g."
        return f"{seen} {self.title}."

    def label(self, k: int) -> str:
        return f"{self.places[k]}°"

    def direction(self, k: int) -> Point:
        """The unit vector g; exact at multiples of 45°, where ties and zeros are."""
        angle = math.radians(self.places[k])
        return round(math.cos(angle), 12) + 0.0, round(math.sin(angle), 12) + 0.0

    @cached_property
    def furthest(self) -> dict[str, list[Point]]:
        """Δ*(g) in each set, for all directions."""
        g = torch.tensor([self.direction(k) for k in range(len(self.places))], dtype=torch.float64)
        return {name: list(map(tuple, U.maximizer(g).tolist())) for name, U in self.sets.items()}

    def support(self, name: str, k: int) -> float:
        """σ(g) = ⟨g, Δ*(g)⟩."""
        (a, b), (x, y) = self.direction(k), self.furthest[name][k]
        return a * x + b * y

    def first_jump(self, name: str) -> float:
        """The first direction after 0°, in degrees, at which two corners of a polygon are furthest."""
        x, y = self.furthest[name][1]  # at 0° itself there may be a tie
        others = (point for point in self.furthest[name][1:] if math.dist(point, (x, y)) > 1e-9)
        after = next(others)
        return math.degrees(math.atan2(x - after[0], after[1] - y))

    def message(self, k: int) -> str:
        values = ", ".join(f"{self.support(name, k):.2f} in {style(name).label}" for name in self.sets)
        return f"g at {self.places[k]}°: the furthest point reaches {values}"

    @cached_property
    def outlines(self) -> dict[str, Tensor]:
        """The boundary of each set, (n, 2): the maximisers in all directions, in order."""
        angle = torch.arange(0.5, 360, dtype=torch.float64).deg2rad()
        g = torch.stack([angle.cos(), angle.sin()], 1)
        found = {name: torch.unique_consecutive(U.maximizer(g), dim=0) for name, U in self.sets.items()}
        return {name: torch.cat([points, points[:1]]) for name, points in found.items()}

    def panels(self) -> list[Panel]:
        panels, width, (a, b) = [], 1.05 / len(self.sets) - 0.05, self.direction(self.shown)
        for i, name in enumerate(self.sets):
            look, outline, (x, y) = style(name, i), self.outlines[name].T, self.furthest[name][self.shown]
            marks = [
                Line(outline[0], outline[1], look.color, look.dash),
                Line([0, a, None], [0, b, None], arrow=True),
                Text(0.5 * a - 0.18 * b, 0.5 * b + 0.18 * a, "g", size=12),
                Line([x - 2 * b, x + 2 * b], [y + 2 * a, y - 2 * a], RED, "dot", width=1.5),
                Points([x], [y], RED, symbol=look.marker, size=11),
            ]
            across, up = (Axis(title, SPAN, (-1, 0, 1)) for title in (f"δ₁, {look.label}", "δ₂" * (i == 0)))
            left = i * (width + 0.05)
            panels.append(Panel(marks, across, up, (left, left + width, 0, 1), equal=True))
        return panels

    def row(self, k: int) -> dict[str, Any]:
        """For each set Δ*(g) and σ(g)."""
        row: dict[str, Any] = {"degrees": self.places[k]}
        for name in self.sets:
            label, (x, y) = style(name).label, self.furthest[name][k]
            row |= {f"Δ {label}": f"({x:.3g}, {y:.3g})", f"σ {label}": self.support(name, k)}
        return row
