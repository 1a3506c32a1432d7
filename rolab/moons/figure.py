"""A run of Algorithm 1, drawn: the plane on the left, losses and margin against the steps on the right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from rolab.experiments.styles import style
from rolab.figures import canvas, layout
from rolab.moons.runs import BOTTOM, LEFT, RIGHT, SPACING, TOP, Moment, Training
from rolab.plotting import INK, PALE, RED, Figure, Style
from rolab.plotting.pixels import data_uri
from rolab.sets import Ball

CLASSES = (Style("class 0", "#0072B2", "solid", "circle"), Style("class 1", "#CC79A7", "solid", "square"))
LOSSES = {
    "loss": Style("J(x)", INK, "solid", "circle"),
    "attacked": Style("J(x + Δ̂), one step", "#E69F00", "dash", "circle"),
    "worst": Style("worst J in U", RED, "dot", "circle"),
}
MARGIN = Style("margin", "#009E73", "solid", "circle")
SURE = 4.0  # the logit from which on a region has its full colour
CLOSE, EVERY = 20, 5  # the curves have the first so many steps, and then every fifth


@dataclass(frozen=True, eq=False)
class RunFigure(Figure):
    """Moments of a run under a slider: regions, Δ̂ of the mini-batch, losses, margin.

    Attributes:
        run: the run
        steps: the moments of the slider, ascending; the curves end at the last
        shown: the place among them at which the figure opens, and that the PNG shows; -1 is the last
    """

    run: Training
    steps: Sequence[int]
    shown: int = -1
    title: str = field(init=False)
    alt: str = field(init=False)
    slides: ClassVar[bool] = True
    HEIGHT: ClassVar[int] = 430

    def __post_init__(self) -> None:
        if not self.steps or list(self.steps) != sorted(set(self.steps)):
            raise ValueError(f"steps: expected ascending numbers of steps, got {tuple(self.steps)}")
        object.__setattr__(self, "shown", self.shown % len(self.steps))
        object.__setattr__(self, "title", self.message(self.steps[self.shown]))
        alt = (
            "Left two moons, the decision regions of a network, and Δ̂ of a mini-batch as arrows; right the "
            "losses and the margin against the steps. "
        )
        object.__setattr__(self, "alt", f"{alt}Shown: {self.title}.")

    def message(self, step: int) -> str:
        """What the figure says after so many steps."""
        m = self.run[step]
        margin = f"margin {m.margin:.2f}" if m.boundary.numel() else "no boundary in sight"
        return (
            f"Step {step}, {self.set_name}: {margin}, {m.withstand:.0f} % withstand U; "
            f"loss {m.loss:.2f} → {m.attacked:.2f} attacked"
        )

    @property
    def set_name(self) -> str:
        """The set in words, such as ℓ2 radius 0.2."""
        return f"{style(self.run.U.norm.name).label} radius {float(self.run.U.radius):g}"

    # The traces, as far as they depend on the run

    def moving(self, step: int) -> list[dict[str, Any]]:
        """What depends on the step: the regions, two boundaries, Δ̂, and where we are on the curves."""
        m = self.run[step]
        here = [[getattr(m, name) for name in LOSSES], [shown(m.margin)]]
        return [
            {"source": data_uri(np.flipud(regions(m)))},  # plotly counts the rows from y0 upwards
            columns(m.before.boundary[::5]),
            columns(m.boundary[::3]),
            arrows(self.run.points[m.rows], m.perturbation),
            {"x": [step] * len(LOSSES), "y": rounded(here[0], 5)},
            {"x": [step], "y": here[1]},
        ]

    def curves(self) -> list[dict[str, Any]]:
        """The losses, the margin and the two levels beside it, up to the last step."""
        last = self.steps[-1]
        steps = [k for k in range(last + 1) if k <= CLOSE or k % EVERY == 0]
        moments = [self.run[k] for k in steps]
        losses = [{"x": steps, "y": rounded([getattr(m, name) for m in moments], 5)} for name in LOSSES]
        levels = [{"x": [0, max(last, 1)], "y": [level, level]} for level in rounded(self._levels, 5)]
        return [*losses, {"x": steps, "y": [shown(m.margin) for m in moments]}, *levels]

    def ground(self) -> list[dict[str, Any]]:
        """What stays as it is in a run: the points of the classes, and the set around each."""
        run = self.run
        classes = [run.points[run.labels == c] for c in (0, 1)]
        return [*(columns(points) for points in classes), *(outlines(run.U, points) for points in classes)]

    @property
    def _levels(self) -> tuple[float, float]:
        """The two levels beside the margin: what U asks for, and what the data allow."""
        return float(self.run.U.radius), self.run.attainable

    # The renderings

    def plotly(self) -> Any:
        """The figure as a `plotly.graph_objects.Figure`, with a frame for each moment and a slider."""
        import plotly.graph_objects as go

        figure = self.still()
        at_once = {
            "mode": "immediate",
            "frame": {"duration": 0, "redraw": True},
            "transition": {"duration": 0},
        }
        frames, stops = [], []
        for k in self.steps:
            image, *lines = self.moving(k)
            data = [go.Image(**image), *(go.Scatter(**line) for line in lines)]
            title = {"title": {"text": self.message(k)}}
            frames.append(go.Frame(name=str(k), data=data, traces=list(range(len(data))), layout=title))
            stops.append({"label": str(k), "method": "animate", "args": [[str(k)], at_once]})
        figure.frames = frames
        slider = {
            "steps": stops,
            "active": self.shown,
            "currentvalue": {"prefix": "step "},
            "pad": {"t": 104},
        }
        return figure.update_layout(sliders=[slider], height=self.HEIGHT + 84, margin={"b": 188})

    def still(self) -> Any:
        """The figure at its moment, without a slider: what the live explorer starts from and then changes."""
        import plotly.graph_objects as go

        figure = go.Figure()
        image, *lines = self.moving(self.steps[self.shown]) + self.curves() + self.ground()
        corner = {"x0": LEFT, "dx": SPACING, "y0": BOTTOM, "dy": SPACING}
        figure.add_image(**image, **corner, zsmooth="fast", hoverinfo="skip")
        for line, look in zip(lines, self._looks(), strict=True):
            figure.add_scatter(**line, **look)
        axis = {
            "gridcolor": PALE,
            "zeroline": False,
            "linecolor": INK,
            "ticks": "outside",
            "fixedrange": True,
        }
        plane = {**axis, "showgrid": False, "dtick": 1}
        right = {**axis, "domain": [0.68, 1], "anchor": "y2"}
        figure.update_layout(
            **layout(
                self.HEIGHT,
                self.title,
                margin={"l": 36, "r": 12, "t": 62, "b": 104},
                xaxis={**plane, "domain": [0, 0.58], "range": [LEFT, RIGHT]},
                yaxis={**plane, "range": [BOTTOM, TOP], "scaleanchor": "x", "constrain": "domain"},
                xaxis2={**right, "matches": "x3", "showticklabels": False},
                yaxis2={**axis, "domain": [0.56, 1], "anchor": "x2", "rangemode": "tozero"},
                xaxis3={**right, "anchor": "y3", "title": {"text": "step", "standoff": 2}},
                yaxis3={**axis, "domain": [0, 0.44], "anchor": "x3"},
                legend={"orientation": "h", "x": 0, "y": -0.15, "yanchor": "top", "font": {"size": 11}},
            )
        )
        for text, x, y in (("loss", 0.68, 1), ("margin", 0.68, 0.44)):
            at = {"x": x, "y": y, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
            figure.add_annotation(text=text, showarrow=False, font={"size": 12}, **at)
        return figure

    def _looks(self) -> list[dict[str, Any]]:
        """How the lines look, in the order of `moving`, `curves` and `ground`."""
        quiet: dict[str, Any] = {"showlegend": False, "hoverinfo": "skip"}
        upper, lower = {"xaxis": "x2", "yaxis": "y2"}, {"xaxis": "x3", "yaxis": "y3"}
        head = {"symbol": "arrow", "size": 8, "angleref": "previous", "color": INK}
        dots = [("boundary before", "#7A7A7A", 2), ("boundary", INK, 3)]
        arrow = {"mode": "lines+markers", "line": {"color": INK, "width": 1.5}, "marker": head, "name": "Δ̂"}
        here = {"mode": "markers", "marker": {"size": 8, "color": [look.color for look in LOSSES.values()]}}
        there = {"mode": "markers", "marker": {"size": 8, "color": MARGIN.color}}
        moving: list[dict[str, Any]] = [
            {"mode": "markers", "name": name, "marker": {"color": color, "size": size}, "hoverinfo": "skip"}
            for name, color, size in dots
        ]
        moving.append({**arrow, "hoverinfo": "skip"})
        moving += [{**here, **upper, **quiet}, {**there, **lower, **quiet}]
        sets = [{"mode": "lines", "line": {"color": look.color, "width": 0.5}, **quiet} for look in CLASSES]
        points = [
            {
                "mode": "markers",
                "name": look.label,
                "hoverinfo": "skip",
                "marker": {"color": look.color, "size": 5, "symbol": look.marker},
            }
            for look in CLASSES
        ]
        curves = [
            {"mode": "lines", "name": look.label, "line": {"color": look.color, "dash": look.dash}, **axes}
            for look, axes in [*((look, upper) for look in LOSSES.values()), (MARGIN, lower)]
        ]
        levels = [
            {"mode": "lines", "name": name, "line": {"color": "#7A7A7A", "dash": dash, "width": 1}, **lower}
            for name, dash in (("ε", "dash"), ("half the gap", "dot"))
        ]
        return [*moving, *curves, *levels, *points, *sets]

    def _matplotlib(self) -> Any:
        page, m = canvas(self.HEIGHT, self.title), self.run[self.steps[self.shown]]
        plane = page.add_axes((0.05, 0.23, 0.56, 0.62))
        extent = (LEFT - SPACING / 2, RIGHT + SPACING / 2, BOTTOM - SPACING / 2, TOP + SPACING / 2)
        plane.imshow(regions(m), extent=extent, interpolation="bilinear")
        _, before, boundary, _, here, there = self.moving(m.step)
        curves, ground = self.curves(), self.ground()
        for trace, look in zip(ground[2:], CLASSES, strict=True):
            plane.plot(*pair(trace), color=look.color, linewidth=0.4)
        for trace, look in zip(ground[:2], CLASSES, strict=True):
            marker = {"circle": "o", "square": "s"}[look.marker]
            plane.plot(*pair(trace), marker, color=look.color, markersize=3, label=look.label)
        plane.plot(*pair(before), ".", color="#7A7A7A", markersize=1, label="boundary before")
        plane.plot(*pair(boundary), ".", color=INK, markersize=2, label="boundary")
        if len(m.rows):
            (x, y), (u, v) = self.run.points[m.rows].T, m.perturbation.T
            scale = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.004}
            plane.quiver(x, y, u, v, **scale, color=INK, label="Δ̂", zorder=3)
        plane.set(xlim=(LEFT, RIGHT), ylim=(BOTTOM, TOP), aspect="equal")
        losses, margin = page.add_axes((0.69, 0.59, 0.3, 0.26)), page.add_axes((0.69, 0.23, 0.3, 0.26))
        for trace, look in zip(curves[:3], LOSSES.values(), strict=True):
            losses.plot(*pair(trace), color=look.color, linestyle=_dash(look), label=look.label)
        for x, y, look in zip(here["x"], here["y"], LOSSES.values(), strict=True):
            losses.plot(x, y, "o", color=look.color, markersize=5)
        margin.plot(*pair(curves[3]), color=MARGIN.color, label=MARGIN.label)
        margin.plot(*pair(there), "o", color=MARGIN.color, markersize=5)
        for trace, name, dash in zip(curves[4:], ("ε", "half the gap"), ("--", ":"), strict=True):
            margin.plot(*pair(trace), dash, color="#7A7A7A", linewidth=1, label=name)
        losses.set(xticklabels=[], ylim=(0, None))
        margin.set(xlabel="step")
        for axes, name in ((losses, "loss"), (margin, "margin")):
            axes.set_title(name, fontsize=9.5, loc="left")
            axes.grid(color=PALE, linewidth=0.6)
        lines: list[Any] = []
        for axes in (plane, losses, margin):
            lines += axes.get_legend_handles_labels()[0]
        page.legend(
            handles=lines, loc="lower left", bbox_to_anchor=(0.02, 0), ncols=6, frameon=False, fontsize=7.5
        )
        return page

    def table(self) -> list[dict[str, Any]]:
        """A row for each moment of the slider."""
        rows = []
        for k in self.steps:
            m = self.run[k]
            row: dict[str, Any] = {"step": k, **{look.label: getattr(m, n) for n, look in LOSSES.items()}}
            rows.append(row | {"margin": shown(m.margin), "withstand U, %": m.withstand})
        return rows


def regions(m: Moment) -> np.ndarray:
    """The plane in the colours of the classes, paler where the network is less sure: (H, W, 3) bytes."""
    z = (m.logit / SURE).clamp(-1, 1).round(decimals=1)[..., None].numpy()
    one, other = (np.array([int(look.color[i : i + 2], 16) for i in (1, 3, 5)]) for look in CLASSES)
    full = 255 + 0.45 * (np.where(z < 0, one, other) - 255)
    return (255 + np.abs(z) * (full - 255)).astype(np.uint8)


def outlines(U: Ball, points: Tensor) -> dict[str, list]:
    """The boundary of x + U for each of the points, drawn by the set's own maximiser; None lifts the pen."""
    angle = torch.arange(0, 2 * math.pi, math.pi / 8) + 0.01
    around = U.maximizer(torch.stack([angle.cos(), angle.sin()], 1))
    corners = torch.unique_consecutive(torch.cat([around, around[:1]]), dim=0)
    return _pen((points[:, None] + corners).tolist())


