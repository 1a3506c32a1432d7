"""The exercises of notebook 07, the tables of MNIST."""

import math
from collections.abc import Callable
from typing import Any

from rolab.course.checking import examine, exercise, number, require
from rolab.experiments import PAPER


@exercise("the paper's gain, in images")
def images_gained(answer: float) -> str:
    """How many of the 10,000 test images lie between the paper's robust ℓ2 and its robust ℓ∞ net?"""
    before, after = (PAPER["mnist"][net]["test_accuracy"] for net in ("robust-l2", "robust-linf"))
    points, yours = after - before, number(answer, "your answer")
    images, rounding = round(points / 100 * 10_000), 1e-6
    instead = {
        points: f"{yours:g} is the gain in percentage points; count images",
        points / 100: f"{yours:g} is the gain as a share; count images",
        points * 10_000: f"{yours:g} is 10,000 times the percentage points; one of them is 100 images",
        points * 600: f"{yours:g} would be right of 60,000 images, these are 10,000",
        after
        * 100: f"{yours:g} images are read by the robust ℓ∞ net; how many more than by the robust ℓ2 net?",
        before * 100: f"{yours:g} images are read by the robust ℓ2 net; how many more by the robust ℓ∞ net?",
    }
    for other, complaint in instead.items():
        require(abs(yours - other) > rounding, complaint)
    require(yours > 0, f"the gain is positive, from {before} % to {after} %; yours is {yours:g}")
    require(abs(yours - round(yours)) < rounding, f"{yours:g} is no whole number of images")
    would = f"{yours:g} of 10,000 images would be {yours / 100:g} percentage points"
    require(round(yours) == images, f"{would}; the gain is {points:.2f}")
    return f"{images} images of 10,000"


@exercise("the standard error of an accuracy")
def standard_error(f: Callable) -> str:
    """f(accuracy, n) → the standard error, in percentage points, of an accuracy in percent of n images."""

    def error(p: float, n: float) -> float:
        return math.sqrt(p * (1 - p) / n)

    def truth(accuracy: float, n: int) -> float:
        return 100 * error(accuracy / 100, n)

    def judge(answer: Any, accuracy: float, n: int) -> None:
        yours, right = number(answer, ""), truth(accuracy, n)
        require(yours >= 0, f"a standard error is not negative, yours is {yours:.4g}")
        same = f"all images told the same, so the standard error is 0; yours is {yours:.4g}"
        require(right > 0 or yours < 1e-9, same)
        four, mirrored = number(f(accuracy, 4 * n), ""), number(f(100 - accuracy, n), "")
        halved = f"four times the images halve it; yours goes from {yours:.4g} to {four:.4g}"
        require(abs(yours - 2 * four) <= 1e-3 * yours + 1e-9, halved)
        both = f"{100 - accuracy:g} % right is {accuracy:g} % wrong and as uncertain"
        require(
            abs(yours - mirrored) <= 1e-6 * yours + 1e-9, f"{both}; yours are {mirrored:.4g} and {yours:.4g}"
        )
        require(abs(yours - right) <= 1e-6 * right + 1e-9, f"yours is {yours:.6g} points, it is {right:.6g}")

    units = "accuracy comes in percent and the standard error goes out in percentage points"
    mistakes = {
        f"a share in place of points; {units}": lambda a, n: truth(a, n) / 100,
        "√(p(1 − p)/n) with the percentage as p; a share is a hundredth of it": error,
        "100 √(p(1 − p)/n) with the percentage as p; a share is a hundredth of it": lambda a, n: (
            100 * error(a, n)
        ),
        "one image, √(p(1 − p)): n of them are averaged": lambda a, n: truth(a, 1),
        "√(p(1 − p))/n: the variance falls with n, its root with √n": lambda a, n: truth(a, n**2),
        "a variance, p(1 − p)/n, without the root": lambda a, n: 100 * (truth(a, n) / 100) ** 2,
        "√(p/n): the factor 1 − p is missing": lambda a, n: 100 * math.sqrt(a / 100 / n),
        "√((1 − p)/n): the factor p is missing": lambda a, n: 100 * math.sqrt((1 - a / 100) / n),
        "50/√n, the standard error at 50 %, whatever the accuracy is": lambda a, n: 50 / math.sqrt(n),
        "a division by n − 1; the variance of a coin is p(1 − p), divided by n": lambda a, n: truth(a, n - 1),
        "1.96 standard errors, half the width of a 95 % interval": lambda a, n: 1.96 * truth(a, n),
        "2 standard errors, half the width of an interval": lambda a, n: 2 * truth(a, n),
    }
    pairs = ((0.8, 400), (0.3, 1203), (50.0, 2_500), (99.2, 10_000), (33.83, 1203), (100.0, 100), (0.0, 100))
    examine(f, {f"for {a:g} % of {n} images": (a, n) for a, n in pairs}, judge, mistakes)
    right = number(f(99.2, 10_000), "")
    return f"at 99.2 % of 10,000 images it is {right:.3f} points, {100 * right:.0f} images"


