"""Projected gradient ascent: exact truths, what it leaves alone, and agreement with two other libraries."""

import itertools
import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_nets import batch, linear, set_at, small_net
from torch import nn
from torch.nn import functional as F

from rolab.attacks import (
    ascent_direction,
    first_order,
    input_gradient,
    log_loss,
    logit_ratio,
    margin,
    pgd,
    random_point,
)
from rolab.errors import NonFiniteError
from rolab.nets import ConvNet
from rolab.sets import Ball, Box, Budget, Ellipsoid, Scenarios, SparsePixels, pixel_box

exactly = settings(max_examples=25, deadline=None, derandomize=True)


seeds = st.integers(0, 2**32)


losses = pytest.mark.parametrize("loss", [log_loss, margin, logit_ratio], ids=lambda loss: loss.__name__)


SETS = {
    "linf": Ball("linf", 0.2),
    "l2": Ball("l2", 0.5),
    "l1": Ball("l1", 1.0),
    "box": Box(-0.1, 0.3),
    "budget": Budget(3.0, 0.2),
    "boxed l2": lambda x: Ball("l2", 0.5) & pixel_box(x),
    "boxed linf": lambda x: Ball("linf", 0.2) & pixel_box(x),
}


every_set = pytest.mark.parametrize("U", SETS.values(), ids=SETS)


class Shift(nn.Module):
    """Adds a bias to the logits."""

    def __init__(self, by: torch.Tensor) -> None:
        super().__init__()
        self.by = by

    def forward(self, z):
        return z + self.by


# Where the truth is known


@exactly
@given(seeds, st.sampled_from(["linf", "l2", "l1", "boxed l2", "boxed linf"]))
def test_on_two_classes_and_a_linear_model_it_is_the_closed_form(seed, name):
    """The loss depends on ⟨w, Δ⟩ alone, so that the margin can rise by the support function of U at w."""
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn(2, 12, dtype=torch.float64, generator=generator)
    x, y = batch(4, seed)
    y, U = y.clamp(max=1), set_at(SETS[name], x)
    model = linear(W)
    with torch.no_grad():
        start = margin(model(x), y)
        w = (W[1 - y] - W[y]).view_as(x)
        reached = margin(model(x + pgd(model, x, y, U, steps=60)), y)
    rise = U.support(w)
    assert (reached <= start + rise + 1e-9).all()
    assert ((reached > 0) | (reached >= start + rise - 1e-9)).all()  # it stops where the model errs


def test_in_two_dimensions_it_comes_near_the_best_of_a_fine_grid():
    """The inner maximum of a small net by enumeration: nothing is above it, and PGD is hardly below."""
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2)).double()
    x = torch.rand(12, 2, dtype=torch.float64)
    y = model(x).argmax(1)
    line = torch.linspace(-0.4, 0.4, 161, dtype=torch.float64)
    grid = torch.cartesian_prod(line, line)
    truth = torch.stack(
        [log_loss(model(point + grid), label.expand(len(grid))) for point, label in zip(x, y, strict=True)]
    )
    d = pgd(model, x, y, Ball("linf", 0.4), steps=40, restarts=5, generator=torch.Generator().manual_seed(0))
    reached = log_loss(model(x + d), y)
    lost = model(x + d).argmax(1) != y
    best = truth.amax(1)
    assert (reached <= best + 1e-3).all()
    assert torch.equal(lost, best > math.log(2))  # on two classes, lost means p_y < 1/2
    assert (reached[~lost] >= best[~lost] - 1e-2).all()


@every_set
@losses
def test_it_stays_in_the_set_and_is_at_least_as_bad_as_where_it_began(U, loss):
    model, (x, y) = small_net(), batch(20)
    d = pgd(model, x, y, U, steps=10, restarts=1, loss=loss, generator=torch.Generator().manual_seed(1))
    assert d.shape == x.shape and not d.requires_grad
    assert set_at(U, x).contains(d).all()
    lost = model(x + d).argmax(1) != y
    assert (lost | (loss(model(x + d), y) >= loss(model(x), y))).all()
    assert (lost | (model(x).argmax(1) == y)).all()


