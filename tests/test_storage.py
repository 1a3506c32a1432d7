"""Files are there whole or not at all, say where they are damaged, and are no pickles."""

import ast
import errno
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_disk import make_read_only, small_disk

from rolab import storage, zoo
from rolab.errors import RecordError
from rolab.storage import (
    claim,
    environment,
    load_result,
    lock,
    read,
    read_json,
    read_tensors,
    write,
    write_json,
    write_tensors,
)

RESULTS = Path(__file__).parents[1] / "results"
SHIPPED = sorted([*RESULTS.glob("*.json"), *zoo.SHELF.glob("*/*.json")])
ROOMS = sorted(Path(storage.__file__).parent.rglob("*.py"))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Bytes


def test_a_file_is_written_with_the_folders_above_it_and_replaced(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    write(path, b"one")
    write(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(path.parent) == ["file"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_reader_never_sees_half_a_file(tmp_path):
    path, contents = tmp_path / "file", [bytes([i]) * 300_000 for i in range(2)]
    write(path, contents[0])
    torn, done = [], threading.Event()

    def reader():
        while not done.is_set():
            found = path.read_bytes()
            if found not in contents:
                torn.append(len(found))

    thread = threading.Thread(target=reader)
    thread.start()
    for i in range(60):
        write(path, contents[i % 2])
    done.set()
    thread.join()
    assert not torn


def test_a_process_killed_in_the_middle_of_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    write(path, b"old")
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from rolab import storage\n"
        "storage.os.fsync = lambda handle: os.kill(os.getpid(), 9)\n"  # written, not yet in its place
        "storage.write(Path(sys.argv[1]), b'new')\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, path])
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    write(path, b"newer")
    assert path.read_bytes() == b"newer"


def test_a_file_is_kept_to_one_process_until_it_is_done_or_dies(tmp_path):
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from rolab.storage import lock\n"
        "with lock(Path(sys.argv[1])):\n"
        "    print('held', flush=True); time.sleep(600)"
    )
    path = tmp_path / "new" / "record.json"
    with subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(RecordError, match="another process is writing to") as caught, lock(path):
            pass
        assert str(path) in str(caught.value)
        holder.kill()
    for _ in range(2):
        with lock(path):
            pass
    assert names(path.parent) == [".record.json.lock"]  # it stays: see `lock`


def test_a_lock_that_is_another_user_s_is_respected_and_left(tmp_path, monkeypatch):
    def acquire(self, timeout):
        raise PermissionError(13, "Permission denied")

    (tmp_path / ".file.lock").touch()
    monkeypatch.setattr(storage.FileLock, "acquire", acquire)
    with pytest.raises(RecordError, match="cannot lock .*: Permission denied"), lock(tmp_path / "file"):
        pass
    assert names(tmp_path) == [".file.lock"]


def test_where_there_are_no_locks_one_goes_on_without(tmp_path, monkeypatch):
    def acquire(self, timeout):
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr(storage.FileLock, "acquire", acquire)
    with lock(tmp_path / "file"), lock(tmp_path / "file"):
        write(tmp_path / "file", b"written")


@pytest.mark.parametrize("kind", ["link", "hard link", "dangling link", "pipe", "folder"])
@pytest.mark.parametrize("looked_at", [True, False], ids=["there", "planted after the look"])
def test_a_lock_that_is_planted_is_refused_and_its_victim_left(tmp_path, monkeypatch, kind, looked_at):
    victim, planted = tmp_path / "victim", tmp_path / ".file.lock"
    victim.write_text("precious")
    match kind:
        case "link":
            planted.symlink_to(victim)
        case "hard link":
            planted.hardlink_to(victim)
        case "dangling link":
            planted.symlink_to(tmp_path / "nothing")
        case "pipe":
            os.mkfifo(planted)
        case "folder":
            planted.mkdir()
    if not looked_at:
        if kind in ("hard link", "pipe"):
            pytest.skip("filelock takes it, and does no harm to it")
        (innocent := tmp_path / "lock").touch()
        known, real = os.lstat(innocent), os.lstat
        monkeypatch.setattr(storage.os, "lstat", lambda path: known if path == planted else real(path))
    with pytest.raises(RecordError, match="^cannot lock "), lock(tmp_path / "file"):
        pass
    assert victim.read_text() == "precious" and not (tmp_path / "nothing").exists()


ENTRIES = """
import os, sys, time
from pathlib import Path
from rolab.storage import lock

path, inside = Path(sys.argv[1]), Path(sys.argv[1] + ".inside")
print("ready", flush=True)
sys.stdin.readline()
for _ in range(12):
    with lock(path, say=lambda line: None):
        os.close(os.open(inside, os.O_CREAT | os.O_EXCL))  # fails where another is inside
        time.sleep(0.002)
        inside.unlink()
"""


def test_of_many_processes_that_enter_at_once_one_is_inside(tmp_path):
    command = [sys.executable, "-c", ENTRIES, tmp_path / "file"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    many = [subprocess.Popen(command, **pipes) for _ in range(4)]
    for each in many:
        assert each.stdout.readline() == "ready\n"
    for each in many:
        each.stdin.write("go\n")
        each.stdin.flush()
    said = [each.communicate()[1] for each in many]
    assert [each.returncode for each in many] == [0] * 4, said
    assert names(tmp_path) == [".file.lock"]


@pytest.mark.parametrize("folder", [False, True])
def test_what_a_dead_process_left_is_swept_under_the_lock_and_nothing_else(tmp_path, folder):
    own = [".file.k1ll3d.unfinished", ".file.f0ld3r.unfinished"]
    beside = [".other.k1ll3d.unfinished", "file.unfinished", ".file.notes", ".notes"]
    for name in (*own, *beside):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / own[1]).unlink()
    (tmp_path / own[1] / "below").mkdir(parents=True)
    (tmp_path / ".file.linked.unfinished").symlink_to(tmp_path.parent)
    with lock(tmp_path / "file", folder=folder):
        (living := tmp_path / ".file.n0w.unfinished").write_bytes(b"being written")
        with pytest.raises(RecordError, match="another process"), lock(tmp_path / "file", folder=folder):
            pass
        assert living.exists()
        living.unlink()
    assert names(tmp_path) == sorted([".file.lock", *beside[folder:]])
    assert tmp_path.parent.exists()


# Claims

ASKED = {"seed": 0, "recipe": {"epochs": 3, "rate": 0.1}, "nets": ("a", "b")}


def test_a_record_is_begun_once_and_gone_on_with(tmp_path):
    path = tmp_path / "work" / "record.json"
    with claim(path, ASKED, "run", {"parts": {}}) as record:
        assert read_json(path) == record == {"identity": {**ASKED, "nets": ["a", "b"]}, "parts": {}}
        assert names(path.parent) == [".record.json.lock", "record.before.json", "record.json"]
        record["parts"]["one"] = 1
        write_json(path, record)
    with claim(path, ASKED, "run", {"parts": {}}) as again:
        assert again == record
    assert names(path.parent) == [".record.json.lock", "record.before.json", "record.json"]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (ASKED | {"seed": 1}, r"holds another run \(what differs: seed; 0 there, 1 here\)"),
        (
            ASKED | {"recipe": {"epochs": 4, "rate": 0.1}},
            r"\(what differs: recipe\.epochs; 3 there, 4 here\)",
        ),
        (ASKED | {"recipe": {"epochs": 3}}, r"\(what differs: recipe\.rate; 0\.1 there, None here\)"),
        (ASKED | {"seed": 1, "nets": ["a"]}, r"\(what differs: seed, nets\)"),
        (ASKED | {"device": "cpu"}, "holds the run of another version of rolab"),
    ],
)
@pytest.mark.parametrize("folder", [True, False])
def test_a_record_of_something_else_is_refused_and_left_alone(tmp_path, asked, sentence, folder):
    path = tmp_path / "record.json"
    with claim(path, ASKED, "run", {"parts": {}}, folder=folder):
        pass
    before = path.read_bytes()
    place, other = (tmp_path, "folder") if folder else (path, "file")
    with (
        pytest.raises(RecordError, match=rf"{sentence}.*; choose another {other}$") as caught,
        claim(path, asked, "run", {}, folder=folder),
    ):
        pass
    assert str(caught.value).startswith(f"{place} holds ")
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["[]", "{}", '{"identity": 3}', "null"])
def test_a_file_that_is_no_record_of_work_is_refused(tmp_path, content):
    (tmp_path / "record.json").write_text(content)
    with (
        pytest.raises(RecordError, match="holds something else and no run; choose another folder"),
        claim(tmp_path / "record.json", ASKED, "run", {}),
    ):
        pass


