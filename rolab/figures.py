"""What a figure of the course is, the visual grammar, and curves; `rolab.pictures` has the rows of images.

A figure is a data object with two renderings, plotly's for the screen and matplotlib's for the page:

    figure.plotly()                 # the interactive figure
    figure.html("figure3.html")     # a page that needs no network and no kernel, the numbers below the figure
    figure.png("figure3.png")       # drawn without a browser; equal data give equal bytes
    figure.table()                  # the numbers
    figure                          # in a notebook: the picture, readable without a kernel

The same in every notebook: baseline black, ℓ1 orange dash-dot, ℓ2 blue dashed, ℓ∞ green solid, each with its
marker; the paper's numbers hollow; a changed pixel circled; perturbations purple through white to orange.
"""

from __future__ import annotations

import base64
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any, ClassVar

from rolab.experiments import NORMS, TITLES
from rolab.records import write

WIDTH = 720  # px
TITLE = 46  # px above a figure
FONT = "DejaVu Sans, Verdana, Arial, sans-serif"
CONFIG = {"displayModeBar": False}  # plotly's tool bar would lie on the title
HOLLOW = "hollow: the paper"
INK, PALE, RED = "#222222", "#dddddd", "#D55E00"


@dataclass(frozen=True)
class Style:
    """How one curve looks: a colour, and a dash and a marker for those who do not see the colour."""

    label: str
    color: str
    dash: str  # plotly's name
    marker: str  # plotly's name


STYLES = {
    "baseline": Style("baseline", "#000000", "solid", "circle"),
    "l1": Style("ℓ1", "#E69F00", "dashdot", "triangle-up"),
    "l2": Style("ℓ2", "#0072B2", "dash", "square"),
    "linf": Style("ℓ∞", "#009E73", "solid", "diamond"),
}
STYLES |= {f"robust-{norm}": replace(STYLES[norm], label=TITLES[f"robust-{norm}"]) for norm in NORMS}
STYLES["masked"] = Style("the fifth", "#CC79A7", "dot", "cross")  # which notebook 09 unmasks
_OTHERS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#D55E00", "#0072B2", "#CC79A7", "#7A7A7A")
DASHES = {"solid": "-", "dash": "--", "dashdot": "-.", "dot": ":"}
MARKERS = {"circle": "o", "square": "s", "diamond": "D", "triangle-up": "^", "x": "x", "cross": "P"}


def style(name: str, place: int = 0) -> Style:
    """The style of a net or a norm by its name; of anything else, by its place among the curves."""
    if name in STYLES:
        return STYLES[name]
    dash, marker = list(DASHES)[place % len(DASHES)], list(MARKERS)[place % len(MARKERS)]
    return Style(name, _OTHERS[place % len(_OTHERS)], dash, marker)


class Figure(ABC):
    """What all figures have: a message for a title, a text that stands in for the picture, two renderings.

    Its display in a notebook holds the PNG with its text, which is what a page without scripts shows; and, if
    it has a slider of its own, plotly's JSON, which JupyterLab draws without a kernel.
    """

    title: str
    alt: str
    slides: ClassVar[bool] = False  # has a slider of its own, which needs plotly.js but no kernel

    @abstractmethod
    def plotly(self) -> Any:
        """The figure as a `plotly.graph_objects.Figure`."""

    @abstractmethod
    def table(self) -> list[dict[str, Any]]:
        """The numbers or captions of the figure, a row each."""

    @abstractmethod
    def _matplotlib(self) -> Any:
        """The figure as a `matplotlib.figure.Figure`."""

    def png_bytes(self, dpi: int = 200) -> bytes:
        """The picture in 256 colours, 1440 pixels wide at 200 dpi; equal data give equal bytes."""
        import matplotlib.style
        from PIL import Image

        drawn, small = io.BytesIO(), io.BytesIO()
        with matplotlib.style.context("default"):
            self._matplotlib().savefig(drawn, format="png", dpi=dpi)
        # Colours that few pixels have, those of curves beside photographs, must not be merged with others.
        picture = Image.open(drawn).convert("RGB")
        picture = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
        picture.save(small, "PNG", optimize=True)
        return small.getvalue()

    def png(self, path: str | Path) -> None:
        """Writes the picture."""
        write(Path(path), self.png_bytes())

    def html(self, path: str | Path) -> None:
        """Writes a page that opens offline: plotly.js is in it, and the numbers are below the figure."""
        options = {"full_html": False, "include_plotlyjs": True, "config": CONFIG, "div_id": "figure"}
        drawn, numbers = self.plotly().to_html(**options, auto_play=False), _html_table(self.table())
        page = _PAGE.format(title=escape(self.title), alt=escape(self.alt), figure=drawn, numbers=numbers)
        write(Path(path), page.encode())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        # JupyterLab shows the PNG at its full size until plotly has drawn: so at the figure's own size.
        png = self.png_bytes(100 if self.slides else 200)
        width, height = (int.from_bytes(png[i : i + 4], "big") for i in (16, 20))
        size = {"width": WIDTH, "height": round(height * WIDTH / width), "alt": self.alt}
        data = {"image/png": base64.b64encode(png).decode(), "text/plain": self.alt}
        if self.slides:
            data["application/vnd.plotly.v1+json"] = json.loads(self.plotly().to_json()) | {"config": CONFIG}
        return data, {"image/png": size}


