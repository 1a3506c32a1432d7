"""What a net answers to every change of a single pixel, two forward passes each, and that as a figure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from rolab.attacks import input_gradient
from rolab.course.nb03_perturbations.perturbation_sweep import picture_row, said
from rolab.evaluation import BATCH, device_of, eval_mode
from rolab.experiments.styles import STYLES
from rolab.plotting import INK, RED, Axis, Bars, Figure, Legend, Line, Mark, Panel, Picture, Points, pixels

COLUMNS = (
    "pixel",
    "change",
    "promised",
    "change of the loss",
    "place by the gradient",
    "place in truth",
    "answer",
)
RING: dict[str, Any] = {"size": 15, "hollow": True, "width": 2.5}


@dataclass(frozen=True, eq=False)
class SinglePixelScan:
    """What a net answers to each of the 2·P changes of a single one of the P pixels."""

    net: str  # its name
    label: int  # the true class
    image: Tensor  # (1, H, W)
    gradient: Tensor  # (P,), ∇ₓJ
    change: Tensor  # (2, P), by how much each pixel goes up, and down
    logits: Tensor  # (2, P, K), at x with that one change; float64
    before: Tensor  # (K,), the logits at x; float64

    @cached_property
    def promised(self) -> Tensor:
        """What the plane of eq. (11) promises, ⟨g, Δ⟩, for each change: (2, P)."""
        return self.gradient * self.change

    @cached_property
    def rise(self) -> Tensor:
        """By how much the loss truly rises, for each change: (2, P)."""
        before, after = self.before.log_softmax(0)[self.label], self.logits.log_softmax(2)[..., self.label]
        return before - after

    @cached_property
    def best_promised(self) -> Tensor:
        """The promise of each pixel's more promising change, (P,)."""
        return self.promised.amax(0)

    @cached_property
    def best_rise(self) -> Tensor:
        """The rise of the loss by each pixel's better change, (P,)."""
        return self.rise.amax(0)

    @cached_property
    def way(self) -> list[int]:
        """For each pixel the better of its two changes: 0 up, 1 down."""
        return self.rise.argmax(0).tolist()

    @property
    def step(self) -> int:
        """The pixel of the ℓ1 step: the largest promise."""
        return self.order[0]

    @cached_property
    def truth(self) -> int:
        """The best pixel, found by trying all."""
        return int(self.best_rise.argmax())

    @cached_property
    def order(self) -> list[int]:
        """All pixels, the largest promise first, as the gradient ranks them."""
        return self.best_promised.argsort(descending=True, stable=True).tolist()

    def rank(self, j: int) -> tuple[int, int]:
        """The place of pixel j by the gradient, and in truth; 1 is the best."""
        return self.order.index(j) + 1, int((self.best_rise > self.best_rise[j]).sum()) + 1

    def place(self, j: int) -> tuple[int, int]:
        """The row and the column of pixel j."""
        return divmod(j, self.image.shape[-1])

    def number(self, row: int, column: int) -> int:
        """The pixel at this row and column, counted from 0."""
        height, width = self.image.shape[-2:]
        if not (0 <= row < height and 0 <= column < width):
            within = f"rows below {height}, columns below {width}"
            raise ValueError(f"pixel: expected {within}, got ({row}, {column})")
        return row * width + column

    def point(self, j: int, way: int | None = None) -> tuple[float, float]:
        """The promised rise of the loss and the true one, for the better way of pixel j or a given one."""
        return float(self.best_promised[j]), float(self.best_rise[j] if way is None else self.rise[way, j])

    @property
    def step_way(self) -> int:
        """The way of the ℓ1 step, the gradient's: 0 up, 1 down."""
        return int(self.promised[:, self.step].argmax())

    def changed(self, j: int) -> Tensor:
        """x with the better change of pixel j, (1, H, W)."""
        image = self.image.clone()
        image.view(-1)[j] += self.change[self.way[j], j]
        return image

    def probability(self, j: int) -> Tensor:
        """The class probabilities after that change, (K,)."""
        return self.logits[self.way[j], j].softmax(0)

    def sentence(self, j: int) -> str:
        """What the net says to it, in words: the figure's title."""
        change = f"Pixel {self.place(j)} by {float(self.change[self.way[j], j]):+.3g}"
        return f"{change}: {said(self.net, self.probability(j), self.label)}"

    def promise(self) -> str:
        """What the plane of eq. (11) promises for the ℓ1 step, and what comes of it, in words."""
        promised, got = self.point(self.step, self.step_way)
        told = (
            f"At the ℓ1 step's pixel {self.place(self.step)} the plane promises: the loss {moved(promised)}"
        )
        return f"{told}; in truth it {moved(got)}."

    def row(self, j: int, way: int | None = None) -> dict[str, Any]:
        """The numbers of pixel j, changed the better way, or a given one."""
        way = self.way[j] if way is None else way
        after = self.logits[way, j].softmax(0)
        row: dict[str, Any] = {"pixel": self.place(j), "change": float(self.change[way, j])}
        row |= zip(("promised", "change of the loss"), self.point(j, way), strict=True)
        row |= zip(("place by the gradient", "place in truth"), self.rank(j), strict=True)
        return row | {"answer": int(after.argmax())} | {str(c): float(p) for c, p in enumerate(after)}


def moved(change: float) -> str:
    """What the loss does, in words."""
    return f"{'falls' if change < 0 else 'rises'} by {abs(change):.2g}" if change else "stays as it is"


