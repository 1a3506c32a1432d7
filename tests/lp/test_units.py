"""Units: a program whose numbers are multiplied by a constant has the same answer, multiplied accordingly."""

import os
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from linear_programs import SMOOTH, polygon
from scipy.optimize import linprog

from rolab.errors import EmptySetError, InfeasibleError, SolverError, UnboundedError
from rolab.lp import RobustLP, Uncertain
from rolab.lp.units import balanced
from rolab.sets import Ball, Box, Budget, Ellipsoid, Polyhedron, Scenarios

METHODS = ("counterpart", "cutting-set", "both")
GENERATOR = np.random.default_rng(0)
A, C, B = GENERATOR.uniform(0.5, 2, (3, 3)), GENERATOR.uniform(0.5, 2, 3), GENERATOR.uniform(2, 4, 3)
EQUAL = {"A": np.vstack([A[:2], np.ones(3)]), "b": [*B[:2], 1.0], "senses": ("<=", "<=", "==")}
KINDS = {  # set, and what else is not as in the packing program max Cᵀx, Ax ≤ B, 0 ≤ x ≤ 10
    "no set": (None, {}),
    "linf": (Ball("linf", 0.2), {}),
    "l1": (Ball("l1", 0.3), {}),
    "l2, objective": (Ball("l2", 0.3), {"objective": True}),
    "l3": (Ball(3, 0.2), {}),
    "box": (Box(-0.1, 0.3), {}),
    "budget, objective": (Budget(1.5, 0.25), {"objective": True}),
    "ellipsoid": (SMOOTH["ellipsoid"], {}),
    "flat ellipsoid": (SMOOTH["flat ellipsoid"], {}),
    "polyhedron": (SMOOTH["polyhedron"], {}),
    "hull, objective": (polygon(0), {"objective": True}),
    "ball & box": (SMOOTH["ball & box"], {}),
    "two balls": (SMOOTH["two balls"], {}),
    "sum": (SMOOTH["sum"], {}),
    "image": (SMOOTH["image"], {}),
    "upward": (Ball("l2", 0.1), {"senses": ">=", "maximize": False, "upper": np.inf}),
    "equality": (Ball("l2", 0.3), EQUAL),
    "right-hand side": (Ball("l2", 1.0), {"rhs": 0.3 * np.eye(3)}),
    "free": (Ball("linf", 0.1), {"senses": ">=", "maximize": False, "lower": -5.0, "c": np.ones(3)}),
}  # fmt: skip
SOLVED = {
    "polyhedron",
    "hull, objective",
    "ball & box",
    "two balls",
    "image",
    "sum",
}  # their sets take a solver


def program(kind, rows=1.0, columns=1.0, rhs=1.0, objective=1.0, uncertain=1.0):
    """The program of a kind with its numbers multiplied: x becomes rhs · x / columns."""
    Z, changes = KINDS[kind]
    stated = {"A": A, "b": B, "c": C, "senses": "<=", "maximize": True, "lower": 0.0, "upper": 10.0} | changes
    rows, columns, moved = np.broadcast_to(rows, 3), np.broadcast_to(columns, 3), {}
    if Z is not None:
        Z = Z.scaled(uncertain)
        for i in range(3 if stated["senses"] in ("<=", ">=") else 2):
            P, q = np.diag(rows[i] * columns) / uncertain, None
            if "rhs" in stated:
                P, q = None, rows[i] * rhs * stated["rhs"][i] / uncertain
            moved[f"r{i}"] = Uncertain(Z, row=P, rhs=q)
        if stated.get("objective"):
            moved["objective"] = Uncertain(Z, row=objective * np.diag(columns) / uncertain)
    return RobustLP.from_arrays(
        objective * columns * stated["c"],
        rows[:, None] * stated["A"] * columns,
        rows * stated["b"] * rhs,
        senses=stated["senses"],
        names=["r0", "r1", "r2"],
        lower=stated["lower"] * rhs / columns,
        upper=stated["upper"] * rhs / columns,
        maximize=stated["maximize"],
        uncertain=moved,
    )


