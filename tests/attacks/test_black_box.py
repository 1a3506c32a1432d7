"""Random search without gradients, against closed forms; and attacks on devices without float64."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_nets import images, linear, small_net
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from rolab.attacks import first_order, margin, pgd, random_search, single_pixel
from rolab.sets import Ball, Box, pixel_box

exactly = settings(max_examples=20, deadline=None, derandomize=True)


seeds = st.integers(0, 2**32)


SETS = {
    "linf": Ball("linf", 0.3),
    "boxed linf": lambda x: Ball("linf", 0.3) & pixel_box(x),
    "boxed l2": lambda x: Ball("l2", 0.8) & pixel_box(x),
    "l1": Ball("l1", 2.0),
    "box": Box(-0.2, 0.4),
}


@pytest.mark.parametrize("U", SETS.values(), ids=SETS)
@pytest.mark.parametrize("shape", [(1, 3, 4), (3, 2, 2), (12,)])
def test_random_search_stays_in_the_set_is_repeatable_and_never_loses_ground(U, shape):
    model, x = small_net(12), images(20, *shape)
    y = model(x).argmax(1)
    at_x, before = U(x) if callable(U) else U, margin(model(x), y)
    for queries in (1, 2, 30, 100):
        d = random_search(model, x, y, U, queries=queries, generator=torch.Generator().manual_seed(2))
        again = random_search(model, x, y, U, queries=queries, generator=torch.Generator().manual_seed(2))
        assert torch.equal(d, again) and d.shape == x.shape and not d.requires_grad
        assert at_x.contains(d).all()
        now = margin(model(x + d), y)
        assert (now >= before - 1e-9).all()
        assert queries > 1 or not d.any()
    assert (now > before + 1e-3).double().mean() > 0.9


@exactly
@given(seeds)
def test_on_a_linear_model_in_an_linf_ball_it_comes_near_the_truth(seed):
    """And never above it: the margin rises by at most ε‖w‖₁."""
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn(2, 12, dtype=torch.float64, generator=generator)
    x = images(10, 1, 3, 4, seed=seed)
    model = nn.Sequential(linear(20 * W), nn.Linear(2, 2).double())
    nn.init.eye_(model[1].weight)
    y = torch.zeros(10, dtype=torch.long)
    model[1].bias.data = torch.tensor([1e4, 0.0], dtype=torch.float64)  # nothing is ever lost
    U = Ball("linf", 0.1)
    start = margin(model(x), y)
    d = random_search(model, x, y, U, queries=400, generator=torch.Generator().manual_seed(seed % 97))
    rise = margin(model(x + d), y) - start
    most = 20 * 0.1 * (W[1] - W[0]).abs().sum()
    assert (rise <= most + 1e-6).all()
    assert (rise > 0.6 * most).all()
    assert rise.mean() > 0.85 * most


def test_it_asks_for_no_gradient_and_only_about_what_is_left():
    class Steps(nn.Module):
        """A net whose gradient is 0 everywhere."""

        def __init__(self):
            super().__init__()
            self.net, self.sizes = small_net(12), []

        def forward(self, x):
            assert not torch.is_grad_enabled()
            self.sizes.append(len(x))
            return self.net((x * 4).round() / 4)

    model, x = Steps(), images(30, 1, 3, 4)
    with torch.no_grad():
        y = model(x).argmax(1)
    model.sizes.clear()
    d = random_search(model, x, y, Ball("linf", 0.3), queries=60, generator=torch.Generator().manual_seed(0))
    assert all(a >= b for a, b in itertools.pairwise(model.sizes))
    assert model.sizes[-1] < 30
    with torch.no_grad():
        assert (model(x + d).argmax(1) != y).sum() >= 30 - model.sizes[-1]


def test_queries_must_be_positive():
    with pytest.raises(ValueError, match="queries: expected a number ≥ 1, got 0"):
        random_search(small_net(4), images(1, 4), torch.tensor([0]), Ball("l2", 1.0), queries=0)


class NoDouble(TorchDispatchMode):
    """A device such as MPS, which has no float64."""

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        answer = function(*arguments, **(keywords or {}))
        found = [t for t in (answer if isinstance(answer, tuple | list) else [answer]) if torch.is_tensor(t)]
        if any(t.dtype == torch.float64 for t in found):
            raise TypeError(f"{function} made a tensor of float64")
        return answer


@pytest.mark.parametrize("attack", [first_order, pgd, random_search, single_pixel])
def test_attacks_need_no_double_precision(attack):
    x, model = images(3, 1, 3, 4).float(), small_net(12).float()
    y = model(x).argmax(1)
    more = () if attack is single_pixel else (lambda x: Ball("linf", 0.1) & pixel_box(x),)
    with NoDouble():
        attack(model, x, y, *more)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("norm, radius", [("linf", 0.1), ("l2", 2.0)])
def test_it_leaves_no_more_than_square_attack(norm, radius, mnist_test):
    """Within two points at equal queries, 150 digits."""
    torchattacks = pytest.importorskip("torchattacks")
    from rolab import zoo

    net, x, y = zoo.load("mnist/baseline"), mnist_test.images[:150], mnist_test.labels[:150]
    kind = {"linf": "Linf", "l2": "L2"}[norm]
    square = torchattacks.Square(net, norm=kind, eps=radius, n_queries=1000, n_restarts=1, seed=0)
    U = lambda x: Ball(norm, radius) & pixel_box(x)  # noqa: E731
    d = random_search(net, x, y, U, queries=1000, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        left, left_there = ((net(z).argmax(1) == y).double().mean() for z in (x + d, square(x, y)))
    assert U(x).contains(d).all() and left <= left_there + 0.02
