"""Worst cases, transfer and masking, on nets of which the answer is known."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rolab import zoo
from rolab.attacks import first_order, margin, pgd
from rolab.data import Dataset
from rolab.evaluation import (
    AccuracyEstimate,
    accuracy,
    correct_under_attack,
    masking_report,
    perturbations,
    predict,
    robust_mask,
    transfer_matrix,
    worst_case_accuracy,
)
from rolab.sets import Ball, pixel_box

exactly = settings(max_examples=25, deadline=None, derandomize=True)


class Linear(nn.Module):
    """Two classes, told apart by ⟨w, x⟩ > b."""

    def __init__(self, w: torch.Tensor, b: float = 0.0) -> None:
        super().__init__()
        self.w, self.b = nn.Parameter(w), b

    def forward(self, x):
        z = (x.flatten(1) @ self.w - self.b) * 4
        return torch.stack([-z, z], 1)


class Rounded(nn.Module):
    """A net that sees its pixels rounded: the gradient is 0 everywhere."""

    def __init__(self, net: nn.Module, levels: int) -> None:
        super().__init__()
        self.net, self.levels = net, levels

    def forward(self, x):
        return self.net((x * self.levels).round() / self.levels)


class Misleading(nn.Module):
    """A net whose gradient points the wrong way: forward as the net, backward with the sign turned."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(2 * x.detach() - x)


def points(n: int = 60, seed: int = 0) -> Dataset:
    images = torch.rand(n, 1, 2, 4, generator=torch.Generator().manual_seed(seed))
    return Dataset(images, torch.arange(n) % 2)


def separated(n: int = 60, seed: int = 0) -> tuple[Linear, Dataset]:
    """A linear net, and points that it all classifies correctly."""
    model = Linear(torch.tensor([1.0, -1.0, 0.5, 0.25, -0.5, 1.0, -0.75, 0.1]), 0.3)
    data = points(n, seed)
    return model, Dataset(data.images, predict(model, data.images))


def boxed(radius):
    return lambda x: Ball("linf", radius) & pixel_box(x)


# Confidence intervals


@exactly
@given(st.integers(1, 300), st.data())
def test_intervals_are_their_formulas(n, data):
    k = data.draw(st.integers(0, n))
    right = torch.arange(n) < k
    found = AccuracyEstimate.of(right)
    z, p = 1.959963985, k / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    expected = [100 * (middle + side * half) / (1 + z * z / n) for side in (-1, 1)]
    assert [found.low, found.high] == pytest.approx(expected, abs=0.006)
    assert found.percent == pytest.approx(100 * p) and found.examples == n
    exact = AccuracyEstimate.of(right, method="exact")
    at_least = sum(
        math.comb(n, i) * (exact.low / 100) ** i * (1 - exact.low / 100) ** (n - i) for i in range(k, n + 1)
    )
    assert k == 0 or at_least == pytest.approx(0.025, rel=0.2, abs=0.002)  # Clopper and Pearson's definition


def test_of_no_examples_there_is_no_accuracy():
    with pytest.raises(ValueError, match="at least one example"):
        AccuracyEstimate.of(torch.ones(0, dtype=torch.bool))


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
    net, data = zoo.load("mnist/baseline"), _digits(60)
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


# Transfer


def _digits(n: int) -> Dataset:
    from rolab.data import mnist

    return mnist("test")[:n]


def test_the_diagonal_of_the_transfer_matrix_is_white_box():
    nets = {name: zoo.load(f"mnist/{name}") for name in ("baseline", "robust-linf")}
    data, U = _digits(100), boxed(0.15)
    matrix = transfer_matrix(nets, data, U, pgd)
    for name, net in nets.items():
        assert matrix[name][name] == AccuracyEstimate.of(correct_under_attack(net, data, U, pgd))
        (other,) = set(nets) - {name}
        made = data.images + perturbations(net, data, U, pgd)
        assert matrix[name][other].percent == accuracy(nets[other], Dataset(made, data.labels))
        assert matrix[name][name].percent < matrix[name][other].percent


# Masking


def report(model, data, radii=(0.1, 1.0)):
    return masking_report(
        model, data, boxed, radii, steps=20, queries=100, generator=torch.Generator().manual_seed(0)
    )


def test_an_honest_net_shows_no_sign():
    for net, data in (separated(200), (zoo.load("mnist/robust-linf"), _digits(100))):
        for finding in report(net, data):
            assert not finding.masked, str(finding)
            assert finding.words.startswith("No: ")


def test_a_net_that_rounds_its_pixels_is_seen_through():
    """Its gradient is 0: no attack that follows it finds anything, at no radius; random search does."""
    model, data = separated(200)
    data = Dataset((data.images * 8).round() / 8, data.labels)
    net = Rounded(model, 8)
    data = Dataset(data.images, predict(net, data.images))
    one_many, black_white, unbounded, flat = report(net, data, (0.3, 1.0))
    assert not one_many.masked
    assert black_white.masked and black_white.numbers["without"] < black_white.numbers["with"]
    assert unbounded.masked and unbounded.numbers["accuracy"] > 20
    assert flat.masked and flat.words.startswith("Yes: ")


def test_a_net_whose_gradient_misleads_is_seen_through():
    model, data = separated(200)
    findings = report(Misleading(model), data)
    assert [finding.masked for finding in findings][1:] == [True, True, True]


def test_two_radii_are_needed():
    model, data = separated(10)
    for radii in ((0.1,), (0.2, 0.1), (0.0, 1.0)):
        with pytest.raises(ValueError, match="radii: expected two, ascending"):
            masking_report(model, data, boxed, radii)
