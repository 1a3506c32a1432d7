"""What is particular to each set: vertices, optimality, ties, bad input. The rest is in test_algebra.py."""

import itertools
import math

import cvxpy as cp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rolab.attacks import first_order
from rolab.errors import EmptySetError
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
    pixel_box,
)

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}

quick = settings(max_examples=40, deadline=None, derandomize=True)
every_type = pytest.mark.parametrize("dtype", list(TOLERANCE))


def numbers(seed, *shape, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def inner(a, b):
    return (a.double() * b.double()).flatten(1).sum(1)


@st.composite
def batches(draw, width=None):
    """Directions (n, d): eighths, for ties and zeros, or numbers of many sizes."""
    n, d = draw(st.integers(1, 4)), width or draw(st.integers(1, 6))
    if draw(st.booleans()):
        eighths = draw(st.lists(st.integers(-8, 8), min_size=n * d, max_size=n * d))
        return torch.tensor(eighths).reshape(n, d).double() / 8
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    size = 10 ** generator.uniform(-2, 2, (n, d))
    return torch.from_numpy(generator.standard_normal((n, d)) * size)


def is_projection(U, d, x, slack):
    """x is the nearest point exactly if it is in U and ⟨d − x, y⟩ ≤ ⟨d − x, x⟩ for all y in U."""
    rest = d.double() - x.double()
    gap = U.support(rest) - inner(rest, x)
    return (gap <= slack * (rest.norm(dim=1) * (1 + x.double().norm(dim=1)) + 1e-300)).all()


# Budget


def vertices_of_a_budget(gamma, radius, width):
    """±radius on ⌊Γ⌋ entries, the fraction on one more; or 0 and all signs where Γ < 1 or Γ ≥ d."""
    whole, fraction = int(min(gamma, width)), min(gamma, width) - int(min(gamma, width))
    sizes = [radius] * whole + [radius * fraction] * (whole < width)
    for places in itertools.permutations(range(width), len(sizes)):
        for signs in itertools.product([-1, 1], repeat=len(sizes)):
            point = [0.0] * width
            for place, size, sign in zip(places, sizes, signs, strict=True):
                point[place] = sign * size
            yield point


@every_type
@quick
@given(
    g=batches(width=4),
    gamma=st.sampled_from([0, 0.25, 1, 1.5, 2.75, 3, 4, 7]),
    radius=st.sampled_from([0, 0.5, 3]),
)
def test_a_budget_reaches_its_best_vertex(dtype, g, gamma, radius):
    g, U = g.to(dtype), Budget(gamma, radius)
    best = torch.tensor(list(vertices_of_a_budget(gamma, radius, 4))).double()
    most = (g.double() @ best.T).amax(1)
    np.testing.assert_allclose(U.support(g).double(), most, rtol=TOLERANCE[dtype], atol=1e-30)
    delta = U.maximizer(g)
    assert U.contains(delta, atol=0).all() and (delta[g == 0] == 0).all()
    assert ((delta != 0).sum(1) <= math.ceil(gamma)).all()
    assert U.contains(best).all() and (not best.any() or not U.contains(best * 1.01).any())


@every_type
@quick
@given(d=batches(), gamma=st.floats(0, 7), radius=st.floats(0.01, 5))
def test_the_projection_onto_a_budget_is_the_nearest_point(dtype, d, gamma, radius):
    d, U = d.to(dtype), Budget(gamma, radius)
    x = U.project(d)
    assert U.contains(x, atol=1e-6 * radius).all()
    assert is_projection(U, d, x, 4 * TOLERANCE[dtype])
    torch.testing.assert_close(U.project(x), x, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_a_budget_is_a_ball_at_both_ends():
    g = numbers(0, 5, 6)
    for budget, ball in ((Budget(1, 0.3), Ball("l1", 0.3)), (Budget(6, 0.3), Ball("linf", 0.3))):
        torch.testing.assert_close(budget.support(g), ball.support(g))
        torch.testing.assert_close(budget.project(g), ball.project(g))


def test_a_budget_for_each_example_is_that_example_s():
    gammas, radii, g = torch.tensor([0.0, 1.5, 3.0]), torch.tensor([1.0, 0.5, 0.25]), numbers(1, 3, 2, 2)
    for i in range(3):
        one = Budget(gammas[i].item(), radii[i].item())
        for U in (Budget(gammas, radii), Budget(gammas, radii)[[i] * 3]):
            torch.testing.assert_close(U.maximizer(g)[i], one.maximizer(g)[i])
            torch.testing.assert_close(U.project(g)[i], one.project(g)[i])
    for U in (Budget(gammas, 1), Budget(1, radii)):
        with pytest.raises(
            ValueError, match=r"^(gamma|radius): expected a number or a tensor \(2,\).*shape \(3,\)"
        ):
            U.maximizer(g[:2])


@pytest.mark.parametrize(
    "gamma", [-1, -0.001, math.nan, math.inf, "2", torch.tensor([1.0, -1.0]), torch.ones(2, 2)]
)
def test_what_is_no_budget_is_refused(gamma):
    with pytest.raises(ValueError, match="^gamma: expected a finite number >= 0, or a tensor"):
        Budget(gamma, 1)
    with pytest.raises(ValueError, match="^radius: expected a finite number >= 0, or a tensor"):
        Budget(1, gamma)


@pytest.mark.parametrize("gamma", [0, 1, 2.5, 3])
def test_the_budget_of_a_linear_program_is_a_sparse_attack_on_a_network(gamma):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 12), nn.Tanh(), nn.Linear(12, 3))
    x, y = torch.rand(8, 1, 6, 6), torch.randint(3, (8,))
    U = Budget(gamma, 0.3)
    loss = nn.CrossEntropyLoss(reduction="none")
    delta = first_order(model, x, y, U)
    assert delta.shape == x.shape and ((delta != 0).flatten(1).sum(1) <= math.ceil(gamma)).all()
    assert ((delta.abs() > 0.3 * (1 - 1e-6)).flatten(1).sum(1) == int(gamma)).all()
    assert gamma == 0 or (loss(model(x + delta), y) > loss(model(x), y)).all()
    boxed = first_order(model, x, y, lambda x: U & pixel_box(x))
    assert U.contains(boxed).all() and ((x + boxed >= 0) & (x + boxed <= 1)).all()
    assert gamma == 0 or (loss(model(x + boxed), y) > loss(model(x), y)).all()
    # and it robustifies a program: min c·x over the simplex has its worst case at the vertex of least c + 0.3
    w, c = cp.Variable(4, nonneg=True), np.array([1.0, 1.1, 1.2, 5.0])
    worst = c @ w + U.support_expression(w)
    assert (
        cp.Problem(cp.Minimize(worst), [cp.sum(w) == 1]).solve(solver=cp.CLARABEL)
        <= 1 + 0.3 * min(gamma, 1) + 1e-6
    )


