"""The live slider of notebook 02: a radius, for any figure of `rolab.paths`.

explorer = RadiusExplorer({"one slope": LineFit(t, b, places)})
explorer.live()      # a slider; needs a kernel
explorer.figure()    # the same figure with a slider of its own; needs none
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets

from rolab.course.live.charts import prepare_colab
from rolab.course.live.controls import aria_status, show_errors
from rolab.course.nb01_linear_programs.explorers import chart, lever
from rolab.paths import Sliding
from rolab.widgets.shared import WIDE, has_figure_widget


class RadiusExplorer:
    """Figures under a radius, one of which is chosen; all is computed before a slider moves.

    Args:
        figures: name → figure
    """

    def __init__(self, figures: Mapping[str, Sliding]) -> None:
        if not figures:
            raise ValueError("figures: expected at least one figure, got none")
        self.figures = dict(figures)

    def figure(self, name: str | None = None, radius: float | None = None) -> Sliding:
        """One of the figures with its own slider, which needs no kernel; the first unless a name is given."""
        figure = self.figures[self._known(name)]
        return figure if radius is None else figure.at(figure.place(radius))

    def table(self, name: str | None = None) -> list[dict[str, Any]]:
        """The same numbers, a row for each radius."""
        return self.figure(name).table()

    def live(self, name: str | None = None, *, plain: bool | None = None) -> LiveRadius:
        """The slider, opened at the figure of that name.

        Args:
            name: of the figure; None is the first
            plain: draw pictures instead of a plotly FigureWidget; None decides by what is installed
        """
        prepare_colab()
        return LiveRadius(self, (not has_figure_widget()) if plain is None else plain, self._known(name))

    def _known(self, name: str | None) -> str:
        name = next(iter(self.figures)) if name is None else name
        if name not in self.figures:
            raise ValueError(f"name: expected one of {', '.join(self.figures)}, got {name!r}")
        return name


class LiveRadius(ipywidgets.VBox):
    """The choice of a figure, if there is one, and that figure under its dial; errors are shown below."""

    def __init__(self, explorer: RadiusExplorer, plain: bool, name: str) -> None:
        super().__init__()
        self.explorer, self.plain, self.error = explorer, plain, ipywidgets.HTML()
        self.dials: dict[str, Dial] = {}
        names = list(explorer.figures)
        self.choice = ipywidgets.Dropdown(options=names, value=name, description="show", style=WIDE)
        self._choose()
        self.choice.observe(show_errors(self._choose, self.error), "value")

    @property
    def dial(self) -> Dial:
        """The one that is shown."""
        return self.dials[self.choice.value]

    def _choose(self) -> None:
        name = self.choice.value
        if name not in self.dials:
            self.dials[name] = Dial(self.explorer.figures[name], self.plain)
        choice = [self.choice] if len(self.explorer.figures) > 1 else []
        self.children = [*choice, self.error, self.dials[name]]


class Dial(ipywidgets.VBox):
    """A slider and a number field for the radius, what it says, and the figure."""

    def __init__(self, figure: Sliding, plain: bool) -> None:
        super().__init__()
        self.figure, self.error, self.summary = figure, ipywidgets.HTML(), ipywidgets.HTML()
        places = tuple(figure.places)
        self.slider, self.number = lever(figure.symbol, places, places[figure.shown])
        self.chart = chart(figure, plain)
        controls = ipywidgets.HBox([self.slider, self.number])
        self.children = [controls, self.summary, self.error, self.chart.widget]
        self._show()
        self.slider.observe(show_errors(self._show, self.error), "value")

    def _show(self) -> None:
        k = self.figure.place(self.slider.value)
        self.slider.value = self.figure.places[k]  # of a number between two places, the nearer one
        shown = self.figure.at(k)
        self.chart.show(shown, shown.moving(k))
        self.summary.value = aria_status(f"{shown.title}.")
