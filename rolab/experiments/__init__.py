"""Experiments: the paper's tables as data, what runs them, and the robustness benchmark. §5.

    runner.reproduce(mnist_experiment("fast"), "runs/mnist")    # trains, evaluates, tabulates, draws
    robustness.benchmark(nets, data, "runs/robustness.json")    # what `rolab evaluate` does

spec      what an experiment is: Experiment, NetSpec, Measure presets  the paper's two, and its numbers
related_work, measures, strength_selection                    all methods of §2 on one benchmark
catalogue the experiments by their names                      selection  on a split of the training set
runner    runs one into a folder; seed: the part of a seed    tables, figures  what is made of the results
robustness, robustness_results, attack_grid                   more steps, restarts, attacks; certificates
single_pixel, radius_selection, masked_net                    three smaller ones
tangent_energy, limits, transfer, unlabelled                  of §2 and §4.2
scattering_net, scattering_stability, certified_net           of §2, and beyond it
"""

from rolab.experiments.catalogue import EXPERIMENTS
from rolab.experiments.presets import (
    NETS,
    NORMS,
    PAPER,
    TITLES,
    cifar10_experiment,
    mnist_experiment,
)
from rolab.experiments.spec import Experiment, Measure, NetSpec, by_name
from rolab.experiments.tables import caption, grid, markdown, mean_sd, table, table_cells

__all__ = [
    "EXPERIMENTS",
    "NETS",
    "NORMS",
    "PAPER",
    "TITLES",
    "Experiment",
    "Measure",
    "NetSpec",
    "by_name",
    "caption",
    "cifar10_experiment",
    "grid",
    "markdown",
    "mean_sd",
    "mnist_experiment",
    "table",
    "table_cells",
]
