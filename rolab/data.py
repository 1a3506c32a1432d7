"""The images the experiments run on, whole in memory, with where they come from checked by hash.

    train = data.mnist("train")
    train.images            # float32 (60000, 1, 28, 28), pixels in [0, 1]
    train.labels            # int64 (60000,)
    train[:100].to("cuda")  # a Dataset of the first hundred, on the device

MNIST ships inside the package: `_data/ATTRIBUTION.md` names its authors and licence, `scripts/build_mnist.py`
packs it.
"""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

_MNIST_FILE = "mnist.zip"
_MNIST_SHA256 = "b9a58f06a36d5dc5d40d088d272783dd2f4e00fbbc024f845e4c4f78bde06da1"


class DataError(ValueError):
    """A data set that is not there, or is not what it should be."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images.

    Shape:
        images: float32 (N, C, H, W), pixels in [0, 1]; labels: int64 (N,), on the same device.
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        for name, tensor, dtype, dimensions in (
            ("images", self.images, torch.float32, 4),
            ("labels", self.labels, torch.int64, 1),
        ):
            if tensor.dtype != dtype or tensor.ndim != dimensions:
                expected = f"a {dimensions}-dimensional tensor of {dtype}"
                raise DataError(f"{name} must be {expected}, not {tuple(tensor.shape)} of {tensor.dtype}")
        if len(self.images) != len(self.labels):
            raise DataError(f"{len(self.images)} images need as many labels, not {len(self.labels)}")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Any) -> "Dataset":
        """The data set of these rows: a slice, indices, a mask, or one number."""
        if isinstance(rows, int):
            rows = [rows]
        return Dataset(self.images[rows], self.labels[rows])

    def to(self, device: torch.device | str) -> "Dataset":
        """The same data on a device."""
        return Dataset(self.images.to(device), self.labels.to(device))


def mnist(split: Literal["train", "test"]) -> Dataset:
    """MNIST's 60,000 training or 10,000 test images; a pixel is its byte / 255, exactly.

    Raises:
        DataError: the split has another name, or the shipped file is missing, truncated or altered.
    """
    if split not in ("train", "test"):
        raise DataError(f'MNIST has the splits "train" and "test", not {split!r}')
    with zipfile.ZipFile(io.BytesIO(_shipped(_MNIST_FILE, _MNIST_SHA256))) as archive:
        ink, greys, labels = (
            np.frombuffer(archive.read(f"{split}/{part}"), np.uint8) for part in ("ink", "greys", "labels")
        )
    pixels = np.zeros(8 * len(ink), np.float32)  # `ink` has a bit for each pixel that is not blank
    pixels[np.unpackbits(ink).view(bool)] = greys.astype(np.float32) / 255
    return Dataset(torch.from_numpy(pixels).view(-1, 1, 28, 28), torch.from_numpy(labels.astype(np.int64)))


def _shipped(name: str, sha256: str) -> bytes:
    """The bytes of a file that ships in `_data/`, once they are known to be the right ones."""
    file = files(__package__) / "_data" / name
    remedy = "Install rolab again, or in a clone run `git checkout -- rolab/_data`."
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror}); it ships with rolab. {remedy}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        came = f"sha256 {found[:12]}…, {len(content):,} bytes"
        raise DataError(f"{file} is truncated or altered: it has {came}; expected {sha256[:12]}…. {remedy}")
    return content
