"""The Jacobian's penalties against explicit Jacobians: end to end, layer by layer, contractive encoders."""

import pytest
import torch
from objective_cases import batch, explicit_jacobian, net_in_training, small_net
from tiny_runs import SHORT, blobs, net, run, weights
from torch import nn
from torch.func import jacrev, vmap

from rolab.nets import ConvNet
from rolab.nets.layers import Residual
from rolab.objectives import JacobianPenalty, Nominal
from rolab.objectives.jacobian import jvp


def convolutions() -> tuple[list[nn.Module], nn.Module]:
    """A chain of four layers, as stages h_l(h_{l−1}) of its own, and whole: for images (1, 6, 6)."""
    torch.manual_seed(0)
    stages = [
        nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, stride=2), nn.Tanh()),
        nn.Sequential(nn.Conv2d(2, 3, 2), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()),
        nn.Sequential(nn.Linear(3, 5), nn.Sigmoid()),
        nn.Sequential(nn.Linear(5, 3)),
    ]
    return [stage.double() for stage in stages], nn.Sequential(*(part for stage in stages for part in stage))


def stage_jacobians(stages: list[nn.Module], x: torch.Tensor) -> list[torch.Tensor]:
    """∂h_l/∂h_{l−1} of each example, (N, m, n) each."""
    found = []
    for stage in stages:
        J = vmap(jacrev(lambda h, stage=stage: stage(h[None])[0]))(x)
        x = stage(x)
        found.append(J.reshape(len(x), x.shape[1:].numel(), -1).detach())
    return found