def multiplied(what, factor):
    """The arguments of `program` that multiply what is named."""
    one = np.array([factor, 1.0, 1.0])
    return {
        "rows": {"rows": factor},
        "a row": {"rows": one},
        "columns": {"columns": factor},
        "a column": {"columns": one},
        "right-hand sides": {"rhs": factor},
        "objective": {"objective": factor},
        "uncertain numbers": {"uncertain": factor},
        "all": {"rows": one, "columns": one[::-1] / one, "rhs": factor, "objective": 1 / factor},
    }[what]


WHAT = ("rows", "a row", "columns", "a column", "right-hand sides", "objective", "uncertain numbers", "all")
OPTIMA: dict = {}


def check(kind, what, factor, method):
    """The optimum to 1e-6, with a proof; or an error that says what was not reached."""
    if kind not in OPTIMA:
        OPTIMA[kind] = program(kind).solve("both", tolerance=1e-8).objective
    arguments = multiplied(what, factor)
    scaled = program(kind, **arguments)
    try:
        answer = scaled.solve(method)
    except SolverError as error:
        return str(error)
    size = arguments.get("objective", 1.0) * arguments.get("rhs", 1.0)
    assert answer.objective == pytest.approx(size * OPTIMA[kind], rel=1e-6)
    assert answer.verify() <= 1e-6 and scaled.worst_case(answer.x).feasible
    better = 1.01 if scaled.maximize else 0.99
    forged = replace(answer, x=better * answer.x, objective=better * answer.objective)
    with pytest.raises(ValueError, match="verify: "):
        forged.verify()
    return None


@pytest.mark.parametrize("factor", [1e-12, 1e-5, 1e7, 1e12])
@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("kind", sorted(KINDS.keys() - SOLVED))
def test_the_answer_does_not_depend_on_the_units(kind, what, factor):
    """One method in turn for each; the three in the sweep below."""
    method = METHODS[(sorted(KINDS).index(kind) + WHAT.index(what)) % 3]
    assert check(kind, what, factor, method) is None


@pytest.mark.parametrize("kind", sorted(SOLVED))
def test_the_answer_does_not_depend_on_the_units_where_the_sets_take_a_solver(kind):
    for i, what in enumerate(("a row", "a column", "right-hand sides", "objective", "uncertain numbers")):
        assert check(kind, what, 10.0 ** (-9 if i % 2 else 6), METHODS[i % 2]) is None


@pytest.mark.skipif("ROLAB_SWEEP" not in os.environ, reason="a quarter of an hour: make sweep")
@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_sweep_over_all_units_and_methods(kind):
    gave_up = []
    for factor in 10.0 ** np.arange(-12, 13, 3):
        for what in WHAT:
            gave_up += [error for method in METHODS if (error := check(kind, what, factor, method))]
    assert len(gave_up) <= 0.02 * 9 * len(WHAT) * 3, gave_up


def test_units_that_are_powers_of_2_change_no_bit():
    """The equilibrated form is the same, so the solvers see the same."""
    plain = program("l2, objective").solve()
    for what in WHAT:
        arguments = multiplied(what, 2.0**20)
        answer = program("l2, objective", **arguments).solve()
        back = np.broadcast_to(arguments.get("columns", 1.0), 3) / arguments.get("rhs", 1.0)
        assert (answer.x * back).tolist() == plain.x.tolist(), what


@pytest.mark.parametrize("seed", range(5))
def test_a_balanced_matrix_does_not_depend_on_the_units_it_came_in(seed):
    generator = np.random.default_rng(seed)
    matrix = sp.random_array((6, 8), density=0.5, rng=generator) + sp.eye_array(6, 8)
    rows, columns = 10.0 ** generator.uniform(-9, 9, 6), 10.0 ** generator.uniform(-9, 9, 8)
    found = []
    for given in (matrix, sp.diags_array(rows) @ matrix @ sp.diags_array(columns)):
        r, c = balanced(sp.coo_array(given), np.ones(6))
        found.append((sp.diags_array(2**r) @ given @ sp.diags_array(2**c)).toarray())
    assert found[1] == pytest.approx(found[0], rel=1e-4)
    entries = np.log2(found[0][found[0] > 0])
    assert np.abs(entries.mean()) < 1e-6 and entries.std() <= np.log2(matrix.tocoo().data).std()


