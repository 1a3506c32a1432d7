"""A line through 0 under the worst loads: robust least squares with one column, where all can be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from rolab.figures import canvas, layout
from rolab.linear_models import RobustFit, WorstDesign, robust_least_squares, worst_design
from rolab.paths.sliding import AXIS, Sliding, segments
from rolab.plotting import INK, RED
from rolab.polygons.drawing import grid, xy
from rolab.sets import Ball

BLUE, PURPLE = "#0072B2", "#CC79A7"


@dataclass(frozen=True, eq=False)
class LineFit(Sliding):
    """The line b ≈ x t through 0 if the t are wrong by Δ, ‖Δ‖₂ ≤ γ: the worst Δ, and what it does to ‖r‖₂.

    Left the least-squares line, the points where its worst Δ puts them, and the robust line of this γ; right
    the worst residual of both lines against γ, ‖r‖ + γ|x| for each.

    Attributes:
        t, b: loads and extensions (m,)
        places: the radii γ
        search: γ → the largest residual of the least-squares line that a search finds; drawn as crosses
        shown: the place at which the figure opens
    """

    t: np.ndarray
    b: np.ndarray
    places: Sequence[float]
    search: Callable[[float], float] | None = None
    shown: int = 0
    title: str = field(init=False)
    alt: str = field(init=False)
    symbol: ClassVar[str] = "γ"
    seen: ClassVar[str] = (
        "Left, points and the least-squares line through 0; arrows move the points sideways, away from the "
        "line; the robust line is flatter. Right, the worst residuals against γ: straight for the "
        "least-squares line, below it and level from some γ on for the robust one."
    )
    HEIGHT: ClassVar[int] = 400

    @cached_property
    def least_squares(self) -> float:
        """The slope without an adversary."""
        return float(self.t @ self.b / (self.t @ self.t))

    @cached_property
    def worst(self) -> list[WorstDesign]:
        """The worst loads for the least-squares line, at each radius."""
        x = np.array([self.least_squares])
        return [worst_design(self.t[:, None], self.b, x, Ball("l2", gamma)) for gamma in self.places]

    @cached_property
    def robust(self) -> list[RobustFit]:
        """The line with the smallest worst residual, at each radius."""
        return [robust_least_squares(self.t[:, None], self.b, Ball("l2", gamma)) for gamma in self.places]

    @cached_property
    def found(self) -> list[float]:
        """What the search finds, at each radius."""
        return [] if self.search is None else [self.search(gamma) for gamma in self.places]

    def message(self, k: int) -> str:
        """What the figure says at the k-th radius."""
        plain, careful = self.worst[k].value, self.robust[k].value
        return (
            f"γ = {self.places[k]:g} N: least squares may miss by {plain:.3f} cm, "
            f"the robust line by {careful:.3f} cm"
        )

    def moving(self, k: int) -> list[dict[str, Any]]:
        """The way of the points, their new places, the robust line, and where we are in the right panel."""
        before = np.column_stack([self.t, self.b])
        after = before + np.column_stack([self.worst[k].perturbation[:, 0], 0 * self.b])
        here = {"x": [self.places[k]] * 2, "y": [self.worst[k].value, self.robust[k].value]}
        ends = np.array(self._window[0])
        line = {"x": ends.tolist(), "y": (ends * self.robust[k].x[0]).tolist()}
        moved = {"x": after[:, 0].round(4).tolist(), "y": after[:, 1].round(4).tolist()}
        return [segments(before, after), moved, line, here]

    @property
    def _window(self) -> tuple[list[float], list[float]]:
        """The ranges of the left panel: all places that a point may be moved to."""
        reach = np.abs(self.worst[-1].perturbation).max()
        top, low = max(self.b.max(), 0), min(self.b.min(), 0)
        room = 0.08 * (top - low)
        left, right = min(self.t.min() - reach, 0), self.t.max() + reach
        return [float(left) - 0.2, float(right) + 0.2], [float(low - room), float(top + room)]

    def _curves(self) -> list[tuple[str, list[float], dict[str, Any]]]:
        """The right panel: name, values, look."""
        return [
            ("least-squares line, ‖r‖ + γ|x|", [w.bound for w in self.worst], {"color": INK}),
            ("robust line", [fit.value for fit in self.robust], {"color": BLUE, "dash": "dash"}),
        ]

    def still(self) -> Any:
        """The figure without a slider: what a live slider starts from and then changes."""
        import plotly.graph_objects as go

        figure, right = go.Figure(), {"xaxis": "x2", "yaxis": "y2"}
        looks: list[dict[str, Any]] = [
            {"mode": "lines", "line": {"color": RED, "width": 1.5}, "showlegend": False},
            {"mode": "markers", "marker": {"color": RED, "size": 7}, "name": "worst loads"},
            {"mode": "lines", "line": {"color": BLUE, "dash": "dash", "width": 2}, "showlegend": False},
            {"mode": "markers", "marker": {"color": RED, "size": 10}, "showlegend": False, **right},
        ]
        for trace, look in zip(self.moving(self.shown), looks, strict=True):
            figure.add_scatter(**trace, **look, hoverinfo="skip")
        ends = np.array(self._window[0])
        measured = {"mode": "markers", "marker": {"color": INK, "symbol": "circle-open", "size": 7}}
        x, y = self.t.round(4).tolist(), self.b.round(4).tolist()
        figure.add_scatter(x=x, y=y, name="measured", **measured)
        line = {"mode": "lines", "line": {"color": INK, "width": 2}, "showlegend": False}
        figure.add_scatter(x=ends.tolist(), y=(ends * self.least_squares).tolist(), **line)
        for name, values, look in self._curves():
            line = {"mode": "lines", "line": {**look, "width": 2}, "name": name}
            figure.add_scatter(x=list(self.places), y=values, **line, **right)
        if self.found:
            cross = {"mode": "markers", "marker": {"color": PURPLE, "symbol": "x", "size": 6}}
            figure.add_scatter(x=list(self.places), y=self.found, name="found by ascent", **cross, **right)
        (across, up) = self._window
        left_panel = {"xaxis": {**AXIS, "domain": [0, 0.46], "range": across, "title": {"text": "load t, N"}}}
        left_panel |= {"yaxis": {**AXIS, "range": up, "title": {"text": "extension b, cm", "standoff": 4}}}
        bound = {**AXIS, "anchor": "y2", "domain": [0.58, 1], "title": {"text": "γ, bound of ‖Δ‖₂, N"}}
        miss = {"title": {"text": "worst ‖(t + Δ)x − b‖, cm", "standoff": 4}}
        right_panel = {"xaxis2": bound, "yaxis2": {**AXIS, "anchor": "x2", **miss}}
        legend = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
        margin = {"l": 54, "r": 12, "t": 92, "b": 54}
        page = layout(self.HEIGHT, self.title, margin=margin, legend=legend, **left_panel, **right_panel)
        return figure.update_layout(**page)

    def _matplotlib(self) -> Any:
        page = canvas(self.HEIGHT, self.title)
        left, right = page.add_axes((0.08, 0.14, 0.4, 0.66)), page.add_axes((0.58, 0.14, 0.4, 0.66))
        way, moved, line, here = map(xy, self.moving(self.shown))
        ends = np.array(self._window[0])
        left.plot(*way, color=RED, linewidth=1)
        left.plot(*moved, "o", color=RED, markersize=4, label="worst loads")
        left.plot(self.t, self.b, "o", markerfacecolor="none", color=INK, markersize=4.5, label="measured")
        left.plot(ends, ends * self.least_squares, color=INK)
        left.plot(*line, color=BLUE, linestyle="--")
        for name, values, look in self._curves():
            dashed = {"linestyle": "--"} if "dash" in look else {}
            right.plot(self.places, values, color=look["color"], label=name, **dashed)
        if self.found:
            right.plot(self.places, self.found, "x", color=PURPLE, markersize=4, label="found by ascent")
        right.plot(*here, "o", color=RED, markersize=6)
        across, up = self._window
        left.set(xlim=across, ylim=up, xlabel="load t, N", ylabel="extension b, cm")
        right.set(xlabel="γ, bound of ‖Δ‖₂, N", ylabel="worst ‖(t + Δ)x − b‖, cm")
        grid(left, right)
        page.legend(loc="upper left", bbox_to_anchor=(0.02, 0.92), ncols=5, frameon=False, fontsize=7.5)
        return page

    def table(self) -> list[dict[str, Any]]:
        """A row for each radius: the slopes and their worst residuals."""
        rows = []
        for k, gamma in enumerate(self.places):
            row = {"γ": gamma, "least squares x": self.least_squares, "worst": self.worst[k].value}
            row |= {"found by ascent": self.found[k]} if self.found else {}
            rows.append(row | {"robust x": float(self.robust[k].x[0]), "its worst": self.robust[k].value})
        return rows
