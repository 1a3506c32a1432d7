"""Attacks without gradients, against brute force and closed forms."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from rolab.attacks import first_order, margin, minimal_radius, pgd, random_search, single_pixel
from rolab.sets import Ball, Box, pixel_box

exactly = settings(max_examples=20, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32)


def small_net(entries: int, classes: int = 3, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(entries, 8), nn.Tanh(), nn.Linear(8, classes)).double()


def linear(W: torch.Tensor) -> nn.Module:
    layer = nn.Linear(W.shape[1], W.shape[0], bias=False).to(W.dtype)
    layer.weight.data = W
    return nn.Sequential(nn.Flatten(), layer)


def images(n: int, *shape: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, *shape, dtype=torch.float64, generator=generator)


# Every single pixel


@exactly
@given(seeds, st.sampled_from([(1, 3, 4), (3, 2, 2), (5,)]), st.integers(1, 9))
def test_the_best_pixel_is_that_of_brute_force(seed, shape, batch):
    x = images(3, *shape, seed=seed).round(decimals=1)
    model = small_net(x[0].numel(), seed=seed % 1000)
    y = model(x).argmax(1)
    d, flips = single_pixel(model, x, y, batch=batch)
    for i in range(3):
        best = -torch.inf
        for j, value in itertools.product(range(x[i].numel()), (0.0, 1.0)):
            changed = x[i : i + 1].clone()
            if changed.flatten()[j] == value:
                continue
            changed.flatten(1)[0, j] = value
            best = max(best, margin(model(changed), y[i : i + 1]).item())
        assert margin(model(x + d), y)[i].item() == pytest.approx(best)
        assert flips[i] == (best > 0)
    assert ((d != 0).flatten(1).sum(1) == 1).all()
    changed = (x + d)[d != 0]
    assert ((changed - changed.round()).abs() < 1e-12).all()  # 0 or 1
    torch.testing.assert_close(flips, model(x + d).argmax(1) != y)


@exactly
@given(seeds)
def test_on_a_linear_model_of_two_classes_the_l1_step_is_the_truth(seed):
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn(2, 12, dtype=torch.float64, generator=generator)
    x, y = images(4, 1, 3, 4, seed=seed), torch.tensor([0, 1, 0, 1])
    model, r = linear(W), 0.7
    d, _ = single_pixel(model, x, y, Box(-r, r))
    torch.testing.assert_close(d, first_order(model, x, y, Ball("l1", r)))


def test_where_no_pixel_can_move_none_does():
    x = images(2, 1, 2, 2)
    d, flips = single_pixel(small_net(4), x, small_net(4)(x).argmax(1), Box(0.0, 0.0))
    assert not d.any() and not flips.any()


def test_the_model_gets_no_more_images_at_once_than_it_was_told():
    model, x, sizes = small_net(12), images(40, 1, 3, 4), []
    model.register_forward_hook(lambda module, inputs, output: sizes.append(len(inputs[0])))
    single_pixel(model, x, torch.zeros(40, dtype=torch.long), batch=50)
    assert max(sizes) <= 50 and sum(sizes) == 40 * 24


# Random search


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


# The smallest radius


GRID = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6]


@exactly
@given(seeds, st.sampled_from(["linf", "l2", "l1"]))
def test_on_a_linear_model_it_is_the_distance_to_the_hyperplane(seed, norm):
    """|⟨w, x⟩| / ‖w‖_*, by the dual norm; 0 where x is misclassified, infinite beyond the grid."""
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn(2, 12, dtype=torch.float64, generator=generator)
    x, y = images(8, 1, 3, 4, seed=seed), torch.arange(8) % 2
    model, unit = linear(W), Ball(norm, 1.0)
    radius, d = minimal_radius(model, x, y, unit.scaled, grid=GRID, bisections=30)
    distance = -margin(model(x), y) / unit.norm.dual.value((W[1] - W[0])[None])
    expected = torch.where(distance < 0, 0, torch.where(distance > GRID[-1], torch.inf, distance))
    torch.testing.assert_close(radius, expected, rtol=1e-6, atol=1e-6)
    found = radius.isfinite() & (radius > 0)
    assert not d[~found].any()
    assert (model(x + d).argmax(1) != y)[found].all()
    torch.testing.assert_close(unit.norm.value(d)[found], radius[found])


def test_within_the_pixel_box_it_is_no_smaller_and_the_delta_succeeds():
    model, x = small_net(12), images(30, 1, 3, 4)
    y = model(x).argmax(1)
    free, _ = minimal_radius(model, x, y, Ball("linf", 1.0).scaled, grid=GRID)

    def boxed(radii):
        return lambda x: Ball("linf", radii) & pixel_box(x)

    for attack in (first_order, pgd):
        radius, d = minimal_radius(model, x, y, boxed, grid=GRID, attack=attack)
        found = radius.isfinite()
        assert found.any()
        assert (model(x + d).argmax(1) != y)[found].all()
        assert Ball("linf", radius[found]).contains(d[found]).all()
        assert pixel_box(x).contains(d).all()
    assert (radius[found] <= 1.6).all() and not d[~found].any()


def test_success_need_not_be_monotone_the_first_on_the_grid_counts():
    class Strip(nn.Module):
        """Wrong between 1 and 2, right again beyond."""

        def forward(self, x):
            z = 0.25 - (x - 1.5) ** 2
            return torch.cat([-z, z], 1)

    x, y = torch.zeros(1, 1, dtype=torch.float64), torch.tensor([0])
    push = lambda model, x, y, U: U.maximizer(torch.ones_like(x))  # noqa: E731
    radius, d = minimal_radius(
        Strip(), x, y, Ball("linf", 1.0).scaled, grid=[0.5, 1.5, 3.0], attack=push, bisections=40
    )
    assert radius.item() == pytest.approx(1.0) and d.item() == pytest.approx(1.0)
    radius, _ = minimal_radius(Strip(), x, y, Ball("linf", 1.0).scaled, grid=[0.5, 3.0], attack=push)
    assert radius.item() == torch.inf


@pytest.mark.parametrize("grid", [[], [0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
def test_a_grid_must_ascend_from_above_0(grid):
    with pytest.raises(ValueError, match="grid: expected ascending radii > 0"):
        minimal_radius(small_net(4), images(1, 4), torch.tensor([0]), Ball("l2", 1.0).scaled, grid=grid)


def test_the_best_pixel_does_not_depend_on_the_memory_layout():
    x, model = images(4, 3, 4, 5), small_net(60)
    y = model(x).argmax(1)
    d, flips = single_pixel(model, x, y)
    last, same = single_pixel(model, x.to(memory_format=torch.channels_last), y)
    assert torch.equal(last, d) and d.any() and torch.equal(same, flips)


def test_the_best_pixel_of_no_image():
    d, flips = single_pixel(small_net(12), images(0, 1, 3, 4), torch.zeros(0, dtype=torch.long))
    assert d.shape == (0, 1, 3, 4) and flips.shape == (0,)


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
