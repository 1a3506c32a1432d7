"""Checks of a reader's answers: what a checker is and says, the parameters of a notebook, predictions."""

import ast
import copy
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
    """The reader's function; what it raises is reported, and nothing returned counts as not yet."""

    def call(*arguments: Any) -> Any:
        try:
            return given(f(*arguments))
        except (NotImplementedError, Violated):
            raise
        except Exception as error:
            case = ", ".join(shown(argument) for argument in arguments)
            raise Violated(f"your function raised {type(error).__name__}: {error}, for ({case})") from error

    return call


def shown(value: Any) -> str:
    """A number, a vector as (3, -4), or a function by its name; a network by its class."""
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return f"({', '.join(shown(item) for item in value)})"
    return f"{value:.4g}" if isinstance(value, float) else repr(value)


def guess(yours: Any, truth: float, unit: str = "") -> Report:
    """Compares a prediction with what came out; it may be far off, that is what it is for."""
    title, was = "your prediction", f"it is {truth:.4g}{unit}"
    if yours is None or yours is ...:
        return Report(NOT_YET, title, f"not yet; {was}")
    if isinstance(yours, bool) or not isinstance(yours, int | float) or not math.isfinite(yours):
        return Report(VIOLATED, title, f"expected a number, got {yours!r}")
    return Report(SOLVED, title, f"{yours:g}{unit}, and {was}: you are off by {abs(yours - truth):.3g}{unit}")


def option(yours: Any, options: Mapping[Any, str], truth: Any) -> Report:
    """Compares a prediction that is one of some options, each with its words, with what came out."""
    title, was = "your prediction", f"it is {truth}, {options[truth]}"
    if yours is None or yours is ...:
        return Report(NOT_YET, title, f"not yet; {was}")
    if yours not in options:
        return Report(VIOLATED, title, f"expected one of {', '.join(map(str, options))}, got {yours!r}")
    return Report(
        SOLVED, title, f"{was}, as you said" if yours == truth else f"{yours}, {options[yours]}; {was}"
    )


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


def number(value: Any, case: str) -> float:
    """A finite number out of what the reader gave."""
    if hasattr(value, "item") and math.prod(value.shape) == 1:
        value = value.item()
    require(
        not isinstance(value, bool) and isinstance(value, numbers.Real) and math.isfinite(value),
        f"{case}: expected a number, got {value!r}",
    )
    return float(value)


def asking(f: Callable, case: str) -> Callable[..., float]:
    """The reader's function as one that returns a number; `case` has a {} for each of its arguments."""
    return lambda *given: number(f(*copy.deepcopy(given)), case.format(*map(shown, given)))


def agree(yours: Callable, truth: Callable, cases: Iterable[tuple], complaint: str, share: float = 0) -> None:
    """Requires that the reader's number is the true one, up to a share; {} are the case and both numbers."""
    for case in cases:
        mine, exact = yours(*case), truth(*case)
        require(abs(mine - exact) <= share * exact, complaint.format(*map(shown, case), mine, exact))


def finite_array(value: Any, shape: tuple[int, ...], case: str, name: str, expected: str) -> np.ndarray:
    """What the reader gave, once it is finite and has this shape; {} in `expected` is where another goes."""
    array = np.asarray(value.detach() if hasattr(value, "detach") else value, float, order="C")
    require(array.shape == shape, f"{case}: {expected.format(array.shape)}")
    require(bool(np.isfinite(array).all()), f"{case}: {name} holds NaN or infinity")
    return array


def brief(vector: Any) -> str:
    """A short vector as it is, of a long one its length."""
    return shown(vector) if len(vector) < 5 else f"{len(vector)} random numbers"
