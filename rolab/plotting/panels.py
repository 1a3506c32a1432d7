"""One description of a figure: panels with marks, drawn by plotly as JSON and by matplotlib as pixels.

A mark says what stands where: `Line`, `Points`, `Area`, `Bars`, `Picture`, `Cursor`, `Text`. Two figures with
marks of the same kinds in the same order differ only in values, and a slider sends the difference.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from rolab.plotting.pixels import data_uri
from rolab.plotting.style import DASHES, INK, MARKERS, PALE, RED, Style, rgba

Numbers = Sequence[Any] | Any  # numbers, an array or a tensor; None (or NaN) lifts the pen


def numbers(values: Numbers) -> list[Any]:
    """Values as JSON has them: six digits, None for what is not finite."""
    values = values.tolist() if hasattr(values, "tolist") else values
    return [_short(value) for value in values]


def _short(value: Any) -> Any:
    if isinstance(value, float):  # numpy's are floats too
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def segments(starts: Numbers, ends: Numbers) -> tuple[list[Any], list[Any]]:
    """Lines from each start (k, 2) to its end (k, 2), with gaps between them, as x and y."""
    lines = np.stack([np.asarray(starts, float), np.asarray(ends, float)], 1).reshape(-1, 2, 2)
    gaps = np.full((len(lines), 1, 2), np.nan)
    x, y = np.concatenate([lines, gaps], 1).reshape(-1, 2).T
    return numbers(x), numbers(y)


def _array(values: Numbers) -> np.ndarray:
    return np.array(numbers(values), float)


class Mark(ABC):
    """Something that a panel shows."""

    label: str | None = None  # in matplotlib's legend

    @abstractmethod
    def plotly(self, page: dict[str, Any], number: str, panel: Panel) -> None:
        """Adds itself to plotly's page, on the axes of this number: "", "2", "3", …"""

    @abstractmethod
    def draw(self, axes: Any) -> None:
        """Draws itself on matplotlib's axes."""


class Trace(Mark):
    """A mark that is one of plotly's traces."""

    name: str
    legend: bool

    @abstractmethod
    def trace(self) -> dict[str, Any]:
        """What is special to this kind."""

    def plotly(self, page: dict[str, Any], number: str, panel: Panel) -> None:
        """Adds a trace."""
        page["data"].append({**self._trace, "xaxis": f"x{number}", "yaxis": f"y{number}"})

    @cached_property
    def _trace(self) -> dict[str, Any]:
        shown = {"name": self.name, "showlegend": bool(self.name and self.legend)}
        return {"type": "scatter", "hoverinfo": "skip", **shown, **self.trace()}

    @property
    def label(self) -> str | None:  # type: ignore[override]
        """What the legend calls it; None if it is not there."""
        return self.name.replace("<br>", "\n") if self.name and self.legend else None


@dataclass(frozen=True, eq=False)
class Line(Trace):
    """A line through points, or several with gaps.

    Attributes:
        x, y: the points
        color, dash, width: plotly's words, px
        name: in the legend; none if empty or if not `legend`
        marker, size: a marker at each point; hollow: only its edge
        error: standard deviations, None for none
        arrow: a head at the end of each segment
        hover: whether the values are shown under the pointer
        visible: whether it is drawn at all
    """

    x: Numbers
    y: Numbers
    color: str = INK
    dash: str = "solid"
    width: float = 2
    name: str = ""
    marker: str = ""
    size: float = 7
    error: Numbers | None = None
    arrow: bool = False
    hover: bool = False
    visible: bool = True
    legend: bool = True

    @classmethod
    def of(cls, style: Style, x: Numbers, y: Numbers, marked: bool = False, **more: Any) -> Line:
        """A line in a style, named by its label."""
        look = {"color": style.color, "dash": style.dash, "marker": style.marker if marked else ""}
        return cls(x, y, **look | {"name": style.label} | more)

    def trace(self) -> dict[str, Any]:
        """A scatter."""
        x, marked = numbers(self.x), self.marker or self.arrow
        marker: dict[str, Any] = {"symbol": self.marker, "size": self.size, "color": self.color}
        if self.arrow:  # a head at the end of each, and none at its start
            heads = [(0, 11, 0)[i % 3] for i in range(len(x))]
            marker |= {"symbol": "arrow", "angleref": "previous", "size": heads}
        return {
            "x": x,
            "y": numbers(self.y),
            "mode": "lines+markers" if marked else "lines",
            "line": {"color": self.color, "dash": self.dash, "width": self.width},
            "visible": self.visible,
            **({"marker": marker} if marked else {}),
            **({"hoverinfo": "all"} if self.hover else {}),
            **({} if self.error is None else {"error_y": self._bars}),
        }

    @property
    def _bars(self) -> dict[str, Any]:
        return {"type": "data", "array": numbers(self.error), "thickness": 1, "width": 3}

    def draw(self, axes: Any) -> None:
        """A line, with error bars or arrows if it has them."""
        x, y = _array(self.x), _array(self.y)
        look = {"color": self.color, "linewidth": 0.8 * self.width, "label": self.label}
        if not self.visible:
            return
        if self.arrow:
            axes.plot([], [], **look)
            for i in range(0, len(x) - 1, 3):
                arrow = {"arrowstyle": "-|>", "color": self.color, "shrinkA": 0, "shrinkB": 0}
                axes.annotate("", (x[i + 1], y[i + 1]), (x[i], y[i]), arrowprops=arrow)
            return
        look |= {"linestyle": DASHES[self.dash], "markersize": 0.57 * self.size}
        look["marker"] = MARKERS[self.marker] if self.marker else ""
        if self.error is None:
            axes.plot(x, y, **look)
        else:
            axes.errorbar(x, y, yerr=_array(self.error), elinewidth=0.8, capsize=2, **look)


