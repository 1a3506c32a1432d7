"""CIFAR-10: 60,000 colour photographs of 32 × 32 pixels in ten classes, and what proves its bytes right.

The whole is brought by `rolab data fetch cifar10` and kept in the cache as one safetensors file of bytes:
`train_images` (50000, 3, 32, 32), `train_labels` (50000,), `test_images` and `test_labels`, 10,000 of each.
"""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from rolab.data.base import Dataset, cache_folder, check_split, shipped
from rolab.errors import DataError, RecordError
from rolab.storage import read as read_file

CIFAR10_CLASSES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())
CIFAR10_FILE = "cifar10.safetensors"
EXCERPT_FILE = "cifar10_excerpt.zip"
EXCERPT_SHA256 = "3d8056c9656cf9fc9c8caa356896452bbaa0659721acda83dca703944b835381"
EXCERPT_SIZES = {"train": 2_000, "test": 1_000}  # the first of each split
SHEET_COLUMNS = 25
SIZES = {"train": 50_000, "test": 10_000}
IMAGES_MD5 = {  # of the bytes of each batch that the authors published, (10000, 3, 32, 32)
    "train": (
        "e089133f4b27fe2499933fb92fbbcc51",
        "1de5dd711a8f0bcacfb9a30601172ecc",
        "28797e8984ca472a21646d72d5b1660b",
        "21ac5d7ad76f680cc37bf831afe4901e",
        "5b7262fae1c886554070552d6ce4fa79",
    ),
    "test": ("f1aa22116df97725db0e47461c45a82b",),
}
LABELS_MD5 = {"train": "69c5f3349be54915edfca558b72ad888", "test": "251f18ce75337ae9ca5d0dbd7ea62cf4"}


def cifar10(split: Literal["train", "test"], excerpt: bool = False) -> Dataset:
    """CIFAR-10's 50,000 training or 10,000 test images, or the excerpt of them that ships with rolab.

    A pixel is its byte / 255. The excerpt is the first 2,000 training or the first 1,000 test images.

    Shape:
        images: float32 (N, 3, 32, 32); labels: int64 (N,), numbers of `CIFAR10_CLASSES`.

    Raises:
        DataError: the split has another name, or the data are missing, truncated or altered.

    Source: Alex Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
    """
    check_split("CIFAR-10", split)
    if excerpt:
        images, labels = unpack_excerpt(shipped(EXCERPT_FILE, EXCERPT_SHA256), split)
    else:
        images, labels = read(cache_folder() / CIFAR10_FILE, split)
    return Dataset(images.to(torch.float32).div_(255), labels.long())


def unpack_excerpt(content: bytes, split: str) -> tuple[Tensor, Tensor]:
    """The images and labels, as bytes, in the file that ships: a sheet as lossless WebP, and the labels."""
    from PIL import Image

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        with Image.open(io.BytesIO(archive.read(f"{split}.webp"))) as image:
            sheet = np.asarray(image.convert("RGB"))
        labels = np.frombuffer(archive.read(f"{split}.labels"), np.uint8)
    return from_sheet(torch.from_numpy(sheet.copy())), torch.from_numpy(labels.copy())


def to_sheet(images: Tensor) -> Tensor:
    """Images (N, 3, 32, 32) laid out as one, (32·N/25, 32·25, 3), row by row, 25 in a row."""
    rows = images.view(-1, SHEET_COLUMNS, 3, 32, 32).permute(0, 3, 1, 4, 2)
    return rows.reshape(-1, SHEET_COLUMNS * 32, 3)


def from_sheet(sheet: Tensor) -> Tensor:
    """The images (N, 3, 32, 32) of a sheet: the inverse of `to_sheet`."""
    rows = sheet.view(-1, 32, SHEET_COLUMNS, 32, 3).permute(0, 2, 4, 1, 3)
    return rows.reshape(-1, 3, 32, 32)


def read(path: Path, split: str) -> tuple[Tensor, Tensor]:
    """The bytes of the images and labels of a split, from the cache's file, once they are known to be right.

    Raises:
        DataError: the file is missing, truncated or altered; it says how to mend that.
    """
    if not path.is_file():
        raise DataError(
            f"CIFAR-10 is not in {path.parent}: type `rolab data fetch cifar10` to bring it. "
            "The excerpt (excerpt=True, or the preset fast) ships with rolab."
        )
    try:
        tensors = load(read_file(path, most=sum(SIZES.values()) * 3073 + 10_000))
        images, labels = (tensors[f"{split}_{part}"] for part in ("images", "labels"))
        check(split, images, labels)
    except (KeyError, RecordError, SafetensorError, DataError) as error:
        remedy = "type `rolab data fetch cifar10` to bring it again"
        raise DataError(f"{path} is truncated or altered ({error}): {remedy}.") from error
    return images, labels


def check(split: str, images: Tensor, labels: Tensor) -> None:
    """Raises a `DataError` unless these are the bytes of the original's images and labels, in its order."""
    shape = (SIZES[split], 3, 32, 32)
    for name, tensor, expected in (("images", images, shape), ("labels", labels, shape[:1])):
        if tensor.dtype != torch.uint8 or tuple(tensor.shape) != expected:
            came = f"{tuple(tensor.shape)} of {tensor.dtype}"
            raise DataError(f"{split} {name}: expected {expected} of torch.uint8, got {came}")
    batches = images.chunk(len(IMAGES_MD5[split]))
    for number, (batch, md5) in enumerate(zip(batches, IMAGES_MD5[split], strict=True), 1):
        _check_md5(f"{split} images, batch {number}", batch, md5)
    _check_md5(f"{split} labels", labels, LABELS_MD5[split])


def _check_md5(name: str, values: Tensor, expected: str) -> None:
    found = hashlib.md5(values.contiguous().numpy().data, usedforsecurity=False).hexdigest()
    if found != expected:
        raise DataError(f"{name}: expected md5 {expected[:12]}…, got {found[:12]}…")
