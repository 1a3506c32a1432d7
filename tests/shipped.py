"""A notebook as it is shipped: what its tests read in it, and what they run of it."""

import ast
import re
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

FOLDER = Path(__file__).parents[1] / "notebooks"
PLAIN = TransformerManager()  # takes %magic out


class Fold(NamedTuple):
    """A prediction's fold in a file."""

    question: str
    truth: str  # what came out, HTML
    html: str  # the whole


class Shipped:
    """The notebook whose name begins so: its file, its cells and texts."""

    def __init__(self, beginning: str) -> None:
        (self.path,) = FOLDER.glob(f"{beginning}*.ipynb")
        self.notebook = nbformat.read(self.path, as_version=4)
        self.code = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        self.source = "\n".join(cell.source for cell in self.code)
        self.text = "\n\n".join(cell.source for cell in self.notebook.cells if cell.cell_type == "markdown")
        self.outputs = [output for cell in self.code for output in cell.outputs]

    def tree(self, cell) -> ast.Module:
        """The statements of a cell."""
        return ast.parse(PLAIN.transform_cell(cell.source))

    def run(self, cell, namespace: dict) -> dict:
        """Runs a cell, or the one that begins so, in a namespace, and returns it."""
        cell = self.cell(cell) if isinstance(cell, str) else cell
        exec(compile(self.tree(cell), self.path.name, "exec"), namespace)
        return namespace

    def cell(self, beginning: str):
        """The one code cell that begins so."""
        (cell,) = (cell for cell in self.code if cell.source.startswith(beginning))
        return cell

    def names(self, context: type[ast.expr_context]) -> set[str]:
        """The names that the cells after the parameters read (ast.Load) or set (ast.Store)."""
        nodes = [node for cell in self.code[1:] for node in ast.walk(self.tree(cell))]
        own = {  # the variable of a comprehension is nobody else's
            name for node in nodes if isinstance(node, ast.comprehension) for name in ast.walk(node.target)
        }
        found = [node for node in nodes if isinstance(node, ast.Name) and node not in own]
        return {node.id for node in found if isinstance(node.ctx, context)}

    def parameters(self) -> dict[str, Any]:
        """The parameters and their values, which are plain."""
        assert self.code[0].metadata["tags"] == ["parameters"]
        return {line.targets[0].id: ast.literal_eval(line.value) for line in self.tree(self.code[0]).body}

    def start(self, cells: int, **parameters: Any) -> dict:
        """Runs the first cells after the parameters, some of which papermill has set."""
        injected = "# Parameters\n" + "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
        namespace = self.run(self.code[0], {"In": ["", self.code[0].source, injected]}) | parameters
        for cell in self.code[1 : 1 + cells]:
            self.run(cell, namespace)
        return namespace

    def execute(self, tmp_path: Path, prelude: str = "", **parameters: Any) -> nbformat.NotebookNode:
        """Runs the whole by papermill, a cell before it if there is one, and returns it with its outputs."""
        import papermill

        notebook = nbformat.from_dict(self.notebook)
        if prelude:
            notebook.cells.insert(0, nbformat.v4.new_code_cell(prelude))
        given, done = tmp_path / "given.ipynb", tmp_path / "done.ipynb"
        nbformat.write(notebook, given)
        papermill.execute_notebook(
            given, done, parameters, kernel_name="python3", progress_bar=False, cwd=tmp_path
        )
        return nbformat.read(done, as_version=4)

    @property
    def pictures(self) -> list:
        """The outputs with a picture."""
        return [o for o in self.outputs if 'class="rolab-figure"' in o.get("data", {}).get("text/html", "")]

    @property
    def sliding(self) -> list:
        """The pictures with a slider of their own, which need no kernel."""
        return [output for output in self.pictures if "<script" in output.data["text/html"]]

    @property
    def folds(self) -> list[Fold]:
        """What the predictions reveal."""
        asked = r"<summary>Folded until you have predicted: (.*?)</summary>"
        told = r"((?:<p>It is .*?</p>|<table>.*?</table>)?).*?</details>"
        found = re.finditer(f'<details class="rolab-fold">{asked}{told}', self.shown(), re.DOTALL)
        return [Fold(fold[1], fold[2], fold[0]) for fold in found]

    @property
    def predictions(self) -> list[tuple[str, str]]:
        """Question after question, "asked" where its fields are and "revealed" where its fold is."""
        words = {"Your prediction": "asked", "Folded": "revealed"}
        found = []
        for output in self.outputs:
            kind, _, question = output.get("data", {}).get("text/plain", "").partition(": ")
            if kind in words:
                found.append((question.splitlines()[0], words[kind]))
        return found

    @property
    def solutions(self) -> list[str]:
        """The folded solutions of the exercises."""
        return re.findall(r"<summary>Solution</summary>.*?```python\n(.*?)```", self.text, re.DOTALL)

    def verdicts(self, **names: Any) -> dict[str, Any]:
        """Checker → what it says of the folded solution; they are run in their order, with these names."""
        from rolab.course import check

        for solution in self.solutions:
            exec(solution, names)
        asked = re.findall(r"^(?:\w+ = )?check\.(\w+)\((my_\w+|Mine\(\))\)$", self.source, re.M)
        return {checker: getattr(check, checker)(eval(answer, names)) for checker, answer in asked}

    @property
    def reports(self) -> list[str]:
        """What the checkers said of the answers in the file."""
        from rolab.course import check

        said = [
            output.data.get("text/plain", "")
            for cell in self.code
            for output in cell.outputs
            if "data" in output and "check." in cell.source
        ]
        return [text for text in said if text[:1] in (check.SOLVED, check.VIOLATED, check.NOT_YET)]

    def unfolded(self) -> str:
        """All text that is seen before anything is unfolded: of cells, and of what is shown."""
        text = "\n".join((self.text, self.source, self.shown()))
        hidden = r'<details[ >].*?</details>|<script.*?</script>|base64,[^"]*'
        return re.sub(hidden, "", text, flags=re.DOTALL)

    def shown(self) -> str:
        """The text of all outputs."""
        return text_of(self.notebook)


def text_of(notebook) -> str:
    """The text of all outputs of a notebook: what is printed, tables, pictures' texts."""
    parts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            parts.append(output.get("text", ""))
            parts += [data for kind, data in output.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join(parts)