@dataclass(frozen=True, eq=False)
class Points(Trace):
    """Points without a line.

    Attributes:
        x, y: where
        color: one, or one for each
        symbol, size: plotly's word, px
        hollow: only the edge is drawn, `edge` px wide
        outline: the colour of an edge around each, none if empty
        opacity: 0 for points that are only there to be clicked on
        hover: plotly's template, such as "row %{y}"; none if empty
    """

    x: Numbers
    y: Numbers
    color: str | Sequence[str] = RED
    symbol: str = "circle"
    size: float = 9
    name: str = ""
    hollow: bool = False
    edge: float = 2
    outline: str = ""
    opacity: float = 1
    hover: str = ""
    legend: bool = True

    def trace(self) -> dict[str, Any]:
        """A scatter of markers."""
        marker = {"symbol": self.symbol + "-open" * self.hollow, "size": self.size, "color": self.color}
        marker |= {"line": {"width": self.edge}} if self.hollow else {}
        marker |= {"line": {"width": 1, "color": self.outline}} if self.outline else {}
        marker |= {"opacity": self.opacity} if self.opacity < 1 else {}
        more = {"hoverinfo": "all", "hovertemplate": f"{self.hover}<extra></extra>"} if self.hover else {}
        return {"x": numbers(self.x), "y": numbers(self.y), "mode": "markers", "marker": marker} | more

    def draw(self, axes: Any) -> None:
        """Markers."""
        x, y = _array(self.x), _array(self.y)
        marker, size = MARKERS[self.symbol], (0.68 * self.size) ** 2
        color = self.color if isinstance(self.color, str) else list(self.color)[: len(x)]
        if self.opacity == 0:
            return
        look: dict[str, Any] = {"facecolors": "none", "edgecolors": color, "linewidths": 0.8 * self.edge}
        if not self.hollow:
            look = {"color": color, "linewidths": 0.8 if self.symbol in "x" else 0}
        if self.outline:
            look = {"facecolors": color, "edgecolors": self.outline, "linewidths": 0.8}
        axes.scatter(x, y, marker=marker, s=size, zorder=3, label=self.label, **look)


@dataclass(frozen=True, eq=False)
class Area(Trace):
    """A polygon, filled so that lines can be seen through it; without an edge if its width is 0."""

    x: Numbers
    y: Numbers
    color: str = INK
    dash: str = "solid"
    width: float = 2
    name: str = ""
    legend: bool = True

    def trace(self) -> dict[str, Any]:
        """A scatter that is filled."""
        line = {"color": self.color, "dash": self.dash, "width": self.width}
        where = {"x": numbers(self.x), "y": numbers(self.y), "mode": "lines"}
        return {**where, "line": line, "fill": "toself", "fillcolor": rgba(self.color)}

    def draw(self, axes: Any) -> None:
        """A filled polygon and its edge."""
        x, y = _array(self.x), _array(self.y)
        axes.fill(x, y, color=self.color, alpha=0.2, linewidth=0)
        if self.width:
            axes.plot(x, y, color=self.color, linestyle=DASHES[self.dash], label=self.label)


@dataclass(frozen=True, eq=False)
class Bars(Trace):
    """Bars from 0 up to y, so wide, so far to the right of x."""

    x: Numbers
    y: Numbers
    color: str = RED
    name: str = ""
    offset: float = 0.0
    width: float = 0.36
    outline: str = ""
    legend: bool = True

    def trace(self) -> dict[str, Any]:
        """Plotly's bars, whose offset is that of the left edge."""
        marker = {"color": self.color} | ({"line": {"color": self.outline, "width": 1}} if self.outline else {})
        place = {"offset": self.offset - self.width / 2, "width": self.width}
        return {"type": "bar", "x": numbers(self.x), "y": numbers(self.y), "marker": marker, **place}

    def draw(self, axes: Any) -> None:
        """Matplotlib's bars, placed by their middles."""
        edge = {"edgecolor": self.outline} if self.outline else {}
        x = _array(self.x) + self.offset
        axes.bar(x, _array(self.y), self.width, color=self.color, label=self.label, **edge)


