"""Records that may not have been made yet, and what is read in them."""

import pytest

from rolab.course.nb06_relatives.records import (
    in_words,
    mean_of,
    measured,
    methods_kind,
    methods_table,
    missing,
    record,
    unlabelled_table,
)


def test_a_record_that_is_there_and_one_that_is_not():
    assert record("limits")["experiment"] == "limits"
    assert record("a record that nobody makes") is None
    assert "results/related_work.json" in missing().data and "rolab reproduce related-work" in missing().data


def test_the_methods_are_those_of_the_record_or_of_the_experiment(related):
    assert methods_kind(related).options["certified"] == "the certified net"
    specs = methods_kind(None).options
    assert {"baseline", "robust-linf", "operator-norm", "stale", "mixed", "longer"} <= specs.keys()
    assert specs["operator-norm"] == "operator norms [21]"


def test_some_methods_as_a_table(related):
    first, second = methods_table(related, ["operator-norm", "baseline"])
    assert first["method"] == "the operator-norm net" and first["clean, %"] == "99.10 ± 0.10"
    assert first["after all attacks, ℓ∞ 0.1, %"] == "10.00 ± 3.00" and first["steps"] == "–"
    assert second["steps"] == "1.00 ± 0.10"
    assert mean_of(related, "operator-norm", "ensemble_accuracy") == 10.0


@pytest.mark.parametrize(
    "row, pair, words",
    [
        ({"a": {"mean": 99.123, "sd": 0.1}}, (99.123, 0.1), "99.12 ± 0.10"),
        ({"a": {"mean": 99.123, "sd": None}}, (99.123, 0.0), "99.12"),
        ({"a": 1.5}, (1.5, 0.0), "1.50"),
        ({"a": 0}, (0.0, 0.0), "0.00"),
        ({"a": {"mean": None, "sd": None}}, None, "–"),
        ({"a": None}, None, "–"),
        ({}, None, "–"),
    ],
)
def test_what_was_measured(row, pair, words):
    assert measured(row, "a") == pair and in_words(row, "a") == words


def test_what_images_without_labels_add():
    def row(net, mean, sd, **more):
        accuracy = {"mean": mean, "sd": sd, "values": [mean - sd, mean + sd]}
        return {"net": net, "title": f"the {net} net", "test_accuracy": accuracy, **more}

    tests = [{"only_a": 3, "only_b": 50, "p": 1.5e-10}, {"only_a": 3, "only_b": 4, "p": 1.0}]
    price = {"mean": 3.04, "sd": 0.1, "values": [2.94, 3.14]}
    rows = [
        row("supervised", 90.0, 0.5, mcnemar=None),
        row("virtual", 95.0, 0.1, mcnemar=tests, step_cost=price),
    ]
    first, second = unlabelled_table({"rows": rows})
    assert first == {
        "trained on": "the supervised net",
        "test accuracy, %": "90.00 ± 0.50",
        "steps": "–",
        "p against the first": None,
    }
    assert list(second.values()) == ["the virtual net", "95.00 ± 0.10", "3.0 ± 0.1", "1.5e-10, 1"]
    assert mean_of({"rows": rows}, "virtual") == 95.0
