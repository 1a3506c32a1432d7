"""A pixel as a prediction: clicked on, or given by row and column; a scan of all pixels has the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import ipywidgets

from rolab.course.live.answers import Kind
from rolab.course.live.charts import LiveChart, PictureChart, has_live_charts
from rolab.course.nb03_perturbations.single_pixel_scan import COLUMNS, RING, SinglePixelScan, moved
from rolab.plotting import Figure, Panel, Picture, Points, Table, pixels


@dataclass(frozen=True)
class Pixel(Kind):
    """A pixel of a digit whose changes have all been tried: (row, column), counted from 0 at the top left."""

    scan: SinglePixelScan

    def read(self, answer: Any) -> tuple[int, int]:
        try:
            row, column = (float(part) for part in answer)
            if not (row.is_integer() and column.is_integer()):
                raise ValueError
            self.scan.number(int(row), int(column))
        except (TypeError, ValueError):
            raise ValueError(f"answer: expected {self.hint()}, got {answer!r}") from None
        return int(row), int(column)

    def hint(self) -> str:
        height, width = self.scan.image.shape[-2:]
        return f"a row from 0 to {height - 1} and a column from 0 to {width - 1}"

    def fields(self, label: str) -> tuple[Any, Callable[[], Any]]:
        """The digit and its gradient to click on, and fields for row and column."""
        drawn = PixelChoiceFigure(self.scan)
        row, column = (
            ipywidgets.Text(description=name, placeholder="a number", layout={"width": "200px"})
            for name in ("row", "column")
        )

        def click(x: float, y: float) -> None:
            row.value, column.value = str(round(y)), str(round(x))

        def show(_: Any) -> None:
            try:
                chosen = self.scan.number(*self.read((row.value, column.value)))
            except ValueError:  # not yet whole
                chosen = None
            chart.show(replace(drawn, pixel=chosen))

        chart = LiveChart(drawn, click) if has_live_charts() else PictureChart(drawn)
        for part in (row, column):
            part.observe(show, "value")
        both = ipywidgets.VBox([chart.widget, ipywidgets.HBox([row, column])])
        return both, lambda: (row.value, column.value)

    def shown(self, answer: tuple[int, int]) -> str:
        return f"row {answer[0]}, column {answer[1]}"

    def off(self, yours: tuple[int, int], truth: tuple[int, int]) -> str:
        if yours == truth:
            return ", as you said"
        scan, j = self.scan, self.scan.number(*yours)
        place = f"yours is number {scan.rank(j)[1]} of {len(scan.way)}"
        return f": {place}, with it the loss {moved(float(scan.best_rise[j]))}"

    def verdict(self, yours: tuple[int, int], truth: tuple[int, int]) -> str:
        return super().verdict(yours, truth) + self._table({"you": self.scan.number(*yours)})

    def truth(self, truth: tuple[int, int]) -> str:
        return f"<p>It is {escape(self.shown(truth))}.</p>" + self._table({})

    def _table(self, others: dict[str, int]) -> str:
        """What each changes: others, the ℓ1 step, the best pixel."""
        s = self.scan
        rows = {who: s.row(j) for who, j in others.items()}
        rows |= {"the ℓ1 step": s.row(s.step, s.step_way), "the best": s.row(s.truth)}
        found = [{"who": who} | {name: row[name] for name in COLUMNS} for who, row in rows.items()]
        return Table(found)._repr_html_()


@dataclass(frozen=True, eq=False)
class PixelChoiceFigure(Figure):
    """A digit and the gradient of its loss, to be clicked on; a ring around the pixel that is chosen."""

    scan: SinglePixelScan
    pixel: int | None = None
    title = "Which pixel do you change?"
    HEIGHT = 380
    SEEN = "A digit, and beside it the gradient of the loss in its pixels, to be clicked on."

    def panels(self) -> list[Panel]:
        s = self.scan
        places = [s.place(j) for j in range(len(s.gradient))]
        rows, columns = zip(*places, strict=True)
        ring = [places[self.pixel]] if self.pixel is not None else []
        chosen = Points([c for _, c in ring], [r for r, _ in ring], **RING)
        to_click = Points(columns, rows, symbol="square", size=11, opacity=0, hover="row %{y}, column %{x}")
        gradient = s.gradient.view(s.image.shape)
        shown = {
            f"x, label {s.label}": pixels(s.image),
            "the gradient": pixels(gradient, 1 / max(float(gradient.abs().max()), 1e-30)),
        }
        return [
            Panel.picture(Picture(picture), (left, left + 0.45, 0, 1), name, [chosen, to_click])
            for left, (name, picture) in zip((0, 0.55), shown.items(), strict=True)
        ]

    def table(self) -> list[dict[str, Any]]:
        return [self.scan.row(self.pixel)] if self.pixel is not None else []
