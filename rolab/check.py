"""The checkers of the exercises: 'not yet', a tick, or the property that is violated.

    >>> def mine(g, radius):
    ...     return radius * g.sign()
    >>> l1_maximizer(mine)
    ✗ the ℓ1 maximiser: for g = (3, -4), radius 2: ‖Δ‖₁ is 4, the radius is 2
    >>> l1_maximizer(...)
    … the ℓ1 maximiser: not yet

A checker is a function of the reader's answer, made by the decorator `exercise`. For every property that must
hold it calls `require(fact, complaint)`, and it returns what is to be said when all of them do:

    @exercise("the robust margin")
    def robust_margin(answer):
        require(answer > 0, f"a margin is positive, yours is {answer:g}")
        return "so the classifier withstands any Δ in the ball"

The answer may be a value or a function. Not yet solved are `...`, None, a function that raises
NotImplementedError, and one that returns `...` or None. A checker never raises: a notebook with unsolved or
wrong answers runs to its end.
"""

import ast
import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

SOLVED, VIOLATED, NOT_YET = "✓", "✗", "…"


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
        @functools.wraps(checker)
        def check(answer: Any) -> Report:
            try:
                return Report(SOLVED, title, checker(_called(answer) if callable(answer) else _given(answer)))
            except NotImplementedError:
                return Report(NOT_YET, title, "not yet")
            except Violated as complaint:
                return Report(VIOLATED, title, str(complaint))
            except Exception as error:
                kind = type(error).__name__
                return Report(VIOLATED, title, f"your answer cannot be checked, {kind}: {error}")

        return check

    return decorate


def _given(answer: Any) -> Any:
    if answer is None or answer is ...:
        raise NotImplementedError
    return answer


def _called(f: Callable) -> Callable:
    """The reader's function; what it raises is reported, and nothing returned counts as not yet."""

    def call(*arguments: Any) -> Any:
        try:
            return _given(f(*arguments))
        except NotImplementedError:
            raise
        except Exception as error:
            shown = ", ".join(_shown(argument) for argument in arguments)
            raise Violated(f"your function raised {type(error).__name__}: {error}, for ({shown})") from error

    return call


