"""Answers to predictions: what is read, what is refused, and how far off each is said to be."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rolab.course.live import OneOf, Quantities, Quantity, Ranking, Sorting

COLOURS = {"r": "red", "g": "green", "b": "blue"}
TABLE = Quantities(
    {"a": "net a", "b": "net b"},
    {"clean": "clean, %", "A": "A, %"},
    Quantity("%", least=0, most=100),
    {("a", "A"): 0},
)


@pytest.mark.parametrize(
    "answer", [12, 12.0, "12", " 12 %", "12,0", np.float32(12), torch.tensor(12.0), np.array([12])]
)
def test_a_number_is_read_as_readers_write_it(answer):
    assert Quantity("%").read(answer) == 12 and isinstance(Quantity("%").read(answer), float)


@pytest.mark.parametrize("answer", ["", "much", None, ..., True, math.nan, "inf", 101, -1, "1 2"])
def test_what_is_no_number_is_refused_with_what_is_expected(answer):
    with pytest.raises(
        ValueError, match="^answer: expected a number in percent, at least 0 and at most 100, got"
    ):
        Quantity("%", least=0, most=100).read(answer)


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_the_sentence_says_how_far_off_and_on_which_side(yours, truth):
    plain, factor = Quantity("%"), Quantity(factor=True)
    near = abs(yours - truth) <= 0.005 * truth
    assert ("said" in plain.off(yours, truth)) == near
    if not near:
        far, unit, side = (
            plain.off(yours, truth).removeprefix(": ").split(" ", 1)[0],
            "percentage points",
            "low" if yours < truth else "high",
        )
        assert plain.off(yours, truth).endswith(f"{unit} too {side}")
        assert float(far) == pytest.approx(abs(yours - truth), rel=5e-3)
        times = float(factor.off(yours, truth).split()[1])
        assert times == pytest.approx(max(yours / truth, truth / yours), rel=0.05) and times > 0.99
        assert factor.off(yours, truth).endswith("small" if yours < truth else "large")


def test_a_factor_needs_two_numbers_of_one_sign():
    assert (
        Quantity(factor=True).off(0.0, 2.0) == ": 2 too low"
        and Quantity(factor=True).off(-1.0, 2.0) == ": 3 too low"
    )


def test_a_choice_and_an_order():
    one = OneOf(COLOURS)
    assert (
        one.read("g") == "g"
        and one.verdict("g", "g") == "<p>You said “green”; it is “green”, as you said.</p>"
    )
    assert one.verdict("g", "b") == "<p>You said “green”; it is “blue”.</p>"
    with pytest.raises(ValueError, match="^answer: expected one of “red”, “green”, “blue”, got None"):
        one.read(None)
    order = Ranking(COLOURS, "warmest")
    assert order.off(order.read("grb"), order.read(["r", "g", "b"])) == ": 1 of 3 are at their place"
    assert "blue, green, red" in order.truth("bgr")
    for wrong in ("rg", "rrg", None, ("r", "g", None)):
        with pytest.raises(
            ValueError, match="^answer: expected each of r, g, b once, the warmest to begin with"
        ):
            order.read(wrong)


def test_a_table_wants_all_its_numbers_but_those_given():
    full = {("a", "clean"): 99, ("b", "clean"): 98, ("b", "A"): "50 %"}
    assert TABLE.read(full) == {("a", "clean"): 99, ("a", "A"): 0, ("b", "clean"): 98, ("b", "A"): 50}
    for left_out in ("", None):
        with pytest.raises(ValueError, match="^answer: expected a number for net b, A, %$"):
            TABLE.read(full | {("b", "A"): left_out})
    html = TABLE.verdict(TABLE.read(full), TABLE.read(dict.fromkeys(full, 70)))
    assert (
        html.count("<tr>") == 5 and "<th>you</th>" in html and "70" in html and "you" not in TABLE.truth(full)
    )


@pytest.mark.parametrize(
    "kind", [Quantity(), OneOf(COLOURS), Ranking(COLOURS), TABLE], ids=lambda kind: type(kind).__name__
)
def test_untouched_fields_are_no_answer(kind):
    _, given = kind.fields("a question")
    with pytest.raises(ValueError, match="^answer: expected"):
        kind.read(given())


def test_every_field_can_be_filled_in():
    text, given = Quantity("px").fields("a question")
    text.value = "3 px"
    assert Quantity("px").read(given()) == 3
    radio, given = OneOf(COLOURS).fields("a question")
    radio.value = "b"
    assert given() == "b"
    box, given = Ranking(COLOURS).fields("a question")
    for place, value in zip(box.children, "bgr", strict=True):
        place.value = value
    assert Ranking(COLOURS).read(given()) == tuple("bgr")
    box, given = TABLE.fields("a question")
    for field in box.children:
        if hasattr(field, "tooltip") and field.tooltip and not field.disabled:
            field.value = "40"
    assert TABLE.read(given()) == {("a", "clean"): 40, ("a", "A"): 0, ("b", "clean"): 40, ("b", "A"): 40}


def test_cards_are_sorted_into_boxes():
    sorting = Sorting({1: "one", 2: "two < 3"}, {"odd": "it is odd", "even": "it is even"})
    box, given = sorting.fields("a question")
    with pytest.raises(ValueError, match="^answer: expected one of odd, even for “one”"):
        sorting.read(given())
    for line in box.children:
        line.children[0].value = "odd"
    assert sorting.read(given()) == {1: "odd", 2: "odd"} and "two &lt; 3" in box.children[1].children[1].value
    assert "1 of 2" in sorting.verdict(sorting.read(given()), {1: "odd", 2: "even"})
    assert not sorting.truth({1: "odd", 2: "even"}) and "2: it is even" in sorting.shown(
        {1: "odd", 2: "even"}
    )
