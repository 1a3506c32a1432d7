"""A third experiment, whole in one place: its own data, and one more net with an objective of its own."""

from dataclasses import dataclass

import torch
from torch.nn.functional import avg_pool2d, cross_entropy

from rolab.data import Dataset
from rolab.evaluation import correct
from rolab.experiments import Experiment, Measure, NetSpec, by_name
from rolab.experiments.presets import baseline_net, robust_net
from rolab.objectives import Objective
from rolab.plotting.style import Style
from rolab.training import Recipe


def stripes(split: str) -> Dataset:
    """A bright stripe in noise: its height is the label, one of five."""
    count, seed = {"train": (400, 1), "test": (200, 2)}[split]
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 5
    images = 0.4 * torch.rand(count, 1, 28, 28, generator=generator)
    for k, label in enumerate(labels.tolist()):
        images[k, 0, 3 + 5 * label : 5 + 5 * label] += 0.5
    return Dataset(images, labels)


@dataclass(frozen=True)
class Blurred(Objective):
    """The loss at the images, blurred."""

    def __call__(self, model, x, y):
        return cross_entropy(model(avg_pool2d(x, 3, stride=1, padding=1)), y)


def right_upside_down(model, test):
    """Whether stripes are still read when they stand on their heads."""
    return correct(model, Dataset(test.images.flip(2), 4 - test.labels))


def largest_weight(model, test):
    return max(float(p.detach().abs().max()) for p in model.parameters())


toy = Experiment(
    name="stripes",
    preset="toy",
    recipe=Recipe(epochs=3, batch_size=20),
    seeds=(0,),
    nets=by_name(
        [
            baseline_net(),
            robust_net("linf", 0.05),
            NetSpec(
                "blurred",
                "trained on blurred stripes",
                Blurred(),
                recipe={"epochs": 4},
                compared_with={"mcnemar": "baseline", "against_robust": "robust-linf"},
                style=Style("blurred", "#CC79A7", "dot", "cross"),
            ),
        ]
    ),
    load=stripes,
    examples_per_norm={"l2": 4, "linf": 6},
    radius_grids={"l2": (0.5, 1.0, 2.0, 4.0, 8.0, 16.0), "linf": (0.05, 0.1, 0.2, 0.4, 0.8)},
    epsilons=(0.0, 0.1),
    radius_scales=(1.0, 2.0),
    table="table3",
    figures={
        "figure7": "accuracy against ε",
        "figure8": "adversarial examples",
        "figure9": "accuracy by epoch",
    },
    classes=("top", "high", "middle", "low", "bottom"),
    measures={
        "flipped_accuracy": Measure("upside down %", right_upside_down),
        "largest_weight": Measure("largest weight", largest_weight),
    },
)
