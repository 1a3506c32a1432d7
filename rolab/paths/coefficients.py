"""The robust path beside the penalised path: the same coefficients, at another value of another knob."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from rolab.experiments.styles import style
from rolab.figures import canvas, layout
from rolab.linear_models import EquivalentPenalty, robust_least_squares
from rolab.paths.sliding import AXIS, Sliding
from rolab.plotting import INK, RED
from rolab.plotting.style import DASHES
from rolab.polygons.drawing import grid, xy
from rolab.sets import UncertaintySet


@dataclass(frozen=True, eq=False)
class Paths(Sliding):
    """Left the robust coefficients against the radius, right those of min ‖Ax - b‖² + λ penalty against λ.

    The two are computed in two ways. At a radius and its λ, the dots, they have the same heights.

    Attributes:
        A, b: the design (m, n) and the target (m,)
        U: what may happen to A, at radius 1
        equivalent: (A, b, radius) → its λ
        penalized: λ → the coefficients (n,), the reader's own
        places: the radii
        radius_title, penalty_title: of the two horizontal axes
        shown: the place at which the figure opens
    """

    A: np.ndarray
    b: np.ndarray
    U: UncertaintySet
    equivalent: Callable[[np.ndarray, np.ndarray, float], EquivalentPenalty]
    penalized: Callable[[float], np.ndarray]
    places: Sequence[float]
    radius_title: str
    penalty_title: str
    shown: int = 0
    title: str = field(init=False)
    alt: str = field(init=False)
    symbol: ClassVar[str] = "radius"
    seen: ClassVar[str] = (
        "Left, the robust coefficients against the radius, which shrink and end in 0; right, the penalised "
        "coefficients against λ on a logarithmic axis. Dots mark a radius and its λ, at equal heights."
    )
    HEIGHT: ClassVar[int] = 400
    POINTS: ClassVar[int] = 49  # of the penalised path

    @cached_property
    def robust(self) -> np.ndarray:
        """The robust coefficients at each radius (k, n)."""
        return np.array(
            [robust_least_squares(self.A, self.b, self.U.scaled(radius)).x for radius in self.places]
        )

    @cached_property
    def equivalents(self) -> list[EquivalentPenalty]:
        """The λ of each radius, and the coefficients there."""
        return [self.equivalent(self.A, self.b, radius) for radius in self.places]

    @cached_property
    def penalties(self) -> np.ndarray:
        """The places of the penalised path, in equal steps of log λ."""
        finite = [each.penalty for each in self.equivalents if 0 < each.penalty < math.inf]
        return np.geomspace(min(finite) / 2, max(finite) * 4, self.POINTS)

    @cached_property
    def path(self) -> np.ndarray:
        """The penalised coefficients there (k, n)."""
        return np.array([self.penalized(penalty) for penalty in self.penalties])

    def message(self, k: int) -> str:
        """What the figure says at the k-th radius."""
        penalty, zeros = self.equivalents[k].penalty, int((self.robust[k] == 0).sum())
        shown = "∞" if penalty == math.inf else f"{penalty:.3g}"
        return (
            f"Radius {self.places[k]:g} is λ = {shown}: "
            f"{zeros or 'none'} of {self.A.shape[1]} coefficients {'is' if zeros == 1 else 'are'} exactly 0"
        )

    def moving(self, k: int) -> list[dict[str, Any]]:
        """The dots in both panels, and a line through them; no dots where λ is 0 or infinite."""
        heights, penalty = self.robust[k].round(5).tolist(), self.equivalents[k].penalty
        here = float(f"{penalty:.5g}") if 0 < penalty < math.inf else None
        n, across = len(heights), self._height
        return [
            {"x": [self.places[k]] * n, "y": heights},
            {"x": [here] * n, "y": heights},
            {"x": [self.places[k]] * 2, "y": across},
            {"x": [here] * 2, "y": across},
        ]

    @property
    def _height(self) -> list[float]:
        room = 0.06 * float(np.ptp(self.path))
        return [float(self.path.min()) - room, float(self.path.max()) + room]

    def still(self) -> Any:
        """The figure without a slider: what a live slider starts from and then changes."""
        import plotly.graph_objects as go

        figure, right = go.Figure(), {"xaxis": "x2", "yaxis": "y2"}
        colors = [style(name, j).color for j, name in enumerate(self._names)]
        dots = {"mode": "markers", "marker": {"color": colors, "size": 9}, "showlegend": False}
        cursor = {"mode": "lines", "line": {"color": RED, "width": 1}, "showlegend": False}
        ways = dots, dots | right, cursor, cursor | right
        for trace, way in zip(self.moving(self.shown), ways, strict=True):
            figure.add_scatter(**trace, **way, hoverinfo="skip")
        for j, name in enumerate(self._names):
            look = style(name, j)
            line = {"mode": "lines", "line": {"color": look.color, "dash": look.dash, "width": 2}}
            line |= {"name": name, "legendgroup": name}
            figure.add_scatter(x=list(self.places), y=self.robust[:, j].round(5).tolist(), **line)
            at = {"x": _short(self.penalties), "y": self.path[:, j].round(5).tolist()}
            figure.add_scatter(**at, **line, **right, showlegend=False)
        ends = np.log10(self.penalties[[0, -1]]).tolist()
        vertical = {**AXIS, "range": self._height}
        radius = {"xaxis": {**AXIS, "domain": [0, 0.42], "title": {"text": self.radius_title}}}
        radius |= {"yaxis": {**vertical, "title": {"text": "coefficient", "standoff": 4}}}
        scale = {"type": "log", "range": ends, "dtick": 1, "title": {"text": self.penalty_title}}
        across = {**AXIS, **scale, "anchor": "y2", "domain": [0.48, 0.9]}
        penalty = {"xaxis2": across, "yaxis2": {**vertical, "anchor": "x2", "showticklabels": False}}
        margin = {"l": 54, "r": 12, "t": 56, "b": 54}
        page = layout(self.HEIGHT, self.title, margin=margin, legend={"x": 0.92, "y": 1}, **radius, **penalty)
        return figure.update_layout(**page)

    @property
    def _names(self) -> list[str]:
        return [f"x{chr(0x2080 + j + 1)}" for j in range(self.A.shape[1])]  # x₁, x₂, …

    def _matplotlib(self) -> Any:
        page = canvas(self.HEIGHT, self.title)
        left, right = page.add_axes((0.08, 0.14, 0.38, 0.72)), page.add_axes((0.52, 0.14, 0.36, 0.72))
        colors = [style(name, j).color for j, name in enumerate(self._names)]
        for j, name in enumerate(self._names):
            look = style(name, j)
            line = {"color": look.color, "linestyle": DASHES[look.dash]}
            left.plot(self.places, self.robust[:, j], label=name, **line)
            right.plot(self.penalties, self.path[:, j], **line)
        for axes, dots in zip((left, right), self.moving(self.shown)[:2], strict=True):
            x, y = xy(dots)
            if np.isfinite(x).all():
                axes.axvline(x[0], color=RED, linewidth=0.8)
                axes.scatter(x, y, color=colors, s=24, zorder=3)
        left.set(ylim=self._height, xlabel=self.radius_title, ylabel="coefficient")
        right.set(xscale="log", xlim=self.penalties[[0, -1]], ylim=self._height, xlabel=self.penalty_title)
        right.tick_params(labelleft=False)
        grid(left, right)
        page.legend(loc="upper left", bbox_to_anchor=(0.885, 0.88), frameon=False, labelcolor=INK)
        return page

    def table(self) -> list[dict[str, Any]]:
        """A row for each radius: its λ and the robust coefficients."""
        return [
            {"radius": radius, "λ": each.penalty, **dict(zip(self._names, x, strict=True))}
            for radius, each, x in zip(self.places, self.equivalents, self.robust.tolist(), strict=True)
        ]


def _short(values: np.ndarray) -> list[float]:
    return [float(f"{value:.4g}") for value in values]
