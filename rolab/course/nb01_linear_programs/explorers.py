"""The explorers of notebook 01: a plan that is dragged, a set that changes, cutting sets round by round.

PlanExplorer(problems.drug_factory(), plan, {"raw I": 1000, "raw II": 500})  # without a kernel over the error
explorer = RegionExplorer(problems.production)
explorer                                 # at the end of a cell: sliders; without a kernel one over ρ
explorer.figure("gamma", gamma=0.5)      # the figure with a slider over Γ, which needs no kernel
CuttingSetExplorer(problems.production())
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rolab.course.live.controls import Button, Cache, Choice, Control, Slide
from rolab.course.live.explorer import Explorer
from rolab.course.nb01_linear_programs.cutting_set_figure import CuttingSetFigure
from rolab.course.nb01_linear_programs.plan_figure import PlanFigure
from rolab.course.nb01_linear_programs.region_figure import SHAPES, RegionFigure
from rolab.lp import RobustLP
from rolab.sets import UncertaintySet


class PlanExplorer(Explorer):
    """A plan that is dragged, and a delivery that holds less than its labels say.

    Args:
        program: of two uncertain numbers in one row
        plan: where it begins (n,)
        most: variable → where its slider ends; the others keep their value
    """

    SLIDE = "error"

    def __init__(self, program: RobustLP, plan: np.ndarray, most: Mapping[str, float]) -> None:
        self.program, self.most = program, dict(most)
        numbers = np.round(plan, 6) + 0.0  # no -0
        self.plan = dict(zip(program.variables, numbers.tolist(), strict=True))

    def controls(self, **state: Any) -> dict[str, Control]:
        """A slider for each variable, and for the error of both labels, in percent of its tolerance."""
        plan = {name: Slide(name, self._places(name), self.plan[name]) for name in self.most}
        return {**plan, "error": Slide("error, %", range(0, 151, 5), 0)}

    def _places(self, name: str) -> list[float]:
        """Two hundred equal steps, and the number that the plan begins with: a browser knows no others."""
        grid = {round(self.most[name] * k / 200, 6) for k in range(201)}
        return sorted(grid | {self.plan[name]})

    def draw(self, *, error: float, **plan: float) -> PlanFigure:  # type: ignore[override]
        x = np.array(list((self.plan | plan).values()))
        return PlanFigure(self.program, x, np.full(2, -error / 100))

    def say(self, figure: PlanFigure, /, **state: Any) -> str:  # type: ignore[override]
        which = "No error" if figure.robust else "Some error"
        return f"{figure.title}. {which} within the tolerances breaks this plan."


class RegionExplorer(Explorer):
    """A two-variable program whose uncertain row's set changes its shape, its radius ρ and its budget Γ.

    Args:
        program: set → the program with that set
        shapes: name → the set of a radius and a budget
        largest: where the slider of ρ ends
        points: how many places a slider has, 0 among them
    """

    SLIDE = "rho"
    KEPT = 256  # regions in the cache
    MOST = 2.0  # errors there are: where the slider of Γ ends

    def __init__(
        self,
        program: Callable[[UncertaintySet], RobustLP],
        shapes: Mapping[str, Callable[[float, float], UncertaintySet]] = SHAPES,
        largest: float = 0.5,
        points: int = 26,
    ) -> None:
        if not shapes or not largest > 0 or points < 2:
            raise ValueError("shapes, largest, points: expected a shape, a positive radius and two points")
        self.program, self.shapes = program, dict(shapes)
        self.radii = tuple(round(largest * k / (points - 1), 10) for k in range(points))
        self.budgets = tuple(round(self.MOST * k / 20, 10) for k in range(21))
        self._regions = Cache(self.KEPT)

    def controls(self, shape: str = "", **state: Any) -> dict[str, Control | Button]:
        """The shape, ρ, and Γ for a set that asks for it."""
        first = "budget" if "budget" in self.shapes else next(iter(self.shapes))
        budgeted = self.shapes[shape if shape in self.shapes else first](1.0, 1.0).budgeted
        return {
            "shape": Choice("set", list(self.shapes), first),
            "rho": Slide("ρ", self.radii, 0.2),
            "gamma": Slide("Γ", self.budgets, 1.5, disabled=not budgeted),
        }

    def region(self, shape: str = "budget", rho: float = 0.2, gamma: float = 1.5) -> RegionFigure:
        """The program with this set, solved: computed once. Only a budget asks for Γ."""
        if shape not in self.shapes:
            raise ValueError(f"shape: expected one of {', '.join(self.shapes)}, got {shape!r}")
        Z, reach = self.shapes[shape](rho, gamma), 1.15 * self.radii[-1]
        key = shape, rho, Z
        return self._regions.get(key, lambda: RegionFigure(self.program(Z), shape, rho, gamma, reach))

    def draw(self, **state: Any) -> RegionFigure:
        return self.region(**state)

    def say(self, figure: RegionFigure, /, **state: Any) -> str:  # type: ignore[override]
        return f"{figure.title}{figure.places()}."


class CuttingSetExplorer(Explorer):
    """The cutting-set method of a two-variable program, a round at each press of a button.

    Without a kernel a slider goes through the rounds.
    """

    SLIDE = "round"
    ROWS = (("add", "again", "round"),)

    def __init__(self, program: RobustLP) -> None:
        self.rounds = CuttingSetFigure(program)

    def controls(self, round: int = 1, **state: Any) -> dict[str, Control | Button]:
        """The round, which only the buttons change."""
        last = self.rounds.places[-1]
        add = Button("add the worst scenario", lambda round: {"round": round + 1}, disabled=round == last)
        again = Button("start again", lambda round: {"round": 1})
        return {"round": Choice("round", list(self.rounds.places), hidden=True), "add": add, "again": again}

    def draw(self, *, round: int) -> CuttingSetFigure:  # type: ignore[override]
        return self.rounds.at(round - 1)

    def table(self, slide: str | None = None, **chosen: Any) -> list[dict[str, Any]]:
        return self.rounds.table()
