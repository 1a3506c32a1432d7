"""The generalised power method in the plane: Δ ← Δ*(HΔ), which climbs ½ΔᵀHΔ in any uncertainty set.

PowerMethodExplorer().at(norm="linf")
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from rolab.course.live import Choice, Explorer, OneOf, Slide
from rolab.course.live.controls import Control
from rolab.plotting import BLUE, INK, RED, Axis, Figure, Line, Panel, Points, Style, segments, style
from rolab.plotting.figure import Legend
from rolab.plotting.style import GREY
from rolab.sets import Ball, UncertaintySet

BALLS = {norm: Ball(norm, 1.0) for norm in ("l2", "linf", "l1")}
STEPS, START = 8, 0.6  # how many steps are shown, and how far from 0 they begin
ENDS = OneOf(
    {
        "always": "from every start, in every set",
        "ℓ2": "from nearly every start in the ℓ2 ball, but not in every set",
        "never": "from no start: it comes closer and closer to something lower",
    }
)
LEVEL = Style("where ½ΔᵀHΔ is equal", BLUE, "dash")


@dataclass(frozen=True, eq=False)
class PowerPath:
    """The steps of the generalised power method in a set of the plane."""

    H: Tensor  # (2, 2), no negative eigenvalue
    U: UncertaintySet
    start: Tensor  # (2,)

    @cached_property
    def points(self) -> Tensor:
        """Δ at each step, (STEPS + 1, 2)."""
        found = [self.start]
        for _ in range(STEPS):
            found.append(self.U.maximizer((self.H @ found[-1])[None])[0])
        return torch.stack(found)

    @cached_property
    def heights(self) -> Tensor:
        """½ΔᵀHΔ at each step."""
        return self.height(self.points)

    def height(self, d: Tensor) -> Tensor:
        """½ΔᵀHΔ of points (n, 2)."""
        return torch.einsum("ni,ij,nj->n", d, self.H, d) / 2

    @cached_property
    def outline(self) -> Tensor:
        """The boundary of U: its maximisers in all directions, in order, (n, 2)."""
        angle = torch.arange(0.5, 360, dtype=torch.float64).deg2rad()
        corners = torch.unique_consecutive(
            self.U.maximizer(torch.stack([angle.cos(), angle.sin()], 1)), dim=0
        )
        return torch.cat([corners, corners[:1]])

    @cached_property
    def best(self) -> float:
        """The largest ½ΔᵀHΔ in U: it is convex, so a point of the boundary has it."""
        return float(torch.cat([self.height(self.outline), self.heights]).max())  # the outline has gaps of 1°


@dataclass(frozen=True, eq=False)
class PowerFigure(Figure):
    """The first steps in the plane, on lines of equal height; and the height against the steps."""

    path: PowerPath
    norm: str
    steps: int
    HEIGHT: ClassVar = 420
    MARGIN: ClassVar = (52, 16, 60, 84)
    legend: ClassVar = Legend(0, -0.16, rows=True)
    SEEN: ClassVar = (
        "Left an uncertainty set in the plane, ellipses on which the parabola has equal height, and the "
        "steps of the power method as arrows; right the height at each step, and the largest in the set."
    )

    @property
    def title(self) -> str:  # type: ignore[override]
        reached = float(self.path.heights[self.steps])
        share = f"{100 * reached / self.path.best:.0f} % of the most"
        name = f"{style(self.norm).label} ball, {self.steps} step{'s' * (self.steps != 1)}"
        return f"{name}: ½ΔᵀHΔ is {reached:.3f}, {share} that the set allows"

    def panels(self) -> list[Panel]:
        w, look = self.path, style(self.norm)
        values, axes = torch.linalg.eigh(w.H)
        angle = torch.linspace(0, 2 * math.pi, 73, dtype=torch.float64)
        circle = torch.stack([angle.cos(), angle.sin()], 1)
        ellipses: list[Any] = []
        for height in (0.1, float(w.heights[self.steps]), w.best):
            x, y = ((circle * (2 * height / values).sqrt()) @ axes.T).T
            ellipses.append(Line.of(LEVEL, x, y, width=1, legend=not ellipses))
        done = w.points[: self.steps + 1]
        (x, y), (path_x, path_y) = w.outline.T, done.T
        marks = [
            *ellipses,
            Line(x, y, look.color, look.dash, width=3, name=f"U, the {look.label} ball"),
            Line(*segments(done[:-1], done[1:]), INK, arrow=True, name="Δ ← Δ*(HΔ)"),
            Points(path_x[:1], path_y[:1], GREY, size=8, name="start"),
            Points(path_x[-1:], path_y[-1:], RED, size=11, name="Δ"),
        ]
        span = (-1.6, 1.6)
        plane = Panel(
            marks, Axis("Δ₁", span, (-1, 0, 1)), Axis("Δ₂", span, (-1, 0, 1)), (0, 0.5, 0, 1), equal=True
        )
        up = Axis("½ΔᵀHΔ", (0, 1.15 * w.best))
        climb = [
            Line([0, STEPS], [w.best] * 2, BLUE, "dot", width=1.5, name="the most in U"),
            Line(list(range(len(done))), w.heights[: self.steps + 1], INK, marker="circle"),
        ]
        return [plane, Panel(climb, Axis("step", (-0.4, STEPS + 0.4)), up, (0.64, 1, 0, 1))]

    def table(self) -> list[dict[str, Any]]:
        x, y = self.path.points[self.steps].tolist()
        row = {"step": self.steps, "Δ": f"({x:.3g}, {y:.3g})", "½ΔᵀHΔ": float(self.path.heights[self.steps])}
        return [row | {"the most in U": self.path.best}]


class PowerMethodExplorer(Explorer):
    """Steps of the generalised power method, in a set and from a direction that are chosen.

    Args:
        sets: name → set in the plane; its maximiser is asked with tensors (N, 2)
        eigenvalues: of H, none negative
        tilt: of the first eigenvector, in degrees
    """

    SLIDE = "steps"

    def __init__(
        self,
        sets: Mapping[str, UncertaintySet] = BALLS,
        eigenvalues: tuple[float, float] = (1.0, 0.25),
        tilt: float = 30.0,
    ) -> None:
        c, s = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
        Q = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
        self.sets, self.H = dict(sets), Q @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ Q.T

    def controls(self, **state: Any) -> dict[str, Control]:
        return {
            "norm": Choice("set", {name: style(name).label for name in self.sets}),
            "angle": Slide("start, °", range(0, 360, 15), 105),
            "steps": Slide("steps", range(STEPS + 1), 3),
        }

    def path(self, norm: str, angle: float) -> PowerPath:
        """All steps in one set from one direction."""
        turn = math.radians(angle)
        start = START * torch.tensor([math.cos(turn), math.sin(turn)], dtype=torch.float64)
        return PowerPath(self.H, self.sets[norm], start)

    def draw(self, norm: str, angle: float, steps: int) -> PowerFigure:  # type: ignore[override]
        return PowerFigure(self.path(norm, angle), norm, steps)

    def ends(self) -> list[dict[str, Any]]:
        """From how many of the slider's starts the last step is at the top of each set, and the worst end."""
        rows = []
        for norm in self.sets:
            paths = [self.path(norm, angle) for angle in range(0, 360, 15)]
            reached = [float(path.heights[-1]) / path.best for path in paths]
            top = sum(share > 0.999 for share in reached)
            row = {"set": f"{style(norm).label} ball", "starts that reach the top, %": 100 * top / len(paths)}
            rows.append(row | {"the worst end, % of the top": 100 * min(reached)})
        return rows


def where_it_ends(rows: Sequence[Mapping[str, Any]]) -> str:
    """Which answer of ENDS the table of `PowerMethodExplorer.ends` gives."""
    shares = {row["set"]: row["starts that reach the top, %"] for row in rows}
    if min(shares.values()) == 100:
        return "always"
    return "never" if max(shares.values()) == 0 else "ℓ2"
