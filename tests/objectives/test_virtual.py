"""Virtual adversarial training: HΔ against the explicit Hessian, the power method, batches without labels."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from objective_cases import batch, gradients, net_in_training, small_net
from tiny_runs import SHORT, blobs, net, run, weights
from torch import nn

from rolab.nets import ConvNet, WhitenedNet
from rolab.objectives import KLHessian, Nominal, TangentPropagation, Unlabelled, Virtual, frozen_statistics
from rolab.sets import Ball, Budget, Ellipsoid, UncertaintySet, pixel_box
from rolab.training import Recipe, training_step


class Span(UncertaintySet):
    """A set of one's own, from two methods: a Euclidean ball in the span of orthonormal rows (k, d)."""

    def __init__(self, basis: torch.Tensor, radius: float) -> None:
        self.basis, self.ball = basis, Ball("l2", radius)

    def _onto_span(self, g):
        return ((g.flatten(1) @ self.basis.T) @ self.basis).view_as(g)

    def maximizer(self, g):
        return self.ball.maximizer(self._onto_span(g))

    def project(self, d):
        return self.ball.project(self._onto_span(d))


def orthonormal(k: int, d: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(d, k, dtype=torch.float64, generator=generator))[0].T


SETS = {
    "l2": Ball("l2", 0.5),
    "linf": Ball("linf", 0.1),
    "l1": Ball("l1", 1.0),
    "budget": Budget(2.5, 0.2),
    "ellipsoid": Ellipsoid(torch.diag(torch.linspace(0.1, 2, 12, dtype=torch.float64)), 0.5),
    "tangent": Span(orthonormal(4, 12), 0.5),
    "a function": lambda x: Ball("linf", 0.3) & pixel_box(x),
}
every_set = pytest.mark.parametrize("U", SETS.values(), ids=SETS)


def kl(model: nn.Module, x: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """KL(p(x) ‖ p(x + Δ)) of each example, word by word."""
    log_p, log_q = model(x).log_softmax(1), model(x + d).log_softmax(1)
    return (log_p.exp() * (log_p - log_q)).sum(1)


def quadratic(H: KLHessian, d: torch.Tensor) -> torch.Tensor:
    return (d * (H @ d)).flatten(1).sum(1)


# H


def test_the_product_is_that_of_the_explicit_hessian_of_the_kl():
    model, (x, _) = small_net(), batch()
    d = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    found = KLHessian(model, x) @ d
    for i in range(len(x)):
        one = x[i : i + 1]
        H = torch.autograd.functional.hessian(lambda e, one=one: kl(model, one, e).sum(), 0 * one)
        expected = H.reshape(12, 12) @ d[i].flatten()
        torch.testing.assert_close(found[i].flatten(), expected, rtol=1e-10, atol=1e-13)
    assert all(p.grad is None for p in model.parameters())


def test_where_examples_meet_h_is_that_of_the_batch_and_no_average_moves():
    """Batch norm in training couples the examples; dropout is off. The whole Hessian, all 3 · 12 rows."""
    model, (x, _), without = net_in_training(), batch(3), net_in_training(dropout=0.0)
    without[2].track_running_stats = False
    d = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    H = torch.autograd.functional.hessian(lambda e: kl(without, x, e).sum(), 0 * x).reshape(36, 36)
    assert H[:12, 12:].abs().max() > 1e-3 * H.abs().max()
    found = KLHessian(model, x) @ d
    torch.testing.assert_close(found.flatten(), H @ d.flatten(), rtol=1e-9, atol=1e-12)
    assert model[2].num_batches_tracked == 0 and not model[2].running_mean.any()
    assert model[4].training and model[2].track_running_stats


def test_a_net_that_is_nearly_sure_is_not_lost_to_rounding():
    """p is 1 in single precision; what is left of F = diag p − ppᵀ is as exact as elsewhere."""
    z = torch.tensor([[30.0, 0.0, -1.0], [0.0, 3.0, 40.0]])
    found, exact = (KLHessian(nn.Identity(), each) @ torch.eye(3)[:2].to(each) for each in (z, z.double()))
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=0)
    assert found.any(1).all()


