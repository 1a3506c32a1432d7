"""Robust linear programs: the known answers, counterpart = cutting sets = brute force, proofs, and errors."""

import itertools
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from rolab import zoo
from rolab.attacks import first_order, input_gradient
from rolab.lp import DisagreementError, InfeasibleError, RobustLP, SolverError, UnboundedError, Uncertain, Solution
from rolab.lp import solve as solve_module
from rolab.data import mnist
from rolab.sets import Ball, Box, Budget, Ellipsoid, Polyhedron, Scenarios, UncertaintySet

quick = settings(max_examples=25, deadline=None, derandomize=True)
BOTH = ("counterpart", "cutting-set")
CLOSE = 1e-5


def production(U=None, relative=False):
    return RobustLP(
        maximize=[12, 9],
        rows={
            "first": ([1, 0], "<=", 1000),
            "second": ([0, 1], "<=", 1500),
            "together": ([1, 1], "<=", 1750),
            "labour": ([4, 2], "<=", 4800),
        },
        uncertain={} if U is None else {"labour": Uncertain(U, relative=relative)},
    )


def drug(U=None):
    P = np.zeros((4, 2))
    P[0, 0], P[1, 1] = 0.01 * 0.005, 0.02 * 0.02  # R1, R2: their active agent, and its relative error
    return RobustLP(
        maximize={"R1": -100, "R2": -199.9, "D1": 5500, "D2": 6100},
        rows={
            "active agent": ({"R1": 0.01, "R2": 0.02, "D1": -0.5, "D2": -0.6}, ">=", 0),
            "storage": ({"R1": 1, "R2": 1}, "<=", 1000),
            "hours": ({"D1": 90, "D2": 100}, "<=", 2000),
            "equipment": ({"D1": 40, "D2": 50}, "<=", 800),
            "money": ({"R1": 100, "R2": 199.9, "D1": 700, "D2": 800}, "<=", 100000),
        },
        uncertain={} if U is None else {"active agent": Uncertain(U, row=P)},
    )


def portfolio(gamma):
    i, n = np.arange(1, 151), 150
    deviation = (0.05 / 450) * np.sqrt(2 * i * n * (n + 1))
    return RobustLP(
        maximize=1.15 + 0.05 * i / n,
        rows={"all of it": (np.ones(n), "==", 1)},
        uncertain={"objective": Uncertain(Budget(gamma, 1.0), row=np.diag(deviation))},
    )


# Known answers: 1e-5 relative, by both methods, with their proofs


@pytest.mark.parametrize("method", BOTH)
@pytest.mark.parametrize(
    ("program", "objective", "x"),
    [
        (drug(), 8819.658, (0, 438.789, 17.552, 0)),
        (drug(Box(-1, 1)), 8294.567, (877.732, 0, 17.467, 0)),
        (production(), 17700, (650, 1100)),
        (production(Box(-0.05, 0.05)), 17568.75, (606.25, 1143.75)),
        (production(Ball("l2", 0.05)), 17603.26, None),
        (production(Budget(1.5, 0.2), relative=True), 16650, (300, 1450)),
        (portfolio(0), 1.2, None),
        (portfolio(1), 1.186597, None),
        (portfolio(5), 1.170890, None),
        (portfolio(150), 1.126685, None),
    ],
    ids=["drug", "robust drug", "nominal", "box", "ball", "budget", "Γ=0", "Γ=1", "Γ=5", "Γ=150"],
)
def test_the_known_answers(program, objective, x, method):
    answer = program.solve(method)
    assert answer.objective == pytest.approx(objective, rel=CLOSE)
    if x is not None:
        assert answer.x == pytest.approx(np.array(x), rel=1e-4, abs=1e-2)
    assert answer.verify() <= 1e-6
    assert program.worst_case(answer.x).feasible


@pytest.mark.parametrize("method", BOTH)
@pytest.mark.parametrize("rho", [0.0, 0.5, 2.0])
def test_the_answer_in_closed_form(rho, method):
    program = RobustLP(maximize=[1, 1], rows={"all": ([1, 1], "<=", 1)}, uncertain={"all": Ball("l2", rho)})
    assert program.solve(method).objective == pytest.approx(2 / (2 + math.sqrt(2) * rho), rel=CLOSE)


