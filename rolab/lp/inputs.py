"""From what users pass to arrays, or a `ValueError` that names the row, the variable or the argument."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rolab.lp.standard_form import SIGN


def as_row(name: str, row: Any, variables: tuple[str, ...]) -> tuple[np.ndarray, str, float]:
    """A row as the user states it: its coefficients (n,), its sense and its right-hand side."""
    try:
        coefficients, sense, rhs = row
        rhs = float(rhs)
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


def check_sense(sense: Any, name: str) -> None:
    """Raise a `ValueError` unless sense is one of the three."""
    if sense not in SIGN:
        raise ValueError(f"row {name!r}: expected the sense '<=', '>=' or '==', got {sense!r}")


def as_coefficients(values: Any, what: str, variables: tuple[str, ...]) -> np.ndarray:
    """Numbers (n,), from as many or from a dictionary variable → number."""
    if isinstance(values, Mapping):
        if unknown := [name for name in values if name not in variables]:
            raise ValueError(f"{what}: there is no variable {unknown[0]!r}; there are {listed(variables)}")
        values = [values.get(name, 0.0) for name in variables]
    expected = f"expected numbers ({len(variables)},)"
    try:
        found = np.array(values, float)
    except (TypeError, ValueError):
        raise ValueError(f"{what}: {expected}, got {values!r}") from None
    if found.shape != (len(variables),):
        raise ValueError(f"{what}: {expected}, one a variable, got shape {found.shape}")
    if not np.isfinite(found).all():
        raise ValueError(f"{what}: expected finite numbers, got NaN or infinity")
    return found


def as_bounds(values: Any, none: float, what: str, n: int) -> np.ndarray:
    """Bounds (n,) from a number, numbers (n,) or None, which stands for `none`."""
    found = np.array(none if values is None else values, float)
    if found.shape not in ((), (n,)) or np.isnan(found).any():
        raise ValueError(f"{what}: expected a number, None or numbers ({n},), got shape {found.shape} or NaN")
    return np.broadcast_to(found, (n,)).copy()


def listed(names: Iterable[str], last: str = ", ") -> str:
    """Names as a message lists them, the first eight; `last` stands before the last one."""
    names = [repr(name) for name in names]
    shown = names[:8] + ["…"] * (len(names) > 8)
    return last.join([", ".join(shown[:-1]), *shown[-1:]] if len(shown) > 1 else shown)
