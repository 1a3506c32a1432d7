"""One image, one net, one uncertainty set that grows: what the net answers on the way, and its figures.

Unless pixel bounds cut the set, the first-order direction does not depend on ε: one gradient serves the
sweep, and one batched forward pass all of its radii. Other attacks see the radii as one batch, of one image
again and again in sets of different sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rolab.attacks import Attack, ascent_direction, first_order
from rolab.data import MNIST_CLASSES
from rolab.evaluation import device_of, eval_mode
from rolab.experiments.styles import style
from rolab.plotting import INK, PALE, Axis, Cursor, Line, Mark, Panel, Picture, Sliding, Style, pixels
from rolab.plotting.figure import Legend, legend_rows
from rolab.plotting.marks import Place, short
from rolab.plotting.pixels import data_uri
from rolab.sets import UncertaintySet, pixel_box

_COLORS = "#E69F00 #56B4E9 #009E73 #9A8B00 #0072B2 #D55E00 #CC79A7 #7A7A7A #8C510A #6A3D9A".split()
_DASHES = ("dash", "dot", "dashdot")
AHEAD, FLIP = "#eeeeee", "#7A7A7A"  # the colours of what has not been reached, and of the flip
LEFT, HALF = (0.0, 0.55), 0.45  # where the half of each of two nets begins, and how broad it is


def said(net: str, probability: Tensor, label: int, classes: Sequence[int | str] = MNIST_CLASSES) -> str:
    """What a net answers, given its class probabilities (K,), how sure it is, and whether that is right."""
    answer, sure = int(probability.argmax()), f"({100 * float(probability.max()):.0f} % sure)"
    verdict = "right" if answer == label else f"the label is {classes[label]}"
    return f"the {style(net).label} net says {classes[answer]} {sure}, {verdict}"


@dataclass(frozen=True, eq=False)
class PerturbationSweep:
    """What a net answers while ε grows."""

    net: str
    norm: str  # which set
    label: int  # the true class
    image: Tensor  # (1, C, H, W)
    radii: tuple[float, ...]  # (G,), ascending from 0
    perturbation: Tensor  # (G, C, H, W), Δ at each radius
    probability: Tensor  # (G, K), the net's class probabilities at x + Δ
    method: str = "one step"  # the name of the attack that found Δ
    classes: Sequence[int | str] = MNIST_CLASSES  # (K,), what each class is called
    noun: str = "digit"  # what the image shows
    gain: float = 10.0  # so many times as strong is Δ shown
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

    @cached_property
    def answers(self) -> list[int]:
        """The class with the largest probability at each radius."""
        return self.probability.argmax(1).tolist()

    @cached_property
    def flip(self) -> int | None:
        """The place of the first radius at which the answer is not the label; None where there is none."""
        return next((k for k, answer in enumerate(self.answers) if answer != self.label), None)

    @cached_property
    def sentences(self) -> list[str]:
        """What the net says at each radius, in words: the figure's titles."""
        norm = style(self.norm).label
        answers = [said(self.net, probability, self.label, self.classes) for probability in self.probability]
        return [
            f"{norm} radius {radius:g}: {answer}" for radius, answer in zip(self.radii, answers, strict=True)
        ]

    @cached_property
    def lines(self) -> list[Line]:
        """Each class against ε, the true one black, one below 5 % pale."""
        found: list[Line] = []
        for c, curve in enumerate(self.probability.T):
            look, width = Style(str(self.classes[c]), _COLORS[c % len(_COLORS)], _DASHES[c % len(_DASHES)]), 2
            if c == self.label:
                look, width = Style(f"{look.label} (true)", INK), 3
            elif float(curve.max()) < 0.05:
                look, width = Style(look.label, PALE), 1
            found.append(Line.of(look, self.radii, curve, width=width, legend=width > 1))
        return found

    @property
    def flip_radius(self) -> float | None:
        """The radius of the flip, None where there is none."""
        return None if self.flip is None else self.radii[self.flip]

    @property
    def x_title(self) -> str:
        """The title of the axis of radii, with its unit."""
        attack = "" if self.method == "one step" else f", {self.method}"
        return f"ε, the {style(self.norm).label} radius (pixels are in [0, 1]){attack}"

    def flips(self, reached: int | None = None) -> str:
        """Where the answer changes, in words; of a sweep that is known as far as a place, if one is given."""
        end = len(self.radii) - 1
        if self.flip is None or self.flip > (end if reached is None else reached):
            return f"no flip up to {self.radii[end]:g}" if reached in (None, end) else "no flip so far"
        return f"flips at {self.flip_radius:g}" if self.flip else "wrong from the start"

    def row(self, k: int) -> dict[str, Any]:
        """The k-th radius, the answer, the probability of each class."""
        probability = {str(name): float(p) for name, p in zip(self.classes, self.probability[k], strict=True)}
        return {"ε": self.radii[k], "answer": self.classes[self.answers[k]], **probability}

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
    device = device_of(model, x)
    x, y = x.to(device), torch.tensor([label], device=device)
    scales = torch.tensor(radii, device=device)
    with eval_mode(model):
        if attack is not first_order:
            images = x.repeat(len(radii), *[1] * (x.ndim - 1))
            sets = U.scaled(scales)  # type: ignore[arg-type]  # a ball takes a factor for each example
            sets = sets & pixel_box(images) if in_pixel_box else sets
            d = attack(model, images, y.repeat(len(radii)), sets)
        elif in_pixel_box:
            g = ascent_direction(model, x, y)
            d = torch.cat([(U.scaled(radius) & pixel_box(x)).maximizer(g) for radius in radii])
        else:
            d = scales.view(-1, *[1] * (x.ndim - 1)) * first_order(model, x, y, U)
        with torch.no_grad():
            probability = model(x + d).float().softmax(1)
    found: dict[str, Any] = {"image": x.cpu(), "perturbation": d.cpu(), "probability": probability.cpu()}
    return PerturbationSweep(label=label, radii=radii, **found, **named)


