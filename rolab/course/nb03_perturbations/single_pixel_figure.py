"""A scan of all pixels as a figure: three maps, the promise against the truth, the class probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from rolab.course.nb03_perturbations.single_pixel_scan import SinglePixelScan
from rolab.course.nb03_perturbations.sweep_figure import picture_row
from rolab.experiments.styles import STYLES
from rolab.plotting import INK, RED, Axis, Bars, Figure, Legend, Line, Mark, Panel, Picture, Points, pixels

RING: dict[str, Any] = {"size": 15, "hollow": True, "width": 2.5}


@dataclass(frozen=True, eq=False)
class SinglePixelFigure(Figure):
    """A scan as a figure.

    Attributes:
        scan: what is shown
        pixel: the one that is chosen
        revealed: whether the ℓ1 step, the best pixel and the map of the truth are shown
    """

    scan: SinglePixelScan
    pixel: int
    revealed: bool = True
    HEIGHT = 620
    MARGIN = (68, 16, 76, 56)
    legend = Legend(0, 0.52, rows=True)

    @property
    def title(self) -> str:  # type: ignore[override]
        return self.scan.sentence(self.pixel)

    @property
    def alt(self) -> str:
        """What is seen, and what was found."""
        s = self.scan
        found = f"The ℓ1 step takes pixel {s.place(s.step)}, the best is {s.place(s.truth)}. " * self.revealed
        return (
            f"A digit with label {s.label}, the gradient of its loss, the true rise of the loss for each "
            "pixel, the true rise against the promised one, and the class probabilities before and after. "
            f"{found}Shown: {self.title}"
        )

    def panels(self) -> list[Panel]:
        """The digit, the gradient, the truth; below them the rise of the loss, the class probabilities."""
        s, (row, column) = self.scan, self.scan.place(self.pixel)
        captions = f"x + Δ, label {s.label}", "the gradient", "the truth" + ": hidden" * (not self.revealed)
        maps = self._map(s.gradient), self._map(s.best_rise.clamp(min=0) * self.revealed)
        rows, columns = zip(*map(s.place, range(len(s.gradient))), strict=True)
        ring = Points([column], [row], **RING)
        to_click = Points(columns, rows, symbol="square", size=8, opacity=0, hover="row %{y}, column %{x}")
        above = picture_row([Picture(pixels(s.changed(self.pixel))), *maps], captions, 0.56, [ring, to_click])
        x, y = Axis("promised rise of the loss, ⟨g, Δ⟩"), Axis("true rise of the loss")
        cloud = Panel(self._cloud(), x, y, (0, 0.46, 0, 0.37))
        classes, after = range(len(s.before)), s.probability(self.pixel)
        bars = [
            Bars(classes, s.before.softmax(0), "#ffffff", name="before", offset=-0.2, outline=INK),
            Bars(classes, after, RED, name="after", offset=0.2),
        ]
        x, y = Axis("class", ticks=classes), Axis("probability", (0, 1.02))
        return [*above, cloud, Panel(bars, x, y, (0.58, 1, 0, 0.37))]

    def _map(self, values: Tensor) -> Picture:
        """A value of each pixel, the largest in full colour."""
        return Picture(pixels(values.view(self.scan.image.shape), 1 / max(float(values.abs().max()), 1e-30)))

    def _cloud(self) -> list[Mark]:
        """Each pixel: by how much the loss truly rises, against what is promised."""
        s, seen = self.scan, self.revealed
        points = s.point(s.step, s.step_way), s.point(s.truth)
        (step_x, step_y), (best_x, best_y) = ([[value] * seen for value in point] for point in points)
        x, y = s.point(self.pixel)
        far = [0, float(s.best_promised.max())]
        every = s.best_promised.tolist() * seen, s.best_rise.tolist() * seen
        l1, l2 = STYLES["l1"], STYLES["l2"]
        square: dict[str, Any] = {"symbol": l2.marker, "hollow": True, "size": 16, "width": 2.5}
        return [
            Points(*every, color="#b8b8b8", size=4, name="all pixels"),
            Points(step_x, step_y, l1.color, symbol=l1.marker, size=11, outline=INK, name="the ℓ1 step"),
            Line(far, far, dash="dot", width=1, name="as promised"),
            Points(best_x, best_y, l2.color, name="the best", **square),
            Points([x], [y], name="the pixel shown", **RING),
        ]

    def table(self) -> list[dict[str, Any]]:
        return [self.scan.row(self.pixel)]
