"""The small CIFAR-10 network, whose first layer whitens patches."""

import pytest
import torch
from photographs import smooth_images, whitened
from torch import nn
from torch.nn import functional as F

from rolab.data import Dataset
from rolab.nets import CIFAR10_MEAN, CIFAR10_STD, WhitenedNet
from rolab.objectives import Nominal, Robust
from rolab.sets import Ball
from rolab.training import train
from rolab.training.recipe import Recipe

# Whitening


def test_the_filters_make_the_patches_white():
    images = smooth_images(2100)
    net = WhitenedNet()
    net.whiten(images)
    out = F.conv2d(net.standardize(images), net.filters).transpose(0, 1).flatten(1).double()
    moment = out @ out.T / out.shape[1]
    white, variances = moment[:12, :12], moment.diag()[:12]
    torch.testing.assert_close(white, variances.diag(), atol=2e-3, rtol=0)
    patches = F.unfold(net.standardize(images), 2).transpose(1, 2).flatten(0, 1).double()
    eigenvalues = torch.linalg.eigvalsh(patches.T @ patches / len(patches)).flip(0)
    torch.testing.assert_close(variances, eigenvalues / (eigenvalues + 5e-4), atol=1e-3, rtol=0)
    assert eigenvalues[0] > 100 * eigenvalues[-1]  # they were far from white
    assert torch.equal(net.filters[12:], -net.filters[:12])


