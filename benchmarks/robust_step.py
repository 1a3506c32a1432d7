#!/usr/bin/env python3
"""What does a robust step cost? Ours, a plain loop and four attack libraries, side by side in one run.

    python benchmarks/robust_step.py [--net mnist|cifar10] [--repeats N] [--precision P] [--out FILE]

A step of batch 100 on the paper's MNIST network: the standard one, and the robust one with the paper's ℓ∞
ball. The peers are loops that a user would write with their library on a plain network (`torch.nn.Conv2d`,
single precision), and their ratio is to that network's standard step. The contenders take turns, so that what
else the machine does hits all alike; a turn is some steps in a row, of which the first ones warm the caches
up again and are not counted, as in training. Measured are all cores, then one thread, as `rolab reproduce`
trains.

With `--net cifar10` it is the whitened network for CIFAR-10 with batches of 500 and an ℓ2 ball, no peers, on
random pixels, whose values do not matter for the time. The memory of a step is kept for the next one, as the
workers of `rolab reproduce` keep it. The precision is float32 or bfloat16 (mixed); a processor without
instructions for the latter takes many times as long with it.

`make benchmarks` installs the libraries without their pins, some of which are years old. One that is missing
is left out, and said so. The result replaces the key `robust_step` (`cifar_robust_step`) of
results/benchmarks.json and no other.
"""

import argparse
import math
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rolab.data import mnist
from rolab.experiments import cifar10_experiment
from rolab.experiments.workers import keep_memory
from rolab.nets import MNIST_MEAN, MNIST_STD, ConvNet, WhitenedNet
from rolab.objectives import Nominal, Objective, Robust
from rolab.sets import Ball
from rolab.storage import environment, update_json
from rolab.training import training_step
from rolab.training.recipe import PRECISIONS, Recipe

OUT = Path(__file__).parents[1] / "results" / "benchmarks.json"
RADIUS = 0.2 * MNIST_STD
BATCH = 100
RECIPE = Recipe(learning_rate=0.0008)  # as in training, but for the rate
CIFAR_RADIUS, CIFAR_BATCH = 0.06, 500
TURN, WARM_UP = 12, 2  # steps of a contender in a row, and those of them that are not counted

Step = Callable[[Tensor, Tensor], Any]


