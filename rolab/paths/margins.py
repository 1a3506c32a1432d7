"""Two robust support vector machines in the plane: one budget for all examples, and one for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from rolab.figures import canvas, layout
from rolab.linear_models import RobustSVM, robust_svm
from rolab.paths.sliding import AXIS, Sliding, segments
from rolab.plotting import INK, RED
from rolab.polygons.drawing import grid, xy
from rolab.sets import Ball, GroupBall

CLASSES = {1: ("+1", "#0072B2", "circle", "o"), -1: ("−1", "#E69F00", "square", "s")}


@dataclass(frozen=True, eq=False)
class Margins(Sliding):
    """The robust classifiers for Σ‖δ_i‖₂ ≤ c, left, and for ‖δ_i‖₂ ≤ ε each, right, with a worst δ as arrows.

    Attributes:
        X, y: examples (N, 2) and labels ±1 (N,)
        places: the radii ε
        share: c = share · ε
        shown: the place at which the figure opens
    """

    X: np.ndarray
    y: np.ndarray
    places: Sequence[float]
    share: float = 1.0
    shown: int = 0
    title: str = field(init=False)
    alt: str = field(init=False)
    symbol: ClassVar[str] = "ε"
    seen: ClassVar[str] = (
        "Two classes of points in the plane, twice, with the robust boundary, its margins and a worst "
        "perturbation: left all of the budget goes to one point, right every point takes a step of length ε "
        "towards the boundary."
    )
    HEIGHT: ClassVar[int] = 400

    @cached_property
    def coupled(self) -> list[RobustSVM]:
        """The machine for one budget c, at each radius."""
        sets = [GroupBall("l2", self.share * radius, self.X.shape, axis=1) for radius in self.places]
        return [robust_svm(self.X, self.y, U) for U in sets]

    @cached_property
    def each(self) -> list[RobustSVM]:
        """The machine for ε each, at each radius."""
        return [robust_svm(self.X, self.y, Ball("l2", radius)) for radius in self.places]

    def message(self, k: int) -> str:
        """What the figure says at the k-th radius."""
        radius, one, every = self.places[k], self.coupled[k].objective, self.each[k].objective
        together = f"Worst loss {one:.2f} with c = {self.share * radius:g} for all"
        return f"{together}, {every:.2f} with ε = {radius:g} each"

    def moving(self, k: int) -> list[dict[str, Any]]:
        """For each panel the boundary, the margins, and the worst perturbation."""
        found: list[dict[str, Any]] = []
        for fit in (self.coupled[k], self.each[k]):
            moved = np.abs(fit.perturbation).sum(1) > 0 if fit.w.any() else np.zeros(len(self.y), bool)
            arrows = segments(self.X[moved], (self.X + fit.perturbation)[moved])
            sizes = [0, 11, 0] * int(moved.sum())  # a head at the end of each
            found += [self._levels(fit, [0]), self._levels(fit, [-1, 1])]
            found.append({**arrows, "marker": {"size": sizes}})
        return found

    def _levels(self, fit: RobustSVM, values: Sequence[float]) -> dict[str, list[float | None]]:
        """The lines wᵀx + b = value; none if w is 0."""
        if not fit.w.any():
            return {"x": [None], "y": [None]}
        foot = np.outer(np.array(values) - fit.b, fit.w / (fit.w @ fit.w))
        along = 20 * np.array([-fit.w[1], fit.w[0]]) / np.hypot(*fit.w)
        return segments(foot - along, foot + along)

    @property
    def _window(self) -> tuple[list[float], list[float]]:
        """A square around the points."""
        low, high = self.X.min(0), self.X.max(0)
        middle, half = (low + high) / 2, 0.6 * float((high - low).max())
        return (middle[0] + np.array([-half, half])).tolist(), (middle[1] + np.array([-half, half])).tolist()

    PANELS: ClassVar[tuple[str, str]] = ("one budget: Σ‖δᵢ‖ ≤ c", "one each: ‖δᵢ‖ ≤ ε")

    def still(self) -> Any:
        """The figure without a slider: what a live slider starts from and then changes."""
        import plotly.graph_objects as go

        figure, traces = go.Figure(), self.moving(self.shown)
        head = {"symbol": "arrow", "angleref": "previous", "color": RED}
        for side in (0, 1):
            on = {"xaxis": f"x{side + 1}", "yaxis": f"y{side + 1}", "hoverinfo": "skip", "showlegend": False}
            boundary, margins, arrows = traces[3 * side : 3 * side + 3]
            figure.add_scatter(**boundary, **on, mode="lines", line={"color": INK, "width": 2.5})
            figure.add_scatter(**margins, **on, mode="lines", line={"color": INK, "width": 1, "dash": "dash"})
            arrows = {**arrows, "marker": {**head, **arrows["marker"]}}
            figure.add_scatter(**arrows, **on, mode="lines+markers", line={"color": RED, "width": 1.5})
        for side, label in ((side, label) for side in (0, 1) for label in CLASSES):
            name, color, symbol, _ = CLASSES[label]
            x, y = self.X[self.y == label].round(4).T.tolist()
            on = {"xaxis": f"x{side + 1}", "yaxis": f"y{side + 1}", "name": name, "showlegend": side == 0}
            marker = {"color": color, "symbol": symbol, "size": 8}
            figure.add_scatter(x=x, y=y, **on, mode="markers", marker=marker)
        (across, up), page = self._window, {}
        for side, (name, domain) in enumerate(zip(self.PANELS, ([0, 0.43], [0.5, 0.93]), strict=True)):
            number, other = str(side + 1) if side else "", str(side + 1)
            plain = {**AXIS, "zeroline": False}
            page[f"xaxis{number}"] = {**plain, "domain": domain, "range": across, "anchor": f"y{other}"}
            plain["showticklabels"] = not side
            page[f"yaxis{number}"] = {**plain, "range": up, "anchor": f"x{other}"}
            at = {"x": sum(domain) / 2, "y": 1, "xref": "paper", "yref": "paper", "xanchor": "center"}
            figure.add_annotation(text=name, showarrow=False, font={"size": 13}, yanchor="bottom", **at)
        page["legend"] = {"x": 0.94, "y": 1}
        margin = {"l": 40, "r": 12, "t": 76, "b": 40}
        return figure.update_layout(**layout(self.HEIGHT, self.title, margin=margin, **page))

    def _matplotlib(self) -> Any:
        page, traces = canvas(self.HEIGHT, self.title), self.moving(self.shown)
        across, up = self._window
        for side, name in enumerate(self.PANELS):
            axes = page.add_axes((0.06 + 0.46 * side, 0.08, 0.4, 0.74))
            boundary, margins, _ = map(xy, traces[3 * side : 3 * side + 3])
            axes.plot(*boundary, color=INK, linewidth=2)
            axes.plot(*margins, color=INK, linewidth=0.9, linestyle="--")
            fit = (self.coupled, self.each)[side][self.shown]
            if fit.w.any():
                for start, step in zip(self.X, fit.perturbation, strict=True):
                    if step.any():
                        arrow = {"arrowstyle": "-|>", "color": RED, "shrinkA": 0, "shrinkB": 0}
                        axes.annotate("", start + step, start, arrowprops=arrow)
            for label, (text, color, _, marker) in CLASSES.items():
                axes.plot(*self.X[self.y == label].T, marker, color=color, markersize=5, label=text)
            axes.set_title(name, fontsize=10)
            axes.set(xlim=across, ylim=up)
            axes.tick_params(labelleft=side == 0)
            grid(axes)
        handles, names = axes.get_legend_handles_labels()
        beside = {"loc": "upper left", "bbox_to_anchor": (0.918, 0.85), "handletextpad": 0}
        page.legend(handles, names, frameon=False, **beside)
        return page

    def table(self) -> list[dict[str, Any]]:
        """A row for each radius: the worst losses, the lengths of w, and how many examples move."""
        rows = []
        for radius, one, every in zip(self.places, self.coupled, self.each, strict=True):
            row = {"ε": radius, "c": self.share * radius}
            row |= {"worst loss, one budget": one.objective, "worst loss, one each": every.objective}
            lengths = (float(np.hypot(*fit.w)) for fit in (one, every))
            rows.append(row | dict(zip(("‖w‖, one budget", "‖w‖, one each"), lengths, strict=True)))
        return rows
