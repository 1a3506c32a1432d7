#!/usr/bin/env python3
"""Keep the notebooks run and their files clean.

    notebooks.py run [NOTEBOOK ...]     execute from top to bottom in a fresh kernel, then clean
    notebooks.py clean [NOTEBOOK ...]   clean only: for a notebook that JupyterLab saved
    notebooks.py check [NOTEBOOK ...]   say what is not clean and exit with 1

Without names, all of notebooks/. A clean file keeps its outputs, so that it reads well without a kernel, and
has no times, no widget state and no paths of the machine it was run on. Its cells are numbered 1, 2, 3, … as
a run from top to bottom numbers them (without numbers nbval refuses the outputs).
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from rolab.storage import write

FOLDER = Path(__file__).parents[1] / "notebooks"
LARGEST = 1_000_000  # bytes
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# What the course uses: papermill's and nbval's tags, folded sources; and what slides and a grader need.
CELL_METADATA = ("tags", "jupyter", "slideshow", "nbgrader")
WIDGET = "application/vnd.jupyter.widget-view+json"
LOCAL_PATH = re.compile(r"(?<![\w+/=.:])(?:/(?:home|root|Users|tmp|work|content)/|[A-Z]:\\Users\\)[\w.\\/-]*")


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("command", choices=["run", "clean", "check"])
    parser.add_argument("notebooks", nargs="*", type=Path)
    arguments = parser.parse_args()
    failed = False
    for path in arguments.notebooks or sorted(FOLDER.glob("*.ipynb")):
        if arguments.command != "check":
            print(f"{path.name} …", flush=True)
        problems = check(path) if arguments.command == "check" else update(path, arguments.command == "run")
        for problem in problems:
            print(f"{path.name}: {problem}", file=sys.stderr)
            failed = True
    return int(failed)


def update(path: Path, execute: bool) -> Iterator[str]:
    """Execute the notebook if asked to, clean it and write it back; yields what is still wrong with it."""
    notebook = nbformat.read(path, as_version=4)
    if execute:
        here = {"metadata": {"path": path.resolve().parent}}
        client = NotebookClient(notebook, kernel_name="python3", resources=here, coalesce_streams=True)
        try:
            client.execute()
        except CellExecutionError as error:
            yield f"stopped, and left as it was, by {error.ename}: {error.evalue}\n{error.traceback}"
            return
    clean(notebook)
    write(path, text(notebook).encode())
    yield from check(path)


def clean(notebook: NotebookNode) -> None:
    """Take out, in place, what changes from run to run or only means something while a kernel lives."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = {key: cell.metadata[key] for key in CELL_METADATA if key in cell.metadata}
        if cell.cell_type == "code":
            cell.outputs = [
                output for output in cell.outputs if not (without_fallback(output) or empty(output))
            ]
            for output in cell.outputs:
                output.get("data", {}).pop(WIDGET, None)


def without_fallback(output: NotebookNode) -> bool:
    """Whether an output shows only a live widget, of which the text `HBox(…)` is left without a kernel."""
    return WIDGET in output.get("data", {}) and output.data.keys() <= {WIDGET, "text/plain"}


def empty(output: NotebookNode) -> bool:
    """Whether an output only keeps the place of one that comes with a reader's answer."""
    return output.get("data", {}) == {"text/plain": ""}


def check(path: Path) -> Iterator[str]:
    """What is wrong with the file, a sentence each."""
    content = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(content, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        yield "was not run from top to bottom in a fresh kernel: scripts/notebooks.py run"
    for number, cell in enumerate(code, 1):
        if any(output.output_type == "error" for output in cell.outputs):
            yield f"code cell {number} ends in an error"
        if paths := sorted({found.group() for found in LOCAL_PATH.finditer(shown(cell))}):
            yield f"code cell {number} shows a path of this machine: {', '.join(paths)}"
    size = len(content.encode())
    if size > LARGEST:
        yield f"has {size:,} bytes, which is over {LARGEST:,}: draw smaller figures"
    clean(notebook)
    if text(notebook) != content:
        yield "is not clean: scripts/notebooks.py clean"


def shown(cell: NotebookNode) -> str:
    """A code cell's source and the text of its outputs, images left out."""
    parts = [cell.source]
    for output in cell.outputs:
        parts.append(output.get("text", ""))
        parts += [str(data) for kind, data in output.get("data", {}).items() if not kind.startswith("image/")]
    return "\n".join(parts)


def text(notebook: NotebookNode) -> str:
    """The file's text, laid out as JupyterLab does."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


if __name__ == "__main__":
    sys.exit(main())
