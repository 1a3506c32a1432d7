"""A tangent and a circle: by how much a step along the tangent leaves the manifold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from rolab.plotting import BLUE, INK, RED, Axis, Legend, Line, Panel, Points, Sliding, Text
from rolab.plotting.style import GREY


def gap(r: float) -> float:
    """How far (1, r) is from the unit circle: √(1 + r²) − 1."""
    return math.hypot(1, r) - 1


@dataclass(frozen=True, eq=False)
class CircleFigure(Sliding):
    """A step r along the tangent of a circle of radius R, and how far it then is from the circle."""

    places: Sequence[float] = tuple(k / 10 for k in range(16))  # r/R
    shown: int = 5
    HEIGHT = 340
    MARGIN = (50, 16, 56, 50)
    prefix = "r / R = "
    legend = Legend(0.61, 0.98)
    SEEN = (
        "Left a circle, a step along its tangent, and the nearest point of the circle; right how far "
        "apart the two are, against the length of the step, beside the parabola r²/2R."
    )

    def message(self, k: int) -> str:
        r = self.places[k]
        off, bend = gap(r), r * r / 2
        return f"A step of {r:g} R on the tangent leaves the circle by {off:.3f} R; r²/2R is {bend:.3f} R"

    def panels(self) -> list[Panel]:
        r, far = self.places[self.shown], self.places[-1]
        angle = torch.linspace(0, 2 * math.pi, 121)
        long, off = math.hypot(1, r), gap(r)
        plane = [
            Line(angle.sin(), angle.cos(), INK),
            Line([-0.4, far + 0.2], [1, 1], BLUE, "dash"),
            Line([0, r, None], [1, 1, None], BLUE, arrow=r > 0, width=3),
            Line([r / long, r], [1 / long, 1], RED, width=3),
            Points([r], [1], RED, size=9),
            Text(r / 2, 1.16, "r", BLUE, 13),
            Text(0, 0.12, "R", size=13),
            Line([0, 0], [0, 1], GREY, "dot", width=1),
        ]
        curves = [
            Line(self.places, [x * x / 2 for x in self.places], GREY, "dot", name="r²/2R"),
            Line(self.places, list(map(gap, self.places)), RED, name="off the circle"),
            Points([r], [off], RED, size=11),
        ]
        across, up = Axis("in units of R", (-1.2, far + 0.3), (-1, 0, 1)), Axis("", (-1.2, 1.4), (-1, 0, 1))
        right = (
            Axis("step r, in units of R", (-0.05, far + 0.05)),
            Axis("distance / R", (-0.05, far**2 / 2 + 0.1)),
        )
        return [
            Panel(plane, across, up, (0, 0.46, 0, 1), equal=True),
            Panel(curves, *right, (0.58, 1, 0, 1)),
        ]

    def row(self, k: int) -> dict[str, Any]:
        r = self.places[k]
        return {"r / R": r, "distance / R": gap(r), "r²/2R²": r * r / 2}
