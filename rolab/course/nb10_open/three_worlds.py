"""One uncertainty set in three worlds: a program made robust, a digit rewritten, a network trained.

Each asks the set the same question, which perturbation goes furthest along a direction.
"""

from __future__ import annotations

import torch
from torch import nn

from rolab.attacks import first_order
from rolab.course.nb01_linear_programs.problems import production
from rolab.data import Dataset
from rolab.evaluation import accuracy_percent, correct
from rolab.experiments.attack_grid import InPixelBox
from rolab.lp import Solution
from rolab.objectives import Nominal, Objective, Robust
from rolab.plotting import ImageGrid, ImageRow
from rolab.sets import UncertaintySet
from rolab.training import training_step


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


def trained(
    U: UncertaintySet, train: Dataset, test: Dataset, epochs: int = 6
) -> list[dict[str, float | str]]:
    """A small net trained without and with U, and what each reads: clean, and after its own step in U."""
    rows = list[dict[str, float | str]]()
    methods: dict[str, Objective] = {"standard": Nominal(), "with your set": Robust(U)}
    for name, objective in methods.items():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        for _ in range(epochs):
            for part in torch.randperm(len(train)).split(100):
                training_step(net, train.images[part], train.labels[part], objective, optimizer)
        step = first_order(net.eval(), test.images, test.labels, InPixelBox(U))
        clean, attacked = (accuracy_percent(correct(net, test, d)) for d in (torch.zeros_like(step), step))
        rows.append({"trained": name, "clean, %": clean, "after its own step in your set, %": attacked})
    return rows
