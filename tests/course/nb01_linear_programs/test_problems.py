"""The programs of notebook 01: their printed answers, by both methods, and the bound on broken rows."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from rolab.course.nb01_linear_programs.problems import (
    budget_for,
    drug_factory,
    portfolio,
    production,
    violation_bound,
)
from rolab.sets import Ball, Budget

METHODS = ("counterpart", "cutting-set")


@pytest.mark.parametrize("method", METHODS)
def test_the_drug_factory(method):
    nominal, robust = drug_factory().nominal().solve(method), drug_factory().solve(method)
    assert nominal.objective == pytest.approx(8819.658, rel=1e-6)
    assert nominal.x == pytest.approx([0, 438.789, 17.552, 0], abs=2e-3)
    assert robust.objective == pytest.approx(8294.567, rel=1e-6)
    assert robust.x == pytest.approx([877.732, 0, 17.467, 0], abs=2e-3)
    assert robust.verify() < 1e-6


def test_the_drug_factory_by_its_data():
    """The data once more, as (5) with one matrix, the worst contents put in: both are lower than printed."""
    c = [-100, -199.9, 5500, 6100]
    A = [[-0.01 * 0.995, -0.02 * 0.98, 0.5, 0.6], [1, 1, 0, 0], [0, 0, 90, 100], [0, 0, 40, 50]]
    answer = linprog(np.negative(c), [*A, [100, 199.9, 700, 800]], [0, 1000, 2000, 800, 100_000])
    assert drug_factory().solve("counterpart").objective == pytest.approx(-answer.fun, rel=1e-7)


def test_the_printed_plan_of_the_factory_is_infeasible():
    plan = drug_factory().nominal().solve("cutting-set")
    worst = drug_factory().worst_case(plan.x)
    assert not worst.feasible
    assert worst.violations["active agent"] == pytest.approx(0.02 * 0.02 * plan["raw II"])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "Z, relative, objective, x",
    [
        (Ball("linf", 0.0), False, 17700, (650, 1100)),
        (Ball("linf", 0.05), False, 17568.75, (606.25, 1143.75)),
        (Ball("l2", 0.05), False, 17603.26, None),
        (None, True, 16650, (300, 1450)),
        (Budget(2, 0.2), True, 16500, (250, 1500)),
    ],
)
def test_production(method, Z, relative, objective, x):
    answer = production(Z, relative).solve(method)
    assert answer.objective == pytest.approx(objective, rel=1e-6)
    assert x is None or answer.x == pytest.approx(x, rel=1e-5)


def test_the_trace_of_production():
    trace = production().solve("cutting-set").trace
    assert [cut.optimistic for cut in trace] == pytest.approx([17700, 16846.1538, 16650], rel=1e-6)
    assert [cut.violation for cut in trace] == pytest.approx([740, 130.7692, 0], abs=1e-3)


@pytest.mark.parametrize("gamma, objective", [(0, 1.2), (1, 1.186597), (5, 1.170890), (150, 1.126685)])
def test_the_portfolio(gamma, objective):
    answer = portfolio(gamma).solve("counterpart")
    assert answer.objective == pytest.approx(objective, abs=1e-6)
    assert answer.x.sum() == pytest.approx(1)


# The bound


@pytest.mark.parametrize("n, gamma", [(10, 8.2), (100, 24.3), (200, 33.9)])
def test_the_budget_for_one_percent(n, gamma):
    assert budget_for(0.01, n) == gamma
    assert violation_bound(gamma, n) <= 0.01 < violation_bound(gamma - 0.1, n)


@given(st.integers(1, 40), st.floats(0, 1))
@settings(derandomize=True, deadline=None)
def test_the_bound_is_the_formula(n, part):
    gamma = part * n
    nu = (gamma + n) / 2
    mu = nu - math.floor(nu)
    tail = sum(math.comb(n, k) for k in range(math.floor(nu) + 1, n + 1))
    assert violation_bound(gamma, n) == pytest.approx(((1 - mu) * math.comb(n, math.floor(nu)) + tail) / 2**n)


@given(st.integers(1, 9), st.floats(0, 1), st.integers(0, 1000))
@settings(derandomize=True, deadline=None, max_examples=40)
def test_the_bound_holds(n, part, seed):
    """Errors of ±1, each sign as likely: a row is broken where ⟨w, z⟩ exceeds what Γ protects."""
    w, gamma = np.random.default_rng(seed).exponential(size=n), part * n
    protection = float(Budget(gamma, 1.0).support(torch.tensor(w)[None]))
    signs = np.array(list(itertools.product([-1, 1], repeat=n)))
    assert (signs @ w > protection + 1e-9).mean() <= violation_bound(gamma, n) + 1e-12


@pytest.mark.parametrize("gamma", [-0.1, 10.1, math.nan])
def test_an_impossible_budget_is_named(gamma):
    with pytest.raises(ValueError, match="^gamma: expected 0 to 10"):
        violation_bound(gamma, 10)


def test_where_no_budget_is_enough_all_are_protected():
    assert budget_for(0.0, 5) == 5
