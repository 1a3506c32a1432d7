"""What cannot be trained is said before the first step: in one sentence, with nothing written or changed."""

import copy
import math
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_runs import SHORT, U, blobs, net, run, weights
from torch import nn

from rolab.data import Dataset
from rolab.errors import DivergedError
from rolab.nets import VGG
from rolab.objectives import Nominal, Objective, Robust
from rolab.sets import Ball
from rolab.training import train
from rolab.training.checks import check_examples

DATA = blobs()


class Answering(nn.Module):
    """A net that makes something else of its logits."""

    def __init__(self, change, classes=3):
        super().__init__()
        self.inside, self.change = nn.Sequential(nn.Flatten(), nn.Linear(12, classes)), change

    def forward(self, x):
        return self.change(self.inside(x))


class Tied(nn.Module):
    """Two layers with one weight: the very tensor, its transpose, or a part of it."""

    def __init__(self, tie=lambda weight: weight):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(12, 12), nn.Linear(12, 12), nn.Linear(12, 3)
        self.b.weight = tie(self.a.weight)

    def forward(self, x):
        return self.c(self.b(self.a(x.flatten(1)).relu()))


def normed(width=8):
    return nn.Sequential(nn.Flatten(), nn.Linear(12, width), nn.BatchNorm1d(width), nn.Linear(width, 3))


def convolved():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(8, 3))


def spoilt(value):
    model = net()
    model[4].bias.data[1] = value
    return model


def changed(**parts):
    """Data to which something was done after they were made."""
    data = Dataset(DATA.images.clone(), DATA.labels.clone())
    for name, (place, value) in parts.items():
        getattr(data, name)[place] = value
    return data


LABELS = r"^labels of data: expected class numbers from 0 to 2, got entries from"
BAD = {
    "no images": ({"data": DATA[:0]}, "^data: expected at least one example, got none$"),
    "no test images": ({"test": DATA[:0]}, "^test: expected at least one example, got none$"),
    "a tuple": ({"data": (DATA.images, DATA.labels)}, "^data: expected a Dataset, got tuple$"),
    "a tuple to test": ({"test": (DATA.images, DATA.labels)}, "^test: expected a Dataset, got tuple$"),
    "NaN": (
        {"data": changed(images=(3, math.nan))},
        r"^data: expected pixels in \[0, 1\], got NaN in 1 of 45",
    ),
    "0..255": ({"data": changed(images=(..., 255.0))}, r"^data: expected pixels in \[0, 1\], got .* to 255$"),
    "NaN to test": ({"test": changed(images=(3, math.nan))}, "^test: expected finite pixels, got NaN"),
    "a class too many": ({"data": changed(labels=(0, 3))}, f"{LABELS} 0 to 3$"),
    "-1": ({"data": changed(labels=(0, -1))}, f"{LABELS} -1 to 2$"),
    "a class too many to test": ({"test": changed(labels=(0, 3))}, "^labels of test: expected class numbers"),
    "another shape": (
        {"data": Dataset(torch.rand(9, 3, 4, 4), torch.zeros(9, dtype=torch.long))},
        r"^data: expected images that the model takes, got \(2, 3, 4, 4\): RuntimeError: ",
    ),
    "one logit": (
        {"model": Answering(lambda z: z, 1), "data": changed(labels=(..., 0))},
        r"^model: expected \(2, K\) logits with K ≥ 2, got torch.float32 of shape \(2, 1\)$",
    ),
    "too few logits": ({"model": Answering(lambda z: z, 2)}, r"from 0 to 1, got entries from 0 to 2$"),
    "a dict": ({"model": Answering(lambda z: {"logits": z})}, "logits with K ≥ 2, got dict$"),
    "a tuple of logits": ({"model": Answering(lambda z: (z, z))}, "logits with K ≥ 2, got tuple$"),
    "classes": ({"model": Answering(lambda z: z.argmax(1))}, "logits with K ≥ 2, got torch.int64 of shape"),
    "no batch axis": ({"model": Answering(lambda z: z[0])}, r"logits with K ≥ 2, got .* of shape \(3,\)$"),
    "a function": ({"model": torch.sin}, "^model: expected an nn.Module, got <built-in"),
    "no weights": ({"model": nn.Flatten()}, "^model: expected weights that require a gradient, got none$"),
    "frozen": ({"model": net().requires_grad_(False)}, "^model: expected weights that require a gradient"),
    "NaN in a weight": (
        {"model": spoilt(math.nan)},
        r"^model: expected finite weights, .* in 4\.bias$",
    ),
    "inf in a weight": (
        {"model": spoilt(math.inf)},
        r"^model: expected finite weights, .* in 4\.bias$",
    ),
    "tied": ({"model": Tied()}, r"^model: expected weights of their own, got a\.weight and b\.weight tied;"),
    "tied, transposed": ({"model": Tied(lambda w: nn.Parameter(w.data.T))}, r"a\.weight and b\.weight tied"),
    "a batch of one": (
        {"model": normed(), "data": DATA[:41]},
        r"^batch_size: expected one that leaves no batch of one example, of which 2, a batch norm, can take "
        r"no deviation, got 10 for 41 examples$",
    ),
    "batches of one": ({"model": normed(), "recipe": replace(SHORT, batch_size=1)}, "got 1 for 45 examples$"),
    "one example": ({"model": normed(), "data": DATA[:1]}, "got 10 for 1 examples$"),
    "no recipe": ({"recipe": {"epochs": 1}}, "^recipe: expected a Recipe, got {'epochs': 1}$"),
    "a set": (
        {"objective": Ball("l2", 1.0)},
        r"^objective: expected an objective .*, got Ball\('l2', 1\)$",
    ),
    "a class": ({"objective": Robust}, r"^objective: expected an objective .*, got <class"),
    "a device": ({"device": "abacus"}, "^device is 'abacus'"),
} | {
    f"seed {seed!r}": ({"seed": seed}, "^seed: expected a whole number from 0 to 2⁶³ − 1, got ")
    for seed in (True, False, 1.0, -1, 2**63, "0", None, math.nan, np.bool_(True))
}