def test_the_cutting_set_trace_of_the_production_example():
    answer = production(Budget(1.5, 0.2), relative=True).solve("cutting-set")
    assert [cut.optimistic for cut in answer.trace] == pytest.approx([17700, 16846.15, 16650], rel=1e-6)
    assert [cut.violation for cut in answer.trace] == pytest.approx([740, 130.769, 0], abs=1e-3)
    assert answer.trace[0].added["labour"] == pytest.approx([0.2, 0.1])
    assert not answer.trace[-1].added


def test_the_published_wrong_answer_comes_of_a_master_with_other_data():
    """The worst z of the data (1 + 0.2 z) is added as a row with the data (1 + z): too strict, 13950."""
    program, Z = production(), Budget(1.5, 1.0)
    a, rows, rhs = program.A.toarray()[3], [*program.A.toarray()], [*program.b]
    for _ in range(10):
        x = linprog(-program.c, rows, rhs).x
        z = Z.maximizer(torch.from_numpy(a * x)[None])[0].numpy()
        if (a * (1 + 0.2 * z)) @ x <= 4800 + 1e-6:
            break
        rows.append(a * (1 + z))
        rhs.append(4800)
    assert program.c @ x == pytest.approx(13950) and x == pytest.approx([37.5, 1500])
    assert production(Budget(1.5, 0.2), relative=True).worst_case(x).violations["labour"] < -1000


# Random programs


def random_program(seed, U=None, n=3, m=3, objective=False, upward=False):
    """A packing program with room at 0: feasible and bounded whatever the set."""
    generator = np.random.default_rng(seed)
    A, c, b = generator.uniform(0.5, 2, (m, n)), generator.uniform(0.5, 2, n), generator.uniform(2, 4, m)
    rows = {f"r{i}": (-A[i], ">=", -b[i]) if upward else (A[i], "<=", b[i]) for i in range(m)}
    uncertain = {} if U is None else {f"r{i}": U for i in range(m)}
    if objective and U is not None:
        uncertain["objective"] = U
    return RobustLP(maximize=c, rows=rows, upper=10.0, uncertain=uncertain)


def polygon(seed, k=5, n=3):
    return Scenarios(np.random.default_rng(seed).uniform(-0.3, 0.3, (k, n)))


def vertices(U, n=3):
    """All vertices of the sets of the tests below, for brute force."""
    corners = np.array(list(itertools.product([-1.0, 1.0], repeat=n)))
    match U:
        case Scenarios():
            return np.asarray(U.points)
        case Budget():
            found = []
            for order in itertools.permutations(range(n)):
                z, left = np.zeros(n), float(U.gamma)
                for j in order:
                    z[j], left = min(left, 1.0), max(left - 1.0, 0.0)
                found += [U.radius * z * s for s in corners]
            return np.array(found)
        case Ball():
            return U.radius * (corners if U.norm.p == math.inf else np.concatenate([np.eye(n), -np.eye(n)]))
    raise AssertionError(U)


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


SMOOTH = {
    "l2": Ball("l2", 0.3),
    "l3": Ball(3, 0.2),
    "box off centre": Box(-0.1, 0.3),
    "ellipsoid": Ellipsoid(np.array([[0.04, 0.02, 0.0], [0.02, 0.09, 0.01], [0.0, 0.01, 0.02]]), 1.0),
    "flat ellipsoid": Ellipsoid(np.outer([1.0, 2.0, -1.0], [1.0, 2.0, -1.0]) / 40, 1.0),
    "polyhedron": Polyhedron(np.vstack([np.eye(3), -np.eye(3), np.ones((1, 3))]), [0.2] * 6 + [0.3]),
    "ball & box": Ball("l2", 0.3) & Box(-0.1, 0.25),
    "two balls": Ball("l2", 0.3) & Ball("l1", 0.4),
    "sum": Ball("l2", 0.1) + Ball("linf", 0.1),
    "image": np.array([[0.1, 0.3], [0.2, -0.1], [0.0, 0.2]]) @ Ball("l2", 1.0),
}


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


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), norm=st.sampled_from(["l1", "l2", "linf"]))
def test_the_bounds_of_cutting_sets_close_like_jaws(seed, norm):
    answer = random_program(seed, Ball(norm, 0.4), objective=True).solve("cutting-set")
    optimistic, safe = [[getattr(cut, name) for cut in answer.trace] for name in ("optimistic", "safe")]
    assert all(a >= b - 1e-9 for a, b in itertools.pairwise(optimistic))
    assert all(a <= b for a, b in itertools.pairwise(safe))
    assert all(s <= o * (1 + 1e-7) for s, o in zip(safe, optimistic, strict=True))
    assert safe[-1] == pytest.approx(optimistic[-1], rel=1e-4)
    scenarios = {(name, tuple(z)) for cut in answer.trace for name, z in cut.added.items()}
    assert len(scenarios) == sum(len(cut.added) for cut in answer.trace), "no scenario is added twice"


