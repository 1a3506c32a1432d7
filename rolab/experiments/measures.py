"""Measures: what is asked of every net of the related work, each a function (model, test images) → Measure.

Each looks at the first so many test digits, in the order in which they come, with random numbers of its own.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from rolab.attacks import Attack, ensemble, pgd
from rolab.certify import certified
from rolab.data import Dataset
from rolab.evaluation import correct, eval_mode
from rolab.experiments.attack_grid import InPixelBox, attack_the_rest
from rolab.objectives import operator_norms
from rolab.sets import Ball, UncertaintySet, UncertaintySetLike

SETS = {"linf": Ball("linf", 0.1), "l2": Ball("l2", 1.5)}
PROVED = Ball("linf", 0.02)
ANGLES, PIXELS = range(-15, 16, 5), range(-2, 3)


def right_under(attack: Attack, U: UncertaintySet, digits: int, model: nn.Module, test: Dataset) -> Tensor:
    """Which of the first digits are right after an attack in U and the pixel box: bool (digits,)."""
    some = test[:digits]
    return attack_the_rest(model, some, InPixelBox(U), attack, correct(model, some))


def pgd_40(model: nn.Module, x: Tensor, y: Tensor, U: UncertaintySetLike) -> Tensor:
    """Forty steps from the images."""
    return pgd(model, x, y, U, steps=40)


def seeded_ensemble(model: nn.Module, x: Tensor, y: Tensor, U: UncertaintySetLike, budget: int) -> Tensor:
    """The ensemble, with the same random numbers for every net."""
    return ensemble(model, x, y, U, budget, torch.Generator(x.device).manual_seed(0))


def proved(U: UncertaintySet, digits: int, model: nn.Module, test: Dataset) -> Tensor:
    """Which of the first digits are proved to be read correctly in U and the pixel box: bool (digits,)."""
    return certified(model, test[:digits], InPixelBox(U))


def right_however(moves: Sequence[Callable[[Tensor], Tensor]], model: nn.Module, test: Dataset) -> Tensor:
    """Which test digits are read correctly however they are moved: bool (N,)."""
    moved = (correct(model, Dataset(move(test.images), test.labels)) for move in moves)
    return torch.stack(list(moved)).all(0)


def norm_product(model: nn.Module, test: Dataset) -> float:
    """Π ‖A_l‖₂ over the layers: a bound of the Lipschitz constant behind the standardised pixels."""
    with eval_mode(model):
        return float(operator_norms(model, test.images[:1]).prod())


def turned(degrees: float, images: Tensor) -> Tensor:
    """Images (N, 1, H, W) turned about their centre, black around them."""
    from torchvision.transforms.v2 import functional as tv  # 170 MB, which a notebook's kernel may not have

    return tv.rotate(images, degrees, interpolation=tv.InterpolationMode.BILINEAR).clamp(0, 1)


def shifted(right: int, down: int, images: Tensor) -> Tensor:
    """Images (N, 1, H, W) shifted by whole pixels, black where nothing was."""
    from torchvision.transforms.v2 import functional as tv

    return tv.affine(images, 0.0, [right, down], 1.0, [0.0, 0.0])


TURNS = [partial(turned, float(angle)) for angle in ANGLES]
SHIFTS = [partial(shifted, right, down) for right in PIXELS for down in PIXELS]
