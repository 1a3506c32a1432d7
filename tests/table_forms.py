"""The form of an experiment's table, as a record and as Markdown, for the tests that check it."""

import json
import re
from statistics import mean, stdev

import pytest

from rolab.course.nb07_mnist.predictions import half_found
from rolab.experiments import NETS, PAPER


def assert_schema(result: dict) -> None:
    """The form that the issue fixes and that notebooks, README and results/mnist.json rely on."""
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert {"experiment", "preset", "seeds", "rows", "collection", "environment", "seconds"} <= set(result)
    assert result["experiment"] == "mnist"
    n = len(result["seeds"])
    assert [row["net"] for row in result["rows"]] == ["baseline", "robust-l1", "robust-l2", "robust-linf"]
    for row in result["rows"]:
        assert (row["radius"] is None) == (row["net"] == "baseline")
        for name in ("test_accuracy", "adversarial_accuracy"):
            values = row[name]["values"]
            assert set(row[name]) == {"mean", "sd", "values"}
            assert len(values) == n
            assert all(0 <= value <= 100 for value in values)
            assert row[name]["mean"] == pytest.approx(mean(values))
            assert row[name]["sd"] == (pytest.approx(stdev(values)) if n > 1 else None)
        assert (row["mcnemar"] is None) == (row["net"] == "baseline")
        assert row["mcnemar"] is None or len(row["mcnemar"]) == n
    assert result["collection"]["size"] == sum(result["collection"]["examples_per_norm"].values())
    assert set(result["collection"]["radii"]) == {"l1", "l2", "linf"}
    for figure, axis in (("radius_scaling", "scale"), ("accuracy_vs_epsilon", "epsilon")):
        assert set(result[figure]["accuracy"]) == set(NETS)
        for curve in result[figure]["accuracy"].values():
            assert len(curve["mean"]) == len(curve["sd"]) == len(result[figure][axis])
    assert all(len(curve["mean"]) == result["recipe"]["epochs"] for curve in result["epochs"].values())
    assert {"torch", "python", "processor", "cores", "threads", "device"} <= set(result["environment"])
    assert result["seconds"] > 0


def cells(text: str) -> list[list[str]]:
    """The rows of a Markdown table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert re.fullmatch(r"\|(---\|)+", lines[1])
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len({len(row) for row in split}) == 1
    return split[2:]


def assert_markdown(text: str, result: dict) -> None:
    """The table as text says what the record says, with the paper's figures beside."""
    for shown, row in zip(cells(text), result["rows"], strict=True):
        name, radius, test, paper_test, on_A, paper_A, p = shown
        assert name.replace("ℓ", "l").replace("∞", "inf").replace(" ", "-") == row["net"]
        assert (
            radius == "–"
            if row["radius"] is None
            else float(radius) == pytest.approx(row["radius"], abs=1e-3)
        )
        for cell, published, key in (
            (test, paper_test, "test_accuracy"),
            (on_A, paper_A, "adversarial_accuracy"),
        ):
            ours, *deviation = map(float, cell.split(" ± "))
            assert ours == pytest.approx(row[key]["mean"], abs=0.0051)
            assert deviation == (
                [] if row[key]["sd"] is None else [pytest.approx(row[key]["sd"], abs=0.0051)]
            )
            assert float(published) == PAPER["mnist"][row["net"]][key]
        if row["mcnemar"] is None:
            assert p == "–"
        else:
            assert [float(each) for each in p.split(", ")] == pytest.approx(
                [test["p"] for test in row["mcnemar"]], rel=0.06
            )


def tells_nothing_of(result: dict, text: str) -> None:
    """No accuracy of the table is in a text, and no ε at which half of the images are left."""
    for row in result["rows"]:
        for column in ("test_accuracy", "adversarial_accuracy"):
            for number in (row[column]["mean"], *row[column]["values"]):
                assert number == 0 or f"{number:.2f}" not in text and f"{number:.4g}" not in text
    for found in half_found(result).values():
        assert f"{found:.2g}" not in text and f"{found:.4g}" not in text
