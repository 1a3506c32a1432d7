"""A set and a batch: what fits, what is indexed, what is refused; and sets are no sequences."""

import numpy as np
import pytest
import torch
from set_definitions import SETS, N, every_set
from set_samples import numbers
from torch import nn

from rolab.attacks import pgd
from rolab.sets import (
    Ball,
    Box,
    Budget,
    Columns,
    Ellipsoid,
    GroupBall,
    PixelBall,
    Rows,
    Scaled,
    SparsePixels,
    SpectralBall,
    UncertaintySet,
    pixel_box,
    resolve,
)

IMAGES = torch.Size((4, 3, 2, 2))
X = numbers(50, *IMAGES).sigmoid()
RADII = torch.tensor([0.1, 0.2, 0.3, 0.4]).double()
ONE = numbers(51, *IMAGES[1:]).abs()  # the bound of a box, shaped like one example


class Own(UncertaintySet):
    """A set of a user's own: two methods."""

    def maximizer(self, g):
        return g.sign()

    def project(self, d):
        return d.clamp(-1, 1)


def each(radii, one):
    """Sets that hold something for each example, with so many radii; `one` is a box for so many, too."""
    return {
        "ball": Ball("l2", radii),
        "box": one,
        "ball & box": Ball("l2", radii) & Box(-1.0, 1.0),
        "shared ball & box": Ball("l1", 1.0) & one,
        "pixel ball & box": PixelBall("l2", radii) & one,
        "budget": Budget(2.0, radii),
        "budget's gamma": Budget(10 * radii, 0.2),
        "group ball": GroupBall("l2", radii, (3, 4), 0),
        "spectral ball": SpectralBall(radii, (3, 4)),
        "ellipsoid": Ellipsoid(torch.eye(12), radii),
        "meet": Ball("l1", 1.0) & Ball("l2", radii),
        "sum": Ball("l1", 1.0) + Ball("l2", radii),
        "image": numbers(52, 12, 5) @ Ball("l2", radii),
        "scaled": Scaled(2.0, Ball("l2", radii)),
        "sparse": SparsePixels(2, one),
        "function": lambda x: Ball("l2", radii) & pixel_box(x),
    }


@pytest.mark.parametrize("name", each(RADII, pixel_box(X)))
@pytest.mark.parametrize("count", [1, 3, 8])
def test_what_is_given_for_another_number_of_examples_is_refused_before_it_is_used(name, count):
    right = each(RADII, pixel_box(X))[name]
    assert resolve(right, X)[2].maximizer(X[2:3]).shape == (1, 3, 2, 2)
    wrong = each(torch.full((count,), 0.1), pixel_box(torch.full((count, 3, 2, 2), 0.5)))[name]
    with pytest.raises(
        ValueError, match=r"^(radius|gamma|lower): expected a number(,| or) a tensor \(\d+,\)"
    ):
        resolve(wrong, X)


@pytest.mark.parametrize("shape", [(3, 2, 2), (12,)])
def test_a_box_shaped_like_one_example_is_shared_however_it_is_asked(shape):
    bound = ONE.reshape(shape)
    boxes = (
        Box(-bound, bound),
        Box(-bound, 0.5),
        Ball("l2", 0.7) & Box(-bound, bound),
        SparsePixels(1, Box(-bound, 1.0)),
    )
    for U in boxes:  # fmt: skip
        V, g = resolve(U, X), numbers(53, *IMAGES)
        whole = U.maximizer(g)
        for rows in (torch.tensor([3, 1]), [0], slice(1, 4), torch.tensor([True, False, True, True])):
            torch.testing.assert_close(V[rows].maximizer(g[rows]), whole[rows], rtol=0, atol=0)
            assert V[rows].contains(whole[rows]).all()
        assert V[3] == V
    flat = resolve(Box(-ONE.flatten(), 1.0), X.flatten(1))
    assert flat[[0, 1]].maximizer(-X.flatten(1)[:2]).shape == (2, 12)
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).double()
    step = pgd(net, X, net(X).argmax(1), boxes[0])
    assert boxes[0].contains(step).all()


def test_a_bound_that_could_be_both_means_the_same():
    one = numbers(54, 1, 2, 2).abs()
    for bound in (one, one.flatten()):
        assert torch.equal(Box(-bound, bound).for_batch(one.shape).maximizer(one), one)
    with pytest.raises(ValueError, match=r"^upper: expected a number, a tensor \(12,\) .*got shape \(4, 3\)"):
        resolve(Box(-1.0, torch.ones(4, 3)), X)


def test_what_all_share_is_left_as_it_is():
    moved = numbers(55, 12, 4) @ Ball("l2", 1)
    shared = (Ball("l1", 1) & Box(-1, 1), moved, Ball("l2", 1) + Ball("l1", 1), Scaled(2, Own()))
    for U in (*shared, Ball("l2", 1), Box(-1, torch.ones(12)), Own()):
        assert resolve(U, X) is U and U[torch.tensor([0])] is U


@pytest.mark.parametrize("product", [Rows, Columns])
def test_a_product_has_as_many_inner_sets_as_it_has_rows_or_columns(product):
    with pytest.raises(
        ValueError, match=r"^radius: expected a number or a tensor \([23],\).*got shape \(4,\)"
    ):
        product(Ball("l2", RADII), (2, 3))


def test_an_index_beyond_the_batch_is_an_error():
    for name, U in each(RADII, pixel_box(X)).items():
        if name != "function":
            for rows in (4, [0, 4], torch.tensor([7])):
                with pytest.raises(IndexError):
                    U[rows]


# No set is a sequence


def refuses_iteration(U):
    for walk in (iter, list, tuple, max, lambda U: [*U], lambda U: dict.fromkeys(U)):
        with pytest.raises(TypeError):
            walk(U)
    with pytest.raises(TypeError, match=r"U\.contains\(d\), one answer per example"):
        torch.zeros(1, 6) in U  # noqa: B015
    with pytest.raises(TypeError):
        len(U)
    assert np.asarray(U, dtype=object).shape == ()


@every_set
def test_no_set_is_iterated(case):
    refuses_iteration(case.U)


def test_nor_is_a_set_of_a_user_s_own():
    for U in (Own(), Own().scaled(2), Own() & Own(), PixelBall("l2", 1.0), SparsePixels(1, Box(-1, 1))):
        refuses_iteration(U)
    assert len(SETS) > 50 and N == 4
