"""The worst design matrix against its identities and brute force."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from linear_regressions import SHAPE, budget_vertices, draw, inside, members, norm, quick, seeds

from rolab.linear_models.worst_case import worst_design
from rolab.norms import Lp
from rolab.sets import Ball, Box, Budget, Columns, Ellipsoid, GroupBall, Rows, Scenarios, SpectralBall

IDENTITIES = {  # the set, and the worst value by a formula in A, b, x
    "Frobenius": (Ball("l2", 0.6), lambda r, x: norm(r) + 0.6 * norm(x)),
    "spectral": (SpectralBall(0.6, SHAPE), lambda r, x: norm(r) + 0.6 * norm(x)),
    "columns": (Columns(Ball("l2", 0.6), SHAPE), lambda r, x: norm(r) + 0.6 * norm(x, 1)),
    "one column": (GroupBall("l2", 0.6, SHAPE, axis=0), lambda r, x: norm(r) + 0.6 * norm(x, math.inf)),
    "columns + Frobenius": (
        Columns(Ball("l2", 0.6), SHAPE) + Ball("l2", 0.3),
        lambda r, x: norm(r) + 0.6 * norm(x, 1) + 0.3 * norm(x),
    ),
    "Frobenius + entries": (
        Ball("l2", 0.3) + Ball("linf", 0.6),
        lambda r, x: norm(np.abs(r) + 0.6 * norm(x, 1)) + 0.3 * norm(x),
    ),
    "rows l2": (Rows(Ball("l2", 0.6), SHAPE), lambda r, x: norm(np.abs(r) + 0.6 * norm(x))),
    "rows l1": (Rows(Ball("l1", 0.6), SHAPE), lambda r, x: norm(np.abs(r) + 0.6 * norm(x, math.inf))),
    "entries": (Ball("linf", 0.6), lambda r, x: norm(np.abs(r) + 0.6 * norm(x, 1))),
    "box": (
        Box(-0.2, 0.6),
        lambda r, x: norm(
            np.maximum(
                r + np.maximum(-0.2 * x, 0.6 * x).sum(),
                -r + np.maximum(0.2 * x, -0.6 * x).sum(),
            )
        ),
    ),
    "entries + rows": (
        Ball("linf", 0.6) + Rows(Ball("l2", 0.3), SHAPE),
        lambda r, x: norm(np.abs(r) + 0.6 * norm(x, 1) + 0.3 * norm(x)),
    ),
}
each_identity = pytest.mark.parametrize(("U", "formula"), IDENTITIES.values(), ids=IDENTITIES.keys())


@each_identity
@quick
@given(seed=seeds)
def test_the_worst_value_is_the_formula(U, formula, seed):
    A, b, x = draw(seed)
    worst = worst_design(A, b, x, U)
    expected = formula(A @ x - b, x)
    assert worst.value == pytest.approx(expected, rel=1e-10)
    assert worst.bound == pytest.approx(expected, rel=1e-10) and worst.exact
    assert norm((A + worst.perturbation) @ x - b) == pytest.approx(expected, rel=1e-10)
    assert inside(U, worst.perturbation)


@each_identity
def test_no_member_of_the_set_does_better(U, formula):
    A, b, x = draw(5)
    residuals = (A + members(U, A.shape)) @ x - b
    value = worst_design(A, b, x, U).value
    assert np.linalg.norm(residuals, axis=1).max() <= value * (1 + 1e-9)
    assert value > norm(A @ x - b)


@each_identity
def test_where_the_residual_or_x_is_0(U, formula):
    A, b, x = draw(1)
    assert worst_design(A, A @ x, x, U).value == pytest.approx(formula(np.zeros(7), x), rel=1e-10)
    assert worst_design(A, b, 0 * x, U).value == pytest.approx(norm(b), rel=1e-12)


@pytest.mark.parametrize(
    ("U", "V"),
    [
        (Ball("l2", 0.6), Ball("l2", 0.6)),
        (SpectralBall(0.6, SHAPE), Ball("l2", 0.6)),
        (Columns(Ball("l2", 0.6), SHAPE), Ball("linf", 0.6)),
        (GroupBall("l2", 0.6, SHAPE, axis=0), Ball("l1", 0.6)),
        (SpectralBall(0.6, SHAPE) + Columns(Ball("l2", 0.1), SHAPE), Ball("l2", 0.6) + Ball("linf", 0.1)),
    ],
    ids=repr,
)
@quick
@given(seed=seeds)
def test_the_regularizer_is_the_set_turned(U, V, seed):
    u, _, x = draw(seed, m=1)[0], 0, draw(seed)[2]
    u = np.random.default_rng(seed).standard_normal(7)
    product, line = torch.from_numpy(np.outer(u, x).reshape(1, -1)), torch.from_numpy(x[None])
    expected = norm(u) * float(V.support(line)[0])
    assert float(U.support(product)[0]) == pytest.approx(expected, rel=1e-10)
    found = U.design_regularizer()
    assert found is not None and float(found.support(line)[0]) == pytest.approx(float(V.support(line)[0]))


@pytest.mark.parametrize(
    "U",
    [
        Ball("linf", 1.0),
        Ball("l1", 1.0),
        Box(-1.0, 1.0),
        Rows(Ball("l2", 1.0), SHAPE),
        Columns(Ball("l1", 1.0), SHAPE),
        GroupBall("l2", 1.0, SHAPE, axis=1),
        Ball("l2", 1.0) + Ball("linf", 1.0),
    ],
    ids=repr,
)
def test_other_sets_have_no_regularizer(U):
    assert U.design_regularizer() is None


def test_entries_are_less_than_the_regulariser_of_their_frobenius_ball():
    A, b, x = draw(11, 4, 2)
    delta, m = 0.3, len(A)
    worst = worst_design(A, b, x, Ball("linf", delta)).value
    largest_entries = norm(A @ x - b) + delta * math.sqrt(m) * norm(x, 1)
    assert worst < largest_entries * (1 - 1e-3)
    one = np.sign(np.outer(np.ones(m), x))  # equal residuals are the case of equality
    even = worst_design(one, one @ x - 1, x, Ball("linf", delta)).value
    assert even == pytest.approx(math.sqrt(m) + delta * math.sqrt(m) * norm(x, 1), rel=1e-12)


@quick
@given(seed=seeds, shape=st.sampled_from([(1, 3), (2, 3), (3, 2), (4, 3), (6, 2)]))
def test_entries_against_every_vertex(seed, shape):
    A, b, x = draw(seed, *shape)
    generator = np.random.default_rng(seed)
    lower, upper = -generator.uniform(0, 1, shape), generator.uniform(0, 1, shape)
    corners = np.array(list(itertools.product([0, 1], repeat=math.prod(shape)))).reshape(-1, *shape)
    for U, low, high in [
        (Ball("linf", 0.4), -0.4, 0.4),
        (Box(torch.from_numpy(lower.ravel()), torch.from_numpy(upper.ravel())), lower, upper),
        (Ball("linf", 0.4) & Box(-0.2, 0.7), -0.2, 0.4),
    ]:
        residuals = (A + np.where(corners == 1, high, low)) @ x - b
        worst = worst_design(A, b, x, U)
        assert worst.value == pytest.approx(np.linalg.norm(residuals, axis=1).max(), rel=1e-10)
        assert worst.bound == pytest.approx(worst.value, rel=1e-10)
        assert inside(U, worst.perturbation)


def test_scenarios_take_the_worst_matrix():
    A, b, x = draw(3)
    matrices = 0.5 * np.random.default_rng(3).standard_normal((6, 7, 3))
    U = Scenarios(matrices.reshape(6, -1))
    worst = worst_design(A, b, x, U)
    assert (
        worst.value == worst.bound == pytest.approx(max(norm((A + D) @ x - b) for D in matrices), rel=1e-12)
    )
    assert any(np.allclose(worst.perturbation, D) for D in matrices)


@quick
@given(seed=seeds)
def test_a_set_without_a_closed_form_lies_between_value_and_bound(seed):
    A, b, x = draw(seed, 4, 2)
    worst = worst_design(A, b, x, Budget(2, 0.5))
    exact = max(norm((A + v.reshape(4, 2)) @ x - b) for v in budget_vertices(0.5, 2, 8))
    assert inside(Budget(2, 0.5), worst.perturbation)
    assert worst.value <= exact * (1 + 1e-12) and exact <= worst.bound * (1 + 1e-12)
    assert worst.exact == (worst.bound <= worst.value * (1 + 1e-6))
    assert worst.value >= 0.95 * exact  # ascent from every row: nearly always exact
    assert norm((A + worst.perturbation) @ x - b) == pytest.approx(worst.value, rel=1e-12)


def test_ascent_finds_the_best_single_entry_and_the_best_single_row():
    for seed in range(20):
        A, b, x = draw(seed)
        r = A @ x - b
        for U, reach in [
            (Ball("l1", 0.7), 0.7 * norm(x, math.inf)),
            (GroupBall("l2", 0.7, SHAPE, axis=1), 0.7 * norm(x)),
        ]:
            pushed = max(norm(r + reach * math.copysign(1, r[i]) * np.eye(7)[i]) for i in range(7))
            assert worst_design(A, b, x, U).value == pytest.approx(pushed, rel=1e-10)


def test_an_intersection_is_bounded_by_its_parts():
    A, b, x = draw(2)
    U = Ball("l2", 0.6) & Box(-0.4, 0.4)
    worst = worst_design(A, b, x, U)
    parts = [worst_design(A, b, x, part).value for part in (Ball("l2", 0.6), Box(-0.4, 0.4))]
    assert norm(A @ x - b) < worst.value <= worst.bound * (1 + 1e-12) <= min(parts) * (1 + 2e-12)
    assert inside(U, worst.perturbation)


def test_an_ellipsoid_of_equal_axes_is_the_frobenius_ball():
    A, b, x = draw(4, 4, 2)
    worst = worst_design(A, b, x, Ellipsoid(np.eye(8), 0.6))
    assert worst.value == pytest.approx(norm(A @ x - b) + 0.6 * norm(x), rel=1e-8)
    assert worst.bound >= worst.value * (1 - 1e-12)


def test_a_bad_decision_is_named():
    A, b, _ = draw(0)
    with pytest.raises(ValueError, match=r"^x: expected finite numbers of shape \(3,\), got shape \(2,\)"):
        worst_design(A, b, [1.0, 2.0], Ball("l2", 1.0))


def test_tensors_are_taken_as_arrays():
    A, b, x = draw(0)
    tensors = [torch.from_numpy(each).requires_grad_() for each in (A, b, x)]
    assert worst_design(*tensors, Ball("l2", 1.0)).value == worst_design(A, b, x, Ball("l2", 1.0)).value


def test_two_questions_to_a_norm():
    assert [Lp(p).euclidean for p in (1, 2, 3, math.inf)] == [False, True, False, False]
    assert [Lp(p).separable for p in (1, 2, 3, math.inf)] == [False, False, False, True]
    assert Ball("l2", 1.0).row_set(SHAPE) is None