# Ellipsoid


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


# Matrices


@every_type
def test_rows_and_columns_are_those_of_the_inner_set(dtype):
    g = numbers(7, 3, 4, 5).to(dtype)
    for inner_set in (Ball("l2", 0.5), Budget(1.5, 0.3), Box(-0.1, 0.2), SpectralBall(0.5, (1, 5))):
        U = Rows(inner_set, (4, 5))
        for oracle in ("maximizer", "project"):
            expected = torch.stack([getattr(inner_set, oracle)(matrix) for matrix in g])
            assert torch.equal(getattr(U, oracle)(g), expected)
        turned = Columns(inner_set, (5, 4))
        torch.testing.assert_close(turned.maximizer(g.mT.contiguous()).mT, U.maximizer(g))
        torch.testing.assert_close(turned.project(g.mT.contiguous()).mT, U.project(g))
    assert not Rows(Ball("l2", 0.5), (4, 5)).contains(torch.eye(5)[None, :4]).any()


def test_a_row_may_have_a_radius_of_its_own():
    radii, g = torch.tensor([0.0, 1.0, 2.0]), numbers(8, 4, 3, 2)
    steps = Rows(Ball("l2", radii), (3, 2)).maximizer(g)
    torch.testing.assert_close(steps.norm(dim=2), radii.double().expand(4, 3))
    steps = Columns(Ball("linf", radii[1:]), (3, 2)).maximizer(g)
    torch.testing.assert_close(steps.abs().amax(1), radii[1:].double().expand(4, 2))


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


@every_type
@quick
@given(
    g=batches(width=6),
    radius=st.sampled_from([0.0, 0.5, 4.0]),
    shape=st.sampled_from([(2, 3), (3, 2), (1, 6)]),
)
def test_a_spectral_ball_s_oracles_are_those_of_the_singular_values(dtype, g, radius, shape):
    g, U = g.to(dtype), SpectralBall(radius, shape)
    values = np.linalg.svd(g.double().numpy().reshape(-1, *shape), compute_uv=False)
    np.testing.assert_allclose(
        U.support(g).double(), radius * values.sum(1), rtol=2 * TOLERANCE[dtype], atol=1e-30
    )
    best, near = (
        np.linalg.norm(x.double().numpy().reshape(-1, *shape), 2, (1, 2))
        for x in (U.maximizer(g), U.project(g))
    )
    assert (best <= radius * (1 + TOLERANCE[dtype])).all() and (near <= radius * (1 + TOLERANCE[dtype])).all()
    assert is_projection(U, g, U.project(g), 10 * TOLERANCE[dtype])


def test_a_spectral_step_has_the_rank_of_its_direction():
    u, v = numbers(10, 4), numbers(11, 3)
    step = SpectralBall(2.0, (4, 3)).maximizer(torch.outer(u, v)[None])[0]
    torch.testing.assert_close(step, 2 * torch.outer(u / u.norm(), v / v.norm()))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Rows(Ball("l2", 1), (2,)), r"^shape: expected \(m, n\), each at least 1, got \(2,\)"),
        (lambda: Columns(Ball("l2", 1), [2, 3]), r"^shape: expected \(m, n\), each at least 1, got \[2, 3\]"),
        (lambda: SpectralBall(1, (2, 0)), r"^shape: expected \(m, n\)"),
        (lambda: SpectralBall(-1, (2, 2)), "^radius: expected a finite number >= 0"),
        (lambda: GroupBall("l2", 1, (), 0), "^shape: expected a tuple of whole numbers"),
        (lambda: GroupBall("l2", 1, (2, 3), 2), r"^axis: expected an axis of the shape \(2, 3\), got 2"),
        (lambda: GroupBall("l2", -1, (2, 3), 0), "^radius: expected a finite number >= 0"),
        (lambda: GroupBall("l0", 1, (2, 3), 0), "^norm: expected"),
        (lambda: Rows(1.0, (2, 3)), "^inner: expected an UncertaintySet, got 1.0"),
        (
            lambda: Columns(Scenarios(np.eye(3)), (2, 3)),
            "^inner: expected a set of 2 entries, got 3 of Scenarios",
        ),
        (
            lambda: SpectralBall(1, (2, 3)).maximizer(torch.ones(1, 5)),
            r"^g: expected 6 .* shape \(2, 3\), got 5",
        ),
        (
            lambda: Rows(Ball("l2", 1), (2, 3)).constraints(np.ones(5)),
            r"^z: expected 6 .* shape \(2, 3\), got 5",
        ),
    ],
)
def test_what_is_no_set_of_matrices_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
