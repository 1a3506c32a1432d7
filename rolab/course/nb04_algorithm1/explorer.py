"""The explorer of notebook 04: Algorithm 1 in the plane, a button for a step.

explorer = TrainingExplorer()
explorer.at(norm="l2", epsilon=0.2)   # at the end of a cell: live; without a kernel a slider over the steps
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from rolab.course.live.controls import Button, Cache, Choice, Control, Number, Slide
from rolab.course.live.explorer import Explorer, Live
from rolab.course.nb04_algorithm1.training_figure import TrainingFigure
from rolab.course.nb04_algorithm1.two_moons import TrainingTrace, two_moons
from rolab.plotting import Figure, style
from rolab.sets import Ball

STEPS = (0, 1, 2, 3, 4, 5, 10, 20, 30, 40, 60, 80, 100, 120, 140, 160, 180, 200, 250, 300)


class TrainingExplorer(Explorer):
    """Algorithm 1 on points of the plane, for a ball that is chosen: each norm and radius is a separate run.

    All start from the same weights; go back to a run, and it is where you left it. Without a kernel the
    figure opens at the step chosen, or where the arrows can be seen.

    Args:
        points, labels: (N, 2) and (N,), of two classes; two moons if left out
        norms: that can be chosen
        largest: where the slider of ε ends
        ticks: how many places it has, 0 among them
    """

    KEPT = 16  # runs in the cache
    OPENS = 4  # the step at which the figure without a kernel opens
    SLIDE = "step"
    ROWS = ("norm",), ("epsilon",), ("one", "many", "count", "reset")

    def __init__(
        self,
        points: Tensor | None = None,
        labels: Tensor | None = None,
        norms: Sequence[str] = ("l1", "l2", "linf"),
        largest: float = 0.5,
        ticks: int = 21,
    ) -> None:
        if not norms or not largest > 0 or ticks < 2:
            raise ValueError("norms, largest, ticks: expected a norm, a positive radius and two ticks")
        if (points is None) != (labels is None):
            raise ValueError("points, labels: expected both or none")
        given = two_moons() if points is None or labels is None else (points, labels)
        self.points, self.labels = (part.clone() for part in given)  # the runs are kept, and see these
        self.norms, self.steps = tuple(norms), STEPS
        self.radii = tuple(round(largest * k / (ticks - 1), 10) for k in range(ticks))
        self._runs, self._reached = Cache(self.KEPT), dict[tuple[str, float], int]()
        self.run(self.norms[0], 0.0)  # says at once if the points are not what is expected

    def run(self, norm: str = "l2", epsilon: float = 0.2) -> TrainingTrace:
        """The run with this ball, as far as it has been taken. The last few are kept."""
        ball = Ball(self.controls()["norm"].check("norm", norm), float(epsilon))
        return self._runs.get((norm, float(epsilon)), lambda: TrainingTrace(self.points, self.labels, ball))

    def controls(self, **state: Any) -> dict[str, Control]:
        many = "as many steps as the number says"
        return {
            "norm": Choice("norm", {name: style(name).label for name in self.norms}),
            "epsilon": AnyRadius("ε", self.radii, 0.2, lazy=True),
            "step": Number("step", 0, 1_000_000),
            "one": Button("step", lambda step, **_: {"step": step + 1}, "one step of Algorithm 1"),
            "many": Button("run", lambda step, count, **_: {"step": step + count}, many),
            "count": Number("steps", 1, 500, 20),
            "reset": Button("reset", lambda **_: {"step": 0}, "back to the start of this run"),
        }

    def draw(self, *, norm: str, epsilon: float, step: int, **_: Any) -> TrainingFigure:  # type: ignore[override]
        self._reached[norm, epsilon] = step  # where the run is left if another is chosen
        return TrainingFigure(self.run(norm, epsilon), (step,))

    def follow(self, changed: str, /, **state: Any) -> Mapping[str, Any]:
        """Another run begins where it was left."""
        norm, epsilon, *_ = self.state(**state).values()
        return {"step": self._reached.get((norm, epsilon), 0)} if changed in ("norm", "epsilon") else {}

    def live(self, *, plain: bool | None = None, **chosen: Any) -> Live:
        """The buttons; each view remembers by itself where it has left the runs."""
        own = self.at()
        own._reached = {}
        return super(TrainingExplorer, own).live(plain=plain, **chosen)

    def figure(self, slide: str | None = None, **chosen: Any) -> Figure:
        """The figure with a slider over the steps, or over another control."""
        if slide not in (None, self.SLIDE):
            return super().figure(slide, **chosen)
        state = self.state(**chosen)
        figure = TrainingFigure(self.run(state["norm"], state["epsilon"]), self.steps)
        return figure.at(figure.place({**self.given, **chosen}.get("step", self.OPENS)))


class AnyRadius(Slide):
    """A slider whose number may be between two places."""

    def check(self, name: str, value: Any) -> float:
        value = self.at if value is None else float(value)
        return round(min(max(value, self.places[0]), self.places[-1]), 10)
