"""Notebook 01: its parameters, its exercises, and the numbers that its text relies on.

nbval runs the notebook itself, as it is shipped.
"""

import ast
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from IPython.core.inputtransformer2 import TransformerManager

from rolab import check, data, zoo
from rolab.attacks import first_order
from rolab.convex import RobustLP
from rolab.sets import Budget
from rolab.stories import production

PATH = Path(__file__).parents[1] / "notebooks" / "01_robust_linear_programs.ipynb"
NOTEBOOK = nbformat.read(PATH, as_version=4)
CODE = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]
PLAIN = TransformerManager()
SOLUTIONS = [
    solution
    for cell in NOTEBOOK.cells
    if cell.cell_type == "markdown"
    for solution in re.findall(r"<summary>Solution</summary>.*?```python\n(.*?)```", cell.source, re.DOTALL)
]


def tree(cell):
    return ast.parse(PLAIN.transform_cell(cell.source))


def run(cell, namespace):
    exec(compile(tree(cell), PATH.name, "exec"), namespace)
    return namespace


def outputs():
    """The text of all outputs."""
    found = [output for cell in CODE for output in cell.outputs]
    return "\n".join(o.get("text", "") + str(o.get("data", {}).get("text/plain", "")) for o in found)


# The parameters


def names_in(context):
    nodes = [node for cell in CODE[1:] for node in ast.walk(tree(cell))]
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


def test_every_parameter_is_a_plain_value_and_used_and_never_changed():
    assert CODE[0].metadata["tags"] == ["parameters"]
    given = {line.targets[0].id: ast.literal_eval(line.value) for line in tree(CODE[0]).body}
    assert given == {"shape": "budget", "assets": 150, "digit": 18, "pixels": 10}
    uses = [names_in(context) for context in (ast.Load, ast.Store)]
    assert given.keys() <= uses[0] and not given.keys() & uses[1]


@pytest.mark.parametrize(
    "wrong, named",
    [
        ({"shape": "cube"}, "parameter shape is 'cube', expected one of 'box', 'ball'"),
        ({"assets": 10}, "parameter assets is 10"),
        ({"assets": 150.0}, "parameter assets is 150.0"),
        ({"digit": 10_000}, "parameter digit is 10000"),
        ({"pixels": 0}, "parameter pixels is 0"),
        ({"pixel": 3}, "unknown parameter pixel"),
    ],
)
def test_a_wrong_parameter_fails_at_once_with_its_name(wrong, named):
    injected = "# Parameters\n" + "\n".join(f"{name} = {value!r}" for name, value in wrong.items())
    namespace = run(CODE[0], {"In": ["", CODE[0].source, injected]}) | wrong
    with pytest.raises((ValueError, TypeError, NameError), match=re.escape(named)):
        run(CODE[1], namespace)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # papermill's own
def test_other_parameters_run_through(tmp_path):
    import papermill

    others = {"shape": "ball", "assets": 30, "digit": 3, "pixels": 5}
    done = tmp_path / "done.ipynb"
    papermill.execute_notebook(PATH, done, others, kernel_name="python3", progress_bar=False, cwd=tmp_path)
    assert "not yet" in done.read_text()


# What the committed file shows


def test_the_known_answers_are_there():
    said = outputs()
    for number in ("8,819.66", "6,888.99", "8,294.57", "1.200000", "1.186597", "1.170890", "1.126685"):
        assert number in said, number
    for number in ("8.2", "24.3", "33.9", "17,700.00", "16,846.15", "16,650.00", "13,950.00", "18,750"):
        assert number in said, number
    assert "rows 'promised 1', 'promised 2' and 'labour' contradict each other" in said


def test_every_picture_has_a_text_and_no_widget_is_left():
    pictures = [o for cell in CODE for o in cell.outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == 8
    for picture in pictures:
        assert len(picture.metadata["image/png"]["alt"]) > 40
    assert sum("application/vnd.plotly.v1+json" in picture.data for picture in pictures) == 4
    assert "widgets" not in NOTEBOOK.metadata


def test_no_output_widget_is_used():
    """What prints into one makes nbclient and papermill hang now and then."""
    assert not re.search(r"\binteract\w*\(|\bOutput\(", "\n".join(cell.source for cell in CODE))


def test_unsolved_exercises_say_not_yet():
    said = outputs()
    for checker in ("the support function of a box", "the maximiser of a budget", "a cutting-set loop"):
        assert f"… {checker}: not yet" in said
    assert "… the mended loop: not yet" in said


# The exercises


def test_the_folded_solutions_solve_the_exercises():
    names = {"np": np, "torch": torch, "Budget": Budget, "RobustLP": RobustLP}
    assert len(SOLUTIONS) == 3
    for solution in SOLUTIONS:
        exec(solution, names)
    checked = [
        (name, mine)
        for cell in CODE
        for name, mine in re.findall(r"^check\.(\w+)\((my_\w+)\)$", cell.source, re.M)
    ]
    assert [name for name, _ in checked] == ["box_support", "budget_maximizer", "cutting_set", "mended"]
    for name, mine in checked:
        report = getattr(check, name)(names[mine])
        assert report, report


def test_the_published_loop_gives_the_published_answer():
    (cell,) = (cell for cell in CODE if cell.source.startswith("def published"))
    names = run(
        cell, {"np": np, "torch": torch, "Budget": Budget, "RobustLP": RobustLP, "production": production}
    )
    assert names["x_published"] == pytest.approx([37.5, 1500], rel=1e-5)
    report = check.mended(names["published"])
    assert not report and "is robust, but brings 13,950.00 where 16,650.00 is possible" in report.message


# One object, two worlds


def test_one_budget_robustifies_a_program_and_attacks_a_digit(mnist_test):
    U = Budget(gamma=10, radius=1.0)
    program = RobustLP(
        maximize=np.ones(784), upper=1.0, rows={"r": (np.ones(784), "<=", 400)}, uncertain={"r": U}
    )
    assert program.solve("counterpart").objective == pytest.approx(400 / (1 + 10 / 784), rel=1e-6), (
        "all jobs alike"
    )
    test, model = data.mnist("test")[:20], zoo.load("mnist/baseline")
    d = first_order(model, test.images, test.labels, U)
    assert ((d != 0).flatten(1).sum(1) <= 10).all() and d.abs().max() <= 1
    wrong = model(test.images + d).argmax(1) != test.labels
    assert wrong[18], "the digit of the notebook"
