"""The checkers of notebook 04: right answers get a tick, wrong ones the property that they violate."""

import pytest
import torch
from torch.nn.functional import softplus

from rolab.course import check
from rolab.course.nb04_algorithm1.exercises import _ascend, _small_net_loss

RIGHT = ((-0.5, 0.5), (1.75, -1.625))
CHECKERS = [check.hand_step, check.flow, check.robust_logistic]


@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.parametrize("answer", [None, ...])
def test_nothing_yet(checker, answer):
    assert repr(checker(answer)).endswith("not yet")


@pytest.mark.parametrize("checker", CHECKERS[1:])
@pytest.mark.parametrize("answer", [None, ...])
def test_nothing_written_yet(checker, answer):
    def unwritten(*arguments):
        raise NotImplementedError

    assert repr(checker(unwritten)).endswith("not yet")
    assert repr(checker(lambda *arguments: answer)).endswith("not yet")


# By hand


def test_half_an_answer_is_not_yet():
    assert repr(check.hand_step((..., ...))).endswith("not yet")
    assert repr(check.hand_step((RIGHT[0], ...))).endswith("not yet")


def test_the_step_by_hand_is_the_one_of_the_library():
    from torch import nn

    from rolab.objectives import Robust
    from rolab.sets import Ball
    from rolab.training import training_step

    net = nn.Linear(2, 2, bias=False)  # logits (0, wᵀx): its cross-entropy is the logistic loss
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[0.0, 0.0], [1.0, -2.0]]))
    training_step(
        net,
        torch.tensor([[2.0, 0.25]]),
        torch.tensor([1]),
        Robust(Ball("linf", 0.5)),
        torch.optim.SGD([net.weight], lr=1.0),
    )
    w = net.weight[1].tolist()
    assert w == pytest.approx(RIGHT[1])
    assert check.hand_step((RIGHT[0], w)) and check.hand_step(([-0.5, 0.5], torch.tensor(w)))
    assert check.hand_step(RIGHT)


@pytest.mark.parametrize(
    "wrong, said",
    [
        (((-1, 1), RIGHT[1]), "‖Δ‖∞ is 1, the radius is 0.5"),
        (((0.5, -0.5), RIGHT[1]), "above 1.5: the loss falls"),
        (((-0.5, 0), RIGHT[1]), "wᵀ(x + Δ) is 1, it could be 0"),
        ((RIGHT[0], (1 + 2 * 0.18243, -2 + 0.25 * 0.18243)), "standard training: it descends at x"),
        ((RIGHT[0], (0.25, -2.375)), "uphill: the loss at x + Δ rises"),
        ((RIGHT[0], (-0.75, -0.375)), "the gradient, but not the new w"),
        ((RIGHT[0], (1.75, 1.625)), "w is not: (1.75, 1.625)"),
        ((RIGHT[0], "there"), "w: expected two numbers, got 'there'"),
        ((RIGHT[0], (float("nan"), 0)), "w: expected a number, got nan"),
        ((1, 2, 3), "expected two answers"),
    ],
)
def test_what_is_wrong_with_the_step_by_hand(wrong, said):
    report = check.hand_step(wrong)
    assert not report and repr(report).startswith("✗") and said in repr(report)


# What flows


def both(J, w, x, y, ascend, flows):
    w, x = w.requires_grad_(), x.requires_grad_()
    (g,) = torch.autograd.grad(J(w, x, y), x, create_graph=flows)
    d = ascend(g) if flows else ascend(g).detach()
    return torch.autograd.grad(J(w, x.detach() + d, y), w)[0]


def always(flows):
    return lambda J, w, x, y, ascend, _: both(J, w, x, y, ascend, flows)


def at_x(J, w, x, y, ascend, flows):
    return torch.autograd.grad(J(w.requires_grad_(), x, y), w)[0]


def test_the_flowing_gradient_is_the_derivative():
    """Against central differences: of J(w, x + Δ̂(w)) if it flows, of J(w, x + Δ̂) at the old Δ̂ if not."""
    generator = torch.Generator().manual_seed(1)
    w, x = (torch.randn(*size, generator=generator, dtype=torch.float64) for size in ((12,), (5, 2)))
    y = torch.tensor([1.0, 1.0, -1.0, 1.0, -1.0], dtype=torch.float64)

    def step_at(w):
        leaf = x.clone().requires_grad_()
        return _ascend(torch.autograd.grad(_small_net_loss(w, leaf, y), leaf)[0])

    for flows in (False, True):
        gradient = both(_small_net_loss, w.clone(), x.clone(), y, _ascend, flows)
        for i in range(12):
            h = torch.zeros(12, dtype=torch.float64)
            h[i] = 1e-6
            ends = [_small_net_loss(w + s * h, x + step_at(w + s * h if flows else w), y) for s in (1, -1)]
            assert float(gradient[i]) == pytest.approx(float(ends[0] - ends[1]) / 2e-6, abs=1e-6)
    assert check.flow(both)


@pytest.mark.parametrize(
    "wrong, said",
    [
        (always(True), "flows = False: Δ̂ is not held constant"),
        (always(False), "flows = True: nothing flows"),
        (at_x, "the gradient at x, the one of standard training"),
        (lambda *a: -both(*a), "the sign is wrong"),
        (lambda *a: both(*a) + at_x(*a), "the gradient at x has been added to it"),
        (lambda *a: 5 * both(*a), "off by 4e+02 % of its length"),
        (lambda *a: both(*a)[:3], "expected shape (12,), got (3,)"),
        (lambda *a: 1 / 0, "your function raised ZeroDivisionError"),
        (lambda w: w, "your function raised TypeError"),
    ],
)
def test_what_is_wrong_with_the_flow(wrong, said):
    report = check.flow(wrong)
    assert not report and said in repr(report)


# The closed form


@pytest.mark.parametrize(
    "loss, said",
    [
        (lambda w, x, y, r: softplus(-y * (x @ w) + r * w.abs().sum()).mean(), "✓"),
        (lambda w, x, y, r: softplus(-y * (x @ w) + r * w.abs().sum()).mean().item(), "✓"),
        (lambda w, x, y, r: softplus(-y * (x @ w)).mean(), "but a corner of the ball has"),
        (lambda w, x, y, r: softplus(-y * (x @ w) + r * w.norm()).mean(), "but a corner of the ball has"),
        (lambda w, x, y, r: softplus(-y * (x @ w) - r * w.abs().sum()).mean(), "but a corner of the ball"),
        (lambda w, x, y, r: softplus(-(x @ w) + r * w.abs().sum()).mean(), "y = (-1)"),
        (
            lambda w, x, y, r: softplus(-y * (x @ w) + 2 * r * w.abs().sum()).mean(),
            "but no Δ in the ball has",
        ),
        (lambda w, x, y, r: softplus(-y * (x @ w) + r * w.abs().sum()).sum(), "but no Δ in the ball has"),
        (lambda w, x, y, r: softplus(-y * (x @ w) + r * w.abs().sum()), "expected a number"),
    ],
)
def test_the_robust_loss(loss, said):
    assert said in repr(check.robust_logistic(loss))
