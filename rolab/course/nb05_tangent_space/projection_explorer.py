"""The explorer of the projected step: (12) against (13) on one digit, the dimension from 1 to all.

explorer = ProjectionExplorer(net, test, {"pca": lambda x: principal}, rest)
explorer.at(index=0)   # at the end of a cell: live; without a kernel a slider over the dimension
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rolab.attacks import ascent_direction
from rolab.course.live import Cache, Choice, Explorer, Number, Slide
from rolab.course.live.controls import Control, stamp
from rolab.course.nb05_tangent_space.answers import probabilities
from rolab.course.nb05_tangent_space.learnt_explorer import Bases, basis_at
from rolab.data import Dataset
from rolab.experiments.tangent_energy import TITLES
from rolab.plotting import BLUE, RED, Axis, Figure, Legend, Line, Panel, Picture, Points, pixels
from rolab.plotting.style import GREY
from rolab.sets import Ball, Tangent

DIMENSIONS = (1, 2, 3, 6, 10, 15, 30, 60, 120, 250, 500)  # and all
LARGEST, STEP = 4.0, 0.25  # of the slider of the radius
GAIN = 5.0  # so many times as strong is Δ shown


def completed(basis: Tensor, rest: Tensor) -> Tensor:
    """An orthonormal basis of the whole space (d, d), whose first columns span those of `basis` (d, k).

    Args:
        basis: columns; those that are 0 are left out
        rest: a basis of the whole space (d, d), whose first directions come next
    """
    given = basis[:, basis.abs().amax(0) > 0]
    return torch.linalg.qr(torch.cat([given, rest], 1).double())[0].to(rest)


@dataclass(frozen=True, eq=False)
class ProjectedSteps:
    """The unit steps of one digit in the first k directions of a basis, for each k; the last has all."""

    image: Tensor  # (1, H, W)
    label: int
    dimensions: tuple[int, ...]
    steps: Tensor  # (K, 1, H, W), each of length 1
    promised: list[float]  # ‖Πg‖/‖g‖ in percent: what a step gains on the plane of J, out of the full step


def projected_steps(model: nn.Module, x: Tensor, label: int, basis: Tensor) -> ProjectedSteps:
    """One gradient, and the maximiser of `Tangent` for each dimension: x (1, …), basis (d, d)."""
    g = ascent_direction(model, x, torch.tensor([label]))
    dimensions = (*(k for k in DIMENSIONS if k < len(basis)), len(basis))
    steps = torch.cat([Tangent(basis[:, :k], Ball("l2", 1.0)).maximizer(g) for k in dimensions])
    promised = 100 * (steps * g).flatten(1).sum(1) / g.norm()
    return ProjectedSteps(x[0], label, dimensions, steps, promised.tolist())


class ProjectionExplorer(Explorer):
    """The full step of (12), the step of (13) in k directions, and what a net reads after each.

    Args:
        model: the net that is attacked
        data: its images
        bases: name → the basis at images, the most important direction first
        rest: a basis of all images (d, d), the most important direction first, by which they are completed
    """

    SLIDE = "k"
    ROWS = ("index", "basis"), ("k",), ("radius",)

    def __init__(self, model: nn.Module, data: Dataset, bases: Bases, rest: Tensor) -> None:
        self.model, self.data, self.bases, self.rest = model, data, dict(bases), rest
        self._bases, self._steps = Cache(8), Cache(64)

    def controls(self, **state: Any) -> dict[str, Control]:
        radii = [STEP * k for k in range(round(LARGEST / STEP) + 1)]
        dimensions = (*(k for k in DIMENSIONS if k < len(self.rest)), len(self.rest))
        return {
            "index": Number("digit no.", 0, len(self.data) - 1),
            "basis": Choice("basis", {name: TITLES.get(name, name) for name in self.bases}),
            "k": Slide("k", dimensions, 15),
            "radius": Slide("radius", radii, 1.5),
        }

    def steps(self, index: int, basis: str) -> ProjectedSteps:
        """All steps of a digit: computed once."""
        x, label = self.data.images[index : index + 1], int(self.data.labels[index])

        def compute() -> ProjectedSteps:
            whole = lambda: completed(basis_at(self.bases, basis, x), self.rest)  # noqa: E731
            return projected_steps(self.model, x, label, self._bases.get((index, basis), whole))

        now = stamp((*self.model.parameters(), *self.model.buffers()))
        return self._steps.get((index, basis, now), compute)

    def draw(self, *, index: int, basis: str, k: int, radius: float) -> ProjectionFigure:  # type: ignore[override]
        steps = self.steps(index, basis)
        probability = probabilities(
            self.model, torch.cat([steps.image[None], steps.image + radius * steps.steps])
        )
        return ProjectionFigure(steps, probability, steps.dimensions.index(k), radius)


@dataclass(frozen=True, eq=False)
class ProjectionFigure(Figure):
    """x, Δ, the projected Δ, both sums; what is promised and what is true against the dimension."""

    found: ProjectedSteps
    probability: Tensor  # (1 + K, C), of x and of x + each step
    shown: int  # which of the dimensions
    radius: float
    HEIGHT: ClassVar[int] = 450
    MARGIN: ClassVar[tuple[int, int, int, int]] = (60, 16, 76, 50)
    SEEN: ClassVar[str] = (
        "A digit, the full step, the step in k directions of a basis, and the digit after each; "
        "below, against k, the share of the full step's promise, and the true loss."
    )
    legend: ClassVar[Legend] = Legend(0.56, 0.56, rows=True, size=11)

    @property
    def answers(self) -> list[int]:
        """What the net reads in x, and after each step."""
        return self.probability.argmax(1).tolist()

    @property
    def losses(self) -> list[float]:
        """The loss −log p of the label, at x and after each step."""
        return (-self.probability[:, self.found.label].clamp(min=1e-30).log()).tolist()

    @property
    def title(self) -> str:  # type: ignore[override]
        k, promised = self.found.dimensions[self.shown], self.found.promised[self.shown]
        read = f"the net reads {self.answers[1 + self.shown]}, after the full step {self.answers[-1]}"
        return f"k = {k}, radius {self.radius:g}: {promised:.0f} % of the promised rise; {read}"

    def panels(self) -> list[Panel]:
        """Five pictures; below them the promise and the truth."""
        w, k = self.found, self.found.dimensions[self.shown]
        full, part = self.radius * w.steps[-1], self.radius * w.steps[self.shown]
        pictures = pixels(w.image), pixels(full, GAIN), pixels(part, GAIN), pixels(w.image + full)
        names = (
            f"x, label {w.label}",
            f"full Δ ×{GAIN:g}",
            f"Δ in {k} ×{GAIN:g}",
            "x + full Δ",
            f"x + Δ in {k}",
        )
        above = [
            Panel.picture(Picture(each), (0.206 * i, 0.206 * i + 0.176, 0.66, 1), name)
            for i, (each, name) in enumerate(zip((*pictures, pixels(w.image + part)), names, strict=True))
        ]
        span = 0.9, 1.1 * w.dimensions[-1]
        across = Axis("k, directions", span, (1, 10, 100, w.dimensions[-1]), log=True)
        promise = [
            Line(w.dimensions, w.promised, BLUE, marker="circle", size=5, legend=False),
            Points([k], [w.promised[self.shown]], RED, size=12),
        ]
        losses, last = self.losses, w.dimensions[-1]
        truth = [
            Line([1, last], [losses[0]] * 2, GREY, "dot", name="at x"),
            Line([1, last], [losses[-1]] * 2, GREY, "dash", name="full Δ"),
            Line(w.dimensions, losses[1:], BLUE, marker="circle", size=5, name="Δ in k"),
            Points([k], [losses[1 + self.shown]], RED, size=12),
        ]
        up = Axis("of the promised rise, %", (-4, 104)), Axis("true loss J", from_zero=True)
        return [
            *above,
            Panel(promise, across, up[0], (0, 0.44, 0, 0.46)),
            Panel(truth, across, up[1], (0.56, 1, 0, 0.46)),
        ]

    def table(self) -> list[dict[str, Any]]:
        """The dimension, the radius, promise and loss, the answer."""
        k = self.shown
        read = {"loss": self.losses[1 + k], "the net reads": self.answers[1 + k]}
        return [
            {
                "k": self.found.dimensions[k],
                "radius": self.radius,
                "promised, %": self.found.promised[k],
                **read,
            }
        ]
