"""A two-variable program with one uncertain row: its set on the left, its decisions on the right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch

from rolab.convex import RobustLP, Scenario
from rolab.figures import DASHES, INK, RED, Figure, Style, canvas, layout
from rolab.polygons.drawing import (
    AXIS,
    LOOKS,
    add_names,
    draw_names,
    grid,
    sliding,
    translucent,
    window,
    xy,
)
from rolab.polygons.geometry import Polygon, cut_off, nominal_region, rounded
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


@dataclass(frozen=True, eq=False)
class Region:
    """A two-variable program solved and drawn, with one uncertain row whose set is in the plane.

    Attributes:
        program: the program
        shape, rho, gamma: what its set is called, and how large it is
    """

    program: RobustLP
    shape: str
    rho: float
    gamma: float

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
    def binds(self) -> bool:
        """Whether the uncertain row holds x back."""
        s = self.scenario
        return s is not None and abs(s.violation) <= 1e-6 * (1 + abs(s.rhs))

    @cached_property
    def outline(self) -> tuple[list[float], list[float]]:
        """The boundary of the set, asked of its maximiser in all directions."""
        angle = torch.arange(1.5, 360, 3, dtype=torch.float64).deg2rad()
        points = self.Z.maximizer(torch.stack([angle.cos(), angle.sin()], 1)).tolist()
        distinct = [p for p, before in zip(points, [None, *points[:-1]], strict=True) if p != before]
        x, y = zip(*distinct, distinct[0], strict=True)
        return rounded(x), rounded(y)

    @property
    def label(self) -> str:
        """The set in words."""
        return f"{self.shape}, Γ = {self.gamma:g}" if self.asks_gamma else self.shape

    @property
    def asks_gamma(self) -> bool:
        """Whether Γ means anything to the set."""
        return isinstance(self.Z, Budget)

    @property
    def look(self) -> Style:
        """The colour and the dash of the set."""
        return LOOKS.get(self.shape, LOOKS["ellipsoid"])

    @cached_property
    def sentence(self) -> str:
        """Objective and loss in words: the figure's title."""
        said = f"{self.label}, ρ = {self.rho:g}: "
        if self.x is None or self.percent is None:
            return said + "no decision holds for all data"
        return said + f"the objective is {self.objective:,.2f}, {self.percent:.2f} % are lost"

    def places(self) -> str:
        """Where the optimum is, and its worst data."""
        said = "" if self.x is None else "; x = ({:.2f}, {:.2f})".format(*self.x)
        if self.scenario is not None and self.binds:
            said += "; worst z = ({:.3g}, {:.3g})".format(*self.scenario.z)
        return said

    def record(self) -> dict[str, Any]:
        """The numbers of the figure."""
        row = {"set": self.shape, "ρ": self.rho, "Γ": self.gamma if self.asks_gamma else None}
        names = self.program.variables
        x = (None, None) if self.x is None else self.x.tolist()
        z = self.scenario.z.tolist() if self.scenario is not None and self.binds else (None, None)
        row |= {**dict(zip(names, x, strict=True)), "objective": self.objective, "lost %": self.percent}
        return row | dict(zip(("z₁*", "z₂*"), z, strict=True))

    def moving(self) -> list[dict[str, Any]]:
        """The traces that depend on the set: its outline, z*, the robust region, cᵀx = optimum, x*."""
        empty = {"x": [None], "y": [None]}
        side = {"color": self.look.color, "dash": self.look.dash, "width": 2}
        fill = {"line": side, "fillcolor": translucent(self.look.color)}
        across, up = self.outline
        found: list[dict[str, Any]] = [{"x": across, "y": up, **fill}, empty, {**empty, **fill}, empty, empty]
        if self.scenario is not None and self.binds:
            found[1] = {"x": rounded([self.scenario.z[0]]), "y": rounded([self.scenario.z[1]])}
        if self.x is not None:
            x, y = self.robust.outline()
            found[2] = {"x": x, "y": y, **fill}
            slope = np.array([-self.program.c[1], self.program.c[0]]) / np.abs(self.program.c).max()
            ends = self.x + np.outer([-1, 1], slope) * np.ptp(self.nominal.corners, axis=0).max()
            found[3] = {"x": rounded(ends[:, 0]), "y": rounded(ends[:, 1])}
            found[4] = {"x": rounded(self.x[:1]), "y": rounded(self.x[1:])}
        return found