@dataclass(frozen=True, eq=False)
class Picture(Mark):
    """Pixels (H, W, 3), bytes, stretched over a rectangle: by default each pixel's centre at its (column, row).

    Attributes:
        pixels: the first row is the top
        extent: left, right, bottom, top
        enlarged: browsers blur small pictures: each pixel becomes so many; 1 leaves it blurred
    """

    pixels: np.ndarray
    extent: tuple[float, float, float, float] | None = None
    enlarged: int = 4

    @cached_property
    def source(self) -> str:
        """The picture as a `data:` address."""
        return data_uri(self.pixels, self.enlarged)

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top."""
        height, width = self.pixels.shape[:2]
        return self.extent or (-0.5, width - 0.5, height - 0.5, -0.5)

    def plotly(self, page: dict[str, Any], number: str, panel: Panel) -> None:
        """A picture of the layout: plotly moves it at once, whereas a trace makes it draw all again."""
        left, right, bottom, top = self.corners
        place = {"xref": f"x{number}", "yref": f"y{number}", "x": left, "y": top, "layer": "below"}
        size = {"sizex": abs(right - left), "sizey": abs(top - bottom), "sizing": "stretch"}
        page["layout"]["images"].append(
            {"source": self.source, "visible": True, **place, **size}
        )

    def draw(self, axes: Any) -> None:
        """An image without smoothing, unless it is not enlarged."""
        smooth = "nearest" if self.enlarged > 1 else "bilinear"
        axes.imshow(self.pixels, extent=self.corners, interpolation=smooth, aspect="auto")


@dataclass(frozen=True, eq=False)
class Cursor(Mark):
    """A vertical line over the whole panel, that a slider moves at once; the panel's x needs a range.

    None hides it. Its entry in a legend is a line of no points.
    """

    x: float | None
    color: str = RED
    width: float = 2
    name: str = ""

    @property
    def label(self) -> str | None:  # type: ignore[override]
        """What the legend calls it."""
        return self.name or None

    def plotly(self, page: dict[str, Any], number: str, panel: Panel) -> None:
        """A red pixel of the layout, stretched to a line."""
        if self.name:
            Line([None], [None], self.color, width=self.width, name=self.name).plotly(page, number, panel)
        assert panel.x.range, "a cursor needs an axis with a range"
        start, end = panel.x.range
        share = (panel.domain[1] - panel.domain[0]) * 640  # px, about
        page["layout"]["images"].append(
            {
                "source": _pixel(self.color),
                "visible": self.x is not None,
                "x": start if self.x is None else _short(self.x),
                "y": 1,
                "xref": f"x{number}",
                "yref": f"y{number} domain",
                "xanchor": "center",
                "sizex": _short(self.width * abs(end - start) / share),
                "sizey": 1,
                "sizing": "stretch",
            }
        )

    def draw(self, axes: Any) -> None:
        """A line from the bottom to the top."""
        if self.x is not None:
            axes.axvline(self.x, color=self.color, linewidth=0.8 * self.width, label=self.label)


@lru_cache
def _pixel(color: str) -> str:
    return data_uri(np.full((1, 1, 3), tuple(bytes.fromhex(color[1:])), np.uint8))


@dataclass(frozen=True, eq=False)
class Text(Mark):
    """Words at a place of the panel: `anchor` says which side of them is there, `up` moves them by px."""

    x: float
    y: float
    text: str
    color: str = INK
    size: float = 11
    anchor: str = "center"
    up: float = 0
    angle: float = 0

    def plotly(self, page: dict[str, Any], number: str, panel: Panel) -> None:
        """An annotation."""
        at = {"x": _short(self.x), "y": _short(self.y), "xref": f"x{number}", "yref": f"y{number}"}
        look = {"font": {"size": self.size, "color": self.color}, "textangle": -self.angle, "yshift": self.up}
        page["layout"]["annotations"].append(
            {"text": self.text, "showarrow": False, "visible": True, "xanchor": self.anchor, **at, **look}
        )

    def draw(self, axes: Any) -> None:
        """The words."""
        look = {"color": self.color, "fontsize": 0.72 * self.size, "rotation": self.angle}
        place = {"xytext": (0, 0.72 * self.up), "textcoords": "offset points", "annotation_clip": False}
        axes.annotate(self.text, (self.x, self.y), ha=self.anchor, va="center", **place, **look)


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        title: with the unit
        range: from, to; None fits it to the data, "tozero" with 0 in it
        ticks: where they stand; None leaves it to the renderer, () has none and no grid
        labels: whether the ticks have numbers
        log: whether it is logarithmic; the range is not
        grid: whether it has grid lines
    """

    title: str = ""
    range: tuple[float, float] | None = None
    ticks: Sequence[float] | None = None
    labels: bool = True
    log: bool = False
    grid: bool = True
    from_zero: bool = False

    def plotly(self) -> dict[str, Any]:
        """The axis in plotly's words."""
        span = self.range if self.range is None or not self.log else tuple(map(math.log10, self.range))
        ticks: dict[str, Any] = {} if self.ticks is None else {"tickvals": numbers(self.ticks)}
        return {
            "gridcolor": PALE,
            "zerolinecolor": PALE,
            "linecolor": INK,
            "ticks": "outside",
            "fixedrange": True,
            "showgrid": self.grid,
            "zeroline": False,
            "showticklabels": self.labels,
            "title": {"text": self.title, "standoff": 4},
            **({"range": numbers(span)} if span else {}),
            **({"type": "log", "dtick": 1} if self.log else {}),
            **({"rangemode": "tozero"} if self.from_zero else {}),
            **ticks,
        }


