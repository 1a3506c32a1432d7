"""Robust accuracy against ε: of all nets under more steps and restarts, and of one net between two bounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from rolab.evaluation import accuracy_percent
from rolab.experiments.robustness_results import RobustnessResults
from rolab.experiments.styles import style
from rolab.plotting import BESIDE, Area, Axis, Curves, Figure, Line, Panel, Style

AXES = ("ε: ℓ∞ radius, in [0, 1] pixels", "digits read correctly, %")
PERCENT = (-2, 102)


@dataclass(frozen=True, eq=False)
class RobustnessFigure(Curves):
    """What attacks with so many steps and restarts leave of each net, against ε."""

    steps: int = 1
    restarts: int = 0
    verdict: str = ""  # which net stands best

    def table(self) -> list[dict[str, Any]]:
        """A row for each ε, percent."""
        rows, run = super().table(), {"steps": self.steps, "restarts": self.restarts}
        return [{**run, "ε": row.pop(self.x_title), **row} for row in rows]


def robustness_figure(
    results: RobustnessResults,
    steps: int | None = None,
    restarts: int | None = None,
    *,
    radius: float | None = None,
    nets: Sequence[str] | None = None,
) -> RobustnessFigure:
    """The curves of these nets under an attack.

    Args:
        results: the numbers
        steps: as many as there are, if left out
        restarts: the same
        radius: of which the title speaks; that nearest to 0.1, if left out
        nets: which are drawn; all, if left out
    """
    most, again = results.hardest
    run = most if steps is None else steps, again if restarts is None else restarts
    radius = min(results.radii, key=lambda r: abs(r - 0.1)) if radius is None else radius
    nets = results.nets if nets is None else nets
    if not nets:
        raise ValueError("nets: expected at least one, got none")
    if radius not in results.radii:
        raise ValueError(f"radius: expected one of {', '.join(map(str, results.radii))}, got {radius!r}")
    best, radii = results.best(radius, *run, nets), (0.0, *results.radii)
    first = {net: results.percent(net, radius, 1, 0) for net in best}
    alike = [net for net in best if first[net] == first[best[0]]]
    title = f"At ε = {radius:g}, one step leaves {_listed(alike)} {first[best[0]]:.1f} %"
    if run != (1, 0):
        counts = zip(run, ("step", "restart"), strict=True)
        attack = ", ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in counts if count)
        title += f"; {attack}: {results.percent(best[0], radius, *run):.1f} %"
    curves = {net: [results.percent(net, r, *run) for r in radii] for net in results.nets if net in nets}
    alt = f"Accuracies of {_listed(nets, ', ')} against ε. Shown: {title}."
    styles = {net: style(net, place) for place, net in enumerate(results.nets)}
    stands = "stands best" if len(best) == 1 else "stand best alike"
    verdict = f"{_listed(best)} {stands}: {results.accuracy(best[0], radius, *run)}"
    more: dict[str, Any] = {"steps": run[0], "restarts": run[1], "verdict": verdict}
    return RobustnessFigure(title, radii, curves, *AXES, y_range=PERCENT, alt=alt, styles=styles, **more)


def _listed(nets: Iterable[str], by: str = " and ") -> str:
    return by.join(style(net).label for net in nets)


BOUNDS = {  # name → dash; all in the colour of the net
    "proved to hold": "dashdot",
    "left by all attacks": "solid",
    "left by one step:<br>what the paper<br>measured": "dot",
}


@dataclass(frozen=True, eq=False)
class BoundsFigure(Figure):
    """One net: the true robust accuracy lies between what is proved and what attacks have left.

    A digit that falls at ε falls at every larger ε, and one that holds at ε holds at every smaller one: so
    both bounds are known at all radii, as stairs, and not only where they were tried.
    """

    net: str  # its name
    one_step: Tensor  # the radius at which each digit falls to the single step, (N,); inf where it does not
    attacks: Tensor  # the same under all attacks, (N,)
    certified: Tensor  # the largest radius for which each digit has a proof, (N,); 0 where none has
    largest: float  # where the axis ends
    HEIGHT = 420
    MARGIN = (64, 158, 46, 54)
    legend = BESIDE

    def __post_init__(self) -> None:
        if not self.largest > 0:
            raise ValueError(f"largest: expected a radius above 0, got {self.largest:g}")

    def bounds(self, radius: float) -> dict[str, float]:
        """The lower and the upper bound of the robust accuracy, and what one step leaves; percent."""
        proved = (self.certified >= radius) & (self.attacks > 0)
        left = {"all attacks leave": self.attacks > radius, "one step leaves": self.one_step > radius}
        return {name: accuracy_percent(digits) for name, digits in ({"proved": proved} | left).items()}

    def table(self) -> list[dict[str, Any]]:
        """A row for 0, each radius at which a bound may change, and the largest; percent."""
        met = {radius for each in (self.one_step, self.attacks, self.certified) for radius in each.tolist()}
        radii = sorted({0.0, self.largest} | {radius for radius in met if radius < self.largest})
        return [{"ε": radius} | self.bounds(radius) for radius in radii]

    @property
    def title(self) -> str:  # type: ignore[override]
        """The bounds at the largest radius at which half of the digits are proved."""
        _, first, *rows = self.table()
        radius, low, high, _ = [first, *(row for row in rows if row["proved"] >= 50)][-1].values()
        what = f"{style(self.net).label}, {len(self.certified)} digits, ε = {radius:g}"
        return f"{what}: the truth lies between {low:.0f} % and {high:.0f} %"

    @property
    def alt(self) -> str:
        return f"Two bounds of the robust accuracy against ε, and what one step leaves. {self.title}."

    def panels(self) -> list[Panel]:
        """What is proved, what all attacks leave, the band between filled; and what one step leaves."""
        x, low, high, one = np.repeat([list(row.values()) for row in self.table()], 2, axis=0).T
        holds, left = (x[:-1], low[1:]), (x[1:], high[:-1])  # a digit holds up to its radius, or falls there
        around, area = np.hstack([holds, np.flip(left, 1)])
        curves, color = (holds, left, (x[1:], one[:-1])), style(self.net).color
        looks = [Style(name, color, dash) for name, dash in BOUNDS.items()]
        lines = [Line.of(look, *curve, hover=True) for look, curve in zip(looks, curves, strict=True)]
        marks = [Area(around, area, color, width=0), *lines]
        return [Panel(marks, Axis(AXES[0], from_zero=True), Axis(AXES[1], PERCENT))]


def bounds_figure(results: RobustnessResults, net: str, largest: float = 0.3) -> BoundsFigure:
    """Between what is proved and what attacks have broken, for radii up to the largest.

    Raises:
        ValueError: the certificates of this net were not computed.
    """
    certified = results.certified_radius(net)
    one_step = results.first_failure_radius(net, one_step=True)[: len(certified)]
    attacks = results.first_failure_radius(net, "ensemble")[: len(certified)]
    return BoundsFigure(net, one_step, attacks, certified, largest)
