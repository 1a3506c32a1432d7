"""Checkpoints: runs that are stopped, killed or damaged, and folders that hold something else."""

import random
import shutil
import signal
import subprocess
import sys
import time
import warnings
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import begun, paused
from small_disk import make_read_only, small_disk
from tiny_runs import (
    SHORT,
    STEPS,
    Fused,
    U,
    Watched,
    blobs,
    contents,
    net,
    run,
    sitting,
    sitting_with_a_pause,
    slowly,
    weights,
    without_seconds,
)
from torch import nn

from rolab.attacks import first_order, pgd
from rolab.data import Dataset
from rolab.errors import DivergedError, RecordError
from rolab.nets import ConvNet
from rolab.objectives import Nominal, Robust
from rolab.sets import Ball, Ellipsoid, pixel_box
from rolab.storage import lock, read_json, write_json
from rolab.training import Recipe, Run, checkpoint, keep_weights
from rolab.training.checkpoint import Checkpoint, fingerprint_of

TWO_STATES = ["run.before.json", "run.json", "state-0002.safetensors", "state-0003.safetensors"]

# Stopped and started again


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    return run(net(0, 0.3), objective=Watched(Robust(U)), folder=folder, test=blobs(20, 1)), contents(folder)


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
    assert sorted(files) == TWO_STATES
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


@pytest.mark.slow
def test_killed_at_random_moments_it_goes_on_to_the_same_bits(tmp_path, uninterrupted):
    """Real processes, twenty times a real SIGKILL, at any moment: also while a file is written."""
    folder, moments = tmp_path / "run", random.Random(0)
    whole, files = uninterrupted
    kills = 0
    while kills < 20:
        child = begun(sitting, folder, slowly)
        time.sleep(moments.uniform(0, 0.35))
        child.kill()
        child.join()
        if child.exitcode == -signal.SIGKILL:
            kills += 1
        else:  # it was done
            assert child.exitcode == 0 and contents(folder) == files
            shutil.rmtree(folder)
    found = sitting(folder)
    assert torch.equal(weights(found.model), weights(whole.model))
    assert contents(folder) == files, "and nothing unfinished is left"


def test_of_two_processes_that_train_in_one_folder_the_second_is_refused_before_it_computes(
    tmp_path, uninterrupted
):
    folder, (_, files) = tmp_path / "run", uninterrupted
    with paused(sitting_with_a_pause, folder):
        watched = Watched(Robust(U))
        with pytest.raises(
            RecordError, match=r"another process is writing to .*run\.json: wait for it, or stop it$"
        ):
            run(net(0, 0.3), objective=watched, folder=folder, test=blobs(20, 1))
        with pytest.raises(RecordError, match="another process is writing to"):
            keep_weights(folder, "float16")
        assert not watched.batches
    assert contents(folder) == files


def test_killed_behind_the_last_record_a_run_leaves_nothing(tmp_path):
    """A state that no record names any more, and that the killed process did not come to remove."""
    run(folder=tmp_path)
    (tmp_path / "state-0001.safetensors").write_bytes(b"of the first epoch")
    run(folder=tmp_path)
    assert sorted(contents(tmp_path)) == TWO_STATES


@pytest.mark.parametrize("at", range(1, 7))
def test_killed_between_a_state_and_the_records_that_name_it(tmp_path, monkeypatch, at):
    """An epoch writes its state, the record before, and `run.json`, which counts: killed before a record."""
    folder, epoch = tmp_path / "run", (at + 1) // 2
    written, write_json = [], checkpoint.write_json

    def killed(path, record):
        written.append(path)
        if len(written) == at:
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
    assert sorted(contents(folder)) == TWO_STATES


