"""Every set, and every combination that the algebra allows, against convex problems stated anew here."""

import functools
import math
from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import pytest
import scipy.sparse as sp
import torch

from rolab.errors import EmptySetError, NoExpressionError, NonFiniteError
from rolab.sets import (
    Ball,
    BallInBox,
    Box,
    Budget,
    Columns,
    Ellipsoid,
    GroupBall,
    Polyhedron,
    Rows,
    Scenarios,
    SpectralBall,
    UncertaintySet,
    pixel_box,
)

N, SHAPE = 4, (2, 3)  # four examples, each a matrix of two rows: six entries
SLACK = {torch.float32: 4e-6, torch.float64: 2e-6}  # what the solvers leave, relative to 1 + |value|


def numbers(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def inner(a, b):
    return (a.double() * b.double()).flatten(1).sum(1)


# The same sets in cvxpy, by their definitions: a function of z (n,) and of the number i of the example.


def of(value, i):
    return float(value[i]) if isinstance(value, torch.Tensor) and value.ndim else float(value)


def ball(p, radius):
    return lambda z, i: [cp.norm(z, p) <= of(radius, i)]


def box(lower, upper):
    def bound(value, i):
        if not isinstance(value, torch.Tensor):
            return value
        return (value[i] if value.ndim > 1 else value).flatten().numpy()

    return lambda z, i: [z >= bound(lower, i), z <= bound(upper, i)]


def budget(gamma, radius):
    return lambda z, i: [cp.norm(z, "inf") <= of(radius, i), cp.norm(z, 1) <= of(gamma, i) * of(radius, i)]


def ellipsoid(sigma, radius):
    u, s, vt = np.linalg.svd(sigma.numpy())
    root = u * np.sqrt(s) @ vt

    def constraints(z, i):
        unit = cp.Variable(z.shape)
        return [z == root @ unit, cp.norm(unit) <= of(radius, i)]

    return constraints


def polyhedron(D, d):
    return lambda z, i: [D.numpy() @ z <= d.numpy()]


def hull(points):
    def constraints(z, i):
        share = cp.Variable(len(points))
        return [share >= 0, cp.sum(share) == 1, points.numpy().T @ share == z]

    return constraints


def matrix_of(z, shape=SHAPE):
    return cp.reshape(z, shape, order="C")


def rows(part):
    """The constraints of each row, part(z, k) those of row k."""
    return lambda z, i: [c for k in range(2) for c in part(matrix_of(z)[k, :], k)]


def columns(part):
    return lambda z, i: [c for k in range(3) for c in part(matrix_of(z)[:, k], k)]


def groups(p, radius, axis):
    def constraints(z, i):
        Z = matrix_of(z)
        parts = [Z[k, :] for k in range(2)] if axis == 1 else [Z[:, k] for k in range(3)]
        return [sum(cp.norm(part, p) for part in parts) <= of(radius, i)]

    return constraints


def spectral(radius):
    return lambda z, i: [cp.sigma_max(matrix_of(z)) <= of(radius, i)]


def both(a, b):
    return lambda z, i: a(z, i) + b(z, i)


def plus(a, b):
    def constraints(z, i):
        part = cp.Variable(z.shape)
        return a(part, i) + b(z - part, i)

    return constraints


def image(M, a):
    def constraints(z, i):
        part = cp.Variable(M.shape[1])
        return [z == M.numpy() @ part, *a(part, i)]

    return constraints


@dataclass
class Case:
    """A set, its constraints by their definition, and whether it is known by closed forms."""

    U: UncertaintySet
    constraints: object
    exact: bool = False

    def solve(self, objective):
        z = cp.Variable((N, 6))
        within = [c for i in range(N) for c in self.constraints(z[i], i)]
        cp.Problem(objective(z), within).solve(solver=cp.CLARABEL)
        return z.value

    @functools.cached_property
    def zero(self):
        """Whether each example's set holds 0."""
        return [self.feasible(i) for i in range(N)]

    def feasible(self, i):
        z = cp.Variable(6)
        problem = cp.Problem(cp.Minimize(cp.norm(z)), self.constraints(z, i))
        return problem.solve(solver=cp.CLARABEL) < 1e-5


A, B, X = numbers(0, 6, 6), numbers(1, 6, 6), (numbers(2, N, 6) + 0.5).clamp(0, 1)
SIGMA, OTHER = A @ A.T / 6, B @ B.T / 6
FLAT = torch.diag(torch.tensor([1.0, 2.0, 0.0, 0.0, 0.5, 3.0])).double()
TILTED = numbers(3, 6, 2) @ numbers(3, 6, 2).T
D = torch.cat([torch.eye(6), -torch.eye(6), numbers(4, 4, 6)]).double()
d = torch.cat([torch.ones(12), 0.7 * torch.ones(4)]).double()
AWAY = d + D @ torch.tensor([2.0, -1.0, 0.0, 0.0, 3.0, 0.0], dtype=torch.float64)
POINTS, AROUND = numbers(5, 5, 6) + 0.4, torch.cat([torch.eye(6), -torch.eye(6) / 2]).double()
TRIANGLE = (
    torch.tensor([[-1.0, 0, 0], [0, -1, 0], [0, 0, -1], [1, 1, 1]]).double(),
    torch.tensor([0.1, 0.2, 0, 1]).double(),
)
M, WIDE, THIN = numbers(6, 6, 4), numbers(7, 6, 9), numbers(8, 6, 2) @ numbers(9, 2, 5)
RADII, GAMMAS = torch.tensor([0.0, 0.3, 1.0, 2.0]).double(), torch.tensor([9.0, 0.5, 1.0, 2.5]).double()

SETS = {
    "budget": Case(Budget(2.5, 0.4), budget(2.5, 0.4), True),
    "budget-less-than-one": Case(Budget(0.5, 0.4), budget(0.5, 0.4), True),
    "budget-of-all": Case(Budget(8, 0.4), budget(8, 0.4), True),
    "budget-none": Case(Budget(0, 0.4), budget(0, 0.4), True),
    "budget-each": Case(Budget(GAMMAS, RADII), budget(GAMMAS, RADII), True),
    "ellipsoid": Case(Ellipsoid(SIGMA, 0.7), ellipsoid(SIGMA, 0.7), True),
    "ellipsoid-each": Case(Ellipsoid(SIGMA, RADII), ellipsoid(SIGMA, RADII), True),
    "ellipsoid-flat": Case(Ellipsoid(FLAT, 1.3), ellipsoid(FLAT, 1.3), True),
    "ellipsoid-tilted": Case(Ellipsoid(TILTED.numpy(), 0.5), ellipsoid(TILTED, 0.5), True),
    "polyhedron": Case(Polyhedron(D, d), polyhedron(D, d)),
    "polyhedron-away": Case(Polyhedron(D, AWAY), polyhedron(D, AWAY)),
    "scenarios": Case(Scenarios(POINTS), hull(POINTS)),
    "scenarios-around": Case(Scenarios(AROUND.numpy()), hull(AROUND)),
    "rows": Case(Rows(Ball("l2", 0.5), SHAPE), rows(ball(2, 0.5)), True),
    "rows-each": Case(Rows(Ball("l1", RADII[1:3]), SHAPE), rows(ball(1, RADII[1:3])), True),
    "rows-polyhedra": Case(Rows(Polyhedron(*TRIANGLE), SHAPE), rows(polyhedron(*TRIANGLE))),
    "columns": Case(Columns(Budget(1.5, 0.2), SHAPE), columns(budget(1.5, 0.2)), True),
    "columns-each": Case(Columns(Ball("l2", RADII[:3]), SHAPE), columns(ball(2, RADII[:3])), True),
    "group-rows": Case(GroupBall("l2", 0.8, SHAPE, 1), groups(2, 0.8, 1), True),
    "group-columns": Case(GroupBall("l2", RADII, SHAPE, 0), groups(2, RADII, 0), True),
    "group-l1": Case(GroupBall("l1", 0.8, SHAPE, 1), groups(1, 0.8, 1), True),
    "group-linf": Case(GroupBall("linf", RADII, SHAPE, -2), groups("inf", RADII, 0)),
    "spectral": Case(SpectralBall(0.9, SHAPE), spectral(0.9), True),
    "spectral-each": Case(SpectralBall(RADII, SHAPE), spectral(RADII), True),
    # a & b
    "l1-l2": Case(Ball("l1", 1) & Ball("l2", 0.6), both(ball(1, 1), ball(2, 0.6))),
    "l1-l2-box": Case(
        Ball("l1", 1) & Ball("l2", 0.6) & Box(-0.1, X), both(both(ball(1, 1), ball(2, 0.6)), box(-0.1, X))
    ),
    "l2-l2": Case(Ball("l2", 0.7) & Ball("l2", RADII), both(ball(2, 0.7), ball(2, RADII)), True),
    "linf-l2": Case(Ball("linf", 0.3) & Ball("l2", 0.6), both(ball("inf", 0.3), ball(2, 0.6)), True),
    "budget-box": Case(Budget(2.5, 0.4) & Box(-0.2, 1), both(budget(2.5, 0.4), box(-0.2, 1)), True),
    "budget-pixels": Case(
        pixel_box(X) & Budget(GAMMAS, 0.4), both(budget(GAMMAS, 0.4), box(-X, 1 - X)), True
    ),
    "budget-budget": Case(
        Budget(2.5, 0.4) & Budget(1, 0.7), both(budget(2.5, 0.4), budget(1, 0.7)), True
    ),
    "budgets-box": Case(Budget(GAMMAS, RADII) & Box(-0.2, 1), both(budget(GAMMAS, RADII), box(-0.2, 1))),
    "ellipsoid-box": Case(
        Ellipsoid(SIGMA, 0.7) & Box(-X[0], 0.3), both(ellipsoid(SIGMA, 0.7), box(-X[0], 0.3))
    ),
    "ellipsoids": Case(
        Ellipsoid(SIGMA, 0.7) & Ellipsoid(OTHER, 0.6), both(ellipsoid(SIGMA, 0.7), ellipsoid(OTHER, 0.6))
    ),
    "polyhedron-ball": Case(
        Polyhedron(D, AWAY) & Ball("l2", 3), both(polyhedron(D, AWAY), ball(2, 3))
    ),
    "polyhedron-box": Case(Polyhedron(D, d) & Box(-0.4, X), both(polyhedron(D, d), box(-0.4, X))),
    "scenarios-ball": Case(Scenarios(POINTS) & Ball("l2", 2.5), both(hull(POINTS), ball(2, 2.5))),
    "rows-group": Case(
        Rows(Ball("linf", 0.3), SHAPE) & GroupBall("l2", 0.8, SHAPE, 1),
        both(ball("inf", 0.3), groups(2, 0.8, 1)),
    ),
    "spectral-linf": Case(
        SpectralBall(0.9, SHAPE) & Ball("linf", 0.5), both(spectral(0.9), ball("inf", 0.5))
    ),
    # a + b
    "l2+l2": Case(Ball("l2", 0.3) + Ball("l2", RADII), plus(ball(2, 0.3), ball(2, RADII)), True),
    "box+box": Case(Box(-0.3, 0.1) + pixel_box(X), plus(box(-0.3, 0.1), box(-X, 1 - X)), True),
    "l2+linf": Case(Ball("l2", 0.3) + Ball("linf", RADII), plus(ball(2, 0.3), ball("inf", RADII))),
    "scenarios+ellipsoid": Case(
        Scenarios(POINTS) + Ellipsoid(FLAT, 0.4), plus(hull(POINTS), ellipsoid(FLAT, 0.4))
    ),
    "budget+polyhedron": Case(
        Budget(1.5, 0.4) + Polyhedron(D, AWAY), plus(budget(1.5, 0.4), polyhedron(D, AWAY))
    ),
    "spectral+l2": Case(SpectralBall(0.9, SHAPE) + Ball("l2", 0.5), plus(spectral(0.9), ball(2, 0.5))),
    # matrix @ a
    "image-l2": Case(M @ Ball("l2", 0.5), image(M, ball(2, 0.5))),
    "image-each": Case(M.numpy() @ Ball("l1", RADII), image(M, ball(1, RADII))),
    "image-budget": Case(M.numpy() @ Budget(1.5, 0.5), image(M, budget(1.5, 0.5))),
    "image-sparse": Case(
        sp.csr_array(M.numpy()) @ (Ball("l1", 1) & Box(-0.5, 0.2)), image(M, both(ball(1, 1), box(-0.5, 0.2)))
    ),
    "image-wide": Case(sp.coo_matrix(WIDE.numpy()) @ Box(-0.2, 0.3), image(WIDE, box(-0.2, 0.3))),
    "image-thin": Case(THIN @ Ball("l2", 0.5), image(THIN, ball(2, 0.5))),
    "image-scenarios": Case(A @ Scenarios(POINTS), image(A, hull(POINTS))),
    "image-polyhedron": Case(A.numpy() @ Polyhedron(D, d), image(A, polyhedron(D, d))),
    # nested
    "image-in-sum-in-meet": Case(
        (M @ Ball("l2", 0.5) + Box(-0.1, 0.2)) & Ball("l1", 1),
        both(plus(image(M, ball(2, 0.5)), box(-0.1, 0.2)), ball(1, 1)),
    ),
    "image-of-meet": Case(
        M @ (Ball("l1", 0.5) & Ball("l2", RADII)), image(M, both(ball(1, 0.5), ball(2, RADII)))
    ),
    "image-of-sum": Case(
        A @ (Ball("l1", 0.5) + Ellipsoid(TILTED, 0.2)), image(A, plus(ball(1, 0.5), ellipsoid(TILTED, 0.2)))
    ),
    "image-of-image": Case(A @ (M.numpy() @ Budget(2, 0.3)), image(A, image(M, budget(2, 0.3)))),
    "sum-of-meets": Case(
        (Ball("l1", 1) & Ball("l2", 0.6)) + (Scenarios(POINTS) & Ball("l2", 2.5)),
        plus(both(ball(1, 1), ball(2, 0.6)), both(hull(POINTS), ball(2, 2.5))),
    ),
    "meet-of-sums": Case(
        (Ball("l1", 1) + Ball("l2", 0.2)) & (Ball("l2", 0.6) + Budget(2, 0.3)),
        both(plus(ball(1, 1), ball(2, 0.2)), plus(ball(2, 0.6), budget(2, 0.3))),
    ),
    "rows-of-meets": Case(
        Rows(Ball("l1", 0.6) & Ball("l2", 0.5), SHAPE), rows(both(ball(1, 0.6), ball(2, 0.5)))
    ),
    "columns-of-images": Case(
        Columns(M[:2] @ Ball("l2", 0.3), SHAPE), columns(image(M[:2], ball(2, 0.3)))
    ),
}  # fmt: skip
every_set = pytest.mark.parametrize("case", SETS.values(), ids=SETS.keys())
every_type = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def close(a, b, slack):
    np.testing.assert_allclose(np.asarray(a, float), np.asarray(b, float), rtol=slack, atol=slack)


# Support functions and maximisers


@every_set
@every_type
def test_support_is_the_maximum_the_expression_and_the_value_of_the_maximizer(case, dtype):
    g, slack = numbers(10, N, 6).to(dtype), SLACK[dtype]
    best, value = case.U.maximizer(g), case.U.support(g)
    assert best.shape == g.shape and best.dtype == value.dtype == dtype and value.shape == (N,)
    assert case.U.contains(best).all()
    close(value, inner(g, best), slack)
    furthest = case.solve(lambda z: cp.Maximize(cp.sum(cp.multiply(g.double().numpy(), z))))
    close(value, inner(g, torch.from_numpy(furthest)), slack)
    expression = case.U.support_expression(g.double().numpy())
    assert expression.shape == (N,) and expression.is_convex()
    problem = cp.Problem(cp.Minimize(cp.sum(expression)))
    assert not problem.constraints
    problem.solve(solver=cp.CLARABEL)
    close(value, expression.value, slack)


@every_set
def test_the_expression_of_one_direction_is_a_number(case):
    w = numbers(11, N, 6)
    expression = case.U[1].support_expression(w[1].numpy())
    assert expression.shape == ()
    problem = cp.Problem(cp.Minimize(expression))
    problem.solve(solver=cp.CLARABEL)
    close(problem.value, case.U.support(w)[1], 2e-6)


@every_set
def test_the_expression_robustifies_a_linear_program(case):
    """The least worst case over weights w that sum to 1 is the support function there, and nowhere less."""
    w = cp.Variable(6)
    worst = case.U[2].support_expression(w)
    problem = cp.Problem(cp.Minimize(worst), [cp.sum(w) == 1, w >= -1, w <= 1])
    problem.solve(solver=cp.CLARABEL)
    best = torch.from_numpy(w.value)[None]
    close(case.U[2].support(best)[0], problem.value, 1e-5)
    others = numbers(12, 20, 6).clamp(-1, 1)
    others = others + (1 - others.sum(1, keepdim=True)) / 6
    others = others[others.abs().amax(1) <= 1]
    assert len(others) > 3
    assert (case.U[[2] * len(others)].support(others) >= problem.value - 1e-5).all()


@every_set
def test_an_image_of_its_unit_has_the_same_support_function(case):
    for i in range(N):
        U = case.U[i]
        unit, matrix = U.as_linear_image()
        w = numbers(13 + i, 1, 6)
        pulled = w.numpy() * matrix if isinstance(matrix, float) else w.numpy() @ matrix
        close(unit.support(torch.from_numpy(np.asarray(pulled))), U.support(w), 2e-6)


@every_set
def test_where_the_direction_is_0_the_maximizer_is_0_or_some_point(case):
    g = numbers(14, N, 6)
    g[[0, 2]] = 0
    best, before = case.U.maximizer(g), case.U.maximizer(numbers(14, N, 6))
    assert case.U.contains(best).all()
    close(best[[1, 3]], before[[1, 3]], 1e-5)
    for i in (0, 2):
        assert not case.zero[i] or torch.equal(best[i], torch.zeros(6).double())
    assert case.U.contains(torch.zeros(N, 6)).tolist() == case.zero


@every_set
def test_the_gradient_of_the_support_function_is_the_maximizer(case):
    g = numbers(15, N, 6).requires_grad_()
    case.U.support(g).sum().backward()
    close(g.grad, case.U.maximizer(g), 1e-9)
    assert not case.U.maximizer(g).requires_grad and not case.U.project(g).requires_grad


@every_set
def test_the_constraints_are_those_of_the_definition(case):
    g = numbers(16, N, 6)
    z = cp.Variable((N, 6))
    cp.Problem(cp.Maximize(cp.sum(cp.multiply(g.numpy(), z))), case.U.constraints(z)).solve(
        solver=cp.CLARABEL
    )
    close((g.numpy() * z.value).sum(1), case.U.support(g), 2e-6)
    one = cp.Variable(6)
    problem = cp.Problem(cp.Maximize(g[3].numpy() @ one), case.U[3].constraints(one))
    close(problem.solve(solver=cp.CLARABEL), case.U.support(g)[3], 2e-6)


# Projections


@every_set
@every_type
def test_the_projection_is_the_nearest_point(case, dtype):
    far = (1.5 * numbers(17, N, 6)).to(dtype)
    near = case.U.project(far)
    assert near.shape == far.shape and near.dtype == dtype and case.U.contains(near).all()
    close(near, case.solve(lambda z: cp.Minimize(cp.sum_squares(z - far.double().numpy()))), 2e-4)
    rest = far.double() - near.double()
    slack = (1e-9 if dtype == torch.float64 else 1e-6) * (10 if not case.exact else 1)
    assert (case.U.support(rest) - inner(rest, near) <= slack * (1 + far.double().square().sum(1))).all()
    close(case.U.project(near), near, 2e-5 if not case.exact else 1e-6 if dtype == torch.float32 else 1e-12)


@every_set
def test_contains_looks_at_both_sides(case):
    g = numbers(18, N, 6)
    for direction in (g, -g):
        edge = case.U.maximizer(direction)
        outside = edge + 1e-3 * direction
        assert case.U.contains(edge).all()
        assert not case.U.contains(outside).any() and case.U.contains(outside, atol=0.1).all()
    edge[1, 2], edge[2, 0] = math.nan, math.inf
    assert case.U.contains(edge).tolist() == [True, False, False, True]


# What a set is made into


@every_set
def test_scaled_scales_the_whole_set(case):
    g = numbers(19, N, 6)
    U = case.U.scaled(2.5)
    close(U.support(g), 2.5 * case.U.support(g), 5e-6)
    close(U.project(2.5 * g), 2.5 * case.U.project(g), 1e-5)
    close(case.U.scaled(0).maximizer(g), torch.zeros(N, 6), 1e-6)
    with pytest.raises(ValueError, match="^factor: expected a finite number >= 0.*got -1"):
        case.U.scaled(-1)


@every_set
@pytest.mark.parametrize(
    "index", [[3, 1], slice(1, 3), torch.tensor([True, False, False, True]), -1, []], ids=str
)
def test_indexed_sets_are_those_of_the_examples(case, index):
    g = numbers(20, N, 6)
    some = [index] if isinstance(index, int) else index
    close(case.U[index].support(g[some]), case.U.support(g)[some], 2e-6)
    close(case.U[index].project(g[some]), case.U.project(g)[some], 2e-5)


@every_set
def test_matrices_and_vectors_are_the_same(case):
    g = numbers(21, N, 6)
    for oracle in (case.U.maximizer, case.U.project):
        assert torch.equal(oracle(g.reshape(N, *SHAPE)), oracle(g).reshape(N, *SHAPE))


@every_set
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_answers_in_kind(case, dtype):
    g = numbers(22, N, 6).to(dtype)
    for answer in (case.U.maximizer(g), case.U.project(g), case.U.support(g)):
        assert answer.dtype == dtype
    assert case.U.contains(case.U.maximizer(g), atol=5e-2).all()


@every_set
def test_sets_read_well_and_are_equal_to_their_copies(case):
    assert len(repr(case.U)) < 120 and "\n" not in repr(case.U)
    assert "w" in case.U.formula and "object at" not in case.U.formula
    assert case.U == case.U[:] or case.U[:] is case.U
    assert hash(case.U) == hash(case.U[:])
    assert case.U != case.U.scaled(2) or not case.U.support(numbers(23, N, 6)).any()


@every_set
def test_bad_directions_are_refused(case):
    g = numbers(24, N, 6)
    g[2, 1] = math.nan
    for oracle in (case.U.maximizer, case.U.project):
        with pytest.raises(NonFiniteError, match="^[gd]: expected finite entries"):
            oracle(g)
        with pytest.raises(ValueError, match=r"^[gd]: expected a batch \(N, ...\)"):
            oracle(torch.ones(6))


# The exact forms


@pytest.mark.parametrize("name", [name for name, case in SETS.items() if case.exact])
def test_exact_forms_need_no_solver(name, monkeypatch):
    monkeypatch.setattr("rolab.sets.solver.solve", lambda *_: pytest.fail("a solver was called"))
    g = numbers(25, N, 6)
    SETS[name].U.maximizer(g), SETS[name].U.project(g), SETS[name].U.contains(g)


def test_what_is_known_exactly_is_of_the_simpler_class():
    assert isinstance(Budget(2, 0.5) & pixel_box(X), BallInBox)
    assert isinstance(Ball("linf", 0.5) & Ball("l1", 1), BallInBox)
    assert Ball("l2", 1) & Ball("l2", 2) == Ball("l2", 1)
    assert Ball("l2", 1) + Ball("l2", 2) == Ball("l2", 3)
    assert Box(-1, 2) + Box(-0.5, 0.5) == Box(-1.5, 2.5)
    assert Ball("l2", 1) != Ball("l1", 1) and Ball("l2", 1) != 1


def test_many_sets_share_one_unit():
    for many in (
        [Ball("l2", 0.5), Ball("l2", 2), M @ Ball("l2", 0.1), Ellipsoid(SIGMA, 0.3), Ellipsoid(FLAT, 1)],
        [Budget(2, 0.5), Budget(2, 0.1), M.numpy() @ Budget(2, 1), sp.csr_array(M.numpy()) @ Budget(2, 1)],
        [SpectralBall(1, (2, 3)), SpectralBall(2, (2, 3))],
        [GroupBall("l2", 1, (2, 3), 0), GroupBall("l2", 2, (2, 3), 0).scaled(3)],
        [Scenarios(POINTS), A @ Scenarios(POINTS), A @ (B @ Scenarios(POINTS))],
    ):
        assert len({U.as_linear_image()[0] for U in many}) == 1
    assert len({Box(-X[0], 1), Box(-X[1], 1), Scenarios(POINTS), Scenarios(POINTS + 1)}) == 4
    assert sp.issparse((sp.csr_array(M.numpy()) @ Budget(2, 1)).as_linear_image()[1])


# Formulas


@pytest.mark.parametrize(
    ("U", "formula"),
    [
        (Ball("l2", 0.5), "0.5·‖w‖₂"),
        (Ball("linf", 0.5), "0.5·‖w‖₁"),
        (Ball("l1", 0.5), "0.5·‖w‖∞"),
        (Ball(3, 2), "2·‖w‖_1.5"),
        (Box(-0.25, 1), "Σ max(-0.25 wᵢ, 1 wᵢ)"),
        (pixel_box(X), "Σ max(lᵢ wᵢ, uᵢ wᵢ)"),
        (Budget(1.5, 0.2), "min over t ≥ 0 of 0.2·(1.5 t + Σ max(|wᵢ| − t, 0))"),
        (Ellipsoid(SIGMA, 1), "1·√(wᵀΣw)"),
        (Polyhedron(D, d), "min over λ ≥ 0, Dᵀλ = w of dᵀλ"),
        (Scenarios(POINTS), "max over k of ⟨p_k, w⟩"),
        (Ball("l2", 1) & Box(-1, 2), "min over u + v = w of [1·‖u‖₂] + [Σ max(-1 vᵢ, 2 vᵢ)]"),
        (Ball("l2", 1) & Ball("l1", 2), "min over u + v = w of [1·‖u‖₂] + [2·‖v‖∞]"),
        (Ball("l2", 1) + Ball("l1", 2), "1·‖w‖₂ + 2·‖w‖∞"),
        (M @ Ball("l2", 1), "1·‖(Mᵀw)‖₂"),
        (Rows(Ball("l2", 1), SHAPE), "Σ over rows k of [1·‖w[k,:]‖₂]"),
        (GroupBall("l2", 1, SHAPE, 1), "1·max over groups k of ‖w[k]‖₂"),
        (SpectralBall(2, SHAPE), "2·Σ of the singular values of w as a 2×3 matrix"),
    ],
)
def test_the_formula_has_the_numbers(U, formula):
    assert U.formula == formula


# Empty sets, and sizes that do not fit


def test_an_empty_intersection_is_an_error_that_names_both_sets():
    hulls = Scenarios(POINTS + 9) & Scenarios(POINTS)
    far = Scenarios(POINTS + 9) & Ball("l2", 0.5)
    polyhedra = Polyhedron(D, AWAY) & Box(-0.5, 0.5)
    for U in (hulls, far, polyhedra, far + Ball("l2", 1), A @ far):
        for oracle in (U.maximizer, U.project, U.support):
            with pytest.raises(
                EmptySetError, match=r"^.*&.*: expected a set that holds a point, got an empty one"
            ):
                oracle(numbers(26, 2, 6))
        for w in (numbers(27, 6).numpy(), numbers(27, 2, 6).numpy(), cp.Variable(6)):
            with pytest.raises(EmptySetError, match=r"^.*&.*: expected a set that holds a point"):
                U.support_expression(w)


def test_an_intersection_that_is_empty_for_one_example_is_an_error():
    U = Scenarios(POINTS) & Ball("l2", torch.tensor([9.0, 0.1]))
    with pytest.raises(EmptySetError, match=r"^Scenarios\(<5x6>\) & Ball\('l2', <2>\): expected"):
        U.maximizer(numbers(28, 2, 6))
    assert U[0].maximizer(numbers(28, 1, 6)).shape == (1, 6)


def test_sets_of_two_sizes_are_refused():
    small = Ellipsoid(torch.eye(2), 1)
    for combine, sign in ((lambda a, b: a & b, "&"), (lambda a, b: a + b, r"\+")):
        with pytest.raises(
            ValueError, match=f"^{sign}: expected sets of one dimension, got 2 of Ellipsoid.* and 6"
        ):
            combine(small, Scenarios(POINTS))
    with pytest.raises(
        ValueError, match=r"^matrix \(6, 4\): expected a set of 4 entries, got 2 of Ellipsoid"
    ):
        M @ small
    with pytest.raises(ValueError, match="^inner: expected a set of 3 entries, got 2 of Ellipsoid"):
        Rows(small, SHAPE)
    with pytest.raises(ValueError, match="^g: expected 6 entries an example, to fit matrix .*, got 4"):
        (M @ Ball("l2", 1)).maximizer(torch.ones(2, 4))


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones(3), r"expected a matrix \(m, n\), got shape \(3,\)"),
        (np.array([[1.0, math.nan]]), "expected finite entries"),
        (sp.csr_array(np.array([[1.0, math.inf]])), "expected finite entries"),
        ("M", "expected an array of numbers, got str"),
        (np.float64(3), r"expected a matrix \(m, n\), got shape \(\)"),
    ],
)
def test_what_is_no_matrix_is_refused(matrix, message):
    with pytest.raises(ValueError, match=f"^matrix: {message}"):
        matrix @ Ball("l2", 1)


