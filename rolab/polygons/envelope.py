"""One row under some scenarios and under all: how the half-planes close in on an envelope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch

from rolab.figures import DASHES, RED, Figure, canvas, layout
from rolab.polygons.drawing import AXIS, LOOKS, grid, sliding, translucent, xy
from rolab.polygons.geometry import Polygon, rounded
from rolab.sets import UncertaintySet

GREY = "#bbbbbb"


@dataclass(frozen=True, eq=False)
class Envelope(Figure):
    """The row zᵀx ≤ 1 for some z of a set, and for all: above the z, below the half-planes that they leave.

    Attributes:
        sets: name → set in the plane, inside [-1, 1]² and around 0
        counts: how many scenarios the slider shows, at last all
        shown: the place among them and "all" at which the figure opens
        seed: of the random scenarios
    """

    sets: Mapping[str, UncertaintySet]
    counts: Sequence[int] = (1, 3, 10, 30, 100)
    shown: int = 2
    seed: int = 1
    title: str = field(init=False)
    alt: str = field(init=False)
    slides: ClassVar[bool] = True
    HEIGHT: ClassVar[int] = 540
    REACH: ClassVar[float] = 2.2

    def __post_init__(self) -> None:
        alt = (
            "Above, random scenarios z in each set; below, the lines zᵀx = 1, which leave a region around 0. "
        )
        object.__setattr__(self, "title", self.message(self.shown))
        object.__setattr__(self, "alt", f"{alt}Sets: {', '.join(self.sets)}. Shown: {self.title}.")

    def message(self, k: int) -> str:
        """What the figure says at the k-th place of the slider."""
        if k == len(self.counts):
            return "All scenarios: what is left is where the support function is at most 1"
        return f"{self.counts[k]} random scenario{'s' * (self.counts[k] > 1)}, {self.counts[k]} half-planes"

    @cached_property
    def scenarios(self) -> dict[str, np.ndarray]:
        """The random scenarios of each set, uniform in it."""
        points = (
            2 * torch.rand(8 * self.counts[-1], 2, generator=torch.Generator().manual_seed(self.seed)) - 1
        )
        return {name: points[U.contains(points)][: self.counts[-1]].numpy() for name, U in self.sets.items()}

    def drawn(self, name: str, k: int) -> np.ndarray:
        """The scenarios at the k-th place: the first ones, or for "all" the furthest in every direction."""
        if k < len(self.counts):
            return self.scenarios[name][: self.counts[k]]
        angle = torch.arange(1.5, 360, 3, dtype=torch.float64).deg2rad()
        points = self.sets[name].maximizer(torch.stack([angle.cos(), angle.sin()], 1))
        return np.array(list(dict.fromkeys(map(tuple, points.tolist()))))

    def left(self, name: str, k: int) -> Polygon:
        """The x that all of these scenarios leave."""
        corners = self.REACH * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
        polygon = Polygon(corners, ("",) * 4)
        for z in self.drawn(name, k):
            polygon = polygon.cut(z, 1.0, "z")
        return polygon

    def area(self, name: str, k: int) -> float:
        """The area of what is left, as far as it is drawn."""
        x, y = self.left(name, k).corners.T
        return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)

    def _lines(self, name: str, k: int) -> tuple[list[float | None], list[float | None]]:
        """The lines zᵀx = 1, each as two points and a gap; few of them for "all"."""
        x: list[float | None] = []
        y: list[float | None] = []
        for a, b in self.drawn(name, k):
            if (size := float(np.hypot(a, b))) > 0.2:
                across, up = a / size**2, b / size**2
                reach = 3 * self.REACH / size
                x += [*rounded((across - reach * b, across + reach * b)), None]
                y += [*rounded((up + reach * a, up - reach * a)), None]
        return x, y

    def _moving(self, k: int) -> list[dict[str, Any]]:
        """For each set: the scenarios, the lines, and what they leave."""
        found: list[dict[str, Any]] = []
        for name in self.sets:
            z, (x, y), polygon = self.drawn(name, k), self._lines(name, k), self.left(name, k).outline()
            found += [{"x": rounded(z[:, 0]), "y": rounded(z[:, 1])}, {"x": x, "y": y}]
            found.append({"x": polygon[0], "y": polygon[1]})
        return found

    def _outline(self, name: str) -> dict[str, list[float]]:
        """The boundary of a set."""
        z = self.drawn(name, len(self.counts))
        return {"x": rounded([*z[:, 0], z[0, 0]]), "y": rounded([*z[:, 1], z[0, 1]])}

    def plotly(self) -> Any:
        """The figure as a `plotly.graph_objects.Figure`, with a frame for each count and a slider."""
        import plotly.graph_objects as go

        figure, traces = go.Figure(), iter(self._moving(self.shown))
        figure.update_layout(
            **layout(self.HEIGHT, self.title, margin={"l": 50, "r": 12, "t": 56, "b": 54}, showlegend=False)
        )
        axes = {name: (str(2 * i + 1), str(2 * i + 2)) for i, name in enumerate(self.sets)}
        for name, (above, below) in axes.items():
            look, on = LOOKS[name], {"hoverinfo": "skip"}
            side = {"color": look.color, "dash": look.dash, "width": 2.5}
            on_z, on_x = ({**on, "xaxis": f"x{number}", "yaxis": f"y{number}"} for number in (above, below))
            dots = {"mode": "markers", "marker": {"color": RED, "size": 5}}
            area = {"mode": "lines", "line": side, "fill": "toself", "fillcolor": translucent(look.color)}
            figure.add_scatter(**next(traces), **dots, **on_z)
            figure.add_scatter(**next(traces), mode="lines", line={"color": GREY, "width": 0.7}, **on_x)
            figure.add_scatter(**next(traces), **area, **on_x)
        for i, (name, (above, below)) in enumerate(axes.items()):
            side = {"color": LOOKS[name].color, "dash": LOOKS[name].dash, "width": 1.5}
            on = {"xaxis": f"x{above}", "yaxis": f"y{above}", "hoverinfo": "skip"}
            figure.add_scatter(**self._outline(name), mode="lines", line=side, **on)
            left = i * 1.06 / len(axes)
            for number, text, reach, rows in (
                (above, f"z₁, {name}", 1.2, [0.6, 1]),
                (below, "x₁", self.REACH, [0, 0.44]),
            ):
                axis = {**AXIS, "range": [-reach, reach], "dtick": 1}
                across: dict[str, Any] = {
                    "domain": [left, left + 1.06 / len(axes) - 0.06],
                    "anchor": f"y{number}",
                }
                across |= {"title": {"text": text, "standoff": 2}}
                up: dict[str, Any] = {"domain": rows, "anchor": f"x{number}", "scaleanchor": f"x{number}"}
                up |= {"constrain": "domain", "title": {"text": f"{text[0]}₂" * (i == 0), "standoff": 2}}
                figure.update_layout({f"xaxis{number}": axis | across, f"yaxis{number}": axis | up})
        frames = [(self._moving(k), self.message(k)) for k in range(len(self.counts) + 1)]
        return sliding(figure, frames, [*map(str, self.counts), "all"], self.shown, "scenarios: ")

    def _matplotlib(self) -> Any:
        page, traces = canvas(self.HEIGHT, self.title), map(xy, self._moving(self.shown))
        for i, name in enumerate(self.sets):
            color, dash = LOOKS[name].color, DASHES[LOOKS[name].dash]
            left, width = 0.075 + i * 0.93 / len(self.sets), 0.93 / len(self.sets) - 0.04
            above, below = page.add_axes((left, 0.53, width, 0.36)), page.add_axes((left, 0.07, width, 0.36))
            above.plot(*xy(self._outline(name)), color=color, linestyle=dash, linewidth=1.2)
            above.plot(*next(traces), ".", color=RED)
            below.plot(*next(traces), color=GREY, linewidth=0.6)
            polygon = next(traces)
            below.fill(*polygon, color=color, alpha=0.2)
            below.plot(*polygon, color=color, linestyle=dash)
            for axes, text, reach in ((above, f"z₁, {name}", 1.2), (below, "x₁", self.REACH)):
                axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
                axes.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1], ylabel=f"{text[0]}₂" * (i == 0))
                axes.set_xlabel(text, labelpad=1)
                axes.tick_params(labelleft=i == 0)
                grid(axes)
        return page

    def table(self) -> list[dict[str, Any]]:
        """A row for each place of the slider: the area that is left to x, as far as it is drawn."""
        names = [*map(str, self.counts), "all"]
        return [
            {"scenarios": names[k], **{f"area left, {name}": self.area(name, k) for name in self.sets}}
            for k in range(len(names))
        ]