def test_the_kl_is_the_quadratic_form_up_to_the_third_order():
    model, (x, _) = small_net(), batch()
    d = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    half = quadratic(KLHessian(model, x), d) / 2
    errors = torch.stack([(kl(model, x, t * d) / t**2 - half).abs() for t in (1e-2, 1e-3)])
    assert (errors[1] < 0.15 * errors[0]).all() and (errors[1] < 1e-2 * half).all()


# The power method


@every_set
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32))
def test_the_quadratic_form_never_falls(U, seed):
    model, (x, _) = small_net(), batch(seed=seed)
    H, last = KLHessian(model, x), torch.zeros(6, dtype=torch.float64)
    resolved = U(x) if not isinstance(U, UncertaintySet) else U
    for steps in (1, 2, 3, 6):
        torch.manual_seed(seed)
        d = H.maximizer(U, steps)
        value = quadratic(H, d)
        assert resolved.contains(d).all()
        assert (value >= last * (1 - 1e-10) - 1e-15).all()
        last = value
    assert (last > 0).all()


def test_on_a_linear_softmax_it_is_the_top_eigenvector():
    """H = WᵀFW of each example, from an explicit decomposition."""
    torch.manual_seed(0)
    model, (x, _) = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).double(), batch()
    W, p = model[1].weight.detach(), model(x).softmax(1).detach()
    d = KLHessian(model, x).maximizer(Ball("l2", 0.5), steps=200).flatten(1)
    for i in range(len(x)):
        F = p[i].diag() - p[i].outer(p[i])
        values, vectors = torch.linalg.eigh(W.T @ F @ W)
        assert values[-2] < 0.98 * values[-1]
        alignment = (vectors[:, -1] @ d[i]).abs() / 0.5
        assert alignment == pytest.approx(1, abs=1e-6)
        assert d[i].norm() == pytest.approx(0.5)


def test_it_begins_at_random_and_from_the_seed():
    model, (x, _), U = small_net(), batch(), Ball("linf", 0.1)
    found = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        found.append(KLHessian(model, x).maximizer(U))
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


# The objective


@every_set
def test_the_loss_is_the_kl_with_p_and_the_perturbation_constant(U):
    model, (x, y) = small_net(), batch()
    torch.manual_seed(5)
    d = KLHessian(model, x).maximizer(U, 2)
    p = model(x).softmax(1).detach()
    wanted = (p * (p.log() - model(x + d).log_softmax(1))).sum(1).mean()
    expected = torch.autograd.grad(wanted, list(model.parameters()))
    torch.manual_seed(5)
    torch.testing.assert_close(Virtual(U, 2)(model, x, y), wanted, rtol=1e-10, atol=1e-14)
    torch.manual_seed(5)
    for found, each in zip(gradients(Virtual(U, 2), model, x, None), expected, strict=True):
        torch.testing.assert_close(found, each, rtol=1e-9, atol=1e-12)
    assert Virtual(Ball("l2", 0.0))(model, x, y) == 0


def test_the_averages_are_those_of_the_supervised_loss_and_dropout_is_off():
    model, alone, (x, y) = net_in_training(), net_in_training(), batch()
    torch.manual_seed(3)
    (Nominal() + Virtual(Ball("l2", 0.5)))(model, x, y)
    torch.manual_seed(3)
    Nominal()(alone, x, y)
    assert all(torch.equal(a, b) for a, b in zip(model.buffers(), alone.buffers(), strict=True))
    assert model[2].num_batches_tracked == 1 and model[4].training
    assert Virtual(Ball("l2", 0.0))(model, x, y) == 0, "two masks would differ, and the KL with them"


def test_without_labels_beside_a_supervised_batch():
    model, (x, y) = small_net(), batch()
    images = batch(50, seed=9)[0]
    mixed = Nominal() + 2 * Unlabelled(Virtual(Ball("l2", 0.5)), images, 20)
    torch.manual_seed(4)
    found = mixed(model, x, y)
    torch.manual_seed(4)
    seen = images[torch.randint(50, (20,))]
    expected = Nominal()(model, x, y) + 2 * Virtual(Ball("l2", 0.5))(model, seen, None)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    with pytest.raises(ValueError, match="y: expected .* got NoneType"):
        Unlabelled(Nominal(), images)(model, x, y)


