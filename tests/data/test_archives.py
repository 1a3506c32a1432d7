"""Archives and folders of CIFAR-10: every layout gives the same bytes, and wrong data are refused."""

import io
import json
import pickle
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_cifar10 import BATCH, nothing_is_left

from rolab.data import archives, fetch_cifar10
from rolab.errors import DataError

pytestmark = pytest.mark.usefixtures("elsewhere")  # the tiny CIFAR-10, and no way to any network


# Archives and folders


@pytest.mark.parametrize(
    "layout",
    ["archive", "python_folder", "python_folder above", "package", "npm_folder", "npm_folder above"],
)
def test_every_layout_gives_the_same_bytes(published, layout, tmp_path):
    name, _, above = layout.partition(" ")
    source = getattr(published, name)
    assert published.is_in(archives.decode(source.parent if above else source, tmp_path))


@settings(deadline=None, derandomize=True, max_examples=25)
@given(package=st.booleans(), share=st.floats(0, 0.995))
def test_a_truncated_archive(published, tmp_path_factory, package, share):
    folder = tmp_path_factory.mktemp("truncated")
    content = (published.package if package else published.archive).read_bytes()
    (short := folder / "short.tgz").write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r"short\.tgz (is|has no .*: it is) truncated") as caught:
        fetch_cifar10(short, folder / "cache", say=lambda line: None)
    assert len(str(caught.value).splitlines()) == 1
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


def spoil_labels(folder):
    (folder / "train_lables.json").write_text('{"cat": 3}')


def spoil_png(folder):
    (folder / "data_batch_5.png").write_bytes((folder / "data_batch_5.png").read_bytes()[:5_000])


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (spoil_pixel, "train images, batch 3: expected md5"),
        (spoil_label, "test labels: expected md5"),
        (spoil_order, "train images, batch 1: expected md5"),
        (spoil_shape, "cannot reshape"),
        (spoil_labels, "dict"),
        (spoil_png, "truncated"),
        (lambda folder: (folder / "test_batch.png").unlink(), "has no test_batch.png"),
        (lambda folder: shutil.rmtree(folder), "does not exist"),
        (lambda folder: [path.unlink() for path in folder.iterdir()], "holds neither data_batch_1 nor"),
    ],
)
def test_wrong_data_are_refused(published, spoil, sentence, tmp_path):
    folder = tmp_path / "package"
    shutil.copytree(published.npm_folder, folder)
    spoil(folder)
    with pytest.raises(DataError, match=sentence) as caught:
        fetch_cifar10(folder, say=lambda line: None)
    assert len(str(caught.value).splitlines()) == 1 and str(folder) in str(caught.value)
    assert nothing_is_left(tmp_path / "cache") and nothing_is_left(tmp_path / "scratch")


class Evil:
    """A pickle that makes a file when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["data_batch_1", "test_batch", "batches.meta"])
def test_a_strange_pickle_is_never_opened(published, name, tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    shutil.copytree(published.python_folder, folder)
    (folder / name).write_bytes(evil := pickle.dumps(Evil(tmp_path / "opened")))
    with pytest.raises(DataError, match="has not the md5 sum of the original"):
        archives.decode(folder, tmp_path)
    assert not (tmp_path / "opened").exists()
    pickle.loads(evil)
    assert (tmp_path / "opened").exists(), "it would have been"


def test_an_archive_writes_nowhere_but_in_its_folder(published, tmp_path):
    archive = tmp_path / "evil.tgz"
    with tarfile.open(archive, "w:gz") as file:
        for name in ("../../data_batch_1.png", "/tmp/rolab-evil.txt", "test_batch.png/../../x"):
            (member := tarfile.TarInfo(name)).size = 4
            file.addfile(member, io.BytesIO(b"evil"))
        link = tarfile.TarInfo("test_batch.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        file.addfile(link)
    (scratch := tmp_path / "a" / "b" / "c").mkdir(parents=True)
    with pytest.raises(DataError, match=r"has no data_batch_2\.png"):
        archives.decode(archive, scratch)
    written = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(map(str, written)) == ["a/b/c/unpacked/data_batch_1.png", "evil.tgz"]
