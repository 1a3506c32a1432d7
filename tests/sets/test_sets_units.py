"""Units: a set whose numbers are multiplied by a constant has the same answers, multiplied accordingly."""

import cvxpy as cp
import numpy as np
import pytest
import torch
from set_definitions import AWAY, POINTS, SIGMA, A, D, M, d
from set_samples import numbers

from rolab.errors import EmptySetError
from rolab.sets import Ball, Box, Budget, Ellipsoid, Polyhedron, Scenarios, Tangent

UNITS = [1e-12, 1e-9, 1e-6, 1e-3, 1.0, 1e3, 1e6, 1e9, 1e12]
every_unit = pytest.mark.parametrize("s", UNITS)


def of_size(s):
    """Sets that go to a solver, with all their numbers in another unit: s times the same set."""
    return {
        "polyhedron": Polyhedron(D, s * d),
        "polyhedron-away": Polyhedron(D, s * AWAY),
        "scenarios": Scenarios(s * POINTS),
        "ellipsoid": Ellipsoid(s**2 * SIGMA, 0.7) & Box(-0.6 * s, 0.5 * s),
        "meet": Ball("l1", s) & Ball("l2", 0.6 * s),
        "sum": Ball("l2", 0.3 * s) + Ball("linf", s * 0.1),
        "image": (s * M) @ Ball("l2", 0.5),
        "image of a small set": (1e6 * M) @ Ball("l2", 0.5e-6 * s),
        "image of a large set": (s * 1e-6 * A) @ Scenarios(1e6 * POINTS),
        "nested": (M @ Ball("l2", 0.5 * s) + Box(-0.1 * s, 0.2 * s)) & Ball("l1", s),
        "tangent": Tangent(M[:, :3], Ball("l1", s)),
        "budget + polyhedron": Budget(1.5, 0.4 * s) + Polyhedron(D, s * AWAY),
    }


every_kind = pytest.mark.parametrize("name", of_size(1.0))
PLAIN = of_size(1.0)
G = numbers(60, 4, 6)