_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font-family: sans-serif; max-width: 720px; margin: 1em auto; background: white; color: #222 }}
td, th {{ padding: 0 .8em; text-align: right }}</style></head>
<body>{figure}<p>{alt}</p><details><summary>The numbers</summary>{numbers}</details></body></html>
"""


def _html_table(rows: Sequence[Mapping[str, Any]]) -> str:
    def line(tag: str, cells: Any) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(_shown(cell))}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + line("th", rows[0]) + "".join(line("td", row.values()) for row in rows) + "</table>"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"
    return "–" if value is None else str(value)


@dataclass(frozen=True)
class Table:
    """Rows of numbers, all with the same columns: a table in a notebook, aligned text elsewhere."""

    rows: Sequence[Mapping[str, Any]]

    def _repr_html_(self) -> str:
        return _html_table(self.rows)

    def __repr__(self) -> str:
        lines = [list(self.rows[0])] + [[_shown(cell) for cell in row.values()] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(str.rjust, line, widths)) for line in lines)


def layout(height: int, title: str, **more: Any) -> dict[str, Any]:
    """The part of plotly's layout that all figures share."""
    return {
        "title": {
            "text": title,
            "font": {"size": 16},
            "x": 0.02,
            "xanchor": "left",
            "y": 1 - 14 / height,
            "yanchor": "top",
        },
        "width": WIDTH,
        "height": height,
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        **more,
    }


def canvas(height: int, title: str, size: float = 16) -> Any:
    """An empty matplotlib figure with its title of so many pixels, without pyplot and its global state."""
    from matplotlib.figure import Figure as Canvas

    page = Canvas(figsize=(WIDTH / 100, height / 100), dpi=100, facecolor="white")
    page.text(0.02, 1 - 14 / height, title, fontsize=11.5 * size / 16, color=INK, va="top")
    return page


