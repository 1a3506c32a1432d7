"""Objectives: Algorithm 1 against the robust loss in closed form, and what the descent step really sees."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from rolab.attacks import first_order
from rolab.nets import ConvNet
from rolab.objectives import Nominal, Objective, Robust
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


def batch(n: int = 6, seed: int = 1, classes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 1, 3, 4, dtype=torch.float64, generator=generator)
    return x, torch.randint(0, classes, (n,), generator=generator)


def small_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def gradients(objective: Objective, model: nn.Module, x, y) -> list[torch.Tensor]:
    return list(torch.autograd.grad(objective(model, x, y), list(model.parameters())))


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


# Objectives add and scale


@given(st.floats(0, 1), st.sampled_from(sorted(DUALS)))
def test_the_mixture_of_eq_3(alpha, norm):
    model, (x, y), robust = small_net(), batch(), Robust(Ball(norm, 0.4))
    mixed = alpha * Nominal() + (1 - alpha) * robust
    by_hand = alpha * Nominal()(model, x, y) + (1 - alpha) * robust(model, x, y)
    torch.testing.assert_close(mixed(model, x, y), by_hand, rtol=1e-12, atol=1e-12)
    standard, worst = (gradients(objective, model, x, y) for objective in (Nominal(), robust))
    for found, a, b in zip(gradients(mixed, model, x, y), standard, worst, strict=True):
        torch.testing.assert_close(found, alpha * a + (1 - alpha) * b, rtol=1e-10, atol=1e-12)


def test_objectives_scale_from_both_sides_and_add_up():
    model, (x, y) = small_net(), batch()
    one = Nominal()(model, x, y)
    torch.testing.assert_close((2 * Nominal())(model, x, y), 2 * one)
    torch.testing.assert_close((Nominal() * 2)(model, x, y), 2 * one)
    torch.testing.assert_close(
        (Nominal() + 3 * Nominal() + 0.5 * (Nominal() + Nominal()))(model, x, y), 5 * one
    )


def test_equal_objectives_are_equal_and_read_well():
    assert Nominal() == Nominal()
    assert 0.5 * Nominal() == 0.5 * Nominal()
    assert 0.5 * Nominal() != 0.6 * Nominal()
    assert "Ball('linf', 0.1)" in repr(0.5 * Nominal() + 0.5 * Robust(Ball("linf", 0.1)))


@pytest.mark.parametrize(
    "bad",
    [
        lambda: Nominal() + 1,
        lambda: 1 + Nominal(),
        lambda: Nominal() * "2",
        lambda: [1] * Nominal(),
        lambda: Nominal() * Nominal(),
        lambda: Nominal() * None,
        lambda: Nominal() - Nominal(),
    ],
)
def test_what_is_no_objective_does_not_add_and_what_is_no_number_does_not_scale(bad):
    with pytest.raises(TypeError):
        bad()


def test_an_unfinished_objective_says_so():
    with pytest.raises(NotImplementedError):
        Objective()(small_net(), *batch())
