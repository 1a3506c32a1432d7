"""Balls of groups and of whole pixels, also in a box; against cvxpy."""

import math

import cvxpy as cp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from set_samples import (
    batches,
    digits,
    every_norm,
    every_type,
    image_situations,
    inner,
    is_projection,
    numbers,
)

from rolab.errors import NoExpressionError, NonFiniteError
from rolab.norms import Lp
from rolab.sets import (
    Ball,
    Box,
    GroupBall,
    Intersection,
    PixelBall,
    PixelBallInBox,
    SparsePixels,
    pixel_box,
    resolve,
    solver,
)

EXACT = [1.0, 2.0, math.inf]  # those with an exact projection
RADII = torch.tensor([0.0, 0.3, 1.0, 2.5, 60.0], dtype=torch.float64)
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}  # relative

quick = settings(max_examples=25, deadline=None, derandomize=True)


def spent(p, d):
    """The sum over the pixels of their norms, by numpy."""
    return torch.from_numpy(np.linalg.norm(d.double().numpy(), ord=p, axis=1)).sum((1, 2))


def in_cvxpy(p, objective, radius, lower, upper):
    """The optimum over one image (C, H, W), from the definition: value and perturbation."""
    channels, height, width = lower.shape
    z = cp.Variable((channels, height * width))
    total = sum(cp.norm(z[:, k], p) for k in range(height * width))
    low, high = (bound.reshape(channels, -1).numpy() for bound in (lower, upper))
    problem = cp.Problem(objective(z), [total <= float(radius), z >= low, z <= high])
    problem.solve(solver=cp.CLARABEL)
    return problem.value, torch.from_numpy(z.value).reshape(lower.shape)


# A pixel ball


@every_norm
@every_type
def test_the_maximizer_is_one_pixel_and_reaches_the_largest_dual_norm(p, dtype):
    g = numbers(0, 5, 3, 4, 4, dtype=dtype)
    g[0] = 1.0  # every pixel ties
    best = PixelBall(p, RADII).maximizer(g)
    norms = torch.from_numpy(np.linalg.norm(g.double().numpy(), ord=Lp(p).dual.p, axis=1)).amax((1, 2))
    assert best.dtype == dtype and best.shape == g.shape
    torch.testing.assert_close(inner(g, best), RADII * norms, rtol=TOLERANCE[dtype], atol=0)
    assert (best != 0).any(1).flatten(1).sum(1).tolist() == [0, 1, 1, 1, 1]
    assert (spent(p, best) <= RADII * (1 + TOLERANCE[dtype])).all()


@every_norm
def test_it_is_the_group_ball_of_the_shape_of_the_images(p):
    g, U, V = numbers(1, 5, 3, 2, 3), PixelBall(p, RADII), GroupBall(p, RADII, (3, 2, 3), 0)
    for ask in ("maximizer", "project", "support", "contains"):
        torch.testing.assert_close(getattr(U, ask)(g), getattr(V, ask)(g), rtol=0, atol=0)
    assert U.on(g) == V


