"""How good is a network? Accuracies in percent, the collection A, sweeps over ε, McNemar's test."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rolab.attacks import input_gradient
from rolab.data import Dataset
from rolab.sets import UncertaintySet, UncertaintySetLike, resolve

BATCH = 200  # more no longer fits into the caches of a laptop


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Puts the model in eval mode, and every part of it back into the mode it came in.

    Convolutions are computed in full single precision meanwhile, where an NVIDIA card would round to TF32.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with _full_precision():
            yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def _full_precision() -> Iterator[None]:
    """No TF32 in convolutions; what else cuDNN was told stays."""
    cudnn = torch.backends.cudnn
    if (switch := getattr(cudnn, "conv", None)) is None:  # before PyTorch 2.9
        with cudnn.flags(cudnn.enabled, cudnn.benchmark, cudnn.benchmark_limit, cudnn.deterministic, False):
            yield
        return
    before, switch.fp32_precision = switch.fp32_precision, "ieee"
    try:
        yield
    finally:
        switch.fp32_precision = before


def predict(model: nn.Module, images: Tensor) -> Tensor:
    """The class with the largest logit, in eval mode: pixels (N, …) in [0, 1] → (N,), beside the images."""
    device = next(model.parameters()).device
    with evaluating(model), torch.inference_mode():
        parts = [model(x.to(device)).argmax(1) for x in images.split(BATCH)]
    return torch.cat(parts).to(images.device)


def percent(right: Tensor) -> float:
    """The share of True in a bool tensor (N,), in percent.

    Raises:
        ValueError: N is 0.
    """
    if not len(right):
        raise ValueError("the share of right answers: expected at least one example, got none")
    return 100 * int(right.sum()) / len(right)


def accuracy(model: nn.Module, data: Dataset) -> float:
    """The share of the examples that the model classifies correctly, in percent."""
    return percent(predict(model, data.images) == data.labels)


def gradients(model: nn.Module, data: Dataset) -> Tensor:
    """∇ₓJ of every example in eval mode, shaped like the images and beside them."""
    device = next(model.parameters()).device
    with evaluating(model):
        parts = [
            input_gradient(model, x.to(device), y.to(device)).to(x.device)
            for x, y in zip(data.images.split(BATCH), data.labels.split(BATCH), strict=True)
        ]
    return torch.cat(parts)


def sweep(model: nn.Module, data: Dataset, sets: Sequence[UncertaintySetLike]) -> list[float]:
    """The accuracy under the model's own first-order attack, once for each set: Figures 3 and 6.

    The gradient does not depend on the set, so one gradient serves the whole sweep:
    Δ_U = argmax_{Δ ∈ U} ⟨∇ₓJ(x), Δ⟩ for each U.
    """
    g = gradients(model, data)
    return [
        percent(predict(model, data.images + resolve(U, data.images).maximizer(g)) == data.labels)
        for U in sets
    ]


@dataclass(frozen=True)
class Collection:
    """Adversarial examples made from one network: the paper's A.

    Attributes:
        sources: the unperturbed examples, all of them classified correctly by that network
        perturbation: Δ of each, shaped like the images
        rows: where in the data each source stands
        radii: for each name of a set, the radius used
        names: for each example, the name of its set
    """

    sources: Dataset
    perturbation: Tensor
    rows: Tensor
    radii: dict[str, float]
    names: list[str]

    def __len__(self) -> int:
        return len(self.sources)

    def examples(self, scale: float = 1.0) -> Dataset:
        """x + scale·Δ with the label of x; the radii grow with the scale, the direction stays."""
        return Dataset(self.sources.images + scale * self.perturbation, self.sources.labels)


def adversarial_collection(
    model: nn.Module,
    data: Dataset,
    sets: Mapping[str, UncertaintySet],
    grids: Mapping[str, Sequence[float]],
    sizes: Mapping[str, int],
) -> Collection:
    """The collection A of §5.1: examples that the model gets right until `first_order` perturbs them.

    For each set: the smallest factor on its ascending grid by which the set must be scaled so that at least
    as many examples as asked for are misclassified, and of these the first in the order of the data. How many
    are misclassified is taken to grow with the factor, as it does while they are few.

    Args:
        model: the network, which the collection will have misled
        data: where the examples are taken from
        sets: name → a set of radius 1; not a function of x, since a set is scaled as a whole
        grids: name → radii in ascending order
        sizes: name → how many examples

    Raises:
        ValueError: a set is a function, or even the largest radius of its grid misleads too seldom.
    """
    for name, U in sets.items():
        if not isinstance(U, UncertaintySet):
            raise ValueError(f"sets[{name!r}]: expected an UncertaintySet, got {U!r}")
    g = gradients(model, data)
    correct = (predict(model, data.images) == data.labels).nonzero().squeeze(1)
    data, g = data[correct], g[correct]
    steps = {
        name: _smallest_step(model, data, g, name, U, grids[name], sizes[name]) for name, U in sets.items()
    }
    chosen = torch.cat([rows for _, rows, _ in steps.values()])
    return Collection(
        sources=data[chosen],
        perturbation=torch.cat([perturbation for _, _, perturbation in steps.values()]),
        rows=correct[chosen],
        radii={name: radius for name, (radius, _, _) in steps.items()},
        names=[name for name, (_, rows, _) in steps.items() for _ in rows],
    )


def _smallest_step(
    model: nn.Module, data: Dataset, g: Tensor, name: str, U: UncertaintySet, grid: Sequence[float], size: int
) -> tuple[float, Tensor, Tensor]:
    """The smallest radius that misleads the model often enough, the first rows it does mislead, their Δ."""

    def step(radius: float) -> tuple[Tensor, Tensor]:
        perturbation = U.scaled(radius).maximizer(g)
        wrong = predict(model, data.images + perturbation) != data.labels
        return wrong.nonzero().squeeze(1), perturbation

    radius = _smallest(grid, lambda radius: len(step(radius)[0]) >= size)
    if radius is None:
        most = len(step(grid[-1])[0]) if grid else 0
        raise ValueError(
            f"set {name}: at its largest radius, {grid[-1] if grid else 'none'}, only {most} of {len(data)} "
            f"examples are misclassified, expected at least {size}; give it a grid with larger radii"
        )
    rows, perturbation = step(radius)
    return radius, rows[:size], perturbation[rows[:size]]


def _smallest(grid: Sequence[float], enough: Callable[[float], bool]) -> float | None:
    """The smallest value of an ascending grid that is enough, None if none is.

    More is taken to be enough wherever less is: steps that double, then halve, find it in few trials.
    """
    low, high = -1, 0  # the places known to be too little, and to be tried
    while high < len(grid) and not enough(grid[high]):
        low, high = high, 2 * high + 1
    if high >= len(grid):
        high = len(grid) - 1
        if low >= high or not enough(grid[high]):
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(grid[middle]) else (middle, high)
    return grid[high]


def mcnemar(right_a: Tensor, right_b: Tensor) -> dict[str, Any]:
    """McNemar's exact test: do two classifiers differ on the same examples?

    Only the examples on which one is right and the other wrong count. If both were equally good, `only_a`
    would be binomial with probability ½ out of `only_a` + `only_b`; p is the two-sided probability of a split
    that is at least as uneven.
    """
    from scipy.stats import binomtest

    only_a = int((right_a & ~right_b).sum())
    only_b = int((right_b & ~right_a).sum())
    p = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    return {"only_a": only_a, "only_b": only_b, "p": float(p)}
