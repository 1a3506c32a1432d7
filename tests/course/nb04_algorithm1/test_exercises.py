"""The checkers of notebook 04: right answers get a tick, wrong ones the property that they violate."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus
from wrong_answers import is_named

from rolab.course import check
from rolab.course.nb04_algorithm1.exercises import _ascend, _small_net_loss

RIGHT = ((-0.5, 0.5), (1.75, -1.625))
CHECKERS = [check.hand_step, check.flow, check.robust_logistic]


@pytest.mark.parametrize("answer", [None, ...])
def test_no_step_yet(answer):
    assert repr(check.hand_step(answer)).endswith("not yet")


@pytest.mark.parametrize("checker", CHECKERS[1:])
def test_nothing_written_yet(checker, unsolved):
    assert repr(checker(unsolved)).endswith("not yet")


# By hand


def test_half_an_answer_is_not_yet():
    assert repr(check.hand_step((..., ...))).endswith("not yet")
    assert repr(check.hand_step((RIGHT[0], ...))).endswith("not yet")
    assert repr(check.hand_step(((-0.5, ...), RIGHT[1]))).endswith("not yet")


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
    assert check.hand_step(np.array(RIGHT)) and check.hand_step(torch.tensor(RIGHT))
    assert check.hand_step(([np.float32(-0.5), torch.tensor(0.5)], [Fraction(7, 4), -1.625]))


@pytest.mark.parametrize(
    "wrong, said",
    [
        (((-1, 1), RIGHT[1]), "without the radius: ‖Δ‖∞ is 1, the radius is 0.5"),
        (((-0.5, 1), RIGHT[1]), "only the signs count in the ℓ∞ ball: ‖Δ‖∞ is 1, the radius is 0.5"),
        (((1.5, 0.75), RIGHT[1]), "that is x + Δ, and Δ is asked for: ‖Δ‖∞ is 1.5"),
        (((-0.182, 0.365), RIGHT[1]), "that is ∇ₓJ: in the ℓ∞ ball, each entry goes by the radius"),
        (((-0.2236, 0.4472), RIGHT[1]), "that is the step of the ℓ2 ball"),
        (((0, 0.5), RIGHT[1]), "that is the step of the ℓ1 ball"),
        (RIGHT[::-1], "that is the new w: Δ comes first"),
        (((0.5, -0.5), RIGHT[1]), "above 1.5: the loss falls"),
        (((-0.5, 0), RIGHT[1]), "wᵀ(x + Δ) is 1, it could be 0"),
        ((RIGHT[0], (1 + 2 * 0.18243, -2 + 0.25 * 0.18243)), "standard training: it descends at x"),
        ((RIGHT[0], (0.25, -2.375)), "uphill: the loss at x + Δ rises"),
        ((RIGHT[0], (-0.75, -0.375)), "the gradient, but not the new w"),
        ((RIGHT[0], (2.5, -1.25)), "that is w + x + Δ: the slope ½ is left out"),
        ((RIGHT[0], (2, -1.875)), "that is w + ½ x: the gradient at x + Δ is −½ (x + Δ)"),
        ((RIGHT[0], (1.274, -1.863)), "that is a step with the slope at x: that at x + Δ is ½"),
        ((RIGHT[0], (0.5, -1.5)), "that is w + Δ: Δ is added to x"),
        ((RIGHT[0], (1.5, 0.75)), "that is x + Δ, and the new w is asked for"),
        ((RIGHT[0], (1, -2)), "that is the old w"),
        ((RIGHT[0], (1.75, 1.625)), "w is not: (1.75, 1.625); at"),
        ((RIGHT[0], "there"), "w: expected numbers, got 'there'"),
        ((RIGHT[0], (float("nan"), 0)), "w holds NaN or infinity"),
        ((RIGHT[0], 1.75), "w: expected two numbers, got shape ()"),
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


def swapped(J, w, x, y, ascend, flows):
    return both(J, w, x, y, ascend, not flows)


def downhill(J, w, x, y, ascend, flows):
    return both(J, w, x, y, lambda g: -ascend(g), flows)


def left_over(J, w, x, y, ascend, flows):
    """backward() adds to what w.grad holds already."""
    w, x = w.requires_grad_(), x.requires_grad_()
    J(w, x, y).backward(create_graph=flows)
    d = ascend(x.grad) if flows else ascend(x.grad).detach()
    J(w, x.detach() + d, y).backward()
    return w.grad.detach()


def own_step(J, w, x, y, ascend, flows):
    return both(J, w, x, y, _ascend, flows)


def through_the_step_alone(*a):
    return both(*a) - both(*a[:-1], False) if a[-1] else both(*a)


def in_x(J, w, x, y, ascend, flows):
    return torch.autograd.grad(J(w, x.requires_grad_(), y), x)[0]


FLOW = [
    (always(True), "flows = False: off by", "also where it is False: there Δ̂ is held constant"),
    (always(False), "flows = True: off by", "also where it is True: there Δ̂ keeps its graph"),
    (swapped, "flows = False: off by", "the wrong way round"),
    (at_x, "off by", "the gradient at x, that of standard training"),
    (lambda *a: -both(*a), "off by 200 % of its length", "the sign is wrong"),
    (lambda *a: both(*a) + at_x(*a), "off by", "a sum with the gradient at x"),
    (downhill, "off by", "the gradient at x − Δ̂"),
    (through_the_step_alone, "flows = True: off by", "what flows through Δ̂ alone"),
    (lambda *a: 5 * both(*a), "off by 400 % of its length", "J is their mean"),
    (in_x, "expected shape (12,), got (5, 2)", "the gradient in x"),
    (own_step, "flows = False, another ascend: off by", ""),
    (lambda *a: 3 * both(*a), "off by 200 % of its length", ""),
    (lambda *a: (both(*a),), "`torch.autograd.grad` returns a tuple", ""),
    (lambda *a: both(*a)[:3], "expected shape (12,), got (3,)", ""),
    (lambda *a: both(*a)[None], "expected shape (12,), got (1, 12)", ""),
    (lambda *a: 1 / 0, "your function raised ZeroDivisionError", ""),
    (lambda w: w, "your function raised TypeError", ""),
]


def l1(w):
    return w.abs().sum()


# The closed form

LOGISTIC = [
    (lambda w, x, y, r: softplus(-y * (x @ w)).mean(), "a corner of the ball has", "the radius is not used"),
    (
        lambda w, x, y, r: softplus(-y * (x @ w) + l1(w)).mean(),
        "radius 0: your loss",
        "the radius is left out",
    ),
    (
        lambda w, x, y, r: softplus(-y * (x @ w) - r * l1(w)).mean(),
        "a corner of the ball",
        "the smallest loss",
    ),
    (
        lambda w, x, y, r: softplus(-y * (x @ w) + r * w.norm()).mean(),
        "a corner of the ball",
        "for the ℓ2 ball",
    ),
    (
        lambda w, x, y, r: softplus(-y * (x @ w) + r * w.abs().max()).mean(),
        "a corner of the ball",
        "with ‖w‖∞",
    ),
    (
        lambda w, x, y, r: softplus(-y * (x @ w) + r * w.sum()).mean(),
        "a corner of the ball",
        "abs is missing",
    ),
    (lambda w, x, y, r: softplus(-(x @ w) + r * l1(w)).mean(), "y = (-1)", "a loss without y"),
    (lambda w, x, y, r: softplus(-y * (x @ w - r * l1(w))).mean(), "y = (-1)", "the margin of both classes"),
    (
        lambda w, x, y, r: softplus(y * (x @ w) - r * l1(w)).mean(),
        "radius 0: your loss",
        "falls in the margin",
    ),
    (
        lambda w, x, y, r: softplus(-y * (x @ w)).mean() + r * l1(w),
        "no Δ in the ball",
        "belongs into the exponent",
    ),
    (lambda w, x, y, r: (1 - y * (x @ w) + r * l1(w)).relu().mean(), "your loss is 0, but", "the hinge loss"),
    (
        lambda w, x, y, r: softplus(-y * (x @ w) + r * l1(w)).sum(),
        "no Δ in the ball",
        "the sum over the examples",
    ),
    (lambda w, x, y, r: softplus(-y * (x @ w) + r * l1(w)).max(), "no Δ in the ball", "the worst example"),
    (lambda w, x, y, r: softplus(-y * (x @ w) + r * l1(w)), "expected a number", "the mean is missing"),
    (
        lambda w, x, y, r: (y * (x @ w) - r * l1(w)).mean(),
        "your loss is 1, but",
        "the margins, and not their loss",
    ),
    (lambda w, x, y, r: softplus(-y * (x @ w) + 2 * r * l1(w)).mean(), "no Δ in the ball has more than", ""),
]
WRONG = [(check.flow, *rest) for rest in FLOW] + [(check.robust_logistic, *rest) for rest in LOGISTIC]


@pytest.mark.parametrize("checker, wrong, violated, why", WRONG)
def test_the_violated_property_is_named_and_the_mistake(checker, wrong, violated, why):
    is_named(checker, wrong, violated, why)


@pytest.mark.parametrize(
    "checker, right",
    [
        (check.flow, both),
        (check.flow, lambda *a: both(*a).float()),
        (check.flow, lambda *a: both(*a).tolist()),
        (check.robust_logistic, lambda w, x, y, r: softplus(-y * (x @ w) + r * l1(w)).mean()),
        (check.robust_logistic, lambda w, x, y, r: softplus(-y * (x @ w) + r * l1(w)).mean().item()),
        (check.robust_logistic, lambda w, x, y, r: softplus(-y * (x @ w) + r * l1(w)).float().mean()),
    ],
)
def test_right_answers_get_a_tick(checker, right):
    assert checker(right), checker(right)


@pytest.mark.filterwarnings("ignore:Using backward")  # with create_graph, says torch: what happens here
def test_a_gradient_that_is_left_over_is_seen():
    assert "it was left over from the first step" in check.flow(left_over).message
