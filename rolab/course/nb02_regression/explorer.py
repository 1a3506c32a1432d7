"""The explorer of notebook 02: a radius, for any figure of this folder; all is computed before it slides.

explorer = RadiusExplorer({"one slope": LineFit(t, b, places)})
explorer             # at the end of a cell: a live slider; without a kernel a figure with its own
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rolab.course.live.controls import Choice, Control, Slide
from rolab.course.live.explorer import Explorer
from rolab.plotting.kernel_free_slider import Sliding


class RadiusFigure(Sliding):
    """A figure that moves with a radius: `places` are the radii, from 0 in equal steps."""

    def __post_init__(self) -> None:
        steps = np.diff(self.places)
        if len(self.places) < 2 or self.places[0] != 0 or steps[0] <= 0 or np.ptp(steps) > 1e-9 * steps[0]:
            raise ValueError(f"places: expected radii from 0 in equal steps, got {list(self.places)[:5]}")
        super().__post_init__()


class RadiusExplorer(Explorer):
    """Figures under a radius, one of which is chosen.

    Args:
        figures: name → figure; the slider opens where the figure does
    """

    SLIDE = "radius"

    def __init__(self, figures: Mapping[str, RadiusFigure]) -> None:
        if not figures:
            raise ValueError("figures: expected at least one figure, got none")
        self.figures = dict(figures)

    def controls(self, name: str | None = None, **state: Any) -> dict[str, Control]:
        figure = self.figures[name or next(iter(self.figures))]
        radius = Slide(figure.prefix.removesuffix(" = "), figure.places, figure.places[figure.shown])
        return {"name": Choice("show", list(self.figures), hidden=len(self.figures) == 1), "radius": radius}

    def draw(self, *, name: str, radius: float) -> RadiusFigure:  # type: ignore[override]
        return self.figures[name].at(self.figures[name].place(radius))
