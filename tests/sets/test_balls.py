"""The mathematics of balls and boxes; the steps in a box are certified, with and without a solver."""

import itertools
import math

import cvxpy as cp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from set_samples import (
    DTYPES,
    PS,
    box_situations,
    every_norm,
    every_type,
    images,
    inner,
    numbers,
)

from rolab.errors import NonFiniteError
from rolab.norms import Lp
from rolab.sets import (
    Ball,
    Box,
    UncertaintySet,
    pixel_box,
)

TOLERANCE = {torch.float32: 4e-6, torch.float64: 1e-12}  # relative

quick = settings(max_examples=30, deadline=None, derandomize=True)


def bound_without_solver(p, g, radius, lower, upper, step):
    """With v = g - u, radius ‖u‖_q + Σ max(lower_i v_i, upper_i v_i) ≥ σ(g) for any u; a good u, by KKT."""
    g, lower, upper, step = (x.double() for x in (g, lower, upper, step))
    reach, cap = step.abs(), torch.where(g > 0, upper, -lower)
    u = torch.zeros_like(g)
    for i in range(len(g)):
        if radius == 0:
            u[i] = g[i]
        if Lp(p).value(reach[i : i + 1]) < radius * (1 - 1e-5):
            continue  # the corner of the box is inside the ball: u = 0
        spent = reach[i] > 0
        free = spent & (reach[i] < cap[i] * (1 - 1e-5))
        if p == math.inf:
            u[i] = torch.where(reach[i] >= radius * (1 - 1e-5), g[i], 0.0)
        elif p == 1 and spent.any():
            last = g[i].abs()[spent].min()
            u[i] = g[i].clamp(-last, last)
        elif 1 < p < math.inf and free.any():
            j = torch.where(free, reach[i], 0.0).argmax()
            u[i] = g[i].sign() * (g[i, j].abs() * (reach[i] / reach[i, j]) ** (p - 1)).minimum(g[i].abs())
    v = g - u
    return radius * Lp(p).dual.value(u) + torch.maximum(lower * v, upper * v).sum(1)


# A ball and a box


@every_norm
@every_type
@quick
@given(situation=box_situations())
def test_the_maximizer_in_a_box_is_certified_without_a_solver(p, dtype, situation):
    (g, radius, lower, upper), tolerance = situation, TOLERANCE[dtype]
    g, lower, upper = g.to(dtype), lower.to(dtype), upper.to(dtype)
    step = (Ball(p, radius) & Box(lower, upper)).maximizer(g)
    assert step.dtype == dtype and ((lower <= step) & (step <= upper)).all()
    assert (step[g == 0] == 0).all()
    assert (np.linalg.norm(step.double(), ord=p, axis=1) <= radius * (1 + tolerance)).all()
    most = bound_without_solver(p, g, radius, lower, upper, step)
    assert (most - inner(g, step) <= tolerance * most).all()


@every_norm
def test_the_maximizer_in_a_box_agrees_with_cvxpy(p):
    x = images(0, 8, 12)
    g, radius = numbers(1, 8, 12), torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9, 1.5, 4.0, 0.0])
    delta = cp.Variable(x.shape)
    within = [cp.norm(delta[i], p) <= float(radius[i]) for i in range(8)] + [delta >= -x, delta <= 1 - x]
    problem = cp.Problem(cp.Maximize(cp.sum(cp.multiply(g, delta))), within)
    problem.solve(solver=cp.CLARABEL)
    assert (Ball(p, radius) & pixel_box(x)).support(g).sum().item() == pytest.approx(problem.value, rel=1e-6)


