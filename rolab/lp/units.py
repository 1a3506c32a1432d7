"""Units in which the numbers of a program are neither large nor small, so that solvers are right in any."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from rolab.sets import UncertaintySet

SMALL = 1e-3  # of the largest: what an entry counts as that is smaller, or a sum whose terms cancel


class Units(NamedTuple):
    """Powers of 2, which round nothing: x_j = variable_j · u_j; what rows and objective are multiplied by."""

    row: np.ndarray
    equality: np.ndarray
    variable: np.ndarray
    objective: float


@lru_cache(maxsize=256)
def extent(Z: UncertaintySet, k: int) -> np.ndarray:
    """The largest |z_j| over Z for each of its k entries, (k,)."""
    axes = torch.eye(k, dtype=torch.float64)
    both = torch.cat([axes, -axes]).split(500)
    return torch.cat([Z[[0] * len(part)].support(part) for part in both]).reshape(2, k).abs().amax(0).numpy()


def magnitudes(x: np.ndarray, unit: np.ndarray | float = 1.0) -> np.ndarray:
    """|x|, entry by entry; each in its unit, what is small beside the largest counts as `SMALL` of that."""
    size = np.abs(x) / unit
    return unit * np.maximum(size, SMALL * size.max(initial=0))
