"""Notebook 07: its parameters, what it shows, its exercises, and a run that trains.

`test_significance` tests its sentences about any results, `test_predictions` what a reader predicts.
nbval runs the notebook itself, as it is shipped.
"""

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest
from shipped import Shipped, text_of
from table_forms import tells_nothing_of

from rolab import experiments, storage, zoo
from rolab.course.live.prediction import as_html
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
    assert as_html(experiments.markdown(result, radii=False)) in shown
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
    ):
        assert as_html(about(result)) in shown, f"run the notebook again: {about.__name__}"
    assert significance.claims(result) in shown
    assert as_html(experiments.markdown(result, radii=False)) in shown  # the radii are to be predicted


def test_its_pictures():
    assert len(SHIPPED.pictures) >= 4 and len(SHIPPED.sliding) == 3


def test_what_it_asks_is_revealed_and_no_number_of_the_table_stands_outside_a_fold():
    result, outside = storage.load_result("mnist"), SHIPPED.unfolded()
    for name in ("table1", "radius", "own", "one_error", "lead", "gains", "half", "order"):
        assert (
            f"\n{name} = Prediction(" in f"\n{SHIPPED.source}"
            and f"\n{name}.reveal(" in f"\n{SHIPPED.source}"
        )
    tells_nothing_of(result, outside)
    for radius in result["collection"]["radii"]["linf"]["values"]:
        assert f"{radius:g}" not in outside


# The exercises


def test_the_folded_solutions_solve_the_exercises():
    verdicts = SHIPPED.verdicts()
    assert list(verdicts) == ["images_gained", "standard_error", "mcnemar"]
    assert len(SHIPPED.solutions) == 3 and all(verdicts.values()), verdicts
