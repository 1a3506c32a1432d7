"""The checkers of notebook 09: right answers get a tick, wrong ones the property that they violate."""

import re
from functools import partial

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from rolab.attacks import first_order, log_loss, pgd
from rolab.attacks.guards import guards
from rolab.course import check
from rolab.sets import Ball, pixel_box

CHECKERS = [check.masks, check.worst_curve, check.linear_proof]
FEW = 30  # of the 60 digits are enough for most tests


@pytest.mark.parametrize("checker", CHECKERS)
def test_nothing_yet(checker, unsolved):
    assert repr(checker(unsolved)).endswith("not yet")


# Who masks its gradients?


def cross_entropy(z, y):
    return F.cross_entropy(z, y, reduction="none")


def own_step(net, x, y, U):
    """The step along the gradient of the usual cross-entropy."""
    x = x.clone().requires_grad_()
    (g,) = torch.autograd.grad(cross_entropy(net(x), y).sum(), x)
    return U.maximizer(g)


def flat(net, data, radius, loss=log_loss, attack=first_order):
    """Is a random step worse than the gradient's, for more than a few digits?"""
    x, y = data.images[:FEW], data.labels[:FEW]
    U = Ball("linf", radius) & pixel_box(x)
    step = attack(net, x, y, U)
    generator = torch.Generator().manual_seed(7)
    steps = [U.maximizer(torch.randn(x.shape, generator=generator)) for _ in range(5)]
    with torch.no_grad():
        along = loss(net(x + step), y)
        elsewhere = torch.stack([loss(net(x + step), y) for step in steps]).amax(0)
    return (elsewhere > along).float().mean() > 0.15


@torch.no_grad()
def gives_probabilities(net, data, radius):
    z = net(data.images[:FEW])
    return bool((z >= 0).all()) and torch.allclose(z.sum(1), torch.ones(len(z)))


@torch.no_grad()
def random(net, data, radius):
    return not torch.equal(net(data.images[:1]), net(data.images[:1]))


def left(net, data, radius, attack=first_order):
    """Accuracy in percent after an attack."""
    x, y = data.images, data.labels
    step = attack(net, x, y, Ball("linf", radius) & pixel_box(x))
    with torch.no_grad():
        return 100 * float((net(x + step).argmax(1) == y).float().mean())


def many_beat_one(net, data, radius):
    return left(net, data, radius) - left(net, data, radius, partial(pgd, steps=10)) > 60


def no_gradient(net, data, radius):
    x = data.images[:1].clone().requires_grad_()
    z = net(x)
    (g,) = torch.autograd.grad(z.max(), x, materialize_grads=True) if z.requires_grad else (0 * x,)
    return not g.any()


def any_of(*tests):
    return lambda *given: any(bool(test(*given)) for test in tests)


def test_random_steps_and_a_look_at_the_outputs_find_the_four():
    report = check.masks(any_of(flat, gives_probabilities, random))
    assert report, report


def test_so_do_the_guards_of_the_library_with_random_steps():
    def guarded(net, data, radius):
        return any(finding.masked for finding in guards(net, data.images[:FEW], data.labels[:FEW]))

    report = check.masks(lambda *given: np.bool_(any_of(guarded, flat)(*given)))
    assert report, report
    report = check.masks(guarded)
    assert not report and "suspect D honest. Is the loss flat along the gradient" in report.message


