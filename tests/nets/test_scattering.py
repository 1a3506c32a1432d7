"""The scattering transform, beside one written in space from the formulas of its wavelets."""

from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from rolab.nets import Scattering, ScatteringNet

few = settings(max_examples=10)


@contextmanager
def double():
    """Nets made in the block are in float64 from the start."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@cache
def scattering(size, J, L):
    with double():
        return Scattering(size, J, L)


# The transform in space: filters by their formula, on pixels far beyond the image, which are then folded
# onto it; convolutions as sums over pixels; the operator norm from the explicit matrix.


def folded(function, n):
    """Σ over all shifts by multiples of n of a function of pixels (u, v): an n × n array."""
    reach = 8 * n
    u = np.arange(-reach, reach)
    values = function(u[:, None], u[None])
    found = np.zeros((n, n), values.dtype)
    np.add.at(found, np.ix_(u % n, u % n), values)
    return found


def gaussian(n, deviation):
    g = folded(lambda u, v: np.exp(-(u**2 + v**2) / (2 * deviation**2)), n)
    return g / g.sum()


def morlet(n, j, theta, L):
    sigma, xi = 0.8 * 2**j, 3 * np.pi / 4 / 2**j

    def part(frequency):
        def value(u, v):
            along = np.cos(theta) * u + np.sin(theta) * v
            across = -np.sin(theta) * u + np.cos(theta) * v
            envelope = np.exp(-(along**2 + (4 * across / L) ** 2) / (2 * sigma**2))
            return np.exp(1j * frequency * along) * envelope * 2 / (np.pi * L * sigma**2)

        return folded(value, n)

    wave, envelope = part(xi), part(0)
    return wave - wave.sum() / envelope.sum() * envelope


def circulant(f, s):
    """The matrix (n²/s², n²) of s times the circular convolution with f, kept at every s-th pixel."""
    n = len(f)
    kept, pixels = np.arange(0, n, s), np.arange(n)
    offset = (kept[:, None] - pixels) % n
    return s * f[offset[:, None, :, None], offset[None, :, None, :]].reshape(-1, n * n)


class InSpace:
    """The scattering transform of one image, by matrices."""

    def __init__(self, size, J, L):
        self.J, self.L, self.W = J, L, []
        for i in range(J):
            n = size >> i
            maps = {"average": circulant(gaussian(n, 0.4 * 2 ** (J - i)), 2 ** (J - i))}
            for j in range(i + (i > 0), J):
                each = [circulant(morlet(n, j - i, np.pi * k / L, L), 2 ** (j - i)) for k in range(L)]
                maps[j] = np.concatenate(each)
            W = np.concatenate([np.concatenate([m.real, m.imag]) for m in maps.values()])
            norm = np.linalg.norm(W, 2)
            self.W.append({name: m / norm for name, m in maps.items()})

    def moduli(self, u, i, j):
        return np.abs(self.W[i][j] @ u).reshape(self.L, -1)

    def __call__(self, image):
        averaged = [(image.ravel(), 0)]
        for j in range(self.J):
            first = self.moduli(image.ravel(), 0, j)
            averaged += [(u, j) for u in first]
            averaged += [(v, k) for k in range(j + 1, self.J) for u in first for v in self.moduli(u, j, k)]
        return np.stack([self.W[i]["average"] @ u for u, i in averaged])


def random_images(n, size, seed=0, dtype=torch.float64):
    return torch.rand(n, 1, size, size, dtype=dtype, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("size", "J", "L"), [(8, 1, 3), (8, 2, 4), (12, 2, 8), (16, 3, 2)])
def test_it_is_the_transform_written_in_space(size, J, L):
    x = random_images(2, size)
    ours, oracle = scattering(size, J, L)(x), InSpace(size, J, L)
    assert ours.shape == (2, 1 + J * L + J * (J - 1) // 2 * L**2, size >> J, size >> J)
    for image, found in zip(x[:, 0].numpy(), ours.flatten(2).numpy(), strict=True):
        np.testing.assert_allclose(found, oracle(image), rtol=1e-10, atol=1e-12)


def test_the_wavelets_of_digits_sum_to_0_and_their_map_has_operator_norm_1():
    """At the size of MNIST too, where the explicit matrix is large: ‖Wx‖² at last, as x goes to the worst."""
    S = scattering(28, 2, 8)
    assert S.wavelets_0_0[:, 0, 0].abs().max() < 1e-15 and S.wavelets_0_1[:, 0, 0].abs().max() < 1e-15
    x = torch.randn(1, 1, 28, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for _ in range(40):  # power iteration of WᵀW, the gradient of ‖Wx‖²/2
        x = (x / x.norm()).requires_grad_()
        squared = S._averages(x, 0).square().sum() + sum(S._moduli(x, 0, j).square().sum() for j in (0, 1))
        assert squared <= 1 + 1e-12
        (x,) = torch.autograd.grad(squared / 2, x)
    assert squared > 0.99


# What follows from it


@few
@given(st.integers(0, 2**32), st.sampled_from([1e-9, 1e-3, 1.0]), st.sampled_from([(28, 2, 8), (16, 3, 4)]))
def test_it_is_non_expansive(seed, distance, shape):
    x = random_images(4, shape[0], seed)
    y = x + distance * torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(seed))
    S = scattering(*shape)
    apart = (S(x) - S(y)).flatten(1).norm(dim=1)
    assert (apart <= (x - y).flatten(1).norm(dim=1) * (1 + 1e-12) + 1e-14).all()


def test_ascent_finds_no_pair_that_it_takes_apart(mnist_test):
    """The changes of digits that S lets through best, by power iteration: near the bound, never beyond."""
    S = scattering(28, 2, 8)
    x = mnist_test.images[:2].double()
    d = torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(0))
    for _ in range(10):
        d = (d / d.flatten(1).norm(dim=1)[:, None, None, None]).requires_grad_()
        apart = (S(x + d) - S(x)).flatten(1).norm(dim=1)
        assert (apart <= 1 + 1e-12).all()
        (d,) = torch.autograd.grad(apart.sum(), d)
    assert (apart > 0.9).all()


def test_the_gradient_is_that_of_differences():
    S = scattering(8, 2, 2)
    assert torch.autograd.gradcheck(S, random_images(2, 8).requires_grad_())


def test_a_blank_image_has_a_finite_gradient():
    x = torch.zeros(1, 1, 28, 28, requires_grad=True)
    (gradient,) = torch.autograd.grad(Scattering()(x).sum(), x)
    assert gradient.isfinite().all()


@few
@given(st.integers(0, 2**32), st.integers(-2, 2), st.integers(-2, 2))
def test_a_shift_by_the_last_stride_moves_the_answer_by_one(seed, rows, columns):
    x = random_images(2, 16, seed)
    S = scattering(16, 2, 4)
    moved = S(x.roll((4 * rows, 4 * columns), (2, 3)))
    torch.testing.assert_close(moved, S(x).roll((rows, columns), (2, 3)), rtol=1e-10, atol=1e-12)


def relative_change(function, x, y):
    return ((function(x) - function(y)).flatten(1).norm(dim=1) / function(x).flatten(1).norm(dim=1)).mean()


def test_digits_shifted_by_a_pixel_stay_where_they_are(mnist_test):
    """Nearly shift-invariant: closer together than as pixels, and the closer the wider the average."""
    x = F.pad(mnist_test.images[:50], (2, 2, 2, 2))
    y = x.roll(1, 3)
    changes = [relative_change(Scattering(32, J), x, y) for J in (1, 2, 3)]
    assert changes[2] < changes[1] < changes[0] < relative_change(lambda x: x, x, y)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"size": 30}, "size"),
        ({"J": 0}, "J"),
        ({"L": 2.5}, "L"),
        ({"L": 1}, "L"),
        ({"J": 3}, "size"),
    ],
)
def test_what_it_cannot_be_is_refused_by_name(arguments, name):
    with pytest.raises(ValueError, match=f"^{name}: expected a"):
        Scattering(**arguments)


# The network


def test_the_layout_of_the_images_changes_nothing():
    x = random_images(3, 28, dtype=torch.float32)
    assert torch.equal(Scattering()(x), Scattering()(x.contiguous(memory_format=torch.channels_last)))


def test_the_filters_are_not_saved_and_are_there_when_the_weights_are_read():
    torch.manual_seed(0)
    net, other = ScatteringNet(), ScatteringNet()
    assert list(net.state_dict()) == ["mean", "std", "linear.weight", "linear.bias"]
    assert sum(p.numel() for p in net.parameters()) == 39_700
    x = random_images(3, 28, dtype=torch.float32)
    net.standardize(x)
    other.load_state_dict(net.state_dict())
    assert torch.equal(net(x), other(x))


def test_standardised_channels_have_mean_0_and_deviation_1(mnist_test):
    net = ScatteringNet()
    net.standardize(mnist_test.images[:300])
    net.linear = torch.nn.Identity()
    features = net(mnist_test.images[:300]).view(300, 81, 49).transpose(0, 1).flatten(1)
    torch.testing.assert_close(features.mean(1), torch.zeros(81), rtol=0, atol=1e-4)
    torch.testing.assert_close(features.std(1), torch.ones(81), rtol=1e-3, atol=0)


def test_a_channel_that_says_nothing_divides_nothing_by_0():
    net = ScatteringNet()
    net.standardize(torch.zeros(2, 1, 28, 28))
    assert net(torch.rand(2, 1, 28, 28)).isfinite().all()
