"""The first-order attack: one forward, one backward, then the set's own maximiser, eq. (11)."""

import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_nets import batch, linear, small_net
from torch import nn
from torch.nn import functional as F

from rolab import zoo
from rolab.attacks import ascent_direction, cross_entropy, first_order, input_gradient, log_loss, pgd
from rolab.errors import NonFiniteError
from rolab.evaluation import predict
from rolab.nets import ConvNet
from rolab.sets import Ball, Box, pixel_box

balls = st.builds(Ball, st.sampled_from(["l1", "l2", "linf", 1.5, 3.0]), st.floats(0, 2))


seeds = st.integers(0, 2**32)


# The gradient


@given(seeds)
def test_gradient_of_a_linear_softmax_is_the_formula(seed):
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn(3, 12, dtype=torch.float64, generator=generator)
    x, y = batch(4, seed)
    errors = (x.flatten(1) @ W.t()).softmax(1) - F.one_hot(y, 3)
    torch.testing.assert_close(input_gradient(linear(W), x, y), (errors @ W).view_as(x))


@pytest.mark.parametrize("U", [Ball("linf", 0.1), Ball("l2", 0.5), Ball("l1", 1.0), Box(-0.1, 0.2)])
def test_an_example_is_attacked_alike_alone_and_in_a_batch(U):
    model, (x, y) = small_net(), batch(6)
    together = first_order(model, x, y, U)
    for i in range(6):
        torch.testing.assert_close(first_order(model, x[i : i + 1], y[i : i + 1], U)[0], together[i])
    backwards = first_order(model, x.flip(0), y.flip(0), U)
    torch.testing.assert_close(backwards.flip(0), together)


