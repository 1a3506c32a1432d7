"""Notebook 04: its parameters and the solutions of its exercises. nbval runs the notebook itself."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
import torch
from IPython.core.inputtransformer2 import TransformerManager

from rolab import check

PATH = Path(__file__).parents[1] / "notebooks" / "04_algorithm_1.ipynb"
NOTEBOOK = nbformat.read(PATH, as_version=4)
CODE = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]
TEXT = "\n\n".join(cell.source for cell in NOTEBOOK.cells if cell.cell_type == "markdown")
PLAIN = TransformerManager()


def tree(cell):
    return ast.parse(PLAIN.transform_cell(cell.source))


def names_in(context):
    nodes = [node for cell in CODE[1:] for node in ast.walk(tree(cell))]
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


def test_every_parameter_is_a_plain_value_and_used_and_never_changed():
    given = {line.targets[0].id: ast.literal_eval(line.value) for line in tree(CODE[0]).body}
    assert given == {"norm": "l2", "epsilon": 0.2, "radius": 0.1, "steps": 150}
    assert given.keys() <= names_in(ast.Load)
    assert not given.keys() & names_in(ast.Store)


@pytest.mark.parametrize(
    "wrong, error",
    [
        ({"norm": "l7"}, ValueError),
        ({"epsilon": "0.2"}, TypeError),
        ({"steps": 3}, ValueError),
        ({"radius": None}, TypeError),
        ({"epsilom": 0.1}, NameError),
    ],
)
def test_a_wrong_parameter_fails_at_once_with_its_name(wrong, error):
    injected = "# Parameters\n" + "\n".join(f"{name} = {value!r}" for name, value in wrong.items())
    namespace: dict = {"In": [injected]}
    exec(compile(tree(CODE[0]), PATH.name, "exec"), namespace)
    with pytest.raises(error, match=next(iter(wrong))):
        exec(compile(tree(CODE[1]), PATH.name, "exec"), namespace | wrong)


def test_the_solutions_solve_the_exercises():
    names: dict = {"torch": torch}
    solutions = re.findall(r"<summary>Solution</summary>.*?```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(solutions) == 3
    for solution in solutions:
        exec(solution, names)
    for report in (
        check.hand_step(names["my_step"]),
        check.flow(names["my_gradient"]),
        check.robust_logistic(names["my_robust_loss"]),
    ):
        assert report, report


def test_the_exercises_are_unsolved_in_the_file():
    reports = [o.data["text/plain"] for c in CODE for o in c.outputs if "data" in o and "check." in c.source]
    assert sum("not yet" in report for report in reports) == len(reports) == 7


def test_every_figure_has_a_text_that_stands_in_for_it():
    pictures = [o for c in CODE for o in c.outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == 5
    assert all(len(o.metadata["image/png"]["alt"]) > 60 for o in pictures)
    sliders = [o for o in pictures if "application/vnd.plotly.v1+json" in o.data]
    assert len(sliders) >= 1, "a figure with a slider of its own"


def test_the_loop_of_the_notebook_is_the_one_of_the_library():
    """Ten lines, and after some steps the same weights as `descend` with `Robust(U)`."""
    from rolab.data import mnist
    from rolab.nets import ConvNet
    from rolab.objectives import Robust
    from rolab.sets import Ball
    from rolab.training import descend

    (cell,) = (c for c in CODE if c.source.startswith("def algorithm_1"))
    names: dict = {}
    exec(compile(tree(CODE[2]), PATH.name, "exec"), names)
    exec(compile(tree(cell), PATH.name, "exec"), names)
    digits, U = mnist("test")[:300], Ball("linf", 0.1)
    torch.manual_seed(0)
    ours, theirs = ConvNet(), ConvNet()
    theirs.load_state_dict(ours.state_dict())
    names["algorithm_1"](ours, digits, U, steps=3)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        rows = torch.randint(len(digits), (100,), generator=generator)
        descend(theirs, digits.images[rows], digits.labels[rows], Robust(U), optimizer)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-5)
    assert len(cell.source.splitlines()) <= 13
