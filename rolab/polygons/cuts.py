"""The cutting-set method in the plane, and its two bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from rolab.convex import RobustLP, Solution
from rolab.figures import INK, RED, Figure, canvas, layout
from rolab.polygons.drawing import AXIS, add_names, draw_names, grid, sliding, translucent, window, xy
from rolab.polygons.geometry import Polygon, half_plane, nominal_region, rounded

BLUE = "#0072B2"


@dataclass(frozen=True, eq=False)
class Cuts(Figure):
    """The cutting-set method in the plane, round by round: the cuts on the left, the bounds on the right.

    Attributes:
        program: of two variables, one row of it uncertain
        shown: the round at which the figure opens, from 0; -1 is the last
    """

    program: RobustLP
    shown: int = -1
    title: str = field(init=False)
    alt: str = field(init=False)
    slides: ClassVar[bool] = True
    HEIGHT: ClassVar[int] = 400

    def __post_init__(self) -> None:
        object.__setattr__(self, "shown", self.shown % len(self))
        object.__setattr__(self, "title", self.message(self.shown))
        alt = "Left what the scenarios known so far leave, and its optimum; right the bounds, closing. "
        object.__setattr__(self, "alt", f"{alt}Shown: {self.title}.")

    @cached_property
    def solution(self) -> Solution:
        """The solution by cutting sets, which holds the trace."""
        return self.program.solve("cutting-set")

    def __len__(self) -> int:
        return len(self.solution.trace)

    def message(self, k: int) -> str:
        """What the figure says in the k-th round."""
        cut = self.solution.trace[k]
        optimistic, safe = self._words
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

    def moving(self, k: int) -> list[dict[str, Any]]:
        """The traces that depend on the round: the region, the cuts, the optimum, the two bounds."""
        x: list[float | None] = [None]
        y: list[float | None] = [None]
        for _, a, b in self.lines(k):
            along = np.array([a[1], -a[0]]) / np.hypot(*a) * 10 * np.ptp(self._nominal.corners, axis=0).max()
            ends = a * b / (a @ a) + np.outer([-1, 1], along)
            x, y = [*x, *rounded(ends[:, 0]), None], [*y, *rounded(ends[:, 1]), None]
        trace = self.solution.trace
        rounds = list(range(1, k + 2))
        bounds = [cut.optimistic for cut in trace[: k + 1]], [cut.safe for cut in trace[: k + 1]]
        region = self.region(k).outline()
        return [
            {"x": region[0], "y": region[1]},
            {"x": x, "y": y},
            {"x": rounded(trace[k].x[:1]), "y": rounded(trace[k].x[1:])},
            *({"x": rounds, "y": bound} for bound in bounds),
        ]

    @cached_property
    def _nominal(self) -> Polygon:
        return nominal_region(self.program)

    def plotly(self) -> Any:
        """The figure as a `plotly.graph_objects.Figure`, with a frame for each round and a slider."""
        frames = [(self.moving(k), self.message(k)) for k in range(len(self))]
        labels = [str(k + 1) for k in range(len(self))]
        return sliding(self.still(), frames, labels, self.shown, "round ")

    def still(self) -> Any:
        """The figure without a slider: what the live explorer starts from and then changes."""
        import plotly.graph_objects as go

        figure, left = go.Figure(), {"mode": "lines", "hoverinfo": "skip"}
        right = {"mode": "lines+markers", "xaxis": "x2", "yaxis": "y2"}
        looks: list[dict[str, Any]] = [
            {**left, "fill": "toself", "line": {"color": BLUE}, "fillcolor": translucent(BLUE)},
            {**left, "line": {"color": INK, "dash": "dot", "width": 1}},
            {**left, "mode": "markers", "marker": {"color": RED, "size": 11}},
            {**right, "line": {"color": RED}, "marker": {"symbol": "triangle-down", "size": 9}},
            {
                **right,
                "line": {"color": BLUE, "dash": "dash"},
                "marker": {"symbol": "triangle-up", "size": 9},
            },
        ]
        for trace, look in zip(self.moving(self.shown), looks, strict=True):
            figure.add_scatter(**trace, **look)
        x, y = self._nominal.outline()
        figure.add_scatter(x=x, y=y, **left, line={"color": INK, "dash": "dash", "width": 1.5})
        add_names(figure, self._nominal)
        for text, color, value, shift in self._ends:
            at = {"x": 1, "y": value, "xref": "x2", "yref": "y2", "xanchor": "left", "yshift": shift}
            figure.add_annotation(text=text, showarrow=False, font={"size": 11, "color": color}, **at)
        (across, up), (one, other) = window(self._nominal), self.program.variables
        plan = {"xaxis": {**AXIS, "domain": [0, 0.5], "range": across, "title": {"text": one}}}
        plan |= {"yaxis": {**AXIS, "range": up, "title": {"text": other, "standoff": 2}}}
        jaws = {"xaxis2": {**AXIS, "anchor": "y2", "domain": [0.64, 1], "range": self._rounds, "dtick": 1}}
        jaws["xaxis2"] |= {"title": {"text": "round"}}
        jaws |= {"yaxis2": {**AXIS, "anchor": "x2", "range": self._span, "title": {"text": "objective"}}}
        margin = {"l": 56, "r": 12, "t": 56, "b": 54}
        page = layout(self.HEIGHT, self.title, margin=margin, showlegend=False, **plan, **jaws)
        return figure.update_layout(**page)

    @property
    def _rounds(self) -> tuple[float, float]:
        return 0.7, len(self) + 0.3

    @property
    def _span(self) -> list[float]:
        trace = self.solution.trace
        values = [v for cut in trace for v in (cut.optimistic, cut.safe) if v is not None]
        margin = 0.12 * (max(values) - min(values)) or 1.0
        return [min(values) - margin, max(values) + margin]

    @property
    def _ends(self) -> list[tuple[str, str, float, int]]:
        """What stands beside the beginnings of the two bounds: text, colour, where, how much higher."""
        first, up = self.solution.trace[0], 13 if self.program.maximize else -15
        found = [("no robust plan is better", RED, first.optimistic, up)]
        return found if first.safe is None else [*found, ("some robust plan has it", BLUE, first.safe, -up)]

    def _matplotlib(self) -> Any:
        page = canvas(self.HEIGHT, self.title)
        region, lines, best, optimistic, safe = map(xy, self.moving(self.shown))
        left, right = page.add_axes((0.1, 0.14, 0.44, 0.72)), page.add_axes((0.66, 0.14, 0.32, 0.72))
        left.fill(*region, color=BLUE, alpha=0.2)
        left.plot(*lines, color=INK, linestyle=":", linewidth=1)
        left.plot(*self._nominal.outline(), color=INK, linestyle="--", linewidth=1.1)
        left.plot(*best, "o", color=RED, markersize=7)
        draw_names(left, self._nominal)
        right.plot(*optimistic, "v-", color=RED)
        right.plot(*safe, "^--", color=BLUE)
        for text, color, value, shift in self._ends:
            at = {"xytext": (0, shift), "textcoords": "offset points", "va": "center"}
            right.annotate(text, (1, value), color=color, fontsize=8, **at)
        (across, up), (one, other) = window(self._nominal), self.program.variables
        left.set(xlim=across, ylim=up, xlabel=one, ylabel=other)
        right.set(xlim=self._rounds, ylim=self._span, xlabel="round", xticks=range(1, len(self) + 1))
        grid(left, right)
        return page

    def table(self) -> list[dict[str, Any]]:
        """A row for each round: the optimum, its bounds, the worst violation."""
        rows = []
        for k, cut in enumerate(self.solution.trace):
            x = dict(zip(self.program.variables, cut.x.tolist(), strict=True))
            bounds = dict(zip(self._words, (cut.optimistic, cut.safe), strict=True))
            rows.append({"round": k + 1, **x, **bounds, "violation": cut.violation})
        return rows