def test_whitening_does_not_depend_on_the_format_of_the_images_or_on_a_second_time():
    images = smooth_images(30)
    net, again = WhitenedNet(), WhitenedNet()
    net.whiten(images)
    again.whiten(torch.rand(5, 3, 32, 32))
    again.to(memory_format=torch.channels_last).whiten(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(net.filters, again.filters)
    double = WhitenedNet().double()
    double.whiten(images)
    torch.testing.assert_close(double.filters.abs(), net.filters.double().abs(), rtol=1e-2, atol=1e-2)


def test_a_net_that_was_never_whitened_says_so():
    with pytest.raises(ValueError, match=r"filters: expected those of `net.whiten\(images\)`, got none"):
        WhitenedNet()(torch.rand(1, 3, 32, 32))


def test_a_net_asks_again_for_its_filters_once_others_are_loaded():
    net, x = whitened(), torch.rand(1, 3, 32, 32)
    net.eval()(x)
    net.load_state_dict(WhitenedNet().state_dict())
    with pytest.raises(ValueError, match="got none"):
        net(x)


@pytest.mark.parametrize("shape", [(3, 32, 32), (5, 1, 28, 28), (0, 3, 32, 32)])
def test_images_of_another_shape_do_not_whiten(shape):
    with pytest.raises(ValueError, match=r"images: expected shape \(N, 3, H, W\), got"):
        WhitenedNet().whiten(torch.rand(shape))


def test_whitening_is_kept_with_the_weights():
    net, other = whitened(), WhitenedNet()
    other.load_state_dict(net.state_dict())
    x = torch.rand(3, 3, 32, 32)
    assert torch.equal(net.eval()(x), other.eval()(x))


# The small net


def test_the_small_net_s_shapes_and_number_of_learnt_parameters():
    net = whitened()
    convolutions = 9 * (24 * 64 + 64 * 64 + 64 * 128 + 128 * 128 + 128 * 256 + 256 * 256)
    learnt = convolutions + 2 * (64 + 128 + 256) + 2560
    assert sum(p.numel() for p in net.parameters() if p.requires_grad) == learnt == 1_160_064
    assert net(torch.rand(2, 3, 32, 32)).shape == (2, 10)


def test_convolutions_begin_with_the_identity():
    first = next(layer for layer in whitened().groups if isinstance(layer, nn.Conv2d))
    x = torch.randn(2, 24, 5, 5)
    torch.testing.assert_close(first(x)[:, :24], x)
    assert first(x)[:, 24:].std() > 0.1


def test_the_logits_are_the_network_as_printed():
    """Layer by layer from the weights, in eval mode."""
    net = whitened().double().eval()
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            nn.init.uniform_(layer.bias)
    x = torch.rand(3, 3, 32, 32, dtype=torch.float64)
    mean, std = (torch.tensor(values, dtype=torch.float32).double() for values in (CIFAR10_MEAN, CIFAR10_STD))
    out = F.gelu(F.conv2d((x - mean.view(3, 1, 1)) / std.view(3, 1, 1), net.filters))
    weights = iter(layer for layer in net.groups if isinstance(layer, nn.Conv2d | nn.BatchNorm2d))
    for _ in range(3):
        for pooled in (True, False):
            convolution, norm = next(weights), next(weights)
            out = F.conv2d(out, convolution.weight, padding=1)
            out = F.max_pool2d(out, 2) if pooled else out
            scale = (norm.running_var + 1e-5).sqrt()
            out = (out - norm.running_mean.view(-1, 1, 1)) / scale.view(-1, 1, 1) + norm.bias.view(-1, 1, 1)
            out = F.gelu(out)
    expected = F.max_pool2d(out, 3).flatten(1) @ net.linear.weight.T / 9
    torch.testing.assert_close(net(x), expected, rtol=1e-9, atol=1e-9)


def test_neither_the_filters_nor_the_scale_of_batch_norm_are_learnt():
    net = whitened()
    filters = net.filters.clone()
    images, labels = smooth_images(40), torch.arange(40) % 10
    recipe = Recipe(epochs=2, batch_size=20, learning_rate=0.5, momentum=0.85)
    train(net, Dataset(images, labels), Nominal(0.2), recipe, device="cpu", progress=False)
    assert torch.equal(net.filters, filters)
    scales = [layer.weight for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(scales) == 6
    assert all(bool((scale == 1).all()) for scale in scales)


@pytest.mark.parametrize("objective", [Nominal(0.2), Robust(Ball("l2", 0.05), smoothing=0.2)])
def test_the_small_net_learns_a_handful_of_images_by_heart(objective):
    data = Dataset(smooth_images(20), torch.arange(20) % 10)
    recipe = Recipe(epochs=15, batch_size=10, learning_rate=0.2, momentum=0.85)
    net = train(whitened(), data, objective, recipe, device="cpu", progress=False).model
    assert (net(data.images).argmax(1) == data.labels).double().mean() > 0.9


def test_mixed_precision_does_not_round_a_small_perturbation_away():
    """In bfloat16 a step of 0.0005, an eighth of a grey level, drowns in the rounding of the pixels."""
    net, x = whitened(dropout=0.0), smooth_images(4)
    step = 0.0005 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).sign()
    standard = net.standardize
    wanted, rounded = standard(x + step) - standard(x), standard(x + step).bfloat16() - standard(x).bfloat16()
    assert (rounded - wanted).norm() > 0.5 * wanted.norm()
    with torch.no_grad():
        exact = F.conv2d(standard(x + step), net.filters) - F.conv2d(standard(x), net.filters)
        with torch.autocast("cpu", torch.bfloat16):
            seen = [first_layer(net, each) for each in (x, x + step)]
    assert seen[0].dtype == torch.float32
    torch.testing.assert_close(seen[1] - seen[0], exact, rtol=1e-3, atol=1e-5)


def first_layer(net, x):
    """What the whitening hands on to the rest of the net."""
    handed = []
    hook = net.groups.register_forward_pre_hook(lambda module, arguments: handed.append(arguments[0]))
    net(x)
    hook.remove()
    return handed[0]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_step_in_mixed_precision_gives_nearly_the_same_loss(precision):
    net, (x, y) = whitened(dropout=0.0).train(), (smooth_images(8), torch.arange(8))
    exact = Nominal(0.2)(net, x, y).item()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        loss = Robust(Ball("l2", 0.0), smoothing=0.2)(net, x, y)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact, rel=0.03)
    assert all(p.grad.dtype == torch.float32 for p in net.parameters() if p.requires_grad)
