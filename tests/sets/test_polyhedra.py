"""Polyhedra and hulls: vertices, empty and unbounded ones, ties."""

import itertools
import math

import cvxpy as cp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from set_samples import (
    numbers,
)

from rolab.errors import EmptySetError
from rolab.sets import (
    Polyhedron,
    Scenarios,
)

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}

quick = settings(max_examples=40, deadline=None, derandomize=True)

# Polyhedron


def vertices(D, d):
    """All points where n of the inequalities are equalities and the others hold."""
    for some in itertools.combinations(range(len(D)), D.shape[1]):
        part = list(some)
        if abs(np.linalg.det(D[part])) > 1e-9:
            point = np.linalg.solve(D[part], d[part])
            if (D @ point <= d + 1e-9).all():
                yield point


@st.composite
def polyhedra(draw):
    """A bounded polyhedron in 1 to 3 dimensions around a point that need not be 0."""
    n, generator = draw(st.integers(1, 3)), np.random.default_rng(draw(st.integers(0, 10**6)))
    D = np.vstack([np.eye(n), -np.eye(n), generator.standard_normal((draw(st.integers(0, 4)), n))])
    centre = generator.uniform(-3, 3, n) * draw(st.sampled_from([0, 1]))
    return D, generator.uniform(0.1, 1, len(D)) + D @ centre