def test_to_replace_the_scenario_in_place_of_adding_it_goes_in_circles():
    """max over the simplex of min(x1, x2): the answer to e1 is e2, and the other way round."""
    program = RobustLP(
        maximize=[0, 0],
        rows={"all": ([1, 1], "==", 1)},
        uncertain={"objective": Scenarios(np.eye(2))},
    )
    z, seen = np.array([1.0, 0.0]), []
    for _ in range(6):
        x = np.eye(2)[int(z.argmax())]  # best for z alone
        z = program.worst_case(x).scenarios["objective"].z
        seen.append(tuple(z))
    assert seen[0] == seen[2] == seen[4] != seen[1] == seen[3] == seen[5]
    assert program.solve().x == pytest.approx([0.5, 0.5])


# Uncertainty in right-hand sides, several rows at once, and other ways to state it


@pytest.mark.parametrize("method", BOTH)
def test_an_uncertain_right_hand_side_is_its_worst_value(method):
    program = RobustLP(
        maximize=[1, 2],
        rows={"a": ([1, 1], "<=", 4), "b": ([1, 0], ">=", 1)},
        uncertain={
            "a": Uncertain(Ball("linf", 1.0), rhs=[0.5]),
            "b": Uncertain(Ball("linf", 1.0), rhs=[0.25]),
        },
    )
    answer = program.solve(method)
    assert answer.x == pytest.approx([1.25, 2.25], abs=1e-6) and answer.verify() <= 1e-6
    assert answer.scenarios["a"].rhs == pytest.approx(3.5) and answer.scenarios["b"].rhs == pytest.approx(
        1.25
    )


def test_coefficients_and_right_hand_side_may_move_together():
    """(1 + z) x ≤ 2 + z for all |z| ≤ 1 means 2x ≤ 3 and 0 ≤ 1."""
    moved = Uncertain(Ball("linf", 1.0), row=[[1.0]], rhs=[1.0])
    answer = RobustLP(maximize=[1], rows={"a": ([1], "<=", 2)}, uncertain={"a": moved}).solve()
    assert answer.x == pytest.approx([1.5]) and answer.scenarios["a"].z == pytest.approx([1.0])


def test_several_rows_at_once_have_the_projections_of_their_set():
    """z in the ℓ1 ball of R⁴ holds two rows' coefficients; each row may use the whole radius."""
    shape = {"maximize": [1, 1], "rows": {"a": ([2, 1], "<=", 4), "b": ([1, 2], "<=", 4)}}
    joint = RobustLP(**shape, uncertain={("a", "b"): Ball("l1", 0.5)})
    apart = RobustLP(**shape, uncertain={"a": Ball("l1", 0.5), "b": Ball("l1", 0.5)})
    assert joint.solve().objective == pytest.approx(apart.solve().objective)
    assert joint.standard_form.by_name["b"].P.toarray().tolist() == [[0, 0, 1, 0], [0, 0, 0, 1]]
    matrices = {"a": np.eye(2, 4), "b": np.eye(2, 4, k=2)}
    stated = RobustLP(**shape, uncertain={("a", "b"): Uncertain(Ball("l1", 0.5), row=matrices)})
    assert stated.solve().objective == pytest.approx(joint.solve().objective)


def test_one_z_for_the_objective_and_a_row():
    """A hull in which the prices and the row move together, against all of its points."""
    points = np.random.default_rng(1).uniform(-0.3, 0.3, (5, 4))
    program = RobustLP(
        maximize=[2, 3],
        rows={"a": ([1, 2], "<=", 4)},
        upper=3,
        uncertain={("objective", "a"): Scenarios(points)},
    )
    G = [
        *(np.append([1, 2] + p[2:], 0) for p in points),
        *(np.append(-(np.array([2, 3]) + p[:2]), 1) for p in points),
    ]
    truth = -linprog([0, 0, -1], G, [4] * 5 + [0] * 5, bounds=[(0, 3)] * 2 + [(None, None)]).fun
    assert program.solve().objective == pytest.approx(truth)


