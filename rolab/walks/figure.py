"""A walk as a figure: the image, Δ, their sum, and the class probabilities against ε."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from rolab.course.nb03_perturbations.perturbation_sweep.perturbation_sweep import ENLARGED, Walk
from rolab.experiments.styles import style
from rolab.figures import canvas, layout
from rolab.plotting import INK, PALE, RED, Figure, pixels
from rolab.plotting.pixels import data_uri
from rolab.plotting.style import DASHES, WIDTH

AXIS = {"gridcolor": PALE, "zeroline": False, "linecolor": INK, "ticks": "outside"}


@dataclass(frozen=True, eq=False)
class WalkFigure(Figure):
    """A walk as a figure with its own slider. `k` is the radius that it opens at, and that the PNG shows."""

    walk: Walk
    k: int
    title: str = field(init=False)
    alt: str = field(init=False)
    slides: ClassVar[bool] = True
    HEIGHT: ClassVar[int] = 540

    def __post_init__(self) -> None:
        w = self.walk
        object.__setattr__(self, "title", w.sentence(self.k))
        alt = (
            f"{w.opening}, the perturbation, their sum, and the net's class probabilities "
            f"against the {style(w.norm).label} radius up to {w.radii[-1]:g}: {w.flips()}. "
            f"Shown: {self.title}."
        )
        object.__setattr__(self, "alt", alt)

    def flips(self) -> str:
        """Where the answer changes, in words."""
        return self.walk.flips()

    def moving(self, k: int) -> dict[str, Any]:
        """What depends on k, as plotly's `relayout` takes it: the title, Δ, x + Δ, the radius shown."""
        d, adversarial = self.walk.pictures(k)
        pictures = {"images[1].source": d, "images[2].source": adversarial}
        return {"title.text": self.walk.sentence(k), **pictures, "images[3].x": self.walk.radii[k]}

    def sentences(self) -> list[str]:
        """The title at each of the radii."""
        return [self.walk.sentence(k) for k in range(len(self.walk.radii))]

    @property
    def captions(self) -> tuple[str, str, str]:
        """What stands above the three pictures."""
        return f"x, label {self.walk.truth}", f"Δ ×{self.walk.gain:g}", "x + Δ"

    def plotly(self) -> Any:
        """The figure as a `plotly.graph_objects.Figure`, with a slider."""
        return sliding(self.still(), self.moving, self.walk, self.k)

    def still(self) -> Any:
        """The figure at its radius, without a slider: what the live explorer moves."""
        import plotly.graph_objects as go

        figure, w = go.Figure(), self.walk
        for line in lines(w):
            figure.add_scatter(**line, mode="lines")
        sources = data_uri(pixels(w.image[0]), ENLARGED), *w.pictures(self.k)
        pictures = [picture(source, column, w.image.shape) for column, source in enumerate(sources, start=2)]
        figure.update_layout(
            **layout(
                self.HEIGHT,
                self.title,
                title_font_size=title_size(self.sentences()),
                margin={"l": 60, "r": 16, "t": 76, "b": 54},
                xaxis={**AXIS, "domain": [0, 0.8], "range": (0, w.radii[-1]), "title": {"text": w.x_title}},
                yaxis={**AXIS, "domain": [0, 0.46], "title": {"text": "probability"}, "range": [-0.02, 1.02]},
                legend={"x": 0.82, "y": 0.46, "yanchor": "top"},
                images=[*pictures, radius_line(w, self.k)],
                annotations=[
                    caption(name, left + 0.145) for left, name in zip(_LEFT, self.captions, strict=True)
                ],
            )
        )
        for column, left in enumerate(_LEFT, start=2):
            figure.update_layout(frame(column, [left, left + 0.29], w.image.shape))
        return figure

    def _matplotlib(self) -> Any:
        w, d = self.walk, self.walk.perturbation[self.k]
        page = canvas(self.HEIGHT, self.title, title_size(self.sentences()))
        images = pixels(w.image[0]), pixels(d, w.gain), pixels(w.image[0] + d)
        for column, (image, name) in enumerate(zip(images, self.captions, strict=True)):
            draw_picture(page.add_axes((0.09 + 0.315 * column, 0.5, 0.26, 0.35)), image, name)
        axes = page.add_axes((0.09, 0.1, 0.665, 0.34))
        draw_curves(axes, w, self.k)
        axes.set_ylabel("probability")
        place = {"loc": "upper left", "bbox_to_anchor": (0.755, 0.46)}
        page.legend(**place, frameon=False, fontsize=8.5, labelspacing=0.3)
        return page

    def table(self) -> list[dict[str, Any]]:
        """A row for each radius: ε, the answer, the probability of each class."""
        return self.walk.table()


_LEFT = (0, 0.355, 0.71)  # where the three pictures begin


# What the figures of one walk and of two share.


def title_size(sentences: list[str]) -> float:
    """The size in pixels at which the longest of the titles fits: 16 unless it is long.

    A character is half as broad as it is high, a little more to be safe; the title has 96 % of the width.
    """
    return min(16, 0.96 * WIDTH / 0.53 / max(map(len, sentences)))