@every_set
def test_more_restarts_never_find_less(U):
    model, (x, y) = small_net(), batch(20)
    bad = []
    for restarts in (0, 1, 3):
        generator = torch.Generator().manual_seed(5)
        logits = model(x + pgd(model, x, y, U, steps=5, restarts=restarts, generator=generator))
        bad.append((logits.argmax(1) != y, log_loss(logits, y)))
    for (lost, loss), (lost_later, loss_later) in itertools.pairwise(bad):
        assert (lost_later | ~lost).all()
        assert (lost_later | (loss_later >= loss - 1e-12)).all()


def test_a_target_is_reached_and_nothing_else_counts():
    model, (x, _) = small_net(), batch(20)
    y = model(x).argmax(1)
    target = (y + 1) % 3
    d = pgd(model, x, y, Ball("l2", 5.0), target=target, loss=margin, steps=40)
    assert torch.equal(model(x + d).argmax(1), target)
    weak = pgd(model, x, y, Ball("l2", 0.01), target=target)
    assert (log_loss(model(x + weak), target) <= log_loss(model(x), target)).all()


# Lost examples are left alone


def test_dropping_what_is_lost_changes_nothing_for_the_others():
    model, (x, y) = small_net(), batch(40)
    y = model(x).argmax(1)
    U = lambda x: Ball("linf", 0.25) & pixel_box(x)  # noqa: E731
    together = pgd(model, x, y, U, steps=8)
    for i in range(40):
        alone = pgd(model, x[i : i + 1], y[i : i + 1], U, steps=8)
        torch.testing.assert_close(alone[0], together[i])
    lost = model(x + together).argmax(1) != y
    assert 0 < lost.sum() < 40


def test_random_numbers_do_not_depend_on_who_is_lost():
    model, (x, y) = small_net(), batch(10)
    y = model(x).argmax(1)
    wrong = y.clone()
    wrong[::2] = (y[::2] + 1) % 3  # lost from the first moment
    U = Ball("l2", 0.05)
    kept, d = (
        pgd(model, x, labels, U, steps=3, restarts=2, generator=torch.Generator().manual_seed(0))
        for labels in (y, wrong)
    )
    torch.testing.assert_close(d[1::2], kept[1::2])
    assert not d[::2].any()


def test_the_model_is_not_asked_about_lost_examples():
    sizes = []
    model, (x, _) = small_net(), batch(6)
    model.register_forward_hook(lambda module, inputs, output: sizes.append(len(inputs[0])))
    pgd(model, x, (model(x).argmax(1) + 1) % 3, Ball("l2", 1.0))
    assert sizes == [6, 6]  # the one above, then one look: all are lost


def test_every_example_is_attacked_with_its_own_set():
    model, (x, y) = small_net(), batch(30)
    radius = torch.linspace(0, 0.5, 30, dtype=torch.float64)
    d = pgd(model, x, y, Ball("l2", radius), steps=6, step=Ball("l2", radius / 4))
    assert Ball("l2", radius).contains(d).all()
    lost = model(x).argmax(1) != y
    assert not d[lost].any() and d[~lost][1:].flatten(1).any(1).all()


# Steps and starts


@every_set
def test_it_never_finds_less_than_the_first_order_step(U):
    """Its first step is that one, and it keeps the worst."""
    model, (x, y) = small_net(), batch(30)
    one, many = first_order(model, x, y, U), pgd(model, x, y, U, steps=7)
    right = model(x).argmax(1) == y
    torch.testing.assert_close(pgd(model, x, y, U, steps=1)[right], one[right])
    lost, lost_by_one = model(x + many).argmax(1) != y, model(x + one).argmax(1) != y
    assert (lost | ~lost_by_one).all()
    assert (lost | (log_loss(model(x + many), y) >= log_loss(model(x + one), y))).all()


