"""The live explorers of the course.

nets = {name: zoo.load(f"mnist/{name}") for name in ("baseline", "robust-linf")}
explorer = EpsilonExplorer(nets, data.mnist("test"))
explorer.live()                  # sliders; needs a kernel
explorer.figure("baseline", 7)   # the same figure with a slider of its own; needs none
"""

from __future__ import annotations

import sys
import traceback
from collections import OrderedDict
from collections.abc import Callable, Mapping
from html import escape
from importlib.util import find_spec
from typing import Any

import ipywidgets
import torch
from torch import nn

from rolab.data import Dataset
from rolab.evaluation import gradients, predict
from rolab.figures import CONFIG, style
from rolab.sets import Ball, UncertaintySet, at, pixel_box
from rolab.walks import Walk, WalkFigure, walk

UNIT_BALLS = {norm: Ball(norm, 1.0) for norm in ("l1", "l2", "linf")}
LARGEST = {"l1": 20.0, "l2": 4.0, "linf": 0.4}  # where the sliders end, in pixel units


class EpsilonExplorer:
    """One digit under a growing first-order perturbation: the digit, Δ, their sum, the class probabilities.

    Args:
        nets: name → network, on any device
        data: the digits
        sets: name → the set at ε = 1; ε scales it
        largest: name → where its slider ends
        points: how many radii a slider has, 0 among them
    """

    KEPT = 64  # walks in the cache

    def __init__(
        self,
        nets: Mapping[str, nn.Module],
        data: Dataset,
        sets: Mapping[str, UncertaintySet] = UNIT_BALLS,
        largest: Mapping[str, float] = LARGEST,
        points: int = 41,
    ) -> None:
        if not nets or not len(data):
            raise ValueError("nets and data: expected at least one network and one digit")
        if missing := [name for name in sets if not largest.get(name, 0) > 0]:
            raise ValueError(f"largest: expected a positive radius for {', '.join(missing)}")
        if points < 2:
            raise ValueError(f"points is {points}, expected at least 2")
        self.nets, self.data, self.sets = dict(nets), data, dict(sets)
        self.radii = {
            name: tuple(round(largest[name] * k / (points - 1), 10) for k in range(points)) for name in sets
        }
        self._walks: OrderedDict[tuple, Walk] = OrderedDict()

    def walk(self, net: str, index: int, norm: str = "linf", boxed: bool = False) -> Walk:
        """All that is shown of a digit, a net and a set: computed once, one gradient and one forward pass."""
        for name, value, known in (("net", net, self.nets), ("norm", norm, self.sets)):
            if value not in known:
                raise ValueError(f"{name} is {value!r}, expected one of {', '.join(known)}")
        if not 0 <= index < len(self.data):
            raise ValueError(f"index is {index}, expected 0 to {len(self.data) - 1}")
        key = (net, index, norm, boxed)
        if key not in self._walks:
            x, label = self.data.images[index : index + 1], int(self.data.labels[index])
            self._walks[key] = walk(
                self.nets[net], x, label, self.sets[norm], self.radii[norm], net=net, norm=norm, boxed=boxed
            )
            if len(self._walks) > self.KEPT:
                self._walks.popitem(last=False)
        self._walks.move_to_end(key)
        return self._walks[key]

    def figure(
        self, net: str, index: int, norm: str = "linf", boxed: bool = False, epsilon: float | None = None
    ) -> WalkFigure:
        """The figure with its own slider, which needs no kernel. It opens at ε, or where the answer flips."""
        shown = self.walk(net, index, norm, boxed)
        k = (shown.flip or len(shown.radii) // 2) if epsilon is None else self.place(norm, epsilon)
        return WalkFigure(shown, k)

    def table(self, net: str, index: int, norm: str = "linf", boxed: bool = False) -> list[dict[str, Any]]:
        """The same numbers, a row for each radius."""
        return self.walk(net, index, norm, boxed).table()

    def place(self, norm: str, epsilon: float) -> int:
        """The place of the radius nearest to ε."""
        radii = self.radii[norm]
        return min(max(round(epsilon / radii[1]), 0), len(radii) - 1)

    def next_misread(self, net: str, after: int, norm: str, boxed: bool, epsilon: float) -> int | None:
        """The next digit that the net gets wrong at this ε, around the end to the start; None if none is."""
        U, batch = self.sets[norm].scaled(epsilon), 100
        order = [(after + 1 + i) % len(self.data) for i in range(len(self.data))]
        for start in range(0, len(order), batch):
            rows = torch.tensor(order[start : start + batch])
            chunk, model = self.data[rows], self.nets[net]
            inside = at(lambda x: U & pixel_box(x) if boxed else U, chunk.images)
            d = inside.maximizer(gradients(model, chunk))
            wrong = (predict(model, chunk.images + d) != chunk.labels).nonzero()
            if len(wrong):
                return int(rows[wrong[0, 0]])
        return None

    def live(self, *, plain: bool | None = None, **start: Any) -> LiveExplorer:
        """The sliders.

        Args:
            plain: draw pictures instead of a plotly FigureWidget; None decides by what is installed
            start: `net`, `index`, `norm`, `boxed`, `epsilon` to begin with
        """
        _prepare_colab()
        return LiveExplorer(self, (not _has_figure_widget()) if plain is None else plain, **start)


class LiveExplorer(ipywidgets.VBox):
    """The controls and the figure. All work from the keyboard, and errors are shown below the controls."""

    def __init__(
        self,
        explorer: EpsilonExplorer,
        plain: bool,
        net: str | None = None,
        index: int = 0,
        norm: str | None = None,
        boxed: bool = False,
        epsilon: float = 0.0,
    ) -> None:
        super().__init__()
        self.explorer = explorer
        wide = {"description_width": "70px"}
        names = {
            name: [(style(key).label, key) for key in keys]
            for name, keys in (("net", explorer.nets), ("norm", explorer.sets))
        }
        self.net = ipywidgets.Dropdown(options=names["net"], description="net", style=wide)
        self.norm = ipywidgets.Dropdown(options=names["norm"], description="norm", style=wide)
        self.boxed = ipywidgets.Checkbox(value=boxed, description="keep pixels in [0, 1]", indent=False)
        last = len(explorer.data) - 1
        self.index = ipywidgets.BoundedIntText(
            value=index, min=0, max=last, description="digit no.", style=wide
        )
        self.next = ipywidgets.Button(
            description="next misread digit", tooltip="the next that is wrong at this ε"
        )
        self.net.value, self.norm.value = net or self.net.options[0][1], norm or self.norm.options[-1][1]
        radii = explorer.radii[self.norm.value]
        scale = {"min": 0.0, "max": radii[-1], "step": radii[1]}
        self.epsilon = ipywidgets.FloatSlider(
            **scale, value=epsilon, description="ε", readout=False, style=wide, layout={"width": "480px"}
        )
        self.number = ipywidgets.BoundedFloatText(**scale, value=epsilon, layout={"width": "100px"})
        self.summary, self.error = ipywidgets.HTML(), ipywidgets.HTML()
        self._walk = explorer.walk(self.net.value, index, self.norm.value, boxed)
        self.chart = _Pictures(self._figure()) if plain else _Plotly(self._figure())
        self.children = [
            ipywidgets.HBox([self.net, self.norm, self.boxed]),
            ipywidgets.HBox([self.index, self.next]),
            ipywidgets.HBox([self.epsilon, self.number]),
            self.summary,
            self.error,
            self.chart.widget,
        ]
        self._say()
        ipywidgets.link((self.epsilon, "value"), (self.number, "value"))
        for control in (self.net, self.index, self.boxed):
            control.observe(self._guarded(self._choose), "value")
        self.norm.observe(self._guarded(self._change_norm), "value")
        self.epsilon.observe(self._guarded(self._slide), "value")
        self.next.on_click(self._guarded(self._seek))

    def _figure(self) -> WalkFigure:
        return WalkFigure(self._walk, self.explorer.place(self.norm.value, self.epsilon.value))

    def _slide(self) -> None:
        self.chart.slide(self._figure())
        self._say()

    def _choose(self) -> None:
        self._walk = self.explorer.walk(self.net.value, self.index.value, self.norm.value, self.boxed.value)
        self.chart.choose(self._figure())
        self._say()

    def _change_norm(self) -> None:
        radii, k = (
            self.explorer.radii[self.norm.value],
            self.explorer.place(self._walk.norm, self.epsilon.value),
        )
        self._walk = self.explorer.walk(self.net.value, self.index.value, self.norm.value, self.boxed.value)
        controls = self.epsilon, self.number
        for control in controls:
            control.max, control.step = max(control.max, radii[-1]), radii[1]
        self.epsilon.value = radii[k]
        for control in controls:
            control.max = radii[-1]
        self.chart.choose(self._figure())
        self._say()

    def _seek(self) -> None:
        found = self.explorer.next_misread(
            self.net.value, self.index.value, self.norm.value, self.boxed.value, self.epsilon.value
        )
        if found is None:
            self.error.value = "The net reads all of these digits correctly at this ε. Try a larger one."
        else:
            self.index.value = found

    def _say(self) -> None:
        figure = self._figure()
        said = f"{figure.title}; {self._walk.flips()}."
        self.summary.value = f'<div role="status" aria-live="polite">{escape(said)}</div>'

    def _guarded(self, action: Callable[[], None]) -> Callable[[Any], None]:
        """Jupyter swallows what a callback raises: show it where the reader looks."""

        def run(_: Any) -> None:
            self.error.value = ""
            try:
                action()
            except Exception as error:
                trace = escape("".join(traceback.format_exception(error)))
                self.error.value = (
                    f'<div role="alert"><b>{type(error).__name__}: {escape(str(error))}</b>'
                    f"<details><summary>details</summary><pre>{trace}</pre></details></div>"
                )

        return run


class _Plotly:
    """The figure as plotly's FigureWidget: a slide changes two pictures, a line and the title."""

    def __init__(self, figure: WalkFigure) -> None:
        self.widget = _complete(figure.still())

    def slide(self, figure: WalkFigure) -> None:
        radius, traces = figure.walk.radii[figure.k], self.widget.data
        sources = figure.walk.pictures(figure.k)
        with self.widget.batch_update():
            d, adversarial, line = (traces[place] for place in figure.MOVING)
            d.source, adversarial.source = sources
            line.x = (radius, radius)
            self.widget.layout.title.text = figure.title

    def choose(self, figure: WalkFigure) -> None:
        with self.widget.batch_update():
            for trace, new in zip(self.widget.data, figure.pictures() + figure.lines(), strict=True):
                trace.update(new)
            page = self.widget.layout
            page.title.text, page.xaxis.title.text = figure.title, figure.x_title
            page.xaxis.range = (0, figure.walk.radii[-1])
            page.annotations[0].text = figure.captions[0]


class _Pictures:
    """The figure as a PNG: core widgets only, for where FigureWidget does not work."""

    def __init__(self, figure: WalkFigure) -> None:
        self.widget = ipywidgets.Image(format="png", width=720)
        self.slide(figure)

    def slide(self, figure: WalkFigure) -> None:
        self.widget.value = figure.png_bytes()

    choose = slide


def _has_figure_widget() -> bool:
    """FigureWidget needs anywidget, and widgets of version 8, which Colab does not have."""
    if int(ipywidgets.__version__.split(".")[0]) < 8:
        return False
    return all(find_spec(package) for package in ("anywidget", "plotly"))


def _complete(figure: Any) -> Any:
    """A FigureWidget that the browser hears of when its data are there.

    Plotly's own opens its line to the browser first and sends the data after. Where the kernel is slow, the
    browser has drawn an empty figure by then, and keeps it.
    """
    from plotly.graph_objects import FigureWidget

    class Complete(FigureWidget):
        def __init__(self, figure: Any) -> None:
            self._complete = False
            super().__init__(figure)
            self._config, self._complete = CONFIG, True
            self.open()

        def open(self) -> None:
            if self._complete:
                super().open()

    return Complete(figure)


def _prepare_colab() -> None:
    """Colab shows widgets from elsewhere only after this call."""
    if "google.colab" in sys.modules:
        from google.colab import output  # type: ignore[import-not-found]

        output.enable_custom_widget_manager()
