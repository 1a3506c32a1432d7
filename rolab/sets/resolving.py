"""A set, or a function of the inputs that gives one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from rolab.sets.base import UncertaintySet

UncertaintySetLike = UncertaintySet | Callable[[Tensor], UncertaintySet]


def resolve(U: UncertaintySetLike, x: Tensor) -> UncertaintySet:
    """The set at the inputs x: U itself, or U(x) if U is a function of the inputs; `for_batch` checks it.

    >>> import torch
    >>> from rolab.sets import Ball, pixel_box
    >>> resolve(lambda x: Ball("linf", 0.1) & pixel_box(x), torch.zeros(5, 1, 2, 2))
    Ball('linf', 0.1) & Box(<5x1x2x2>, <5x1x2x2>)
    """
    found: Any = U(x) if callable(U) and not isinstance(U, UncertaintySet) else U
    if not isinstance(found, UncertaintySet):
        came = repr(found) if found is U else f"a function that returns {found!r}"
        raise ValueError(f"U: expected an UncertaintySet or a function x -> UncertaintySet, got {came}")
    return found.for_batch(x.shape)