def _shown(value: Any) -> str:
    """A number, or a vector as (3, -4)."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return f"({', '.join(_shown(item) for item in value)})"
    return f"{value:.4g}" if isinstance(value, float) else repr(value)


def guess(yours: Any, truth: float, unit: str = "") -> Report:
    """Compares a prediction with what came out; it may be far off, that is what it is for."""
    title, was = "your prediction", f"it is {truth:.4g}{unit}"
    if yours is None or yours is ...:
        return Report(NOT_YET, title, f"not yet; {was}")
    if isinstance(yours, bool) or not isinstance(yours, int | float) or not math.isfinite(yours):
        return Report(VIOLATED, title, f"expected a number, got {yours!r}")
    return Report(SOLVED, title, f"{yours:g}{unit}, and {was}: you are off by {abs(yours - truth):.3g}{unit}")


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
        if isinstance(allowed, range) and value not in allowed:
            raise ValueError(f"parameter {name} is {value!r}, expected {allowed[0]} to {allowed[-1]}")
        if isinstance(allowed, tuple) and value not in allowed:
            raise ValueError(
                f"parameter {name} is {value!r}, expected one of {', '.join(map(repr, allowed))}"
            )


# Notebook 03


@exercise("the ℓ1 maximiser")
def l1_maximizer(f: Callable) -> str:
    """f(g, radius) → Δ with ‖Δ‖₁ ≤ radius that maximises ⟨g, Δ⟩; g is a vector (n,)."""
    import torch

    from rolab.sets import Ball

    generator = torch.Generator().manual_seed(3)
    cases = [[3.0, -4.0], [0.5, -3.0, 1.0], [2.0, -2.0, 2.0], [0.0, 0.0, 0.0]]
    vectors = [torch.tensor(case) for case in cases] + [torch.randn(784, generator=generator)]
    for g in vectors:
        radius = 2.0
        d = _vector(f(g.clone(), radius), g, radius)
        norm = float(d.abs().sum())
        require(
            norm <= radius * (1 + 1e-5), f"{_case(g, radius)}: ‖Δ‖₁ is {norm:.4g}, the radius is {radius:g}"
        )
        _reaches(d, g, float(Ball("l1", radius).support(g[None])), _case(g, radius))
    return "within the radius and optimal; with ties, and with g = 0 too"


@exercise("the ℓ2 maximiser in a box")
def l2_in_box(f: Callable) -> str:
    """f(g, radius, lower, upper) → Δ with ‖Δ‖₂ ≤ radius and lower ≤ Δ ≤ upper that maximises ⟨g, Δ⟩."""
    import torch

    from rolab.sets import Ball, Box

    generator = torch.Generator().manual_seed(3)
    g, x = torch.randn(50, generator=generator), torch.rand(50, generator=generator)
    plane, zero = torch.tensor([3.0, 4.0]), torch.zeros(3)
    cases = [
        (plane, 1.0, torch.tensor([-1.0, -1.0]), torch.tensor([1.0, 0.5])),
        (plane, 1.0, torch.tensor([-2.0, -2.0]), torch.tensor([2.0, 2.0])),
        (plane, 3.0, torch.tensor([-1.0, -1.0]), torch.tensor([1.0, 0.5])),
        (zero, 1.0, zero - 1, zero + 1),
        (g, 2.0, -x, 1 - x),
    ]
    for g, radius, lower, upper in cases:
        case = _case(g, radius) + (
            f", box {_shown(lower)} to {_shown(upper)}" if len(g) < 5 else ", a pixel box"
        )
        d = _vector(f(g.clone(), radius, lower.clone(), upper.clone()), g, radius)
        norm, out = float(d.norm()), float(torch.maximum(lower - d, d - upper).max())
        require(norm <= radius * (1 + 1e-4), f"{case}: ‖Δ‖₂ is {norm:.4g}, the radius is {radius:g}")
        require(out <= 1e-4, f"{case}: an entry of Δ leaves the box by {out:.4g}")
        U = Ball("l2", radius) & Box(lower, upper)
        _reaches(d, g, float(U.support(g[None])), case)
    return "within the ball, within the box, and optimal; a naively clipped step is not"


def _case(g: Any, radius: float) -> str:
    return f"for g = {_shown(g) if len(g) < 5 else f'{len(g)} random numbers'}, radius {radius:g}"


def _vector(d: Any, g: Any, radius: float) -> Any:
    import torch

    d = torch.as_tensor(d)
    require(d.shape == g.shape, f"{_case(g, radius)}: Δ has shape {tuple(d.shape)}, g has {tuple(g.shape)}")
    require(bool(d.isfinite().all()), f"{_case(g, radius)}: Δ holds NaN or infinity")
    return d.to(g.dtype)


def _reaches(d: Any, g: Any, best: float, case: str) -> None:
    value = float(g @ d)
    require(value >= best - 1e-4 * (1 + abs(best)), f"{case}: ⟨g, Δ⟩ is {value:.4g}, it could be {best:.4g}")


# Notebook 07


@exercise("the paper's gain, in images")
def images_gained(answer: float) -> str:
    """How many of the 10,000 test images lie between the paper's baseline and its robust ℓ1 net?"""
    from rolab.experiments import PAPER

    before, after = (PAPER["mnist"][net]["test_accuracy"] for net in ("baseline", "robust-l1"))
    points = after - before
    images = round(points / 100 * 10_000)
    yours = _number(answer, "your answer")
    require(yours > 0, f"the gain is positive, from {before} % to {after} %; yours is {yours:g}")
    require(abs(yours - points) > 1e-6, f"{yours:g} is the gain in percentage points; count images")
    require(yours == int(yours), f"{yours:g} is no whole number of images")
    require(
        yours == images,
        f"{yours:g} of 10,000 images would be {yours / 100:g} percentage points; the gain is {points:.2f}",
    )
    return f"{images} images of 10,000"


