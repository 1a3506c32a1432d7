"""The pool of workers: what it reports, and that its workers end."""

import subprocess
import sys
import threading
import time
from multiprocessing import active_children

import pytest

from rolab.experiments import workers
from rolab.experiments.workers import Stopped, available_memory, worker_pool


@pytest.mark.parametrize("progress", ["told", "a bar", "nothing"])
def test_a_crew_reports_what_share_is_done(progress, capfd):
    told: list[tuple[float, str]] = []

    def job(name, report):
        for share in (0.0, 0.5, 1.0):
            report(share, f"{name} at {share}")
        report(None, f"{name} tidies up")
        return name.upper()

    chosen = {"told": lambda *news: told.append(news), "a bar": True, "nothing": False}[progress]
    with worker_pool("an accelerator", 2, chosen) as (workers, submit):
        assert workers == 1
        assert [submit(job, name).result() for name in ("a", "b")] == ["A", "B"]
    shown = capfd.readouterr()
    if progress == "told":
        assert [share for share, _ in told] == [0, 0.25, 0.5, 0.5, 0.5, 0.75, 1, 1]
        assert [line for _, line in told][:4] == ["a at 0.0", "a at 0.5", "a at 1.0", "a tidies up"]
    assert ("100 %" in shown.err) == (progress == "a bar")
    assert shown.out == ""
    if progress != "a bar":
        assert shown.err == ""


def test_a_crew_that_is_left_by_an_error_stops_its_workers():
    ended = []

    def endless(report):
        try:
            while True:
                report(0.0, "working")
                time.sleep(0.01)
        except Stopped:
            ended.append(True)
            raise

    with pytest.raises(KeyboardInterrupt), worker_pool("an accelerator", 2, False) as (_, submit):
        running, waiting = submit(endless), submit(endless)
        while not running.running():
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert isinstance(running.exception(), Stopped)
    assert waiting.cancelled() or isinstance(waiting.exception(), Stopped)
    assert ended


def deaf(report):
    report(0.0, "begun")
    while True:
        time.sleep(0.01)


def test_a_crew_of_processes_that_is_left_ends_also_those_who_do_not_report():
    begun = threading.Event()
    with pytest.raises(KeyboardInterrupt), worker_pool("cpu", 1, lambda *_: begun.set()) as (_, submit):
        running = submit(deaf)
        begun.wait()
        raise KeyboardInterrupt
    assert running.exception() is not None
    assert not active_children()


FAULTS = """
import resource, sys, torch
from rolab.experiments import workers
from rolab.experiments.workers import keep_memory

if sys.argv[1] == "kept":
    keep_memory()


def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


torch.ones(2**24)
before = faults()
for _ in range(40):
    torch.ones(2**24)  # 64 MB, freed at once
print(faults() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks the C library of Linux")
def test_memory_that_is_kept_is_not_asked_for_again():
    """A page has 4 KB: 64 MB anew are 16,384 of them (fewer, where the system gives larger ones)."""
    asked = {
        how: int(subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, check=True).stdout)
        for how in ("kept", "given back")
    }
    assert asked["kept"] < asked["given back"] / 2


# Memory


def group(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("_", ".", 1)).write_text(f"{content}\n")


@pytest.fixture
def machine(tmp_path):
    """A made-up root: 8 GB of the machine are free."""
    group(tmp_path / "proc", meminfo="MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\nHugePages_Total: 0")
    (tmp_path / "proc/self").mkdir()
    return tmp_path


def test_without_groups_it_is_the_machine_s(machine, tmp_path):
    assert available_memory(machine) == 8_000_000 * 1024
    assert available_memory(tmp_path / "nowhere") == float("inf")


def test_the_narrowest_group_counts_and_what_it_read_long_ago_makes_room(machine):
    (machine / "proc/self/cgroup").write_text("0::/outer/inner\n")
    top = machine / "sys/fs/cgroup"
    group(
        top / "outer", memory_max=3 * 10**9, memory_current=2 * 10**9, memory_stat="anon 5\ninactive_file 7"
    )
    group(top / "outer/inner", memory_max="max", memory_current=10**9, memory_stat="inactive_file 7")
    assert available_memory(machine) == 10**9 + 7
    group(top / "outer/inner", memory_max=12 * 10**8)
    assert available_memory(machine) == 2 * 10**8 + 7
    group(top, memory_max=10, memory_current=30, memory_stat="inactive_file 0")
    assert available_memory(machine) == 0, "no group has less than nothing"


def test_in_a_container_the_group_s_name_is_the_host_s(machine):
    (machine / "proc/self/cgroup").write_text("0::/docker/4f5e\n")
    group(machine / "sys/fs/cgroup", memory_max=2 * 10**9, memory_current=5, memory_stat="inactive_file 5")
    assert available_memory(machine) == 2 * 10**9


def test_groups_of_version_1(machine):
    (machine / "proc/self/cgroup").write_text("9:cpu,cpuacct:/a\n4:memory:/a\n1:name=systemd:/a\n")
    memory = machine / "sys/fs/cgroup/memory/a"
    memory.mkdir(parents=True)
    (memory / "memory.limit_in_bytes").write_text("4000\n")
    (memory / "memory.usage_in_bytes").write_text("3000\n")
    (memory / "memory.stat").write_text("inactive_file 1\ntotal_inactive_file 500\n")
    assert available_memory(machine) == 1500


def test_as_many_workers_as_memory_allows(monkeypatch, capsys):
    monkeypatch.setattr(workers, "available_memory", lambda: 2.5e9)
    monkeypatch.setattr(workers, "_cores", lambda: 8)
    with worker_pool("cpu", 8, True) as (count, _):
        assert count == 2
    assert "2 workers in place of 8: 2.5 GB of memory are free, and each takes 1.0" in capsys.readouterr().err
    monkeypatch.setattr(workers, "available_memory", lambda: 0.0)
    with worker_pool("cpu", 8, False) as (count, _):
        assert count == 1


# A bar that cannot be drawn


@pytest.mark.parametrize("error", [BrokenPipeError("nobody reads"), ZeroDivisionError("a fault")])
def test_a_bar_that_fails_to_draw_keeps_nobody_waiting(monkeypatch, error):
    """Jobs end, and their results come; a screen that is gone is no failure, a fault in the bar is told."""

    def fail(self, line):
        raise error

    monkeypatch.setattr("tqdm.auto.tqdm.set_postfix_str", fail)

    def job(report):
        for _ in range(100):
            report(0.5, "half")
        return "done"

    def run():
        with worker_pool("an accelerator", 1, True) as (_, submit):
            results.append(submit(job).result(timeout=60))

    results = []
    if isinstance(error, OSError):
        run()
    else:
        with pytest.raises(ZeroDivisionError, match="a fault"):
            run()
    assert results == ["done"]
