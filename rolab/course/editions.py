"""Editions of the notebooks for a class: without the solutions, or with them in the cells of the exercises.

    rolab course --edition student --out class      # no solutions, no outputs: a kernel brings them
    rolab course --edition solutions --run --out teacher

An exercise is a text with a folded Solution, and below it code cells in which its names are stubs. In the
student's edition the fold is gone, and so are all outputs: those of the predictions tell what came out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rolab.storage import write

FOLD = re.compile(r"\n*<details>\s*<summary>Solution</summary>(.*?)</details>[ \t]*", re.DOTALL)
CODE = re.compile(r"```python\n(.*?)```\s*", re.DOTALL)
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"  # of nbgrader
BLOCK = (ast.FunctionDef, ast.ClassDef)
STUB = {"python": "..."}  # what nbgrader is to put there: `c.ClearSolutions.code_stub`


def write_edition(
    edition: str, notebooks: Path, out: Path, *, run: bool = False, nbgrader: bool = False
) -> list[Path]:
    """Writes an edition of every notebook of a folder into another one, and returns their paths.

    Args:
        edition: "student" or "solutions"
        notebooks: the folder with the notebooks of the course
        out: the folder to write to, which must not have them yet
        run: whether they are run from top to bottom
        nbgrader: whether an exercise becomes a cell for the answer and one that is worth a point, from which
            nbgrader makes the students' notebooks itself; for the edition with solutions

    Raises:
        ValueError: an argument is none of those above, a notebook is there already, or stops with an error.
        RecordError: the folder cannot be written.
    """
    if edition not in EDITIONS:
        raise ValueError(f"edition: expected one of {', '.join(EDITIONS)}, got {edition!r}")
    if nbgrader and edition != "solutions":
        raise ValueError("nbgrader: expected the edition solutions, from which nbgrader makes the students'")
    found = sorted(notebooks.glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise ValueError(f"notebooks: expected a folder with the course's notebooks, got {notebooks}")
    if there := [path.name for path in found if (out / path.name).exists()]:
        raise ValueError(f"out: expected a folder without them, got {out}, which has {', '.join(there)}")
    import nbformat

    written = []
    for path in found:
        notebook = nbformat.read(path, as_version=4)
        try:
            EDITIONS[edition](notebook)
            if nbgrader:
                notebook.cells = [part for cell in notebook.cells for part in graded(cell)]
            if run:
                execute(notebook)
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error
        written.append(out / path.name)
        write(written[-1], (nbformat.writes(notebook).rstrip("\n") + "\n").encode())
    return written


def student(notebook: Any) -> None:
    """Takes out the solutions, and all outputs."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = FOLD.sub("", cell.source).rstrip()
        else:
            clear(cell)


def solutions(notebook: Any) -> None:
    """Takes the code out of the folded solutions and writes it over the stubs; what else they say stays.

    Raises:
        ValueError: there is no cell with a stub for a solution.
    """
    waiting: dict[str, str] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            if FOLD.search(cell.source):
                _none_left(waiting)
                waiting = solved(cell.source)
                cell.source = FOLD.sub(_without_code, cell.source).rstrip()
        elif waiting and (names := _names(cell.source).keys() & waiting.keys()):
            cell.source = fill(cell.source, {name: waiting.pop(name) for name in names})
            clear(cell)
    _none_left(waiting)


EDITIONS: Mapping[str, Callable[[Any], None]] = {"student": student, "solutions": solutions}


def _none_left(waiting: Mapping[str, str]) -> None:
    if waiting:
        raise ValueError(
            f"expected a cell with a stub below each solution, found none of {', '.join(waiting)}"
        )


def _without_code(fold: re.Match[str]) -> str:
    said = CODE.sub("", fold[1]).strip()
    return f"\n\n<details><summary>Solution</summary>\n\n{said}\n</details>" if said else ""


def clear(cell: Any) -> None:
    """Removes a code cell's outputs."""
    if cell.cell_type == "code":
        cell.outputs, cell.execution_count = [], None


