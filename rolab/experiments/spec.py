"""An experiment as data: its nets, how they are trained, and on what they are evaluated (§5)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from rolab.data import Dataset
from rolab.objectives import Objective
from rolab.plotting.style import Style, style
from rolab.training.devices import multiplies_bfloat16
from rolab.training.recipe import Recipe

Split = Literal["train", "test"]


@dataclass(frozen=True)
class NetSpec:
    """One net of an experiment: a row of its table.

    Attributes:
        name: of its folder, its card and its row
        title: what tables and figures call it
        objective: what its training descends
        radius: of the set that it is trained with, in pixel units; None for a net that has none
        recipe: where its recipe is another than the experiment's, as {"epochs": 45}
        compared_with: name of a McNemar test → the net that it is compared with, where that is trained too
        paper: what the paper prints for it, in percent: its `test_accuracy` and `adversarial_accuracy`
        every_seed: whether it is trained with every seed, and not with the first alone
        control: whether the paper lacks it; a folder that holds the others can take it up later
        augments: the net that is the same but for flips and shifts
        note: what a reader of the table must know of its comparison
        style: its colour, dash and marker; by its place among the nets if left out
    """

    name: str
    title: str
    objective: Objective
    radius: float | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    compared_with: Mapping[str, str] = field(default_factory=dict)
    paper: Mapping[str, float] = field(default_factory=dict)
    every_seed: bool = True
    control: bool = False
    augments: str | None = None
    note: str = ""
    style: Style | None = None


@dataclass(frozen=True)
class Measure:
    """What else is measured of every finished net: a column of the table.

    Attributes:
        title: of the column, with the unit
        of: (model in eval mode, test images) → a number; or which of some examples are right, bool (N,), of
            which the share is shown, in percent, and compared with the baseline's by McNemar's test
    """

    title: str
    of: Callable[[nn.Module, Dataset], Tensor | float]


def by_name(nets: Iterable[NetSpec]) -> dict[str, NetSpec]:
    """The nets by their names, in this order."""
    return {net.name: net for net in nets}


def check_seeds(seeds: Any) -> tuple[int, ...]:
    """The seeds, once they are known to be distinct whole numbers that PyTorch takes."""
    whole = isinstance(seeds, tuple) and all(type(seed) is int and 0 <= seed < 2**63 for seed in seeds)
    if not whole or not seeds or len(set(seeds)) < len(seeds):  # a bool is no seed
        raise ValueError(f"seeds is {seeds!r}, expected distinct whole numbers from 0 up, below 2⁶³")
    return seeds


@dataclass(frozen=True)
class Experiment:
    """One table of the paper: what is trained, how, and on what it is evaluated. Radii are in pixel units.

    Every net of a seed has the same architecture and initialisation and is trained from scratch.

    Attributes:
        name: of the experiment, as "mnist"
        preset: the name of the preset that set the other fields
        recipe: of all nets that do not ask for another
        seeds: one initialisation, one collection A and one row of values each
        nets: name → net; the first is the baseline, from which A is built
        load: "train" or "test" → the images
        examples_per_norm: norm → how many examples of A it contributes
        radius_grids: norm → the radii tried, ascending, in the search for A
        epsilons: the ℓ∞ radii of the figure of accuracy against ε
        table: what the paper calls the table; the name of its files
        figures: name of a figure's files → what it shows, as `rolab.experiments.figures.DRAWINGS` calls it
        radius_scales: the factors by which the radii of A grow
        examples: how many training examples are used, from the first on; None is all
        architecture: the name of a network of `rolab.nets`
        subset: whether `load` gives a part of the data set's test images
        classes: the names of the labels
        weights_dtype: of the weights of a finished net, to which they are rounded before it is evaluated
        memory: bytes that a worker takes which trains or evaluates a net on a CPU
        measures: name → what else is measured of each net; a folder takes up later what is added here
    """

    name: str
    preset: str
    recipe: Recipe
    seeds: tuple[int, ...]
    nets: Mapping[str, NetSpec]
    load: Callable[[Split], Dataset]
    examples_per_norm: Mapping[str, int]
    radius_grids: Mapping[str, tuple[float, ...]]
    epsilons: tuple[float, ...]
    table: str
    figures: Mapping[str, str]
    radius_scales: tuple[float, ...] = (1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0)
    examples: int | None = None
    architecture: str = "ConvNet"
    subset: bool = False
    classes: Sequence[int | str] = tuple(range(10))
    weights_dtype: Literal["float32", "float16"] = "float32"
    memory: int = 10**9
    measures: Mapping[str, Measure] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_seeds(self.seeds)

    @property
    def baseline(self) -> str:
        """The name of the net from which A is built."""
        return next(iter(self.nets))

    @property
    def main_nets(self) -> tuple[str, ...]:
        """The names of the nets that are no controls."""
        return tuple(name for name, net in self.nets.items() if not net.control)

    @property
    def styles(self) -> dict[str, Style]:
        """How the nets look in figures, by their names."""
        return {
            name: replace(net.style or style(name, place), label=net.title)
            for place, (name, net) in enumerate(self.nets.items())
        }

    def nets_of(self, seed: int) -> tuple[str, ...]:
        """The nets that are trained with a seed."""
        return tuple(name for name, net in self.nets.items() if net.every_seed or seed == self.seeds[0])

    def images(self, split: Split) -> Dataset:
        """The images that the nets are trained on, or evaluated on."""
        whole = self.load(split)
        return whole[: self.examples] if split == "train" else whole

    def objective(self, net: str) -> Objective:
        """What the training of a net descends."""
        return self.nets[net].objective

    def radius(self, net: str) -> float | None:
        """The radius with which a net is trained, None for a baseline."""
        return self.nets[net].radius

    def recipe_of(self, net: str) -> Recipe:
        """The recipe of a net."""
        return replace(self.recipe, **self.nets[net].recipe)

    def comparisons(self, net: str) -> dict[str, str]:
        """With which nets McNemar's test compares a net: name of the test → net. None for the baseline."""
        return {test: other for test, other in self.nets[net].compared_with.items() if other in self.nets}

    def on(self, device: str | torch.device, precision: str | None = None) -> "Experiment":
        """The experiment in this precision; None: the recipe's, or float32 where a device lacks bfloat16."""
        if precision is None:
            precision = self.recipe.precision if multiplies_bfloat16(device) else "float32"
        return replace(self, recipe=replace(self.recipe, precision=precision))

    def without_controls(self) -> "Experiment":
        """The experiment with the main nets only. A folder that holds it can take the controls up later."""
        return replace(self, nets={name: self.nets[name] for name in self.main_nets})

    def identity(self) -> dict[str, Any]:
        """What makes two runs the same experiment: all but controls, seeds and measures."""
        nets = {name: repr(self.nets[name].objective) for name in self.main_nets}
        apart = ("seeds", "nets", "load", "table", "figures", "classes", "recipe", "memory", "measures")
        same = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in apart}
        return {**same, "recipe": vars(self.recipe), "nets": nets}
