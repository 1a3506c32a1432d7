"""Sets beside their definitions: every set, and combinations of them, stated anew in cvxpy."""

import functools
from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from set_samples import numbers

from rolab.sets import (
    Ball,
    Box,
    Budget,
    Columns,
    Ellipsoid,
    GroupBall,
    Polyhedron,
    Rows,
    Scenarios,
    SpectralBall,
    Tangent,
    UncertaintySet,
    pixel_box,
)

N, SHAPE = 4, (2, 3)  # four examples, each a matrix of two rows: six entries
SLACK = {torch.float32: 4e-6, torch.float64: 2e-6}  # what the solvers leave, relative to 1 + |value|


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


def span(basis, a):
    def constraints(z, i):
        columns = basis[i] if basis.ndim == 3 else basis
        part = cp.Variable(columns.shape[1])
        return [z == columns.numpy() @ part, *a(z, i)]

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
AWAY_FROM_0 = torch.tensor([2.0, -1.0, 0.0, 0.0, 3.0, 0.0], dtype=torch.float64)
AWAY = d + D @ AWAY_FROM_0
POINTS, AROUND = numbers(5, 5, 6) + 0.4, torch.cat([torch.eye(6), -torch.eye(6) / 2]).double()
TRIANGLE = (
    torch.tensor([[-1.0, 0, 0], [0, -1, 0], [0, 0, -1], [1, 1, 1]]).double(),
    torch.tensor([0.1, 0.2, 0, 1]).double(),
)
M, WIDE, THIN = numbers(6, 6, 4), numbers(7, 6, 9), numbers(8, 6, 2) @ numbers(9, 2, 5)
PLANE, SPACES = numbers(10, 6, 2), numbers(11, N, 6, 3)
THROUGH = torch.cat([AWAY_FROM_0[:, None], numbers(12, 6, 2)], dim=1)
DEPENDENT = torch.cat([PLANE, 1e3 * PLANE.sum(1, keepdim=True), torch.zeros(6, 1)], dim=1)
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
    "tangent-l2": Case(Tangent(PLANE, Ball("l2", 0.7)), span(PLANE, ball(2, 0.7)), True),
    "tangent-l2-each": Case(Tangent(SPACES, Ball("l2", RADII)), span(SPACES, ball(2, RADII)), True),
    "tangent-l2-dependent": Case(Tangent(DEPENDENT, Ball("l2", 0.7)), span(PLANE, ball(2, 0.7)), True),
    "tangent-linf": Case(Tangent(PLANE.numpy(), Ball("linf", 0.3)), span(PLANE, ball("inf", 0.3))),
    "tangent-linf-each": Case(Tangent(SPACES, Ball("linf", 0.3)), span(SPACES, ball("inf", 0.3))),
    "tangent-l1": Case(Tangent(DEPENDENT, Ball("l1", 0.8)), span(PLANE, ball(1, 0.8))),
    "tangent-l1-each": Case(Tangent(SPACES, Ball("l1", RADII)), span(SPACES, ball(1, RADII))),
    "tangent-pixels": Case(
        Tangent(SPACES, Ball("l2", 0.6) & pixel_box(X)),
        span(SPACES, both(ball(2, 0.6), box(-X, 1 - X))),
    ),
    "tangent-away": Case(Tangent(THROUGH, Polyhedron(D, AWAY)), span(THROUGH, polyhedron(D, AWAY))),
    "tangent-of-all": Case(Tangent(A, Budget(2.5, 0.4)), budget(2.5, 0.4)),
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
    "tangent-in-meet": Case(
        Tangent(SPACES, Ball("l2", 0.7)) & Box(-0.1, 0.2),
        both(span(SPACES, ball(2, 0.7)), box(-0.1, 0.2)),
    ),
    "image-of-tangent": Case(
        A @ Tangent(PLANE, Ball("linf", 0.3)), image(A, span(PLANE, ball("inf", 0.3)))
    ),
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


def close(a, b, slack):
    np.testing.assert_allclose(np.asarray(a, float), np.asarray(b, float), rtol=slack, atol=slack)