def test_a_folder_with_other_files_is_refused_but_not_where_only_a_file_is_claimed(tmp_path):
    (tmp_path / "thesis").write_bytes(b"mine")
    with (
        pytest.raises(RecordError, match="holds something else and no run; choose another folder"),
        claim(tmp_path / "record.json", ASKED, "run", {}),
    ):
        pass
    assert names(tmp_path) == ["thesis"]
    with claim(tmp_path / "record.json", ASKED, "run", {}, folder=False):
        pass
    assert names(tmp_path) == [".record.json.lock", "record.json", "thesis"]


def test_a_record_of_something_else_is_left_without_a_trace(tmp_path):
    write_json(tmp_path / "record.json", {"identity": {"seed": 1}})
    for folder in (True, False):
        with pytest.raises(RecordError, match="another version"):
            with claim(tmp_path / "record.json", ASKED, "run", {}, folder=folder):
                pass
    assert names(tmp_path) == ["record.json"]


@pytest.mark.parametrize("content", [b"", b"{", bytes(200)])
def test_a_folder_s_damaged_record_is_answered_by_the_one_before(tmp_path, content):
    path = tmp_path / "record.json"
    with claim(path, ASKED, "run", {"parts": 0}) as first:
        pass
    path.write_bytes(content)
    with pytest.raises(RecordError, match="another run"), pytest.warns(UserWarning):
        with claim(path, ASKED | {"seed": 1}, "run", {}):
            pass
    assert path.read_bytes() == content  # another's: left alone
    with pytest.warns(UserWarning, match=r"record\.json is damaged.*; going on from the record before it$"):
        with claim(path, ASKED, "run", {"parts": 1}) as again:
            assert again == first == read_json(path)
    storage.before(path).write_bytes(content)
    path.write_bytes(content)
    with pytest.raises(RecordError, match=r"record\.before\.json is damaged"), claim(path, ASKED, "run", {}):
        pass


