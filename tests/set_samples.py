"""What the tests of the sets draw: numbers, images, directions in boxes; with ties and zeros."""

import math

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

PS = [1.0, 1.5, 2.0, 3.0, math.inf]
DTYPES = [torch.float32, torch.float64]

every_norm = pytest.mark.parametrize("p", PS)
every_type = pytest.mark.parametrize("dtype", DTYPES)


def numbers(seed, *shape, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def images(seed, *shape, dtype=torch.float64):
    """Pixels in [0, 1] of which most are 0 and some are 1, as those of digits."""
    x = torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return (4 * x - 2.6).clamp(0, 1)


def digits(seed, *shape, dtype=torch.float64):
    """Pixels of which some 80 % are 0 and some are 1, as those of digits."""
    x = torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return (6 * x - 4.8).clamp(0, 1)


def inner(a, b):
    return (a.double() * b.double()).flatten(1).sum(1)


@st.composite
def batches(draw, width=None):
    """Directions (n, d): eighths, for ties and zeros, or numbers of many sizes."""
    n, d = draw(st.integers(1, 4)), width or draw(st.integers(1, 6))
    if draw(st.booleans()):
        eighths = draw(st.lists(st.integers(-8, 8), min_size=n * d, max_size=n * d))
        return torch.tensor(eighths).reshape(n, d).double() / 8
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    size = 10 ** generator.uniform(-2, 2, (n, d))
    return torch.from_numpy(generator.standard_normal((n, d)) * size)


def is_projection(U, d, x, slack):
    """x is the nearest point exactly if it is in U and ⟨d − x, y⟩ ≤ ⟨d − x, x⟩ for all y in U."""
    rest = d.double() - x.double()
    gap = U.support(rest) - inner(rest, x)
    return (gap <= slack * (rest.norm(dim=1) * (1 + x.double().norm(dim=1)) + 1e-300)).all()


@st.composite
def box_situations(draw):
    """A direction (n, d), a radius, a box for each example: eighths, for ties and zeros; or any numbers."""
    n, d = draw(st.integers(1, 4)), draw(st.integers(1, 8))
    radius = draw(st.sampled_from([0.0, 0.25, 0.75, 2.0, 20.0]))
    if draw(st.booleans()):
        eighths = st.lists(st.integers(-8, 8), min_size=n * d, max_size=n * d)
        room = st.lists(st.integers(0, 6), min_size=n * d, max_size=n * d)
        g, lower, upper = (np.array(draw(s), float).reshape(n, d) / 8 for s in (eighths, room, room))
    else:
        generator = np.random.default_rng(draw(st.integers(0, 10**6)))
        g = generator.standard_normal((n, d)) * 10 ** generator.uniform(-2, 2, (n, d))
        lower, upper = generator.uniform(0, 1, (2, n, d)) * generator.integers(0, 2, (2, n, d))
    return torch.from_numpy(g), radius, torch.from_numpy(-lower), torch.from_numpy(upper)


@st.composite
def image_situations(draw):
    """A direction (n, C, 1, W), radii, a box: eighths, for ties and zeros; or numbers of many sizes."""
    shape = draw(st.integers(1, 3)), draw(st.integers(1, 3)), 1, draw(st.integers(1, 4))
    size = math.prod(shape)
    if draw(st.booleans()):
        eighths = st.lists(st.integers(-8, 8), min_size=size, max_size=size)
        room = st.lists(st.integers(0, 6), min_size=size, max_size=size)
        g, lower, upper = (np.array(draw(s), float).reshape(shape) / 8 for s in (eighths, room, room))
    else:
        generator = np.random.default_rng(draw(st.integers(0, 10**6)))
        g = generator.standard_normal(shape) * 10 ** generator.uniform(-2, 2, shape)
        lower, upper = generator.uniform(0, 1, (2, *shape)) * generator.integers(0, 2, (2, *shape))
    radii = draw(
        st.lists(st.sampled_from([0.0, 0.25, 0.75, 2.0, 20.0]), min_size=shape[0], max_size=shape[0])
    )
    return (
        torch.from_numpy(g),
        torch.tensor(radii, dtype=torch.float64),
        torch.from_numpy(-lower),
        torch.from_numpy(upper),
    )