@pytest.mark.parametrize(
    "tests, complaint",
    [
        ((flat,), r"suspect E honest. Are the outputs probabilities\? Yes: 100.0 %"),
        ((flat, gives_probabilities), r"suspect F honest. Is the net random\? Yes"),
        ((flat, random), "suspect E honest"),
        ((random, gives_probabilities), r"suspect B honest. Is the gradient 0\? Yes"),
    ],
)
def test_each_of_the_four_needs_a_look_of_its_own(tests, complaint):
    report = check.masks(any_of(*tests))
    assert not report and re.search(complaint, report.message), report


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda net, data, radius: True, "suspect A a masker"),
        (lambda net, data, radius: False, "suspect B honest"),
        (lambda net, data, radius: 0.5, "expected True or False, got 0.5"),
        (lambda net, data, radius: torch.tensor([True, False]), "expected True or False"),
        (lambda net, data, radius: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_wrong_verdict_is_answered_with_evidence(answer, complaint):
    report = check.masks(answer)
    assert not report and complaint in report.message


@pytest.mark.parametrize(
    ("test", "complaint"),
    [
        (lambda net, data, radius: left(net, data[:FEW], radius) > 70,
         "A at radius 0.05 a masker … No: … that alone is no sign"),
        (lambda net, data, radius: left(net, data[:FEW], radius) > 10,
         "suspect A a masker … No: … One step leaves 53 %, ten leave 0 %"),
        (many_beat_one, "suspect A at radius 0.25 a masker … One step leaves 72 %, ten leave"),
        (partial(flat, loss=cross_entropy), "D honest … Yes: … is rounded to 0 for 95 %"),
        (partial(flat, loss=cross_entropy, attack=own_step), "D honest … Yes: … is rounded to 0 for 95 %"),
        (partial(flat, attack=own_step), "C a masker … No: … is rounded to 0 for 100 %"),
        (lambda net, data, radius: net(data.images).max() > 30, "suspect C a masker"),
    ],
)  # fmt: skip
def test_a_test_that_is_right_by_luck_is_not_enough(test, complaint):
    """All of them are given the three tests of the forward pass and of a zero gradient."""
    report = check.masks(any_of(random, gives_probabilities, no_gradient, test))
    assert not report and all(words in report.message for words in complaint.split(" … ")), report


def test_the_suspects_answer_as_the_nets_behind_them():
    from rolab.data import mnist
    from rolab.evaluation import predict

    some, suspects = mnist("test").images[:50], check.suspects()
    assert list(suspects) == ["A", "B", "C", "D", "E", "F"]
    E = suspects["E"]
    torch.testing.assert_close(E(some), (10 * E.net(some)).softmax(1))
    assert torch.equal(predict(suspects["C"], some), predict(suspects["C"].net, some))
    shades = torch.arange(4) / 3
    coarse = shades[torch.randint(4, some.shape, generator=torch.Generator().manual_seed(0))]
    seen, behind = (predict(net, coarse) for net in (suspects["B"], suspects["B"].net))
    assert torch.equal(seen, behind)


# The worst of all attacks


def right_curve(lost):
    return percent(~ever(lost).any(0))


def percent(standing):
    return 100 * standing.float().mean(-1)


def ever(lost):
    """By each attack, at some radius up to each."""
    return lost.cummax(1).values


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda lost: percent(~lost.any(0)), "(50, 75) rises; it cannot … looks at each radius alone"),
        (lambda lost: percent(~lost.any(0)).cummin(0).values, "lost to one of … a running minimum of"),
        (lambda lost: percent(~ever(lost)).amin(0), "lost to one of … the lowest of the attacks' curves"),
        (lambda lost: percent(~lost).amin(0), "the lowest of the attacks' curves at each radius alone"),
        (lambda lost: percent(~ever(lost)).amax(0), "the highest of the attacks' curves"),
        (lambda lost: percent(~ever(lost)).mean(0), "those of the mean over the attacks"),
        (lambda lost: percent(~ever(lost).all(0)), "those of the digits that some attack leaves"),
        (lambda lost: right_curve(lost[:1]), "lost to one of the attacks … those of the first attack alone"),
        (lambda lost: right_curve(lost[-1:]), "those of the last attack alone"),
        (lambda lost: 100 - right_curve(lost), "rises; it cannot … those of the digits lost"),
        (lambda lost: right_curve(lost.flip(1)).flip(0), "those of what is broken at a larger radius"),
        (lambda lost: right_curve(lost)[-1].expand(lost.shape[1]), "what is broken at any radius, for"),
        (lambda lost: right_curve(lost) / 100, "those of shares; give them in percent"),
        (lambda lost: right_curve(lost) * lost.shape[2] / 100, "those of a count of digits"),
        (lambda lost: right_curve(lost).round(), "those of whole percents; do not round"),
        (lambda lost: right_curve(lost)[:1], "expected a number for each of 2 radii, got shape (1,)"),
        (lambda lost: percent(~lost.any(0).T), "expected a number for each of 2 radii, got shape (4,)"),
        (lambda lost: torch.zeros(lost.shape[1]), "less than what all attacks together leave"),
        (lambda lost: right_curve(lost) / 0, "your curve holds NaN or infinity"),
        (lambda lost: right_curve(lost) - 90, "an accuracy is 0 to 100 percent"),
        (lambda lost: torch.tensor([50.0, 25.0]), "2 attacks, 1 radius … expected a number"),
    ],
)  # fmt: skip
def test_wrong_curves(answer, complaint):
    report = check.worst_curve(answer)
    assert not report and all(words in report.message for words in complaint.split(" … ")), report


