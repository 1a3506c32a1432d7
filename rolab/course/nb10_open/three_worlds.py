"""One uncertainty set in three worlds: a program made robust, a digit rewritten, a network trained.

Each asks the set the same question, which perturbation goes furthest along a direction.
"""

from __future__ import annotations

import torch
from torch import nn

from rolab.attacks import first_order
from rolab.course.nb01_linear_programs.problems import production
from rolab.data import Dataset
from rolab.evaluation import accuracy, accuracy_percent, correct
from rolab.experiments.attack_grid import InPixelBox
from rolab.lp import Solution
from rolab.objectives import Nominal, Objective, Robust
from rolab.plotting import ImageGrid, ImageRow
from rolab.sets import UncertaintySet
from rolab.training import Recipe, train


def planned(U: UncertaintySet) -> Solution:
    """The workshop of notebook 01, whose hours are wrong by Δ in U (as shares), by cutting sets."""
    return production(U).solve("cutting-set")


def on_a_digit(model: nn.Module, test: Dataset, index: int, U: UncertaintySet) -> ImageGrid:
    """A digit, the step (11) in U, both as pictures, and what the network reads."""
    some = test[index : index + 1]
    x, y = some.images, int(some.labels)
    d = first_order(model, x, some.labels, U)
    before, after = (int(model(image).argmax()) for image in (x, x + d))
    largest = float(d.abs().max()) or 1.0
    captions = [f"read as {before}, label {y}", "Δ", f"read as {after}"]
    row = ImageRow(torch.cat([x, d, x + d]), captions=captions, gain=[None, 1 / largest, None])
    alt = f"A digit with label {y}, the step in the set, and their sum, which is read as {after}."
    return ImageGrid(title=f"Your set turns “{before}” into “{after}”", rows=[row], alt=alt)


def trained(U: UncertaintySet, data: Dataset, test: Dataset, epochs: int = 6) -> list[dict[str, float | str]]:
    """A small net trained without and with U, and what each reads: clean, and after its own step in U."""
    rows = list[dict[str, float | str]]()
    methods: dict[str, Objective] = {"standard": Nominal(), "with your set": Robust(U)}
    recipe = Recipe(epochs, learning_rate=0.1, schedule="constant", nesterov=False, weight_decay=0.0)
    for name, objective in methods.items():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
        train(net, data, objective, recipe, device="cpu", progress=False)
        step = first_order(net, test.images, test.labels, InPixelBox(U))
        clean, attacked = accuracy(net, test), accuracy_percent(correct(net, test, step))
        rows.append({"trained": name, "clean, %": clean, "after its own step in your set, %": attacked})
    return rows