def test_the_gradient_is_of_the_sum_not_the_mean():
    model, (x, y) = small_net(), batch(5)
    one = torch.cat([input_gradient(model, x[i : i + 1], y[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(input_gradient(model, x, y), one)


# The perturbation


def test_fast_gradient_sign_by_hand():
    model, (x, y) = small_net(), batch()
    image = x.clone().requires_grad_()
    F.cross_entropy(model(image), y).backward()
    assert torch.equal(first_order(model, x, y, Ball("linf", 0.07)), 0.07 * image.grad.sign())


@given(balls, seeds)
def test_the_loss_rises_by_the_support_function_to_first_order(U, seed):
    generator = torch.Generator().manual_seed(seed)
    model, (x, y) = (
        linear(torch.randn(3, 12, dtype=torch.float64, generator=generator)),
        batch(4, seed),
    )
    g = input_gradient(model, x, y)
    step = first_order(model, x, y, U)
    assert step.shape == x.shape
    assert U.contains(step).all()
    torch.testing.assert_close((g * step).flatten(1).sum(1), U.support(g))
    torch.testing.assert_close(U.support(g), U.radius * U.norm.dual.value(g.flatten(1)))


@settings(max_examples=30)
@given(balls, seeds)
def test_no_other_point_of_the_set_raises_the_linear_loss_more(U, seed):
    """Two classes and a linear model: the loss depends on the margin, so the linear step is exact."""
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn(2, 12, dtype=torch.float64, generator=generator)
    model, (x, y) = linear(W), batch(4, seed)
    y = y.clamp(max=1)
    worst = F.cross_entropy(model(x + first_order(model, x, y, U)), y, reduction="none")
    others = U.project(3 * U.radius * torch.randn(20, *x.shape[1:], dtype=x.dtype, generator=generator))
    for other in others:
        assert (F.cross_entropy(model(x + other), y, reduction="none") <= worst + 1e-9).all()


def test_nothing_is_clipped_that_the_set_does_not_bound():
    torch.manual_seed(0)
    model, x, y = ConvNet(), torch.zeros(4, 1, 28, 28), torch.arange(4)
    free = x + first_order(model, x, y, Ball("linf", 0.1))
    assert free.min() == pytest.approx(-0.1)
    assert free.max() == pytest.approx(0.1)


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_a_function_of_the_images_keeps_the_pixels_valid(norm):
    torch.manual_seed(0)
    x, y = torch.rand(8, 1, 28, 28).round(decimals=1), torch.arange(8)
    model, given_to = ConvNet(), []

    def valid(images):
        given_to.append(images)
        return Ball(norm, 2.0) & pixel_box(images)

    step = first_order(model, x, y, valid)
    assert torch.equal(given_to[0], x)
    assert (step != 0).flatten(1).any(1).all()
    assert (x + step).min() >= 0
    assert (x + step).max() <= 1
    assert (Ball(norm, 2.0) & pixel_box(x)).contains(step).all()


def test_a_single_pixel_moves_in_an_l1_ball():
    torch.manual_seed(0)
    step = first_order(ConvNet(), torch.rand(9, 1, 28, 28), torch.arange(9), Ball("l1", 3.0))
    assert ((step != 0).flatten(1).sum(1) == 1).all()
    assert torch.equal(step.abs().flatten(1).amax(1), torch.full((9,), 3.0))


def test_a_gradient_of_zero_moves_nothing():
    x, y = batch()
    for norm in ("l1", "l2", "linf"):
        step = first_order(linear(torch.zeros(3, 12, dtype=x.dtype)), x, y, Ball(norm, 1.0))
        assert torch.equal(step, torch.zeros_like(x))


# What it leaves alone


@pytest.mark.parametrize("training", [True, False])
def test_mode_parameters_gradients_and_images_are_left_alone(training):
    model, (x, y) = small_net().train(training), batch()
    F.cross_entropy(model(x), y).backward()
    kept = [p.grad.clone() for p in model.parameters()]
    weights, images = [p.detach().clone() for p in model.parameters()], x.clone()
    modes = []
    model[1].register_forward_hook(lambda module, *_: modes.append(module.training))
    first_order(model, x, y, Ball("l2", 1.0))
    assert modes == [training]
    assert model.training is training
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), kept, strict=True))
    assert all(torch.equal(p, w) for p, w in zip(model.parameters(), weights, strict=True))
    assert torch.equal(x, images)
    assert not x.requires_grad
    assert x.grad is None


def test_parameters_without_a_gradient_still_have_none():
    model, (x, y) = small_net(), batch()
    first_order(model, x, y, Ball("l2", 1.0))
    assert all(p.grad is None for p in model.parameters())
    frozen = small_net().requires_grad_(False)
    assert torch.equal(first_order(frozen, x, y, Ball("l2", 1.0)), first_order(model, x, y, Ball("l2", 1.0)))


@pytest.mark.parametrize("U", [Ball("linf", 0.1), lambda x: Ball("l2", 0.1) & pixel_box(x)])
def test_the_perturbation_has_no_history_even_of_images_that_have_one(U):
    model, (x, y) = small_net(), batch()
    step = first_order(model, x.clone().requires_grad_() * 1.0, y, U)
    assert not step.requires_grad
    assert step.grad_fn is None


def test_it_works_where_gradients_are_off():
    model, (x, y) = small_net(), batch()
    with torch.no_grad():
        quiet = first_order(model, x, y, Ball("l2", 1.0))
    assert torch.equal(quiet, first_order(model, x, y, Ball("l2", 1.0)))


def test_predicted_classes_can_serve_as_labels():
    model, (x, _) = small_net(), batch()
    y = predict(model, x)
    assert first_order(model, x, y, Ball("l2", 1.0)).shape == x.shape


def test_half_precision_models_are_attacked_in_the_type_of_the_images():
    model, (x, y) = small_net().to(torch.bfloat16), batch(dtype=torch.bfloat16)
    step = first_order(model, x, y, Ball("linf", 0.25))
    assert step.dtype == torch.bfloat16
    assert set(step.abs().unique().tolist()) <= {0.0, 0.25}


# What is wrong is said


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("U", [Ball("l1", 1.0), Ball("l2", 1.0), Ball("linf", 1.0), Box(-1.0, 1.0)])
def test_a_gradient_that_is_not_finite_is_refused(bad, U):
    model, (x, y) = small_net(), batch()
    with torch.no_grad():
        model[1].weight[0, 0] = bad
        model[1].weight[0, 1] = -bad
    with pytest.raises(NonFiniteError):
        first_order(model, x, y, U)


def test_a_set_that_does_not_fit_is_refused():
    model, (x, y) = small_net(), batch()
    with pytest.raises(ValueError, match="U: expected an UncertaintySet"):
        first_order(model, x, y, 0.1)
    with pytest.raises(ValueError):
        first_order(model, x, y, pixel_box(x[:2]))


@pytest.mark.parametrize("margin", [0.0, 5.0, 16.0, 25.0, 60.0])
def test_the_gradient_is_exact_where_the_network_is_sure(margin):
    """In single precision p_y rounds to 1 from a margin of about 16 on; the direction must not suffer."""
    W = torch.randn(10, 784, generator=torch.Generator().manual_seed(4))
    x, y = torch.rand(6, 784, generator=torch.Generator().manual_seed(5)), torch.arange(6)

    class Sure(nn.Module):
        def forward(self, x):
            logits = x @ W.to(x.dtype).t() / 28
            lead = margin + logits.amax(1, keepdim=True) - logits.gather(1, y[:, None])
            return logits + lead.detach() * F.one_hot(y, 10)

    single = input_gradient(Sure(), x, y)
    double = input_gradient(Sure(), x.double(), y)
    assert double.norm(dim=1).min() > 0
    assert ((single - double).norm(dim=1) / double.norm(dim=1)).max() < 1e-4


def test_the_cross_entropy_is_the_usual_one():
    W, y = torch.randn(7, 5, dtype=torch.float64) * 3, torch.tensor([0, 3, 6, 6])
    x = torch.randn(4, 5, dtype=torch.float64)
    for reduction in ("mean", "sum"):
        expected = F.cross_entropy(x @ W.t(), y, reduction=reduction)
        torch.testing.assert_close(cross_entropy(linear(W), x, y, reduction), expected)


# The direction in every float type


FLOATS = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
every_float = pytest.mark.parametrize("dtype", FLOATS, ids=str)


@every_float
@pytest.mark.parametrize("lead", [0.0, 20.0, 110.0, 1e3, 1e4])
def test_a_step_is_whole_however_sure_the_model_is(dtype, lead):
    """Two classes: Δ = ε sign(w₁ − w₀), whatever the margin; case 05, and further."""
    W = torch.tensor([[2.0, -1.0, 0.5], [-2.0, 3.0, 0.25]], dtype=dtype)
    model = nn.Sequential(linear(W), Bias(torch.tensor([lead, 0.0], dtype=dtype)))
    x = torch.tensor([[0.5, 0.25, 0.75]], dtype=dtype)
    step = first_order(model, x, torch.tensor([0]), Ball("linf", 0.25))
    assert step.dtype == dtype and step.tolist() == [[-0.25, 0.25, -0.25]]
    assert input_gradient(model, x, torch.tensor([0])).isfinite().all()


class Bias(nn.Module):
    """Adds to the logits, or multiplies them."""

    def __init__(self, bias: torch.Tensor | float = 0.0, factor: float = 1.0) -> None:
        super().__init__()
        self.bias, self.factor = bias, factor

    def forward(self, z):
        return self.factor * z + self.bias


@every_float
@settings(max_examples=25)
@given(seeds, st.integers(-20, 12))
def test_the_direction_of_two_classes_knows_no_unit_of_the_logits(dtype, seed, exponent):
    W = torch.randn(2, 12, generator=torch.Generator().manual_seed(seed)).to(dtype)
    model, (x, _) = nn.Sequential(linear(W), Bias(factor=2.0**exponent)), batch(4, seed)
    y, expected = torch.tensor([0, 1, 0, 1]), (W[[1, 0, 1, 0]] - W[[0, 1, 0, 1]])
    g = ascent_direction(model, x.to(dtype), y).flatten(1)
    clear = expected.abs() > 0.02 * expected.abs().amax(1, keepdim=True)
    assert torch.equal(g.sign()[clear], expected.sign()[clear])


def test_the_direction_is_the_gradient_to_the_bit_but_for_a_power_of_two():
    torch.manual_seed(0)
    model, x, y = ConvNet(), torch.rand(8, 1, 28, 28), torch.arange(8)
    image = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(log_loss(model(image), y).sum(), image)
    assert torch.equal(input_gradient(model, x, y), gradient)
    ratio = (ascent_direction(model, x, y) / gradient)[gradient != 0].frexp().mantissa
    assert (ratio == 0.5).all()
    for U in (Ball("linf", 0.1), Ball("l2", 1.0), Ball("l1", 2.0), Ball("l2", 1.0) & pixel_box(x)):
        assert torch.equal(first_order(model, x, y, U), U.maximizer(gradient))


def test_where_examples_meet_they_have_one_unit():
    """Else the gradient would not be that of the sum of the losses, through the statistics of the batch."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)).double()
    x, y = batch(6)
    image = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(image), y, reduction="sum"), image)
    g = ascent_direction(model, x, y)
    torch.testing.assert_close(g / g.norm(), gradient / gradient.norm(), rtol=1e-10, atol=1e-12)


def share_left(net, x, y, attack, U, mixed=None):
    """How many are read as y after the attack, both in mixed precision if one is named."""
    with torch.autocast("cpu", mixed, enabled=mixed is not None):
        d = attack(net, x, y, U)
        with torch.no_grad():
            return int((net(x + d).argmax(1) == y).sum())


def check_float_types(attack, net, digits, radii, test):
    """Within two points of float64, in every type and mixed."""
    x, y = test.images[:digits], test.labels[:digits]
    for radius in radii:
        U = lambda x, radius=radius: Ball("linf", radius) & pixel_box(x)  # noqa: E731
        left = {
            dtype: share_left(zoo.load(f"mnist/{net}").to(dtype), x.to(dtype), y, attack, U)
            for dtype in FLOATS
        }
        for mixed in (torch.bfloat16, torch.float16):
            left["mixed", mixed] = share_left(zoo.load(f"mnist/{net}"), x, y, attack, U, mixed)
        print(net, attack.__name__, radius, left)
        allowed = 0.02 * digits
        assert all(abs(number - left[torch.float64]) <= allowed for number in left.values()), left


@pytest.mark.parametrize("attack", [first_order, pgd])
@pytest.mark.parametrize(
    "net, digits", [("baseline", 50), pytest.param("robust-linf", 200, marks=pytest.mark.slow)]
)
def test_as_many_digits_are_left_in_every_float_type(attack, net, digits, mnist_test):
    """The first is case 05, where 13 % were left in float16 and none in float32."""
    check_float_types(attack, net, digits, (0.1, 0.3), mnist_test)


@pytest.mark.skipif("ROLAB_SWEEP" not in os.environ, reason="a quarter of an hour: make sweep")
@pytest.mark.slow
@pytest.mark.parametrize("attack", [first_order, pgd])
@pytest.mark.parametrize("net", ["baseline", "robust-l1", "robust-l2", "robust-linf", "masked"])
def test_the_sweep_over_all_nets_and_float_types(attack, net, mnist_test):
    check_float_types(attack, net, 500, (0.1, 0.2, 0.3), mnist_test)
