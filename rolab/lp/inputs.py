"""From what users pass to arrays, or a `ValueError` that names the row, the variable or the argument."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from rolab.arguments import labels_of
from rolab.lp.standard_form import SIGN


def as_row(name: str, row: Any, variables: tuple[str, ...]) -> tuple[np.ndarray, str, float]:
    """A row as the user states it: its coefficients (n,), its sense and its right-hand side."""
    try:
        coefficients, sense, rhs = row
        rhs = as_vector([rhs], "rhs").item()
    except (TypeError, ValueError):
        message = f"row {name!r}: expected (coefficients, sense, right-hand side), got {row!r}"
        raise ValueError(message) from None
    check_sense(sense, name)
    if not np.isfinite(rhs):
        raise ValueError(f"row {name!r}: expected a finite right-hand side, got {rhs}")
    return as_coefficients(coefficients, f"row {name!r}", variables), sense, rhs


def check_mapping(value: Any, what: str, entries: str) -> None:
    """Raise a `ValueError` unless value is a dictionary or None."""
    if value is not None and not isinstance(value, Mapping):
        raise ValueError(f"{what}: expected a dictionary {entries}, got {type(value).__name__}")


def check_names(names: Iterable[Any], what: str) -> None:
    """Raise a `ValueError` unless the names of rows are strings: a tuple of them means several rows."""
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"{what}: expected names of rows that are strings, got {name!r}")


def check_sense(sense: Any, name: str) -> None:
    """Raise a `ValueError` unless sense is one of the three."""
    if sense not in SIGN:
        raise ValueError(f"row {name!r}: expected the sense '<=', '>=' or '==', got {sense!r}")


def as_coefficients(values: Any, what: str, variables: tuple[str, ...]) -> np.ndarray:
    """Numbers (n,), from as many or, by its labels, from a dictionary or a Series variable → number."""
    values = _by_name(values, what)
    if isinstance(values, Mapping):
        if unknown := [name for name in values if name not in variables]:
            raise ValueError(f"{what}: there is no variable {unknown[0]!r}; there are {listed(variables)}")
        values = [values.get(name, 0.0) for name in variables]
    expected = f"expected numbers ({len(variables)},)"
    try:
        found = as_floats(values)
    except (TypeError, ValueError):
        raise ValueError(f"{what}: {expected}, got {values!r}") from None
    if found.shape != (len(variables),):
        raise ValueError(f"{what}: {expected}, one a variable, got shape {found.shape}")
    if not np.isfinite(found).all():
        raise ValueError(f"{what}: expected finite numbers, got NaN or infinity")
    return found


def as_bounds(values: Any, none: float, usual: float, what: str, variables: tuple[str, ...]) -> np.ndarray:
    """Bounds (n,) from a number, numbers (n,), a dictionary of them by name, or None: no bound, `none`.

    Variables that a dictionary leaves out have the usual bound.
    """
    n, values = len(variables), _by_name(values, what)
    if isinstance(values, Mapping):
        if unknown := [name for name in values if name not in variables]:
            raise ValueError(f"{what}: there is no variable {unknown[0]!r}; there are {listed(variables)}")
        values = [values.get(name, usual) for name in variables]
        values = [none if value is None else value for value in values]
    try:
        found = as_floats(none if values is None else values)
    except (TypeError, ValueError):
        raise ValueError(f"{what}: expected a number, None or numbers ({n},), got {values!r}") from None
    if found.shape not in ((), (n,)) or np.isnan(found).any():
        raise ValueError(f"{what}: expected a number, None or numbers ({n},), got shape {found.shape} or NaN")
    if (found == -none).any():
        raise ValueError(f"{what}: expected finite numbers or {none:g} for no bound, got {-none:g}")
    return np.broadcast_to(found, (n,)).copy()


def as_floats(values: Any) -> np.ndarray:
    """Numbers as float64, which complex ones are none."""
    found = np.asarray(values)
    if np.iscomplexobj(found):
        raise TypeError("complex numbers")
    return found.astype(float)


def as_vector(values: Any, what: str) -> np.ndarray:
    """Numbers (n,), n ≥ 0."""
    try:
        found = as_floats(values)
    except (TypeError, ValueError):
        raise ValueError(f"{what}: expected numbers (n,), got {values!r}") from None
    if found.ndim != 1:
        raise ValueError(f"{what}: expected numbers (n,), got shape {found.shape}")
    return found


def as_matrix(values: Any, what: str) -> sp.csr_array:
    """A matrix, dense or sparse, as a sparse one of float64."""
    values = values if sp.issparse(values) else np.asarray(values)
    if np.iscomplexobj(values):
        raise ValueError(f"{what}: expected real numbers, got complex ones")
    return sp.csr_array(values, dtype=float)


def labels(values: Any, what: str, axis: str = "index") -> tuple[Any, ...] | None:
    """The labels of a Series of pandas or of an axis of a DataFrame; None if it only counts, or has none."""
    found = labels_of(values, axis)
    if found and set(found) == {*range(len(found))}:
        raise ValueError(f"{what}: expected labels that are names, or count in order, got {listed(found)}")
    return found


def by_label(values: Any, what: str, index: Sequence[Any], columns: Sequence[Any] = ()) -> Any:
    """Labelled values in the order of these names; others as they are, to be read by position."""
    found = values
    for axis, (side, names) in enumerate((("index", index), ("columns", columns))):
        if (known := labels(values, what, side)) is not None:
            if sorted(map(repr, known)) != sorted(map(repr, names)):
                raise ValueError(
                    f"{what}: expected the labels {listed(names) or 'none'}, got {listed(known)}"
                )
            found = np.asarray(found).take([known.index(name) for name in names], axis)
    return found


def _by_name(values: Any, what: str) -> Any:
    """A Series as a dictionary; anything else as it is."""
    if (names := labels(values, what)) is None:
        return values
    if len(set(names)) < len(names):
        raise ValueError(f"{what}: expected no label twice, got {listed(names)}")
    return dict(zip(names, values, strict=True))


def listed(names: Iterable[str], last: str = ", ") -> str:
    """Names as a message lists them, the first eight; `last` stands before the last one."""
    names = [repr(name) for name in names]
    shown = names[:8] + ["…"] * (len(names) > 8)
    return last.join([", ".join(shown[:-1]), *shown[-1:]] if len(shown) > 1 else shown)