def test_a_file_s_damaged_record_is_refused(tmp_path):
    path = tmp_path / "record.json"
    with claim(path, ASKED, "count", {"rows": [1, 2]}, folder=False):
        pass
    write(path, path.read_bytes().replace(b"1,", b"3,"))
    with pytest.raises(RecordError, match=r"record\.json was altered: .*; bring it back, or delete it$"):
        with claim(path, ASKED, "count", {}, folder=False):
            pass


def test_on_a_full_disk_the_old_record_stays_whole(tmp_path):
    with small_disk(tmp_path / "disk", "64k") as disk:
        path = disk / "record.json"
        write_json(path, {"old": True})
        for record in ({"new": "x" * 200_000}, {"new": "x" * 63_000}):
            with pytest.raises(RecordError, match=r"cannot write .*record\.json: No space left on device$"):
                write_json(path, record)
            assert read_json(path) == {"old": True} and names(disk) == ["record.json"]
        with pytest.raises(RecordError, match="No space left on device"):
            with claim(disk / "more" / "record.json", ASKED, "run", {"much": "x" * 200_000}):
                pass


def test_finished_work_is_read_where_nothing_may_be_written(tmp_path):
    with small_disk(tmp_path / "disk", "64k") as disk:
        path = disk / "record.json"
        with claim(path, ASKED, "run", {"parts": 3}) as record:
            pass
        (disk / ".record.json.lock").unlink()
        make_read_only(disk)
        with claim(path, ASKED, "run", {}, finished=lambda record: record["parts"] == 3) as again:
            assert again == record
            write_json(path, again)  # is what is there
        with pytest.raises(RecordError, match="^cannot write .* is read-only, and the run unfinished$"):
            with claim(path, ASKED, "run", {}):
                pass
        with pytest.raises(RecordError, match="cannot write"):
            with claim(disk / "new" / "record.json", ASKED, "run", {}):
                pass
        with pytest.raises(RecordError, match="Read-only file system"):
            write_json(path, {})


