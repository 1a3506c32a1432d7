"""Marks: what stands in a panel, each drawn by plotly as JSON and by matplotlib as pixels.

Two figures with marks of the same kinds in the same order differ only in values: these a slider sends.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from html import escape
from typing import Any, NamedTuple, Self

import numpy as np

from rolab.plotting.pixels import data_uri
from rolab.plotting.style import DASHES, INK, MARKERS, RED, Style

Numbers = Any  # a sequence of numbers, an array or a tensor; None (or NaN) lifts the pen


def escaped(words: str) -> str:
    """Words for plotly, which reads tags and entities in all texts; of the tags, only <br> is meant."""
    return escape(words, quote=False).replace("&lt;br&gt;", "<br>")


def short(value: Any) -> Any:
    """A number as JSON has it: six digits, None for what is not finite."""
    if isinstance(value, float):  # numpy's are floats too
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def numbers(values: Numbers) -> list[Any]:
    """Values as JSON has them."""
    return [short(value) for value in (values.tolist() if hasattr(values, "tolist") else values)]


def segments(starts: Numbers, ends: Numbers) -> tuple[list[Any], list[Any]]:
    """Lines from each start (k, 2) to its end (k, 2), with gaps between them, as x and y."""
    lines = np.stack([np.asarray(starts, float), np.asarray(ends, float)], 1).reshape(-1, 2, 2)
    x, y = np.concatenate([lines, np.full((len(lines), 1, 2), np.nan)], 1).reshape(-1, 2).T
    return numbers(x), numbers(y)


class Place(NamedTuple):
    """Where plotly draws a panel: the number of its axes ("", "2", …), the range of x, its width in px."""

    number: str
    span: tuple[float, float] | None
    px: float

    def on(self, ref: str = "") -> dict[str, str]:
        """Its axes, as traces call them, or as the layout does: with "ref"."""
        return {f"x{ref or 'axis'}": f"x{self.number}", f"y{ref or 'axis'}": f"y{self.number}"}


@dataclass(frozen=True, eq=False)
class Mark(ABC):
    """Something that a panel shows; the legend has its name, if it has one and `legend`."""

    name: str = field(default="", kw_only=True)
    legend: bool = field(default=True, kw_only=True)

    @property
    def label(self) -> str | None:
        """What matplotlib's legend calls it."""
        return self.name.replace("<br>", "\n") if self.name and self.legend else None

    @abstractmethod
    def plotly(self, page: dict[str, Any], place: Place) -> None:
        """Adds itself to plotly's page."""

    @abstractmethod
    def draw(self, axes: Any) -> None:
        """Draws itself on matplotlib's axes."""


@dataclass(frozen=True, eq=False)
class Trace(Mark):
    """A mark that is one of plotly's traces."""

    x: Numbers
    y: Numbers
    color: Any = INK  # of points, one for each may be given
    dash: str = "solid"  # plotly's word
    width: float = 2  # px, of a line or an edge

    @abstractmethod
    def trace(self) -> dict[str, Any]:
        """What is special to this kind."""

    def plotly(self, page: dict[str, Any], place: Place) -> None:
        made = self.__dict__.setdefault("_made", {})  # on each axes, once: states of a figure share marks
        if place.number not in made:
            shown: dict[str, Any] = {"type": "scatter", "name": escaped(self.name), "legendgroup": self.name}
            shown |= {"showlegend": self.label is not None}
            where = {"hoverinfo": "skip", "x": numbers(self.x), "y": numbers(self.y), **place.on()}
            made[place.number] = {**shown, **where, **self.trace()}
        page["data"].append(made[place.number])

    @property
    def _xy(self) -> np.ndarray:
        return np.array([numbers(self.x), numbers(self.y)], float)


