"""The reader as adversary: she drags the errors of the loads herself, against the worst errors there are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from rolab.course.live.controls import Control, Slide, Toggle
from rolab.course.live.explorer import Explorer
from rolab.linear_models import WorstDesign, worst_design
from rolab.plotting import INK, RED, Axis, Bars, Figure, Line, Mark, Panel, Points, segments
from rolab.sets import Ball


@dataclass(frozen=True, eq=False)
class DuelFigure(Figure):
    """The line b ≈ x t, and errors Δ of the loads, shortened to ‖Δ‖₂ ≤ γ where they are longer.

    Attributes:
        t, b: loads and extensions (m,)
        x: the slope
        asked: the errors that were asked for (m,)
        gamma: the bound γ
        worst: whether the worst errors are shown too
    """

    t: np.ndarray
    b: np.ndarray
    x: float
    asked: np.ndarray
    gamma: float
    worst: bool = False
    MARGIN = (54, 12, 56, 54)
    SEEN = (
        "Left, eight points and a line through 0; an arrow for each error moves its point sideways. Right, a "
        "bar for each error of a load."
    )

    @property
    def ball(self) -> Ball:
        """The set of errors."""
        return Ball("l2", self.gamma)

    @cached_property
    def errors(self) -> np.ndarray:
        """The errors in the ball that are nearest to those asked for."""
        return self.ball.project(torch.from_numpy(self.asked)[None])[0].numpy()

    @cached_property
    def best(self) -> WorstDesign:
        """The worst errors, and what they reach."""
        return worst_design(self.t[:, None], self.b, np.array([self.x]), self.ball)

    def added(self, errors: np.ndarray) -> float:
        """What errors add to ‖r‖, in cm."""
        miss = np.linalg.norm((self.t + errors) * self.x - self.b)
        return float(miss - np.linalg.norm(self.t * self.x - self.b))

    @property
    def share(self) -> float:
        """What the reader's errors add, in percent of what the worst ones add."""
        most = self.added(self.best.perturbation[:, 0])
        return 100 * self.added(self.errors) / most if most > 0 else 100.0

    @property
    def title(self) -> str:  # type: ignore[override]
        added = f"{self.added(self.errors):.3f}".replace("-", "−")
        return f"Your errors add {added} cm to the miss, {self.share:.0f} % of what the worst ones add"

    def table(self) -> list[dict[str, Any]]:
        row = {f"Δ{_lower(j)}": float(error) for j, error in enumerate(self.errors)}
        row |= {"‖Δ‖, N": float(np.linalg.norm(self.errors)), "added, cm": self.added(self.errors)}
        return [row | {"share, %": self.share}]

    def panels(self) -> list[Panel]:
        """The points, where they go, the line; a bar for each error, and the worst ones if they are shown."""
        moved, room = self.t + self.errors, self.gamma + 0.3
        across = float(min(self.t.min() - room, 0)), float(self.t.max() + room)
        low, high = float(min(self.b.min(), 0)), float(max(self.b.max(), 0))
        up = low - 0.08 * (high - low), high + 0.08 * (high - low)
        ends, places = np.array(across), list(range(1, len(self.t) + 1))
        worst = self.best.perturbation[:, 0] if self.worst else np.full(len(self.t), np.nan)
        left: list[Mark] = [
            Line(
                *segments(np.column_stack([self.t, self.b]), np.column_stack([moved, self.b])), RED, width=1.5
            ),
            Points(moved, self.b, RED, size=7),
            Points(self.t, self.b, INK, size=7, hollow=True),
            Line(ends, ends * self.x),
        ]
        right: list[Mark] = [
            Bars(places, self.errors, RED, broad=0.6),
            Points(places, worst, INK, symbol="diamond", size=9, hollow=True, width=2),
        ]
        load, extension = Axis("load t, N", across), Axis("extension b, cm", up)
        which, error = Axis("load", (0.4, len(self.t) + 0.6), places), Axis("its error Δ, N", (-room, room))
        return [Panel(left, load, extension, (0, 0.46, 0, 1)), Panel(right, which, error, (0.58, 1, 0, 1))]


class DuelExplorer(Explorer):
    """A slider for each error; the worst errors are shown on demand.

    Args:
        t, b: loads and extensions (m,)
        gamma: the bound of ‖Δ‖₂
    """

    def __init__(self, t: np.ndarray, b: np.ndarray, gamma: float) -> None:
        self.t, self.b, self.gamma = t, b, gamma
        self.SLIDE = f"d{len(t)}"  # type: ignore[misc]  # without a kernel

    def controls(self, **state: Any) -> dict[str, Control]:
        places = np.linspace(-self.gamma, self.gamma, 41).round(10).tolist()
        errors = {f"d{j + 1}": Slide(f"Δ{_lower(j)}, N", places, 0.0) for j in range(len(self.t))}
        return {**errors, "worst": Toggle("show the worst errors")}

    def draw(self, *, worst: bool, **errors: float) -> DuelFigure:  # type: ignore[override]
        slope = float(self.t @ self.b / (self.t @ self.t))
        return DuelFigure(self.t, self.b, slope, np.array(list(errors.values())), self.gamma, worst)

    def say(self, figure: DuelFigure, /, **state: Any) -> str:  # type: ignore[override]
        asked = float(np.linalg.norm(figure.asked))
        spent = f"‖Δ‖ = {asked:.2f} N of {self.gamma:g} N"
        if asked > self.gamma * (1 + 1e-9):
            spent = f"‖Δ‖ = {asked:.2f} N is more than {self.gamma:g} N, so your errors are shortened to that"
        return f"{figure.title}. {spent}."


def _lower(j: int) -> str:
    return chr(0x2080 + j + 1)  # ₁, ₂, … up to ₉
