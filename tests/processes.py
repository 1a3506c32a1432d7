"""Processes of their own for tests: one that is killed, one that waits in the middle of its work.

They are forked from a server that has only imported, never from the tests' own process: a process that has
computed on threads and forks leaves a child that waits for threads it does not have.
"""

import importlib
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["rolab.experiments", "rolab.training"])
PATIENCE = 600  # seconds for another process, on a machine that has much else to do


def begun(work: Callable, *arguments) -> ForkServerProcess:
    """A process that does the work: a function of a module, not of a test."""
    process = CONTEXT.Process(target=work, args=arguments)
    process.start()
    return process


@contextmanager
def paused(work: Callable, *arguments) -> Iterator[None]:
    """A process that waits where `work(*arguments, pause)` calls `pause`; it ends its work afterwards."""
    reached, go = CONTEXT.Event(), CONTEXT.Event()
    process = begun(work, *arguments, Pause(reached, go))
    try:
        assert reached.wait(PATIENCE), "the other process did not come to its middle"
        yield
    finally:
        go.set()
        process.join(PATIENCE)
        process.kill()
    assert process.exitcode == 0


class Pause:
    """Tells that it was called, and waits."""

    def __init__(self, reached, go) -> None:
        self.reached, self.go = reached, go

    def __call__(self) -> None:
        self.reached.set()
        assert self.go.wait(PATIENCE)


def pausing_before(module: str, name: str, work: Callable, out, pause: Callable) -> None:
    """`work(out)`, with a pause before each call of a function of a module."""
    found = importlib.import_module(module)
    function = getattr(found, name)

    def after_a_pause(*arguments):
        pause()
        return function(*arguments)

    setattr(found, name, after_a_pause)
    work(out)
