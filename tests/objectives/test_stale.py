"""Stale examples against a loop that keeps the old network; and runs that are stopped or killed meanwhile."""

import copy
import inspect
import signal
import subprocess
import sys

import pytest
import torch
from tiny_runs import blobs, contents, net, run, weights
from torch import nn
from torch.nn import functional as F

from rolab.attacks import first_order
from rolab.data import Dataset, mnist
from rolab.nets import ConvNet
from rolab.objectives import Augmented, Free, Nominal, Robust, Stale, Step, Unlabelled
from rolab.sets import Ball, pixel_box
from rolab.storage import read_json
from rolab.training import Recipe, train

U = Ball("l2", 0.3)


def by_hand(every, after, epochs=5, dropout=0.0):
    """Every example is perturbed by a copy of the network that is as old as it may be; then SGD."""
    model, data, generator = net(0, dropout).train(), blobs(), torch.Generator().manual_seed(0)
    optimizer = Recipe(epochs, 10, 0.1).optimizer(model)
    for epoch in range(epochs):
        torch.randint(2**62, (), generator=generator)  # what the loop draws for dropout
        if epoch >= after and (epoch == after or (every and (epoch - after) % every == 0)):
            old = copy.deepcopy(model)
        for i, rows in enumerate(torch.randperm(45, generator=generator).split(10)):
            optimizer.param_groups[0]["lr"] = Recipe(epochs, 10, 0.1).rate(5 * epoch + i, 5 * epochs)
            x, y = data.images[rows], data.labels[rows]
            if epoch >= after:
                x = x + first_order(old, x, y, U)
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    return weights(model)


@pytest.mark.parametrize("every", [1, 2, 3, None])
@pytest.mark.parametrize("after", [0, 2])
def test_it_is_training_on_the_examples_of_an_old_network(every, after):
    found = run(objective=Stale(U, every, after), recipe=Recipe(5, 10, 0.1))
    torch.testing.assert_close(weights(found.model), by_hand(every, after), rtol=1e-4, atol=1e-5)


def test_the_older_the_examples_the_other_the_net():
    found = [weights(run(objective=Stale(U, every)).model) for every in (0, 1, 2, None)]
    for i, one in enumerate(found):
        assert not any(torch.allclose(one, other, rtol=1e-3, atol=1e-4) for other in found[:i])


@pytest.mark.parametrize("V", [U, Ball("linf", 0.05), lambda x: Ball("l1", 0.5) & pixel_box(x)])
def test_made_for_each_batch_they_are_algorithm_1_to_the_bit(V):
    found, algorithm_1 = (run(net(0, 0.3), objective=each).model for each in (Stale(V, every=0), Robust(V)))
    assert torch.equal(weights(found), weights(algorithm_1))


def test_before_the_first_are_made_it_is_standard_training():
    found, standard = (run(objective=each).model for each in (Stale(U, 1, after=3), Nominal()))
    assert torch.equal(weights(found), weights(standard))


@pytest.mark.parametrize("every, ascents", [(1, 3), (2, 2), (None, 1), (0, 3)])
def test_the_data_are_ascended_once_in_so_many_epochs(every, ascents):
    model, seen = net(), []
    model.register_forward_hook(
        lambda layer, inputs, out: seen.append(len(inputs[0])) if layer.training else None
    )
    run(model, objective=Stale(U, every))
    assert sum(seen) == 45 * (3 + ascents)


def at(objective, step=0, epoch=0, rows=None, memory=None):
    data = blobs()
    rows = torch.arange(10) if rows is None else rows
    memory = {} if memory is None else memory
    return (
        objective.at_step(Step(epoch, 3, step, 5, data, rows, memory)),
        data.images[rows],
        data.labels[rows],
        memory,
    )


def test_two_of_them_in_a_sum_do_not_share_what_they_keep():
    V = Ball("linf", 0.05)
    objective, x, y, memory = at(0.5 * Stale(U) + (Nominal() + Stale(V)))
    objective(net(), x, y)
    assert sorted(memory) == ["a.perturbation", "b.b.perturbation"]
    model, data = net(), blobs()
    for name, W in (("a.perturbation", U), ("b.b.perturbation", V)):
        torch.testing.assert_close(memory[name], first_order(model, data.images, data.labels, W))


