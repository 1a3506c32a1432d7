"""From what users pass to arrays, or a ValueError that names the argument."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from torch import Tensor

from rolab.sets import UncertaintySet


def as_data(A: Any, b: Any, *sets: Any) -> tuple[np.ndarray, np.ndarray]:
    """A (m, n) and b (m,) as float64 arrays; a U that comes along is a set of matrices (m, n)."""
    design = as_array(A, "A", ("m", "n"))
    target = as_array(b, "b", (len(design),), (A, 0, "A's rows"))
    for U in sets:
        if not isinstance(U, UncertaintySet):
            raise ValueError(f"U: expected an UncertaintySet, got {U!r}")
        if U.dimension not in (None, design.size) or tuple(getattr(U, "shape", design.shape)) != design.shape:
            raise ValueError(f"U: expected a set of matrices of A's shape {design.shape}, got {U!r}")
    return design, target


def as_array(
    values: Any, name: str, shape: tuple[int | str, ...], like: tuple[Any, int, str] | None = None
) -> np.ndarray:
    """A float64 array of this shape, in which letters stand for any number but 0.

    A series, or a square frame, is put in the order of what it is `like`: the labels of an axis of another
    argument.
    """
    expected = f"expected finite numbers of shape ({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
    try:
        numbers, came = _as_numbers(values)
    except (TypeError, ValueError):
        came = type(values).__name__
    if came:
        raise ValueError(f"{name}: {expected}, got {came}")
    fits = (isinstance(want, str) or want == have for want, have in zip(shape, numbers.shape, strict=False))
    if numbers.ndim != len(shape) or numbers.size == 0 or not all(fits):
        raise ValueError(f"{name}: {expected}, got shape {numbers.shape}")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name}: {expected}, got NaN or infinity")
    if like is None:
        return numbers
    for axis in range(numbers.ndim):
        places: Any = (slice(None),) * axis + (_order(values, axis, name, *like),)
        numbers = numbers[places]
    return numbers


def as_examples(X: Any, y: Any, both: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Examples (N, d) and their labels ±1 (N,), some of each where `both` are asked for."""
    examples = as_array(X, "X", ("N", "d"))
    labels = as_array(y, "y", (len(examples),), (X, 0, "X's rows"))
    if not (np.abs(labels) == 1).all():
        raise ValueError(f"y: expected labels -1 and 1, got {np.unique(labels)[:5].tolist()}")
    if both and (labels == labels[0]).all():
        raise ValueError(f"y: expected labels -1 and 1, some of each, got {labels[0]:g} only")
    return examples, labels


def check_number(value: Any, name: str, least: float = -math.inf) -> None:
    """Raise a `ValueError` unless the value is a finite number from `least` on."""
    if isinstance(value, bool) or not isinstance(value, Real) or not least <= float(value) < math.inf:
        bound = f" >= {least:g}" if least > -math.inf else ""
        raise ValueError(f"{name}: expected a finite number{bound}, got {value!r}")


def _as_numbers(values: Any) -> tuple[np.ndarray, str]:
    """A float64 array, and what came if that is no array of real numbers."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = (values.double() if values.is_floating_point() else values).numpy()
    array = np.asarray(values, object if isinstance(values, list | tuple) else None)  # True stays True
    if np.ma.is_masked(values) or not array.ndim:
        return array, "masked entries" if array.ndim else type(values).__name__
    if array.dtype.kind not in "fiuO":
        return array, f"entries of type {array.dtype.name}"
    wrong = (
        [v for v in array.ravel() if isinstance(v, bool | np.bool_ | str | bytes)]
        if array.dtype.kind == "O"
        else []
    )
    return array.astype(float), repr(wrong[0]) if wrong else ""


def _order(values: Any, along: int, name: str, other: Any, axis: int, what: str) -> Any:
    """The places of entries along an axis in the order of the other's labels; without labels as they are."""
    own, wanted = _labels(values, along), _labels(other, axis)
    if own is None or (own.equals(wanted) if wanted is not None else list(own) == [*range(len(own))]):
        return slice(None)
    if wanted is not None and own.is_unique and wanted.is_unique:
        places = own.get_indexer(wanted)
        if (places >= 0).all():
            return places
    expected = f"the labels of {what}" if wanted is not None else f"an array, as {what} have no labels"
    raise ValueError(f"{name}: expected {expected}, got a series with the labels {list(own[:5])}")


def _labels(values: Any, axis: int) -> Any:
    """The labels of a pandas object along an axis, or None for what has no labels."""
    return values.axes[axis] if hasattr(values, "reindex") and hasattr(values, "axes") else None
