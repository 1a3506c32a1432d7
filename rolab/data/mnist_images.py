"""MNIST, which ships inside the package whole: 70,000 handwritten digits of 28 × 28 grey pixels."""

import io
import zipfile
from typing import Literal

import numpy as np
import torch

from rolab.data.base import Dataset, check_split, shipped

MNIST_FILE = "mnist.zip"
MNIST_CLASSES = range(10)  # each digit is its own name
BLOCK = 98 * 1000  # bytes: a thousand images are unpacked at a time
MNIST_SHA256 = "b9a58f06a36d5dc5d40d088d272783dd2f4e00fbbc024f845e4c4f78bde06da1"


def mnist(split: Literal["train", "test"]) -> Dataset:
    """MNIST's 60,000 training or 10,000 test images; a pixel is its byte / 255, exactly.

    Raises:
        DataError: the split has another name, or the shipped file is missing, truncated or altered.
    """
    check_split("MNIST", split)
    with zipfile.ZipFile(io.BytesIO(shipped(MNIST_FILE, MNIST_SHA256))) as archive:
        ink, greys, labels = (
            np.frombuffer(archive.read(f"{split}/{part}"), np.uint8) for part in ("ink", "greys", "labels")
        )
    pixels, done = np.zeros(8 * len(ink), np.float32), 0
    for place in range(0, len(ink), BLOCK):  # `ink` has a bit for each pixel that is not blank
        seen = np.unpackbits(ink[place : place + BLOCK]).view(bool)
        shades = greys[done : done + np.count_nonzero(seen)]
        done += len(shades)
        pixels[8 * place : 8 * (place + BLOCK)][seen] = shades.astype(np.float32) / 255
    return Dataset(torch.from_numpy(pixels).view(-1, 1, 28, 28), torch.from_numpy(labels.astype(np.int64)))
