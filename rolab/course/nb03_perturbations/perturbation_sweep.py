"""One image, one net, one uncertainty set that grows: what the net answers on the way.

Unless pixel bounds cut the set, the first-order direction does not depend on ε: one gradient serves the
sweep, and one batched forward pass all of its radii. Other attacks see the radii as one batch, of one image
again and again in sets of different sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from rolab.attacks import Attack, first_order, input_gradient
from rolab.data import MNIST_CLASSES
from rolab.evaluation import eval_mode
from rolab.experiments.styles import style
from rolab.plotting import INK, PALE, RED, Line, Picture, Style, pixels
from rolab.sets import UncertaintySet, pixel_box

GAIN = 10.0  # perturbations are shown so many times as strong
_COLORS = "#E69F00 #56B4E9 #009E73 #9A8B00 #0072B2 #D55E00 #CC79A7 #7A7A7A #8C510A #6A3D9A".split()
_DASHES = ("dash", "dot", "dashdot")


def said(net: str, probability: Tensor, label: int, classes: Sequence[int | str] = MNIST_CLASSES) -> str:
    """What a net answers, given its class probabilities (K,), how sure it is, and whether that is right."""
    answer, sure = int(probability.argmax()), f"({100 * float(probability.max()):.0f} % sure)"
    verdict = "right" if answer == label else f"the label is {classes[label]}"
    return f"the {style(net).label} net says {classes[answer]} {sure}, {verdict}"


@dataclass(frozen=True, eq=False)
class PerturbationSweep:
    """What a net answers while ε grows.

    Attributes:
        net, norm, in_pixel_box: which net, which set, and whether pixels stay in [0, 1]
        label: the true class
        image: (1, C, H, W)
        radii: (G,), ascending from 0
        perturbation: (G, C, H, W), Δ at each radius
        probability: (G, K), the net's class probabilities at x + Δ
        method: the name of the attack that found Δ
        classes: (K,), what each class is called
        noun: what the image shows
        gain: so many times as strong is Δ shown
    """

    net: str
    norm: str
    in_pixel_box: bool
    label: int
    image: Tensor
    radii: tuple[float, ...]
    perturbation: Tensor
    probability: Tensor
    method: str = "one step"
    classes: Sequence[int | str] = MNIST_CLASSES
    noun: str = "digit"
    gain: float = GAIN
    _pictures: dict[int, tuple[Picture, Picture]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.classes) != self.probability.shape[1]:
            wanted = f"{self.probability.shape[1]} names, as many as the net tells apart"
            raise ValueError(f"classes: expected {wanted}, got {len(self.classes)}")

    @property
    def truth(self) -> int | str:
        """The name of the true class."""
        return self.classes[self.label]

    @property
    def opening(self) -> str:
        """What the image is, in words: where a text for it begins."""
        article = "An" if self.noun[0] in "aeiou" else "A"
        return f"{article} {self.noun} with label {self.truth}"

    def answer(self, k: int) -> int | str:
        """The name of what the net answers at the k-th radius."""
        return self.classes[self.answers[k]]

    @cached_property
    def answers(self) -> list[int]:
        """The class with the largest probability at each radius."""
        return self.probability.argmax(1).tolist()

    @cached_property
    def flip(self) -> int | None:
        """The place of the first radius at which the answer is not the label; None where there is none."""
        return next((k for k, answer in enumerate(self.answers) if answer != self.label), None)

    def sentence(self, k: int) -> str:
        """What the net says at the k-th radius, in words: the figure's title."""
        radius = f"{style(self.norm).label} radius {self.radii[k]:g}"
        return f"{radius}: {said(self.net, self.probability[k], self.label, self.classes)}"

    @cached_property
    def lines(self) -> list[Line]:
        """Each class against ε, the true one black, one below 5 % pale; last, where the answer flips."""
        found: list[Line] = []
        for c, curve in enumerate(self.probability.T):
            look, width = Style(str(self.classes[c]), _COLORS[c % len(_COLORS)], _DASHES[c % len(_DASHES)]), 2
            if c == self.label:
                look, width = Style(f"{look.label} (true)", INK), 3
            elif float(curve.max()) < 0.05:
                look, width = Style(look.label, PALE), 1
            found.append(Line.of(look, self.radii, curve, width=width, legend=width > 1))
        return [*found, Line([self.flip_radius] * 2, [0, 1], RED, "dot", name=self.flips())]

    @property
    def flip_radius(self) -> float | None:
        """The radius of the flip, None where there is none."""
        return None if self.flip is None else self.radii[self.flip]

    @property
    def x_title(self) -> str:
        """The title of the axis of radii, with its unit."""
        attack = "" if self.method == "one step" else f", {self.method}"
        return f"ε, the {style(self.norm).label} radius (pixels are in [0, 1]){attack}"

    def flips(self) -> str:
        """Where the answer changes, in words."""
        if self.flip is None:
            return f"no flip up to {self.radii[-1]:g}"
        return f"flips at {self.flip_radius:g}" if self.flip else "wrong from the start"

    def row(self, k: int) -> dict[str, Any]:
        """The k-th radius, the answer, the probability of each class."""
        probability = {str(name): float(p) for name, p in zip(self.classes, self.probability[k], strict=True)}
        return {"ε": self.radii[k], "answer": self.answer(k), **probability}

    @cached_property
    def original(self) -> Picture:
        """The image."""
        return Picture(pixels(self.image[0]))

    def pictures(self, k: int) -> tuple[Picture, Picture]:
        """Δ and x + Δ at the k-th radius; kept.

        Δ has one tint a pixel, that of gain · Δ. Where the image has colours, Δ is averaged over them: ±ε in
        each of three becomes ±ε or ±ε/3.
        """
        if k not in self._pictures:
            d = self.perturbation[k]
            self._pictures[k] = Picture(pixels(d, self.gain)), Picture(pixels(self.image[0] + d))
        return self._pictures[k]


def perturbation_sweep(
    model: nn.Module,
    x: Tensor,
    label: int,
    U: UncertaintySet,
    radii: tuple[float, ...],
    attack: Attack = first_order,
    *,
    in_pixel_box: bool = False,
    **named: Any,
) -> PerturbationSweep:
    """One image (1, C, H, W) along what the attack finds in U, scaled by each of the radii.

    What only names or draws goes into the `PerturbationSweep`, which says what it is.
    """
    device = next(model.parameters()).device
    x, y = x.to(device), torch.tensor([label], device=device)
    scales = torch.tensor(radii, device=device)
    with eval_mode(model):
        if attack is not first_order:
            images = x.repeat(len(radii), *[1] * (x.ndim - 1))
            sets = U.scaled(scales)  # type: ignore[arg-type]  # a ball takes a factor for each example
            sets = sets & pixel_box(images) if in_pixel_box else sets
            d = attack(model, images, y.repeat(len(radii)), sets)
        elif in_pixel_box:
            g = input_gradient(model, x, y)
            d = torch.cat([(U.scaled(radius) & pixel_box(x)).maximizer(g) for radius in radii])
        else:
            d = scales.view(-1, *[1] * (x.ndim - 1)) * first_order(model, x, y, U)
        with torch.no_grad():
            probability = model(x + d).float().softmax(1)
    found: dict[str, Any] = {"image": x.cpu(), "perturbation": d.cpu(), "probability": probability.cpu()}
    return PerturbationSweep(in_pixel_box=in_pixel_box, label=label, radii=radii, **found, **named)
