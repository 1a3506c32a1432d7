"""How robust can a linear classifier be at all? 45 pairs of digits: the bound against the best found, [6].

LimitsExplorer(storage.load_result("limits"), data.mnist("test"))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from rolab.course.live import Choice, Explorer, Slide
from rolab.course.live.controls import Control
from rolab.data import Dataset
from rolab.plotting import BLUE, INK, RED, Axis, Figure, Line, Panel, Picture, Points, pixels
from rolab.plotting.figure import Legend

CLASSIFIERS = {"linear": "logistic regression", "means": "difference of means", "quadratic": "quadratic"}


@dataclass(frozen=True, eq=False)
class LimitsFigure(Figure):
    """The measured robustness of all pairs against their limit, one of them with its means."""

    classifier: str
    rows: Sequence[Mapping[str, Any]]  # of the record, by ascending distance of the means
    place: int
    means: Tensor  # (10, 1, H, W)
    HEIGHT: ClassVar = 420
    MARGIN: ClassVar = (60, 16, 60, 84)
    legend: ClassVar = Legend(0, -0.2, rows=True)
    SEEN: ClassVar = (
        "The mean distance of test images from a classifier's boundary against its upper limit, a dot for "
        "each of the 45 pairs of digits, all below the line on which both are equal; the means of one "
        "pair, and their difference."
    )

    @property
    def row(self) -> Mapping[str, Any]:
        """The pair shown."""
        return self.rows[self.place]

    @property
    def title(self) -> str:  # type: ignore[override]
        (a, b), found, limit = self.row["pair"], self.row["robustness"], self.row["limit"]
        return f"{a} or {b}, {CLASSIFIERS[self.classifier]}: mean distance {found:.2f}, limit {limit:.2f}"

    def panels(self) -> list[Panel]:
        limits, found = ([row[name] for row in self.rows] for name in ("limit", "robustness"))
        far = 1.05 * max(limits)
        labels = [f"{a} or {b}" for a, b in (row["pair"] for row in self.rows)]
        marks = [
            Line([0, far], [0, far], INK, "dot", width=1, name="as far as the limit"),
            Points(limits, found, BLUE, symbol="square", size=7, name="a pair of digits"),
            Points(
                [limits[self.place]],
                [found[self.place]],
                RED,
                size=16,
                hollow=True,
                width=2.5,
                name=labels[self.place],
            ),
        ]
        x = Axis("limit: no such classifier is further away, ℓ2", (0, far))
        y = Axis("mean ℓ2 distance to the boundary", (0, 1.15 * max(found)))
        a, b = self.row["pair"]
        apart = self.means[a] - self.means[b]
        shown = pixels(self.means[a]), pixels(self.means[b]), pixels(apart, 1 / float(apart.abs().max()))
        captions = f"mean {a}", f"mean {b}", f"difference, ‖·‖₂ = {float(apart.norm()):.1f}"
        pictures = [
            Panel.picture(Picture(p), (0.74, 0.96, y0, y0 + 0.25), c)
            for p, c, y0 in zip(shown, captions, (0.72, 0.36, 0.0), strict=True)
        ]
        return [Panel(marks, x, y, (0, 0.66, 0, 1)), *pictures]

    def table(self) -> list[dict[str, Any]]:
        a, b = self.row["pair"]
        found = {
            "risk, %": self.row["risk"],
            "mean distance": self.row["robustness"],
            "limit": self.row["limit"],
        }
        return [{"pair": f"{a} or {b}", "classifier": CLASSIFIERS[self.classifier], **found}]


class LimitsExplorer(Explorer):
    """A pair of digits and a kind of classifier.

    Args:
        record: `storage.load_result("limits")`
        data: digits, for the means of the classes
    """

    SLIDE = "classifier"
    ROWS = ("classifier",), ("rank",)

    def __init__(self, record: Mapping[str, Any], data: Dataset) -> None:
        self.record, self.data = record, data

    @cached_property
    def means(self) -> Tensor:
        """The mean image of each digit, (10, 1, H, W)."""
        return torch.stack([self.data.images[self.data.labels == digit].mean(0) for digit in range(10)])

    @cached_property
    def apart(self) -> Tensor:
        """The distance of the means of each two digits, (10, 10)."""
        return torch.cdist(self.means.flatten(1), self.means.flatten(1))

    def rows(self, classifier: str) -> list[Mapping[str, Any]]:
        """The record's pairs, from the one whose means are nearest to each other on."""
        rows = [row for row in self.record["rows"] if row["classifier"] == classifier]
        return sorted(rows, key=lambda row: float(self.apart[tuple(row["pair"])]))

    def share(self, classifier: str) -> float:
        """Measured robustness over its limit, the mean over the pairs, in percent."""
        rows = self.rows(classifier)
        return 100 * sum(row["robustness"] / row["limit"] for row in rows) / len(rows)

    def classifiers(self) -> list[dict[str, Any]]:
        """A row for each kind of classifier: means over the pairs."""
        found = []
        for name, title in CLASSIFIERS.items():
            rows = self.rows(name)
            risk, robustness = (sum(row[key] for row in rows) / len(rows) for key in ("risk", "robustness"))
            row = {"classifier": title, "mean risk, %": risk, "mean distance": robustness}
            found.append(row | {"of the limit, %": self.share(name)})
        return found

    def controls(self, **state: Any) -> dict[str, Control]:
        return {
            "classifier": Choice("classifier", CLASSIFIERS),
            "rank": Slide("pair no.", range(1, 46)),
        }

    def draw(self, classifier: str, rank: int) -> LimitsFigure:  # type: ignore[override]
        return LimitsFigure(classifier, self.rows(classifier), rank - 1, self.means)
