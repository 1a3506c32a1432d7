"""Controls of an explorer: what each can be set to, and the widgets that a reader sets it with.

A control is a description, made anew from the state after each change: its widgets take on a new range, new
options, or are disabled. All work from the keyboard.
"""

from __future__ import annotations

import math
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from html import escape
from numbers import Real
from typing import Any

import ipywidgets
from torch import Tensor

WIDE = {"description_width": "70px"}


def has_new_widgets() -> bool:
    """Whether ipywidgets is of version 8; older ones take a description for HTML, and have no anywidget."""
    return int(ipywidgets.__version__.split(".")[0]) >= 8


@dataclass(frozen=True)
class Control(ABC):
    """What a state has one value of; `at` is the one to begin with."""

    label: str  # what stands before it
    disabled: bool = field(default=False, kw_only=True)

    @property
    def description(self) -> str:
        """The label as its widgets take it."""
        return self.label if has_new_widgets() else escape(self.label)

    def check(self, name: str, value: Any) -> Any:
        """The value, or the nearest that is possible, or a `ValueError` with its name; for None, `at`."""
        raise NotImplementedError(name)  # of a button

    def traits(self) -> dict[str, Any]:
        """What its widgets get from it, beside `disabled`."""
        return {}

    @abstractmethod
    def widgets(self, **look: Any) -> Sequence[Any]:
        """Its widgets, whose first has the control's value."""

    def adapt(self, parts: Sequence[Any], value: Any) -> None:
        """Gives widgets the traits of this control, and their value.

        Each widget gets one message: a browser that knew the new steps, but not yet the new value, would
        round the old value to them and send it back.
        """
        traits = {"disabled": self.disabled, **self.traits()}
        ends = {name: traits.pop(name) for name in ("min", "max") if name in traits}
        with ExitStack() as held:
            for part in parts:
                held.enter_context(part.hold_sync())
            parts[0].description = self.description
            for part in parts:
                for name, trait in traits.items():
                    if getattr(part, name) != trait:
                        setattr(part, name, trait)
                if ends:  # at first both ranges, for the value may be in one of them only
                    part.min, part.max = min(part.min, ends["min"]), max(part.max, ends["max"])
            if value is not None and parts[0].value != value:
                parts[0].value = value
            for part in parts:
                for name, end in ends.items():
                    setattr(part, name, end)


def _described(kind: Any, width: str, look: Mapping[str, Any]) -> Any:
    return kind(**look, style=WIDE, layout={"width": width})


def _field(whole: bool) -> Any:
    return ipywidgets.BoundedIntText if whole else ipywidgets.BoundedFloatText


