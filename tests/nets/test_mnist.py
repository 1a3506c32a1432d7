"""The MNIST network: the paper's, computed in another way."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from rolab.nets.mnist import MNIST_MEAN, MNIST_STD, ConvNet, PatchConv2d, Patches

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available()


class AsPrinted(nn.Module):
    """§5.1 word by word: 32×32 inputs, convolution, ReLU, max pooling, twice; two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 5), nn.Conv2d(32, 64, 5)
        self.linear1, self.linear2 = nn.Linear(256, 200), nn.Linear(200, 10)

    def forward(self, x):
        x = F.pad(x, (2, 2, 2, 2))
        assert x.shape[2:] == (32, 32)
        x = (x - MNIST_MEAN) / MNIST_STD
        x = F.max_pool2d(F.relu(self.conv1(x)), 3)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.linear2(F.relu(self.linear1(x.flatten(1))))


shapes = st.tuples(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(0, 5),
    st.integers(0, 5),
)


def test_the_paper_s_number_of_parameters():
    assert sum(p.numel() for p in ConvNet().parameters()) == 105_506


@given(shapes, st.integers(0, 2**32))
def test_patch_convolution_is_the_convolution_with_all_its_gradients(shape, seed):
    n, channels, filters, k, more_rows, more_columns = shape
    torch.manual_seed(seed)
    ours = PatchConv2d(channels, filters, k).double()
    x = torch.randn(n, channels, k + more_rows, k + more_columns, dtype=torch.float64, requires_grad=True)
    ours_out, out = ours(x), F.conv2d(x, ours.weight, ours.bias)
    assert ours_out.shape == out.shape
    torch.testing.assert_close(ours_out, out, rtol=1e-12, atol=1e-12)
    upstream = torch.randn_like(out)
    wanted = (x, ours.weight, ours.bias)
    for found, expected in zip(
        torch.autograd.grad(ours_out, wanted, upstream),
        torch.autograd.grad(out, wanted, upstream),
        strict=True,
    ):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@given(shapes, st.integers(0, 2**32))
def test_the_backward_of_patches_is_its_transpose(shape, seed):
    n, channels, _, k, more_rows, more_columns = shape
    torch.manual_seed(seed)
    x = torch.randn(n, channels, k + more_rows, k + more_columns, dtype=torch.float64, requires_grad=True)
    columns = Patches.apply(x, k)
    assert columns.shape == (channels * k * k, n * (more_rows + 1) * (more_columns + 1))
    c = torch.randn_like(columns)
    (transposed,) = torch.autograd.grad(columns, x, c)
    torch.testing.assert_close((columns * c).sum(), (x * transposed).sum(), rtol=1e-12, atol=1e-12)


def test_patches_are_the_columns_of_unfold():
    x = torch.randn(3, 2, 7, 6)
    assert torch.equal(Patches.apply(x, 4), F.unfold(x, 4).transpose(0, 1).flatten(1))


@pytest.mark.filterwarnings("ignore:.torch.jit.script:FutureWarning")  # with which torch loads its rules
def test_patches_differentiate_once_and_twice():
    x = torch.randn(2, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: Patches.apply(x, 3), x, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(lambda x: Patches.apply(x, 3), x)


def test_the_backward_takes_a_gradient_of_any_layout():
    x = torch.randn(2, 1, 4, 4, requires_grad=True)
    counts = torch.tensor([1.0, 2.0, 2.0, 1.0])
    expected = torch.outer(counts, counts).expand(2, 1, 4, 4)  # in how many 3×3 patches a pixel lies
    for summed in (Patches.apply(x, 3).sum(), Patches.apply(x, 3).t().contiguous().sum()):
        (gradient,) = torch.autograd.grad(summed, x)
        assert torch.equal(gradient, expected)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_net_is_the_paper_s(device, layout):
    torch.manual_seed(0)
    ours, printed = ConvNet(), AsPrinted()
    printed.load_state_dict(ours.state_dict())
    dtype = torch.float32 if device == "mps" else torch.float64
    ours, printed = (net.to(device, dtype, memory_format=layout) for net in (ours, printed))
    x = torch.rand(7, 1, 28, 28, dtype=dtype, device=device, requires_grad=True)
    y = torch.arange(7, device=device)
    tight = {"rtol": 1e-4, "atol": 1e-5} if device == "mps" else {"rtol": 1e-9, "atol": 1e-11}
    torch.testing.assert_close(ours(x), printed(x), **tight)
    found, expected = (
        torch.autograd.grad(F.cross_entropy(net(x), y), [x, *net.parameters()]) for net in (ours, printed)
    )
    for ours_gradient, gradient in zip(found, expected, strict=True):
        torch.testing.assert_close(ours_gradient, gradient, **tight)


def test_the_same_seed_gives_the_same_initialisation_as_plain_layers():
    torch.manual_seed(3)
    ours = ConvNet().state_dict()
    torch.manual_seed(3)
    printed = AsPrinted().state_dict()
    assert list(ours) == list(printed)
    assert all(torch.equal(ours[name], printed[name]) for name in ours)


def test_the_net_sees_what_the_paper_s_sees_all_but_the_last_two_rows_and_columns():
    """The second pooling drops the last row of the second convolution, and with it the end of the digit."""
    torch.manual_seed(0)
    ours, printed = ConvNet(), AsPrinted()
    printed.load_state_dict(ours.state_dict())
    for net in (ours, printed):
        x = torch.rand(100, 1, 28, 28, requires_grad=True)
        (gradient,) = torch.autograd.grad(net(x).sum(), x)
        seen = (gradient[:, 0] != 0).any(0)
        assert seen[:26, :26].all()
        assert seen.sum() == 26 * 26


@pytest.mark.parametrize(
    "more", [{"stride": 2}, {"padding": 1}, {"dilation": 2}, {"groups": 2}, {"bias": False}]
)
def test_what_the_patch_convolution_does_not_do_it_refuses(more):
    with pytest.raises((TypeError, ValueError)):
        PatchConv2d(2, 2, 3, **more)
