"""Curves over one axis, one for each name, and a slider along the axis that reads them off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from rolab.plotting.figure import BESIDE, Figure, Legend
from rolab.plotting.kernel_free_slider import Slider
from rolab.plotting.marks import Cursor, Line, Points
from rolab.plotting.panels import Axis, Panel
from rolab.plotting.style import STYLES, Style, style


@dataclass(frozen=True, eq=False)
class Curves(Figure):
    """Curves over one axis, one for each name."""

    title: str  # the message
    x: Sequence[float]  # where the curves were measured
    mean: Mapping[str, Sequence[float]]  # name → values, as many as x
    x_title: str  # with the unit
    y_title: str
    # name → standard deviations; a name that is missing or None, and a None among them, has no bar
    sd: Mapping[str, Sequence[float | None] | None] = field(default_factory=dict)
    # name → (x, y), the number that the paper prints: a hollow marker
    paper: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    y_range: tuple[float, float] | None = None  # None fits it to the data
    alt: str = ""  # a sentence that says what is seen
    styles: Mapping[str, Style] = field(default_factory=lambda: STYLES)  # of names; of others by their place
    at: int | None = None  # the place among x where a line stands
    HEIGHT: ClassVar[int] = 420
    MARGIN: ClassVar[tuple[int, int, int, int]] = (64, 158, 46, 54)
    legend: ClassVar[Legend] = BESIDE

    def bars(self, name: str) -> list[float] | None:
        """The standard deviations of a curve, None where there are none."""
        sd = self.sd.get(name)
        return None if sd is None or any(s is None for s in sd) else [float(s) for s in sd if s is not None]

    def looks(self) -> dict[str, Style]:
        """The style of each curve."""
        return {name: style(name, place, self.styles) for place, name in enumerate(self.mean)}

    def panels(self) -> list[Panel]:
        """One, with all curves, hollow markers for the paper, and the line of the slider."""
        looks = self.looks()
        marks: list[Any] = [
            Line.of(looks[name], self.x, values, marked=True, error=self.bars(name), hover=True)
            for name, values in self.mean.items()
        ]
        for place, (name, (x, y)) in enumerate(self.paper.items()):
            ring: dict[str, Any] = {"symbol": looks[name].marker, "size": 13, "hollow": True}
            named: dict[str, Any] = {"name": "hollow: the paper", "legend": place == 0}
            marks.append(Points([x], [y], looks[name].color, **ring, **named))
        counts = len(self.x) <= 15 and all(isinstance(x, int) for x in self.x)
        across = Axis(self.x_title, ticks=list(self.x) if counts else None)
        if self.at is not None:
            room = 0.04 * (self.x[-1] - self.x[0])
            across = replace(across, range=(self.x[0] - room, self.x[-1] + room))
            marks.append(Cursor(self.x[self.at]))
        return [Panel(marks, across, Axis(self.y_title, self.y_range))]

    def table(self) -> list[dict[str, Any]]:
        """A row for each place on the axis: x, then each curve, with its standard deviation if it has one."""
        rows = []
        for i, x in enumerate(self.x):
            row: dict[str, Any] = {self.x_title: x}
            for name, look in self.looks().items():
                row[look.label] = float(self.mean[name][i])
                if bars := self.bars(name):
                    row[f"± {look.label}"] = bars[i]
            rows.append(row)
        return rows

    def sliding(self, symbol: str) -> Slider:
        """The same curves, of percentages, read off by a slider along the axis, which it calls `symbol`."""
        looks, labels, figures = self.looks(), [f"{x:g}" for x in self.x], []
        for k, label in enumerate(labels):
            values = ", ".join(f"{looks[name].label} {mean[k]:.1f}" for name, mean in self.mean.items())
            figures.append(replace(self, title=f"{symbol} = {label}: {values} %", at=k))
        return Slider(figures, labels, f"{symbol} = ", len(labels) // 3, picture=self)
