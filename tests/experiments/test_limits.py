"""The limits of robustness on digits: the record that ships, and the same again on some images."""

from itertools import combinations

import numpy as np
import pytest

from rolab import storage
from rolab.experiments.limits import examples_of_pair, rows_of_pair
from rolab.linear_models import linear_limit, linear_robustness, quadratic_limit

PAIRS = list(combinations(range(10), 2))


@pytest.fixture(scope="module")
def rows():
    return storage.load_result("limits")["rows"]


def test_no_classifier_of_the_record_is_more_robust_than_its_limit(rows):
    names = ("linear", "means", "quadratic")
    assert [(tuple(row["pair"]), row["classifier"]) for row in rows] == [(p, n) for p in PAIRS for n in names]
    assert all(0 < row["robustness"] <= row["limit"] and row["risk"] < 50 for row in rows)


def test_the_limits_of_the_record_are_those_of_the_test_images(rows, mnist_test):
    for row in rows[-6:]:  # the others take their time: a spectrum of 784 × 784 each
        X, y = examples_of_pair(mnist_test, tuple(row["pair"]))
        risk = row["risk"] / 100
        again = quadratic_limit(X, y, risk, row["K"]) if "K" in row else linear_limit(X, y, risk)
        assert (len(X), again) == (row["examples"], pytest.approx(row["limit"], rel=1e-9))


@pytest.mark.parametrize("pair", PAIRS)
def test_the_direction_between_the_means_lies_between_the_first_part_of_the_limit_and_all_of_it(
    pair, mnist_test
):
    """With f = 0 in the mean of all, E|f| ≥ E[yf] is what the limit begins with."""
    X, y = examples_of_pair(mnist_test, pair)
    w = X[y > 0].mean(0) - X[y < 0].mean(0)
    b = -X.mean(0) @ w
    measured, risk = linear_robustness(X, w, b).mean(), np.mean(y * (X @ w + b) <= 0)
    first = 2 * np.mean(y > 0) * np.mean(y < 0) * np.linalg.norm(w)
    assert first * (1 - 1e-9) <= measured <= linear_limit(X, y, risk)


def test_three_classifiers_of_a_pair(mnist_test):
    X, y = examples_of_pair(mnist_test[:3000], (3, 8))
    rows = rows_of_pair((3, 8), (X[::2], y[::2]), (X[1::2], y[1::2]))
    assert [row["classifier"] for row in rows] == ["linear", "means", "quadratic"]
    assert all(row["robustness"] <= row["limit"] and row["risk"] < 25 for row in rows)
