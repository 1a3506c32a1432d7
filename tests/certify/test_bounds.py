"""Certified bounds: never above the truth, which mixed-integer programs, attacks and closed forms tell."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp
from small_nets import boxed, deep_conv, examples, generator, mixed_net, randomised, small_conv
from torch import nn

from rolab import zoo
from rolab.attacks.losses import margin
from rolab.attacks.pgd import pgd, random_point
from rolab.certify import certified, layers_of, margin_bound
from rolab.data import Dataset
from rolab.errors import NonFiniteError
from rolab.nets import ConvNet, Residual
from rolab.sets import Ball, Box, PixelBall, pixel_box

quick = settings(max_examples=15, deadline=None, derandomize=True)


seeds = st.integers(0, 10**6)


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


# The bound


@quick
@given(seed=seeds, radius=st.sampled_from([0.003, 0.02, 0.1, 0.5]))
def test_the_bound_is_never_above_the_exact_minimum(seed, radius):
    net = small_conv(seed)
    x, y = examples(net, seed, 1, 1, 6, 6)
    exact = exact_minimum(net, x, int(y), radius)
    bound = float(margin_bound(net, x, y, boxed(radius)))
    assert bound <= exact + 1e-5
    d = pgd(net, x, y, boxed(radius), loss=margin, restarts=2, generator=generator(seed))
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
    U = boxed(radius)(x)
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
    U = boxed(0.15)(x)
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
    torch.testing.assert_close(margin_bound(net, x, y, boxed(0.0)), margins(net, x, y), atol=1e-9, rtol=0)


@quick
@given(seed=seeds, radius=st.floats(0.001, 0.2))
def test_the_bound_over_a_larger_set_holds_for_a_smaller(seed, radius):
    """The truth falls as the set grows. The bound may rise here and there, since its planes change."""
    net = small_conv(seed)
    x, y = examples(net, seed, 1, 1, 6, 6)
    larger = float(margin_bound(net, x, y, boxed(2 * radius)))
    assert larger <= exact_minimum(net, x, int(y), radius) + 1e-5


def test_each_example_has_a_set_and_a_bound_of_its_own():
    net = deep_conv(1)
    x, y = examples(net, 1, 7, 2, 9, 9)
    together = margin_bound(net, x, y, boxed(0.05))
    apart = [margin_bound(net, x[i : i + 1], y[i : i + 1], boxed(0.05)) for i in range(7)]
    torch.testing.assert_close(together, torch.cat(apart))
    radii = torch.linspace(0, 0.3, 7, dtype=torch.float64)
    mixed = margin_bound(net, x, y, boxed(radii))
    torch.testing.assert_close(mixed[6:], margin_bound(net, x[6:], y[6:], boxed(0.3)))
    assert margin_bound(net, x[:0], y[:0], boxed(0.05)).shape == (0,)


# Batch norm, dropout, pooling by means, residual blocks


@quick
@given(seed=seeds, radius=st.floats(0.0, 0.5), norm=st.sampled_from(["linf", "l2", "l1"]))
def test_the_bound_of_any_layers_is_never_above_what_is_found(seed, radius, norm):
    net = mixed_net(seed)
    x, y = examples(net, seed, 4, 2, 6, 6)
    U = Ball(norm, radius) & pixel_box(x)
    bound = margin_bound(net, x, y, U)
    for i in range(10):
        assert (bound <= margins(net, x + random_point(U, x, generator(i)), y)).all()
    d = pgd(net, x, y, U, loss=margin, restarts=1, generator=generator(seed))
    assert (bound <= margins(net, x + d, y)).all()
    torch.testing.assert_close(margin_bound(net, x, y, boxed(0.0)), margins(net, x, y), atol=1e-8, rtol=0)


@quick
@given(seed=seeds, residual=st.booleans())
def test_the_bound_is_exact_for_affine_layers_of_any_kind(seed, residual):
    """No sum of a residual block is taken apart: even x − x is 0."""
    bend = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.Dropout())
    net = nn.Sequential(
        nn.BatchNorm2d(1), Residual(bend, nn.Conv2d(1, 1, 3, padding=1)) if residual else bend,
        nn.AvgPool2d(2, stride=1), nn.Flatten(), nn.Linear(9, 4), nn.BatchNorm1d(4, affine=False),
        Residual(nn.Identity()),
    )  # fmt: skip
    net(torch.rand(9, 1, 4, 4, generator=generator(seed)))  # gives batch norm its statistics
    net = randomised(net, seed).eval()
    x, y = examples(net, seed, 5, 1, 4, 4)
    U, rows = (
        boxed(0.1)(x),
        torch.autograd.functional.jacobian(lambda v: net(v)[0], x[:1])[:, 0],
    )  # (4, 1, 4, 4)
    z = net(x)
    left = [z.gather(1, y[:, None])[:, 0] - z[:, k] - U.support(rows[k] - rows[y]) for k in range(4)]
    least = torch.stack(left, 1).scatter(1, y[:, None], torch.inf).amin(1).detach()
    torch.testing.assert_close(margin_bound(net, x, y, U), least, atol=1e-9, rtol=1e-9)


def test_a_block_that_takes_away_what_its_shortcut_hands_on_leaves_nothing():
    body = nn.Linear(4, 4)
    body.weight.data, body.bias.data = -torch.eye(4), torch.zeros(4)
    last = nn.Linear(4, 2)
    net = nn.Sequential(nn.Flatten(), Residual(body), nn.ReLU(), last).double()
    x = torch.rand(3, 4, 1, dtype=torch.float64)
    y = net(x).argmax(1)
    exact = (last.bias[y] - last.bias[1 - y]).detach()
    torch.testing.assert_close(margin_bound(net, x, y, Ball("linf", 1.0)), exact)


@quick
@given(seed=seeds)
def test_batch_norm_is_bounded_like_the_affine_map_that_it_is(seed):
    norm, conv = nn.BatchNorm2d(3), nn.Conv2d(2, 3, 3)
    net = randomised(nn.Sequential(conv, norm, nn.ReLU(), nn.Flatten(), nn.Linear(48, 3)), seed).eval()
    norm.running_mean.normal_(generator=generator(seed))
    norm.running_var.uniform_(0.01, 4.0, generator=generator(seed))
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    folded = nn.Conv2d(2, 3, 3).double()
    folded.weight.data = (conv.weight * scale.view(-1, 1, 1, 1)).detach()
    folded.bias.data = ((conv.bias - norm.running_mean) * scale + norm.bias).detach()
    x, y = examples(net, seed, 4, 2, 6, 6)
    found, expected = (margin_bound(m, x, y, boxed(0.05)) for m in (net, nn.Sequential(folded, *net[2:])))
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
@quick
@given(seed=seeds, radius=st.sampled_from([1e-4, 1e-3, 0.01, 0.1]))
def test_no_attack_breaks_what_is_certified_in_any_float_type(dtype, seed, radius):
    net = mixed_net(seed).to(dtype)

    class Run(nn.Module):
        def forward(self, x):
            return net(x.to(dtype)).to(x)

    x = torch.rand(4, 2, 6, 6, generator=generator(seed))
    data = Dataset(x, Run()(x).argmax(1))
    proved = certified(net, data, boxed(radius))
    for start in (None, random_point(boxed(radius), x, generator(seed))):
        d = pgd(Run(), x, data.labels, boxed(radius), start=start, loss=margin)
        assert (Run()(x + d).argmax(1) == data.labels)[proved].all()


@pytest.mark.parametrize("how", ["batch norm", "two maps"])
def test_what_cancels_in_the_network_is_no_certificate(how):
    """Around 10⁷ single precision has steps of 1: no margin of less can be told from an error."""
    one, far = nn.Linear(2, 2), nn.BatchNorm1d(2) if how == "batch norm" else nn.Linear(2, 2)
    one.weight.data, one.bias.data = torch.eye(2), torch.full((2,), 1e7)
    if how == "batch norm":
        far.running_mean.fill_(1e7)
    else:
        far.weight.data, far.bias.data = torch.eye(2), torch.full((2,), -1e7)
    net = nn.Sequential(nn.Flatten(), one, far).eval()
    data = Dataset(torch.tensor([[[[0.3, 0.6]]]]), torch.tensor([1]))
    assert float(margin_bound(net, data.images, data.labels, Ball("linf", 0.01))) > 0.2
    assert not certified(net, data, Ball("linf", 0.01)).any()


# Certificates


@pytest.mark.parametrize("name, radius", [("mnist/robust-linf", 0.015), ("mnist/baseline", 0.01)])
def test_pgd_finds_nothing_where_there_is_a_certificate(mnist_test, name, radius):
    net, data = zoo.load(name), mnist_test[torch.arange(4)]
    proved = certified(net, data, boxed(radius))
    d = pgd(net, data.images, data.labels, boxed(radius), restarts=1, generator=generator(0))
    survives = net(data.images + d).argmax(1) == data.labels
    assert not (proved & ~survives).any()
    assert proved.sum() >= 2  # the bound is of use
    assert next(net.parameters()).dtype == torch.float32 and not net.training


def test_an_answer_that_is_wrong_has_no_certificate():
    net = small_conv(0)
    x, y = examples(net, 0, 20, 1, 6, 6)
    x = x.float()
    assert certified(net, Dataset(x, y), boxed(1e-6)).all()
    assert not certified(net, Dataset(x, (y + 1) % 3), boxed(0.0)).any()
    assert certified(net, Dataset(x[:0], y[:0]), boxed(0.0)).shape == (0,)
    mixed = torch.where(torch.arange(20) < 5, y, (y + 1) % 3)
    assert certified(net, Dataset(x, mixed), boxed(1e-6)).tolist() == [True] * 5 + [False] * 15


def test_single_precision_gives_the_same_bounds():
    net = small_conv(2)
    x, y = examples(net, 2, 5, 1, 6, 6)
    x, net = x.float(), net.float()
    found = margin_bound(net, x, y, boxed(0.02))
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, margin_bound(net.double(), x.double(), y, boxed(0.02)))


# What cannot be bounded


@pytest.mark.parametrize(
    "part, says",
    [
        (nn.Sigmoid(), "Sigmoid"),
        (nn.MaxPool2d(2, padding=1), "padding"),
        (nn.MaxPool2d(2, ceil_mode=True), "ceil_mode"),
        (nn.Dropout(), "eval mode, got Dropout"),
        (nn.BatchNorm2d(2), "eval mode, got BatchNorm2d.* in training mode"),
        (nn.BatchNorm2d(2, track_running_stats=False).eval(), "running statistics, got BatchNorm2d"),
        (Residual(nn.Sequential(nn.GELU())), "GELU"),
        (nn.Sequential(nn.ReLU(), Residual(nn.Identity(), nn.Softmax(1))), "Softmax"),
    ],
)
def test_a_model_that_cannot_be_bounded_says_what_it_holds(part, says):
    net = nn.Sequential(nn.Conv2d(1, 2, 3), part, nn.Flatten(), nn.Linear(32, 2))
    with pytest.raises(ValueError, match=rf"^model: .*{says}"):
        margin_bound(net, torch.rand(1, 1, 6, 6), torch.tensor([0]), boxed(0.1))


@pytest.mark.parametrize("y", [[0, 1], [3], [-1], [0.0]])
def test_labels_that_are_no_class_numbers(y):
    with pytest.raises(ValueError, match="^y: expected "):
        margin_bound(small_conv(0), torch.rand(1, 1, 6, 6), torch.tensor(y), boxed(0.1))


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


# What does not fit


def wrong_sets():
    half = torch.zeros(1, 6, 6)
    half[:, :3] = 0.3
    return [
        Ball("linf", torch.full((8,), 0.1)), Ball("linf", torch.full((1,), 0.1)),
        Box(-half.expand(8, 1, 6, 6), half.expand(8, 1, 6, 6)), PixelBall("linf", torch.full((3,), 0.1)),
    ]  # fmt: skip


@pytest.mark.parametrize("U", wrong_sets(), ids=repr)
def test_a_set_of_another_batch_is_refused_and_proves_nothing(U):
    net = small_conv(0)
    x, y = examples(net, 0, 4, 1, 6, 6)
    for find in (
        lambda: margin_bound(net, x, y, U),
        lambda: certified(net.float(), Dataset(x.float(), y), U),
    ):
        with pytest.raises(ValueError, match="^(radius|lower|upper): expected"):
            find()


def test_a_set_shaped_like_one_example_is_that_of_all():
    net = small_conv(0)
    x, y = examples(net, 0, 6, 1, 6, 6)
    half = torch.zeros(1, 6, 6)
    half[:, :3] = 0.02
    found = margin_bound(net, x, y, Box(-half, half))
    torch.testing.assert_close(found, margin_bound(net, x, y, Box(-half.expand_as(x), half.expand_as(x))))
    assert torch.equal(certified(net, Dataset(x.float(), y), Box(-half, half)), found > 1e-9)


def test_one_logit_proves_nothing():
    net = nn.Sequential(nn.Flatten(), nn.Linear(36, 1))
    x, y = torch.rand(4, 1, 6, 6), torch.zeros(4, dtype=torch.int64)
    with pytest.raises(ValueError, match="^model: expected K ≥ 2 logits, got 1$"):
        certified(net, Dataset(x, y), Ball("linf", 0.1))
    with pytest.raises(ValueError, match="^model: expected K ≥ 2 logits, got 1$"):
        margin_bound(net, x, y, Ball("linf", 0.1))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nan_and_infinity_prove_nothing(bad):
    net = small_conv(0)
    x, y = examples(net, 0, 4, 1, 6, 6)
    spoilt = x.clone()
    spoilt[1, 0, 2, 2] = bad
    with pytest.raises(NonFiniteError, match="^x: expected finite pixels"):
        margin_bound(net, spoilt, y, boxed(0.1))
    net[0].weight.data[0, 0, 0, 0] = bad
    with pytest.raises(NonFiniteError, match="^model: expected finite weights"):
        certified(net, Dataset(x.float(), y), boxed(0.1))


def test_images_of_another_shape_are_named():
    for x in (torch.rand(1, 6, 6), torch.rand(2, 3, 6, 6), torch.rand(1, 1, 9, 9)):
        with pytest.raises(ValueError, match=r"^x: expected images \(N, …\)"):
            margin_bound(small_conv(0), x.double(), torch.zeros(len(x), dtype=torch.int64), boxed(0.1))


def test_a_network_that_is_too_large_is_refused_before_it_fills_the_memory():
    net = nn.Sequential(nn.Conv2d(3, 400, 3), nn.ReLU(), nn.Flatten())
    with pytest.raises(ValueError, match="^model: expected matrices of at most .* behind Conv2d"):
        layers_of(net, torch.rand(1, 3, 24, 24))
