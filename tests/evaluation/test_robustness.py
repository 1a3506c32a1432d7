"""Worst cases, on nets of which the answer is known."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_nets import boxed, digits, separated
from torch import nn

from rolab import zoo
from rolab.attacks import first_order, margin, pgd
from rolab.data import Dataset
from rolab.evaluation import (
    correct_under_attack,
    perturbations,
    predict,
    robust_mask,
    worst_case_accuracy,
)
from rolab.sets import Ball, pixel_box

exactly = settings(max_examples=25, deadline=None, derandomize=True)


# Worst cases


@exactly
@given(st.integers(0, 1000), st.sampled_from(["linf", "l2", "l1"]))
def test_on_a_linear_model_it_is_the_closed_form(seed, norm):
    """Right for all Δ in U iff the margin exceeds the support function of U at the weights' difference."""
    model, data = separated(40, seed)
    radii = [0.0, 0.05, 0.1, 0.2, 0.5]
    with torch.no_grad():
        gaps = -margin(model(data.images), data.labels)
        sign = (1 - 2 * data.labels).float()
        w = 8 * (sign[:, None] * model.w).view_as(data.images)
    for sets in (
        [Ball(norm, r) for r in radii],
        [lambda x, r=r: Ball(norm, r) & pixel_box(x) for r in radii],
    ):
        right = robust_mask(model, data, sets, [first_order])
        for U, found in zip(sets, right, strict=True):
            falls = (U if isinstance(U, Ball) else U(data.images)).support(w)
            clear = (gaps - falls).abs() > 1e-5
            assert torch.equal(found[clear], (gaps > falls)[clear])
        found = worst_case_accuracy(model, data, sets, [first_order])
        assert [a.percent for a in found] == pytest.approx((100 * right.float().mean(1)).tolist())


class Wave(nn.Module):
    """Right again beyond the valley: one step jumps over it, so its own curve rises."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x):
        z = self.scale * torch.cos(4 * x.flatten(1)[:, :1] - 0.3)
        return torch.cat([z, -z], 1)


def test_the_curve_cannot_rise_where_that_of_one_step_does():
    data = Dataset(torch.zeros(10, 1, 1, 1), torch.zeros(10, dtype=torch.long))
    sets = [Ball("linf", r) for r in (0.1, 0.8, 1.5, 2.3)]
    single = [correct_under_attack(Wave(), data, U, first_order).all().item() for U in sets]
    assert single == [True, False, True, False]
    worst = [a.percent for a in worst_case_accuracy(Wave(), data, sets, [first_order])]
    assert worst == [100, 0, 0, 0]


def test_nested_sets_are_monotone_and_below_each_attack():
    net, data = zoo.load("mnist/baseline"), digits(60)
    sets = [boxed(r) for r in (0.0, 0.05, 0.1, 0.15)]
    attacks = [first_order, pgd]
    right = robust_mask(net, data, sets, attacks)
    for smaller, larger in itertools.pairwise(right):
        assert (smaller | ~larger).all()
    assert torch.equal(right[0], predict(net, data.images) == data.labels)
    for U, found in zip(sets, right, strict=True):
        for attack in attacks:
            assert (correct_under_attack(net, data, U, attack) | ~found).all()
    assert 0 < right[2].sum() < right[0].sum()


def test_an_example_that_is_lost_is_not_attacked_again():
    model, data = separated()
    asked = []

    def counting(model, x, y, U):
        asked.append(len(x))
        return first_order(model, x, y, U)

    right = robust_mask(model, data, [Ball("linf", r) for r in (0.1, 0.2, 0.4)], [counting])
    assert asked == [60, *right[:-1].sum(1).tolist()]


def test_sets_that_are_not_nested_are_refused():
    model, data = separated()
    with pytest.raises(ValueError, match=r"sets\[1\]: expected nested sets"):
        worst_case_accuracy(model, data, [Ball("linf", 0.5), Ball("linf", 0.1)], [first_order])


def test_every_example_keeps_its_own_set():
    model, data = separated()
    radius = torch.linspace(0, 0.5, 60)
    d = perturbations(model, data, Ball("linf", radius))
    torch.testing.assert_close(d.abs().flatten(1).amax(1), radius)
    (right,) = robust_mask(model, data, [Ball("linf", radius)], [first_order, first_order])
    assert torch.equal(right, correct_under_attack(model, data, Ball("linf", radius)))


def test_the_model_comes_back_in_its_mode():
    model, data = nn.Sequential(nn.Dropout(0.5), separated()[0]).train(), separated()[1]
    first = worst_case_accuracy(model, data, [Ball("linf", 0.1)], [first_order])
    assert model.training and model[0].training
    assert first == worst_case_accuracy(separated()[0], data, [Ball("linf", 0.1)], [first_order])
    assert all(p.grad is None for p in model.parameters())