@dataclass(frozen=True, eq=False)
class Line(Trace):
    """A line through points, or several with gaps."""

    marker: str = ""  # at each point, plotly's word
    size: float = 7  # of a marker, px
    error: Numbers | None = None  # standard deviations
    arrow: bool = False  # a head at the end of each of the `segments`
    hover: bool = False  # the values are shown under the pointer
    visible: bool = True

    @classmethod
    def of(cls, style: Style, x: Numbers, y: Numbers, marked: bool = False, **more: Any) -> Self:
        """A line in a style, named by its label."""
        look = {"color": style.color, "dash": style.dash, "marker": style.marker if marked else ""}
        return cls(x, y, **look | {"name": style.label} | more)

    def trace(self) -> dict[str, Any]:
        line = {"color": self.color, "dash": self.dash, "width": self.width}
        found: dict[str, Any] = {"mode": "lines", "line": line, "visible": self.visible}
        if self.marker or self.arrow:
            marker: dict[str, Any] = {"symbol": self.marker, "size": self.size, "color": self.color}
            if self.arrow:  # none at a start
                sizes = [(0, 11, 0)[i % 3] for i in range(len(self.x))]
                marker |= {"symbol": "arrow", "angleref": "previous", "size": sizes, "opacity": 1}
            found |= {"mode": "lines+markers", "marker": marker}
        if self.error is not None:
            found["error_y"] = {"type": "data", "array": numbers(self.error), "thickness": 1, "width": 3}
        return found | ({"hoverinfo": "all"} if self.hover else {})

    def draw(self, axes: Any) -> None:
        (x, y), look = self._xy, {"color": self.color, "linewidth": 0.8 * self.width, "label": self.label}
        if self.arrow:
            axes.plot([], [], **look)
            arrow = {"arrowstyle": "-|>", "color": self.color, "shrinkA": 0, "shrinkB": 0}
            for i in range(0, len(x) - 1, 3):
                axes.annotate("", (x[i + 1], y[i + 1]), (x[i], y[i]), arrowprops=arrow)
        elif self.visible:
            look |= {"linestyle": DASHES[self.dash], "markersize": 0.57 * self.size}
            look["marker"] = MARKERS[self.marker] if self.marker else ""
            if self.error is None:
                axes.plot(x, y, **look)
            else:
                error = np.array(numbers(self.error), float)
                axes.errorbar(x, y, yerr=error, elinewidth=0.8, capsize=2, **look)


@dataclass(frozen=True, eq=False)
class Area(Line):
    """A polygon, filled so that lines can be seen through it; without an edge if its width is 0."""

    def trace(self) -> dict[str, Any]:
        red, green, blue = bytes.fromhex(self.color[1:])
        return super().trace() | {"fill": "toself", "fillcolor": f"rgba({red},{green},{blue},0.2)"}

    def draw(self, axes: Any) -> None:
        axes.fill(*self._xy, color=self.color, alpha=0.2, linewidth=0)
        if self.width:
            super().draw(axes)


@dataclass(frozen=True, eq=False)
class Points(Trace):
    """Points without a line."""

    color: Any = RED
    symbol: str = "circle"  # plotly's word
    size: float = 9  # px
    hollow: bool = False  # only an edge is drawn
    outline: str = ""  # the colour of an edge around each
    opacity: float = 1  # 0 for points that are only there to be clicked on
    hover: str = ""  # plotly's template, such as "row %{y}"

    def trace(self) -> dict[str, Any]:
        marker = {"symbol": self.symbol + "-open" * self.hollow, "size": self.size, "color": self.color}
        marker |= {"opacity": self.opacity} if self.opacity < 1 else {}
        if self.hollow or self.outline:
            marker["line"] = {"width": self.width if self.hollow else 1, "color": self.outline or self.color}
        more = {"hoverinfo": "all", "hovertemplate": f"{self.hover}<extra></extra>"} if self.hover else {}
        return {"mode": "markers", "marker": marker, **more}

    def draw(self, axes: Any) -> None:
        (x, y), size = self._xy, (0.68 * self.size) ** 2
        color = self.color if isinstance(self.color, str) else list(self.color)[: len(x)]
        look: dict[str, Any] = {"color": color, "linewidths": 0.8 * (self.symbol == "x")}
        if self.hollow or self.outline:
            look = {"facecolors": "none" if self.hollow else color, "edgecolors": self.outline or color}
            look["linewidths"] = 0.8 * (self.width if self.hollow else 1)
        if self.opacity:
            axes.scatter(x, y, size, marker=MARKERS[self.symbol], zorder=3, label=self.label, **look)


