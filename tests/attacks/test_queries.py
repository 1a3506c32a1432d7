"""What every attack owes a model and its user: no trace in the one, and one sentence to the other."""

import copy

import pytest
import torch
from small_nets import batch, boxed, small_net
from torch import nn
from torch.nn import functional as F

from rolab.attacks import (
    ascent_direction,
    cross_entropy,
    ensemble,
    first_order,
    fooling,
    input_gradient,
    lbfgs,
    minimal_radius,
    pgd,
    random_search,
    single_pixel,
)
from rolab.errors import NonFiniteError
from rolab.sets import Ball

U = Ball("linf", 0.1)
ATTACKS = {
    "input_gradient": input_gradient,
    "ascent_direction": ascent_direction,
    "first_order": lambda model, x, y: first_order(model, x, y, U),
    "pgd": lambda model, x, y: pgd(model, x, y, U, steps=3, restarts=1),
    "pgd on": lambda model, x, y: pgd(model, x, y, U, steps=3, go_on=True),
    "pgd target": lambda model, x, y: pgd(model, x, torch.zeros(len(x), dtype=torch.long), U, target=y),
    "ensemble": lambda model, x, y: ensemble(model, x, y, U, budget=20),
    "random_search": lambda model, x, y: random_search(model, x, y, U, queries=5),
    "single_pixel": single_pixel,
    "minimal_radius": lambda model, x, y: minimal_radius(model, x, y, boxed, grid=[0.1, 0.2], bisections=1),
    "lbfgs": lambda model, x, y: lbfgs(model, x, y, searches=1, iterations=3),
    "fooling": lambda model, x, y: fooling(model, x, y, iterations=3),
}
every_attack = pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)


def in_training() -> nn.Module:
    """Layers that keep something of every batch in training."""
    torch.manual_seed(0)
    first = nn.utils.parametrizations.spectral_norm(nn.Conv2d(1, 4, 2))
    norms = nn.InstanceNorm2d(4, track_running_stats=True), nn.BatchNorm2d(4)
    return nn.Sequential(first, *norms, nn.Flatten(), nn.Linear(24, 3)).double().train()


@every_attack
def test_an_attack_leaves_no_trace_in_a_net_in_training(attack):
    model, (x, y) = in_training(), batch(6)
    F.cross_entropy(model(x), y).backward()
    before, kept = copy.deepcopy(model.state_dict()), x.clone()
    gradients = [p.grad.clone() for p in model.parameters()]
    pointers = [tensor.data_ptr() for tensor in model.state_dict().values()]
    attack(model, x, y)
    for (name, now), then in zip(model.state_dict().items(), before.values(), strict=True):
        assert torch.equal(now, then), name
    assert pointers == [tensor.data_ptr() for tensor in model.state_dict().values()]
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), gradients, strict=True))
    assert all(p.requires_grad for p in model.parameters()) and torch.equal(x, kept)
    model(x)
    assert model[2].num_batches_tracked == before["2.num_batches_tracked"] + 1  # it still learns


class Says(nn.Module):
    """A net of which something else is made of its logits."""

    def __init__(self, change) -> None:
        super().__init__()
        self.net, self.change = small_net(), change

    def forward(self, x):
        return self.change(self.net(x))


@every_attack
@pytest.mark.parametrize(
    "change, came",
    [
        (lambda z: z[:, :1], r"logits with K ≥ 2, got torch.float64 of shape \(\d+, 1\)"),
        (lambda z: z[:, 0], r"logits with K ≥ 2, got torch.float64 of shape \(\d+,\)"),
        (lambda z: {"logits": z}, "logits with K ≥ 2, got dict"),
        (lambda z: (z, z), "logits with K ≥ 2, got tuple"),
        (lambda z: z * torch.nan, "finite logits, got NaN or infinity"),
    ],
    ids=["one logit", "no axis", "dict", "tuple", "NaN"],
)
def test_a_model_that_gives_no_logits_is_refused_by_every_attack(attack, change, came):
    x, y = batch()
    with pytest.raises(ValueError, match=f"^model: expected .*{came}$"):
        attack(Says(change), x, torch.zeros_like(y))


@every_attack
@pytest.mark.parametrize(
    "spoilt",
    [
        lambda y: y.double(),
        lambda y: y.to(torch.uint8),
        lambda y: y[:, None],
        lambda y: F.one_hot(y, 3),
        lambda y: y.numpy(),
        lambda y: y.repeat(2),
        lambda y: y[:2],
        lambda y: y - 3,
        lambda y: y + 3,
    ],
    ids=["float", "uint8", "(N, 1)", "one-hot", "numpy", "too many", "too few", "below 0", "beyond"],
)
def test_labels_that_are_none_are_refused_by_every_attack(attack, spoilt):
    x, y = batch()
    with pytest.raises(ValueError, match="^(y|target): expected "):
        attack(small_net(), x, spoilt(y))


@every_attack
def test_images_without_a_batch_axis_or_with_nan_are_refused_by_every_attack(attack):
    x, y = batch()
    with pytest.raises(ValueError, match="^(x|y|target): expected "):
        attack(small_net(), x[0], y[0])
    with pytest.raises(ValueError, match="^x: expected a tensor"):
        attack(small_net(), x.numpy(), y)
    x[0, 0, 0, 0] = torch.nan
    with pytest.raises(NonFiniteError, match="^x: expected finite"):
        attack(small_net(), x, y)


@every_attack
def test_an_empty_batch_has_an_empty_answer(attack):
    x, y = batch()
    found = attack(small_net(), x[:0], y[:0])
    parts = found if isinstance(found, tuple) else (found,)
    assert all(len(part) == 0 for part in parts) and x[:0].shape in [part.shape for part in parts]


def test_a_net_that_was_run_without_gradients_is_not_called_robust():
    x, y = batch()
    for attack in (ATTACKS["first_order"], ATTACKS["pgd"]):
        with pytest.raises(ValueError, match="^model: expected logits with a gradient"):
            attack(Says(lambda z: z.detach()), x, y)


def test_the_loss_checks_too():
    x, y = batch()
    with pytest.raises(ValueError, match="^model: expected .*got tuple"):
        cross_entropy(Says(lambda z: (z,)), x, y)
    with pytest.raises(ValueError, match="^y: expected shape"):
        cross_entropy(small_net(), x, y[:, None])