class PlainNet(nn.Module):
    """The same network as anybody would write it down."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 5), nn.ReLU(), nn.MaxPool2d(3), nn.Conv2d(32, 64, 5), nn.ReLU(),
            nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 200), nn.ReLU(), nn.Linear(200, 10),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.layers((F.pad(x, (2, 2, 2, 2)) - MNIST_MEAN) / MNIST_STD)


def ours(model: nn.Module, objective: Objective, precision: str = "float32") -> Step:
    """A step of `rolab.train`."""
    model.to(memory_format=torch.channels_last).train()
    optimizer = RECIPE.optimizer(model)
    return lambda x, y: training_step(model, x, y, objective, optimizer, precision)


def whitened(images: Tensor) -> WhitenedNet:
    """The CIFAR-10 network."""
    model = WhitenedNet()
    model.whiten(images)
    return model


def plain(attack: Callable[[nn.Module], Callable[[Tensor, Tensor], Tensor]] | None) -> Step:
    """A step of a loop around the plain network, on what the attack makes of the batch."""
    model = PlainNet().train()
    optimizer, perturbed = RECIPE.optimizer(model), attack(model) if attack else None

    def step(x: Tensor, y: Tensor) -> float:
        if perturbed:
            x = perturbed(x, y)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def by_hand(model: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    """The fast gradient sign step as anybody would write it down."""

    def attack(x: Tensor, y: Tensor) -> Tensor:
        x = x.clone().requires_grad_()
        F.cross_entropy(model(x), y).backward()
        assert x.grad is not None
        return (x + RADIUS * x.grad.sign()).detach()

    return attack


def torchattacks(model: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    """torchattacks.FGSM, kept in training mode."""
    import torchattacks

    attack = torchattacks.FGSM(model, eps=RADIUS)
    attack.set_model_training_mode(model_training=True)
    return attack


def foolbox(model: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    """foolbox's FGSM. It insists on eval mode, which changes nothing in this network."""
    import foolbox

    wrapped = foolbox.PyTorchModel(model.eval(), bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfFastGradientAttack()
    return lambda x, y: attack.run(wrapped, x, foolbox.criteria.Misclassification(y), epsilon=RADIUS)


def cleverhans(model: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    """cleverhans' fast gradient method."""
    import numpy
    from cleverhans.torch.attacks.fast_gradient_method import fast_gradient_method

    return lambda x, y: fast_gradient_method(model, x, RADIUS, numpy.inf, clip_min=0, clip_max=1, y=y)


def art(model: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    """ART's FastGradientMethod, which wants numpy arrays."""
    from art.attacks.evasion import FastGradientMethod
    from art.estimators.classification import PyTorchClassifier

    wrapped = PyTorchClassifier(
        model, loss=nn.CrossEntropyLoss(), input_shape=(1, 28, 28), nb_classes=10, clip_values=(0, 1),
        device_type="cpu",
    )  # fmt: skip
    attack = FastGradientMethod(wrapped, eps=RADIUS, batch_size=BATCH)
    return lambda x, y: torch.from_numpy(attack.generate(x.numpy(), y.numpy()))


PEERS = {
    "torchattacks": ("torchattacks", torchattacks),
    "foolbox": ("foolbox", foolbox),
    "cleverhans": ("cleverhans", cleverhans),
    "art": ("adversarial-robustness-toolbox", art),
}


def measure(steps: dict[str, Step], batches: list[tuple[Tensor, Tensor]]) -> dict[str, list[float]]:
    """The milliseconds of every counted step, in turns of `TURN` batches that begin with `WARM_UP` more."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for first in range(0, len(batches), TURN):
        for name, step in steps.items():
            for i, (x, y) in enumerate(batches[first : first + TURN]):
                started = time.perf_counter()
                step(x, y)
                if i >= WARM_UP:
                    times[name].append(1000 * (time.perf_counter() - started))
    return times


def compared(times: dict[str, list[float]], name: str, base: str) -> dict[str, Any]:
    """What a step costs, in milliseconds and as a multiple of another; quartiles of the paired ratios."""
    paired = [a / b for a, b in zip(times[name], times[base], strict=True)]
    low, _, high = statistics.quantiles(paired, n=4)
    robust, standard = (statistics.median(times[key]) for key in (name, base))
    return {
        "ratio": round(robust / standard, 3),
        "ratio_quartiles": [round(low, 3), round(high, 3)],
        "robust_ms": round(robust, 3),
    }


def recorded(times: dict[str, list[float]], batch: int, **more: Any) -> dict[str, Any]:
    """What was measured of a robust and of a standard step, and on which machine."""
    return {
        **compared(times, "robust", "standard"),
        "standard_ms": round(statistics.median(times["standard"]), 3),
        **more,
        "batch_size": batch,
        "repeats": len(times["robust"]),
        "turn": TURN,
        "environment": environment(),
    }


def cifar(repeats: int, threads: int, precision: str, batch: int = CIFAR_BATCH) -> dict[str, Any]:
    """Measures the CIFAR-10 network, and returns the record."""
    torch.set_num_threads(threads)
    keep_memory()
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(batch, 3, 32, 32, generator=generator).to(memory_format=torch.channels_last)
    y = torch.randint(10, (batch,), generator=generator)
    objectives = {
        "standard": Nominal(smoothing=0.2),
        "robust": Robust(Ball("l2", CIFAR_RADIUS), smoothing=0.2),
    }
    steps = {name: ours(whitened(x), objective, precision) for name, objective in objectives.items()}
    times = measure(steps, [(x, y)] * (math.ceil(repeats / (TURN - WARM_UP)) * TURN))
    return recorded(times, batch, precision=precision)


def run(repeats: int, threads: int, peers: dict[str, tuple[str, Any]] = PEERS) -> dict[str, Any]:
    """Measures the MNIST network and the peers, and returns the record."""
    torch.set_num_threads(threads)
    data = mnist("train")
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
    steps_in_all = math.ceil(repeats / (TURN - WARM_UP)) * TURN
    batches = [(data.images[rows], data.labels[rows]) for rows in order.split(BATCH)[:steps_in_all]]
    U = Ball("linf", RADIUS)
    steps = {"standard": ours(ConvNet(), Nominal()), "robust": ours(ConvNet(), Robust(U))}
    steps |= {"plain": plain(None), "by hand": plain(by_hand)}
    versions = {}
    for name, (package, attack) in peers.items():
        try:
            steps[name], versions[name] = plain(attack), version(package)
        except ImportError as error:
            print(f"{name} is left out: {error}")
    times = measure(steps, batches)
    found = {"plain loop": compared(times, "by hand", "plain")}
    found |= {name: {"version": versions[name], **compared(times, name, "plain")} for name in versions}
    return recorded(times, BATCH, plain_standard_ms=round(statistics.median(times["plain"]), 3), peers=found)


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--net", choices=["mnist", "cifar10"], default="mnist")
    parser.add_argument("--repeats", type=int, help="200 with mnist, 20 with cifar10")
    parser.add_argument("--precision", choices=list(PRECISIONS), help="of cifar10")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    if arguments.net == "cifar10":
        precision = arguments.precision or cifar10_experiment("full").on("cpu").recipe.precision
        key, measured = "cifar_robust_step", partial(cifar, arguments.repeats or 20, precision=precision)
    else:
        key, measured = "robust_step", partial(run, arguments.repeats or 200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        record = measured(threads=os.cpu_count() or 1)
        record["one_thread"] = measured(threads=1)
    update_json(arguments.out, {key: record})
    for each in (record, record["one_thread"]):
        plain_ms = f"; plain standard step {each['plain_standard_ms']:.1f} ms" if "peers" in each else ""
        print(
            f"threads {each['environment']['threads']}: standard step {each['standard_ms']:.1f} ms, "
            f"robust {each['robust_ms']:.1f} ms, ratio {each['ratio']:.2f}{plain_ms}"
        )
        for name, peer in each.get("peers", {}).items():
            print(f"    {name}: robust {peer['robust_ms']:.1f} ms, ratio {peer['ratio']:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
