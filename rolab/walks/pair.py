"""Two nets side by side under the same growing set, each attacked with its own gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rolab.course.nb03_perturbations.perturbation_sweep.perturbation_sweep import Walk
from rolab.course.nb03_perturbations.sweep_figure import (
    AXIS,
    caption,
    draw_curves,
    draw_picture,
    frame,
    legend_rows,
    lines,
    picture,
    radius_line,
    sliding,
    title_size,
)
from rolab.experiments.styles import style
from rolab.figures import canvas, layout
from rolab.plotting import Figure, pixels

_LEFT = (0.0, 0.55)  # where the half of each net begins
_HALF = 0.45


@dataclass(frozen=True, eq=False)
class PairFigure(Figure):
    """Two walks of one image in one set: for each net Δ, x + Δ and its class probabilities.

    Attributes:
        walks: of the two nets; their radii are the same
        k: the radius that the figure opens at, and that the PNG shows
    """

    walks: tuple[Walk, Walk]
    k: int
    title: str = field(init=False)
    alt: str = field(init=False)
    slides: ClassVar[bool] = True
    HEIGHT: ClassVar[int] = 520

    def __post_init__(self) -> None:
        if self.walks[0].radii != self.walks[1].radii:
            raise ValueError("walks: expected two walks over the same radii")
        object.__setattr__(self, "title", self.sentence(self.k))
        each = "; ".join(f"{style(w.net).label}: {w.flips()}" for w in self.walks)
        alt = (
            f"{self.walks[0].opening} perturbed for two nets side by side, and their "
            f"class probabilities against the {style(self.walks[0].norm).label} radius. {each}. "
            f"Shown: {self.title}."
        )
        object.__setattr__(self, "alt", alt)

    def sentence(self, k: int) -> str:
        """What the two nets say at the k-th radius: the figure's title."""
        w = self.walks[0]
        radius = f"{style(w.norm).label} radius {w.radii[k]:g}"
        said = (f"{style(w.net).label} says {w.answer(k)}" for w in self.walks)
        return f"{radius}, label {w.truth}: {', '.join(said)}"

    def sentences(self) -> list[str]:
        """The title at each of the radii."""
        return [self.sentence(k) for k in range(len(self.walks[0].radii))]

    def flips(self) -> str:
        """Where the answers change, in words."""
        return "; ".join(f"{style(w.net).label} {w.flips()}" for w in self.walks)

    def sources(self, k: int) -> list[str]:
        """The four pictures: for each net Δ and x + Δ."""
        return [source for w in self.walks for source in w.pictures(k)]

    def moving(self, k: int) -> dict[str, Any]:
        """What depends on k, as plotly's `relayout` takes it: the title, each net's Δ, x + Δ, the radius."""
        pictures = {f"images[{i}].source": source for i, source in enumerate(self.sources(k))}
        radii = {f"images[{i}].x": w.radii[k] for i, w in enumerate(self.walks, start=4)}
        return {"title.text": self.sentence(k), **pictures, **radii}

    def traces(self) -> list[dict[str, Any]]:
        """The lines of each net."""
        left, right = (lines(w) for w in self.walks)
        shown = {line["name"] for line in left if line.get("showlegend")}
        left[-1]["showlegend"] = False  # the flips are told above the curves
        for line in right:  # a class has one entry in the legend
            line["showlegend"] = line.get("showlegend", False) and line["name"] not in shown
        return left + right

    def notes(self) -> list[dict[str, Any]]:
        """What stands above the pictures and above the curves."""
        notes = []
        for w, left in zip(self.walks, _LEFT, strict=True):
            names = f"Δ ×{w.gain:g}", "x + Δ"
            notes += [caption(name, left + 0.1 + 0.24 * i) for i, name in enumerate(names)]
            notes.append(caption(f"{style(w.net).label}: {w.flips()}", left + _HALF / 2, 0.5))
        return notes

    def plotly(self) -> Any:
        """The figure as a `plotly.graph_objects.Figure`, with a slider."""
        names = [line["name"] for line in self.traces() if line.get("showlegend", True)]
        below = 50 + 24 * legend_rows(names)
        return sliding(self.still(), self.moving, self.walks[0], self.k, below)

    def still(self) -> Any:
        """The figure at its radius, without a slider: what the live explorer moves."""
        import plotly.graph_objects as go

        figure, traces = go.Figure(), self.traces()
        for i, line in enumerate(traces):
            axes = {"xaxis": "x", "yaxis": "y"} if 2 * i < len(traces) else {"xaxis": "x2", "yaxis": "y2"}
            figure.add_scatter(**line, mode="lines", **axes)
        w, shape = self.walks[0], self.walks[0].image.shape
        pictures = [picture(s, column, shape) for column, s in enumerate(self.sources(self.k), start=3)]
        x = {**AXIS, "title": {"text": f"ε, {style(w.norm).label} radius"}, "range": (0, w.radii[-1])}
        y = {**AXIS, "domain": [0, 0.48], "range": [-0.02, 1.02]}
        figure.update_layout(
            **layout(
                self.HEIGHT,
                self.title,
                title_font_size=title_size(self.sentences()),
                margin={"l": 60, "r": 16, "t": 76, "b": 90},
                xaxis={**x, "domain": [_LEFT[0], _LEFT[0] + _HALF]},
                xaxis2={**x, "domain": [_LEFT[1], _LEFT[1] + _HALF], "anchor": "y2"},
                yaxis={**y, "title": {"text": "probability"}},
                yaxis2={**y, "anchor": "x2"},
                legend={"orientation": "h", "x": 0, "y": -0.16, "yanchor": "top"},
                images=[*pictures, radius_line(w, self.k), radius_line(w, self.k, "2")],
                annotations=self.notes(),
            )
        )
        for column in range(4):
            left = _LEFT[column // 2] + 0.24 * (column % 2)
            figure.update_layout(frame(column + 3, [left, left + 0.2], shape, height=(0.6, 1)))
        return figure

    def _matplotlib(self) -> Any:
        page = canvas(self.HEIGHT, self.title, title_size(self.sentences()))
        named: dict[str, Any] = {}
        for side, w in enumerate(self.walks):
            left, d = 0.09 + 0.48 * side, w.perturbation[self.k]
            images = (pixels(d, w.gain), f"Δ ×{w.gain:g}"), (pixels(w.image[0] + d), "x + Δ")
            for i, (image, name) in enumerate(images):
                draw_picture(page.add_axes((left + 0.21 * i, 0.56, 0.19, 0.3)), image, name)
            axes = page.add_axes((left, 0.19, 0.4, 0.29))
            draw_curves(axes, w, self.k)
            axes.set_title(f"{style(w.net).label}: {w.flips()}", fontsize=9.5)
            axes.locator_params(axis="x", nbins=4)  # more would touch
            axes.set_xlabel(f"ε, {style(w.norm).label} radius")
            handles, names = axes.get_legend_handles_labels()
            named |= {name: handle for handle, name in zip(handles, names, strict=True) if name != w.flips()}
        page.axes[2].set_ylabel("probability")
        page.legend(
            named.values(),
            named,
            loc="lower left",
            bbox_to_anchor=(0.08, -0.01),
            ncols=min(8, math.ceil(len(named) / legend_rows(list(named)))),
            labelspacing=0.3,
            frameon=False,
            fontsize=8.5,
        )
        return page

    def table(self) -> list[dict[str, Any]]:
        """A row for each radius: ε, and for each net its answer and the probability of the true class."""
        rows = []
        for k, radius in enumerate(self.walks[0].radii):
            row: dict[str, Any] = {"ε": radius}
            for w in self.walks:
                row[style(w.net).label] = w.answer(k)
                row[f"p({w.truth}), {style(w.net).label}"] = float(w.probability[k, w.label])
            rows.append(row)
        return rows
