"""The radii at which a step flips each digit are those of the sweeps; medians, and what they say."""

import pytest
import torch
from perturbation_sweeps import Nearest

from rolab.course.nb03_perturbations.flip_radii import flip_radii, medians, surprise
from rolab.course.nb03_perturbations.perturbation_sweep import perturbation_sweep
from rolab.sets import Ball


@pytest.mark.parametrize("norm, largest", [("l1", 8.0), ("l2", 2.0), ("linf", 0.2)])
def test_they_are_those_of_the_sweeps(mnist_test, norm, largest):
    net, digits, U = Nearest(mnist_test), mnist_test[:12], Ball(norm, 1.0)
    radii = tuple(largest * k / 8 for k in range(9))
    found = flip_radii(net, digits, U, radii).tolist()
    for k, radius in enumerate(found):
        named = {"net": "baseline", "norm": norm}
        x, y = digits.images[k : k + 1], int(digits.labels[k])
        sweep = perturbation_sweep(net, x, y, U, radii, **named)
        assert radius == (torch.inf if sweep.flip is None else sweep.flip_radius)
    assert len(set(found)) > 2


def test_medians_of_the_first_digits_and_of_all():
    found = {"net": {"l1": torch.tensor([3.0, 1.0, 2.0, torch.inf, torch.inf, torch.inf])}}
    assert medians(found, 3) == {"net": {"l1": 2.0}} and medians(found) == {"net": {"l1": None}}


def test_nets_that_beat_the_one_trained_against_a_norm_are_named():
    seen = {
        "baseline": {"l1": 2.0},
        "robust-l1": {"l1": 3.0},
        "robust-l2": {"l1": None},
        "robust-linf": {"l1": 4.0},
    }
    assert surprise(seen) == "Better in ℓ1 than the net that was trained against ℓ1: robust ℓ2, robust ℓ∞."
    assert surprise(seen | {"robust-l1": {"l1": None}}).startswith("No net does better in ℓ1")
