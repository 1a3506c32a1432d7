"""Guards before a verdict: nets that attacks cannot judge are named, and honest ones are not accused."""

import warnings

import pytest
import torch
from small_nets import Rounded, Small, boxed, data_for, digits, generator, images, mixed_net, small_net
from torch import nn

from rolab import zoo
from rolab.attacks import ensemble, pgd
from rolab.attacks.guards import asked, guarded, guards
from rolab.errors import MaskingWarning
from rolab.evaluation import correct_under_attack, eval_mode, masking_report, worst_case_accuracy
from rolab.nets import VGG, WhitenedNet

PROBABILITIES, RANDOM, NO_GRADIENT, LEARNS = range(4)


class Around(nn.Module):
    """A function of a net and an image, with a buffer."""

    def __init__(self, function, net=None):
        super().__init__()
        self.net, self.function = net or small_net(), function
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        return self.function(self, x)


def noisy(size):
    return lambda self, x: self.net(x + size * torch.randn_like(x))


def descends(self, x):
    """Cleans its image by a step of gradient descent."""
    with torch.enable_grad():
        seen = x.detach().requires_grad_()
        g = torch.func.grad(lambda v: self.net(v).logsumexp(1).sum())(seen)
    return self.net(x - 0.1 * g)


def backpropagates(self, x):
    with torch.enable_grad():
        shift = torch.zeros_like(x, requires_grad=True)
        self.net(x.detach() + shift).logsumexp(1).sum().backward(inputs=[shift])
    return self.net(x + shift.grad)


def counts(self, x):
    self.calls += 1
    return self.net(x) + 0 * self.calls


def replaces(self, x):
    self.net[1].weight = nn.Parameter(self.net[1].weight * 1.5)
    return self.net(x)


def one_hot(self, x):
    return nn.functional.one_hot(self.net(x).argmax(1), 3).to(x)


def quarter_rounded(self, x):
    """A quarter of the images, those that begin darkest, is seen in black and white."""
    chosen = x[:, :1, :1, :1] < 0.25
    return self.net(torch.where(chosen, x.round(), x))


def refuses(self, x):
    if not torch.is_grad_enabled():
        raise RuntimeError("element 0 of tensors does not require grad")
    return self.net(x)


DISGUISES = {
    "probabilities": (lambda self, x: self.net(x).softmax(1), {PROBABILITIES}),
    "sure probabilities": (lambda self, x: (1e5 * self.net(x)).softmax(1), {PROBABILITIES, NO_GRADIENT}),
    "one hot": (one_hot, {PROBABILITIES, NO_GRADIENT}),
    "random": (noisy(0.1), {RANDOM}),
    "dropout": (lambda self, x: nn.functional.dropout(self.net(x), 0.1), {RANDOM}),
    "rounded": (lambda self, x: Rounded(self.net, 8)(x), {NO_GRADIENT}),
    "detached": (lambda self, x: self.net(x.detach()), {NO_GRADIENT}),
    "quarter rounded": (quarter_rounded, {NO_GRADIENT}),
    "descends": (descends, {LEARNS}),
    "backpropagates": (backpropagates, {LEARNS}),
    "counts": (counts, {LEARNS}),
    "looks": (lambda self, x: self.net(x) if torch.is_grad_enabled() else -self.net(x), {LEARNS}),
    "refuses": (refuses, {LEARNS}),
}  # fmt: skip
HONEST = {
    "logits": lambda self, x: self.net(x),
    "loud": lambda self, x: 1e6 * self.net(x),
    "quiet": lambda self, x: 1e-6 * self.net(x),
    "log-probabilities": lambda self, x: self.net(x).log_softmax(1),
    "between 0 and 1": lambda self, x: self.net(x).sigmoid(),
    "reads the clock of no one": lambda self, x: self.net(x) + 0 * self.calls,
}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", DISGUISES)
def test_each_disguise_is_named(name, dtype):
    function, signs = DISGUISES[name]
    x = images(40).to(dtype)
    found = guards(Around(function).to(dtype).eval(), x, torch.arange(40) % 3)
    assert {place for place, check in enumerate(found) if check.masked} == signs, list(map(str, found))
    assert all(check.words.startswith("Yes: " if check.masked else "No: ") for check in found)


