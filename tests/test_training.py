"""Training: the loop against a plain one, and runs that are stopped, killed, damaged or diverge."""

import itertools
import json
import math
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from rolab.attacks import first_order, pgd
from rolab.data import Dataset
from rolab.errors import DivergedError, RecordError
from rolab.evaluation import accuracy
from rolab.nets import ConvNet
from rolab.objectives import Nominal, Objective, Robust
from rolab.sets import Ball, Ellipsoid, pixel_box
from rolab.storage import read_json
from rolab.training import Recipe, pick_device, train
from rolab.training.checkpoint import Checkpoint, Run
from rolab.training.devices import multiplies_bfloat16

U = Ball("linf", 0.05)
SHORT = Recipe(epochs=3, batch_size=10, learning_rate=0.1)
STEPS = 15  # of SHORT on blobs(): 45 examples, five steps an epoch, the last with five examples


def blobs(n: int = 45, seed: int = 0) -> Dataset:
    """Three classes that a linear model separates."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (n,), generator=generator)
    images = 0.3 * torch.rand(n, 1, 3, 4, generator=generator)
    images[torch.arange(n), 0, labels, :] += 0.5
    return Dataset(images, labels)


def net(seed: int = 0, dropout: float = 0.0) -> nn.Module:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        layers = nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 3)
        return nn.Sequential(*layers)


def run(model=None, data=None, objective=Nominal(), recipe=SHORT, progress=False, **more):  # noqa: B008
    return train(model or net(), data or blobs(), objective, recipe, device="cpu", progress=progress, **more)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def without_seconds(history: list[dict]) -> list[dict]:
    return [{key: value for key, value in epoch.items() if key != "seconds"} for epoch in history]


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a run, without what time and machine put into them."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    record = json.loads(found["run.json"])
    del record["environment"]
    record["history"] = without_seconds(record["history"])
    return found | {"run.json": json.dumps(record).encode()}


class Watched(Objective):
    """Another objective that notes every batch, and can be made to do something before a step."""

    def __init__(self, inside: Objective, before=lambda step: None) -> None:
        self.inside, self.before, self.batches = inside, before, []

    def __repr__(self) -> str:
        return repr(self.inside)

    def __call__(self, model, x, y):
        self.before(len(self.batches))
        self.batches.append((x.clone(), y.clone()))
        return self.inside(model, x, y)


# The loop


@pytest.mark.parametrize("objective", [Nominal(), Robust(U), 0.5 * Nominal() + 0.5 * Robust(Ball("l2", 0.3))])
@pytest.mark.parametrize("schedule", ["triangular", "constant"])
@pytest.mark.parametrize("nesterov", [True, False])
def test_training_is_algorithm_1_written_out(objective, schedule, nesterov):
    """Every number of the optimiser by hand: momentum, Nesterov's look-ahead, weight decay, the schedule."""
    recipe = Recipe(2, 10, 0.1, schedule, 0.8, nesterov, 0.01, shuffle=False)
    data, plain, ours, losses = blobs(), net().train(), net(), []
    velocity = [torch.zeros_like(p) for p in plain.parameters()]
    for step in range(10):
        x, y = (part[10 * (step % 5) : 10 * (step % 5) + 10] for part in (data.images, data.labels))
        loss = objective(plain, x, y)
        losses.append(loss.item() * len(x))
        gradients = torch.autograd.grad(loss, list(plain.parameters()))
        t = (step + 1) / 11
        rate = 0.1 * (1 if schedule == "constant" else 4 * t if t < 0.25 else (1 - t) * 4 / 3)
        with torch.no_grad():
            for p, v, g in zip(plain.parameters(), velocity, gradients, strict=True):
                g = g + 0.01 * p
                v.mul_(0.8).add_(g)
                p -= rate * (g + 0.8 * v if nesterov else v)
    found = run(ours, data, objective, recipe)
    torch.testing.assert_close(weights(ours), weights(plain), rtol=1e-5, atol=1e-6)
    assert [epoch["loss"] for epoch in found.history] == pytest.approx(
        [sum(losses[:5]) / 45, sum(losses[5:]) / 45], rel=1e-5
    )


