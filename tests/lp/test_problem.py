"""Robust linear programs: the known answers, the ways to state them, and errors."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from linear_programs import BOTH, CLOSE, drug, portfolio, production
from scipy.optimize import linprog

from rolab import zoo
from rolab.attacks import first_order, input_gradient
from rolab.data import mnist
from rolab.lp import RobustLP, Uncertain
from rolab.sets import Ball, Box, Budget, Ellipsoid, Scenarios


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
        ({"lower": math.inf}, "lower: expected finite numbers or -inf for no bound, got inf"),
        ({"upper": [1, -math.inf]}, "upper: expected finite numbers or inf for no bound, got -inf"),
        ({"upper": {"x9": 1}}, "upper: there is no variable 'x9'; there are 'x1', 'x2'"),
        ({"upper": "much"}, "upper: expected a number"),
        ({"rows": {1: ([1, 2], "<=", 4)}}, "rows: expected names of rows that are strings, got 1"),
        ({"rows": {("s", 1): ([1, 2], "<=", 4)}}, r"rows: expected names .* strings, got \('s', 1\)"),
        ({"rows": {"a": ([1, 2], "<=", [4])}}, "row 'a': expected .coefficients, sense, right-hand side"),
        ({"uncertain": {1: Ball("l2", 1)}}, "uncertain: expected names of rows that are strings, got 1"),
        ({"uncertain": {("a", 1): Ball("l2", 1)}}, "uncertain: expected names of rows .*, got 1"),
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
        ({"names": [1]}, "names: expected names of rows that are strings, got 1"),
        ({"b": [[1.0]]}, r"b: expected numbers \(n,\), got shape \(1, 1\)"),
        ({"c": [[1.0], [2.0]]}, r"c: expected numbers \(n,\), got shape \(2, 1\)"),
        ({"c": ["a", "b"]}, r"c: expected numbers \(n,\), got"),
    ],
)
def test_bad_arrays_are_refused(wrong, said):
    right = {"c": [1.0, 2.0], "A": np.ones((1, 2)), "b": [1.0]}
    with pytest.raises(ValueError, match=said):
        RobustLP.from_arrays(**(right | wrong))


class Series(list):
    """What rolab reads of a Series of pandas: numbers with labels."""

    def __init__(self, numbers):
        super().__init__(numbers.values())
        self.index = list(numbers)


class Frame:
    """What rolab reads of a DataFrame."""

    def __init__(self, values, index, columns):
        self.values, self.index, self.columns = np.array(values, float), index, columns

    def __array__(self, dtype=None, copy=None):
        return self.values

    def __getattr__(self, name):
        return getattr(self.values, name)


@pytest.fixture(params=["stand-ins", "pandas"])
def labelled(request):
    if request.param == "stand-ins":
        return Series, Frame
    pandas = pytest.importorskip("pandas")
    return pandas.Series, lambda values, index, columns: pandas.DataFrame(values, index, columns)


def test_labelled_numbers_are_read_by_label(labelled):
    S, F = labelled
    plain = production().solve().objective
    rows = {"store": (S({"b": 1, "a": 1}), "<=", 1750), "labour": (S({"b": 2, "a": 4}), "<=", 4800)}
    program = RobustLP(maximize=S({"a": 12, "b": 9}), rows=rows, upper=S({"b": 1500, "a": 1000}))
    assert program.variables == ("a", "b") and program.solve().objective == pytest.approx(plain)
    assert program.worst_case(S({"b": 1.0, "a": 0.0})).objective == 9
    A, b = F([[2, 4], [1, 1]], ["labour", "store"], ["b", "a"]), S({"store": 1750, "labour": 4800})
    P = F([[0, 0.1], [0.2, 0]], ["b", "a"], ["u", "v"])
    moved = {"labour": Uncertain(Box(-1, 1), row=P, rhs=S({"v": 3.0, "u": 5.0}))}
    read = RobustLP.from_arrays(S({"a": 12, "b": 9}), A, b, maximize=True, uncertain=moved)
    assert read.names == ("store", "labour") and read.A.toarray().tolist() == [[1, 1], [4, 2]]
    row = read.standard_form.by_name["labour"]
    assert row.P.toarray().tolist() == [[0.2, 0], [0, 0.1]] and row.q.tolist() == [5, 3]


def test_labels_that_do_not_fit_are_refused(labelled):
    S, F = labelled
    with pytest.raises(ValueError, match="row 'a': there is no variable 'c'; there are 'a', 'b'"):
        RobustLP(maximize=S({"a": 1, "b": 1}), rows={"a": (S({"a": 1, "c": 1}), "<=", 1)})
    with pytest.raises(ValueError, match="A: expected the labels 'a', 'b', got 'a', 'c'"):
        RobustLP.from_arrays(S({"a": 1, "b": 1}), F([[1, 1]], ["r"], ["a", "c"]), [1])
    moved = {"r": Uncertain(Box(-1, 1), row=np.eye(2), rhs=S({"u": 1, "v": 1}))}
    with pytest.raises(ValueError, match="rhs: expected the labels none, got 'u', 'v'"):
        RobustLP(maximize=[1, 1], rows={"r": ([1, 1], "<=", 1)}, uncertain=moved)
    with pytest.raises(ValueError, match="senses: expected the labels 'r', got 's'"):
        RobustLP.from_arrays([1, 1], F([[1, 1]], ["r"], ["a", "b"]), [1], senses=S({"s": "<="}))


@pytest.mark.parametrize("argument", ["maximize", "row 'r'", "upper", "x", "c", "A", "b", "row", "rhs"])
@pytest.mark.parametrize("form", [np.asarray, torch.as_tensor, list])
def test_complex_numbers_are_refused(argument, form):
    """Their imaginary part was dropped."""
    other = form(np.array([1j, 2.0]))
    square = form(1j * np.eye(2))
    with pytest.raises(ValueError, match=f"^{argument}: expected (real |a number, None or )?numbers"):
        calls_with(other, square)[argument]()


def test_senses_are_read_by_label(labelled):
    S, F = labelled
    A, senses = F([[1, 1], [4, 2]], ["store", "labour"], ["a", "b"]), S({"labour": "==", "store": ">="})
    assert RobustLP.from_arrays([12, 9], A, [1750, 4800], senses=senses).senses == (">=", "==")


@pytest.mark.parametrize("argument", ["maximize", "row 'r'", "upper", "x", "c", "A", "b", "row", "rhs"])
def test_numbers_that_are_counted_in_another_order_are_refused(labelled, argument):
    """As sorting leaves them: whether the count or the place was meant, cannot be known."""
    S, F = labelled
    other, square = S({1: 9.0, 0: 12.0}), F([[1, 1], [4, 2]], [0, 1], [1, 0])
    said = f"^{argument}: expected labels that are names, or count in order, got 1, 0$"
    with pytest.raises(ValueError, match=said):
        calls_with(other, square)[argument]()


def calls_with(numbers, square):
    """Each argument → what asks for it with these numbers (2,), or this matrix (2, 2)."""
    stated = {"maximize": [12, 9], "rows": {"r": ([4, 2], "<=", 4800)}}
    return {
        "maximize": lambda: RobustLP(**stated | {"maximize": numbers}),
        "row 'r'": lambda: RobustLP(**stated | {"rows": {"r": (numbers, "<=", 4800)}}),
        "upper": lambda: RobustLP(**stated, upper=numbers),
        "x": lambda: RobustLP(**stated).worst_case(numbers),
        "c": lambda: RobustLP.from_arrays(numbers, [[1, 1], [4, 2]], [1750, 4800]),
        "A": lambda: RobustLP.from_arrays([12, 9], square, [1750, 4800]),
        "b": lambda: RobustLP.from_arrays([12, 9], [[1, 1], [4, 2]], numbers),
        "row": lambda: RobustLP(**stated, uncertain={"r": Uncertain(Box(-1, 1), row=square)}),
        "rhs": lambda: RobustLP(**stated, uncertain={"r": Uncertain(Box(-1, 1), rhs=numbers)}),
    }


def test_bounds_by_name_leave_the_others_as_usual():
    program = RobustLP(maximize={"a": 1, "b": 2}, upper={"b": 3}, lower={"a": None})
    assert program.lower.tolist() == [-math.inf, 0] and program.upper.tolist() == [math.inf, 3]


@pytest.mark.parametrize("method", [*BOTH, "both", "oracle"])
def test_a_program_without_rows_has_an_answer_a_proof_and_a_price(method):
    for program in (
        RobustLP(maximize=[1, 2], upper=[3, 4]),
        RobustLP(minimize=[-1, -2], upper=[3, 4], rows={}),
    ):
        answer = program.solve(method)
        assert answer.x == pytest.approx([3, 4]) and answer.verify() <= 1e-6
    program = RobustLP(maximize=[0.05, 0.08], upper=1.0, uncertain={"objective": Ball("l2", 0.02)})
    assert [row["objective"] for row in program.price_of_robustness([0, 1])] == pytest.approx(
        [0.13, 0.13 - 0.02 * math.sqrt(2)]
    )


@pytest.mark.parametrize("form", [list, tuple, torch.tensor, np.array])
def test_a_right_hand_side_moves_in_whatever_form_it_is_said(form):
    moved = Uncertain(Box(-1, 1), rhs=form([0.5, 0.25]))
    program = RobustLP(maximize=[1], rows={"a": ([1], "<=", 1)}, uncertain={"a": moved})
    assert program.solve().x == pytest.approx([0.25])


def test_numbers_of_python_stay_float64():
    program = RobustLP(
        maximize=[0.1, 0.7],
        rows={"a": ([0.3, 1.1], "<=", 0.9)},
        uncertain={"a": Uncertain(Box(-0.1, 0.1), row=[[0.1], [0.3]], rhs=[0.7])},
    )
    row = program.standard_form.by_name["a"]
    assert program.c.tolist() == [0.1, 0.7] and program.A.toarray().tolist() == [[0.3, 1.1]]
    assert row.P.toarray().tolist() == [[0.1], [0.3]] and row.q.tolist() == [0.7]
    assert abs(program.worst_case([1.0, 1.0]).scenarios["a"].z[0]) == 0.1


def test_the_program_of_the_readme_runs_as_it_says(capsys):
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (source,) = (
        code for code in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "RobustLP(" in code
    )
    names: dict = {}
    exec(source, names)
    assert f"{names['answer'].objective:g}" in re.search(r"# (\d+), and a proof", source)[1]
    assert capsys.readouterr().out.count("\n") == 5