@quick
@given(situation=box_situations())
def test_linf_in_a_box_beats_every_vertex_and_is_the_clipped_step(situation):
    g, radius, lower, upper = situation
    U = Ball("linf", radius) & Box(lower, upper)
    low, high = lower.clamp(min=-radius), upper.clamp(max=radius)
    choices = torch.tensor(list(itertools.product([0.0, 1.0], repeat=g.shape[1])), dtype=g.dtype)
    vertices = low[:, None] + choices * (high - low)[:, None]
    np.testing.assert_allclose(U.support(g), (vertices * g[:, None]).sum(2).amax(1), rtol=1e-13, atol=1e-13)
    assert torch.equal(U.maximizer(g), Ball("linf", radius).maximizer(g).clamp(lower, upper))


@pytest.mark.parametrize(("norm", "radius", "reached"), [("l2", 2.0, 0.9), ("l1", 2.0, 0.6)])
def test_to_clip_the_step_is_worse_than_the_exact_step(norm, radius, reached):
    x, g = images(2, 50, 1, 14, 14), numbers(3, 50, 1, 14, 14)
    best = (Ball(norm, radius) & pixel_box(x)).support(g)
    clipped = inner(g, Ball(norm, radius).maximizer(g).clamp(-x, 1 - x))
    assert (clipped <= best * (1 + 1e-12)).all()
    assert (clipped / best).mean() < reached


@every_norm
def test_a_wide_box_changes_nothing(p):
    g = numbers(4, 5, 6)
    g[0] = torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0, 0.0])
    for U in (Ball(p, 0.5) & Box(-9, 9), Ball(p, 0.5) & Box(-0.5, 0.5)):
        torch.testing.assert_close(U.support(g), Ball(p, 0.5).support(g))
        torch.testing.assert_close(U.project(g), Ball(p, 0.5).project(g))
    if p == 1:
        assert ((Ball(p, 0.5) & Box(-9, 9)).maximizer(g) != 0).sum(1).tolist() == [1] * 5


@every_norm
def test_a_wide_ball_gives_the_corner_of_the_box(p):
    x, g = images(5, 4, 9, dtype=torch.float32), numbers(6, 4, 9, dtype=torch.float32)
    corner = torch.where(g > 0, 1 - x, -x)
    assert torch.equal((Ball(p, 100.0) & pixel_box(x)).maximizer(g), corner)
    assert torch.equal(pixel_box(x).maximizer(g), corner)


@every_norm
@pytest.mark.parametrize("scale", [2.0**-140, 2.0**-100, 2.0**100, 2.0**126])
def test_the_step_in_a_box_does_not_depend_on_the_size_of_the_gradient(p, scale):
    g = torch.tensor([[1.0, -0.5, 0.25, 0.0], [1.0, 1.0, -1.0, 1.0]])
    U = Ball(p, 0.5) & Box(-0.25, torch.tensor([0.125, 0.25, 1.0, 1.0]))
    torch.testing.assert_close(U.maximizer(g * scale), U.maximizer(g), rtol=1e-6, atol=0)


@every_norm
@every_type
@quick
@given(situation=box_situations(), far=st.sampled_from([0.5, 1.0, 30.0]))
def test_projections_satisfy_the_variational_inequality(p, dtype, situation, far):
    """x is the projection of d exactly if ⟨d - x, y⟩ ≤ ⟨d - x, x⟩ for all y in the set."""
    (d, radius, lower, upper), tolerance = situation, TOLERANCE[dtype]
    d, lower, upper = (far * d).to(dtype), lower.to(dtype), upper.to(dtype)
    box = Box(lower, upper)
    for U in (box, Ball(p, radius) & box):
        x = U.project(d)
        assert U.contains(x, atol=0).all() and x.dtype == dtype and ((lower <= x) & (x <= upper)).all()
        rest = d.double() - x.double()
        gap = U.support(rest) - inner(rest, x)
        assert (gap <= 4 * tolerance * d.double().norm(dim=1) * x.double().norm(dim=1) + 1e-300).all()
        torch.testing.assert_close(U.project(x), x, rtol=0, atol=tolerance * radius)
        inside = U.contains(d, atol=-1e-5)
        assert torch.equal(U.project(d)[inside], d[inside])


