"""The checkers of notebook 03: its solutions solve it, and what is wrong is named."""

import re
from pathlib import Path

import nbformat
import pytest
import torch
from wrong_answers import is_named

from rolab.course import check
from rolab.sets import Ball, Box

NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "03_worst_case_perturbations.ipynb"


def test_the_solutions_in_the_notebook_solve_its_exercises():
    text = "\n\n".join(c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells)
    solutions = re.findall(r"<summary>Solution</summary>\s+```python\n(.*?)```", text, re.DOTALL)
    names: dict = {"torch": torch}
    for solution in solutions:
        exec(solution, names)
    assert len(solutions) == 3
    assert check.l1_maximizer(names["my_l1"]), check.l1_maximizer(names["my_l1"])
    assert check.l2_in_box(names["my_l2_in_box"]), check.l2_in_box(names["my_l2_in_box"])
    assert check.certificate(names["my_certificate"]), check.certificate(names["my_certificate"])


def right_l1(g, radius):
    return Ball("l1", radius).maximizer(g[None])[0]


def right_l2(g, radius, lower, upper):
    return (Ball("l2", radius) & Box(lower, upper)).maximizer(g[None])[0]


def right_certificate(g, u, radius, lower, upper):
    v = g - u
    return radius * u.norm() + torch.maximum(lower * v, upper * v).sum()


CHECKERS = [check.l1_maximizer, check.l2_in_box, check.certificate]


@pytest.mark.parametrize("checker", CHECKERS)
def test_nothing_yet(checker, unsolved):
    report = checker(unsolved)
    assert not report and repr(report).endswith("not yet")


def split_ties(g, radius):
    top = (g.abs() == g.abs().max()).float() * g.sign()
    return radius * top / top.abs().sum().clamp(min=1)


def vandal(g, radius):
    d = right_l1(g, radius)
    g.zero_()
    return d


@pytest.mark.parametrize(
    "checker, right",
    [
        (check.l1_maximizer, right_l1),
        (check.l1_maximizer, split_ties),
        (check.l1_maximizer, vandal),
        (check.l1_maximizer, lambda g, r: right_l1(g, r).numpy()),
        (check.l1_maximizer, lambda g, r: right_l1(g, r).tolist()),
        (check.l1_maximizer, lambda g, r: right_l1(g, r) if g.any() else r * torch.eye(len(g))[0]),
        (check.l2_in_box, right_l2),
        (check.l2_in_box, lambda *a: right_l2(*a).double().numpy()),
        (check.certificate, right_certificate),
        (check.certificate, lambda *a: right_certificate(*a).float()),
        (check.certificate, lambda *a: right_certificate(*a).item()),
        (check.certificate, lambda *a: right_certificate(*a).numpy()[None]),
    ],
)
def test_right_answers_get_a_tick(checker, right):
    assert checker(right), checker(right)


def at(choose, size):
    def wrong(g, r):
        d, j = torch.zeros_like(g), choose(g)
        d[j] = size(g[j], r)
        return d

    return wrong


def largest(g):
    return g.abs().argmax()


def bisection(most):
    def wrong(g, radius, lower, upper):
        low, high = 0.0, most
        for _ in range(100):
            t = (low + high) / 2
            low, high = (t, high) if (t * g).clamp(lower, upper).norm() <= radius else (low, t)
        return (low * g).clamp(lower, upper)

    return wrong


def step(g, r):
    return r * g / g.norm().clamp(min=1e-12)


def lengthened_again(g, r, low, high):
    d = step(g, r).clamp(low, high)
    return r * d / d.norm().clamp(min=1e-12)


def clip_swapped(g, r, low, high):
    return torch.maximum(torch.minimum(1e3 * g, low), high)


