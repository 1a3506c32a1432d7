"""A scan of all pixels as a figure: three maps, the promise against the truth, the class probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from rolab.course.nb03_perturbations.single_pixel_scan import SinglePixelScan
from rolab.course.nb03_perturbations.sweep_figure import picture_row
from rolab.net_styles import STYLES
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
    HEIGHT: ClassVar[int] = 620
    MARGIN: ClassVar[tuple[int, int, int, int]] = (60, 16, 76, 56)
    legend: ClassVar[Legend] = Legend(0, 0.52, rows=True)

    @property
    def title(self) -> str:  # type: ignore[override]
        """What the net says to the change of the pixel."""
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
        rise = s.best_rise.clamp(min=0) * self.revealed
        maps = (
            Picture(pixels((m / m.abs().max().clamp(min=1e-30)).view(s.image.shape), 1.0))
            for m in (s.gradient, rise)
        )
        captions = f"x + Δ, label {s.label}", "the gradient", "the truth" + ": hidden" * (not self.revealed)
        rows, columns = zip(*map(s.place, range(len(rise))), strict=True)
        ring = Points([column], [row], **RING)
        to_click = Points(columns, rows, symbol="square", size=8, opacity=0, hover="row %{y}, column %{x}")
        above = picture_row([Picture(pixels(s.changed(self.pixel))), *maps], captions, 0.56, [ring, to_click])
        x, y = Axis("promised rise of the loss, ⟨g, Δ⟩"), Axis("true rise of the loss")
        classes, share = range(len(s.before)), Axis("probability", (0, 1.02))
        bars = [
            Bars(classes, s.before.softmax(0), "#ffffff", name="before", offset=-0.2, outline=INK),
            Bars(classes, s.probability(self.pixel), RED, name="after", offset=0.2),
        ]
        below = Panel(self._cloud(), x, y, (0, 0.46, 0, 0.37))
        return [*above, below, Panel(bars, Axis("class", ticks=classes), share, (0.58, 1, 0, 0.37))]

    def _cloud(self) -> list[Mark]:
        """Each pixel: by how much the loss truly rises, against what is promised."""
        s = self.scan
        every, step, truth = (
            ([x, y] if self.revealed else [[], []])
            for x, y in ((s.best_promised, s.best_rise), zip(s.step_point), zip(s.point(s.truth)))
        )
        far, (step_look, truth_look) = float(s.best_promised.max()), (STYLES["l1"], STYLES["l2"])
        return [
            Points(*every, "#b8b8b8", size=4, name="all pixels"),
            Line([0, far], [0, far], dash="dot", width=1, name="as promised"),
            Points(*step, step_look.color, symbol=step_look.marker, size=11, outline=INK, name="the ℓ1 step"),
            Points(
                *truth,
                truth_look.color,
                symbol=truth_look.marker,
                hollow=True,
                size=16,
                width=2.5,
                name="the best",
            ),
            Points(*zip(s.point(self.pixel)), name="the pixel shown", **RING),
        ]

    def table(self) -> list[dict[str, Any]]:
        """The numbers of the pixel."""
        return [self.scan.row(self.pixel)]
