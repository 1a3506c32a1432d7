"""The collection A, against brute force."""

import pytest
import torch
from small_nets import right_one_by_one

from rolab.attacks import first_order
from rolab.data import Dataset
from rolab.evaluation import (
    accuracy,
    adversarial_collection,
    predict,
)
from rolab.nets import ConvNet
from rolab.sets import Ball

NORMS = ("l1", "l2", "linf")


GRIDS = {
    norm: [step * k for k in range(1, 30)] for norm, step in {"l1": 0.02, "l2": 0.01, "linf": 0.004}.items()
}


SIZES = {"l1": 15, "l2": 25, "linf": 35}


@pytest.fixture(scope="module")
def collection(model, data):
    return adversarial_collection(model, data, {norm: Ball(norm, 1.0) for norm in NORMS}, GRIDS, SIZES)


def test_the_paper_s_invariants(model, data, collection):
    A = collection
    assert len(A) == sum(SIZES.values())
    assert A.names == [norm for norm in NORMS for _ in range(SIZES[norm])]
    assert torch.equal(A.sources.images, data.images[A.rows])
    assert torch.equal(A.sources.labels, data.labels[A.rows])
    assert accuracy(model, A.sources) == 100
    assert accuracy(model, A.examples()) == 0
    single = torch.tensor([name == "l1" for name in A.names])
    changed = (A.perturbation != 0).flatten(1).sum(1)
    assert (changed[single] == 1).all()
    assert (changed[~single] > 1).all()
    for norm in NORMS:
        mine = torch.tensor([name == norm for name in A.names])
        assert Ball(norm, A.radii[norm]).contains(A.perturbation[mine]).all()


def test_its_radii_and_rows_are_the_smallest_and_the_first_by_brute_force(model, data, collection):
    """Every radius of the grid on every example by itself; what the first good one flips, in order, is A."""
    clean = right_one_by_one(model, data)
    expected_rows = []
    for norm in NORMS:
        for radius in GRIDS[norm]:
            attacked = right_one_by_one(model, data, Ball(norm, radius))
            flipped = [i for i in range(len(data)) if clean[i] and not attacked[i]]
            if len(flipped) >= SIZES[norm]:
                break
        assert radius > GRIDS[norm][0]  # or the search would not be tested
        assert collection.radii[norm] == radius
        expected_rows += flipped[: SIZES[norm]]
    assert collection.rows.tolist() == expected_rows


def test_its_perturbations_are_first_order_steps(model, collection):
    for norm in NORMS:
        mine = torch.tensor([name == norm for name in collection.names])
        sources = collection.sources[mine]
        step = first_order(model, sources.images, sources.labels, Ball(norm, collection.radii[norm]))
        torch.testing.assert_close(collection.perturbation[mine], step)


def test_as_the_radii_grow_the_directions_stay(collection):
    A = collection
    assert torch.equal(A.examples().images, A.sources.images + A.perturbation)
    assert torch.equal(A.examples(0).images, A.sources.images)
    torch.testing.assert_close(A.examples(3).images - A.sources.images, 3 * A.perturbation)
    assert torch.equal(A.examples(2).labels, A.sources.labels)


def test_exactly_as_many_as_asked_for_are_enough(model, data):
    clean, attacked = (right_one_by_one(model, data, Ball("l2", radius)) for radius in (0.0, 0.05))
    count = sum(was and not now for was, now in zip(clean, attacked, strict=True))
    for size, radius in ((count, 0.05), (count + 1, 0.1)):
        A = adversarial_collection(model, data, {"l2": Ball("l2", 1.0)}, {"l2": [0.05, 0.1]}, {"l2": size})
        assert (len(A), A.radii) == (size, {"l2": radius})


def test_a_factor_scales_the_set_it_is_given(model, data):
    unit = adversarial_collection(model, data, {"a": Ball("l2", 1.0)}, {"a": [0.5, 1.0]}, {"a": 20})
    tenth = adversarial_collection(model, data, {"a": Ball("l2", 0.1)}, {"a": [5.0, 10.0]}, {"a": 20})
    assert torch.equal(unit.rows, tenth.rows)
    assert tenth.radii == {"a": 10 * unit.radii["a"]}


def test_a_grid_that_is_too_small_is_named_with_its_largest_radius(model, data):
    with pytest.raises(
        ValueError, match=r"set l2: at its largest radius, 0\.02, only \d+ of \d+ .* at least 200"
    ):
        adversarial_collection(model, data, {"l2": Ball("l2", 1.0)}, {"l2": [0.01, 0.02]}, {"l2": 200})


def test_an_empty_grid_is_a_value_error(model, data):
    with pytest.raises(ValueError):
        adversarial_collection(model, data, {"l2": Ball("l2", 1.0)}, {"l2": []}, {"l2": 1})


def test_a_collection_of_the_mnist_net():
    """Untrained, so that it is quick: the invariants do not ask for a good net."""
    torch.manual_seed(0)
    model = ConvNet()
    x = torch.rand(60, 1, 28, 28)
    data = Dataset(x, predict(model, x))
    sets = {norm: Ball(norm, 1.0) for norm in NORMS}
    grid = [0.01 * 2**k for k in range(20)]
    A = adversarial_collection(model, data, sets, dict.fromkeys(NORMS, grid), dict.fromkeys(NORMS, 10))
    assert (accuracy(model, A.sources), accuracy(model, A.examples())) == (100, 0)
    assert ((A.perturbation[:10] != 0).flatten(1).sum(1) == 1).all()
