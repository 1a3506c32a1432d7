"""What a prediction can be: a number, one of several, an order, or a table of numbers.

Each reads what the reader gave, has the fields to give it in, which are empty at first, and says how far it
is from what came out.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from numbers import Real
from typing import Any

import ipywidgets

from rolab.plotting.figure import Table

WIDE = {"description_width": "initial"}


def _label(words: str) -> Any:
    return ipywidgets.Label(words, layout={"width": "max-content"})


class Kind(ABC):
    """A kind of answer."""

    @abstractmethod
    def read(self, answer: Any) -> Any:
        """The answer as it is kept, or a `ValueError` that says what is expected."""

    @abstractmethod
    def fields(self, label: str) -> tuple[Any, Callable[[], Any]]:
        """A widget under a label, and what is in it now."""

    @abstractmethod
    def shown(self, answer: Any) -> str:
        """An answer in words."""

    def verdict(self, yours: Any, truth: Any) -> str:
        """How far off an answer is, as HTML."""
        said = f"You said {self.shown(yours)}; it is {self.shown(truth)}"
        return f"<p>{escape(said)}{escape(self.off(yours, truth))}.</p>"

    def truth(self, truth: Any) -> str:
        """What came out, as HTML."""
        return f"<p>It is {escape(self.shown(truth))}.</p>"

    def off(self, yours: Any, truth: Any) -> str:
        """What is said of the difference, after a colon; nothing where the words say it."""
        return ""

    def hint(self) -> str:
        """What is asked for, in words."""
        return "a number"


@dataclass(frozen=True)
class Quantity(Kind):
    """A number with a unit; how far off it is, is said as a difference or as a factor."""

    unit: str = ""  # such as "%" or "images"
    factor: bool = False
    least: float = -math.inf
    most: float = math.inf

    def read(self, answer: Any) -> float:
        given = answer
        if isinstance(given, str):
            text = given.strip().removesuffix(self.unit).strip().replace(",", ".").replace("−", "-")
            try:
                given = float(text)
            except ValueError:
                raise ValueError(f"answer: expected {self.hint()}, got {answer!r}") from None
        if hasattr(given, "item"):
            given = given.item()
        value = math.nan if type(given) is bool or not isinstance(given, Real) else float(given)
        if not (math.isfinite(value) and self.least <= value <= self.most):
            raise ValueError(f"answer: expected {self.hint()}, got {answer!r}")
        return value

    def hint(self) -> str:
        ends = [f"at least {self.least:g}"] * (self.least > -math.inf)
        ends += [f"at most {self.most:g}"] * (self.most < math.inf)
        unit = {"": "", "%": " in percent"}.get(self.unit, f" ({self.unit})")
        return f"a number{unit}{', ' * bool(ends)}{' and '.join(ends)}"

    def fields(self, label: str) -> tuple[Any, Callable[[], Any]]:
        text = ipywidgets.Text(placeholder=self.hint(), tooltip=label, layout={"width": "300px"})
        return text, lambda: text.value

    def shown(self, answer: float) -> str:
        digits = f"{answer:,.0f}" if abs(answer) >= 1e4 else f"{answer:.4g}"
        return f"{digits} {self.unit}".strip()

    def off(self, yours: float, truth: float) -> str:
        if abs(yours - truth) <= 0.005 * abs(truth):
            return ", as you said" if yours == truth else ", nearly what you said"
        if self.factor and yours * truth > 0:
            times, less = abs(yours / truth), abs(yours) < abs(truth)
            return f": {1 / times if less else times:.2g} times too {'small' if less else 'large'}"
        unit = {"%": "percentage points"}.get(self.unit, self.unit)
        far = f"{abs(yours - truth):.3g} {unit}".strip()
        return f": {far} too {'low' if yours < truth else 'high'}"


@dataclass(frozen=True)
class OneOf(Kind):
    """One of some options: value → its words."""

    options: Mapping[Any, str]

    def read(self, answer: Any) -> Any:
        if answer not in self.options:
            raise ValueError(f"answer: expected {self.hint()}, got {answer!r}")
        return answer

    def hint(self) -> str:
        return f"one of {', '.join(f'“{words}”' for words in self.options.values())}"

    def fields(self, label: str) -> tuple[Any, Callable[[], Any]]:
        options = [(words, value) for value, words in self.options.items()]
        radio = ipywidgets.RadioButtons(
            options=options, value=None, tooltip=label, layout={"width": "max-content"}
        )
        return radio, lambda: radio.value

    def shown(self, answer: Any) -> str:
        return f"“{self.options[answer]}”"

    def off(self, yours: Any, truth: Any) -> str:
        return ", as you said" if yours == truth else ""


@dataclass(frozen=True)
class Ranking(Kind):
    """All of some options in an order: value → its words."""

    options: Mapping[Any, str]
    first: str = "first"  # what the first is, such as "highest"
    last: str = "last"

    def read(self, answer: Any) -> tuple:
        if not isinstance(answer, Sequence) or sorted(map(str, answer)) != sorted(map(str, self.options)):
            raise ValueError(f"answer: expected {self.hint()}, got {answer!r}")
        return tuple(answer)

    def hint(self) -> str:
        return f"each of {', '.join(map(str, self.options))} once, the {self.first} to begin with"

    def fields(self, label: str) -> tuple[Any, Callable[[], Any]]:
        options = [("…", None), *((words, value) for value, words in self.options.items())]
        names = [str(place + 1) for place in range(len(self.options))]
        names[0], names[-1] = f"1 ({self.first})", f"{len(names)} ({self.last})"
        places = [ipywidgets.Dropdown(options=options, description=name, style=WIDE) for name in names]
        return ipywidgets.VBox(places), lambda: tuple(place.value for place in places)

    def shown(self, answer: Sequence[Any]) -> str:
        return ", ".join(self.options[value] for value in answer)

    def off(self, yours: Sequence[Any], truth: Sequence[Any]) -> str:
        right = sum(a == b for a, b in zip(yours, truth, strict=True))
        return ", as you said" if right == len(truth) else f": {right} of {len(truth)} are at their place"


@dataclass(frozen=True)
class Quantities(Kind):
    """A table of numbers: row → its words, column → its words; some may be given."""

    rows: Mapping[Any, str]
    columns: Mapping[Any, str]
    each: Quantity
    given: Mapping[tuple, float] = field(default_factory=dict)  # (row, column) → its number
    beside: Mapping[str, Mapping[tuple, float]] = field(default_factory=dict)  # shown with the truth

    def _places(self) -> list[tuple]:
        return [(row, column) for row in self.rows for column in self.columns]

    def read(self, answer: Any) -> dict[tuple, float]:
        found = dict(answer) | dict(self.given)
        for place in self._places():
            if place not in found or found[place] in ("", None):
                row, column = self.rows[place[0]], self.columns[place[1]]
                raise ValueError(f"answer: expected a number for {row}, {column}")
        return {place: self.each.read(found[place]) for place in self._places()}

    def fields(self, label: str) -> tuple[Any, Callable[[], Any]]:
        found = {place: self._field(place) for place in self._places()}
        cells = [_label(words) for words in ("", *self.columns.values())]
        for row, words in self.rows.items():
            cells += [_label(words), *(found[row, column] for column in self.columns)]
        layout = {
            "grid_template_columns": f"repeat({1 + len(self.columns)}, max-content)",
            "grid_gap": "0 1em",
        }
        return ipywidgets.GridBox(cells, layout=layout), lambda: {p: f.value for p, f in found.items()}

    def _field(self, place: tuple) -> Any:
        known = self.given.get(place)
        label = f"{self.rows[place[0]]}, {self.columns[place[1]]}"
        text = ipywidgets.Text("" if known is None else f"{known:g}", layout={"width": "110px"})
        text.disabled, text.tooltip = known is not None, label
        return text

    def shown(self, answer: Mapping[tuple, float]) -> str:
        return "; ".join(
            f"{self.rows[row]}, {self.columns[column]}: {self.each.shown(value)}"
            for (row, column), value in answer.items()
        )

    def verdict(self, yours: Mapping[tuple, float], truth: Mapping[tuple, float]) -> str:
        return self._table({"you": yours, "we": truth})

    def truth(self, truth: Mapping[tuple, float]) -> str:
        return self._table({"we": truth})

    def _table(self, columns: Mapping[str, Mapping[tuple, float]]) -> str:
        shown = {**columns, **self.beside}
        numbers = [
            {"": self.rows[place[0]], "of": self.columns[place[1]]}
            | {name: found.get(place) for name, found in shown.items()}
            for place in self._places()
        ]
        return Table(numbers)._repr_html_()

    def hint(self) -> str:
        return f"{len(self._places()) - len(self.given)} numbers"


@dataclass(frozen=True)
class Sorting(Kind):
    """A box for each card: card → its words, box → its words."""

    cards: Mapping[Any, str]
    boxes: Mapping[Any, str]

    def read(self, answer: Any) -> dict[Any, Any]:
        for card, words in self.cards.items():
            if not isinstance(answer, Mapping) or answer.get(card) not in self.boxes:
                raise ValueError(f"answer: expected {self.hint()} for “{words}”")
        return {card: answer[card] for card in self.cards}

    def hint(self) -> str:
        return f"one of {', '.join(map(str, self.boxes))}"

    def fields(self, label: str) -> tuple[Any, Callable[[], Any]]:
        options = [("…", None), *((words, box) for box, words in self.boxes.items())]
        found = {
            card: ipywidgets.Dropdown(options=options, tooltip=words, layout={"width": "220px"})
            for card, words in self.cards.items()
        }
        lines = [
            ipywidgets.HBox([chosen, ipywidgets.HTML(escape(self.cards[card]))])
            for card, chosen in found.items()
        ]
        return ipywidgets.VBox(lines), lambda: {card: chosen.value for card, chosen in found.items()}

    def shown(self, answer: Mapping[Any, Any]) -> str:
        return "; ".join(f"{card}: {self.boxes[box]}" for card, box in answer.items())

    def verdict(self, yours: Mapping[Any, Any], truth: Mapping[Any, Any]) -> str:
        right = sum(yours[card] == truth[card] for card in self.cards)
        return f"<p>{right} of {len(self.cards)} are where we put them.</p>"

    def truth(self, truth: Mapping[Any, Any]) -> str:
        return ""
