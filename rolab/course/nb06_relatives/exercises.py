"""The exercises of notebook 06, its relatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rolab.course.checking import examine, exercise, finite_array, number, require
from rolab.course.nb06_relatives.convolution_norm import fft_norm, reshaped_norm
from rolab.linear_models import dropout_increase
from rolab.sets import Ball, UncertaintySet


@exercise("a step of the power method")
def power_step(f: Callable) -> str:
    """f(J, p, d, maximizer) → Δ*(HΔ) with H = Jᵀ(diag p − ppᵀ)J: (K, n), (K,), (n,), g (n,) → Δ*(g) (n,)."""

    def image(J: Tensor, p: Tensor, d: Tensor) -> Tensor:
        return J.T @ (p * (J @ d) - p * (p @ (J @ d)))

    def judge(answer: Any, J: Tensor, p: Tensor, d: Tensor, maximizer: Callable) -> None:
        given = finite_array(answer, d.shape, "", "Δ", f"Δ has shape {{}}, expected ({len(d)},)")
        yours, Hd = torch.from_numpy(given), image(J, p, d)
        right = maximizer(Hd)
        for direction, ball in ((Hd, "ℓ2"), (Hd.sign(), "ℓ∞")):
            alike = torch.allclose(yours / yours.norm(), direction / direction.norm(), atol=1e-6)
            only = f"Δ has the direction of an {ball} ball's step, whatever the set is: ask its maximiser"
            require(not alike or torch.allclose(right / right.norm(), yours / yours.norm(), atol=1e-6), only)
        reached, best = float(Hd @ yours), float(Hd @ right)
        require(
            torch.allclose(yours, right, atol=1e-5 * float(right.abs().max())),
            f"⟨HΔ, yours⟩ is {reached:.4g}, the maximiser of the set reaches {best:.4g} within it",
        )

    mistakes = {
        "HΔ itself; the step is Δ*(HΔ), a point of U": lambda J, p, d, m: image(J, p, d),
        "Δ*(0): the gradient of the KL at Δ = 0 is 0; the second order decides": lambda J, p, d, m: m(0 * d),
        "F = diag p: you have left out ppᵀ": lambda J, p, d, m: m(J.T @ (p * (J @ d))),
        "F = diag(p(1 − p)): beside the diagonal ppᵀ has entries too": lambda J, p, d, m: m(
            J.T @ (p * (1 - p) * (J @ d))
        ),
        "F = diag p + ppᵀ: ppᵀ is subtracted": lambda J, p, d, m: m(J.T @ (p * (J @ d) + p * (p @ (J @ d)))),
        "Δ*(JᵀJΔ): between the two J stands F = diag p − ppᵀ": lambda J, p, d, m: m(J.T @ (J @ d)),
        "Δ*(Δ), which does not look at the network: multiply by H first": lambda J, p, d, m: m(d),
        "Δ*(Δ + HΔ): the power method goes to HΔ, it does not add it": lambda J, p, d, m: m(
            d + image(J, p, d)
        ),
        "Δ*(−HΔ), the other way": lambda J, p, d, m: m(-image(J, p, d)),
    }
    generator = torch.Generator().manual_seed(6)
    cases = {}
    for classes, n in ((3, 4), (5, 12)):
        shapes = (classes, n), (classes,), (n,)
        J, z, d = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
        for name, norm in (("ℓ2", "l2"), ("ℓ∞", "linf"), ("ℓ1", "l1")):
            radius = float(torch.rand((), generator=generator)) + n / 10
            case = f"in the {name} ball of radius {radius:.2f}, {classes} classes, {n} pixels"
            cases[case] = (J, z.softmax(0), d, _maximizer_of(Ball(norm, radius)))
    examine(f, cases, judge, mistakes)
    return "right in three sets, and only the maximiser knew which; for ℓ2 it is the power iteration"


def _maximizer_of(U: UncertaintySet) -> Callable[[Any], Tensor]:
    def maximizer(g: Any) -> Tensor:
        return U.maximizer(torch.as_tensor(g, dtype=torch.float64).reshape(1, -1))[0]

    return maximizer


@exercise("the operator norm of a convolution")
def convolution_norm(f: Callable) -> str:
    """f(weight, size, stride, padding) → ‖A‖₂ of a convolution of images size × size; (out, in, k, k)."""

    def judge(answer: Any, *case: Any) -> None:
        yours, truth = number(answer, ""), _explicit_norm(*case)
        longest = f"yours is {yours:.4g}, it is {truth:.4g}: no image is made longer by that factor"
        require(yours <= truth * (1 + 1e-3), longest)
        require(
            yours >= truth * (1 - 1e-3),
            f"yours is {yours:.4g}, but some image is made {truth:.4g} times as long",
        )

    mistakes = {
        "the norm of the kernel reshaped to a matrix; but patches overlap": lambda w, n, s, p: reshaped_norm(
            w
        ),
        "the Frobenius norm of the kernel": lambda w, n, s, p: w.norm(),
        "the Frobenius norm of the operator, which bounds ‖A‖₂ but is not it": lambda *case: _matrix(
            *case
        ).norm(),
        "‖AᵀA‖₂ = ‖A‖₂²: take the root": lambda *case: _explicit_norm(*case) ** 2,
        "√‖A‖₂: the root is taken once too often": lambda *case: _explicit_norm(*case) ** 0.5,
        "the smallest singular value": lambda *case: torch.linalg.matrix_norm(_matrix(*case), -2),
        "the largest sum of |entries| of a row of A, its ℓ∞ norm": lambda *case: (
            _matrix(*case).abs().sum(0).max()
        ),
        "the norm of the circular convolution (FFT), which wraps around": lambda w, n, s, p: fft_norm(w, n),
        "the norm with stride 1": lambda w, n, s, p: _explicit_norm(w, n, 1, p),
        "the norm without padding": lambda w, n, s, p: _explicit_norm(w, n, s, 0),
        "the norm for a smaller input: the size counts": lambda w, n, s, p: _explicit_norm(w, n - 1, s, p),
        "the norm for a larger input: the size counts": lambda w, n, s, p: _explicit_norm(w, n + 1, s, p),
    }
    generator = torch.Generator().manual_seed(6)
    cases = {}
    for out, channels, k, size, stride, padding in (
        (2, 3, 3, 5, 1, 1), (3, 2, 3, 7, 2, 0), (2, 2, 2, 6, 2, 1), (1, 1, 3, 6, 1, 0)
    ):  # fmt: skip
        weight = torch.randn(out, channels, k, k, generator=generator, dtype=torch.float64)
        case = f"for a kernel {out} × {channels} × {k} × {k}, size {size}, stride {stride}, padding {padding}"
        cases[case] = (weight, size, stride, padding)
    examine(f, cases, judge, mistakes)
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

    def judge(answer: Any, X: np.ndarray, beta: np.ndarray, delta: float) -> None:
        yours = number(answer, "")
        truth = float(dropout_increase(X, beta, delta, "least squares").sum())
        masks = f"the mean over all {2 ** len(beta)} masks is {truth:.4g}"
        require(abs(yours - truth) <= 1e-6 * truth, f"yours is {yours:.4g}; {masks}")

    def ridge(X: np.ndarray, beta: np.ndarray, factor: float) -> float:
        return factor / 2 * float((X**2 @ beta**2).sum())

    kept = "what is kept is divided by 1 − δ, so that the factor is δ/(1−δ)"
    mistakes = {
        "a penalty without the ½ of the loss": lambda X, b, t: ridge(X, b, 2 * t / (1 - t)),
        "a penalty in which δ and 1 − δ have changed places": lambda X, b, t: ridge(X, b, (1 - t) / t),
        f"a penalty with δ(1−δ); {kept}": lambda X, b, t: ridge(X, b, t * (1 - t)),
        f"a penalty with δ alone; {kept}": lambda X, b, t: ridge(X, b, t),
        f"a penalty with δ/(1−δ)²; {kept}": lambda X, b, t: ridge(X, b, t / (1 - t) ** 2),
        "weight decay, Σβ²: the squares of X's columns are missing": lambda X, b, t: (
            t / (1 - t) / 2 * float(b @ b)
        ),
        "Σ (Σ xβ)²; each feature is dropped by itself: Σ x²β²": lambda X, b, t: (
            t / (1 - t) / 2 * float(((X @ b) ** 2).sum())
        ),
        "a penalty with |β|: β is to be squared": lambda X, b, t: (
            t / (1 - t) / 2 * float((X**2 @ np.abs(b)).sum())
        ),
        "a penalty with β: β is to be squared": lambda X, b, t: t / (1 - t) / 2 * float((X**2 @ b).sum()),
        "a penalty with |x|: X is to be squared": lambda X, b, t: (
            t / (1 - t) / 2 * float((np.abs(X) @ b**2).sum())
        ),
        "the mean over the examples, and not the sum": lambda X, b, t: ridge(X, b, t / (1 - t)) / len(X),
    }
    generator = np.random.default_rng(6)
    cases = {"for X = (1, 2), β = (3, 1), δ = 0.25": (np.array([[1.0, 2.0]]), np.array([3.0, 1.0]), 0.25)}
    for n, delta in ((5, 0.4), (4, 0.2)):
        X, beta = generator.normal(size=(n, 3)), generator.uniform(0.5, 2, 3) * (1, -1, 1)
        cases[f"for N = {n}, d = 3, δ = {delta:g}"] = (X, beta, delta)
    examine(f, cases, judge, mistakes)
    return "equal to the mean over all masks: dropout is a ridge that has its own weight for each column"