# A set of a student's own: two methods


class Segment(UncertaintySet):
    """All t · (1, …, 1) with 0 ≤ t ≤ 1."""

    def maximizer(self, g):
        return g.flatten(1).sum(1).gt(0).to(g).reshape(-1, *[1] * (g.ndim - 1)).expand_as(g)

    def project(self, d):
        return d.flatten(1).mean(1).clamp(0, 1).reshape(-1, *[1] * (d.ndim - 1)).expand_as(d)


def test_two_methods_make_a_set():
    U, g = Segment(), numbers(29, 5, 3)
    ones = torch.ones(5, 3).double()
    close(U.support(g), g.sum(1).clamp(min=0), 1e-12)
    assert U.contains(0.4 * ones).all() and not U.contains(1.1 * ones).any() and not U.contains(g).any()
    assert U.contains(torch.tensor([[0.0, 0, 0], [math.nan, 0, 0]])).tolist() == [True, False]
    grown = U.scaled(3)
    close(grown.support(g), 3 * g.sum(1).clamp(min=0), 1e-12)
    assert grown.contains(2.5 * ones).all() and not grown.contains(3.1 * ones).any()
    close(grown.scaled(0).project(g), 0 * g, 1e-12)
    total = U + Ball("l2", 0.5)
    close(total.support(g), g.sum(1).clamp(min=0) + 0.5 * g.norm(dim=1), 1e-12)
    matrix = numbers(30, 2, 3)
    close((matrix @ U).support(g[:, :2]), (g[:, :2] @ matrix).sum(1).clamp(min=0), 1e-12)
    close((U + U).maximizer(torch.zeros(2, 3)), torch.zeros(2, 3), 1e-12)
    assert U[3] is U and U.dimension is None and not U.contains_zero and "Segment" in U.formula
    assert U == U and U != Segment()


def test_a_set_without_an_expression_says_so():
    for U in (Segment(), Segment().scaled(2), Segment() + Ball("l2", 1), torch.eye(3) @ Segment()):
        with pytest.raises(
            NoExpressionError, match='Segment.* has no cvxpy expression; .*method="cutting-set"'
        ):
            U.support_expression(np.ones(3))
        with pytest.raises(
            NoExpressionError, match='Segment.* has no cvxpy constraints; .*method="cutting-set"'
        ):
            U.constraints(cp.Variable(3))
    with pytest.raises(TypeError, match="abstract"):
        UncertaintySet()
