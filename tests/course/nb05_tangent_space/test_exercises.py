"""The checkers of notebook 05: right answers get a tick, wrong ones the property that they violate."""

import pytest
import torch
from torch import nn

from rolab.course import check
from rolab.course.nb05_tangent_space.exercises import _small_net
from rolab.objectives import TangentPropagation
from rolab.sets import Ball, Tangent

CHECKERS = [check.projection, check.tangent_maximizer, check.tangent_penalty]


@pytest.mark.parametrize("checker", CHECKERS)
def test_nothing_yet(checker, unsolved):
    report = checker(unsolved)
    assert not report and repr(report).endswith("not yet")


# The projection


def orthogonal(B):
    """Gram and Schmidt, who forgot to normalise."""
    columns = []
    for b in B.T:
        for c in columns:
            b = b - (c @ b) / (c @ c) * c
        columns.append(b)
    return torch.stack(columns, 1)


@pytest.mark.parametrize(
    "right",
    [
        lambda B: torch.linalg.qr(B)[0] @ torch.linalg.qr(B)[0].T,
        lambda B: B @ torch.linalg.pinv(B),
        lambda B: (B @ torch.linalg.inv(B.T @ B) @ B.T).numpy(),
        lambda B: (B @ torch.linalg.pinv(B)).float().tolist(),
        lambda B: orthogonal(B) / orthogonal(B).norm(dim=0) @ (orthogonal(B) / orthogonal(B).norm(dim=0)).T,
        lambda B: Tangent(B, Ball("l2", 1e9)).project(torch.eye(len(B), dtype=B.dtype)),
    ],
)
def test_every_way_to_project_is_right(right):
    assert check.projection(right), check.projection(right)


@pytest.mark.parametrize(
    "wrong, said",
    [
        (lambda B: B @ B.T, "Your answers are those of BBᵀ: a projection only if"),
        (lambda B: B.T @ B, "acts on the rows of B, and the directions are its columns"),
        (lambda B: torch.linalg.pinv(B) @ B, "acts on the rows of B, and the directions are its columns"),
        (lambda B: orthogonal(B) @ orthogonal(B).T, "orthogonal, but not of length 1"),
        (lambda B: B / B.norm(dim=0) @ (B / B.norm(dim=0)).T, "what two of them share counts twice"),
        (lambda B: torch.eye(len(B)) - B @ torch.linalg.pinv(B), "I − Π: it keeps what is orthogonal"),
        (lambda B: 2 * B @ torch.linalg.pinv(B), "once is not enough"),
        (lambda B: torch.eye(len(B)), "its rank is 3: more than the span is kept"),
        (lambda B: 0 * B @ B.T, "a column of B is not kept"),
        (lambda B: B[:, :1] @ torch.linalg.pinv(B[:, :1]), "a column of B is not kept"),
        (lambda B: B[:, :1] @ torch.linalg.pinv(B[:, :1]), "those of a projection onto the first column"),
        (lambda B: 2 * B @ torch.linalg.pinv(B) - torch.eye(len(B)), "those of 2Π − I, the reflection"),
        (lambda B: B @ (B.T @ B) @ B.T, "the inverse of BᵀB is missing"),
        (lambda B: B @ B.T / B.square().sum(), "once is not enough"),
        (lambda B: torch.linalg.qr(B)[0], "Π has shape (3, 2), expected (3, 3), for Π takes a vector"),
        (
            lambda B: torch.diag(torch.tensor([1.0, 1.0, 0.0])),
            "for a basis of shape (5, 1) … Π has shape (3, 3), expected (5, 5)",
        ),
        (lambda B: torch.linalg.svd(B)[0] @ torch.linalg.svd(B)[0].T, "more than the span is kept"),
        (
            lambda B: B @ torch.linalg.inv(B[: B.shape[1]]) @ torch.eye(len(B), dtype=B.dtype)[: B.shape[1]],
            "not at a right angle",
        ),
        (lambda B: B / 0 @ B.T, "Π holds NaN or infinity"),
        (lambda B: torch.zeros(2), "Π has shape (2,), expected (3, 3)"),
        (lambda B: B @ B, "your function raised RuntimeError"),
    ],
)
def test_what_is_wrong_with_the_projection(wrong, said):
    report = check.projection(wrong)
    assert not report and all(words in report.message for words in said.split(" … ")), report


# The maximiser


def right_step(Q, g, radius):
    return Tangent(Q, Ball("l2", radius)).maximizer(g[None])[0]


def unit_or_zero(v):
    return v / v.norm() if v.any() else v


def the_folded_one(Q, g, radius):
    return radius * unit_or_zero(Q @ (Q.T @ g))


def test_the_formula_is_the_maximiser():
    assert check.tangent_maximizer(the_folded_one), check.tangent_maximizer(the_folded_one)
    assert check.tangent_maximizer(lambda *case: the_folded_one(*case).float().tolist())


def test_the_library_has_the_maximiser():
    assert check.tangent_maximizer(right_step), check.tangent_maximizer(right_step)


