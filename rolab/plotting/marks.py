"""Marks: what stands in a panel, each drawn by plotly as JSON and by matplotlib as pixels.

Two figures with marks of the same kinds in the same order differ only in values: these a slider sends.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np

from rolab.plotting.pixels import data_uri
from rolab.plotting.style import DASHES, INK, MARKERS, RED, Style, rgba

Numbers = Any  # a sequence of numbers, an array or a tensor; None (or NaN) lifts the pen


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
    """Where plotly draws a panel."""

    number: str  # of its axes: "", "2", "3", …
    span: tuple[float, float] | None  # the range of its x axis
    px: float  # its width


class Mark(ABC):
    """Something that a panel shows."""

    label: str | None = None  # in matplotlib's legend

    @abstractmethod
    def plotly(self, page: dict[str, Any], place: Place) -> None:
        """Adds itself to plotly's page."""

    @abstractmethod
    def draw(self, axes: Any) -> None:
        """Draws itself on matplotlib's axes."""


@dataclass(frozen=True, eq=False)
class Trace(Mark):
    """A mark that is one of plotly's traces; a legend has its name, if it has one and `legend`."""

    x: Numbers
    y: Numbers
    color: Any = INK
    dash: str = "solid"  # plotly's word
    width: float = 2  # px
    name: str = ""
    legend: bool = True

    @property
    def label(self) -> str | None:  # type: ignore[override]
        """What matplotlib's legend calls it."""
        return self.name.replace("<br>", "\n") if self.name and self.legend else None

    @abstractmethod
    def trace(self) -> dict[str, Any]:
        """What is special to this kind."""

    @cached_property
    def _trace(self) -> dict[str, Any]:
        shown = {"type": "scatter", "name": self.name, "showlegend": self.label is not None}
        return {**shown, "hoverinfo": "skip", "x": numbers(self.x), "y": numbers(self.y), **self.trace()}

    def plotly(self, page: dict[str, Any], place: Place) -> None:
        page["data"].append({**self._trace, "xaxis": f"x{place.number}", "yaxis": f"y{place.number}"})

    @property
    def _line(self) -> dict[str, Any]:
        return {"color": self.color, "dash": self.dash, "width": self.width}

    @property
    def _xy(self) -> np.ndarray:
        return np.array([numbers(self.x), numbers(self.y)], float)


@dataclass(frozen=True, eq=False)
class Line(Trace):
    """A line through points, or several with gaps.

    Attributes:
        marker, size: plotly's word, px: a marker at each point
        error: standard deviations
        arrow: a head at the end of each of the `segments`
        hover: whether the values are shown under the pointer
        visible: whether it is drawn at all
    """

    marker: str = ""
    size: float = 7
    error: Numbers | None = None
    arrow: bool = False
    hover: bool = False
    visible: bool = True

    @classmethod
    def of(cls, style: Style, x: Numbers, y: Numbers, marked: bool = False, **more: Any) -> Line:
        """A line in a style, named by its label."""
        look = {"color": style.color, "dash": style.dash, "marker": style.marker if marked else ""}
        return cls(x, y, **look | {"name": style.label} | more)

    def trace(self) -> dict[str, Any]:
        found: dict[str, Any] = {"mode": "lines", "line": self._line, "visible": self.visible}
        if self.marker or self.arrow:
            marker: dict[str, Any] = {"symbol": self.marker, "size": self.size, "color": self.color}
            if self.arrow:  # none at a start
                sizes = [(0, 11, 0)[i % 3] for i in range(len(self.x))]
                marker |= {"symbol": "arrow", "angleref": "previous", "size": sizes}
            found |= {"mode": "lines+markers", "marker": marker}
        if self.error is not None:
            found["error_y"] = {"type": "data", "array": numbers(self.error), "thickness": 1, "width": 3}
        return found | ({"hoverinfo": "all"} if self.hover else {})

    def draw(self, axes: Any) -> None:
        (x, y), look = self._xy, {"color": self.color, "linewidth": 0.8 * self.width, "label": self.label}
        if not self.visible:
            return
        if self.arrow:
            axes.plot([], [], **look)
            arrow = {"arrowstyle": "-|>", "color": self.color, "shrinkA": 0, "shrinkB": 0}
            for i in range(0, len(x) - 1, 3):
                axes.annotate("", (x[i + 1], y[i + 1]), (x[i], y[i]), arrowprops=arrow)
            return
        look |= {"linestyle": DASHES[self.dash], "markersize": 0.57 * self.size}
        look["marker"] = MARKERS[self.marker] if self.marker else ""
        if self.error is None:
            axes.plot(x, y, **look)
        else:
            axes.errorbar(x, y, yerr=np.array(numbers(self.error), float), elinewidth=0.8, capsize=2, **look)