def test_a_file_that_holds_the_same_bytes_is_left_as_it_is(tmp_path):
    write(tmp_path / "file", b"same")
    before = (tmp_path / "file").stat()
    write(tmp_path / "file", b"same")
    assert (tmp_path / "file").stat() == before
    write(tmp_path / "file", b"else")
    assert (tmp_path / "file").read_bytes() == b"else"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write(path, b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RecordError, match=r"cannot write .*file: No space left on device"):
        write(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_path_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"mine")
    path = tmp_path / "file" / "folder" / "record.json"
    with pytest.raises(RecordError, match="cannot write") as caught:
        write_json(path, {})
    assert str(path) in str(caught.value)
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_a_folder_in_the_place_of_a_file_cannot_be_written_or_read(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(RecordError, match=r"cannot write .*taken"):
        write(tmp_path / "taken", b"")
    with pytest.raises(RecordError, match=r"cannot read .*taken"):
        read_json(tmp_path / "taken")
    assert names(tmp_path) == ["taken"]


# JSON


@given(json_values)
def test_json_comes_back_as_it_was(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value)
    assert read_json(path) == value
    content = path.read_bytes()
    write_json(path, json.loads(content))
    assert path.read_bytes() == content


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_json_is_not_written(tmp_path, value):
    with pytest.raises(ValueError):
        write_json(tmp_path / "value.json", {"loss": value})
    assert names(tmp_path) == []


@given(st.integers(0, 40))
def test_damaged_json_is_named(tmp_path_factory, length):
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    write_json(path, {"epoch": 1, "history": [0.25, 0.5], "é": "ö"})
    whole = path.read_bytes().rstrip()
    assert length < len(whole)
    path.write_bytes(whole[:length])
    with pytest.raises(RecordError, match=r"damaged\.json is damaged, no JSON"):
        read_json(path)


def test_bytes_that_are_no_text_are_named(tmp_path):
    (tmp_path / "card").write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(RecordError, match="card is damaged"):
        read_json(tmp_path / "card")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecordError, match=r"cannot read .*none\.json: No such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(RecordError, match=r"cannot read .*none\.safetensors: No such file"):
        read_tensors(tmp_path / "none.safetensors", "")


@given(st.dictionaries(st.text(), json_values, max_size=4), st.data())
def test_a_record_with_another_bit_is_refused(tmp_path_factory, record, data):
    """Also a bit that says nothing, as of the last digit of a long number, or 1e-05 written 1E-05."""
    path = tmp_path_factory.getbasetemp() / "flipped.json"
    write_json(path, record)
    content = path.read_bytes()
    path.write_bytes(flipped(content, data.draw(st.integers(0, 8 * len(content) - 1))))
    with pytest.raises(RecordError, match=r"flipped\.json (was altered|is damaged)"):
        read_json(path)


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_shipped_record_has_its_hash_and_with_another_bit_is_refused(tmp_path, shipped):
    """The cards of the zoo and the results; two hundred of their bits, whichever they are."""
    content = shipped.read_bytes()
    assert read_json(shipped) == {
        key: said for key, said in json.loads(content).items() if key != storage.SEAL
    }
    for bit in random.Random(0).sample(range(8 * len(content)), 200):
        (tmp_path / "copy.json").write_bytes(flipped(content, bit))
        with pytest.raises(RecordError):
            read_json(tmp_path / "copy.json")


def flipped(content: bytes, bit: int) -> bytes:
    """The same but for one bit."""
    other = bytearray(content)
    other[bit // 8] ^= 1 << bit % 8
    return bytes(other)


@pytest.mark.parametrize("record", [{"accuracy": 98.5, "é": [1, 2]}, [1, 2]])
def test_lines_may_end_as_git_ends_them_on_windows(tmp_path, record):
    path = tmp_path / "value.json"
    write_json(path, record)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_json(path) == record


def test_a_record_that_was_edited_by_hand_is_refused(tmp_path):
    path = tmp_path / "value.json"
    write_json(path, {"accuracy": 98.5})
    assert list(json.loads(path.read_text())) == ["accuracy", storage.SEAL]
    path.write_text(path.read_text().replace("98.5", "99.5"))
    with pytest.raises(RecordError, match=r"value\.json was altered: it does not say what was written"):
        read_json(path)


def test_a_record_without_its_hash_is_refused(tmp_path):
    """A run goes on from its record, a table from those of its seeds: they were read without it."""
    path = tmp_path / "value.json"
    path.write_text('{"accuracy": 98.5}')
    with pytest.raises(RecordError, match=r"value\.json was altered: it has lost its sha256_of_the_rest"):
        read_json(path)
    path.write_text('{"accuracy": 98.5, "sha256_of_the_rest": null}')
    with pytest.raises(RecordError, match="it does not say what was written"):
        read_json(path)


def test_work_does_not_go_on_from_a_record_without_its_hash(tmp_path):
    for folder in (False, True):
        path = tmp_path / str(folder) / "work.json"
        with claim(path, ASKED, "run", {"parts": {}}, folder=folder):
            pass
        for each in path.parent.glob("*.json"):
            each.write_text(json.dumps({"identity": ASKED, "parts": {"forged": 1}}))
        with (
            pytest.raises(RecordError, match="has lost its"),
            warnings.catch_warnings(action="ignore"),
            claim(path, ASKED, "run", {"parts": {}}, folder=folder),
        ):
            pass


def test_entries_that_two_write_at_the_same_time_are_all_kept(tmp_path):
    path = tmp_path / "record.json"
    write_json(path, {"old": 1, "a0": "old"})
    one = "import sys; from pathlib import Path; from rolab.storage import update_json\n"
    one += "for k in range(20): update_json(Path(sys.argv[1]), {sys.argv[2] + str(k): k})"
    both = [subprocess.Popen([sys.executable, "-c", one, str(path), name]) for name in "ab"]
    assert [each.wait() for each in both] == [0, 0]
    assert read_json(path) == {"old": 1} | {f"{name}{k}": k for name in "ab" for k in range(20)}


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 100_000, "1" * 10_000, "[NaN, {}]", "\ud800"])
def test_strange_json_is_one_sentence(tmp_path, content):
    (tmp_path / "value.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    try:
        read_json(tmp_path / "value.json")
    except RecordError as error:
        assert "value.json is damaged, no JSON" in str(error)


def test_a_file_that_is_too_large_for_a_record_is_not_read(tmp_path):
    with open(tmp_path / "value.json", "wb") as file:
        file.truncate(10**12)
    with pytest.raises(
        RecordError, match=r"cannot read .*: expected at most 67,108,864 bytes, got 1,000,000"
    ):
        read_json(tmp_path / "value.json")


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"]
)
def test_what_is_no_file_is_refused_at_once(tmp_path, make):
    make(tmp_path / "value.json")
    for ask in (read_json, read, lambda path: read_tensors(path, "")):
        with pytest.raises(RecordError, match=r"cannot read .*: expected a file, got a pipe, a device"):
            ask(tmp_path / "value.json")


