"""The live explorer of notebook 09: who still stands after more steps and restarts.

explorer = StressExplorer(Standing.of(results.load("robustness")))
explorer.live()      # sliders; needs a kernel
explorer.figure()    # the same curves under a slider of their own; needs none
"""

from __future__ import annotations

from typing import Any

import ipywidgets

from rolab.course.live.charts import prepare_colab
from rolab.course.live.controls import aria_status, show_errors
from rolab.experiments.robustness_results import RobustnessResults
from rolab.experiments.styles import style
from rolab.standing import StandingFigure
from rolab.widgets.shared import WIDE, Pictures, Plotly, has_figure_widget


class StressExplorer:
    """The curves of all nets while the attacker is given more steps and restarts. All is looked up.

    Args:
        standing: the numbers, computed or read from a record
    """

    def __init__(self, standing: RobustnessResults) -> None:
        self.standing = standing

    def figure(self, steps: int | None = None, restarts: int | None = None, **more: Any) -> StandingFigure:
        """The figure with its own slider over the steps, which needs no kernel: `Standing.figure`."""
        return self.standing.figure(steps, restarts, **more)

    def table(self, restarts: int | None = None, **more: Any) -> list[dict[str, Any]]:
        """The same numbers, a row for each number of steps and each ε."""
        return self.figure(None, restarts, **more).table()

    def live(self, *, plain: bool | None = None, **start: Any) -> LiveStress:
        """The sliders.

        Args:
            plain: draw pictures instead of a plotly FigureWidget; None decides by what is installed
            start: `steps`, `restarts`, `radius`, `nets` to begin with
        """
        prepare_colab()
        return LiveStress(self, (not has_figure_widget()) if plain is None else plain, **start)


class LiveStress(ipywidgets.VBox):
    """The controls and the figure. All work from the keyboard, and errors are shown below the controls."""

    def __init__(
        self,
        explorer: StressExplorer,
        plain: bool,
        steps: int | None = None,
        restarts: int = 0,
        radius: float | None = None,
        nets: tuple[str, ...] | None = None,
    ) -> None:
        super().__init__()
        standing = explorer.standing
        self.explorer, self.error, self.summary = explorer, ipywidgets.HTML(), ipywidgets.HTML()
        first = explorer.figure(
            standing.steps[0] if steps is None else steps, restarts, radius=radius, nets=nets
        )
        self.steps = choice("steps", standing.steps, first.steps)
        self.restarts = choice("restarts", range(1 + standing.restarts), restarts)
        self.radius = choice("ε", standing.radii, first.radius)
        self.nets = {
            net: ipywidgets.Checkbox(
                value=net in first.nets,
                description=style(net).label,
                indent=False,
                layout={"width": "auto", "margin": "0 16px 0 0"},
            )
            for net in standing.nets
        }
        self.chart = Pictures(first) if plain else Plotly(first)
        self.children = [
            self.steps,
            self.restarts,
            self.radius,
            ipywidgets.HBox(list(self.nets.values())),
            self.summary,
            self.error,
            self.chart.widget,
        ]
        self._say(first)
        for control in (self.steps, self.restarts, self.radius, *self.nets.values()):
            control.observe(show_errors(self._show, self.error), "value")

    def _show(self) -> None:
        nets = tuple(net for net, box in self.nets.items() if box.value)
        figure = self.explorer.figure(
            self.steps.value, self.restarts.value, radius=self.radius.value, nets=nets
        )
        self.chart.choose(figure)
        self._say(figure)

    def _say(self, figure: StandingFigure) -> None:
        self.summary.value = aria_status(f"{figure.title}. {figure.verdict()}.")


def choice(name: str, values: Any, value: Any) -> Any:
    """A slider over some values, the one chosen beside it."""
    return ipywidgets.SelectionSlider(
        options=[(f"{each:g}", each) for each in values],
        value=value,
        description=name,
        style=WIDE,
        layout={"width": "480px"},
    )
