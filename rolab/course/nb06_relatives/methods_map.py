"""Every method on one map: clean accuracy against what is left of it, a dot a method, its price beside it.

related = record("related_work")
MethodsExplorer(related)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rolab.course.live import Choice, Explorer, Slide
from rolab.course.live.controls import Control
from rolab.course.nb06_relatives.records import in_words, measured
from rolab.plotting import BLUE, INK, RED, Axis, Figure, Line, Panel, Points, Text, segments
from rolab.plotting.style import GREY

CLEAN, PRICE = "test_accuracy", "step_cost"
MEASURES = {
    "ensemble_accuracy": "after all attacks, ℓ∞ 0.1",
    "ensemble_accuracy_l2": "after all attacks, ℓ2 1.5",
    "pgd_accuracy": "after PGD-40, ℓ∞ 0.1",
    "pgd_accuracy_l2": "after PGD-40, ℓ2 1.5",
    "adversarial_accuracy": "on A",
    "certified_accuracy": "proved, ℓ∞ 0.02",
    "turned_accuracy": "turned by up to 15°",
    "shifted_accuracy": "shifted by up to 2 pixels",
}


@dataclass(frozen=True)
class Method:
    """What the map shows of a method."""

    number: int  # on the map
    name: str
    title: str
    clean: float
    clean_sd: float
    left: float
    left_sd: float
    price: str
    dominated_by: str  # the title of one that is at least as good in both, and better in one; "" if none


def methods(record: Mapping[str, Any], measure: str) -> list[Method]:
    """The record's methods by what is left of them, the best first; without those not measured so."""
    rows = [(row, measured(row, CLEAN), measured(row, measure)) for row in record["rows"]]
    known = [(row, clean, left) for row, clean, left in rows if clean and left]
    known.sort(key=lambda each: (-each[2][0], -each[1][0]))
    found = []
    for number, (row, clean, left) in enumerate(known, 1):
        better = [
            other["title"]
            for other, c, f in known
            if c[0] >= clean[0] and f[0] >= left[0] and (c[0], f[0]) != (clean[0], left[0])
        ]
        price = in_words({PRICE: (measured(row, PRICE) or (None,))[0]}, PRICE, 1)
        by = better[0] if better else ""
        found.append(Method(number, row["net"], row["title"], *clean, *left, price, by))
    return found


def top_right(
    record: Mapping[str, Any], measure: str = "ensemble_accuracy", against: str = "baseline"
) -> Method:
    """The method of which most is left, among those at least as good as another on clean images."""
    found = methods(record, measure)
    least = next((m.clean for m in found if m.name == against), 0.0)
    return next(m for m in found if m.clean >= least)


@dataclass(frozen=True, eq=False)
class MethodsFigure(Figure):
    """The map, one method marked, and the list of names and prices."""

    methods: Sequence[Method]
    measure: str
    marked: int  # a number on the map
    HEIGHT: ClassVar = 520
    MARGIN: ClassVar = (60, 16, 60, 60)
    SEEN: ClassVar = (
        "Clean accuracy against what is left of it, a numbered dot for each method with its spread over "
        "the seeds, those hollow that another beats in both; beside it their names and what a training "
        "step costs."
    )

    @property
    def title(self) -> str:  # type: ignore[override]
        m = self.methods[self.marked - 1]
        beaten = f", beaten in both by {m.dominated_by}" if m.dominated_by else ", beaten in both by no other"
        return f"{m.title}: {m.clean:.2f} % clean, {m.left:.1f} % {MEASURES[self.measure]}{beaten}"

    def panels(self) -> list[Panel]:
        best, rest = ([m for m in self.methods if bool(m.dominated_by) == d] for d in (False, True))
        marked = self.methods[self.marked - 1 : self.marked]
        across = segments(
            [(m.clean - m.clean_sd, m.left) for m in self.methods],
            [(m.clean + m.clean_sd, m.left) for m in self.methods],
        )
        up = segments(
            [(m.clean, m.left - m.left_sd) for m in self.methods],
            [(m.clean, m.left + m.left_sd) for m in self.methods],
        )
        marks: list[Any] = [
            Line(*across, GREY, width=1),
            Line(*up, GREY, width=1),
            Points([m.clean for m in rest], [m.left for m in rest], GREY, size=9, hollow=True, width=1.5),
            Points([m.clean for m in best], [m.left for m in best], BLUE, symbol="square", size=9),
            Points([m.clean for m in marked], [m.left for m in marked], RED, size=18, hollow=True, width=2.5),
            *(Text(m.clean, m.left, str(m.number), size=10, up=10) for m in self.methods),
        ]
        low, high = (
            min(m.clean - m.clean_sd for m in self.methods),
            max(m.clean + m.clean_sd for m in self.methods),
        )
        room = max(0.08 * (high - low), 0.02)
        x = Axis("clean test accuracy, %", (low - room, high + room))
        top = max(m.left + m.left_sd for m in self.methods)
        y = Axis(f"{MEASURES[self.measure]}, %", (-0.04 * max(top, 1), 1.1 * max(top, 1)))
        count = max(len(self.methods), 12)
        lines: list[Any] = [Text(0, count + 0.6, "no., method, price in steps", GREY, 11, "left")]
        for i, m in enumerate(self.methods):
            color = RED if m.number == self.marked else INK if not m.dominated_by else GREY
            lines.append(Text(0, count - 0.6 - i, f"{m.number}  {m.title}, {m.price}", color, 11, "left"))
        bare, rows = (Axis(range=(0, end), ticks=(), grid=False) for end in (1, count + 1))
        names = Panel(lines, bare, rows, (0.64, 1, 0, 1), frame="")
        return [Panel(marks, x, y, (0, 0.61, 0, 1)), names]

    def table(self) -> list[dict[str, Any]]:
        found = []
        for m in self.methods:
            row: dict[str, Any] = {
                "no.": m.number,
                "method": m.title,
                "clean, %": m.clean,
                "± clean": m.clean_sd,
            }
            row |= {f"{MEASURES[self.measure]}, %": m.left, "±": m.left_sd, "price, steps": m.price}
            found.append(row | {"beaten in both by": m.dominated_by or None})
        return found

    def rows_shown(self) -> list[dict[str, Any]]:
        return [self.table()[self.marked - 1]]


class MethodsExplorer(Explorer):
    """The map for a measure, with a method marked.

    Args:
        record: `storage.load_result("related_work")`
    """

    SLIDE = "measure"
    ROWS = ("measure",), ("number",)

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.record = record
        self.measures = {key: title for key, title in MEASURES.items() if methods(record, key)}

    def controls(self, measure: str | None = None, **state: Any) -> dict[str, Control]:
        measure = measure or next(iter(self.measures))
        numbers = range(1, len(methods(self.record, measure)) + 1)
        return {
            "measure": Choice("left", self.measures),
            "number": Slide("no.", numbers, top_right(self.record, measure).number),
        }

    def follow(self, changed: str, /, **state: Any) -> Mapping[str, Any]:
        """On another map the one in the corner is marked first."""
        return {"number": top_right(self.record, state["measure"]).number} if changed == "measure" else {}

    def draw(self, measure: str, number: int) -> MethodsFigure:  # type: ignore[override]
        found = methods(self.record, measure)  # without a kernel the measure changes, and the number stays
        return MethodsFigure(found, measure, min(number, len(found)))
