"""A tiny CIFAR-10 of 50 + 10 random images, in every layout in which the real one is published."""

import errno
import hashlib
import json
import os
import stat
import sys
import tarfile

import numpy as np
from PIL import Image

from rolab.data import archives, sources
from rolab.errors import DataError

BATCH = 10  # images; the real ones have 10,000


FILE = "cifar10.safetensors"


# The tiny CIFAR-10


def python_2_batch(images, labels):
    """A batch as its authors wrote it with Python 2, instruction by instruction."""
    parts = (labels[i : i + 1000] for i in range(0, len(labels), 1000))
    pixels = images.tobytes()
    return b"".join(
        (
            b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03U\x06labelsq\x04]q\x05",
            *(b"(" + b"".join(b"K%c" % label for label in part) + b"e" for part in parts),
            b"U\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b",
            b"\x87Rq\x09(K\x01M" + len(labels).to_bytes(2, "little") + b"M\x00\x0c\x86cnumpy\ndtype\nq\x0a",
            b"U\x02u1K\x00K\x01\x87Rq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89",
            b"T" + len(pixels).to_bytes(4, "little") + pixels + b"tb",
            b"U\tfilenamesq\x0c]q\x0d(" + b"U\x05a.png" * len(labels) + b"eu.",
        )
    )


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
                (self.python_folder / name).write_bytes(python_2_batch(images, labels))
                rows = images.transpose(0, 2, 3, 1).reshape(BATCH, 1024, 3)
                Image.fromarray(np.ascontiguousarray(rows)).save(self.npm_folder / f"{name}.png")
            (self.npm_folder / f"{split}_lables.json").write_text(json.dumps(self.labels[split].tolist()))
        (self.python_folder / "batches.meta").write_bytes(b"the names of the classes")
        self.archive = self.pack(self.python_folder, folder / sources.ARCHIVE)
        self.package = self.pack(self.npm_folder, folder / sources.PACKAGE_FILE)

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
        places = [self.archive, self.package, *self.python_folder.iterdir(), *self.npm_folder.iterdir()]
        files = {path.name: md5_of(path) for path in places}
        return {"SIZES": self.sizes, "IMAGES_MD5": md5, "LABELS_MD5": labels, "MD5": files}

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