def solved(markdown: str) -> dict[str, str]:
    """The code of the folded solution of an exercise: name → its definition, with what stands before it."""
    found = {}
    for block in CODE.findall("".join(fold[1] for fold in FOLD.finditer(markdown))):
        lines, start = block.splitlines(), 0
        for name, node in _names(block).items():
            found[name] = "\n".join(lines[start : node.end_lineno]).strip("\n")
            start = node.end_lineno or 0
    return found


def _names(source: str) -> dict[str, ast.stmt]:
    """What a cell defines at its top as the reader's: `my_…`, a function or a variable, or a class `Mine`."""
    found: dict[str, ast.stmt] = {}
    try:
        statements = ast.parse(source).body
    except SyntaxError:  # a cell with %magic
        return found
    for node in statements:
        for target in node.targets if isinstance(node, ast.Assign) else [node]:
            name = getattr(target, "name", getattr(target, "id", ""))
            if name.lower().startswith(("my_", "mine")):
                found[name] = node
    return found


def fill(source: str, code: Mapping[str, str]) -> str:
    """The source of a cell with these definitions in place of its stubs, whose docstrings stay."""
    lines = source.splitlines()
    for name, stub in reversed(_names(source).items()):
        if name in code:
            text = code[name]
            if isinstance(stub, BLOCK) and ast.get_docstring(stub):
                body, said = _body(text, name), stub.body[0]
                given = text.splitlines()
                text = "\n".join([*given[:body], *lines[said.lineno - 1 : said.end_lineno], *given[body:]])
            lines[stub.lineno - 1 : stub.end_lineno] = text.splitlines()
    return "\n".join(lines)


def _body(source: str, name: str) -> int:
    """The line, counted from 0, at which the body of a definition begins, after its docstring."""
    block = _names(source)[name]
    assert isinstance(block, BLOCK)
    first = block.body[0]
    return first.end_lineno or 0 if ast.get_docstring(block) else first.lineno - 1


def graded(cell: Any) -> Iterator[Any]:
    """An exercise's cell as the two that nbgrader wants; any other cell as it is."""
    import nbformat

    names = _names(cell.source) if cell.cell_type == "code" else {}
    statements = ast.parse(cell.source).body if names else []
    checks = [(node, call) for node in statements if (call := _check(node))]
    if not checks:
        yield cell
        return
    (first, check), *_ = checks
    answer = cell.source.splitlines()[: first.lineno - 1]
    for name, node in reversed(names.items()):
        end = node.end_lineno or 0
        if isinstance(node, BLOCK):
            start, indent, before = _body(cell.source, name), "    ", []
        else:
            start, indent, before = node.lineno - 1, "", [f"{name} = ..."]
        answer[start:end] = [*before, indent + BEGIN, *answer[start:end], indent + END]
    title = "-".join(names)
    # A number at the end of a cell is nbgrader's points; a cell that raised would stop the notebook.
    points = f"verdict = {check}\nprint(verdict)\nint(bool(verdict))"
    facts = {"schema_version": 3, "task": False}
    cell.source = "\n".join(answer).rstrip()
    cell.metadata["nbgrader"] = facts | {
        "grade_id": title, "solution": True, "grade": False, "locked": False,
    }  # fmt: skip
    clear(cell)
    yield cell
    test = facts | {
        "grade_id": f"{title}-check",
        "solution": False,
        "grade": True,
        "locked": True,
        "points": 1,
    }
    yield nbformat.v4.new_code_cell(points, metadata={"nbgrader": test})


def _check(statement: ast.stmt) -> str:
    """The call of a checker in a statement; "" where there is none."""
    calls = (ast.unparse(node) for node in ast.walk(statement) if isinstance(node, ast.Call))
    return next((call for call in calls if call.startswith("check.")), "")


def execute(notebook: Any) -> None:
    """Runs it from top to bottom in a fresh kernel.

    Raises:
        ValueError: a cell raised an error.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    try:
        NotebookClient(notebook, kernel_name="python3", coalesce_streams=True).execute()
    except CellExecutionError as error:
        raise ValueError(f"stopped by {error.ename}: {error.evalue}") from error
    notebook.metadata.pop("widgets", None)
