"""Masked gradients, on nets that mask and nets that do not."""

import pytest
import torch
from small_nets import Rounded, boxed, digits, separated
from torch import nn

from rolab import zoo
from rolab.attacks import ensemble
from rolab.data import Dataset
from rolab.errors import MaskingWarning
from rolab.evaluation import (
    masking_report,
    predict,
    worst_case_accuracy,
)


class Misleading(nn.Module):
    """A net whose gradient points the wrong way: forward as the net, backward with the sign turned."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(2 * x.detach() - x)


def short_ensemble(*given):
    return ensemble(*given, budget=100, generator=torch.Generator().manual_seed(0))


def report(model, data, radii=(0.1, 1.0)):
    return masking_report(
        model, data, boxed, radii, steps=20, queries=100, generator=torch.Generator().manual_seed(0)
    )


def test_an_honest_net_shows_no_sign():
    for net, data in (separated(200), (zoo.load("mnist/robust-linf"), digits(100))):
        for finding in report(net, data):
            assert not finding.masked, str(finding)
            assert finding.words.startswith("No: ")


def test_a_net_that_rounds_its_pixels_is_seen_through():
    """Its gradient is 0: no attack that follows it finds anything, at no radius; random search does."""
    model, data = separated(200)
    data = Dataset((data.images * 8).round() / 8, data.labels)
    net = Rounded(model, 8)
    data = Dataset(data.images, predict(net, data.images))
    *found, one_many, black_white, unbounded, flat = report(net, data, (0.3, 1.0))
    assert [check.masked for check in found] == [False, False, True, False] and not one_many.masked
    assert black_white.masked and black_white.numbers["without"] < black_white.numbers["with"]
    assert unbounded.masked and unbounded.numbers["accuracy"] > 20
    assert flat.masked and flat.words.startswith("Yes: ")


def test_a_net_whose_gradient_misleads_is_seen_through():
    model, data = separated(200)
    findings = report(Misleading(model), data)
    assert [finding.masked for finding in findings] == [False] * 5 + [True] * 3


def test_a_net_that_returns_probabilities_is_seen_through():
    """softmax(100 z): all gradients are 0, and an attack leaves more than of the logits themselves."""
    net = zoo.load("mnist/baseline")

    class Probabilities(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            return (100 * self.net(x)).softmax(1)

    data = digits(40)
    probabilities, random, zero, learns, *_ = report(Probabilities().eval(), data)
    assert probabilities.masked and zero.masked and not random.masked and not learns.masked
    assert probabilities.numbers["share"] == 100 and zero.numbers["share"] > 50
    with pytest.warns(MaskingWarning, match="probabilities.*Yes") as seen:
        (claimed,) = worst_case_accuracy(Probabilities().eval(), data, [boxed(0.1)], [short_ensemble])
    (true,) = worst_case_accuracy(net, data, [boxed(0.1)], [short_ensemble])
    assert len(seen) == 1 and true.percent + 10 < claimed.percent


def test_a_random_net_is_seen_through():
    model, data = separated(100)

    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = model

        def forward(self, x):
            return self.net(x + 0.05 * torch.randn_like(x))

    assert [finding.masked for finding in report(Noisy(), data)[:4]] == [False, True, False, False]


def test_two_radii_are_needed():
    model, data = separated(10)
    for radii in ((0.1,), (0.2, 0.1), (0.0, 1.0)):
        with pytest.raises(ValueError, match="radii: expected two, ascending"):
            masking_report(model, data, boxed, radii)