@exercise("the standard error of an accuracy")
def standard_error(f: Callable) -> str:
    """f(accuracy, n) → the standard error, in percentage points, of an accuracy in percent of n images."""

    def yours(accuracy: float, n: int) -> float:
        return _number(f(accuracy, n), f"for {accuracy:g} % of {n} images")

    for accuracy in (50.0, 99.2):
        one, four = yours(accuracy, 2_500), yours(accuracy, 10_000)
        require(
            abs(one - 2 * four) < 1e-6 * (1 + abs(one)),
            f"for {accuracy:g} %: four times the images halve it; yours goes from {one:.4g} to {four:.4g}",
        )
    units = "accuracy comes in percent and the standard error goes out in percentage points"
    require(abs(yours(50.0, 10_000) - 0.005) > 1e-6, f"for 50 % of 10000 images: 0.005 is a share; {units}")
    right, wrong = yours(99.2, 10_000), yours(0.8, 10_000)
    require(
        abs(right - wrong) < 1e-6,
        f"99.2 % right is 0.8 % wrong and as uncertain; yours are {right:.4g} and {wrong:.4g}",
    )
    require(abs(yours(100.0, 10_000)) < 1e-9, "at 100 % every image was right: the standard error is 0")
    for accuracy, n in ((50.0, 10_000), (99.2, 10_000), (33.83, 1203)):
        truth, value = 100 * math.sqrt(accuracy / 100 * (1 - accuracy / 100) / n), yours(accuracy, n)
        require(
            abs(value - truth) < 1e-4 * truth,
            f"for {accuracy:g} % of {n} images: yours is {value:.4g} points, it is {truth:.4g}",
        )
    return f"at 99.2 % of 10,000 images it is {right:.3f} points, {100 * right:.0f} images"


@exercise("McNemar's exact test")
def mcnemar(f: Callable) -> str:
    """f(only_a, only_b) → the two-sided p of a split at least as uneven, if each image were a fair coin."""

    def yours(a: int, b: int) -> float:
        return _number(f(a, b), f"for {a} and {b}")

    def tail(a: int, b: int) -> float:
        return sum(math.comb(a + b, k) for k in range(min(a, b) + 1)) / 2 ** (a + b)

    for a, b in ((0, 0), (5, 5), (3, 4), (0, 10), (10, 0), (20, 34)):
        p = yours(a, b)
        require(0 <= p <= 1 + 1e-9, f"for {a} and {b}: p is a probability, yours is {p:.4g}")
    for n in (0, 5):
        p = yours(n, n)
        require(abs(p - 1) < 1e-6, f"for {n} and {n}: no split is more even, so p is 1; yours is {p:.4g}")
    for a, b in ((0, 10), (20, 34)):
        one, other = yours(a, b), yours(b, a)
        require(
            abs(one - other) < 1e-9,
            f"swapping the nets must not matter: p is {one:.4g} for {a} and {b}, {other:.4g} for {b} and {a}",
        )
        require(
            abs(one - tail(a, b)) > 1e-9,
            f"for {a} and {b}: {one:.4g} is one tail; a split as uneven the other way counts too",
        )
    for a, b in ((3, 4), (0, 10), (20, 34), (40, 60)):
        p, truth = yours(a, b), min(1.0, 2 * tail(a, b))
        chi = [math.erfc((abs(a - b) - correction) / math.sqrt(2 * (a + b))) for correction in (0, 1)]
        require(
            abs(p - truth) < 1e-6 or min(abs(p - each) for each in chi) > 1e-6,
            f"for {a} and {b}: {p:.4g} is the χ² approximation; the exact p is {truth:.4g}",
        )
        require(abs(p - truth) < 1e-6, f"for {a} and {b}: yours is {p:.4g}, the exact p is {truth:.4g}")
    return f"20 against 34 gives p = {yours(20, 34):.2g}: two networks of equal quality often differ so much"


def _number(value: Any, case: str) -> float:
    """A finite number out of what the reader gave."""
    import numbers

    if hasattr(value, "item"):
        value = value.item()
    require(
        not isinstance(value, bool) and isinstance(value, numbers.Real) and math.isfinite(value),
        f"{case}: expected a number, got {value!r}",
    )
    return float(value)
