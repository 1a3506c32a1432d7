"""What the tests of notebook 06 share: nets that ship, ten digits, a made-up record of related work."""

import pytest

from rolab import zoo


@pytest.fixture(scope="session")
def baseline():
    return zoo.load("mnist/baseline")


@pytest.fixture(scope="session")
def ten(mnist_test):
    return mnist_test[:10]


def row(net, clean, left, price=None, **more):
    """A row as the benchmark writes it: (mean, sd) of two seeds."""

    def figure(mean, sd):
        return {"mean": mean, "sd": sd, "values": [mean - sd, mean + sd]}

    found = {"net": net, "title": f"the {net} net", "test_accuracy": figure(*clean)}
    found["ensemble_accuracy"] = figure(*left)
    return found | ({"step_cost": price} if price else {}) | more


@pytest.fixture
def related():
    rows = [
        row(
            "baseline",
            (99.0, 0.1),
            (0.0, 0.0),
            {"mean": 1.0, "sd": 0.1, "values": [0.9, 1.1]},
            turned_accuracy=30.0,
        ),
        row("robust-linf", (99.2, 0.05), (40.0, 2.0), 1.9, turned_accuracy={"mean": 80.0, "sd": 1.0}),
        row("certified", (98.0, 0.2), (70.0, 1.0), 3.1),
        row("operator-norm", (99.1, 0.1), (10.0, 3.0)),
    ]
    return {"experiment": "related-work", "seeds": [0, 1], "rows": rows}
