"""Interval bounds: never below what points of the set give, exact for affine maps, with a right gradient."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from set_definitions import SHAPE, Case, every_set
from small_nets import boxed, deep_conv, examples, generator, mixed_net, randomised, small_conv
from torch import nn
from torch.nn import functional as F

from rolab.attacks.losses import margin
from rolab.attacks.pgd import pgd, random_point
from rolab.certify import certified, intervals, largest_differences, layers_of, margin_bound
from rolab.certify.intervals import affine_interval, box_around, is_shared
from rolab.certify.parts import linear, parts_of, positive
from rolab.data import Dataset
from rolab.nets import ConvNet
from rolab.nets.mnist import PatchConv2d
from rolab.sets import Ball, Box, Scaled, UncertaintySet, pixel_box

quick = settings(max_examples=15, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)


def two_layers(seed, hidden=2):
    layers = nn.Flatten(), nn.Linear(math.prod(SHAPE), hidden), nn.ReLU(), nn.Linear(hidden, 3)
    return randomised(nn.Sequential(*layers), seed, 2.0)


def batch(seed, n=4):
    source = generator(seed)
    x = torch.rand(n, *SHAPE, dtype=torch.float64, generator=source)
    return x, torch.randint(0, 3, (n,), generator=source)


def differences(net, x, y):
    """z_k − z_y of each example."""
    z = net(x)
    return z - z.gather(1, y[:, None])


def along_gradients(net, x, y, U):
    """For each class, the point of U that is furthest along the gradient of z_k − z_y."""
    for k in range(3):
        seen = x.clone().requires_grad_()
        (g,) = torch.autograd.grad(differences(net, seen, y)[:, k].sum(), seen)
        yield U.maximizer(g)


class MyOwn(UncertaintySet):
    """An ellipse with two methods, as a user would write it down."""

    def maximizer(self, g):
        w = g.flatten(1) * torch.arange(1, 7, dtype=g.dtype) / 6
        unit = w / w.norm(dim=1, keepdim=True).clamp(min=1e-12)
        return (unit * torch.arange(1, 7, dtype=g.dtype) / 6).view_as(g)

    def project(self, d):
        raise NotImplementedError


# Never below


@every_set
def test_the_bound_is_never_below_what_any_point_of_any_set_gives(case: Case):
    """Points along gradients, random extreme points, and points between these."""
    net, (x, y) = two_layers(3), batch(3)
    bound = largest_differences(net, x, y, case.U)
    assert torch.equal(bound.gather(1, y[:, None]), torch.zeros(4, 1, dtype=torch.float64))
    points = [*along_gradients(net, x, y, case.U), random_point(case.U, x, generator(0))]
    for d in points:
        assert (bound >= differences(net, x + d, y) - 1e-6).all()  # what solvers leave


@quick
@given(
    st.sampled_from(["linf", "l2", "l1", 3.0]), st.floats(0, 1), st.booleans(), st.booleans(), seeds,
)  # fmt: skip
def test_the_bound_is_never_below_in_balls_in_boxes_each_of_its_own(norm, radius, inside, each, seed):
    net, (x, y) = two_layers(seed, 5), batch(seed)
    ball = Ball(norm, radius * torch.arange(4) / 2 if each else radius)
    U = ball & pixel_box(x) if inside else ball
    bound = largest_differences(net, x, y, U)
    for d in [*along_gradients(net, x, y, U), *(random_point(U, x, generator(i)) for i in range(5))]:
        assert (bound >= differences(net, x + d, y) - 1e-9).all()


@quick
@given(seed=seeds, radius=st.floats(0.0, 0.3), norm=st.sampled_from(["linf", "l2", "l1"]))
def test_no_attack_climbs_above_it_through_layers_of_any_kind(seed, radius, norm):
    net = mixed_net(seed)
    x, y = examples(net, seed, 4, 2, 6, 6)
    U = Ball(norm, radius) & pixel_box(x)
    worst = largest_differences(net, x, y, U).scatter(1, y[:, None], -torch.inf).amax(1)
    d = pgd(net, x, y, U, loss=margin, restarts=1, generator=generator(seed))
    assert (worst >= margin(net(x + d), y) - 1e-9).all()
    nothing = largest_differences(net, x, y, boxed(0.0))
    torch.testing.assert_close(nothing, differences(net, x, y), atol=1e-9, rtol=1e-9)


# Exact


@every_set
def test_it_is_exact_where_the_network_is_affine(case: Case):
    net, (x, y) = randomised(nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.Linear(4, 3)), 1), batch(1)
    rows = torch.autograd.functional.jacobian(lambda v: net(v)[0], x[:1])[:, 0]
    for k in range(3):
        exact = differences(net, x, y)[:, k] + case.U.support(rows[k] - rows[y])
        torch.testing.assert_close(largest_differences(net, x, y, case.U)[:, k], exact, atol=1e-6, rtol=1e-6)


@every_set
def test_a_radius_of_0_gives_the_differences_themselves(case: Case):
    net, (x, y) = two_layers(2), batch(2)
    found = largest_differences(net, x, y, case.U.scaled(0.0))
    torch.testing.assert_close(found, differences(net, x, y), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("norm, dual", [("linf", 1), ("l2", 2), ("l1", math.inf)])
def test_the_first_layer_moves_by_the_dual_norm_of_its_weights(norm, dual):
    net, (x, _) = two_layers(5, 7), batch(5)
    lower, upper = box_around(x, Ball(norm, 0.3), parts_of(net)[:2])
    reach = 0.3 * torch.linalg.vector_norm(net[1].weight, dual, dim=1)
    torch.testing.assert_close(upper, net[:2](x) + reach)
    torch.testing.assert_close(lower, net[:2](x) - reach)


@quick
@given(seed=seeds)
def test_of_a_box_the_ends_of_an_affine_map_are_reached(seed):
    layer = randomised(nn.Linear(4, 3), seed)
    lower, upper = torch.rand(2, 5, 4, dtype=torch.float64, generator=generator(seed)).sort(0).values
    found = affine_interval(layer, lambda r: r @ layer.weight.abs().T, lower, upper)
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 4).double()
    values = layer(lower + corners[:, None] * (upper - lower))
    torch.testing.assert_close(found, (values.amin(0), values.amax(0)))


def test_a_set_of_ones_own_is_enough():
    net, (x, y) = two_layers(4, 6), batch(4)
    bound = largest_differences(net, x, y, MyOwn())
    for d in along_gradients(net, x, y, MyOwn()):
        assert (bound >= differences(net, x + d, y) - 1e-9).all()
    assert is_shared(MyOwn()) and not MyOwn().separable


# Boxes


@every_set
def test_a_set_that_calls_itself_a_box_is_the_product_of_its_sides(case: Case):
    g = torch.randn(4, *SHAPE, dtype=torch.float64, generator=generator(0))
    apart = sum(case.U.support(torch.eye(6, dtype=torch.float64)[i].view(SHAPE) * g) for i in range(6))
    product = torch.allclose(case.U.support(g), apart, rtol=1e-6, atol=1e-6)
    assert product or not case.U.separable


def test_which_sets_are_boxes():
    x, _ = batch(0)
    ball, each = Ball("linf", 0.1), Ball("linf", torch.arange(4) / 10)
    boxes = ball, each, Box(-0.1, x), ball & pixel_box(x), each & pixel_box(x), ball + Box(-0.1, x)
    assert all(U.separable for U in (*boxes, *(U.scaled(0.5) for U in boxes), Scaled(0.5, ball)))
    others = Ball("l2", 0.1), Ball("l2", 0.1) & pixel_box(x), ball + Ball("l2", 0.1), Scaled(1, MyOwn())
    assert not any(U.separable for U in others)


def test_too_many_directions_are_left_to_the_sets_that_enclose(monkeypatch):
    """Of ℓ2 in the pixel box, ball and box stand in for both: sound, and better than either."""
    net, (x, y) = two_layers(6, 5), batch(6)
    ball, box = Ball("l2", 0.4), pixel_box(x)
    exact, of_ball, of_box = (largest_differences(net, x, y, U) for U in (ball & box, ball, box))
    monkeypatch.setattr(intervals, "LARGEST", 0)
    found = largest_differences(net, x, y, ball & box)
    assert (found >= exact - 1e-12).all()
    assert (found <= of_ball + 1e-12).all() and (found <= of_box + 1e-12).all()
    assert not torch.allclose(found, exact)


# The gradient


@pytest.mark.parametrize("U", [Ball("linf", 0.1), Ball("l2", 0.3), boxed(0.2), boxed(0.3, "l2"), MyOwn()])
def test_the_gradient_of_the_bound_is_that_of_finite_differences(U):
    """As of any function of the weights, entry by entry."""
    net, (x, y) = two_layers(7, 4), batch(7)
    weights = list(net.parameters())
    c = torch.rand(4, 3, dtype=torch.float64, generator=generator(0))

    def value():
        return (c * largest_differences(net, x, y, U)).sum()

    for weight, found in zip(weights, torch.autograd.grad(value(), weights), strict=True):
        for place in range(weight.numel()):
            entry = weight.data.view(-1)[place : place + 1]
            entry += 1e-6
            above = value().item()
            entry -= 2e-6
            slope = (above - value().item()) / 2e-6
            entry += 1e-6
            assert found.flatten()[place].item() == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_batch_norm_in_eval_mode_is_trained_too():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3)
    ).eval()
    x, y = torch.rand(4, 1, 6, 6), torch.tensor([0, 1, 2, 0])
    largest_differences(net, x, y, Ball("linf", 0.1)).sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in net.parameters())


# What it is for


def test_what_intervals_prove_is_certified_without_a_plane(monkeypatch):
    """Margins of a net whose bounds are good: no plane is laid; where they are not, planes decide."""
    net = small_conv(0)
    x, y = examples(net, 0, 20, 1, 6, 6)
    data = Dataset(x.float(), y)
    by_planes = certified(net, data, boxed(0.15))
    bound = margin_bound(net, x.float(), y, boxed(0.15))
    proved = (
        largest_differences(net, x.float().double(), y, boxed(0.15))
        .scatter(1, y[:, None], -torch.inf)
        .amax(1)
        < -0.01  # certified leaves room for rounding
    )
    assert (bound[proved] > 0).all() and (by_planes | ~proved).all()
    assert proved.any() and (by_planes & ~proved).any()

    def no_planes(*arguments):
        raise AssertionError("a plane is laid")

    monkeypatch.setattr("rolab.certify.bounds._path", no_planes)
    rows = proved.nonzero().squeeze(1)
    assert certified(net, data[rows], boxed(0.15)).all()


def test_the_layers_of_the_bound_are_those_of_the_network():
    """The ConvNet, whose pooling is before its ReLU here, and a net with strides, padding, dilation."""
    torch.manual_seed(0)
    for net, shape in ((ConvNet().double(), (1, 28, 28)), (deep_conv(0), (2, 9, 9))):
        x = torch.rand(3, *shape, dtype=torch.float64, generator=generator(1))
        y = torch.zeros(3, dtype=torch.int64)
        torch.testing.assert_close(largest_differences(net, x, y, Ball("linf", 0.0)), differences(net, x, y))
        lower, upper = box_around(x, boxed(0.02)(x))
        for layer in layers_of(net, x)[:-1]:
            lower, upper = (layer.activate(end) for end in layer.interval(lower.flatten(1), upper.flatten(1)))
        last = layers_of(net, x)[-1]
        c = last.weight - last.weight[0]
        dense = (c @ ((lower + upper) / 2).T + c.abs() @ ((upper - lower) / 2).T).T + last.bias - last.bias[0]
        torch.testing.assert_close(largest_differences(net, x, y, boxed(0.02)), dense)


@quick
@given(seed=seeds)
def test_a_convolution_without_its_constant_and_with_weights_made_positive(seed):
    """Each kind of convolution in the form that is its own."""
    x = torch.rand(2, 3, 7, 6, dtype=torch.float64, generator=generator(seed))
    for layer in (nn.Conv2d(3, 2, 3), PatchConv2d(3, 2, 3)):
        W, b = randomised(layer, seed).weight, layer.bias
        torch.testing.assert_close(linear(layer)(x), F.conv2d(x, W))
        torch.testing.assert_close(positive(layer)(x), F.conv2d(x, W.abs()))
        torch.testing.assert_close(positive(layer, constant=True)(x), F.conv2d(x, W.abs(), b.abs()))


@pytest.mark.parametrize("y", [[0, 1, 2], [0.0, 1.0, 2.0, 0.0]])
def test_labels_that_are_none(y):
    net, (x, _) = two_layers(0), batch(0)
    with pytest.raises(ValueError, match=r"^y: expected shape \(4,\)"):
        largest_differences(net, x, torch.tensor(y), Ball("linf", 0.1))


def test_a_model_that_cannot_be_bounded_is_refused():
    x, y = batch(0)
    for part, says in ((nn.Sigmoid(), "Sigmoid"), (nn.BatchNorm1d(6), "eval mode, got BatchNorm1d")):
        net = nn.Sequential(nn.Flatten(), part, nn.Linear(6, 3)).double().train()
        with pytest.raises(ValueError, match=f"^model: .*{says}"):
            largest_differences(net, x, y, Ball("linf", 0.1))