@pytest.mark.parametrize(
    "wrong, said",
    [
        (lambda Q, g, r: r * g / g.norm(), "the step of the whole ball, which leaves the span"),
        (lambda Q, g, r: r * Q @ (Q.T @ g) / g.norm(), "divided by ‖g‖: normalise after the projection"),
        (lambda Q, g, r: Q @ (Q.T @ g), "those of Πg, whatever the radius is"),
        (lambda Q, g, r: -right_step(Q, g, r), "steps downhill"),
        (
            lambda Q, g, r: r * Q @ (Q.T @ g) / (Q.T @ g).norm(),
            "for g = (0, 0, 0), radius 1, 2 directions … Δ holds NaN",
        ),
        (lambda Q, g, r: 3 * right_step(Q, g, r), "‖Δ‖₂ is 6, the radius is 2"),
        (lambda Q, g, r: right_step(Q, g, r) / 2, "⟨g, Δ⟩ is 5, it could be 10"),
        (lambda Q, g, r: r * Q[:, 0], "it could be"),
        (lambda Q, g, r: r * g.sign() / len(g) ** 0.5, "away from the span"),
        (lambda Q, g, r: right_step(Q, g, 1.0), "⟨g, Δ⟩ is 5, it could be 10"),
        (lambda Q, g, r: Q.T @ g, "Δ has shape (2,), expected (3,); those are coordinates in the basis"),
        (lambda Q, g, r: g * 0, "⟨g, Δ⟩ is 0, it could be 10"),
        (lambda Q, g, r: right_step(Q, g, 1.0), "those of a Δ of length 1, whatever the radius is"),
        (lambda Q, g, r: r * right_step(Q, g, 1.0) / (Q.T @ g).norm(), "divided by ‖Πg‖²"),
        (
            lambda Q, g, r: (s := Q @ (Q.T @ g)) * min(1.0, r / float(s.norm())),
            "shortened to the radius, but not stretched to it",
        ),
        (lambda Q, g, r: r * unit_or_zero(Q @ (Q.T @ g).sign()), "it could be"),
        (
            lambda Q, g, r: g if not g.any() else r * (s := Q @ (Q.T @ g)) / s.norm(),
            "for g = (0, 0, 5) that is orthogonal to both directions, radius 1.5 … Δ holds NaN",
        ),
    ],
)
def test_what_is_wrong_with_the_maximiser(wrong, said):
    report = check.tangent_maximizer(wrong)
    assert not report and all(words in report.message for words in said.split(" … ")), report


# The penalty


def changes(o, x, Q):
    return torch.stack([torch.func.jvp(o, (x,), (u,))[1] for u in Q.T])


def with_the_jacobian(o, x, Q):
    J = torch.autograd.functional.jacobian(o, x, create_graph=True)
    return (J @ Q).square().sum()


def quotient(o, x, Q):
    return sum(((o(x + 1e-4 * u) - o(x)) / 1e-4).square().sum() for u in Q.T)


def test_the_penalty_is_that_of_the_library():
    def library(o, x, Q):
        return TangentPropagation(Q, exact=True)(o, x[None])

    for right in (lambda o, x, Q: changes(o, x, Q).square().sum(), with_the_jacobian, library):
        assert check.tangent_penalty(right), check.tangent_penalty(right)


@pytest.mark.parametrize(
    "wrong, said",
    [
        (
            lambda o, x, Q: changes(o, x, Q).sum(1).square().sum(),
            "those of logits that were added up before",
        ),
        (lambda o, x, Q: changes(o, x, Q).norm(dim=1).sum(), "without the square"),
        (lambda o, x, Q: changes(o, x, Q).square().mean(1).sum(), "the mean over the logits"),
        (lambda o, x, Q: changes(o, x, Q).square().sum(1).mean(), "the mean over the directions"),
        (
            lambda o, x, Q: changes(o, x, Q).sum(0).square().sum(),
            "those of directions that were added up first",
        ),
        (
            lambda o, x, Q: with_the_jacobian(o, x, torch.eye(len(x), dtype=x.dtype)),
            "all directions and not only",
        ),
        (quotient, "a difference quotient?"),
        (lambda o, x, Q: changes(o, x, Q).norm(), "those of the root of the sum"),
        (lambda o, x, Q: changes(o, x, Q[:, :1]).square().sum(), "those of the first direction alone"),
        (
            lambda o, x, Q: changes(o, x, Q.reshape(Q.shape[::-1]).T).square().sum(),
            "those of Q.reshape(k, d)",
        ),
        (
            lambda o, x, Q: changes(nn.Sequential(o, nn.Softmax(-1)), x, Q).square().sum(),
            "those of probabilities: o gives the logits",
        ),
        (lambda o, x, Q: changes(o, x, Q).square().sum() / 2, "yours is"),
        (
            lambda o, x, Q: changes(o, x, Q).square().sum().detach().requires_grad_(),
            "no gradient in the weights",
        ),
        (
            lambda o, x, Q: (changes(o, x, Q).detach() * changes(o, x, Q)).sum(),
            "its gradient in the weights is not: is a part of it detached?",
        ),
        (lambda o, x, Q: changes(o, x, Q).square().sum().item(), "no gradient in the weights"),
        (lambda o, x, Q: changes(o, x, Q).square().sum().detach(), "no gradient in the weights"),
        (lambda o, x, Q: 7 * changes(o, x, Q).square().sum(), "yours is"),
        (lambda o, x, Q: changes(o, x, Q.T), "your function raised RuntimeError"),
        (lambda o, x, Q: changes(o, x, Q), "got shape (1, 3): add up logits and directions"),
    ],
)
def test_what_is_wrong_with_the_penalty(wrong, said):
    report = check.tangent_penalty(wrong)
    assert not report and all(words in report.message for words in said.split(" … ")), report


def test_the_small_net_has_three_logits():
    assert _small_net(4, torch.Generator().manual_seed(0))(torch.zeros(4, dtype=torch.float64)).shape == (3,)
