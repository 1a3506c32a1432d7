"""A two-variable program with one uncertain row: its set on the left, its decisions on the right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from rolab.course.nb01_linear_programs.polygon import (
    XY,
    Polygon,
    cut_off,
    extreme_points,
    harm,
    nominal_region,
    supporting_line,
    xy,
)
from rolab.lp import RobustLP, Scenario
from rolab.plotting import RED, Area, Axis, Figure, Line, Panel, Points, Style
from rolab.sets import Ball, Budget, Ellipsoid, UncertaintySet

FINE, EXACT = 1e-4, 1e-9  # how far a corner may break a row, by its right-hand side: drawn, and the optimum
Z_TITLES = ("z₁, error of the first number", "z₂, error of the second")
TILTED = torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=torch.float64)
SHAPES: Mapping[str, Callable[[float, float], UncertaintySet]] = {  # of the radius ρ and the budget Γ
    "box": lambda rho, gamma: Ball("linf", rho),
    "ball": lambda rho, gamma: Ball("l2", rho),
    "budget": lambda rho, gamma: Budget(gamma, rho),
    "ellipsoid": lambda rho, gamma: Ellipsoid(TILTED, rho),
}
LOOKS = {
    "box": Style("box", "#009E73", "solid", "diamond"),
    "ball": Style("ball", "#0072B2", "dash", "square"),
    "budget": Style("budget", "#E69F00", "dashdot", "triangle-up"),
    "ellipsoid": Style("ellipsoid", "#CC79A7", "dot", "cross"),
}


@dataclass(frozen=True, eq=False)
class RegionFigure(Figure):
    """A two-variable program with one uncertain row, solved: its set, its worst data, its decisions."""

    program: RobustLP
    shape: str  # what the set in the plane is called
    rho: float
    gamma: float
    reach: float = 1.0  # how far the plane of the data is drawn
    MARGIN = (70, 12, 56, 54)
    SEEN = (
        "Left the uncertainty set in the plane of the data, with the worst data of the optimum and the "
        "supporting line there; right the decisions, for the data as printed dashed, for all data filled."
    )

    def __post_init__(self) -> None:
        effects = list(self.program.uncertain)
        if len(effects) != 1 or len(effects[0]) != 1 or effects[0][0] not in self.program.names:
            raise ValueError(f"program: expected one uncertain row, and a certain objective, got {effects}")

    @property
    def row(self) -> str:
        """The name of the uncertain row."""
        ((name,),) = self.program.uncertain
        return name

    @property
    def Z(self) -> UncertaintySet:
        """Its set."""
        (block,) = self.program.uncertain.values()
        return block.Z

    @cached_property
    def nominal(self) -> Polygon:
        """The decisions for the data as printed."""
        return nominal_region(self.program)

    @cached_property
    def robust(self) -> Polygon:
        """The decisions for all data; without corners if there are none."""
        certain = [name for name in self.program.names if name != self.row]
        polygon, checked = nominal_region(self.program, certain), set[bytes]()
        while len(polygon.corners) and (best := polygon.best(self.gain)).tobytes() not in checked:
            checked.add(best.tobytes())
            polygon = cut_off(self.program, polygon, best, EXACT)
        while rest := [corner for corner in polygon.corners if corner.tobytes() not in checked]:
            checked.add(rest[0].tobytes())
            polygon = cut_off(self.program, polygon, rest[0], FINE)
        return polygon

    @cached_property
    def gain(self) -> np.ndarray:
        """The direction in which the objective gets better."""
        return self.program.c if self.program.maximize else -self.program.c

    @cached_property
    def x(self) -> np.ndarray | None:
        """The robust optimum; None if there is none."""
        return self.robust.best(self.gain) if len(self.robust.corners) else None

    @cached_property
    def objective(self) -> float | None:
        """The objective at x."""
        return None if self.x is None else float(self.program.c @ self.x)

    @cached_property
    def percent(self) -> float | None:
        """What robustness costs, in percent of the nominal objective."""
        printed = float(self.program.c @ self.nominal.best(self.gain))
        return None if self.objective is None else 100 * abs(printed - self.objective) / abs(printed)

    @cached_property
    def scenario(self) -> Scenario | None:
        """The worst data at x."""
        return None if self.x is None else self.program.worst_case(self.x).scenarios[self.row]

    @cached_property
    def worst(self) -> np.ndarray | None:
        """The worst z at x, if the uncertain row holds x back."""
        s = self.scenario
        return s.z if s is not None and abs(s.violation) <= 1e-6 * (1 + abs(s.rhs)) else None

    @cached_property
    def outline(self) -> XY:
        """The boundary of the set, x and y."""
        return Polygon(extreme_points(self.Z), ()).outline

    @property
    def title(self) -> str:  # type: ignore[override]
        """Objective and loss in words."""
        budget = f", Γ = {self.gamma:g}" if self.Z.budgeted else ""
        said = f"{self.shape}{budget}, ρ = {self.rho:g}: "
        if self.x is None or self.percent is None:
            return said + "no decision holds for all data"
        return said + f"the objective is {self.objective:,.2f}, {self.percent:.2f} % are lost"

    def places(self) -> str:
        """Where the optimum is, and its worst data."""
        said = "" if self.x is None else "; x = ({:.2f}, {:.2f})".format(*self.x)
        return said if self.worst is None else said + "; worst z = ({:.3g}, {:.3g})".format(*self.worst)

    def table(self) -> list[dict[str, Any]]:
        row = {"set": self.shape, "ρ": self.rho, "Γ": self.gamma if self.Z.budgeted else None}
        x, z = ((None, None) if v is None else v.tolist() for v in (self.x, self.worst))
        row |= zip(self.program.variables, x, strict=True)
        row |= {"objective": self.objective, "lost %": self.percent}
        return [row | dict(zip(("z₁*", "z₂*"), z, strict=True))]

    def panels(self) -> list[Panel]:
        """The set and z*; the robust region, cᵀx = optimum, x*, and the nominal region."""
        look, none = LOOKS.get(self.shape, LOOKS["ellipsoid"]), np.empty((0, 2))
        z, x = (none if v is None else v[None] for v in (self.worst, self.x))
        data = [Area(*self.outline, look.color, look.dash), Points(*xy(z), size=11), self._supporting_line()]
        slope = np.array([-self.program.c[1], self.program.c[0]]) / np.abs(self.program.c).max()
        along = np.outer([-1, 1], slope) * np.ptp(self.nominal.corners, axis=0).max()
        decisions = [
            Area(*self.robust.outline, look.color, look.dash),
            Line(*xy(none if self.x is None else self.x + along), RED, "dot", 1.5),
            Points(*xy(x), size=11),
            Line(*self.nominal.outline, dash="dash", width=1.5),
            *self.nominal.row_names(),
        ]
        one, other = (Axis(title, (-self.reach, self.reach)) for title in Z_TITLES)
        right = Panel(decisions, *self.nominal.window(self.program.variables), (0.48, 1, 0, 1))
        return [Panel(data, one, other, (0, 0.36, 0, 1), equal=True), right]

    def _supporting_line(self) -> Line:
        """The line that the set touches at z*, at right angles to w = Pᵀx; empty if there is no z*."""
        x, worst = self.x, self.worst
        if x is None or worst is None:
            return Line([], [], RED, "dash", 1)
        line = supporting_line(harm(self.program, self.row, x), worst, 4 * self.reach)
        return Line(*line, RED, "dash", 1)