@settings(quick, max_examples=15)
@given(polyhedron=polyhedra(), seed=st.integers(0, 99))
def test_a_polyhedron_s_maximizer_is_its_best_vertex(polyhedron, seed):
    D, d = polyhedron
    U, corners = Polyhedron(D, d), np.array(list(vertices(D, d)))
    g = numbers(seed, 6, D.shape[1])
    np.testing.assert_allclose(U.support(g), (g.numpy() @ corners.T).max(1), rtol=1e-8, atol=1e-8)
    for best in U.maximizer(g).numpy():
        assert np.abs(corners - best).max(1).min() < 1e-7
    np.testing.assert_allclose(U.upper, corners.max(0), atol=1e-8)
    np.testing.assert_allclose(U.lower, corners.min(0), atol=1e-8)
    assert U.contains(torch.from_numpy(corners)).all()
    assert not U.contains(torch.from_numpy(corners + 1e-3 * np.sign(corners - corners.mean(0)) + 1e-3)).all()
    hull = Scenarios(corners)
    torch.testing.assert_close(hull.support(g), U.support(g), rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(hull.project(3 * g), U.project(3 * g), rtol=1e-4, atol=1e-4)
    expression = U.support_expression(g.numpy())
    cp.Problem(cp.Minimize(cp.sum(expression))).solve(solver=cp.CLARABEL)
    np.testing.assert_allclose(expression.value, U.support(g), rtol=1e-5, atol=1e-6)


def test_flat_polyhedra_are_sets_too():
    simplex = Polyhedron(np.vstack([-np.eye(3), np.ones((1, 3)), -np.ones((1, 3))]), [0.0, 0, 0, 1, -1])
    g = numbers(6, 5, 3)
    torch.testing.assert_close(simplex.support(g), g.amax(1), rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(simplex.project(g).sum(1), torch.ones(5).double(), rtol=0, atol=1e-7)
    point = Polyhedron([[1.0, 0], [-1, 0], [0, 1], [0, -1]], [0.5, -0.5, 2, -2])
    torch.testing.assert_close(
        point.project(g[:, :2]), torch.tensor([[0.5, 2.0]] * 5).double(), atol=1e-6, rtol=0
    )
    for U, w in ((simplex, g[0]), (point, g[0, :2])):
        problem = cp.Problem(cp.Minimize(U.support_expression(w.numpy())))
        assert problem.solve(solver=cp.CLARABEL) == pytest.approx(U.support(w[None]).item(), abs=1e-6)
        worst = cp.Variable(len(w))  # the penalty is exact where w is a decision, too
        problem = cp.Problem(cp.Minimize(U.support_expression(worst)), [worst >= w.numpy()])
        reference = cp.Variable(len(w))
        value = cp.Problem(cp.Maximize(w.numpy() @ reference), [*U.constraints(reference), reference >= 0])
        assert problem.solve(solver=cp.CLARABEL) == pytest.approx(value.solve(solver=cp.CLARABEL), abs=1e-6)


@pytest.mark.parametrize(
    ("D", "d", "conflict"),
    [
        ([[1.0, 0], [0, 1], [-1, 0], [0, -1]], [1.0, 1, -2, 0], "0, 2"),
        ([[1.0, 0], [0, 1], [-1, -1], [1, -1], [-1, 1]], [1.0, 1, -2.5, 9, 9], "0, 1, 2"),
        ([[1.0], [-1], [0]], [1.0, 1, -0.5], "2"),
        ([[1e4, 0], [-1e-4, 0], [0, 1], [0, -1]], [1e4, -2e-4, 1, 1], "0, 1"),
    ],
)
def test_an_empty_polyhedron_names_the_rows_that_contradict_each_other(D, d, conflict):
    with pytest.raises(
        EmptySetError, match=f"^D, d: expected a set with a point, but the rows {conflict} of Dz ≤ d"
    ):
        Polyhedron(D, d)


@pytest.mark.parametrize(
    ("D", "d"),
    [
        ([[1.0, 0], [0, 1], [-1, 0]], [1.0, 1, 1]),
        ([[1.0, 1]], [1.0]),
        ([[1.0, 1], [-1, -1]], [1.0, 1]),
        ([[-1.0, 0], [0, -1], [1, -1]], [0.0, 0, 0]),
        ([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]], [1.0, 1, 1, 1]),
    ],
)
def test_an_unbounded_polyhedron_names_a_direction_without_bound(D, d):
    with pytest.raises(
        ValueError, match=r"^D, d: expected a bounded set, but Dz ≤ d has no bound in"
    ) as raised:
        Polyhedron(D, d)
    direction = np.array([float(entry) for entry in str(raised.value).split("(")[1][:-1].split(",")])
    assert np.abs(direction).max() > 0.5 and (np.array(D) @ direction <= 1e-6).all()


@pytest.mark.parametrize(
    ("D", "d", "message"),
    [
        (np.eye(2), np.ones(3), r"^d: expected 2 entries, one a row of D \(2, 2\), got 3"),
        (np.ones(2), np.ones(2), r"^D: expected a matrix \(m, n\), got shape \(2,\)"),
        (np.eye(2), np.eye(2), r"^d: expected a vector \(n,\), got shape \(2, 2\)"),
        (np.eye(2), [1.0, math.inf], "^d: expected finite entries"),
        ([[math.nan]], [1.0], "^D: expected finite entries"),
        (np.zeros((0, 2)), np.zeros(0), r"^D: expected a matrix \(m, n\), got shape \(0, 2\)"),
    ],
)
def test_what_is_no_polyhedron_is_refused(D, d, message):
    with pytest.raises(ValueError, match=message):
        Polyhedron(D, d)


def test_directions_of_another_width_are_refused():
    square = Polyhedron(np.vstack([np.eye(2), -np.eye(2)]), np.ones(4))
    for U, owner in ((square, r"D \(4, 2\)"), (Scenarios(np.eye(2)), r"points \(2, 2\)")):
        for oracle in (U.maximizer, U.project, U.support, U.contains):
            with pytest.raises(
                ValueError, match=rf"^[gd]: expected 2 entries an example, to fit {owner}, got 3"
            ):
                oracle(torch.ones(4, 3))
        for build in (U.support_expression, U.constraints):
            with pytest.raises(
                ValueError, match=rf"^[wz]: expected 2 entries an example, to fit {owner}, got 3"
            ):
                build(cp.Variable((5, 3)))


# Scenarios


def test_scenarios_take_the_first_of_the_best():
    U = Scenarios([[1.0, 0.0], [1.0, 1.0], [1.0, -1.0], [0.0, 0.0]])
    g = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [0.0, 0.0]])
    assert U.maximizer(g).tolist() == [[1, 0], [1, 1], [0, 0], [0, 0]]
    assert U.contains(torch.tensor([[0.9, 0.0], [0.5, 0.5], [0.5, 0.6]])).tolist() == [True, True, False]
    single = Scenarios(np.array([[2.0, 3.0]]))
    assert single.maximizer(0 * g).tolist() == [[2, 3]] * 4
    torch.testing.assert_close(single.project(g), torch.tensor([[2.0, 3.0]] * 4))


@pytest.mark.parametrize(
    "points", [np.ones(3), np.zeros((0, 2)), [[1.0, math.nan]], [["a"]], [[1.0], [1.0, 2.0]]]
)
def test_what_are_no_points_is_refused(points):
    with pytest.raises(ValueError, match="^points: expected"):
        Scenarios(points)
