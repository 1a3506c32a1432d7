"""The six moves: their tangents are the known ones, and a move is what its name says."""

import math

import pytest
import torch
from set_samples import numbers

from rolab.course.nb05_tangent_space.moves import UNITS, along_tangents, moved, sampled
from rolab.manifold import KNOWN_TANGENTS

X = torch.zeros(1, 28, 28, dtype=torch.float64)
X[:, 8:20, 8:20] = numbers(3, 12, 12).sigmoid()


def move(x, **sizes):
    a = torch.zeros(1, 6, dtype=torch.float64)
    for name, size in sizes.items():
        a[0, KNOWN_TANGENTS.index(name.replace("_", " "))] = size
    return moved(x, a)[0]


def test_there_is_a_unit_for_each_tangent_and_its_slider_has_zero():
    assert tuple(UNITS) == KNOWN_TANGENTS
    for unit in UNITS.values():
        assert unit.largest / unit.step == round(unit.largest / unit.step)
    assert UNITS["rotation"].one * 180 == pytest.approx(math.pi)


@pytest.mark.parametrize("name", KNOWN_TANGENTS)
def test_the_derivative_of_the_true_move_is_the_known_tangent(name):
    a = torch.zeros(1, 6, dtype=torch.float64)
    a[0, KNOWN_TANGENTS.index(name)] = 1e-6
    slope, tangent = (moved(X, a) - X) / 1e-6, (along_tangents(X, a) - X) / 1e-6
    share = 0.02 if name == "thickness" else 1e-4  # a disc of sixteen directions
    assert (slope - tangent).norm() <= share * tangent.norm()


@pytest.mark.parametrize("name", KNOWN_TANGENTS[:5])
def test_what_the_tangent_misses_is_quadratic(name):
    a = torch.zeros(2, 6, dtype=torch.float64)
    a[:, KNOWN_TANGENTS.index(name)] = torch.tensor([1e-4, 2e-4])
    once, twice = (along_tangents(X, a) - moved(X, a)).flatten(1).norm(dim=1)
    assert float(twice / once) == pytest.approx(4, rel=0.01)


def test_whole_pixels_quarter_turns_and_nothing():
    assert torch.allclose(move(X), X, atol=1e-12)
    assert torch.allclose(move(X, shift_x=2), X.roll(2, 2), atol=1e-10)
    assert torch.allclose(move(X, shift_y=-3), X.roll(-3, 1), atol=1e-10)
    assert torch.allclose(move(X, rotation=math.pi / 2), X.rot90(-1, (1, 2)), atol=1e-8)
    assert torch.allclose(
        move(X, rotation=0.3, shear=0.1).rot90(2, (1, 2)), move(X.rot90(2, (1, 2)), rotation=0.3, shear=0.1)
    )
    assert not move(X, shift_x=40).any(), "all of it has left the image"


def test_a_bar_grows_with_the_scale_and_leans_with_the_shear():
    bar = torch.zeros(1, 28, 28, dtype=torch.float64)
    bar[:, 6:22, 12:16] = 1
    wide = move(bar, scale=math.log(1.5))
    assert float(wide.sum() / bar.sum()) == pytest.approx(1.5**2, rel=0.02)
    columns = torch.arange(28, dtype=torch.float64)
    lean = move(bar, shear=0.5)[0]
    top, bottom = (float((lean[row] * columns).sum() / lean[row].sum()) for row in (8, 19))
    assert bottom - top == pytest.approx(0.5 * 11, abs=0.1), "what is further down is further right"


def test_a_thicker_pen_and_a_thinner_one():
    thick, thin = move(X, thickness=1), move(X, thickness=-1)
    assert (thick >= X - 1e-9).all() and (thin <= X + 1e-9).all()
    assert thick.sum() > X.sum() > thin.sum()


def test_an_image_is_itself_at_its_pixels_and_black_outside():
    v, u = torch.meshgrid(*[torch.arange(28, dtype=torch.float64) - 13.5] * 2, indexing="ij")
    assert torch.allclose(sampled(X, torch.stack([u, v], -1)), X[0])
    assert not sampled(X, torch.tensor([[100.0, 0.0], [0.0, -16.0]], dtype=torch.float64)).any()


def test_moves_of_a_batch_are_those_of_each():
    a = torch.diag(torch.tensor([1.0, -2.0, 0.3, 0.2, -0.1, 0.5], dtype=torch.float64))
    for one, together in zip(a, moved(X, a), strict=True):
        assert torch.allclose(moved(X, one[None])[0], together, atol=1e-12)
