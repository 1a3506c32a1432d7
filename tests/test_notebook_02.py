"""Notebook 02: its parameters, solutions, figures and sentences. nbval runs the notebook itself."""

import ast
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from rolab import check

PATH = Path(__file__).parents[1] / "notebooks" / "02_robustness_is_regularisation.ipynb"
NOTEBOOK = nbformat.read(PATH, as_version=4)
CODE = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]
TEXT = "\n\n".join(cell.source for cell in NOTEBOOK.cells if cell.cell_type == "markdown")
PLAIN = TransformerManager()


def tree(cell):
    return ast.parse(PLAIN.transform_cell(cell.source))


def names_in(context):
    nodes = [node for cell in CODE[1:] for node in ast.walk(tree(cell))]
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


def printed():
    """All that the code cells show as text, pictures' texts and tables included."""
    shown = [output.get("text", "") for cell in CODE for output in cell.outputs]
    shown += [str(output.get("data", {}).get("text/plain", "")) for cell in CODE for output in cell.outputs]
    return "\n".join(shown)


def test_every_parameter_is_a_plain_value_and_used_and_never_changed():
    assert CODE[0].metadata["tags"] == ["parameters"]
    given = {line.targets[0].id: ast.literal_eval(line.value) for line in tree(CODE[0]).body}
    assert given == {"seed": 2, "gamma": 3.0, "rho": 1.6, "epsilon": 0.4}
    assert given.keys() <= names_in(ast.Load)
    assert not given.keys() & names_in(ast.Store)


def test_the_solutions_solve_the_exercises_and_the_stubs_do_not():
    solutions = re.findall(r"<summary>Solution</summary>\s+```python\n(.*?)```", TEXT, re.DOTALL)
    names = {"np": np, "norm": np.linalg.norm}
    for solution in solutions:
        exec(solution, names)
    pairs = re.findall(
        r"^check\.(worst_\w+|ridge_penalty)\((my_\w+)\)$", "\n".join(c.source for c in CODE), re.M
    )
    assert len(solutions) == len(pairs) == 3 == TEXT.count("<summary>Hint</summary>")
    for checker, mine in pairs:
        report = getattr(check, checker)(names[mine])
        assert report, report
    assert printed().count("not yet") == 3 + len(re.findall(r"= \.\.\.", "\n".join(c.source for c in CODE)))


def test_every_idea_is_predicted_tried_checked_and_explained():
    sections = re.split(r"^## (?=\d)", TEXT.split("## Exercises")[0], flags=re.M)[1:]
    assert [section[0] for section in sections] == ["1", "2", "3", "4", "5"]
    for section in sections:
        assert "**Predict.**" in section and "**Explain.**" in section
    assert TEXT.count("**Interact.**") == 4
    for equation in ("(7)", "(8)", "(9)", "(11)"):
        assert equation in TEXT


def test_every_picture_has_a_text_and_no_widget_is_left():
    pictures = [o for cell in CODE for o in cell.outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == 6
    for picture in pictures:
        assert len(picture.metadata["image/png"]["alt"]) > 80
    assert sum("application/vnd.plotly.v1+json" in picture.data for picture in pictures) == 4
    assert "widgets" not in NOTEBOOK.metadata


def test_no_output_widget_is_used():
    """What prints into one makes nbclient and papermill hang now and then."""
    assert not re.search(r"\binteract\w*\(|\bOutput\(", "\n".join(cell.source for cell in CODE))


def test_ten_digits_agree():
    (table,) = (text for text in printed().split("\n\n") if "found by ascent     ‖r‖" in text)
    rows = re.findall(r"(\d+\.\d{10}) +(\d+\.\d{10})", table)
    assert len(rows) == 6
    for ascent, formula in rows:
        assert ascent == formula


@pytest.mark.parametrize("link", re.findall(r"\]\((\d\d_\w+\.ipynb)\)", TEXT))
def test_the_neighbours_are_there(link):
    assert (PATH.parent / link).is_file()


def test_the_numbers_in_the_text_are_those_of_the_run():
    said = printed()
    corners, exact = re.findall(r"(?:the worst of 4096 corners|‖ \|r\| \+ δ‖x‖₁·1 ‖) +(\d+\.\d+)", said)
    regulariser = re.search(r"the regulariser ‖r‖ \+ δ√m‖x‖₁ +(\d+\.\d+)", said)
    assert corners == exact and float(exact) < 0.95 * float(regulariser[1])
    differ = re.search(r"Algorithm 1's δ and the exact worst δ differ by at most (\S+)", said)
    assert float(differ[1]) < 1e-9
    growing = [float(row.split()[-1]) for row in re.findall(r"^ *(?:0\.5|2|8)(?: +[\d.]+){6}$", said, re.M)]
    assert growing == sorted(growing) and len(growing) == 3, "‖w‖ grows with ε for this draw"
