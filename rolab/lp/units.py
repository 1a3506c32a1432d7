"""Units in which the numbers of a program are neither large nor small, so that solvers are right in any."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import lsmr

from rolab.sets import UncertaintySet

NEGLIGIBLE = 2.0**-40  # an entry so much smaller than the others of its row and column is rounding
SMALL = 1e-3  # of the largest: what an entry counts as that is smaller, or a sum whose terms cancel


class Units(NamedTuple):
    """Powers of 2, which round nothing: x_j = variable_j · u_j; what rows and objective are multiplied by."""

    row: np.ndarray
    equality: np.ndarray
    variable: np.ndarray
    objective: float


def balanced(sizes: sp.coo_array, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The r and c for which the entries a_ij 2^(r_i + c_j) of a matrix ≥ 0 are as near to 1 as can be.

    That is the least weighted Σ (log₂ a_ij + r_i + c_j)² over the entries that are not 0, one weight a row
    (Curtis and Reid, On the automatic scaling of matrices for Gaussian elimination, 1972). Rows and columns
    that come in other units end in the same matrix. Entries that are rounding have no say.
    """
    (m, n), (i, j), logs = sizes.shape, sizes.coords, np.log2(sizes.data)
    found, counts = np.zeros(m + n), np.ones(len(logs), bool)
    for _ in range(2):  # the second time without the rounding that the first has shown
        places = np.tile(np.arange(len(i)), 2), np.concatenate([i, m + j])
        weight = weights[i] * counts
        terms = sp.csr_array((np.tile(weight, 2), places), shape=(len(i), m + n))
        found = lsmr(terms, -weight * logs, atol=1e-9, btol=1e-9, conlim=0, maxiter=1000)[0]
        now, rows, columns = logs + found[i] + found[m + j], np.full(m, -np.inf), np.full(n, -np.inf)
        np.maximum.at(rows, i, now)
        np.maximum.at(columns, j, now)
        counts = now > np.log2(NEGLIGIBLE) + np.minimum(rows[i], columns[j])
    return found[:m], found[m:]


def power_of_2(exponents: np.ndarray) -> np.ndarray:
    """2 to the nearest whole exponents; its inverse is a number, too."""
    return np.exp2(np.round(exponents).clip(-1000, 1000))


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