@dataclass(frozen=True, eq=False)
class SweepFigure(Sliding):
    """The image, Δ, their sum, and the class probabilities against ε, as far as a reader has gone.

    It opens at the radius `shown`. What lies beyond, the flip too, is covered.
    """

    sweep: PerturbationSweep
    shown: int
    furthest: int = 0  # a place that has been reached before
    HEIGHT = 540
    MARGIN = (60, 16, 76, 54)
    legend = Legend(0.765, 0.46)
    prefix = "ε = "
    places = property(lambda self: self.sweep.radii)

    @property
    def alt(self) -> str:
        w = self.sweep
        against = f"against the {style(w.norm).label} radius: {self.flips()}"
        seen = f"{w.opening}, the perturbation, their sum, and the net's class probabilities {against}"
        return f"{seen}. Shown: {self.title}."

    def message(self, k: int) -> str:
        return self.sweep.sentences[k]

    @property
    def reached(self) -> int:
        """The place up to which the curves can be seen."""
        return max(self.shown, self.furthest)

    def flips(self) -> str:
        """What is known of the flip, in words."""
        return self.sweep.flips(self.reached)

    def panels(self) -> list[Panel]:
        w = self.sweep
        names = f"x, label {w.truth}", f"Δ ×{w.gain:g}", "x + Δ"
        above = picture_row([w.original, *w.pictures(self.shown)], names, 0.58)
        return [*above, curves(w, self.shown, self.reached, (0, 0.75, 0, 0.46), w.x_title)]

    def row(self, k: int) -> dict[str, Any]:
        return self.sweep.row(k)


