"""The exercises of notebook 08, the tables of CIFAR-10."""

import math
from collections.abc import Callable
from itertools import combinations

from rolab.course.checking import agree, asking, exercise, require, shown


@exercise("pairs in another order")
def swaps(f: Callable) -> str:
    """f(first, second) → how many pairs of nets stand in one order in one list, in the other in the other."""
    yours = asking(f, case := "for {} and {}")

    def truth(first: list[float], second: list[float]) -> int:
        pairs = combinations(range(len(first)), 2)
        return sum((first[i] - first[j]) * (second[i] - second[j]) < 0 for i, j in pairs)

    up, mixed = [1.0, 2.0, 3.0, 4.0], [3.0, 1.0, 4.0, 2.0]
    same = yours(mixed, mixed)
    require(same == 0, f"a list has the order of itself, yours finds {same:g} swapped pairs")
    moved = yours(mixed, stretched := [10 * value**3 for value in mixed])
    order = f"{shown(stretched)} has the order of {shown(mixed)}"
    require(moved == 0, f"{order}: values do not matter, yours {moved:g}")
    turned = yours(up, up[::-1])
    require(turned != 12, "for four nets there are six pairs; yours counts each of them twice")
    require(turned != 4, "yours counts the nets whose place changes; count pairs of nets")
    require(turned == 6, f"turned around, all six pairs of four nets are swapped; yours finds {turned:g}")
    one, other = yours(up, mixed), yours(mixed, up)
    require(one == other, f"which list comes first must not matter; yours finds {one:g} and {other:g}")
    ties = yours([1.0, 1.0, 2.0], [2.0, 1.0, 3.0]) + yours([1.0, 1.0, 2.0], [1.0, 2.0, 3.0])
    require(ties == 0, f"a tie in one list contradicts no order in the other; yours finds {ties:g}")
    cases = ((up, mixed), (mixed, [2.0, 4.0, 1.0, 3.0]), ([1.0, 2.0], [2.0, 1.0]))
    agree(yours, truth, cases, f"{case}: yours is {{:g}}, it is {{}}")
    return "0 for the same order, all pairs when it is turned around, and a tie contradicts nothing"


@exercise("the standard error of a lead")
def lead_error(f: Callable) -> str:
    """f(only_a, only_b, n) → the standard error, in percentage points, of the lead of b over a.

    Both nets are judged on the same n images; on all others they are both right or both wrong.
    """
    yours = asking(f, case := "for {} and {} of {} images")

    def truth(only_a: int, only_b: int, n: int) -> float:
        lead = (only_b - only_a) / n
        return 100 * math.sqrt(((only_a + only_b) / n - lead**2) / n)

    none = yours(0, 0, 10_000)
    require(abs(none) < 1e-9, f"without disputed images the lead is 0 for sure; yours is {none:.4g}")
    one, other = yours(300, 400, 10_000), yours(400, 300, 10_000)
    require(abs(one - other) < 1e-9, f"the two nets may be swapped; yours gives {one:.4g} and {other:.4g}")
    share = f"for 300 and 400 of 10000 images: {one:.4g} is a share; give percentage points"
    require(abs(one - truth(300, 400, 10_000) / 100) > 1e-7, share)
    few, many = yours(30, 40, 1_000), yours(300, 400, 10_000)
    steps = f"divide it by √10; yours goes from {few:.4g} to {many:.4g}"
    off = abs(few - math.sqrt(10) * many)
    require(off < 1e-6 * (1 + abs(few)), f"ten times the images, as often disputed, {steps}")
    every = yours(0, 100, 100)
    sure = "if b is right and a wrong on all images, the lead is 100 points"
    require(abs(every) < 1e-9, f"{sure}; yours varies by {every:.4g}")
    cases = ((300, 400, 10_000), (10, 80, 200), (0, 25, 100))
    agree(yours, truth, cases, f"{case}: yours is {{:.4g}} points, it is {{:.4g}}", 1e-4)
    return f"with 300 and 400 disputed images of 10,000 it is {one:.2f} points"


@exercise("what a file keeps")
def saved(f: Callable) -> str:
    """f(x, d) → what is left of the perturbation d when x + d is saved with 8 bits; x holds 255ths."""
    import torch

    generator = torch.Generator().manual_seed(8)
    x = torch.randint(1, 255, (3, 8, 8), generator=generator) / 255
    noise = torch.randn(x.shape, generator=generator)
    cases = {
        "a third of a level": noise.sign() / 765,
        "two thirds of a level": noise.sign() / 382.5,
        "noise of three levels": 3 * noise / 255,
        "steps far out of [0, 1]": 2 * noise,
    }
    for name, d in cases.items():
        left = torch.as_tensor(f(x.clone(), d.clone())).to(x)
        require(left.shape == x.shape, f"{name}: expected the shape (3, 8, 8), got {tuple(left.shape)}")
        image = x + left
        low, high = float(image.min()), float(image.max())
        values = f"a file holds values from 0 to 1, yours go from {low:.3g} to {high:.3g}"
        require(low > -1e-5 and high < 1 + 1e-5, f"{name}: {values}")
        off = float((255 * image - (255 * image).round()).abs().max())
        require(off < 1e-3, f"{name}: a file holds whole levels of 1/255, yours are off by {off:.2g} levels")
        error = 255 * float((image - (x + d).clamp(0, 1)).abs().max())
        far = f"the nearest level is at most half a level away, yours is {error:.2g} levels from x + Δ"
        require(error < 0.5 + 1e-3, f"{name}: {far}")
    return "whole levels, the nearest ones; of a step below half a level nothing is left"
