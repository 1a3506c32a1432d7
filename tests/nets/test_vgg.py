"""The paper's CIFAR-10 network, and what it shares with the small one: nothing is flipped, runs go on."""

from dataclasses import replace

import pytest
import torch
from photographs import smooth_images, vgg, whitened
from torch import nn

from rolab.data import Dataset, cifar10
from rolab.experiments import cifar10_experiment
from rolab.nets import VGG
from rolab.objectives import Robust
from rolab.sets import Ball
from rolab.training import train
from rolab.training.recipe import Recipe


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
    plan, data = cifar10_experiment("paper"), cifar10("train", excerpt=True)
    net, before = vgg(), vgg().state_dict()
    recipe = replace(plan.recipe_of("baseline"), epochs=1)
    run = train(net, data, plan.objective("baseline"), recipe, device="cpu", progress=False)
    (epoch,) = run.history
    assert 1 < epoch["loss"] < 4  # a guess costs log 10 = 2.3
    after = net.state_dict()
    assert all(tensor.isfinite().all() for tensor in after.values())
    assert all(not torch.equal(after[name], before[name]) for name in after if name.endswith("weight"))
