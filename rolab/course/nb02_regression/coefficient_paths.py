"""The robust path beside the penalised path: the same coefficients, at another value of another knob."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from rolab.course.nb02_regression.explorer import RadiusFigure
from rolab.linear_models import EquivalentPenalty, robust_least_squares
from rolab.plotting import RED, Axis, Legend, Line, Mark, Panel, Points, style
from rolab.sets import UncertaintySet


@dataclass(frozen=True, eq=False)
class CoefficientPaths(RadiusFigure):
    """Left the robust coefficients against the radius, right those of min ‖Ax - b‖² + λ penalty against λ.

    The two are computed in two ways. At a radius and its λ, the dots, they have the same heights.

    Attributes:
        A, b: the design (m, n) and the target (m,)
        U: what may happen to A, at radius 1
        equivalent: (A, b, radius) → its λ
        penalized: λ → the coefficients (n,), the reader's own
        places: the radii
        radius_title, penalty_title: of the two horizontal axes
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
    prefix = "radius = "
    MARGIN = (54, 12, 56, 54)
    legend = Legend(0.92, 1)
    POINTS: ClassVar[int] = 49  # of the penalised path
    SEEN = (
        "Left, the robust coefficients against the radius, which shrink and end in 0; right, the penalised "
        "coefficients against λ on a logarithmic axis. Dots mark a radius and its λ, at equal heights."
    )

    @cached_property
    def robust(self) -> np.ndarray:
        """The robust coefficients at each radius (k, n)."""
        sets = [self.U.scaled(radius) for radius in self.places]
        return np.array([robust_least_squares(self.A, self.b, U).x for U in sets])

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
        penalty, zeros = self.equivalents[k].penalty, int((self.robust[k] == 0).sum())
        shown = "∞" if penalty == math.inf else f"{penalty:.3g}"
        exactly = f"{self.A.shape[1]} coefficients {'is' if zeros == 1 else 'are'} exactly 0"
        return f"Radius {self.places[k]:g} is λ = {shown}: {zeros or 'none'} of {exactly}"

    def panels(self) -> list[Panel]:
        """The two paths, a line at the radius and at its λ, and dots; neither where λ is 0 or infinite."""
        room, penalty = 0.06 * float(np.ptp(self.path)), self.equivalents[self.shown].penalty
        height = float(self.path.min()) - room, float(self.path.max()) + room
        there = penalty if 0 < penalty < math.inf else None
        scale = Axis(self.penalty_title, tuple(self.penalties[[0, -1]].tolist()), log=True)
        radius = self.places[self.shown], self.places, self.robust, Axis(self.radius_title), 0
        panels = []
        for here, across, paths, x, left in (radius, (there, self.penalties, self.path, scale, 0.48)):
            looks = [style(name, j) for j, name in enumerate(self._names)]
            dots = Points([here] * len(looks), self.robust[self.shown], [look.color for look in looks])
            curves = zip(looks, paths.T, strict=True)
            marks: list[Mark] = [Line([here] * 2, height, RED, width=1)]
            marks += [Line.of(look, across, path, legend=not left, hover=True) for look, path in curves]
            y = Axis("" if left else "coefficient", height, labels=not left)
            panels.append(Panel([*marks, dots], x, y, (left, left + 0.42, 0, 1)))
        return panels

    @property
    def _names(self) -> list[str]:
        return [f"x{chr(0x2080 + j + 1)}" for j in range(self.A.shape[1])]  # x₁, x₂, …

    def row(self, k: int) -> dict[str, Any]:
        row = {"radius": self.places[k], "λ": self.equivalents[k].penalty}
        return row | dict(zip(self._names, self.robust[k].tolist(), strict=True))