def test_noise_of_any_size_above_rounding_is_seen():
    for size in (1.0, 1e-3, 1e-6):
        assert guards(Around(noisy(size)).eval(), images(40), torch.arange(40) % 3)[RANDOM].masked


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", HONEST)
def test_an_honest_net_is_not_accused(name, dtype):
    net = Around(HONEST[name]).to(dtype).eval()
    found = guards(net, images(40).to(dtype), torch.arange(40) % 3)
    assert not any(check.masked for check in found), list(map(str, found))


@pytest.mark.parametrize("name", [name for name in zoo.names() if name.startswith("mnist/")])
def test_no_net_that_ships_is_accused(name):
    data = digits(100)
    for net in (zoo.load(name), Around(lambda self, x: 100 * self.net(x), zoo.load(name)).eval()):
        assert not any(check.masked for check in guards(net, data.images, data.labels))


@pytest.mark.parametrize("name", [name for name in zoo.names() if name.startswith("cifar10/")])
def test_no_net_for_photographs_is_accused(name):
    x = torch.rand(10, 3, 32, 32, generator=generator(0))
    assert not any(check.masked for check in guards(zoo.load(name), x, torch.arange(10)))


def test_networks_with_batch_norm_and_dropout_are_not_accused_in_eval_mode():
    torch.manual_seed(0)
    x, y = torch.rand(4, 3, 32, 32), torch.arange(4)
    small = WhitenedNet()
    small.whiten(x)
    for net in (VGG().eval(), small.eval()):
        assert not any(check.masked for check in guards(net, x, y))
    for seed in range(5):
        found = guards(mixed_net(seed), images(4, 2, 6, 6), y % 3)
        assert not any(check.masked for check in found[:2] + found[3:])
    found = guards(VGG().train(), x, y)
    assert [check.masked for check in found] == [False, True, False, False], "dropout in training mode"


@pytest.mark.parametrize("function", [counts, replaces, noisy(0.1), backpropagates])
def test_nothing_is_left_behind(function):
    net = Around(function).eval()
    weight = net.net[1].weight
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    guards(net, images(3), torch.arange(3))
    assert net.net[1].weight is weight and weight.grad is None
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


def test_the_running_averages_of_a_net_in_training_are_left_as_they_were():
    net = nn.Sequential(nn.BatchNorm2d(1), small_net()).double().train()
    guards(net, images(3), torch.arange(3))
    assert net[0].num_batches_tracked == 0 and not net[0].running_mean.any()


@pytest.mark.parametrize(
    "net, y, said",
    [
        (small_net(classes=1), [0, 0], "model: expected .* logits with K ≥ 2"),
        (small_net(), [0.0, 1.0], "y: expected an int64 tensor"),
        (small_net(), [0, 3], "y: expected class numbers from 0 to 2"),
        (small_net(), [], "x: expected at least one image"),
    ],
)
def test_what_is_no_batch_is_refused(net, y, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        guards(net, images(2)[: len(y)], torch.tensor(y, dtype=None if y else torch.int64))


def test_a_warning_comes_once_for_a_call_and_points_at_it():
    """Of three batches, three sets and two attacks."""
    model = Small(0).eval()
    data = data_for(model, 500)
    net = Around(lambda self, x: (1e4 * self.net(x)).softmax(1), model).eval()
    attacks = (lambda *given: ensemble(*given, budget=20), pgd)
    calls = (
        lambda: worst_case_accuracy(net, data, [boxed(r) for r in (0.01, 0.02, 0.05)], attacks),
        lambda: correct_under_attack(net, data, boxed(0.1), attacks[0]),
        lambda: ensemble(net, data.images[:20], data.labels[:20], boxed(0.1), budget=20),
    )
    for call in calls:
        with pytest.warns(MaskingWarning, match="probabilities.* Is the gradient 0") as seen:
            call()
        assert len(seen) == 1 and seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        worst_case_accuracy(model, data, [boxed(0.1)], attacks)
        with asked(), guarded(net, data.images, data.labels):
            pass
        masking_report(net, data[:20], boxed, (0.1, 1.0), steps=2, queries=2)  # says it in its findings


def test_a_random_net_is_judged_in_the_mode_in_which_it_is_judged():
    model = Small(0)
    data = data_for(model, 20)
    model.train()
    with pytest.warns(MaskingWarning, match="Is the net random"):
        ensemble(model, data.images, data.labels, boxed(0.1), budget=20, generator=generator(0))
    assert correct_under_attack(model, data, boxed(0.1), pgd).any() and model.training
    with eval_mode(model):
        ensemble(model, data.images, data.labels, boxed(0.1), budget=20)
