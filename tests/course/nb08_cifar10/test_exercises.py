"""The checkers of notebook 08: right answers get a tick, wrong ones the property that they violate."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata

from rolab.course import check

CHECKERS = [check.swaps, check.lead_error, check.saved]


@pytest.mark.parametrize("checker", CHECKERS)
def test_nothing_yet(checker, unsolved):
    assert repr(checker(unsolved)).endswith("not yet")


@pytest.mark.parametrize("checker", CHECKERS)
def test_an_error_is_reported_with_its_case(checker):
    assert "ZeroDivisionError" in checker(lambda *arguments: 1 / 0).message


# Pairs in another order


def pairs(first, second):
    return sum(
        (first[i] < first[j] and second[i] > second[j]) or (first[i] > first[j] and second[i] < second[j])
        for i, j in combinations(range(len(first)), 2)
    )


def by_kendall(first, second):
    """τ_b = (C − D)/√((C + D + T₁)(C + D + T₂)); without ties C + D is the number of pairs."""
    n = len(first)
    if len(set(first)) < n or len(set(second)) < n:
        return pairs(first, second)
    return round((1 - kendalltau(first, second).statistic) * n * (n - 1) / 4)


@pytest.mark.parametrize("answer", [pairs, by_kendall, lambda a, b: np.int64(pairs(a, b))])
def test_pairs_are_counted(answer):
    report = check.swaps(answer)
    assert report, report


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda a, b: 2 * pairs(a, b), "counts each of them twice"),
        (lambda a, b: int((rankdata(a) != rankdata(b)).sum()), "the nets whose place changes; count pairs"),
        (lambda a, b: sum(x != y for x, y in zip(a, b, strict=True)), "values do not matter"),
        (lambda a, b: 6 - pairs(a, b), "the order of itself, yours finds 6"),
        (lambda a, b: pairs(a, b) / 6, "yours finds 1"),
        (
            lambda a, b: sum((a[i] < a[j]) != (b[i] < b[j]) for i, j in combinations(range(len(a)), 2)),
            "a tie in one list contradicts no order",
        ),
        (lambda a, b: pairs(a, b) if a == sorted(a) else 0, "which list comes first must not matter"),
        (lambda a, b: 6 if pairs(a, b) else 0, "it is 3"),
        (lambda a, b: "three", "expected a number, got 'three'"),
    ],
)
def test_wrong_counts(answer, complaint):
    report = check.swaps(answer)
    assert not report and complaint in report.message


# The standard error of a lead


def by_numpy(only_a, only_b, n):
    """The deviation of the n differences right_b − right_a, over √n."""
    differences = np.zeros(n)
    differences[:only_a], differences[only_a : only_a + only_b] = -1, 1
    return 100 * differences.std() / math.sqrt(n)


def by_formula(only_a, only_b, n):
    return 100 * math.sqrt((only_a + only_b - (only_b - only_a) ** 2 / n) / n**2)


@pytest.mark.parametrize("answer", [by_numpy, by_formula])
def test_the_error_of_a_lead(answer):
    report = check.lead_error(answer)
    assert report, report
    assert "0.26 points" in report.message


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.integers(0, 50), st.integers(0, 50), st.integers(100, 400))
def test_the_two_ways_agree(only_a, only_b, n):
    assert by_numpy(only_a, only_b, n) == pytest.approx(by_formula(only_a, only_b, n), abs=1e-9)


def apart(only_a, only_b, n):
    """As if each net had been judged on images of its own."""
    wrong, right = only_a / n, only_b / n
    return 100 * math.sqrt((wrong * (1 - wrong) + right * (1 - right)) / n)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda a, b, n: by_formula(a, b, n) / 100, "is a share"),
        (lambda a, b, n: by_formula(a, b, n) + 0.1, "without disputed images the lead is 0"),
        (lambda a, b, n: 100 * math.sqrt(b) / n, "may be swapped"),
        (lambda a, b, n: 100 * (a + b) / n, "divide it by √10"),
        (lambda a, b, n: 100 * math.sqrt(a + b) / n, "the lead is 100 points; yours varies by 10"),
        (apart, "it is 0.2644"),
        (lambda a, b, n: math.nan, "expected a number, got nan"),
    ],
)
def test_wrong_errors(answer, complaint):
    report = check.lead_error(answer)
    assert not report and complaint in report.message


# What a file keeps


def kept(x, d):
    return ((255 * (x + d)).round() / 255).clamp(0, 1) - x


def by_bytes(x, d):
    """Through bytes, as a file does."""
    image = (255 * (x + d).clamp(0, 1) + 0.5).floor().to(torch.uint8)
    return image.float() / 255 - x


@pytest.mark.parametrize("answer", [kept, by_bytes])
def test_what_a_file_keeps(answer):
    report = check.saved(answer)
    assert report, report


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda x, d: d, "whole levels of 1/255, yours are off by 0.33 levels"),
        (lambda x, d: (x + d).clamp(0, 1) - x, "whole levels of 1/255"),
        (lambda x, d: (255 * (x + d)).round() / 255 - x, "a file holds values from 0 to 1"),
        (lambda x, d: (255 * (x + d)).floor().clamp(0, 255) / 255 - x, "0.67 levels from x + Δ"),
        (lambda x, d: x + kept(x, d), "a file holds values from 0 to 1"),
        (lambda x, d: torch.zeros_like(x), "two thirds of a level: the nearest level"),
        (lambda x, d: 0.0, "expected the shape (3, 8, 8), got ()"),
    ],
)
def test_other_things(answer, complaint):
    report = check.saved(answer)
    assert not report and complaint in report.message
