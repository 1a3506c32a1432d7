"""Editions for a class: the student's tells no solution, the solved one solves, and nbgrader can grade it."""

import ast
import re

import nbformat
import pytest
from shipped import FOLDER, Shipped

from rolab import cli
from rolab.course import editions

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

TEXT = """**Exercise 1.** Add, and say what was added.

<details><summary>Hint</summary>

A plus.
</details>
<details><summary>Solution</summary>

Plus is a function too.

```python
import operator


def my_sum(a, b):
    return operator.add(a, b)


my_sign = "+"
```
</details>"""
SUM = 'def my_sum(\n    a, b\n):\n    """The sum."""\n    raise NotImplementedError\n\n\ncheck.total(my_sum)'
SIGN = "my_sign = ...\n\ncheck.sign(my_sign)"
SETUP = """%config InlineBackend.figure_format = "svg"
from types import SimpleNamespace
def said(answer, right):
    try:
        return right(answer)
    except NotImplementedError:
        return False
check = SimpleNamespace(
    total=lambda f: said(f, lambda f: f(1, 2) == 3), sign=lambda s: said(s, lambda s: s == "+")
)"""


@pytest.fixture
def folder(tmp_path):
    """A folder with one small notebook, which was run."""
    code = [nbformat.v4.new_code_cell(source) for source in (SETUP, SUM, SIGN)]
    for count, cell in enumerate(code, 1):
        cell.outputs = [nbformat.v4.new_output("stream", text="not yet, it is 41.75")]
        cell.execution_count, cell.metadata["tags"] = count, ["kept"]
    cells = [code[0], nbformat.v4.new_markdown_cell(TEXT), *code[1:]]
    (tmp_path / "course").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "course" / "03_small.ipynb")
    return tmp_path / "course"


def made(edition, folder, **how):
    (path,) = editions.write_edition(edition, folder, folder.parent / edition, **how)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook.cells


def test_the_students_edition_has_neither_solutions_nor_outputs(folder):
    setup, text, total, sign = made("student", folder)
    assert "Solution" not in text.source and "operator" not in text.source and "A plus." in text.source
    assert (setup.source, total.source, sign.source) == (SETUP, SUM, SIGN)
    for cell in (setup, total, sign):
        assert cell.outputs == [] and cell.execution_count is None and cell.metadata.tags == ["kept"]


def test_the_solutions_stand_over_the_stubs(folder):
    setup, text, total, sign = made("solutions", folder)
    assert "Plus is a function too." in text.source and "```" not in text.source
    assert ast.get_docstring(ast.parse(total.source).body[1]) == "The sum."
    assert total.source.startswith("import operator\n") and total.source.endswith("\ncheck.total(my_sum)")
    assert "return operator.add(a, b)" in total.source and "NotImplementedError" not in total.source
    assert sign.source == 'my_sign = "+"\n\ncheck.sign(my_sign)'
    assert not total.outputs and not sign.outputs and setup.outputs


@pytest.mark.slow
def test_the_solutions_can_be_run(folder):
    _, _, total, sign = made("solutions", folder, run=True)
    assert [cell.outputs[-1].data["text/plain"] for cell in (total, sign)] == ["True", "True"]


@pytest.mark.slow
def test_a_notebook_that_fails_is_named_and_not_written(folder):
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")]), folder / "04_bad.ipynb"
    )
    with pytest.raises(ValueError, match="^04_bad.ipynb: stopped by ZeroDivisionError: division by zero$"):
        made("student", folder, run=True)
    assert not (folder.parent / "student" / "04_bad.ipynb").exists()


