"""Two nets side by side under the same growing set, each attacked with its own gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rolab.course.nb03_perturbations.perturbation_sweep import PerturbationSweep
from rolab.course.nb03_perturbations.sweep_figure import curves
from rolab.experiments.styles import style
from rolab.plotting import Legend, Panel, Sliding
from rolab.plotting.figure import legend_rows

LEFT, HALF = (0.0, 0.55), 0.45  # where the half of each net begins, and how broad it is


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
        """The radii."""
        return self.sweeps[0].radii

    @property
    def MARGIN(self) -> tuple[int, int, int, int]:  # type: ignore[override]
        """With room for the legend below."""
        names = {line.label for w in self.sweeps for line in w.lines[:-1] if line.label}
        return 60, 16, 76, 66 + 24 * legend_rows([*names, "ε"])

    @property
    def alt(self) -> str:
        """What is seen, and what the nets say."""
        w = self.sweeps[0]
        each = "; ".join(f"{style(w.net).label}: {w.flips()}" for w in self.sweeps)
        return (
            f"{w.opening} perturbed for two nets side by side, and their class probabilities against the "
            f"{style(w.norm).label} radius. {each}. Shown: {self.title}."
        )

    def message(self, k: int) -> str:
        """What the two nets say at the k-th radius."""
        w = self.sweeps[0]
        said = ", ".join(f"{style(w.net).label} says {w.answer(k)}" for w in self.sweeps)
        return f"{style(w.norm).label} radius {w.radii[k]:g}, label {w.truth}: {said}"

    def flips(self) -> str:
        """Where the answers change, in words."""
        return "; ".join(f"{style(w.net).label} {w.flips()}" for w in self.sweeps)

    def panels(self) -> list[Panel]:
        """For each net two pictures, and the curves below; a class has one entry in the legend."""
        found, named = list[Panel](), {self.sweeps[0].flips(), self.sweeps[1].flips()}
        for w, left in zip(self.sweeps, LEFT, strict=True):
            for i, (picture, name) in enumerate(
                zip(w.pictures(self.shown), (f"Δ ×{w.gain:g}", "x + Δ"), strict=True)
            ):
                start = left + 0.24 * i
                found.append(Panel.picture(picture, (start, start + 0.2, 0.6, 1), name))
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
