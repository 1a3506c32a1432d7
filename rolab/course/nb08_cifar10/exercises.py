"""The exercises of notebook 08, the tables of CIFAR-10."""

import math
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from rolab.course.checking import as_array, examine, exercise, number, require, shown


@exercise("pairs in another order")
def swaps(f: Callable) -> str:
    """f(first, second) → how many pairs of nets stand in one order in one list, in the other in the other."""

    def signs(first: list[float], second: list[float]) -> Iterator[tuple[float, float]]:
        for i, j in combinations(range(len(first)), 2):
            yield first[i] - first[j], second[i] - second[j]

    def truth(first: list[float], second: list[float]) -> int:
        return sum(a * b < 0 for a, b in signs(first, second))

    def moved(first: list[float], second: list[float]) -> list[float]:
        """By how many places each net moves; NaN where a tie leaves its place open."""
        ranks = [[sorted(values).index(value) for value in values] for values in (first, second)]
        tied = any(a * b == 0 for a, b in signs(first, second))
        return [math.nan if tied else abs(a - b) for a, b in zip(*ranks, strict=True)]

    def sorting(values: list[float]) -> list[float]:
        return [float(i) for i in sorted(range(len(values)), key=values.__getitem__)]

    def judge(answer: Any, first: list[float], second: list[float]) -> None:
        found, right, pairs = number(answer, ""), truth(first, second), math.comb(len(first), 2)
        require(0 <= found <= pairs, f"{len(first)} nets make {pairs} pairs; yours finds {found:g} swapped")
        same = f"both lists have the same order, yours finds {found:g} swapped pairs"
        require(found == 0 or any(moved(first, second)), same)
        tied = f"a tie contradicts no order; yours finds {found:g} swapped pairs"
        require(found == 0 or right > 0 or not any(a * b == 0 for a, b in signs(first, second)), tied)
        turned = f"turned around, all {pairs} pairs are swapped; yours finds {found:g}"
        require(right < pairs or found == pairs, turned)
        other = number(f(second[:], first[:]), "")
        require(
            found == other, f"which list comes first must not matter; yours finds {found:g} and {other:g}"
        )
        require(found == right, f"yours is {found:g}, it is {right}")

    mistakes = {
        "each pair counted twice, as (i, j) and as (j, i)": lambda a, b: 2 * truth(a, b),
        "the nets whose value differs: only the order matters": lambda a, b: sum(
            x != y for x, y in zip(a, b, strict=True)
        ),
        "the nets whose place changes: count pairs of nets": lambda a, b: (
            sum(map(bool, moved(a, b))) + 0 * sum(moved(a, b))
        ),
        "the places by which nets move, added up: count pairs of nets": lambda a, b: sum(moved(a, b)),
        "the pairs in the same order": lambda a, b: sum(x * y > 0 for x, y in signs(a, b)),
        "the pairs that are not in the same order: a tie contradicts nothing": lambda a, b: sum(
            x * y <= 0 for x, y in signs(a, b)
        ),
        "the pairs of which one test a < b says yes, the other no: a tie contradicts nothing": lambda a, b: (
            sum((x < 0) != (y < 0) for x, y in signs(a, b))
        ),
        "the pairs that rise in the first list and fall in the second; the others count too": lambda a, b: (
            sum(x < 0 < y for x, y in signs(a, b))
        ),
        "the pairs that fall in the first list and rise in the second; the others count too": lambda a, b: (
            sum(y < 0 < x for x, y in signs(a, b))
        ),
        "neighbours in the list alone: each pair counts": lambda a, b: sum(
            (a[i] - a[i + 1]) * (b[i] - b[i + 1]) < 0 for i in range(len(a) - 1)
        ),
        "the order of the indices that sort the lists (argsort), which are no places": lambda a, b: (
            truth(sorting(a), sorting(b)) + 0 * sum(moved(a, b))
        ),
        "the share of all pairs: count them": lambda a, b: truth(a, b) / math.comb(len(a), 2),
    }
    up, mixed = [1.0, 2.0, 3.0, 4.0], [3.0, 1.0, 4.0, 2.0]
    cases = [(mixed, [10 * value**3 for value in mixed]), (mixed, mixed), (up, up[::-1]), (up, mixed)]
    cases += [(mixed, up), ([1.0, 1.0, 2.0], [2.0, 1.0, 3.0]), ([1.0, 2.0, 3.0], [1.0, 1.0, 3.0])]
    generator = torch.Generator().manual_seed(8)
    tied = torch.randint(90, 96, (2, 6), generator=generator)
    shuffled = torch.stack([torch.randperm(6, generator=generator) for _ in range(2)])
    for first, second in (tied.double().tolist(), shuffled.double().tolist()):
        cases.append((first, second))
    examine(f, {f"for {shown(a)} and {shown(b)}": (a, b) for a, b in cases}, judge, mistakes)
    return "0 for the same order, all pairs when it is turned around, and a tie contradicts nothing"


