"""A line through 0 under the worst loads: robust least squares with one column, where all can be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rolab.course.nb02_regression.explorer import RadiusFigure
from rolab.linear_models import RobustFit, WorstDesign, robust_least_squares, worst_design
from rolab.plotting import ABOVE, BLUE, INK, RED, Axis, Line, Mark, Panel, Points, segments
from rolab.sets import Ball


@dataclass(frozen=True, eq=False)
class LineFit(RadiusFigure):
    """The line b ≈ x t through 0 if the t are wrong by Δ, ‖Δ‖₂ ≤ γ: the worst Δ, and what it does to ‖r‖₂.

    Left the least-squares line, the points where its worst Δ puts them, and the robust line of this γ; right
    the worst residual of both lines against γ, ‖r‖ + γ|x| for each.

    Attributes:
        t, b: loads and extensions (m,)
        places: the radii γ
        search: γ → the largest residual of the least-squares line that a search finds; drawn as crosses
    """

    t: np.ndarray
    b: np.ndarray
    places: Sequence[float]
    search: Callable[[float], float] | None = None
    shown: int = 0
    legend = ABOVE
    prefix = "γ = "
    MARGIN = (54, 12, 92, 54)
    SEEN = (
        "Left, points and the least-squares line through 0; arrows move the points sideways, away from the "
        "line; the robust line is flatter. Right, the worst residuals against γ: straight for the "
        "least-squares line, below it and level from some γ on for the robust one."
    )

    @cached_property
    def least_squares(self) -> float:
        """The slope without an adversary."""
        return float(self.t @ self.b / (self.t @ self.t))

    @cached_property
    def worst(self) -> list[WorstDesign]:
        """The worst loads for the least-squares line, at each radius."""
        x = np.array([self.least_squares])
        return [worst_design(self.t[:, None], self.b, x, Ball("l2", gamma)) for gamma in self.places]

    @cached_property
    def robust(self) -> list[RobustFit]:
        """The line with the smallest worst residual, at each radius."""
        return [robust_least_squares(self.t[:, None], self.b, Ball("l2", gamma)) for gamma in self.places]

    @cached_property
    def found(self) -> list[float]:
        """What the search finds, at each radius."""
        return [] if self.search is None else [self.search(gamma) for gamma in self.places]

    def message(self, k: int) -> str:
        plain = f"γ = {self.places[k]:g} N: least squares may miss by {self.worst[k].value:.3f} cm"
        return f"{plain}, the robust line by {self.robust[k].value:.3f} cm"

    def panels(self) -> list[Panel]:
        """The points and the two lines; the worst residuals against γ."""
        t, b, k = self.t, self.b, self.shown
        moved, reach = t + self.worst[k].perturbation[:, 0], np.abs(self.worst[-1].perturbation).max()
        across = float(min(t.min() - reach, 0)) - 0.2, float(t.max() + reach) + 0.2  # wherever a point goes
        low, top = float(min(b.min(), 0)), float(max(b.max(), 0))
        ends, room = np.array(across), 0.08 * (top - low)
        left: list[Mark] = [
            Line(*segments(np.column_stack([t, b]), np.column_stack([moved, b])), RED, width=1.5),
            Points(moved, b, RED, size=7, name="worst loads"),
            Line(ends, ends * self.robust[k].x[0], BLUE, "dash"),
            Points(t, b, INK, size=7, hollow=True, name="measured"),
            Line(ends, ends * self.least_squares),
        ]
        straight, robust = [w.bound for w in self.worst], [fit.value for fit in self.robust]
        right: list[Mark] = [
            Points([self.places[k]] * 2, [self.worst[k].value, robust[k]], RED, size=10),
            Line(self.places, straight, name="least-squares line, ‖r‖ + γ|x|"),
            Line(self.places, robust, BLUE, "dash", name="robust line"),
        ]
        if self.found:
            right += [Points(self.places, self.found, "#CC79A7", symbol="x", size=6, name="found by ascent")]
        load, extension = Axis("load t, N", across), Axis("extension b, cm", (low - room, top + room))
        bound, miss = Axis("γ, bound of ‖Δ‖₂, N"), Axis("worst ‖(t + Δ)x − b‖, cm")
        return [Panel(left, load, extension, (0, 0.46, 0, 1)), Panel(right, bound, miss, (0.58, 1, 0, 1))]

    def row(self, k: int) -> dict[str, Any]:
        row = {"γ": self.places[k], "least squares x": self.least_squares, "worst": self.worst[k].value}
        row |= {"found by ascent": self.found[k]} if self.found else {}
        return row | {"robust x": float(self.robust[k].x[0]), "its worst": self.robust[k].value}
