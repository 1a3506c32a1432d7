"""Two robust support vector machines in the plane: one budget for all examples, and one for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rolab.course.nb02_regression.explorer import RadiusFigure
from rolab.linear_models import RobustSVM, robust_svm
from rolab.plotting import BLUE, RED, Axis, Legend, Line, Mark, Panel, Points, Text, segments
from rolab.sets import Ball, GroupBall

CLASSES = {1: ("+1", BLUE, "circle"), -1: ("−1", "#E69F00", "square")}


@dataclass(frozen=True, eq=False)
class SVMMargins(RadiusFigure):
    """The robust classifiers for Σ‖δ_i‖₂ ≤ c, left, and for ‖δ_i‖₂ ≤ ε each, right, with a worst δ as arrows.

    Attributes:
        X, y: examples (N, 2) and labels ±1 (N,)
        places: the radii ε
        share: c = share · ε
    """

    X: np.ndarray
    y: np.ndarray
    places: Sequence[float]
    share: float = 1.0
    shown: int = 0
    prefix = "ε = "
    MARGIN = (52, 12, 76, 54)
    legend = Legend(0.94, 1)
    SEEN = (
        "Two classes of points in the plane, twice, with the robust boundary, its margins and a worst "
        "perturbation: left all of the budget goes to one point, right every point takes a step of length ε "
        "towards the boundary."
    )

    @cached_property
    def coupled(self) -> list[RobustSVM]:
        """The machine for one budget c, at each radius."""
        sets = [GroupBall("l2", self.share * radius, self.X.shape, axis=1) for radius in self.places]
        return [robust_svm(self.X, self.y, U) for U in sets]

    @cached_property
    def each(self) -> list[RobustSVM]:
        """The machine for ε each, at each radius."""
        return [robust_svm(self.X, self.y, Ball("l2", radius)) for radius in self.places]

    def message(self, k: int) -> str:
        radius, one, every = self.places[k], self.coupled[k].objective, self.each[k].objective
        together = f"Worst loss {one:.2f} with c = {self.share * radius:g} for all"
        return f"{together}, {every:.2f} with ε = {radius:g} each"

    def panels(self) -> list[Panel]:
        """For each machine the boundary, the margins, the worst perturbation, the points."""
        low, high = self.X.min(0), self.X.max(0)
        half = 0.6 * float((high - low).max())
        across, up = (((low + high) / 2)[:, None] + [-half, half]).tolist()  # a square around the points
        titles = "one budget: Σ‖δᵢ‖ ≤ c", "one each: ‖δᵢ‖ ≤ ε"
        panels = []
        for fits, title, left in zip((self.coupled, self.each), titles, (0, 0.5), strict=True):
            fit = fits[self.shown]
            moved = np.abs(fit.perturbation).sum(1) * np.abs(fit.w).sum() > 0
            steps = segments(self.X[moved], (self.X + fit.perturbation)[moved])
            arrows = Line(*steps, RED, width=1.5, arrow=True)
            margins = Line(*_levels(fit, [-1, 1]), dash="dash", width=1)
            marks: list[Mark] = [Line(*_levels(fit, [0]), width=2.5), margins, arrows]
            for label, (name, color, symbol) in CLASSES.items():
                x, y = self.X[self.y == label].T
                marks.append(Points(x, y, color, symbol=symbol, size=8, name=name, legend=not left))
            none = "" if fit.w.any() else "w = 0: no boundary, all points get the same answer"
            marks.append(Text(sum(across) / 2, up[0] + 0.06 * (up[1] - up[0]), none))
            axes = Axis("feature x₁", across), Axis("" if left else "feature x₂", up, labels=not left)
            panels.append(Panel(marks, *axes, (left, left + 0.43, 0, 1), title))
        return panels

    def row(self, k: int) -> dict[str, Any]:
        fits = {"one budget": self.coupled[k], "one each": self.each[k]}
        row = {"ε": self.places[k], "c": self.share * self.places[k]}
        row |= {f"worst loss, {name}": fit.objective for name, fit in fits.items()}
        return row | {f"‖w‖, {name}": float(np.hypot(*fit.w)) for name, fit in fits.items()}


def _levels(fit: RobustSVM, values: Sequence[float]) -> tuple[list, list]:
    """The lines wᵀx + b = value; none if w is 0."""
    if not fit.w.any():
        return [], []
    foot = np.outer(np.array(values) - fit.b, fit.w / (fit.w @ fit.w))
    along = 20 * np.array([-fit.w[1], fit.w[0]]) / np.hypot(*fit.w)
    return segments(foot - along, foot + along)
