"""Notebook 08: its parameters, what it shows, its exercises, and a run that trains.

`test_verdicts` and `test_rivals` test its sentences about any results. nbval runs the notebook itself.
"""

import ast
import json
import re
from dataclasses import asdict
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from rolab import check, experiments, results, rivals, verdicts
from rolab.experiments import NETS, cifar10_experiment

PATH = Path(__file__).parents[1] / "notebooks" / "08_cifar10_reproduction.ipynb"
NOTEBOOK = nbformat.read(PATH, as_version=4)
CODE = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]
TEXT = "\n\n".join(cell.source for cell in NOTEBOOK.cells if cell.cell_type == "markdown")
PLAIN = TransformerManager()


def tree(cell):
    return ast.parse(PLAIN.transform_cell(cell.source))


def names_in(context):
    nodes = [node for cell in CODE[1:] for node in ast.walk(tree(cell))]
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


def text_of(notebook):
    parts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            parts.append(output.get("text", ""))
            parts += [data for kind, data in output.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join(parts)


# The parameters


def test_every_parameter_is_a_plain_value_and_used_and_never_changed():
    (cell,) = (cell for cell in CODE if "parameters" in cell.metadata.get("tags", []))
    assert cell is CODE[0]
    given = {line.targets[0].id: ast.literal_eval(line.value) for line in tree(cell).body}
    assert given == {"preset": "shipped", "seeds": [], "device": "auto", "out": ""}
    assert given.keys() <= names_in(ast.Load)
    assert not given.keys() & names_in(ast.Store)


@pytest.mark.parametrize(
    "wrong, named",
    [
        ({"preset": "quick"}, "parameter preset is 'quick', expected one of 'shipped', 'fast'"),
        ({"preset": "fast", "seeds": 0}, "parameter seeds is 0"),
        ({"preset": "fast", "seeds": [1, 1]}, "seeds is (1, 1)"),
        ({"preset": "fast", "device": "tpu9"}, "device is 'tpu9'"),
        ({"preset": "fast", "out": 3}, "parameter out is 3"),
        ({"seeds": [1]}, "parameter seeds is [1], which is for a preset that trains"),
        ({"out": "runs/x"}, "parameter out is 'runs/x', which is for a preset that trains"),
        ({"preset": "fast", "outt": "runs/x"}, "unknown parameter outt"),
    ],
)
def test_a_wrong_parameter_fails_at_once_with_its_name(wrong, named):
    injected = "# Parameters\n" + "\n".join(f"{name} = {value!r}" for name, value in wrong.items())
    namespace = {"In": ["", CODE[0].source, injected]}
    exec(compile(tree(CODE[0]), PATH.name, "exec"), namespace)
    namespace |= wrong
    with pytest.raises((ValueError, TypeError, NameError), match=re.escape(named)):
        for cell in CODE[1:3]:
            exec(compile(tree(cell), PATH.name, "exec"), namespace)


# A run that trains

TINY = """\
from dataclasses import replace

from rolab import experiments

full_size = experiments.cifar10_experiment


def tiny(preset, seeds=None):
    plan = full_size(preset, seeds)
    few = {"sizes": {"l1": 5, "l2": 6, "linf": 7}, "epsilons": (0.0, 0.005, 0.01), "scales": (1.0, 2.0)}
    return replace(plan, recipe=replace(plan.recipe, epochs=1), examples=300, **few)


experiments.cifar10_experiment = tiny
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # papermill's own
def test_it_trains_by_papermill_and_shows_its_own_results(tmp_path):
    """From start to end with four nets that have seen 300 photographs once."""
    import papermill

    notebook = nbformat.from_dict(NOTEBOOK)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(TINY))
    nbformat.write(notebook, tmp_path / "tiny.ipynb")
    out = tmp_path / "run"
    papermill.execute_notebook(
        tmp_path / "tiny.ipynb",
        tmp_path / "done.ipynb",
        {"preset": "fast", "seeds": [7], "device": "cpu", "out": str(out)},
        kernel_name="python3",
        progress_bar=False,
        cwd=tmp_path,
    )
    result = json.loads((out / "table2.json").read_text())
    assert result["seeds"] == [7] and [row["net"] for row in result["rows"]] == list(NETS)
    shown = text_of(nbformat.read(tmp_path / "done.ipynb", as_version=4))
    assert experiments.markdown(result).strip() in shown
    assert "the seeds [7]; the networks at hand are those of seed 7" in shown
    assert "This run has no baseline with more epochs" in shown
    assert "This run has no nets with flips and shifts" in shown


# What is shipped belongs together


def test_the_shipped_results_are_those_of_the_plan_that_the_notebook_shows():
    result = results.load("cifar10")
    plan = cifar10_experiment(result["preset"], tuple(result["seeds"]))
    assert result["recipe"] | {"precision": None} == asdict(plan.recipe) | {"precision": None}
    radii = {row["net"]: row["radius"] for row in result["rows"]}
    assert radii == {net: plan.radius(net) for net in radii} and radii.keys() >= set(NETS)
    assert result["collection"]["sizes"] == plan.sizes


def test_the_shipped_notebook_says_what_the_shipped_results_say():
    result, mnist, shown = results.load("cifar10"), results.load("mnist"), text_of(NOTEBOOK)
    ratio = results.load("benchmarks")["cifar_robust_step"]["ratio"]
    for said in (
        verdicts.beside_the_paper(result),
        verdicts.small_steps(result),
        verdicts.against_luck(result),
        verdicts.as_radii_grow(result),
        verdicts.claims(mnist, result),
        rivals.others_on_A(result),
        rivals.same_time(result, ratio),
        rivals.beside_augmentation(result),
        rivals.orders(mnist, result),
        experiments.markdown(result),
    ):
        assert said.strip() in shown, f"run the notebook again: {said[:60]}"


def test_every_picture_has_a_text_and_no_widget_is_left():
    pictures = [o for cell in CODE for o in cell.outputs if "image/png" in o.get("data", {})]
    assert len(pictures) >= 5
    for picture in pictures:
        assert len(picture.metadata["image/png"]["alt"]) > 40
    assert sum("application/vnd.plotly.v1+json" in picture.data for picture in pictures) >= 2
    assert "widgets" not in NOTEBOOK.metadata


def test_the_exercises_are_unsolved_in_the_file_and_their_solutions_solve_them():
    reports = [o.data["text/plain"] for c in CODE for o in c.outputs if "data" in o and "check." in c.source]
    asked = 5 + (results.load("cifar10")["collection"]["other_baselines"] is not None)
    assert sum("not yet" in report for report in reports) == len(reports) == asked
    names: dict = {}
    solutions = re.findall(r"<summary>Solution</summary>.*?```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(solutions) == 3
    for solution in solutions:
        exec(solution, names)
    for report in (
        check.swaps(names["my_swaps"]),
        check.lead_error(names["my_lead_error"]),
        check.saved(names["my_saved"]),
    ):
        assert report, report
