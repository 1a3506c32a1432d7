"""Operator norms of layers against explicit matrices: strides, padding, channels, input sizes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from objective_cases import batch, explicit_jacobian, net_in_training, small_net
from tiny_runs import SHORT, blobs, net, run, weights
from torch import nn

from rolab.nets import ConvNet
from rolab.nets.mnist import PatchConv2d
from rolab.objectives import Nominal, OperatorNorm, operator_norms


def explicit(layer: nn.Module, *shape: int) -> torch.Tensor:
    """The matrix of the layer without its bias: what it makes of each axis, less what it makes of 0."""
    axes = torch.eye(math.prod(shape), dtype=torch.float64).view(-1, *shape)
    with torch.no_grad():
        return (layer(axes) - layer(0 * axes[:1])).flatten(1).T


def top(layer: nn.Module, *shape: int) -> float:
    return torch.linalg.matrix_norm(explicit(layer, *shape), 2).item()


# The norm


@settings(max_examples=12)
@given(
    st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2),
    st.integers(1, 2), st.booleans(), st.booleans(), st.integers(3, 7), st.integers(5, 6), st.integers(0, 99),
)  # fmt: skip
def test_a_convolution_has_the_norm_of_its_matrix(
    channels, filters, kernel, stride, padding, dilation, bias, transposed, height, width, seed
):
    torch.manual_seed(seed)
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    kernel = min(kernel, (height - 1) // dilation + 1)
    layer = kind(channels, filters, kernel, stride, padding if kernel > padding else 0, bias=bias).double()
    layer.dilation = (dilation, dilation)
    x = torch.rand(2, channels, height, width, dtype=torch.float64)
    expected = top(layer, channels, height, width)
    assert operator_norms(layer, x).item() == pytest.approx(expected, rel=1e-6)
    single = operator_norms(layer.float(), x.float())
    assert single.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(12, 5), (12,)),
        (nn.Linear(3, 30), (3,)),
        (nn.Linear(4, 6), (5, 4)),
        (nn.Conv1d(2, 3, 3, stride=2), (2, 9)),
        (nn.Conv3d(1, 2, 2), (1, 3, 3, 3)),
        (nn.Conv2d(4, 4, 3, groups=2, padding="same"), (4, 5, 5)),
        (nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), (2, 5, 5)),
        (nn.Conv2d(2, 3, 3, padding=2, padding_mode="circular"), (2, 5, 5)),
        (nn.ConvTranspose1d(2, 3, 4, stride=3), (2, 4)),
        (PatchConv2d(2, 3, 3), (2, 6, 5)),
    ],
    ids=str,
)
def test_every_kind_of_layer(layer, shape):
    layer.double()
    found = operator_norms(layer, torch.rand(2, *shape, dtype=torch.float64)).item()
    assert found == pytest.approx(top(layer, *shape), rel=1e-6)


def test_neither_the_kernel_as_a_matrix_nor_its_frobenius_norm_is_the_norm():
    """An average over 3×3 pixels: norm near 1 for large images, where the kernel as a matrix has 1/3."""
    layer = nn.Conv2d(1, 1, 3, padding=1, bias=False).double()
    with torch.no_grad():
        layer.weight.fill_(1 / 9)
    found = operator_norms(layer, torch.rand(1, 1, 20, 20, dtype=torch.float64)).item()
    assert found == pytest.approx(top(layer, 1, 20, 20), rel=1e-6) and 0.97 < found < 1
    assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1 / 3)


def test_the_norm_depends_on_the_size_of_the_image():
    layer = nn.Conv2d(1, 2, 3, padding=1).double()
    sizes = [operator_norms(layer, torch.rand(1, 1, n, n, dtype=torch.float64)).item() for n in (2, 4, 8)]
    assert sizes[0] < sizes[1] < sizes[2]
    for n, found in zip((2, 4, 8), sizes, strict=True):
        assert found == pytest.approx(top(layer, 1, n, n), rel=1e-6)


@pytest.mark.parametrize("rank", [0, 1, 10])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_layers_of_low_rank_of_any_size(rank, scale):
    """The Krylov space is exhausted before the steps are; what is left is rounding."""
    torch.manual_seed(rank)
    layer = nn.Linear(200, 100, bias=False)
    with torch.no_grad():
        layer.weight.copy_(scale * torch.randn(100, rank) @ torch.randn(rank, 200))
    expected = torch.linalg.matrix_norm(layer.weight.double(), 2).item()
    assert operator_norms(layer, torch.rand(2, 200)).item() == pytest.approx(expected, rel=1e-5)
    (gradient,) = torch.autograd.grad(OperatorNorm()(layer, torch.rand(2, 200)), layer.weight)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("seed", [208, 689, 725, 1833, 1852, 2334])
def test_an_exhausted_space_stays_exhausted(seed):
    """Rank 2 on 20 pixels, most of them not read: from these starts the rounding that was left over lay in
    the space itself, and made its basis neither orthogonal nor the norm right."""
    torch.manual_seed(0)
    layer = nn.Conv2d(1, 1, 2, stride=2, dilation=2)
    expected, x = top(layer.double(), 1, 4, 5), torch.zeros(1, 1, 4, 5)
    torch.manual_seed(seed)
    assert operator_norms(layer.float(), x).item() == pytest.approx(expected, rel=1e-6)


@settings(max_examples=10)
@given(st.integers(1, 12), st.integers(0, 2**32))
def test_few_steps_bound_from_below_and_more_steps_no_less(steps, seed):
    """From one start, as the Krylov spaces grow; and never behind so many steps of the power method."""
    torch.manual_seed(seed)
    layer = nn.Linear(30, 20, bias=False).double()
    x, found = torch.rand(2, 30, dtype=torch.float64), []
    for more in (0, 1, 5):
        torch.manual_seed(seed)
        found.append(operator_norms(layer, x, steps + more).item())
    exact = torch.linalg.matrix_norm(layer.weight, 2).item() * (1 + 1e-10)
    assert found[0] <= found[1] * (1 + 1e-10) and found[1] <= found[2] * (1 + 1e-10) and found[2] <= exact
    torch.manual_seed(seed)
    W, v = layer.weight.detach(), torch.randn(30, dtype=torch.float64)
    for _ in range(steps - 1):
        v = W.T @ (W @ v)
        v = v / v.norm()
    assert (W @ v).norm() / v.norm() <= found[0] * (1 + 1e-10)


# Of a network


def test_the_layers_of_a_network_at_the_sizes_that_they_meet():
    torch.manual_seed(0)
    conv, other = nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.Conv2d(2, 3, 2)
    linear = nn.Linear(12, 4)
    model = nn.Sequential(conv, nn.ReLU(), other, nn.BatchNorm2d(3), nn.Flatten(), linear).double().train()
    found = operator_norms(model, torch.rand(1, 1, 6, 5, dtype=torch.float64))
    expected = [top(conv, 1, 6, 5), top(other, 2, 3, 3), top(linear, 12)]
    assert found.tolist() == pytest.approx(expected, rel=1e-6)
    assert operator_norms(ConvNet(), torch.rand(1, 1, 28, 28), 1).shape == (4,)


def test_a_layer_that_is_used_twice_counts_twice():
    layer = nn.Conv2d(1, 1, 3).double()
    model = nn.Sequential(layer, layer, nn.Flatten())
    found = operator_norms(model, torch.rand(2, 1, 8, 8, dtype=torch.float64)).tolist()
    assert found == pytest.approx([top(layer, 1, 8, 8), top(layer, 1, 6, 6)], rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_product_bounds_the_jacobian(seed):
    """ReLU and max pooling without overlap do not expand."""
    torch.manual_seed(seed)
    parts = (
        nn.Conv2d(1, 3, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(6, 5),
        nn.ReLU(),
    )
    model = nn.Sequential(*parts, nn.Linear(5, 3)).double()
    x = torch.rand(6, 1, 3, 4, dtype=torch.float64)
    jacobians = torch.linalg.matrix_norm(explicit_jacobian(model, x), 2)
    assert (jacobians <= operator_norms(model, x).prod() * (1 + 1e-9)).all()


# The penalty


def test_the_gradient_is_that_of_the_explicit_norms():
    model, (x, y) = small_net(), batch()
    found = torch.autograd.grad(OperatorNorm(steps=50)(model, x, y), [model[1].weight, model[3].weight])
    for gradient, layer in zip(found, (model[1], model[3]), strict=True):
        expected = torch.autograd.grad(torch.linalg.matrix_norm(layer.weight, 2).square(), layer.weight)[0]
        torch.testing.assert_close(gradient, expected, rtol=1e-6, atol=1e-9)


def test_the_network_is_left_as_it_was():
    model, (x, y) = net_in_training(), batch()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    OperatorNorm()(model, x[:1], y)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(part.training and not part._forward_pre_hooks for part in model.modules())


def test_it_trains_in_mixed_precision_and_with_spectral_norm():
    """A layer that normalises its weight keeps a vector of its own, which does not move."""
    torch.manual_seed(0)
    layer = torch.nn.utils.parametrizations.spectral_norm(nn.Linear(12, 8))
    model = nn.Sequential(nn.Flatten(), layer, nn.Tanh(), nn.Linear(8, 3)).train()
    x = torch.rand(2, 1, 3, 4)
    u = layer.parametrizations.weight[0]._u.clone()
    with torch.autocast("cpu", torch.bfloat16):
        norms = operator_norms(model, x)
    assert norms[0].item() == pytest.approx(1, abs=0.1) and norms.dtype == torch.float32
    assert torch.equal(layer.parametrizations.weight[0]._u, u)
    OperatorNorm()(model, x).backward()
    assert layer.parametrizations.weight.original.grad is not None


def test_training_with_it_lowers_it_and_is_resumed_to_the_same_bits(tmp_path):
    def stop(done, steps, line):
        if done == 5:
            raise KeyboardInterrupt

    objective, data = Nominal() + 0.1 * OperatorNorm(3), blobs()
    whole, plain = run(objective=objective, recipe=SHORT), run(recipe=SHORT)
    values = [operator_norms(each.model, data.images).square().sum().item() for each in (plain, whole)]
    assert values[1] < 0.8 * values[0]
    with pytest.raises(KeyboardInterrupt):
        run(objective=objective, folder=tmp_path, progress=stop)
    with pytest.raises(ValueError, match="holds another run"):
        run(objective=Nominal() + 0.1 * OperatorNorm(4), folder=tmp_path)
    resumed = run(net(5), objective=objective, folder=tmp_path)
    assert torch.equal(weights(resumed.model), weights(whole.model))


def test_a_net_that_diverged_says_nan_and_does_not_fail():
    model, (x, y) = small_net(), batch()
    with torch.no_grad():
        model[1].weight[0, 0] = math.inf
    assert OperatorNorm()(model, x, y).isnan()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OperatorNorm(0), "steps: expected a whole number from 1"),
        (lambda: operator_norms(small_net(), batch()[0], True), "steps: expected a whole number from 1"),
        (lambda: OperatorNorm()(nn.Flatten(), *batch()), "model: expected linear or convolutional layers"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()
