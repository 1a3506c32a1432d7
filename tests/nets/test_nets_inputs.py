"""A network takes images of its own shape, and says so of any others."""

import math

import pytest
import torch

from rolab.nets import VGG, ConvNet, ScatteringNet, WhitenedNet


@pytest.fixture(scope="module")
def nets():
    whitened = WhitenedNet()
    whitened.whiten(torch.rand(5, 3, 32, 32))
    nets = {"ConvNet": ConvNet(), "VGG": VGG().eval(), "WhitenedNet": whitened}
    return nets | {"ScatteringNet": ScatteringNet()}


SHAPES = {
    "ConvNet": (1, 28, 28), "VGG": (3, 32, 32), "WhitenedNet": (3, 32, 32), "ScatteringNet": (1, 28, 28)
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_other_images_are_refused_with_their_shape(nets, name):
    channels, height, width = shape = SHAPES[name]
    expected = rf"^x: expected images \(N, {channels}, {height}, {width}\) of floats, got "
    assert nets[name](torch.rand(2, *shape)).shape == (2, 10)
    for x in (
        torch.rand(shape),
        torch.rand(2, height, width),
        torch.rand(2, height, width, channels),
        torch.rand(2, 4 - channels, height, width),
        torch.rand(2, channels, height + 1, width),
        torch.rand(2, channels * height * width),
        torch.randint(0, 256, (2, *shape), dtype=torch.uint8),
    ):
        with pytest.raises(ValueError, match=expected + rf"{x.dtype} of shape \({x.shape[0]}, "):
            nets[name](x)
    with pytest.raises(ValueError, match=f"{expected}ndarray$"):
        nets[name](torch.rand(2, *shape).numpy())


@pytest.mark.parametrize("spoil", [lambda x: 255 * x, lambda x: (x - 0.5) / 0.25, lambda x: x * math.nan])
def test_filters_and_deviations_come_from_pixels(nets, spoil):
    with pytest.raises(ValueError, match=r"^images: expected pixels in \[0, 1\], got"):
        nets["ScatteringNet"].standardize(spoil(torch.rand(5, 1, 28, 28)))
    assert not nets["ScatteringNet"].mean.any()
    before = nets["WhitenedNet"].filters.clone()
    with pytest.raises(ValueError, match=r"^images: expected pixels in \[0, 1\], got"):
        nets["WhitenedNet"].whiten(spoil(torch.rand(5, 3, 32, 32)))
    assert torch.equal(nets["WhitenedNet"].filters, before)
