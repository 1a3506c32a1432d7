"""The checkers of notebook 02: right answers get a tick, wrong ones the property that they violate."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from wrong_answers import is_named

from rolab.course import check


def unit(v):
    return v / np.linalg.norm(v) if v.any() else np.eye(len(v))[0]


def frobenius(A, b, x, gamma):
    return gamma * np.outer(unit(A @ x - b), unit(x))


def entries(A, b, x, delta):
    return delta * np.outer(np.where(A @ x - b >= 0, 1.0, -1.0), np.sign(x))


def penalty(A, b, gamma):
    if gamma >= np.linalg.norm(A.T @ b) / np.linalg.norm(b):
        return math.inf

    def surplus(log_penalty):
        x = np.linalg.solve(A.T @ A + np.exp(log_penalty) * np.eye(A.shape[1]), A.T @ b)
        return np.exp(log_penalty) * np.linalg.norm(x) / np.linalg.norm(A @ x - b) - gamma

    return np.exp(brentq(surplus, -30, 30))


CHECKERS = [check.worst_frobenius, check.worst_entries, check.ridge_penalty]


@pytest.mark.parametrize("checker", CHECKERS)
def test_nothing_yet(checker, unsolved):
    report = checker(unsolved)
    assert not report and repr(report).endswith("not yet")


def either_end_where_all_is_well(A, b, x, gamma):
    return -frobenius(A, b, x, gamma) if not (A @ x - b).any() else frobenius(A, b, x, gamma)


def down_where_a_row_fits(A, b, x, delta):
    return delta * np.outer(np.where(A @ x - b > 0, 1.0, -1.0), np.sign(x))


def vandal(A, b, x, gamma):
    found = frobenius(A, b, x, gamma)
    A[:], b[:], x[:] = 0, 0, 0
    return found


@pytest.mark.parametrize(
    "checker, right",
    [
        (check.worst_frobenius, frobenius),
        (check.worst_frobenius, either_end_where_all_is_well),
        (check.worst_frobenius, vandal),
        (check.worst_frobenius, lambda *a: frobenius(*a).tolist()),
        (check.worst_frobenius, lambda *a: torch.from_numpy(frobenius(*a)).float()),
        (check.worst_entries, entries),
        (check.worst_entries, down_where_a_row_fits),
        (check.worst_entries, lambda *a: entries(*a).astype(np.float32)),
        (check.ridge_penalty, penalty),
        (check.ridge_penalty, lambda *a: np.float32(penalty(*a))),
        (check.ridge_penalty, lambda *a: torch.tensor(penalty(*a))),
    ],
)
def test_right_answers_get_a_tick(checker, right):
    assert checker(right), checker(right)


def r_and_x(A, b, gamma):
    """‖r‖ and ‖x‖ of the robust fit, by its λ."""
    x = np.linalg.solve(A.T @ A + min(penalty(A, b, gamma), 1e9) * np.eye(A.shape[1]), A.T @ b)
    return np.linalg.norm(A @ x - b), np.linalg.norm(x)


def at_least_squares(A, b, gamma):
    x = np.linalg.lstsq(A, b, rcond=None)[0]
    far = gamma >= np.linalg.norm(A.T @ b) / np.linalg.norm(b)
    return np.inf if far else gamma * np.linalg.norm(A @ x - b) / np.linalg.norm(x)


def no_infinity(A, b, gamma):
    return min(penalty(A, b, gamma), 1e9)


def guarded(A, b, x, g):
    """The guard of those who have seen 0/0 before, and it is the wrong one."""
    return g * np.outer(A @ x - b, x) / max(np.linalg.norm(A @ x - b) * np.linalg.norm(x), 1e-9)


def over_r(A, b, x, g):
    return g * np.outer(unit(A @ x - b), x)


def over_x(A, b, x, g):
    return g * np.outer(A @ x - b, unit(x))


WRONG = [
    (check.worst_frobenius, lambda A, b, x, g: g * np.outer(A @ x - b, x), "‖Δ‖_F is", "divide by ‖r‖‖x‖"),
    (check.worst_frobenius, over_r, "‖Δ‖_F is 2.5, the radius is 0.5", "divide by ‖x‖ too"),
    (check.worst_frobenius, over_x, "‖Δ‖_F is 5.5, the radius is 0.5", "divide by ‖r‖ too"),
    (
        check.worst_frobenius,
        lambda A, b, x, g: frobenius(A, b, x, 1),
        "‖Δ‖_F is 1, the",
        "the radius is left out",
    ),
    (check.worst_frobenius, lambda A, b, x, g: -frobenius(A, b, x, g), "it could be", "Δ is to lengthen it"),
    (
        check.worst_frobenius,
        lambda A, b, x, g: frobenius(A, b, x, g).T,
        "Δ has shape (2, 3), A has (3, 2)",
        "x second",
    ),
    (
        check.worst_frobenius,
        lambda A, b, x, g: frobenius(A, 0 * b, x, g),
        "it could be",
        "the residual is Ax − b",
    ),
    (check.worst_frobenius, lambda A, b, x, g: g * A / np.linalg.norm(A), "it could be", "γ A/‖A‖_F"),
    (
        check.worst_frobenius,
        entries,
        "‖Δ‖_F is 1.225, the radius is 0.5",
        "that is the worst Δ entry by entry",
    ),
    (
        check.worst_frobenius,
        guarded,
        "r = 0, γ = 0.5: ‖(A + Δ)x - b‖ is 0.0000, it could be 2.5000",
        "any unit vector",
    ),
    (
        check.worst_frobenius,
        lambda A, b, x, g: 2 * frobenius(A, b, x, g),
        "‖Δ‖_F is 1, the radius is 0.5",
        "",
    ),
    (check.worst_frobenius, lambda A, b, x, g: frobenius(A, b, x, g / 2), "(the radius is not spent)", ""),
    (check.worst_frobenius, lambda A, b, x, g: x, "Δ has shape (2,), A has (3, 2)", ""),
    (check.worst_frobenius, lambda A, b, x, g: A * np.nan, "Δ holds NaN or infinity", ""),
    (
        check.worst_entries,
        lambda A, b, x, d: d * np.outer(np.sign(A @ x - b), np.sign(x)),
        "with r = (1, 0, -2), δ = 0.02",
        "sign(0) = 0 spares a row",
    ),
    (
        check.worst_entries,
        lambda A, b, x, d: d * np.outer(0 * b + 1, np.sign(x)),
        "it could be",
        "in every row",
    ),
    (
        check.worst_entries,
        lambda A, b, x, d: d * np.outer(np.where(A @ x >= b, 1, -1), 0 * x + 1),
        "it could be",
        "the sign of x_j counts too",
    ),
    (
        check.worst_entries,
        lambda A, b, x, d: d * np.ones_like(A),
        "it could be",
        "the signs of r and x are left out",
    ),
    (
        check.worst_entries,
        lambda A, b, x, d: entries(A, b, x, 1),
        "an entry of Δ is 1, the radius is 0.5",
        "δ = 1",
    ),
    (check.worst_entries, lambda A, b, x, d: -entries(A, b, x, d), "it could be", "Δ is to lengthen it"),
    (check.worst_entries, lambda A, b, x, d: entries(A, b, x, d).T, "Δ has shape (2, 3)", "x second"),
    (check.worst_entries, lambda A, b, x, d: d * np.sign(A), "it could be", "δ sign(A)"),
    (
        check.worst_entries,
        lambda A, b, x, d: d * np.outer(A @ x - b, x),
        "an entry of Δ is 14",
        "only the signs count",
    ),
    (
        check.worst_entries,
        frobenius,
        "it could be 17.0514 (the radius is not spent)",
        "in the Frobenius ball",
    ),
    (check.worst_entries, lambda A, b, x, d: 4 * frobenius(A, b, x, d), "an entry of Δ is", ""),
    (check.ridge_penalty, lambda A, b, gamma: gamma, "ridge at your λ", "λ = γ: the gradient"),
    (check.ridge_penalty, lambda A, b, gamma: gamma**2, "ridge at your λ", "the square of the sum"),
    (check.ridge_penalty, at_least_squares, "ridge at your λ", "at the least squares fit"),
    (
        check.ridge_penalty,
        lambda A, b, g: g / np.divide(*r_and_x(A, b, g)),
        "ridge at your λ",
        "upside down",
    ),
    (check.ridge_penalty, lambda A, b, g: 2 * penalty(A, b, g), "ridge at your λ", "λ = 2γ‖r‖/‖x‖"),
    (check.ridge_penalty, lambda A, b, g: penalty(A, b, g) / 2, "ridge at your λ", "λ = γ‖r‖/2‖x‖"),
    (check.ridge_penalty, lambda A, b, g: g * r_and_x(A, b, g)[0], "ridge at your λ", "divide by ‖x‖"),
    (check.ridge_penalty, lambda A, b, g: penalty(A, b, g) / g, "ridge at your λ", "γ is left out"),
    (check.ridge_penalty, lambda A, b, g: penalty(A, b, g) ** 2 / g, "ridge at your λ", "no squares"),
    (
        check.ridge_penalty,
        lambda A, b, g: np.linalg.solve(A.T @ A + no_infinity(A, b, g) * np.eye(A.shape[1]), A.T @ b),
        "expected a number, got array",
        "asked for is its λ",
    ),
    (check.ridge_penalty, lambda A, b, gamma: -1.0, "a penalty is not negative", ""),
    (check.ridge_penalty, lambda A, b, gamma: math.inf, "λ = ∞ gives x = 0, the robust x is (", ""),
    (check.ridge_penalty, no_infinity, "your λ is 1e+09, but ‖Aᵀb‖/‖b‖ is", ""),
    (check.ridge_penalty, lambda A, b, gamma: "inf", "expected a number, got 'inf'", ""),
    (check.ridge_penalty, lambda A, b, gamma: math.nan, "expected a number, got nan", ""),
    (check.ridge_penalty, lambda A, b, gamma: 1 / 0, "your function raised ZeroDivisionError", ""),
]


@pytest.mark.parametrize("checker, wrong, violated, why", WRONG)
def test_the_violated_property_is_named_and_the_mistake(checker, wrong, violated, why):
    is_named(checker, wrong, violated, why)


@pytest.mark.parametrize("checker", CHECKERS)
def test_the_checkers_tell_wrong_answers_apart(checker):
    assert len({why for which, _, _, why in WRONG if which is checker}) > 3