@dataclass(frozen=True, eq=False)
class RegionFigure(Figure):
    """Regions under a slider: the set and its worst data on the left, the decisions on the right.

    Attributes:
        regions: of one program and shape, one for each place of the slider
        slid: the name of the slider, "ρ" or "Γ"
        shown: the place at which the figure opens, and that the PNG shows
        reach: how far the plane of the data is drawn
    """

    regions: Sequence[Region]
    slid: str
    shown: int
    reach: float
    title: str = field(init=False)
    alt: str = field(init=False)
    slides: ClassVar[bool] = True
    HEIGHT: ClassVar[int] = 400

    def __post_init__(self) -> None:
        alt = (
            "Left the uncertainty set in the plane of the data, with the worst data of the optimum; right "
            "the decisions, for the data as printed dashed, for all data filled. "
        )
        object.__setattr__(self, "title", self.region.sentence)
        object.__setattr__(self, "alt", f"{alt}Shown: {self.title}.")

    @property
    def region(self) -> Region:
        """The region shown."""
        return self.regions[self.shown]

    def plotly(self) -> Any:
        """The figure as a `plotly.graph_objects.Figure`, with a frame for each region and a slider."""
        values = [getattr(region, "rho" if self.slid == "ρ" else "gamma") for region in self.regions]
        frames = [(region.moving(), region.sentence) for region in self.regions]
        return sliding(self.still(), frames, [f"{v:g}" for v in values], self.shown, f"{self.slid} = ")

    def still(self) -> Any:
        """The figure without a slider: what the live explorer starts from and then changes."""
        import plotly.graph_objects as go

        figure, (left, right) = go.Figure(), ({"xaxis": "x", "yaxis": "y"}, {"xaxis": "x2", "yaxis": "y2"})
        dot, line = {"mode": "markers", "hoverinfo": "skip"}, {"mode": "lines", "hoverinfo": "skip"}
        tip = {"marker": {"color": RED, "size": 11, "symbol": "circle"}}
        looks: list[dict[str, Any]] = [
            {**line, **left, "fill": "toself"},
            {**dot, **left, **tip},
            {**line, **right, "fill": "toself"},
            {**line, **right, "line": {"color": RED, "dash": "dot", "width": 1.5}},
            {**dot, **right, **tip},
        ]
        for trace, look in zip(self.region.moving(), looks, strict=True):
            figure.add_scatter(**look | trace)
        x, y = self.region.nominal.outline()
        figure.add_scatter(x=x, y=y, **line, **right, line={"color": INK, "dash": "dash", "width": 1.5})
        add_names(figure, self.region.nominal, "2")
        around, (across, up) = [-self.reach, self.reach], window(self.region.nominal)
        data = {"xaxis": {**AXIS, "domain": [0, 0.36], "range": around, "title": {"text": Z_TITLES[0]}}}
        data |= {"yaxis": {**AXIS, "range": around, "title": {"text": Z_TITLES[1], "standoff": 2}}}
        data["yaxis"] |= {"scaleanchor": "x", "constrain": "domain"}
        one, other = self.region.program.variables
        plan = {
            "xaxis2": {**AXIS, "anchor": "y2", "domain": [0.48, 1], "range": across, "title": {"text": one}}
        }
        plan |= {"yaxis2": {**AXIS, "anchor": "x2", "range": up, "title": {"text": other, "standoff": 2}}}
        margin = {"l": 56, "r": 12, "t": 56, "b": 54}
        page = layout(self.HEIGHT, self.title, margin=margin, showlegend=False, **data, **plan)
        figure.update_layout(**page)
        return figure

    def _matplotlib(self) -> Any:
        page, region = canvas(self.HEIGHT, self.title), self.region
        outline, worst, robust, level, best = region.moving()
        left, right = page.add_axes((0.1, 0.14, 0.32, 0.7)), page.add_axes((0.52, 0.14, 0.46, 0.7))
        for axes, trace in ((left, outline), (right, robust)):
            axes.plot(*xy(trace), color=region.look.color, linestyle=DASHES[region.look.dash])
            axes.fill(*xy(trace), color=region.look.color, alpha=0.2)
        right.plot(*xy(level), color=RED, linestyle=":", linewidth=1.2)
        right.plot(*region.nominal.outline(), color=INK, linestyle="--", linewidth=1.1)
        for axes, trace in ((left, worst), (right, best)):
            axes.plot(*xy(trace), "o", color=RED, markersize=7)
        draw_names(right, region.nominal)
        left.set(xlim=(-self.reach, self.reach), ylim=(-self.reach, self.reach), aspect="equal")
        left.set(xlabel=Z_TITLES[0], ylabel=Z_TITLES[1])
        across, up = window(region.nominal)
        one, other = region.program.variables
        right.set(xlim=across, ylim=up, xlabel=one, ylabel=other)
        grid(left, right)
        return page

    def table(self) -> list[dict[str, Any]]:
        """A row for each place of the slider: the set, the optimum, its objective and the worst data."""
        return [region.record() for region in self.regions]
