"""Accuracies, the collection A, sweeps and McNemar's test, each against a slower and simpler way."""

from fractions import Fraction
from math import comb

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from rolab import evaluation
from rolab.attacks import first_order, input_gradient
from rolab.data import Dataset
from rolab.evaluation import (
    accuracy,
    accuracy_percent,
    accuracy_vs_radius,
    adversarial_collection,
    eval_mode,
    gradients,
    mcnemar,
    predict,
)
from rolab.nets import ConvNet
from rolab.sets import Ball, pixel_box

N = 230  # more than one batch, and the last one is not full
NORMS = ("l1", "l2", "linf")


class Small(nn.Module):
    """A network with dropout, which tells in which mode it is run."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.w = nn.Parameter(torch.randn(16, 12, generator=generator))
        self.v = nn.Parameter(torch.randn(4, 16, generator=generator))
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        return self.dropout(torch.tanh((x.flatten(1) - 0.5) @ self.w.t())) @ self.v.t()


def data_for(model: nn.Module, seed: int = 0, wrong: int = 6) -> Dataset:
    """Images of which the model classifies all but about one in `wrong` correctly."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(N, 1, 3, 4, generator=generator)
    with eval_mode(model), torch.no_grad():
        y = model(x).argmax(1)
    spoilt = torch.randint(0, wrong, (N,), generator=generator) == 0
    return Dataset(x, torch.where(spoilt, (y + 1) % 4, y))


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return Small(0).eval()


@pytest.fixture(scope="module")
def data(model) -> Dataset:
    return data_for(model)


def right_one_by_one(model: nn.Module, data: Dataset, U=None) -> list[bool]:
    """Example by example: does the model still classify it correctly under its own first-order attack?"""
    found = []
    for i in range(len(data)):
        x, y = data.images[i : i + 1], data.labels[i : i + 1]
        if U is not None:
            x = x + first_order(model, x, y, U)
        logits = model(x)[0].tolist()
        found.append(logits.index(max(logits)) == int(y))
    return found


# Accuracy


def test_predictions_are_those_of_a_loop(model, data):
    found = predict(model, data.images)
    assert found.shape == (N,)
    assert found.dtype == torch.int64
    assert (found == data.labels).tolist() == right_one_by_one(model, data)


def test_accuracy_is_the_share_in_percent(model, data):
    right = right_one_by_one(model, data)
    assert accuracy(model, data) == 100 * sum(right) / N
    assert 0 < accuracy(model, data) < 100
    assert accuracy(model, data[0]) in (0, 100)


@given(st.lists(st.booleans(), min_size=1))
def test_percent(right):
    assert accuracy_percent(torch.tensor(right)) == 100 * right.count(True) / len(right)


@pytest.mark.parametrize("training", [True, False])
def test_everything_is_judged_in_eval_mode_and_the_mode_comes_back(data, training):
    model = Small(0).train(training)
    modes: list[bool] = []
    model.dropout.register_forward_hook(lambda module, *_: modes.append(module.training))
    U = Ball("linf", 0.1)
    accuracy(model, data)
    gradients(model, data)
    accuracy_vs_radius(model, data, [U])
    adversarial_collection(model, data, {"linf": U}, {"linf": [5.0]}, {"linf": 3})
    assert modes
    assert not any(modes)
    assert model.training is training
    assert all(p.grad is None for p in model.parameters())


def test_the_mode_comes_back_after_an_error(data):
    model = Small(0).train()
    with pytest.raises(RuntimeError, match="stop"), eval_mode(model):
        raise RuntimeError("stop")
    assert model.training


def test_gradients_are_those_of_each_example(model, data):
    found = gradients(model, data)
    assert found.shape == data.images.shape
    assert not found.requires_grad
    for i in (0, 199, 200, N - 1):
        one = data[i]
        torch.testing.assert_close(found[i : i + 1], input_gradient(model, one.images, one.labels))


# Sweeps


@pytest.mark.parametrize("norm", NORMS)
def test_a_sweep_is_one_attack_after_another(model, data, norm):
    sets = [Ball(norm, 0.3), Ball(norm, 0.0), Ball(norm, 0.8)]  # in any order
    found = accuracy_vs_radius(model, data, sets)
    assert found == [100 * sum(right_one_by_one(model, data, U)) / N for U in sets]
    assert found[1] == accuracy(model, data)
    assert found[2] < found[0] < found[1]


def test_a_sweep_takes_functions_of_the_images(model, data):
    def valid(x):
        return Ball("l2", 0.6) & pixel_box(x)

    (found,) = accuracy_vs_radius(model, data, [valid])
    assert found == 100 * sum(right_one_by_one(model, data, valid)) / N
    assert found != accuracy_vs_radius(model, data, [Ball("l2", 0.6)])[0]


def test_one_gradient_serves_all_sets(model, data, monkeypatch):
    asked = []
    monkeypatch.setattr(evaluation, "gradients", lambda *a: asked.append(a) or gradients(*a))
    accuracy_vs_radius(model, data, [Ball("linf", 0.1 * k) for k in range(5)])
    assert len(asked) == 1


def test_an_empty_sweep_is_empty(model, data):
    assert accuracy_vs_radius(model, data, []) == []


# The collection A

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
            flipped = [i for i in range(N) if clean[i] and not attacked[i]]
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


# McNemar's test


def two_sided(a: int, b: int) -> Fraction:
    """The probability that a fair coin, thrown a + b times, splits at least as unevenly as a : b."""
    n = a + b
    uneven = [k for k in range(n + 1) if abs(2 * k - n) >= abs(a - b)]
    return Fraction(sum(comb(n, k) for k in uneven), 2**n)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 5), st.integers(0, 5), st.randoms())
def test_mcnemar_against_the_binomial_sum(only_a, only_b, both, neither, random):
    pairs = [(1, 0)] * only_a + [(0, 1)] * only_b + [(1, 1)] * both + [(0, 0)] * neither
    random.shuffle(pairs)
    right = torch.tensor(pairs, dtype=torch.bool).view(-1, 2)
    found = mcnemar(right[:, 0], right[:, 1])
    assert (found["only_a"], found["only_b"]) == (only_a, only_b)
    assert found["p"] == pytest.approx(float(two_sided(only_a, only_b)), rel=1e-9)
    assert type(found["p"]) is float


def test_mcnemar_on_a_published_table():
    """Fagerland, Lydersen and Laake (2013), hyper-responsive airways: 1 and 7 discordant, p = 0.0703."""
    right = torch.tensor([(1, 0)] * 1 + [(0, 1)] * 7 + [(1, 1)] * 12 + [(0, 0)], dtype=torch.bool)
    assert mcnemar(right[:, 0], right[:, 1])["p"] == pytest.approx(0.0703, abs=5e-5)


def test_two_classifiers_that_never_differ_do_not_differ():
    right = torch.tensor([True, False, True])
    assert mcnemar(right, right) == {"only_a": 0, "only_b": 0, "p": 1.0}


def test_what_cudnn_was_told_stays(monkeypatch):
    cudnn = torch.backends.cudnn
    monkeypatch.setattr(cudnn, "deterministic", True)
    monkeypatch.setattr(cudnn, "benchmark", True)
    switch = getattr(cudnn, "conv", None)
    before = switch and switch.fp32_precision
    with pytest.raises(RuntimeError, match="stop"), eval_mode(Small(0)):
        assert cudnn.deterministic and cudnn.benchmark
        assert switch.fp32_precision == "ieee" if switch else not cudnn.allow_tf32
        raise RuntimeError("stop")
    assert not switch or switch.fp32_precision == before
