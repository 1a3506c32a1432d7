"""The checkers of notebook 06: right answers get a tick, wrong ones the property that they violate."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from rolab.course import check
from rolab.course.nb06_relatives.convolution_norm import fft_norm, reshaped_norm

CHECKERS = [check.power_step, check.convolution_norm, check.dropout_penalty]


@pytest.mark.parametrize("checker", CHECKERS)
def test_nothing_yet(checker, unsolved):
    assert repr(checker(unsolved)).endswith("not yet")


# A step of the power method


def H(J, p):
    return J.T @ (torch.diag(p) - torch.outer(p, p)) @ J


def test_the_step():
    report = check.power_step(lambda J, p, d, maximizer: maximizer(H(J, p) @ d))
    assert report and "for ℓ2 it is the power iteration" in repr(report)
    assert check.power_step(lambda J, p, d, maximizer: maximizer(H(J, p) @ d).tolist())


@pytest.mark.parametrize(
    "wrong, said",
    [
        (lambda J, p, d, m: H(J, p) @ d, "in the ℓ2 ball … 3 classes, 4 pixels … those of HΔ itself"),
        (lambda J, p, d, m: (g := H(J, p) @ d) / g.norm(), "in the ℓ2 ball … the maximiser of the set"),
        (lambda J, p, d, m: m(g := H(J, p) @ d).norm() * g / g.norm(), "in the ℓ∞ ball … an ℓ2 ball's"),
        (lambda J, p, d, m: (H(J, p) @ d).sign(), "the direction of an ℓ∞ ball's step, whatever the set is"),
        (lambda J, p, d, m: m(J.T @ (p - p)), "the gradient of the KL at Δ = 0 is 0"),
        (lambda J, p, d, m: 0 * d, "the gradient of the KL at Δ = 0 is 0"),
        (lambda J, p, d, m: m(J.T @ (p * (J @ d))), "you have left out ppᵀ"),
        (lambda J, p, d, m: m(J.T @ (p * (1 - p) * (J @ d))), "beside the diagonal ppᵀ has entries too"),
        (lambda J, p, d, m: m(J.T @ (p * (J @ d) + p * (p @ (J @ d)))), "ppᵀ is subtracted"),
        (lambda J, p, d, m: m(d + H(J, p) @ d), "those of Δ*(Δ + HΔ)"),
        (lambda J, p, d, m: (g := H(J, p) @ d) / g.abs().max(), "in the ℓ2 ball … the maximiser of the set"),
        (lambda J, p, d, m: m(J.T @ (J @ d)), "those of Δ*(JᵀJΔ)"),
        (lambda J, p, d, m: m(d), "which does not look at the network"),
        (lambda J, p, d, m: m(-H(J, p) @ d), "those of Δ*(−HΔ), the other way"),
        (lambda J, p, d, m: m(H(J, p) @ d) + m(H(J, p)[0]), "the maximiser of the set reaches"),
        (lambda J, p, d, m: d[:2], "Δ has shape (2,), expected (4,)"),
        (lambda J, p, d, m: d / 0, "Δ holds NaN or infinity"),
        (lambda J, p: 0, "your function raised TypeError"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_step(wrong, said):
    report = check.power_step(wrong)
    assert not report and all(words in report.message for words in said.split(" … ")), report


# The operator norm of a convolution


def matrix(w, n, stride, padding):
    eye = torch.eye(w.shape[1] * n * n, dtype=w.dtype).view(-1, w.shape[1], n, n)
    return F.conv2d(eye, w, stride=stride, padding=padding).flatten(1)


def norm(w, n, stride, padding):
    return torch.linalg.matrix_norm(matrix(w, n, stride, padding), 2)


def power_iteration(w, n, stride, padding):
    v = torch.ones(1, w.shape[1], n, n, dtype=w.dtype) + torch.rand(1, w.shape[1], n, n, dtype=w.dtype)
    for _ in range(300):
        v = (v / v.norm()).requires_grad_()
        Av = F.conv2d(v, w, stride=stride, padding=padding)
        (v,) = torch.autograd.grad(Av.square().sum() / 2, v)
    return Av.detach().norm()


def test_the_norm():
    assert check.convolution_norm(norm)
    assert check.convolution_norm(power_iteration)


@pytest.mark.parametrize(
    "wrong, said",
    [
        (lambda w, n, s, p: reshaped_norm(w), "the norm of the kernel reshaped to a matrix"),
        (lambda w, n, s, p: w.norm(), "the Frobenius norm of the kernel"),
        (lambda w, n, s, p: matrix(w, n, s, p).norm(), "the Frobenius norm of the operator"),
        (lambda w, n, s, p: norm(w, n, s, p) ** 2, "those of ‖AᵀA‖₂ = ‖A‖₂²: take the root"),
        (lambda w, n, s, p: fft_norm(w, n), "the norm of the circular convolution (FFT)"),
        (lambda w, n, s, p: norm(w, n, 1, p), "size 7, stride 2, padding 0"),
        (lambda w, n, s, p: norm(w, n, s, p) ** 0.5, "the root is taken once too often"),
        (lambda w, n, s, p: torch.linalg.matrix_norm(matrix(w, n, s, p), -2), "the smallest singular value"),
        (lambda w, n, s, p: torch.linalg.matrix_norm(matrix(w, n, s, p), 1), "the largest sum of |entries|"),
        (lambda w, n, s, p: torch.linalg.matrix_norm(matrix(w, n, s, p), "nuc"), "no image is made longer"),
        (lambda w, n, s, p: norm(w[:, :1], n, s, p), "but some image is made"),
        (lambda w, n, s, p: norm(w, 5, 1, 1), "size 7, stride 2, padding 0"),
        (lambda w, n, s, p: norm(w, n, 1, p), "those of the norm with stride 1"),
        (lambda w, n, s, p: norm(w, n, s, 0), "those of the norm without padding"),
        (lambda w, n, s, p: norm(w, n - 1, s, p), "those of the norm for a smaller input"),
        (lambda w, n, s, p: norm(w, n + 1, s, p), "those of the norm for a larger input"),
        (lambda w, n, s, p: 0.5 * norm(w, n, s, p), "but some image is made"),
        (lambda w, n, s, p: 1.7 * norm(w, n, s, p), "no image is made longer by that factor"),
        (lambda w, n, s, p: "much", "expected a number, got 'much'"),
    ],
)
def test_what_is_wrong_with_the_norm(wrong, said):
    report = check.convolution_norm(wrong)
    assert not report and all(words in report.message for words in said.split(" … ")), report


# Dropout's ridge


def ridge(X, beta, delta):
    return delta / (1 - delta) / 2 * (X**2 @ beta**2).sum()


def test_the_ridge():
    assert check.dropout_penalty(ridge)


@pytest.mark.parametrize(
    "wrong, said",
    [
        (lambda X, b, d: 2 * ridge(X, b, d), "those of a penalty without the ½ of the loss"),
        (lambda X, b, d: ridge(X, b, 1 - d), "δ and 1 − δ have changed places"),
        (lambda X, b, d: d / (1 - d) / 2 * (b**2).sum(), "the squares of X's columns are missing"),
        (
            lambda X, b, d: d * (1 - d) / 2 * (X**2 @ b**2).sum(),
            "those of a penalty with δ(1−δ); what is kept",
        ),
        (lambda X, b, d: d / 2 * (X**2 @ b**2).sum(), "those of a penalty with δ alone; what is kept"),
        (lambda X, b, d: d / (1 - d) / 2 * ((X @ b) ** 2).sum(), "each feature is dropped by itself"),
        (lambda X, b, d: d / (1 - d) ** 2 / 2 * (X**2 @ b**2).sum(), "those of a penalty with δ/(1−δ)²"),
        (lambda X, b, d: d / (1 - d) / 2 * (X**2 @ b).sum(), "those of a penalty with β: β is to be squared"),
        (lambda X, b, d: d / (1 - d) / 2 * (np.abs(X) @ b**2).sum(), "X is to be squared"),
        (lambda X, b, d: 13 / 6, "for N = 5, d = 3, δ = 0.4: yours is 2.167"),
        (lambda X, b, d: -ridge(X, b, d), "the mean over all 4 masks is"),
        (lambda X, b, d: d / (1 - d) / 2 * (X**2 @ np.abs(b)).sum(), "with |β|: β is to be squared"),
        (lambda X, b, d: ridge(X, b, d) / len(X), "the mean over the examples, and not the sum"),
        (lambda X, b, d: 0.0, "the mean over all 4 masks is"),
        (lambda X, b, d: X, "expected a number"),
    ],
)
def test_what_is_wrong_with_the_ridge(wrong, said):
    report = check.dropout_penalty(wrong)
    assert not report and all(words in report.message for words in said.split(" … ")), report
