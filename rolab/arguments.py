"""Argument validation: from what users pass to checked tensors and expressions, or an error that names it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from importlib import import_module
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rolab.errors import DataError, NonFiniteError

FLOATS = torch.float16, torch.bfloat16, torch.float32, torch.float64  # those of 8 bits can only be stored
Radius = float | Tensor  # a number, or a tensor (N,): one per example
Bound = float | Tensor  # a number; a tensor (d,), or shaped like an example, for all; (N, ...): one for each


def cvxpy() -> Any:
    """The package, loaded when first needed; its star imports hide its names from type checkers."""
    return import_module("cvxpy")


def as_rows(x: Any, name: str, finite: bool = True) -> Tensor:
    """A batch (N, ...) as a matrix (N, d) in float32 or float64."""
    if not isinstance(x, Tensor) or x.dtype not in FLOATS:
        came = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"{name}: expected a tensor (N, ...) of floats, got {came}")
    if x.ndim < 2 or x.shape[1:].numel() == 0:
        raise ValueError(f"{name}: expected a batch (N, ...), one example a row, got shape {tuple(x.shape)}")
    # The sum shows it, in 7 µs where isfinite takes 250 µs; but finite entries can overflow it: look again.
    if finite and not math.isfinite(x.sum().item()) and not x.isfinite().all():
        raise NonFiniteError(f"{name}: expected finite entries, got NaN or infinity")
    return x.flatten(1).to(torch.promote_types(x.dtype, torch.float32))


def class_numbers(y: Any, x: Tensor, classes: float | None = None, name: str = "y") -> Tensor:
    """The class numbers y of a batch x: an int64 tensor (N,) with entries from 0 to `classes` − 1.

    Nothing is converted: what comes as float, one-hot, (N, 1) or in bytes was made for something else. How
    many classes there are may be unknown, `math.inf`. With None the entries are not looked at, for which an
    accelerator would have to be waited for.
    """
    expected = f"shape ({len(x)},), an int64 tensor with a class number for each example of a batch"
    if not isinstance(y, Tensor):
        raise ValueError(f"{name}: expected {expected}, got {type(y).__name__}")
    if y.dtype != torch.int64 or y.shape != x.shape[:1]:
        raise ValueError(f"{name}: expected {expected}, got {y.dtype} of shape {tuple(y.shape)}")
    if len(y) and classes is not None:
        least, most = (entry.item() for entry in y.aminmax())
        if least < 0 or most >= classes:
            allowed = "≥ 0" if classes == math.inf else f"from 0 to {classes - 1}"
            raise ValueError(f"{name}: expected class numbers {allowed}, got entries from {least} to {most}")
    return y


def as_logits(z: Any, x: Tensor, finite: bool = True) -> Tensor:
    """What a model answers to a batch x, if these are logits: a float tensor (N, K) with K ≥ 2.

    NaN and +∞ are refused, which waits for an accelerator; with `finite=False` they are not looked for.
    """
    expected = f"model: expected ({len(x)}, K) logits with K ≥ 2"
    if not isinstance(z, Tensor):
        raise ValueError(f"{expected}, got {type(z).__name__}")
    if z.dtype not in FLOATS or z.ndim != 2 or len(z) != len(x) or z.shape[1] < 2:
        raise ValueError(f"{expected}, got {z.dtype} of shape {tuple(z.shape)}")
    if finite and len(z) and not z.detach().amax().item() < math.inf:  # −∞ excludes a class, and may stand
        if not x.isfinite().all():
            raise NonFiniteError("x: expected finite pixels, got NaN or infinity")
        raise NonFiniteError("model: expected finite logits, got NaN or infinity")
    return z


def like(g: Tensor, x: Tensor) -> Tensor:
    """The matrix x (N, d) in the shape and the type of g."""
    return x.reshape(g.shape).to(g)


def cast_rows(w: Any) -> tuple[Any, Tensor, int]:
    """The cvxpy expression of w as a matrix (m, n), a stand-in of its shape, and how many axes w had."""
    w = cvxpy().Expression.cast_to_const(w)
    if w.ndim not in (1, 2):
        raise ValueError(f"w: expected a vector (n,) or a matrix (m, n), one w a row, got shape {w.shape}")
    matrix = w if w.ndim == 2 else cvxpy().reshape(w, (1, w.size), order="C")
    return matrix, torch.empty(matrix.shape, dtype=torch.float64), w.ndim


def labels_of(values: Any, axis: str = "index") -> tuple[Any, ...] | None:
    """The labels of a Series of pandas or of an axis of a DataFrame; None if it only counts, or has none."""
    found = getattr(values, axis, None)
    if found is None or callable(found):  # lists have a method of that name
        return None
    found = tuple(found)
    return None if found == tuple(range(len(found))) else found


def float64_copy(value: Any, name: str, ndim: int) -> Tensor:
    """A tensor, or an array of numpy or scipy, as a float64 tensor of the set's own, sparse if it was.

    A set knows no names: what has labels is refused, as their order may be another one than it is taken for.
    """
    if known := labels_of(value) or labels_of(value, "columns"):
        came = f"{type(value).__name__} with the labels {', '.join(map(repr, known[:5]))}"
        raise ValueError(f"{name}: expected numbers without labels, as a set goes by place, got a {came}")
    if hasattr(value, "tocoo"):
        coo = value.tocoo()
        places = torch.from_numpy(np.stack([coo.row, coo.col]).astype(np.int64))
        value = torch.sparse_coo_tensor(places, coo.data, coo.shape, check_invariants=True).coalesce()
    try:
        tensor = value if isinstance(value, Tensor) else _float64(value)
        if tensor.is_complex():
            raise TypeError(tensor.dtype)
        tensor = tensor.detach().to("cpu", torch.float64, copy=True)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise ValueError(f"{name}: expected an array of numbers, got {type(value).__name__}") from None
    if tensor.ndim != ndim or 0 in tensor.shape:
        expected = "a matrix (m, n)" if ndim == 2 else "a vector (n,)"
        raise ValueError(f"{name}: expected {expected}, got shape {tuple(tensor.shape)}")
    if not (tensor.values() if tensor.is_sparse else tensor).isfinite().all():
        raise ValueError(f"{name}: expected finite entries, got NaN or infinity")
    return tensor


def _float64(value: Any) -> Tensor:
    """Numbers in lists or arrays as float64, each rounded once: torch would make float32 of a list."""
    array = np.asarray(value)
    if array.dtype.kind not in "biufO":  # text is none, nor are complex numbers
        raise TypeError(array.dtype)
    return torch.from_numpy(array.astype(np.float64))


def is_real(value: Any) -> bool:
    """Whether it is a real number, or a tensor of such in a type that one can compute with; True is none."""
    if not isinstance(value, Tensor):
        return isinstance(value, Real) and not isinstance(value, bool)
    floats = value.is_floating_point() or value.is_complex() or value.dtype == torch.bool
    return value.dtype in FLOATS or not floats


def check_radius(radius: Any, name: str = "radius") -> None:
    """Raise a `ValueError` unless radius is a finite number ≥ 0, or a tensor (N,) of them."""
    came = repr(radius)
    if isinstance(radius, Tensor) and not is_real(radius):
        came = f"a tensor of {radius.dtype}"
    elif isinstance(radius, Tensor):
        if radius.ndim < 2 and (radius.numel() == 0 or (radius.min() >= 0 and radius.max() < math.inf)):
            return
        came = f"a tensor of shape {tuple(radius.shape)}"
        came += f" with entries from {radius.min():g} to {radius.max():g}" if radius.ndim < 2 else ""
    elif is_real(radius) and 0 <= float(radius) < math.inf:
        return
    raise ValueError(f"{name}: expected a finite number >= 0, or a tensor (N,) of them, got {came}")


def check_factor(factor: Any, owner: str) -> None:
    """Raise a `ValueError` unless the factor is one number ≥ 0: sets of many entries know no others."""
    check_radius(factor, "factor")
    if isinstance(factor, Tensor) and factor.ndim:
        came = f"a tensor of shape {tuple(factor.shape)}"
        raise ValueError(f"factor: expected a number for {owner}, got {came}; balls take one per example")


def check_count(radius: Radius, count: int, name: str = "radius") -> None:
    """Raise a `ValueError` unless radius is a number, or as many as there are examples."""
    if isinstance(radius, Tensor) and radius.ndim and len(radius) != count:
        expected = f"a number or a tensor ({count},), one per example"
        raise ValueError(f"{name}: expected {expected}, got shape {tuple(radius.shape)}")


def as_column(radius: Radius, x: Tensor, name: str = "radius") -> Tensor:
    """A radius as a column (1, 1) or (N, 1) beside the matrix x (N, d)."""
    check_radius(radius, name)
    if not isinstance(radius, Tensor):
        return x.new_full((1, 1), float(radius))
    check_count(radius, len(x), name)
    return radius.to(x).reshape(-1, 1)


def one_per_row(radius: Radius, x: Tensor, name: str = "radius") -> Tensor:
    """A radius for each row of the matrix x (N, d): (N,)."""
    return as_column(radius, x, name).expand(len(x), 1)[:, 0]


def is_number(radius: Any) -> bool:
    """Whether all examples share the radius."""
    return not isinstance(radius, Tensor) or radius.ndim == 0


def per_example(value: Any, rows: Any) -> Any:
    """A number as it is, a tensor (N,) at the chosen examples."""
    return value if is_number(value) else at_rows(value, rows)


def at_rows(value: Tensor, rows: Any) -> Tensor:
    """The entries of some examples, the batch axis kept; an index may lie on another device."""
    if isinstance(rows, Tensor):
        rows = rows.to(value.device)
    return value[[rows] if isinstance(rows, int) else rows]


def as_bounds(lower: Bound, upper: Bound, g: Tensor) -> tuple[Tensor, Tensor]:
    """The bounds of a box as matrices (1, 1), (1, d) or (N, d) beside the batch g (N, ...)."""
    return _as_bound(lower, g, "lower"), _as_bound(upper, g, "upper")


def _as_bound(bound: Bound, g: Tensor, name: str) -> Tensor:
    dtype, found = torch.promote_types(g.dtype, torch.float32), bound_for_batch(bound, g.shape, name)
    if not isinstance(found, Tensor) or found.ndim == 0:
        return torch.full((1, 1), float(found), dtype=dtype, device=g.device)
    return found.to(g.device, dtype).reshape(1 if found.ndim == 1 else len(g), g.shape[1:].numel())


def bound_for_batch(bound: Bound, shape: torch.Size, name: str) -> Bound:
    """The bound for a batch of a shape (N, ...): a number, a tensor (d,) that all share, or one per example.

    What has N times the entries of one example is one per example; what is shaped like one example becomes
    (d,). The two can be confused for N = 1 only, where they mean the same.
    """
    width = shape[1:].numel()
    if not isinstance(bound, Tensor) or bound.ndim == 0 or bound.shape == (width,):
        return bound
    if bound.ndim > 1 and len(bound) == shape[0] and bound.shape[1:].numel() == width:
        return bound
    if bound.shape == shape[1:]:
        return bound.flatten()
    expected = f"a number, a tensor ({width},) for all examples or {tuple(shape)}, one per example"
    raise ValueError(f"{name}: expected {expected}, got shape {tuple(bound.shape)}")


def check_images(x: Any, *shape: int) -> None:
    """Raise a `ValueError` unless x are images (N, *shape) of floats: what a network takes."""
    if not isinstance(x, Tensor) or x.dtype not in FLOATS or x.shape[1:] != shape:
        came = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"x: expected images (N, {', '.join(map(str, shape))}) of floats, got {came}")


def check_pixels(images: Tensor, name: str = "images") -> None:
    """Raise a `DataError` unless all pixels lie in [0, 1], but for rounding: a quarter of a grey level."""
    if not images.numel():
        return
    least, most = (entry.item() for entry in images.detach().aminmax())
    if not (least >= -0.001 and most <= 1.001):
        came = f"numbers from {least:g} to {most:g}"
        if math.isnan(least):
            spoilt = int(images.isnan().flatten(1).any(1).sum())
            came = f"NaN in {spoilt} of {len(images)} images"
        raise DataError(f"{name}: expected pixels in [0, 1], got {came}")


def whole_number(value: Any, name: str, least: int = 0, most: int = 2**63 - 1) -> int:
    """A whole number from `least` to `most`; True is none."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) <= most:
        top = "2⁶³ − 1" if most == 2**63 - 1 else most
        raise ValueError(f"{name}: expected a whole number from {least} to {top}, got {value!r}")
    return int(value)


