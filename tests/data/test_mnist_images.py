"""MNIST: the right bytes, and a clear word when they are not."""

import hashlib
import struct
import subprocess
import sys
import zlib

import pytest
import torch

from rolab.data import Dataset, base, mnist
from rolab.data.mnist_images import MNIST_SHA256
from rolab.errors import DataError

COUNTS = {
    "train": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    "test": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
}
FIRST = {"train": [5, 0, 4, 1, 9], "test": [7, 2, 1, 0, 4]}
ORIGINALS = {  # (split, part) -> the original file's name and md5
    ("train", "images"): ("train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb"),
    ("train", "labels"): ("train-labels-idx1-ubyte", "a25bea736e30d166cdddb491f175f624"),
    ("test", "images"): ("t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea"),
    ("test", "labels"): ("t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c329615203637"),
}


@pytest.fixture(scope="module")
def splits() -> dict[str, Dataset]:
    return {split: mnist(split) for split in ("train", "test")}


@pytest.fixture(scope="module")
def idx(splits) -> dict[str, bytes]:
    """The four original files, made again from what ships: a header, then a byte a pixel or label."""
    files = {}
    for (split, part), (name, _) in ORIGINALS.items():
        values = getattr(splits[split], part)
        shape = (len(values), 28, 28) if part == "images" else (len(values),)
        bytes_ = (values * 255).round() if part == "images" else values
        header = struct.pack(f">2xBB{len(shape)}I", 8, len(shape), *shape)
        files[name] = header + bytes_.to(torch.uint8).numpy().tobytes()
    return files


@pytest.fixture
def shipped(monkeypatch, tmp_path):
    """A copy of the shipped file, for a test to spoil, and in the place from which `mnist` reads."""
    copy = tmp_path / "_data" / "mnist.zip"
    copy.parent.mkdir()
    copy.write_bytes((base.SHIPPED / "mnist.zip").read_bytes())
    monkeypatch.setattr(base, "SHIPPED", copy.parent)
    return copy


@pytest.mark.parametrize("split", ["train", "test"])
def test_what_mnist_is(splits, split):
    images, labels = splits[split].images, splits[split].labels
    assert images.dtype == torch.float32 and images.shape == (sum(COUNTS[split]), 1, 28, 28)
    assert labels.dtype == torch.int64 and labels.shape == (sum(COUNTS[split]),)
    assert labels.bincount().tolist() == COUNTS[split]
    assert labels[:5].tolist() == FIRST[split]
    assert images.is_contiguous()


def test_a_pixel_is_its_byte_over_255(splits):
    images = splits["train"].images
    assert torch.equal((images * 255).round() / 255, images) and images.min() == 0 and images.max() == 1
    assert images.mean().item() == pytest.approx(0.1307, abs=5e-5)
    assert images.std().item() == pytest.approx(0.3081, abs=5e-5)


@pytest.mark.parametrize(("name", "md5"), ORIGINALS.values())
def test_the_original_files_come_back_byte_for_byte(idx, name, md5):
    assert hashlib.md5(idx[name]).hexdigest() == md5


def build(root, *arguments):
    command = [sys.executable, root / "scripts" / "build_mnist.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
def test_the_build_script_makes_the_shipped_file_again(root, idx, tmp_path):
    for name, content in idx.items():
        (tmp_path / name).write_bytes(content)
    out = tmp_path / "mnist.zip"
    assert build(root, tmp_path, "--out", out).returncode == 0
    if (
        "ng" in zlib.ZLIB_RUNTIME_VERSION
    ):  # zlib-ng packs the same bytes otherwise: then only what is inside is equal
        pytest.xfail("this Python is linked with zlib-ng")
    assert out.read_bytes() == (root / "rolab" / "_data" / "mnist.zip").read_bytes()


def test_the_build_script_refuses_other_files(root, idx, tmp_path):
    for name, content in idx.items():
        (tmp_path / name).write_bytes(content[:-1] + b"\x09" if "t10k-labels" in name else content)
    result = build(root, tmp_path, "--out", tmp_path / "mnist.zip")
    assert result.returncode != 0 and "t10k-labels-idx1-ubyte: expected md5 27ae3e4e" in result.stderr
    assert not (tmp_path / "mnist.zip").exists()


def test_a_truncated_file(shipped):
    shipped.write_bytes(shipped.read_bytes()[:-1000])
    with pytest.raises(DataError, match=rf"mnist\.zip was altered .*, expected {MNIST_SHA256[:12]}…"):
        mnist("test")


def test_an_altered_file(shipped):
    content = bytearray(shipped.read_bytes())
    content[5_000_000] ^= 1
    shipped.write_bytes(content)
    with pytest.raises(DataError, match=r"mnist\.zip was altered or cut short: its SHA-256 is [0-9a-f]{12}…"):
        mnist("train")


def test_a_missing_file(shipped):
    shipped.unlink()
    with pytest.raises(DataError, match=r"cannot read .*mnist\.zip: No such file .*: install rolab again"):
        mnist("test")


@pytest.mark.parametrize("split", ["validation", "Train", "", None])
def test_a_split_that_mnist_does_not_have(split):
    with pytest.raises(DataError, match=f'"train" and "test", not {split!r}'):
        mnist(split)


def test_blocks_of_another_size_give_the_same_images(mnist_test, monkeypatch):
    monkeypatch.setattr("rolab.data.mnist_images.BLOCK", 98 * 3 + 1)
    assert torch.equal(mnist("test").images, mnist_test.images)
