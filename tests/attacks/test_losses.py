"""The losses that attacks climb, against their formulas."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from rolab.attacks import (
    cross_entropy,
    log_loss,
    log_odds,
    logit_ratio,
    margin,
    targeted_logit_ratio,
)
from rolab.attacks.losses import unfading
from rolab.nets import ConvNet

exactly = settings(max_examples=25, deadline=None, derandomize=True)


seeds = st.integers(0, 2**32)


losses = pytest.mark.parametrize("loss", [log_loss, margin, logit_ratio], ids=lambda loss: loss.__name__)


@exactly
@given(seeds)
def test_the_losses_are_their_formulas(seed):
    z = 5 * torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    y = torch.arange(6) % 4
    p = z.softmax(1).gather(1, y[:, None])[:, 0]
    torch.testing.assert_close(log_loss(z, y), F.cross_entropy(z, y, reduction="none"))
    torch.testing.assert_close(log_odds(z, y), (p / (1 - p)).log())
    for i in range(6):
        others = [z[i, k].item() for k in range(4) if k != y[i]]
        first, _, third = sorted(z[i].tolist(), reverse=True)[:3]
        assert margin(z, y)[i].item() == pytest.approx(max(others) - z[i, y[i]].item())
        assert logit_ratio(z, y)[i].item() == pytest.approx(margin(z, y)[i].item() / (first - third))


def test_the_ratio_does_not_see_the_scale_of_the_logits():
    z, y = torch.randn(8, 5, dtype=torch.float64), torch.arange(8) % 5
    torch.testing.assert_close(logit_ratio(1000 * z, y), logit_ratio(z, y))
    with pytest.raises(ValueError, match="logits: expected at least 3 classes"):
        logit_ratio(z[:, :2], y % 2)


@losses
def test_a_loss_and_its_gradient_are_finite_where_all_logits_are_equal(loss):
    z, y = torch.zeros(3, 4, requires_grad=True), torch.tensor([0, 1, 3])
    loss(z, y).sum().backward()
    assert z.grad.isfinite().all()


def test_the_cross_entropy_is_the_mean_of_the_log_loss():
    torch.manual_seed(0)
    net, x, y = ConvNet(), torch.rand(5, 1, 28, 28), torch.arange(5)
    torch.testing.assert_close(cross_entropy(net, x, y), log_loss(net(x), y).mean())


@exactly
@given(seeds, st.integers(3, 7))
def test_the_targeted_ratio_is_its_formula_and_no_target_is_without_a_gradient(seed, classes):
    """The plain ratio is constant where the target is the third largest logit."""
    z = torch.randn(1, classes, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    ranked = z[0].sort(descending=True).values
    for target in range(classes):
        t, w = torch.tensor([target]), z.clone().requires_grad_()
        found = targeted_logit_ratio(w, t)
        below = ranked[2:4].mean() if classes > 3 else ranked[1:3].mean()
        assert found.item() == pytest.approx(margin(z, t).item() / (ranked[0] - below).item())
        (gradient,) = torch.autograd.grad(found.sum(), w)
        assert gradient[0, target] < -1e-6
        torch.testing.assert_close(targeted_logit_ratio(1e-14 * z, t), found.detach())


@exactly
@given(st.floats(-60, 2000), seeds)
def test_what_is_climbed_is_monotone_in_the_log_loss_and_does_not_fade(odds, seed):
    """In single precision, against the gradient of the log-odds, which is parallel to that of the loss."""
    z = torch.randn(1, 4, generator=torch.Generator().manual_seed(seed))
    y = torch.tensor([2])
    z[0, 2] += odds - log_odds(z, y)[0]
    z = z.requires_grad_()
    (climbed,) = torch.autograd.grad(unfading(log_loss)(z, y).sum(), z)
    (exact,) = torch.autograd.grad(-log_odds(z, y).sum(), z)
    unit = climbed / climbed.abs().amax()
    torch.testing.assert_close(unit, exact / exact.abs().amax(), rtol=1e-5, atol=1e-6)
    for step in (0.5, 50.0):
        surer = z.detach() + step * F.one_hot(y, 4)
        assert unfading(log_loss)(surer, y) < unfading(log_loss)(z, y)
    for loss in (margin, logit_ratio):
        assert unfading(loss) is loss