def test_sparse_arrays_and_rows_with_names_state_the_same_program():
    named = production(Ball("l2", 0.05))
    arrays = RobustLP.from_arrays(
        np.array([12, 9]),
        sp.csr_array(named.A),
        named.b,
        maximize=True,
        uncertain={"4": Uncertain(Ball("l2", 0.05), row=sp.eye_array(2))},
    )
    assert arrays.solve().objective == pytest.approx(named.solve().objective, rel=1e-7)
    negative = RobustLP(
        minimize=[-12, -9],
        rows=dict(
            zip(
                named.names,
                [(a, "<=", b) for a, b in zip(named.A.toarray(), named.b, strict=True)],
                strict=True,
            )
        ),
    )
    assert negative.solve().objective == pytest.approx(-17700)


def test_torch_matrices_free_variables_and_bounds():
    program = RobustLP(
        minimize=[1, 1],
        rows={"a": ([1, 2], ">=", -4)},
        lower=[None and 0.0 or -3.0, -math.inf],
        uncertain={"a": Uncertain(Ball("l2", 0.1), row=torch.eye(2, dtype=torch.float64))},
    )
    for method in BOTH:
        answer = program.solve(method)
        assert answer.verify() <= 1e-6
        assert answer.x[0] == pytest.approx(-3.0) or answer.x[1] < 0


def test_rows_whose_sets_are_images_of_one_are_asked_together():
    """Balls of many radii, ellipsoids of many shapes: one expression; other Γ, another expression."""
    generator = np.random.default_rng(0)
    n, sets = 3, []
    for i in range(12):
        root = generator.normal(size=(n, n)) / 10
        sets.append(
            [
                Ball("l2", 0.01 * i),
                Ellipsoid(root @ root.T, 1.0),
                Budget(1.5, 0.1 + 0.01 * i),
                Budget(2.5 + i / 1e9, 0.1),
            ][i % 4]
        )
    A = generator.uniform(1, 2, (12, n))
    program = RobustLP.from_arrays(
        np.ones(n), A, np.full(12, 4.0), maximize=True, uncertain={str(i + 1): U for i, U in enumerate(sets)}
    )
    assert sorted(len(group.rows) for group in program.standard_form.groups) == [1, 1, 1, 3, 6]
    assert program.solve().verify() <= 1e-6


def test_a_set_with_two_methods_is_enough_for_cutting_sets():
    class Own(UncertaintySet):
        def maximizer(self, g):
            return Ball("l2", 0.05).maximizer(g)

        def project(self, d):
            return Ball("l2", 0.05).project(d)

    program = production(Own())
    assert program.solve("cutting-set").objective == pytest.approx(17603.26, rel=CLOSE)
    with pytest.raises(ValueError, match="cutting-set"):
        program.solve("counterpart")


# Asking


def test_the_worst_case_of_a_decision():
    program = production(Box(-0.05, 0.05))
    worst = program.worst_case({"x1": 650, "x2": 1100})
    assert worst.violations["labour"] == pytest.approx(0.05 * 1750) and not worst.feasible
    assert worst.scenarios["labour"].coefficients == pytest.approx([4.05, 2.05])
    assert worst.violations["second"] == -400 and worst.objective == 17700
    beyond = program.worst_case([-1, 0])
    assert beyond.violations["lower bound of x1"] == 1 and not beyond.feasible
    prices = RobustLP(maximize=[3.0], rows={"a": ([1], "<=", 2)}, uncertain={"objective": Box(-1, 0.5)})
    assert prices.worst_case([2.0]).objective == pytest.approx(4.0)
    assert prices.worst_case([2.0]).scenarios["objective"].coefficients == pytest.approx([2.0])


@quick
@given(seed=st.integers(0, 10**6), name=st.sampled_from(sorted(SMOOTH)))
def test_no_scenario_is_worse_than_the_worst(seed, name):
    U, generator = SMOOTH[name], np.random.default_rng(seed)
    program, x = random_program(seed, U, upward=seed % 2 == 1), generator.uniform(0, 2, 3)
    worst = program.worst_case(x)
    sign = -1 if seed % 2 else 1
    for z in U.project(torch.from_numpy(generator.normal(size=(10, 3)))).numpy():
        for i in range(3):
            assert (
                sign * ((program.A.toarray()[i] + z) @ x - program.b[i]) <= worst.violations[f"r{i}"] + 1e-6
            )


