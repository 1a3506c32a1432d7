"""Dataset: labelled images in memory; and where data lie: those that ship, and the cache of the others."""

import os
import sys
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rolab.arguments import check_pixels
from rolab.errors import DataError, RecordError
from rolab.storage import read

SHIPPED = Path(__file__).parents[1] / "_data"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images.

    Shape:
        images: float32 (N, C, H, W), pixels in [0, 1]; labels: int64 (N,), from 0 up, on the same device.

    Raises:
        DataError: of another form, or a pixel is NaN or outside [0, 1]. Parts of a data set, which are made
            often, and what is `perturbed` are not searched for such pixels.
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        self._check_form()
        check_pixels(self.images)
        if len(self) and (least := self.labels.min().item()) < 0:
            raise DataError(f"labels: expected class numbers from 0 up, got {least}")

    def _check_form(self) -> None:
        forms = ("images", "a float32 tensor (N, C, H, W)"), ("labels", "an int64 tensor (N,), class numbers")
        for (name, expected), dtype, axes in zip(forms, (torch.float32, torch.int64), (4, 1), strict=True):
            part: Any = getattr(self, name)
            if not isinstance(part, Tensor):
                raise DataError(f"{name}: expected {expected}, got {type(part).__name__}")
            if part.dtype != dtype or part.ndim != axes or 0 in part.shape[1:]:
                raise DataError(f"{name}: expected {expected}, got {part.dtype} of shape {tuple(part.shape)}")
        images, labels = self.images, self.labels
        if len(images) != len(labels):
            raise DataError(f"labels: expected {len(images)}, as many as images, got {len(labels)}")
        if images.device != labels.device:
            raise DataError(f"labels: expected on {images.device}, as the images are, got {labels.device}")

    def _with(self, images: Tensor, labels: Tensor) -> "Dataset":
        """Others of the same form in their place."""
        other = copy(self)
        object.__setattr__(other, "images", images)
        object.__setattr__(other, "labels", labels)
        other._check_form()
        return other

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Any) -> "Dataset":
        """The data set of these rows: a slice, indices, a mask, or one number. A small part is a copy."""
        images, labels = self.images[rows], self.labels[rows]
        if 2 * images.nbytes < images.untyped_storage().nbytes():  # or the whole would stay in memory with it
            images, labels = images.clone(), labels.clone()
        return self._with(images, labels) if labels.ndim else self._with(images[None], labels[None])

    def perturbed(self, perturbation: Tensor) -> "Dataset":
        """x + Δ with the label of x, for Δ shaped like the images; pixels may leave [0, 1]."""
        if perturbation.shape != self.images.shape:
            came = tuple(perturbation.shape)
            raise DataError(f"perturbation: expected shape {tuple(self.images.shape)}, got {came}")
        return self._with(self.images + perturbation, self.labels)

    def to(
        self, device: torch.device | str, memory_format: torch.memory_format = torch.preserve_format
    ) -> "Dataset":
        """The same data on a device, the images in this layout."""
        return self._with(self.images.to(device, memory_format=memory_format), self.labels.to(device))


def check_data(data: Any, name: str = "data", least: int = 0) -> None:
    """Raise a `ValueError` unless these are a `Dataset` of at least so many examples."""
    if not isinstance(data, Dataset):
        raise ValueError(f"{name}: expected a Dataset, got {type(data).__name__}")
    if len(data) < least:
        raise ValueError(f"{name}: expected at least one example, got none")


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
        return Path(named).expanduser()
    if sys.platform == "win32":
        caches = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    else:
        caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "rolab"
