"""The mathematics of `Lp`: Hölder's equality, ties and zeros, the projection's variational inequality."""

import itertools
import math

import cvxpy as cp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from set_samples import numbers

from rolab.errors import NonFiniteError
from rolab.norms import Lp
from rolab.sets import Ball, Box

PS = [1.0, 1.5, 2.0, 3.0, math.inf]
DTYPES = [torch.float32, torch.float64]
TOLERANCE = {torch.float32: 4e-6, torch.float64: 1e-13}  # relative

quick = settings(max_examples=40, deadline=None, derandomize=True)
every_norm = pytest.mark.parametrize("p", PS)
every_type = pytest.mark.parametrize("dtype", DTYPES)


@st.composite
def batches(draw, rows=st.integers(1, 4), width=st.integers(1, 7)):
    """(n, d) in float64: eighths, so with ties and zeros, at three magnitudes; or numbers of many sizes."""
    n, d = draw(rows), draw(width)
    eighths = st.lists(st.integers(-16, 16), min_size=n * d, max_size=n * d)
    scale = draw(st.sampled_from([0.125, 2.0**-20, 2.0**10]))
    if draw(st.booleans()):
        values = np.array(draw(eighths), float) * scale
    else:
        generator = np.random.default_rng(draw(st.integers(0, 10**6)))
        values = generator.standard_normal(n * d) * 10 ** generator.uniform(-3, 3, n * d)
    return torch.from_numpy(values.reshape(n, d))


radii = st.sampled_from([0.0, 0.125, 0.5, 1.0, 7.0])


def true_norm(x, p):
    """‖x‖_p of each row in float64, by the definition (with its absolute value)."""
    return np.linalg.norm(x.double().numpy(), ord=p, axis=1)


def close(a, b, tolerance):
    np.testing.assert_allclose(np.asarray(a, float), np.asarray(b, float), rtol=tolerance, atol=0)


# The norms themselves


def test_names_numbers_and_duals():
    assert Lp("l1") == Lp(1) and Lp("l2") == Lp(2) and Lp("linf") == Lp(math.inf) and Lp("l1.5") == Lp(1.5)
    assert Lp.of("l2") == Lp.of(2) == Lp(2.0) and Lp.of(Lp(3)) == Lp(3)
    assert [Lp(p).name for p in PS] == ["l1", "l1.5", "l2", "l3", "linf"]
    assert [Lp(p).dual.p for p in PS] == [math.inf, 3.0, 2.0, 1.5, 1.0]
    assert repr(Lp(1.5)) == "Lp('l1.5')" and len({Lp(2), Lp("l2")}) == 1


@pytest.mark.parametrize("p", [0.99, 0, -1, math.nan, "two", "l", "l0", "", None, [2]])
def test_what_is_no_norm_is_refused(p):
    with pytest.raises(
        ValueError, match=r"norm: expected 'l1', 'l2', 'linf' or a number p in \[1, inf\], got"
    ):
        Lp(p)


@every_norm
@every_type
@quick
@given(v=batches())
def test_value_is_the_norm(p, dtype, v):
    v = v.to(dtype)
    close(Lp(p).value(v), true_norm(v, p), TOLERANCE[dtype])


@every_norm
def test_value_neither_overflows_nor_underflows(p):
    unit = Lp(p).value(torch.tensor([[3.0, -4.0, 0.0]])).item()
    for scale in (2.0**124, 2.0**-140):
        value = Lp(p).value(torch.tensor([[3.0, -4.0, 0.0]]) * scale).item()
        assert value == pytest.approx(unit * scale, rel=1e-3 if scale < 1 else 1e-6)
    assert Lp(p).value(torch.tensor([[0.0, 0.0], [math.inf, 1.0], [1.0, -math.inf]])).tolist() == [
        0,
        math.inf,
        math.inf,
    ]
    assert Lp(p).value(torch.tensor([[math.nan, 1.0]])).isnan().all()


@every_norm
@every_type
@quick
@given(v=batches())
def test_the_gradient_of_a_norm_is_a_maximiser_of_the_dual_ball(p, dtype, v):
    """Hölder's equality again, by autograd; at 0, where the norm has a kink, 0."""
    v = torch.cat([v, torch.zeros_like(v[:1])]).to(dtype).requires_grad_()
    Lp(p).value(v).sum().backward()
    norm, tolerance = true_norm(v.detach(), p), 10 * TOLERANCE[dtype]
    close((v.grad * v.detach()).sum(1), norm, tolerance)
    assert (true_norm(v.grad, Lp(p).dual.p) <= 1 + tolerance).all()
    assert not v.grad[-1].any()


