"""Confidence intervals and McNemar's test, against their formulas."""

import math
from fractions import Fraction
from math import comb

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rolab.evaluation import AccuracyEstimate, mcnemar

exactly = settings(max_examples=25, deadline=None, derandomize=True)


# Confidence intervals


@exactly
@given(st.integers(1, 300), st.data())
def test_intervals_are_their_formulas(n, data):
    k = data.draw(st.integers(0, n))
    right = torch.arange(n) < k
    found = AccuracyEstimate.of(right)
    z, p = 1.959963985, k / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    expected = [100 * (middle + side * half) / (1 + z * z / n) for side in (-1, 1)]
    assert [found.low, found.high] == pytest.approx(expected, abs=0.006)
    assert found.percent == pytest.approx(100 * p) and found.examples == n
    exact = AccuracyEstimate.of(right, method="exact")
    at_least = sum(
        math.comb(n, i) * (exact.low / 100) ** i * (1 - exact.low / 100) ** (n - i) for i in range(k, n + 1)
    )
    assert k == 0 or at_least == pytest.approx(0.025, rel=0.2, abs=0.002)  # Clopper and Pearson's definition


def test_of_no_examples_there_is_no_accuracy():
    with pytest.raises(ValueError, match="at least one example"):
        AccuracyEstimate.of(torch.ones(0, dtype=torch.bool))


# McNemar's test


def two_sided(a: int, b: int) -> Fraction:
    """The probability that a fair coin, thrown a + b times, splits at least as unevenly as a : b."""
    n = a + b
    uneven = [k for k in range(n + 1) if abs(2 * k - n) >= abs(a - b)]
    return Fraction(sum(comb(n, k) for k in uneven), 2**n)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 5), st.integers(0, 5), st.randoms())
def test_mcnemar_against_the_binomial_sum(only_a, only_b, both, neither, random):
    pairs = [(1, 0)] * only_a + [(0, 1)] * only_b + [(1, 1)] * both + [(0, 0)] * neither
    random.shuffle(pairs)
    right = torch.tensor(pairs, dtype=torch.bool).view(-1, 2)
    found = mcnemar(right[:, 0], right[:, 1])
    assert (found["only_a"], found["only_b"]) == (only_a, only_b)
    assert found["p"] == pytest.approx(float(two_sided(only_a, only_b)), rel=1e-9)
    assert type(found["p"]) is float


def test_mcnemar_on_a_published_table():
    """Fagerland, Lydersen and Laake (2013), hyper-responsive airways: 1 and 7 discordant, p = 0.0703."""
    right = torch.tensor([(1, 0)] * 1 + [(0, 1)] * 7 + [(1, 1)] * 12 + [(0, 0)], dtype=torch.bool)
    assert mcnemar(right[:, 0], right[:, 1])["p"] == pytest.approx(0.0703, abs=5e-5)


def test_two_classifiers_that_never_differ_do_not_differ():
    right = torch.tensor([True, False, True])
    assert mcnemar(right, right) == {"only_a": 0, "only_b": 0, "p": 1.0}