# Tensors


def some_tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(2, 3, 4, 5, generator=generator)
    return {
        "plain": torch.randn(3, 4, generator=generator),
        "channels last": image.to(memory_format=torch.channels_last),
        "transposed": torch.randn(3, 4, generator=generator).t(),
        "history": torch.ones(2, requires_grad=True) * 2,
        "number": torch.tensor(7),
        "bytes": torch.arange(256, dtype=torch.uint8),
        "half": torch.randn(3, generator=generator).to(torch.bfloat16),
        "empty": torch.empty(0, 3),
    }


def test_tensors_come_back_bit_by_bit(tmp_path):
    tensors = some_tensors()
    sha256 = write_tensors(tmp_path / "t.safetensors", tensors)
    assert sha256 == hashlib.sha256((tmp_path / "t.safetensors").read_bytes()).hexdigest()
    found = read_tensors(tmp_path / "t.safetensors", sha256)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor.detach())


def test_equal_tensors_give_equal_files(tmp_path):
    first, second = (write_tensors(tmp_path / name, some_tensors()) for name in ("a", "b"))
    assert first == second
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    changed = some_tensors()
    changed["plain"][0, 0] += 1e-6
    assert write_tensors(tmp_path / "c", changed) != first


@given(st.data())
def test_an_altered_or_truncated_file_is_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "some.safetensors"
    sha256 = write_tensors(path, {"w": torch.arange(6.0)})
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[place] ^= data.draw(st.integers(1, 255))
    else:
        content = content[:place]
    path.write_bytes(content)
    with pytest.raises(RecordError, match=r"some\.safetensors was altered or cut short"):
        read_tensors(path, sha256)
    with pytest.raises(RecordError, match=r"some\.safetensors was altered or cut short"):
        read(path, sha256)


