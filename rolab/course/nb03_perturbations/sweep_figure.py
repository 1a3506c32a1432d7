"""Perturbation sweeps as figures, of one net or of two side by side; a slider goes through the radii."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rolab.course.nb03_perturbations.perturbation_sweep import PerturbationSweep
from rolab.experiments.styles import style
from rolab.plotting import Axis, Cursor, Legend, Mark, Panel, Picture, Sliding
from rolab.plotting.figure import legend_rows

LEFT, HALF = (0.0, 0.55), 0.45  # where the half of each of two nets begins, and how broad it is


@dataclass(frozen=True, eq=False)
class SweepFigure(Sliding):
    """The image, Δ, their sum, and the class probabilities against ε. It opens at the radius `shown`."""

    sweep: PerturbationSweep
    shown: int
    HEIGHT = 540
    MARGIN = (60, 16, 76, 54)
    legend = Legend(0.765, 0.46)
    prefix = "ε = "

    @property
    def places(self) -> Sequence[float]:  # type: ignore[override]
        return self.sweep.radii

    @property
    def alt(self) -> str:
        """What is seen, and what the net says."""
        w = self.sweep
        against = f"against the {style(w.norm).label} radius up to {w.radii[-1]:g}: {w.flips()}"
        seen = f"{w.opening}, the perturbation, their sum, and the net's class probabilities {against}"
        return f"{seen}. Shown: {self.title}."

    def message(self, k: int) -> str:
        return self.sweep.sentence(k)

    def flips(self) -> str:
        return self.sweep.flips()

    def panels(self) -> list[Panel]:
        """Three pictures, and the curves below."""
        w = self.sweep
        names = f"x, label {w.truth}", f"Δ ×{w.gain:g}", "x + Δ"
        above = picture_row([w.original, *w.pictures(self.shown)], names, 0.58)
        return [*above, curves(w, self.shown, (0, 0.75, 0, 0.46), w.x_title)]

    def row(self, k: int) -> dict[str, Any]:
        return self.sweep.row(k)


@dataclass(frozen=True, eq=False)
class ComparisonFigure(Sliding):
    """Two sweeps of one image in one set: for each net Δ, x + Δ and its class probabilities.

    Attributes:
        sweeps: of the two nets; their radii are the same
        shown: the place of the radius that the figure opens at, and that the PNG shows
    """

    sweeps: tuple[PerturbationSweep, PerturbationSweep]
    shown: int
    HEIGHT = 520
    legend = Legend(0, -0.16, rows=True)
    prefix = "ε = "

    def __post_init__(self) -> None:
        if self.sweeps[0].radii != self.sweeps[1].radii:
            raise ValueError("sweeps: expected two sweeps over the same radii")
        super().__post_init__()

    @property
    def places(self) -> Sequence[float]:  # type: ignore[override]
        return self.sweeps[0].radii

    @property
    def MARGIN(self) -> tuple[int, int, int, int]:  # type: ignore[override]
        """With room for the legend below."""
        names = {line.label for w in self.sweeps for line in w.lines[:-1] if line.label}
        return 60, 16, 76, 66 + 24 * legend_rows([*names, "ε"])

    @property
    def alt(self) -> str:
        """What is seen, and what the nets say."""
        w, each = self.sweeps[0], "; ".join(f"{style(w.net).label}: {w.flips()}" for w in self.sweeps)
        seen = f"{w.opening} perturbed for two nets side by side, and their class probabilities against the"
        return f"{seen} {style(w.norm).label} radius. {each}. Shown: {self.title}."

    def message(self, k: int) -> str:
        w = self.sweeps[0]
        said = ", ".join(f"{style(w.net).label} says {w.answer(k)}" for w in self.sweeps)
        return f"{style(w.norm).label} radius {w.radii[k]:g}, label {w.truth}: {said}"

    def flips(self) -> str:
        return "; ".join(f"{style(w.net).label} {w.flips()}" for w in self.sweeps)

    def panels(self) -> list[Panel]:
        """For each net two pictures, and the curves below; a class has one entry in the legend."""
        found, named = list[Panel](), {self.sweeps[0].flips(), self.sweeps[1].flips()}
        for w, left in zip(self.sweeps, LEFT, strict=True):
            above = zip(w.pictures(self.shown), (f"Δ ×{w.gain:g}", "x + Δ"), (left, left + 0.24), strict=True)
            found += [Panel.picture(picture, (x, x + 0.2, 0.6, 1), name) for picture, name, x in above]
            x_title, title = f"ε, {style(w.norm).label} radius", f"{style(w.net).label}: {w.flips()}"
            panel = curves(w, self.shown, (left, left + HALF, 0, 0.48), x_title, title=title)
            marks = [replace(mark, name="") if mark.name in named else mark for mark in panel.marks]
            named |= {mark.label for mark in marks if mark.label}
            found.append(replace(panel, marks=marks))
        return found

    def row(self, k: int) -> dict[str, Any]:
        """ε, and for each net its answer and the probability of the true class."""
        row: dict[str, Any] = {"ε": self.places[k]}
        for w in self.sweeps:
            label = style(w.net).label
            row |= {label: w.answer(k), f"p({w.truth}), {label}": float(w.probability[k, w.label])}
        return row


def picture_row(
    pictures: Sequence[Picture], captions: Sequence[str], bottom: float, marks: Sequence[Mark] = ()
) -> list[Panel]:
    """Three pictures side by side, from that share of the figure's height up; the marks are on each."""
    row = zip(pictures, captions, (0, 0.355, 0.71), strict=True)
    return [Panel.picture(picture, (x, x + 0.29, bottom, 1), caption, marks) for picture, caption, x in row]


def curves(w: PerturbationSweep, k: int, domain: Any, x_title: str, **more: Any) -> Panel:
    """The class probabilities of a sweep against ε, and the radius shown."""
    marks = [*w.lines[:-1], Cursor(w.radii[k], name="ε"), w.lines[-1]]
    y = Axis("probability" if domain[0] == 0 else "", (-0.02, 1.02))
    return Panel(marks, Axis(x_title, (0, w.radii[-1])), y, domain, **more)