def test_the_rate_is_halved_after_every_25_epochs():
    recipe = Recipe(epochs=76, learning_rate=1.0, schedule="halving")
    rates = [recipe.rate(step, 76 * 391) for step in range(76 * 391)]
    assert rates == [0.5 ** (epoch // 25) for epoch in range(76) for _ in range(391)]


@pytest.mark.parametrize("steps", [4, 10, 1200])
def test_the_triangular_schedule_begins_and_ends_near_nothing_and_peaks_at_a_quarter(steps):
    rates = [Recipe(learning_rate=2.0).rate(step, steps) for step in range(steps)]
    assert max(rates) == pytest.approx(2.0, rel=4 / steps)
    assert rates.index(max(rates)) == pytest.approx(steps / 4, abs=1)
    assert rates[-1] == pytest.approx(2 / 0.75 / (steps + 1))
    assert min(rates) > 0


@pytest.mark.parametrize("objective", [Nominal(), Robust(U)])
def test_it_learns(objective):
    data, test = blobs(200), blobs(200, seed=1)
    before = accuracy(net(), test)
    found = run(net(), data, objective, Recipe(epochs=5, batch_size=20), test=test)
    assert before < 70
    assert found.history[-1]["test_accuracy"] > 99
    assert found.history[-1]["loss"] < 0.5 * found.history[0]["loss"]


def test_robust_training_makes_robust():
    """One pixel says all but a small step undoes it, many say little: only the robust net uses the many."""
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(0, 2, (400,), generator=generator)
    sign = (2 * y - 1).view(-1, 1, 1, 1)
    x = 0.5 + 0.02 * torch.randn(400, 1, 8, 8, generator=generator)
    x[:, :, 0, 0] = 0.5 + 0.05 * sign[:, 0, 0, 0].unsqueeze(1)
    x[:, :, 4:, :] += 0.12 * sign * (torch.rand(400, 1, 4, 8, generator=generator) < 0.6)
    data = Dataset(x, y)

    def trained(objective):
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
        return run(
            model, data, objective, Recipe(epochs=20, batch_size=20, learning_rate=2, weight_decay=0)
        ).model

    def attacked(model):
        worst = data.images + first_order(model, data.images, data.labels, Ball("linf", 0.06))
        return accuracy(model, Dataset(worst, data.labels))

    assert attacked(trained(Robust(Ball("linf", 0.06)))) > attacked(trained(Nominal())) + 5


def test_the_descent_step_sees_the_perturbed_batch():
    """Spied upon from inside the model: each step looks at x, then at x + Δ, and nothing else."""
    seen: list[torch.Tensor] = []

    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside = net()

        def forward(self, x):
            seen.append(x.detach().clone())
            return self.inside(x)

    data, recipe = blobs(), replace(SHORT, epochs=1, shuffle=False)
    run(Spy(), data, Robust(U), recipe)
    assert len(seen) == 10
    for step in range(5):
        clean, perturbed = seen[2 * step], seen[2 * step + 1]
        assert torch.equal(clean, data.images[10 * step : 10 * step + 10])
        torch.testing.assert_close((perturbed - clean).abs(), torch.full_like(clean, 0.05))


def test_every_epoch_sees_every_example_once_in_an_order_of_its_own():
    watched = Watched(Nominal())
    data = blobs()
    run(data=data, objective=watched)
    assert [len(y) for _, y in watched.batches] == [10, 10, 10, 10, 5] * 3
    epochs = [torch.cat([x for x, _ in watched.batches[5 * k : 5 * k + 5]]) for k in range(3)]
    place = {image.numpy().tobytes(): i for i, image in enumerate(data.images)}
    orders = [[place[image.numpy().tobytes()] for image in epoch] for epoch in epochs]
    assert all(sorted(order) == list(range(45)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    for x, y in watched.batches:
        assert torch.equal(y, data.labels[[place[image.numpy().tobytes()] for image in x]])


def test_the_order_depends_on_the_seed_and_on_nothing_else():
    def order(**more):
        watched = Watched(more.pop("objective", Nominal()))
        run(objective=watched, **more)
        return torch.cat([x for x, _ in watched.batches])

    first = order(seed=3)
    torch.manual_seed(99)
    assert torch.equal(order(seed=3, model=net(5), objective=Robust(U)), first)
    assert not torch.equal(order(seed=4), first)


def test_without_shuffling_the_order_is_that_of_the_data():
    watched, data = Watched(Nominal()), blobs()
    run(data=data, objective=watched, recipe=replace(SHORT, shuffle=False))
    assert torch.equal(torch.cat([x for x, _ in watched.batches]), data.images.repeat(3, 1, 1, 1))


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    first, second, third = (run(net(0, 0.5), seed=seed).model for seed in (1, 1, 2))
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(third))


def test_the_test_set_decides_nothing():
    with_test, without = run(test=blobs(20, 1)), run()
    assert torch.equal(weights(with_test.model), weights(without.model))
    assert "test_accuracy" not in without.history[0]


# What comes back


def test_history_and_seconds():
    found = run(test=blobs(20, 1), seed=7)
    assert [epoch["epoch"] for epoch in found.history] == [1, 2, 3]
    for epoch in found.history:
        assert set(epoch) == {"epoch", "loss", "seconds", "test_accuracy"}
        assert epoch["seconds"] >= 0
    assert found.seconds == sum(epoch["seconds"] for epoch in found.history)
    assert found.history[-1]["test_accuracy"] == accuracy(found.model, blobs(20, 1))
    assert (found.recipe, found.seed) == (SHORT, 7)


def test_the_model_is_trained_in_place_and_comes_back_in_eval_mode():
    model = net(0, 0.5).eval()
    modes: list[bool] = []
    model[3].register_forward_hook(lambda module, *_: modes.append(module.training))
    before = weights(model)
    found = run(model)
    assert found.model is model
    assert all(modes)
    assert len(modes) == STEPS
    assert not model.training
    assert not torch.equal(weights(model), before)


def test_every_epoch_is_trained_in_train_mode_although_the_test_between_is_not():
    model = net(0, 0.5)
    modes: list[bool] = []
    model[3].register_forward_hook(lambda module, *_: modes.append(module.training))
    run(model, test=blobs(20, 1))
    assert modes == ([True] * 5 + [False]) * 3


def test_the_global_random_state_is_left_alone():
    def states():
        return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()

    torch.manual_seed(5)
    before = states()
    run(net(0, 0.5))
    assert states() == before


def test_the_data_are_left_alone():
    data = blobs()
    images, labels = data.images.clone(), data.labels.clone()
    run(data=data, objective=Robust(Ball("l2", 1.0)))
    assert torch.equal(data.images, images)
    assert torch.equal(data.labels, labels)


# Progress


@pytest.mark.parametrize("epochs_before", [0, 1, 3])
def test_progress_is_told_monotone_steps_up_to_the_last(tmp_path, epochs_before):
    calls: list[tuple[int, int, str]] = []

    def stop(done, steps, line):
        if done == 5 * epochs_before < STEPS:
            raise KeyboardInterrupt

    if epochs_before == 1:
        with pytest.raises(KeyboardInterrupt):
            run(folder=tmp_path / "run", progress=stop)
    elif epochs_before == 3:
        run(folder=tmp_path / "run")
    run(folder=tmp_path / "run", progress=lambda *call: calls.append(call), test=blobs(20, 1))
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert done[0] == 5 * epochs_before
    assert {call[1] for call in calls} == {STEPS}
    assert calls[-1][:2] == (STEPS, STEPS)
    assert "epoch 3/3" in calls[-1][2]
    if epochs_before < 3:
        assert "test accuracy" in calls[-1][2]
        assert any("loss" in call[2] for call in calls)


def test_a_bar_in_the_terminal(capfd):
    run(progress=True, test=blobs(20, 1))
    shown = capfd.readouterr().err
    assert "100%" in shown
    assert f"{STEPS}/{STEPS}" in shown
    assert "epoch 3/3, test accuracy" in shown
    run(progress=False)
    assert capfd.readouterr() == ("", "")


# Recipes, devices, number formats


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("epochs", 2.0),
        ("epochs", "3"),
        ("batch_size", 0),
        ("batch_size", None),
        ("learning_rate", -0.1),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("learning_rate", "fast"),
        ("momentum", -1),
        ("weight_decay", math.nan),
        ("schedule", "cosine"),
        ("precision", "float16"),
        ("nesterov", 1),
        ("shuffle", None),
        ("channels_last", "yes"),
    ],
)
def test_a_bad_recipe_names_the_field_and_the_value(field, value):
    with pytest.raises(ValueError, match=f"^{field} is {value!r}, expected"):
        Recipe(**{field: value})
    with pytest.raises(ValueError, match=f"^{field} is "):
        replace(Recipe(), **{field: value})


def test_nesterov_without_momentum_is_refused_by_name():
    with pytest.raises(ValueError, match="nesterov"):
        Recipe(momentum=0)
    assert Recipe(momentum=0, nesterov=False).momentum == 0


@given(st.integers(1, 400), st.floats(1e-3, 10))
def test_the_triangular_schedule_climbs_a_quarter_of_the_way_and_comes_down(steps, peak):
    recipe = Recipe(learning_rate=peak)
    rates = [recipe.rate(step, steps) for step in range(steps)]
    assert all(0 < rate <= peak * (1 + 1e-12) for rate in rates)
    assert rates == pytest.approx(
        [peak * np.interp((k + 1) / (steps + 1), [0, 0.25, 1], [0, 1, 0]) for k in range(steps)]
    )
    assert {Recipe(learning_rate=peak, schedule="constant").rate(k, steps) for k in range(steps)} == {peak}


@pytest.mark.parametrize("device", ["nonsense", "cuda:99", "", "gpu", "meta"])
def test_an_unknown_device_is_named(device):
    with pytest.raises(ValueError, match="device is") as caught:
        pick_device(device)
    assert repr(device) in str(caught.value)
    with pytest.raises(ValueError, match="device is"):
        train(net(), blobs(), Nominal(), SHORT, device=device, progress=False)


def test_auto_takes_what_the_machine_has():
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert pick_device().type == expected
    assert pick_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.skipif(pick_device().type == "cpu", reason="no accelerator here")
def test_on_the_accelerator(tmp_path):
    model, data = ConvNet(), Dataset(torch.rand(60, 1, 28, 28), torch.randint(0, 10, (60,)))
    for epochs in (1, 2):  # the second goes on from the first's file
        recipe = Recipe(epochs=2, batch_size=20)
        stop = [KeyboardInterrupt] if epochs == 1 else []

        def progress(done, *_, stop=stop):
            if done == 3 and stop:
                raise stop.pop()

        try:
            found = train(
                model, data, Robust(U), recipe, folder=tmp_path / "run", test=data, progress=progress
            )
        except KeyboardInterrupt:
            assert epochs == 1
    assert {p.device.type for p in model.parameters()} == {pick_device().type}
    assert len(found.history) == 2


@pytest.mark.parametrize("name", ["avx512_bf16", "amx_bf16", "bf16", "avx2", None])
def test_which_processors_have_instructions_for_bfloat16(monkeypatch, name):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx2": True, name: True}, raising=False)
    assert multiplies_bfloat16("cpu") == (name in ("avx512_bf16", "amx_bf16", "bf16"))
    monkeypatch.delattr("torch.cpu.get_capabilities")  # as in an older torch
    assert not multiplies_bfloat16("cpu")
    assert not multiplies_bfloat16("mps")


@pytest.mark.parametrize("objective", [Nominal(), Robust(U)])
def test_mixed_precision_on_the_cpu(objective):
    model, types = ConvNet(), []
    model.conv2.register_forward_hook(lambda module, args, out: types.append(out.dtype))
    data = Dataset(torch.rand(40, 1, 28, 28), torch.arange(40) % 10)
    found = run(model, data, objective, Recipe(epochs=2, batch_size=20, precision="bfloat16"))
    assert set(types) == {torch.bfloat16}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert math.isfinite(found.history[-1]["loss"])
    types.clear()
    run(ConvNet(), data, objective, Recipe(epochs=1, batch_size=20))
    model(data.images)
    assert set(types) == {torch.float32}


@pytest.mark.parametrize("channels_last", [True, False])
def test_the_memory_format_is_the_recipe_s_and_changes_no_number(channels_last):
    layouts = []

    def trained(channels_last):
        torch.manual_seed(0)
        model = ConvNet()
        model.conv2.register_forward_hook(
            lambda module, *_: layouts.append(module.weight.is_contiguous(memory_format=torch.channels_last))
        )
        data = Dataset(
            torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 10
        )
        run(model, data, Robust(U), Recipe(epochs=1, batch_size=20, channels_last=channels_last))
        return weights(model)

    found = trained(channels_last)
    assert set(layouts) == {channels_last}
    torch.testing.assert_close(found, trained(not channels_last), rtol=1e-4, atol=1e-5)


# Stopped and started again


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    return run(net(0, 0.3), objective=Watched(Robust(U)), folder=folder, test=blobs(20, 1)), contents(folder)


def sitting(folder: Path, before=lambda step: None):
    """Starts the run of `uninterrupted` in a folder, or goes on with it, from weights that do not matter."""
    epochs = len(read_json(folder / "run.json")["history"]) if folder.exists() else 0
    objective = Watched(Robust(U), lambda step: before(5 * epochs + step))
    return run(net(7 if epochs else 0, 0.3), objective=objective, folder=folder, test=blobs(20, 1))


@settings(max_examples=25)
@given(st.lists(st.integers(0, STEPS - 1), max_size=4))
def test_a_run_that_is_stopped_anywhere_ends_with_the_same_bits(tmp_path_factory, uninterrupted, stops):
    folder = tmp_path_factory.mktemp("stopped") / "run"
    for stop in sorted(stops):

        def interrupt(step: int, stop: int = stop) -> None:
            if step == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            sitting(folder, interrupt)
    torch.manual_seed(len(stops))  # where the global generator is does not matter
    found = sitting(folder)
    whole, files = uninterrupted
    assert torch.equal(weights(found.model), weights(whole.model))
    assert without_seconds(found.history) == without_seconds(whole.history)
    assert contents(folder) == files
    assert sorted(files) == ["run.json", "state-0003.safetensors"]
    shutil.rmtree(folder.parent)


def test_a_run_that_is_complete_is_loaded_and_left_as_it_is(tmp_path):
    folder = tmp_path / "run"
    first = run(objective=Watched(Robust(U)), folder=folder)
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}
    watched = Watched(Robust(U))
    second = run(net(9), objective=watched, folder=folder)
    assert not watched.batches
    assert torch.equal(weights(second.model), weights(first.model))
    assert second.history == first.history
    assert not second.model.training
    assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()} == before