@dataclass(frozen=True, eq=False)
class ComparisonFigure(Sliding):
    """Two sweeps of one image in one set: for each net Δ, x + Δ and its class probabilities.

    What lies beyond the radius shown, and beyond `furthest`, is covered.
    """

    sweeps: tuple[PerturbationSweep, PerturbationSweep]  # of the two nets; their radii are the same
    shown: int
    furthest: int = 0
    HEIGHT = 520
    legend = Legend(0, -0.16, rows=True)
    prefix = "ε = "
    places = property(lambda self: self.sweeps[0].radii)

    def __post_init__(self) -> None:
        if self.sweeps[0].radii != self.sweeps[1].radii:
            raise ValueError("sweeps: expected two sweeps over the same radii")
        super().__post_init__()

    @property
    def MARGIN(self) -> tuple[int, int, int, int]:  # type: ignore[override]
        """With room for the legend below."""
        names = {line.label for w in self.sweeps for line in w.lines if line.label}
        return 60, 16, 76, 66 + 24 * legend_rows([*names, "ε", "the flip"])

    @property
    def alt(self) -> str:
        w, each = self.sweeps[0], self.flips()
        seen = f"{w.opening} perturbed for two nets side by side, and their class probabilities against the"
        return f"{seen} {style(w.norm).label} radius. {each}. Shown: {self.title}."

    def message(self, k: int) -> str:
        w = self.sweeps[0]
        said = ", ".join(f"{style(w.net).label} says {w.classes[w.answers[k]]}" for w in self.sweeps)
        return f"{style(w.norm).label} radius {w.radii[k]:g}, label {w.truth}: {said}"

    @property
    def reached(self) -> int:
        """The place up to which the curves can be seen."""
        return max(self.shown, self.furthest)

    def flips(self) -> str:
        """What is known of the flips, in words."""
        return "; ".join(f"{style(w.net).label}: {w.flips(self.reached)}" for w in self.sweeps)

    def panels(self) -> list[Panel]:
        """For each net two pictures, and the curves below; a class has one entry in the legend."""
        found, named = list[Panel](), set[str | None]()
        for w, left in zip(self.sweeps, LEFT, strict=True):
            above = zip(w.pictures(self.shown), (f"Δ ×{w.gain:g}", "x + Δ"), (left, left + 0.24), strict=True)
            found += [Panel.picture(picture, (x, x + 0.2, 0.6, 1), name) for picture, name, x in above]
            x_title, title = f"ε, {style(w.norm).label} radius", f"{style(w.net).label}"
            domain = left, left + HALF, 0, 0.48
            panel = curves(w, self.shown, self.reached, domain, x_title, title=title)
            marks = [replace(mark, name="") if mark.name in named else mark for mark in panel.marks]
            named |= {mark.label for mark in marks if mark.label}
            found.append(replace(panel, marks=marks))
        return found

    def row(self, k: int) -> dict[str, Any]:
        """ε, and for each net its answer and the probability of the true class."""
        row: dict[str, Any] = {"ε": self.places[k]}
        for w in self.sweeps:
            label = style(w.net).label
            row |= {
                label: w.classes[w.answers[k]],
                f"p({w.truth}), {label}": float(w.probability[k, w.label]),
            }
        return row


def picture_row(
    pictures: Sequence[Picture], captions: Sequence[str], bottom: float, marks: Sequence[Mark] = ()
) -> list[Panel]:
    """Three pictures side by side, from that share of the figure's height up; the marks are on each."""
    row = zip(pictures, captions, (0, 0.355, 0.71), strict=True)
    return [Panel.picture(picture, (x, x + 0.29, bottom, 1), caption, marks) for picture, caption, x in row]


def curves(w: PerturbationSweep, k: int, reached: int, domain: Any, x_title: str, **more: Any) -> Panel:
    """The class probabilities of a sweep against ε as far as it is reached, the flip, the radius shown."""
    flip = w.flip_radius if w.flip is not None and w.flip <= reached else None
    ahead = Ahead(w.radii[reached], w.radii[-1])
    marks = [*w.lines, ahead, Cursor(flip, FLIP, name="the flip"), Cursor(w.radii[k], name="ε")]
    y = Axis("probability" if domain[0] == 0 else "", (-0.02, 1.02))
    return Panel(marks, Axis(x_title, (0, w.radii[-1])), y, domain, **more)


@dataclass(frozen=True, eq=False)
class Ahead(Mark):
    """Covers what lies ahead, from x = left to right. A picture of the layout: plotly moves it at once."""

    left: float
    right: float

    def plotly(self, page: dict[str, Any], place: Place) -> None:
        size = {"x": short(self.left), "sizex": short(self.right - self.left), "y": 1, "sizey": 1}
        look = {"source": _PLAIN, "visible": self.left < self.right, "sizing": "stretch"}
        on = {**place.on("ref"), "yref": f"y{place.number} domain"}
        page["layout"]["images"].append({**look, **size, **on})

    def draw(self, axes: Any) -> None:
        axes.axvspan(self.left, self.right, color=AHEAD, linewidth=0, zorder=2.5)


_PLAIN = data_uri(np.full((1, 1, 3), tuple(bytes.fromhex(AHEAD[1:])), np.uint8))