def test_killed_while_the_first_file_of_the_folder_is_written(tmp_path):
    """What `storage.write` leaves then is a hidden file, whose name nobody else needs."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ".run.json.k1ll3d.unfinished").write_bytes(b"{")
    assert len(run(folder=folder).history) == 3
    assert sorted(contents(folder)) == TWO_STATES


# What a folder must not hold


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, "seed; 0 there, 1 here"),
        ({"recipe": replace(SHORT, learning_rate=0.2)}, "recipe.learning_rate; 0.1 there, 0.2 here"),
        ({"recipe": replace(SHORT, epochs=4)}, "recipe.epochs; 3 there, 4 here"),
        ({"objective": Robust(U)}, "objective, layers, sets, attack"),
        ({"objective": 2 * Nominal()}, "objective, layers, sets, attack"),
        ({"data": blobs(44)}, "examples, pixels and labels"),
        ({"seed": 1, "objective": Robust(U)}, "objective, seed, layers, sets, attack"),
    ],
)
def test_the_folder_of_another_run_is_refused_and_left_alone(tmp_path, change, named):
    folder = tmp_path / "run"
    run(folder=folder)
    before = contents(folder)
    with pytest.raises(RecordError, match=rf"holds another run \(what differs: {named}\)") as caught:
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
    with pytest.raises(RecordError, match="holds something else and no run"):
        run(folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.safetensors"]


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "altered": alter,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "missing": Path.unlink,
    "emptied": lambda path: path.write_bytes(b""),
}
damages = pytest.mark.parametrize("damage", DAMAGES)


@damages
@pytest.mark.parametrize("name", ["run.json", "state-0003.safetensors"])
def test_a_damaged_state_or_record_is_answered_by_the_one_before(tmp_path, uninterrupted, damage, name):
    folder, (whole, files) = tmp_path / "run", uninterrupted
    sitting(folder)
    DAMAGES[damage](folder / name)
    words = r"(was altered|cannot read|is damaged).*; going on from the (record|state) before it$"
    with pytest.warns(UserWarning, match=words) as told:
        found = sitting(folder, epochs=3)
    assert len(told) == 1 and str(folder / name) in str(told[0].message)
    assert torch.equal(weights(found.model), weights(whole.model))
    assert without_seconds(found.history) == without_seconds(whole.history)
    assert contents(folder) == files
    sitting(folder)  # and there is nothing to tell any more


def test_no_bit_of_a_run_changes_unseen_and_none_loses_it(tmp_path, uninterrupted):
    """A hundred bits, each alone, over all files of a run: its records and its states."""
    whole, files = uninterrupted
    sitting(kept := tmp_path / "kept")
    chance, folder, told = random.Random(0), tmp_path / "run", 0
    for _ in range(100):
        shutil.copytree(kept, folder)
        path = folder / chance.choice(sorted(files))
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = sitting(folder, epochs=3)
        told += len(said)
        assert torch.equal(weights(found.model), weights(whole.model))
        assert without_seconds(found.history) == without_seconds(whole.history)
        shutil.rmtree(folder)
    assert told > 25, "half of the files are those of before, which nobody needs"


def test_a_damaged_first_epoch_is_begun_again(tmp_path):
    once = replace(SHORT, epochs=1)
    first = run(folder=tmp_path, recipe=once)
    alter(tmp_path / "state-0001.safetensors")
    with pytest.warns(UserWarning, match="going on from the state before it"):
        again = run(folder=tmp_path, recipe=once)
    assert torch.equal(weights(again.model), weights(first.model))


@damages
def test_where_nothing_whole_is_left_a_run_is_refused(tmp_path, damage):
    run(folder=tmp_path)
    for number in (2, 3):
        DAMAGES[damage](tmp_path / f"state-000{number}.safetensors")
    with pytest.raises(RecordError, match=r"state-000\d\.safetensors"):
        run(folder=tmp_path)
    if damage != "missing":  # then the folder is empty, and welcome
        for name in ("run.json", "run.before.json"):
            DAMAGES[damage](tmp_path / name)
        with pytest.raises(RecordError, match=r"run\.before\.json (was altered|is damaged)"):
            run(folder=tmp_path)


def test_the_state_of_another_run_answers_for_none(tmp_path):
    for seed in (0, 1):
        run(folder=tmp_path / str(seed), seed=seed)
    shutil.copytree(
        tmp_path / "1", tmp_path / "0", dirs_exist_ok=True, ignore=lambda *_: ["run.json", ".run.json.lock"]
    )
    with pytest.raises(RecordError, match=r"state-0003\.safetensors was altered"):
        run(folder=tmp_path / "0")


def test_a_state_outside_of_its_folder_is_not_read(tmp_path):
    """Also where somebody has written the record, and its hash, by hand."""
    run(folder=tmp_path / "run")
    record = read_json(tmp_path / "run/run.json")
    shutil.copy(tmp_path / "run/state-0003.safetensors", tmp_path / "mine")
    for name in ("../mine", str(tmp_path / "mine")):
        for path in ("run.json", "run.before.json"):
            write_json(tmp_path / "run" / path, record | {"state": name})
        with pytest.raises(RecordError, match="names a state outside of its folder"):
            run(folder=tmp_path / "run")


def test_a_folder_that_cannot_be_written_fails_before_the_first_step(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    watched = Watched(Nominal())
    with pytest.raises(RecordError, match="cannot write"):
        run(objective=watched, folder=tmp_path / "file" / "run")
    with pytest.raises(RecordError):
        run(objective=watched, folder=tmp_path / "file")
    assert not watched.batches


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
    with kept.open(first, torch.Generator()):
        Nominal()(model, data.images, data.labels).backward()
        first.step()
        kept.save(first, torch.Generator())
    held = momenta(model, first)
    model, second, kept = begun()
    with kept.open(second, torch.Generator()):
        pass
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


def test_a_folder_is_refused_to_other_pictures_with_the_same_labels(tmp_path):
    """Digits whose corners are black as before."""
    data = Dataset(torch.rand(60, 1, 28, 28), torch.arange(60) % 10)
    data.images[:, :, 0, 0] = 0
    other = Dataset(data.images.where(data.images == 0, 1 - data.images), data.labels)
    recipe = Recipe(epochs=1, batch_size=20)
    run(ConvNet(), data, recipe=recipe, folder=tmp_path / "run")
    with pytest.raises(RecordError, match="holds another run .what differs: pixels and labels;"):
        run(ConvNet(), other, recipe=recipe, folder=tmp_path / "run")


@pytest.mark.parametrize("pixel", [(0, 0), (31, 347), (59, 783)])
def test_a_folder_is_refused_where_one_pixel_differs(tmp_path, pixel):
    data = Dataset(torch.rand(60, 1, 28, 28), torch.arange(60) % 10)
    other = Dataset(data.images.clone(), data.labels)
    other.images.view(60, -1)[pixel] += 2**-20
    recipe = Recipe(epochs=1, batch_size=60)
    run(ConvNet(), data, recipe=recipe, folder=tmp_path / "run")
    with pytest.raises(RecordError, match="holds another run .what differs: pixels and labels;"):
        run(ConvNet(), other, recipe=recipe, folder=tmp_path / "run")
    last = Dataset(data.images, torch.cat([data.labels[:-1], torch.tensor([8])]))
    with pytest.raises(RecordError, match="holds another run .what differs: pixels and labels;"):
        run(ConvNet(), last, recipe=recipe, folder=tmp_path / "run")


# Disks that are full, or read-only


def test_on_a_full_disk_the_last_state_is_kept_and_gone_on_from(tmp_path, uninterrupted):
    whole, files = uninterrupted
    with small_disk(tmp_path / "disk", "200k") as disk:
        folder = disk / "run"

        def fill(step: int) -> None:
            if step == 12:
                with suppress(OSError), open(disk / "filler", "wb", buffering=0) as file:
                    while True:
                        file.write(bytes(4096))

        with pytest.raises(RecordError, match=r"cannot write .*state-0003.*: No space left on device$"):
            sitting(folder, fill)
        assert len(read_json(folder / "run.json")["history"]) == 2
        (disk / "filler").unlink()
        found = sitting(folder)
        assert torch.equal(weights(found.model), weights(whole.model))
        assert contents(folder) == files


def test_a_finished_run_is_loaded_where_nothing_may_be_written_and_another_refused(tmp_path, uninterrupted):
    whole, _ = uninterrupted
    with small_disk(tmp_path / "disk", "400k") as disk:
        sitting(disk / "run")
        sitting(disk / "kept")
        keep_weights(disk / "kept", "float32")
        with pytest.raises(KeyboardInterrupt):
            sitting(disk / "begun", interrupted)
        for left in disk.glob("*/.*.lock"):
            left.unlink()
        make_read_only(disk)
        for name in ("run", "kept"):
            assert torch.equal(weights(sitting(disk / name).model), weights(whole.model))
        assert keep_weights(disk / "kept", "float32")["state"] == "weights.safetensors"
        with pytest.raises(RecordError, match=r"^cannot write .*begun is read-only, and the run unfinished$"):
            sitting(disk / "begun", lambda step: pytest.fail("it computes"))


def interrupted(step: int) -> None:
    if step == 12:
        raise KeyboardInterrupt


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
            RecordError, match=r"holds another run \(what differs: (objective, )?layers, sets, attack"
        ):
            run(objective=other, folder=folder)
    run(objective=Robust(everywhere), folder=tmp_path / "global")
    monkeypatch.setitem(globals(), "RADIUS", 0.06)
    with pytest.raises(RecordError, match=r"holds another run \(what differs: layers, sets, attack; "):
        run(objective=Robust(everywhere), folder=tmp_path / "global")
    run(net(), folder=tmp_path / "dropout")
    with pytest.raises(RecordError, match=r"holds another run \(what differs: layers, sets, attack; "):
        run(net(dropout=0.5), folder=tmp_path / "dropout")


def test_an_identity_names_functions_and_classes_of_rolab_without_their_files(monkeypatch):
    """So that a run goes on when a file of rolab is moved or split."""
    partly = [first_order, Ball, partial(pgd, steps=2), Robust(U, pgd), Nominal()]
    before = [fingerprint_of(each) for each in partly]
    assert "rolab." not in repr(before)
    for function in (first_order, pgd):
        monkeypatch.setattr(function, "__module__", "rolab.elsewhere.moved")
    for kind in (Ball, Robust, Nominal):
        monkeypatch.setattr(kind, "__module__", "rolab.elsewhere.moved")
    assert [fingerprint_of(each) for each in partly] == before
    assert len({repr(each) for each in before}) == len(partly)
    monkeypatch.setattr(first_order, "__module__", "mine.attacks")
    assert fingerprint_of(first_order) != before[0]  # somebody else's of the same name


RUN_OF_BEFORE = {  # as `run.json` was written before the identity named functions without their files
    "identity": {
        "model": "Sequential, 131 parameters",
        "objective": "Robust(Ball('linf', 0.05))",
        "recipe": asdict(SHORT),
        "seed": 0,
        "examples": 45,
        "data": "75631d3522d95c3b",
        "details": "a3c260ff3dfdb388",
    },
    "state": "state-0001.safetensors",
    "sha256": "e3d0e5914a8c4a1f5296803efa9bcc4934c269602a10bb27ebd17fe26adde05d",
    "history": [{"epoch": 1, "loss": 1.0853223138385348, "seconds": 0.006}],
    "environment": {"rolab": "0.1.0", "device": "cpu"},
}


def test_a_run_begun_before_the_move_is_refused_with_one_sentence_and_left_alone(tmp_path):
    write_json(tmp_path / "run.json", RUN_OF_BEFORE)
    (tmp_path / "state-0001.safetensors").write_bytes(b"the state")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    watched = Watched(Robust(U))
    with pytest.raises(RecordError) as caught:
        run(objective=watched, folder=tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds the run of another version of rolab; choose another folder"
    )
    assert not watched.batches
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_run_that_another_process_trains_is_left_to_it(tmp_path):
    with (
        lock(tmp_path / "run.json"),
        pytest.raises(RecordError, match=r"another process is writing to .*run\.json: wait for it"),
    ):
        run(folder=tmp_path)
    assert len(run(folder=tmp_path).history) == 3


def test_a_finished_run_of_which_only_the_weights_are_kept_is_loaded(tmp_path):
    whole = run(folder=tmp_path).model
    record = keep_weights(tmp_path, "float32")
    assert keep_weights(tmp_path, "float32") == record
    assert sorted(contents(tmp_path)) == ["run.before.json", "run.json", "weights.safetensors"]
    again = run(net(3), folder=tmp_path)
    assert torch.equal(weights(again.model), weights(whole)) and len(again.history) == 3