@every_norm
@quick
@given(situation=box_situations(), seed=st.integers(0, 10**6))
def test_projections_are_not_expansive(p, situation, seed):
    a, radius, lower, upper = situation
    b = a + numbers(seed, *a.shape)
    for U in (Box(lower, upper), Ball(p, radius) & Box(lower, upper)):
        distance = (U.project(a) - U.project(b)).norm(dim=1)
        assert (distance <= (a - b).norm(dim=1) * (1 + 1e-12) + 1e-12).all()


@every_norm
def test_the_projection_into_a_box_agrees_with_cvxpy(p):
    x, d = images(7, 6, 8), 0.7 * numbers(8, 6, 8)
    radius = torch.tensor([0.1, 0.2, 0.4, 0.6, 0.8, 5.0])
    y = cp.Variable(x.shape)
    within = [cp.norm(y[i], p) <= float(radius[i]) for i in range(6)] + [y >= -x, y <= 1 - x]
    cp.Problem(cp.Minimize(cp.sum_squares(y - d.numpy())), within).solve(solver=cp.CLARABEL)
    np.testing.assert_allclose((Ball(p, radius) & pixel_box(x)).project(d), y.value, atol=2e-5)


# What every set must do

X = images(9, 5, 2, 3, 3)
SETS = {
    **{f"ball-{Lp(p).name}": Ball(p, 0.6) for p in PS},
    "ball-radii": Ball("l2", torch.tensor([0.0, 0.3, 1.0, 2.0, 0.5])),
    "box-numbers": Box(-0.25, 1),
    "box-shared": Box(-X[0].flatten(), 1 - X[0].flatten()),
    "box-each": pixel_box(X),
    **{f"in-box-{Lp(p).name}": Ball(p, 0.6) & pixel_box(X) for p in PS},
    "in-box-radii": Ball("l1", torch.tensor([0.0, 0.3, 1.0, 2.0, 9.0])) & Box(-0.5, X),
}
every_set = pytest.mark.parametrize("U", SETS.values(), ids=SETS.keys())


@every_set
def test_images_and_vectors_are_the_same(U):
    g = numbers(10, 5, 2, 3, 3)
    for oracle in (U.maximizer, U.project):
        assert torch.equal(oracle(g).flatten(1), oracle(g.flatten(1)))
        assert torch.equal(oracle(g.to(memory_format=torch.channels_last)), oracle(g))
    assert torch.equal(U.support(g), U.support(g.flatten(1)))
    assert torch.equal(U.contains(g), U.contains(g.flatten(1)))


@every_set
def test_support_is_the_value_of_the_maximizer_and_no_point_has_more(U):
    g = numbers(11, 5, 2, 3, 3)
    best = U.maximizer(g)
    assert best.shape == g.shape and U.contains(best).all() and U.support(g).shape == (5,)
    torch.testing.assert_close(U.support(g), inner(g, best))
    for seed in range(20):
        point = U.project(numbers(seed, 5, 2, 3, 3))
        assert (inner(g, point) <= U.support(g) + 1e-12).all()
    zero = torch.zeros_like(g)
    assert (
        torch.equal(U.maximizer(zero), zero) and torch.equal(U.project(zero), zero) and U.contains(zero).all()
    )


@every_set
def test_the_gradient_of_the_support_function_is_the_maximizer(U):
    g = numbers(12, 5, 2, 3, 3).requires_grad_()
    U.support(g).sum().backward()
    assert torch.equal(g.grad, U.maximizer(g)) and not U.maximizer(g).requires_grad


