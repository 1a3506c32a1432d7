"""Explorers of a few digits, for a net and for bases that need no training."""

import pytest
from perturbation_sweeps import Nearest

from rolab.course.nb05_tangent_space import (
    KnownTangentExplorer,
    LearntTangentExplorer,
    ProjectionExplorer,
)
from rolab.manifold import neighbour_tangents, principal_directions, random_directions


@pytest.fixture(scope="package")
def net(mnist_test):
    return Nearest(mnist_test)


@pytest.fixture(scope="package")
def principal(mnist_test):
    return principal_directions(mnist_test.images[:2000], 784)


@pytest.fixture(scope="package")
def bases(mnist_test, principal):
    return {
        "local-pca": lambda x: neighbour_tangents(x, mnist_test.images[:500], 20, 40),
        "global-pca": lambda x: principal,
        "mine": lambda x: random_directions(784, 30),
    }


@pytest.fixture
def known(net, mnist_test):
    return KnownTangentExplorer(net, mnist_test[:50])


@pytest.fixture
def learnt(net, mnist_test, bases):
    return LearntTangentExplorer(net, mnist_test[:50], bases)


@pytest.fixture
def projections(net, mnist_test, bases, principal):
    return ProjectionExplorer(net, mnist_test[:50], bases, principal)