def arrows(x: Tensor, d: Tensor) -> dict[str, list]:
    """From x to x + d; None lifts the pen."""
    return _pen(torch.stack([x, x + d], 1).tolist())


def _pen(lines: list[list[list[float]]]) -> dict[str, list]:
    x: list[float | None] = []
    y: list[float | None] = []
    for line in lines:
        across, up = zip(*line, strict=True)
        x, y = [*x, *rounded(across), None], [*y, *rounded(up), None]
    return {"x": x, "y": y}


def columns(points: Tensor) -> dict[str, list[float]]:
    """Points (N, 2) as the x and y of a trace."""
    x, y = points.T.tolist()
    return {"x": rounded(x), "y": rounded(y)}


def pair(trace: dict[str, Any]) -> np.ndarray:
    """The x and y of a trace for matplotlib."""
    return np.array([trace["x"], trace["y"]], float)


def rounded(values: Sequence[float], digits: int = 3) -> list[float]:
    """Short numbers make small files."""
    return [round(value, digits) for value in values]


def shown(margin: float) -> float | None:
    """The margin as it is drawn; None where no boundary is in the window."""
    return round(margin, 5) if math.isfinite(margin) else None


def _dash(look: Style) -> str:
    return {"dash": "--", "dot": ":"}.get(look.dash, "-")
