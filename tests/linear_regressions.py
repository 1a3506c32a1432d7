"""What tests of linear models share: a random regression, norms, whether a perturbation is in a set."""

import itertools
import math

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st

from rolab.sets import Sum

quick = settings(max_examples=15, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)


def draw(seed, m=7, n=3):
    """A design, a target and a decision."""
    generator = np.random.default_rng(seed)
    A = generator.standard_normal((m, n))
    return A, A @ generator.standard_normal(n) + generator.standard_normal(m), generator.standard_normal(n)


def norm(v, p=2):
    return float(np.linalg.norm(v, p))


def inside(U, perturbation):
    """Whether it is in U; of a sum, by ⟨g, Δ⟩ ≤ σ(g) in many directions, where `contains` needs a solver."""
    point = torch.from_numpy(perturbation.reshape(1, -1))
    if not isinstance(U, Sum):
        return bool(U.contains(point, atol=1e-9)[0])
    g = torch.randn(2000, point.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    g = torch.cat([g, 5 * point + g])
    return bool((g @ point[0] <= U.support(g) * (1 + 1e-9)).all())


def members(U, shape, count=300, seed=0):
    """Points of U: from far outside, projected; and extreme ones."""
    far = torch.from_numpy(np.random.default_rng(seed).standard_normal((count, math.prod(shape))))
    inner = 0.5 * U.maximizer(far[:1]) if isinstance(U, Sum) else U.project(5 * far)
    return torch.cat([inner, U.maximizer(far)]).numpy().reshape(-1, *shape)


SHAPE = (7, 3)


def budget_vertices(radius, gamma, size):
    for places in itertools.combinations(range(size), gamma):
        for signs in itertools.product([-radius, radius], repeat=gamma):
            vertex = np.zeros(size)
            vertex[list(places)] = signs
            yield vertex
