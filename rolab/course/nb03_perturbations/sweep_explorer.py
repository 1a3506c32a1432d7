"""The explorer of notebook 03's third section: one image, or two nets, under a growing perturbation.

nets = {name: zoo.load(f"mnist/{name}") for name in ("baseline", "robust-linf")}
explorer = PerturbationExplorer(nets, data.mnist("test"))
explorer.at(net="baseline", index=7)   # at the end of a cell: live; without a kernel a figure with a slider
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from rolab.attacks import Attack, first_order, pgd
from rolab.course.live.controls import Button, Cache, Choice, Control, Notice, Number, Slide, Toggle, stamp
from rolab.course.live.explorer import Explorer, Live
from rolab.course.nb00_start.drawn_digit import LARGEST
from rolab.course.nb03_perturbations.perturbation_sweep import (
    ComparisonFigure,
    PerturbationSweep,
    SweepFigure,
    perturbation_sweep,
)
from rolab.data import MNIST_CLASSES, Dataset
from rolab.evaluation import device_of, eval_mode, predict
from rolab.experiments.styles import style
from rolab.sets import Ball, UncertaintySet, pixel_box, resolve

UNIT_BALLS = {norm: Ball(norm, 1.0) for norm in ("l1", "l2", "linf")}
ATTACKS: dict[str, Attack] = {"one step": first_order, "PGD": pgd}


class PerturbationExplorer(Explorer):
    """One image under a growing perturbation: the image, Δ, their sum, the class probabilities.

    The curves are drawn as far as ε has been taken, and the flip is marked once it is reached.

    Args:
        nets: name → network, on any device
        data: the images
        sets: name → the set at ε = 1; ε scales it
        largest: name → where its slider ends
        points: how many radii a slider has, 0 among them
        attacks: name → the attack, (model, x, y, U) → Δ; all but a single step need sets, such as balls, that
            can be scaled by one factor for each example
        classes: what each class is called; the digits are their own names
        noun: what the data are, one of them
        gain: Δ is shown so many times as strong; small sets need more
    """

    KEPT = 64  # sweeps in the cache
    SLIDE = "epsilon"
    _reached: dict[tuple, int] | None = None  # how far the reader of a view has gone in each sweep
    ROWS = ("net", "beside", "index", "next"), ("norm", "method", "in_pixel_box"), ("epsilon",)

    def __init__(
        self,
        nets: Mapping[str, nn.Module],
        data: Dataset,
        sets: Mapping[str, UncertaintySet] = UNIT_BALLS,
        largest: Mapping[str, float] = LARGEST,
        points: int = 41,
        attacks: Mapping[str, Attack] = ATTACKS,
        classes: Sequence[int | str] = MNIST_CLASSES,
        noun: str = "digit",
        gain: float = PerturbationSweep.gain,
    ) -> None:
        missing = [name for name in sets if not largest.get(name, 0) > 0]
        for wrong, complaint in (
            (not nets or not len(data), f"nets and data: expected at least one network and one {noun}"),
            (missing, f"largest: expected a positive radius for {', '.join(missing)}"),
            (points < 2, f"points is {points}, expected at least 2"),
            (not attacks, "attacks: expected at least one, got none"),
            (not noun, "noun: expected a word, got none"),
            (not gain > 0, f"gain: expected a positive number, got {gain}"),
        ):
            if wrong:
                raise ValueError(complaint)
        self.nets, self.data, self.sets, self.attacks = dict(nets), data, dict(sets), dict(attacks)
        self.noun, self.named = noun, {"classes": classes, "noun": noun, "gain": gain}
        self.radii = {p: tuple(round(largest[p] * k / (points - 1), 10) for k in range(points)) for p in sets}
        self._sweeps = Cache(self.KEPT)

    def controls(self, norm: str | None = None, **state: Any) -> dict[str, Control]:
        nets = {name: style(name).label for name in self.nets}
        norms = {name: style(name).label for name in self.sets}
        norm = norm or list(norms)[-1]
        return {
            "net": Choice("net", nets),
            "beside": Choice("beside it", {"": "no second net", **nets}),
            "index": Number(f"{self.noun} no.", 0, len(self.data) - 1),
            "norm": Choice("norm", norms, norm),
            "method": Choice("attack", list(self.attacks)),
            "in_pixel_box": Toggle("keep pixels in [0, 1]"),
            "epsilon": Slide("ε", self.radii[norm]),
            "next": Button(f"next misread {self.noun}", self._seek, "the next that is wrong at this ε"),
        }

    def sweep(self, **state: Any) -> PerturbationSweep:
        """All that is shown of an image, a net, a set and an attack: computed once."""
        return self._sweep(**self.state(**state))

    def _sweep(
        self, net: str, index: int, norm: str, method: str, in_pixel_box: bool, **_: Any
    ) -> PerturbationSweep:
        x, label, model = self.data.images[index : index + 1], int(self.data.labels[index]), self.nets[net]

        def compute() -> PerturbationSweep:
            named: dict[str, Any] = {"net": net, "norm": norm, "method": method, **self.named}
            what = model, x, label, self.sets[norm], self.radii[norm], self.attacks[method]
            return perturbation_sweep(*what, in_pixel_box=in_pixel_box, **named)

        now = stamp((x, *model.parameters(), *model.buffers()))  # the net may be trained in place
        return self._sweeps.get((net, index, label, norm, in_pixel_box, method, now), compute)

    def draw(self, **state: Any) -> SweepFigure | ComparisonFigure:
        first, k = self._sweep(**state), self.place(state["norm"], state["epsilon"])
        furthest = k
        if self._reached is not None:
            run = tuple(value for name, value in state.items() if name != "epsilon")
            furthest = self._reached[run] = max(k, self._reached.get(run, 0))
        if not state["beside"]:
            return SweepFigure(first, k, furthest)
        return ComparisonFigure((first, self._sweep(**{**state, "net": state["beside"]})), k, furthest)

    def live(self, *, plain: bool | None = None, **chosen: Any) -> Live:
        """The controls and the figure; each view remembers by itself how far its reader has gone."""
        own = self.at()
        own._reached = {}
        return super(PerturbationExplorer, own).live(plain=plain, **chosen)

    def say(self, figure: Any, /, **state: Any) -> str:
        return f"{figure.title}; {figure.flips()}."

    def place(self, norm: str, epsilon: float) -> int:
        """The place of the radius nearest to ε."""
        radii = self.radii[norm]
        return min(max(round(epsilon / radii[1]), 0), len(radii) - 1)

    def next_misread(self, after: int | None = None, **state: Any) -> int | None:
        """The next image after one, or after `index`, that the net gets wrong, round the end; or None."""
        state = self.state(**state)
        after = state["index"] if after is None else after
        U, model = self.sets[state["norm"]].scaled(state["epsilon"]), self.nets[state["net"]]
        attack, boxed = self.attacks[state["method"]], state["in_pixel_box"]
        device = device_of(model, self.data.images)
        for rows in ((torch.arange(len(self.data)) + after + 1) % len(self.data)).split(100):
            chunk = self.data[rows]
            x, y = chunk.images.to(device), chunk.labels.to(device)
            with eval_mode(model):
                d = attack(model, x, y, resolve(lambda x: U & pixel_box(x) if boxed else U, x))
            wrong = (predict(model, x + d) != y).nonzero()
            if len(wrong):
                return int(rows[wrong[0, 0]])
        return None

    def _seek(self, **state: Any) -> dict[str, int]:
        if (found := self.next_misread(**state)) is None:
            raise Notice(f"The net reads all of these {self.noun}s correctly at this ε. Try a larger one.")
        return {"index": found}
