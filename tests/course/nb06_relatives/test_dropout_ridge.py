"""Dropout and its ridge, in the explorer: on the line for least squares, off it for logistic regression."""

import numpy as np
import pytest
from standing_figures import stands_without_a_kernel

from rolab.course.nb06_relatives.dropout_ridge import DELTAS, DropoutExplorer, coarse_digits, fitted


@pytest.fixture(scope="module")
def explorer(mnist_test):
    return DropoutExplorer(*coarse_digits(mnist_test, 3, 8, 12))


def test_coarse_digits(mnist_test):
    X, y = coarse_digits(mnist_test, 3, 8, 12)
    assert X.shape == (12, 12) and set(y) == {0.0, 1.0} and 0 <= X.min() and X.max() <= 1
    first = next(i for i in range(len(mnist_test)) if int(mnist_test.labels[i]) in (3, 8))
    block = mnist_test.images[first, 0, 4:9, 4:11]
    assert X[0, 0] == pytest.approx(float(block.mean()), rel=1e-5)


def test_the_fit_is_a_minimum():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(30, 3))
    y = (X[:, 0] + 0.5 * generator.normal(size=30) > 0).astype(float)
    beta = fitted(X, y)
    p = 1 / (1 + np.exp(-X @ beta))
    assert np.abs(X.T @ (p - y) + 0.05 * beta).max() < 1e-8


def test_least_squares_is_on_the_line_and_logistic_regression_off_it(explorer):
    true, ridge = explorer.curves("least squares", 4.0)
    assert np.allclose(true, ridge, rtol=1e-9)
    misses = []
    for scale in (0.25, 1.0, 4.0):
        true, ridge = explorer.curves("logistic", scale)
        misses.append(np.abs(true - ridge).sum(1)[2] / true.sum(1)[2])
    assert misses == sorted(misses) and misses[0] < 0.05 < misses[-1]


def test_the_explorer(explorer):
    stands_without_a_kernel(explorer.figure(family="logistic"))
    assert [row["δ"] for row in explorer.table()] == list(DELTAS)
    live = explorer.live(plain=False)
    live.controls["family"].value = "logistic"
    live.controls["scale"].value = 4.0
    live.controls["delta"].value = 0.0
    assert live.error.value == "" and live.shown.title.startswith("Logistic, δ = 0:")


def test_what_the_ridge_misses_and_where_the_sure_ones_lie(explorer):
    assert explorer.missed("least squares") < 1e-6 < 1 < explorer.missed("logistic", 4.0)
    true, ridge = (values[DELTAS.index(0.5)] for values in explorer.curves("logistic", 4.0))
    assert explorer.missed("logistic", 4.0) == pytest.approx(100 * abs(ridge.sum() / true.sum() - 1))
    surest = int(np.argmax(np.abs(explorer.X @ explorer.beta)))
    assert explorer.side_of_the_sure() == ("above" if true[surest] > ridge[surest] else "below")
