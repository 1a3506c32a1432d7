"""The explorer of notebook 03's first section: click a pixel. Is it the one?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from rolab.course.live.controls import Button, Cache, Choice, Control, Number, Toggle, stamp
from rolab.course.live.explorer import Explorer
from rolab.course.nb03_perturbations.single_pixel_scan import (
    SinglePixelFigure,
    SinglePixelScan,
    moved,
    single_pixel_scan,
)
from rolab.data import Dataset
from rolab.experiments.styles import style
from rolab.plotting import Slider

RANKED = 24  # so many pixels, as the gradient ranks them, has the slider that needs no kernel


class SinglePixelExplorer(Explorer):
    """One pixel of a digit is changed: the gradient's promise, the truth, the class probabilities.

    Args:
        nets: name → network, on any device
        data: the digits, grey
    """

    KEPT = 64  # scans in the cache
    ROWS = ("net", "index", "radius", "in_pixel_box"), ("row", "column", "step", "best", "revealed")

    def __init__(self, nets: Mapping[str, nn.Module], data: Dataset) -> None:
        if not nets or not len(data):
            raise ValueError("nets and data: expected at least one network and one digit")
        self.nets, self.data = dict(nets), data
        self._scans = Cache(self.KEPT)

    def controls(self, **state: Any) -> dict[str, Control]:
        height, width = self.data.images.shape[-2:]
        return {
            "net": Choice("net", {name: style(name).label for name in self.nets}),
            "index": Number("digit no.", 0, len(self.data) - 1),
            "radius": Number("change by", 0.1, 20.0, 1.0, step=0.1),
            "in_pixel_box": Toggle("keep the pixel in [0, 1]", True),
            "row": Number("row", 0, height - 1, height // 2),
            "column": Number("column", 0, width - 1, width // 2),
            "step": Button("the ℓ1 step's pixel", lambda **state: self._go("step", state)),
            "best": Button("the best pixel", lambda **state: self._go("truth", state)),
            "revealed": Toggle("reveal the truth"),
        }

    def scan(self, **state: Any) -> SinglePixelScan:
        """All single-pixel changes of a digit: computed once, one gradient and two forward passes a pixel."""
        return self._scan(**self.state(**state))

    def _scan(self, net: str, index: int, radius: float, in_pixel_box: bool, **_: Any) -> SinglePixelScan:
        x, label, model = self.data.images[index : index + 1], int(self.data.labels[index]), self.nets[net]

        def compute() -> SinglePixelScan:
            return single_pixel_scan(model, x, label, radius, in_pixel_box, net=net)

        now = stamp((x, *model.parameters(), *model.buffers()))  # the net may be trained in place
        return self._scans.get((net, index, label, radius, in_pixel_box, now), compute)

    def draw(self, *, row: int, column: int, revealed: bool, **state: Any) -> SinglePixelFigure:  # type: ignore[override]
        scan = self._scan(**state)
        return SinglePixelFigure(scan, scan.number(row, column), revealed)

    def figure(self, slide: str | None = None, **chosen: Any) -> Slider:
        """The figure revealed, with a slider through the pixels that the gradient ranks first, and the best.

        It opens at the pixel chosen, or at the ℓ1 step's.
        """
        wanted = {"revealed": True, **self.given, **chosen}
        opened = self.draw(**self.state(**wanted))
        scan = opened.scan
        shown = opened.pixel if {"row", "column"} & set(wanted) else scan.step
        places = list(dict.fromkeys([*scan.order[:RANKED], scan.truth, shown]))
        labels = [f"{scan.rank(j)[0]}, pixel {scan.place(j)}, in truth {scan.rank(j)[1]}" for j in places]
        figures = [replace(opened, pixel=j) for j in places]
        return Slider(figures, labels, "by the gradient number ", places.index(shown), ticks=False)

    def say(self, figure: Any, /, **state: Any) -> str:
        """What the net says, and how the pixel compares with the others."""
        if not figure.revealed:
            return f"{figure.title}."
        scan, (by_gradient, in_truth) = figure.scan, figure.scan.rank(figure.pixel)
        rise = f"the loss {moved(float(scan.best_rise[figure.pixel]))}"
        places = f"number {in_truth} of {len(scan.way)} in truth, number {by_gradient} by the gradient"
        return f"{figure.title}; {rise}, {places}."

    def clicked(self, x: float, y: float, /, **state: Any) -> dict[str, int]:
        return {"row": round(y), "column": round(x)}

    def _go(self, which: str, state: dict[str, Any]) -> dict[str, int]:
        scan = self._scan(**state)
        return dict(zip(("row", "column"), scan.place(getattr(scan, which)), strict=True))
