"""A perturbation sweep as a figure: the image, Δ, their sum, and the class probabilities against ε."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rolab.course.nb03_perturbations.perturbation_sweep import PerturbationSweep
from rolab.experiments.styles import style
from rolab.plotting import Axis, Cursor, Legend, Mark, Panel, Picture, Sliding


@dataclass(frozen=True, eq=False)
class SweepFigure(Sliding):
    """A sweep with a slider over ε. `shown` is the place of the radius that it opens at."""

    sweep: PerturbationSweep
    shown: int
    HEIGHT = 540
    MARGIN = (60, 16, 76, 54)
    legend = Legend(0.765, 0.46)
    prefix = "ε = "

    @property
    def places(self) -> Sequence[float]:  # type: ignore[override]
        """The radii."""
        return self.sweep.radii

    @property
    def alt(self) -> str:
        """What is seen, and what the net says."""
        w = self.sweep
        return (
            f"{w.opening}, the perturbation, their sum, and the net's class probabilities "
            f"against the {style(w.norm).label} radius up to {w.radii[-1]:g}: {w.flips()}. "
            f"Shown: {self.title}."
        )

    def message(self, k: int) -> str:
        """What the net says at the k-th radius."""
        return self.sweep.sentence(k)

    def flips(self) -> str:
        """Where the answer changes, in words."""
        return self.sweep.flips()

    def panels(self) -> list[Panel]:
        """Three pictures, and the curves below."""
        w = self.sweep
        names = f"x, label {w.truth}", f"Δ ×{w.gain:g}", "x + Δ"
        above = picture_row([w.original, *w.pictures(self.shown)], names, 0.58)
        return [*above, curves(w, self.shown, (0, 0.75, 0, 0.46), w.x_title)]

    def row(self, k: int) -> dict[str, Any]:
        """ε, the answer, the probability of each class."""
        return self.sweep.row(k)


def picture_row(
    pictures: Sequence[Picture], captions: Sequence[str], bottom: float, marks: Sequence[Mark] = ()
) -> list[Panel]:
    """Three pictures side by side, from that share of the figure's height up; the marks are on each."""
    places = zip(pictures, captions, (0, 0.355, 0.71), strict=True)
    return [
        Panel.picture(picture, (left, left + 0.29, bottom, 1), caption, marks)
        for picture, caption, left in places
    ]


def curves(
    w: PerturbationSweep, k: int, domain: tuple[float, float, float, float], x_title: str, **more: Any
) -> Panel:
    """The class probabilities of a sweep against ε, and the radius shown."""
    marks = [*w.lines[:-1], Cursor(w.radii[k], name="ε"), w.lines[-1]]
    y = Axis("probability" if domain[0] == 0 else "", (-0.02, 1.02))
    return Panel(marks, Axis(x_title, (0, w.radii[-1])), y, domain, **more)
