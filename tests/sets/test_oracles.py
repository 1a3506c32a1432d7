"""Every set, and every combination that the algebra allows, against convex problems stated anew."""

import math

import cvxpy as cp
import numpy as np
import pytest
import torch
from set_definitions import SHAPE, SLACK, N, close, every_set
from set_samples import every_type, inner, numbers

from rolab.errors import NonFiniteError

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