def test_the_right_curve():
    assert check.worst_curve(right_curve)
    assert check.worst_curve(lambda lost: right_curve(lost).tolist())


# A proof for a linear net


def proof(W, b, x, y, radius, norm=1):
    rows = W[y][:, None] - W  # (N, K, d)
    margins = (rows * x[:, None]).sum(2) + b[y][:, None] - b - radius * rows.norm(norm, dim=2)
    others = torch.arange(len(W)) != y[:, None]
    return (margins[others].view(len(x), -1) > 0).all(1)


def ones(W):
    return W.abs().sum(1)


def logits_alone(W, b, x, y, radius, own=1, other=1):
    """Each logit falls or rises by the norm of its own row."""
    z, falls = x @ W.T + b, own * ones(W)[y][:, None] + other * ones(W)
    margins = z.gather(1, y[:, None]) - z - radius * falls
    return (margins.scatter(1, y[:, None], 1) > 0).all(1)


def signed(W, b, x, y, radius, of=lambda total: total):
    rows = W[y][:, None] - W
    margins = (rows * x[:, None]).sum(2) + b[y][:, None] - b - radius * of(rows.sum(2))
    return (margins.scatter(1, y[:, None], 1) > 0).all(1)


def against_the_runner_up(W, b, x, y, radius):
    z = x @ W.T + b
    k = z.scatter(1, y[:, None], -torch.inf).argmax(1)
    return ((W[y] - W[k]) * x).sum(1) + b[y] - b[k] > radius * ones(W[y] - W[k])


def with_itself(W, b, x, y, radius):
    rows = W[y][:, None] - W
    return (rows * x[:, None]).sum(2) + b[y][:, None] - b > radius * rows.abs().sum(2)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda *given: proof(*given, norm=2), "broken by a corner of the ball … ‖W_y − W_k‖₂, for a"),
        (lambda *given: proof(*given, norm=torch.inf), "are broken by a corner of the ball … ‖W_y − W_k‖∞"),
        (lambda W, b, x, y, r: proof(W, b, x, y, 0), "radius 0.1 … those of the answer without any Δ"),
        (lambda W, b, x, y, r: proof(W, b, x, y, 2 * r), "missing from your … those of twice the radius"),
        (lambda W, b, x, y, r: proof(W, b, x, y, -r), "those of a margin that rises with the radius"),
        (lambda W, b, x, y, r: proof(W, b, x, y, 0.1), "missing from your proof"),
        (signed, "those of Σ (W_y − W_k) without absolute values"),
        (partial(signed, of=torch.abs), "those of |Σ (W_y − W_k)|: each entry"),
        (logits_alone, "missing from your proof … each logit by itself"),
        (partial(logits_alone, own=0), "those of ‖W_k‖₁, and z_y moves as well"),
        (partial(logits_alone, other=0), "those of ‖W_y‖₁, and z_k moves as well"),
        (lambda W, b, x, y, r: proof(W, b * 0, x, y, r), "radius 0, 4 classes: … those of W x without b"),
        (lambda W, b, x, y, r: proof(W, b, x, (x @ W.T + b).argmax(1), r), "gets wrong … in place of y"),
        (against_the_runner_up, "are broken by a corner of the ball … the runner-up alone"),
        (lambda *given: with_itself(*given).any(1), "those of one class that stays below, and all have to"),
        (lambda *given: with_itself(*given).all(1), "missing from your … comparison of y with itself"),
        (lambda *given: ~proof(*given), "those of the complement: the points that can be turned"),
        (lambda W, b, x, y, r: torch.ones(len(x), dtype=torch.bool), "gets wrong without any Δ"),
        (lambda W, b, x, y, r: torch.ones(len(x)), "expected bool of shape (200,), got torch.float32"),
        (lambda *given: proof(*given)[:, None], "got torch.bool of shape (200, 1)"),
        (lambda *given: bool(proof(*given).all()), "got torch.bool of shape ()"),
    ],
)  # fmt: skip
def test_wrong_proofs(answer, complaint):
    report = check.linear_proof(answer)
    assert not report and all(words in report.message for words in complaint.split(" … ")), report


def test_the_right_proof_is_the_dual_norm():
    assert check.linear_proof(proof)
    assert check.linear_proof(lambda *given: proof(*given).tolist())
