"""The live explorer of notebook 04: Algorithm 1 in the plane, a button for a step.

explorer = AlgorithmExplorer()
explorer.live()             # buttons and a slider; needs a kernel
explorer.figure("l2", 0.2)  # the same run under a slider of its own; needs none
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets
from torch import Tensor

from rolab.course.live.charts import prepare_colab
from rolab.course.live.controls import Cache, aria_status, show_errors
from rolab.course.nb01_linear_programs.explorers import chart, lever
from rolab.experiments.styles import style
from rolab.moons import RunFigure, Training, two_moons
from rolab.sets import Ball
from rolab.widgets.shared import WIDE, has_figure_widget

STEPS = (0, 1, 2, 3, 4, 5, 10, 20, 30, 40, 60, 80, 100, 120, 140, 160, 180, 200, 250, 300)


class AlgorithmExplorer:
    """Algorithm 1 on points of the plane, for a ball that is chosen: each norm and radius is a separate run.

    Args:
        points, labels: (N, 2) and (N,), of two classes; two moons if left out
        norms: that can be chosen
        largest: where the slider of ε ends
        ticks: how many places it has, 0 among them
        seed: of the initial weights, the same in all runs, and of the mini-batches
    """

    KEPT = 16  # runs in the cache

    def __init__(
        self,
        points: Tensor | None = None,
        labels: Tensor | None = None,
        norms: Sequence[str] = ("l1", "l2", "linf"),
        largest: float = 0.5,
        ticks: int = 21,
        seed: int = 0,
    ) -> None:
        if not norms or not largest > 0 or ticks < 2:
            raise ValueError("norms, largest, ticks: expected a norm, a positive radius and two ticks")
        if (points is None) != (labels is None):
            raise ValueError("points, labels: expected both or none")
        self.points, self.labels = two_moons() if points is None or labels is None else (points, labels)
        self.norms, self.seed = tuple(norms), seed
        self.radii = tuple(round(largest * k / (ticks - 1), 10) for k in range(ticks))
        self._runs = Cache(self.KEPT)
        self.run(self.norms[0], 0.0)  # says at once if the points are not what is expected

    def run(self, norm: str = "l2", epsilon: float = 0.2) -> Training:
        """The run with this ball, as far as it has been taken. The last few are kept."""
        if norm not in self.norms:
            raise ValueError(f"norm: expected one of {', '.join(self.norms)}, got {norm!r}")
        key = (norm, float(epsilon))
        ball = Ball(norm, float(epsilon))
        return self._runs.get(key, lambda: Training(self.points, self.labels, ball, seed=self.seed))

    def figure(
        self, norm: str = "l2", epsilon: float = 0.2, steps: Sequence[int] = STEPS, shown: int = -1
    ) -> RunFigure:
        """The figure with its own slider over these steps, which needs no kernel. It opens at `shown`."""
        return RunFigure(self.run(norm, epsilon), tuple(steps), shown)

    def table(
        self, norm: str = "l2", epsilon: float = 0.2, steps: Sequence[int] = STEPS
    ) -> list[dict[str, Any]]:
        """The same numbers, a row for each of the steps."""
        return self.figure(norm, epsilon, steps).table()

    def live(self, *, plain: bool | None = None, **start: Any) -> LiveAlgorithm:
        """The buttons.

        Args:
            plain: draw pictures instead of a plotly FigureWidget; None decides by what is installed
            start: `norm`, `epsilon`, `step` to begin with
        """
        prepare_colab()
        return LiveAlgorithm(self, (not has_figure_widget()) if plain is None else plain, **start)


class LiveAlgorithm(ipywidgets.VBox):
    """The controls and the figure. All work from the keyboard, and errors are shown below the controls.

    Another norm or ε is another run. It starts from the same weights, at step 0; go back to a run, and it is
    where you left it.
    """

    def __init__(
        self, explorer: AlgorithmExplorer, plain: bool, norm: str = "l2", epsilon: float = 0.2, step: int = 0
    ) -> None:
        super().__init__()
        self.explorer, self.error, self.summary = explorer, ipywidgets.HTML(), ipywidgets.HTML()
        self._reached = {(norm, epsilon): step}
        names = [(style(name).label, name) for name in explorer.norms]
        self.norm = ipywidgets.Dropdown(options=names, value=norm, description="norm", style=WIDE)
        self.epsilon, self.number = lever("ε", explorer.radii, epsilon)
        self.epsilon.continuous_update = False
        self.one = ipywidgets.Button(description="step", tooltip="one step of Algorithm 1")
        self.many = ipywidgets.Button(description="run", tooltip="as many steps as the number says")
        self.count = ipywidgets.BoundedIntText(
            value=20, min=1, max=500, description="steps", style=WIDE, layout={"width": "150px"}
        )
        self.reset = ipywidgets.Button(description="reset", tooltip="back to the start of this run")
        self.chart = chart(self._figure(), plain)
        self.children = [
            ipywidgets.HBox([self.norm]),
            ipywidgets.HBox([self.epsilon, self.number]),
            ipywidgets.HBox([self.one, self.many, self.count, self.reset]),
            self.summary,
            self.error,
            self.chart.widget,
        ]
        self._drawn = self.explorer.run(norm, epsilon)
        self._show()
        for control in (self.norm, self.epsilon):
            control.observe(show_errors(self._show, self.error), "value")
        self.one.on_click(show_errors(lambda: self._go(self.step + 1), self.error))
        self.many.on_click(show_errors(lambda: self._go(self.step + self.count.value), self.error))
        self.reset.on_click(show_errors(lambda: self._go(0), self.error))

    @property
    def step(self) -> int:
        """How many steps of the chosen run are shown."""
        return self._reached.get((self.norm.value, self.epsilon.value), 0)

    def _go(self, step: int) -> None:
        self._reached[self.norm.value, self.epsilon.value] = step
        self._show()

    def _figure(self) -> RunFigure:
        return self.explorer.figure(self.norm.value, self.epsilon.value, (self.step,))

    def _show(self) -> None:
        figure = self._figure()
        traces = figure.moving(self.step) + figure.curves()
        if figure.run is not self._drawn:
            traces, self._drawn = traces + figure.ground(), figure.run
        self.chart.show(figure, traces)
        self.summary.value = aria_status(f"{figure.title}.")