@exercise("McNemar's exact test")
def mcnemar(f: Callable) -> str:
    """f(only_a, only_b) → the two-sided p of a split at least as uneven, if each image were a fair coin."""

    def chance(a: int, k: int) -> float:
        return math.comb(a, k) / 2**a

    def tail(a: int, b: int, most: int) -> float:
        return sum(chance(a + b, k) for k in range(most + 1))

    def truth(a: int, b: int) -> float:
        return min(1.0, 2 * tail(a, b, min(a, b)))

    def approximate(a: int, b: int, correction: float) -> float:
        return math.nan if a == b else math.erfc((abs(a - b) - correction) / math.sqrt(2 * (a + b)))

    def judge(answer: Any, a: int, b: int) -> None:
        p, right = number(answer, ""), truth(a, b)
        require(0 <= p <= 1 + 1e-9, f"p is a probability, yours is {p:.4g}")
        require(a != b or abs(p - 1) < 1e-6, f"no split is more even, so p is 1; yours is {p:.4g}")
        swapped = number(f(b, a), "")
        both = f"swapping the nets must not matter; p is {p:.4g}, and {swapped:.4g} for {b} and {a}"
        require(abs(p - swapped) <= 1e-9, both)
        require(abs(p - right) <= 1e-6 * right, f"yours is {p:.4g}, the exact p is {right:.4g}")

    mistakes = {
        "one tail; a split as uneven the other way counts too": lambda a, b: tail(a, b, min(a, b)),
        "one tail, from 0 to only_a": lambda a, b: tail(a, b, a),
        "one tail, from 0 to only_b": lambda a, b: tail(a, b, b),
        "twice the tail from 0 to only_a: take the smaller count": lambda a, b: min(1.0, 2 * tail(a, b, a)),
        "the tail up to the larger count: take the smaller": lambda a, b: min(1.0, 2 * tail(a, b, max(a, b))),
        "twice the tail, which may be above 1": lambda a, b: 2 * tail(a, b, min(a, b)),
        "the splits that are more uneven; yours itself counts too": lambda a, b: (
            2 * tail(a, b, min(a, b) - 1)
        ),
        "the mid-p: of the two splits as uneven as yours only half counts": lambda a, b: (
            2 * tail(a, b, min(a, b)) - chance(a + b, a)
        ),
        "that one split alone; all that are at least as uneven count": lambda a, b: chance(a + b, a),
        "that split and its mirror image alone; all that are at least as uneven count": lambda a, b: (
            2 * chance(a + b, a)
        ),
        "the χ² approximation": lambda a, b: approximate(a, b, 0),
        "the χ² approximation with the correction of continuity": lambda a, b: approximate(a, b, 1),
        "the χ² statistic, which is no probability": lambda a, b: (a - b) ** 2 / (a + b),
        "percent; p is a share": lambda a, b: 100 * truth(a, b),
        "1 − p": lambda a, b: 1 - truth(a, b),
    }
    pairs = ((20, 34), (10, 3), (0, 6), (3, 4), (60, 40), (5, 5), (0, 0))
    examine(f, {f"for {a} and {b}": (a, b) for a, b in pairs}, judge, mistakes)
    p = number(f(20, 34), "")
    return f"20 against 34 gives p = {p:.2g}: two networks of equal quality often differ so much"
