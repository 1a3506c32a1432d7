"""CIFAR-10: the excerpt that ships, the whole where it was fetched, and a clear word when either is wrong."""

import hashlib
import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rolab.data import CIFAR10_CLASSES, base, cache_folder, cifar10, cifar10_images
from rolab.data.cifar10_images import EXCERPT_SHA256, EXCERPT_SIZES, from_sheet, to_sheet
from rolab.errors import DataError

FIRST = {"train": [6, 9, 9, 4, 1, 1, 2, 7], "test": [3, 8, 8, 0, 6, 6, 1, 6]}
EXCERPT_MD5 = {  # of the decoded bytes, of the images and of the labels
    "train": ("72b61b5a2cbfbf90ac9556ddd75e6565", "9f9c857916f35dbcc8fe569e841341ee"),
    "test": ("08fcd6e0cc2f0a0ce079fe06bc46a255", "cbe3966f5accb4104d7431d84d198fba"),
}
MEANS = [0.49139968, 0.48215841, 0.44653091]  # of the whole training set
DEVIATIONS = [0.24703223, 0.24348513, 0.26158784]

splits = pytest.mark.parametrize("split", ["train", "test"])
whole = pytest.mark.skipif(
    not (cache_folder() / cifar10_images.CIFAR10_FILE).is_file(),
    reason="the whole of CIFAR-10 is not here: rolab data fetch cifar10",
)


def as_bytes(images):
    """The bytes of which the pixels are 255ths."""
    return (images * 255).round().to(torch.uint8)


@pytest.fixture
def shipped(monkeypatch, tmp_path):
    """A copy of the shipped file, for a test to spoil, and in the place from which `cifar10` reads."""
    copy = tmp_path / "_data" / "cifar10_excerpt.zip"
    copy.parent.mkdir()
    copy.write_bytes((base.SHIPPED / copy.name).read_bytes())
    monkeypatch.setattr(base, "SHIPPED", copy.parent)
    return copy


# The excerpt


@splits
def test_what_the_excerpt_is(split):
    data = cifar10(split, excerpt=True)
    assert data.images.dtype == torch.float32 and data.images.is_contiguous()
    assert data.images.shape == (EXCERPT_SIZES[split], 3, 32, 32) and data.labels.dtype == torch.int64
    assert data.labels[:8].tolist() == FIRST[split]
    assert torch.equal(as_bytes(data.images) / 255, data.images), "a pixel is its byte / 255"
    assert data.images.min() == 0 and data.images.max() == 1
    found = (as_bytes(data.images), data.labels.to(torch.uint8))
    assert tuple(hashlib.md5(part.numpy()).hexdigest() for part in found) == EXCERPT_MD5[split]


@splits
def test_the_excerpt_needs_no_cache(split, monkeypatch, tmp_path):
    monkeypatch.setenv("ROLAB_DATA", str(tmp_path / "nothing"))
    assert len(cifar10(split, excerpt=True)) == EXCERPT_SIZES[split]
    assert not list(tmp_path.iterdir())


@splits
def test_the_excerpt_is_a_sample_of_the_whole(split):
    """A channel's mean over N images is off by about the deviation between images, below 0.2, over √N."""
    data = cifar10(split, excerpt=True)
    within = 4 * 0.2 / math.sqrt(len(data))
    assert data.images.mean((0, 2, 3)).tolist() == pytest.approx(MEANS, abs=within)
    counts = data.labels.bincount(minlength=10) / len(data)
    assert counts.sub(0.1).abs().max() < 4 * math.sqrt(0.09 / len(data))


@settings(deadline=None, derandomize=True, max_examples=20)
@given(rows=st.integers(1, 4), seed=st.integers(0, 2**16))
def test_a_sheet_gives_its_images_back(rows, seed):
    generator = torch.Generator().manual_seed(seed)
    shape = (25 * rows, 3, 32, 32)
    images = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
    sheet = to_sheet(images)
    assert sheet.shape == (32 * rows, 32 * 25, 3)
    assert torch.equal(from_sheet(sheet), images)
    assert torch.equal(sheet[:32, 32:64].permute(2, 0, 1), images[1]), (
        "the second image is right of the first"
    )


def test_the_classes():
    """What anybody sees on the first eight test photographs."""
    assert len(CIFAR10_CLASSES) == 10
    shown = [CIFAR10_CLASSES[label] for label in FIRST["test"]]
    assert shown == ["cat", "ship", "ship", "airplane", "frog", "frog", "automobile", "frog"]


def test_a_truncated_excerpt(shipped):
    shipped.write_bytes(shipped.read_bytes()[:-1000])
    with pytest.raises(DataError, match=rf"excerpt\.zip was altered .*, expected {EXCERPT_SHA256[:12]}…"):
        cifar10("test", excerpt=True)