def test_the_price_of_robustness_grows_with_the_sets():
    rows = production(Ball("l2", 0.05)).price_of_robustness([0, 0.5, 1, 2])
    assert [row["scale"] for row in rows] == [0, 0.5, 1, 2]
    assert rows[0] == {"scale": 0, "objective": pytest.approx(17700), "loss": 0.0, "percent": 0.0}
    assert rows[2]["objective"] == pytest.approx(17603.26, rel=CLOSE)
    losses = [row["loss"] for row in rows]
    assert losses == sorted(losses) and rows[3]["percent"] == pytest.approx(100 * losses[3] / 17700)
    hopeless = RobustLP(
        minimize=[1], rows={"a": ([1], ">=", 1)}, upper=2, uncertain={"a": Ball("linf", 0.4)}
    ).price_of_robustness([0, 1, 3])
    assert hopeless[1]["objective"] == pytest.approx(1 / 0.6)
    assert hopeless[2] == {"scale": 3, "objective": None, "loss": None, "percent": None}


@pytest.mark.parametrize(
    ("U", "dual"),
    [
        (Box(-0.05, 0.05), 87.5),
        (Ball("linf", 0.05), 87.5),
        (Budget(1.5, 0.05), 0.05 * (1143.75 + 0.5 * 606.25)),
        (Ellipsoid(np.eye(2) * 0.05**2, 1.0), 0.05 * math.hypot(606.25, 1143.75)),
        (Scenarios([[0.05, 0.0], [0.0, 0.05], [-0.05, -0.05]]), 0.05 * 1143.75),
        (Polyhedron(np.vstack([np.eye(2), -np.eye(2)]), [0.05] * 4), 87.5),
        (Ball("l2", 0.05) & Ball("l1", 0.06), None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, UncertaintySet) else "",
)
def test_explain_derives_the_counterpart_with_its_numbers(U, dual):
    text = production(U).explain("labour", x=[606.25, 1143.75])
    lines = text.splitlines()
    assert [line[:2] for line in lines] == ["1.", "2.", "3.", "4."]
    primal = float(lines[2].split("⟨w, z*⟩ = ")[1].split(" ")[0])
    upper = float(lines[2].rsplit("= ", 1)[1])
    assert primal == pytest.approx(upper, rel=1e-5)
    assert dual is None or primal == pytest.approx(dual, rel=1e-5)
    assert f"4712.5 + {primal:.6g}" in lines[3] and "✓" in lines[3]


def test_explain_of_an_upward_row_and_of_the_objective():
    text = drug(Box(-1, 1)).explain("active agent")
    assert "≥ 0 for all z" in text and "−" in text and text.endswith("✓")
    broken = drug(Box(-1, 1)).explain("active agent", drug().solve().x)
    assert "✗ broken" in broken
    assert "is the worst objective" in portfolio(5).explain("objective")
    with pytest.raises(
        ValueError, match="row: expected the name of an uncertain row, got 'hours'; .*'active agent'"
    ):
        drug(Box(-1, 1)).explain("hours")


def test_one_budget_robustifies_a_program_and_attacks_a_digit_with_few_pixels():
    """U is asked with the decision, and with the gradient of a trained net's loss."""
    U = Budget(3.0, 1.0)
    ones = np.ones(784)
    program = RobustLP(maximize=ones, upper=1.0, rows={"all": (ones, "<=", 400)}, uncertain={"all": U})
    assert program.solve("counterpart").objective == pytest.approx(400 / (1 + 3 / 784), rel=CLOSE)
    images = mnist("test")[:50]
    net = zoo.load("mnist/baseline")
    g = input_gradient(net, images.images, images.labels)
    perturbation = first_order(net, images.images, images.labels, U)
    changed = perturbation.flatten(1)
    assert ((changed != 0).sum(1) == 3).all() and (changed.abs().sum(1) == 3).all()
    largest = g.flatten(1).abs().topk(3).indices.sort().values
    assert torch.equal(changed.abs().topk(3).indices.sort().values, largest)
    assert (net(images.images + perturbation).argmax(1) != images.labels).any()


# Proofs


def test_a_proof_fails_when_anything_in_it_is_false():
    program = production(Budget(1.5, 0.2), relative=True)
    good = program.solve()
    from dataclasses import replace

    assert good.verify() < 1e-9
    labour = good.scenarios["labour"]
    for wrong, said in (
        ({"x": good.x * 1.001}, "row 'together' is broken|row 'labour' is broken"),
        ({"objective": good.objective + 1}, "the worst objective is"),
        ({"multipliers": good.multipliers | {"first": -1.0}}, "multiplier of 'first' is -1"),
        ({"multipliers": good.multipliers | {"labour": 0.0}}, "slope"),
        ({"scenarios": {"labour": replace(labour, z=np.array([0.2, 0.2]))}}, "'labour' is not in its set"),
        ({"scenarios": {"labour": replace(labour, z=np.array([0.2, 0.1]))}}, "slope|bound"),
        ({"x": good.x * 0.9, "objective": good.objective * 0.9}, "the proof's bound"),
        ({"multipliers": {}}, "without a certificate"),
    ):
        with pytest.raises(ValueError, match=said):
            replace(good, **wrong).verify()


def test_both_refuses_to_answer_when_the_methods_disagree(monkeypatch):
    program = production(Ball("l2", 0.05))
    other = production(Ball("l2", 0.06)).solve("counterpart")
    monkeypatch.setattr(solve_module, "counterpart", lambda *_: other)
    with pytest.raises(DisagreementError, match=r"the counterpart gives 17.*, the cutting sets 17"):
        program.solve()


# The oracle-based method


@pytest.mark.parametrize("U", [Ball("l2", 0.2), Budget(1.5, 0.2)], ids=["ball", "budget"])
def test_the_oracle_based_average_keeps_its_bound_and_nears_the_truth(U):
    program = random_program(3, U, objective=True)
    truth = program.solve().objective
    errors = []
    for steps in (20, 80):
        answer = program.solve("oracle", rounds=steps)
        learning = answer.online
        worst = program.worst_case(answer.x)
        for name, violation in worst.violations.items():
            assert violation <= learning.bound.get(name, 0.0) + 1e-7
        assert answer.objective >= truth - learning.bound["objective"] - 1e-7
        assert learning.steps == steps and learning.history[-1][0] == steps
        errors.append(max(learning.bound.values()))
    assert errors[1] == pytest.approx(errors[0] / 2, rel=0.4)
    with pytest.raises(ValueError, match="without a certificate"):
        answer.verify()


# Programs without a solution


CORNERED = {"a": ([1, 1], ">=", 2.0), "b": ([1, 0], "<=", 1), "c": ([0, 1], "<=", 1), "d": ([1, 2], "<=", 10)}


@pytest.mark.parametrize("method", ["counterpart", "cutting-set", "both", "oracle"])
def test_an_infeasible_program_names_the_rows_that_conflict(method):
    with pytest.raises(InfeasibleError) as caught:
        RobustLP(minimize=[1, 1], rows=CORNERED | {"a": ([1, 1], ">=", 3)}).solve(method)
    assert caught.value.conflict == ("a", "b", "c") and "'d'" not in str(caught.value)
    assert str(caught.value).startswith("infeasible: rows 'a', 'b' and 'c' contradict each other")
    with pytest.raises(InfeasibleError, match="'a', 'b' and 'c' .*though not with the data as printed"):
        RobustLP(minimize=[1, 1], rows=CORNERED, uncertain={"a": Ball("l2", 0.1)}).solve(method)


def test_one_row_alone_or_the_bounds_may_be_at_fault():
    with pytest.raises(InfeasibleError, match="row 'a' cannot be met within the bounds"):
        RobustLP(minimize=[1], rows={"a": ([1], "==", -3), "b": ([1], "<=", 3)}).solve()


@pytest.mark.parametrize("method", ["counterpart", "cutting-set", "both"])
@pytest.mark.parametrize("U", [None, Ball("l2", 0.1)])
def test_an_unbounded_program_names_its_variables(method, U):
    uncertain = {} if U is None else {"a": U}
    program = RobustLP(
        maximize={"x": 1, "y": 1, "z": 1},
        rows={"a": ([1, -1, 0], "<=", 3), "b": ([0, 0, 1], "<=", 1)},
        uncertain=uncertain,
    )
    with pytest.raises(
        UnboundedError, match="unbounded: the objective grows without end along 'x' and 'y'|along 'y'"
    ) as caught:
        program.solve(method)
    assert set(caught.value.variables) <= {"x", "y"}


@pytest.mark.parametrize("method", BOTH)
def test_an_unbounded_nominal_program_may_have_a_robust_optimum(method):
    """max x + y with x - y ≤ 1 has no end; with all coefficients uncertain by 1.1, ‖·‖∞, it has."""
    program = RobustLP(maximize=[1, 1], rows={"a": ([1, -1], "<=", 1)}, uncertain={"a": Ball("linf", 1.1)})
    answer = program.solve(method)
    assert answer.objective == pytest.approx(1 / 0.1, rel=1e-4)


def test_the_safe_bound_is_found_where_nothing_is_robust_without_a_solver():
    program = RobustLP(minimize=[1, 2], rows={"a": ([1, 1], ">=", 2)}, uncertain={"a": Ball("l2", 0.1)})
    trace = program.solve("cutting-set").trace
    assert [cut.safe for cut in trace[:-1]] == [None] * (len(trace) - 1)
    assert trace[-1].safe == pytest.approx(trace[-1].optimistic, rel=1e-5)


def test_both_says_what_to_do_where_cutting_sets_take_too_many_rounds():
    with pytest.raises(SolverError, match='after 2 rounds .*method="counterpart" needs no rounds'):
        production(Ball("l2", 0.05)).solve(rounds=2)


def test_rounds_that_are_used_up_are_an_error():
    with pytest.raises(SolverError, match="after 1 rounds a row is still broken by"):
        production(Ball("l2", 0.05)).solve("cutting-set", rounds=1)


# Bad input


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"maximize": None}, "minimize, maximize: expected exactly one"),
        ({"minimize": [1, 1]}, "minimize, maximize: expected exactly one"),
        ({"maximize": [1, math.nan]}, "maximize: expected finite numbers"),
        ({"maximize": ["a", 1]}, "maximize: expected numbers"),
        ({"maximize": 3}, "maximize: expected numbers, one a variable, got 3"),
        ({"rows": [([1, 1], "<=", 1)]}, "rows: expected a dictionary name → .*, got list"),
        ({"uncertain": [Ball("l2", 1)]}, "uncertain: expected a dictionary row name → set, got list"),
        (
            {"rows": {"a": ([1, 2, 3], "<=", 1)}},
            r"row 'a': expected numbers \(2,\), one a variable, got shape \(3,\)",
        ),
        ({"rows": {"a": ({"x9": 1}, "<=", 1)}}, "row 'a': there is no variable 'x9'; there are 'x1', 'x2'"),
        ({"rows": {"a": ([1, 2], "<", 1)}}, "row 'a': expected the sense '<=', '>=' or '==', got '<'"),
        ({"rows": {"a": [1, 2]}}, "row 'a': expected .coefficients, sense, right-hand side"),
        ({"rows": {"a": ([1, 2], "<=", math.inf)}}, "row 'a': expected a finite right-hand side"),
        ({"rows": {"objective": ([1, 2], "<=", 1)}}, "no row of the name 'objective'"),
        ({"variables": ["x", "x"]}, "variables: .*no name twice"),
        ({"lower": 2, "upper": 1}, "lower, upper: expected lower <= upper, got 2 and 1 for 'x1'"),
        ({"lower": [0, 0, 0]}, "lower: expected a number"),
        ({"uncertain": {"b": Ball("l2", 1)}}, "uncertain: there is no row 'b'; there are 'a'"),
        ({"uncertain": {"a": 0.1}}, "uncertain: expected an UncertaintySet for 'a', got 0.1"),
        ({"uncertain": {"e": Ball("l2", 1)}}, "uncertain: 'e' is an equality"),
        ({"uncertain": {"a": Ball("l2", 1), ("a", "objective"): Ball("l2", 1)}}, "'a' is named twice"),
        ({"uncertain": {"a": Uncertain(Ball("l2", 1), row=np.eye(3))}}, r"row: expected \(2, k\) for 'a'"),
        (
            {"uncertain": {"a": Uncertain(Ball("l2", 1), row=np.eye(2), rhs=[1.0])}},
            r"rhs: expected \(2,\) for 'a'",
        ),
        ({"uncertain": {"a": Uncertain(Ball("l2", 1), row=np.eye(2) * math.nan)}}, "finite entries for 'a'"),
        (
            {"uncertain": {"a": Uncertain(Ball("l2", 1), row=np.eye(2), relative=True)}},
            "either row or relative for 'a'",
        ),
        (
            {"uncertain": {"objective": Uncertain(Ball("l2", 1), rhs=[1.0])}},
            "the objective has no right-hand side",
        ),
        (
            {"uncertain": {"a": Ellipsoid(np.eye(3), 1.0)}},
            "the set of 'a' is asked with 2 numbers and answers: ",
        ),
        (
            {"uncertain": {("a", "objective"): Uncertain(Ball("l2", 1), row={"a": np.eye(2)})}},
            "expected an entry for 'objective'",
        ),
    ],
)
def test_bad_programs_are_refused_with_the_offending_name(wrong, said):
    right = {"maximize": [1, 1], "rows": {"a": ([1, 2], "<=", 4), "e": ([1, 1], "==", 1)}}
    if "rows" in wrong:
        right["rows"] = {}
    with pytest.raises(ValueError, match=said):
        RobustLP(**(right | wrong))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"A": np.ones((2, 3))}, r"A: expected shape \(1, 2\), from b and c, got \(2, 3\)"),
        ({"b": [math.nan]}, "b: expected finite entries"),
        ({"senses": ["<=", "<="]}, "senses: expected 1, got 2"),
        ({"names": ["a", "b"]}, "names: expected 1, got 2"),
    ],
)
def test_bad_arrays_are_refused(wrong, said):
    right = {"c": [1.0, 2.0], "A": np.ones((1, 2)), "b": [1.0]}
    with pytest.raises(ValueError, match=said):
        RobustLP.from_arrays(**(right | wrong))


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


