"""Notebook 07: its parameters, what it shows, its exercises, and a run that trains.

`test_significance` tests its sentences about any results, `test_prediction_form` what a reader predicts.
nbval runs the notebook itself, as it is shipped.
"""

import json
import math
import re
from dataclasses import asdict
from pathlib import Path

import pytest
from shipped import Shipped, text_of

from rolab import experiments, storage, zoo
from rolab.course import check
from rolab.course.nb07_mnist import significance
from rolab.experiments import NETS, NORMS, mnist_experiment

SHIPPED = Shipped("07")


# The parameters


def test_the_parameters():
    assert SHIPPED.parameters() == {"preset": "shipped", "seeds": [], "device": "auto", "out": ""}


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
        SHIPPED.start(2, **wrong)


def test_the_parameters_make_the_plan(tmp_path):
    namespace = SHIPPED.start(2, preset="fast", seeds=[3, 4], device="cpu", out=str(tmp_path))
    assert namespace["plan"] == mnist_experiment("fast", (3, 4))
    assert namespace["folder"] == tmp_path
    namespace = SHIPPED.start(2, preset="paper")
    assert namespace["plan"] == mnist_experiment("paper") and namespace["folder"] == Path("runs/mnist-paper")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # papermill's own
def test_papermill_stops_before_anything_is_trained(tmp_path):
    import papermill

    with pytest.raises(papermill.PapermillExecutionError, match="parameter seeds is 0"):
        SHIPPED.execute(tmp_path, preset="fast", seeds=0, out=str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


# A run that trains

TINY = """\
from dataclasses import replace

from rolab import experiments

full_size = experiments.mnist_experiment


def tiny(preset, seeds=None):
    plan = full_size(preset, seeds)
    grids = {"l1": (1.0, 2.0, 4.0, 8.0), "l2": (0.3, 0.6, 1.2, 2.4), "linf": (0.03, 0.06, 0.12, 0.24)}
    small = replace(plan.recipe, epochs=1)
    return replace(plan, recipe=small, examples=2000, radius_grids=grids, epsilons=(0.0, 0.1, 0.2))


experiments.mnist_experiment = tiny
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # papermill's own
def test_it_trains_by_papermill_and_shows_its_own_results(tmp_path):
    """From start to end with four small networks."""
    out = tmp_path / "run"
    done = SHIPPED.execute(tmp_path, TINY, preset="fast", seeds=[7], device="cpu", out=str(out))
    result = json.loads((out / "table1.json").read_text())
    assert result["seeds"] == [7] and [row["net"] for row in result["rows"]] == list(NETS)
    shown = text_of(done)
    assert experiments.markdown(result, radii=False).strip() in shown
    assert "the seeds [7]; the networks at hand are those of seed 7" in shown
    assert "One seed says nothing about the luck of training" in shown
    assert "1 seed of every network" in shown


# What is shipped belongs together


def test_the_shipped_results_are_those_of_the_plan_that_the_notebook_shows():
    result = storage.load_result("mnist")
    plan = mnist_experiment(result["preset"], tuple(result["seeds"]))
    assert result["recipe"] == asdict(plan.recipe)
    assert {row["net"]: row["radius"] for row in result["rows"]} == {net: plan.radius(net) for net in NETS}
    assert result["collection"]["examples_per_norm"] == plan.examples_per_norm
    for row in result["rows"]:
        card = zoo.card(f"mnist/{row['net']}")
        place = result["seeds"].index(card["seed"])
        for column in ("test_accuracy", "adversarial_accuracy"):
            assert card[column] == row[column]["values"][place]
        for norm in NORMS:
            assert card["collection_radii"][norm] == result["collection"]["radii"][norm]["values"][place]


def test_the_shipped_notebook_says_what_the_shipped_results_say():
    result, shown = storage.load_result("mnist"), SHIPPED.shown()
    for about in (
        significance.beside_the_paper,
        significance.small_steps,
        significance.standard_errors,
        significance.against_luck,
        significance.as_radii_grow,
        significance.claims,
    ):
        assert about(result).strip() in shown, f"run the notebook again: {about.__name__}"
    assert experiments.markdown(result, radii=False).strip() in shown  # the radii are to be predicted


def test_its_pictures():
    assert len(SHIPPED.pictures) >= 5 and len(SHIPPED.sliding) == 2


# The exercises


def standard_error(accuracy, n):
    share = accuracy / 100
    return 100 * math.sqrt(share * (1 - share) / n)


def p(a, b):
    return min(1.0, 2 * sum(math.comb(a + b, k) for k in range(min(a, b) + 1)) / 2 ** (a + b))


RIGHT = [
    (check.images_gained, 5),
    (check.images_gained, 5.0),
    (check.standard_error, standard_error),
    (check.mcnemar, p),
]
WRONG = [
    (check.images_gained, 0.05, "percentage points; count images"),
    (check.images_gained, 99.33 - 99.28, "percentage points; count images"),
    (check.images_gained, -5, "the gain is positive"),
    (check.images_gained, 6.5, "no whole number"),
    (check.images_gained, 70, "0.7 percentage points; the gain is 0.05"),
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
    for cell in SHIPPED.notebook.cells:
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