def test_for_nbgrader_an_exercise_is_an_answer_and_a_point(folder):
    setup, _, total, total_check, sign, sign_check = made("solutions", folder, nbgrader=True)
    assert "nbgrader" not in setup.metadata
    for answer, check in ((total, total_check), (sign, sign_check)):
        rules = answer.metadata.nbgrader, check.metadata.nbgrader
        assert [rule.solution for rule in rules] == [rule.grade is False for rule in rules] == [True, False]
        assert check.metadata.nbgrader.points == 1 and check.metadata.nbgrader.locked
        before, secret = answer.source.split(editions.BEGIN)
        secret, after = secret.split(editions.END)
        assert "check." not in answer.source and ("add(a, b)" in secret or '"+"' in secret)
        ast.parse(before + editions.STUB["python"] + after)  # as nbgrader hands it out
    ids = [cell.metadata.nbgrader.grade_id for cell in (total, total_check, sign, sign_check)]
    assert len(set(ids)) == 4


def test_what_nbgrader_hands_out_is_unsolved_and_graded_as_such(folder, tmp_path):
    """Its own preprocessor, its own way to count points."""
    nbgrader = pytest.importorskip("nbgrader.preprocessors", reason="pip install nbgrader")
    from nbgrader.utils import determine_grade

    made("solutions", folder, nbgrader=True)
    for solved in (True, False):
        notebook = nbformat.read(folder.parent / "solutions" / "03_small.ipynb", as_version=4)
        if not solved:
            cleared = nbgrader.ClearSolutions(code_stub=editions.STUB)
            notebook, _ = cleared.preprocess(notebook, {})
            assert "operator.add" not in str(notebook)
        editions.execute(notebook)
        checks = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]
        assert [determine_grade(cell) for cell in checks] == [(float(solved), 1.0)] * 2


def test_bad_input_costs_a_sentence(folder, monkeypatch):
    out = folder.parent / "new"
    with pytest.raises(ValueError, match="edition: expected one of student, solutions, got 'teacher'"):
        editions.write_edition("teacher", folder, out)
    with pytest.raises(ValueError, match="nbgrader: expected the edition solutions"):
        editions.write_edition("student", folder, out, nbgrader=True)
    with pytest.raises(ValueError, match="out: expected a folder without them, got .* has 03_small.ipynb"):
        editions.write_edition("student", folder, folder)
    with pytest.raises(ValueError, match="notebooks: expected a folder with the course's notebooks"):
        editions.write_edition("student", folder.parent, out)
    notebook = nbformat.read(folder / "03_small.ipynb", as_version=4)
    del notebook.cells[-1]
    nbformat.write(notebook, folder / "03_small.ipynb")
    with pytest.raises(ValueError, match="03_small.ipynb: .* found none of my_sign"):
        editions.write_edition("solutions", folder, out)
    assert not out.exists()


def test_the_command_writes_them(folder, monkeypatch, capsys):
    out = folder.parent / "class"
    arguments = ["rolab", "course", "--edition", "student", "--out", str(out), "--from", str(folder)]
    monkeypatch.setattr("sys.argv", arguments)
    monkeypatch.setattr(cli, "_obey_signals", lambda: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0 and capsys.readouterr().out == f"{out / '03_small.ipynb'}\n"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_solution_of_the_course_finds_its_stub(path, tmp_path):
    shipped = Shipped(path.stem)
    code = "\n".join(shipped.solutions)
    names = set(re.findall(r"^(?:def |class )?(my_\w+|Mine)", code, re.MULTILINE))
    students, solved = nbformat.read(path, as_version=4), nbformat.read(path, as_version=4)
    editions.student(students)
    text = "\n".join(cell.source for cell in students.cells)
    assert "<summary>Solution" not in text and text.count("<summary>Hint") == shipped.text.count(
        "<summary>Hint"
    )
    assert not [block for block in shipped.solutions if block in text]
    editions.solutions(solved)
    cells = [cell.source for cell in solved.cells if cell.cell_type == "code"]
    for line in filter(None, code.splitlines()):
        assert any(line in source for source in cells), line
    checked = [
        source for source in cells if any(re.search(rf"check\.\w+\({name}\b", source) for name in names)
    ]
    assert len(checked) >= bool(names) and "NotImplementedError" not in "\n".join(checked)
    parts = [part for cell in solved.cells for part in editions.graded(cell)]
    points = [part for part in parts if part.metadata.get("nbgrader", {}).get("grade")]
    assert len(points) == len(names)
