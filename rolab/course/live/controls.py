"""Controls of an explorer: what each can be set to, and the widget that a reader sets it with.

A control is a description, made anew from the state after each change: its widget takes on a new range, new
options, or is disabled. All widgets work from the keyboard.
"""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets

WIDE = {"description_width": "70px"}


class Control(ABC):
    """What a state has one value of. `start` is the value to begin with, unless another is given."""

    label: str
    start: Any

    @abstractmethod
    def check(self, name: str, value: Any) -> Any:
        """The value, or the nearest that is possible; a `ValueError` that says its name if there is none."""

    @abstractmethod
    def bind(self, value: Any) -> Bound:
        """Its widget, set to this value."""


@dataclass
class Bound:
    """A control's widget.

    Attributes:
        widget: whose `value` is the control's
        box: what is shown of it
        parts: all that is disabled, or gets a new range, with it
    """

    widget: Any
    box: Any
    parts: tuple[Any, ...]

    @property
    def value(self) -> Any:
        """The value chosen."""
        return self.widget.value

    @value.setter
    def value(self, value: Any) -> None:
        self.widget.value = value

    def adapt(self, control: Any, value: Any) -> None:
        """Takes on a new description, and its value."""
        for part in self.parts:
            if part.disabled != getattr(control, "disabled", False):
                part.disabled = not part.disabled
        if value is not None and self.value != value:
            self.value = value


@dataclass(frozen=True)
class Slide(Control):
    """A slider over places; in equal steps, with a field for the number.

    Attributes:
        label: what stands before it
        places: ascending
        at: the value to begin with; None is the first place
        disabled: whether it can be moved
        lazy: whether the figure waits until the slider is let go
    """

    label: str
    places: Sequence[float]
    at: float | None = None
    disabled: bool = False
    lazy: bool = False

    @property
    def start(self) -> float:  # type: ignore[override]
        """The value to begin with."""
        return self.places[0] if self.at is None else self.at

    @property
    def even(self) -> bool:
        """Whether the places are in equal steps."""
        steps = [b - a for a, b in zip(self.places, self.places[1:], strict=False)]
        return len(self.places) > 1 and max(steps) - min(steps) <= 1e-9 * abs(max(steps))

    def place(self, value: float) -> int:
        """Where the nearest place is."""
        return min(range(len(self.places)), key=lambda k: abs(self.places[k] - value))

    def check(self, name: str, value: Any) -> float:
        """The nearest place."""
        return self.places[self.place(value)]

    def bind(self, value: float) -> Bound:
        """A slider and a number field, linked; or a slider that says its value."""
        layout = {"width": "480px"}
        look = {"description": self.label, "style": WIDE, "layout": layout, "disabled": self.disabled}
        look |= {"continuous_update": not self.lazy}
        if not self.even:
            options = [(f"{place:g}", place) for place in self.places]
            slider = ipywidgets.SelectionSlider(options=options, value=value, **look)
            return _Stepped(slider, slider, (slider,))
        scale = {"min": self.places[0], "max": self.places[-1], "step": self.places[1] - self.places[0]}
        scale["step"] = round(scale["step"], 10)
        whole = all(isinstance(place, int) for place in self.places)
        kinds = ipywidgets.IntSlider, ipywidgets.BoundedIntText
        kinds = kinds if whole else (ipywidgets.FloatSlider, ipywidgets.BoundedFloatText)
        slider = kinds[0](**scale, value=value, readout=False, **look)
        number = kinds[1](**scale, value=value, disabled=self.disabled, layout={"width": "100px"})
        ipywidgets.link((slider, "value"), (number, "value"))
        return _Scaled(slider, ipywidgets.HBox([slider, number]), (slider, number))


class _Stepped(Bound):
    """A slider over options."""

    def adapt(self, control: Slide, value: Any) -> None:
        options = tuple((f"{place:g}", place) for place in control.places)
        if self.widget.options != options:
            self.widget.options = options
        super().adapt(control, value)


class _Scaled(Bound):
    """A slider and a number field, whose range can change."""

    def adapt(self, control: Slide, value: Any) -> None:
        low, high, step = control.places[0], control.places[-1], control.places[1] - control.places[0]
        changed = (self.widget.min, self.widget.max) != (low, high)
        if changed:
            for part in self.parts:
                part.min, part.max = min(part.min, low), max(part.max, high)
                part.step = round(step, 10)
        super().adapt(control, value)
        if changed:
            for part in self.parts:
                part.min, part.max = low, high


