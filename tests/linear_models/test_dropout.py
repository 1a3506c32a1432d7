"""Dropout as a ridge, beside the sum over all masks."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolab.linear_models import (
    dropout_curve,
    dropout_increase,
    dropout_least_squares,
    dropout_ridge,
)

A = {"least squares": lambda z: z**2 / 2, "logistic": lambda z: np.log1p(np.exp(z))}
deltas = st.floats(0, 0.9)
seeds = st.integers(0, 2**32)


def drawn(seed, d=5, n=4, size=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * (rng.random((n, d)) < 0.8), size * rng.normal(size=d), rng.normal(size=n)


def masked(X, delta):
    """Each mask's probability, and what it makes of X."""
    for mask in product([0, 1], repeat=X.shape[1]):
        kept = np.array(mask)
        yield delta ** (1 - kept).sum() * (1 - delta) ** kept.sum(), X * kept / (1 - delta)


def expected(function, X, delta):
    return sum(share * function(masked) for share, masked in masked(X, delta))


@given(seeds, deltas)
def test_for_least_squares_it_is_exact_with_any_labels(seed, delta):
    X, beta, y = drawn(seed)
    rise = expected(lambda X: (X @ beta - y) ** 2 / 2, X, delta) - (X @ beta - y) ** 2 / 2
    np.testing.assert_allclose(dropout_ridge(X, beta, delta, "least squares"), rise, rtol=1e-9, atol=1e-10)
    as_formula = delta / (1 - delta) / 2 * (X**2 * beta**2).sum(1)
    np.testing.assert_allclose(dropout_ridge(X, beta, delta, "least squares"), as_formula, rtol=1e-12)


@given(seeds, deltas, st.sampled_from(sorted(A)), st.sampled_from([0.1, 1, 5]))
def test_the_increase_is_the_mean_over_all_masks_with_either_label(seed, delta, family, size):
    X, beta, y = drawn(seed, size=size)

    def loss(X):
        return A[family](X @ beta) - (y > 0) * (X @ beta)

    found = dropout_increase(X, beta, delta, family)
    np.testing.assert_allclose(found, expected(loss, X, delta) - loss(X), rtol=1e-8, atol=1e-9)
    assert (found >= -1e-12).all()  # Jensen


@given(seeds, deltas, st.sampled_from([1e-2, 0.1, 1, 10]))
def test_for_logistic_regression_it_is_right_to_the_second_order(seed, delta, size):
    """The rest of Taylor's series is at most max|A'''| E|x̃ᵀβ − xᵀβ|³ / 6, and |A'''| ≤ 1/(6√3)."""
    X, beta, _ = drawn(seed, size=size)
    third = expected(lambda masked: np.abs((masked - X) @ beta) ** 3, X, delta)
    apart = np.abs(dropout_increase(X, beta, delta, "logistic") - dropout_ridge(X, beta, delta, "logistic"))
    assert (apart <= third / (36 * 3**0.5) * (1 + 1e-9) + 1e-12).all()


def test_where_the_model_is_sure_the_approximation_sees_nothing_and_a_mask_still_costs():
    """One feature: z → 0 or z/(1−δ), so the exact increase is δ log 2 + … for large z; A'' is gone."""
    exact = dropout_increase([[1.0]], [40.0], 0.5, "logistic")
    assert exact == pytest.approx(0.5 * np.log(2), abs=1e-9)
    assert dropout_ridge([[1.0]], [40.0], 0.5, "logistic") < 1e-12


@given(seeds, st.floats(0.01, 0.9))
def test_the_least_squares_of_dropout_has_no_slope_over_all_masks(seed, delta):
    X, _, y = drawn(seed, n=9)
    beta = dropout_least_squares(X, y, delta)
    slope = expected(lambda masked: masked.T @ (masked @ beta - y), X, delta)
    np.testing.assert_allclose(slope, 0, atol=1e-9)


@given(seeds, st.floats(0.01, 0.9))
def test_the_unit_of_a_feature_does_not_matter(seed, delta):
    X, _, y = drawn(seed, n=9)
    units = np.array([1e-6, 1, 1e3, 7, 1e6])
    found = dropout_least_squares(X * units, y, delta) * units
    np.testing.assert_allclose(found, dropout_least_squares(X, y, delta), rtol=1e-9, atol=1e-12)