def test_entries_that_are_rounding_have_no_say_in_the_units():
    clean = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 4.0], [1.0, 0.0, 1.0]])
    noisy = np.where(clean > 0, clean, 1e-17)
    (r, c), (rows, columns) = (balanced(sp.coo_array(each), np.ones(3)) for each in (clean, noisy))
    assert r[:, None] + c == pytest.approx(rows[:, None] + columns, abs=1e-6)


# The cases of the field


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [1e-9, 1e7, 1e12])
def test_a_bounded_program_is_not_called_unbounded(method, size):
    rows = {"store": ([1, 1], "<=", 1750 * size), "labour": ([4, 2], "<=", 4800 * size)}
    moved = {"labour": Uncertain(Budget(1.5, 0.2), relative=True)}
    found = RobustLP(maximize=[12, 9], rows=rows, upper=[1000 * size, 1500 * size], uncertain=moved).solve(
        method
    )
    assert found.x / size == pytest.approx([300, 1450], rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [1e-12, 1e-9, 1e9])
def test_the_unit_of_the_objective_changes_nothing(method, size):
    rows = {"store": ([1, 1], "<=", 1750), "labour": ([4, 2], "<=", 4800)}
    answer = RobustLP(maximize=[12 * size, 9 * size], rows=rows, upper=[1000, 1500]).solve(method)
    assert answer.x == pytest.approx([650, 1100], rel=1e-6)
    with pytest.raises(ValueError, match="verify: the worst objective is"):
        replace(answer, objective=1.00001 * answer.objective).verify()
    with pytest.raises(ValueError, match="verify: the proof's bound is"):
        replace(answer, x=0.999 * answer.x, objective=0.999 * answer.objective).verify()


@pytest.mark.parametrize("method", METHODS)
def test_a_row_in_small_numbers_is_protected(method):
    """Broken by 15 to 69 % was what `verify` called 0.0."""
    unit = np.array([1e-7, 1.0])
    for size in (1e-6, 1e-9):
        rows = {
            "small": (size * np.array([4.0, 2.0]) / unit, "<=", 4800 * size),
            "both": (1 / unit, "<=", 1750.0),
        }
        moved = {"small": Uncertain(Budget(1.5, 0.2), relative=True)}
        small = RobustLP(maximize=[12, 9] / unit, rows=rows, upper=[1000, 1500] * unit, uncertain=moved)
        answer = small.solve(method)
        assert answer.x / unit == pytest.approx([300, 1450], rel=1e-6)
        nominal = small.nominal().solve(method)
        assert not small.worst_case(nominal.x).feasible
        with pytest.raises(ValueError, match="verify: row 'small' is broken"):
            replace(answer, x=nominal.x, objective=nominal.objective).verify()


SETS = {
    "linf": Ball("linf", 1e-9),
    "l2": Ball("l2", 1e-9),
    "box": Box(-1e-9, 2e-9),
    "budget": Budget(1.5, 1e-9),
    "ellipsoid": Ellipsoid(1e-18 * np.eye(2), 1.0),
    "polyhedron": Polyhedron(np.vstack([np.eye(2), -np.eye(2)]), [1e-9] * 4),
}


