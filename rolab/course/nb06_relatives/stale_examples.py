"""Stale examples: how much of an attack is left some steps of training after it was made, [9] and [21]."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from rolab.data import Dataset
from rolab.evaluation import accuracy_percent, correct
from rolab.objectives import Robust
from rolab.plotting import PALE, Curves, Style
from rolab.plotting.style import BLUE, RED
from rolab.sets import UncertaintySet
from rolab.training import training_step


@dataclass(frozen=True, eq=False)
class StaleExamples:
    """A network under Algorithm 1, and perturbations made on the way, used again later.

    Args:
        net: fresh; it is trained in place
        train, test: what it learns from, and what is perturbed
        U: the set of Algorithm 1 and of the perturbations
        every: steps between two times at which examples are made and all are tried
        rounds: how many times
    """

    net: nn.Module
    train: Dataset
    test: Dataset
    U: UncertaintySet
    every: int = 25
    rounds: int = 5
    seed: int = 0

    @cached_property
    def accuracy(self) -> list[list[float | None]]:
        """[made][used]: accuracy at round `used` on the examples of round `made`, percent; None before."""
        optimizer = torch.optim.SGD(self.net.parameters(), lr=0.05, momentum=0.9)
        generator, objective = torch.Generator().manual_seed(self.seed), Robust(self.U)
        made, found = [], list[list[float | None]]()
        for used in range(self.rounds):
            for _ in range(self.every):
                rows = torch.randint(len(self.train), (100,), generator=generator)
                training_step(
                    self.net, self.train.images[rows], self.train.labels[rows], objective, optimizer
                )
            made.append(objective.perturbation(self.net, self.test.images, self.test.labels))
            found.append([None] * used)
            for row, d in zip(found, made, strict=True):
                row.append(accuracy_percent(correct(self.net, self.test, d)))
        return found

    @property
    def steps(self) -> list[int]:
        """After how many steps each round is."""
        return [self.every * (k + 1) for k in range(self.rounds)]

    @property
    def gained(self) -> float:
        """How many percentage points more are read of the oldest examples than of fresh ones, at the end."""
        return self.accuracy[0][-1] - self.accuracy[-1][-1]  # type: ignore[operator]

    def figure(self) -> Curves:
        """The accuracy on fresh examples, and on those of each round as training goes on."""
        fresh = [self.accuracy[k][k] for k in range(self.rounds)]
        kept = {f"made at step {self.steps[k]}": self.accuracy[k] for k in range(self.rounds - 1)}
        looks = dict.fromkeys(kept, PALE)
        first, *_ = kept
        looks[first] = BLUE
        nan = float("nan")
        curves = {
            name: [nan if v is None else v for v in values]
            for name, values in {"fresh": fresh, **kept}.items()
        }
        styles = {name: Style(name, color, "dash") for name, color in looks.items()}
        easier = f"{self.gained:.0f} points easier at the end than fresh ones"
        return Curves(
            title=f"Examples of step {self.steps[0]} are {easier}",
            x=self.steps,
            mean=curves,
            x_title="step of Algorithm 1",
            y_title="test digits read correctly, %",
            alt="Accuracy against steps of training: on fresh adversarial examples, the lowest curve, and on "
            "examples made at earlier steps, which lie above it, the more so the older they are.",
            styles=styles | {"fresh": Style("fresh", RED, marker="square")},
        )
