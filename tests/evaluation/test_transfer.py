"""Transfer from net to net, and noise as large."""

import pytest
import torch
from small_nets import boxed, digits, generator, separated

from rolab import zoo
from rolab.attacks import first_order, pgd
from rolab.data import Dataset
from rolab.evaluation import (
    AccuracyEstimate,
    accuracy,
    correct_under_attack,
    equal_norm_noise,
    perturbations,
    transfer_matrix,
)
from rolab.sets import Ball


def test_the_diagonal_of_the_transfer_matrix_is_white_box():
    nets = {name: zoo.load(f"mnist/{name}") for name in ("baseline", "robust-linf")}
    data, U = digits(100), boxed(0.15)
    matrix = transfer_matrix(nets, data, U, pgd)
    for name, net in nets.items():
        assert matrix[name][name] == AccuracyEstimate.of(correct_under_attack(net, data, U, pgd))
        (other,) = set(nets) - {name}
        made = data.images + perturbations(net, data, U, pgd)
        assert matrix[name][other].percent == accuracy(nets[other], Dataset(made, data.labels))
        assert matrix[name][name].percent < matrix[name][other].percent


def test_a_linear_net_is_misled_by_its_own_step_and_hardly_by_noise():
    model, data = separated()
    U = boxed(0.2)
    matrix = {
        name: transfer_matrix({"net": model}, data, U, attack)["net"]["net"].percent
        for name, attack in (("step", first_order), ("noise", equal_norm_noise(first_order, generator(0))))
    }
    assert matrix["step"] < matrix["noise"]


@pytest.mark.parametrize("U", [boxed(0.1), boxed(0.5, "l2"), Ball("l1", 0.7)], ids=["linf", "l2", "l1"])
def test_noise_is_as_large_as_the_perturbation_and_leaves_an_image(U):
    model, data = separated(200)
    found = perturbations(model, data, U, first_order)
    noise = perturbations(model, data, U, equal_norm_noise(first_order, generator(0)))
    wanted, came = (d.flatten(1).norm(dim=1) for d in (found, noise))
    x = data.images
    room = torch.where(noise > 0, 1 - x, x).flatten(1).norm(dim=1)  # to the corner of the box that it faces
    torch.testing.assert_close(came, wanted.minimum(room), rtol=1e-4, atol=1e-6)
    assert (x + noise).min() >= 0 and (x + noise).max() <= 1
    cosine = (found * noise).flatten(1).sum(1) / (wanted * came)
    assert cosine.abs().mean() < 0.5  # and knows nothing of its direction


def test_noise_is_that_of_its_generator():
    model, data = separated()
    one, same, other = (
        perturbations(model, data, boxed(0.1), equal_norm_noise(first_order, generator(seed)))
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_where_the_attack_does_nothing_so_does_the_noise():
    model, data = separated()
    assert not perturbations(model, data, Ball("linf", 0.0), equal_norm_noise()).any()
