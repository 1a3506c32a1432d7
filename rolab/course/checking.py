"""Checks of a reader's answers: what a checker is and says, the parameters of a notebook, predictions."""

import ast
import copy
import dis
import functools
import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

SOLVED, VIOLATED, NOT_YET = "✓", "✗", "…"
EXERCISES: dict[str, str] = {}  # title → the module of its checker
VERDICTS: dict[str, tuple[Any, "Report"]] = {}  # title → the last answer of this kernel, and what was said


@dataclass(frozen=True)
class Report:
    """What a checker says; true if the exercise is solved."""

    mark: str
    title: str
    message: str

    def __bool__(self) -> bool:
        return self.mark == SOLVED

    def __repr__(self) -> str:
        return f"{self.mark} {self.title}: {self.message}"


class Violated(Exception):
    """A property does not hold; the message says which."""


def require(fact: Any, complaint: str) -> None:
    """Raise `Violated` with the complaint unless the fact holds."""
    if not fact:
        raise Violated(complaint)


def exercise(title: str) -> Callable[[Callable[[Any], str]], Callable[[Any], Report]]:
    """Makes a checker out of a function that requires properties of the reader's answer."""

    def decorate(checker: Callable[[Any], str]) -> Callable[[Any], Report]:
        EXERCISES[title] = checker.__module__

        def judge(answer: Any) -> Report:
            try:
                return Report(SOLVED, title, checker(called(answer) if callable(answer) else given(answer)))
            except NotImplementedError:
                return Report(NOT_YET, title, "not yet")
            except Violated as complaint:
                return Report(VIOLATED, title, str(complaint))
            except Exception as error:
                kind = type(error).__name__
                return Report(VIOLATED, title, f"your answer cannot be checked, {kind}: {error}")

        @functools.wraps(checker)
        def check(answer: Any) -> Report:
            VERDICTS[title] = answer, judge(answer)
            return VERDICTS[title][1]

        return check

    return decorate


def given(answer: Any) -> Any:
    """The answer, unless there is none yet."""
    if answer is None or answer is ...:
        raise NotImplementedError
    return answer


def called(f: Callable) -> Callable:
    """The reader's function; what it raises is reported, and a None that comes from more than a stub."""

    def call(*arguments: Any) -> Any:
        try:
            value = f(*arguments)
        except Exception as error:
            if isinstance(error, Violated) or (isinstance(error, NotImplementedError) and not error.args):
                raise
            said = f"your function raised {type(error).__name__}: {error}, for {_case(arguments)}"
            raise Violated(said) from error
        if value is None and not _is_stub(f):
            forgotten = "is a `return` missing, or is none reached?"
            raise Violated(f"your function returned None for {_case(arguments)}: {forgotten}")
        return given(value)

    return call


def _case(arguments: tuple) -> str:
    texts = [text if len(text) <= 60 else f"{text[:60]}…" for text in map(shown, arguments)]
    return f"({', '.join(texts)})"


def _is_stub(f: Any) -> bool:
    """Whether nothing is written in a function but its docstring, `...` or `pass`."""
    empty = {"NOP", *(step.opname for step in dis.get_instructions(lambda: None))}
    return hasattr(f, "__code__") and empty.issuperset(step.opname for step in dis.get_instructions(f))


def examine(
    f: Callable, cases: Mapping[str, tuple], judge: Callable[..., None], mistakes: Mapping[str, Callable]
) -> None:
    """Requires that `judge(answer, *case)` finds no fault with the reader's answer in any case.

    A fault is reported with its case. If some mistake gives the same answers as the reader's in all cases,
    that is said too.

    Args:
        f: the reader's function
        cases: its arguments, by the words that announce them: "for w = (3, -4)"
        judge: raises `Violated`
        mistakes: functions that are wrong in a typical way, by their names and reasons; what is NaN is not
            compared, so that they need not mind a division by zero
    """
    kind = type(f).__name__
    require(callable(f), f"expected a function, got a value of type {kind}: give its name, do not call it")
    for name, case in cases.items():
        answer = f(*copy.deepcopy(case))
        try:
            judge(answer, *case)
        except Violated as complaint:
            mistake = _recognized(f, list(cases.values()), mistakes)
            said = f". Your answers are those of {mistake}" if mistake else ""
            raise Violated(f"{name}: {complaint}{said}") from None


