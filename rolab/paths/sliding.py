"""What the figures of this room share: a radius that slides over places computed beforehand."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from copy import copy
from typing import Any, ClassVar, Self

import numpy as np

from rolab.plotting import INK, PALE, Figure
from rolab.polygons.drawing import sliding

AXIS = {"gridcolor": PALE, "zerolinecolor": PALE, "linecolor": INK, "ticks": "outside", "fixedrange": True}


class Sliding(Figure):
    """A figure that moves with a radius: one computation, drawn in two ways that show the same numbers.

    `plotly` has a slider of its own; of `still`, a live slider replaces the first traces by `moving(k)`.

    Attributes:
        places: the radii of the slider, from 0 in equal steps
        shown: the place at which the figure opens
    """

    places: Sequence[float]
    shown: int
    slides: ClassVar[bool] = True
    symbol: ClassVar[str]  # of the radius
    seen: ClassVar[str]  # what the figure shows at any radius, for its text

    def __post_init__(self) -> None:
        steps = np.diff(self.places)
        if len(self.places) < 2 or self.places[0] != 0 or steps[0] <= 0 or np.ptp(steps) > 1e-9 * steps[0]:
            raise ValueError(f"places: expected radii from 0 in equal steps, got {list(self.places)[:5]}")
        if not 0 <= self.shown < len(self.places):
            raise ValueError(f"shown: expected 0 to {len(self.places) - 1}, got {self.shown}")
        object.__setattr__(self, "title", self.message(self.shown))
        object.__setattr__(self, "alt", f"{self.seen} Shown: {self.title}.")

    @abstractmethod
    def message(self, k: int) -> str:
        """What the figure says at the k-th place."""

    @abstractmethod
    def moving(self, k: int) -> list[dict[str, Any]]:
        """The first traces at the k-th place: those that depend on the radius."""

    @abstractmethod
    def still(self) -> Any:
        """The figure without a slider: what a live slider starts from and then changes."""

    def plotly(self) -> Any:
        """The figure as a `plotly.graph_objects.Figure`, with a frame for each radius and a slider."""
        frames = [(self.moving(k), self.message(k)) for k in range(len(self.places))]
        labels = [f"{radius:g}" for radius in self.places]
        figure = sliding(self.still(), frames, labels, self.shown, f"{self.symbol} = ")
        figure.layout.sliders[0].pad.t += 18  # keeps the slider's label off the axis titles
        return figure.update_layout(
            height=figure.layout.height + 18, margin={"b": figure.layout.margin.b + 18}
        )

    def place(self, radius: float) -> int:
        """The place nearest to a radius."""
        return int(np.abs(np.asarray(self.places) - radius).argmin())

    def at(self, k: int) -> Self:
        """The same figure, opened at the k-th place; nothing is computed again."""
        moved = copy(self)
        object.__setattr__(moved, "shown", k)
        moved.__post_init__()
        return moved


def segments(starts: np.ndarray, ends: np.ndarray) -> dict[str, list[float | None]]:
    """Lines from each start (k, 2) to its end (k, 2), with gaps between them, as the x and y of a trace."""
    x: list[float | None] = []
    y: list[float | None] = []
    for start, end in zip(np.round(starts, 4).tolist(), np.round(ends, 4).tolist(), strict=True):
        x += [start[0], end[0], None]
        y += [start[1], end[1], None]
    return {"x": x, "y": y}