def test_the_program_of_the_readme_runs_as_it_says(capsys):
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (source,) = (
        code for code in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "RobustLP(" in code
    )
    names: dict = {}
    exec(source, names)
    assert f"{names['answer'].objective:g}" in re.search(r"# (\d+), and a proof", source)[1]
    assert capsys.readouterr().out.count("\n") == 5


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e4, 1e6])
@pytest.mark.parametrize("Z", [Ball("l2", 0.05), Ball("linf", 0.05), Budget(1.5, 0.05)], ids=repr)
def test_the_counterpart_does_not_depend_on_the_units_of_a_row(unit, Z):
    """Clarabel calls an answer optimal that is 4 % off, where coefficients are large."""

    def optimum(unit, gain=1.0):
        labour, together = np.array([4.0, 2.0]), np.ones(2)
        rows = {
            "labour": (unit * labour, "<=", 4800e2 * unit),
            "together": (unit * together, "<=", 1750e2 * unit),
        }
        return RobustLP(
            maximize=[12 * gain, 9 * gain], rows=rows, uncertain={"labour": Uncertain(Z, relative=True)}
        )

    expected = optimum(1.0).solve("cutting-set").objective
    found = optimum(unit).solve("counterpart")
    assert found.objective == pytest.approx(expected, rel=1e-7)
    assert found.verify() < 1e-6
    assert optimum(1.0, unit).solve("counterpart").objective == pytest.approx(unit * expected, rel=1e-7)


