"""Folders that an experiment may not have, and errors in its workers: one sentence, nothing touched."""

import json
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import active_children

import pytest
from benchmark_nets import written
from processes import paused, pausing_before
from single_pixels import counted
from small_disk import make_read_only, small_disk
from tiny_experiment import snapshot, tiny

from rolab.errors import DataError, DivergedError, RecordError
from rolab.experiments import (
    NETS,
    attack_grid,
    by_name,
    cifar10_experiment,
    mnist_experiment,
    runner,
    single_pixel,
)
from rolab.experiments.presets import robust_net
from rolab.experiments.runner import reproduce
from rolab.storage import claim, lock, read_json, write_json
from rolab.training import Recipe


def claimed(out):
    """Makes a folder the tiny experiment's."""
    with claim(out / "experiment.json", tiny.identity(), "experiment", {"seconds": 0.0}):
        pass


@pytest.mark.parametrize(
    "other, differs",
    [
        (
            replace(tiny, recipe=Recipe(epochs=1, batch_size=50)),
            "recipe.epochs; 2 there, 1 here); choose another folder",
        ),
        (
            replace(tiny, recipe=replace(tiny.recipe, precision="bfloat16")),
            "recipe.precision; 'float32' there, 'bfloat16' here); choose another folder",
        ),
        (replace(tiny, preset="full"), "preset"),
        (replace(tiny, examples=1501, architecture="VGG"), "examples, architecture"),
        (replace(tiny, nets=tiny.nets | by_name([robust_net("l2", 0.7)])), "nets.robust-l2"),
        (replace(tiny, epsilons=(0.0, 0.2)), "epsilons"),
        (mnist_experiment("paper"), "preset, "),
    ],
)
def test_the_folder_of_another_experiment_is_refused_and_left_alone(tmp_path, other, differs):
    out = tmp_path / "out"
    claimed(out)
    (out / "seed-0").mkdir()
    before = snapshot(tmp_path)
    with pytest.raises(RecordError, match="holds another experiment") as caught:
        reproduce(other, out, device="cpu", progress=False)
    assert f"(what differs: {differs}" in str(caught.value)
    assert str(out) in str(caught.value)
    assert snapshot(tmp_path) == before


def test_a_folder_that_another_run_is_writing_to_is_left_alone(tmp_path):
    claimed(tmp_path)
    with lock(tmp_path / "experiment.json"):
        before = snapshot(tmp_path)
        with pytest.raises(RecordError, match="another process is writing to"):
            reproduce(tiny, tmp_path, device="cpu", progress=False)
        assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("work", "module", "part"),
    [(counted, single_pixel, "_count"), (written, attack_grid, "grid_counts")],
    ids=["single-pixel", "evaluate"],
)
def test_of_two_processes_that_write_one_record_the_second_is_refused_before_it_computes(
    tmp_path, monkeypatch, work, module, part
):
    out = tmp_path / "record.json"
    with paused(pausing_before, module.__name__, part, work, out):
        monkeypatch.setattr(module, part, lambda *arguments: pytest.fail("it computes"))
        begun = out.read_bytes()
        with pytest.raises(RecordError, match=r"^another process is writing to .*: wait for it, or stop it$"):
            work(out)
        assert out.read_bytes() == begun
    assert work(out) == read_json(out) != json.loads(begun), "what the first has found is there, and whole"


@pytest.mark.parametrize("work", [counted, written], ids=["single-pixel", "evaluate"])
def test_a_finished_record_is_shown_where_nothing_may_be_written(tmp_path, work):
    with small_disk(tmp_path / "disk", "200k") as disk:
        record = work(disk / "record.json")
        make_read_only(disk)
        assert work(disk / "record.json") == record
        with pytest.raises(RecordError, match="Read-only file system"):
            work(disk / "another.json")


def test_minutes_count_a_killed_sitting_up_to_what_it_saved_last(tmp_path, monkeypatch):
    """Jobs that take ten minutes each, and save; in the third, the process ends."""
    clock = [0.0]
    monkeypatch.setattr(runner.time, "perf_counter", lambda: clock[0])

    @contextmanager
    def pool(device, jobs, progress, *memory):
        begun = []

        def submit(job, experiment, seed, net, folder, place):
            begun.append(net)
            clock[0] += 600
            if len(begun) == 3:
                raise KeyboardInterrupt
            write_json(folder / net / "run.json", {"at": clock[0]})
            (done := Future()).set_result(None)
            return done

        yield 1, submit

    monkeypatch.setattr(runner, "worker_pool", pool)
    for sitting in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            reproduce(tiny, tmp_path, device="cpu", progress=False)
        assert read_json(tmp_path / "experiment.json")["seconds"] == sitting * 2 * 600
        clock[0] += 10_000  # between the sittings