def test_what_is_no_safetensors_is_named(tmp_path):
    """Also where its hash was written down by somebody."""
    (tmp_path / "t").write_bytes(b"\xff" * 100)
    with pytest.raises(RecordError, match="is damaged, no safetensors"):
        read_tensors(tmp_path / "t", hashlib.sha256(b"\xff" * 100).hexdigest())


@pytest.mark.parametrize("precision", [None, "float16", "float32"])
def test_only_floating_point_numbers_are_rounded(tmp_path, precision):
    tensors = {"weight": torch.tensor([0.1, 1 / 3]), "count": torch.tensor(7)}
    found = read_tensors(tmp_path / "t", write_tensors(tmp_path / "t", tensors, precision))
    assert found["weight"].dtype == getattr(torch, precision or "float32")
    assert torch.equal(found["weight"], tensors["weight"].to(found["weight"].dtype))
    assert found["count"].dtype == torch.int64 and found["count"] == 7


def test_nothing_is_ever_unpickled():
    """Weights are safetensors and JSON: no room imports a pickler or calls torch.save or torch.load."""
    assert ROOMS
    for room in ROOMS:
        for node in ast.walk(ast.parse(room.read_text())):
            where = f"{room.name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
                assert not modules & {
                    "pickle",
                    "pickletools",
                    "marshal",
                    "dill",
                    "cloudpickle",
                    "joblib",
                    "shelve",
                }, where
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in {("torch", "save"), ("torch", "load")}, where
    said = [line for room in ROOMS for line in room.read_text().splitlines() if "pickle" in line.lower()]
    assert len(said) == 1 and "batches are pickles, which can run code" in said[0]


# The machine


def test_the_environment_names_versions_and_machine_and_nothing_personal():
    found = environment()
    assert set(found) == {
        "rolab", "python", "torch", "system", "processor", "cores", "threads", "device"
    }  # fmt: skip
    assert found["torch"] == torch.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["threads"] == torch.get_num_threads()
    assert found["cores"] == os.cpu_count()
    assert found["device"] == "cpu"
    assert found["processor"]
    assert os.uname().nodename not in json.dumps(found).split('"')
    assert json.loads(json.dumps(found)) == found


# Results that ship


def test_a_shipped_result_is_known_by_its_name():
    assert {"seeds", "rows"} <= set(load_result("mnist"))
    for name in (
        "imagenet",
        "../pyproject",
        "../results/mnist",
        str(Path(__file__).parents[1] / "results/mnist"),
    ):
        with pytest.raises(ValueError, match=r"^name is '.*', expected one of .*cifar10.*mnist"):
            load_result(name)