@dataclass(frozen=True)
class Choice(Control):
    """One of several values.

    Attributes:
        label: what stands before it
        options: value → what it is called; or values that say so themselves
        at: the value to begin with; None is the first
        hidden: whether there is nothing to choose
    """

    label: str
    options: Mapping[Any, str] | Sequence[Any]
    at: Any = None
    disabled: bool = False
    hidden: bool = False

    @property
    def names(self) -> dict[Any, str]:
        """Value → what it is called."""
        given = self.options
        return dict(given) if isinstance(given, Mapping) else {value: str(value) for value in given}

    @property
    def start(self) -> Any:  # type: ignore[override]
        """The value to begin with."""
        return next(iter(self.names)) if self.at is None else self.at

    def check(self, name: str, value: Any) -> Any:
        """The value."""
        if value not in self.names:
            raise ValueError(f"{name}: expected one of {', '.join(map(str, self.names))}, got {value!r}")
        return value

    def bind(self, value: Any) -> Bound:
        """A drop-down list."""
        options = [(name, value) for value, name in self.names.items()]
        look = {"description": self.label, "style": WIDE, "layout": {"width": "240px"}}
        look["layout"] |= {"display": "none"} if self.hidden else {}
        chosen = ipywidgets.Dropdown(options=options, value=value, disabled=self.disabled, **look)
        return Bound(chosen, chosen, (chosen,))


@dataclass(frozen=True)
class Toggle(Control):
    """Yes or no."""

    label: str
    start: bool = False
    disabled: bool = False

    def check(self, name: str, value: Any) -> bool:
        """Whether."""
        return bool(value)

    def bind(self, value: bool) -> Bound:
        """A box to tick."""
        layout = {"width": "auto", "margin": "0 16px 0 0"}
        look = {"description": self.label, "indent": False, "disabled": self.disabled, "layout": layout}
        box = ipywidgets.Checkbox(value=value, **look)
        return Bound(box, box, (box,))


@dataclass(frozen=True)
class Number(Control):
    """A number in a field, from `least` to `most`; whole if these are."""

    label: str
    least: float
    most: float
    start: float = 0
    step: float = 1
    disabled: bool = False

    def check(self, name: str, value: Any) -> float:
        """The number."""
        if not self.least <= value <= self.most:
            raise ValueError(f"{name} is {value}, expected {self.least:g} to {self.most:g}")
        return value

    def bind(self, value: float) -> Bound:
        """A field."""
        whole = isinstance(self.least, int) and isinstance(self.most, int)
        kind = ipywidgets.BoundedIntText if whole else ipywidgets.BoundedFloatText
        look = {"description": self.label, "style": WIDE, "layout": {"width": "170px"}, "step": self.step}
        field = kind(value=value, min=self.least, max=self.most, disabled=self.disabled, **look)
        return Bound(field, field, (field,))


@dataclass(frozen=True)
class Button:
    """Something to press: `action` makes of the state the values that change; it has no value of its own.

    Attributes:
        label: what stands on it
        action: (name of each control → value) → those that change
        tip: what is said when the pointer is over it
    """

    label: str
    action: Callable[..., Mapping[str, Any]]
    tip: str = ""
    disabled: bool = False

    def bind(self) -> Bound:
        """A button, wide enough for its words."""
        width = {"width": f"{max(110, 24 + 7 * len(self.label))}px"}
        look = {"description": self.label, "tooltip": self.tip, "layout": width}
        button = ipywidgets.Button(**look, disabled=self.disabled)
        return Bound(button, button, (button,))


class Notice(Exception):
    """Something to tell the reader instead of a figure, which is no error."""


def show_errors(action: Callable[..., Any], line: ipywidgets.HTML) -> Callable[..., None]:
    """Jupyter swallows what a callback raises: show it where the reader looks."""

    def run(*_: Any) -> None:
        line.value = ""
        try:
            action()
        except Notice as notice:
            line.value = escape(str(notice))
        except Exception as raised:
            trace = escape("".join(traceback.format_exception(raised)))
            line.value = (
                f'<div role="alert"><b>{type(raised).__name__}: {escape(str(raised))}</b>'
                f"<details><summary>details</summary><pre>{trace}</pre></details></div>"
            )

    return run


def aria_status(said: str) -> str:
    """A sentence that screen readers read out when it changes."""
    return f'<div role="status" aria-live="polite">{escape(said)}</div>'


def sentence(say: Callable[..., str], **controls: Any) -> ipywidgets.VBox:
    """Controls, and below them what `say` makes of their values; or its error.

    Args:
        say: a function of the controls' values, by name, that returns a sentence
        controls: name → widget
    """
    line, error = ipywidgets.HTML(), ipywidgets.HTML()

    def update() -> None:
        line.value = aria_status(say(**{name: control.value for name, control in controls.items()}))

    show = show_errors(update, error)
    for control in controls.values():
        control.observe(show, "value")
    show()
    return ipywidgets.VBox([*controls.values(), line, error])


class Cache:
    """The last so many results, by what they were computed from."""

    def __init__(self, kept: int) -> None:
        self.kept = kept
        self._found: OrderedDict[tuple, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: tuple, compute: Callable[[], Any]) -> Any:
        """The result of this key, computed if it is not there."""
        if key not in self._found:
            self._found[key] = compute()
            if len(self._found) > self.kept:
                self._found.popitem(last=False)
        self._found.move_to_end(key)
        return self._found[key]
