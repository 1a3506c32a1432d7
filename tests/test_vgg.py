"""The CIFAR-10 networks: the paper's VGG, and the small one whose first layer whitens patches."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from rolab.data import Dataset
from rolab.experiments import cifar10_experiment
from rolab.nets import CIFAR10_MEAN, CIFAR10_STD, VGG, Dropout, Standardize, WhitenedNet
from rolab.objectives import Nominal, Robust
from rolab.sets import Ball
from rolab.training import train
from rolab.training.recipe import Recipe


def smooth_images(n: int, seed: int = 0) -> torch.Tensor:
    """Random images whose neighbouring pixels and colours are alike, as in photographs."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, 3, 8, 8, generator=generator) + torch.rand(n, 1, 8, 8, generator=generator)
    fine = F.interpolate(coarse, size=32, mode="bilinear") / 2
    return (fine + 0.02 * torch.rand(n, 3, 32, 32, generator=generator)).clamp(0, 1)


def whitened(seed: int = 0, **more) -> WhitenedNet:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        net = WhitenedNet(**more)
    net.whiten(smooth_images(50))
    return net


def vgg(seed: int = 0) -> VGG:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return VGG()


# VGG


def test_vgg_has_the_parameters_of_the_torch_ch_one():
    widths = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    convolutions = sum(9 * a * b + b + 2 * b for a, b in zip(widths, widths[1:], strict=False))
    classifier = 512 * 512 + 512 + 2 * 512 + 512 * 10 + 10
    assert sum(p.numel() for p in VGG().parameters()) == convolutions + classifier == 14_991_946


def test_vgg_is_built_as_printed():
    net = vgg()
    convolutions = [layer for layer in net.features if isinstance(layer, nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    assert all((c.kernel_size, c.stride, c.padding) == ((3, 3), (1, 1), (1, 1)) for c in convolutions)
    order = "".join(
        {"Dropout": "d", "MaxPool2d": "p", "ReLU": "r"}.get(type(m).__name__, "") for m in net.features
    )
    assert order == "rdrp" * 2 + "rdrdrp" * 3
    rates = [layer.p for layer in net.features if isinstance(layer, nn.Dropout)]
    assert rates == [0.3] + [0.4] * 7
    assert [layer.p for layer in net.classifier if isinstance(layer, nn.Dropout)] == [0.5, 0.5]
    for c in convolutions:
        assert c.weight.std().item() == pytest.approx((2 / (9 * c.out_channels)) ** 0.5, rel=0.1)
        assert not c.bias.any()


def test_the_shapes_shrink_by_two_from_block_to_block():
    shapes = []
    net = vgg().eval()
    for layer in net.features:
        if isinstance(layer, nn.MaxPool2d):
            layer.register_forward_hook(lambda layer, into, out: shapes.append(tuple(out.shape[1:])))
    assert net(torch.rand(2, 3, 32, 32)).shape == (2, 10)
    assert shapes == [(64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2), (512, 1, 1)]


@pytest.mark.parametrize("make", [vgg, whitened])
def test_nothing_is_flipped_inside(make):
    """Without dropout a network in training is a function of the images: no chance, no mirror images."""
    net = make().train()
    for layer in net.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    x = smooth_images(6)
    assert torch.equal(net(x), net(x))
    assert not torch.allclose(net(x), net(x.flip(3)))


# Layers


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


@pytest.mark.parametrize("make", [whitened, vgg])
def test_interrupted_and_resumed_is_bit_identical(make, tmp_path):
    """Batch norm's averages, dropout's random numbers and the whitening all go on where they were."""
    data = Dataset(smooth_images(4), torch.arange(4))
    objective = Robust(Ball("linf", 0.01), smoothing=0.2)
    recipe = Recipe(epochs=2, batch_size=2, learning_rate=0.05, momentum=0.85)

    def trained(folder, report=False):
        return train(
            make(), data, objective, recipe, folder=folder, device="cpu", progress=report
        ).model.state_dict()

    def stop(done, steps, line):
        if done == 2:
            raise KeyboardInterrupt

    whole = trained(None)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "run", stop)
    resumed = trained(tmp_path / "run")
    assert list(whole) == list(resumed)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.slow
def test_an_epoch_of_the_authors_recipe_runs_on_the_excerpt():
    """VGG, batches of 128: sixteen steps on the 2,000 images that ship."""
    plan = replace(cifar10_experiment("paper"), excerpt=True)
    net, before = vgg(), vgg().state_dict()
    recipe = replace(plan.recipe_of("baseline"), epochs=1)
    run = train(net, plan.images("train"), plan.objective("baseline"), recipe, device="cpu", progress=False)
    (epoch,) = run.history
    assert 1 < epoch["loss"] < 4  # a guess costs log 10 = 2.3
    after = net.state_dict()
    assert all(tensor.isfinite().all() for tensor in after.values())
    assert all(not torch.equal(after[name], before[name]) for name in after if name.endswith("weight"))


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