def test_in_a_boxed_l1_ball_it_goes_on_when_the_first_pixel_is_full():
    x, y = torch.full((1, 4), 0.5, dtype=torch.float64), torch.tensor([0])
    W = torch.tensor([[0.0] * 4, [4.0, 3.0, 2.0, 1.0]], dtype=torch.float64)
    model = nn.Sequential(linear(W), Shift(torch.tensor([20.0, 0.0])))
    U = Ball("l1", 1.25) & pixel_box(x)
    expected = torch.tensor([[0.5, 0.5, 0.25, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(pgd(model, x, y, U), expected)
    stuck = pgd(model, x, y, U, step=Ball("l1", 0.1))
    torch.testing.assert_close(stuck, torch.tensor([[0.5, 0.0, 0.0, 0.0]], dtype=torch.float64))


def test_pixels_stay_in_their_range_to_the_last_bit():
    torch.manual_seed(0)
    model, x, y = ConvNet(), torch.rand(20, 1, 28, 28).round(decimals=1), torch.arange(20) % 10
    for step in (None, Ball("linf", 0.07)):
        d = pgd(model, x, y, lambda x: Ball("linf", 0.3) & pixel_box(x), steps=7, step=step)
        assert 0 <= (x + d).min() and (x + d).max() <= 1


@every_set
def test_random_points_are_in_the_set_and_repeatable(U):
    x, _ = batch(200)
    d = random_point(U, x, torch.Generator().manual_seed(3))
    assert set_at(U, x).contains(d).all()
    assert torch.equal(d, random_point(U, x, torch.Generator().manual_seed(3)))
    assert not torch.equal(d, random_point(U, x, torch.Generator().manual_seed(4)))
    assert len(d.flatten(1).unique(dim=0)) > 100


def test_a_set_that_does_not_hold_0_is_attacked_from_its_nearest_point():
    points = torch.tensor([[0.5, 0.0], [0.5, 1.0], [1.0, 0.0]], dtype=torch.float64)
    model = linear(torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64))
    x, y = torch.tensor([[2.0, 0.0]], dtype=torch.float64), torch.tensor([0])
    d = pgd(model, x, y, Scenarios(points), steps=10)
    torch.testing.assert_close(d, points[1:2], atol=1e-4, rtol=0)


def test_where_the_gradient_is_zero_it_does_not_move():
    x, y = batch()
    d = pgd(linear(torch.zeros(3, 12, dtype=x.dtype)), x, torch.zeros_like(y), Ball("l2", 1.0))
    assert not d.any()


# What it leaves alone


@pytest.mark.parametrize("training", [True, False])
def test_mode_parameters_gradients_and_images_are_left_alone(training):
    model, (x, y) = small_net().train(training), batch()
    F.cross_entropy(model(x), y).backward()
    kept, images = [p.grad.clone() for p in model.parameters()], x.clone().requires_grad_()
    modes = []
    model[1].register_forward_hook(lambda module, *_: modes.append(module.training))
    start = torch.zeros_like(x)
    with torch.no_grad():
        d = pgd(model, images, y, Ball("l2", 0.1), start=start)
    assert set(modes) == {training} and model.training is training
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), kept, strict=True))
    assert torch.equal(images, x) and images.grad is None and images.requires_grad
    assert not start.any() and not d.requires_grad


def test_an_empty_batch_is_no_problem():
    x, y = batch()
    assert pgd(small_net(), x[:0], y[:0], Ball("l2", 1.0)).shape == (0, 1, 3, 4)


def test_what_is_wrong_is_said():
    model, (x, y) = small_net(), batch()
    for arguments, words in (
        ({"steps": -1}, "steps: expected a number ≥ 0"),
        ({"restarts": -1}, "restarts: expected a number ≥ 0"),
        ({"start": x[:2]}, "start: expected shape"),
        ({"target": y[:2]}, "target: expected shape"),
    ):
        with pytest.raises(ValueError, match=words):
            pgd(model, x, y, Ball("l2", 1.0), **arguments)
    with pytest.raises(ValueError, match="U: expected an UncertaintySet"):
        pgd(model, x, y, 0.1)
    with torch.no_grad():
        model[1].weight[0, 0] = math.nan
    with pytest.raises(NonFiniteError):
        pgd(model, x, y, Ball("l2", 1.0))


