"""The explorer of notebook 03's third section: one image, or two nets, under a growing perturbation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets
import torch
from torch import nn

from rolab.attacks import Attack, first_order, pgd
from rolab.course.live.charts import prepare_colab
from rolab.course.live.controls import Cache, aria_status, show_errors
from rolab.course.nb03_perturbations.comparison_figure import ComparisonFigure
from rolab.course.nb03_perturbations.perturbation_sweep import GAIN, PerturbationSweep, perturbation_sweep
from rolab.course.nb03_perturbations.sweep_figure import SweepFigure
from rolab.data import MNIST_CLASSES, Dataset
from rolab.evaluation import eval_mode, predict
from rolab.experiments.styles import style
from rolab.sets import Ball, UncertaintySet, pixel_box, resolve
from rolab.widgets.shared import WIDE, Drawing, Pictures, digit, has_figure_widget, known

UNIT_BALLS = {norm: Ball(norm, 1.0) for norm in ("l1", "l2", "linf")}
LARGEST = {"l1": 20.0, "l2": 4.0, "linf": 0.4}  # where the sliders end, in pixel units
ATTACKS: dict[str, Attack] = {"one step": first_order, "PGD": pgd}


class PerturbationExplorer:
    """One image under a growing perturbation: the image, Δ, their sum, the class probabilities.

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

    KEPT = 64  # walks in the cache

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
        gain: float = GAIN,
    ) -> None:
        if not nets or not len(data):
            raise ValueError(f"nets and data: expected at least one network and one {noun}")
        if missing := [name for name in sets if not largest.get(name, 0) > 0]:
            raise ValueError(f"largest: expected a positive radius for {', '.join(missing)}")
        if points < 2:
            raise ValueError(f"points is {points}, expected at least 2")
        if not attacks:
            raise ValueError("attacks: expected at least one, got none")
        if not noun:
            raise ValueError("noun: expected a word, got none")
        if not gain > 0:
            raise ValueError(f"gain: expected a positive number, got {gain}")
        self.nets, self.data, self.sets, self.attacks = dict(nets), data, dict(sets), dict(attacks)
        self.classes, self.noun, self.gain = classes, noun, gain
        self.radii = {
            name: tuple(round(largest[name] * k / (points - 1), 10) for k in range(points)) for name in sets
        }
        self._walks = Cache(self.KEPT)

    def perturbation_sweep(
        self, net: str, index: int, norm: str = "linf", boxed: bool = False, method: str | None = None
    ) -> PerturbationSweep:
        """All that is shown of an image, a net, a set and an attack (by default the first): computed once."""
        method = method or next(iter(self.attacks))
        known("net", net, self.nets)
        known("norm", norm, self.sets)
        known("method", method, self.attacks)
        x, label = digit(self.data, index)

        def compute() -> PerturbationSweep:
            names: dict[str, Any] = {"net": net, "norm": norm, "boxed": boxed, "method": method}
            return perturbation_sweep(
                self.nets[net],
                x,
                label,
                self.sets[norm],
                self.radii[norm],
                attack=self.attacks[method],
                **names,
                classes=self.classes,
                noun=self.noun,
                gain=self.gain,
            )

        return self._walks.get((net, index, norm, boxed, method), compute)

    def figure(
        self,
        net: str,
        index: int,
        norm: str = "linf",
        boxed: bool = False,
        epsilon: float | None = None,
        method: str | None = None,
        beside: str | None = None,
    ) -> SweepFigure | ComparisonFigure:
        """The figure with its own slider, which needs no kernel. It opens at ε, or where the answer flips.

        beside: a second net, shown side by side with the first.
        """
        shown = self.walk(net, index, norm, boxed, method)
        k = (shown.flip or len(shown.radii) // 2) if epsilon is None else self.place(norm, epsilon)
        if beside is None:
            return SweepFigure(shown, k)
        return ComparisonFigure((shown, self.walk(beside, index, norm, boxed, method)), k)

    def table(self, *chosen: Any, **named: Any) -> list[dict[str, Any]]:
        """The same numbers, a row for each radius; the arguments are those of `figure`."""
        return self.figure(*chosen, **named).table()

    def place(self, norm: str, epsilon: float) -> int:
        """The place of the radius nearest to ε."""
        radii = self.radii[norm]
        return min(max(round(epsilon / radii[1]), 0), len(radii) - 1)

    def next_misread(
        self, net: str, after: int, norm: str, boxed: bool, epsilon: float, method: str | None = None
    ) -> int | None:
        """The next image that the net gets wrong at this ε, around the end to the start; None if none is."""
        U, batch, model = self.sets[norm].scaled(epsilon), 100, self.nets[net]
        attack = self.attacks[method or next(iter(self.attacks))]
        device = next(model.parameters()).device
        order = [(after + 1 + i) % len(self.data) for i in range(len(self.data))]
        for start in range(0, len(order), batch):
            rows = torch.tensor(order[start : start + batch])
            chunk = self.data[rows]
            x, y = chunk.images.to(device), chunk.labels.to(device)
            with eval_mode(model):
                d = attack(model, x, y, resolve(lambda x: U & pixel_box(x) if boxed else U, x))
            wrong = (predict(model, x + d) != y).nonzero()
            if len(wrong):
                return int(rows[wrong[0, 0]])
        return None

    def live(self, *, plain: bool | None = None, **start: Any) -> LiveExplorer:
        """The sliders.

        Args:
            plain: draw pictures instead of a plotly figure; None decides by what is installed
            start: `net`, `beside`, `index`, `norm`, `boxed`, `epsilon`, `method` to begin with
        """
        prepare_colab()
        return LiveExplorer(self, (not has_figure_widget()) if plain is None else plain, **start)


class LiveExplorer(ipywidgets.VBox):
    """The controls and the figure. All work from the keyboard, and errors are shown below the controls."""

    def __init__(
        self,
        explorer: PerturbationExplorer,
        plain: bool,
        net: str | None = None,
        index: int = 0,
        norm: str | None = None,
        boxed: bool = False,
        epsilon: float = 0.0,
        method: str | None = None,
        beside: str | None = None,
    ) -> None:
        super().__init__()
        self.explorer = explorer
        nets, norms = ([(style(key).label, key) for key in keys] for keys in (explorer.nets, explorer.sets))
        self.net = _choice("net", nets, net)
        self.beside = _choice("beside it", [("no second net", ""), *nets], beside)
        self.norm = _choice("norm", norms, norm or norms[-1][1])
        self.method = _choice("attack", [(name, name) for name in explorer.attacks], method)
        self.boxed = ipywidgets.Checkbox(value=boxed, description="keep pixels in [0, 1]", indent=False)
        last = len(explorer.data) - 1
        self.index = ipywidgets.BoundedIntText(
            value=index,
            min=0,
            max=last,
            description=f"{explorer.noun} no.",
            style=WIDE,
            layout={"width": "200px"},
        )
        self.next = ipywidgets.Button(
            description=f"next misread {explorer.noun}", tooltip="the next that is wrong at this ε"
        )
        radii = explorer.radii[self.norm.value]
        scale = {"min": 0.0, "max": radii[-1], "step": radii[1]}
        self.epsilon = ipywidgets.FloatSlider(
            **scale, value=epsilon, description="ε", readout=False, style=WIDE, layout={"width": "480px"}
        )
        self.number = ipywidgets.BoundedFloatText(**scale, value=epsilon, layout={"width": "100px"})
        self.summary, self.error = ipywidgets.HTML(), ipywidgets.HTML()
        controls = [
            ipywidgets.HBox([self.net, self.beside, self.index, self.next]),
            ipywidgets.HBox([self.norm, self.method, self.boxed]),
            ipywidgets.HBox([self.epsilon, self.number]),
            self.summary,
            self.error,
        ]
        self.shown = self._figure()
        self.chart = (Pictures if plain else Drawing)(self.shown)
        self.children = [*controls, self.chart.widget]
        self._say()
        ipywidgets.link((self.epsilon, "value"), (self.number, "value"))
        for control in (self.net, self.beside, self.index, self.boxed, self.method):
            control.observe(show_errors(self._choose, self.error), "value")
        self.norm.observe(show_errors(self._change_norm, self.error), "value")
        self.epsilon.observe(show_errors(self._slide, self.error), "value")
        self.next.on_click(show_errors(self._seek, self.error))

    def _figure(self) -> SweepFigure | ComparisonFigure:
        chosen = self.net.value, self.index.value, self.norm.value, self.boxed.value, self.epsilon.value
        return self.explorer.figure(*chosen, self.method.value, self.beside.value or None)

    def _slide(self) -> None:
        self.shown = self._figure()
        self.chart.slide(self.shown, self.shown.moving(self.shown.k))
        self._say()

    def _choose(self) -> None:
        self.shown = self._figure()
        self.chart.choose(self.shown)
        self._say()

    def _change_norm(self) -> None:
        """Keeps the place on the slider, which gets another scale."""
        radii, k = self.explorer.radii[self.norm.value], self.shown.k
        controls = self.epsilon, self.number
        for control in controls:
            control.max, control.step = max(control.max, radii[-1]), radii[1]
        self.epsilon.value = radii[k]
        for control in controls:
            control.max = radii[-1]
        self._choose()

    def _seek(self) -> None:
        chosen = self.norm.value, self.boxed.value, self.epsilon.value, self.method.value
        found = self.explorer.next_misread(self.net.value, self.index.value, *chosen)
        if found is None:
            all_of_them = f"all of these {self.explorer.noun}s correctly"
            self.error.value = f"The net reads {all_of_them} at this ε. Try a larger one."
        else:
            self.index.value = found

    def _say(self) -> None:
        self.summary.value = aria_status(f"{self.shown.title}; {self.shown.flips()}.")


def _choice(name: str, options: list, value: Any) -> ipywidgets.Dropdown:
    start = options[0][1] if value is None else value
    layout = {"width": "240px"}
    return ipywidgets.Dropdown(options=options, value=start, description=name, style=WIDE, layout=layout)
