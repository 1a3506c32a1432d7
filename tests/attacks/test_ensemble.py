"""The ensemble: at least as strong as each of its parts, and where the truth is known, the truth."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_nets import Rounded, boxed, images, small_net
from torch import nn

from rolab.attacks import ensemble, first_order, log_loss, margin, pgd, random_search
from rolab.errors import MaskingWarning
from rolab.sets import Ball, Budget, Scenarios, pixel_box

exactly = settings(max_examples=15, deadline=None, derandomize=True)


SETS = {
    "linf": boxed(0.25),
    "l2": boxed(0.7, "l2"),
    "l1": boxed(2.0, "l1"),
    "budget": Budget(3.0, 0.5),
}


@exactly
@given(st.integers(0, 2**32), st.sampled_from(["linf", "l2", "l1"]))
def test_on_a_linear_model_of_two_classes_it_is_the_closed_form(seed, norm):
    generator = torch.Generator().manual_seed(seed)
    layer = nn.Linear(12, 2).double()
    layer.weight.data = torch.randn(2, 12, dtype=torch.float64, generator=generator)
    model, x = nn.Sequential(nn.Flatten(), layer), images(8, seed=seed % 1000)
    y, U = model(x).argmax(1), (Ball(norm, 0.3) & pixel_box(x))
    d = ensemble(model, x, y, U, budget=40, generator=generator)
    W = layer.weight.detach()
    worst = (margin(model(x), y) + U.support((W[1 - y] - W[y]).view_as(x))).detach()
    assert U.contains(d).all()
    clear = worst.abs() > 1e-9
    assert torch.equal((model(x + d).argmax(1) != y)[clear], (worst > 0)[clear])
    held = worst < -1e-9
    torch.testing.assert_close(margin(model(x + d), y)[held], worst[held])


@pytest.mark.parametrize("U", SETS.values(), ids=SETS)
def test_no_part_of_it_breaks_what_it_does_not(U):
    model, x = small_net(), images(60)
    y = model(x).argmax(1)
    d = ensemble(model, x, y, U, budget=200, generator=torch.Generator().manual_seed(0))
    lost = model(x + d).argmax(1) != y
    assert (U(x) if callable(U) else U).contains(d).all()
    assert 0 < lost.sum() < 60
    parts = {
        "one step": first_order(model, x, y, U),
        "cross-entropy": pgd(model, x, y, U, steps=10),
        "margin": pgd(model, x, y, U, steps=10, loss=margin),
        "targeted": pgd(model, x, y, U, steps=10, loss=margin, target=(y + 1) % 3),
        "search": random_search(model, x, y, U, queries=10, generator=torch.Generator().manual_seed(1)),
    }
    for name, part in parts.items():
        assert (lost | (model(x + part).argmax(1) == y)).all(), name


def test_it_sees_through_a_net_without_gradients():
    model, x, U = Rounded(small_net(), 8), images(60), Ball("linf", 0.25)
    y = model(x).argmax(1)
    assert (model(x + first_order(model, x, y, U)).argmax(1) == y).all()
    with pytest.warns(MaskingWarning, match="Is the gradient 0. Yes"):
        d = ensemble(model, x, y, U, budget=400, generator=torch.Generator().manual_seed(0))
    assert (model(x + d).argmax(1) != y).double().mean() > 0.2


def test_it_is_repeatable_and_leaves_the_model_alone():
    model, x = small_net().train(), images(20)
    y = model(x).argmax(1)
    runs = [ensemble(model, x, y, SETS["l2"], 60, torch.Generator().manual_seed(7)) for _ in range(2)]
    assert torch.equal(*runs)
    assert not runs[0].requires_grad
    assert model.training and all(p.grad is None for p in model.parameters())
    two = small_net(classes=2)
    assert ensemble(two, x, two(x).argmax(1), SETS["l2"], 20).shape == x.shape


def test_a_larger_set_is_never_better_for_the_model_than_its_parts():
    """Of a hull the worst corner is found: every attack here sees nothing but the oracles."""
    model, x = small_net(), images(10)
    y = model(x).argmax(1)
    points = torch.randn(4, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) / 4
    d = ensemble(model, x, y, Scenarios(points), budget=60, generator=torch.Generator().manual_seed(0))
    lost = model(x + d).argmax(1) != y
    for point in points:
        there = x + point.view(1, 1, 3, 4)
        assert (lost | (model(there).argmax(1) == y)).all()
        assert (lost | (log_loss(model(x + d), y) > log_loss(model(there), y) - 0.1)).all()


def test_a_budget_must_be_enough_for_all():
    with pytest.raises(ValueError, match="budget: expected at least 20"):
        ensemble(small_net(), images(2), torch.tensor([0, 1]), Ball("l2", 1.0), budget=5)
