"""Uncertainty sets in the plane: which point of each goes furthest along g, while g turns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from rolab.experiments.styles import style
from rolab.figures import canvas, layout
from rolab.plotting import INK, PALE, RED, Figure
from rolab.sets import UncertaintySet

Point = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Turning(Figure):
    """Sets in the plane side by side, the direction g, Δ*(g) and the line ⟨g, δ⟩ = σ(g); a slider turns g.

    The outline of a set is drawn by its own maximiser, asked in all directions: any convex set will do.

    Attributes:
        sets: name → set; its oracles are asked with tensors (N, 2)
        degrees: the directions of the slider
        shown: the place among them at which the figure opens, and that the PNG shows
    """

    sets: Mapping[str, UncertaintySet]
    degrees: tuple[int, ...] = tuple(range(0, 361, 15))
    shown: int = 2
    title: str = field(init=False)
    alt: str = field(init=False)
    slides: ClassVar[bool] = True
    HEIGHT: ClassVar[int] = 330
    REACH: ClassVar[float] = 1.75  # how far the axes go

    def __post_init__(self) -> None:
        names = ", ".join(style(name).label for name in self.sets)
        alt = f"The sets {names} in the plane, a direction g, and the point of each set furthest along g. "
        object.__setattr__(self, "title", self.message(self.shown))
        object.__setattr__(self, "alt", alt + self.message(self.shown) + ".")

    def direction(self, k: int) -> Point:
        """The unit vector g; exact at multiples of 45°, where ties and zeros are."""
        angle = math.radians(self.degrees[k])
        x, y = round(math.cos(angle), 12), round(math.sin(angle), 12)
        return x + 0.0, y + 0.0

    def maximizer(self, name: str, k: int) -> Point:
        """Δ*(g)."""
        x, y = self.sets[name].maximizer(torch.tensor([self.direction(k)], dtype=torch.float64))[0].tolist()
        return x, y

    def support(self, name: str, k: int) -> float:
        """σ(g) = ⟨g, Δ*(g)⟩."""
        (a, b), (x, y) = self.direction(k), self.maximizer(name, k)
        return a * x + b * y

    def message(self, k: int) -> str:
        """What the figure says at the k-th direction."""
        values = ", ".join(f"{self.support(name, k):.2f} in {style(name).label}" for name in self.sets)
        return f"g at {self.degrees[k]}°: the furthest point reaches {values}"

    def outline(self, name: str) -> list[Point]:
        """The boundary: the maximisers in all directions, in order."""
        angle = torch.arange(0.5, 360, dtype=torch.float64).deg2rad()
        points = self.sets[name].maximizer(torch.stack([angle.cos(), angle.sin()], 1)).tolist()
        distinct = [p for p, before in zip(points, points[-1:] + points[:-1], strict=True) if p != before]
        distinct = distinct or points[:1]  # a set of one point
        return [(x, y) for x, y in [*distinct, distinct[0]]]

    def _moving(self, name: str, k: int) -> list[tuple[list[float], list[float]]]:
        """What depends on k, as x and y: the arrow of g, the line ⟨g, δ⟩ = σ(g), Δ*(g)."""
        (a, b), (x, y) = self.direction(k), self.maximizer(name, k)
        return [([0, a], [0, b]), ([x - 2 * b, x + 2 * b], [y + 2 * a, y - 2 * a]), ([x], [y])]

    def plotly(self) -> Any:
        """The figure as a `plotly.graph_objects.Figure`, with a frame for each direction and a slider."""
        import plotly.graph_objects as go

        figure, looks = go.Figure(), []
        width = (1 - 0.05 * (len(self.sets) - 1)) / len(self.sets)
        for i, name in enumerate(self.sets):
            look, on = style(name, i), {"xaxis": f"x{i + 1}", "yaxis": f"y{i + 1}", "hoverinfo": "skip"}
            x, y = zip(*self.outline(name), strict=True)
            line = {"color": look.color, "dash": look.dash, "width": 2}
            figure.add_scatter(x=x, y=y, mode="lines", line=line, **on)
            looks = [
                {
                    "mode": "lines+markers",
                    "line": {"color": INK},
                    "marker": {"symbol": "arrow", "size": 12, "angleref": "previous"},
                },
                {"mode": "lines", "line": {"color": RED, "dash": "dot", "width": 1.5}},
                {"mode": "markers", "marker": {"color": RED, "size": 11, "symbol": look.marker}},
            ]
            for (a, b), drawn in zip(self._moving(name, self.shown), looks, strict=True):
                figure.add_scatter(x=a, y=b, **drawn, **on)
            left = i * (width + 0.05)
            axis = {
                "range": [-self.REACH, self.REACH],
                "gridcolor": PALE,
                "zerolinecolor": PALE,
                "dtick": 1,
                "fixedrange": True,
            }
            place = {
                "domain": [left, left + width],
                "anchor": on["yaxis"],
                "title": {"text": f"δ₁, {look.label}"},
            }
            figure.update_layout({f"xaxis{i + 1}": {**axis, **place}})
            place = {
                "anchor": on["xaxis"],
                "scaleanchor": on["xaxis"],
                "constrain": "domain",
                "title": {"text": "δ₂" * (i == 0)},
            }
            figure.update_layout({f"yaxis{i + 1}": {**axis, **place}})
        moving = [4 * i + j for i in range(len(self.sets)) for j in (1, 2, 3)]
        frames, steps = [], []
        for k, degrees in enumerate(self.degrees):
            data = [go.Scatter(x=x, y=y) for name in self.sets for x, y in self._moving(name, k)]
            frames.append(
                go.Frame(name=str(k), data=data, traces=moving, layout={"title": {"text": self.message(k)}})
            )
            at_once = {
                "mode": "immediate",
                "frame": {"duration": 0, "redraw": True},
                "transition": {"duration": 0},
            }
            steps.append({"label": f"{degrees}°", "method": "animate", "args": [[str(k)], at_once]})
        figure.frames = frames
        slider = {
            "steps": steps,
            "active": self.shown,
            "currentvalue": {"prefix": "direction of g: "},
            "pad": {"t": 30},
        }
        margin = {"l": 50, "r": 16, "t": 56, "b": 120}
        figure.update_layout(
            **layout(self.HEIGHT + 70, self.title, margin=margin, showlegend=False, sliders=[slider])
        )
        return figure

    def _matplotlib(self) -> Any:
        page = canvas(self.HEIGHT, self.title)
        count = len(self.sets)
        for i, name in enumerate(self.sets):
            look = style(name, i)
            axes = page.add_axes((0.07 + i * 0.93 / count, 0.15, 0.93 / count - 0.04, 0.7))
            x, y = zip(*self.outline(name), strict=True)
            dash = {"dash": "--", "dashdot": "-.", "dot": ":"}.get(look.dash, "-")
            axes.plot(x, y, color=look.color, linestyle=dash, linewidth=1.6)
            g, line, tip = self._moving(name, self.shown)
            axes.annotate("", (g[0][1], g[1][1]), (0, 0), arrowprops={"arrowstyle": "->", "color": INK})
            a, b = g[0][1], g[1][1]
            axes.text(0.5 * a - 0.18 * b, 0.5 * b + 0.18 * a, "g", color=INK, ha="center", va="center")
            axes.plot(*line, color=RED, linestyle=":", linewidth=1.2)
            axes.plot(*tip, "o", color=RED, markersize=7)
            axes.set(xlim=(-self.REACH, self.REACH), ylim=(-self.REACH, self.REACH), aspect="equal")
            axes.set(xlabel=f"δ₁, {look.label}", ylabel="δ₂" * (i == 0), xticks=[-1, 0, 1], yticks=[-1, 0, 1])
            axes.tick_params(labelleft=i == 0)
            axes.grid(color=PALE, linewidth=0.6)
        return page

    def table(self) -> list[dict[str, Any]]:
        """A row for each direction: for each set Δ*(g) and σ(g)."""
        rows = []
        for k, degrees in enumerate(self.degrees):
            row: dict[str, Any] = {"degrees": degrees}
            for name in self.sets:
                x, y = self.maximizer(name, k)
                row |= {
                    f"Δ {style(name).label}": f"({x:.3g}, {y:.3g})",
                    f"σ {style(name).label}": self.support(name, k),
                }
            rows.append(row)
        return rows