# Agreement with other libraries


@pytest.fixture(scope="module")
def digits():
    from rolab import zoo
    from rolab.data import mnist

    net, data = zoo.load("mnist/robust-linf"), mnist("test")[:3000]
    with torch.no_grad():
        loss = log_loss(net(data.images), data.labels)
    # Not those of which the net is most sure: there the other libraries' cross-entropy rounds p to 1.
    data = data[((loss > 1e-3) & (loss < 0.6)).nonzero()[:64, 0]]
    return net, data.images, data.labels


def peer(name, net, x, y, norm, radius, alpha, steps, start):
    """The images x + Δ that the other library ends with, from x + start."""
    if name == "torchattacks":
        torchattacks = pytest.importorskip("torchattacks")
        kind = torchattacks.PGD if norm == "linf" else torchattacks.PGDL2
        attack = kind(net, eps=radius, alpha=alpha, steps=steps, random_start=False)
        assert not start.any()
        return attack(x, y)
    foolbox = pytest.importorskip("foolbox")
    kinds = foolbox.attacks
    kind = (
        kinds.LinfProjectedGradientDescentAttack if norm == "linf" else kinds.L2ProjectedGradientDescentAttack
    )

    class Begun(kind):
        def get_random_start(self, x0, epsilon):
            return x0 + type(x0)(start)

    wrapped = foolbox.PyTorchModel(net, bounds=(0, 1), device="cpu")
    attack = Begun(abs_stepsize=alpha, steps=steps, random_start=True)
    return attack.run(wrapped, x, foolbox.criteria.Misclassification(y), epsilon=radius)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["torchattacks", "foolbox"])
@pytest.mark.parametrize("norm, radius", [("linf", 0.1), ("l2", 0.3)])
def test_it_reaches_the_loss_and_the_success_of_other_libraries(name, norm, radius, digits):
    """From the same start, with the same steps, so short that the loss rises at each: the last is the worst.

    For ℓ2 far from 0 and 1, where no bound of a pixel is active.
    """
    net, x, y = digits
    if norm == "l2":
        x = 0.4 + 0.2 * x
    start = torch.zeros_like(x)
    if name == "foolbox":
        start = random_point(
            lambda x: Ball(norm, radius / 2) & pixel_box(x), x, torch.Generator().manual_seed(0)
        )
    theirs = peer(name, net, x, y, norm, radius, radius / 10, 8, start) - x
    U, step = Ball(norm, radius) & pixel_box(x), Ball(norm, radius / 10)
    ours = pgd(net, x, y, U, steps=8, step=step, start=start)
    with torch.no_grad():
        lost, lost_there = net(x + ours).argmax(1) != y, net(x + theirs).argmax(1) != y
        loss, loss_there = log_loss(net(x + ours), y), log_loss(net(x + theirs), y)
    assert torch.equal(lost, lost_there)
    assert 5 < (~lost).sum()
    torch.testing.assert_close(loss[~lost], loss_there[~lost], rtol=1e-2, atol=1e-4)
    assert ((loss - loss_there)[~lost]).abs().median() < 1e-4


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["torchattacks", "foolbox"])
@pytest.mark.parametrize("norm, radius", [("linf", 0.1), ("l2", 0.5)])
def test_a_single_step_reaches_the_support_function_as_in_other_libraries(name, norm, radius, digits):
    net, x, y = digits
    if norm == "l2":
        x = 0.4 + 0.2 * x
    g = input_gradient(net, x, y)
    theirs = peer(name, net, x, y, norm, radius, radius, 1, torch.zeros_like(x)) - x
    U = Ball(norm, radius) & pixel_box(x)
    ours = first_order(net, x, y, U)
    reached = (g * theirs).flatten(1).sum(1)
    torch.testing.assert_close((g * ours).flatten(1).sum(1), U.support(g))
    torch.testing.assert_close(reached, U.support(g), rtol=2e-3, atol=1e-7)