@pytest.mark.parametrize("p", [1.0, 2.0, 1.5, math.inf])
def test_expression_is_the_norm_in_cvxpy(p):
    w = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    close(Lp(p).expression(cp.Constant(w.numpy())).value, Lp(p).value(w), 1e-9)
    close(Lp(p).expression(cp.Constant(w[1].numpy())).value, Lp(p).value(w)[1], 1e-9)


# The maximiser


@every_norm
@every_type
@quick
@given(g=batches(), radius=radii)
def test_hoelder_holds_with_equality_and_inside_the_ball(p, dtype, g, radius):
    g, tolerance = g.to(dtype), TOLERANCE[dtype]
    step = Lp(p).maximizer(g, radius)
    assert step.shape == g.shape and step.dtype == dtype
    assert (true_norm(step, p) <= radius * (1 + tolerance)).all()
    close((g.double() * step.double()).sum(1), radius * true_norm(g, Lp(p).dual.p), tolerance)


@quick
@given(g=batches(width=st.integers(1, 12)))
def test_linf_beats_every_vertex(g):
    vertices = torch.tensor(list(itertools.product([-0.5, 0.5], repeat=g.shape[1])), dtype=g.dtype)
    best = (g @ vertices.T).amax(1)
    close((g * Lp("linf").maximizer(g, 0.5)).sum(1), best, 1e-13)


@quick
@given(g=batches())
def test_l1_moves_one_coordinate_and_beats_every_vertex(g):
    step = Lp("l1").maximizer(g, 2.0)
    assert ((step != 0).sum(1) == (g != 0).any(1)).all()
    vertices = 2 * torch.cat([torch.eye(g.shape[1]), -torch.eye(g.shape[1])]).double()
    close((g * step).sum(1), (g @ vertices.T).amax(1), 1e-13)


def test_l1_moves_one_coordinate_also_when_all_tie():
    signs = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=5)))
    step = Lp(1).maximizer(signs * 0.3, 2.0)
    assert ((step != 0).sum(1) == 1).all()
    assert step.abs().sum(1).tolist() == [2.0] * 32
    assert ((step != 0) <= (step.sign() == signs)).all()


def test_linf_leaves_a_coordinate_without_gradient():
    assert Lp("linf").maximizer(torch.tensor([[2.0, 0.0, -1e-30]]), 0.1).tolist() == [
        [pytest.approx(0.1), 0.0, pytest.approx(-0.1)]
    ]


@every_norm
@every_type
def test_a_zero_gradient_gives_zero(p, dtype):
    g = torch.zeros(3, 2, 2, dtype=dtype)
    g[1] = torch.tensor([[1.0, -2.0], [0.5, 0.0]])
    step = Lp(p).maximizer(g, 0.7)
    assert step[0].eq(0).all() and step[2].eq(0).all()
    assert true_norm(step.flatten(1), p)[1] == pytest.approx(0.7)


@every_norm
@pytest.mark.parametrize("scale", [2.0**-140, 2.0**-100, 2.0**100, 2.0**126])
def test_the_step_does_not_depend_on_the_size_of_the_gradient(p, scale):
    g = torch.tensor([[1.0, -0.5, 0.25, 0.0], [1.0, 1.0, -1.0, 1.0]])
    assert (g * scale).isfinite().all() and torch.equal(g * scale / scale, g)
    torch.testing.assert_close(Lp(p).maximizer(g * scale), Lp(p).maximizer(g), rtol=1e-6, atol=0)


@every_norm
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, *DTYPES])
def test_every_float_type_answers_in_kind(p, dtype):
    x = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(1)).to(dtype)
    before = x.clone()
    norm, box = Lp(p), (-0.25, 0.5)
    for answer in (
        norm.maximizer(x, 0.5),
        norm.project(x, 0.5),
        norm.maximizer_in_box(x, 0.5, *box),
        norm.project_in_box(x, 0.5, *box),
    ):
        assert answer.dtype == dtype and answer.shape == x.shape and not answer.requires_grad
        assert (true_norm(answer.flatten(1), p) <= 0.5 * (1 + 8 * torch.finfo(dtype).eps)).all()
    assert norm.value(x).dtype == dtype and torch.equal(x, before)


# The projection


