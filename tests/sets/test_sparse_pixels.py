"""At most k whole pixels: against brute force, and a network attacked."""

import itertools
import math

import cvxpy as cp
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from set_samples import (
    digits,
    every_type,
    image_situations,
    inner,
    numbers,
)
from torch import nn

from rolab.attacks import first_order, input_gradient
from rolab.errors import NoExpressionError
from rolab.sets import (
    Ball,
    Box,
    PixelBall,
    SparsePixels,
    pixel_box,
)

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}  # relative

quick = settings(max_examples=25, deadline=None, derandomize=True)


def brute_force(g, lower, upper, k):
    """The largest ⟨g, δ⟩ over all choices of k pixels of one image (C, P), and over the corners of each."""
    gain = torch.maximum(g * lower, g * upper).sum(0)
    return max(sum(gain[list(chosen)]) for chosen in itertools.combinations(range(g.shape[1]), k))


@every_type
@quick
@given(situation=image_situations(), k=st.integers(0, 4))
def test_k_pixels_beat_every_other_choice_of_k(dtype, situation, k):
    g, _, lower, upper = (v.to(dtype) for v in situation)
    U, k = SparsePixels(k, Box(lower, upper)), min(k, g.shape[-1])
    step = U.maximizer(g)
    assert step.dtype == dtype and U.contains(step, 0.0).all()
    assert ((step != 0).any(1).flatten(1).sum(1) <= k).all() and (step[g == 0] == 0).all()
    expected = [brute_force(*(v[i].flatten(1).double() for v in (g, lower, upper)), k) for i in range(len(g))]
    expected = torch.as_tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(U.support(g).double(), expected, rtol=1e-6, atol=0)


def test_one_pixel_is_the_best_of_all_pixels_and_corners():
    x, g = digits(21, 1, 3, 2, 1), numbers(22, 1, 3, 2, 1)
    values = []
    for k, corner in itertools.product(range(2), itertools.product([0.0, 1.0], repeat=3)):
        delta = torch.zeros_like(x)
        delta[0, :, k, 0] = torch.tensor(corner, dtype=x.dtype) - x[0, :, k, 0]
        values.append(inner(g, delta).item())
    assert SparsePixels(1, pixel_box(x)).support(g).item() == pytest.approx(max(values), rel=1e-14)


def test_ties_change_k_pixels_only():
    g = torch.ones(2, 3, 2, 2)
    step = SparsePixels(2, Box(-0.5, 0.25)).maximizer(g)
    assert torch.equal(step[0], torch.tensor([[0.25, 0.25], [0.0, 0.0]]).expand(3, 2, 2))
    assert torch.equal(SparsePixels(99, Box(-1, 0.5)).maximizer(g), 0.5 * g)


def test_k_pixels_attack_a_network():
    torch.manual_seed(0)
    model, x, y = (
        nn.Sequential(nn.Flatten(), nn.Linear(48, 3)),
        torch.rand(4, 3, 4, 4),
        torch.tensor([0, 1, 2, 0]),
    )
    step = first_order(model, x, y, lambda x: SparsePixels(3, pixel_box(x)))
    assert (step != 0).any(1).flatten(1).sum(1).tolist() == [3] * 4
    assert ((0 <= x + step) & (x + step <= 1)).all()
    assert torch.equal(step, SparsePixels(3, pixel_box(x)).maximizer(input_gradient(model, x, y)))
    boxed = first_order(model, x, y, lambda x: PixelBall("linf", 3.0) & pixel_box(x))
    assert (boxed != 0).any(1).flatten(1).sum(1).min() >= 3


def test_k_pixels_are_not_convex_and_say_so():
    U = SparsePixels(1, Box(-1, 1))
    for ask in (U.project, U.duality_gap_bound):
        with pytest.raises(ValueError, match="not convex"):
            ask(torch.ones(1, 3, 2, 2))
    a, b = torch.zeros(2, 1, 3, 1, 2).unbind()
    a[..., 0], b[..., 1] = 1.0, 1.0
    assert U.contains(a) and U.contains(b) and not U.contains((a + b) / 2)
    assert not U.contains(2 * a) and not U.contains(a * math.nan)
    with pytest.raises(NoExpressionError, match="shape"):
        U.support_expression(cp.Variable(3))


@pytest.mark.parametrize("k", [-1, 1.5, "3", True, None])
def test_what_is_no_number_of_pixels_is_refused(k):
    with pytest.raises(ValueError, match="k: expected a whole number of pixels >= 0, got"):
        SparsePixels(k, Box(-1, 1))


def test_k_pixels_need_a_box():
    with pytest.raises(ValueError, match="box: expected a Box"):
        SparsePixels(1, Ball("l2", 1.0))
