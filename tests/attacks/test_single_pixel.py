"""Every single pixel, against brute force."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_nets import images, linear, small_net

from rolab.attacks import first_order, margin, single_pixel
from rolab.sets import Ball, Box

exactly = settings(max_examples=20, deadline=None, derandomize=True)


seeds = st.integers(0, 2**32)


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


def test_the_best_pixel_does_not_depend_on_the_memory_layout():
    x, model = images(4, 3, 4, 5), small_net(60)
    y = model(x).argmax(1)
    d, flips = single_pixel(model, x, y)
    last, same = single_pixel(model, x.to(memory_format=torch.channels_last), y)
    assert torch.equal(last, d) and d.any() and torch.equal(same, flips)


def test_the_best_pixel_of_no_image():
    d, flips = single_pixel(small_net(12), images(0, 1, 3, 4), torch.zeros(0, dtype=torch.long))
    assert d.shape == (0, 1, 3, 4) and flips.shape == (0,)
