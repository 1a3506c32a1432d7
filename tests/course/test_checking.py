"""What all checkers share: the decorator, predictions, and the parameters of a notebook."""

import numpy as np
import pytest
import torch

from rolab.course import check
from rolab.course.checking import Violated, examine, number, require, truth


def test_exercises_are_made_by_a_decorator():
    @check.exercise("an even number")
    def even(answer):
        check.require(answer % 2 == 0, f"{answer} is odd")
        return "even"

    assert repr(even(2)) == "✓ an even number: even"
    assert repr(even(3)) == "✗ an even number: 3 is odd"
    assert repr(even(...)) == "… an even number: not yet"


def written_in(body):
    names = {}
    exec(f"def f(w):\n    {body}", names)
    return names["f"]


@check.exercise("twice")
def twice(f):
    examine(f, {f"for w = {w}": (w,) for w in (1, -2, 0)}, judge, MISTAKES)
    return "twice as much"


def judge(answer, w):
    require(number(answer, "") == 2 * w, f"it is {2 * w}")


MISTAKES = {
    "the square": lambda w: w**2,
    "the size": lambda w: 2 * abs(w),
    "the size, where it is asked": lambda w: 2 * abs(w) if w else float("nan"),
    "nothing that is a number": lambda w: float("nan"),
}


@pytest.mark.parametrize(
    "body", ["raise NotImplementedError", "...", "pass", "'Its docstring.'", "return ..."]
)
def test_a_function_in_which_nothing_is_written_is_not_yet(body):
    assert repr(twice(written_in(body))) == "… twice: not yet"


@pytest.mark.parametrize(
    "body", ["2 * w", "w = 2 * w", "print(end='')", "if w > 1: return 2 * w", "return [w].sort()"]
)
def test_a_forgotten_return_is_said_to_be_one(body):
    said = "✗ twice: your function returned None for (1): is a `return` missing, or is none reached?"
    assert repr(twice(written_in(body))) == said


def test_what_torch_has_not_implemented_is_no_missing_answer():
    said = twice(written_in("raise NotImplementedError('no \"abs\" for Bool')")).message
    assert said == 'your function raised NotImplementedError: no "abs" for Bool, for (1)'


@pytest.mark.parametrize(
    "wrong, said",
    [
        (lambda w: w**2, "for w = 1: it is 2. Your answers are those of the square"),
        (lambda w: 2 * abs(w), "for w = -2: it is -4. Your answers are those of the size"),
        (
            lambda w: 2 * abs(w) + 5 * (w == 0),
            "for w = -2: it is -4. Your answers are those of the size, where it is asked",
        ),
        (
            lambda w: 2 * abs(w) if w else 1 / w,
            "for w = -2: it is -4. Your answers are those of the size, where it",
        ),
        (lambda w: w**2 if w < 2 else 7, "for w = 1: it is 2. Your answers are those of the square"),
        (lambda w: w, "for w = 1: it is 2"),
        (lambda w: [w] * 3, "for w = 1: expected a number, got [1, 1, 1]"),
        (2, "expected a function, got a value of type int: give its name, do not call it"),
    ],
)
def test_a_mistake_is_recognized_by_its_answers_in_all_cases(wrong, said):
    message = twice(wrong).message
    assert message.startswith(said) and ("Your answers" in message) == ("Your answers" in said)


def test_a_right_answer_is_not_compared():
    assert twice(lambda w: 2 * w)


SCALARS = [
    1,
    1.0,
    np.float32(1),
    np.int64(1),
    np.array(1.0),
    np.ones((1, 1)),
    torch.tensor(1),
    torch.ones(1, 1),
]
TRUTHS = [True, np.bool_(True), np.array([True]), torch.tensor(True), torch.tensor([[True]])]


@pytest.mark.parametrize("value", SCALARS)
def test_a_scalar_of_numpy_or_torch_is_a_number_and_no_truth(value):
    assert number(value, "") == 1 and isinstance(number(value, ""), float)
    with pytest.raises(Violated, match="^here: expected True or False"):
        truth(value, "here")


@pytest.mark.parametrize("value", TRUTHS)
def test_a_truth_of_numpy_or_torch_is_one_and_no_number(value):
    assert truth(value, "") is True
    with pytest.raises(Violated, match="^here: expected a number"):
        number(value, "here")


@pytest.mark.parametrize("value", ["1", None, [1], np.ones(2), 1j, float("nan"), float("inf")])
def test_what_is_no_number(value):
    with pytest.raises(Violated, match="^expected a number, got"):
        number(value, "")


def test_infinity_is_a_number_where_it_may_be_the_answer():
    assert number(torch.tensor(torch.inf), "", finite=False) == float("inf")


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
