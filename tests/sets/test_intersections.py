"""Furthest points of intersections: against their boundary, in far-apart units, and with wrong solvers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rolab.errors import EmptySetError, SolverError
from rolab.sets import Ball, Box, Columns, Ellipsoid, Polyhedron, Scenarios, intersections, solver

MIX = np.array([[1.0, 0.4], [-0.3, 0.8]])
HALVES = np.array([[1.0, 0.2], [-1.0, 0.3], [0.1, -1.0], [0.2, 1.0]])
CORNERS = np.array([[1.0, 0.1], [0.0, 1.0], [-0.9, -0.2], [0.2, -1.0]])
SIDES = np.array([0.7, 0.6, 0.7, 0.8])
V = np.stack([trig(np.linspace(0, 2 * np.pi, 200_001)) for trig in (np.cos, np.sin)], 1)


def edges(corners):
    """The D with Dz ≤ 1 in the hull of corners in turn."""
    pairs = zip(corners, np.roll(corners, -1, 0), strict=True)
    return np.array([np.linalg.solve([p, q], [1, 1]) for p, q in pairs])


def boundary(*names):
    """Points of the boundary of an intersection."""
    return V / np.max([GAUGES[name][1](V) for name in names], 0)[:, None]


GAUGES = {  # the set in the units t, and its gauge at points z (n, 2) where these are 1
    "ellipsoid": (
        lambda t: Ellipsoid(np.outer(t, t) * (MIX @ MIX.T), 0.8),
        lambda z: np.linalg.norm(np.linalg.solve(MIX, z.T), axis=0) / 0.8,
    ),
    "box": (
        lambda t: Box(-0.7 * torch.from_numpy(t), 0.6 * torch.from_numpy(t)),
        lambda z: np.maximum(-z / 0.7, z / 0.6).max(1),
    ),
    "polyhedron": (lambda t: Polyhedron(HALVES / t, SIDES), lambda z: (z @ HALVES.T / SIDES).max(1)),
    "hull": (lambda t: Scenarios(0.9 * CORNERS * t), lambda z: (z @ edges(CORNERS).T).max(1) / 0.9),
    "image": (
        lambda t: (t[:, None] * MIX) @ Ball("l1", 0.9),
        lambda z: np.abs(np.linalg.solve(MIX, z.T)).sum(0) / 0.9,
    ),
    "columns": (
        lambda t: Columns(Ball("l2", 0.65 * torch.from_numpy(t)), (1, 2)),
        lambda z: np.abs(z).max(1) / 0.65,
    ),
}
PAIRS = [(a, b) for a in GAUGES for b in GAUGES if a < b]
powers = st.lists(st.floats(-12, 12), min_size=2, max_size=2)


@pytest.mark.parametrize(("a", "b"), PAIRS)
@settings(max_examples=3, deadline=None, derandomize=True)
@given(powers=powers, seed=st.integers(0, 10**6))
def test_the_furthest_points_against_the_boundary(a, b, powers, seed):
    """Where units are 1e±6 apart they were up to 20 % too near, or outside."""
    t = 10.0 ** np.array(powers)
    U = GAUGES[a][0](t) & GAUGES[b][0](t)
    g = np.random.default_rng(seed).standard_normal((4, 2))
    z = U.maximizer(torch.from_numpy(g / t)).numpy() / t
    assert (g * z).sum(1) == pytest.approx((g @ boundary(a, b).T).max(1), rel=1e-4)  # corners are between
    assert (g * z).sum(1) == pytest.approx(U.support(torch.from_numpy(g / t)).numpy(), rel=1e-9)
    one = GAUGES[a][0](np.ones(2)) & GAUGES[b][0](np.ones(2))
    assert (g * z).sum(1) == pytest.approx(one.support(torch.from_numpy(g)).numpy(), rel=1e-7)
    assert max(GAUGES[a][1](z).max(), GAUGES[b][1](z).max()) <= 1 + 1e-7


def test_several_sets_of_one_intersection():
    t = 10.0 ** np.array([5.0, -7.0])
    U = GAUGES["ellipsoid"][0](t) & GAUGES["box"][0](t) & GAUGES["polyhedron"][0](t)
    g = torch.from_numpy(V[::10_000])
    expected = (g.numpy() @ boundary("ellipsoid", "box", "polyhedron").T).max(1)
    assert U.support(g / torch.from_numpy(t)).numpy() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("coarse", [1e-1, 1e-2, 1e-3, 1e-5, 1e-9])
def test_what_a_coarse_solver_calls_optimal_is_an_error_or_right(coarse, monkeypatch):
    U = Ellipsoid(MIX @ MIX.T, 0.8) & Ellipsoid(np.eye(2), 0.6)
    g = torch.from_numpy(V[:1000:100])
    best = U.support(g)
    monkeypatch.setattr(solver, "PRECISIONS", ((coarse, 0.99),))
    try:
        assert U.support(g).numpy() == pytest.approx(best.numpy(), rel=1e-6)
    except SolverError as error:
        assert coarse > 1e-9 and "expected an answer by a solver" in str(error)


@pytest.mark.parametrize("wrong", [0.0, 0.9, 1 - 1e-5, 1 + 1e-6, 1.1])
def test_a_point_that_is_not_the_furthest_has_no_proof(wrong, monkeypatch):
    """Nearer ones leave a gap, further ones are outside."""
    U = Ellipsoid(MIX @ MIX.T, 0.8) & Ellipsoid(np.eye(2), 0.6)
    g = torch.tensor([[1.0, 0.5]], dtype=torch.float64)
    U.maximizer(g)
    program = intersections._program(U._all(), 1, 2)
    assert program.misses(g / g.max()) <= 1
    for copy in program.copies:
        copy.value = wrong * copy.value
    assert program.misses(g / g.max()) > 1


def test_a_set_that_is_empty_is_called_so_in_all_units():
    for t in (1e-9, 1.0, 1e9):
        U = Scenarios([[t, t], [2 * t, t]]) & Ball("l2", t)
        with pytest.raises(EmptySetError, match="expected a set that holds a point"):
            U.maximizer(torch.tensor([[1.0, 0.0]]))


@pytest.mark.parametrize("name", GAUGES)
def test_the_extent_of_a_set(name):
    """Of most it is the largest entry, of intersections no less."""
    t, rows = 10.0 ** np.array([3.0, -5.0]), torch.empty(2, 2)
    U = GAUGES[name][0](t)
    largest = np.abs(t * boundary(name)).max(0)
    assert U.extent(rows).numpy() == pytest.approx(np.stack([largest, largest]), rel=1e-4)
    both = (U & Ball("l1", 1e-4)).extent(rows).numpy()
    assert both == pytest.approx(np.minimum(largest, 1e-4) + np.zeros((2, 2)), rel=1e-4)
    assert (U + Ball("l1", 1.0)).extent(rows).numpy() == pytest.approx(np.stack([largest + 1] * 2), rel=1e-4)
    each = Ball("l2", torch.tensor([1.0, 2.0])) + Ball("linf", torch.tensor([0.5, math.pi]))
    assert each.extent(rows)[:, 0].tolist() == pytest.approx([1.5, 2 + math.pi], rel=1e-4)