@exercise("the standard error of a lead")
def lead_error(f: Callable) -> str:
    """f(only_a, only_b, n) → the standard error, in percentage points, of the lead of b over a.

    Both nets are judged on the same n images; on all others they are both right or both wrong.
    """

    def truth(a: int, b: int, n: int, averaged: float = 1) -> float:
        return 100 * math.sqrt(((a + b) / n - ((b - a) / n) ** 2) / (n * averaged))

    def alone(a: int, n: int) -> float:
        """Of one share a/n."""
        return 100 * math.sqrt(a / n * (1 - a / n) / n)

    def judge(answer: Any, a: int, b: int, n: int) -> None:
        yours, right = number(answer, ""), truth(a, b, n)
        sure = (
            "without disputed images"
            if a + b == 0
            else "if all images are disputed and the same net is right"
        )
        require(right > 0 or abs(yours) < 1e-9, f"{sure}, the lead varies by 0; yours by {yours:.4g}")
        swapped = number(f(b, a, n), "")
        both = f"the two nets may be swapped; yours gives {yours:.4g} and {swapped:.4g}"
        require(abs(yours - swapped) <= 1e-6 * abs(yours) + 1e-9, both)
        many = number(f(100 * a, 100 * b, 100 * n), "")
        steps = f"divide it by 10; yours goes from {yours:.4g} to {many:.4g}"
        hundred = f"a hundred times the images, as often disputed, {steps}"
        require(abs(yours - 10 * many) <= 1e-3 * abs(yours) + 1e-9, hundred)
        require(abs(yours - right) <= 1e-6 * right + 1e-9, f"yours is {yours:.6g} points, it is {right:.6g}")

    mistakes = {
        "a share: give percentage points": lambda a, b, n: truth(a, b, n) / 100,
        "two independent errors, √(e_a² + e_b²); but no image is won by both nets": (
            lambda a, b, n: math.hypot(alone(a, n), alone(b, n))
        ),
        "two errors that are added: only variances add up, and of what is independent": lambda a, b, n: (
            alone(a, n) + alone(b, n)
        ),
        "√((only_a + only_b)/n²): a variance is the mean square less the squared mean": lambda a, b, n: (
            100 * math.sqrt(a + b) / n
        ),
        "a variance from which the lead is subtracted, and not the lead squared": lambda a, b, n: (
            100 * math.sqrt(((a + b) / n - abs(b - a) / n) / n)
        ),
        "the lead as one coin, p(1 − p): each image gives +1, −1 or 0": lambda a, b, n: alone(abs(b - a), n),
        "one share of disputed images: their number varies, but the lead is asked for": lambda a, b, n: alone(
            a + b, n
        ),
        "the share of b among the disputed images": lambda a, b, n: alone(b, a + b),
        "one image: n of them are averaged": lambda a, b, n: truth(a, b, n, 1 / n),
        "a division by n where √n is due: the variance falls with n": lambda a, b, n: truth(a, b, n, n),
        "a variance, without the root": lambda a, b, n: truth(a, b, n) ** 2 / 100,
        "a division by n − 1": lambda a, b, n: truth(a, b, n, (n - 1) / n),
        "1.96 standard errors, half the width of a 95 % interval": lambda a, b, n: 1.96 * truth(a, b, n),
        "the lead itself": lambda a, b, n: 100 * (b - a) / n,
    }
    counts = [(300, 400, 10_000), (400, 300, 10_000), (10, 80, 200), (25, 0, 100), (7, 7, 31)]
    counts += [(0, 0, 10_000), (0, 100, 100)]
    examine(f, {f"for {a} and {b} of {n} images": (a, b, n) for a, b, n in counts}, judge, mistakes)
    return f"with 300 and 400 disputed images of 10,000 it is {number(f(300, 400, 10_000), ''):.2f} points"


