"""A pool of workers for jobs that take minutes, and one bar that shows what they do.

On a CPU every worker is a process with one thread, so a result does not depend on the number of cores.
On an accelerator there is one worker, a thread.
"""

import ctypes
import math
import multiprocessing.connection
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import torch

from rolab.errors import WorkerError

Progress = bool | Callable[[float, str], None]  # a bar; or told the share done and a line; or nothing
Report = Callable[[float | None, str], None]  # what a job calls: its share done (None: unchanged), a line


class Stopped(Exception):
    """The pool was closed before its work was done."""


@contextmanager
def worker_pool(
    device: str, jobs: int, progress: Progress, memory: int = 10**9
) -> Iterator[tuple[int, Callable[..., Future]]]:
    """Yields the number of workers and `submit(job, *arguments)`: a worker calls `job(*arguments, report)`.

    On a CPU there are as many workers as cores and memory allow, and at least one. Left by an error or an
    interrupt, it stops the workers at their next report; processes that make none in
    the next seconds end nevertheless. Workers whose parent is killed end by themselves.

    Args:
        device: "cpu", or the type of an accelerator
        jobs: how many jobs make up the whole of the bar
        progress: as above; it is told too if memory allows fewer workers than cores
        memory: bytes that a worker process takes
    """
    news: Any
    stop: Any
    workers = 1
    if device == "cpu":
        wanted, free = min(_cores(), jobs), available_memory()
        workers = max(1, int(min(wanted, free / memory)))
        if workers < wanted:
            line = (
                f"{workers} worker{'s' * (workers > 1)} in place of {wanted}: {free / 1e9:.1f} GB of memory "
            )
            line += f"are free, and each takes {memory / 1e9:.1f}"
            if callable(progress):
                progress(0.0, line)
            elif progress:
                print(line, file=sys.stderr)
        _start_tracker()
        context = multiprocessing.get_context("spawn")
        news, stop = context.Queue(), context.Event()
        pool: Executor = ProcessPoolExecutor(workers, context, _start_worker, (news, stop, True))
    else:
        news, stop = queue.Queue(), threading.Event()
        pool = ThreadPoolExecutor(workers, "rolab", _start_worker, (news, stop, False))
    numbers = iter(range(10**9))
    failures: list[Exception] = []
    shown = threading.Thread(target=_show, args=(news, jobs, progress, failures), daemon=True)
    shown.start()
    try:
        yield workers, lambda job, *arguments: pool.submit(_work, next(numbers), job, *arguments)
    except BrokenProcessPool as error:
        stop.set()
        raise WorkerError(
            "a worker ended abruptly: the memory may have run out; or this was called by a script, not "
            'under `if __name__ == "__main__":`, which processes need'
        ) from error
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        news.put(None)
        shown.join(timeout=10)
    if failures:
        raise failures[0]


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_memory(root: Path = Path("/")) -> float:
    """How many bytes may still be taken: of the machine, and of each control group with a limit; or infinity.

    Linux alone tells; `root` is where its files lie. Of what a group holds, files that were read long ago
    will make room.
    """
    found = [math.inf]
    with suppress(OSError, ValueError):
        found.append(1024 * _entries(root / "proc/meminfo")["MemAvailable:"])
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, kinds, name = line.split(":", 2)
            if kinds in ("", "memory"):  # version 2 names none
                top = root / "sys/fs/cgroup" / kinds
                files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
                limit, usage, old = files if kinds else ("memory.max", "memory.current", "inactive_file")
                inside = top / name.lstrip("/")  # in a container the name may be one that only its host knows
                for group in [inside, *inside.parents][: len(inside.parts) - len(top.parts) + 1]:
                    with suppress(OSError, ValueError, KeyError):  # "max" is no limit
                        most, held = int((group / limit).read_text()), int((group / usage).read_text())
                        found.append(most - held + _entries(group / "memory.stat")[old])
    return max(0.0, min(found))


def _entries(path: Path) -> dict[str, int]:
    """A file of names and numbers."""
    return {
        words[0]: int(words[1]) for line in path.read_text().splitlines() if len(words := line.split()) > 1
    }


def _start_tracker() -> None:
    """Starts the process that frees semaphores. It outlives the workers, also where a terminal hangs up."""
    if hasattr(signal, "SIGHUP"):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # it inherits the mask
        try:
            resource_tracker.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


_news: Any = None  # set once in every worker: where it reports,
_stop: Any = None  # and whether it should stop


def _start_worker(news: Any, stop: Any, process: bool) -> None:
    global _news, _stop
    _news, _stop = news, stop
    if process:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # they reach the parent too, which says stop
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
        torch.set_num_threads(1)
        keep_memory()
        threading.Thread(target=_exit_in_time, daemon=True).start()


def keep_memory() -> None:
    """Has the C library keep what is freed for the next step, where that can be asked of it (glibc).

    Otherwise it hands large tensors back to the system and asks for them again in every step, page by page:
    a tenth of a step of the CIFAR-10 network. The price is that a worker stays as large as it once was.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of malloc.h


def _exit_in_time() -> None:
    """Ends the process once its parent is dead, or some time after the pool was told to stop."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        while not multiprocessing.connection.wait([parent.sentinel], timeout=1):
            if _stop.is_set():
                time.sleep(GRACE)
                break
        os._exit(1)


GRACE = 5.0  # seconds from the order to stop to the end of a worker that did not report: it may be writing


def _work(number: int, job: Callable, *arguments: Any) -> Any:
    def report(share: float | None, line: str) -> None:
        if _stop.is_set():
            raise Stopped
        _news.put((number, share, line))

    return job(*arguments, report)


def _show(news: Any, jobs: int, progress: Progress, failures: list[Exception]) -> None:
    """Turns the workers' reports into one bar. If that fails, reads on: workers wait until they are heard."""
    from tqdm.auto import tqdm

    shares: dict[int, int] = {}
    layout = "{percentage:3.0f} %|{bar}| {elapsed}, {remaining} left{postfix}"
    try:
        with tqdm(total=1000 * jobs, bar_format=layout, disable=progress is not True) as bar:
            for number, share, line in iter(news.get, None):
                if share is not None:
                    if number not in shares and not bar.disable:
                        bar.initial += round(1000 * share)  # an earlier sitting's: not to count for the speed
                    shares[number] = round(1000 * share)
                bar.n = sum(shares.values())
                bar.set_postfix_str(line)
                if callable(progress):
                    progress(bar.n / bar.total, line)
    except Exception as error:
        if callable(progress) or not isinstance(error, OSError):  # a bar that nobody sees is no failure
            failures.append(error)
        for _ in iter(news.get, None):
            pass