@every_set
def test_contains_looks_at_both_sides_and_at_every_entry(U):
    g = numbers(13, 5, 2, 3, 3)
    for direction in (g, -g):
        edge = U.maximizer(direction)
        assert U.contains(edge, atol=0).all()
        outside = edge + 1e-3 * direction
        assert not U.contains(outside, atol=1e-6).any() and U.contains(outside, atol=1.0).all()
    edge[3, 1, 2, 2] = math.nan
    edge[4, 0, 0, 0] = math.inf
    assert U.contains(edge).tolist() == [True, True, True, False, False]


@every_set
def test_scaled_scales_the_whole_set(U):
    g = numbers(14, 5, 2, 3, 3)
    torch.testing.assert_close(U.scaled(2.5).support(g), 2.5 * U.support(g))
    torch.testing.assert_close(U.scaled(2.5).project(2.5 * g), 2.5 * U.project(g))
    assert U.scaled(0).maximizer(g).eq(0).all()
    with pytest.raises(ValueError, match="^factor: expected a finite number >= 0.*got -1"):
        U.scaled(-1)


@every_set
@pytest.mark.parametrize(
    "rows",
    [
        [3, 1],
        slice(1, 4),
        torch.tensor([4, 0, 4]),
        torch.tensor([True, False, False, True, False]),
        2,
        -1,
        [],
    ],
)
def test_indexed_sets_are_those_of_the_examples(U, rows):
    g = numbers(15, 5, 2, 3, 3)
    some = [rows] if isinstance(rows, int) else rows
    assert torch.equal(U[rows].maximizer(g[some]), U.maximizer(g)[some])
    assert torch.equal(U[rows].project(g[some]), U.project(g)[some])


@every_set
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, *DTYPES])
def test_every_float_type_answers_in_kind(U, dtype):
    g = numbers(16, 5, 2, 3, 3).to(dtype)
    before = g.clone()
    for answer in (U.maximizer(g), U.project(g), U.support(g)):
        assert answer.dtype == dtype
    assert U.contains(U.maximizer(g), atol=1e-3).all() and U.contains(U.project(g), atol=1e-3).all()
    assert torch.equal(g, before)


@every_set
def test_the_support_expression_is_the_support_function(U):
    w = numbers(17, 5, 18)
    expression = U.support_expression(cp.Constant(w.numpy()))
    assert expression.shape == (5,) and expression.is_convex()
    problem = cp.Problem(cp.Minimize(cp.sum(expression)))
    problem.solve(solver=cp.CLARABEL)
    np.testing.assert_allclose(expression.value, U.support(w), rtol=1e-5, atol=1e-6)
    one = U[1].support_expression(w[1].numpy())
    assert one.shape == ()
    problem = cp.Problem(cp.Minimize(one))
    problem.solve(solver=cp.CLARABEL)
    assert problem.value == pytest.approx(U.support(w)[1].item(), rel=1e-5, abs=1e-6)


@every_set
def test_the_support_expression_robustifies_a_linear_program(U):
    """The least worst case max_{δ in U} ⟨w, δ⟩ over weights w with Σ w = 1 cannot be improved upon."""
    w = cp.Variable(18)
    problem = cp.Problem(cp.Minimize(U[1].support_expression(w)), [cp.sum(w) == 1, w >= 0])
    problem.solve(solver=cp.CLARABEL)
    best = torch.from_numpy(w.value)[None]
    assert U[1].support(best).item() == pytest.approx(problem.value, rel=1e-4, abs=1e-6)
    others = torch.rand(200, 18, generator=torch.Generator().manual_seed(18), dtype=torch.float64)
    others = others / others.sum(1, keepdim=True)
    many = U[[1] * 200]
    assert (many.support(others) >= problem.value * (1 - 1e-6) - 1e-7).all()


@pytest.mark.parametrize("w", [np.ones((2, 2, 2)), 1.0])
def test_the_support_expression_refuses_what_is_no_vector_or_matrix(w):
    with pytest.raises(ValueError, match=r"^w: expected a vector \(n,\) or a matrix \(m, n\)"):
        Ball("l2", 1).support_expression(w)


