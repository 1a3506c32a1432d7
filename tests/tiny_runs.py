"""What the tests of training share: three blobs, a small net, runs that are watched or blow up."""

import itertools
import json
import math
import time
from pathlib import Path

import torch
from torch import nn

from rolab.data import Dataset
from rolab.objectives import Nominal, Objective, Robust
from rolab.sets import Ball
from rolab.storage import read_json
from rolab.training import Recipe, train

U = Ball("linf", 0.05)


SHORT = Recipe(epochs=3, batch_size=10, learning_rate=0.1)


STEPS = 15  # of SHORT on blobs(): 45 examples, five steps an epoch, the last with five examples


def blobs(n: int = 45, seed: int = 0) -> Dataset:
    """Three classes that a linear model separates."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (n,), generator=generator)
    images = 0.3 * torch.rand(n, 1, 3, 4, generator=generator)
    images[torch.arange(n), 0, labels, :] += 0.5
    return Dataset(images, labels)


def net(seed: int = 0, dropout: float = 0.0) -> nn.Module:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        layers = nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 3)
        return nn.Sequential(*layers)


def run(model=None, data=None, objective=Nominal(), recipe=SHORT, progress=False, **more):  # noqa: B008
    return train(model or net(), data or blobs(), objective, recipe, device="cpu", progress=progress, **more)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def without_seconds(history: list[dict]) -> list[dict]:
    return [{key: value for key, value in epoch.items() if key != "seconds"} for epoch in history]


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a run, without its lock, and without what time and machine put into its records."""
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}
    for name in ("run.json", "run.before.json"):
        record = read_json(folder / name)
        del record["environment"]
        record["history"] = without_seconds(record["history"])
        found[name] = json.dumps(record).encode()
    return found


class Watched(Objective):
    """Another objective that notes every batch, and can be made to do something before a step."""

    def __init__(self, inside: Objective, before=lambda step: None) -> None:
        self.inside, self.before, self.batches = inside, before, []

    def __repr__(self) -> str:
        return repr(self.inside)

    def __call__(self, model, x, y):
        self.before(len(self.batches))
        self.batches.append((x.clone(), y.clone()))
        return self.inside(model, x, y)


def sitting(folder: Path, before=lambda step: None, epochs: int | None = None):
    """Starts a robust run in a folder, or goes on with it, from weights that do not matter."""
    if epochs is None:
        epochs = len(read_json(folder / "run.json")["history"]) if folder.exists() else 0
    objective = Watched(Robust(U), lambda step: before(5 * epochs + step))
    return run(net(7 if epochs else 0, 0.3), objective=objective, folder=folder, test=blobs(20, 1))


def slowly(step: int) -> None:
    time.sleep(0.01)


def sitting_with_a_pause(folder: Path, pause) -> None:
    """A sitting that calls `pause` before its eighth step."""
    sitting(folder, lambda step: pause() if step == 7 else None)


# Divergence


class Fused(Objective):
    """The standard loss, until it turns NaN (or its gradient does) at some step."""

    def __init__(self, at: float = math.inf, gradient_only: bool = False) -> None:
        self.steps, self.at, self.gradient_only = itertools.count(), at, gradient_only

    def __repr__(self) -> str:
        return "Fused()"

    def __call__(self, model, x, y):
        loss = Nominal()(model, x, y)
        if next(self.steps) < self.at:
            return loss
        broken = (0 * model[1].weight).sum().sqrt()  # 0, but its derivative is 0/0
        return loss + broken if self.gradient_only else loss * math.nan