def test_a_set_that_is_not_convex_is_left_by_no_step():
    """A mean of two changes of one pixel changes two."""
    (x, _), model = batch(), small_net()
    U, y = SparsePixels(1, pixel_box(x)), model(x).argmax(1)
    d = pgd(model, x, y, U, steps=1)
    assert U.contains(d).all() and d.any()
    for attack in (
        lambda: pgd(model, x, y, U, steps=2),
        lambda: pgd(model, x, y, U, steps=1, step=Ball("linf", 0.1)),
        lambda: pgd(model, x, y, U, steps=1, restarts=1),
        lambda: random_point(U, x),
    ):
        with pytest.raises(ValueError, match=r"U: expected a convex set .*Pixels\(1"):
            attack()


def test_a_batch_stays_whole_where_its_examples_meet():
    """The last example that is left would have no deviation of its own."""
    sizes = []
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)).double().train()
    model.register_forward_pre_hook(lambda module, arguments: sizes.append(len(arguments[0])))
    x, y = batch(6)
    d = pgd(model, x, y, Ball("linf", 0.3), steps=10)
    assert set(sizes) == {6}
    assert (model(x + d).argmax(1) != y).any()  # some are lost, so that fewer were left
    sizes.clear()
    pgd(model.eval(), x, y, Ball("linf", 0.3), steps=10)
    assert min(sizes) < 6


@pytest.mark.parametrize("attack", [first_order, partial(pgd, steps=3, restarts=1)], ids=["step", "pgd"])
def test_mixed_precision_does_not_lead_out_of_the_set(attack):
    x, y = (part.float() if part.is_floating_point() else part for part in batch(16))
    factor = torch.randn(12, 12, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for U in (Ellipsoid(factor @ factor.T, 0.1), factor @ Ball("l2", 0.1)):
        with torch.autocast("cpu", torch.bfloat16):
            d = attack(small_net().float(), x, y, U)
        assert U.contains(d, atol=1e-5).all()


@losses
def test_every_loss_reaches_a_target_wherever_it_ranks(loss):
    """Case 06: the third largest logit is a target of which the plain ratio is constant."""
    torch.manual_seed(0)
    net, x = nn.Linear(20, 10), torch.rand(50, 20)
    ranked = net(x).argsort(1, descending=True)
    for place in range(1, 5):
        d = pgd(net, x, ranked[:, 0], Ball("linf", 0.5), target=ranked[:, place], loss=loss)
        assert torch.equal(net(x + d).argmax(1), ranked[:, place])


def test_the_mean_of_the_gradients_finds_what_one_gradient_misses(mnist_test):
    """On the net of notebook 09 whose loss is rough, against the same steps along single gradients."""
    from rolab import zoo

    net, x, y = zoo.load("mnist/masked"), mnist_test.images[:100], mnist_test.labels[:100]
    U = Ball("l2", 1.5) & pixel_box(x)
    with torch.no_grad():
        left = net(x + pgd(net, x, y, U)).argmax(1) == y
        d, alone = torch.zeros_like(x), torch.ones(100, dtype=torch.bool)
        for i in range(20):
            d = d.lerp(U.maximizer(input_gradient(net, x + d, y)), 1 - i / 20)
            alone &= net(x + d).argmax(1) == y
    assert left.sum() + 3 <= alone.sum()


@pytest.mark.slow
def test_it_leaves_no_more_than_projected_ascent_with_shrinking_steps(mnist_test):
    """On the same net and with as many gradients as the strongest plain ascent that we know: 2 points."""
    from rolab import zoo

    net, x, y = zoo.load("mnist/masked"), mnist_test.images[:100], mnist_test.labels[:100]
    U, steps = Ball("l2", 1.5) & pixel_box(x), 100
    d, plain = torch.zeros_like(x), torch.ones(100, dtype=torch.bool)
    with torch.no_grad():
        left = net(x + pgd(net, x, y, U, steps=steps)).argmax(1) == y
        for i in range(steps):
            plain &= net(x + d).argmax(1) == y
            step = Ball("l2", 0.75 * (1 + math.cos(math.pi * i / steps)))
            d = U.project(d + step.maximizer(ascent_direction(net, x + d, y)))
    assert left.sum() <= plain.sum() + 2
