"""Controls of an explorer: what each can be set to, and the widgets that a reader sets it with.

A control is a description, made anew from the state after each change: its widgets take on a new range, new
options, or are disabled. All work from the keyboard.
"""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import ipywidgets

WIDE = {"description_width": "70px"}


@dataclass(frozen=True)
class Control(ABC):
    """What a state has one value of.

    Attributes:
        label: what stands before it
        disabled: whether it cannot be moved
    """

    label: str
    disabled: bool = field(default=False, kw_only=True)

    @property
    @abstractmethod
    def start(self) -> Any:
        """The value to begin with, unless another is given."""

    @abstractmethod
    def check(self, name: str, value: Any) -> Any:
        """The value, or the nearest that is possible; a `ValueError` that says its name if there is none."""

    @abstractmethod
    def traits(self) -> dict[str, Any]:
        """What its widgets get from it."""

    @abstractmethod
    def widgets(self, value: Any) -> Sequence[Any]:
        """Its widgets, set to this value, which is that of the first."""

    def _look(self, width: int, **more: Any) -> dict[str, Any]:
        words = {"description": self.label, "style": WIDE, "layout": {"width": f"{width}px"}}
        return {**words, **self.traits(), **more}

    def adapt(self, parts: Sequence[Any], value: Any) -> None:
        """Gives widgets the traits of this control, and their value."""
        traits = {"disabled": self.disabled, **self.traits()}
        ends = {name: traits.pop(name) for name in ("min", "max") if name in traits}
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


@dataclass(frozen=True)
class Slide(Control):
    """A slider over ascending places; in equal steps, with a field for the number.

    Attributes:
        at: the value to begin with; None is the first place
        lazy: whether the figure waits until the slider is let go
    """

    places: Sequence[float]
    at: float | None = None
    lazy: bool = field(default=False, kw_only=True)

    @property
    def start(self) -> float:
        return self.places[0] if self.at is None else self.at

    def place(self, value: float) -> int:
        """Where the nearest place is."""
        return min(range(len(self.places)), key=lambda k: abs(self.places[k] - value))

    def check(self, name: str, value: Any) -> float:
        return self.places[self.place(value)]

    def traits(self) -> dict[str, Any]:
        steps = [b - a for a, b in zip(self.places, self.places[1:], strict=False)]
        if not steps or max(steps) - min(steps) > 1e-6 * abs(max(steps)):
            return {"options": tuple((f"{place:g}", place) for place in self.places)}
        return {"min": self.places[0], "max": self.places[-1], "step": round(steps[0], 10)}

    def widgets(self, value: float) -> Sequence[Any]:
        look = self._look(480, value=value, disabled=self.disabled, continuous_update=not self.lazy)
        if "options" in look:
            return (ipywidgets.SelectionSlider(**look),)
        whole = all(isinstance(place, int) for place in self.places)
        slider = (ipywidgets.IntSlider if whole else ipywidgets.FloatSlider)(**look, readout=False)
        kind = ipywidgets.BoundedIntText if whole else ipywidgets.BoundedFloatText
        number = kind(**self.traits(), value=value, disabled=self.disabled, layout={"width": "100px"})
        ipywidgets.link((slider, "value"), (number, "value"))
        return slider, number


@dataclass(frozen=True)
class Choice(Control):
    """One of several values.

    Attributes:
        options: value → what it is called; or values that say so themselves
        at: the value to begin with; None is the first
        hidden: whether there is nothing to choose
    """

    options: Mapping[Any, str] | Sequence[Any]
    at: Any = None
    hidden: bool = field(default=False, kw_only=True)

    @property
    def names(self) -> dict[Any, str]:
        """Value → what it is called."""
        given = self.options
        return dict(given) if isinstance(given, Mapping) else {value: str(value) for value in given}

    @property
    def start(self) -> Any:
        return next(iter(self.names)) if self.at is None else self.at

    def check(self, name: str, value: Any) -> Any:
        if value not in self.names:
            raise ValueError(f"{name}: expected one of {', '.join(map(str, self.names))}, got {value!r}")
        return value

    def traits(self) -> dict[str, Any]:
        return {"options": tuple((name, value) for value, name in self.names.items())}

    def widgets(self, value: Any) -> Sequence[Any]:
        chosen = ipywidgets.Dropdown(**self._look(240, value=value, disabled=self.disabled))
        chosen.layout.display = "none" if self.hidden else None
        return (chosen,)


@dataclass(frozen=True)
class Toggle(Control):
    """Yes or no; `start` is the value to begin with."""

    start: bool = False  # type: ignore[assignment]

    def check(self, name: str, value: Any) -> bool:
        return bool(value)

    def traits(self) -> dict[str, Any]:
        return {}

    def widgets(self, value: bool) -> Sequence[Any]:
        layout = {"width": "auto", "margin": "0 16px 0 0"}
        look = {"description": self.label, "indent": False, "layout": layout, "disabled": self.disabled}
        return (ipywidgets.Checkbox(value=value, **look),)


@dataclass(frozen=True)
class Number(Control):
    """A number in a field, from `least` to `most`, whole if these are; `start` is the value to begin with."""

    least: float
    most: float
    start: float = 0  # type: ignore[assignment]
    step: float = 1

    def check(self, name: str, value: Any) -> float:
        if not self.least <= value <= self.most:
            raise ValueError(f"{name} is {value}, expected {self.least:g} to {self.most:g}")
        return value

    def traits(self) -> dict[str, Any]:
        return {"min": self.least, "max": self.most, "step": self.step}

    def widgets(self, value: float) -> Sequence[Any]:
        whole = isinstance(self.least, int) and isinstance(self.most, int)
        kind = ipywidgets.BoundedIntText if whole else ipywidgets.BoundedFloatText
        return (kind(**self._look(170, value=value, disabled=self.disabled)),)


@dataclass(frozen=True)
class Button(Control):
    """Something to press; it has no value.

    Attributes:
        action: (name of each control → value) → those that change
        tip: what is said when the pointer is over it
    """

    action: Callable[..., Mapping[str, Any]]
    tip: str = ""
    start = None

    def check(self, name: str, value: Any) -> None:
        raise ValueError(f"{name}: is a button")

    def traits(self) -> dict[str, Any]:
        return {}

    def widgets(self, value: None) -> Sequence[Any]:
        layout = {"width": f"{max(110, 24 + 7 * len(self.label))}px"}
        look = {"description": self.label, "tooltip": self.tip, "layout": layout}
        return (ipywidgets.Button(**look, disabled=self.disabled),)


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
