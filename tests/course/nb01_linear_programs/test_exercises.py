"""The checkers of notebook 01: right answers get a tick, wrong ones the property that they violate."""

import numpy as np
import pytest
import torch
from wrong_answers import is_named

from rolab.course import check
from rolab.course.nb01_linear_programs.problems import production
from rolab.lp import RobustLP
from rolab.sets import Budget


def box_support(w, radius):
    return radius * np.abs(w).sum()


def filled(w, gamma, radius, order=None):
    """The budget spent in this order, by default the largest |w_i| first."""
    z = np.zeros(len(w))
    for i in np.argsort(-np.abs(w)) if order is None else order:
        share = min(1.0, gamma)
        z[i] = radius * share * np.sign(w[i])
        gamma = gamma - share
    return z


def last_of_the_ties_first(w, gamma, radius):
    return filled(w, gamma, radius, len(w) - 1 - np.argsort(-np.abs(w[::-1]), kind="stable"))


def budget_maximizer(w, gamma, radius):
    return Budget(gamma, radius).maximizer(torch.from_numpy(w)[None])[0].numpy()


def loop(solve, worst):
    scenarios = [np.zeros(2)]
    while True:
        x = solve(scenarios)
        z, violation = worst(x)
        if violation <= 1e-6:
            return x
        scenarios.append(z)


def optimum(radius, gamma):
    return production(Budget(gamma, radius)).solve("counterpart").x


def published(radius, gamma, master=1.0, fact=None, size=1.0):
    """The loop of the exercise; how much of z changes the hours in its two problems, and how large is z?"""
    fact = radius if fact is None else fact
    scenarios = [np.zeros(2)]
    for _ in range(8):
        rows = {"demand 1": ([1, 0], "<=", 1000), "demand 2": ([0, 1], "<=", 1500)}
        rows["together"] = ([1, 1], "<=", 1750)
        for k, z in enumerate(scenarios):
            rows[f"labour {k}"] = ([4 * (1 + master * z[0]), 2 * (1 + master * z[1])], "<=", 4800)
        x = RobustLP(maximize=[12, 9], rows=rows).solve("counterpart").x
        w = fact * np.array([4, 2]) * x
        z = Budget(gamma, size).maximizer(torch.tensor(w)[None])[0].numpy()
        if 4 * x[0] + 2 * x[1] + w @ z <= 4800 + 1e-4:
            return x
        scenarios.append(z)


@pytest.mark.parametrize(
    "checker, right",
    [
        (check.box_support, box_support),
        (check.box_support, lambda w, r: np.float32(box_support(w, r))),
        (check.box_support, lambda w, r: torch.tensor([box_support(w, r)])),
        (check.budget_maximizer, budget_maximizer),
        (check.budget_maximizer, filled),
        (check.budget_maximizer, last_of_the_ties_first),
        (check.budget_maximizer, lambda w, g, r: filled(w, g, r).tolist()),
        (check.budget_maximizer, lambda w, g, r: filled(w, g, r).astype(np.float32)),
        (check.cutting_set, loop),
        (check.cutting_set, lambda solve, worst: loop(solve, worst).tolist()),
        (check.mended, optimum),
        (check.mended, lambda r, g: published(r, g, master=r)),
        (check.mended, lambda r, g: published(r, g, fact=1.0, size=r)),
    ],
)
def test_right_answers_about_programs_get_a_tick(checker, right):
    assert checker(right), checker(right)


CHECKERS = [check.box_support, check.budget_maximizer, check.cutting_set, check.mended]


@pytest.mark.parametrize("checker", CHECKERS)
def test_nothing_yet_about_programs(checker, unsolved):
    assert repr(checker(unsolved)).endswith("not yet")


def replaces(solve, worst):
    z = np.zeros(2)
    while True:
        x = solve([z])
        z, violation = worst(x)
        if violation <= 1e-6:
            return x


def keeps_the_first_and_the_last(solve, worst):
    z = np.zeros(2)
    while worst(x := solve([np.zeros(2), z]))[1] > 1e-6:
        z = worst(x)[0]
    return x


def never_stops(solve, worst):
    scenarios = [np.zeros(2)]
    while True:
        scenarios.append(worst(solve(scenarios))[0])


def never_asks(solve, worst):
    while True:
        solve([np.zeros(2)])


def adds(what):
    def wrong(solve, worst):
        scenarios = [np.zeros(2)]
        while True:
            x = solve(scenarios)
            z, violation = worst(x)
            if violation <= 1e-6:
                return x
            scenarios.append(what(x, z, violation))

    return wrong


def stops_when_broken(solve, worst):
    scenarios = [np.zeros(2)]
    while True:
        x = solve(scenarios)
        z, violation = worst(x)
        if violation > 1e-6:
            return x
        scenarios.append(z)


def adds_the_first_again(solve, worst):
    z, _ = worst(x := solve([np.zeros(2)]))
    scenarios = [z]
    while worst(x := solve(scenarios))[1] > 1e-6:
        scenarios.append(z)
    return x


def two_rounds(solve, worst):
    scenarios = [np.zeros(2)]
    for _ in range(2):
        scenarios.append(worst(solve(scenarios))[0])
    return solve(scenarios)