# Boxes


def test_boxes_of_all_shapes_agree():
    lower, upper, g = -X, 1 - X, numbers(19, 5, 2, 3, 3)
    whole = Box(lower, upper).maximizer(g)
    assert torch.equal(Box(lower.flatten(1), upper.flatten(1)).maximizer(g), whole)
    assert torch.equal(Box(lower[0], upper[0]).maximizer(g)[0], whole[0])
    assert torch.equal(Box(lower[0].flatten(), upper[0].flatten()).maximizer(g)[0], whole[0])
    assert torch.equal(Box(torch.tensor(-1), 1.0).maximizer(g), g.sign())


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Box(-0.3, 0.2), Box(-0.1, 0.7)),
        (Box(-0.3, 0.2), pixel_box(X)),
        (Box(-X[0].flatten(), 0.4), pixel_box(X)),
        (Box(-X[0], 0.4), pixel_box(X)),
        (Box(-X.flatten(1), 0.4), pixel_box(X)),
        (Box(-X[0].flatten(), 0.4), Box(-0.5, 1 - X[1].flatten())),
    ],
)
def test_two_boxes_make_a_box(a, b):
    d = numbers(20, 5, 2, 3, 3)
    for both in (a & b, b & a):
        assert isinstance(both, Box)
        assert torch.equal(both.project(d), b.project(a.project(d)))
        torch.testing.assert_close(
            (Ball("l2", 0.5) & a & b).maximizer(d), (both & Ball("l2", 0.5)).maximizer(d)
        )
        torch.testing.assert_close(
            (b & (Ball("l2", 0.5) & a)).maximizer(d), (both & Ball("l2", 0.5)).maximizer(d)
        )


def test_a_shared_bound_shaped_like_an_image_cannot_pass_for_a_batch():
    """Two axes or more are examples where a box is indexed: what was shared is then refused, not permuted."""
    U = Box(-X[0].repeat(2, 1, 1)[:3], 1)
    assert U.maximizer(torch.ones(3, 3, 3, 3)).shape == (3, 3, 3, 3)
    with pytest.raises(ValueError, match=r"^lower: expected .*got shape \(3, 9\)"):
        U[[2, 1, 0]].maximizer(torch.ones(3, 3, 3, 3))


def test_a_number_keeps_its_digits_beside_a_tensor():
    both = Box(-0.1, 0.1) & Box(torch.full((3,), -1.0, dtype=torch.float64), 1)
    assert both.lower.tolist() == [-0.1] * 3 and both.upper == 0.1


def test_boxes_that_do_not_fit_are_refused():
    for small, large in ((torch.ones(4), torch.ones(2, 5)), (torch.ones(3, 1), torch.ones(4))):
        with pytest.raises(ValueError, match="^upper: expected two boxes of one shape, got <"):
            Box(0, small) & Box(0, large)


def test_pixels_stay_in_range():
    x, g = images(21, 6, 1, 7, 7, dtype=torch.float32), numbers(22, 6, 1, 7, 7, dtype=torch.float32)
    for U in (Ball("linf", 0.3), Ball("l2", 3.0), Ball("l1", 5.0)):
        for delta in ((U & pixel_box(x)).maximizer(g), (U & pixel_box(x)).project(g)):
            assert (x + delta).min() >= 0 and (x + delta).max() <= 1


@pytest.mark.parametrize("value", [-0.25, 1.5])
def test_pixels_out_of_range_are_refused(value):
    with pytest.raises(ValueError, match=rf"^x: expected pixels in \[0, 1\], got entries from .*{value}"):
        pixel_box(torch.tensor([[0.0, value, 1.0]]))
    with pytest.raises(NonFiniteError, match="^x: expected finite"):
        pixel_box(torch.tensor([[0.0, math.nan]]))


# Arguments


