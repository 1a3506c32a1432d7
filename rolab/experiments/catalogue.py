"""Catalogue: the experiments by their names, as `rolab reproduce` and the records in results/ call them."""

from collections.abc import Mapping
from typing import Any

from rolab.experiments.presets import cifar10_experiment, mnist_experiment
from rolab.experiments.related_work import related_work_experiment
from rolab.experiments.spec import Experiment

EXPERIMENTS = {
    "mnist": mnist_experiment,
    "cifar10": cifar10_experiment,
    "related-work": related_work_experiment,
}


def experiment_of(result: Mapping[str, Any]) -> Experiment:
    """The experiment whose table this is, with all its nets, whichever preset it was."""
    return EXPERIMENTS[result["experiment"]]("full")
