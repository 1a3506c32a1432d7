"""A run of Algorithm 1, drawn: the plane on the left, losses and margin against the steps on the right."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rolab.course.nb04_algorithm1.two_moons import SPACING, WINDOW, TrainingState, TrainingTrace
from rolab.plotting.figure import Legend
from rolab.plotting.kernel_free_slider import Sliding
from rolab.plotting.marks import Line, Mark, Picture, Points, segments
from rolab.plotting.panels import Axis, Panel
from rolab.plotting.style import BLUE, GREY, INK, RED, Style, style
from rolab.sets import Ball

CLASSES = Style("class 0", BLUE), Style("class 1", "#CC79A7", marker="square")
LOSSES = {
    "loss": Style("J(x)", INK),
    "attacked": Style("J(x + Δ̂), one step", "#E69F00", "dash"),
    "worst": Style("worst J in U", RED, "dot"),
}
ROBUST, RIVAL = Style("Algorithm 1", "#009E73"), Style("standard", INK, "dashdot", "cross")
LEVELS = Style("ε", GREY, "dash"), Style("half the gap", GREY, "dot")
SURE = 4.0  # the logit from which on a region has its full colour
CLOSE, EVERY = 20, 5  # the curves have the first so many steps, and then every fifth


@dataclass(frozen=True, eq=False)
class TrainingFigure(Sliding):
    """States of a run under a slider: regions, Δ̂ of the mini-batch, losses, margin; beside it another run.

    A place is a number of steps. Half a step more is the moment between the two halves of the next one: the
    points have run uphill, and the boundary has not moved yet. The curves end where a reader has been.
    """

    run: TrainingTrace
    places: Sequence[float]  # of the slider, ascending
    shown: int = -1
    rival: TrainingTrace | None = None  # standard training, from the same weights
    furthest: float = 0  # a place that has been reached before
    prefix = "step "
    HEIGHT = 450
    MARGIN = (36, 12, 62, 122)
    legend = Legend(0, -0.15, rows=True, size=11)
    SEEN = (
        "Left two moons, the decision regions of a network, and Δ̂ of a mini-batch as arrows; right the "
        "losses and the margin against the steps."
    )

    def __post_init__(self) -> None:
        if not self.places or list(self.places) != sorted(set(self.places)):
            raise ValueError(f"places: expected ascending numbers of steps, got {tuple(self.places)}")
        super().__post_init__()

    def label(self, k: int) -> str:
        step, up = self.moment(k)
        return f"{step + 1}, up" if up else f"{step}"

    def moment(self, k: int) -> tuple[int, bool]:
        """How many steps are done at the k-th place, and whether the points of the next have run uphill."""
        step = math.floor(self.places[k])
        return step, self.places[k] > step

    def message(self, k: int) -> str:
        (step, up), U = self.moment(k), self.run.U
        m = self.run[step]
        begun = f"Step {step + up}, {style(U.norm.name).label} radius {float(U.radius):g}"
        if up:
            return f"{begun}, up: each point of the mini-batch runs to its worst place"
        margin = f"margin {m.margin:.2f}" if m.boundary.numel() else "no boundary in sight"
        if self.rival and math.isfinite(other := self.rival[step].margin):
            margin += f" (standard {other:.2f})"
        losses = f"loss {m.loss:.2f} → {m.attacked:.2f} attacked"
        return f"{begun}: {margin}, {m.withstand:.0f} % withstand U; {losses}"

    def panels(self) -> list[Panel]:
        """The plane, the losses, the margin."""
        last = max(CLOSE, self._reached)
        room, run = 0.04 * last, self.run
        levels = zip(LEVELS, (float(run.U.radius), run.attainable), strict=True)
        flat = [Line.of(look, [0, last], [y, y], width=1, hover=True) for look, y in levels]
        margin = [*self._curves(run, {"margin": ROBUST}), *self._curves(self.rival, {"margin": RIVAL}), *flat]
        across = Axis(range=WINDOW[:2], ticks=(-1, 0, 1, 2), grid=False)
        up = Axis(range=WINDOW[2:], ticks=(-1, 0, 1), grid=False)
        above, step = Axis(range=(-room, last + room), labels=False), Axis("step", (-room, last + room))
        return [
            Panel(self._plane(), across, up, (0, 0.548, 0, 1), equal=True),
            Panel(self._curves(run, LOSSES), above, Axis(from_zero=True), (0.68, 1, 0.56, 1), "loss"),
            Panel(margin, step, Axis(), (0.68, 1, 0, 0.44), "margin"),
        ]

    @property
    def _reached(self) -> int:
        return math.floor(max(self.places[self.shown], self.furthest))

    def _plane(self) -> list[Mark]:
        """The regions, the boundary before and after the step, Δ̂, the points with their sets."""
        run, (left, right, bottom, top), edge = self.run, WINDOW, SPACING / 2
        step, up = self.moment(self.shown)
        m, moved = run[step], run[step + up]  # what the network is, and the step whose Δ̂ are drawn
        start, nowhere = run.points[moved.rows], m.boundary[:0]
        before = nowhere if up else m.before.boundary
        rival = self.rival[step].boundary if self.rival else nowhere
        drawn = (  # rounded, for small files
            (before[::5], GREY, "circle", 2, "boundary before"),
            (rival[::6], RIVAL.color, RIVAL.marker, 4, "boundary, standard"),
            (m.boundary[::3], ROBUST.color, "circle", 3, "boundary, Algorithm 1"),
        )
        classes = [(run.points[run.labels == c], look) for c, look in enumerate(CLASSES)]
        dots = [Points(x[:, 0], x[:, 1], c.color, symbol=c.marker, size=5, name=c.label) for x, c in classes]
        return [
            Picture(regions(m), (left - edge, right + edge, bottom - edge, top + edge), enlarged=1),
            *(Line(*outlines(run.U, x), c.color, width=0.5) for x, c in classes),
            *(
                Points(x, y, color, symbol=symbol, size=size, name=name)
                for points, color, symbol, size, name in drawn
                for x, y in [points.round(decimals=3).T]
            ),
            Line(*segments(start, start + moved.perturbation), INK, width=1.5, arrow=True, name="Δ̂"),
            *dots,
        ]

    def _curves(self, run: TrainingTrace | None, looks: Mapping[str, Style]) -> list[Mark]:
        """What is measured, as far as it is reached, and points where we are: on the curves."""
        here = self.moment(self.shown)[0]
        reached = range(self._reached + 1) if run else ()
        steps = [k for k in reached if k <= CLOSE or k % EVERY == 0 or k in (here, self._reached)]
        values = {name: [getattr(run[k], name) for k in steps] for name in looks} if run else {}
        marks = [Line.of(look, steps, values.get(name, ()), hover=True) for name, look in looks.items()]
        at = [value[steps.index(here)] for value in values.values()]
        return [*marks, Points([here] * len(at), at, [look.color for look in looks.values()], size=8)]

    def row(self, k: int) -> dict[str, Any]:
        m = self.run[self.moment(k)[0]]
        losses = {look.label: getattr(m, name) for name, look in LOSSES.items()}
        margin = m.margin if math.isfinite(m.margin) else None
        return {"step": self.label(k), **losses, "margin": margin, "withstand U, %": m.withstand}


def regions(m: TrainingState) -> np.ndarray:
    """The plane in the colours of the classes, paler where the network is less sure: (H, W, 3) bytes."""
    z = (m.logit / SURE).clamp(-1, 1).round(decimals=1)[..., None].numpy()
    one, other = (np.array([int(look.color[i : i + 2], 16) for i in (1, 3, 5)]) for look in CLASSES)
    full = 255 + 0.45 * (np.where(z < 0, one, other) - 255)
    return (255 + np.abs(z) * (full - 255)).astype(np.uint8)


def outlines(U: Ball, points: Tensor) -> tuple[Tensor, Tensor]:
    """The boundary of x + U for each of the points, drawn by the set's own maximiser: x and y, with gaps."""
    angle = torch.arange(0, 2 * math.pi, math.pi / 8) + 0.01
    around = U.maximizer(torch.stack([angle.cos(), angle.sin()], 1))
    corners = torch.unique_consecutive(torch.cat([around, around[:1]]), dim=0)
    x, y = (points[:, None] + F.pad(corners, (0, 0, 0, 1), value=math.nan)).flatten(0, 1).T
    return x, y
