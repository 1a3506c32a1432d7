"""What a net answers to every change of a single pixel, from one gradient and two forward passes a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from rolab.attacks import input_gradient
from rolab.course.nb03_perturbations.perturbation_sweep import said
from rolab.evaluation import BATCH, eval_mode


@dataclass(frozen=True, eq=False)
class SinglePixelScan:
    """What a net answers to each of the 2·P changes of a single one of the P pixels.

    Attributes:
        net: its name
        label: the true class
        image: (1, H, W)
        gradient: (P,), ∇ₓJ
        change: (2, P), by how much each pixel goes up, and down
        logits: (2, P, K), at x with that one change; float64
        before: (K,), the logits at x; float64
    """

    net: str
    label: int
    image: Tensor
    gradient: Tensor
    change: Tensor
    logits: Tensor
    before: Tensor

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

    def row(self, j: int, way: int | None = None) -> dict[str, Any]:
        """The numbers of pixel j, changed the better way, or a given one."""
        way = self.way[j] if way is None else way
        after = self.logits[way, j].softmax(0)
        row: dict[str, Any] = {"pixel": self.place(j), "change": float(self.change[way, j])}
        row |= zip(("promised", "rise of the loss"), self.point(j, way), strict=True)
        row |= zip(("place by the gradient", "place in truth"), self.rank(j), strict=True)
        return row | {"answer": int(after.argmax())} | {str(c): float(p) for c, p in enumerate(after)}


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
    device = next(model.parameters()).device
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
