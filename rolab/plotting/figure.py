"""A figure: a message, panels, a text that stands in for it; plotly on the screen, matplotlib on the page.

figure.plotly()                 # the interactive figure, as plotly's JSON
figure.html("figure3.html")     # a page that needs no network and no kernel, the numbers below the figure
figure.png("figure3.png")       # drawn without a browser; equal data give equal bytes
figure.table()                  # the numbers
figure                          # in a notebook: the picture with its text, readable without a kernel
"""

from __future__ import annotations

import io
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, ClassVar

from rolab.plotting.marks import escaped
from rolab.plotting.panels import Panel
from rolab.plotting.standing import standing
from rolab.plotting.style import CONFIG, FONT, INK, WIDTH
from rolab.storage import user_path, write


@dataclass(frozen=True)
class Legend:
    """Where the legend stands, as shares of the figure inside its margins; in rows or in one column."""

    x: float = 1.02
    y: float = 1.0
    rows: bool = False
    anchor: str = "top"  # which of its edges is at y
    size: float = 12


BESIDE = Legend()
ABOVE = Legend(0, 1.02, rows=True, anchor="bottom")


def entry_width(name: str) -> float:
    """How broad an entry of the legend is, px."""
    return 45 + 6.5 * len(name)


def legend_rows(names: Sequence[str], room: float = WIDTH - 76) -> int:
    """How many rows plotly's legend of these names has; if one is too few, all get the broadest's width."""
    broad = list(map(entry_width, names))
    return 1 if sum(broad) <= room else math.ceil(len(names) / max(1, room // max(broad)))


class Figure(ABC):
    """What all figures have. A subclass says `title` and `panels()`; see `rolab.plotting.panels`."""

    title: str  # the message
    HEIGHT: ClassVar[int] = 400
    MARGIN: ClassVar[tuple[int, int, int, int]] = (60, 12, 56, 54)  # px: left, right, top, bottom
    SEEN: ClassVar[str] = ""  # what is seen, in a sentence, for those who do not see it
    legend: ClassVar[Legend | None] = None
    slides: ClassVar[bool] = False  # has a slider of its own, which needs no kernel

    @abstractmethod
    def panels(self) -> Sequence[Panel]:
        """What is drawn."""

    @abstractmethod
    def table(self) -> list[dict[str, Any]]:
        """The numbers or captions of the figure, a row each."""

    def rows_shown(self) -> list[dict[str, Any]]:
        """Those of them that are about the state shown."""
        return self.table()

    @property
    def alt(self) -> str:
        """A text that stands in for the picture."""
        return f"{self.SEEN} Shown: {self.title}."

    @property
    def height(self) -> int:
        """In px."""
        return self.HEIGHT

    @property
    def title_size(self) -> float:
        """In px: 16 unless the title is too long for that, which has 96 % of the width."""
        # A character is half as broad as it is high, a little more to be safe.
        return min(16, 0.96 * WIDTH / 0.53 / max(1, len(self.title)))

    def plotly(self) -> dict[str, Any]:
        """The figure for plotly, as JSON has it: `data`, `layout`."""
        return self.still()

    def still(self) -> dict[str, Any]:
        """The same without a slider: what a live chart starts from and then changes."""
        left, right, top, bottom = self.MARGIN
        title = {"text": escaped(self.title), "font": {"size": self.title_size}, "x": 0.02, "xanchor": "left"}
        layout: dict[str, Any] = {
            "title": title | {"y": 1 - 14 / self.height, "yanchor": "top"},
            "width": WIDTH,
            "height": self.height,
            "font": {"family": FONT, "size": 12, "color": INK},
            **{"paper_bgcolor": "white", "plot_bgcolor": "white"},
            **{"hovermode": "closest", "barmode": "overlay"},
            "margin": {"l": left, "r": right, "t": top, "b": bottom},
            **{"showlegend": self.legend is not None, "images": [], "annotations": []},
        }
        if self.legend:
            where = {"x": self.legend.x, "y": self.legend.y, "xanchor": "left", "yanchor": self.legend.anchor}
            look = {"orientation": "h" if self.legend.rows else "v", "font": {"size": self.legend.size}}
            layout["legend"] = where | look
        page: dict[str, Any] = {"data": [], "layout": layout}
        for number, panel in enumerate(self.panels(), start=1):
            panel.plotly(page, str(number) if number > 1 else "")
        used = {trace["xaxis"] for trace in page["data"]}
        for axis in (name.replace("axis", "") for name in layout if name.startswith("xaxis")):
            if axis not in used:  # else plotly draws NaN there while it makes room for a legend
                nothing = {"type": "scatter", "x": [None], "y": [None], "showlegend": False}
                page["data"].append({**nothing, "hoverinfo": "skip", "xaxis": axis, "yaxis": f"y{axis[1:]}"})
        return page

    def matplotlib(self) -> Any:
        """The figure as a `matplotlib.figure.Figure`, without pyplot and its global state."""
        from matplotlib.figure import Figure as Canvas

        left, right, top, bottom = self.MARGIN
        across, up = WIDTH - left - right, self.height - top - bottom

        def place(x: float, y: float) -> tuple[float, float]:
            return (left + x * across) / WIDTH, (bottom + y * up) / self.height

        page = Canvas(figsize=(WIDTH / 100, self.height / 100), dpi=100, facecolor="white")
        look: dict[str, Any] = {
            "fontsize": 0.72 * self.title_size,
            "color": INK,
            "va": "top",
            "parse_math": False,
        }
        page.text(0.02, 1 - 14 / self.height, self.title, **look)
        panels, labels = self.panels(), dict[str, Any]()
        for panel in panels:
            (x, y), (far, high) = place(*panel.domain[::2]), place(*panel.domain[1::2])
            axes = page.add_axes((x, y, far - x, high - y))
            panel.draw(axes)
            labels = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True)) | labels
        if self.legend and labels:
            drawn = [mark.label for panel in panels for mark in panel.marks]
            names = [name for name in dict.fromkeys(drawn) if name in labels]
            rows = math.ceil(sum(map(entry_width, names)) / (across * (1 - self.legend.x)))
            columns = math.ceil(len(names) / rows) if self.legend.rows else 1
            corner = "upper left" if self.legend.anchor == "top" else "lower left"
            look = {"frameon": False, "fontsize": 0.69 * self.legend.size, "labelspacing": 0.3}
            look |= {"columnspacing": 1, "handlelength": 1.8, "handletextpad": 0.5, "borderaxespad": 0}
            look |= {"loc": corner, "bbox_to_anchor": place(self.legend.x, self.legend.y), "ncols": columns}
            for text in page.legend([labels[name] for name in names], names, **look).get_texts():
                text.set_parse_math(False)  # a name may have a $
        return page

    def png_bytes(self, dpi: int = 200) -> bytes:
        """The picture in 256 colours, 1440 pixels wide at 200 dpi; equal data give equal bytes."""
        import matplotlib.style
        from PIL import Image

        drawn, small = io.BytesIO(), io.BytesIO()
        with matplotlib.style.context("default"):
            self.matplotlib().savefig(drawn, format="png", dpi=dpi)
        # Colours that few pixels have, those of curves beside photographs, must not be merged with others.
        picture = Image.open(drawn).convert("RGB")
        picture = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
        picture.save(small, "PNG", optimize=True)
        return small.getvalue()

    def png(self, path: str | Path) -> None:
        """Writes the picture."""
        write(user_path(path), self.png_bytes())

    def html(self, path: str | Path) -> None:
        """Writes a page that opens offline: plotly.js is in it, and the numbers are below the figure."""
        from plotly.io import to_html

        options = {"full_html": False, "include_plotlyjs": True, "config": dict(CONFIG), "div_id": "figure"}
        drawn = to_html(self.plotly(), **options, auto_play=False, validate=False)
        numbers = Table(self.table())._repr_html_()
        page = _PAGE.format(title=escape(self.title), alt=escape(self.alt), figure=drawn, numbers=numbers)
        write(user_path(path), page.encode())

    def standing(self) -> str:
        """The HTML that stands for it in a notebook: a picture with its text."""
        return standing(self.png_bytes(), self.alt)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/html": self.standing(), "text/plain": self.alt}


_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font-family: sans-serif; max-width: 720px; margin: 1em auto; background: white; color: #222 }}
td, th {{ padding: 0 .8em; text-align: right }}</style></head>
<body>{figure}<p>{alt}</p><details><summary>The numbers</summary>{numbers}</details></body></html>
"""


def shown(value: Any) -> str:
    """A cell of a table as text: four digits of a number, a dash for None."""
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"
    return "–" if value is None else str(value)


@dataclass(frozen=True)
class Table:
    """Rows of numbers, all with the same columns: a table in a notebook, aligned text elsewhere."""

    rows: Sequence[Mapping[str, Any]]

    def _repr_html_(self) -> str:
        def line(tag: str, cells: Any) -> str:
            return "<tr>" + "".join(f"<{tag}>{escape(shown(cell))}</{tag}>" for cell in cells) + "</tr>"

        lines = line("th", self.rows[0]), *(line("td", row.values()) for row in self.rows)
        return f"<table>{''.join(lines)}</table>"

    def __repr__(self) -> str:
        lines = [list(self.rows[0])] + [[shown(cell) for cell in row.values()] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(str.rjust, line, widths)) for line in lines)