def order(key):
    return lambda w, g, r: filled(w, g, r, np.argsort(key(w)))


WRONG = [
    (check.box_support, lambda w, r: r * w.sum(), "yours is -0.2, it is 1.4", "Σ w_i, without abs"),
    (check.box_support, lambda w, r: r * abs(w.sum()), "yours is 0.2, it is 1.4", "abs belongs inside"),
    (check.box_support, lambda w, r: np.abs(w).sum(), "yours is 7, it is 1.4", "the radius is left out"),
    (check.box_support, lambda w, r: r * max(abs(w)), "yours is 0.8, it is 1.4", "of the ℓ1 ball"),
    (check.box_support, lambda w, r: r * (w @ w) ** 0.5, "yours is 1, it is 1.4", "of the ℓ2 ball"),
    (check.box_support, lambda w, r: w @ (r * w), "yours is 5, it is 1.4", "z = radius · w"),
    (check.box_support, lambda w, r: -r * np.abs(w).sum(), "yours is -1.4, it is 1.4", "the sign is wrong"),
    (check.box_support, lambda w, r: 2 * r * np.abs(w).sum(), "yours is 2.8, it is 1.4", "twice as much"),
    (check.box_support, lambda w, r: r * np.abs(w).mean(), "yours is 0.7, it is 1.4", "the mean over"),
    (check.box_support, lambda w, r: r * np.sign(w), "expected a number, got array", "the worst z"),
    (check.box_support, lambda w, r: r * np.abs(w), "expected a number, got array", "to be added up"),
    (check.box_support, lambda w, r: sum(abs(x) for x in w) * r**2, "yours is 0.28, it is 1.4", ""),
    (check.box_support, lambda w, r: r * np.abs(w[:3]).sum(), "for w = 20 random numbers, radius 0.03", ""),
    (check.box_support, lambda w, r: np.bool_(True), "expected a number, got True", ""),
    (
        check.budget_maximizer,
        order(lambda w: 0 * w),
        "Γ = 1: ⟨w, z⟩ is 0.6, it could be 0.8",
        "the order of the",
    ),
    (check.budget_maximizer, order(abs), "⟨w, z⟩ is 0.6, it could be 0.8", "np.argsort is ascending"),
    (
        check.budget_maximizer,
        order(lambda w: -w),
        "⟨w, z⟩ is 0.6, it could be 0.8",
        "it is |w_i| that counts",
    ),
    (check.budget_maximizer, order(lambda w: w), "(1, 4, -2, 0.5)", "on the smallest w_i first"),
    (
        check.budget_maximizer,
        lambda w, g, r: np.abs(filled(w, g, r)),
        "⟨w, z⟩ is -0.8, it could be 0.8",
        "without their sign",
    ),
    (check.budget_maximizer, lambda w, g, r: -filled(w, g, r), "⟨w, z⟩ is -0.8", "the minimiser"),
    (
        check.budget_maximizer,
        lambda w, g, r: filled(w, int(g), r),
        "(a part of the budget is not",
        "the whole part",
    ),
    (
        check.budget_maximizer,
        lambda w, g, r: filled(w, g // 1 + (g % 1 > 0), r),
        "Γ · radius is 0.3",
        "rounded up",
    ),
    (
        check.budget_maximizer,
        lambda w, g, r: filled(w, g, 1),
        "an entry of z is 1, the",
        "in units of the radius",
    ),
    (
        check.budget_maximizer,
        lambda w, g, r: r * np.sign(w),
        "Σ|z_i| is 0.4, Γ · radius is 0.2",
        "Γ is left out",
    ),
    (
        check.budget_maximizer,
        lambda w, g, r: g * r * np.sign(w) * (np.arange(len(w)) == np.argmax(abs(w))),
        "an entry of z is 0.3, the radius is 0.2",
        "ℓ1 ball's maximiser",
    ),
    (
        check.budget_maximizer,
        lambda w, g, r: np.sign(w) * min(r, g * r / len(w)),
        "⟨w, z⟩ is 0.7, it could be 0.8",
        "Γ divided among all",
    ),
    (
        check.budget_maximizer,
        lambda w, g, r: np.array(
            [r * np.sign(w[i]) * min(1, max(0, g - k)) for k, i in enumerate(np.argsort(-abs(w)))]
        ),
        "⟨w, z⟩ is -0.6, it could be 0.8",
        "put each entry back",
    ),
    (
        check.budget_maximizer,
        lambda w, g, r: w @ filled(w, g, r),
        "z has shape (), w has (2,)",
        "asked for is the z",
    ),
    (check.budget_maximizer, lambda w, g, r: np.zeros(7), "z has shape (7,)", ""),
    (check.budget_maximizer, lambda w, g, r: filled(w, g, r)[:, None], "z has shape (2, 1)", ""),
    (check.budget_maximizer, lambda w, g, r: w * np.nan, "z holds NaN", ""),
    (check.budget_maximizer, lambda w, g, r: ["one", "two"], "z: expected numbers, got ['one', 'two']", ""),
    (
        check.cutting_set,
        replaces,
        "with a ball: after 60 rounds",
        "never held more than 1 scenario: add the worst one, replace",
    ),
    (
        check.cutting_set,
        keeps_the_first_and_the_last,
        "with a ball: after 60 rounds",
        "more than 2 scenarios: add the worst one",
    ),
    (
        check.cutting_set,
        never_stops,
        "after 60 rounds there is no end",
        "`worst` said (10⁻⁶ or less): return that one",
    ),
    (
        check.cutting_set,
        adds_the_first_again,
        "after 60 rounds there is no end",
        "which `worst` has named last: add",
    ),
    (check.cutting_set, never_asks, "after 60 rounds there is no end", "`worst` was never asked"),
    (
        check.cutting_set,
        adds(lambda x, z, v: -z),
        "there is no end",
        "holds z = (-0.2, -0.1), which `worst` has never",
    ),
    (
        check.cutting_set,
        adds(lambda x, z, v: 2 * z),
        "brings 16,071.4 where 16,650",
        "your list holds z = (0.4, 0.2), which `worst`",
    ),
    (check.cutting_set, adds(lambda x, z, v: x), "brings 22.1198", "your list holds z = (650, 1100)"),
    (
        check.cutting_set,
        adds(lambda x, z, v: (z, v)),
        "with a budget",
        "a scenario in your list: expected numbers",
    ),
    (check.cutting_set, lambda solve, worst: solve(np.zeros(2)), "`solve` takes a list", "one of shape ()"),
    (
        check.cutting_set,
        lambda solve, worst: worst([1]),
        "`worst` takes a plan of 2 numbers",
        "has shape (1,)",
    ),
    (
        check.cutting_set,
        lambda solve, worst: solve([np.zeros(2)]),
        "breaks the row by 740 under z = (0.2, 0.1)",
        "you have not asked `worst` about it",
    ),
    (check.cutting_set, stops_when_broken, "breaks the row by 740 under z", "`worst` told you so: add its z"),
    (check.cutting_set, two_rounds, "with a ball: your plan", "you have not asked `worst` about it"),
    (
        check.cutting_set,
        lambda *given: given[1](loop(*given))[0],
        "brings 3 where 16,650 is possible",
        "a scenario z, and no plan",
    ),
    (
        check.cutting_set,
        lambda solve, worst: np.zeros(2),
        "brings 0 where 16,650",
        "`solve` has never given it",
    ),
    (
        check.cutting_set,
        lambda solve, worst: 1 / 0,
        "ZeroDivisionError: division by zero",
        "for (solve, worst)",
    ),
    (check.cutting_set, lambda solve, worst: [1, 2, 3], "expected a plan of 2 numbers, got shape (3,)", ""),
    (check.mended, published, "brings 13,950.00 where 16,650.00 is possible", "of the published loop"),
    (
        check.mended,
        lambda r, g: published(r, g, fact=1),
        "brings 10,800.00",
        "by all of z: the radius is left out",
    ),
    (
        check.mended,
        lambda r, g: published(r, g, master=r, size=r),
        "breaks 'labour' by",
        "a loop that takes the radius twice",
    ),
    (
        check.mended,
        lambda r, g: published(r, g, size=r),
        "breaks 'labour' by",
        "whose worst case takes the radius twice",
    ),
    (
        check.mended,
        lambda r, g: production(Budget(g, r), relative=False).solve("counterpart").x,
        "breaks 'labour' by",
        "takes z for hours",
    ),
    (
        check.mended,
        lambda r, g: [650, 1100],
        "breaks 'labour' by 740; the worst z is (0.2, 0.1)",
        "nominal program",
    ),
    (check.mended, lambda r, g: optimum(0.2, g), "for radius 0, Γ = 1.5", "radius 0.2, whatever"),
    (check.mended, lambda r, g: optimum(r, 1.5), "for radius 0.1, Γ = 2", "Γ = 1.5, whatever"),
    (check.mended, lambda r, g: optimum(r, 2), "for radius 0.2, Γ = 1.5", "Γ is left out"),
    (check.mended, lambda r, g: [300, 1450], "for radius 0, Γ = 1.5", "one plan, whatever is asked for"),
    (
        check.mended,
        lambda r, g: published(r, g, master=-r),
        "returned None for (0.2, 1.5)",
        "is none reached?",
    ),
    (
        check.mended,
        lambda r, g: published(r, g, master=r, fact=1.0),
        "returned None for (0.2, 1.5)",
        "is none reached?",
    ),
    (check.mended, lambda r, g: [1100, -500], "breaks 'lower bound of x2' by 500", ""),
    (check.mended, lambda r, g: 16650.0, "expected a plan of 2 numbers, got shape ()", ""),
]


@pytest.mark.parametrize("checker, wrong, violated, why", WRONG)
def test_the_violated_property_of_a_program_is_named(checker, wrong, violated, why):
    is_named(checker, wrong, violated, why)


@pytest.mark.parametrize("checker", CHECKERS, ids=lambda checker: checker.__name__)
def test_the_checkers_tell_wrong_answers_apart(checker):
    whys = {why for which, _, _, why in WRONG if which is checker}
    assert len(whys) > 3
