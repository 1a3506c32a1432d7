"""Layers of the CIFAR-10 networks: standardisation and dropout."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rolab.nets.layers import CIFAR10_MEAN, CIFAR10_STD, Dropout, Residual, Standardize


def test_standardised_pixels_have_mean_0_and_deviation_1():
    x = torch.tensor(CIFAR10_MEAN).view(3, 1, 1) + torch.tensor(CIFAR10_STD).view(3, 1, 1) * torch.tensor(
        [-1.0, 1.0]
    )
    out = Standardize()(x[None])
    torch.testing.assert_close(out, torch.tensor([-1.0, 1.0]).expand(1, 3, 1, 2))


def test_the_constants_are_not_weights():
    assert not Standardize().state_dict()
    assert Standardize().double()(torch.rand(1, 3, 2, 2, dtype=torch.float64)).dtype == torch.float64


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    st.integers(0, 256), st.sampled_from([(7, 3, 6, 5), (9, 11), (3,)]), st.booleans(), st.integers(0, 2**32)
)
def test_dropout_is_0_or_scaled_and_its_gradient_is_the_same(k, shape, channels_last, seed):
    torch.manual_seed(seed)
    x = torch.rand(shape, dtype=torch.float64) + 1
    if channels_last and len(shape) == 4:
        x = x.to(memory_format=torch.channels_last)
    x.requires_grad_()
    layer = Dropout(k / 256)
    out = layer(x)
    factor = out.detach() / x.detach()
    scale = 256 / (256 - k) if k < 256 else 0
    torch.testing.assert_close(factor, torch.where(factor == 0, 0, scale).to(factor))
    (gradient,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(gradient, factor)
    assert out.stride() == x.stride()
    assert torch.equal(layer.eval()(x), x)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_drops_with_its_probability_everywhere_alike(p):
    torch.manual_seed(0)
    x = torch.ones(200, 8, 10, 10).to(memory_format=torch.channels_last)
    kept = Dropout(p)(x) != 0
    assert kept.double().mean().item() == pytest.approx(1 - round(256 * p) / 256, abs=0.006)
    for dim in range(1, 4):  # no channel, row or column is treated differently
        others = [d for d in range(4) if d != dim]
        assert (kept.double().mean(others) - kept.double().mean()).abs().max() < 0.02
    neighbours = (kept[:, 1:] & kept[:, :-1]).double().mean()  # eight share a number, and are independent
    assert neighbours.item() == pytest.approx(kept.double().mean().item() ** 2, abs=0.01)


def test_the_seed_decides_on_what_is_dropped():
    x, masks = torch.ones(4, 5, 6, 7), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        masks.append(Dropout(0.3)(x) != 0)
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])
    assert not torch.equal(Dropout(0.3)(x), Dropout(0.3)(x))


def test_a_residual_block_is_the_sum_of_its_shortcut_and_its_body():
    torch.manual_seed(0)
    x, body, shortcut = torch.rand(3, 4), nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Sequential()
    assert torch.equal(Residual(body)(x), x + body(x))
    assert Residual(body, shortcut).shortcut is shortcut, "an empty Sequential is falsy, and a shortcut"
