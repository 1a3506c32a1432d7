"""Notebook 07: its parameters, its sentences about any results, its exercises, and a run that trains.

nbval runs the notebook itself, as it is shipped.
"""

import ast
import json
import math
import re
from dataclasses import asdict, replace
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager
from scipy.stats import t

from rolab import check, experiments, results, zoo
from rolab.experiments import NETS, NORMS, PAPER, mnist_experiment, table

PATH = Path(__file__).parents[1] / "notebooks" / "07_mnist_reproduction.ipynb"
NOTEBOOK = nbformat.read(PATH, as_version=4)
CODE = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]
PLAIN = TransformerManager()


def tagged(tag):
    return [cell for cell in CODE if tag in cell.metadata.get("tags", [])]


def tree(cell):
    return ast.parse(PLAIN.transform_cell(cell.source))


def run(cell, namespace):
    exec(compile(tree(cell), PATH.name, "exec"), namespace)
    return namespace


# The parameters


def names_in(context):
    nodes = [node for cell in CODE[1:] for node in ast.walk(tree(cell))]
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


def test_every_parameter_is_a_plain_value_and_used_and_never_changed():
    (cell,) = tagged("parameters")
    assert cell is CODE[0]
    given = {}
    for line in tree(cell).body:
        assert isinstance(line, ast.Assign)
        given[line.targets[0].id] = ast.literal_eval(line.value)
    assert given == {"preset": "shipped", "seeds": [], "device": "auto", "out": ""}
    assert given.keys() <= names_in(ast.Load)
    assert not given.keys() & names_in(ast.Store)


def start(**parameters):
    """What the cells before the first section make of the parameters."""
    injected = "# Parameters\n" + "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    namespace = run(CODE[0], {"In": ["", CODE[0].source, injected]}) | parameters
    for cell in CODE[1:3]:
        run(cell, namespace)
    return namespace


@pytest.mark.parametrize(
    "wrong, named",
    [
        ({"preset": "quick"}, "parameter preset is 'quick', expected one of 'shipped', 'fast'"),
        ({"preset": 1}, "parameter preset is 1"),
        ({"preset": "fast", "seeds": 0}, "parameter seeds is 0"),
        ({"preset": "fast", "seeds": "0,1"}, "parameter seeds is '0,1'"),
        ({"preset": "fast", "seeds": [0.5]}, "seeds is (0.5,)"),
        ({"preset": "fast", "seeds": [1, 1]}, "seeds is (1, 1)"),
        ({"preset": "fast", "device": "tpu9"}, "device is 'tpu9'"),
        ({"preset": "fast", "device": None}, "parameter device is None"),
        ({"preset": "fast", "out": 3}, "parameter out is 3"),
        ({"seeds": [1]}, "parameter seeds is [1], which is for a preset that trains"),
        ({"out": "runs/x"}, "parameter out is 'runs/x', which is for a preset that trains"),
        ({"preset": "fast", "outt": "runs/x"}, "unknown parameter outt"),
    ],
)
def test_a_wrong_parameter_fails_at_once_with_its_name(wrong, named):
    with pytest.raises((ValueError, TypeError, NameError), match=re.escape(named)):
        start(**wrong)


def test_the_parameters_make_the_plan(tmp_path):
    namespace = start(preset="fast", seeds=[3, 4], device="cpu", out=str(tmp_path))
    assert namespace["plan"] == mnist_experiment("fast", (3, 4))
    assert namespace["folder"] == tmp_path
    namespace = start(preset="paper")
    assert namespace["plan"] == mnist_experiment("paper") and namespace["folder"] == Path("runs/mnist-paper")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # papermill's own