@dataclass(frozen=True, eq=False)
class Curves(Figure):
    """Curves over one axis, one for each name.

    Attributes:
        title: the message
        x: where the curves were measured
        mean: name → values, as many as x
        x_title, y_title: of the axes, with units
        sd: name → standard deviations; a name that is missing or None, and a None among them, has no bar
        paper: name → (x, y), the number that the paper prints; a hollow marker
        y_range: None fits it to the data
        alt: a sentence that says what is seen
    """

    title: str
    x: Sequence[float]
    mean: Mapping[str, Sequence[float]]
    x_title: str
    y_title: str
    sd: Mapping[str, Sequence[float | None] | None] = field(default_factory=dict)
    paper: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    y_range: tuple[float, float] | None = None
    alt: str = ""
    HEIGHT: ClassVar[int] = 420

    def bars(self, name: str) -> list[float] | None:
        """The standard deviations of a curve, None where there are none."""
        sd = self.sd.get(name)
        return None if sd is None or any(s is None for s in sd) else [float(s) for s in sd if s is not None]

    def _ticks(self) -> list[float] | None:
        """All places of an axis that counts something few, None to leave the choice to the renderer."""
        return list(self.x) if len(self.x) <= 15 and all(isinstance(x, int) for x in self.x) else None

    def plotly(self) -> Any:
        """The figure as a `plotly.graph_objects.Figure`."""
        import plotly.graph_objects as go

        figure = go.Figure()
        for place, (name, values) in enumerate(self.mean.items()):
            look, bars = style(name, place), self.bars(name)
            figure.add_scatter(
                x=list(self.x),
                y=list(values),
                error_y={"type": "data", "array": bars, "thickness": 1, "width": 3} if bars else None,
                name=look.label,
                mode="lines+markers",
                line={"color": look.color, "dash": look.dash, "width": 2},
                marker={"symbol": look.marker, "size": 7},
            )
        for place, (name, (x, y)) in enumerate(self.paper.items()):
            look = style(name)
            marker = {"symbol": f"{look.marker}-open", "size": 13, "color": look.color, "line": {"width": 2}}
            legend = {"name": HOLLOW, "showlegend": place == 0, "legendgroup": "paper"}
            figure.add_scatter(x=[x], y=[y], mode="markers", marker=marker, **legend)
        axis = {"gridcolor": PALE, "zeroline": False, "linecolor": INK, "ticks": "outside"}
        figure.update_layout(
            **layout(
                self.HEIGHT,
                self.title,
                margin={"l": 64, "r": 16, "t": TITLE, "b": 54},
                xaxis={**axis, "title": {"text": self.x_title}, "tickvals": self._ticks()},
                yaxis={**axis, "title": {"text": self.y_title}, "range": self.y_range},
            )
        )
        return figure

    def _matplotlib(self) -> Any:
        page = canvas(self.HEIGHT, self.title)
        largest = max((abs(v) for values in self.mean.values() for v in values), default=0.0)
        left = 0.09 + 0.012 * max(0, len(f"{largest:.0f}") - 4)  # room for what the ticks say
        axes = page.add_axes((left, 0.13, 0.75 - left, 0.75))
        for place, (name, values) in enumerate(self.mean.items()):
            look = style(name, place)
            axes.errorbar(
                self.x,
                values,
                yerr=self.bars(name),
                label=look.label,
                color=look.color,
                linestyle=DASHES[look.dash],
                marker=MARKERS[look.marker],
                markersize=4,
                linewidth=1.6,
                elinewidth=0.8,
                capsize=2,
            )
        for name, (x, y) in self.paper.items():
            look = style(name)
            hollow = {"markersize": 9, "markerfacecolor": "none", "markeredgewidth": 1.6, "color": look.color}
            axes.errorbar(
                [x],
                [y],
                fmt=MARKERS[look.marker],
                label=None if name != list(self.paper)[0] else HOLLOW,
                **hollow,
            )
        if ticks := self._ticks():
            axes.set_xticks(ticks)
        axes.set_xlabel(self.x_title)
        axes.set_ylabel(self.y_title)
        if self.y_range:
            axes.set_ylim(*self.y_range)
        axes.grid(color=PALE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        page.legend(
            *axes.get_legend_handles_labels(),
            loc="upper left",
            bbox_to_anchor=(0.755, 0.9),
            frameon=False,
            fontsize=8.5,
        )
        return page

    def table(self) -> list[dict[str, Any]]:
        """A row for each place on the axis: x, then each curve, with its standard deviation if it has one."""
        rows = []
        for i, x in enumerate(self.x):
            row: dict[str, Any] = {self.x_title: x}
            for name, values in self.mean.items():
                row[style(name).label] = float(values[i])
                if bars := self.bars(name):
                    row[f"± {style(name).label}"] = bars[i]
            rows.append(row)
        return rows

    def sliding(self, symbol: str) -> SlidingCurves:
        """The same curves, of percentages, with a slider that reads them off and needs no kernel.

        Args:
            symbol: what the slider calls the axis
        """
        return SlidingCurves(self, symbol)


@dataclass(frozen=True, eq=False)
class SlidingCurves(Figure):
    """Curves of percentages and a slider along their axis: the title reads off where it stands.

    Attributes:
        curves: as they are drawn without the slider
        symbol: what the slider calls the axis
    """

    curves: Curves
    symbol: str
    slides: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.curves.title)
        object.__setattr__(self, "alt", self.curves.alt)

    def reading(self, k: int) -> str:
        """The values of all curves at the k-th place."""
        values = ", ".join(
            f"{style(name, place).label} {mean[k]:.1f}"
            for place, (name, mean) in enumerate(self.curves.mean.items())
        )
        return f"{self.symbol} = {self.curves.x[k]:g}: {values} %"

    def plotly(self) -> Any:
        """The curves with a line that the slider moves. It opens at a third of the axis."""
        figure, places = self.curves.plotly(), self.curves.x
        start = len(places) // 3
        figure.add_vline(x=places[start], line_color=RED, line_width=2)
        steps = []
        for k, x in enumerate(places):
            moved = {"shapes[0].x0": x, "shapes[0].x1": x, "title.text": self.reading(k)}
            steps.append({"label": f"{x:g}", "method": "relayout", "args": [moved]})
        slider = {"steps": steps, "active": start, "pad": {"t": 44}}
        slider["currentvalue"] = {"prefix": f"{self.symbol} = "}
        return figure.update_layout(
            title_text=self.reading(start),
            sliders=[slider],
            height=self.curves.HEIGHT + 80,
            margin={"b": 130},
        )

    def table(self) -> list[dict[str, Any]]:
        """The numbers of the curves, a row for each place."""
        return self.curves.table()

    def _matplotlib(self) -> Any:
        return self.curves._matplotlib()