def test_equal_runs_give_equal_files(tmp_path):
    for name in ("a", "b"):
        run(net(0, 0.3), objective=Robust(U), folder=tmp_path / name)
    a, b = ((tmp_path / name / "state-0003.safetensors").read_bytes() for name in ("a", "b"))
    assert a == b
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


CHILD = """
import sys

import torch
from torch import nn

from rolab.data import mnist
from rolab.nets import ConvNet
from rolab.objectives import Nominal, Robust
from rolab.sets import Ball
from rolab.training import Recipe, train

folder, kind, wait_at = sys.argv[1], sys.argv[2], int(sys.argv[3])


def progress(done, steps, line):
    if done == wait_at:
        print("waiting", flush=True)
        sys.stdin.readline()  # here it is killed


torch.manual_seed(0)
model = ConvNet() if kind == "nominal" else nn.Sequential(nn.Dropout(0.2), ConvNet())
objective = Nominal() if kind == "nominal" else Robust(Ball("linf", 0.06))
recipe = Recipe(epochs=2, batch_size=50)
train(model, mnist("train")[:2000], objective, recipe, folder=folder, device="cpu", progress=progress)
"""


@pytest.mark.parametrize("kind", ["nominal", "robust, dropout"])
def test_a_process_that_is_killed_in_the_middle_of_an_epoch_goes_on_to_the_same_bits(tmp_path, kind):
    """Real digits, real processes, a real SIGKILL: 40 steps an epoch, killed at the 60th."""

    def child(folder: str, wait_at: int) -> subprocess.Popen:
        arguments = [sys.executable, "-c", CHILD, str(tmp_path / folder), kind, str(wait_at)]
        return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    with child("killed", 60) as killed:
        assert killed.stdout.readline() == "waiting\n"
        killed.send_signal(signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    assert len(read_json(tmp_path / "killed/run.json")["history"]) == 1
    for folder in ("killed", "whole"):
        with child(folder, -1) as finished:
            pass
        assert finished.returncode == 0
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert len(read_json(tmp_path / "whole/run.json")["history"]) == 2


@pytest.mark.parametrize("epoch", [1, 2])
def test_killed_between_the_state_and_the_record_that_names_it(tmp_path, monkeypatch, epoch):
    """The new state file is there, `run.json` still tells of the one before: that one counts."""
    folder = tmp_path / "run"
    from rolab.training import checkpoint

    written, write_json = [], checkpoint.write_json

    def killed(path, record):
        written.append(path)
        if len(written) == 1 + epoch:  # the first names no state yet
            raise KeyboardInterrupt
        write_json(path, record)

    monkeypatch.setattr(checkpoint, "write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        run(folder=folder)
    monkeypatch.undo()
    assert (folder / f"state-{epoch:04d}.safetensors").exists()
    assert len(read_json(folder / "run.json")["history"]) == epoch - 1
    found = run(folder=folder)
    assert torch.equal(weights(found.model), weights(run().model))
    assert sorted(path.name for path in folder.iterdir()) == ["run.json", "state-0003.safetensors"]


def test_killed_while_the_first_file_of_the_folder_is_written(tmp_path):
    """What `records.write` leaves then is a hidden file, whose name nobody else needs."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ".run.json.k1ll3d").write_bytes(b"{")
    assert len(run(folder=folder).history) == 3


# What a folder must not hold


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, "seed"),
        ({"recipe": replace(SHORT, learning_rate=0.2)}, "recipe"),
        ({"recipe": replace(SHORT, epochs=4)}, "recipe"),
        ({"objective": Robust(U)}, "objective"),
        ({"objective": 2 * Nominal()}, "objective"),
        ({"data": blobs(44)}, "examples and data"),
        ({"seed": 1, "objective": Robust(U)}, "objective and seed"),
    ],
)
def test_the_folder_of_another_run_is_refused_and_left_alone(tmp_path, change, named):
    folder = tmp_path / "run"
    run(folder=folder)
    before = contents(folder)
    with pytest.raises(RecordError, match=rf"holds another run \({named} differ") as caught:
        run(folder=folder, **change)
    assert str(folder) in str(caught.value)
    assert contents(folder) == before


def test_the_folder_of_another_network_is_refused(tmp_path):
    run(folder=tmp_path / "run")
    wider = nn.Sequential(nn.Flatten(), nn.Linear(12, 9), nn.Tanh(), nn.Linear(9, 3))
    with pytest.raises(RecordError, match=str(tmp_path)):
        run(wider, folder=tmp_path / "run")


def test_a_folder_with_foreign_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.safetensors").write_bytes(b"mine")
    with pytest.raises(RecordError, match="something else than a run"):
        run(folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.safetensors"]


@pytest.mark.parametrize("damage", ["altered", "truncated", "missing", "record"])
def test_a_damaged_run_is_refused(tmp_path, damage):
    folder = tmp_path / "run"
    run(folder=folder)
    state = folder / "state-0003.safetensors"
    content = bytearray(state.read_bytes())
    match damage:
        case "altered":
            content[-1] ^= 1
            state.write_bytes(content)
        case "truncated":
            state.write_bytes(content[:-100])
        case "missing":
            state.unlink()
        case "record":
            (folder / "run.json").write_bytes((folder / "run.json").read_bytes()[:50])
    with pytest.raises(
        RecordError, match={"missing": "cannot read", "record": "damaged"}.get(damage, "was altered")
    ):
        run(folder=folder)


def test_a_folder_that_cannot_be_written_fails_before_the_first_step(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    watched = Watched(Nominal())
    with pytest.raises(RecordError, match="cannot write|holds something else"):
        run(objective=watched, folder=tmp_path / "file" / "run")
    with pytest.raises(RecordError):
        run(objective=watched, folder=tmp_path / "file")
    assert not watched.batches


# Divergence


class Fused(Objective):
    """The standard loss, until it turns NaN (or its gradient does) at some step."""

    def __init__(self, at: float = math.inf, gradient_only: bool = False) -> None:
        self.steps, self.at, self.gradient_only = itertools.count(), at, gradient_only

    def __repr__(self) -> str:
        return "Fused()"

    def __call__(self, model, x, y):
        loss = Nominal()(model, x, y)
        if next(self.steps) < self.at:
            return loss
        broken = (0 * model[1].weight).sum().sqrt()  # 0, but its derivative is 0/0
        return loss + broken if self.gradient_only else loss * math.nan


@pytest.mark.parametrize(
    "objective", [Nominal(), Robust(U), Robust(Ball("l2", 0.5)), Robust(Ball("l1", 0.5))]
)
def test_too_large_a_learning_rate_stops_with_a_clear_message(objective):
    torch.manual_seed(0)
    data = Dataset(torch.rand(300, 1, 28, 28), torch.randint(0, 10, (300,)))
    recipe = Recipe(epochs=4, batch_size=10, learning_rate=1e6)
    with pytest.raises(DivergedError, match=r"training diverged in epoch \d.*learning_rate below 1e\+06"):
        run(ConvNet(), data, objective, recipe)


@pytest.mark.parametrize(
    "objective", [Nominal(), Robust(U), Robust(Ball("l2", 0.5)), Robust(Ball("l1", 0.5))]
)
def test_a_pixel_that_is_not_a_number_stops_with_a_clear_message(tmp_path, objective):
    data = blobs()
    data.images[17, 0, 1, 2] = math.nan
    with pytest.raises(DivergedError, match=r"training diverged in epoch 1.*(?i:nan)"):
        run(data=data, objective=objective, folder=tmp_path / "run")
    assert not list(tmp_path.glob("run/state*"))


@pytest.mark.parametrize("gradient_only", [False, True])
@pytest.mark.parametrize("step", [5, 8, 9, 14])
def test_the_last_good_state_is_kept_and_can_be_gone_on_from(tmp_path, step, gradient_only):
    folder, epochs = tmp_path / "run", step // 5
    with pytest.raises(
        DivergedError, match=f"diverged in epoch {epochs + 1}.*state after epoch {epochs} is kept"
    ):
        run(objective=Fused(step, gradient_only), folder=folder)
    assert len(read_json(folder / "run.json")["history"]) == epochs
    resumed = run(net(4), objective=Fused(), folder=folder)
    assert torch.equal(weights(resumed.model), weights(run(objective=Fused()).model))


def test_a_restored_momentum_has_the_memory_layout_of_its_weight(tmp_path):
    data = Dataset(torch.rand(4, 1, 28, 28), torch.arange(4))

    def begun():
        model = ConvNet().to(memory_format=torch.channels_last)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        return model, optimizer, Checkpoint(tmp_path / "run", Run(model, SHORT, 0), "any", data)

    def momenta(model, optimizer):
        return [optimizer.state[weight]["momentum_buffer"] for weight in model.parameters()]

    model, first, kept = begun()
    kept.restore(first, torch.Generator())
    Nominal()(model, data.images, data.labels).backward()
    first.step()
    kept.save(first, torch.Generator())
    held = momenta(model, first)
    model, second, kept = begun()
    kept.restore(second, torch.Generator())
    for weight, momentum, restored in zip(model.parameters(), held, momenta(model, second), strict=True):
        assert torch.equal(restored, momentum)
        layout = torch.channels_last if weight.ndim == 4 else torch.contiguous_format
        assert restored.is_contiguous(memory_format=layout)


def test_weights_that_are_not_finite_are_never_kept(tmp_path):
    """In the last step of an epoch the loss is still finite; what it makes of the weights is not."""
    with pytest.raises(DivergedError, match="diverged in epoch 1"):
        run(objective=Fused(4, gradient_only=True), folder=tmp_path / "run")
    assert not list(tmp_path.glob("run/state*"))
    with pytest.raises(DivergedError, match="diverged in epoch 3"):
        run(objective=Fused(14, gradient_only=True))


def test_the_loss_that_is_not_finite_is_not_descended():
    model = net()
    with pytest.raises(DivergedError, match="the loss is nan"):
        run(model, objective=Fused(0))
    assert torch.equal(weights(model), weights(net()))


def test_a_plain_loop_would_not_have_noticed():
    """The oracle of the tests above: the fuse does blow."""
    model, (x, y) = net(), (blobs().images, blobs().labels)
    assert Fused(0)(model, x, y).isnan()
    loss = Fused(0, gradient_only=True)(model, x, y)
    assert torch.equal(loss, F.cross_entropy(model(x), y))
    loss.backward()
    assert model[1].weight.grad.isnan().any()


def test_a_folder_is_refused_to_other_pictures_with_the_same_labels(tmp_path):
    """Digits whose corners are black as before."""
    data = Dataset(torch.rand(60, 1, 28, 28), torch.arange(60) % 10)
    data.images[:, :, 0, 0] = 0
    other = Dataset(data.images.where(data.images == 0, 1 - data.images), data.labels)
    recipe = Recipe(epochs=1, batch_size=20)
    run(ConvNet(), data, recipe=recipe, folder=tmp_path / "run")
    with pytest.raises(RecordError, match="holds another run .data differ"):
        run(ConvNet(), other, recipe=recipe, folder=tmp_path / "run")


RADIUS = 0.05


def boxed(radius):
    return lambda x: Ball("linf", radius) & pixel_box(x)


def test_a_folder_is_refused_where_only_what_a_repr_leaves_out_differs(tmp_path, monkeypatch):
    """Functions that differ in a number, sets in a matrix, attacks in an argument, networks in dropout."""
    spread = torch.eye(12, dtype=torch.float64)
    everywhere = lambda x: Ball("linf", RADIUS)  # noqa: E731
    kinds = {
        "closure": [Robust(boxed(0.05)), Robust(boxed(0.05)), Robust(boxed(0.06))],
        "code": [
            Robust(lambda x: Ball("l2", 0.1)),
            Robust(lambda x: Ball("l2", 0.1)),
            Robust(lambda x: Ball("l2", 0.2)),
        ],
        "matrix": [Robust(Ellipsoid(s * spread, 0.1)) for s in (1, 1, 2)],
        "attack": [Robust(U, attack=partial(pgd, steps=s)) for s in (1, 1, 2)],
    }
    for kind, (first, same, other) in kinds.items():
        folder = tmp_path / kind
        kept = weights(run(objective=first, folder=folder).model)
        assert torch.equal(weights(run(net(1), objective=same, folder=folder).model), kept)
        with pytest.raises(
            RecordError, match=r"holds another run \((layers of the model, or|objective differ)"
        ):
            run(objective=other, folder=folder)
    run(objective=Robust(everywhere), folder=tmp_path / "global")
    monkeypatch.setitem(globals(), "RADIUS", 0.06)
    with pytest.raises(RecordError, match=r"holds another run \(layers of the model, or sets or attack"):
        run(objective=Robust(everywhere), folder=tmp_path / "global")
    run(net(), folder=tmp_path / "dropout")
    with pytest.raises(RecordError, match=r"holds another run \(layers of the model, or sets or attack"):
        run(net(dropout=0.5), folder=tmp_path / "dropout")