@pytest.mark.parametrize("radius", [0.7, 5.0, 500.0])
def test_the_projection_on_linf_groups_needs_no_solver_and_agrees_with_cvxpy(radius, monkeypatch):
    d, V = 3 * numbers(2, 2, 3, 2, 3), GroupBall("linf", radius, (3, 2, 3), 0)
    expected = solver.project(V, d.flatten(1)).reshape(d.shape)
    monkeypatch.setattr(solver, "solve", None)
    torch.testing.assert_close(PixelBall("linf", radius).project(d), expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(V.project(d.flatten(1)).reshape(d.shape), expected, rtol=1e-6, atol=1e-6)


# A pixel ball in a box


@every_norm
def test_the_maximizer_in_the_box_agrees_with_cvxpy(p):
    x, g = digits(3, 5, 3, 2, 4), numbers(4, 5, 3, 2, 4)
    reached = (PixelBall(p, RADII) & pixel_box(x)).support(g)
    for i in range(5):
        objective = g[i].reshape(3, -1).numpy()
        value, _ = in_cvxpy(
            p, lambda z, c=objective: cp.Maximize(cp.sum(cp.multiply(c, z))), RADII[i], -x[i], 1 - x[i]
        )
        assert reached[i].item() == pytest.approx(value, rel=1e-6, abs=1e-6)


@every_norm
@every_type
@quick
@given(situation=image_situations())
def test_the_maximizer_in_the_box_is_in_the_set_and_certified(p, dtype, situation):
    g, radius, lower, upper = situation
    g, lower, upper = (v.to(dtype) for v in (g, lower, upper))
    U = PixelBall(p, radius) & Box(lower, upper)
    step = U.maximizer(g)
    assert step.dtype == dtype and ((lower <= step) & (step <= upper)).all()
    assert (step[g == 0] == 0).all()
    assert (spent(p, step) <= radius * (1 + TOLERANCE[dtype])).all()
    value = inner(g, step)
    assert (U.duality_gap_bound(g).abs() <= TOLERANCE[dtype] * value).all()  # sound: see test_certificates


@every_norm
@quick
@given(situation=image_situations(), seed=st.integers(0, 10**6))
def test_no_split_of_the_radius_over_two_pixels_is_better(p, situation, seed):
    """Brute force, with the ball in a box as the oracle of one pixel."""
    g, radius, lower, upper = (v[:1] for v in situation)
    g, lower, upper = (v[..., [0, -1]] for v in (g, lower, upper))
    value = (PixelBall(p, radius) & Box(lower, upper)).support(g).item()
    splits = torch.linspace(0, 1, 401, dtype=torch.float64)[:, None] * radius

    def alone(k, radii):
        side = (v[..., k].flatten(1).expand(len(radii), -1) for v in (lower, upper))
        return (Ball(p, radii) & Box(*side)).support(g[..., k].flatten(1).expand(len(radii), -1))

    sums = alone(0, splits[:, 0]) + alone(1, (radius - splits)[:, 0])
    assert sums.max() <= value * (1 + 1e-12) + 1e-300
    slope = Lp(p).dual.value(g.movedim(1, -1).flatten(0, -2)).max().item()
    assert value <= sums.max() + slope * radius.item() / 400


@pytest.mark.parametrize("p", EXACT)
@every_type
@quick
@given(situation=image_situations(), far=st.sampled_from([0.1, 1.0, 30.0]))
def test_the_projection_satisfies_the_variational_inequality(p, dtype, situation, far):
    """y is nearest to d if and only if ⟨d − y, z − y⟩ ≤ 0 for all z of the set; σ(d − y) is the worst z."""
    d, radius, lower, upper = situation
    d, lower, upper = (far * d).to(dtype), lower.to(dtype), upper.to(dtype)
    U = PixelBall(p, radius) & Box(lower, upper)
    y = U.project(d)
    assert y.dtype == dtype and ((lower <= y) & (y <= upper)).all()
    assert (spent(p, y) <= radius * (1 + TOLERANCE[dtype])).all()
    residual = d.double() - y.double()
    worst = PixelBall(p, radius) & Box(lower.double(), upper.double())
    size = 1 + d.double().flatten(1).square().sum(1)
    assert (worst.support(residual) - inner(residual, y) <= 10 * TOLERANCE[dtype] * size).all()
    torch.testing.assert_close(U.project(y), y, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@every_norm
def test_the_projection_agrees_with_cvxpy(p):
    x, d = digits(5, 3, 3, 2, 2), numbers(6, 3, 3, 2, 2)
    radius = torch.tensor([0.4, 1.5, 30.0], dtype=torch.float64)
    nearest = (PixelBall(p, radius) & pixel_box(x)).project(d)
    for i in range(3):
        target = d[i].reshape(3, -1).numpy()
        _, expected = in_cvxpy(
            p, lambda z, t=target: cp.Minimize(cp.sum_squares(z - t)), radius[i], -x[i], 1 - x[i]
        )
        torch.testing.assert_close(nearest[i], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("p", EXACT)
def test_exact_steps_need_no_solver(p, monkeypatch):
    monkeypatch.setattr(solver, "solve", None)
    x, g = digits(7, 3, 3, 4, 4), numbers(8, 3, 3, 4, 4)
    U = PixelBall(p, 2.0) & pixel_box(x)
    assert U.contains(U.maximizer(g), 1e-12).all() and U.contains(U.project(g), 1e-12).all()
    assert not U.contains(g).any() and not U.contains(torch.full_like(g, math.nan)).any()


@every_norm
def test_one_channel_is_the_l1_ball_in_the_box(p):
    x, g = digits(9, 5, 1, 4, 4), numbers(10, 5, 1, 4, 4)
    U, V = PixelBall(p, RADII) & pixel_box(x), Ball("l1", RADII) & pixel_box(x)
    torch.testing.assert_close(U.support(g), V.support(g), rtol=1e-13, atol=0)
    torch.testing.assert_close(PixelBall(p, RADII).support(g), Ball("l1", RADII).support(g))
    if p in EXACT:
        torch.testing.assert_close(U.project(g), V.project(g), rtol=1e-12, atol=1e-12)


@every_norm
def test_a_wide_box_changes_nothing_and_a_wide_ball_gives_the_corner(p):
    x, g = digits(11, 3, 3, 3, 3), numbers(12, 3, 3, 3, 3)
    g[0] = g[0, :, :1, :1]  # every pixel ties
    U = PixelBall(p, 0.5) & Box(-9, 9)
    torch.testing.assert_close(U.support(g), PixelBall(p, 0.5).support(g), rtol=1e-13, atol=0)
    assert (U.maximizer(g) != 0).any(1).flatten(1).sum(1).tolist() == [1, 1, 1]
    assert torch.equal((PixelBall(p, 99.0) & pixel_box(x)).maximizer(g), pixel_box(x).maximizer(g))
    if p in EXACT:
        torch.testing.assert_close(U.project(g), PixelBall(p, 0.5).project(g), rtol=1e-12, atol=1e-12)
        assert torch.equal((PixelBall(p, 99.0) & pixel_box(x)).project(g), pixel_box(x).project(g))


@every_norm
@pytest.mark.parametrize("scale", [2.0**-140, 2.0**-100, 2.0**100, 2.0**120])
def test_the_step_does_not_depend_on_the_size_of_the_gradient(p, scale):
    x, g = digits(13, 3, 3, 4, 4), numbers(14, 3, 3, 4, 4)
    U = PixelBall(p, 1.0) & pixel_box(x)
    torch.testing.assert_close(U.maximizer(g * scale), U.maximizer(g), rtol=1e-12, atol=1e-12)


@every_norm
def test_zero_gradients_and_zero_radii_give_zero(p):
    x, zero = digits(15, 2, 3, 3, 3), torch.zeros(2, 3, 3, 3, dtype=torch.float64)
    g = numbers(16, 2, 3, 3, 3)
    for U in (PixelBall(p, 1.0), PixelBall(p, 1.0) & pixel_box(x)):
        assert torch.equal(U.maximizer(zero), zero)
        assert torch.equal(U.scaled(0).maximizer(g), zero)
        if p in EXACT:
            assert torch.equal(U.project(zero), zero) and torch.equal(U.scaled(0).project(g), zero)
    mixed = torch.cat([zero[:1], g[1:]])
    assert (PixelBall(p, 1.0) & pixel_box(x)).maximizer(mixed)[0].eq(0).all()


def test_to_clip_the_steps_is_far_from_the_best_on_images_that_are_mostly_0():
    """The figures of the notes: 77 % for ℓ2, 26 % for ℓ1; in 41 % of draws one pixel gains nothing."""
    x, g = digits(17, 1000, 1, 16, 16), numbers(18, 1000, 1, 16, 16)
    assert 0.75 < (x == 0).double().mean() < 0.85
    share, idle = {}, {}
    for norm, radius in (("l2", 1.0), ("l1", 2.0)):
        best = (Ball(norm, radius) & pixel_box(x)).support(g)
        clipped = inner(g, Ball(norm, radius).maximizer(g).clamp(-x, 1 - x))
        assert (clipped <= best * (1 + 1e-12)).all()
        share[norm], idle[norm] = (clipped / best).mean(), (clipped == 0).double().mean()
    print(share, idle)
    assert 0.65 < share["l2"] < 0.85
    assert 0.15 < share["l1"] < 0.35
    assert 0.35 < idle["l1"] < 0.47


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_to_clip_a_whole_pixel_is_far_from_the_best(norm):
    x, g = digits(19, 200, 3, 16, 16), numbers(20, 200, 3, 16, 16)
    best = (PixelBall(norm, 3.0) & pixel_box(x)).support(g)
    clipped = inner(g, PixelBall(norm, 3.0).maximizer(g).clamp(-x, 1 - x))
    assert (clipped <= best * (1 + 1e-12)).all()
    assert (clipped / best).mean() < 0.5


# A group ball


@every_type
@quick
@given(g=batches(width=6), norm=st.sampled_from(["l1", "l2", "linf", 3]), axis=st.integers(0, 1))
def test_a_group_ball_spends_all_on_one_group(dtype, g, norm, axis):
    g, U = g.to(dtype), GroupBall(norm, 0.7, (2, 3), axis)
    delta, parts = U.maximizer(g).reshape(-1, 2, 3), g.reshape(-1, 2, 3)
    moved = (delta if axis else delta.mT).ne(0).any(2).sum(1)
    assert (moved <= 1).all() and (moved[g.ne(0).any(1)] == 1).all()
    groups = (parts if axis else parts.mT).flatten(0, 1)
    most = Ball(norm, 0.7).support(groups.double()).reshape(len(g), -1).amax(1)
    np.testing.assert_allclose(U.support(g).double(), most, rtol=TOLERANCE[dtype], atol=1e-30)
    assert U.contains(delta.flatten(1), atol=0).all()


@every_type
@quick
@given(d=batches(width=6), norm=st.sampled_from(["l1", "l2"]), axis=st.integers(0, 1), radius=st.floats(0, 9))
def test_the_projection_onto_a_group_ball_is_the_nearest_point(dtype, d, norm, axis, radius):
    d, U = d.to(dtype), GroupBall(norm, radius, (2, 3), axis)
    x = U.project(d)
    assert U.contains(x, atol=1e-6 * radius + 1e-30).all()
    assert is_projection(U, d, x, 10 * TOLERANCE[dtype])


def test_the_group_of_an_image_is_a_pixel():
    g = numbers(9, 5, 3, 4, 4)
    delta = GroupBall("l2", 0.5, (3, 4, 4), 0).maximizer(g)
    assert delta.ne(0).any(1).flatten(1).sum(1).tolist() == [1] * 5
    assert torch.equal(delta.norm(dim=1).flatten(1).argmax(1), g.norm(dim=1).flatten(1).argmax(1))


# All of them

X = digits(23, 4, 3, 2, 3)
SETS = {
    "ball": PixelBall("l2", 1.0),
    "radii": PixelBall("linf", RADII[1:]),
    "boxed": PixelBall("l2", 1.0) & pixel_box(X),
    "boxed-linf": PixelBall("linf", RADII[1:]) & pixel_box(X),
    "boxed-l1": PixelBall("l1", RADII[1:]) & Box(-0.5, 0.25),
    "boxed-l3": PixelBall(3, 0.7) & pixel_box(X),
    "pixels": SparsePixels(2, pixel_box(X)),
}
every_set = pytest.mark.parametrize("U", SETS.values(), ids=SETS)


def oracles(U):
    return (U.maximizer,) if isinstance(U, SparsePixels) else (U.maximizer, U.project)


@every_set
def test_the_layout_in_memory_changes_nothing(U):
    g = numbers(24, 4, 3, 2, 3)
    for ask in (*oracles(U), U.support, U.contains):
        assert torch.equal(ask(g.to(memory_format=torch.channels_last)), ask(g))
        assert torch.equal(ask(g.mT.contiguous().mT), ask(g))


@every_set
@pytest.mark.parametrize("rows", [2, slice(1, 3), torch.tensor([3, 0]), [True, False, True, False]])
def test_indexed_sets_are_those_of_the_examples(U, rows):
    g = numbers(25, 4, 3, 2, 3)
    chosen = slice(rows, rows + 1) if isinstance(rows, int) else rows
    for ask, ask_some in zip(oracles(U), oracles(U[rows]), strict=True):
        torch.testing.assert_close(ask_some(g[chosen]), ask(g)[chosen], rtol=1e-6, atol=1e-6)
    assert U[rows].contains(U[rows].maximizer(g[chosen])).all()


@every_set
def test_scaled_scales_the_whole_set(U):
    g = numbers(26, 4, 3, 2, 3)
    torch.testing.assert_close(U.scaled(2.5).maximizer(g), 2.5 * U.maximizer(g))
    for ask, ask_scaled in zip(oracles(U), oracles(U.scaled(2.5)), strict=True):
        torch.testing.assert_close(ask_scaled(2.5 * g), 2.5 * ask(g), rtol=1e-6, atol=1e-6)
    with pytest.raises(ValueError, match="factor"):
        U.scaled(-1)


@every_set
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_float_type_answers_in_kind(U, dtype):
    g = numbers(27, 4, 3, 2, 3).to(dtype)
    for ask in oracles(U):
        torch.testing.assert_close(ask(g).double(), ask(g.double()), rtol=1e-2, atol=1e-2)
        assert ask(g).dtype == dtype
    assert U.contains(U.maximizer(g)).all() and U.support(g).dtype == dtype


def test_an_empty_batch_is_no_error():
    none = torch.zeros(0, 3, 2, 2)
    for U in (
        PixelBall("l2", 1.0),
        PixelBall("linf", 1.0) & pixel_box(none),
        SparsePixels(1, pixel_box(none)),
    ):
        for ask in oracles(U):
            assert ask(none).shape == none.shape
        assert U.support(none).shape == U.contains(none).shape == (0,)


@every_set
def test_what_is_no_batch_of_images_is_refused(U):
    for ask in oracles(U):
        with pytest.raises(
            ValueError, match=r"\(N, C, H, W\); for vectors take GroupBall.*got shape \(4, 18\)"
        ):
            ask(numbers(28, 4, 18))
        with pytest.raises(NonFiniteError, match="^[gd]: expected finite entries"):
            ask(torch.full((4, 3, 2, 3), math.nan))
        with pytest.raises(ValueError, match="expected a tensor"):
            ask("gradient")


@pytest.mark.parametrize("name", ["radii", "boxed", "boxed-linf", "pixels"])
def test_sets_for_another_number_of_examples_are_refused(name):
    with pytest.raises(ValueError, match="expected a number"):
        SETS[name].maximizer(numbers(29, 3, 3, 2, 3))


@pytest.mark.parametrize("radius", [-1.0, math.nan, math.inf, "1", torch.tensor([1.0, -1.0])])
def test_what_is_no_radius_is_refused(radius):
    with pytest.raises(ValueError, match="radius: expected a finite number >= 0"):
        PixelBall("l2", radius)


def test_the_algebra_finds_the_exact_form():
    box, cube = pixel_box(X), Ball("linf", 0.2)
    U = PixelBall("l2", 1.0)
    assert U & box == box & U == PixelBallInBox(U, box)
    assert U & PixelBall("l2", 0.5) == PixelBall("l2", 0.5)
    assert U & cube == cube & U == PixelBallInBox(U, Box(-0.2, 0.2))
    assert U & cube & box == U & (cube & box)
    assert isinstance(U & cube & box, PixelBallInBox)
    assert (U & box) & PixelBall("l2", 0.5) == PixelBall("l2", 0.5) & box
    assert U + PixelBall("l2", 0.5) == PixelBall("l2", 1.5)
    for other in (Ball("l2", 1.0), PixelBall("l1", 1.0), Ball("l1", 1.0)):
        assert type(U & other) is Intersection
    assert resolve(lambda x: U & pixel_box(x), X) == U & box


def test_sets_read_well():
    assert repr(PixelBall("l2", 1) & Box(-1, 1)) == "PixelBall('l2', 1) & Box(-1, 1)"
    assert repr(SparsePixels(3, pixel_box(X))) == "SparsePixels(3, Box(<4x3x2x3>, <4x3x2x3>))"
    assert PixelBall("linf", 0.5).formula == "0.5·max over pixels k of ‖w[k]‖₁"
    assert "PixelBall" not in (PixelBall("l2", 1) & Box(-1, 1)).formula
    assert SparsePixels(2, Box(-1, 1)).formula == "the 2 largest over pixels k of [Σ max(-1 w[k]ᵢ, 1 w[k]ᵢ)]"
    assert PixelBall(2, 3.0).as_linear_image() == (PixelBall(2, 1.0), 3.0)
    assert all(U.contains_zero for U in SETS.values())


@pytest.mark.parametrize(
    "U", [PixelBall("l2", 1.0), PixelBall("l2", 1.0) & Box(-1, 1)], ids=["ball", "boxed"]
)
def test_without_a_shape_there_is_no_expression_and_the_hint_works(U):
    for ask in (U.support_expression, U.constraints):
        with pytest.raises(NoExpressionError, match=r"take GroupBall\('l2', 1, \(C, H, W\), 0\)"):
            ask(cp.Variable(12))
    g = numbers(30, 1, 3, 2, 2)
    instead = GroupBall("l2", 1, (3, 2, 2), 0)
    instead = instead & Box(-1, 1) if isinstance(U, PixelBallInBox) else instead
    assert instead.support(g.flatten(1)).item() == pytest.approx(U.support(g).item(), rel=1e-6)
