"""The cutting-set method in the plane, and its two bounds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rolab.course.nb01_linear_programs.polygon import Polygon, half_plane, nominal_region, xy
from rolab.lp import RobustLP, Solution
from rolab.plotting import BLUE, RED, Area, Axis, Line, Mark, Panel, Points, Sliding, Text, segments


@dataclass(frozen=True, eq=False)
class CuttingSetFigure(Sliding):
    """The cutting-set method in the plane, round by round: the cuts on the left, the bounds on the right."""

    program: RobustLP  # of two variables, one row of it uncertain
    shown: int = -1  # the round at which the figure opens, from 0; -1 is the last
    prefix = "round "
    MARGIN = (70, 12, 56, 54)
    SEEN = "Left what the scenarios known so far leave, and its optimum; right the bounds, closing."

    @property
    def places(self) -> range:  # type: ignore[override]
        return range(1, len(self.solution.trace) + 1)

    @cached_property
    def solution(self) -> Solution:
        """The solution by cutting sets, which holds the trace."""
        return self.program.solve("cutting-set")

    def message(self, k: int) -> str:
        cut, (optimistic, safe) = self.solution.trace[k], self._words
        said = f"Round {k + 1}: {optimistic} {cut.optimistic:,.2f}"
        said += "" if cut.safe is None else f", {safe} {cut.safe:,.2f}"
        broken = f"the worst case breaks a row by {cut.violation:.3g}" if cut.added else "no row is broken"
        return f"{said}; {broken}"

    @property
    def _words(self) -> tuple[str, str]:
        """What the optimistic and the safe bound say of the optimum."""
        return ("at most", "at least") if self.program.maximize else ("at least", "at most")

    def region(self, k: int) -> Polygon:
        """What the scenarios known in the k-th round leave."""
        polygon = self._nominal
        for row, a, b in self.lines(k):
            polygon = polygon.cut(*half_plane(self.program, row, a, b))
        return polygon

    def lines(self, k: int) -> list[tuple[str, np.ndarray, float]]:
        """The row, the coefficients and the right-hand side of each scenario added before the k-th round."""
        found = []
        for cut in self.solution.trace[:k]:
            worst = self.program.worst_case(cut.x).scenarios
            found += [(row, worst[row].coefficients, worst[row].rhs) for row in cut.added]
        return found

    @cached_property
    def _nominal(self) -> Polygon:
        return nominal_region(self.program)

    def panels(self) -> list[Panel]:
        """The region, the cuts and the optimum; the two bounds."""
        trace, rounds = self.solution.trace[: self.shown + 1], self.places[: self.shown + 1]
        ab = np.array([[*a, b] for _, a, b in self.lines(self.shown)]).reshape(-1, 3)
        a, size = ab[:, :2], np.hypot(*ab[:, :2].T)[:, None]
        middle = a * ab[:, 2:] / size**2
        along = a[:, ::-1] * (1, -1) / size * 10 * np.ptp(self._nominal.corners, axis=0).max()
        plan = [
            Area(*self.region(self.shown).outline, BLUE),
            Line(*segments(middle - along, middle + along), dash="dot", width=1),
            Points(*xy(trace[-1].x[None]), size=11),
            Line(*self._nominal.outline, dash="dash", width=1.5),
            *self._nominal.row_names(),
        ]
        optimistic, safe = ([getattr(cut, name) for cut in trace] for name in ("optimistic", "safe"))
        first, up = trace[0], 13 if self.program.maximize else -15
        bounds: list[Mark] = [
            Line(rounds, optimistic, RED, marker="triangle-down", size=9),
            Line(rounds, safe, BLUE, "dash", marker="triangle-up", size=9),
            Text(1, first.optimistic, "no robust plan is better", RED, anchor="left", up=up),
        ]
        if first.safe is not None:
            bounds.append(Text(1, first.safe, "some robust plan has it", BLUE, anchor="left", up=-up))
        values = [v for cut in self.solution.trace for v in (cut.optimistic, cut.safe) if v is not None]
        margin = 0.12 * (max(values) - min(values)) or 1.0
        until = Axis("round", (0.7, len(self.places) + 0.3), self.places)
        objective = Axis("objective", (min(values) - margin, max(values) + margin))
        return [
            Panel(plan, *self._nominal.window(self.program.variables), (0, 0.5, 0, 1)),
            Panel(bounds, until, objective, (0.64, 1, 0, 1)),
        ]

    def row(self, k: int) -> dict[str, Any]:
        """The k-th round: the optimum, its bounds, the worst violation."""
        cut = self.solution.trace[k]
        names = *self.program.variables, *self._words
        found = zip(names, (*cut.x.tolist(), cut.optimistic, cut.safe), strict=True)
        return {"round": k + 1, **dict(found), "violation": cut.violation}
