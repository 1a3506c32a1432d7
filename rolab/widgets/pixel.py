"""The explorer of notebook 03's first section: click a pixel. Is it the one?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets
from torch import nn

from rolab.course.live.charts import prepare_colab
from rolab.course.live.controls import Cache, aria_status, show_errors
from rolab.course.nb03_perturbations.single_pixel_figure import SinglePixelFigure
from rolab.course.nb03_perturbations.single_pixel_scan import SinglePixelScan, single_pixel_scan
from rolab.data import Dataset
from rolab.experiments.styles import style
from rolab.widgets.shared import WIDE, Pictures, Plotly, digit, has_figure_widget, known


class PixelExplorer:
    """One pixel of a digit is changed: the gradient's promise, the truth, the class probabilities.

    Args:
        nets: name → network, on any device
        data: the digits, grey
    """

    KEPT = 64  # scans in the cache

    def __init__(self, nets: Mapping[str, nn.Module], data: Dataset) -> None:
        if not nets or not len(data):
            raise ValueError("nets and data: expected at least one network and one digit")
        self.nets, self.data = dict(nets), data
        self._scans = Cache(self.KEPT)

    def single_pixel_scan(
        self, net: str, index: int, radius: float = 1.0, boxed: bool = True
    ) -> SinglePixelScan:
        """All single-pixel changes of a digit: computed once, one gradient and two forward passes a pixel."""
        known("net", net, self.nets)
        x, label = digit(self.data, index)
        return self._scans.get(
            (net, index, radius, boxed),
            lambda: single_pixel_scan(self.nets[net], x, label, radius, boxed, net=net),
        )

    def figure(
        self,
        net: str,
        index: int,
        radius: float = 1.0,
        boxed: bool = True,
        pixel: tuple[int, int] | None = None,
        revealed: bool = True,
    ) -> SinglePixelFigure:
        """The figure with its own slider, which needs no kernel. It opens at the pixel, or the ℓ1 step's."""
        found = self.scan(net, index, radius, boxed)
        return SinglePixelFigure(found, found.step if pixel is None else found.number(*pixel), revealed)

    def table(self, *chosen: Any, **named: Any) -> list[dict[str, Any]]:
        """The same numbers, a row for each pixel of the slider; the arguments are those of `figure`."""
        return self.figure(*chosen, **named).table()

    def live(self, *, plain: bool | None = None, **start: Any) -> LivePixel:
        """The pictures to click on.

        Args:
            plain: draw pictures instead of a plotly FigureWidget; None decides by what is installed
            start: `net`, `index`, `radius`, `boxed`, `pixel`, `revealed` to begin with
        """
        prepare_colab()
        return LivePixel(self, (not has_figure_widget()) if plain is None else plain, **start)


class LivePixel(ipywidgets.VBox):
    """The controls and the figure: click a pixel, or give its row and column with the keyboard."""

    def __init__(
        self,
        explorer: PixelExplorer,
        plain: bool,
        net: str | None = None,
        index: int = 0,
        radius: float = 1.0,
        boxed: bool = True,
        pixel: tuple[int, int] | None = None,
        revealed: bool = False,
    ) -> None:
        super().__init__()
        self.add_class("rolab-pixels")
        self.explorer = explorer
        height, width = explorer.data.images.shape[-2:]
        row, column = pixel or (height // 2, width // 2)
        nets = [(style(name).label, name) for name in explorer.nets]
        short = {"style": WIDE, "layout": {"width": "170px"}}
        self.net = ipywidgets.Dropdown(
            options=nets, value=net or nets[0][1], description="net", style=WIDE, layout={"width": "240px"}
        )
        self.index = ipywidgets.BoundedIntText(
            value=index, min=0, max=len(explorer.data) - 1, description="digit no.", **short
        )
        self.radius = ipywidgets.BoundedFloatText(
            value=radius, min=0.1, max=20.0, step=0.1, description="change by", **short
        )
        self.boxed = ipywidgets.Checkbox(value=boxed, description="keep the pixel in [0, 1]", indent=False)
        self.row = ipywidgets.BoundedIntText(value=row, min=0, max=height - 1, description="row", **short)
        self.column = ipywidgets.BoundedIntText(
            value=column, min=0, max=width - 1, description="column", **short
        )
        self.revealed = ipywidgets.Checkbox(value=revealed, description="reveal the truth", indent=False)
        self.step = ipywidgets.Button(description="the ℓ1 step's pixel", layout={"width": "160px"})
        self.best = ipywidgets.Button(description="the best pixel", layout={"width": "160px"})
        self.summary, self.error = ipywidgets.HTML(), ipywidgets.HTML()
        self._clicked = False
        figure = self._figure()
        self.chart = Pictures(figure) if plain else Plotly(figure, figure.still(clickable=True))
        self.children = [
            ipywidgets.HBox([self.net, self.index, self.radius, self.boxed]),
            ipywidgets.HBox([self.row, self.column, self.step, self.best, self.revealed]),
            self.summary,
            self.error,
            self.chart.widget,
        ]
        self._say(figure)
        for control in (self.net, self.index, self.radius, self.boxed, self.revealed):
            control.observe(show_errors(self._choose, self.error), "value")
        for control in (self.row, self.column):
            control.observe(show_errors(self._move, self.error), "value")
        self.step.on_click(show_errors(lambda: self._go(self._figure().scan.step), self.error))
        self.best.on_click(show_errors(lambda: self._go(self._figure().scan.truth), self.error))
        if not plain:
            for trace in self.chart.widget.data[-2:]:
                trace.on_click(self._click)

    def _figure(self) -> SinglePixelFigure:
        chosen = self.net.value, self.index.value, self.radius.value, self.boxed.value
        pixel = self.row.value, self.column.value
        return self.explorer.figure(*chosen, pixel, self.revealed.value)

    def _click(self, trace: Any, points: Any, state: Any) -> None:
        show_errors(lambda: self._go(points.point_inds[0]), self.error)()

    def _go(self, j: int) -> None:
        """Moves row and column at once."""
        self._clicked = True
        self.row.value, self.column.value = self._figure().scan.place(j)
        self._clicked = False
        self._move()

    def _move(self) -> None:
        if self._clicked:  # row and column change one after the other
            return
        figure = self._figure()
        self.chart.slide(figure, figure.moving(figure.pixel))
        self._say(figure)

    def _choose(self) -> None:
        figure = self._figure()
        self.chart.choose(figure)
        self._say(figure)

    def _say(self, figure: SinglePixelFigure) -> None:
        compared = f"; {figure.scan.compared(figure.pixel)}" if self.revealed.value else ""
        self.summary.value = aria_status(f"{figure.title}{compared}.")