def test_a_counterpart_that_its_own_proof_does_not_bear_out_is_no_answer(monkeypatch):
    program = RobustLP(maximize=[1.0], rows={"most": ([1.0], "<=", 2.0)}, uncertain={"most": Ball("l2", 0.1)})
    assert program.solve("counterpart").objective == pytest.approx(2 / 1.1)
    wrong = replace(program.solve("counterpart"), objective=1.9)
    monkeypatch.setattr(Solution, "from_solver", lambda *arguments: wrong)
    with pytest.raises(SolverError, match="the counterpart was not solved: verify: the worst objective"):
        program.solve("counterpart")


def test_an_answer_that_is_verified_is_feasible():
    """A row of 4,800 hours is broken by rounding, which is small beside them."""
    rows = {"labour": ([4, 2], "<=", 4800), "together": ([1, 1], "<=", 1750), "both": ([1, -1], "==", 3)}
    program = RobustLP(
        maximize=[12, 9], rows=rows, uncertain={"labour": Uncertain(Ball("l2", 0.05), relative=True)}
    )
    answer = program.solve()
    worst = program.worst_case(answer.x)
    assert answer.verify() < 1e-6 and worst.feasible
    assert worst.sizes == {"labour": 4805, "together": 1752, "both": 5}
    assert not program.worst_case(1.001 * answer.x).feasible


@pytest.mark.parametrize("most, least", [(1e7, 1e7 + 1), (1e6, 1e6 + 0.2), (5e8, 5e8 + 100)])
def test_a_conflict_too_small_to_blame_is_said_to_be_one(most, least):
    program = RobustLP(minimize=[1.0], rows={"most": ([1.0], "<=", most), "least": ([1.0], ">=", least)})
    with pytest.raises(InfeasibleError, match="rows and bounds contradict each other, by too little to tell"):
        program.solve()