def as_list(values: Any, name: str, kind: str, fits: Callable[[Any], bool], least: int = 0) -> list[Any]:
    """Several things of a kind, at least so many: one alone, or one that does not fit, is refused by name."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError(f"{name}: expected a list, each {kind}, got {values!r} alone")
    found = list(values)
    if len(found) < least:
        raise ValueError(f"{name}: expected at least {least} in the list, each {kind}, got {found!r}")
    for place, value in enumerate(found):
        if not fits(value):
            raise ValueError(f"{name}[{place}]: expected {kind}, got {value!r}")
    return found


def divided(z: Any, size: Tensor) -> Any:
    """The cvxpy expression z (m, n), its entries divided by sizes (n,) or (m, 1)."""
    return cvxpy().multiply(np.broadcast_to(1 / size.numpy(), z.shape), z)


def rounding(d: Tensor) -> float:
    """The relative error that a few operations in the type of d leave."""
    return 8 * torch.finfo(d.dtype).eps


def power_of_two(x: Any) -> Tensor:
    """Powers of two near the entries of x ≥ 0 in float64, to scale by and back without rounding; 1 for 0."""
    x = torch.as_tensor(x, dtype=torch.float64)
    return torch.ldexp(torch.ones_like(x), torch.where(x > 0, x.frexp().exponent, 0).clamp(-1000, 1000))


def one_if_zero(x: Tensor) -> Tensor:
    """The tensor x ≥ 0 with 1 in the place of 0, to divide by."""
    return x + (x == 0)


def normalized(x: Tensor) -> tuple[Tensor, Tensor]:
    """The matrix x/m and m = max |x| (N, 1). The largest entry becomes exactly ±1, however small; 0 stays."""
    largest = x.detach().abs().amax(1, keepdim=True)
    return x / one_if_zero(largest), largest


def short(value: Any) -> str:
    """A number, or the shape of a tensor, as text."""
    if isinstance(value, Tensor) and value.ndim:
        return f"<{'x'.join(map(str, value.shape))}>"
    return f"{float(value):g}"
