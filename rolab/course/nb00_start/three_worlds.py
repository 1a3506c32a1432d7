"""The map of the course: three worlds that ask the same question of a set, each a picture and a link."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import torch
from torch import Tensor

from rolab.plotting.style import BLUE, FONT, INK, PALE, RED
from rolab.sets import Ball, Budget, UncertaintySet

DIRECTION = torch.tensor([[0.95, 0.42]])  # g, the same in all three
SIDE, SCALE = 220, 58  # px of a picture, and of a unit in it


@dataclass(frozen=True, eq=False)
class World:
    """What the direction, its worst case and the support function are in one part of the course."""

    title: str
    notebook: str
    U: UncertaintySet
    direction: str  # what g is
    worst: str  # what Δ*(g) is
    support: str  # what σ(g) is

    @property
    def alt(self) -> str:
        """The picture in words."""
        return (
            f"{self.title}: an uncertainty set, an arrow from its middle in the direction g, which is "
            f"{self.direction}, and the point of the set that is furthest along g, which is {self.worst}."
        )

    def svg(self) -> str:
        """The set, g, the worst case and its supporting line."""
        turns = torch.linspace(0, 2 * math.pi, 361)[:-1] + 0.01  # 0.01: no direction ties
        corners = self.U.maximizer(torch.stack([turns.cos(), turns.sin()], 1))
        worst, g = self.U.maximizer(DIRECTION)[0], DIRECTION[0] / DIRECTION.norm()
        along = torch.stack([-g[1], g[0]])  # on the supporting line ⟨g, z⟩ = σ(g)
        outline = " ".join(_at(corner) for corner in dict.fromkeys(map(tuple, corners.tolist())))
        line = f'<path d="M{_at(worst - 0.75 * along)}L{_at(worst + 0.75 * along)}" '
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" '
            f'width="{SIDE}" height="{SIDE}" font-family="{FONT}" font-size="14" fill="{INK}">'
            f"<title>{escape(self.title)}</title>"
            f'<rect width="{SIDE}" height="{SIDE}" fill="white"/>'
            f'<polygon points="{outline}" fill="{PALE}" stroke="{INK}"/>'
            f'{line}stroke="{RED}" stroke-width="2" stroke-dasharray="6 4"/>'
            f"{_arrow(1.7 * g, BLUE, 'g', 2, -7)}{_arrow(worst, RED, 'Δ*(g)', -48, -10)}"
            f'<circle cx="{SIDE / 2}" cy="{SIDE / 2}" r="3"/></svg>'
        )


WORLDS = (
    World(
        "A program",
        "01_robust_linear_programs.ipynb",
        Budget(1.5, 1.0),
        "the decision x",
        "the worst data",
        "what safety costs",
    ),
    World(
        "A regression",
        "02_robustness_is_regularisation.ipynb",
        Ball("l2", 1.0),
        "residual and weights",
        "the worst design matrix",
        "the regulariser",
    ),
    World(
        "A network",
        "03_worst_case_perturbations.ipynb",
        Ball("linf", 1.0),
        "the gradient ∇ₓJ of the loss",
        "the adversarial perturbation",
        "the rise of the loss, to first order",
    ),
)


@dataclass(frozen=True)
class ThreeWorlds:
    """The pictures side by side; on a narrow screen, one below the other."""

    worlds: Sequence[World] = WORLDS

    def _repr_html_(self) -> str:
        cards = [
            f'<div style="width: {SIDE}px"><a href="{world.notebook}"><img alt="{escape(world.alt)}" '
            f'src="data:image/svg+xml;base64,{base64.b64encode(world.svg().encode()).decode()}"></a><br>'
            f'<a href="{world.notebook}"><b>{escape(world.title)}</b></a><br>g: {escape(world.direction)}<br>'
            f"Δ*(g): {escape(world.worst)}<br>⟨g, Δ*(g)⟩: {escape(world.support)}</div>"
            for world in self.worlds
        ]
        return f'<div style="display: flex; flex-wrap: wrap; gap: 20px">{"".join(cards)}</div>'

    def __repr__(self) -> str:
        return "\n".join(world.alt for world in self.worlds)


def _at(point: Tensor | tuple[float, ...]) -> str:
    """A point of the plane in the picture, whose y axis points down."""
    x, y = (float(value) for value in point)
    return f"{SIDE / 2 + SCALE * x:.1f},{SIDE / 2 - SCALE * y:.1f}"


def _arrow(end: Tensor, color: str, name: str, right: float, down: float) -> str:
    """An arrow from the middle, with its name beside the point, so many px to the right and below."""
    back = end / end.norm()
    side = torch.stack([-back[1], back[0]])
    wings = (_at(end - 0.16 * back + 0.08 * turn * side) for turn in (-1, 1))
    x, y = map(float, _at(end).split(","))
    return (
        f'<path d="M{SIDE / 2},{SIDE / 2}L{_at(end - 0.1 * back)}" stroke="{color}" stroke-width="3"/>'
        f'<polygon points="{_at(end)} {" ".join(wings)}" fill="{color}"/>'
        f'<text x="{x + right}" y="{y + down}" fill="{color}">{name}</text>'
    )
