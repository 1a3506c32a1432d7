"""The collection A of adversarial examples made from one network, §5.1."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor, nn

from rolab.arguments import as_list, whole_number
from rolab.data import Dataset
from rolab.data.base import check_data
from rolab.evaluation.accuracy import ascent_directions, correct
from rolab.sets import UncertaintySet


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
        return self.sources.perturbed(scale * self.perturbation)


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
        sets: name → a set of radius 1; not a function of x, since a set is scaled as a whole
        grids: name → radii in ascending order
        sizes: name → how many examples

    Raises:
        ValueError: a set is a function, a grid does not ascend, or its largest radius misleads too seldom.
    """
    check_data(data, least=1)
    if not isinstance(sets, Mapping) or not sets:
        raise ValueError(f"sets: expected name → UncertaintySet, at least one, got {sets!r}")
    for name, U in sets.items():
        if not isinstance(U, UncertaintySet):
            raise ValueError(f"sets[{name!r}]: expected an UncertaintySet, got {U!r}")
        for what, given in (("grids", grids), ("sizes", sizes)):
            if not isinstance(given, Mapping) or name not in given:
                raise ValueError(f"{what}: expected one for each name of a set, {name!r} too, got {given!r}")
        grid = as_list(
            grids[name], f"grids[{name!r}]", "a radius", lambda r: isinstance(r, Real) and float(r) >= 0
        )
        if grid != sorted(set(grid)):
            raise ValueError(f"grids[{name!r}]: expected ascending radii, got {grid}")
        whole_number(sizes[name], f"sizes[{name!r}]", least=1)
    g = ascent_directions(model, data)
    right = correct(model, data).nonzero().squeeze(1)
    data, g = data[right], g[right]
    steps = [_smallest_step(model, data, g, name, U, grids[name], sizes[name]) for name, U in sets.items()]
    radii, rows, perturbations = zip(*steps, strict=True)
    chosen = torch.cat(rows)
    names = [name for name in sets for _ in range(sizes[name])]
    radius_of = dict(zip(sets, radii, strict=True))
    return Collection(data[chosen], torch.cat(perturbations), right[chosen], radius_of, names)


def _smallest_step(
    model: nn.Module, data: Dataset, g: Tensor, name: str, U: UncertaintySet, grid: Sequence[float], size: int
) -> tuple[float, Tensor, Tensor]:
    """The smallest radius that misleads the model often enough, the first rows it does mislead, their Δ."""

    def step(radius: float) -> tuple[Tensor, Tensor]:
        perturbation = U.scaled(radius).maximizer(g)
        return (~correct(model, data, perturbation)).nonzero().squeeze(1), perturbation

    def enough(radius: float) -> bool:
        return len(step(radius)[0]) >= size

    end = 1  # more is enough wherever less is: steps that double, then halve, find the radius in few trials
    while end <= len(grid) and not enough(grid[end - 1]):
        end *= 2
    place = bisect_left(grid, True, end // 2, min(end - 1, len(grid)), key=enough)
    if place == len(grid):
        most = len(step(grid[-1])[0]) if grid else 0
        raise ValueError(
            f"set {name}: at its largest radius, {grid[-1] if grid else 'none'}, only {most} of {len(data)} "
            f"examples are misclassified, expected at least {size}; give it a grid with larger radii"
        )
    rows, perturbation = step(grid[place])
    return grid[place], rows[:size], perturbation[rows[:size]]
