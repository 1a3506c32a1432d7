"""Small nets that differ in their objective only, and what each of them is robust to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rolab.course.live import Quantities, Quantity
from rolab.course.nb05_tangent_space.moves import turned
from rolab.data import Dataset
from rolab.evaluation import accuracy_percent, ascent_directions, correct
from rolab.nets import MNIST_MEAN, MNIST_STD
from rolab.nets.layers import Standardize
from rolab.objectives import Objective
from rolab.sets import Ball, Tangent
from rolab.sets.tangent import orthonormal
from rolab.training import training_step

TESTS = {"turned": "turned by 5°", "tangent": "worst on the tangent", "ball": "worst in the ball"}
BATCH, ANGLE = 100, 5.0
Runs = Sequence[Mapping[str, float]]  # a seed each: accuracies in percent, and "seconds"


@torch.no_grad()
def tangents_at(images: Tensor, tangents: Callable[[Tensor], Tensor]) -> Tensor:
    """Q, orthonormal tangents at each image, (N, d, k): some images at a time, for all take memory."""
    Q = orthonormal(tangents(images[:BATCH]))
    found = Q.new_empty(len(images), *Q.shape[1:])
    for place, part in zip(found.split(BATCH), images.split(BATCH), strict=True):
        place.copy_(orthonormal(tangents(part)))
    return found


@dataclass(frozen=True, eq=False)
class SmallNets:
    """Nets of two hidden layers: the same weights to begin with and the same batches for each seed.

    Args:
        train, test: what they learn from, and what they are judged on
        Q: orthonormal tangents at each test digit, (N, d, k)
        ball: of the worst steps, on the tangent and everywhere
    """

    train: Dataset
    test: Dataset
    Q: Tensor
    ball: Ball
    epochs: int
    seeds: int

    def trained(self, objective: Callable[[Tensor], Objective], seed: int) -> nn.Module:
        """A net; the objective is a function of the rows of a batch."""
        torch.manual_seed(seed)
        d, k = self.train.images[0].numel(), int(self.train.labels.max()) + 1
        layers = nn.Linear(d, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, k)
        net = nn.Sequential(Standardize((MNIST_MEAN,), (MNIST_STD,)), nn.Flatten(), *layers)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        steps = self.epochs * -(-len(self.train) // BATCH)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
        for _ in range(self.epochs):
            for rows in torch.randperm(len(self.train)).split(BATCH):
                batch = self.train.images[rows], self.train.labels[rows]
                training_step(net, *batch, objective(rows), optimizer)
                schedule.step()
        return net.eval()

    def judged(self, net: nn.Module) -> dict[str, float]:
        """The share of the test digits that it reads, in percent: as they are, and under each test."""
        x, y, g = self.test.images, self.test.labels, ascent_directions(net, self.test)
        parts = zip(self.Q.split(BATCH), g.split(BATCH), strict=True)
        along = torch.cat([Tangent(Q, self.ball).maximizer(part) for Q, part in parts])
        sides = [correct(net, Dataset(turned(angle, x), y)) for angle in (-ANGLE, ANGLE)]
        right = {"clean": correct(net, self.test), "turned": sides[0] & sides[1]}
        right |= {"tangent": correct(net, self.test, along)}
        right |= {"ball": correct(net, self.test, self.ball.maximizer(g))}
        return {name: accuracy_percent(each) for name, each in right.items()}

    def runs(self, objective: Callable[[Tensor], Objective]) -> Runs:
        """What became of the nets of all seeds."""
        found = []
        for seed in range(self.seeds):
            started = time.perf_counter()
            judged = self.judged(self.trained(objective, seed))
            found.append(judged | {"seconds": time.perf_counter() - started})
        return found


def means(runs: Runs) -> dict[str, float]:
    """The mean of each test over the seeds."""
    return {name: sum(run[name] for run in runs) / len(runs) for name in runs[0]}


def table_kind(names: Iterable[str], standard: Runs) -> Quantities:
    """What a reader predicts: each test of nets with these objectives, beside standard training."""
    rows, known = {name: name for name in names}, means(standard)
    beside = {(name, test): known[test] for name in rows for test in TESTS}
    return Quantities(rows, TESTS, Quantity("%", least=0, most=100), beside={"standard": beside})


def table_found(names: Iterable[str], found: Mapping[str, Runs]) -> dict[tuple[str, str], float]:
    """What came out."""
    return {(name, test): means(found[name])[test] for name in names for test in TESTS}


def results_table(found: Mapping[str, Runs]) -> list[dict[str, Any]]:
    """A row for each objective: mean ± standard deviation over the seeds."""

    def said(runs: Runs, name: str) -> str:
        values = torch.tensor([run[name] for run in runs])
        return f"{values.mean():.1f}" + (f" ± {values.std():.1f}" if len(runs) > 1 else "")

    heads = {"clean": "clean, %", **{name: f"{title}, %" for name, title in TESTS.items()}}
    return [
        {"trained with": name, **{head: said(runs, key) for key, head in heads.items()}}
        | {"seconds a net": f"{means(runs)['seconds']:.0f}"}
        for name, runs in found.items()
    ]


def best_in_words(found: Mapping[str, Runs], against: str = "standard") -> str:
    """Which objective is the best under each test, and by how much, as a list (Markdown)."""
    mean, lines = {name: means(runs) for name, runs in found.items()}, []
    for test, title in {"clean": "clean", **TESTS}.items():
        best = max(mean, key=lambda name: mean[name][test])
        gain = mean[best][test] - mean[against][test]
        lines.append(f"- {title}: the best is *{best}*, {gain:.1f} points above {against} training")
    return "\n".join(lines)
