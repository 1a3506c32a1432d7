"""What the figures of this room share: looks, rounding, a slider, the names of rows beside their sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rolab.figures import PALE, Style
from rolab.polygons.geometry import Polygon

AXIS = {"gridcolor": PALE, "zerolinecolor": PALE, "fixedrange": True}
LOOKS = {
    "box": Style("box", "#009E73", "solid", "diamond"),
    "ball": Style("ball", "#0072B2", "dash", "square"),
    "budget": Style("budget", "#E69F00", "dashdot", "triangle-up"),
    "ellipsoid": Style("ellipsoid", "#CC79A7", "dot", "cross"),
}


def translucent(color: str) -> str:
    """A colour such as #0072B2 for an area, through which lines can be seen."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.2)"


def window(polygon: Polygon) -> tuple[tuple[float, float], tuple[float, float]]:
    """The polygon's bounding box, and a margin that has room for names."""
    low, high = polygon.corners.min(0), polygon.corners.max(0)
    (left, bottom), (right, top) = low - 0.05 * (high - low), high + (0.32, 0.12) * (high - low)
    return (left, right), (bottom, top)


def side_names(polygon: Polygon) -> list[tuple[str, tuple[float, float], str]]:
    """For each side that a row makes: the row's name, a place beside it, and the edge of the text there."""
    size, middle, found = np.ptp(polygon.corners, axis=0), polygon.corners.mean(0), []
    ends = np.roll(polygon.corners, -1, axis=0)
    for name, start, end in zip(polygon.rows, polygon.corners, ends, strict=True):
        if "bound" not in name:
            at = (start + end) / 2
            along = (end - start) / size
            outward = np.array([along[1], -along[0]]) / (np.hypot(*along) or 1)
            outward = outward if outward @ ((at - middle) / size) > 0 else -outward
            x, y = at + 0.05 * outward * size
            found.append((name, (float(x), float(y)), "left" if outward[0] > 0.3 else "center"))
    return found


def add_names(figure: Any, polygon: Polygon, axes: str = "") -> None:
    """Writes the rows' names into a plotly figure, on the axes of that number."""
    for name, (x, y), anchor in side_names(polygon):
        on = {"xref": f"x{axes}", "yref": f"y{axes}", "xanchor": anchor}
        figure.add_annotation(x=x, y=y, text=name, showarrow=False, font={"size": 11}, **on)


def draw_names(axes: Any, polygon: Polygon) -> None:
    """The same in matplotlib."""
    for name, (x, y), anchor in side_names(polygon):
        axes.text(x, y, name, ha=anchor, va="center", fontsize=8)


def grid(*several: Any) -> None:
    """A pale grid behind each of the axes of matplotlib."""
    for axes in several:
        axes.grid(color=PALE, linewidth=0.6)
        axes.set_axisbelow(True)


def xy(trace: Mapping[str, Any]) -> np.ndarray:
    """The x and y of a trace for matplotlib, which does not draw NaN as plotly does not draw None."""
    return np.array([trace["x"], trace["y"]], float)


def sliding(figure: Any, frames: Sequence[tuple], labels: Sequence[str], shown: int, prefix: str) -> Any:
    """The figure with a slider: each frame is its first traces anew, and a title."""
    import plotly.graph_objects as go

    at_once = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
    figure.frames = [
        go.Frame(
            name=str(k),
            data=[go.Scatter(**trace) for trace in traces],
            traces=list(range(len(traces))),
            layout={"title": {"text": title}},
        )
        for k, (traces, title) in enumerate(frames)
    ]
    steps = [
        {"label": label, "method": "animate", "args": [[str(k)], at_once]} for k, label in enumerate(labels)
    ]
    slider = {"steps": steps, "active": shown, "currentvalue": {"prefix": prefix}, "pad": {"t": 40}}
    return figure.update_layout(sliders=[slider], height=figure.layout.height + 84, margin={"b": 138})
