"""The explorer of the six known tangents: a slider for each, the tangent beside the digit truly moved.

explorer = KnownTangentExplorer(zoo.load("mnist/baseline"), data.mnist("test"))
explorer.at(index=0, rotation=20)   # at the end of a cell: live; without a kernel a slider over the rotation
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rolab.course.live import Explorer, Number, Slide
from rolab.course.live.controls import Control
from rolab.course.nb05_tangent_space.answers import bars, probabilities
from rolab.course.nb05_tangent_space.moves import UNITS, along_tangents, moved
from rolab.data import Dataset
from rolab.plotting import BLUE, RED, Axis, Figure, Legend, Line, Panel, Picture, Points, pixels
from rolab.plotting.style import GREY

READ = "on the tangent", "truly moved"
ROOM = 11  # letters that stand before a slider
NEAR = 0.5  # the length of the step at which the radius R of the bend is read off


class KnownTangentExplorer(Explorer):
    """A digit moved along its known tangents, and truly: what is left between the two, and what a net reads.

    Args:
        model: the net that reads both
        data: grey images
    """

    SLIDE = "rotation"
    ROWS = (("index",), *((name,) for name in UNITS))

    def __init__(self, model: nn.Module, data: Dataset) -> None:
        self.model, self.data = model, data

    def controls(self, **state: Any) -> dict[str, Control]:
        sliders: dict[str, Control] = {}
        for name, unit in UNITS.items():
            count = round(unit.largest / unit.step)
            places = [unit.step * k for k in range(-count, count + 1)]
            label = f"{name}, {unit.name}"
            sliders[name] = Slide(label if len(label) <= ROOM else name, places, 0.0)
        return {"index": Number("digit no.", 0, len(self.data) - 1), **sliders}

    def draw(self, **state: Any) -> KnownTangentFigure:
        index = state["index"]
        amounts = {name: state[name] for name in UNITS if state[name]}
        return KnownTangentFigure(self.model, self.data.images[index], int(self.data.labels[index]), amounts)

    def reach(self, index: int, name: str) -> dict[str, float | None]:
        """How far a digit can go along one tangent: R in ℓ2, all else in the unit of the slider, either way.

        Where the distance from the digit truly moved is half the step; where the net is wrong on the tangent,
        and where for the digit truly moved. Tried at 80 places up to the end of the slider; None: at none.
        """
        x, label, unit = self.data.images[index], int(self.data.labels[index]), UNITS[name]
        sizes = torch.linspace(0, unit.largest, 81)[1:]
        moves = torch.zeros(2, len(sizes), len(UNITS))
        moves[..., list(UNITS).index(name)] = unit.one * torch.stack([sizes, -sizes])
        both = [move(x, moves.flatten(0, 1)) for move in (along_tangents, moved)]
        step, gap = ((a - b).flatten(1).norm(dim=1) for a, b in ((both[0], x), both))
        broken = {"off by half the step": gap > step / 2}
        for title, images in zip(READ, both, strict=True):
            broken[f"misread {title}"] = probabilities(self.model, images).argmax(1) != label
        first = {title: wrong.view(2, -1).any(0).nonzero() for title, wrong in broken.items()}
        found = {title: round(float(sizes[k[0, 0]]), 4) if len(k) else None for title, k in first.items()}
        return {"R (ℓ2)": KnownTangentFigure(self.model, x, label, {name: unit.step}).curve[2], **found}


@dataclass(frozen=True, eq=False)
class KnownTangentFigure(Figure):
    """x, x + Ba, T(a)x and their difference; how it grows; what a net reads."""

    model: nn.Module
    image: Tensor  # (1, H, W)
    label: int
    amounts: Mapping[str, float]  # of the moves that are not 0, in their units
    HEIGHT: ClassVar[int] = 470
    MARGIN: ClassVar[tuple[int, int, int, int]] = (56, 16, 76, 50)
    SEEN: ClassVar[str] = (
        "A digit, the same moved along its tangents, truly moved, and the difference; below, how far "
        "apart the two are, against the length of the step, and the class probabilities of a net for "
        "both."
    )
    legend: ClassVar[Legend] = Legend(0, 0.56, rows=True, size=11)

    @property
    def _a(self) -> Tensor:
        return torch.tensor([[self.amounts.get(name, 0.0) * unit.one for name, unit in UNITS.items()]])

    @cached_property
    def both(self) -> Tensor:
        """x + Ba and T(a)x: (2, 1, H, W)."""
        return torch.cat([along_tangents(self.image, self._a), moved(self.image, self._a)])

    @cached_property
    def length(self) -> float:
        """‖Ba‖, the length of the step on the tangent."""
        return float((self.both[0] - self.image).norm())

    @cached_property
    def distance(self) -> float:
        """‖x + Ba − T(a)x‖."""
        return float((self.both[0] - self.both[1]).norm())

    @cached_property
    def probability(self) -> Tensor:
        """What the net says of both: (2, K)."""
        return probabilities(self.model, self.both)

    @cached_property
    def curve(self) -> tuple[list[float], list[float], float | None]:
        """Lengths of steps along a, the distance at each, and the radius R = r²/2·distance of a short one."""
        if not self.length:
            return [0.0], [0.0], None
        lengths = [NEAR, *torch.linspace(0, max(8.0, self.length), 9).tolist()]
        steps = torch.tensor(lengths)[:, None] * self._a / self.length
        gaps = (along_tangents(self.image, steps) - moved(self.image, steps)).flatten(1).norm(dim=1).tolist()
        order = sorted(zip(lengths, gaps, strict=True))
        return [r for r, _ in order], [gap for _, gap in order], NEAR**2 / 2 / gaps[0]

    @property
    def title(self) -> str:  # type: ignore[override]
        if not self.amounts:
            return f"The digit itself, label {self.label}: move a slider"
        said = [f"{name} {size:+g} {UNITS[name].name}" for name, size in self.amounts.items()]
        what = said[0] if len(said) == 1 else f"{len(said)} moves"
        one, other = self.probability.argmax(1).tolist()
        step = f"{what}: step {self.length:.1f}, {self.distance:.1f} off the digit truly moved"
        return f"{step}; the net reads {one} and {other}"

    def panels(self) -> list[Panel]:
        """Four pictures; the distance against the step; the answers."""
        off = self.both[0] - self.both[1]
        shown = [pixels(self.image), *(pixels(each) for each in self.both), pixels(off, 1.0)]
        names = f"x, label {self.label}", "tangent: x + Ba", "truly moved", "difference"
        above = [
            Panel.picture(Picture(each), (0.26 * k, 0.26 * k + 0.22, 0.63, 1), name)
            for k, (each, name) in enumerate(zip(shown, names, strict=True))
        ]
        lengths, gaps, radius = self.curve
        far = 1.05 * max(8.0, self.length)
        bend = torch.linspace(0, far, 60)
        bend = bend[bend.square() <= 2 * far * (radius or 0.0)]
        marks = [
            Line([0, far], [0, far], GREY, "dash", width=1, name="the step itself"),
            Line(bend, bend.square() / 2 / (radius or 1.0), GREY, "dot", name="r²/2R"),
            Line(lengths, gaps, RED, name="distance of the two"),
            Points([self.length], [self.distance], RED, size=10),
        ]
        x = Axis("‖Ba‖, the step r (ℓ2)", (0, far))
        y = Axis("distance (ℓ2)", (0, max(far, 1.05 * self.distance)))
        answers = bars(self.probability, READ, (BLUE, "#ffffff"), (0.54, 1, 0, 0.44))
        return [*above, Panel(marks, x, y, (0, 0.42, 0, 0.44)), answers]

    def table(self) -> list[dict[str, Any]]:
        """The move, its length, the distance, the answers."""
        row = {name: self.amounts.get(name, 0.0) for name in UNITS}
        read = zip(READ, self.probability.argmax(1).tolist(), strict=True)
        return [row | {"‖Ba‖": self.length, "distance": self.distance, **dict(read)}]