def a_number(name: str, value: Any) -> float:
    """The value, if it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a number, got {value!r}")
    return value  # type: ignore[return-value]


@dataclass(frozen=True)
class Slide(Control):
    """A slider over ascending places; in equal steps, with a field for the number."""

    places: Sequence[float]
    at: float | None = None
    lazy: bool = field(default=False, kw_only=True)  # the figure waits until the slider is let go

    @property
    def stops(self) -> tuple[tuple[str, float], ...]:
        """What each place is called, and the place."""
        return tuple((f"{place:g}", place) for place in self.places)

    def place(self, value: float) -> int:
        """Where the nearest place is."""
        return min(range(len(self.places)), key=lambda k: abs(self.places[k] - value))

    def check(self, name: str, value: Any) -> float:
        value = self.at if value is None else a_number(name, value)
        return self.places[0 if value is None else self.place(value)]

    def traits(self) -> dict[str, Any]:
        steps = [b - a for a, b in zip(self.places, self.places[1:], strict=False)]
        if not steps or max(steps) - min(steps) > 1e-6 * abs(max(steps)):
            return {"options": self.stops}
        return {"min": self.places[0], "max": self.places[-1], "step": round(steps[0], 10)}

    def widgets(self, **look: Any) -> Sequence[Any]:
        if "options" in look:
            slider = _described(ipywidgets.SelectionSlider, "480px", look)
            slider.continuous_update = not self.lazy
            return (slider,)
        whole = all(isinstance(place, int) for place in self.places)
        kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
        slider = _described(kind, "480px", {**look, "readout": False, "continuous_update": not self.lazy})
        number = _field(whole)(**{**look, "description": ""}, layout={"width": "100px"})
        ipywidgets.link((slider, "value"), (number, "value"))
        return slider, number


@dataclass(frozen=True)
class Choice(Control):
    """One of several values: value → what it is called, or values that say so themselves."""

    options: Mapping[Any, str] | Sequence[Any]
    at: Any = None
    hidden: bool = field(default=False, kw_only=True)  # there is nothing to choose

    @property
    def stops(self) -> tuple[tuple[str, Any], ...]:
        """What each value is called, and the value."""
        named = self.options if isinstance(self.options, Mapping) else {o: str(o) for o in self.options}
        return tuple((name, value) for value, name in named.items())

    def check(self, name: str, value: Any) -> Any:
        value = self.at if value is None else value
        values = [value for _, value in self.stops]
        if value is not None and value not in values:
            raise ValueError(f"{name}: expected one of {', '.join(map(str, values))}, got {value!r}")
        return values[0] if value is None else value

    def traits(self) -> dict[str, Any]:
        return {"options": self.stops}

    def widgets(self, **look: Any) -> Sequence[Any]:
        chosen = _described(ipywidgets.Dropdown, "240px", look)
        chosen.layout.display = "none" if self.hidden else None
        return (chosen,)


@dataclass(frozen=True)
class Toggle(Control):
    """Yes or no."""

    at: bool = False

    def check(self, name: str, value: Any) -> bool:
        if value not in (None, False, True):
            raise ValueError(f"{name}: expected True or False, got {value!r}")
        return self.at if value is None else bool(value)

    def widgets(self, **look: Any) -> Sequence[Any]:
        layout = {"width": "auto", "margin": "0 16px 0 0"}
        return (ipywidgets.Checkbox(**look, indent=False, layout=layout),)


@dataclass(frozen=True)
class Number(Control):
    """A number in a field, from `least` to `most`, whole if these are."""

    least: float
    most: float
    at: float = 0
    step: float = 1

    def check(self, name: str, value: Any) -> float:
        value = self.at if value is None else a_number(name, value)
        if self.whole and value != int(value):
            raise ValueError(f"{name} is {value}, expected a whole number")
        if not self.least <= value <= self.most:
            raise ValueError(f"{name} is {value}, expected {self.least:g} to {self.most:g}")
        return int(value) if self.whole else value

    @property
    def whole(self) -> bool:
        """Whether it has no places after the point."""
        return isinstance(self.least, int) and isinstance(self.most, int)

    def traits(self) -> dict[str, Any]:
        return {"min": self.least, "max": self.most, "step": self.step}

    def widgets(self, **look: Any) -> Sequence[Any]:
        return (_described(_field(self.whole), "170px", look),)


@dataclass(frozen=True)
class Button(Control):
    """Something to press; it has no value. `action` makes of all values, by name, those that change."""

    action: Callable[..., Mapping[str, Any]]
    tip: str = ""

    @property
    def description(self) -> str:
        return self.label  # no button takes HTML

    def widgets(self, **look: Any) -> Sequence[Any]:
        del look["value"]
        width = f"{max(110, 24 + 7 * len(self.label))}px"
        return (ipywidgets.Button(**look, tooltip=self.tip, layout={"width": width}),)


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
            details = f"<details><summary>details</summary><pre>{trace}</pre></details>"
            said = f"<b>{type(raised).__name__}: {escape(str(raised))}</b>"
            line.value = f'<div role="alert">{said}{details}</div>'

    return run


def aria_status(said: str) -> str:
    """A sentence that screen readers read out when it changes."""
    return f'<div role="status" aria-live="polite">{escape(said)}</div>'


def sentence(say: Callable[..., str], **controls: Any) -> ipywidgets.VBox:
    """Controls, name → widget, and below them the sentence that `say` makes of their values, or its error."""
    line, error = ipywidgets.HTML(), ipywidgets.HTML()

    def update() -> None:
        line.value = aria_status(say(**{name: control.value for name, control in controls.items()}))

    show = show_errors(update, error)
    for control in controls.values():
        control.observe(show, "value")
    show()
    return ipywidgets.VBox([*controls.values(), line, error])


def stamp(tensors: Iterable[Tensor]) -> tuple:
    """What changes when tensors do, in place or by others: quick enough to be asked at each move of a slider.

    Of a net, its parameters and buffers; PyTorch counts what is done to them, but not to their `.data`.
    """

    def total(t: Tensor) -> float:  # in parts so small that PyTorch takes one thread: others may be busy
        return sum(part.sum().item() for part in t.detach().flatten().split(32_000))

    return tuple((t.data_ptr(), t.is_inference() or t._version, total(t)) for t in tensors)


class Cache:
    """The last so many results, by what they were computed from."""

    def __init__(self, kept: int) -> None:
        self.kept = kept
        self._found = dict[tuple, Any]()  # what was asked for last is last

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: tuple, compute: Callable[[], Any]) -> Any:
        """The result of this key, computed if it is not there."""
        self._found[key] = self._found.pop(key) if key in self._found else compute()
        if len(self._found) > self.kept:
            del self._found[next(iter(self._found))]
        return self._found[key]
