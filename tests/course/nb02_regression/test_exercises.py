"""The checkers of notebook 02: right answers get a tick, wrong ones hear which property they violate."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq

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


@pytest.mark.parametrize(
    "checker, answer",
    list(zip(CHECKERS, (frobenius, entries, penalty), strict=True)),
    ids=lambda f: f.__name__,
)
def test_right_answers_get_a_tick(checker, answer):
    assert checker(answer), repr(checker(answer))


def both_signs(A, b, x, gamma):
    return -frobenius(A, b, x, gamma) if not (A @ x - b).any() else frobenius(A, b, x, gamma)


def test_any_optimum_is_right():
    assert check.worst_frobenius(both_signs), "where r = 0 a push either way is as bad"


@pytest.mark.parametrize(
    "checker, wrong, said",
    [
        (
            check.worst_frobenius,
            lambda A, b, x, g: 2 * frobenius(A, b, x, g),
            "‖Δ‖_F is 1, the radius is 0.5",
        ),
        (check.worst_frobenius, lambda A, b, x, g: -frobenius(A, b, x, g), "it could be"),
        (check.worst_frobenius, lambda A, b, x, g: 0 * A, "it could be"),
        (check.worst_frobenius, lambda A, b, x, g: x, "Δ has shape (2,), A has (3, 2)"),
        (check.worst_frobenius, lambda A, b, x, g: A * np.nan, "Δ holds NaN or infinity"),
        (
            check.worst_frobenius,
            lambda A, b, x, g: (
                g * np.outer(A @ x - b, x) / max(np.linalg.norm(A @ x - b) * np.linalg.norm(x), 1e-9)
            ),
            "with r = 0, γ = 0.5: ‖(A + Δ)x - b‖ is 0.0000, it could be 2.5000",
        ),
        (
            check.worst_entries,
            lambda A, b, x, d: d * np.outer(np.sign(A @ x - b), np.sign(x)),
            "with r = (1, 0, -2), δ = 0.5",
        ),
        (check.worst_entries, lambda A, b, x, d: frobenius(A, b, x, d), "it could be"),
        (check.worst_entries, lambda A, b, x, d: 4 * frobenius(A, b, x, d), "an entry of Δ is"),
        (check.ridge_penalty, lambda A, b, gamma: gamma, "yours is γ itself"),
        (check.ridge_penalty, lambda A, b, gamma: gamma**2, "ridge at your λ"),
        (check.ridge_penalty, lambda A, b, gamma: -1.0, "a penalty is not negative"),
        (check.ridge_penalty, lambda A, b, gamma: math.inf, "λ = ∞ gives x = 0"),
        (check.ridge_penalty, lambda A, b, gamma: min(penalty(A, b, gamma), 1e9), "the robust x is 0"),
        (check.ridge_penalty, lambda A, b, gamma: "large", "expected a number, got 'large'"),
        (check.ridge_penalty, lambda A, b, gamma: 1 / 0, "your function raised ZeroDivisionError"),
    ],
)
def test_the_violated_property_is_named(checker, wrong, said):
    report = checker(wrong)
    assert not report and repr(report).startswith("✗") and said in repr(report), repr(report)


def test_a_readers_function_cannot_change_the_case():
    def vandal(A, b, x, gamma):
        found = frobenius(A, b, x, gamma)
        A[:], b[:], x[:] = 0, 0, 0
        return found

    assert check.worst_frobenius(vandal)