RATES = [0.0, 0.1, 0.5, 0.9]


@given(seeds, st.sampled_from(sorted(A)), st.sampled_from([0.1, 1, 3]))
def test_the_dots_of_the_curve_are_the_mean_over_masks_and_examples_and_its_line_the_ridge(
    seed, family, size
):
    X, beta, _ = drawn(seed, size=size)
    exact, ridge = dropout_curve(X, beta, RATES, family)
    rise = [(expected(lambda X: A[family](X @ beta), X, rate) - A[family](X @ beta)).mean() for rate in RATES]
    np.testing.assert_allclose(exact, rise, rtol=1e-7, atol=1e-9)
    p = 1 / (1 + np.exp(-(X @ beta)))
    weight = {"least squares": np.ones_like(p), "logistic": p * (1 - p)}[family]
    line = [rate / (1 - rate) / 2 * (weight * (X**2 @ beta**2)).mean() for rate in RATES]
    np.testing.assert_allclose(ridge, line, rtol=1e-10)


@given(seeds)
def test_the_dots_of_logistic_regression_are_on_the_line_where_the_weights_are_small(seed):
    X, beta, _ = drawn(seed, size=0.01)
    exact, ridge = dropout_curve(X, beta, [0.01, 0.3, 0.5], "logistic")
    np.testing.assert_allclose(exact, ridge, rtol=0.05)


@given(seeds, st.sampled_from([0.1, 1, 5]))
def test_elsewhere_they_leave_it_at_both_ends(seed, size):
    """δ → 0: a feature is dropped as a whole. δ → 1: the ridge has no bound, the increase has."""
    X, beta, _ = drawn(seed, size=size)
    X[0], beta[0] = 1, size  # something that is not 0
    (low, high), (_, line) = dropout_curve(X, beta, [1e-7, 1 - 1e-9], "logistic")
    z, parts = X @ beta, X * beta
    p = 1 / (1 + np.exp(-z))
    one_less = (A["logistic"](z[:, None] - parts) - A["logistic"](z)[:, None] + p[:, None] * parts).sum(1)
    assert low == pytest.approx(1e-7 * one_less.mean(), rel=1e-3)
    assert high <= np.log(2) + np.abs(parts).sum(1).mean() < line / 100


def test_without_dropout_nothing_is_added_and_a_feature_that_is_not_there_has_no_weight():
    X, beta, y = drawn(0, n=9)
    for family in A:
        assert not dropout_ridge(X, beta, 0, family).any()
        np.testing.assert_allclose(dropout_increase(X, beta, 0, family), 0, atol=1e-12)
    np.testing.assert_allclose(dropout_least_squares(X, y, 0), np.linalg.lstsq(X, y)[0])
    X[:, 2] = 0
    assert abs(dropout_least_squares(X, y, 0.3)[2]) < 1e-12


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (([[1.0, 2.0]], [1.0], 0.5, "logistic"), "beta"),
        (([[1.0]], [1.0], 1.0, "logistic"), "delta"),
        (([[1.0]], [1.0], -0.1, "logistic"), "delta"),
        (([[1.0]], [1.0], 0.5, "hinge"), "family"),
        (([[np.nan]], [1.0], 0.5, "logistic"), "X"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(arguments, name):
    for function in (dropout_ridge, dropout_increase):
        with pytest.raises(ValueError, match=f"^{name}: expected "):
            function(*arguments)


@pytest.mark.parametrize(
    ("deltas", "name"), [(0.5, "deltas"), ([], "deltas"), ([np.nan], "deltas"), ([0.5, 1], "delta")]
)
def test_rates_that_are_none_are_refused_by_name(deltas, name):
    with pytest.raises(ValueError, match=f"^{name}: expected "):
        dropout_curve([[1.0]], [1.0], deltas, "logistic")


def test_masks_of_many_features_are_refused_and_so_are_labels_that_do_not_fit():
    with pytest.raises(ValueError, match="^X: expected at most 20 features"):
        dropout_increase(np.ones((1, 21)), np.ones(21), 0.5, "logistic")
    with pytest.raises(ValueError, match="^y: expected "):
        dropout_least_squares(np.ones((2, 1)), [1.0], 0.5)
    with pytest.raises(ValueError, match="^delta: expected "):
        dropout_least_squares(np.ones((2, 1)), [1.0, 2.0], 1)