def test_images_without_labels_help_where_labels_are_few():
    """Two blobs, one labelled example each: the penalty moves the boundary to where no image is."""
    few, many = blobs(400), blobs(300, seed=1)
    first = [int((few.labels == k).nonzero()[0]) for k in range(3)]
    labelled = few[torch.tensor(first)]
    recipe = Recipe(epochs=40, batch_size=3, learning_rate=0.2, weight_decay=0.0)
    U = Ball("l2", 0.3)
    losses = []
    for objective in (Nominal(), Nominal() + Unlabelled(Virtual(U), few.images, 50)):
        trained = run(net(), labelled, objective, recipe).model
        torch.manual_seed(0)
        losses.append(Virtual(U, 5)(trained, many.images).item())
    assert losses[1] < 0.5 * losses[0]


def test_a_run_is_resumed_to_the_same_bits_and_told_by_its_images(tmp_path):
    def stop(done, steps, line):
        if done == 5:
            raise KeyboardInterrupt

    images = blobs(30, seed=2).images
    objective = Nominal() + Unlabelled(Virtual(Ball("linf", 0.1), 2), images, 8)
    whole = run(net(dropout=0.3), objective=objective, folder=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(net(dropout=0.3), objective=objective, folder=tmp_path / "parts", progress=stop)
    with pytest.raises(ValueError, match="holds another run"):
        other = Nominal() + Unlabelled(Virtual(Ball("linf", 0.1), 2), images.flip(0), 8)
        run(net(dropout=0.3), objective=other, folder=tmp_path / "parts")
    resumed = run(net(5, 0.3), objective=objective, folder=tmp_path / "parts")
    assert torch.equal(weights(resumed.model), weights(whole.model))
    assert repr(objective.b) == "Unlabelled(Virtual(U=Ball('linf', 0.1), steps=2), <30x1x3x4>, 8)"


def test_training_with_it_lowers_it():
    data, U = blobs(), Ball("l2", 0.5)
    values = []
    for objective in (Nominal(), Nominal() + 3 * Virtual(U)):
        trained = run(objective=objective, recipe=SHORT).model
        torch.manual_seed(0)
        values.append(Virtual(U, 5)(trained, data.images).item())
    assert values[1] < 0.8 * values[0]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_trains_the_nets_of_the_paper_also_in_mixed_precision(precision):
    torch.manual_seed(0)
    colour = WhitenedNet()
    colour.whiten(torch.rand(20, 3, 32, 32))
    for model, shape in ((ConvNet(), (1, 28, 28)), (colour, (3, 32, 32))):
        model.to(memory_format=torch.channels_last).train()
        x, y = torch.rand(4, *shape).to(memory_format=torch.channels_last), torch.arange(4)
        optimizer = Recipe(learning_rate=0.01).optimizer(model)
        objective = Nominal() + Virtual(lambda x: Ball("linf", 0.1) & pixel_box(x))
        objective = objective + TangentPropagation(torch.rand(math.prod(shape), 2))
        assert 0 < training_step(model, x, y, objective, optimizer, precision) < 100
        with frozen_statistics(model):
            d = KLHessian(model, x).maximizer(Ball("linf", 0.1))
        assert d.dtype == x.dtype and d.flatten(1).any(1).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Virtual(Ball("l2", 1.0), 0), "steps: expected a whole number from 1"),
        (lambda: Virtual(Ball("l2", 1.0), 1.5), "steps: expected a whole number from 1"),
        (lambda: Virtual(3)(small_net(), batch()[0]), "U: expected an UncertaintySet"),
        (lambda: Unlabelled(Nominal(), torch.zeros(0, 3)), "images: expected at least one, got none"),
        (lambda: Unlabelled(Nominal(), torch.full((2, 3), 7.0)), r"images: expected pixels in \[0, 1\]"),
        (lambda: Unlabelled(Nominal(), [1.0]), "images: expected a tensor"),
        (lambda: Unlabelled(Nominal(), torch.zeros(2, 3), 0), "batch_size: expected a whole number from 1"),
        (lambda: KLHessian(small_net(), torch.zeros(12)), "x: expected a batch"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()
