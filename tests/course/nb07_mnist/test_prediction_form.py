"""The form of notebooks 07 and 08: what a reader predicts beside what we found and what the paper says."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_tables import made_up_table

from rolab import storage
from rolab.course.nb07_mnist.prediction_form import TablePrediction
from rolab.experiments import NETS, PAPER, TITLES, cifar10_experiment

COLUMNS = ("test_accuracy", "adversarial_accuracy")


def cifar10():
    """Results with one seed of some nets and with rows that the paper does not have."""
    plan = cifar10_experiment("full")
    test, on_A = (
        {net: [step * k + 90 + seed for seed in plan.seeds] for k, net in enumerate(plan.nets)}
        for step in (1.0, 0.1)
    )
    return made_up_table(plan, test, on_A, lambda *_: {"only_a": 0, "only_b": 0, "p": 1.0})


@pytest.fixture(params=["mnist", "cifar10"])
def result(request):
    return storage.load_result("mnist") if request.param == "mnist" else cifar10()


def cells(html):
    return [re.findall(r"<t[dh]>(.*?)</t[dh]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)]


# The table


def test_compare_shows_the_readers_numbers_beside_ours_and_the_papers(result):
    shown = TablePrediction(result)
    for k, net in enumerate(NETS):
        for j, column in enumerate(COLUMNS):
            shown.fields[net][column].value = 10 * k + j + 0.5
    assert shown.answer.value == "", "nothing is revealed before"
    shown.button.click()
    head, *rows = cells(shown.answer.value)
    assert shown.error.value == "" and head == ["network", "on", "you", "we", "the paper"]
    noun = {"mnist": "digits", "cifar10": "images"}[result["experiment"]]
    ours, paper = {row["net"]: row for row in result["rows"]}, PAPER[result["experiment"]]
    assert rows == [
        [
            TITLES[net],
            {"test_accuracy": f"test {noun}, %", "adversarial_accuracy": "A, %"}[column],
            f"{10 * k + j + 0.5:.4g}",
            f"{ours[net][column]['mean']:.4g}",
            f"{paper[net][column]:.4g}",
        ]
        for k, net in enumerate(NETS)
        for j, column in enumerate(COLUMNS)
    ]


def test_compare_again_shows_the_new_numbers(result):
    shown = TablePrediction(result)
    shown.button.click()
    before = cells(shown.answer.value)
    shown.fields["robust-l2"]["adversarial_accuracy"].value = 12.3
    assert cells(shown.answer.value) == before, "only the button compares"
    shown.button.click()
    changed = [(a, b) for a, b in zip(before, cells(shown.answer.value), strict=True) if a != b]
    (((*_, was, _, _), (network, _, you, _, _)),) = changed
    assert (network, was, you) == ("robust ℓ2", "50", "12.3")


def test_what_is_known_beforehand_cannot_be_predicted(result):
    """The baseline is right on nothing of A, by construction: seven numbers are left."""
    fields = TablePrediction(result).fields
    known = fields["baseline"]["adversarial_accuracy"]
    assert known.disabled and known.value == 0
    assert sum(not field.disabled for columns in fields.values() for field in columns.values()) == 7


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.floats(-1e9, 1e9), min_size=7, max_size=7))
def test_no_number_is_so_wrong_that_it_raises(numbers):
    shown = TablePrediction(cifar10())
    free = [field for columns in shown.fields.values() for field in columns.values() if not field.disabled]
    for field, number in zip(free, numbers, strict=True):
        field.value = number
        assert field.value == min(max(number, 0), 100), "a percentage"
    shown.button.click()
    assert shown.error.value == "" and len(cells(shown.answer.value)) == 1 + 8


def test_an_error_is_shown_where_the_reader_looks(result):
    shown = TablePrediction(result)
    whole, shown.result = shown.result, {"experiment": "mnist", "rows": []}
    shown.button.click()
    assert 'role="alert"' in shown.error.value and "KeyError" in shown.error.value
    shown.result = whole
    shown.button.click()
    assert shown.error.value == "" and shown.answer.value


def test_it_can_be_shown(result):
    """Jupyter asks for its text, which goes through methods that a name of ours might hide."""
    assert repr(TablePrediction(result)).startswith("TablePrediction(children=(GridBox(")