def test_papermill_stops_before_anything_is_trained(tmp_path):
    import papermill

    with pytest.raises(papermill.PapermillExecutionError, match="parameter seeds is 0"):
        execute(PATH, tmp_path, preset="fast", seeds=0, out=str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def execute(path, tmp_path, **parameters):
    import papermill

    done = tmp_path / "done.ipynb"
    papermill.execute_notebook(
        path, done, parameters, kernel_name="python3", progress_bar=False, cwd=tmp_path
    )
    return nbformat.read(done, as_version=4)


# A run that trains

TINY = """\
from dataclasses import replace

from rolab import experiments

full_size = experiments.mnist_experiment


def tiny(preset, seeds=None):
    plan = full_size(preset, seeds)
    grids = {"l1": (1.0, 2.0, 4.0, 8.0), "l2": (0.3, 0.6, 1.2, 2.4), "linf": (0.03, 0.06, 0.12, 0.24)}
    small = replace(plan.recipe, epochs=1)
    return replace(plan, recipe=small, examples=2000, grids=grids, epsilons=(0.0, 0.1, 0.2))


experiments.mnist_experiment = tiny
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # papermill's own
def test_it_trains_by_papermill_and_shows_its_own_results(tmp_path):
    """From start to end with four small networks."""
    notebook = nbformat.from_dict(NOTEBOOK)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(TINY))
    nbformat.write(notebook, tmp_path / "tiny.ipynb")
    out = tmp_path / "run"
    done = execute(tmp_path / "tiny.ipynb", tmp_path, preset="fast", seeds=[7], device="cpu", out=str(out))
    result = json.loads((out / "table1.json").read_text())
    assert result["seeds"] == [7] and [row["net"] for row in result["rows"]] == list(NETS)
    shown = text_of(done)
    assert experiments.markdown(result).strip() in shown
    assert "the seeds [7]; the networks at hand are those of seed 7" in shown
    assert "One seed says nothing about the luck of training" in shown
    assert "1 seed of every network" in shown


def text_of(notebook):
    parts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            parts.append(output.get("text", ""))
            parts += [data for kind, data in output.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join(parts)


# The sentences: made from the results, so they have to be true of any


def made_up(test=None, on_A=None, disputed=None, scales=(1.0, 3.0), preset="full"):
    """Results as `experiments.table` writes them, from accuracies and disputed digits, a list a network."""
    test = test or {"baseline": [99.0], "robust-l1": [99.1], "robust-l2": [99.2], "robust-linf": [99.3]}
    on_A = on_A or {net: [20.0 * k] * len(test[net]) for k, net in enumerate(NETS)}
    seeds = tuple(range(len(test["baseline"])))
    records = []
    for seed in seeds:
        nets = {}
        for net in NETS:
            only_a, only_b = (disputed or {}).get(net, [(0, 0)] * len(seeds))[seed]
            values = [test[net][seed] - 10 * k for k in range(3)]
            nets[net] = {
                "test_accuracy": test[net][seed],
                "adversarial_accuracy": on_A[net][seed],
                "growth": [on_A[net][seed], on_A[net][seed] / 2],
                "sweep": values,
                "epochs": values[:1],
                "seconds": 1.0,
                "mcnemar": {"only_a": only_a, "only_b": only_b, "p": p(only_a, only_b)},
            }
        records.append({"size": 1203, "radii": {"l1": 2.5, "l2": 0.6162, "linf": 0.03}, "nets": nets})
    plan = replace(mnist_experiment(preset, seeds), scales=scales, epsilons=(0.0, 0.1, 0.2))
    return table(plan, records, {}, 1.0)


def p(a, b):
    return min(1.0, 2 * sum(math.comb(a + b, k) for k in range(min(a, b) + 1)) / 2 ** (a + b))


@pytest.fixture(scope="module")
def sentences():
    """The functions of the cells tagged `sentences`, without what those cells show."""
    namespace = {}
    for cell in [CODE[2], *tagged("sentences")]:
        kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef) + (ast.Assign,) * (cell is not CODE[2])
        body = [line for line in tree(cell).body if isinstance(line, kinds)]
        constants = [line for line in body if not isinstance(line, ast.Assign) or constant(line)]
        exec(compile(ast.Module(constants, []), PATH.name, "exec"), namespace)
    return namespace


def constant(line):
    return isinstance(line.value, ast.Constant) and line.targets[0].id.isupper()


def test_beside_the_paper(sentences):
    paper = {net: [PAPER["mnist"][net]["test_accuracy"]] for net in NETS}
    on_A = {net: [PAPER["mnist"][net]["adversarial_accuracy"]] for net in NETS}
    said = sentences["beside_the_paper"](made_up(paper, on_A))
    assert said.count("above the paper's number for none of the networks") == 2
    assert said.count("as in the paper") == 2
    better = {net: [values[0] + 0.3] for net, values in paper.items()}
    better["robust-l1"] = [99.4]
    on_A["robust-l2"], on_A["robust-linf"] = [82.004], [82.0]
    said = sentences["beside_the_paper"](made_up(better, on_A))
    assert "On the test digits our mean is above the paper's number for all 4 networks" in said
    assert "The order: baseline < robust ℓ1 < robust ℓ2 < robust ℓ∞, as in the paper" in said  # 99.39 99.40 …
    assert "On A our mean is above the paper's number for robust ℓ2, robust ℓ∞" in said
    assert "robust ℓ1 < robust ℓ2 = robust ℓ∞; robust ℓ1 < robust ℓ2 < robust ℓ∞ in the paper" in said


def test_standard_errors(sentences):
    said = sentences["standard_errors"](made_up())
    assert "robust ℓ1 +7, robust ℓ2 +19, robust ℓ∞ +24" in said
    assert "0.09 points, 9 images" in said and "had its own digits, is 13 images" in said
    assert said.endswith("- One seed says nothing about the luck of training.")
    several = {net: [99.0, 99.1, 99.2] for net in NETS}
    said = sentences["standard_errors"](made_up(several))
    assert "from 3 seeds: 99.00, 99.10, 99.20 %, a standard deviation of 10 images" in said


FIVE = {net: [99.0] * 5 for net in NETS}
DISPUTED = {
    "baseline": [(0, 0)] * 5,
    "robust-l1": [(20, 20), (19, 21), (21, 19), (20, 22), (22, 20)],  # 0, 2, -2, 2, -2
    "robust-l2": [(10, 30), (10, 31), (10, 32), (10, 33), (10, 34)],  # p from 0.002 down
    "robust-linf": [(30, 10), (20, 20), (20, 20), (20, 20), (20, 21)],
}


def test_luck_and_verdict(sentences):
    result = made_up(FIVE, disputed=DISPUTED)
    one, two, infinity = (sentences["luck"](row) for row in result["rows"][1:])
    assert "a lead of +0.0 images on average (-2 to +2). It is ahead in 2 of 5 seeds, in 0 of them" in one
    assert "a lead of +22.0 images on average (+20 to +24). It is ahead in 5 of 5 seeds, in 5 of them" in two
    assert (
        f"t-test gives p = {2 * t.sf(22 / math.sqrt(2.5 / 5), 4):.2g}" in two
    )  # mean over its standard error
    assert "a lead of -3.8 images on average (-20 to +1)" in infinity
    said = sentences["verdict"](result)
    assert "a significant gain for robust ℓ1 in 0, robust ℓ2 in 5, robust ℓ∞ in 0 of 5 seeds" in said
    assert "a significant loss for robust ℓ∞ in 1 of 5 seeds" in said
    assert said.endswith("The t-test over the seeds finds a gain for robust ℓ2.")


def test_luck_with_one_seed(sentences):
    single = {net: pairs[:1] for net, pairs in DISPUTED.items()}
    result = made_up(disputed=single)
    assert sentences["luck"](result["rows"][2]) == "**robust ℓ2** has a lead of +20 images, p = 0.0022."
    said = sentences["verdict"](result)
    assert (
        "robust ℓ2 in 1, robust ℓ∞ in 0 of 1 seed, a significant loss for robust ℓ∞ in 1 of 1 seed." in said
    )
    assert "t-test" not in said


def test_the_radii_the_growth_and_the_claims(sentences):
    said = sentences["small_steps"](made_up())
    assert "ℓ2: 0.616 against 0.616, 1.0 times" in said and "ℓ∞: 0.03 against 0.0616, 0.5 times" in said
    said = sentences["as_radii_grow"](made_up())
    assert "At 3 times the radii the order is the same" in said and "robust ℓ∞ from 60.0 to 30.0 %" in said
    said = sentences["claims"](made_up(FIVE, disputed=DISPUTED))
    assert sentences["verdict"](made_up(FIVE, disputed=DISPUTED)) in said
    assert "| 20 to 60 %" in said and "5 seeds of every network" in said
    assert "at 0 (robust ℓ1), 0 (robust ℓ2), 0 (robust ℓ∞) of the 2 values" in said
    assert "| on the test digits robust ℓ∞; on A robust ℓ∞ |" in said
    said = sentences["claims"](made_up({**FIVE, "robust-l2": [99.1, 99.2, 99.0, 99.1, 99.1]}))
    assert "robust ℓ2 with 99.10 %, against 99.00 % (t-test over the seeds: p = 0.034)" in said


def test_who_is_best_on_a_part_of_A(sentences):
    rows = [{"network": net, **{f"made with {norm}": 50.0 for norm in ("ℓ1", "ℓ2", "ℓ∞")}} for net in "ab"]
    rows[1]["made with ℓ2"] = 60.0
    said = sentences["own_norm"](rows)
    assert said == "Best on the ℓ1 examples a and b; on the ℓ2 examples b; on the ℓ∞ examples a and b."


def test_where_a_curve_passes_a_level(sentences):
    passes = sentences["passes"]
    assert passes([0, 1, 2], [100.0, 60.0, 20.0], 50) == pytest.approx(1.25)
    assert passes([0, 1, 2], [100.0, 50.0, 20.0], 50) == 1
    assert passes([0, 1], [100.0, 60.0], 50) is None
    assert passes([0, 1], [40.0, 30.0], 50) is None


@settings(max_examples=30)
@given(st.data())
def test_the_sentences_are_whole_for_any_results(sentences, data):
    seeds = data.draw(st.integers(1, 5))
    accuracies = st.lists(st.integers(0, 10_000).map(lambda n: n / 100), min_size=seeds, max_size=seeds)
    counts = st.tuples(st.integers(0, 80), st.integers(0, 80))
    test, on_A = ({net: data.draw(accuracies) for net in NETS} for _ in range(2))
    disputed = {net: data.draw(st.lists(counts, min_size=seeds, max_size=seeds)) for net in NETS}
    result = made_up(test, on_A, disputed)
    said = [
        sentences[name](result)
        for name in (
            "beside_the_paper",
            "small_steps",
            "standard_errors",
            "verdict",
            "as_radii_grow",
            "claims",
        )
    ]
    said += [sentences["luck"](row) for row in result["rows"][1:]]
    assert not re.search(r"\b(nan|inf|None)\b|\{|\}|  +\S.*  ", "\n".join(said))


# What is shipped belongs together


def test_the_shipped_results_are_those_of_the_plan_that_the_notebook_shows():
    result = results.load("mnist")
    plan = mnist_experiment(result["preset"], tuple(result["seeds"]))
    assert result["recipe"] == asdict(plan.recipe)
    assert {row["net"]: row["radius"] for row in result["rows"]} == {net: plan.radius(net) for net in NETS}
    assert result["collection"]["sizes"] == plan.sizes
    for row in result["rows"]:
        card = zoo.card(f"mnist/{row['net']}")
        place = result["seeds"].index(card["seed"])
        for column in ("test_accuracy", "adversarial_accuracy"):
            assert card[column] == row[column]["values"][place]
        for norm in NORMS:
            assert card["collection_radii"][norm] == result["collection"]["radii"][norm]["values"][place]


def test_no_output_widget_is_used():
    """To print into one makes nbclient and papermill hang now and then: they answer on the shell channel."""
    assert not re.search(r"\binteract\w*\(|\bOutput\(", "\n".join(cell.source for cell in CODE))


def test_every_picture_has_a_text_and_no_widget_is_left():
    pictures = [o for cell in CODE for o in cell.outputs if "image/png" in o.get("data", {})]
    assert len(pictures) >= 5
    for picture in pictures:
        assert len(picture.metadata["image/png"]["alt"]) > 40
    assert sum("application/vnd.plotly.v1+json" in picture.data for picture in pictures) == 2
    assert "widgets" not in NOTEBOOK.metadata


# The exercises


def standard_error(accuracy, n):
    share = accuracy / 100
    return 100 * math.sqrt(share * (1 - share) / n)


RIGHT = [
    (check.images_gained, 7),
    (check.images_gained, 7.0),
    (check.standard_error, standard_error),
    (check.mcnemar, p),
]
WRONG = [
    (check.images_gained, 0.07, "percentage points; count images"),
    (check.images_gained, 99.16 - 99.09, "percentage points; count images"),
    (check.images_gained, -7, "the gain is positive"),
    (check.images_gained, 6.5, "no whole number"),
    (check.images_gained, 70, "0.7 percentage points; the gain is 0.07"),
    (check.images_gained, "seven", "expected a number, got 'seven'"),
    (check.standard_error, lambda a, n: standard_error(a, n) / 100, "0.005 is a share"),
    (check.standard_error, lambda a, n: standard_error(a, 1), "halve it; yours goes from 50 to 50"),
    (check.standard_error, lambda a, n: 50 / n, "halve it; yours goes from 0.02 to 0.005"),
    (check.standard_error, lambda a, n: 100 * math.sqrt(a / 100 / n), "as uncertain"),
    (check.standard_error, lambda a, n: 50 / math.sqrt(n), "at 100 %"),
    (
        check.standard_error,
        lambda a, n: 1.01 * standard_error(a, n),
        "for 50 % of 10000 images: yours is 0.505",
    ),
    (check.standard_error, lambda a, n: float("nan"), "expected a number, got nan"),
    (check.standard_error, lambda a, n: 1 / 0, "ZeroDivisionError"),
    (check.mcnemar, lambda a, b: 100 * p(a, b), "p is a probability"),
    (check.mcnemar, lambda a, b: p(a, b) if a != b else 0.5, "no split is more even, so p is 1"),
    (check.mcnemar, lambda a, b: p(a, b) if a <= b else 1.0, "swapping the nets must not matter"),
    (check.mcnemar, lambda a, b: p(a, b) / 2 if a != b else 1.0, "is one tail"),
    (check.mcnemar, lambda a, b: math.erfc(abs(a - b) / math.sqrt(2 * (a + b) or 1)), "the χ² approximation"),
    (check.mcnemar, lambda a, b: p(a, b) ** 2, "the exact p is"),
]


@pytest.mark.parametrize("checker, answer", RIGHT)
def test_a_right_answer_is_seen(checker, answer):
    report = checker(answer)
    assert report and repr(report).startswith("✓"), report


@pytest.mark.parametrize("checker, answer, property", WRONG)
def test_a_wrong_answer_is_told_which_property_it_violates(checker, answer, property):
    report = checker(answer)
    assert not report and repr(report).startswith("✗") and property in report.message, report


def unsolved(*_):
    raise NotImplementedError


@pytest.mark.parametrize("answer", [..., None, unsolved, lambda *_: ...])
def test_an_unsolved_exercise_says_not_yet(answer):
    checkers = [check.standard_error, check.mcnemar]
    for checker in checkers if callable(answer) else [check.images_gained, *checkers]:
        assert repr(checker(answer)).startswith("…") and "not yet" in repr(checker(answer))


def test_the_folded_solutions_solve_the_exercises():
    namespace, checked = {}, []
    for cell in NOTEBOOK.cells:
        if cell.cell_type == "markdown":
            for solution in re.findall(
                r"<details><summary>Solution</summary>\n+```python\n(.*?)```", cell.source, re.S
            ):
                exec(solution, namespace)
        elif found := re.search(
            r"^check\.(images_gained|standard_error|mcnemar)\((\w+)\)$", cell.source, re.M
        ):
            report = getattr(check, found[1])(namespace[found[2]])
            assert report, report
            checked.append(found[1])
    assert len(checked) == 3