@dataclass(frozen=True, eq=False)
class Points(Trace):
    """Points without a line.

    Attributes:
        color: one, or one for each
        symbol, size: plotly's word, px
        hollow: only an edge is drawn, `width` px broad
        outline: the colour of an edge around each, none if empty
        opacity: 0 for points that are only there to be clicked on
        hover: plotly's template, such as "row %{y}"; none if empty
    """

    color: Any = RED
    symbol: str = "circle"
    size: float = 9
    hollow: bool = False
    outline: str = ""
    opacity: float = 1
    hover: str = ""

    def trace(self) -> dict[str, Any]:
        marker = {"symbol": self.symbol + "-open" * self.hollow, "size": self.size, "color": self.color}
        marker |= {"line": {"width": self.width}} if self.hollow else {}
        marker |= {"line": {"width": 1, "color": self.outline}} if self.outline else {}
        marker |= {"opacity": self.opacity} if self.opacity < 1 else {}
        more = {"hoverinfo": "all", "hovertemplate": f"{self.hover}<extra></extra>"} if self.hover else {}
        return {"mode": "markers", "marker": marker, **more}

    def draw(self, axes: Any) -> None:
        x, y = self._xy
        color = self.color if isinstance(self.color, str) else list(self.color)[: len(x)]
        look: dict[str, Any] = {"color": color, "linewidths": 0.8 * (self.symbol == "x")}
        if self.hollow:
            look = {"facecolors": "none", "edgecolors": color, "linewidths": 0.8 * self.width}
        elif self.outline:
            look = {"facecolors": color, "edgecolors": self.outline, "linewidths": 0.8}
        if self.opacity:
            size = (0.68 * self.size) ** 2
            axes.scatter(x, y, size, marker=MARKERS[self.symbol], zorder=3, label=self.label, **look)


@dataclass(frozen=True, eq=False)
class Area(Trace):
    """A polygon, filled so that lines can be seen through it; without an edge if its width is 0."""

    def trace(self) -> dict[str, Any]:
        return {"mode": "lines", "line": self._line, "fill": "toself", "fillcolor": rgba(self.color)}

    def draw(self, axes: Any) -> None:
        axes.fill(*self._xy, color=self.color, alpha=0.2, linewidth=0)
        if self.width:
            axes.plot(*self._xy, color=self.color, linestyle=DASHES[self.dash], label=self.label)


@dataclass(frozen=True, eq=False)
class Bars(Trace):
    """Bars from 0 up to y, so broad in units of x, so far right of x, with an edge if it has a colour."""

    offset: float = 0.0
    broad: float = 0.36
    outline: str = ""

    def trace(self) -> dict[str, Any]:
        marker = {"color": self.color} | (
            {"line": {"color": self.outline, "width": 1}} if self.outline else {}
        )
        left = self.offset - self.broad / 2
        return {"type": "bar", "marker": marker, "offset": left, "width": self.broad}

    def draw(self, axes: Any) -> None:
        (x, y), edge = self._xy, {"edgecolor": self.outline} if self.outline else {}
        axes.bar(x + self.offset, y, self.broad, color=self.color, label=self.label, **edge)


@dataclass(frozen=True, eq=False)
class Picture(Mark):
    """Pixels (H, W, 3), bytes, the first row at the top, stretched over a rectangle.

    Attributes:
        extent: left, right, bottom, top; None: the centre of each pixel is at its (column, row)
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

    def plotly(self, page: dict[str, Any], place: Place) -> None:
        """A picture of the layout: plotly moves it at once, whereas a trace makes it draw all again."""
        left, right, bottom, top = self.corners
        at = {"xref": f"x{place.number}", "yref": f"y{place.number}", "x": left, "y": top, "layer": "below"}
        size = {"sizex": abs(right - left), "sizey": abs(top - bottom), "sizing": "stretch"}
        page["layout"]["images"].append({"source": self.source, "visible": True, **at, **size})

    def draw(self, axes: Any) -> None:
        smooth = "nearest" if self.enlarged > 1 else "bilinear"
        axes.imshow(self.pixels, extent=self.corners, interpolation=smooth, aspect="auto")


@dataclass(frozen=True, eq=False)
class Cursor(Mark):
    """A vertical line over the whole panel that a slider moves at once; the panel's x axis needs a range.

    None hides it.
    """

    x: float | None
    color: str = RED
    width: float = 2
    name: str = ""

    @property
    def label(self) -> str | None:  # type: ignore[override]
        """What the legend calls it."""
        return self.name or None

    def plotly(self, page: dict[str, Any], place: Place) -> None:
        """A red pixel of the layout, stretched to a line; its entry in the legend is a line of no points."""
        if self.name:
            Line([None], [None], self.color, width=self.width, name=self.name).plotly(page, place)
        if place.span is None:
            raise ValueError("a cursor needs an x axis with a range")
        at = {"x": place.span[0] if self.x is None else short(self.x), "y": 1, "xanchor": "center"}
        on = {"xref": f"x{place.number}", "yref": f"y{place.number} domain", "sizing": "stretch", "sizey": 1}
        size = {"sizex": short(self.width * abs(place.span[1] - place.span[0]) / place.px)}
        look = {"source": _pixel(self.color), "visible": self.x is not None}
        page["layout"]["images"].append({**look, **at, **on, **size})

    def draw(self, axes: Any) -> None:
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

    def plotly(self, page: dict[str, Any], place: Place) -> None:
        at = {"x": short(self.x), "y": short(self.y), "xref": f"x{place.number}", "yref": f"y{place.number}"}
        look = {"font": {"size": self.size, "color": self.color}, "textangle": -self.angle, "yshift": self.up}
        note = {"text": self.text, "showarrow": False, "visible": True, "xanchor": self.anchor}
        page["layout"]["annotations"].append({**note, **at, **look})

    def draw(self, axes: Any) -> None:
        look = {"color": self.color, "fontsize": 0.72 * self.size, "rotation": self.angle}
        at = {"xytext": (0, 0.72 * self.up), "textcoords": "offset points", "annotation_clip": False}
        axes.annotate(self.text, (self.x, self.y), ha=self.anchor, va="center", **at, **look)
