"""What norms and sets make of their arguments, and the errors that name them."""

import math
from fractions import Fraction

import cvxpy as cp
import numpy as np
import pytest
import scipy.sparse as sp
import torch

from rolab.arguments import as_bounds, as_rows, cast_rows, float64_copy, normalized, one_per_row, short
from rolab.errors import NonFiniteError


def test_a_batch_becomes_a_matrix_of_at_least_single_precision():
    assert as_rows(torch.ones(2, 3, 4), "g").shape == (2, 12)
    assert as_rows(torch.ones(2, 3).half(), "g").dtype == torch.float32
    assert as_rows(torch.full((1, 2), 3e38), "g").shape == (1, 2)  # the sum overflows, the entries do not
    with pytest.raises(NonFiniteError, match="^g: expected finite entries"):
        as_rows(torch.tensor([[math.inf]]), "g")
    assert as_rows(torch.tensor([[math.inf]]), "g", finite=False).isinf().all()


def test_an_expression_of_a_vector_is_a_matrix_with_one_row():
    for w, shape in ((cp.Variable(3), (1, 3)), (np.ones((2, 3)), (2, 3))):
        matrix, rows, ndim = cast_rows(w)
        assert matrix.shape == tuple(rows.shape) == shape and ndim == len(w.shape)


@pytest.mark.parametrize("radius", [0.5, torch.tensor(0.5), torch.tensor([0.5, 0.5])])
def test_a_radius_is_one_for_each_row(radius):
    x = torch.ones(2, 3, dtype=torch.float64)
    assert one_per_row(radius, x).tolist() == [0.5, 0.5] and one_per_row(radius, x).dtype == x.dtype
    with pytest.raises(ValueError, match=r"^gamma: expected a number or a tensor \(2,\), one per example"):
        one_per_row(torch.ones(3), x, "gamma")


def test_bounds_fit_beside_a_batch_or_are_refused():
    g = torch.ones(2, 3, 4)
    lower, upper = as_bounds(-1, torch.ones(3, 4), g)
    assert lower.shape == (1, 1) and upper.shape == (1, 12)
    assert as_bounds(-torch.ones(2, 12), 1, g)[0].shape == (2, 12)
    with pytest.raises(ValueError, match=r"^upper: expected a number, a tensor \(12,\) .*got shape \(5,\)"):
        as_bounds(-1, torch.ones(5), g)


def test_a_copy_is_the_set_s_own_and_sparse_if_the_matrix_was():
    matrix = np.eye(2)
    copy = float64_copy(matrix, "matrix", 2)
    matrix[0, 0] = 9
    assert copy[0, 0] == 1 and copy.dtype == torch.float64
    assert float64_copy(sp.csr_array(matrix), "matrix", 2).is_sparse
    with pytest.raises(ValueError, match=r"^d: expected a vector \(n,\), got shape \(2, 2\)"):
        float64_copy(matrix, "d", 1)


def floats(seed, *shape):
    """Numbers that single precision does not hold, of many sizes."""
    generator = np.random.default_rng(seed)
    return generator.standard_normal(shape) * 10.0 ** generator.uniform(-30, 30, shape)


@pytest.mark.parametrize(
    "form",
    [np.ndarray.tolist, lambda a: tuple(map(tuple, a.tolist())), list, torch.from_numpy, sp.csr_array,
     lambda a: [[Fraction(x) for x in row] for row in a.tolist()], lambda a: a.astype(object),
     lambda a: a.astype(np.longdouble), lambda a: [list(torch.from_numpy(row)) for row in a]],
)  # fmt: skip
def test_numbers_are_kept_to_the_last_bit(form):
    exact = floats(0, 4, 3)
    assert np.array_equal(float64_copy(form(exact), "matrix", 2).to_dense().numpy(), exact)


def test_numbers_of_other_types_are_rounded_once():
    assert float64_copy([2**53 + 1, 2**70, True], "d", 1).tolist() == [float(2**53 + 1), 2.0**70, 1.0]
    single = torch.tensor([0.1, 1e-40])
    assert torch.equal(float64_copy(single, "d", 1), single.double())
    assert torch.equal(float64_copy([*single], "d", 1), single.double())
    for bad in ([["1.5"]], [1j], ["a"], [10**400], {"a": 1.0}, [[1.0], [1.0, 2.0]], None):
        with pytest.raises(ValueError, match="^d: expected a"):
            float64_copy(bad, "d", 1)


def test_rows_are_scaled_to_1_and_rows_of_zeros_stay():
    unit, largest = normalized(torch.tensor([[2.0**-140, -(2.0**-141)], [0.0, 0.0]]))
    assert unit.tolist() == [[1.0, -0.5], [0.0, 0.0]] and largest.tolist() == [[2.0**-140], [0.0]]


def test_numbers_and_tensors_read_well():
    assert [short(value) for value in (1, 0.25, torch.tensor(2.0), torch.ones(2, 3))] == [
        "1",
        "0.25",
        "2",
        "<2x3>",
    ]
