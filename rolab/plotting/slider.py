"""A slider that needs no kernel: several states of one figure, and what differs between them.

`flat` and `padded` serve the live charts too: a state is sent as its difference from another.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

from rolab.plotting.figure import Figure
from rolab.plotting.panels import Panel

LISTS = ("images", "annotations")  # of plotly's layout, whose lengths may differ between states
ROOM = 84  # px that a slider needs


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a page and their paths, such as ("data[0].line.color", "#000000")."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from flat(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for i, each in enumerate(value):
            yield from flat(each, f"{path}[{i}]")
    else:
        yield path, value


def padded(page: dict[str, Any], lengths: dict[str, int]) -> dict[str, Any]:
    """The page with lists as long as these: what is added is not visible."""
    for name, length in lengths.items():
        found = page["layout"][name]
        found += [{"visible": False} for _ in range(length - len(found))]
    return page


def structure(page: dict[str, Any]) -> list[str]:
    """What two pages must have in common for one to be a change of the other: the kinds of their traces."""
    return [trace["type"] for trace in page["data"]]


@dataclass(frozen=True, eq=False)
class Slider(Figure):
    """States of one figure under a slider.

    Attributes:
        figures: one for each place
        labels: what the slider says at each place
        prefix: what stands before a label
        shown: the place at which it opens, and that the PNG shows; -1 is the last
        ticks: whether the labels stand below the slider too
    """

    figures: Sequence[Figure]
    labels: Sequence[str]
    prefix: str = ""
    shown: int = 0
    ticks: bool = True
    slides: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.figures or len(self.figures) != len(self.labels):
            raise ValueError(f"figures: expected one for each of {len(self.labels)} labels")
        if not -len(self.figures) <= self.shown < len(self.figures):
            raise ValueError(f"shown: expected 0 to {len(self.figures) - 1}, got {self.shown}")

    @property
    def figure(self) -> Figure:
        """The one that is shown first."""
        return self.figures[self.shown]

    @property
    def title(self) -> str:  # type: ignore[override]
        """Of the one that is shown first."""
        return self.figure.title

    @property
    def alt(self) -> str:
        """Of the one that is shown first."""
        return self.figure.alt

    def panels(self) -> Sequence[Panel]:
        """Of the one that is shown first."""
        return self.figure.panels()

    def still(self) -> dict[str, Any]:
        """The one that is shown first."""
        return self.figure.still()

    def matplotlib(self) -> Any:
        """The one that is shown first."""
        return self.figure.matplotlib()

    def table(self) -> list[dict[str, Any]]:
        """The rows of all places."""
        return [row for figure in self.figures for row in figure.table()]

    def plotly(self) -> dict[str, Any]:
        """The figure that is shown first, with a slider whose steps change what differs."""
        pages = [figure.still() for figure in self.figures]
        base, shown = pages[self.shown], self.shown % len(pages)
        if any(structure(page) != structure(base) for page in pages):
            raise ValueError("figures: expected marks of the same kinds at each place of the slider")
        lengths = {name: max(len(page["layout"][name]) for page in pages) for name in LISTS}
        size = min(figure.title_size for figure in self.figures)
        for page in pages:
            padded(page, lengths)["layout"]["title"]["font"]["size"] = size
        states = [dict(flat({"data": page["data"], "layout": page["layout"]})) for page in pages]
        first = states[shown]
        moves = list(
            dict.fromkeys(path for s in states for path in {**first, **s} if s.get(path) != first.get(path))
        )
        steps = [
            {"label": label, **_step(state, moves)} for label, state in zip(self.labels, states, strict=True)
        ]
        layout, below = base["layout"], base["layout"]["margin"]["b"]
        slider = {"steps": steps, "active": shown, "currentvalue": {"prefix": self.prefix}}
        slider["pad"] = {"t": below - 10}
        if not self.ticks:
            color = layout["font"]["color"]
            slider |= {"font": {"color": "rgba(0,0,0,0)"}, "ticklen": 0, "minorticklen": 0}
            slider["currentvalue"] = {"prefix": self.prefix, "font": {"color": color}}
        layout["sliders"] = [slider]
        layout["height"] += ROOM
        layout["margin"] = {**layout["margin"], "b": below + ROOM}
        layout["title"]["y"] = 1 - 14 / layout["height"]
        return base


class Sliding(Figure):
    """A figure with a place that slides; a subclass says what it shows at the place `shown`.

    Attributes:
        places: of the slider
        shown: the place at which the figure opens, and that the PNG shows; -1 is the last
    """

    places: Sequence[Any]
    shown: int
    slides: ClassVar[bool] = True
    prefix: str = ""  # what the slider says before a place

    def __post_init__(self) -> None:
        if not -len(self.places) <= self.shown < len(self.places):
            raise ValueError(f"shown: expected 0 to {len(self.places) - 1}, got {self.shown}")
        object.__setattr__(self, "shown", self.shown % len(self.places))

    @abstractmethod
    def message(self, k: int) -> str:
        """What the figure says at the k-th place."""

    @abstractmethod
    def row(self, k: int) -> dict[str, Any]:
        """The numbers at the k-th place."""

    @property
    def title(self) -> str:  # type: ignore[override]
        """What it says at the place shown."""
        return self.message(self.shown)

    def label(self, k: int) -> str:
        """What the slider says at the k-th place."""
        place = self.places[k]
        return place if isinstance(place, str) else f"{place:g}"

    def place(self, value: float) -> int:
        """The place nearest to a value."""
        return min(range(len(self.places)), key=lambda k: abs(self.places[k] - value))

    def at(self, k: int) -> Self:
        """The same figure, opened at the k-th place; nothing is computed again."""
        _ = self._computed
        moved = copy(self)
        object.__setattr__(moved, "shown", k % len(self.places))
        return moved

    @cached_property
    def _computed(self) -> bool:
        self.panels()  # fills what is cached, which copies share
        return True

    def plotly(self) -> dict[str, Any]:
        """The figure with its slider."""
        every = range(len(self.places))
        return Slider(list(map(self.at, every)), list(map(self.label, every)), self.prefix, self.shown).plotly()

    def table(self) -> list[dict[str, Any]]:
        """A row for each place."""
        return [self.row(k) for k in range(len(self.places))]


_TRACE = re.compile(r"data\[(\d+)\]\.(.+)")


def _step(state: dict[str, Any], moves: Sequence[str]) -> dict[str, Any]:
    """What one place of the slider does: only a change of the layout, if that is all, is drawn at once."""
    found = [(path, _TRACE.fullmatch(path)) for path in moves]
    layout = {path.removeprefix("layout."): state.get(path) for path, trace in found if trace is None}
    traces = sorted({int(trace[1]) for _, trace in found if trace})
    if not traces:
        return {"method": "relayout", "args": [layout]}
    keys = dict.fromkeys(trace[2] for _, trace in found if trace)
    data = {key: [state.get(f"data[{i}].{key}") for i in traces] for key in keys}
    return {"method": "update", "args": [data, layout, traces]}
