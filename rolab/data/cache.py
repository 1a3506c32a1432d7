"""The cache: the folder of the data sets that do not ship."""

import os
import sys
import tempfile
from pathlib import Path

from rolab.errors import DataError


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
