"""Certified bounds: never above the truth, which mixed-integer programs, attacks and closed forms tell."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp
from torch import nn

from rolab import zoo
from rolab.attacks.losses import margin
from rolab.attacks.pgd import pgd, random_point
from rolab.certify import certified, layers_of, margin_bound
from rolab.certify.bounds import _logits
from rolab.certify.network import LinearRelaxation, MaxPool, Relu
from rolab.data import Dataset
from rolab.nets import ConvNet
from rolab.sets import Ball, PixelBall, pixel_box

quick = settings(max_examples=15, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)


def linf(radius):
    return lambda x: Ball("linf", radius) & pixel_box(x)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def randomised(net, seed, scale=1.0):
    """The net in float64, with normal weights."""
    source = generator(seed)
    for p in net.double().parameters():
        p.data = (
            scale * torch.randn(p.shape, generator=source, dtype=p.dtype) / math.sqrt(max(p[0].numel(), 4))
        )
    return net


def small_conv(seed):
    """A convolution, pooling, and two linear layers, for images (1, 6, 6) and three classes."""
    parts = [nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 4), nn.ReLU()]
    return randomised(nn.Sequential(*parts, nn.Linear(4, 3)), seed, 2.0)


def deep_conv(seed):
    """Two convolutions, with strides, padding, dilation and windows that overlap."""
    return randomised(
        nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1, stride=2), nn.ReLU(), nn.MaxPool2d(2, stride=1),
            nn.Conv2d(3, 4, 2), nn.MaxPool2d((1, 2), dilation=(1, 2)), nn.ReLU(),
            nn.Sequential(nn.Flatten(), nn.Linear(12, 5)), nn.ReLU(), nn.Linear(5, 3, bias=False),
        ),
        seed,
        2.0,
    )  # fmt: skip


def examples(net, seed, *shape):
    """Images (N, …), half of them mostly 0, and what the net says of them."""
    x = torch.rand(shape, generator=generator(seed + 1), dtype=torch.float64)
    x[::2] = (6 * x[::2] - 4.8).clamp(0, 1)
    return x, net(x).argmax(1)


@torch.no_grad()
def margins(net, x, y):
    return -margin(net(x), y)


def exact_minimum(net, x, y, radius):
    """The least margin of one image, for `small_conv`: as many mixed-integer programs as other classes.

    The variables are the pixels, the outputs of the convolution, of the pooling and of each ReLU, one after
    the other, and the binaries that choose a window's largest entry and the sign of a ReLU's input.
    """
    conv, first, second = ((layer.weight.numpy(), layer.bias.numpy()) for layer in layers_of(net, x))
    windows = [[c * 16 + (2 * i + a) * 4 + 2 * j + b for a in (0, 1) for b in (0, 1)]
               for c in range(2) for i in range(2) for j in range(2)]  # fmt: skip
    low, high = (v.flatten().numpy() for v in ((x - radius).clamp(0, 1), (x + radius).clamp(0, 1)))
    lower, upper, integer, rows, bounds = list(low), list(high), [0] * 36, [], []

    def variable(least, most, whole=0):
        lower.append(least), upper.append(most), integer.append(whole)
        return len(lower) - 1

    def constrain(terms, least, most):
        rows.append(terms), bounds.append((least, most))

    def affine(weight, bias, inputs):
        out = []
        for w, b in zip(weight, bias, strict=True):
            ends = [(w_i * lower[i], w_i * upper[i]) for w_i, i in zip(w, inputs, strict=True)]
            z = variable(b + sum(map(min, ends)), b + sum(map(max, ends)))
            constrain([(z, -1.0), *((i, w_i) for w_i, i in zip(w, inputs, strict=True))], -b, -b)
            out.append(z)
        return out

    def largest(window):
        top = max(upper[j] for j in window)
        m, chosen = variable(max(lower[j] for j in window), top), []
        for j in window:
            chosen.append(variable(0, 1, 1))
            slack = top - lower[j]
            constrain([(m, 1.0), (j, -1.0)], 0, np.inf)
            constrain([(m, 1.0), (j, -1.0), (chosen[-1], slack)], -np.inf, slack)
        constrain([(b, 1.0) for b in chosen], 1, 1)
        return m

    def relu(z):
        y, on = variable(0, max(upper[z], 0)), variable(0, 1, 1)
        least, most = min(lower[z], 0), max(upper[z], 0)
        constrain([(y, 1.0), (z, -1.0)], 0, np.inf)
        constrain([(y, 1.0), (z, -1.0), (on, -least)], -np.inf, -least)
        constrain([(y, 1.0), (on, -most)], -np.inf, 0)
        return y

    z = affine(*conv, range(36))
    z = [relu(largest([z[j] for j in window])) for window in windows]
    z = affine(*second, [relu(v) for v in affine(*first, z)])
    matrix = np.zeros((len(rows), len(lower)))
    for row, terms in zip(matrix, rows, strict=True):
        for i, value in terms:
            row[i] += value
    least = []
    for k in set(range(3)) - {y}:
        c = np.zeros(len(lower))
        c[z[y]], c[z[k]] = 1, -1
        found = milp(
            c, integrality=integer, bounds=Bounds(lower, upper), options={"mip_rel_gap": 0.0},
            constraints=LinearConstraint(matrix, *zip(*bounds, strict=True)),
        )  # fmt: skip
        assert found.success
        least.append(found.fun)
    return min(least)


# The parts


@pytest.mark.parametrize("build, shape", [(small_conv, (1, 6, 6)), (deep_conv, (2, 9, 9))])
def test_the_layers_are_the_network(build, shape):
    net = build(0)
    x, _ = examples(net, 0, 5, *shape)
    with torch.no_grad():
        torch.testing.assert_close(_logits(layers_of(net, x), x), net(x))


def test_the_layers_of_the_convnet_are_the_network():
    torch.manual_seed(0)
    net, x = ConvNet().double(), torch.rand(3, 1, 28, 28, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(_logits(layers_of(net, x), x), net(x))


def test_a_layer_that_is_used_twice_keeps_its_bias():
    twice = nn.Linear(3, 3)
    net = nn.Sequential(twice, twice, nn.ReLU(), twice)
    x = torch.rand(4, 3)
    with torch.no_grad():
        torch.testing.assert_close(_logits(layers_of(net, x), x), net.double()(x.double()))


@quick
@given(seed=seeds)
def test_planes_enclose_what_they_bound(seed):
    """ReLU, max pooling, and one behind the other, at random points and at the ends of the intervals."""
    source = generator(seed)
    lower = torch.randn(3, 6, generator=source, dtype=torch.float64)
    upper = lower + torch.rand(3, 6, generator=source, dtype=torch.float64) * 2
    upper[0] = lower[0]
    pool = MaxPool(torch.tensor([[0, 1, 2], [2, 3, 4], [5, 5, 5]]))
    relu = Relu()
    both = pool.planes(relu(lower), relu(upper)).behind(relu.planes(lower, upper))
    for bend, planes in [
        (relu, relu.planes(lower, upper)),
        (pool, pool.planes(lower, upper)),
        (lambda z: pool(relu(z)), both),
    ]:
        for t in [0.0, 1.0, *torch.rand(20, 3, 6, generator=source, dtype=torch.float64)]:
            z = lower + t * (upper - lower)
            of = z.gather(1, planes.source)
            assert (planes.low * of <= bend(z) + 1e-12).all()
            assert (bend(z) <= planes.high * of + planes.shift + 1e-12).all()


def test_planes_of_relu_are_as_tight_as_can_be():
    lower, upper = torch.tensor([[-2.0, -1.0, 1.0, -3.0]]), torch.tensor([[1.0, 2.0, 2.0, -1.0]])
    planes = Relu().planes(lower, upper)
    assert planes.low.tolist() == [[0.0, 1.0, 1.0, 0.0]]
    for end in (lower, upper):  # the chord meets ReLU at both ends
        torch.testing.assert_close(planes.high * end + planes.shift, end.relu())


def test_planes_of_pooling_are_exact_where_one_entry_is_above_the_others():
    lower, upper = torch.tensor([[0.0, 3.0, 1.0]]), torch.tensor([[2.0, 4.0, 3.0]])
    planes = MaxPool(torch.tensor([[0, 1, 2], [0, 2, 2]])).planes(lower, upper)
    assert planes.source.tolist() == [[1, 2]]
    assert planes.high.tolist() == [[1.0, 0.0]]
    assert planes.shift.tolist() == [[0.0, 3.0]]


def test_exact_planes_change_nothing():
    planes = Relu().planes(torch.tensor([[-2.0, -1.0]]), torch.tensor([[1.0, 2.0]]))
    same = planes.behind(LinearRelaxation.exact(planes.low))
    assert all(torch.equal(a, b) for a, b in zip(planes.parts, same.parts, strict=True))


# The bound


@quick
@given(seed=seeds, radius=st.sampled_from([0.003, 0.02, 0.1, 0.5]))
def test_the_bound_is_never_above_the_exact_minimum(seed, radius):
    net = small_conv(seed)
    x, y = examples(net, seed, 1, 1, 6, 6)
    exact = exact_minimum(net, x, int(y), radius)
    bound = float(margin_bound(net, x, y, linf(radius)))
    assert bound <= exact + 1e-5
    d = pgd(net, x, y, linf(radius), loss=margin, restarts=2, generator=generator(seed))
    assert exact <= float(margins(net, x + d, y)) + 1e-5  # else the program is not the network's


@quick
@given(seed=seeds, radius=st.floats(0.0, 1.0), ball=st.sampled_from(["linf", "l2", "l1", "pixels"]))
def test_the_bound_is_never_above_what_is_found(seed, radius, ball):
    net = deep_conv(seed)
    x, y = examples(net, seed, 6, 2, 9, 9)
    U = (PixelBall("linf", radius) if ball == "pixels" else Ball(ball, radius)) & pixel_box(x)
    bound = margin_bound(net, x, y, U)
    for i in range(20):
        assert (bound <= margins(net, x + random_point(U, x, generator(i)), y)).all()
    d = pgd(net, x, y, U, loss=margin, restarts=1, generator=generator(seed))
    assert (bound <= margins(net, x + d, y)).all()


@quick
@given(seed=seeds, radius=st.floats(0.0, 1.0))
def test_the_bound_is_exact_for_a_linear_network(seed, radius):
    """min over Δ of ⟨w_y − w_k, x + Δ⟩ is a support function."""
    net = randomised(nn.Sequential(nn.Flatten(), nn.Linear(9, 5), nn.Linear(5, 4)), seed)
    x, y = examples(net, seed, 5, 1, 3, 3)
    w = net[2].weight @ net[1].weight
    U = linf(radius)(x)
    falls = [U.support((w[k] - w[y]).view_as(x)) for k in range(4)]
    z = net(x)
    left = [
        (z.gather(1, y[:, None])[:, 0] - z[:, k] - falls[k]).masked_fill(y == k, torch.inf) for k in range(4)
    ]
    torch.testing.assert_close(margin_bound(net, x, y, U), torch.stack(left).amin(0).detach())


@pytest.mark.parametrize("bias", [0.5, -2.0])
def test_the_bound_is_exact_where_every_relu_and_every_window_is_settled(bias):
    """All ReLUs on, or all off; of each window one pixel is far above the others: the network is linear."""
    net = randomised(
        nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(4, 3)), 3
    )
    net[0].weight.data.fill_(1.0)
    net[0].bias.data.fill_(bias)
    x = torch.rand(6, 1, 4, 4, generator=generator(0), dtype=torch.float64) / 2
    x[:, :, 1::2, ::2] = 0.9
    y = net(x).argmax(1)
    U = linf(0.15)(x)
    x.requires_grad_()
    falls = []
    for k in range(3):
        z = net(x)
        difference = z.gather(1, y[:, None])[:, 0] - z[:, k]
        (g,) = torch.autograd.grad(difference.sum(), x)
        falls.append((difference - U.support(-g)).detach().masked_fill(y == k, torch.inf))
    torch.testing.assert_close(margin_bound(net, x.detach(), y, U), torch.stack(falls).amin(0))


@pytest.mark.parametrize("seed", range(5))
def test_radius_zero_leaves_the_margin_itself(seed):
    net = deep_conv(seed)
    x, y = examples(net, seed, 8, 2, 9, 9)
    torch.testing.assert_close(margin_bound(net, x, y, linf(0.0)), margins(net, x, y), atol=1e-9, rtol=0)


@quick
@given(seed=seeds, radius=st.floats(0.001, 0.2))
def test_the_bound_over_a_larger_set_holds_for_a_smaller(seed, radius):
    """The truth falls as the set grows. The bound may rise here and there, since its planes change."""
    net = small_conv(seed)
    x, y = examples(net, seed, 1, 1, 6, 6)
    larger = float(margin_bound(net, x, y, linf(2 * radius)))
    assert larger <= exact_minimum(net, x, int(y), radius) + 1e-5


def test_each_example_has_a_set_and_a_bound_of_its_own():
    net = deep_conv(1)
    x, y = examples(net, 1, 7, 2, 9, 9)
    together = margin_bound(net, x, y, linf(0.05))
    apart = [margin_bound(net, x[i : i + 1], y[i : i + 1], linf(0.05)) for i in range(7)]
    torch.testing.assert_close(together, torch.cat(apart))
    radii = torch.linspace(0, 0.3, 7, dtype=torch.float64)
    mixed = margin_bound(net, x, y, linf(radii))
    torch.testing.assert_close(mixed[6:], margin_bound(net, x[6:], y[6:], linf(0.3)))
    assert margin_bound(net, x[:0], y[:0], linf(0.05)).shape == (0,)


# Certificates


@pytest.mark.parametrize("name, radius", [("mnist/robust-linf", 0.015), ("mnist/baseline", 0.01)])
def test_pgd_finds_nothing_where_there_is_a_certificate(mnist_test, name, radius):
    net, data = zoo.load(name), mnist_test[torch.arange(4)]
    proved = certified(net, data, linf(radius))
    d = pgd(net, data.images, data.labels, linf(radius), restarts=1, generator=generator(0))
    survives = net(data.images + d).argmax(1) == data.labels
    assert not (proved & ~survives).any()
    assert proved.sum() >= 2  # the bound is of use
    assert next(net.parameters()).dtype == torch.float32 and not net.training


def test_an_answer_that_is_wrong_has_no_certificate():
    net = small_conv(0)
    x, y = examples(net, 0, 20, 1, 6, 6)
    x = x.float()
    assert certified(net, Dataset(x, y), linf(1e-6)).all()
    assert not certified(net, Dataset(x, (y + 1) % 3), linf(0.0)).any()
    assert certified(net, Dataset(x[:0], y[:0]), linf(0.0)).shape == (0,)
    mixed = torch.where(torch.arange(20) < 5, y, (y + 1) % 3)
    assert certified(net, Dataset(x, mixed), linf(1e-6)).tolist() == [True] * 5 + [False] * 15


def test_single_precision_gives_the_same_bounds():
    net = small_conv(2)
    x, y = examples(net, 2, 5, 1, 6, 6)
    x, net = x.float(), net.float()
    found = margin_bound(net, x, y, linf(0.02))
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, margin_bound(net.double(), x.double(), y, linf(0.02)))


# What cannot be bounded


@pytest.mark.parametrize(
    "part, says",
    [
        (nn.Sigmoid(), "Sigmoid"),
        (nn.MaxPool2d(2, padding=1), "padding"),
        (nn.MaxPool2d(2, ceil_mode=True), "ceil_mode"),
        (nn.Dropout(), "Dropout"),
    ],
)
def test_a_model_that_cannot_be_bounded_says_what_it_holds(part, says):
    net = nn.Sequential(nn.Conv2d(1, 2, 3), part, nn.Flatten(), nn.Linear(32, 2))
    with pytest.raises(ValueError, match=rf"^model: .*{says}"):
        margin_bound(net, torch.rand(1, 1, 6, 6), torch.tensor([0]), linf(0.1))


@pytest.mark.parametrize("y", [[0, 1], [3], [-1], [0.0]])
def test_labels_that_are_no_class_numbers(y):
    with pytest.raises(ValueError, match="^y: expected 1 class numbers from 0 to 2"):
        margin_bound(small_conv(0), torch.rand(1, 1, 6, 6), torch.tensor(y), linf(0.1))


def test_a_derived_class_that_computes_something_else_is_refused():
    class Odd(nn.Sequential):
        def forward(self, x):
            return -super().forward(x)

    class Twice(nn.ReLU):
        def forward(self, x):
            return 2 * super().forward(x)

    class Digits(ConvNet):
        def forward(self, x):
            return -super().forward(x)

    data = Dataset(torch.rand(2, 1, 28, 28), torch.tensor([0, 1]))
    flat = nn.Flatten(), nn.Linear(784, 10)
    for model in (Odd(*flat), nn.Sequential(*flat, Twice()), Digits()):
        with pytest.raises(ValueError, match="model: expected a ConvNet, or a Sequential"):
            certified(model, data, Ball("linf", 0.0))
    assert certified(nn.Sequential(nn.Sequential(*flat)), data, Ball("linf", 0.0)).shape == (2,)
