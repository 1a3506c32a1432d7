"""Accuracies against ε, as data: what the figures of this room share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rolab.figures import DASHES, INK, MARKERS, PALE, Figure, Style, canvas, layout

AXIS = {"gridcolor": PALE, "zeroline": False, "linecolor": INK, "ticks": "outside", "fixedrange": True}


@dataclass(frozen=True)
class Curve:
    """One curve: accuracies (percent) against radii, and how they look.

    Attributes:
        x, y: radii, and percent
        look: its name, colour, dash and marker
        marked: whether each point has its marker
        shaded: whether the area between it and the curve before it is filled
        shown: whether it is drawn at all
    """

    x: Sequence[float]
    y: Sequence[float]
    look: Style
    marked: bool = True
    shaded: bool = False
    shown: bool = True

    def trace(self) -> dict[str, Any]:
        """The curve for plotly."""
        look = self.look
        return {
            "x": list(self.x),
            "y": list(self.y),
            "name": look.label,
            "mode": "lines+markers" if self.marked else "lines",
            "line": {"color": look.color, "dash": look.dash, "width": 2},
            "marker": {"symbol": look.marker, "size": 7},
            "fill": "tonexty" if self.shaded else "none",
            "fillcolor": _translucent(look.color),
            "visible": self.shown,
        }


class CurveFigure(Figure):
    """Curves of accuracy against ε."""

    x_title: ClassVar[str] = "ε: ℓ∞ radius, in [0, 1] pixels"
    y_title: ClassVar[str] = "digits read correctly, %"
    HEIGHT: ClassVar[int] = 420

    @abstractmethod
    def curves(self) -> list[Curve]:
        """The curves, from the first drawn to the last."""

    def traces(self) -> list[dict[str, Any]]:
        """The curves for plotly: what a live slider changes, with `page`."""
        return [curve.trace() for curve in self.curves()]

    def page(self) -> dict[str, Any]:
        """The layout, as far as it depends on what is shown."""
        return {"title": {"text": self.title}}

    def still(self) -> Any:
        """The figure without a slider: what the live explorer starts from and then changes."""
        import plotly.graph_objects as go

        figure = go.Figure()
        for trace in self.traces():
            figure.add_scatter(**trace)
        return figure.update_layout(
            **layout(
                self.HEIGHT,
                self.title,
                margin={"l": 64, "r": 16, "t": 46, "b": 54},
                xaxis={**AXIS, "title": {"text": self.x_title}, "rangemode": "tozero"},
                yaxis={**AXIS, "title": {"text": self.y_title}, "range": [-2, 102]},
                showlegend=True,
            )
        )

    def _matplotlib(self) -> Any:
        page = canvas(self.HEIGHT, self.title)
        axes = page.add_axes((0.09, 0.13, 0.66, 0.75))
        before: Curve | None = None
        for curve in (curve for curve in self.curves() if curve.shown):
            look = curve.look
            axes.plot(
                curve.x,
                curve.y,
                color=look.color,
                linestyle=DASHES[look.dash],
                marker=MARKERS[look.marker] if curve.marked else "",
                markersize=4,
                linewidth=1.6,
                label=look.label.replace("<br>", "\n"),
            )
            if curve.shaded and before:
                there, back = (curve.x, curve.y), (before.x[::-1], before.y[::-1])
                x, y = ([*go, *home] for go, home in zip(there, back, strict=True))
                axes.fill(x, y, color=look.color, alpha=0.2, linewidth=0)
            before = curve
        axes.set(xlabel=self.x_title, ylabel=self.y_title, ylim=(-2, 102), xlim=(0, None))
        axes.grid(color=PALE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        page.legend(loc="upper left", bbox_to_anchor=(0.755, 0.9), frameon=False, fontsize=8.5)
        return page


def _translucent(color: str) -> str:
    """A colour such as #0072B2 for an area, through which lines can be seen."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.2)"
