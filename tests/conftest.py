"""What all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Set before torch is imported, and inherited by every process and kernel that a test starts: small nets are
# slower on many threads, and runs that are compared bit by bit need the same number everywhere.
workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
os.environ["OMP_NUM_THREADS"] = str(max(1, min(4, os.cpu_count() or 1) // workers))

# No deadline: a busy machine is not a bug. In CI the same examples each time: red means something changed.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a notebook's cell minutes to print: nbval gives it five seconds, with no option to change that."""
    for item in items:
        if hasattr(item, "output_timeout"):
            item.output_timeout = 300


def _unwritten(*arguments):
    raise NotImplementedError


@pytest.fixture(
    params=[None, ..., _unwritten, lambda *arguments: None, lambda *arguments: ...],
    ids=["None", "...", "unwritten", "returns None", "returns ..."],
)
def unsolved(request):
    """What stands in a notebook where an exercise is not solved yet."""
    return request.param


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def mnist_test():
    """MNIST's test images, read once."""
    from rolab.data import mnist

    return mnist("test")
