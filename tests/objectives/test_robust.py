"""The robust objective: Algorithm 1 against the closed form, and what the descent step really sees."""

from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from objective_cases import batch, gradients, net_in_training, small_net
from torch import nn
from torch.nn import functional as F

from rolab.attacks import cross_entropy, first_order, input_gradient, pgd
from rolab.attacks.losses import log_loss
from rolab.attacks.pgd import inner_maximum
from rolab.nets import ConvNet
from rolab.objectives import Nominal, Robust, frozen_statistics
from rolab.sets import Ball, pixel_box

DUALS = {"l1": float("inf"), "l2": 2, "linf": 1}  # norm of the perturbation → order of the dual norm


class Logistic(nn.Module):
    """Logistic regression, labels ±1, as two classes: logits 0 and w·x + b; the loss is log(1 + exp(−m))."""

    def __init__(self, d: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.w = nn.Parameter(torch.randn(d, dtype=torch.float64, generator=generator))
        self.b = nn.Parameter(torch.randn((), dtype=torch.float64, generator=generator))

    def forward(self, x):
        score = x.flatten(1) @ self.w + self.b
        return torch.stack([torch.zeros_like(score), score], 1)


class Spy(nn.Module):
    """A network that keeps what it is given."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside, self.seen = inside, []

    def forward(self, x):
        self.seen.append(x)
        return self.inside(x)


# Algorithm 1 against the closed form


@given(st.sampled_from(sorted(DUALS)), st.floats(0, 3), st.integers(0, 2**32))
def test_algorithm_1_on_logistic_regression_descends_the_robust_loss(norm, radius, seed):
    """The worst case of log(1 + exp(−m)) over a ball is log(1 + exp(−(m − ε‖w‖_*))), and it is reached."""
    model, (x, y) = Logistic(12, seed), batch(6, seed, classes=2)
    objective = Robust(Ball(norm, radius))
    margin = (2 * y - 1) * (x.flatten(1) @ model.w + model.b)
    worst = margin - radius * torch.linalg.vector_norm(model.w, DUALS[norm])
    closed_form = torch.logaddexp(torch.zeros_like(worst), -worst).mean()
    torch.testing.assert_close(objective(model, x, y), closed_form, rtol=1e-12, atol=1e-12)
    expected = torch.autograd.grad(closed_form, [model.w, model.b])
    for found, wanted in zip(gradients(objective, model, x, y), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)


def test_nominal_is_the_mean_cross_entropy():
    model, (x, y) = small_net(), batch()
    by_hand = -sum(model(x)[i].log_softmax(0)[y[i]] for i in range(len(y))) / len(y)
    torch.testing.assert_close(Nominal()(model, x, y), by_hand, rtol=1e-12, atol=0)


def test_a_radius_of_zero_is_standard_training():
    model, (x, y) = small_net(), batch()
    assert torch.equal(Robust(Ball("l2", 0.0))(model, x, y), Nominal()(model, x, y))


# What the descent step sees


@pytest.mark.parametrize("norm", sorted(DUALS))
def test_the_loss_that_is_descended_is_that_of_the_perturbed_batch(norm):
    model, (x, y), U = small_net(), batch(), Ball(norm, 0.4)
    spy, step = Spy(model), first_order(model, x, y, U)
    loss = Robust(U)(spy, x, y)
    assert torch.equal(spy.seen[0], x)  # once to ascend …
    assert len(spy.seen) == 2
    assert torch.equal(spy.seen[1], x + step)  # … and once to descend, from there
    assert (spy.seen[1] != x).flatten(1).any(1).all()
    torch.testing.assert_close(loss, F.cross_entropy(model(x + step), y), rtol=1e-12, atol=0)
    assert loss > Nominal()(model, x, y)
    assert spy.seen[1].grad_fn is None


@pytest.mark.parametrize("norm", sorted(DUALS))
def test_nothing_flows_through_the_perturbation(norm):
    """Δ depends on θ. Algorithm 1 takes it as a constant; the gradient of the whole would differ."""
    model, (x, y), U = small_net(), batch(), Ball(norm, 0.4)
    constant = first_order(model, x, y, U).clone()
    expected = torch.autograd.grad(F.cross_entropy(model(x + constant), y), list(model.parameters()))
    for found, wanted in zip(gradients(Robust(U), model, x, y), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-14)


def test_an_attack_with_a_history_is_cut_off_as_well():
    model, (x, y) = small_net(), batch()

    def leaky(model, x, y, U):
        return x * model[1].weight.sum() * 0.01

    step = (x * model[1].weight.sum() * 0.01).detach()
    expected = torch.autograd.grad(F.cross_entropy(model(x + step), y), list(model.parameters()))
    for found, wanted in zip(gradients(Robust(Ball("l2", 1.0), leaky), model, x, y), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-14)


def test_the_attack_is_an_argument():
    model, (x, y), U = small_net(), batch(), Ball("l2", 0.3)
    asked = []

    def attack(*arguments):
        asked.append(arguments)
        return torch.full_like(x, 0.25)

    loss = Robust(U, attack)(model, x, y)
    assert len(asked) == 1
    assert all(found is given for found, given in zip(asked[0], (model, x, y, U), strict=True))
    torch.testing.assert_close(loss, F.cross_entropy(model(x + 0.25), y), rtol=1e-12, atol=0)


def test_a_set_may_be_a_function_of_the_images():
    torch.manual_seed(0)
    spy = Spy(ConvNet())
    x, y = torch.rand(4, 1, 28, 28).round(), torch.arange(4)
    Robust(lambda images: Ball("linf", 0.3) & pixel_box(images))(spy, x, y)
    assert spy.seen[1].min() >= 0
    assert spy.seen[1].max() <= 1
    assert not torch.equal(spy.seen[1], x)


@pytest.mark.parametrize("training", [True, False])
def test_attack_and_descent_run_in_the_mode_the_model_is_in(training):
    model, (x, y) = small_net().train(training), batch()
    modes = []
    model.register_forward_hook(lambda module, *_: modes.append(module.training))
    Robust(Ball("l2", 0.3))(model, x, y)
    assert modes == [training, training]
    assert model.training is training


def test_only_the_descent_step_writes_gradients():
    model, (x, y) = small_net(), batch()
    loss = Robust(Ball("l2", 0.3))(model, x, y)
    assert all(p.grad is None for p in model.parameters())
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())


# Batch norm and dropout under attack


def averages(model: nn.Module) -> list[torch.Tensor]:
    return [buffer.clone() for buffer in model.buffers()]


@pytest.mark.parametrize("attack", [first_order, pgd])
def test_the_running_averages_are_those_of_the_descent_alone(attack):
    """One update a step, from the perturbed batch, as if the perturbation had come from elsewhere."""
    model, (x, y), U = net_in_training(), batch(), Ball("l2", 0.4)
    Robust(U, attack)(model, x, y)
    again = net_in_training()
    with frozen_statistics(again):
        step = inner_maximum(attack)(again, x, y, U)
    assert all(torch.equal(a, b) for a, b in zip(averages(again), averages(net_in_training()), strict=True))
    again(x + step)
    assert all(torch.equal(a, b) for a, b in zip(averages(model), averages(again), strict=True))
    assert model[2].num_batches_tracked == 1


def test_the_attack_normalises_by_the_batch_and_without_dropout():
    """Δ̂ is along the gradient of the network in training but for dropout, not of the network in eval mode."""
    x, y = batch()
    model, without = net_in_training(), net_in_training(dropout=0.0)
    with frozen_statistics(model):
        gradient = input_gradient(model, x, y)
    torch.testing.assert_close(gradient, input_gradient(without, x, y), rtol=1e-12, atol=1e-14)
    assert not torch.allclose(gradient, input_gradient(net_in_training().eval(), x, y), rtol=0.1)
    assert not torch.allclose(gradient, input_gradient(net_in_training(), x, y), rtol=0.1)


def test_the_masks_of_a_robust_step_are_those_of_a_standard_one():
    """As the attack draws no random numbers, runs of one seed differ in Δ̂ only."""
    masks = []
    for objective in (Nominal(), Robust(Ball("l2", 0.4)), Robust(Ball("linf", 0.1))):
        model, (x, y) = net_in_training(), batch()
        model[4].register_forward_hook(
            lambda layer, into, out: masks.append(out == 0) if layer.training else None
        )
        torch.manual_seed(7)
        objective(model, x, y)
        objective(model, x, y)
    assert len(masks) == 6
    assert all(torch.equal(mask, masks[i % 2]) for i, mask in enumerate(masks))
    assert not torch.equal(masks[0], masks[1])
    assert masks[0].any()


@pytest.mark.parametrize("training", [True, False])
def test_the_layers_are_put_back_even_if_the_attack_fails(training):
    model, (x, y) = net_in_training().train(training), batch()
    model[2].training = training
    model[4].eval()  # as the caller wanted it

    def broken(*arguments):
        assert [layer.training for layer in model] == [training] * 4 + [False, training]
        assert model[2].track_running_stats is not training
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Robust(Ball("l2", 0.4), broken)(model, x, y)
    assert [layer.training for layer in model] == [training] * 4 + [False, training]
    assert model[2].track_running_stats


def test_batch_norm_without_averages_stays_without():
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12, track_running_stats=False)).double().train()
    Robust(Ball("l2", 0.4))(model, *batch())
    assert model[1].track_running_stats is False


# Label smoothing


@given(st.floats(0, 1), st.integers(0, 2**32))
def test_smoothing_mixes_the_label_with_all_classes(s, seed):
    model, (x, y) = small_net(), batch(seed=seed)
    logarithms = model(x).log_softmax(1)
    by_hand = -((1 - s) * logarithms[range(6), y] + s * logarithms.mean(1)).mean()
    torch.testing.assert_close(Nominal(s)(model, x, y), by_hand, rtol=1e-10, atol=1e-12)
    robust = Robust(Ball("l2", 0.3), smoothing=s)(model, x, y)
    moved = x + first_order(model, x, y, Ball("l2", 0.3))
    torch.testing.assert_close(robust, Nominal(s)(model, moved, y), rtol=1e-10, atol=1e-12)


def test_the_smoothed_loss_is_least_at_the_smoothed_label():
    """At p_y = 1 − s + s/K its gradient is 0; above, climbing it raises p_y, so the attack does not."""
    for p, sign in ((0.7, -1), (1 - 0.2 + 0.2 / 3, 0), (0.95, 1)):
        logits = torch.tensor([[p, (1 - p) / 2, (1 - p) / 2]], dtype=torch.float64).log().requires_grad_()
        y = torch.tensor([0])
        (gradient,) = torch.autograd.grad(Nominal(0.2)(nn.Identity(), logits, y), logits)
        assert (
            gradient[0, 0].item() == pytest.approx(0, abs=1e-12) if sign == 0 else gradient[0, 0] * sign > 0
        )
        step = first_order(nn.Identity(), logits.detach(), y, Ball("l2", 0.1))
        assert step[0, 0] < 0  # down with the logit of the class, however sure


def test_without_smoothing_nothing_has_changed():
    """Bit for bit, and in the text by which finished runs are known."""
    model, (x, y) = small_net(), batch()
    assert torch.equal(Nominal(0.0)(model, x, y), cross_entropy(model, x, y))
    assert repr(Nominal()) == "Nominal()"
    assert repr(Robust(Ball("linf", 0.1))) == "Robust(Ball('linf', 0.1))"
    assert repr(Nominal(0.2)) == "Nominal(smoothing=0.2)"
    assert repr(Robust(Ball("linf", 0.1), smoothing=0.2)) == "Robust(Ball('linf', 0.1), smoothing=0.2)"
    assert Nominal(0.1) != Nominal(0.2)


def test_smoothing_is_precise_in_mixed_precision():
    logits, y = torch.tensor([[30.0, 0.0, -3.0]]).bfloat16(), torch.tensor([0])
    assert Nominal(0.2)(nn.Identity(), logits, y).dtype == torch.float32


@pytest.mark.parametrize("smoothing", [-0.1, 1.1, float("nan"), "0.2", None])
def test_smoothing_outside_0_to_1_is_refused(smoothing):
    for make in (Nominal, lambda s: Robust(Ball("l2", 0.1), smoothing=s)):
        with pytest.raises(ValueError, match="smoothing: expected a number from 0 to 1, got"):
            make(smoothing)


# The inner maximum is one


def test_pgd_goes_on_in_training_when_an_example_is_misread():
    """Misread or not, each example gains loss; bare `pgd` leaves those alone that are misread already."""
    model, (x, y), U = small_net(), batch(40), Ball("linf", 0.2)
    misread = model(x).argmax(1) != y
    assert 10 < misread.sum() < 40
    clean, bare = log_loss(model(x), y), pgd(model, x, y, U)
    assert not bare[misread].any()
    d = inner_maximum(pgd)(model, x, y, U)
    assert U.contains(d).all() and d.flatten(1).any(1).all()
    assert (log_loss(model(x + d), y) > clean + 0.05).all()
    for attack in (pgd, partial(pgd, steps=20), partial(pgd, steps=20, step=Ball("linf", 0.05))):
        loss = Robust(U, attack)(model, x, y)
        assert loss > Nominal()(model, x + bare, y) + 0.05
        assert loss > Robust(U)(model, x, y) - 1e-3
    assert inner_maximum(first_order) is first_order


def test_on_two_classes_the_inner_maximum_is_that_of_equation_9():
    """Logistic regression: log(1 + exp(−(m − ε‖w‖₁))) for each example, however wrong it is already."""
    model, (x, y) = Logistic(12, 3), batch(30, 4, classes=2)
    margin = (2 * y - 1) * (x.flatten(1) @ model.w + model.b)
    worst = torch.nn.functional.softplus(-(margin - 0.3 * model.w.abs().sum())).mean()
    assert (margin < 0).any() and (margin > 0).any()
    torch.testing.assert_close(Robust(Ball("linf", 0.3), pgd)(model, x, y), worst)


def test_with_go_on_the_largest_loss_is_kept_not_the_first_that_misleads():
    model, (x, y), U = small_net(), batch(30), Ball("l2", 0.6)
    seen = []
    model.register_forward_hook(lambda module, inputs, z: seen.append(log_loss(z.detach(), y)))
    d = pgd(model, x, y, U, steps=8, go_on=True)
    assert len(seen) == 9
    torch.testing.assert_close(log_loss(model(x + d), y), torch.stack(seen[:9]).amax(0))
