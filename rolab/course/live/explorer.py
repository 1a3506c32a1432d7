"""An explorer: controls and a function from their state to a figure. It is shown in three ways at once.

Shown at the end of a cell it is one output: a kernel shows the live widget, a committed file the figure that
stands without a kernel, a slider over one of the controls, and a printed page its picture. All are drawn from
the same figures, so they cannot differ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Any, ClassVar, Self

import ipywidgets

from rolab.course.live.charts import LiveChart, PictureChart, has_live_charts, prepare_colab
from rolab.course.live.controls import Button, Choice, Control, Slide, aria_status, show_errors
from rolab.plotting.figure import Figure
from rolab.plotting.kernel_free_slider import Slider

State = dict[str, Any]
WIDGET = "application/vnd.jupyter.widget-view+json"


class Explorer(ABC):
    """Controls, and a figure of their state: a subclass says `controls` and `draw`."""

    SLIDE: ClassVar[str | None] = None  # the control that slides without a kernel
    ROWS: ClassVar[Sequence[Sequence[str]] | None] = None  # which controls share a line; None: one a line

    given: Mapping[str, Any] = {}  # what the state begins with, where it differs from the controls' start

    @abstractmethod
    def controls(self, **state: Any) -> dict[str, Control]:
        """Name → control. The state may have only the values of controls before it, or none."""

    @abstractmethod
    def draw(self, **state: Any) -> Figure:
        """The figure of a state."""

    def say(self, figure: Figure, /, **state: Any) -> str:
        """What stands below the controls and is read out."""
        return f"{figure.title}."

    def follow(self, changed: str, /, **state: Any) -> Mapping[str, Any]:
        """What else changes when one control has; it may change back itself."""
        return {}

    def clicked(self, x: float, y: float, /, **state: Any) -> Mapping[str, Any]:
        """What changes when a point of the figure is clicked on."""
        return {}

    def at(self, **state: Any) -> Self:
        """The same explorer, begun with these values of its controls. Nothing is computed again."""
        other = copy(self)
        other.__dict__.pop("_view", None)
        other.given = {**self.given, **state}
        other.state()
        return other

    def state(self, **chosen: Any) -> State:
        """All values: those chosen, and where each control begins; a wrong one is named."""
        wanted, state = {**self.given, **chosen}, State()
        controls = self.controls()
        while left := [n for n, c in controls.items() if n not in state and not isinstance(c, Button)]:
            state[left[0]] = controls[left[0]].check(left[0], wanted.get(left[0]))
            controls = self.controls(**state)  # a control may depend on those before it
        if unknown := [name for name in wanted if name not in state]:
            raise ValueError(f"{unknown[0]}: expected one of the controls {', '.join(state)}")
        return state

    def figure(self, slide: str | None = None, **chosen: Any) -> Figure:
        """The figure with a slider over one control, by default SLIDE; it opens at the values chosen."""
        state, name = self.state(**chosen), slide or self.SLIDE
        if name is None:
            return self.draw(**state)
        control = self.controls(**state).get(name)
        if not isinstance(control, (Slide, Choice)) or control.disabled:
            raise ValueError(f"slide: expected a control that can be moved, got {name!r}")
        labels, places = zip(*control.stops, strict=True)
        figures = [self.draw(**{**state, name: place}) for place in places]
        return Slider(figures, labels, f"{control.label} = ", places.index(state[name]))

    def table(self, slide: str | None = None, **chosen: Any) -> list[dict[str, Any]]:
        """The numbers of that figure, all places of its slider."""
        return self.figure(slide, **chosen).table()

    def live(self, *, plain: bool | None = None, **chosen: Any) -> Live:
        """The controls and the figure in a widget, begun with the values chosen.

        plain: draw pictures instead of a plotly figure; None decides by what is installed.
        """
        prepare_colab()
        return Live(self, (not has_live_charts()) if plain is None else plain, self.state(**chosen))

    @cached_property
    def _view(self) -> Live:
        return self.live()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        data = self.figure()._repr_mimebundle_()
        show_errors(self._view.set, self._view.error)()  # what it shows may have changed since it was made
        view = {"version_major": 2, "version_minor": 0, "model_id": self._view.model_id}
        return {WIDGET: view, **data}


class Live(ipywidgets.VBox):
    """The controls, name → widget, and the chart. All work from the keyboard, and errors are shown."""

    def __init__(self, explorer: Explorer, plain: bool, state: State) -> None:
        super().__init__()
        self.add_class("rolab-explorer")
        self.explorer, self.state, self._busy = explorer, state, False
        self.summary, self.error = ipywidgets.HTML(), ipywidgets.HTML()
        self.shown, self._described = explorer.draw(**state), explorer.controls(**state)
        self._parts = {
            name: c.widgets(
                value=state.get(name), description=c.description, disabled=c.disabled, **c.traits()
            )
            for name, c in self._described.items()
        }
        self.controls = {name: parts[0] for name, parts in self._parts.items()}
        for name, widget in self.controls.items():
            change = show_errors(lambda name=name: self._change(name), self.error)
            if name in state:
                widget.observe(change, "value")
            else:
                widget.on_click(change)
        click = None if type(explorer).clicked is Explorer.clicked else self._click
        self.chart = PictureChart(self.shown) if plain else LiveChart(self.shown, click)
        rows = explorer.ROWS or [(name,) for name in self.controls]
        lines = [ipywidgets.HBox([part for name in row for part in self._parts[name]]) for row in rows]
        self.children = [*lines, self.summary, self.error, self.chart.widget]
        self._say()

    def set(self, **changes: Any) -> None:
        """Sets some controls at once, and shows the figure of the new state."""
        asked, before = {**self.state, **changes}, self._described
        wanted, controls = dict(asked), self.explorer.controls(**asked)
        for name, control in controls.items():  # a slider keeps its place on another scale
            old = before[name]
            if isinstance(control, Slide) and isinstance(old, Slide) and control.places != old.places:
                if name not in changes and len(control.places) == len(old.places):
                    wanted[name] = control.places[old.place(self.state[name])]
        self.state = {name: controls[name].check(name, value) for name, value in wanted.items()}
        controls = controls if self.state == asked else self.explorer.controls(**self.state)
        self._busy = True  # the widgets change one after the other
        try:
            for name, control in controls.items():
                value, parts = self.state.get(name), self._parts[name]
                if control != before[name] or getattr(parts[0], "value", None) != value:
                    control.adapt(parts, value)
            self._described = controls
        finally:
            self._busy = False
        self.shown = self.explorer.draw(**self.state)
        self.chart.show(self.shown)
        self._say()

    def _change(self, name: str) -> None:
        if self._busy:
            return
        control = self._described[name]
        if isinstance(control, Button):
            self.set(**control.action(**self.state))
        else:
            change = {name: self.controls[name].value}
            self.set(**{**change, **self.explorer.follow(name, **{**self.state, **change})})

    def _click(self, x: float, y: float) -> None:
        show_errors(lambda: self.set(**self.explorer.clicked(x, y, **self.state)), self.error)()

    def _say(self) -> None:
        self.summary.value = aria_status(self.explorer.say(self.shown, **self.state))
