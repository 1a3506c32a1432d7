"""Records that may not have been made yet, and what is read in them."""

import pytest

from rolab.course.nb06_relatives.records import (
    MADE_BY,
    in_words,
    measured,
    missing,
    record,
    unlabelled_table,
    virtual_accuracy,
)


def test_a_record_that_is_there_and_one_that_is_not():
    assert record("limits")["experiment"] == "limits"
    assert record("a record that nobody makes") is None
    for name in MADE_BY:
        assert f"results/{name}.json" in missing(name).data and MADE_BY[name] in missing(name).data


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


@pytest.mark.parametrize("nested", [True, False])
def test_supervised_against_virtual(nested):
    figures = {
        "supervised": {"mean": 94.0, "sd": 0.5, "values": [93.5, 94.5]},
        "virtual-l2": {"mean": 98.0, "sd": 0.1, "values": [97.9, 98.1]},
        "virtual-linf": {"mean": 97.0, "sd": 0.1, "values": [96.9, 97.1]},
    }
    rows = [{"net": net} | ({"test_accuracy": f} if nested else f) for net, f in figures.items()]
    table = unlabelled_table({"rows": rows})
    assert [row["method"] for row in table] == list(figures)
    assert table[0] == {"method": "supervised", "test accuracy, %": "94.00 ± 0.50", "seeds": 2}
    assert virtual_accuracy({"rows": rows}) == 98.0