@every_norm
@every_type
@quick
@given(d=batches(), radius=radii)
def test_projection_satisfies_the_variational_inequality(p, dtype, d, radius):
    """⟨d - x, y - x⟩ ≤ 0 for all y in the ball: the largest ⟨d - x, y⟩, by Hölder, is attained at x."""
    d, tolerance = d.to(dtype), TOLERANCE[dtype]
    x = Lp(p).project(d, radius)
    assert (true_norm(x, p) <= radius * (1 + tolerance)).all()
    rest, x = d.double() - x.double(), x.double()
    gap = radius * true_norm(rest, Lp(p).dual.p) - (rest * x).sum(1).numpy()
    assert (gap <= 4 * tolerance * true_norm(d, 2) * true_norm(x, 2) + 1e-300).all()


@every_norm
@every_type
@quick
@given(d=batches(), radius=radii)
def test_projection_moves_nothing_inside_and_stops_after_once(p, dtype, d, radius):
    d, tolerance = d.to(dtype), TOLERANCE[dtype]
    once = Lp(p).project(d, radius)
    inside = torch.from_numpy(true_norm(d, p) < radius * (1 - tolerance))
    assert torch.equal(once[inside], d[inside])
    torch.testing.assert_close(Lp(p).project(once, radius), once, rtol=0, atol=tolerance * radius)


@every_norm
@quick
@given(
    pair=st.integers(1, 7).flatmap(lambda d: st.tuples(*[batches(st.just(1), st.just(d))] * 2)), radius=radii
)
def test_projection_is_not_expansive(p, pair, radius):
    a, b = pair
    distance = (Lp(p).project(a, radius) - Lp(p).project(b, radius)).norm()
    assert distance <= (a - b).norm() * (1 + 1e-12) + 1e-12 * radius