@pytest.mark.parametrize("foreign", ["thesis.tex", "seed-0/notes", "table1.json"])
def test_a_folder_with_foreign_files_is_refused_and_left_alone(tmp_path, foreign):
    (tmp_path / foreign).parent.mkdir(exist_ok=True)
    (tmp_path / foreign).write_text("mine")
    before = snapshot(tmp_path)
    with pytest.raises(RecordError, match="holds something else and no experiment"):
        reproduce(tiny, tmp_path, device="cpu", progress=False)
    assert snapshot(tmp_path) == before


def test_an_empty_folder_is_welcome_and_so_is_what_a_killed_start_leaves(tmp_path):
    (tmp_path / ".experiment.json.k1ll3d.unfinished").write_bytes(b"{")
    claimed(tmp_path)
    identity = json.loads(json.dumps(tiny.identity()))
    assert read_json(tmp_path / "experiment.json")["identity"] == identity


def test_a_file_and_a_path_below_a_file_are_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(RecordError, match=str(out)):
            reproduce(tiny, out, device="cpu", progress=False)
    assert snapshot(tmp_path).keys() == {"file"}


def test_a_damaged_folder_is_named(tmp_path):
    (tmp_path / "experiment.json").write_text('{"experiment": ')
    with pytest.raises(RecordError, match=r"experiment\.json is damaged"):
        reproduce(tiny, tmp_path, device="cpu", progress=False)
    (tmp_path / "experiment.json").write_text("[]")
    with pytest.raises(RecordError, match="holds something else and no experiment"):
        reproduce(tiny, tmp_path, device="cpu", progress=False)


def test_images_that_were_not_fetched_are_missed_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("ROLAB_DATA", str(tmp_path / "data"))
    with pytest.raises(DataError, match="rolab data fetch cifar10.* preset fast"):
        reproduce(cifar10_experiment("full"), tmp_path / "out", device="cpu", progress=False)
    assert not (tmp_path / "out").exists()


def test_an_unknown_device_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="device is 'abacus'"):
        reproduce(tiny, tmp_path / "out", device="abacus", progress=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_worker_s_error_becomes_one_error_and_the_workers_end(tmp_path):
    """Three nets cannot be written; the fourth finds it out as well, or is never begun."""
    claimed(tmp_path)
    for net in NETS:
        (tmp_path / "seed-0").mkdir(exist_ok=True)
        (tmp_path / "seed-0" / net).write_text("in the way")
    with pytest.raises(RecordError, match=r"seed-0/robust-\w+"):
        reproduce(tiny, tmp_path, device="cpu", progress=False)
    assert not active_children()
    assert not (tmp_path / "table1.json").exists()
    assert {path.read_text() for path in (tmp_path / "seed-0").iterdir()} == {"in the way"}


@pytest.mark.slow
def test_a_loss_that_diverges_in_a_worker_says_so(tmp_path):
    wild = replace(tiny, recipe=Recipe(epochs=2, batch_size=50, learning_rate=1e6))
    with pytest.raises(DivergedError, match="training diverged in epoch 1"):
        reproduce(wild, tmp_path / "out", device="cpu", progress=False)
    assert not active_children()


@pytest.mark.parametrize("begun", [{"name": "mnist", "preset": "fast", "sizes": {"l1": 5}}, {}])
def test_a_run_that_an_older_version_began_is_refused_in_one_sentence_and_left_alone(tmp_path, begun):
    write_json(tmp_path / "experiment.json", {"experiment": begun, "seconds": 1.0})
    (tmp_path / "seed-0" / "baseline").mkdir(parents=True)
    before = snapshot(tmp_path)
    with pytest.raises(RecordError, match="holds something else and no experiment; choose another folder"):
        reproduce(tiny, tmp_path, device="cpu", progress=False)
    assert snapshot(tmp_path) == before