@pytest.mark.parametrize(
    ("lower", "upper", "message"),
    [
        (0.1, 1, "lower: expected lower <= 0 <= upper, a box that holds 0, got entries from 0.1 to 0.1"),
        (-1, -0.5, "upper: expected lower <= 0 <= upper, a box that holds 0, got entries from -0.5 to -0.5"),
        (1, -1, "lower: expected lower <= 0 <= upper"),
        (torch.tensor([-1.0, 0.25]), 1, "lower: expected lower <= 0 <= upper.* from -1 to 0.25"),
        (-1, torch.tensor([[1.0, -2.0]]), "upper: expected lower <= 0 <= upper.* from -2 to 1"),
        (math.nan, 1, "lower: expected finite entries"),
        (-1, math.inf, "upper: expected finite entries"),
        (torch.tensor([-1.0, math.nan]), 1, "lower: expected finite entries"),
        (-1, torch.tensor([1.0, math.inf]), "upper: expected finite entries"),
        ([-1], 1, "lower: expected a number or a tensor of them, got list"),
        (-1, None, "upper: expected a number or a tensor of them, got NoneType"),
    ],
)
def test_what_is_no_box_around_0_is_refused(lower, upper, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Box(lower, upper)


@pytest.mark.parametrize("radius", [-0.1, math.nan, math.inf, torch.tensor([-1.0]), torch.ones(2, 2), "0.1"])
def test_what_is_no_radius_is_refused(radius):
    with pytest.raises(ValueError, match="^radius: expected a finite number >= 0"):
        Ball("l2", radius)


def test_a_ball_needs_a_norm():
    with pytest.raises(ValueError, match="^norm: expected 'l1', 'l2', 'linf'"):
        Ball("euclid", 1.0)
    assert Ball(Lp(3), 1.0).norm == Ball(3, 1.0).norm == Ball("l3", 1.0).norm


@every_set
def test_bad_directions_are_refused(U):
    g = torch.ones(5, 2, 3, 3)
    g[2, 1, 0, 0] = math.nan
    for name, oracle in (("g", U.maximizer), ("g", U.support), ("d", U.project)):
        with pytest.raises(NonFiniteError, match=f"^{name}: expected finite entries"):
            oracle(g)
        with pytest.raises(ValueError, match=rf"^{name}: expected a batch \(N, ...\).*got shape \(18,\)"):
            oracle(torch.ones(18))
    with pytest.raises(ValueError, match=r"^d: expected a batch"):
        U.contains(torch.ones(18))


@pytest.mark.parametrize(
    "name", ["ball-radii", "box-each", "in-box-l1", "in-box-l2", "in-box-linf", "in-box-radii"]
)
def test_sets_for_another_number_of_examples_are_refused(name):
    U = SETS[name]
    for n in (1, 4, 6):
        for oracle in (U.maximizer, U.support, U.project, U.contains):
            with pytest.raises(ValueError, match="^(radius|lower|upper): expected a number.*got shape"):
                oracle(torch.ones(n, 2, 3, 3))


@pytest.mark.parametrize("name", ["box-shared", "box-each", "in-box-l2"])
def test_boxes_of_another_width_are_refused(name):
    with pytest.raises(ValueError, match=r"^lower: expected .*\(12,\).*\(5, 3, 2, 2\).*, got shape"):
        SETS[name].maximizer(torch.ones(5, 3, 2, 2))


def test_sets_read_well_and_are_final():
    assert repr(Ball("linf", 0.1) & Box(-0.25, 1)) == "Ball('linf', 0.1) & Box(-0.25, 1)"
    assert (
        repr(Ball(1.5, torch.ones(4))) == "Ball('l1.5', <4>)"
        and repr(pixel_box(X)) == "Box(<5x2x3x3>, <5x2x3x3>)"
    )
    with pytest.raises(AttributeError):
        Ball("l1", 1.0).radius = 2.0
    with pytest.raises(TypeError, match="abstract"):
        UncertaintySet()