def test_an_altered_excerpt(shipped):
    content = bytearray(shipped.read_bytes())
    content[2_000_000] ^= 1
    shipped.write_bytes(content)
    with pytest.raises(
        DataError, match=r"excerpt\.zip was altered or cut short: its SHA-256 is [0-9a-f]{12}…"
    ):
        cifar10("train", excerpt=True)


def test_a_missing_excerpt(shipped):
    shipped.unlink()
    with pytest.raises(DataError, match=r"cannot read .*excerpt\.zip: No such file .*: install rolab again"):
        cifar10("test", excerpt=True)


@pytest.mark.parametrize("excerpt", [False, True])
@pytest.mark.parametrize("split", ["validation", "Train", "", None])
def test_a_split_that_cifar10_does_not_have(split, excerpt):
    with pytest.raises(DataError, match=f'CIFAR-10 has the splits "train" and "test", not {split!r}'):
        cifar10(split, excerpt)


# Where the whole is looked for


@splits
def test_without_the_data_one_sentence_says_what_to_type(split, monkeypatch, tmp_path):
    monkeypatch.setenv("ROLAB_DATA", str(tmp_path / "data"))
    with pytest.raises(DataError) as caught:
        cifar10(split)
    (sentence,) = str(caught.value).splitlines()
    for part in (str(tmp_path / "data"), "`rolab data fetch cifar10`", "excerpt=True"):
        assert part in sentence
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {"ROLAB_DATA": "/shared/data", "XDG_CACHE_HOME": "/caches"}, "/shared/data"),
        ("linux", {"ROLAB_DATA": "~/data"}, "/me/data"),
        ("linux", {"ROLAB_DATA": "", "XDG_CACHE_HOME": "/caches"}, "/caches/rolab"),
        ("linux", {}, "/me/.cache/rolab"),
        ("darwin", {"XDG_CACHE_HOME": "/caches"}, "/me/Library/Caches/rolab"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/rolab"),
        ("win32", {}, "/me/AppData/Local/rolab"),
    ],
)
def test_the_cache_folder(platform, variables, folder, monkeypatch):
    for name in ("ROLAB_DATA", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", "/me")
    monkeypatch.setattr(base.sys, "platform", platform)
    assert cache_folder().as_posix() == folder


# The whole, where it was fetched


@whole
def test_the_training_images_are_the_known_ones():
    data = cifar10("train")
    assert data.images.shape == (50_000, 3, 32, 32) and data.images.is_contiguous()
    assert data.labels.bincount().tolist() == [5_000] * 10 and data.labels[:8].tolist() == FIRST["train"]
    for channel, mean, deviation in zip(data.images.unbind(1), MEANS, DEVIATIONS, strict=True):
        pixels = channel.double()
        assert pixels.mean().item() == pytest.approx(
            mean, abs=2e-8
        )  # the known figures are cut off, not rounded
        assert pixels.std(correction=0).item() == pytest.approx(deviation, abs=2e-8)


@whole
def test_the_test_images_are_the_known_ones():
    data = cifar10("test")
    assert data.images.shape == (10_000, 3, 32, 32) and data.images.dtype == torch.float32
    assert data.labels.bincount().tolist() == [1_000] * 10 and data.labels[:8].tolist() == FIRST["test"]
    found = hashlib.md5(as_bytes(data.images).numpy()).hexdigest()
    assert found == "f1aa22116df97725db0e47461c45a82b"


@whole
@splits
def test_the_excerpt_is_the_beginning_of_the_whole(split):
    excerpt, beginning = cifar10(split, excerpt=True), cifar10(split)[: EXCERPT_SIZES[split]]
    assert torch.equal(excerpt.images, beginning.images) and torch.equal(excerpt.labels, beginning.labels)


@whole
@pytest.mark.parametrize("part", ["images", "labels"])
def test_the_check_sees_a_single_bit(part):
    images, labels = cifar10_images.read(cache_folder() / cifar10_images.CIFAR10_FILE, "test")
    values = {"images": images, "labels": labels}
    values[part].view(-1)[4_321] ^= 1
    with pytest.raises(
        DataError, match=f"^test {part}.*: expected md5 [0-9a-f]{{12}}…, got [0-9a-f]{{12}}…$"
    ):
        cifar10_images.check("test", images, labels)


@whole
@pytest.mark.slow
def test_the_build_script_makes_the_shipped_pixels_again(root, tmp_path):
    """The file itself may differ: another version of Pillow packs the same pixels otherwise."""
    out = tmp_path / "excerpt.zip"
    command = [sys.executable, root / "scripts" / "build_cifar10_excerpt.py", "--out", out]
    assert subprocess.run(command).returncode == 0
    for split in EXCERPT_SIZES:
        again, _ = cifar10_images.unpack_excerpt(out.read_bytes(), split)
        assert torch.equal(again, as_bytes(cifar10(split, excerpt=True).images))
