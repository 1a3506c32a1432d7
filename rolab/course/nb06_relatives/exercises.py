"""The exercises of notebook 06, its relatives."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rolab.course.checking import asking, exercise, finite_array, number, require
from rolab.course.nb06_relatives.convolution_norm import fft_norm, reshaped_norm
from rolab.linear_models import dropout_increase
from rolab.sets import Ball, UncertaintySet

RADIUS = 0.5
SETS: dict[str, UncertaintySet] = {
    name: Ball(norm, RADIUS) for name, norm in (("ℓ2", "l2"), ("ℓ∞", "linf"), ("ℓ1", "l1"))
}


@exercise("a step of the power method")
def power_step(f: Callable) -> str:
    """f(J, p, d, maximizer) → Δ*(HΔ) with H = Jᵀ(diag p − ppᵀ)J: (K, n), (K,), (n,), g (n,) → Δ*(g) (n,)."""
    generator = torch.Generator().manual_seed(6)
    for classes, n in ((3, 4), (5, 12)):
        shapes = (classes, n), (classes,), (n,)
        J, z, d = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
        p = z.softmax(0)
        Hd = J.T @ (p * (J @ d) - p * (p @ (J @ d)))
        elsewhere = {
            "the gradient of the KL at Δ = 0 is 0, and Δ*(0) is no step; the second order decides": 0 * d,
            "F is diag p − ppᵀ, and you have left out ppᵀ": J.T @ (p * (J @ d)),
            "that is Δ*(JᵀJΔ): between the two J stands F = diag p − ppᵀ": J.T @ (J @ d),
            "that is Δ*(Δ), which does not look at the network: multiply by H first": d,
            "you go along −HΔ": -Hd,
        }
        for name, U in SETS.items():
            case = f"in the {name} ball of radius {RADIUS:g}, {classes} classes, {n} pixels"

            def maximizer(g: Any, U: UncertaintySet = U) -> Tensor:
                return U.maximizer(torch.as_tensor(g, dtype=torch.float64).reshape(1, -1))[0]

            given = f(J.clone(), p.clone(), d.clone(), maximizer)
            given = finite_array(given, (n,), case, "Δ", f"Δ has shape {{}}, expected ({n},)")
            yours, right = torch.from_numpy(given), maximizer(Hd)
            if _close(yours, right):
                continue
            require(not _close(yours, Hd), f"{case}: that is HΔ itself; the step is Δ*(HΔ), a point of U")
            for complaint, g in elsewhere.items():
                require(not _close(yours, maximizer(g)), f"{case}: {complaint}")
            for image, ball in ((Hd, "ℓ2"), (Hd.sign(), "ℓ∞")):
                alike = _close(yours / yours.norm(), image / image.norm())
                only = f"that is Δ* of an {ball} ball of some radius, whatever the set is: ask its maximiser"
                require(not alike, f"{case}: {only}")
            reached, best = float(Hd @ yours), float(Hd @ right)
            require(False, f"{case}: ⟨HΔ, yours⟩ is {reached:.4g}, the maximiser reaches {best:.4g}")
    return "right in three sets, and only the maximiser knew which; for ℓ2 it is the power iteration"


def _close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, atol=1e-8)


@exercise("the operator norm of a convolution")
def convolution_norm(f: Callable) -> str:
    """f(weight, size, stride, padding) → ‖A‖₂ of a convolution of images size × size; (out, in, k, k)."""
    generator = torch.Generator().manual_seed(6)
    cases = [(2, 3, 3, 5, 1, 1), (3, 2, 3, 7, 2, 0), (2, 2, 2, 6, 2, 1), (1, 1, 3, 6, 1, 0)]
    for out, channels, k, size, stride, padding in cases:
        weight = torch.randn(out, channels, k, k, generator=generator, dtype=torch.float64)
        case = f"for a kernel {out} × {channels} × {k} × {k}, size {size}, stride {stride}, padding {padding}"
        norm = partial(_explicit_norm, weight)
        truth = norm(size, stride, padding)
        yours = number(f(weight.clone(), size, stride, padding), case)
        if abs(yours - truth) <= 1e-3 * truth:
            continue
        whole = _matrix(weight, size, stride, padding)
        wrong = {
            "the norm of the kernel reshaped to a matrix; but patches overlap": reshaped_norm(weight),
            "the Frobenius norm of the kernel": float(weight.norm()),
            "the Frobenius norm of the operator, which bounds ‖A‖₂ but is not it": float(whole.norm()),
            "‖AᵀA‖₂ = ‖A‖₂²: take the root": truth**2,
            "the norm of the circular convolution (FFT), which wraps around": fft_norm(weight, size),
            "the norm with stride 1": norm(size, 1, padding),
            "the norm without padding": norm(size, stride, 0),
            "the norm for a smaller input: the size counts": norm(size - 1, stride, padding),
            "the norm for a larger input: the size counts": norm(size + 1, stride, padding),
        }
        for complaint, other in wrong.items():
            require(
                abs(yours - other) > 1e-3 * other, f"{case}: {yours:.4g} is {complaint}; it is {truth:.4g}"
            )
        require(
            yours < truth,
            f"{case}: yours is {yours:.4g}, but no image is made {truth * 1.001:.4g} times as long",
        )
        require(False, f"{case}: yours is {yours:.4g}, but some image is made {truth:.4g} times as long")
    return "the operator's own norm: with its size, its stride and its padding"


def _matrix(weight: Tensor, size: int, stride: int, padding: int) -> Tensor:
    """Aᵀ, a row for each pixel of the input."""
    n = weight.shape[1] * size * size
    pixels = torch.eye(n, dtype=weight.dtype).view(n, weight.shape[1], size, size)
    return F.conv2d(pixels, weight, stride=stride, padding=padding).flatten(1)


def _explicit_norm(weight: Tensor, size: int, stride: int, padding: int) -> float:
    return float(torch.linalg.matrix_norm(_matrix(weight, size, stride, padding), 2))


@exercise("dropout's ridge")
def dropout_penalty(f: Callable) -> str:
    """f(X, beta, delta) → what dropout adds to ½‖y − Xβ‖² in the mean; δ is dropped: (N, d), (d,)."""
    generator = np.random.default_rng(6)
    ask = asking(f, "for X = {}, β = {}, δ = {}")
    cases = [([[1.0, 2.0]], [3.0, 1.0], 0.25)]
    cases += [
        (generator.normal(size=(5, 3)).round(1).tolist(), [1.0, -2.0, 0.5], delta) for delta in (0.4, 0.2)
    ]
    for rows, weights, delta in cases:
        X, beta = np.array(rows), np.array(weights)
        truth = float(dropout_increase(X, beta, delta, "least squares").sum())
        yours = ask(X.copy(), beta.copy(), delta)
        case = f"for N = {len(X)}, d = {len(beta)}, δ = {delta:g}"
        total, odds = float((X**2 @ beta**2).sum()), delta / (1 - delta)
        kept = "what is kept is divided by 1 − δ, so that the factor is δ/(1−δ)"
        wrong = {
            "the ½ of the loss is missing": odds * total,
            "δ and 1 − δ have changed places: δ is the share that is dropped": total / odds / 2,
            "the squares of X's columns are missing: Σβ² is weight decay": odds / 2 * float(beta @ beta),
            f"{kept}, not δ(1−δ)": delta * (1 - delta) / 2 * total,
            f"{kept}, not δ alone": delta / 2 * total,
            "each feature is dropped by itself: Σ x²β², not (Σ xβ)²": odds
            / 2
            * float(((X @ beta) ** 2).sum()),
            "β is to be squared": odds / 2 * float((X**2 @ np.abs(beta)).sum()),
            "that is the mean over the examples, and not the sum": truth / len(X),
        }
        if abs(yours - truth) <= 1e-6 * truth:
            continue
        for complaint, other in wrong.items():
            require(abs(yours - other) > 1e-6 * abs(other), f"{case}: {yours:.4g}: {complaint}")
        require(
            False, f"{case}: yours is {yours:.4g}; the mean over all {2 ** len(beta)} masks is {truth:.4g}"
        )
    return "equal to the mean over all masks: dropout is a ridge that has its own weight for each column"
