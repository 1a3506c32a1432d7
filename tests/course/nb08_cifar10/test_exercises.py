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


def concordant(first, second):
    return pairs(first, [-value for value in second])


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
        (lambda a, b: 2 * pairs(a, b), "4 nets make 6 pairs; yours finds 12 swapped"),
        (lambda a, b: 2 * pairs(a, b), "those of each pair counted twice"),
        (lambda a, b: int((rankdata(a) != rankdata(b)).sum()), "those of the nets whose place changes"),
        (lambda a, b: int(abs(rankdata(a) - rankdata(b)).sum()), "those of the places by which nets move"),
        (
            lambda a, b: sum(x != y for x, y in zip(a, b, strict=True)),
            "those of the nets whose value differs",
        ),
        (lambda a, b: 6 - pairs(a, b), "both lists have the same order, yours finds 6 swapped pairs"),
        (lambda a, b: concordant(a, b), "those of the pairs in the same order"),
        (lambda a, b: math.comb(len(a), 2) - concordant(a, b), "that are not in the same order: a tie"),
        (lambda a, b: pairs(a, b) / math.comb(len(a), 2), "those of the share of all pairs: count them"),
        (
            lambda a, b: sum((a[i] < a[j]) != (b[i] < b[j]) for i, j in combinations(range(len(a)), 2)),
            "a tie contradicts no order; yours finds 1 swapped pairs … a < b says yes",
        ),
        (
            lambda a, b: sum(a[i] < a[j] and b[i] > b[j] for i, j in combinations(range(len(a)), 2)),
            "those of the pairs that rise in the first list and fall in the second",
        ),
        (
            lambda a, b: sum(a[i] > a[j] and b[i] < b[j] for i, j in combinations(range(len(a)), 2)),
            "those of the pairs that fall in the first list and rise in the second",
        ),
        (
            lambda a, b: sum(pairs(a[i : i + 2], b[i : i + 2]) for i in range(len(a) - 1)),
            "those of neighbours in the list alone",
        ),
        (lambda a, b: pairs(np.argsort(a), np.argsort(b)), "that sort the lists (argsort)"),
        (lambda a, b: pairs(a, b) if a == sorted(a) else 0, "which list comes first must not matter"),
        (lambda a, b: math.comb(len(a), 2) if pairs(a, b) else 0, "yours is 6, it is 3"),
        (lambda a, b: "three", "expected a number, got 'three'"),
    ],
)
def test_wrong_counts(answer, complaint):
    report = check.swaps(answer)
    assert not report and all(words in report.message for words in complaint.split(" … ")), report


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


def alone(count, n):
    return 100 * math.sqrt(count / n * (1 - count / n) / n)


def apart(only_a, only_b, n):
    """As if each net had been judged on images of its own."""
    wrong, right = only_a / n, only_b / n
    return 100 * math.sqrt((wrong * (1 - wrong) + right * (1 - right)) / n)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda a, b, n: by_formula(a, b, n) / 100, "those of a share: give percentage points"),
        (apart, "those of two independent errors"),
        (lambda a, b, n: alone(a, n) + alone(b, n), "those of two errors that are added: only"),
        (lambda a, b, n: 100 * math.sqrt(a + b) / n, "a variance is the mean square less the squared mean"),
        (lambda a, b, n: 100 * math.sqrt((a + b - abs(a - b)) / n**2), "and not the lead squared"),
        (lambda a, b, n: alone(abs(a - b), n), "those of the lead as one coin"),
        (lambda a, b, n: alone(a + b, n), "those of one share of disputed images"),
        (lambda a, b, n: alone(b, a + b), "those of the share of b among the disputed images"),
        (lambda a, b, n: by_formula(a, b, n) * math.sqrt(n), "those of one image: n of them are averaged"),
        (lambda a, b, n: by_formula(a, b, n) / math.sqrt(n), "where √n is due"),
        (lambda a, b, n: by_formula(a, b, n) ** 2 / 100, "those of a variance, without the root"),
        (lambda a, b, n: by_formula(a, b, n) * math.sqrt(n / (n - 1)), "those of a division by n − 1"),
        (lambda a, b, n: 1.96 * by_formula(a, b, n), "half the width of a 95 % interval"),
        (lambda a, b, n: 100 * (b - a) / n, "may be swapped … those of the lead itself"),
        (
            lambda a, b, n: by_formula(a, b, n) + 0.1,
            "a hundred times the images, as often disputed, divide it by",
        ),
        (
            lambda a, b, n: by_formula(a, b, n) if a + b else 1.0,
            "without disputed images, the lead varies by 0",
        ),
        (
            lambda a, b, n: by_formula(a, b, n) if a + b < n else 1.0,
            "and the same net is right, the lead varies",
        ),
        (lambda a, b, n: 100 * math.sqrt(b) / n, "may be swapped"),
        (lambda a, b, n: 100 * (a + b) / n, "divide it by 10"),
        (lambda a, b, n: math.nan, "expected a number, got nan"),
    ],
)
def test_wrong_errors(answer, complaint):
    report = check.lead_error(answer)
    assert not report and all(words in report.message for words in complaint.split(" … ")), report