@dataclass(frozen=True, eq=False)
class Bars(Trace):
    """Bars from 0 up to y."""

    offset: float = 0.0  # to the right of x
    broad: float = 0.36  # in units of x
    outline: str = ""  # the colour of an edge

    def trace(self) -> dict[str, Any]:
        edge = {"color": self.outline or self.color, "width": 1}
        place = {"offset": self.offset - self.broad / 2, "width": self.broad}
        return {"type": "bar", "marker": {"color": self.color, "line": edge}, **place}

    def draw(self, axes: Any) -> None:
        (x, y), look = self._xy, {"color": self.color, "edgecolor": self.outline or self.color}
        axes.bar(x + self.offset, y, self.broad, label=self.label, **look)


@dataclass(frozen=True, eq=False)
class Picture(Mark):
    """Pixels (H, W, 3), bytes, the first row at the top, stretched over a rectangle."""

    pixels: np.ndarray
    # left, right, bottom, top; None: the centre of each pixel is at its (column, row)
    extent: tuple[float, float, float, float] | None = None
    enlarged: int = 4  # browsers blur small pictures: each pixel becomes so many; 1 leaves it blurred

    @cached_property
    def source(self) -> str:
        """The picture as a `data:` address."""
        return data_uri(self.pixels, self.enlarged)

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top."""
        height, width = self.pixels.shape[:2]
        return self.extent or (-0.5, width - 0.5, height - 0.5, -0.5)

    def plotly(self, page: dict[str, Any], place: Place) -> None:
        """A picture of the layout: plotly moves it at once, whereas a trace makes it draw all again."""
        left, right, bottom, top = self.corners
        size = {"x": left, "y": top, "sizex": abs(right - left), "sizey": abs(top - bottom)}
        look = {"source": self.source, "visible": True, "layer": "below", "sizing": "stretch"}
        page["layout"]["images"].append({**look, **size, **place.on("ref")})

    def draw(self, axes: Any) -> None:
        smooth = "nearest" if self.enlarged > 1 else "bilinear"
        axes.imshow(self.pixels, extent=self.corners, interpolation=smooth, aspect="auto")


@dataclass(frozen=True, eq=False)
class Cursor(Mark):
    """A vertical line that a slider moves at once; the panel's x axis needs a range. None hides it."""

    x: float | None
    color: str = RED
    width: float = 2

    def plotly(self, page: dict[str, Any], place: Place) -> None:
        """A red pixel of the layout, stretched to a line; its entry in the legend is a line of no points."""
        if self.label:
            Line([None], [None], self.color, width=self.width, name=self.name).plotly(page, place)
        if place.span is None:
            raise ValueError("a cursor needs an x axis with a range")
        broad = short(self.width * abs(place.span[1] - place.span[0]) / place.px)
        size = {"xanchor": "center", "y": 1, "sizex": broad, "sizey": 1, "sizing": "stretch"}
        at = {"x": place.span[0] if self.x is None else short(self.x), "visible": self.x is not None}
        on = {**place.on("ref"), "yref": f"y{place.number} domain"}
        page["layout"]["images"].append({"source": _pixel(self.color), **at, **size, **on})

    def draw(self, axes: Any) -> None:
        if self.x is not None:
            axes.axvline(self.x, color=self.color, linewidth=0.8 * self.width, label=self.label)


@lru_cache
def _pixel(color: str) -> str:
    return data_uri(np.full((1, 1, 3), tuple(bytes.fromhex(color[1:])), np.uint8))


@dataclass(frozen=True, eq=False)
class Text(Mark):
    """Words at a place of the panel."""

    x: float
    y: float
    text: str
    color: str = INK
    size: float = 11
    anchor: str = "center"  # which side of them is at x
    up: float = 0  # moves them, px
    angle: float = 0

    def plotly(self, page: dict[str, Any], place: Place) -> None:
        look = {"font": {"size": self.size, "color": self.color}, "textangle": -self.angle, "yshift": self.up}
        note = {"text": escaped(self.text), "showarrow": False, "visible": True, "xanchor": self.anchor}
        at = {"x": short(self.x), "y": short(self.y), **place.on("ref")}
        page["layout"]["annotations"].append({**note, **look, **at})

    def draw(self, axes: Any) -> None:
        look = {"color": self.color, "fontsize": 0.72 * self.size, "rotation": self.angle}
        at = {"xytext": (0, 0.72 * self.up), "textcoords": "offset points", "annotation_clip": False}
        axes.annotate(self.text, (self.x, self.y), ha=self.anchor, va="center", **at, **look)
