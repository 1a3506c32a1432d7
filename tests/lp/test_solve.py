"""The methods of solution: counterpart = cutting sets = brute force, and what is refused."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_programs import (
    BOTH,
    CLOSE,
    SMOOTH,
    Own,
    polygon,
    portfolio,
    production,
    quick,
    random_program,
    vertices,
)
from scipy.optimize import linprog

from rolab.lp import DisagreementError, SolverError
from rolab.lp import solve as solve_module
from rolab.sets import Ball, Budget


@pytest.mark.parametrize(
    "U",
    [Ball("linf", 0.2), Ball("l1", 0.3), Budget(1.5, 0.25), Budget(2.0, 0.1), polygon(0)],
    ids=["linf", "l1", "budget", "whole budget", "scenarios"],
)
@quick
@given(seed=st.integers(0, 10**6), upward=st.booleans(), objective=st.booleans())
def test_counterpart_is_cutting_set_is_brute_force_over_the_vertices(U, seed, upward, objective):
    program = random_program(seed, U, upward=upward, objective=objective)
    sign, n = (-1 if upward else 1), len(program.variables)
    G, h = [], []
    for i in range(3):
        for v in vertices(U):
            G.append(np.append(sign * (program.A.toarray()[i] + v), 0))
            h.append(sign * program.b[i])
    for v in vertices(U) if objective else [np.zeros(n)]:
        G.append(np.append(-(program.c + v), 1))  # t ≤ (c + v)ᵀx
        h.append(0)
    truth = -linprog([0] * n + [-1], G, h, bounds=[(0, 10)] * n + [(None, None)]).fun
    for method in BOTH:
        answer = program.solve(method)
        assert answer.objective == pytest.approx(truth, rel=1e-6)
        assert answer.verify() <= 1e-6


@pytest.mark.parametrize("U", SMOOTH.values(), ids=SMOOTH.keys())
@settings(max_examples=6, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), upward=st.booleans(), objective=st.booleans())
def test_counterpart_is_cutting_set_for_every_kind_of_set(U, seed, upward, objective):
    program = random_program(seed, U, upward=upward, objective=objective)
    first, second = (program.solve(method) for method in BOTH)
    assert first.objective == pytest.approx(second.objective, rel=CLOSE)
    assert first.verify(1e-5) <= 1e-5 and second.verify(1e-5) <= 1e-5
    # No decision near the optimum that is robust does better.
    generator = np.random.default_rng(seed)
    for _ in range(30):
        x = np.clip(first.x + generator.normal(scale=0.05, size=3), 0, 10)
        worst = program.worst_case(x)
        if max(worst.violations.values()) <= 0:
            assert worst.objective <= first.objective * (1 + 1e-6)


def test_both_refuses_to_answer_when_the_methods_disagree(monkeypatch):
    program = production(Ball("l2", 0.05))
    other = production(Ball("l2", 0.06)).solve("counterpart")
    monkeypatch.setattr(solve_module, "counterpart", lambda *_: other)
    with pytest.raises(DisagreementError, match=r"the counterpart gives 17.*, the cutting sets 17"):
        program.solve()


def test_both_answers_by_the_part_that_succeeds_and_says_which_it_was(monkeypatch):
    program, own = production(Ball("l2", 0.05)), production(Own())
    answer = program.solve(rounds=2)
    assert answer.method == "counterpart" and answer.verify() <= 1e-6
    assert own.solve().method == "cutting-set", "a set without an expression"
    with pytest.raises(SolverError, match="after 2 rounds a row is still broken by .* of its size"):
        own.solve(rounds=2)

    def gives_up(*_):
        raise SolverError("gave up")

    monkeypatch.setattr(solve_module, "counterpart", gives_up)
    found = program.solve()
    assert found.method == "cutting-set" and found.objective == pytest.approx(answer.objective, rel=1e-6)
    with pytest.raises(SolverError, match="after 2 rounds"):
        program.solve(rounds=2)


@pytest.mark.parametrize("gamma", [7, 10, pytest.param(20, marks=pytest.mark.slow)])
def test_the_portfolio_of_bertsimas_and_sim_is_solved_by_default(gamma):
    """The cutting sets need 214 to 321 rounds: more than the default has, but the counterpart has a proof."""
    program = portfolio(gamma)
    answer = program.solve()
    assert answer.method in ("both", "counterpart") and answer.verify() <= 1e-6
    # The dual of Bertsimas and Sim, in scipy's hands: max p·x - Γ t - Σ s, s_i + t ≥ σ_i x_i.
    n, p = 150, program.c
    deviation = program.uncertain["objective",].row.diagonal()
    rows = sp.hstack([sp.diags_array(deviation), -np.ones((n, 1)), -sp.eye_array(n)])
    whole = np.concatenate([np.ones(n), np.zeros(n + 1)])[None]
    truth = -linprog([*-p, gamma, *np.ones(n)], rows, np.zeros(n), whole, [1.0]).fun
    assert answer.objective == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"method": "simplex"},
            "method: expected one of both, counterpart, cutting-set, oracle, got 'simplex'",
        ),
        ({"tolerance": 0}, "tolerance: expected a number between 0 and 1, got 0"),
        ({"rounds": 0}, "rounds: expected a whole number from 1 up, got 0"),
    ],
)
def test_bad_requests_are_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        production().solve(**arguments)
    with pytest.raises(ValueError, match=r"x: expected numbers \(2,\)"):
        production().worst_case([1, 2, 3])
    answer = production().solve()
    assert answer["x2"] == pytest.approx(1100)
    with pytest.raises(ValueError, match="variable: there is no 'x3'; there are 'x1', 'x2'"):
        answer["x3"]
