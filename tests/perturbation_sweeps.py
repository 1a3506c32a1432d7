"""What the tests of perturbation sweeps share: small nets, colour images, a sweep with the longest names."""

import torch
from torch import nn

from rolab.course.nb03_perturbations.perturbation_sweep import PerturbationSweep
from rolab.course.nb03_perturbations.sweep_explorer import PerturbationExplorer
from rolab.data import CIFAR10_CLASSES, Dataset


class Nearest(nn.Module):
    """Nearest class mean: a linear softmax that needs no training and gets four digits of five right."""

    def __init__(self, data: Dataset, sharpness: float = 0.2):
        super().__init__()
        means = torch.stack([data.images[data.labels == c].flatten(1).mean(0) for c in range(10)])
        self.linear = nn.Linear(784, 10)
        self.linear.weight.data = 2 * sharpness * means
        self.linear.bias.data = -sharpness * means.square().sum(1)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.linear(x.flatten(1))


def softmax(model, x):
    with torch.no_grad():
        return model(x).softmax(1)[0]


SMALL = {"l1": 8.0, "l2": 1.0, "linf": 8 / 255}


def colourful(colour, **more):
    return PerturbationExplorer(*colour, largest=SMALL, points=5, **more)


def crowded(net, label, wrong_from_the_start):
    """A sweep on which every class matters and the longest names are said."""
    start = torch.full((10,), 0.06)
    start[0 if wrong_from_the_start else label] = 0.46
    end = torch.full((10,), 0.06)
    end[1 - label] = 0.46
    radii = tuple(round(0.03 * k / 40, 10) for k in range(41))
    t = torch.linspace(0, 1, 41)[:, None]
    image, d = torch.full((1, 3, 32, 32), 0.5), torch.zeros(41, 3, 32, 32)
    more = {"method": "PGD", "classes": CIFAR10_CLASSES, "noun": "image", "gain": 50}
    return PerturbationSweep(net, "linf", label, image, radii, d, (1 - t) * start + t * end, **more)
