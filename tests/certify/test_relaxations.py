"""A network as affine maps and linear relaxations: the maps are the network, the planes enclose it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_nets import deep_conv, examples, generator, mixed_net, small_conv
from torch import nn

from rolab.certify import layers_of
from rolab.certify.relaxations import Beside, LinearRelaxation, MaxPool, Relu, logits
from rolab.nets import ConvNet

quick = settings(max_examples=15, deadline=None, derandomize=True)


seeds = st.integers(0, 10**6)


@pytest.mark.parametrize(
    "build, shape, seed",
    [(small_conv, (1, 6, 6), 0), (deep_conv, (2, 9, 9), 0), *((mixed_net, (2, 6, 6), i) for i in range(20))],
)
def test_the_layers_are_the_network(build, shape, seed):
    net = build(seed)
    x, _ = examples(net, 0, 5, *shape)
    with torch.no_grad():
        torch.testing.assert_close(logits(layers_of(net, x), x), net(x))


def test_the_layers_of_the_convnet_are_the_network():
    torch.manual_seed(0)
    net, x = ConvNet().double(), torch.rand(3, 1, 28, 28, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(logits(layers_of(net, x), x), net(x))


def test_a_layer_that_is_used_twice_keeps_its_bias():
    twice = nn.Linear(3, 3)
    net = nn.Sequential(twice, twice, nn.ReLU(), twice)
    x = torch.rand(4, 3)
    with torch.no_grad():
        torch.testing.assert_close(logits(layers_of(net, x), x), net.double()(x.double()))


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
    carried = Beside(3, MaxPool(torch.tensor([[0, 1], [2, 1]])))
    both = pool.relaxation(relu(lower), relu(upper)).behind(relu.relaxation(lower, upper))
    for bend, planes in [
        (relu, relu.relaxation(lower, upper)),
        (pool, pool.relaxation(lower, upper)),
        (lambda z: pool(relu(z)), both),
        (carried, carried.relaxation(lower, upper)),
    ]:
        for t in [0.0, 1.0, *torch.rand(20, 3, 6, generator=source, dtype=torch.float64)]:
            z = lower + t * (upper - lower)
            of = z.gather(1, planes.source)
            assert (planes.low * of <= bend(z) + 1e-12).all()
            assert (bend(z) <= planes.high * of + planes.shift + 1e-12).all()


def test_planes_of_relu_are_as_tight_as_can_be():
    lower, upper = torch.tensor([[-2.0, -1.0, 1.0, -3.0]]), torch.tensor([[1.0, 2.0, 2.0, -1.0]])
    planes = Relu().relaxation(lower, upper)
    assert planes.low.tolist() == [[0.0, 1.0, 1.0, 0.0]]
    for end in (lower, upper):  # the chord meets ReLU at both ends
        torch.testing.assert_close(planes.high * end + planes.shift, end.relu())


def test_planes_of_pooling_are_exact_where_one_entry_is_above_the_others():
    lower, upper = torch.tensor([[0.0, 3.0, 1.0]]), torch.tensor([[2.0, 4.0, 3.0]])
    planes = MaxPool(torch.tensor([[0, 1, 2], [0, 2, 2]])).relaxation(lower, upper)
    assert planes.source.tolist() == [[1, 2]]
    assert planes.high.tolist() == [[1.0, 0.0]]
    assert planes.shift.tolist() == [[0.0, 3.0]]


def test_exact_planes_change_nothing():
    planes = Relu().relaxation(torch.tensor([[-2.0, -1.0]]), torch.tensor([[1.0, 2.0]]))
    same = planes.behind(LinearRelaxation.exact(planes.low))
    assert all(torch.equal(a, b) for a, b in zip(planes, same, strict=True))
