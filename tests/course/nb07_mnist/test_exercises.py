"""The checkers of notebook 07: right answers get a tick, wrong ones the property that they violate."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from rolab.course import check

FUNCTIONS = [check.standard_error, check.mcnemar]


@pytest.mark.parametrize("checker", FUNCTIONS)
def test_nothing_yet(checker, unsolved):
    assert repr(checker(unsolved)).endswith("not yet")


@pytest.mark.parametrize("answer", [..., None])
def test_no_number_yet(answer):
    assert repr(check.images_gained(answer)).endswith("not yet")


def standard_error(accuracy, n):
    share = accuracy / 100
    return 100 * math.sqrt(share * (1 - share) / n)


def p(a, b):
    return min(1.0, 2 * sum(math.comb(a + b, k) for k in range(min(a, b) + 1)) / 2 ** (a + b))


@pytest.mark.parametrize(
    ("checker", "answer"),
    [
        (check.images_gained, 5),
        (check.images_gained, (99.33 - 99.28) / 100 * 10_000),  # 4.9999999999997
        (check.images_gained, np.int64(5)),
        (check.images_gained, torch.tensor(5)),
        (check.standard_error, standard_error),
        (check.standard_error, lambda a, n: (a * (100 - a) / n) ** 0.5),
        (check.standard_error, lambda a, n: torch.tensor(standard_error(a, n), dtype=torch.float64)),
        (check.mcnemar, p),
        (check.mcnemar, lambda a, b: stats.binomtest(a, a + b).pvalue if a + b else 1.0),
    ],
)
def test_right_answers(checker, answer):
    report = checker(answer)
    assert report, report


def uncorrected(a, b):
    return stats.chi2.sf((a - b) ** 2 / (a + b), 1)


def corrected(a, b):
    return stats.chi2.sf((abs(a - b) - 1) ** 2 / (a + b), 1)


def chance(a, b):
    return math.comb(a + b, a) / 2 ** (a + b)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (0.05, "percentage points; count images"),
        (99.33 - 99.28, "percentage points; count images"),
        (0.0005, "the gain as a share; count images"),
        (500, "10,000 times the percentage points"),
        (30, "would be right of 60,000 images"),
        (9933, "are read by the robust ℓ∞ net"),
        (9928, "are read by the robust ℓ2 net"),
        (-5, "the gain is positive"),
        (0, "the gain is positive, from 99.28 % to 99.33 %; yours is 0"),
        (6.5, "no whole number"),
        (70, "0.7 percentage points; the gain is 0.05"),
        ("seven", "expected a number, got 'seven'"),
        (True, "expected a number"),
    ],
)
def test_wrong_counts_of_images(answer, said):
    report = check.images_gained(answer)
    assert not report and all(words in report.message for words in said.split(" … ")), report


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda a, n: standard_error(a, n) / 100, "those of a share in place of points"),
        (lambda a, n: math.sqrt(a * (1 - a) / n), "those of √(p(1 − p)/n) with the percentage as p"),
        (lambda a, n: (a * (1 - a) / n) ** 0.5, "those of √(p(1 − p)/n) with the percentage as p"),
        (lambda a, n: 100 * math.sqrt(a * (1 - a) / n), "100 √(p(1 − p)/n) with the percentage as p"),
        (lambda a, n: standard_error(a, 1), "halve it … those of one image, √(p(1 − p)): n of them"),
        (lambda a, n: standard_error(a, 1) / n, "the variance falls with n, its root with √n"),
        (lambda a, n: a * (1 - a / 100) / n, "those of a variance, p(1 − p)/n, without the root"),
        (lambda a, n: 100 * math.sqrt(a / 100 / n), "as uncertain … the factor 1 − p is missing"),
        (lambda a, n: 100 * math.sqrt((1 - a / 100) / n), "the factor p is missing"),
        (lambda a, n: 50 / math.sqrt(n), "50/√n, the standard error at 50 %, whatever"),
        (lambda a, n: standard_error(a, n - 1), "those of a division by n − 1"),
        (lambda a, n: 1.96 * standard_error(a, n), "half the width of a 95 % interval"),
        (lambda a, n: 2 * standard_error(a, n), "those of 2 standard errors"),
        (lambda a, n: 50 / n, "four times the images halve it; yours goes from 0.125 to 0.03125"),
        (
            lambda a, n: a / math.sqrt(n),
            "for 0.8 % of 400 images: 99.2 % right is 0.8 % wrong and as uncertain",
        ),
        (lambda a, n: 1.01 * standard_error(a, n), "for 0.8 % of 400 images: yours is"),
        (
            lambda a, n: standard_error(min(max(a, 0.1), 99.9), n),
            "for 100 % of 100 images: all images told the same",
        ),
        (lambda a, n: standard_error(min(a, 50), n), "for 0.8 % of 400 images: 99.2 % right is 0.8 % wrong"),
        (lambda a, n: 0.5, "four times the images halve it; yours goes from 0.5 to 0.5"),
        (lambda a, n: -standard_error(a, n), "a standard error is not negative"),
        (lambda a, n: float("nan"), "expected a number, got nan"),
        (lambda a, n: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_wrong_standard_errors(answer, said):
    report = check.standard_error(answer)
    assert not report and all(words in report.message for words in said.split(" … ")), report


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            lambda a, b: p(a, b) / 2 if a != b else chance(a, b) / 2 + 0.5,
            "those of one tail; a split as uneven",
        ),
        (
            lambda a, b: stats.binom.cdf(a, a + b, 0.5),
            "swapping the nets must not matter … those of one tail, from 0 to only_a",
        ),
        (
            lambda a, b: stats.binom.cdf(b, a + b, 0.5),
            "swapping the nets must not matter … those of one tail, from 0 to only_b",
        ),
        (
            lambda a, b: min(1, 2 * stats.binom.cdf(a, a + b, 0.5)),
            "swapping the nets … those of twice the tail from 0 to only_a",
        ),
        (lambda a, b: 1.0, "those of the tail up to the larger count"),
        (
            lambda a, b: 2 * stats.binom.cdf(min(a, b), a + b, 0.5),
            "for 5 and 5: p is a probability, yours is 1.246",
        ),
        (
            lambda a, b: 2 * stats.binom.cdf(min(a, b), a + b, 0.5),
            "those of twice the tail, which may be above 1",
        ),
        (
            lambda a, b: 2 * stats.binom.cdf(min(a, b) - 1, a + b, 0.5),
            "those of the splits that are more uneven",
        ),
        (lambda a, b: 2 * stats.binom.cdf(min(a, b), a + b, 0.5) - chance(a, b), "those of the mid-p"),
        (chance, "those of that one split alone"),
        (lambda a, b: 2 * chance(a, b), "that split and its mirror image alone"),
        (uncorrected, "for 20 and 34: yours is 0.05676, the exact p is"),
        (uncorrected, "Your answers are those of the χ² approximation"),
        (lambda a, b: uncorrected(a, b) if a != b else 1.0, "Your answers are those of the χ² approximation"),
        (corrected, "those of the χ² approximation with the correction of continuity"),
        (lambda a, b: (a - b) ** 2 / (a + b), "those of the χ² statistic, which is no probability"),
        (lambda a, b: 100 * p(a, b), "those of percent; p is a share"),
        (lambda a, b: 1 - p(a, b), "those of 1 − p"),
        (lambda a, b: p(a, b) if a != b else 0.5, "for 5 and 5: no split is more even, so p is 1"),
        (lambda a, b: p(a, b) if a + b else 0.0, "for 0 and 0: no split is more even, so p is 1"),
        (lambda a, b: p(a, b) if a <= b else 1.0, "for 20 and 34: swapping the nets must not matter"),
        (lambda a, b: p(a, b) ** 2, "the exact p is"),
        (lambda a, b: stats.binomtest(a, a + b).pvalue, "your function raised ValueError"),
    ],
)
def test_wrong_tests(answer, said):
    report = check.mcnemar(answer)
    assert not report and all(words in report.message for words in said.split(" … ")), report
