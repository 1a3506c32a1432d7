"""Tangent propagation, eq. (4): against explicit Jacobians, and the random form over all its signs."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from objective_cases import batch, explicit_jacobian, net_in_training, small_net
from tiny_runs import SHORT, blobs, net, run, weights

from rolab.objectives import Nominal, TangentPropagation


def tangents(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


@settings(max_examples=6)
@given(st.integers(1, 5), st.integers(0, 2**32))
def test_the_exact_form_is_the_sum_over_explicit_jacobians(k, seed):
    model, (x, y), own = small_net(), batch(seed=seed), tangents(6, 12, k, seed=seed)
    J = explicit_jacobian(model, x)
    expected = (J @ own).square().sum((1, 2)).mean()
    found = TangentPropagation(lambda x: own, exact=True)(model, x, y)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)
    expected = (J @ own[0]).square().sum((1, 2)).mean()
    found = TangentPropagation(own[0], exact=True)(model, x, y)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("exact", [True, False])
def test_its_gradient_in_the_weights_is_the_derivative(exact):
    """By central differences in a random direction of the weights, from the same signs."""
    model, (x, y), objective = small_net(), batch(), TangentPropagation(tangents(12, 3), exact)
    direction = [torch.randn_like(p) for p in model.parameters()]

    def value(t: float) -> float:
        moved = small_net()
        with torch.no_grad():
            for p, d in zip(moved.parameters(), direction, strict=True):
                p += t * d
        torch.manual_seed(7)
        return objective(moved, x, y).item()

    torch.manual_seed(7)
    slope = sum((g * d).sum() for g, d in zip(_gradients(objective, model, x, y), direction, strict=True))
    assert slope.item() == pytest.approx((value(1e-5) - value(-1e-5)) / 2e-5, rel=1e-6)


def _gradients(objective, model, x, y):
    """The last bias has none: it does not move the Jacobian."""
    parameters = list(model.parameters())
    return torch.autograd.grad(objective(model, x, y), parameters, materialize_grads=True, allow_unused=True)


def test_the_random_form_is_unbiased():
    """Its values are those of the 2ᵏ vectors of signs, of which each is as likely; their mean is the sum."""
    model, (x, _), own = small_net(), batch(1), tangents(12, 3)
    J = explicit_jacobian(model, x)[0]
    all_signs = torch.tensor(list(itertools.product([1.0, -1.0], repeat=3)), dtype=torch.float64)
    values = (all_signs @ (J @ own).T).square().sum(1)
    exact = TangentPropagation(own, exact=True)(model, x, None)
    torch.testing.assert_close(values.mean(), exact, rtol=1e-10, atol=0)
    assert values[:4].unique().numel() == 4, "s and −s have one value"
    counts = torch.zeros(4)
    torch.manual_seed(0)
    for _ in range(200):
        found = TangentPropagation(own)(model, x, None)
        near = (found - values[:4]).abs() < 1e-9 * values[:4]
        assert near.sum() == 1
        counts += near
    assert (counts > 25).all(), "50 each, ± 6"
    images = x.expand(4000, -1, -1, -1)  # each example has signs of its own
    spread = values.std() / 4000**0.5
    assert abs(TangentPropagation(own)(model, images, None) - exact) < 4 * spread


def test_the_network_is_left_as_it_was_and_dropout_is_off():
    model, without, (x, y) = net_in_training(), net_in_training(0.0), batch()
    objective = TangentPropagation(tangents(12, 2), exact=True)
    torch.testing.assert_close(objective(model, x, y), objective(without, x, y), rtol=1e-12, atol=0)
    assert model[2].num_batches_tracked == 0 and model[2].training and model[4].training


def test_training_with_it_makes_the_net_blind_to_the_tangents():
    """Not so for the others: the classes are told apart all the same."""
    data = blobs()
    own = torch.eye(12)[:, [0, 4, 8]]  # pixels that tell the classes apart, as their neighbours do
    objective = Nominal() + 3 * TangentPropagation(own)
    plain, blind = (run(objective=each, recipe=SHORT).model for each in (Nominal(), objective))
    values = [TangentPropagation(own, exact=True)(each, data.images, None).item() for each in (plain, blind)]
    assert values[1] < 0.5 * values[0]


def test_a_run_is_resumed_to_the_same_bits_and_told_by_its_tangents(tmp_path):
    def stop(done, steps, line):
        if done == 5:
            raise KeyboardInterrupt

    own = tangents(12, 2).float()
    objective = Nominal() + TangentPropagation(own)
    whole = run(objective=objective)
    with pytest.raises(KeyboardInterrupt):
        run(objective=objective, folder=tmp_path, progress=stop)
    with pytest.raises(ValueError, match="holds another run"):
        run(objective=Nominal() + TangentPropagation(2 * own), folder=tmp_path)
    resumed = run(net(5), objective=objective, folder=tmp_path)
    assert torch.equal(weights(resumed.model), weights(whole.model))


def test_it_reads_well():
    assert repr(TangentPropagation(tangents(12, 2))) == "TangentPropagation(<12x2>)"
    assert repr(TangentPropagation(tangents, exact=True)) == "TangentPropagation(tangents, exact=True)"


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (tangents(5, 12), r"tangents: expected \(12, k\), got \(5, 12\)"),
        (lambda x: tangents(12, 5), r"tangents: expected \(6, 12, k\) from the function, got \(12, 5\)"),
        (lambda x: tangents(5, 12, 2), r"from the function, got \(5, 12, 2\)"),
        (lambda x: None, "from the function, got None"),
        (torch.full((12, 2), torch.nan), "tangents: expected finite entries"),
        ([[1.0] * 12], "tangents: expected a tensor"),
    ],
)
def test_tangents_that_do_not_fit_are_refused_by_name(own, message):
    with pytest.raises(ValueError, match=message):
        TangentPropagation(own)(small_net(), *batch())