# What moves with the radius are pictures of the layout: plotly moves these at once, whereas a trace that
# moves makes it draw the whole figure again.


def lines(w: Walk) -> list[dict[str, Any]]:
    """The curves of the classes, the legend of the radius shown, the flip."""
    found: list[dict[str, Any]] = []
    for c in range(w.probability.shape[1]):
        curve, matters = w.curve(c)
        found.append({**curve, "showlegend": matters})
    for x, dash, name in ((None, "solid", "ε"), (w.flip_radius, "dot", w.flips())):
        found.append(
            {"x": (x, x), "y": (0, 1), "name": name, "line": {"color": RED, "dash": dash, "width": 2}}
        )
    return found


def legend_rows(names: list[str]) -> int:
    """How many rows of pixels wide enough for these names a legend below the curves has.

    Where one row is not enough, plotly makes all entries as broad as the broadest.
    """
    room, broad = WIDTH - 76, [45 + 6.5 * len(name) for name in names]
    return 1 if sum(broad) <= room else math.ceil(len(names) / max(1, room // max(broad)))


def picture(source: str, column: int, shape: Any) -> dict[str, Any]:
    """A picture that fills the axes of its column."""
    rows, columns = shape[-2:]
    place = {"xref": f"x{column}", "yref": f"y{column}", "x": -0.5, "y": -0.5, "layer": "below"}
    return {"source": source, **place, "sizex": columns, "sizey": rows, "sizing": "stretch"}


def radius_line(w: Walk, k: int, axes: str = "") -> dict[str, Any]:
    """The radius shown: a red pixel, stretched to a line."""
    red = np.full((1, 1, 3), tuple(bytes.fromhex(RED[1:])), np.uint8)
    place = {"xref": f"x{axes}", "yref": f"y{axes}", "x": w.radii[k], "y": 1, "xanchor": "center"}
    return {"source": data_uri(red), **place, "sizex": 0.004 * w.radii[-1], "sizey": 1, "sizing": "stretch"}


def caption(text: str, x: float, y: float = 1.0) -> dict[str, Any]:
    """A text above a picture, as an annotation."""
    above = {"xref": "paper", "yref": "paper", "xanchor": "center", "yanchor": "bottom"}
    return {"text": text, "showarrow": False, "font": {"size": 13}, "x": x, "y": y, **above}


def frame(
    column: int, domain: list[float], shape: Any, height: tuple[float, float] = (0.58, 1)
) -> dict[str, Any]:
    """The axes of a picture: none but a frame."""
    rows, columns = shape[-2:]
    bare = {"showline": True, "mirror": True, "linecolor": PALE, "showgrid": False, "zeroline": False}
    bare |= {"showticklabels": False, "ticks": "", "fixedrange": True, "constrain": "domain"}
    x = {"domain": domain, "anchor": f"y{column}", "range": [-0.5, columns - 0.5]}
    y = {"domain": height, "anchor": f"x{column}", "range": [rows - 0.5, -0.5], "scaleanchor": f"x{column}"}
    return {f"xaxis{column}": {**bare, **x}, f"yaxis{column}": {**bare, **y}}


def sliding(figure: Any, moving: Callable[[int], dict[str, Any]], w: Walk, k: int, below: int = 34) -> Any:
    """The figure with a slider over the radii, so many pixels below the axis."""
    steps = [
        {"label": f"{radius:g}", "method": "relayout", "args": [moving(i)]}
        for i, radius in enumerate(w.radii)
    ]
    slider = {"steps": steps, "active": k, "currentvalue": {"prefix": "ε = "}, "pad": {"t": below}}
    figure.update_layout(sliders=[{**slider, "x": 0, "len": 0.8}], margin={"b": 90 + below})
    figure.layout.height += 70 + max(0, below - 74)
    return figure


def draw_picture(axes: Any, image: Any, name: str) -> None:
    """A picture without axes, its caption above."""
    axes.imshow(image, interpolation="nearest")
    axes.set_title(name, fontsize=9.5)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color(PALE)


def draw_curves(axes: Any, w: Walk, k: int) -> None:
    """The class probabilities against ε, by matplotlib."""
    for c in range(w.probability.shape[1]):
        look, matters = w.look(c)
        dash = DASHES[look.dash]
        label = look.label if matters else None
        values = w.probability[:, c]
        axes.plot(w.radii, values, label=label, linewidth=1 + matters, color=look.color, linestyle=dash)
    axes.axvline(w.radii[k], color=RED, label="ε")
    flip = {"color": RED, "linestyle": ":", "label": w.flips(), "visible": w.flip is not None}
    axes.axvline(w.flip_radius or 0, **flip)
    axes.set(xlim=(0, w.radii[-1]), ylim=(-0.02, 1.02), xlabel=w.x_title)
    axes.xaxis.set_major_formatter("{x:g}")  # 0.01, for 0.0100 is cut off at the edge
    axes.grid(color=PALE, linewidth=0.6)
