"""One row under some scenarios and under all: how the half-planes close in on an envelope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from rolab.course.nb01_linear_programs.polygon import Polygon, extreme_points, xy
from rolab.course.nb01_linear_programs.region_figure import LOOKS
from rolab.plotting import Area, Axis, Line, Panel, Points, Sliding, segments
from rolab.sets import UncertaintySet


@dataclass(frozen=True, eq=False)
class EnvelopeFigure(Sliding):
    """The row zᵀx ≤ 1 for some z of a set, and for all: above the z, below the half-planes they leave."""

    sets: Mapping[str, UncertaintySet]  # name → set in the plane, inside [-1, 1]² and around 0
    counts: Sequence[int] = (1, 3, 10, 30, 100)  # how many scenarios the slider shows, at last all
    shown: int = 2  # the place among them and "all" at which the figure opens
    seed: int = 1  # of the random scenarios
    prefix = "scenarios: "
    HEIGHT = 540
    MARGIN = (50, 12, 56, 54)
    REACH = 2.2
    SEEN = "Above, random scenarios z in each set; below, the lines zᵀx = 1, which leave a region around 0."

    @property
    def places(self) -> list[str]:  # type: ignore[override]
        return [*map(str, self.counts), "all"]

    @property
    def alt(self) -> str:
        return f"{self.SEEN} Sets: {', '.join(self.sets)}. Shown: {self.title}."

    def message(self, k: int) -> str:
        if k == len(self.counts):
            return "All scenarios: what is left is where the support function is at most 1"
        return f"{self.counts[k]} random scenario{'s' * (self.counts[k] > 1)}, {self.counts[k]} half-planes"

    @cached_property
    def scenarios(self) -> dict[str, np.ndarray]:
        """The random scenarios of each set, uniform in it."""
        most, generator = self.counts[-1], torch.Generator().manual_seed(self.seed)
        points = 2 * torch.rand(8 * most, 2, generator=generator) - 1
        return {name: points[U.contains(points)][:most].numpy() for name, U in self.sets.items()}

    @cached_property
    def extremes(self) -> dict[str, np.ndarray]:
        """The points of each set that are furthest in some direction."""
        return {name: extreme_points(U) for name, U in self.sets.items()}

    def drawn(self, name: str, k: int) -> np.ndarray:
        """The scenarios at the k-th place: the first ones, or for "all" the furthest in every direction."""
        return self.scenarios[name][: self.counts[k]] if k < len(self.counts) else self.extremes[name]

    def left(self, name: str, k: int) -> Polygon:
        """The x that all of these scenarios leave."""
        corners = self.REACH * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
        polygon = Polygon(corners, ("",) * 4)
        for z in self.drawn(name, k):
            polygon = polygon.cut(z, 1.0, "z")
        return polygon

    def shapes(self) -> list[str]:
        """What all scenarios of each set leave, in a word."""
        return [_shape(self.left(name, len(self.counts)).corners) for name in self.sets]

    def panels(self) -> list[Panel]:
        """For each set: the scenarios, and below them their lines and what these leave."""
        found, share = [], 1.06 / len(self.sets)
        for i, name in enumerate(self.sets):
            z, look = self.drawn(name, self.shown), LOOKS[name]
            edge = Polygon(self.extremes[name], ()).outline
            above = [Line.of(look, *edge, width=1.5), Points(*xy(z), size=5)]
            area = Area(*self.left(name, self.shown).outline, look.color, look.dash, 2.5)
            below = [Line(*self._lines(z), "#bbbbbb", width=0.7), area]
            sides, first = (i * share, (i + 1) * share - 0.06), i == 0
            for marks, letter, title, reach, rows in (
                (above, "z", f"z₁, {name}", 1.2, (0.6, 1)),
                (below, "x", "x₁", self.REACH, (0, 0.44)),
            ):
                ticks = [tick for tick in range(-2, 3) if abs(tick) < reach]
                across, up = (Axis(text, (-reach, reach), ticks) for text in (title, f"{letter}₂" * first))
                found.append(Panel(marks, across, up, (*sides, *rows), equal=True))
        return found

    def _lines(self, z: np.ndarray) -> tuple[list[Any], list[Any]]:
        """The lines zᵀx = 1 of scenarios that are not too small for a line in sight."""
        size = np.hypot(*z.T)[:, None]
        z, size = z[size[:, 0] > 0.2], size[size > 0.2][:, None]
        middle, along = z / size**2, 3 * self.REACH / size * z[:, ::-1] * (-1, 1)
        return segments(middle + along, middle - along)

    def row(self, k: int) -> dict[str, Any]:
        """The area that is left to x at the k-th place, as far as it is drawn."""
        areas = {f"area left, {name}": self.left(name, k).area for name in self.sets}
        return {"scenarios": self.places[k], **areas}


def _shape(corners: np.ndarray) -> str:
    """What a regular polygon around 0 is called; one of many corners stands for a disc."""
    square = "diamond" if np.abs(corners).min() < 1e-6 else "square"
    return {4: square, 6: "hexagon", 8: "octagon"}.get(len(corners), "disc")
