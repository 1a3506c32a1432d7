"""What all checkers share: the decorator, predictions, and the parameters of a notebook."""

import pytest

from rolab.course import check


def test_exercises_are_made_by_a_decorator():
    @check.exercise("an even number")
    def even(answer):
        check.require(answer % 2 == 0, f"{answer} is odd")
        return "even"

    assert repr(even(2)) == "✓ an even number: even"
    assert repr(even(3)) == "✗ an even number: 3 is odd"
    assert repr(even(...)) == "… an even number: not yet"


def test_a_guess_may_be_wrong():
    assert repr(check.guess(..., 0.12)) == "… your prediction: not yet; it is 0.12"
    assert "you are off by 0.1" in repr(check.guess(0.22, 0.12))
    assert not check.guess("high", 0.12)


def test_an_option_may_be_the_wrong_one():
    options = {"a": "noise", "b": "virtual"}
    assert repr(check.option(..., options, "b")) == "… your prediction: not yet; it is b, virtual"
    assert repr(check.option("b", options, "b")) == "✓ your prediction: it is b, virtual, as you said"
    assert repr(check.option("a", options, "b")) == "✓ your prediction: a, noise; it is b, virtual"
    assert repr(check.option("c", options, "b")) == "✗ your prediction: expected one of a, b, got 'c'"


KNOWN = {"digit": range(10), "net": ("baseline", "other"), "rate": float, "run": bool}


def test_parameters_of_the_right_types_pass():
    check.parameters({"digit": 3, "net": "other", "rate": 1, "run": False, "more": object()}, **KNOWN)


@pytest.mark.parametrize(
    "change, error, name",
    [
        ({"digit": 10}, ValueError, "digit"),
        ({"digit": 3.0}, TypeError, "digit"),
        ({"digit": True}, TypeError, "digit"),
        ({"net": "else"}, ValueError, "net"),
        ({"rate": "1"}, TypeError, "rate"),
        ({"run": 1}, TypeError, "run"),
        ({"In": ["digit = 3", "# Parameters\ndigit = 4\ndigits = 5\n"]}, NameError, "digits"),
    ],
)
def test_a_wrong_parameter_is_named(change, error, name):
    given = {"digit": 3, "net": "other", "rate": 0.5, "run": False} | change
    with pytest.raises(error, match=rf"\b{name}\b"):
        check.parameters(given, **KNOWN)
    with pytest.raises(NameError, match="run is missing"):
        check.parameters({"digit": 3, "net": "other", "rate": 0.5}, **KNOWN)
