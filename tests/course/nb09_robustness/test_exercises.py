"""The checkers of notebook 09: right answers get a tick, wrong ones the property that they violate."""

import re

import pytest
import torch

from rolab.attacks import first_order, log_loss
from rolab.attacks.guards import guards
from rolab.course import check
from rolab.sets import Ball, pixel_box

CHECKERS = [check.masks, check.worst_curve, check.linear_proof]


@pytest.mark.parametrize("checker", CHECKERS)
def test_nothing_yet(checker, unsolved):
    assert repr(checker(unsolved)).endswith("not yet")


# Who masks its gradients?


@torch.no_grad()
def flat(net, data, radius):
    """Is a random step worse than the gradient's, for more than a few digits?"""
    x, y = data.images, data.labels
    U = Ball("linf", radius) & pixel_box(x)
    along = log_loss(net(x + first_order(net, x, y, U)), y)
    generator = torch.Generator().manual_seed(7)
    steps = [U.maximizer(torch.randn(x.shape, generator=generator)) for _ in range(5)]
    elsewhere = torch.stack([log_loss(net(x + step), y) for step in steps]).amax(0)
    return (elsewhere > along).float().mean() > 0.15


@torch.no_grad()
def gives_probabilities(net, data, radius):
    z = net(data.images)
    return bool((z >= 0).all()) and torch.allclose(z.sum(1), torch.ones(len(z)))


@torch.no_grad()
def random(net, data, radius):
    return not torch.equal(net(data.images), net(data.images))


def any_of(*tests):
    return lambda *given: any(bool(test(*given)) for test in tests)


def test_random_steps_and_a_look_at_the_outputs_find_the_four():
    report = check.masks(any_of(flat, gives_probabilities, random))
    assert report, report
    assert check.masks(lambda *given: torch.tensor(any_of(random, gives_probabilities, flat)(*given)))


def test_so_do_the_guards_of_the_library_with_random_steps():
    def guarded(net, data, radius):
        return any(finding.masked for finding in guards(net, data.images, data.labels))

    report = check.masks(any_of(guarded, flat))
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
        (lambda net, data, radius: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_wrong_verdict_is_answered_with_evidence(answer, complaint):
    report = check.masks(answer)
    assert not report and complaint in report.message


def test_a_net_is_not_masked_because_it_is_sure_of_itself():
    """Its loss is 0 in single precision on most digits, and so is the gradient of the usual cross-entropy."""
    report = check.masks(lambda net, data, radius: bool(flat(net, data, radius)) or hasattr(net, "times"))
    assert not report and "suspect C a masker" in report.message


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
    return 100 * (1 - lost.any(0).float().cumsum(0).clamp(max=1).mean(1))


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda lost: 100 * (1 - lost.any(0).float().mean(1)), "rises"),
        (lambda lost: right_curve(lost[:1]), "are lost to one of the attacks"),
        (lambda lost: right_curve(lost) / 100, "in percent"),
        (lambda lost: right_curve(lost)[:1], "a number for each radius"),
        (lambda lost: torch.zeros(lost.shape[1]), "less than what all attacks together leave"),
    ],
)
def test_wrong_curves(answer, complaint):
    report = check.worst_curve(answer)
    assert not report and complaint in report.message


def test_the_right_curve():
    assert check.worst_curve(right_curve)
    assert check.worst_curve(lambda lost: right_curve(lost).tolist())


# A proof for a linear net


def proof(W, b, x, y, radius, norm=1):
    rows = W[y][:, None] - W  # (N, K, d)
    margins = (rows * x[:, None]).sum(2) + b[y][:, None] - b - radius * rows.norm(norm, dim=2)
    others = torch.arange(len(W)) != y[:, None]
    return (margins[others].view(len(x), -1) > 0).all(1)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda *given: proof(*given, norm=2), "that a corner of the ball breaks"),
        (lambda W, b, x, y, r: proof(W, b, x, y, 2 * r), "missing from your proof"),
        (lambda W, b, x, y, r: torch.ones(len(x), dtype=torch.bool), "gets wrong without any Δ"),
        (lambda W, b, x, y, r: torch.ones(len(x)), "expected bool"),
        (lambda W, b, x, y, r: proof(W, b * 0, x, y, r), "radius 0: 33 points"),
    ],
)
def test_wrong_proofs(answer, complaint):
    report = check.linear_proof(answer)
    assert not report and complaint in report.message


def test_the_right_proof_is_the_dual_norm():
    assert check.linear_proof(proof)