def test_the_rows_of_a_batch_are_its_own():
    rows = torch.tensor([7, 40, 3])
    _, _, _, memory = at(Stale(U))
    objective, x, y, memory = at(Stale(U), rows=rows, memory=memory)
    model = net()
    expected = F.cross_entropy(model(x + first_order(model, x, y, U)), y)
    torch.testing.assert_close(objective(model, x, y), expected)


@pytest.mark.parametrize("kind", [Stale, Free])
def test_who_is_not_told_what_the_batch_holds_says_so(kind):
    x, y = blobs().images[:4], blobs().labels[:4]
    other = Unlabelled(kind(U), blobs().images)
    for objective in (kind(U), 0.5 * kind(U) + Nominal(), Augmented(kind(U)), other):
        with pytest.raises(ValueError, match=f"^step: expected a call by `train`.*, got {kind.__name__}"):
            objective(net(), x, y)
    for objective in (Augmented(kind(U)), other):
        with pytest.raises(ValueError, match="on the images of the data as they are"):
            run(objective=objective)


@pytest.mark.parametrize("bad", [{"every": -1}, {"every": 1.5}, {"after": -1}, {"after": True}])
def test_numbers_of_epochs_that_are_none(bad):
    with pytest.raises(ValueError, match=f"^{next(iter(bad))}: expected a whole number"):
        Stale(U, **bad)


def test_it_reads_as_it_was_written():
    assert repr(Stale(U, 2)) == "Stale(U=Ball('l2', 0.3), every=2, after=0)"
    assert at(Stale(U, 2))[0] == Stale(U, 2) != Stale(U, 3)


# Stopped and killed


class Colours(nn.Module):
    """A net of three colours, whose images have a memory layout of their own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(72, 3)
        )

    def forward(self, x):
        return self.layers(x)


@pytest.mark.parametrize(
    "objective", [Stale(U, 2), Free(U, 2), Stale(U) + 0.5 * Free(Ball("linf", 0.03))], ids=repr
)
@pytest.mark.parametrize("stop", [5, 13, 22, 31])
def test_a_run_that_is_stopped_ends_with_the_same_bits(tmp_path, objective, stop):
    images = torch.rand(45, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    data = Dataset(images, blobs().labels)
    recipe = Recipe(epochs=4, batch_size=10)

    def interrupt(done, steps, line):
        if done * 40 >= stop * steps:
            raise KeyboardInterrupt

    whole = run(Colours(), data, objective, recipe, folder=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(Colours(), data, objective, recipe, folder=tmp_path / "stopped", progress=interrupt)
    found = run(Colours(), data, objective, recipe, folder=tmp_path / "stopped")
    assert torch.equal(weights(found.model), weights(whole.model))
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")
    assert not found.memory


def digits_run(folder, progress=False):
    torch.manual_seed(0)
    objective = 0.5 * Stale(Ball("linf", 0.1)) + 0.5 * Free(Ball("l2", 0.5))
    data, recipe = mnist("train")[:2000], Recipe(epochs=2, batch_size=50)
    model = nn.Sequential(nn.Dropout(0.2), ConvNet())
    return train(model, data, objective, recipe, folder=folder, device="cpu", progress=progress)


CHILD = f"""
import sys

import torch
from torch import nn

from rolab.data import Dataset, mnist
from rolab.nets import ConvNet
from rolab.objectives import Free, Stale
from rolab.sets import Ball
from rolab.training import Recipe, train

{inspect.getsource(digits_run)}

def progress(done, steps, line):
    if done >= 60:
        print("waiting", flush=True)
        sys.stdin.readline()  # here it is killed


digits_run(sys.argv[1], progress)
"""


def test_a_process_that_is_killed_among_stale_examples_goes_on_to_the_same_bits(tmp_path):
    """Real digits, a real SIGKILL, in the second epoch, whose examples are of the first."""
    arguments = [sys.executable, "-c", CHILD, str(tmp_path / "killed")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout.readline() == "waiting\n"
        killed.send_signal(signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    assert len(read_json(tmp_path / "killed/run.json")["history"]) == 1
    found, whole = (digits_run(tmp_path / folder) for folder in ("killed", "whole"))
    assert torch.equal(weights(found.model), weights(whole.model))
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
