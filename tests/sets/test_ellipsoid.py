"""Ellipsoids: the formula, the nearest point, flat ones, what is no covariance."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from set_samples import every_type, is_projection, numbers

from rolab.sets import (
    Ball,
    Ellipsoid,
    Polyhedron,
)

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}

quick = settings(max_examples=40, deadline=None, derandomize=True)


@st.composite
def matrices(draw):
    """A Σ with eigenvalues from 1e-6 to 1e2, some of them 0."""
    d, generator = draw(st.integers(1, 5)), np.random.default_rng(draw(st.integers(0, 10**6)))
    rotation, _ = np.linalg.qr(generator.standard_normal((d, d)))
    values = 10 ** generator.uniform(-6, 2, d) * (generator.uniform(size=d) > draw(st.sampled_from([0, 0.3])))
    return torch.from_numpy(rotation * values @ rotation.T)


@quick
@given(sigma=matrices(), seed=st.integers(0, 99), radius=st.sampled_from([0.0, 0.1, 1.0, 30.0]))
def test_an_ellipsoid_s_maximizer_is_its_formula(sigma, seed, radius):
    g = numbers(seed, 3, len(sigma))
    U, spread = Ellipsoid((sigma + sigma.T) / 2, radius), ((g @ sigma) * g).sum(1).clamp(min=0).sqrt()
    torch.testing.assert_close(U.support(g), radius * spread, rtol=1e-6, atol=1e-6 * radius)
    normal = torch.where(spread > 0, spread, 1.0)[:, None]
    torch.testing.assert_close(U.maximizer(g), radius * g @ sigma / normal, rtol=1e-6, atol=1e-6 * radius)
    assert U.contains(U.maximizer(g)).all()


@every_type
@quick
@given(
    sigma=matrices(),
    seed=st.integers(0, 99),
    radius=st.sampled_from([0.0, 0.1, 1.0, 30.0]),
    far=st.floats(0, 3),
)
def test_an_ellipsoid_s_projection_is_the_nearest_point(dtype, sigma, seed, radius, far):
    U = Ellipsoid((sigma + sigma.T) / 2, radius)
    d = (10**far * numbers(seed, 3, len(sigma))).to(dtype)
    x = U.project(d)
    assert U.contains(x, atol=1e-6 * radius + 1e-12).all() and x.dtype == dtype
    assert is_projection(U, d, x, 100 * TOLERANCE[dtype])
    torch.testing.assert_close(U.project(x), x, rtol=1e-4, atol=10 * TOLERANCE[dtype] * (1 + radius))


def test_an_ellipsoid_of_the_identity_is_a_ball():
    g, U = numbers(2, 5, 2, 3), Ellipsoid(np.eye(6), torch.tensor([0.0, 0.5, 1.0, 2.0, 9.0]))
    ball = Ball("l2", U.radius)
    torch.testing.assert_close(U.maximizer(g), ball.maximizer(g))
    torch.testing.assert_close(U.project(g), ball.project(g))
    inside = g.flatten(1).norm(dim=1) < U.radius
    assert inside.any() and torch.equal(U.project(g)[inside], g[inside])


def test_a_flat_ellipsoid_stays_in_its_plane():
    U = Ellipsoid([[4.0, 0.0, 2.0], [0.0, 0.0, 0.0], [2.0, 0.0, 1.0]], 2.0)  # the segment ± 2 (2, 0, 1)
    assert U.maximizer(torch.tensor([[0.1, 9.0, 0.0]])).tolist() == [pytest.approx([4.0, 0.0, 2.0])]
    assert U.project(torch.tensor([[1.0, 5.0, 3.0]])).tolist() == [pytest.approx([2.0, 0.0, 1.0])]
    assert U.contains(torch.tensor([[4.0, 0.0, 2.0], [4.0, 0.1, 2.0], [0.0, 0.0, 0.1]])).tolist() == [
        True,
        False,
        False,
    ]
    point = Ellipsoid(torch.zeros(3, 3), 1.0)
    assert not point.maximizer(numbers(3, 2, 3)).any() and not point.project(numbers(3, 2, 3)).any()


@quick
@given(sigma=matrices(), seed=st.integers(0, 99), powers=st.lists(st.floats(-12, 12), min_size=5, max_size=5))
def test_coordinates_have_units_of_their_own(sigma, seed, powers):
    """With units 1e6 apart the small ones were taken for rounding, and the set for a flat one."""
    c, g = 10.0 ** torch.tensor(powers[: len(sigma)], dtype=torch.float64), numbers(seed, 3, len(sigma))
    U, plain = (Ellipsoid(unit[:, None] * sigma * unit, 0.7) for unit in (c, torch.ones_like(c)))
    torch.testing.assert_close(U.support(g / c), plain.support(g), rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(U.maximizer(g / c) / c, plain.maximizer(g), rtol=1e-6, atol=1e-7)


def test_a_diagonal_that_is_rounding_is_no_unit():
    for rounding in (1e-20, -1e-18):
        U = Ellipsoid([[1.0, 1e-17], [1e-17, rounding]], 2.0)
        assert U.maximizer(torch.tensor([[3.0, 0.0]])).tolist() == [pytest.approx([2.0, 0.0])]
        assert U.project(torch.tensor([[3.0, 4.0]])).tolist() == [pytest.approx([2.0, 0.0], abs=1e-6)]


@pytest.mark.parametrize("size", [2.0**-100, 2.0**100])
def test_the_size_of_the_direction_does_not_matter(size):
    g = numbers(4, 3, 3, dtype=torch.float32)
    sigma = numbers(5, 3, 3)
    for U in (
        Ellipsoid(sigma @ sigma.T, 1),
        Polyhedron(torch.cat([torch.eye(3), -torch.eye(3)]), torch.ones(6)),
    ):
        torch.testing.assert_close(U.maximizer(size * g), U.maximizer(g), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("sigma", "message"),
    [
        (np.ones((2, 3)), r"expected a square matrix \(d, d\), got shape \(2, 3\)"),
        (np.ones(2), r"expected a matrix \(m, n\), got shape \(2,\)"),
        (np.array([[1.0, 0.5], [0.2, 1.0]]), r"expected a symmetric matrix, got one with .* up to 0.3"),
        (np.diag([1.0, -0.25]), "expected a matrix without negative eigenvalues, got the eigenvalue -0.25"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "expected a matrix without negative .* got the eigenvalue -1"),
        (np.array([[math.nan]]), "expected finite entries, got NaN or infinity"),
        ("I", "expected an array of numbers, got str"),
    ],
)
def test_what_is_no_covariance_is_refused(sigma, message):
    with pytest.raises(ValueError, match=f"^sigma: {message}"):
        Ellipsoid(sigma, 1)


def test_an_ellipsoid_needs_a_radius_and_directions_that_fit():
    with pytest.raises(ValueError, match="^radius: expected a finite number >= 0.*got -1"):
        Ellipsoid(np.eye(2), -1)
    for oracle in (Ellipsoid(np.eye(2), 1).maximizer, Ellipsoid(np.eye(2), 1).project):
        with pytest.raises(
            ValueError, match=r"^[gd]: expected 2 entries an example, to fit sigma \(2, 2\), got 3"
        ):
            oracle(torch.ones(4, 3))
    for build in (Ellipsoid(np.eye(2), 1).support_expression, Ellipsoid(np.eye(2), 1).constraints):
        with pytest.raises(
            ValueError, match=r"^[wz]: expected 2 entries an example, to fit sigma \(2, 2\), got 3"
        ):
            build(np.ones(3))
