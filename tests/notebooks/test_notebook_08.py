"""Notebook 08: its parameters, what it shows, its exercises, and a run that trains.

`test_significance` and `test_control_experiments` test its sentences about any results. nbval runs the
notebook itself.
"""

import json
import re
from dataclasses import asdict

import pytest
from shipped import Shipped, text_of
from table_forms import tells_nothing_of

from rolab import experiments, storage
from rolab.course.live.prediction import as_html
from rolab.course.nb07_mnist import significance
from rolab.course.nb08_cifar10 import control_experiments
from rolab.experiments import NETS, cifar10_experiment

SHIPPED = Shipped("08")


# The parameters


def test_the_parameters():
    assert SHIPPED.parameters() == {"preset": "shipped", "seeds": [], "device": "auto", "out": ""}


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
    with pytest.raises((ValueError, TypeError, NameError), match=re.escape(named)):
        SHIPPED.start(2, **wrong)


# A run that trains

TINY = """\
from dataclasses import replace

from rolab import experiments

full_size = experiments.cifar10_experiment


def tiny(preset, seeds=None):
    plan = full_size(preset, seeds)
    few = {"examples_per_norm": {"l1": 5, "l2": 6, "linf": 7}, "radius_scales": (1.0, 2.0)}
    few |= {"examples": 300, "epsilons": (0.0, 0.005, 0.01)}
    return replace(plan, recipe=replace(plan.recipe, epochs=1), **few)


experiments.cifar10_experiment = tiny
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # papermill's own
def test_it_trains_by_papermill_and_shows_its_own_results(tmp_path):
    """From start to end with four nets that have seen 300 photographs once."""
    out = tmp_path / "run"
    done = SHIPPED.execute(tmp_path, TINY, preset="fast", seeds=[7], device="cpu", out=str(out))
    result = json.loads((out / "table2.json").read_text())
    assert result["seeds"] == [7] and [row["net"] for row in result["rows"]] == list(NETS)
    shown = text_of(done)
    assert experiments.markdown(result).strip() in shown
    assert "the seeds [7]; the networks at hand are those of seed 7" in shown
    assert "This run has no baseline with more epochs" in shown
    assert "This run has no nets with flips and shifts" in shown


# What is shipped belongs together


def test_the_shipped_results_are_those_of_the_plan_that_the_notebook_shows():
    result = storage.load_result("cifar10")
    plan = cifar10_experiment(result["preset"], tuple(result["seeds"]))
    assert result["recipe"] | {"precision": None} == asdict(plan.recipe) | {"precision": None}
    radii = {row["net"]: row["radius"] for row in result["rows"]}
    assert radii == {net: plan.radius(net) for net in radii} and radii.keys() >= set(NETS)
    assert result["collection"]["examples_per_norm"] == plan.examples_per_norm


def test_the_shipped_notebook_says_what_the_shipped_results_say():
    result, mnist, shown = storage.load_result("cifar10"), storage.load_result("mnist"), SHIPPED.shown()
    ratio = storage.load_result("benchmarks")["cifar_robust_step"]["ratio"]
    for said in (
        significance.beside_the_paper(result),
        significance.small_steps(result),
        significance.against_luck(result),
        f"{significance.standard_errors(result)}\n- {control_experiments.resolution(result)}",
        significance.as_radii_grow(result),
        control_experiments.mistakes(mnist, result),
        control_experiments.radii_in_words(storage.load_result("cifar10_radii")),
        control_experiments.others_on_A(result),
        control_experiments.same_time(result, ratio),
        control_experiments.time_in_words(result),
        control_experiments.beside_augmentation(result),
        control_experiments.orders(mnist, result),
    ):
        assert as_html(said) in shown, f"run the notebook again: {said[:60]}"
    for said in (significance.claims(mnist, result), experiments.markdown(result)):
        assert said.strip() in shown, f"run the notebook again: {said[:60]}"


ASKED = "table2 levels kept another half order gains time augmented swaps".split()


def test_what_it_asks_is_revealed_and_no_number_of_the_table_stands_outside_a_fold():
    result, outside = storage.load_result("cifar10"), SHIPPED.unfolded()
    for name in ASKED:
        assert re.search(rf"^{name} = Prediction\(", SHIPPED.source, re.M)
        assert re.search(rf"^ *{name}\.reveal\(", SHIPPED.source, re.M)
    tells_nothing_of(result, outside)


def test_its_pictures():
    assert len(SHIPPED.pictures) >= 5 and len(SHIPPED.sliding) == 3


def test_the_solutions_solve_the_exercises():
    assert len(SHIPPED.reports) == 3
    verdicts = SHIPPED.verdicts()
    assert list(verdicts) == ["swaps", "lead_error", "saved"]
    assert all(verdicts.values()), verdicts
