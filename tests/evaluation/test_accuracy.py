"""Accuracies and gradients, each against a slower and simpler way."""

import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_nets import Small, right_one_by_one, separated
from torch import nn

from rolab.attacks import input_gradient
from rolab.evaluation import (
    accuracy,
    accuracy_percent,
    accuracy_vs_radius,
    adversarial_collection,
    eval_mode,
    gradients,
    predict,
)
from rolab.sets import Ball, pixel_box

NORMS = ("l1", "l2", "linf")


# Accuracy


def test_predictions_are_those_of_a_loop(model, data):
    found = predict(model, data.images)
    assert found.shape == (len(data),)
    assert found.dtype == torch.int64
    assert (found == data.labels).tolist() == right_one_by_one(model, data)


def test_accuracy_is_the_share_in_percent(model, data):
    right = right_one_by_one(model, data)
    assert accuracy(model, data) == 100 * sum(right) / len(data)
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
    for i in (0, 199, 200, len(data) - 1):
        one = data[i]
        torch.testing.assert_close(found[i : i + 1], input_gradient(model, one.images, one.labels))


# Sweeps


@pytest.mark.parametrize("norm", NORMS)
def test_a_sweep_is_one_attack_after_another(model, data, norm):
    sets = [Ball(norm, 0.3), Ball(norm, 0.0), Ball(norm, 0.8)]  # in any order
    found = accuracy_vs_radius(model, data, sets)
    assert found == [100 * sum(right_one_by_one(model, data, U)) / len(data) for U in sets]
    assert found[1] == accuracy(model, data)
    assert found[2] < found[0] < found[1]


def test_a_sweep_takes_functions_of_the_images(model, data):
    def valid(x):
        return Ball("l2", 0.6) & pixel_box(x)

    (found,) = accuracy_vs_radius(model, data, [valid])
    assert found == 100 * sum(right_one_by_one(model, data, valid)) / len(data)
    assert found != accuracy_vs_radius(model, data, [Ball("l2", 0.6)])[0]


def test_one_gradient_serves_all_sets(model, data, monkeypatch):
    asked = []
    real = sys.modules["rolab.evaluation.accuracy"].ascent_directions
    monkeypatch.setattr(
        sys.modules["rolab.evaluation.accuracy"], "ascent_directions", lambda *a: asked.append(a) or real(*a)
    )
    accuracy_vs_radius(model, data, [Ball("linf", 0.1 * k) for k in range(5)])
    assert len(asked) == 1


@pytest.mark.parametrize("sure", [1e-3, 1e3, 1e6])
@pytest.mark.parametrize("norm", NORMS)
def test_how_sure_a_net_is_changes_neither_its_sweep_nor_its_collection(sure, norm):
    """In single precision the gradient itself is 0 from a margin of 104 on."""
    (model, data), sets = separated(), [Ball(norm, r) for r in (0.1, 0.3, 1.0)]
    same = nn.Sequential(model, nn.Linear(2, 2, bias=False))
    same[1].weight.data = sure * torch.eye(2)
    assert accuracy_vs_radius(same, data, sets) == accuracy_vs_radius(model, data, sets)
    collect = {norm: Ball(norm, 1.0)}, {norm: [0.1, 0.3, 1.0, 3.0]}, {norm: 20}
    A, B = (adversarial_collection(net, data, *collect) for net in (model, same))
    assert torch.equal(A.rows, B.rows) and A.radii == B.radii
    torch.testing.assert_close(A.perturbation, B.perturbation)


def test_an_empty_sweep_is_empty(model, data):
    assert accuracy_vs_radius(model, data, []) == []


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