# What a file keeps


def kept(x, d):
    return ((255 * (x + d)).round() / 255).clamp(0, 1) - x


def by_bytes(x, d):
    """Through bytes, as a file does."""
    image = (255 * (x + d).clamp(0, 1) + 0.5).floor().to(torch.uint8)
    return image.float() / 255 - x


@pytest.mark.parametrize("answer", [kept, by_bytes, lambda x, d: kept(x, d).tolist()])
def test_what_a_file_keeps(answer):
    report = check.saved(answer)
    assert report, report


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda x, d: d, "whole levels of 1/255, yours are off by 0.33 levels … those of Δ as it was"),
        (lambda x, d: (x + d).clamp(0, 1) - x, "whole levels of 1/255 … clamped, but not rounded"),
        (lambda x, d: (255 * (x + d)).round() / 255 - x, "values from 0 to 1 … rounded, but not clamped"),
        (lambda x, d: (255 * d).round() / 255, "a file holds values from 0 to 1 … rounded, but not clamped"),
        (
            lambda x, d: (255 * (x + d).clamp(0, 1)).to(torch.uint8) / 255 - x,
            "those of bytes that are cut off, and not rounded",
        ),
        (lambda x, d: (x + (255 * d).trunc() / 255).clamp(0, 1) - x, "whose steps are cut off towards 0"),
        (
            lambda x, d: (255 * (x + d)).round().to(torch.int64).to(torch.uint8) / 255 - x,
            "steps far out of [0, 1]: the nearest level … those of bytes that wrap around",
        ),
        (lambda x, d: (256 * (x + d).clamp(0, 1)).round() / 256 - x, "the largest byte is 255"),
        (lambda x, d: kept(x, d) + x, "those of the image that is saved, and not what is left of Δ"),
        (lambda x, d: 255 * kept(x, d), "those of levels: divide by 255"),
        (lambda x, d: d - kept(x, d), "those of what is lost of Δ"),
        (lambda x, d: -kept(x, d), "those of x minus the file: the sign is turned"),
        (lambda x, d: (255 * (x + d)).ceil().clamp(0, 255) / 255 - x, "0.67 levels from x + Δ"),
        (lambda x, d: (255 * (x + d)).floor().clamp(0, 255) / 255 - x, "0.67 levels from x + Δ"),
        (lambda x, d: x + kept(x, d), "a file holds values from 0 to 1"),
        (
            lambda x, d: torch.zeros_like(x),
            "two thirds of a level: the nearest level … those of 0 for every Δ",
        ),
        (lambda x, d: 0.0, "expected the shape (3, 8, 8), got ()"),
    ],
)
def test_other_things(answer, complaint):
    report = check.saved(answer)
    assert not report and all(words in report.message for words in complaint.split(" … ")), report