@dataclass(frozen=True, eq=False)
class Panel:
    """Axes and what is on them.

    Attributes:
        marks: from the first drawn to the last
        x, y: the axes
        domain: left, right, bottom, top, as shares of the figure inside its margins
        title: above the panel
        equal: one unit is as long on both axes
        bare: no ticks and no grid but a frame: for pictures, whose size gives the ranges
        framed: whether a bare panel has its frame
    """

    marks: Sequence[Mark]
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    domain: tuple[float, float, float, float] = (0, 1, 0, 1)
    title: str = ""
    equal: bool = False
    bare: bool = False
    framed: bool = True

    @classmethod
    def picture(cls, picture: Picture, domain: tuple, title: str = "", marks: Iterable[Mark] = ()) -> Panel:
        """A panel for one picture, and what is marked on it."""
        left, right, bottom, top = picture.corners
        none = Axis(range=(left, right), ticks=()), Axis(range=(bottom, top), ticks=())
        return cls([picture, *marks], *none, domain, title, equal=True, bare=True)

    def plotly(self, page: dict[str, Any], number: str) -> None:
        """Adds axes, title and marks to plotly's page."""
        left, right, bottom, top = self.domain
        x, y = self.x.plotly(), self.y.plotly()
        if self.bare:
            bare = {"showgrid": False, "showticklabels": False, "ticks": "", "constrain": "domain"}
            bare |= {"showline": self.framed, "mirror": True, "linecolor": PALE}
            x, y = x | bare, y | bare
        y |= {"scaleanchor": f"x{number}", "constrain": "domain"} if self.equal else {}
        layout = page["layout"]
        layout[f"xaxis{number}"] = x | {"domain": [left, right], "anchor": f"y{number}"}
        layout[f"yaxis{number}"] = y | {"domain": [bottom, top], "anchor": f"x{number}"}
        if self.title:
            at = {"x": (left + right) / 2, "y": top, "xref": "paper", "yref": "paper"}
            at |= {"xanchor": "center", "yanchor": "bottom", "showarrow": False, "visible": True}
            layout["annotations"].append({"text": self.title, "font": {"size": 13, "color": INK}, **at})
        for mark in self.marks:
            mark.plotly(page, number, self)

    def draw(self, axes: Any) -> None:
        """Draws axes, title and marks with matplotlib."""
        for mark in self.marks:
            mark.draw(axes)
        for axis, one in (("x", self.x), ("y", self.y)):
            getattr(axes, f"set_{axis}label")(one.title)
            if one.log:
                getattr(axes, f"set_{axis}scale")("log")
            if one.range:
                getattr(axes, f"set_{axis}lim")(one.range)
            elif one.from_zero:
                getattr(axes, f"set_{axis}lim")(0, None)
            if one.ticks is not None:
                getattr(axes, f"set_{axis}ticks")(list(one.ticks))
            axes.tick_params(axis=axis, **{f"label{'bottom' if axis == 'x' else 'left'}": one.labels})
            if one.grid and not self.bare:
                axes.grid(axis=axis, color=PALE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_aspect("equal" if self.equal else "auto")
        if self.title:
            axes.set_title(self.title, fontsize=9.5)
        if self.bare:
            axes.spines[:].set_color(PALE)
            axes.spines[:].set_visible(self.framed)
        elif not self.equal:
            axes.spines[["top", "right"]].set_visible(False)