@pytest.mark.parametrize("bad", BAD)
def test_what_cannot_be_trained_is_said_before_training(tmp_path, bad):
    arguments, message = BAD[bad]
    arguments = {"model": net(), "folder": tmp_path / "run", "device": "cpu", **arguments}
    model = arguments["model"]
    before = copy.deepcopy(model.state_dict()) if isinstance(model, nn.Module) else {}
    modes = [part.training for part in model.modules()] if before else []
    random = torch.get_rng_state()
    start = {"data": DATA, "objective": Nominal(), "recipe": SHORT, "progress": False}
    arguments = {**start, **arguments}
    train_on = [arguments.pop(name) for name in ("model", "data", "objective", "recipe")]
    with pytest.raises(ValueError, match=message) as raised:
        train(*train_on, **arguments)
    assert "\n" not in str(raised.value) and not isinstance(raised.value, DivergedError)
    assert not list(tmp_path.iterdir()), "nothing is written"
    assert torch.equal(torch.get_rng_state(), random)
    if before:
        torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0, equal_nan=True)
        assert [part.training for part in model.modules()] == modes
        assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize("model", [normed, convolved, VGG, net])
@pytest.mark.parametrize("batch_size", [1, 5, 8, 10])
def test_a_batch_of_one_is_refused_exactly_where_torch_cannot_train_with_it(model, batch_size):
    """Against torch: the smallest batch that is left over is shown to the net in training mode."""
    model = model()
    shape = (3, 32, 32) if isinstance(model, VGG) else (1, 3, 4)
    data = Dataset(torch.rand(9, *shape), torch.arange(9) % 3)
    least = 9 % batch_size or min(batch_size, 9)
    try:
        copy.deepcopy(model).train()(data.images[:least])
        trainable = True
    except ValueError:
        trainable = False
    refused = pytest.raises(ValueError, match=f"^batch_size: .*, got {batch_size} for 9 examples$")
    with nullcontext() if trainable else refused:
        check_examples(model, data, None, batch_size)
    assert trainable or least == 1


def test_a_batch_norm_that_the_model_keeps_in_eval_mode_takes_any_batch():
    class Kept(nn.Sequential):
        def train(self, mode=True):
            super().train(mode)
            self[2].eval()
            return self

    model = Kept(*normed())
    run(model, DATA[:41])
    assert torch.equal(model[2].running_mean, torch.zeros(8))


def test_tied_weights_are_trained_where_nothing_is_kept():
    model = Tied()
    run(model, DATA)
    assert model.a.weight is model.b.weight and not torch.equal(weights(model), weights(Tied()))


@pytest.mark.parametrize("seed", [0, 2**63 - 1, np.int64(7)])
def test_any_whole_number_is_a_seed(tmp_path, seed):
    found = run(seed=seed, folder=tmp_path / "run", recipe=replace(SHORT, epochs=1))
    assert found.seed == seed and type(found.seed) is int


class NotANumber(Objective):
    """The loss, NaN at one step."""

    def __init__(self, at):
        self.at, self.steps = at, 0

    def __call__(self, model, x, y):
        self.steps += 1
        return Nominal()(model, x, y) * (math.nan if self.steps > self.at else 1)


@pytest.mark.parametrize("at", [0, 1, 7])
def test_the_learning_rate_is_blamed_for_what_comes_after_a_step(at):
    blamed = "a learning_rate below 0.1 may help" if at else "no step came before it: look at the objective"
    with pytest.raises(
        DivergedError, match=f"^training diverged in epoch {1 + at // 5}: the loss is nan; {blamed}"
    ):
        run(objective=NotANumber(at))


def test_test_images_may_be_perturbed():
    """To measure the accuracy on adversarial examples after each epoch; training is on pixels in [0, 1]."""
    moved = DATA.perturbed(torch.full_like(DATA.images, -0.2))
    assert "test_accuracy" in run(test=moved).history[-1]
    with pytest.raises(ValueError, match=r"^data: expected pixels in \[0, 1\], got numbers from -0\.198"):
        run(data=moved)


def test_the_look_before_training_draws_no_numbers_of_the_run():
    class Noisy(nn.Sequential):
        def forward(self, x):
            return super().forward(x + 0 * torch.rand_like(x))

    noisy, plain = Noisy(*net()), net()
    random = torch.get_rng_state()
    run(noisy, objective=Robust(U)), run(plain, objective=Robust(U))
    assert torch.equal(weights(noisy), weights(plain)) and torch.equal(torch.get_rng_state(), random)
