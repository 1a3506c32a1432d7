"""The explorer of notebook 04: Algorithm 1 in the plane, step by step, played, and scrubbed back.

explorer = TrainingExplorer()
explorer.at(norm="l2", epsilon=0.2)   # at the end of a cell: live; without a kernel a slider over the steps
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets
from torch import Tensor

from rolab.course.live.controls import Button, Cache, Choice, Control, Slide, Toggle
from rolab.course.live.explorer import Explorer, Live
from rolab.course.nb04_algorithm1.training_figure import TrainingFigure
from rolab.course.nb04_algorithm1.two_moons import TrainingTrace, two_moons
from rolab.plotting import Figure, style
from rolab.sets import Ball

Run = tuple[str, float, bool]  # norm, ε, whether Δ̂ is detached
HALF_STEPS = tuple(k / 2 for k in range(601))  # of the live slider
HALVES = tuple(k / 2 for k in range(9))  # the first steps, each in two halves: up, and down
STEPS = (*HALVES, 5, 10, 20, 30, 40, 60, 80, 100, 120, 140, 160, 180, 200, 250, 300)


class TrainingExplorer(Explorer):
    """Algorithm 1 on points of the plane, for a ball that is chosen: each norm and radius is a separate run.

    All start from the same weights and see the same mini-batches; so does standard training, the rival. Go
    back to a run, and it is where you left it. Without a kernel the figure opens at the step chosen, or where
    the first arrows can be seen.

    Args:
        points, labels: (N, 2) and (N,), of two classes; two moons if left out
        norms: that can be chosen
        largest: where the slider of ε ends
        ticks: how many places it has, 0 among them
    """

    KEPT = 16  # runs in the cache
    OPENS = 0.5  # the place at which the figure without a kernel opens
    SLIDE = "step"
    ROWS = ("norm", "race", "detached"), ("epsilon",), ("step",), ("half", "speed", "reset")

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
        self._runs = Cache(self.KEPT)
        self._left, self._furthest = dict[Run, float](), dict[Run, float]()
        self.run(self.norms[0], 0.0)  # says at once if the points are not what is expected

    def run(self, norm: str = "l2", epsilon: float = 0.2, detached: bool = True) -> TrainingTrace:
        """The run with this ball, as far as it has been taken. The last few are kept."""
        ball = Ball(self.controls()["norm"].check("norm", norm), float(epsilon))
        made = norm, float(epsilon), detached
        return self._runs.get(made, lambda: TrainingTrace(self.points, self.labels, ball, detached=detached))

    def controls(self, speed: float = 0.5, **state: Any) -> dict[str, Control]:
        speeds = {0.5: "half a step", 1: "a step", 5: "five steps", 20: "twenty steps"}
        return {
            "norm": Choice("norm", {name: style(name).label for name in self.norms}),
            "race": Toggle("race against standard training"),
            "detached": Toggle("detach Δ̂", True),
            "epsilon": AnyRadius("ε", self.radii, 0.2, lazy=True),
            "speed": Choice("play by", speeds),
            "step": Played("step", HALF_STEPS, lazy=True, by=speed),
            "half": Button("half a step", self._on, "first the points run uphill, then the boundary moves"),
            "reset": Button("reset", lambda **_: {"step": 0}, "back to the start of this run"),
        }

    def draw(self, *, step: float, race: bool, **state: Any) -> TrainingFigure:  # type: ignore[override]
        run = norm, *_ = state["norm"], state["epsilon"], state["detached"]
        self._left[run] = step  # where the run is left if another is chosen
        self._furthest[run] = furthest = max(step, self._furthest.get(run, 0))
        rival = self.run(norm, 0.0) if race else None
        return TrainingFigure(self.run(*run), (step,), rival=rival, furthest=furthest)

    def follow(self, changed: str, /, **state: Any) -> Mapping[str, Any]:
        """Another run begins where it was left."""
        if changed not in ("norm", "epsilon", "detached"):
            return {}
        state = self.state(**state)
        return {"step": self._left.get((state["norm"], state["epsilon"], state["detached"]), 0)}

    def _on(self, step: float, **_: Any) -> dict[str, float]:
        return {"step": step + 0.5}

    def live(self, *, plain: bool | None = None, **chosen: Any) -> Live:
        """The controls; each view remembers by itself where it has left the runs."""
        own = self.at()
        own._left, own._furthest = {}, {}
        return super(TrainingExplorer, own).live(plain=plain, **chosen)

    def figure(self, slide: str | None = None, **chosen: Any) -> Figure:
        """The figure with a slider over the steps, or over another control."""
        if slide not in (None, self.SLIDE):
            return super().figure(slide, **chosen)
        state = self.state(**chosen)
        run = self.run(state["norm"], state["epsilon"], state["detached"])
        rival = self.run(state["norm"], 0.0) if state["race"] else None
        figure = TrainingFigure(run, self.steps, rival=rival)
        return figure.at(figure.place({**self.given, **chosen}.get("step", self.OPENS)))


class AnyRadius(Slide):
    """A slider whose number may be between two places."""

    def check(self, name: str, value: Any) -> float:
        value = self.at if value is None else float(value)
        return round(min(max(value, self.places[0]), self.places[-1]), 10)


@dataclass(frozen=True)
class Played(Slide):
    """A slider that can also be played, a frame each second, by so much at a time."""

    by: float = 0.5

    def widgets(self, **look: Any) -> Sequence[Any]:
        slider, number = super().widgets(**look)
        ends = {"min": 0, "max": len(self.places) - 1, "step": self._frame, "value": self.place(slider.value)}
        play = ipywidgets.Play(**ends, interval=1000, show_repeat=False)
        ipywidgets.dlink((play, "value"), (slider, "value"), lambda k: self.places[k])
        ipywidgets.dlink((slider, "value"), (play, "value"), self.place)
        return slider, number, play

    def adapt(self, parts: Sequence[Any], value: Any) -> None:
        super().adapt(parts[:2], value)
        parts[2].step = self._frame

    @property
    def _frame(self) -> int:
        return self.place(self.places[0] + self.by)
