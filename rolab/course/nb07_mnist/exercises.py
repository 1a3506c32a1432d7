"""The exercises of notebook 07, the tables of MNIST."""

import math
from collections.abc import Callable

from rolab.course.checking import agree, asking, exercise, number, require
from rolab.experiments import PAPER


@exercise("the paper's gain, in images")
def images_gained(answer: float) -> str:
    """How many of the 10,000 test images lie between the paper's robust ℓ2 and its robust ℓ∞ net?"""
    before, after = (PAPER["mnist"][net]["test_accuracy"] for net in ("robust-l2", "robust-linf"))
    points, yours = after - before, number(answer, "your answer")
    images = round(points / 100 * 10_000)
    require(yours > 0, f"the gain is positive, from {before} % to {after} %; yours is {yours:g}")
    require(abs(yours - points) > 1e-6, f"{yours:g} is the gain in percentage points; count images")
    require(yours == int(yours), f"{yours:g} is no whole number of images")
    would = f"{yours:g} of 10,000 images would be {yours / 100:g} percentage points"
    require(yours == images, f"{would}; the gain is {points:.2f}")
    return f"{images} images of 10,000"


@exercise("the standard error of an accuracy")
def standard_error(f: Callable) -> str:
    """f(accuracy, n) → the standard error, in percentage points, of an accuracy in percent of n images."""
    yours = asking(f, case := "for {} % of {} images")
    for accuracy in (50.0, 99.2):
        one, four = yours(accuracy, 2_500), yours(accuracy, 10_000)
        steps = f"four times the images halve it; yours goes from {one:.4g} to {four:.4g}"
        require(abs(one - 2 * four) < 1e-6 * (1 + abs(one)), f"for {accuracy:g} %: {steps}")
    units = "accuracy comes in percent and the standard error goes out in percentage points"
    require(abs(yours(50.0, 10_000) - 0.005) > 1e-6, f"for 50 % of 10000 images: 0.005 is a share; {units}")
    right, wrong = yours(99.2, 10_000), yours(0.8, 10_000)
    both = f"99.2 % right is 0.8 % wrong and as uncertain; yours are {right:.4g} and {wrong:.4g}"
    require(abs(right - wrong) < 1e-6, both)
    require(abs(yours(100.0, 10_000)) < 1e-9, "at 100 % every image was right: the standard error is 0")

    def truth(accuracy: float, n: int) -> float:
        return 100 * math.sqrt(accuracy / 100 * (1 - accuracy / 100) / n)

    cases = ((50.0, 10_000), (99.2, 10_000), (33.83, 1203))
    agree(yours, truth, cases, f"{case}: yours is {{:.4g}} points, it is {{:.4g}}", 1e-4)
    return f"at 99.2 % of 10,000 images it is {right:.3f} points, {100 * right:.0f} images"


@exercise("McNemar's exact test")
def mcnemar(f: Callable) -> str:
    """f(only_a, only_b) → the two-sided p of a split at least as uneven, if each image were a fair coin."""
    yours = asking(f, "for {} and {}")

    def tail(a: int, b: int) -> float:
        return sum(math.comb(a + b, k) for k in range(min(a, b) + 1)) / 2 ** (a + b)

    for a, b in ((0, 0), (5, 5), (3, 4), (0, 10), (10, 0), (20, 34)):
        p = yours(a, b)
        require(0 <= p <= 1 + 1e-9, f"for {a} and {b}: p is a probability, yours is {p:.4g}")
        even = f"for {a} and {b}: no split is more even, so p is 1; yours is {p:.4g}"
        require(a != b or abs(p - 1) < 1e-6, even)
    for a, b in ((0, 10), (20, 34)):
        one, other = yours(a, b), yours(b, a)
        both = f"p is {one:.4g} for {a} and {b}, {other:.4g} for {b} and {a}"
        require(abs(one - other) < 1e-9, f"swapping the nets must not matter: {both}")
        half = f"{one:.4g} is one tail; a split as uneven the other way counts too"
        require(abs(one - tail(a, b)) > 1e-9, f"for {a} and {b}: {half}")
    for a, b in ((3, 4), (0, 10), (20, 34), (40, 60)):
        p, truth = yours(a, b), min(1.0, 2 * tail(a, b))
        chi = [math.erfc((abs(a - b) - correction) / math.sqrt(2 * (a + b))) for correction in (0, 1)]
        near = min(abs(p - each) for each in chi) <= 1e-6
        what = f"{p:.4g} is the χ² approximation;" if near else f"yours is {p:.4g},"
        require(abs(p - truth) < 1e-6, f"for {a} and {b}: {what} the exact p is {truth:.4g}")
    return f"20 against 34 gives p = {yours(20, 34):.2g}: two networks of equal quality often differ so much"