def single_pixel_scan(
    model: nn.Module, x: Tensor, label: int, radius: float = 1, in_pixel_box: bool = True, *, net: str = "net"
) -> SinglePixelScan:
    """Tries every change ± radius of one pixel of a grey image x (1, 1, H, W), or as far as [0, 1] lets.

    One gradient, and a forward pass for each change that changes anything.

    Raises:
        ValueError: x is not one grey image, or the radius is not positive.
    """
    if x.ndim != 4 or len(x) != 1 or x.shape[1] != 1:
        raise ValueError(f"x: expected one grey image (1, 1, H, W), got {tuple(x.shape)}")
    if not radius > 0:
        raise ValueError(f"radius: expected a positive number, got {radius!r}")
    device = device_of(model, x)
    x = x.to(device)
    flat = x.flatten()
    up, down = torch.full_like(flat, radius), torch.full_like(flat, -radius)
    if in_pixel_box:
        up, down = up.minimum(1 - flat), down.maximum(-flat)
    change = torch.stack([up, down])
    moves = change.flatten().nonzero()[:, 0]
    with eval_mode(model):
        g = input_gradient(model, x, torch.tensor([label], device=device)).flatten()
        with torch.inference_mode():
            before = model(x)[0].double()
            logits = before.repeat(change.numel(), 1)
            for some in moves.split(BATCH):
                images = flat.repeat(len(some), 1)
                images[torch.arange(len(some)), some % len(flat)] += change.flatten()[some]
                logits[some] = model(images.view(-1, *x.shape[1:])).double()
    found = x[0], g, change, logits.view(2, len(flat), -1), before
    return SinglePixelScan(net, label, *(part.clone().cpu() for part in found))


@dataclass(frozen=True, eq=False)
class SinglePixelFigure(Figure):
    """A scan as a figure."""

    scan: SinglePixelScan
    pixel: int  # the one that is chosen
    revealed: bool = True  # whether the ℓ1 step, the best pixel and the map of the truth are shown
    HEIGHT = 620
    MARGIN = (68, 16, 76, 56)
    legend = Legend(0, 0.52, rows=True)

    @property
    def title(self) -> str:  # type: ignore[override]
        return self.scan.sentence(self.pixel)

    @property
    def alt(self) -> str:
        s = self.scan
        found = f"The ℓ1 step takes pixel {s.place(s.step)}, the best is {s.place(s.truth)}. " * self.revealed
        return (
            f"A digit with label {s.label}, the gradient of its loss, the true rise of the loss for each "
            "pixel, the true rise against the promised one, and the class probabilities before and after. "
            f"{found}Shown: {self.title}"
        )

    def panels(self) -> list[Panel]:
        """The digit, the gradient, the truth; below them the rise of the loss, the class probabilities."""
        s, (row, column) = self.scan, self.scan.place(self.pixel)
        captions = f"x + Δ, label {s.label}", "the gradient", "the truth" + ": hidden" * (not self.revealed)
        maps = self._map(s.gradient), self._map(s.best_rise.clamp(min=0) * self.revealed)
        rows, columns = zip(*map(s.place, range(len(s.gradient))), strict=True)
        ring = Points([column], [row], **RING)
        to_click = Points(columns, rows, symbol="square", size=8, opacity=0, hover="row %{y}, column %{x}")
        above = picture_row([Picture(pixels(s.changed(self.pixel))), *maps], captions, 0.56, [ring, to_click])
        x, y = Axis("promised change of the loss, ⟨g, Δ⟩"), Axis("true change of the loss")
        cloud = Panel(self._cloud(), x, y, (0, 0.46, 0, 0.37))
        classes, after = range(len(s.before)), s.probability(self.pixel)
        bars = [
            Bars(classes, s.before.softmax(0), "#ffffff", name="before", offset=-0.2, outline=INK),
            Bars(classes, after, RED, name="after", offset=0.2),
        ]
        x, y = Axis("class", ticks=classes), Axis("probability", (0, 1.02))
        return [*above, cloud, Panel(bars, x, y, (0.58, 1, 0, 0.37))]

    def _map(self, values: Tensor) -> Picture:
        """A value of each pixel, the largest in full colour."""
        return Picture(pixels(values.view(self.scan.image.shape), 1 / max(float(values.abs().max()), 1e-30)))

    def _cloud(self) -> list[Mark]:
        """Each pixel: by how much the loss truly rises, against what is promised."""
        s, seen = self.scan, self.revealed
        points = s.point(s.step, s.step_way), s.point(s.truth)
        (step_x, step_y), (best_x, best_y) = ([[value] * seen for value in point] for point in points)
        x, y = s.point(self.pixel)
        far = [0, float(s.best_promised.max())]
        every = s.best_promised.tolist() * seen, s.best_rise.tolist() * seen
        l1, l2 = STYLES["l1"], STYLES["l2"]
        square: dict[str, Any] = {"symbol": l2.marker, "hollow": True, "size": 16, "width": 2.5}
        return [
            Points(*every, color="#b8b8b8", size=4, name="all pixels"),
            Points(step_x, step_y, l1.color, symbol=l1.marker, size=11, outline=INK, name="the ℓ1 step"),
            Line(far, far, dash="dot", width=1, name="as promised"),
            Points(best_x, best_y, l2.color, name="the best", **square),
            Points([x], [y], name="the pixel shown", **RING),
        ]

    def table(self) -> list[dict[str, Any]]:
        return [self.scan.row(self.pixel)]