def images(n: int) -> torch.Tensor:
    return torch.rand(n, 1, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


# J v


def test_jvp_is_the_explicit_jacobian_times_the_direction():
    model, (x, _) = small_net(), batch()
    v = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    z, Jv = jvp(model, x, v)
    expected = (explicit_jacobian(model, x) @ v.flatten(1)[:, :, None])[:, :, 0]
    torch.testing.assert_close(Jv, expected, rtol=1e-12, atol=1e-14)
    assert torch.equal(z, model(x))


def test_jvp_goes_through_the_paper_s_net():
    """Its patches have a rule of their own."""
    torch.manual_seed(0)
    model, x = ConvNet().double(), torch.rand(2, 1, 28, 28, dtype=torch.float64)
    v = torch.randn_like(x)
    J = torch.autograd.functional.jacobian(lambda image: model(image[None])[0], x[1])
    torch.testing.assert_close(jvp(model, x, v)[1][1], J.flatten(1) @ v[1].flatten(), rtol=1e-10, atol=1e-12)


def test_where_the_logits_do_not_depend_on_the_pixels_j_is_0():
    class Constant(nn.Module):
        def forward(self, x):
            return x.new_ones(len(x), 3)

    x = batch()[0]
    assert not jvp(Constant(), x, x)[1].any()
    assert JacobianPenalty()(Constant(), x) == 0


# The penalties


@pytest.mark.parametrize("layerwise", [False, True])
def test_the_penalty_is_unbiased(layerwise):
    """The mean over many copies of an image, each with signs of its own, against Σ ‖J_l‖²_F."""
    stages, model = convolutions()
    x = images(1)
    parts = stage_jacobians(stages, x) if layerwise else [explicit_jacobian(model, x)]
    exact = sum(J.square().sum() for J in parts)
    torch.manual_seed(0)
    few = torch.stack([JacobianPenalty(layerwise)(model, x) for _ in range(30)])
    many = JacobianPenalty(layerwise)(model, x.expand(10000, -1, -1, -1))
    spread = sum(2 * (J @ J.mT).square().sum() for J in parts).sqrt() / 10000**0.5  # an upper bound
    assert abs(many - exact) < 4 * spread < 0.05 * exact
    assert few.unique().numel() > 10


def test_each_layer_has_its_part():
    """With the last layer scaled by 10, its own part grows by 99 times what it was, and no other."""
    stages, model = convolutions()
    x = images(1).expand(5000, -1, -1, -1)
    own = stage_jacobians(stages, x[:1])[3].square().sum()
    values = []
    for scale in (1, 10):
        with torch.no_grad():
            stages[3][0].weight *= scale
        torch.manual_seed(0)
        values.append(JacobianPenalty(True)(model, x))
    assert (values[1] - values[0]).item() == pytest.approx(99 * own.item(), rel=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_the_contractive_penalty_of_a_sigmoid_layer_has_its_closed_form(seed):
    """‖J‖²_F = Σ_j (h_j(1 − h_j))² ‖W_j‖² [18]; of one input entry, one sign says it exactly."""
    torch.manual_seed(seed)
    encoder, x = nn.Sequential(nn.Linear(1, 4), nn.Sigmoid()).double(), torch.rand(7, 1, dtype=torch.float64)
    h, W = encoder(x), encoder[0].weight
    expected = ((h * (1 - h)).square() @ W.square().sum(1)).mean()
    torch.testing.assert_close(JacobianPenalty()(encoder, x), expected, rtol=1e-12, atol=0)
    found, wanted = (
        torch.autograd.grad(each, list(encoder.parameters()))
        for each in (JacobianPenalty()(encoder, x), expected)
    )
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-14)


def test_the_norms_of_the_layers_bound_the_norm_of_the_whole():
    stages, model = convolutions()
    x = images(4)
    parts = stage_jacobians(stages, x)
    J = explicit_jacobian(model, x)
    torch.testing.assert_close(J, parts[3] @ parts[2] @ parts[1] @ parts[0], rtol=1e-10, atol=1e-14)
    product = torch.stack([torch.linalg.matrix_norm(part, 2) for part in parts]).prod(0)
    whole = torch.linalg.matrix_norm(J, 2)
    assert (whole <= product * (1 + 1e-12)).all()
    assert (whole < 0.9 * product).any(), "the bound is loose"


# In training


@pytest.mark.parametrize("layerwise", [False, True])
def test_the_network_is_left_as_it_was_and_dropout_is_off(layerwise):
    model, without, (x, y) = net_in_training(), net_in_training(0.0), batch()
    torch.manual_seed(0)
    found = JacobianPenalty(layerwise)(model, x, y)
    torch.manual_seed(0)
    torch.testing.assert_close(found, JacobianPenalty(layerwise)(without, x, y), rtol=1e-12, atol=0)
    assert model[2].num_batches_tracked == 0 and model[4].training
    assert not any(part._forward_pre_hooks for part in model.modules())


def test_it_needs_no_chain_to_run():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), Residual(nn.Linear(12, 12)), nn.Linear(12, 3)).double()
    assert JacobianPenalty(True)(model, *batch()) > 0


def test_hooks_are_taken_off_where_the_model_fails():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3), nn.Linear(4, 3)).double()
    with pytest.raises(RuntimeError):
        JacobianPenalty(True)(model, *batch())
    assert not any(part._forward_pre_hooks for part in model.modules())


@pytest.mark.parametrize("layerwise", [False, True])
def test_training_with_it_lowers_it_and_is_resumed_to_the_same_bits(layerwise, tmp_path):
    def stop(done, steps, line):
        if done == 5:
            raise KeyboardInterrupt

    objective, data = Nominal() + 0.1 * JacobianPenalty(layerwise), blobs()
    whole, plain = run(objective=objective, recipe=SHORT), run(recipe=SHORT)
    values = []
    for each in (plain, whole):
        torch.manual_seed(0)
        values.append(JacobianPenalty(layerwise)(each.model, data.images).item())
    assert values[1] < 0.8 * values[0]
    with pytest.raises(KeyboardInterrupt):
        run(objective=objective, folder=tmp_path, progress=stop)
    resumed = run(net(5), objective=objective, folder=tmp_path)
    assert torch.equal(weights(resumed.model), weights(whole.model))


def test_a_model_without_layers_is_refused_by_name():
    with pytest.raises(ValueError, match="model: expected linear or convolutional layers, got none"):
        JacobianPenalty(True)(nn.Flatten(), *batch())
    assert JacobianPenalty()(nn.Flatten(), *batch()) == 12
