"""A plan and a delivery: the data that break the plan, and how much of each row the plan needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rolab.course.nb01_linear_programs.polygon import XY, Polygon, extreme_points, harm, supporting_line, xy
from rolab.course.nb01_linear_programs.region_figure import LOOKS
from rolab.lp import RobustLP
from rolab.plotting import INK, RED, Area, Axis, Bars, Figure, Line, Panel, Points, Text, segments


@dataclass(frozen=True, eq=False)
class PlanFigure(Figure):
    """A plan for a program one row of which has two uncertain numbers, and the errors z of one delivery.

    Attributes:
        program: with one uncertain row, of two errors
        x: the plan (n,)
        z: the errors of the delivery (2,), in units of their tolerances
    """

    program: RobustLP
    x: np.ndarray
    z: np.ndarray
    MARGIN = (56, 12, 56, 54)
    REACH, TOP, SLACK = 1.6, 140.0, 1e-6  # of the axes; how far a row may be exceeded, by its size
    SEEN = (
        "Left the errors of the two labels: the set of all that are expected, in red those of them that "
        "break the plan, an arrow in the direction that harms it most, the supporting line of the set at "
        "its end, and a point, the delivery. Right, a bar for each row: how much of it the plan needs."
    )

    @property
    def row(self) -> str:
        """The name of the uncertain row."""
        ((name,),) = self.program.uncertain
        return name

    @cached_property
    def w(self) -> np.ndarray:
        """The direction in which an error harms the row most, -Pᵀx for a row ≥."""
        return harm(self.program, self.row, self.x)

    @cached_property
    def worst(self) -> np.ndarray:
        """The worst errors of the set, z*."""
        return self.program.worst_case(self.x).scenarios[self.row].z

    def needs(self, z: np.ndarray) -> dict[str, float]:
        """How much of each row the plan needs for the errors z, in percent of what is there."""
        form, found = self.program.standard_form, {}
        moved = form.sign[self.row] * (form.by_name[self.row].P @ z)
        for i, name in enumerate(self.program.names):
            a, b = self.program.A[[i]].toarray()[0], float(self.program.b[i])
            terms = (a + moved if name == self.row else a) * self.x
            ends = float(terms[terms > 0].sum()), b - float(terms[terms < 0].sum())
            need, there = ends if self.program.senses[i] == "<=" else ends[::-1]
            found[name] = 100 * need / there if there > 0 else (math.inf if need > 0 else 0.0)
        return found

    @cached_property
    def broken(self) -> dict[str, float]:
        """The rows that the plan breaks, by how many percent of what is there."""
        most = 100 * (1 + self.SLACK)
        return {name: need - 100 for name, need in self.needs(self.z).items() if need > most}

    @cached_property
    def robust(self) -> bool:
        """Whether every row holds for all data of the set."""
        return max(self.needs(self.worst).values()) <= 100 * (1 + self.SLACK)

    @property
    def title(self) -> str:  # type: ignore[override]
        if self.broken:
            missing = (f"{by:.3g} %" if by < 1000 else "much" for by in self.broken.values())
            short = (f"{name} {by} short" for name, by in zip(self.broken, missing, strict=True))
            return f"Infeasible: {', '.join(short)}"
        return f"The plan holds, and brings {self.program.c @ self.x:,.2f} $"

    def table(self) -> list[dict[str, Any]]:
        row = dict(zip(self.program.variables, self.x.tolist(), strict=True))
        row |= {f"{name}, %": need for name, need in self.needs(self.z).items()}
        return [row | {"for all data": "holds" if self.robust else "breaks"}]

    def panels(self) -> list[Panel]:
        """The errors that break the plan, with w and the supporting line; the rows, and the stamp."""
        look, corners, w = LOOKS["box"], extreme_points(self._Z), self.w
        size = float(np.hypot(*w)) or 1.0
        spare = w @ self.worst - self.program.worst_case(self.x).violations[self.row]
        all_of_it = Polygon(corners, ("",) * len(corners))
        holds, breaks = all_of_it.cut(w, spare + 1e-9 * size, ""), all_of_it.cut(-w, -spare - 1e-9 * size, "")
        errors = [
            Area(*_outline(holds), look.color, width=0),
            Area(*_outline(breaks), RED, width=0),
            Line(*all_of_it.outline, look.color, look.dash),
            Line(*segments(np.zeros((1, 2)), 0.8 * w[None] / size), INK, width=1.5, arrow=True),
            Line(*supporting_line(w, self.worst, 3 * self.REACH), RED, "dash", 1.5),
            Points(*xy(self.z[None]), size=11),
        ]
        needs = self.needs(self.z)
        heights = [min(need, self.TOP) for need in needs.values()]
        places, colors = np.arange(len(needs)), [RED if name in self.broken else "#999999" for name in needs]
        rows = [
            Bars(places, heights, colors, broad=0.7),
            Line([-0.6, len(needs) - 0.4], [100, 100], dash="dash", width=1.5),
            Text(2.2, 120, "INFEASIBLE" * bool(self.broken), RED, size=30, angle=6),
            *(Text(k, 0, name, size=10.5, up=-12) for k, name in enumerate(needs)),
        ]
        one, other = (
            Axis(f"{letter}, error of {name}", (-self.REACH, self.REACH), (-1, 0, 1))
            for letter, name in zip(("z₁", "z₂"), self.program.variables, strict=False)
        )
        across = Axis(range=(-0.6, len(needs) - 0.4), ticks=(), grid=False)
        up = Axis("needed, % of what is there", (0, self.TOP), (0, 50, 100))
        return [
            Panel(errors, one, other, (0, 0.36, 0, 1), equal=True),
            Panel(rows, across, up, (0.46, 1, 0, 1)),
        ]

    @property
    def _Z(self) -> Any:
        (block,) = self.program.uncertain.values()
        return block.Z


def _outline(polygon: Polygon) -> XY:
    return polygon.outline if len(polygon.corners) else xy(polygon.corners)
