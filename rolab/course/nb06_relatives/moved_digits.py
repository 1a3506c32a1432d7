"""Move the digit, turn it, bend it: how far do features move? Fixed filters against learnt ones, [16].

explorer = MoveExplorer(zoo.load("mnist/scattering"), zoo.load("mnist/baseline"), data.mnist("test"))
explorer.at(index=36, move="bend")
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rolab.attacks import first_order
from rolab.course.live import Cache, Choice, Explorer, Number, OneOf, Slide
from rolab.course.live.controls import Control
from rolab.data import Dataset
from rolab.evaluation import eval_mode
from rolab.nets import ScatteringNet
from rolab.objectives.jacobian import layer_inputs
from rolab.plotting import Axis, Cursor, Figure, Line, Panel, Picture, Style, pixels
from rolab.plotting.figure import Legend
from rolab.plotting.style import BLUE, GREY, RED
from rolab.sets import UncertaintySet

LOOKS = {
    "pixels": Style("pixels", GREY, "dot", "circle"),
    "convnet": Style("convnet, last hidden layer", RED, "dash", "square"),
    "scattering": Style("scattering", BLUE, "solid", "diamond"),
}
FEATURES = OneOf({name: look.label for name, look in LOOKS.items()})
MOVES = {"shift": "shift, pixels", "turn": "turn, °", "bend": "bend, pixels", "noise": "noise, its deviation"}
UNITS = {"shift": "pixels", "turn": "°", "bend": "pixels", "noise": "deviation"}
AMOUNTS = {
    "shift": tuple(0.5 * k for k in range(9)),
    "turn": tuple(5.0 * k for k in range(9)),
    "bend": tuple(0.5 * k for k in range(9)),
    "noise": tuple(round(0.05 * k, 2) for k in range(9)),
}


def moved(images: Tensor, move: str, amount: float) -> Tensor:
    """Images (N, 1, H, W), moved; black around them, and bilinear between the pixels.

    shift: to the right, in pixels. turn: about the centre, in degrees. bend: rows slide to the right and to
    the left like a wave, by `amount` pixels at most. noise: normal, of this deviation, the same for all.
    """
    if move == "noise":
        noise = torch.randn(images.shape[1:], generator=torch.Generator().manual_seed(0))
        return (images + amount * noise.to(images)).clamp(0, 1)
    size = images.shape[-1]
    v, u = torch.meshgrid(*[torch.arange(n) - (n - 1) / 2 for n in images.shape[-2:]], indexing="ij")
    if move == "turn":
        c, s = math.cos(math.radians(amount)), math.sin(math.radians(amount))
        u, v = c * u + s * v, c * v - s * u
    elif move == "bend":
        u = u - amount * torch.sin(4 * math.pi * v / size)
    else:
        u = u - amount
    grid = torch.stack([2 * u / size, 2 * v / images.shape[-2]], -1).expand(len(images), -1, -1, -1)
    return F.grid_sample(images, grid.to(images), align_corners=False).clamp(0, 1)


def hidden_features(model: nn.Module, images: Tensor) -> Tensor:
    """What the last linear or convolutional layer takes in, (N, D)."""
    seen: list[Tensor] = []

    def note(layer: nn.Module, h: Tensor) -> Tensor:
        seen.append(h)
        return h

    with eval_mode(model), torch.no_grad(), layer_inputs(model, note):
        model(images)
    return seen[-1].flatten(1)


class MovedDigits:
    """Features of some digits, moved, in units of the mean distance between two different digits.

    Args:
        scattering, convnet: the networks
        digits: those that are measured
    """

    def __init__(self, scattering: ScatteringNet, convnet: nn.Module, digits: Dataset) -> None:
        self.nets, self.digits = {"scattering": scattering.eval(), "convnet": convnet}, digits
        self.features: dict[str, Callable[[Tensor], Tensor]] = {
            "pixels": lambda x: x.flatten(1),
            "convnet": lambda x: hidden_features(convnet, x),
            "scattering": self._scatter,
        }
        self._found = Cache(64)

    def _scatter(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            return self.nets["scattering"].scattering(images).flatten(1)  # type: ignore[operator]

    @cached_property
    def still(self) -> dict[str, Tensor]:
        """The features of the digits where they are."""
        return {name: f(self.digits.images) for name, f in self.features.items()}

    @cached_property
    def units(self) -> dict[str, float]:
        """The mean distance between the features of two different digits."""
        return {name: float(F.pdist(f).mean()) for name, f in self.still.items()}

    def distances(self, move: str) -> dict[str, Tensor]:
        """How far the features of each digit move, in these units: name → (amounts, N)."""

        def compute() -> dict[str, Tensor]:
            images = [moved(self.digits.images, move, amount) for amount in AMOUNTS[move]]
            return {
                name: torch.stack([(f(x) - self.still[name]).norm(dim=1) for x in images]) / self.units[name]
                for name, f in self.features.items()
            }

        return self._found.get((move,), compute)

    def far(self, place: int = 4) -> dict[str, dict[str, float]]:
        """How far each move, at this place of its slider, moves each kind of features; means over digits."""
        return {
            move: {name: float(each[place].mean()) for name, each in self.distances(move).items()}
            for move in AMOUNTS
        }

    def stretched(self, U: UncertaintySet) -> list[dict[str, Any]]:
        """How far an attack in U moves features, on a net that reads them, and noise of the same length."""
        rows, x = [], self.digits.images
        for name, f in self.features.items():
            net = self.nets.get(name, self.nets["convnet"])
            d = first_order(net, x, self.digits.labels, U)
            noise = torch.randn(d.shape, generator=torch.Generator().manual_seed(0))
            noise *= (d.flatten(1).norm(dim=1) / noise.flatten(1).norm(dim=1)).view(-1, 1, 1, 1)
            plain, worst = (float((f(x + each) - f(x)).norm(dim=1).mean()) for each in (noise, d))
            row: dict[str, Any] = {"features": name, "noise moves them by": plain}
            row |= {"an attack moves them by": worst, "times": worst / plain}
            rows.append(row | {"the attack, in units of another digit": worst / self.units[name]})
        return rows


@dataclass(frozen=True, eq=False)
class MoveFigure(Figure):
    """A digit before and after, and how far its features move."""

    move: str
    place: int  # of AMOUNTS
    image: Tensor
    label: int
    answers: Mapping[str, int]
    distances: Mapping[str, Tensor]  # name → (amounts, N)
    HEIGHT: ClassVar = 400
    MARGIN: ClassVar = (60, 16, 60, 84)
    legend: ClassVar = Legend(0, -0.2, rows=True)
    SEEN: ClassVar = (
        "A digit and the same digit moved; beside them how far the pixels of digits, a convnet's features "
        "and the scattering coefficients move, in units of the distance between two digits, means with "
        "their spread."
    )

    @property
    def amount(self) -> float:
        """How far it is moved."""
        return AMOUNTS[self.move][self.place]

    @property
    def title(self) -> str:  # type: ignore[override]
        far = ", ".join(f"{name} {float(d[self.place].mean()):.2f}" for name, d in self.distances.items())
        unit = {"turn": "°", "noise": ""}.get(self.move, " px")
        return f"{self.move.capitalize()} by {self.amount:g}{unit}, features move by: {far}"

    def panels(self) -> list[Panel]:
        answers = " and ".join(f"{name} {answer}" for name, answer in self.answers.items())
        pairs = (
            (self.image, f"x, label {self.label}"),
            (moved(self.image[None], self.move, self.amount)[0], answers),
        )
        bottoms = (0.56, 0.0)
        pictures = [
            Panel.picture(Picture(pixels(image)), (0, 0.24, y, y + 0.36), caption)
            for (image, caption), y in zip(pairs, bottoms, strict=True)
        ]
        x = AMOUNTS[self.move]
        lines = [
            Line.of(LOOKS[name], x, d.mean(1), marked=True, error=d.std(1))
            for name, d in self.distances.items()
        ]
        room = 0.04 * x[-1]
        across = Axis(MOVES[self.move], (-room, x[-1] + room))
        return [
            *pictures,
            Panel(
                [*lines, Cursor(self.amount)],
                across,
                Axis("features move by; 1 is another digit", (0, 1.3)),
                (0.38, 1, 0, 1),
            ),
        ]

    def table(self) -> list[dict[str, Any]]:
        row = {MOVES[self.move]: self.amount}
        return [row | {LOOKS[name].label: float(d[self.place].mean()) for name, d in self.distances.items()}]


class MoveExplorer(Explorer):
    """A digit under a move that grows. The curves are means over the first so many digits.

    Args:
        scattering, convnet: the networks
        data: the digits
        sample: how many are measured
    """

    SLIDE = "amount"
    ROWS = ("index", "move"), ("amount",)

    def __init__(
        self, scattering: ScatteringNet, convnet: nn.Module, data: Dataset, sample: int = 40
    ) -> None:
        self.data, self.measured = data, MovedDigits(scattering, convnet, data[:sample])

    def controls(self, move: str = "shift", **state: Any) -> dict[str, Control]:
        return {
            "index": Number("digit no.", 0, len(self.data) - 1),
            "move": Choice("move", MOVES),
            "amount": Slide(UNITS[move], AMOUNTS[move], AMOUNTS[move][4]),
        }

    def draw(self, index: int, move: str, amount: float) -> MoveFigure:  # type: ignore[override]
        image = self.data.images[index]
        with torch.no_grad():
            answers = {
                name: int(net(moved(image[None], move, amount)).argmax())
                for name, net in self.measured.nets.items()
            }
        place = AMOUNTS[move].index(amount)
        return MoveFigure(
            move, place, image, int(self.data.labels[index]), answers, self.measured.distances(move)
        )