@pytest.mark.parametrize("U", SETS.values(), ids=SETS.keys())
def test_a_scenario_outside_a_small_set_is_no_proof(U):
    """An absolute 1e-6 would let any scenario pass."""
    rows = {"labour": ([4, 2], "<=", 4800), "store": ([1, 1], "<=", 1750)}
    moved = {"labour": Uncertain(U, row=1e9 * np.eye(2))}
    answer = RobustLP(maximize=[12, 9], rows=rows, uncertain=moved).solve()
    assert answer.verify() <= 1e-6
    labour = answer.scenarios["labour"]
    for wrong in (1.01 * labour.z, labour.z + 1e-7, -20 * labour.z):
        with pytest.raises(ValueError, match="verify: the scenario of 'labour' is not in its set"):
            replace(answer, scenarios={"labour": replace(labour, z=wrong)}).verify()


@pytest.mark.parametrize("size", [1e-12, 1e-7, 1.0, 1e12])
def test_a_conflict_is_named_in_any_unit(size):
    rows = {
        "most": ([1.0, 0.0], "<=", size),
        "least": ([1.0, 0.0], ">=", 2 * size),
        "other": ([1, 1], "<=", 1e3 * size),
    }
    for method in METHODS:
        with pytest.raises(InfeasibleError) as caught:
            RobustLP(minimize=[1.0, 1.0], rows=rows).solve(method)
        assert caught.value.conflict == ("most", "least")
    with pytest.raises(UnboundedError) as beyond:
        RobustLP(maximize=[size, 0.0], rows={"one": ([0.0, size], "<=", 1.0)}).solve()
    assert beyond.value.variables == ("x1",)


@pytest.mark.parametrize("size", [1e-12, 1e-5, 1e12])
def test_prices_and_derivations_in_any_unit(size):
    rows = {"store": ([1, 1], "<=", 1750.0), "labour": ([4 * size, 2 * size], "<=", 4800 * size)}
    moved = {"labour": Uncertain(Budget(1.5, 0.2), relative=True)}
    small = RobustLP(maximize=[12 * size, 9 * size], rows=rows, upper=[1000, 1500], uncertain=moved)
    free, dear = small.price_of_robustness([0, 1])
    assert free["loss"] == 0.0 and dear["percent"] == pytest.approx(100 * (1 - 16650 / 17700), rel=1e-6)
    assert "✓" in small.explain("labour") and "✗ broken" in small.explain("labour", [650, 1100])


def test_an_optimum_of_0_has_a_size():
    """All of x may be 0, or the terms of the objective cancel."""
    rows = {"a": ([1.0, 2.0], "<=", 3.0), "b": ([1.0, -1.0], "==", 0.0)}
    for method in METHODS:
        for size in (1e-9, 1.0, 1e9):
            zero = RobustLP(minimize=[size, size], rows=rows, uncertain={"a": Ball("l2", 0.1)}).solve(method)
            assert zero.x.tolist() == [0, 0] and zero.verify() == 0
            level = RobustLP(maximize=[size, -size], rows=rows, uncertain={"a": Ball("l2", 0.1)}).solve(
                method
            )
            assert abs(level.objective) <= 1e-8 * size and level.verify() <= 1e-6


def test_an_empty_set_in_a_program_names_the_row():
    far = Polyhedron(np.vstack([np.eye(2), -np.eye(2)]), [6.0, 6.0, -5.0, -5.0])
    with pytest.raises(EmptySetError, match="uncertain: the set of 'a' .* got an empty one"):
        RobustLP(maximize=[1, 1], rows={"a": ([1, 1], "<=", 2)}, uncertain={"a": Ball("l2", 1.0) & far})


def test_the_hull_of_points_at_one_place_is_that_place():
    """Its extent is that of the point, and a set of no extent at all is 0."""
    for point, expected in (([0.5, 0.0], 1 / 1.5), ([0.0, 0.0], 1.0)):
        fixed = RobustLP(maximize=[1, 1], rows={"a": ([1, 1], "<=", 1), "b": ([0, 1], "<=", 0)},
                         uncertain={"a": Scenarios([point])})  # fmt: skip
        assert fixed.solve().objective == pytest.approx(expected, rel=1e-6)
        assert linprog([-1], [[1 + point[0]]], [1]).fun == pytest.approx(-expected)
