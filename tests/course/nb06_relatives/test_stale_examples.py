"""Stale examples: those of the round itself are fresh, and older ones lie beside them."""

import pytest
import torch

from rolab.course.nb06_relatives.stale_examples import StaleExamples
from rolab.evaluation import accuracy_percent, correct
from rolab.nets import ConvNet
from rolab.objectives import Robust
from rolab.sets import Ball


@pytest.fixture(scope="module")
def stale(mnist_test):
    torch.manual_seed(0)
    return StaleExamples(
        ConvNet(), mnist_test[:300], mnist_test[300:350], Ball("linf", 0.1), every=3, rounds=3
    )


def test_the_last_round_is_the_net_as_it_is_now(stale):
    table = stale.accuracy
    assert [[v is None for v in row] for row in table] == [[j < i for j in range(3)] for i in range(3)]
    fresh = Robust(stale.U).perturbation(stale.net, stale.test.images, stale.test.labels)
    assert stale.gained == table[0][2] - table[2][2]
    assert table[2][2] == accuracy_percent(correct(stale.net, stale.test, fresh))


def test_the_figure(stale):
    figure = stale.figure()
    assert list(figure.mean) == ["fresh", "made at step 3", "made at step 6"]
    assert figure.mean["fresh"] == [stale.accuracy[k][k] for k in range(3)]
    assert figure.png_bytes() and "Accuracy against steps" in figure.alt
