"""A run of Algorithm 1, drawn: the plane on the left, losses and margin against the steps on the right."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from rolab.course.nb04_algorithm1.two_moons import (
    BOTTOM,
    LEFT,
    RIGHT,
    SPACING,
    TOP,
    TrainingState,
    TrainingTrace,
)
from rolab.plotting import (
    BLUE,
    GREY,
    INK,
    RED,
    Axis,
    Legend,
    Line,
    Mark,
    Panel,
    Picture,
    Points,
    Sliding,
    Style,
    segments,
    style,
)
from rolab.sets import Ball

CLASSES = Style("class 0", BLUE), Style("class 1", "#CC79A7", marker="square")
LOSSES = {
    "loss": Style("J(x)", INK),
    "attacked": Style("J(x + Δ̂), one step", "#E69F00", "dash"),
    "worst": Style("worst J in U", RED, "dot"),
}
MARGINS = {"margin": Style("margin", "#009E73")}
LEVELS = Style("ε", GREY, "dash"), Style("half the gap", GREY, "dot")
EXTENT = tuple(end + sign * SPACING / 2 for end, sign in ((LEFT, -1), (RIGHT, 1), (BOTTOM, -1), (TOP, 1)))
SURE = 4.0  # the logit from which on a region has its full colour
CLOSE, EVERY = 20, 5  # the curves have the first so many steps, and then every fifth


@dataclass(frozen=True, eq=False)
class TrainingFigure(Sliding):
    """States of a run under a slider: regions, Δ̂ of the mini-batch, losses, margin.

    Attributes:
        run: the run
        places: the steps of the slider, ascending; the curves end at the last
        shown: the place among them at which the figure opens, and that the PNG shows; -1 is the last
    """

    run: TrainingTrace
    places: Sequence[int]
    shown: int = -1
    prefix: ClassVar[str] = "step "
    HEIGHT: ClassVar[int] = 430
    MARGIN: ClassVar[tuple[int, int, int, int]] = (36, 12, 62, 104)
    legend: ClassVar[Legend] = Legend(0, -0.15, rows=True, size=11)
    SEEN: ClassVar[str] = (
        "Left two moons, the decision regions of a network, and Δ̂ of a mini-batch as arrows; right the "
        "losses and the margin against the steps."
    )

    def __post_init__(self) -> None:
        if not self.places or list(self.places) != sorted(set(self.places)):
            raise ValueError(f"places: expected ascending numbers of steps, got {tuple(self.places)}")
        super().__post_init__()

    def message(self, k: int) -> str:
        """What the figure says at the k-th place."""
        m = self.run[self.places[k]]
        margin = f"margin {m.margin:.2f}" if m.boundary.numel() else "no boundary in sight"
        return (
            f"Step {m.step}, {self.set_name}: {margin}, {m.withstand:.0f} % withstand U; "
            f"loss {m.loss:.2f} → {m.attacked:.2f} attacked"
        )

    @property
    def set_name(self) -> str:
        """The set in words, such as ℓ2 radius 0.2."""
        return f"{style(self.run.U.norm.name).label} radius {float(self.run.U.radius):g}"

    def panels(self) -> list[Panel]:
        """The plane, the losses, the margin."""
        run, m, last = self.run, self.run[self.places[self.shown]], self.places[-1]
        steps = [k for k in range(last + 1) if k <= CLOSE or k % EVERY == 0]
        classes = [(run.points[run.labels == c], look) for c, look in enumerate(CLASSES)]
        before, boundary = (
            s.boundary.round(decimals=3).T for s in (m.before, m)
        )  # short numbers: small files
        arrows = segments(run.points[m.rows], run.points[m.rows] + m.perturbation)
        plane: list[Mark] = [Picture(regions(m), EXTENT, enlarged=1)]
        plane += [Line(*outlines(run.U, points), look.color, width=0.5) for points, look in classes]
        plane += [
            Points(*before[:, ::5], GREY, size=2, name="boundary before"),
            Points(*boundary[:, ::3], INK, size=3, name="boundary"),
            Line(*arrows, width=1.5, arrow=True, name="Δ̂"),
        ]
        for points, look in classes:
            plane.append(Points(*points.T, look.color, symbol=look.marker, size=5, name=look.label))

        def curves(looks: Mapping[str, Style]) -> list[Mark]:
            curves = [[getattr(run[k], name) for k in steps] for name in looks]
            here, colors = [getattr(m, name) for name in looks], [look.color for look in looks.values()]
            lines = [
                Line.of(look, steps, y, hover=True) for look, y in zip(looks.values(), curves, strict=True)
            ]
            return [*lines, Points([m.step] * len(here), here, colors, size=8)]

        end = max(last, 1)
        across, plain = (-0.04 * end, 1.04 * end), {"width": 1, "hover": True}
        levels = zip(LEVELS, (float(run.U.radius), run.attainable), strict=True)
        margin = [Line.of(look, [0, end], [y, y], **plain) for look, y in levels]
        x = Axis(range=(LEFT, RIGHT), ticks=range(-1, 3), grid=False)
        y = Axis(range=(BOTTOM, TOP), ticks=range(-1, 2), grid=False)
        above = Axis(range=across, labels=False)
        return [
            Panel(plane, x, y, (0, 0.548, 0, 1), equal=True),
            Panel(curves(LOSSES), above, Axis(from_zero=True), (0.68, 1, 0.56, 1), "loss"),
            Panel([*curves(MARGINS), *margin], Axis("step", across), Axis(), (0.68, 1, 0, 0.44), "margin"),
        ]

    def row(self, k: int) -> dict[str, Any]:
        """The losses, the margin, what withstands, at the k-th place."""
        m = self.run[self.places[k]]
        row: dict[str, Any] = {"step": m.step, **{look.label: getattr(m, n) for n, look in LOSSES.items()}}
        margin = m.margin if math.isfinite(m.margin) else None
        return row | {"margin": margin, "withstand U, %": m.withstand}


def regions(m: TrainingState) -> np.ndarray:
    """The plane in the colours of the classes, paler where the network is less sure: (H, W, 3) bytes."""
    z = (m.logit / SURE).clamp(-1, 1).round(decimals=1)[..., None].numpy()
    one, other = (np.array([int(look.color[i : i + 2], 16) for i in (1, 3, 5)]) for look in CLASSES)
    full = 255 + 0.45 * (np.where(z < 0, one, other) - 255)
    return (255 + np.abs(z) * (full - 255)).astype(np.uint8)


def outlines(U: Ball, points: Tensor) -> Tensor:
    """The boundary of x + U for each of the points, drawn by the set's own maximiser: x and y, with gaps."""
    angle = torch.arange(0, 2 * math.pi, math.pi / 8) + 0.01
    around = U.maximizer(torch.stack([angle.cos(), angle.sin()], 1))
    corners = torch.unique_consecutive(torch.cat([around, around[:1]]), dim=0)
    gap = corners.new_full((1, 2), math.nan)
    return (points[:, None] + torch.cat([corners, gap])).flatten(0, 1).T