WRONG = [
    (
        check.l1_maximizer,
        at(torch.argmax, lambda g, r: r * g.sign()),
        "is 6, it could be 8",
        "abs is missing",
    ),
    (check.l1_maximizer, at(largest, lambda g, r: r), "⟨g, Δ⟩ is -8, it could be 8", "takes the sign of g_j"),
    (
        check.l1_maximizer,
        at(largest, lambda g, r: g.sign()),
        "is 4, it could be 8 (the",
        "the radius is left out",
    ),
    (
        check.l1_maximizer,
        at(largest, lambda g, r: r * g),
        "‖Δ‖₁ is 8, the radius is 2",
        "only the sign of g_j",
    ),
    (check.l1_maximizer, lambda g, r: -right_l1(g, r), "⟨g, Δ⟩ is -8, it could be 8", "that is downhill"),
    (
        check.l1_maximizer,
        at(lambda g: g.abs().argmin(), lambda g, r: r * g.sign()),
        "is 6",
        "at the smallest |g_j|",
    ),
    (
        check.l1_maximizer,
        lambda g, r: r * g.sign() * (g.abs() == g.abs().max()),
        "for g = (2, -2, 2), radius 2: ‖Δ‖₁ is 6, the radius is 2",
        "at a tie they have to share it",
    ),
    (check.l1_maximizer, lambda g, r: r * g.sign(), "‖Δ‖₁ is 4, the radius is 2", "the step of the ℓ∞ ball"),
    (check.l1_maximizer, lambda g, r: step(g, r), "‖Δ‖₁ is 2.8, the radius is 2", "the step of the ℓ2 ball"),
    (check.l1_maximizer, lambda g, r: r * g / g.abs().sum(), "is 7.143, it could be 8", "‖Δ‖₁ is right, but"),
    (check.l1_maximizer, lambda g, r: r * g.sign() / len(g), "is 7, it could be 8", "divided evenly"),
    (
        check.l1_maximizer,
        lambda g, r: r * g.abs().max(),
        "Δ has shape (), g has (2,)",
        "what is asked for is Δ",
    ),
    (
        check.l1_maximizer,
        lambda g, r: right_l1(g, r / 2),
        "is 4, it could be 8 (the radius is not spent)",
        "",
    ),
    (
        check.l1_maximizer,
        lambda g, r: right_l1(g, r) * g / g,
        "for g = (0, 0, 0), radius 2: Δ holds NaN or infinity",
        "",
    ),
    (check.l1_maximizer, lambda g, r: right_l1(g, r)[:, None], "Δ has shape (2, 1), g has (2,)", ""),
    (check.l1_maximizer, lambda g, r: torch.zeros(3), "Δ has shape (3,), g has (2,)", ""),
    (check.l1_maximizer, lambda g, r: g / 0 / undefined, "raised NameError: name 'undefined' is not", ""),  # noqa: F821
    (check.l1_maximizer, lambda g: g, "your function raised TypeError", ""),
    (check.l1_maximizer, 7, "expected a function, got a value of type int", ""),
    (
        check.l2_in_box,
        lambda g, r, low, high: step(g, r),
        "an entry of Δ leaves the box by 0.3",
        "without the box",
    ),
    (
        check.l2_in_box,
        lambda g, r, low, high: torch.where(g > 0, high, low),
        "‖Δ‖₂ is 1.118, the radius is 1",
        "without the ball",
    ),
    (check.l2_in_box, lambda g, r, low, high: g.clamp(low, high), "‖Δ‖₂ is 1.118", "scaled to the radius"),
    (
        check.l2_in_box,
        lambda g, r, low, high: step(g, r).clamp(low, high),
        "⟨g, Δ⟩ is 3.8, it could be 4.598 (the radius is not spent)",
        "spent on the other entries",
    ),
    (check.l2_in_box, lengthened_again, "leaves the box by", "clip after the scaling"),
    (check.l2_in_box, bisection(1.0), "of the size 0.001, radius 1.5, a pixel box: ⟨g, Δ⟩", "ends at 1"),
    (
        check.l2_in_box,
        bisection(1e4),
        "of the size 1e-06, radius 0.3, a pixel box: ⟨g, Δ⟩",
        "(the radius is not spent)",
    ),
    (check.l2_in_box, lambda g, r, *box: right_l2(-g, r, *box), "it could be 4.598", "the minimiser"),
    (
        check.l2_in_box,
        lambda g, r, low, high: right_l2(g, r, -high, high),
        "leaves the box",
        "lower bound is another",
    ),
    (
        check.l2_in_box,
        lambda g, r, low, high: right_l2(g, r, low, -low),
        "leaves the box by",
        "upper bound is another",
    ),
    (
        check.l2_in_box,
        lambda g, r, low, high: step(g, r).clamp(0, 1),
        "leaves the box by 0.3",
        "range of the image",
    ),
    (check.l2_in_box, clip_swapped, "‖Δ‖₂ is 1.118, the radius is 1", "upper, whatever g is"),
    (
        check.l2_in_box,
        lambda g, r, *box: right_l2(g, 1.0, *box),
        "‖Δ‖₂ is 1, the radius is 0.7",
        "radius is left out",
    ),
    (
        check.l2_in_box,
        lambda g, r, *box: right_l2(g, r**0.5, *box),
        "‖Δ‖₂ is 0.8367, the",
        "the root is missing",
    ),
    (
        check.l2_in_box,
        lambda g, r, low, high: (r * g.sign()).clamp(low, high),
        "‖Δ‖₂ is 1.118",
        "of the ℓ∞ ball",
    ),
    (check.l2_in_box, lambda g, r, low, high: right_l1(g, r), "an entry of Δ leaves the box by 0.5", ""),
    (
        check.l2_in_box,
        lambda g, r, *box: right_l2(g, r, *box) * g / g,
        "g = (0, 0, 0)",
        "Δ holds NaN or infinity",
    ),
    (
        check.certificate,
        lambda g, u, *a: right_certificate(g, u, 1.0, *a[1:]),
        "the formula gives",
        "left out",
    ),
    (
        check.certificate,
        lambda g, u, r, low, high: r * u.norm(),
        "0 is no upper bound",
        "what the ball bounds",
    ),
    (
        check.certificate,
        lambda g, u, r, low, high: torch.maximum(low * (g - u), high * (g - u)).sum(),
        "0 is no upper bound, a feasible Δ reaches",
        "what the box bounds",
    ),
    (
        check.certificate,
        lambda g, u, r, low, high: r * u.norm() + high @ (g - u),
        "is no upper bound",
        "lower v is larger",
    ),
    (
        check.certificate,
        lambda g, u, r, low, high: r * u.norm() + low @ (g - u),
        "is no upper bound",
        "upper v is larger",
    ),
    (
        check.certificate,
        lambda g, u, r, low, high: r * u.norm() + high @ (g - u).abs(),
        "the bound is 3.8, the formula gives 2.6",
        "it is the lower bound that counts",
    ),
    (
        check.certificate,
        lambda g, u, r, low, high: r * u.norm() + high @ (g - u).relu(),
        "is no upper bound",
        "lower v counts",
    ),
    (
        check.certificate,
        lambda g, u, r, low, high: r * u.norm() + torch.minimum(low * (g - u), high * (g - u)).sum(),
        "is no upper bound",
        "the most is the max",
    ),
    (
        check.certificate,
        lambda g, u, r, low, high: r * u.norm() + max(low @ (g - u), high @ (g - u)),
        "is no upper bound",
        "max comes before Σ",
    ),
    (
        check.certificate,
        lambda g, u, r, low, high: r * u.norm() + torch.maximum(low * g, high * g).sum(),
        "u = g: the bound is 5.1, the formula gives 2.5",
        "v = g − u is left",
    ),
    (
        check.certificate,
        lambda g, u, r, low, high: r * u.norm() + torch.maximum(low * (u - g), high * (u - g)).sum(),
        "the formula gives 2.6",
        "the wrong way round",
    ),
    (
        check.certificate,
        lambda g, u, *a: right_certificate(g, g - u, *a),
        "the formula gives",
        "changed places",
    ),
    (check.certificate, lambda g, u, r, low, high: r * g.norm(), "the formula gives 2.6", "the ball alone"),
    (
        check.certificate,
        lambda g, u, *a: right_certificate(g, u, *a) + a[0] * (u.abs().sum() - u.norm()),
        "the formula gives",
        "with ‖u‖₁",
    ),
    (
        check.certificate,
        lambda g, u, *a: right_certificate(g, u, *a) + a[0] * (u.abs().max() - u.norm()),
        "u = g: 2 is no upper bound, a feasible Δ reaches 2.175",
        "with ‖u‖∞",
    ),
    (
        check.certificate,
        lambda g, u, *a: right_certificate(g, u, *a) + a[0] * (u @ u - u.norm()),
        "the formula gives",
        "no square",
    ),
    (
        check.certificate,
        lambda g, u, r, low, high: r * u.norm() + torch.maximum(low * (g - u), high * (g - u)),
        "expected a number, got tensor",
        "the sum is missing",
    ),
    (check.certificate, lambda *a: 2 * right_certificate(*a), "the formula gives 2.6", ""),
]


@pytest.mark.parametrize("checker, wrong, violated, why", WRONG)
def test_the_violated_property_is_named_and_the_mistake(checker, wrong, violated, why):
    is_named(checker, wrong, violated, why)


@pytest.mark.parametrize("checker", CHECKERS)
def test_the_checkers_tell_wrong_answers_apart(checker):
    assert len({why for which, _, _, why in WRONG if which is checker}) > 3
