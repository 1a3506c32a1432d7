"""The live explorers of notebook 01: levers that move an uncertainty set, and a button that adds a scenario.

explorer = PolygonExplorer(stories.production)
explorer.live()             # sliders; needs a kernel
explorer.figure("budget")   # the same figure with a slider of its own; needs none
CutsExplorer(stories.production()).live()
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets

from rolab.convex import RobustLP
from rolab.figures import Figure
from rolab.polygons import SHAPES, Cuts, Region, RegionFigure
from rolab.sets import UncertaintySet
from rolab.widgets.shared import WIDE, Cache, complete, guarded, has_figure_widget, prepare_colab, status


class PolygonExplorer:
    """A two-variable program whose uncertain row's set changes its shape, its radius ρ and its budget Γ.

    Args:
        program: set → the program with that set
        shapes: name → the set of a radius and a budget
        largest: where the slider of ρ ends
        points: how many places a slider has, 0 among them
    """

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
        self.places = {
            "ρ": tuple(round(largest * k / (points - 1), 10) for k in range(points)),
            "Γ": tuple(round(self.MOST * k / 20, 10) for k in range(21)),
        }
        self._regions = Cache(self.KEPT)

    def region(self, shape: str = "budget", rho: float = 0.2, gamma: float = 1.5) -> Region:
        """The program with this set, solved: computed once. Only a budget asks for Γ."""
        if shape not in self.shapes:
            raise ValueError(f"shape: expected one of {', '.join(self.shapes)}, got {shape!r}")
        Z = self.shapes[shape](rho, gamma)
        return self._regions.get((shape, rho, Z), lambda: Region(self.program(Z), shape, rho, gamma))

    def figure(
        self, shape: str = "budget", rho: float = 0.2, gamma: float = 1.5, slide: str = "ρ"
    ) -> RegionFigure:
        """The figure with its own slider, of ρ or of Γ, which needs no kernel. It opens there."""
        if slide not in self.places or (slide == "Γ" and not self.region(shape, rho, gamma).asks_gamma):
            raise ValueError(f'slide: expected "ρ", or "Γ" for a budget, got {slide!r} for {shape!r}')
        places, start = self.places[slide], rho if slide == "ρ" else gamma
        regions = [self.region(shape, *((p, gamma) if slide == "ρ" else (rho, p))) for p in places]
        shown = min(range(len(places)), key=lambda k: abs(places[k] - start))
        return RegionFigure(regions, slide, shown, self.reach)

    def table(
        self, shape: str = "budget", rho: float = 0.2, gamma: float = 1.5, slide: str = "ρ"
    ) -> list[dict]:
        """The same numbers, a row for each place of the slider."""
        return self.figure(shape, rho, gamma, slide).table()

    @property
    def reach(self) -> float:
        """How far the plane of the data is drawn."""
        return 1.15 * self.places["ρ"][-1]

    def live(self, *, plain: bool | None = None, **start: Any) -> LivePolygon:
        """The sliders.

        Args:
            plain: draw pictures instead of a plotly FigureWidget; None decides by what is installed
            start: `shape`, `rho`, `gamma` to begin with
        """
        prepare_colab()
        return LivePolygon(self, (not has_figure_widget()) if plain is None else plain, **start)


class LivePolygon(ipywidgets.VBox):
    """The controls and the figure. All work from the keyboard, and errors are shown below the controls."""

    def __init__(
        self,
        explorer: PolygonExplorer,
        plain: bool,
        shape: str = "budget",
        rho: float = 0.2,
        gamma: float = 1.5,
    ) -> None:
        super().__init__()
        self.explorer, self.error, self.summary = explorer, ipywidgets.HTML(), ipywidgets.HTML()
        self.shape = ipywidgets.Dropdown(
            options=list(explorer.shapes), value=shape, description="set", style=WIDE
        )
        self.rho, rho_number = lever("ρ", explorer.places["ρ"], rho)
        self.gamma, gamma_number = lever("Γ", explorer.places["Γ"], gamma)
        self.numbers = {"ρ": rho_number, "Γ": gamma_number}
        self.chart = chart(self._figure(), plain)
        self.children = [
            self.shape,
            ipywidgets.HBox([self.rho, rho_number]),
            ipywidgets.HBox([self.gamma, gamma_number]),
            self.summary,
            self.error,
            self.chart.widget,
        ]
        self._show()
        for control in (self.shape, self.rho, self.gamma):
            control.observe(guarded(self._show, self.error), "value")

    def _figure(self) -> RegionFigure:
        region = self.explorer.region(self.shape.value, self.rho.value, self.gamma.value)
        return RegionFigure([region], "ρ", 0, self.explorer.reach)

    def _show(self) -> None:
        figure = self._figure()
        for control in (self.gamma, self.numbers["Γ"]):
            control.disabled = not figure.region.asks_gamma
        self.chart.show(figure, figure.region.moving())
        self.summary.value = status(f"{figure.title}{figure.region.places()}.")


class CutsExplorer:
    """The cutting-set method of a two-variable program, a round at a time."""

    def __init__(self, program: RobustLP) -> None:
        self.cuts = Cuts(program)

    def figure(self, shown: int = -1) -> Cuts:
        """The figure with a slider over the rounds, which needs no kernel."""
        return Cuts(self.cuts.program, shown)

    def table(self) -> list[dict[str, Any]]:
        """The same numbers, a row for each round."""
        return self.cuts.table()

    def live(self, *, plain: bool | None = None) -> LiveCuts:
        """The button. plain: pictures instead of a plotly FigureWidget; None decides by what is installed."""
        prepare_colab()
        return LiveCuts(self, (not has_figure_widget()) if plain is None else plain)


class LiveCuts(ipywidgets.VBox):
    """A button that adds the worst scenario, one that starts again, and the figure."""

    def __init__(self, explorer: CutsExplorer, plain: bool) -> None:
        super().__init__()
        self.explorer, self.round, self.error = explorer, 0, ipywidgets.HTML()
        self.add = ipywidgets.Button(description="add the worst scenario", layout={"width": "200px"})
        self.again = ipywidgets.Button(description="start again")
        self.summary = ipywidgets.HTML()
        self.chart = chart(explorer.figure(0), plain)
        buttons = ipywidgets.HBox([self.add, self.again])
        self.children = [buttons, self.summary, self.error, self.chart.widget]
        self._go(0)
        self.add.on_click(guarded(lambda: self._go(self.round + 1), self.error))
        self.again.on_click(guarded(lambda: self._go(0), self.error))

    def _go(self, k: int) -> None:
        self.round = k
        figure = self.explorer.figure(k)
        self.chart.show(figure, figure.moving(k))
        self.add.disabled = k + 1 == len(figure)
        self.summary.value = status(f"{figure.title}.")


def lever(name: str, places: tuple[float, ...], value: float) -> tuple[Any, Any]:
    """A slider and its number field."""
    scale = {"min": 0.0, "max": places[-1], "step": places[1], "value": value}
    slider = ipywidgets.FloatSlider(
        **scale, description=name, readout=False, style=WIDE, layout={"width": "480px"}
    )
    number = ipywidgets.BoundedFloatText(**scale, layout={"width": "100px"})
    ipywidgets.link((slider, "value"), (number, "value"))
    return slider, number


def chart(figure: Any, plain: bool) -> _Pictures | _Plotly:
    """The figure as a widget: as pictures, or by plotly."""
    return _Pictures() if plain else _Plotly(figure)


class _Plotly:
    """The figure as plotly's FigureWidget: what moves are its first traces and the title."""

    def __init__(self, figure: Any) -> None:
        self.widget = complete(figure.still())

    def show(self, figure: Figure, moving: list[dict[str, Any]]) -> None:
        with self.widget.batch_update():
            for trace, new in zip(self.widget.data, moving, strict=False):
                trace.update(new)
            self.widget.layout.title.text = figure.title


class _Pictures:
    """The figure as a PNG: core widgets only, for where FigureWidget does not work."""

    def __init__(self) -> None:
        self.widget = ipywidgets.Image(format="png", width=720)

    def show(self, figure: Figure, moving: list[dict[str, Any]]) -> None:
        self.widget.value = figure.png_bytes()
