"""The explorer of learnt tangents: the first directions of a basis as pictures, with a slider for each.

explorer = LearntTangentExplorer(net, test, {"autoencoder": lambda x: encoder_tangents(autoencoder, x)})
explorer.at(index=0, u1=4)   # at the end of a cell: live; without a kernel a slider along the first direction
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rolab.course.live import Cache, Choice, Explorer, Number, Slide
from rolab.course.live.controls import Control
from rolab.course.nb05_tangent_space.answers import bars, probabilities
from rolab.data import Dataset
from rolab.experiments.tangent_energy import TITLES
from rolab.manifold import energy_share, known_tangents
from rolab.plotting import BLUE, Figure, Legend, Panel, Picture, pixels
from rolab.sets.tangent import orthonormal

Bases = Mapping[str, Callable[[Tensor], Tensor]]  # name → images (N, …) → basis (d, k) or (N, d, k)
SHOWN = 6  # directions with a slider
LARGEST, STEP = 8.0, 0.5  # of the sliders: ℓ2 length
READ = "x", "x + Qa"


def basis_at(bases: Bases, name: str, x: Tensor) -> Tensor:
    """The basis of this name at one image x (1, …): (d, k)."""
    found = bases[name](x)
    return found[0] if found.ndim == 3 else found


class LearntTangentExplorer(Explorer):
    """The first six directions of a basis as pictures, and the digit that has moved along them.

    Args:
        model: the net that reads the digit
        data: grey images
        bases: name → the basis at images
    """

    SLIDE = "u1"
    ROWS = (("index", "basis"), *((f"u{k}",) for k in range(1, SHOWN + 1)))

    def __init__(self, model: nn.Module, data: Dataset, bases: Bases) -> None:
        self.model, self.data, self.bases, self._found = model, data, dict(bases), Cache(64)

    def controls(self, **state: Any) -> dict[str, Control]:
        places = [STEP * k for k in range(-round(LARGEST / STEP), round(LARGEST / STEP) + 1)]
        return {
            "index": Number("digit no.", 0, len(self.data) - 1),
            "basis": Choice("basis", {name: TITLES.get(name, name) for name in self.bases}),
            **{f"u{k}": Slide(f"along u{k}", places, 0.0) for k in range(1, SHOWN + 1)},
        }

    def directions(self, index: int, basis: str) -> Tensor:
        """The first six directions at a digit (d, 6): computed once."""
        x = self.data.images[index : index + 1]
        return self._found.get((index, basis), lambda: basis_at(self.bases, basis, x)[:, :SHOWN])

    def draw(self, **state: Any) -> LearntTangentFigure:
        index, basis = state["index"], state["basis"]
        x, label = self.data.images[index], int(self.data.labels[index])
        amounts = tuple(state[f"u{k}"] for k in range(1, SHOWN + 1))
        return LearntTangentFigure(self.model, x, label, self.directions(index, basis), amounts)


@dataclass(frozen=True, eq=False)
class LearntTangentFigure(Figure):
    """Six directions; x, x + Qa, and what a net reads in both."""

    model: nn.Module
    image: Tensor  # (1, H, W)
    label: int
    directions: Tensor  # (d, 6)
    amounts: tuple[float, ...]
    HEIGHT: ClassVar[int] = 440
    MARGIN: ClassVar[tuple[int, int, int, int]] = (16, 16, 76, 50)
    SEEN: ClassVar[str] = (
        "Six directions in the space of images, with the share of each that known tangents span; "
        "below, a digit, the same moved along the directions, and the class probabilities of a net "
        "for both."
    )
    legend: ClassVar[Legend] = Legend(0.62, 0.6, rows=True, size=11)

    @cached_property
    def both(self) -> Tensor:
        """x and x + Qa: (2, 1, H, W)."""
        step = self.directions @ torch.tensor(self.amounts).to(self.directions)
        return torch.stack([self.image, self.image + step.view(self.image.shape)])

    @cached_property
    def probability(self) -> Tensor:
        """What the net says of both: (2, K)."""
        return probabilities(self.model, self.both)

    @cached_property
    def known(self) -> list[float]:
        """The share of each direction in the span of the six known tangents, in percent."""
        span = orthonormal(known_tangents(self.image[None]))
        return (100 * energy_share(span, self.directions[None])[0]).tolist()

    @property
    def title(self) -> str:  # type: ignore[override]
        parts = [f"{size:+g} along u{k}" for k, size in enumerate(self.amounts, 1) if size]
        if not parts:
            return f"Six directions at this {self.label}: move a slider"
        answer, sure = int(self.probability[1].argmax()), 100 * float(self.probability[1].max())
        what = ", ".join(parts) if len(parts) < 3 else f"{len(parts)} steps"
        return f"{what}: the net reads {answer} ({sure:.0f} % sure), the label is {self.label}"

    def panels(self) -> list[Panel]:
        """The directions; the two digits and the answers."""
        shown = self.directions.T.view(-1, *self.image.shape)
        found = [
            Panel.picture(
                Picture(pixels(u, 1 / max(float(u.abs().max()), 1e-30))),
                (k * 0.17, k * 0.17 + 0.15, 0.64, 1),
                f"u{k + 1}: {share:.0f} % known",
            )
            for k, (u, share) in enumerate(zip(shown, self.known, strict=True))
        ]
        for k, (image, name) in enumerate(zip(self.both, READ, strict=True)):
            place = 0.29 * k, 0.29 * k + 0.26, 0, 0.48
            found.append(
                Panel.picture(Picture(pixels(image)), place, name + f", label {self.label}" * (not k))
            )
        return [*found, bars(self.probability, READ, ("#ffffff", BLUE), (0.64, 1, 0, 0.48))]

    def table(self) -> list[dict[str, Any]]:
        """Along which direction how far, and the answer."""
        row: dict[str, Any] = {f"u{k}": size for k, size in enumerate(self.amounts, 1)}
        return [row | {"the net reads": int(self.probability[1].argmax())}]
