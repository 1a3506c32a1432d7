"""A slider that needs no kernel: several states of one figure, and what differs between them.

`changes` serves the live charts too: a state is sent as its difference from another.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Self

from rolab.plotting.figure import Figure
from rolab.plotting.marks import escaped
from rolab.plotting.panels import Panel
from rolab.plotting.standing import standing
from rolab.plotting.style import INK

Keys = tuple[str | int, ...]
LISTS = ("images", "annotations")  # of plotly's layout, whose lengths may differ between states
ROOM = 84  # px that a slider needs


def changes(old: Any, new: Any, keys: Keys = ()) -> dict[Keys, Any]:
    """Where two pages differ, and what the new one has there; None where it has nothing."""
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = [(key, old.get(key), new.get(key)) for key in {**old, **new}]
    elif isinstance(old, list) and isinstance(new, list) and new and isinstance(new[0], dict):
        pairs = list(zip(range(len(old)), old, new, strict=True))
    else:
        return {keys: new}
    found: dict[Keys, Any] = {}
    for key, before, now in pairs:
        if before != now:  # Python compares what is large faster than we do
            found |= changes(before, now, (*keys, key))
    return found


def lookup(page: Any, keys: Keys) -> Any:
    """What a page has there; None if nothing."""
    for key in keys:
        page = page.get(key) if isinstance(page, dict) else page and page[key]
    return page


@lru_cache(10_000)
def path(keys: Keys) -> str:
    """The keys as plotly writes them, such as "images[1].source"."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)[1:]


def padded(page: dict[str, Any], longest: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The page with lists as long as these: what is added has all keys, and is not visible."""
    for name, others in longest.items():
        found = page["layout"][name]
        found += [{**other, "visible": False} for other in others[len(found) :]]
    return page


def structure(page: dict[str, Any]) -> list[str]:
    """What two pages must have in common for one to be a change of the other: the kinds of their traces."""
    return [trace["type"] for trace in page["data"]]


class Sliding(Figure):
    """A figure with a place that slides; a subclass says what it shows at the place `shown`."""

    places: Sequence[Any]  # of the slider
    shown: int  # the place at which the figure opens, and that the PNG shows; -1 is the last
    slides: ClassVar[bool] = True
    prefix: ClassVar[str] = ""  # what the slider says before a place
    ticks: ClassVar[bool] = True  # the places stand below the slider too

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
        """The figure that is shown first, with a slider whose steps change what differs."""
        figures = [self.at(k) for k in range(len(self.places))]
        pages = [figure.still() for figure in figures]
        base = pages[self.shown]
        if any(structure(page) != structure(base) for page in pages):
            raise ValueError("figures: expected marks of the same kinds at each place of the slider")
        longest = {name: max((page["layout"][name] for page in pages), key=len)[:] for name in LISTS}
        size = min(figure.title_size for figure in figures)
        for page in pages:
            padded(page, longest)["layout"]["title"]["font"]["size"] = size
        moves = list(dict.fromkeys(keys for page in pages for keys in changes(base, page)))
        steps = [{"label": escaped(self.label(k)), **_step(page, moves)} for k, page in enumerate(pages)]
        layout, below = base["layout"], base["layout"]["margin"]["b"]
        slider: dict[str, Any] = {"steps": steps, "active": self.shown}
        slider |= {"currentvalue": {"prefix": escaped(self.prefix)}, "pad": {"t": below - 10}}
        if not self.ticks:
            slider |= {"font": {"color": "rgba(0,0,0,0)"}, "ticklen": 0, "minorticklen": 0}
            slider["currentvalue"]["font"] = {"color": INK}
        layout["sliders"] = [slider]
        layout["height"] += ROOM
        layout["margin"] = {**layout["margin"], "b": below + ROOM}
        layout["title"]["y"] = 1 - 14 / layout["height"]
        return base

    def standing(self) -> str:
        """A picture of the place shown, and a slider that draws the others."""
        alts = [self.at(k).alt for k in range(len(self.places))]
        return standing(self.png_bytes(120), self.alt, self.plotly(), alts)

    def rows_shown(self) -> list[dict[str, Any]]:
        return [self.row(self.shown)]

    def table(self) -> list[dict[str, Any]]:
        """A row for each place."""
        return [self.row(k) for k in range(len(self.places))]


@dataclass(frozen=True, eq=False)
class Slider(Sliding):
    """States of any figure under a slider."""

    figures: Sequence[Figure]  # one for each place
    places: Sequence[str]
    prefix: str = ""  # type: ignore[misc]
    shown: int = 0
    ticks: bool = True  # type: ignore[misc]
    picture: Figure | None = None  # what the PNG, the title and the table are of, if not of the place shown

    def __post_init__(self) -> None:
        if not self.figures or len(self.figures) != len(self.places):
            raise ValueError(f"figures: expected one for each of {len(self.places)} labels")
        super().__post_init__()

    @property
    def figure(self) -> Figure:
        """The one that is shown first, or the picture that stands for it."""
        return self.picture or self.figures[self.shown]

    def at(self, k: int) -> Figure:  # type: ignore[override]
        """The figure at the k-th place."""
        return self.figures[k]

    def message(self, k: int) -> str:
        return self.figures[k].title

    def row(self, k: int) -> dict[str, Any]:
        return self.figures[k].rows_shown()[0]

    @property
    def title(self) -> str:  # type: ignore[override]
        return self.figure.title

    @property
    def alt(self) -> str:
        return self.figure.alt

    def panels(self) -> Sequence[Panel]:
        return self.figure.panels()

    def matplotlib(self) -> Any:
        return self.figure.matplotlib()

    def table(self) -> list[dict[str, Any]]:
        """The rows of all places."""
        return self.picture.table() if self.picture else [r for f in self.figures for r in f.rows_shown()]


def _step(page: dict[str, Any], moves: Sequence[Keys]) -> dict[str, Any]:
    """What one place of the slider does: only a change of the layout, if that is all, is drawn at once."""
    layout = {path(keys[1:]): lookup(page, keys) for keys in moves if keys[0] == "layout"}
    traces = sorted({int(keys[1]) for keys in moves if keys[0] == "data"})
    if not traces:
        return {"method": "relayout", "args": [layout]}
    ends = dict.fromkeys(keys[2:] for keys in moves if keys[0] == "data")
    data = {path(end): [lookup(page, ("data", i, *end)) for i in traces] for end in ends}
    return {"method": "update", "args": [data, layout, traces]}
