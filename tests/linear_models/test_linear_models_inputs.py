"""What has labels is read by them, at every entrance: in any order the same answer, or one sentence."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolab.linear_models import (
    dropout_increase,
    dropout_least_squares,
    dropout_ridge,
    lasso_equivalent,
    linear_limit,
    linear_robustness,
    quadratic_limit,
    quadratic_robustness,
    regularized_svm,
    ridge_equivalent,
    robust_least_squares,
    robust_svm,
    spread_of_eigenvalues,
    worst_design,
    worst_hinge,
)
from rolab.sets import Ball

ROWS, FEATURES = list("stuvwxyz"), list("abc")
U = Ball("l2", 0.3)
rng = np.random.default_rng(0)
X = pd.DataFrame(rng.normal(size=(8, 3)), ROWS, FEATURES)
Y = pd.Series(np.where(rng.normal(size=8) > 0, 1.0, -1.0), ROWS)
W = pd.Series(rng.normal(size=3), FEATURES)
M = pd.DataFrame(rng.normal(size=(3, 3)), FEATURES, FEATURES)

ENTRANCES = {  # what they are called with, and with which of the labelled numbers
    "robust_least_squares": (lambda A, b: robust_least_squares(A, b, U).x, X, Y),
    "worst_design": (lambda A, b, x: worst_design(A, b, x, U).value, X, Y, W),
    "ridge_equivalent": (lambda A, b: ridge_equivalent(A, b, 0.5).x, X, Y),
    "lasso_equivalent": (lambda A, b: lasso_equivalent(A, b, 0.5).x, X, Y),
    "robust_svm": (lambda X, y: robust_svm(X, y, U).w, X, Y),
    "regularized_svm": (lambda X, y: regularized_svm(X, y, 1.0, "l2").w, X, Y),
    "worst_hinge": (lambda X, y, w: worst_hinge(X, y, w, 0.1, U)[0], X, Y, W),
    "linear_limit": (lambda X, y: linear_limit(X, y, 0.1), X, Y),
    "quadratic_limit": (lambda X, y: quadratic_limit(X, y, 0.1, 2.0), X, Y),
    "linear_robustness": (lambda X, w: linear_robustness(X, w, 0.1), X, W),
    "quadratic_robustness": (quadratic_robustness, X, M),
    "spread_of_eigenvalues": (spread_of_eigenvalues, M),
    "dropout_ridge": (lambda X, b: dropout_ridge(X, b, 0.3, "logistic"), X, W),
    "dropout_increase": (lambda X, b: dropout_increase(X, b, 0.3, "logistic"), X, W),
    "dropout_least_squares": (lambda X, y: dropout_least_squares(X, y, 0.3), X, Y),
}


@pytest.mark.parametrize("entrance", ENTRANCES)
@given(st.data())
@settings(max_examples=5)
def test_in_whatever_order_labelled_numbers_come_the_answer_is_the_same(entrance, data):
    """The first of them has its order; of the others each axis may come in another."""
    function, first, *others = ENTRANCES[entrance]
    plain = function(*(each.to_numpy() for each in (first, *others)))
    for place, each in enumerate(others):
        each = each.loc[data.draw(st.permutations(list(each.index)))]
        others[place] = each if each.ndim == 1 else each[data.draw(st.permutations(FEATURES))]
    if not others:  # a matrix, the rows of which may come in another order than its columns
        first = first.loc[data.draw(st.permutations(FEATURES))]
    assert function(first, *others) == pytest.approx(plain, rel=1e-9)


@pytest.mark.parametrize("entrance", [name for name in ENTRANCES if len(ENTRANCES[name]) > 2])
def test_labels_that_are_not_those_of_the_first_are_refused(entrance):
    function, first, *others = ENTRANCES[entrance]
    last = others.pop()
    for beside in (first, first.to_numpy()):
        for wrong in (last.rename({last.index[0]: "other"}), last.rename({last.index[0]: last.index[1]})):
            with pytest.raises(ValueError, match="^[AXbywxbeta]+: expected (the labels of|an array, as) "):
                function(beside, *others, wrong)
