"""Explorers of digits and of colour images."""

import pytest
import torch
from perturbation_sweeps import Nearest

from rolab.course.nb03_perturbations.sweep_explorer import PerturbationExplorer
from rolab.data import Dataset
from rolab.evaluation import predict
from rolab.nets import WhitenedNet


@pytest.fixture
def explorer(mnist_test):
    nets = {"baseline": Nearest(mnist_test), "robust-l2": Nearest(mnist_test, 0.1)}
    return PerturbationExplorer(nets, mnist_test[:300], points=21)


@pytest.fixture(scope="module")
def colour():
    """Two small nets that are whitened but not trained, and images that the first gets right, but for two."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        images, nets = torch.rand(12, 3, 32, 32), {"baseline": WhitenedNet(), "robust-linf": WhitenedNet()}
        for net in nets.values():
            net.whiten(images)
            net.linear.weight.data *= 20  # else the ten probabilities are alike
    labels = predict(nets["baseline"], images)
    labels[[4, 9]] = (labels[[4, 9]] + 1) % 10
    return nets, Dataset(images, labels)