def _recognized(f: Callable, cases: list[tuple], mistakes: Mapping[str, Callable]) -> str | None:
    """The first mistake that gives the answers of f in all cases, up to a share of 10⁻⁴."""
    with np.errstate(all="ignore"):
        mine = [_numbers(f, case) for case in cases]
        for mistake, wrong in mistakes.items():
            if _alike(mine, (_numbers(wrong, case) for case in cases)):
                return mistake
    return None


def _numbers(f: Callable, case: tuple) -> np.ndarray:
    """What f returns as a list of numbers; NaN where it is none."""
    try:
        return as_array(f(*copy.deepcopy(case))).ravel()
    except Exception:
        return np.array([math.nan])


def _alike(mine: list[np.ndarray], wrong: Iterable[np.ndarray]) -> bool:
    compared = 0
    for yours, other in zip(mine, wrong, strict=True):
        if not np.isnan(other).any():
            scale = np.abs(other[np.isfinite(other)]).max(initial=0)
            if len(yours) != len(other) or not np.allclose(yours, other, rtol=0, atol=1e-4 * scale):
                return False
            compared += 1
    return compared > 0


def shown(value: Any) -> str:
    """A number, a vector as (3, -4), or a function by its name; a network by its class."""
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return f"({', '.join(shown(item) for item in value)})"
    return f"{value:.4g}" if isinstance(value, float) else repr(value)


def parameters(namespace: Mapping[str, Any], **known: type | tuple | range) -> None:
    """Fails at once, with its name, on a parameter of a notebook that is unknown or has the wrong type.

    Args:
        namespace: the notebook's `globals()`
        known: name → the type it must have, or a tuple or range of the values it may have

    Raises:
        NameError: papermill was given a name that is not known, or a known one is missing.
        TypeError, ValueError: a value has another type, or is none of those allowed.
    """
    for source in namespace.get("In", ()):  # papermill writes what it was given into a cell of its own
        if source.startswith("# Parameters"):
            targets = [t for s in ast.parse(source).body if isinstance(s, ast.Assign) for t in s.targets]
            for name in (target.id for target in targets if isinstance(target, ast.Name)):
                if name not in known:
                    raise NameError(f"unknown parameter {name}; expected one of {', '.join(known)}")
    for name, allowed in known.items():
        if name not in namespace:
            raise NameError(f"parameter {name} is missing")
        value = namespace[name]
        kind = allowed if isinstance(allowed, type) else type(allowed[0])
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise TypeError(f"parameter {name} is {value!r}, expected a value of type {kind.__name__}")
        if not isinstance(allowed, type) and value not in allowed:
            one_of = f"one of {', '.join(map(repr, allowed))}"
            expected = f"{allowed[0]} to {allowed[-1]}" if isinstance(allowed, range) else one_of
            raise ValueError(f"parameter {name} is {value!r}, expected {expected}")


def number(value: Any, case: str, finite: bool = True) -> float:
    """A number out of what the reader gave, of Python, numpy or torch; `case` says what it is, or is ""."""
    value = _item(value)
    real = not isinstance(value, bool) and isinstance(value, numbers.Real) and not math.isnan(value)
    require(real and (math.isfinite(value) or not finite), _at(case, f"expected a number, got {value!r}"))
    return float(value)


def truth(value: Any, case: str) -> bool:
    """True or False out of what the reader gave, of Python, numpy or torch."""
    value = _item(value)
    require(isinstance(value, bool), _at(case, f"expected True or False, got {value!r}"))
    return value


def _at(case: str, complaint: str) -> str:
    return f"{case}: {complaint}" if case else complaint


def _item(value: Any) -> Any:
    """The Python object in an array or tensor of one entry; anything else as it is."""
    return value.item() if hasattr(value, "item") and math.prod(value.shape) == 1 else value


def as_array(value: Any) -> np.ndarray:
    """Numbers of numpy or torch, or a list of them, as float64."""
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, float, order="C")


def finite_array(value: Any, shape: tuple[int, ...], case: str, name: str, expected: str) -> np.ndarray:
    """What the reader gave, once it is finite and has this shape; {} in `expected` is where another goes."""
    try:
        array = as_array(value)
    except (TypeError, ValueError, RuntimeError):
        raise Violated(_at(case, f"{name}: expected numbers, got {value!r}")) from None
    require(array.shape == shape, _at(case, expected.format(array.shape)))
    require(bool(np.isfinite(array).all()), _at(case, f"{name} holds NaN or infinity"))
    return array


def brief(vector: Any) -> str:
    """A short vector as it is, of a long one its length."""
    return shown(vector) if len(vector) < 5 else f"{len(vector)} random numbers"
