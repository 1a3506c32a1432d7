"""Certified training: a bound of the worst-case loss, its schedule; no attack breaks what it proves."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from objective_cases import batch, gradients
from set_definitions import SHAPE, Case, every_set
from small_nets import boxed
from tiny_runs import blobs, run, weights
from torch import nn
from torch.nn import functional as F

from rolab.attacks import cross_entropy, ensemble
from rolab.attacks.pgd import pgd, random_point
from rolab.certify import certified
from rolab.data import Dataset, mnist
from rolab.nets import ConvNet
from rolab.objectives import Certified, Nominal, Robust, Step
from rolab.sets import Ball, resolve
from rolab.training import Recipe, train


def relu_net(entries: int = 12, hidden: int = 8, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        layers = nn.Flatten(), nn.Linear(entries, hidden), nn.ReLU(), nn.Linear(hidden, 3)
        return nn.Sequential(*layers).double()


def at(share: float) -> Step:
    """The step at which a share of 1000 steps is done."""
    return Step(0, 1, round(1000 * share), 1000, blobs(), None, {})


# The bound


@every_set
def test_it_is_never_below_the_loss_at_points_of_any_set_and_is_the_loss_at_radius_0(case: Case):
    model = relu_net(6, 3)
    source = torch.Generator().manual_seed(3)
    x = torch.rand(4, *SHAPE, dtype=torch.float64, generator=source)
    y = torch.randint(0, 3, (4,), generator=source)
    bound = Certified(case.U)(model, x, y)
    for d in (Robust(case.U).perturbation(model, x, y), random_point(case.U, x, source)):
        assert bound >= cross_entropy(model, x + d, y) - 1e-6
    loss = cross_entropy(model, x, y)
    torch.testing.assert_close(Certified(case.U.scaled(0.0))(model, x, y), loss, rtol=1e-6, atol=1e-6)


@settings(max_examples=20)
@given(st.sampled_from(["l1", "l2", "linf"]), st.floats(0, 0.5), st.booleans(), st.integers(0, 1000))
def test_it_is_never_below_what_an_attack_finds(norm, radius, inside, seed):
    (x, y), model = batch(seed=seed), relu_net(seed=seed)
    U = boxed(radius, norm) if inside else Ball(norm, radius)
    found = Robust(U, pgd)(model, x, y)
    assert Certified(U)(model, x, y) >= found - 1e-9
    torch.testing.assert_close(Certified(boxed(0.0, norm))(model, x, y), Nominal()(model, x, y))


@given(st.sampled_from([("l1", float("inf")), ("l2", 2), ("linf", 1)]), st.floats(0, 2), st.integers(0, 1000))
def test_of_two_classes_and_a_linear_model_it_is_the_robust_loss_with_its_gradient(norms, radius, seed):
    """log(1 + exp(−(m − ε‖w‖_*))), w the difference of the two rows: bound and worst case are one."""
    (norm, dual), (x, y) = norms, batch(seed=seed, classes=2)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 2)).double()
    w, b = (part[1] - part[0] for part in (model[1].weight, model[1].bias))
    margin = (2 * y - 1) * (x.flatten(1) @ w + b) - radius * torch.linalg.vector_norm(w, dual)
    closed_form = F.softplus(-margin).mean()
    U = Ball(norm, radius)
    torch.testing.assert_close(Certified(U)(model, x, y), closed_form, rtol=1e-10, atol=1e-12)
    expected = torch.autograd.grad(closed_form, list(model.parameters()))
    for found, robust, wanted in zip(
        gradients(Certified(U), model, x, y), gradients(Robust(U), model, x, y), expected, strict=True
    ):
        torch.testing.assert_close(found, wanted, rtol=1e-8, atol=1e-10)
        torch.testing.assert_close(found, robust, rtol=1e-8, atol=1e-10)


def test_it_adds_and_scales_and_trains_in_any_float_type():
    (x, y), model, U = batch(), relu_net(), Ball("linf", 0.1)
    mixed = 0.3 * Nominal() + 0.7 * Certified(U)
    by_hand = 0.3 * Nominal()(model, x, y) + 0.7 * Certified(U)(model, x, y)
    torch.testing.assert_close(mixed(model, x, y), by_hand)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        loss = Certified(U)(relu_net().to(dtype), x.to(dtype), y)
        loss.backward()
        torch.testing.assert_close(loss.double(), Certified(U)(model, x, y), rtol=0.05, atol=0.01)


def test_dropout_is_off_in_the_bound_and_back_on_behind_it():
    (x, y), plain = batch(), relu_net()
    model = nn.Sequential(*plain[:3], nn.Dropout(0.5), plain[3]).train()
    assert torch.equal(Certified(Ball("l2", 0.1))(model, x, y), Certified(Ball("l2", 0.1))(plain, x, y))
    assert model[3].training


def test_batch_norm_in_training_cannot_be_bounded():
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12), nn.Linear(12, 3)).double()
    with pytest.raises(ValueError, match="^model: expected eval mode, got BatchNorm1d"):
        Certified(Ball("l2", 0.1))(model, *batch())


# The schedule


@pytest.mark.parametrize("power", [1, 3.0, 0.5])
def test_the_set_grows_from_0_to_the_whole(power):
    """Nothing but {0} up to the first share, all of U from the second on, and t^power · U between."""
    (x, y), model, objective = batch(), relu_net(), Certified(boxed(0.2), ramp=(0.2, 0.6), power=power)
    whole = objective(model, x, y)
    assert torch.equal(objective.at_step(at(0.6))(model, x, y), whole)
    assert torch.equal(objective.at_step(at(0.99))(model, x, y), whole)
    for share in (0.0, 0.1, 0.2):
        torch.testing.assert_close(objective.at_step(at(share))(model, x, y), Nominal()(model, x, y))
    for share, t in ((0.3, 0.25), (0.4, 0.5), (0.5, 0.75)):
        part = Certified(lambda x, t=t: resolve(boxed(0.2), x).scaled(t**power))(model, x, y)
        torch.testing.assert_close(objective.at_step(at(share))(model, x, y), part)
        inside = (0.5 * Nominal() + 0.5 * objective).at_step(at(share))(model, x, y)
        torch.testing.assert_close(inside, 0.5 * Nominal()(model, x, y) + 0.5 * part)
    at_once = Certified(boxed(0.2), ramp=(0.0, 0.0))
    assert torch.equal(at_once.at_step(at(0.0))(model, x, y), whole)


def test_training_follows_the_schedule():
    """With a ramp that begins at the end, it is standard training."""
    found = run(relu_net().float(), objective=Certified(Ball("linf", 0.1), ramp=(1.0, 1.0)))
    standard, robust = (
        run(relu_net().float(), objective=each)
        for each in (Nominal(), Certified(Ball("linf", 0.1), ramp=(0.0, 0.5)))
    )
    torch.testing.assert_close(weights(found.model), weights(standard.model), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(weights(robust.model), weights(standard.model), rtol=1e-2)


@pytest.mark.parametrize("ramp", [(0.5, 0.2), (-0.1, 0.5), (0.0, 1.1), (0.1,), (float("nan"), 0.5)])
def test_a_ramp_that_is_none(ramp):
    with pytest.raises(ValueError, match="^ramp: expected two shares of the steps"):
        Certified(Ball("linf", 0.1), ramp)


@pytest.mark.parametrize("power", [0, -1.0, float("inf"), float("nan")])
def test_a_power_that_is_none(power):
    with pytest.raises(ValueError, match="^power: expected a finite number above 0"):
        Certified(Ball("linf", 0.1), power=power)


# What it is for


def test_a_net_that_is_trained_with_it_is_proved_where_a_standard_one_is_not():
    data, U, recipe = blobs(200), Ball("linf", 0.15), Recipe(epochs=8, batch_size=20, learning_rate=0.1)
    proved = [
        certified(run(relu_net().float(), data, objective, recipe).model, data, U).float().mean()
        for objective in (0.5 * Nominal() + 0.5 * Certified(U), Nominal())
    ]
    assert proved[0] > 0.9 and proved[0] > proved[1]


@pytest.mark.parametrize("norm, radius", [("linf", 0.2), ("l2", 0.5)])
def test_no_attack_of_the_ensemble_breaks_what_is_proved(norm, radius):
    """At radii that leave some proved and some not."""
    data, U, recipe = blobs(90), boxed(radius, norm), Recipe(epochs=4, batch_size=10, learning_rate=0.1)
    model, some = run(relu_net().float(), data, Certified(U), recipe).model, data[:30]
    proved = certified(model, some, U)
    d = ensemble(model, some.images, some.labels, U, 40, torch.Generator().manual_seed(0))
    stands = model(some.images + d).argmax(1) == some.labels
    assert proved.any() and not stands.all()
    assert resolve(U, some.images).contains(d).all() and not (proved & ~stands).any()


@pytest.mark.slow
def test_no_attack_of_the_ensemble_breaks_a_digit_that_is_proved():
    data, test = mnist("train")[:6000], mnist("test")[:60]
    torch.manual_seed(0)
    U = boxed(0.03)
    recipe = Recipe(epochs=2, batch_size=50, learning_rate=0.03, weight_decay=0)
    objective = 0.5 * Nominal() + 0.5 * Certified(U, ramp=(0.0, 0.7))
    model = train(ConvNet(), data, objective, recipe, device="cpu", progress=False).model
    proved = certified(model, test, U)
    assert proved.float().mean() > 0.5
    d = ensemble(model, test.images, test.labels, U, 100, torch.Generator().manual_seed(0))
    stands = model(test.images + d).argmax(1) == test.labels
    assert not (proved & ~stands).any()
    assert resolve(U, test.images).contains(d).all()
    assert certified(model, Dataset(test.images, test.labels), boxed(0.0)).sum() >= proved.sum()