@every_norm
def test_projection_agrees_with_cvxpy(p):
    d = torch.randn(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    d[0] = torch.tensor([1.0, 1.0, -1.0, 1.0, 0.0])
    radius = torch.tensor([0.5, 0.7, 1.0, 0.3, 2.0, 9.0], dtype=torch.float64)
    x = cp.Variable(d.shape)
    within = [cp.norm(x[i], p) <= float(radius[i]) for i in range(len(d))]
    cp.Problem(cp.Minimize(cp.sum_squares(x - d.numpy())), within).solve(solver=cp.CLARABEL)
    np.testing.assert_allclose(Lp(p).project(d, radius), x.value, atol=2e-5)


@every_norm
@pytest.mark.parametrize("far", [1e8, 1e30])
def test_projection_from_far_away_loses_no_digits(p, far):
    x = Lp(p).project(torch.tensor([[far, 0.0, 0.0], [far, -far, 0.0]]), 1.0)
    half = 2.0 ** -(1 / p)
    assert x.tolist() == [
        pytest.approx([1.0, 0.0, 0.0], abs=1e-6),
        pytest.approx([half, -half, 0.0], abs=1e-6),
    ]


# Shapes and arguments


@every_norm
def test_a_radius_for_each_example(p):
    x = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    radius = torch.tensor([0.0, 0.1, 0.5, 30.0])
    for method in (Lp(p).maximizer, Lp(p).project):
        rows = torch.cat([method(x[i : i + 1], float(radius.double()[i])) for i in range(4)])
        torch.testing.assert_close(method(x, radius), rows, rtol=1e-12, atol=1e-12)


def test_large_finite_entries_are_not_taken_for_infinite_ones():
    g = torch.full((2, 3), 3e38)
    assert g.sum().isinf()
    assert Lp("l2").maximizer(g).tolist() == [[pytest.approx(3**-0.5)] * 3] * 2


@every_norm
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_entries_that_are_not_finite_are_refused(p, bad):
    g = torch.ones(2, 3)
    g[1, 2] = bad
    norm = Lp(p)
    for name, call in (
        ("g", lambda: norm.maximizer(g)),
        ("d", lambda: norm.project(g, 1.0)),
        ("g", lambda: norm.maximizer_in_box(g, 1.0, -1, 1)),
        ("d", lambda: norm.project_in_box(g, 1.0, -1, 1)),
    ):
        with pytest.raises(NonFiniteError, match=f"^{name}: expected finite entries, got NaN or infinity"):
            call()
    with pytest.raises(ValueError, match="^g: expected finite"):
        norm.maximizer(torch.tensor([[math.inf, -math.inf]]))


@pytest.mark.parametrize(
    ("g", "came"),
    [
        (torch.ones(3), r"shape \(3,\)"),
        (torch.tensor(1.0), r"shape \(\)"),
        (torch.ones(3, 0), r"shape \(3, 0\)"),
        (torch.ones(2, 2, dtype=torch.int64), "torch.int64"),
        ([[1.0]], "list"),
    ],
)
def test_what_is_no_batch_is_refused(g, came):
    for call in (Lp(2).value, Lp(2).maximizer):
        with pytest.raises(
            ValueError, match=rf"^(g|v): expected a (tensor|batch) \(N, \.\.\.\).*, got {came}"
        ):
            call(g)


@pytest.mark.parametrize(
    ("radius", "came"),
    [
        (-0.1, "-0.1"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        ("1", "'1'"),
        (None, "None"),
        (torch.tensor([0.1, -0.2]), "entries from -0.2 to 0.1"),
        (torch.tensor([0.1, math.nan]), "entries from nan to nan"),
        (torch.tensor([0.1, math.inf]), "entries from 0.1 to inf"),
        (torch.ones(2, 1), r"shape \(2, 1\)"),
    ],
)
def test_what_is_no_radius_is_refused(radius, came):
    for method in (Lp(2).maximizer, Lp(1).project):
        with pytest.raises(
            ValueError, match=rf"^radius: expected a finite number >= 0, or a tensor \(N,\).*{came}"
        ):
            method(torch.ones(2, 3), radius)


def test_radii_for_another_number_of_examples_are_refused():
    with pytest.raises(ValueError, match=r"^radius: expected a number or a tensor \(2,\).*got shape \(3,\)"):
        Lp(2).maximizer(torch.ones(2, 3), torch.ones(3))


@every_norm
def test_an_empty_batch_is_no_error(p):
    nothing = torch.empty(0, 2, 3)
    for answer in (
        Lp(p).maximizer(nothing),
        Lp(p).project(nothing, 1.0),
        Lp(p).project_in_box(nothing, 1, -1, 1),
    ):
        assert answer.shape == (0, 2, 3)
    assert Lp(p).value(nothing).shape == (0,)


@pytest.mark.parametrize(
    "p, far, radius", [(20, 1.0, 1e-3), (10, 100.0, 1e-3), (50, 0.5, 1 / 255), (1.05, 9.0, 0.1)]
)
def test_a_point_with_one_entry_is_projected_along_it(p, far, radius):
    d = torch.tensor([[far, 0.0, 0.0]])
    expected = torch.tensor([[radius, 0.0, 0.0]])
    torch.testing.assert_close(Lp(p).project(d, radius), expected)
    torch.testing.assert_close(Lp(p).project_in_box(d, radius, -1.0, 1.0), expected)


# Any size, any float type: what is answered is in the set


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("p", [1.0, 1.001, 1.5, 2.0, 3.0, 50.0, math.inf])
def test_answers_lie_in_the_ball_in_many_dimensions(p, dtype):
    norm, d = Lp(p), numbers(70, 3, 3072).to(dtype)
    low, high = -(d.abs() / 8), (d.abs() / 4).flip(1)
    for radius in (0.3, 10.0):
        ball, both = Ball(norm, radius), Ball(norm, radius) & Box(low, high)
        for U in (ball, both):
            for answer in (U.project(d), U.project(100 * d), U.maximizer(d)):
                assert U.contains(answer, atol=0.0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("p", [1.0, 1.001, 1.5, 2.0, 3.0, math.inf])
def test_points_as_far_as_the_type_goes_are_projected_as_from_infinity(p, dtype):
    norm, d = Lp(p), torch.tensor([[1.0, -0.5, 0.25], [0.9, 0.1, 0.0]], dtype=dtype)
    big = 2.0 ** (math.frexp(torch.finfo(dtype).max)[1] - 2)
    box = (-0.9 * torch.ones(3, dtype=dtype), 0.8 * torch.ones(3, dtype=dtype))
    for radius in (1e-3, 1.0):
        expected = norm.maximizer(d, radius)
        torch.testing.assert_close(norm.project(big * d, radius), expected, rtol=1e-5, atol=1e-6 * radius)
        inside = norm.maximizer_in_box(d, radius, *box)
        found = norm.project_in_box(big * d, radius, *box)
        torch.testing.assert_close(found, inside, rtol=1e-5, atol=1e-5 * radius)
