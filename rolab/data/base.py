"""Dataset: labelled images in memory; and where data lie: those that ship, and the cache of the others."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rolab.errors import DataError, RecordError
from rolab.storage import read, user_path

SHIPPED = Path(__file__).parents[1] / "_data"


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


def check_split(name: str, split: str) -> None:
    """Raises a `DataError` unless the split is one of the two that a data set of this name has."""
    if split not in ("train", "test"):
        raise DataError(f'{name} has the splits "train" and "test", not {split!r}')


def shipped(name: str, sha256: str) -> bytes:
    """The bytes of a file that ships in `_data/`, once they are known to be the right ones."""
    try:
        return read(SHIPPED / name, sha256)
    except RecordError as error:
        remedy = "install rolab again, or in a clone run `git checkout -- rolab/_data`"
        raise DataError(f"{error}; it ships with rolab: {remedy}") from error


def cache_folder() -> Path:
    """The folder of fetched data: `ROLAB_DATA` if it is set, else rolab's own among the user's caches."""
    if named := os.environ.get("ROLAB_DATA"):
        return user_path(named)
    if sys.platform == "win32":
        caches = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    else:
        caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "rolab"