@every_unit
@every_kind
def test_the_best_points_scale(name, s):
    U, plain = of_size(s)[name], PLAIN[name]
    torch.testing.assert_close(U.maximizer(G) / s, plain.maximizer(G), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(U.support(G * s) / s / s, plain.support(G), rtol=1e-8, atol=1e-9)


@every_unit
@every_kind
def test_a_unit_and_a_matrix_make_the_set(name, s):
    """What a program sees of a set: numbers near 1, and those of the unit in its matrix."""
    unit, matrix = of_size(s)[name].as_linear_image()
    g = torch.from_numpy(G.numpy() * matrix if np.ndim(matrix) == 0 else (matrix.T @ G.numpy().T).T)
    torch.testing.assert_close(unit.support(g) / s, PLAIN[name].support(G), rtol=1e-7, atol=1e-7)
    again = unit.as_linear_image()[1]
    assert 1e-4 < np.abs(again).max() < 1e4


@pytest.mark.parametrize("s", [1e-9, 1e9])
@every_kind
def test_the_expression_scales(name, s):
    unit, matrix = of_size(s)[name].as_linear_image()
    w = G[0].numpy() * matrix / s if np.ndim(matrix) == 0 else matrix.T @ G[0].numpy() / s
    problem = cp.Problem(cp.Minimize(unit.support_expression(w)))
    assert problem.solve(solver=cp.CLARABEL) == pytest.approx(PLAIN[name].support(G)[0].item(), rel=1e-5)


# Polyhedra: each row, and each coordinate, in a unit of its own


@pytest.mark.parametrize("seed", range(4))
def test_rows_of_a_polyhedron_have_units_of_their_own(seed):
    rows = 10.0 ** torch.from_numpy(np.random.default_rng(seed).uniform(-12, 12, len(D)))
    U, plain = Polyhedron(rows[:, None] * D, rows * AWAY), Polyhedron(D, AWAY)
    torch.testing.assert_close(U.maximizer(G), plain.maximizer(G), rtol=1e-9, atol=1e-9)
    best = plain.maximizer(G)
    assert U.contains(best).all() and not U.contains(best + 1e-3 * G).any()
    value = cp.Problem(cp.Minimize(U.support_expression(G[0].numpy()))).solve(solver=cp.CLARABEL)
    assert value == pytest.approx(plain.support(G)[0].item(), rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_coordinates_of_a_polyhedron_and_of_a_hull_have_units_of_their_own(seed):
    unit = 10.0 ** torch.from_numpy(np.random.default_rng(seed).uniform(-12, 12, 6))
    for U, plain in (
        (Polyhedron(D / unit, AWAY), Polyhedron(D, AWAY)),
        (Scenarios(unit * POINTS), Scenarios(POINTS)),
    ):
        torch.testing.assert_close(U.maximizer(G / unit) / unit, plain.maximizer(G), rtol=1e-8, atol=1e-8)
        inner, matrix = U.as_linear_image()
        problem = cp.Problem(cp.Minimize(inner.support_expression(matrix.T @ (G / unit)[0].numpy())))
        value = problem.solve(solver=cp.CLARABEL)
        assert value == pytest.approx(plain.support(G)[0].item(), rel=1e-6)


@every_unit
def test_small_rows_are_no_longer_dropped(s):
    last = Polyhedron(np.array([[1.0], [-1.0], [1e-10]]), s * np.array([10.0, 10.0, 1e-10]))
    z = last.maximizer(torch.ones(1, 1, dtype=torch.float64))
    assert z.item() == pytest.approx(s) and last.contains(z) and not last.contains(2 * z + 1e-5)
    assert Polyhedron(s * np.array([[1.0], [-1.0]]), [s, s]).upper.item() == pytest.approx(1)
    with pytest.raises(EmptySetError, match="the rows 0, 1 of"):
        Polyhedron([[1.0, 0], [-1, 0], [0, 1], [0, -1]], s * np.array([1, -2, 5, 5]))
    with pytest.raises(ValueError, match="no bound in"):
        Polyhedron(s * np.array([[1.0, 1], [-1, -1]]), [1.0, 1])


def test_a_set_far_smaller_than_its_numbers():
    """The first two rows bind; what the others say is 10⁹ times as large."""
    U = Polyhedron(
        [[1.0, 1], [-1, -1], [1, 0], [-1, 0], [1, -1], [-1, 1]], [1e-6, 1e-6, 1e3, 1e3, 1e-6, 1e-6]
    )
    torch.testing.assert_close(U.support(torch.ones(1, 2).double()), torch.tensor([1e-6]).double())


# Projections


FAR = torch.tensor([1e8, 1e-3, 1e5, 2.0, 0.1, 0.0]).double()  # how many sizes away, side by side in a batch
POINTS_OF_ALL_SIZES = numbers(61, 6, 6) * FAR[:, None]


def is_nearest(U, d, x, slack):
    """x is the nearest point exactly if ⟨d − x, y − x⟩ ≤ 0 for all y in U: asked of the furthest y."""
    rest = d - x
    rest = rest / rest.abs().amax(1, keepdim=True).clamp(min=1e-300)
    return ((rest * (U.maximizer(rest) - x)).sum(1) <= slack).all()


@every_kind
def test_far_points_do_not_spoil_their_neighbours(name):
    U, d = PLAIN[name], POINTS_OF_ALL_SIZES
    together = U.project(d)
    for i in range(len(d)):
        torch.testing.assert_close(together[i : i + 1], U.project(d[i : i + 1]), rtol=0, atol=1e-12)
    assert U.contains(together).all() and is_nearest(U, d, together, 1e-7)
    assert U.contains(d).tolist() == [U.contains(row[None]).item() for row in d]


@every_unit
@every_kind
def test_projections_scale(name, s):
    U, d = of_size(s)[name], POINTS_OF_ALL_SIZES
    torch.testing.assert_close(U.project(s * d) / s, PLAIN[name].project(d), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("s", [1e-6, 1.0, 1e6])
@every_kind
def test_points_of_the_set_stay_to_the_last_bit(name, s):
    U = of_size(s)[name]
    best = U.maximizer(G)
    middle = 0.6 * best + 0.4 * best.flip(0)
    d = torch.cat([middle, s * 1e8 * G[:1]])
    assert torch.equal(U.project(d)[:-1], middle)


@pytest.mark.parametrize("s", UNITS)
@pytest.mark.parametrize("far", [3.0, 1e4, 1e8])
def test_a_flat_face_is_met_where_it_should_be_from_any_distance(far, s):
    """A cube in five descriptions, and one with round edges: their projections are known in closed form."""
    axes = torch.eye(3, dtype=torch.float64)
    corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0]).double()] * 3)
    d = torch.tensor([[far, 0.3, -0.2], [0.1, -far, 2.0], [far, far, 0.5]]).double()
    cube = d.clamp(-1, 1)
    for U in (
        Polyhedron(torch.cat([axes, -axes]), s * torch.ones(6)),
        Scenarios(s * corners),
        (s * axes) @ Box(-1.0, 1.0),
        axes @ Ball("linf", s),
        Ball("linf", 0.5 * s) + Box(-0.5 * s, 0.5 * s),
    ):
        torch.testing.assert_close(U.project(s * d) / s, cube, rtol=0, atol=1e-6)
    smooth = Ball("linf", s) + Ball("l2", 0.5 * s)
    away = d - cube
    expected = cube + 0.5 * away / away.norm(dim=1, keepdim=True)
    torch.testing.assert_close(smooth.project(s * d) / s, expected, rtol=0, atol=1e-6)


def test_an_inside_point_beside_a_far_one_is_inside():
    for U in PLAIN.values():
        best = U.maximizer(G)
        d = torch.cat([0.5 * (best[:1] + best[1:2]), 1e8 * G[:1]])
        assert U.contains(d).tolist() == [True, False]
