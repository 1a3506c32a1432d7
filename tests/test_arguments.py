"""What norms and sets make of their arguments, and the errors that name them."""

import math
from fractions import Fraction

import cvxpy as cp
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import nn

from rolab.arguments import (
    as_bounds,
    as_logits,
    as_rows,
    cast_rows,
    class_numbers,
    float64_copy,
    normalized,
    one_per_row,
    short,
)
from rolab.attacks import first_order
from rolab.certify import margin_bound
from rolab.errors import NonFiniteError
from rolab.sets import Ball, Box, Budget, pixel_box


def test_a_batch_becomes_a_matrix_of_at_least_single_precision():
    assert as_rows(torch.ones(2, 3, 4), "g").shape == (2, 12)
    assert as_rows(torch.ones(2, 3).half(), "g").dtype == torch.float32
    assert as_rows(torch.full((1, 2), 3e38), "g").shape == (1, 2)  # the sum overflows, the entries do not
    with pytest.raises(NonFiniteError, match="^g: expected finite entries"):
        as_rows(torch.tensor([[math.inf]]), "g")
    assert as_rows(torch.tensor([[math.inf]]), "g", finite=False).isinf().all()


NOT_COMPUTED_WITH = [torch.float8_e4m3fn, torch.float8_e5m2, torch.complex64, torch.bool]


@pytest.mark.parametrize("dtype", [*NOT_COMPUTED_WITH, torch.int64, torch.uint8], ids=str)
def test_a_batch_is_of_floats_that_can_be_computed_with(dtype):
    """Of complex numbers a bound took the real part; of 8 bits torch itself knows no sums."""
    x, net = torch.ones(3, 1, 2, 2).to(dtype), nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).eval()
    y, U = torch.tensor([0, 1, 2]), Ball("l2", 0.1) & Box(-1.0, 1.0)
    for name, asked in (
        ("x", lambda: first_order(net, x, y, U)),
        ("x", lambda: margin_bound(net, x, y, U)),
        ("x", lambda: pixel_box(x)),
        ("g", lambda: U.maximizer(x)),
        ("d", lambda: U.project(x)),
    ):
        with pytest.raises(ValueError, match=rf"^{name}: expected a tensor .* of floats, got {dtype}$"):
            asked()
    with pytest.raises(ValueError, match=rf"^model: expected \(3, K\) logits with K ≥ 2, got {dtype} "):
        as_logits(torch.ones(3, 4).to(dtype), x)


@pytest.mark.parametrize("dtype", NOT_COMPUTED_WITH, ids=str)
def test_radii_and_bounds_are_real_numbers(dtype):
    wrong = torch.ones(3).to(dtype)
    for make, name in (
        (lambda: Ball("l2", wrong), "radius"),
        (lambda: Budget(wrong, 0.1), "gamma"),
        (lambda: Box(-1.0, wrong), "upper"),
        (lambda: Ball("l2", 1.0).scaled(wrong), "factor"),
    ):
        with pytest.raises(ValueError, match=rf"^{name}: expected a .*, got (a tensor of )?{dtype}$"):
            make()
    with pytest.raises(ValueError, match="^radius: expected a finite number >= 0, .* got True$"):
        Ball("l2", True)
    with pytest.raises(ValueError, match="^upper: expected a number or a tensor of them, got bool$"):
        Box(-1.0, True)


@pytest.mark.parametrize("form", [np.ndarray.tolist, np.asarray, torch.from_numpy, sp.csr_array])
def test_complex_numbers_are_refused_by_matrices(form):
    with pytest.raises(ValueError, match="^matrix: expected an array of numbers, got "):
        float64_copy(form(1j * np.eye(2)), "matrix", 2)


DIGITS = torch.tensor([3, 0, 9])


@pytest.mark.parametrize(
    "y, came",
    [
        (DIGITS.float(), r"torch.float32 of shape \(3,\)"),
        (DIGITS.to(torch.uint8), r"torch.uint8 of shape \(3,\)"),
        (DIGITS.bool(), r"torch.bool of shape \(3,\)"),
        (DIGITS[:, None], r"torch.int64 of shape \(3, 1\)"),
        (torch.nn.functional.one_hot(DIGITS, 10), r"torch.int64 of shape \(3, 10\)"),
        (DIGITS.repeat(2), r"torch.int64 of shape \(6,\)"),
        (DIGITS[0], r"torch.int64 of shape \(\)"),
        (DIGITS.numpy(), "ndarray"),
        (DIGITS.tolist(), "list"),
        (DIGITS - 1, "entries from -1 to 8"),
        (DIGITS + 1, "entries from 1 to 10"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_labels_that_are_no_class_numbers_are_refused(y, came):
    with pytest.raises(ValueError, match=f"^labels: expected .*, got {came}$"):
        class_numbers(y, torch.ones(3, 1, 2, 2), classes=10, name="labels")


def test_class_numbers_are_given_back():
    x = torch.ones(3, 4)
    assert class_numbers(DIGITS, x, 10) is DIGITS
    assert class_numbers(DIGITS + 90, x, math.inf)[2] == 99
    with pytest.raises(ValueError, match="^y: expected class numbers ≥ 0, got entries from -1 to 8"):
        class_numbers(DIGITS - 1, x, math.inf)
    assert class_numbers(DIGITS - 1, x)[1] == -1  # not looked at
    assert class_numbers(DIGITS[:0], x[:0], 2).shape == (0,)


@pytest.mark.parametrize(
    "z, came",
    [
        (torch.ones(3, 1), r"torch.float32 of shape \(3, 1\)"),
        (torch.ones(3), r"torch.float32 of shape \(3,\)"),
        (torch.ones(1, 10), r"torch.float32 of shape \(1, 10\)"),
        (torch.ones(3, 10, 1), r"torch.float32 of shape \(3, 10, 1\)"),
        (torch.ones(3, 10, dtype=torch.int64), r"torch.int64 of shape \(3, 10\)"),
        ({"logits": torch.ones(3, 10)}, "dict"),
        ((torch.ones(3, 10), None), "tuple"),
        (None, "NoneType"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_logits_is_refused(z, came):
    for finite in (True, False):
        with pytest.raises(ValueError, match=rf"^model: expected \(3, K\) logits with K ≥ 2, got {came}$"):
            as_logits(z, torch.ones(3, 4), finite)


def test_logits_that_are_not_finite_are_refused_and_the_pixels_are_named_if_it_is_they():
    x, z = torch.ones(2, 4), torch.zeros(2, 3)
    assert as_logits(z, x) is z and as_logits(z[:0], x[:0]).shape == (0, 3)
    for bad in (math.nan, math.inf):
        spoilt = z.index_fill(1, torch.tensor(1), bad)
        with pytest.raises(NonFiniteError, match="^model: expected finite logits"):
            as_logits(spoilt, x)
        with pytest.raises(NonFiniteError, match="^x: expected finite pixels"):
            as_logits(spoilt, x * bad)
        assert as_logits(spoilt, x, finite=False) is spoilt
    assert as_logits(z - torch.tensor([0, 0, math.inf]), x).isinf().any()  # a class that is ruled out


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