@exercise("what a file keeps")
def saved(f: Callable) -> str:
    """f(x, d) → what is left of the perturbation d when x + d is saved with 8 bits; x holds 255ths."""

    def judge(answer: Any, x: Tensor, d: Tensor) -> None:
        left = torch.from_numpy(as_array(answer)).to(x)
        require(left.shape == x.shape, f"expected the shape {tuple(x.shape)}, got {tuple(left.shape)}")
        image = x + left
        low, high = float(image.min()), float(image.max())
        values = f"a file holds values from 0 to 1, x and what is left go from {low:.4g} to {high:.4g}"
        require(low > -1e-5 and high < 1 + 1e-5, values)
        off = float((255 * image - (255 * image).round()).abs().max())
        require(off < 1e-3, f"a file holds whole levels of 1/255, yours are off by {off:.2g} levels")
        error = 255 * float((image - (x + d).clamp(0, 1)).abs().max())
        far = f"the nearest level is at most half a level away, yours is {error:.2g} levels from x + Δ"
        require(error < 0.5 + 1e-3, far)

    def file(image: Tensor) -> Tensor:
        return (255 * image.clamp(0, 1)).round() / 255

    mistakes = {
        "Δ as it was: a file rounds": lambda x, d: d,
        "a Δ that is clamped, but not rounded": lambda x, d: (x + d).clamp(0, 1) - x,
        "a Δ that is rounded, but not clamped": lambda x, d: (255 * (x + d)).round() / 255 - x,
        "bytes that are cut off, and not rounded": lambda x, d: (255 * (x + d).clamp(0, 1)).floor() / 255 - x,
        "a Δ whose steps are cut off towards 0, and not rounded": lambda x, d: (
            (x + (255 * d).trunc() / 255).clamp(0, 1) - x
        ),
        "bytes that wrap around, for 256 becomes 0: clamp first": lambda x, d: (
            (255 * (x + d)).round() % 256 / 255 - x
        ),
        "256 levels from 0 to 256; the largest byte is 255": lambda x, d: (
            (256 * (x + d).clamp(0, 1)).round() / 256 - x
        ),
        "the image that is saved, and not what is left of Δ": lambda x, d: file(x + d),
        "levels: divide by 255": lambda x, d: 255 * (file(x + d) - x),
        "what is lost of Δ": lambda x, d: d - (file(x + d) - x),
        "x minus the file: the sign is turned": lambda x, d: x - file(x + d),
        "0 for every Δ": lambda x, d: 0 * d,
    }
    generator = torch.Generator().manual_seed(8)
    x = torch.randint(1, 255, (3, 8, 8), generator=generator) / 255
    noise = torch.randn(x.shape, generator=generator)
    cases = {
        "a third of a level": (x, noise.sign() / 765),
        "two thirds of a level": (x, noise.sign() / 382.5),
        "noise of three levels": (x, 3 * noise / 255),
        "steps far out of [0, 1]": (x, 2 * noise),
    }
    examine(f, cases, judge, mistakes)
    return "whole levels, the nearest ones; of a step below half a level nothing is left"
