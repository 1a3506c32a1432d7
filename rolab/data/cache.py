"""Where data sets that do not ship are kept, and how many who want one at once bring it once."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rolab.errors import DataError

PATIENCE = 900.0  # seconds to wait for another process before going on without it


def cache_folder() -> Path:
    """The folder of fetched data: `ROLAB_DATA` if it is set, else rolab's own among the user's caches."""
    if named := os.environ.get("ROLAB_DATA"):
        return Path(named).expanduser()
    if sys.platform == "win32":
        caches = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    else:
        caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "rolab"


def make_writable(folder: Path) -> None:
    """Makes a folder unless it is there; raises a `DataError` where nothing can be written into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        remedy = "name a folder of yours by --cache or ROLAB_DATA"
        raise DataError(f"cannot write in {folder} ({error.strerror or error}): {remedy}") from error


@contextmanager
def one_at_a_time(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Holds the lock beside a file: of many processes that want to bring the file, one does, the others wait.

    The operating system frees the lock of a process that died. It only saves work, for a file is written
    whole or not at all: after `PATIENCE` seconds, or where there are no locks, one goes on without it.
    """
    lock = FileLock(path.with_name(f".{path.name}.lock"), mode=0o666)  # in a shared folder it is everybody's
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"another process is bringing {path}: waiting for it")
            lock.acquire(timeout=PATIENCE)
    except (OSError, NotImplementedError) as error:  # a Timeout is an OSError too
        say(f"going on without a lock ({error})")
    try:
        yield
    finally:
        lock.release()
