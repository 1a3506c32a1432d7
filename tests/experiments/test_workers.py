"""The pool of workers: what it reports, and that its workers end."""

import subprocess
import sys
import threading
import time
from multiprocessing import active_children

import pytest

from rolab.experiments.workers import Stopped, worker_pool


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
