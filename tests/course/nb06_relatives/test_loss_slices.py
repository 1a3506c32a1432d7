"""The slices of the methods: what each has instead is right to its order, and a bound is a bound."""

import pytest
import torch
from standing_figures import stands_without_a_kernel

from rolab.course.nb06_relatives.loss_slices import METHODS, Digit, SliceExplorer
from rolab.nets import MNIST_STD
from rolab.objectives import operator_norms


@pytest.fixture(scope="module")
def digit(mnist_test, baseline):
    """A digit of which the net is not sure, a little greyed: off the kinks, so that there are slopes."""
    x = 0.9 * mnist_test.images[247:248] + 0.1 * torch.rand(
        1, 1, 28, 28, generator=torch.Generator().manual_seed(0)
    )
    return Digit(baseline, x, mnist_test.labels[247:248])


def close(digit, monkeypatch, name):
    """A method's slice, very near to x: (quantity, approximation)."""
    digit.t = torch.linspace(0, 2e-3, 31)
    monkeypatch.setattr("rolab.course.nb06_relatives.loss_slices.T", tuple(digit.t.tolist()))
    found = METHODS[name][1](digit)
    return found.truth, found.kept.double(), found


@pytest.mark.parametrize("name", ["first-order", "virtual", "tangent", "jacobian"])
def test_near_to_x_a_method_is_right(digit, monkeypatch, name):
    truth, kept, found = close(digit, monkeypatch, name)
    rise, promised = truth[-1] - truth[0], kept[-1] - kept[0]
    assert float(rise) == pytest.approx(float(promised), rel=0.1)
    assert float(found.d.norm()) == pytest.approx(1, abs=1e-5)


def test_the_jacobian_takes_the_steepest_direction(digit):
    steepest = float(torch.linalg.matrix_norm(digit.J, 2)) ** 2
    found = Digit.jacobian(digit)
    assert float((digit.J @ found.d.flatten().double()).square().sum()) == pytest.approx(steepest, rel=1e-4)


def test_the_product_of_norms_is_a_bound(mnist_test, baseline):
    for i in (0, 36, 247):
        found = Digit(baseline, mnist_test.images[i : i + 1], mnist_test.labels[i : i + 1]).operator_norm()
        assert (found.truth <= found.kept + 1e-6).all()
    product = float(operator_norms(baseline, mnist_test.images[:1]).detach().prod()) / MNIST_STD
    assert float(found.kept[20]) == pytest.approx(product, rel=1e-3), "at t = 1"


def test_the_explorer(mnist_test, baseline):
    explorer = SliceExplorer({"baseline": baseline}, mnist_test[245:250])
    figure = explorer.figure(index=2)
    stands_without_a_kernel(figure)
    assert len(figure.table()) == len(METHODS)
    live = explorer.live(plain=False, index=2, method="virtual")
    for name in METHODS:
        live.controls["method"].value = name
        assert live.error.value == "" and live.shown.title in live.summary.value.replace("&lt;", "<")
    assert live.shown.title == figure.figures[-1].title
    live.controls["t"].value = 0.5
    assert live.error.value == "" and "at t = 0.5 there is" in live.summary.value
