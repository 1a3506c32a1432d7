"""The attack grid: who withstands `pgd`, for each radius, number of steps and number of restarts."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from rolab.attacks import Attack, pgd, random_point
from rolab.data import Dataset
from rolab.evaluation import correct, correct_under_attack, guarded_evaluation, rows_of
from rolab.sets import Ball, UncertaintySet, UncertaintySetLike, pixel_box, resolve

RADII = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
STEPS = (1, 2, 3, 5, 10, 20)
RESTARTS = 5


@dataclass(frozen=True)
class InPixelBox:
    """x → the perturbations in a set that leave the pixels in [0, 1]: {Δ in U : 0 ≤ x + Δ ≤ 1}."""

    U: UncertaintySet

    def __call__(self, x: Tensor) -> UncertaintySet:
        return self.U & pixel_box(x)


def linf_in_pixel_box(radius: float) -> UncertaintySetLike:
    """All changes of pixels within the radius that stay in [0, 1]: {Δ : ‖Δ‖_∞ ≤ radius, 0 ≤ x + Δ ≤ 1}."""
    return InPixelBox(Ball("linf", radius))


def pgd_grid(
    model: nn.Module,
    data: Dataset,
    sets: Sequence[UncertaintySetLike],
    steps: Sequence[int] = STEPS,
    restarts: int = RESTARTS,
    generator: torch.Generator | None = None,
    *,
    progress: bool = False,
) -> Tensor:
    """Who withstands `pgd` in each set, with so many steps and restarts: bool (sets, steps, 1 + restarts, N).

    For each set and number of steps there is a run from 0, and one from a random point for each restart. An
    example is lost at (i, j, k) if any run (i', j', k') with i' ≤ i, j' ≤ j, k' ≤ k has misled the model:
    whoever may do more may also do less. So a slider that is moved up cannot raise a curve, and an
    example that is known to be lost is not attacked again. One step from 0 is `first_order`.

    Args:
        model: the network; it is judged in eval mode
        data: the examples
        sets: each contained in the next
        steps: numbers of gradients in a run, ascending from 1
        restarts: how many runs start from random points
        generator: where these come from
        progress: whether a bar is shown

    Raises:
        ValueError: steps do not ascend from 1, restarts are negative, or the sets are not nested.
    """
    begins_with_one("steps", steps)
    if restarts < 0:
        raise ValueError(f"restarts: expected a number ≥ 0, got {restarts}")
    nested(sets, data.images, generator)
    clean = correct(model, data)
    # Place 0 of each axis is who is correct before any attack.
    right = clean.expand(1 + len(sets), 1 + len(steps), 2 + restarts, -1).clone()
    places = list(product(range(len(sets)), range(len(steps)), range(1 + restarts)))
    with guarded_evaluation(model, data):
        for i, j, k in tqdm(places, unit="run", leave=False, disable=not progress):
            left = right[i, j + 1, k + 1] & right[i + 1, j, k + 1] & right[i + 1, j + 1, k]
            attack = ascent(steps[j], k > 0, generator)
            right[i + 1, j + 1, k + 1] = attack_the_rest(model, data, sets[i], attack, left)
    return right[1:, 1:, 1:]


def ascent(steps: int, random_start: bool, generator: torch.Generator | None) -> Attack:
    """One run of `pgd`: Frank and Wolfe's steps from 0, or from a random point of U."""

    def run(model: nn.Module, x: Tensor, y: Tensor, U: UncertaintySetLike) -> Tensor:
        start = random_point(U, x, generator) if random_start else None
        return pgd(model, x, y, U, steps=steps, start=start)

    return run


def attack_the_rest(
    model: nn.Module, data: Dataset, U: UncertaintySetLike, attack: Attack, left: Tensor
) -> Tensor:
    """Which are still correct after an attack on those left, bool (N,); the others are not attacked again."""
    rows, after = left.nonzero()[:, 0], torch.zeros_like(left)
    if len(rows):
        after[rows] = correct_under_attack(model, data[rows], rows_of(U, rows), attack)
    return after


def first_failure_radius(radii: Sequence[float], clean: Tensor, right: Tensor) -> Tensor:
    """The radius at which each example first fails: 0 if it is misread as it is, inf if at no radius.

    >>> clean, right = torch.tensor([False, True, True]), torch.tensor([[False, False, True]])
    >>> first_failure_radius([0.1], clean, right)
    tensor([0.0000, 0.1000,    inf], dtype=torch.float64)

    Shape:
        radii: (R,), ascending; clean: bool (N,); right: bool (R, N), falling in R; (N,), float64.
    """
    places = torch.tensor([0.0, *radii, torch.inf], dtype=torch.float64)
    return places[torch.cat([clean[None], right]).sum(0).cpu()]


def grid_counts(
    model: nn.Module,
    data: Dataset,
    sets: Callable[[float], UncertaintySetLike],
    radii: Sequence[float],
    steps: Sequence[int],
    restarts: int,
    generator: torch.Generator,
    progress: bool,
) -> dict[str, Any]:
    """The grid of a net as JSON: how many are correct, and where each example first fails (null: nowhere)."""
    chosen = [sets(radius) for radius in radii]
    right = pgd_grid(model, data, chosen, steps, restarts, generator, progress=progress)
    clean = correct(model, data)
    return {
        "clean": int(clean.sum()),
        "correct": right.sum(-1).tolist(),
        "first_failure_radius_one_step": to_json(first_failure_radius(radii, clean, right[:, 0, 0])),
        "first_failure_radius": to_json(first_failure_radius(radii, clean, right[:, -1, -1])),
    }


def to_json(radii: Tensor) -> list[float | None]:
    """Radii as JSON knows them: null for infinity."""
    return [radius if math.isfinite(radius) else None for radius in radii.tolist()]


def from_json(radii: Sequence[float | None]) -> Tensor:
    """The radii that `to_json` has written, float64."""
    return torch.tensor([math.inf if radius is None else radius for radius in radii], dtype=torch.float64)


def generator_of(seed: int, part: str) -> torch.Generator:
    """The random numbers of one part: the same whatever ran before it, so that a part can run alone."""
    return torch.Generator().manual_seed(zlib.crc32(f"{seed}/{part}".encode()))


def ascending(name: str, numbers: Sequence[float], least: float) -> None:
    """Raise a `ValueError` unless there are numbers, and they ascend strictly from at least so much."""
    if not numbers or list(numbers) != sorted(set(numbers)) or numbers[0] < least:
        raise ValueError(f"{name}: expected numbers ascending from at least {least:g}, got {list(numbers)}")


def begins_with_one(name: str, steps: Sequence[int]) -> None:
    """Raise a `ValueError` unless the numbers of steps ascend from the single step that others are beside."""
    if list(steps)[:1] != [1] or list(steps) != sorted(set(steps)):
        raise ValueError(f"{name}: expected numbers ascending from 1, got {list(steps)}")


def nested(sets: Sequence[UncertaintySetLike], x: Tensor, generator: torch.Generator | None) -> None:
    """Raise a `ValueError` if a random point of a set, one for each example, is not in the next one."""
    for number, (smaller, larger) in enumerate(zip(sets, sets[1:], strict=False), start=1):
        point = resolve(smaller, x).maximizer(torch.randn(x.shape, generator=generator))
        if not resolve(larger, x).contains(point).all():
            raise ValueError(f"sets[{number}]: expected nested sets, each within the next, got {larger!r}")
