"""Storage: atomic, hash-checked JSON and safetensors; locks, claims, shipped results, environment."""

import errno
import hashlib
import json
import os
import platform
import shutil
import stat
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rolab.errors import RecordError

PATIENCE = 900.0  # seconds to wait for another process that brings what this one needs
UNFINISHED = ".unfinished"  # how the hidden names end of what is being written; a kill leaves them
SEAL = "sha256_of_the_rest"  # the last key of a record
LARGEST_RECORD = 2**26  # bytes
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}  # the file system has none
_RESULTS = Path(__file__).parent / "_results", Path(__file__).parents[1] / "results"  # installed; in a clone


def user_path(path: str | Path) -> Path:
    """A file or folder as a user names it: `~` is a home.

    Raises:
        RecordError: there is no such user, or the name is none.
    """
    if not isinstance(path, str | Path) or not str(path) or "\0" in str(path):
        raise RecordError(f"path: expected the name of a file or folder, got {path!r}")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:  # there is no such user
        raise RecordError(f"path: expected a home that this machine knows, got {str(path)!r}") from error


def write(path: Path, content: bytes) -> None:
    """Writes a file atomically: whoever looks sees the old file or the new one, whole, also after a crash.

    A file that holds these bytes already is left as it is, also where nothing may be written.
    """
    with suppress(OSError, RecordError):
        if path.stat().st_size == len(content) and read(path) == content:
            return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror or error}") from error


def read(path: Path, sha256: str | None = None, most: int | None = None) -> bytes:
    """Reads a regular file of at most so many bytes, and checks that it is the one with this SHA-256."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise RecordError(f"cannot read {path}: expected a file, got a pipe, a device or the like")
            if most is not None and found.st_size > most:
                raise RecordError(
                    f"cannot read {path}: expected at most {most:,} bytes, got {found.st_size:,}"
                )
            content = file.read(found.st_size)
    except OSError as error:
        raise RecordError(f"cannot read {path}: {error.strerror or error}") from error
    if sha256 is not None and (is_ := sha256_of(content)) != sha256:
        raise RecordError(
            f"{path} was altered or cut short: its SHA-256 is {is_[:12]}…, expected {sha256[:12]}…"
        )
    return content


def _without_waiting(path: str, flags: int) -> int:
    """Opens a file; a pipe that nobody writes to would have to be waited for."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def sha256_of(content: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@contextmanager
def lock(path: Path, say: Callable[[str], None] | None = None, *, folder: bool = False) -> Iterator[None]:
    """Keeps a file, in a folder made if it is not there, to one process.

    The operating system frees the lock of a process that died; what such a process left unfinished is
    removed. The lock itself, an empty file, stays: who removes it while another waits lets two in. Where the
    file system has no locks, one goes on without.

    Args:
        path: the file; the lock lies beside it
        say: where given, another process that has the lock is waited for, `PATIENCE` seconds; this is told
        folder: whether all that lies beside the file is written under this lock too

    Raises:
        RecordError: another process has the lock, or it cannot be had.
    """
    beside = path.with_name(f".{path.name}.lock")
    held = FileLock(beside, mode=0o666)  # everybody's, in a shared folder
    busy = f"another process is writing to {path}: wait for it, or stop it"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        with suppress(FileNotFoundError):
            planted = os.lstat(beside)
            if not stat.S_ISREG(planted.st_mode) or planted.st_nlink > 1:
                raise RecordError(
                    f"cannot lock {path}: {beside} is a link or the like and no lock; remove it"
                )
        try:
            held.acquire(timeout=0)
        except Timeout as error:
            if say is None:
                raise RecordError(busy) from error
            say(f"another process is bringing {path}: waiting for it")
            held.acquire(timeout=PATIENCE)
    except Timeout as error:
        raise RecordError(busy) from error
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise RecordError(f"cannot lock {path}: {error.strerror or error}") from error
        if say is not None:
            say(f"going on without a lock ({error})")
    try:
        if held.is_locked:
            _sweep(path.parent, "." if folder else f".{path.name}.")
        yield
    finally:
        held.release()


def _sweep(folder: Path, beginning: str) -> None:
    """Removes what dead processes left unfinished: files of `write`, and temporary folders."""
    for name in os.listdir(folder) if os.access(folder, os.R_OK) else ():
        if name.startswith(beginning) and name.endswith(UNFINISHED):
            left = folder / name
            with suppress(OSError):  # it may be another user's
                shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()


@contextmanager
def claim(
    path: Path,
    identity: Mapping[str, Any],
    kind: str,
    begin: Mapping[str, Any],
    *,
    folder: bool = True,
    finished: Callable[[dict[str, Any]], bool] = lambda record: False,
) -> Iterator[dict[str, Any]]:
    """Keeps a record of some work to one process and one identity, and gives it: as it was left, or new.

    A folder has two records, the second at `before(path)`: where the first is damaged, that one is given, and
    a warning tells so.

    Args:
        path: the JSON file; under "identity" it says what the work is
        identity: what must be the same for the work to go on, as plain values
        kind: what such work is called in errors, as "run"
        begin: what else a new record says; it is written at once: an unwritable place fails now
        folder: whether the file's folder is claimed with it, and may hold nothing else at the beginning
        finished: whether a record tells of finished work: it is given also where nothing may be written

    Raises:
        RecordError: the place holds something else, is damaged or cannot be written, or is another process's.
    """
    asked = json.loads(json.dumps(identity))
    place, advice = (path.parent, "choose another folder") if folder else (path, "choose another file")

    def checked(record: Any) -> dict[str, Any]:
        held = record.get("identity") if isinstance(record, dict) else None
        if not isinstance(held, dict):
            raise RecordError(f"{place} holds something else and no {kind}; {advice}")
        if held.keys() != asked.keys():
            raise RecordError(f"{place} holds the {kind} of another version of rolab; {advice}")
        if differ := list(_differing(held, asked)):
            what = ", ".join(name for name, *_ in differ)
            if len(differ) == 1:
                what += "; {1!r} there, {2!r} here".format(*differ[0])
            raise RecordError(f"{place} holds another {kind} (what differs: {what}); {advice}")
        return record

    def begun() -> bool:
        return path.exists() or folder and before(path).exists()

    seen: list[Any] = []  # a look: what is somebody else's is left without a trace
    with suppress(RecordError, ValueError, RecursionError):
        found = json.loads(read(path, most=LARGEST_RECORD))
        # of ours, one that is damaged is not to be believed: the one before it will be
        seen += [found] if not isinstance(found, dict) or SEAL not in found else [read_json(path)]
    foreign = folder and place.is_dir() and any(not each.name.startswith(".") for each in place.iterdir())
    if seen or foreign and not begun():
        checked(seen[0] if seen else None)
    reading = path.exists() and not os.access(path.parent, os.W_OK)
    with nullcontext() if reading else lock(path, folder=folder):
        if begun():
            record = checked(_as_left(path) if folder else read_json(path))
        else:
            record = {"identity": asked, **begin}
        if reading and not finished(record):
            raise RecordError(f"cannot write {path}: {path.parent} is read-only, and the {kind} unfinished")
        if not reading:
            write_json(path, record)
            if folder and not before(path).exists():
                write_json(before(path), record)
        yield record


def before(path: Path) -> Path:
    """The place of the record before this one."""
    return path.with_suffix(f".before{path.suffix}")


def _as_left(path: Path) -> Any:
    """A folder's record as it was left; where it is damaged, the one before it."""
    try:
        return read_json(path)
    except RecordError as error:
        if not before(path).exists():
            raise
        record = read_json(before(path))
        warnings.warn(f"{error}; going on from the record before it", stacklevel=2)
        return record


def _differing(held: Any, asked: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two records differ, as `recipe.epochs`, and what they say there."""
    if isinstance(held, dict) and isinstance(asked, dict):
        for key in dict.fromkeys([*asked, *held]):
            yield from _differing(held.get(key), asked.get(key), f"{name}.{key}" if name else key)
    elif held != asked:
        yield name, held, asked


def write_json(path: Path, record: Any) -> None:
    """Writes a record as indented JSON, atomically; in a dictionary, a last key has the hash of the rest."""
    write(path, _sealed(record))


def read_json(path: Path) -> Any:
    """Reads a JSON record, which must be what `write_json` wrote, to the last bit.

    Raises:
        RecordError: there is no such file, it is no JSON, or it was altered.
    """
    content = read(path, most=LARGEST_RECORD).replace(b"\r\n", b"\n")  # git's, on Windows
    try:
        record = json.loads(content)
        whole = content == _sealed(record)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path} is damaged, no JSON: {error}") from error
    if not whole:
        lost = isinstance(record, dict) and SEAL not in record
        what = f"it has lost its {SEAL}" if lost else "it does not say what was written"
        raise RecordError(f"{path} was altered: {what}; bring it back, or delete it")
    if isinstance(record, dict):
        del record[SEAL]
    return record


def update_json(path: Path, entries: Mapping[str, Any]) -> None:
    """Replaces some entries of a record, or begins it; what others write to it at the same time is kept."""
    with lock(path, say=print):
        known = read_json(path) if path.exists() else {}
        write_json(path, known | dict(entries))


def _sealed(record: Any) -> bytes:
    if isinstance(record, dict):
        rest = {key: value for key, value in record.items() if key != SEAL}
        record = rest | {SEAL: sha256_of(_text(rest))}
    return _text(record) + b"\n"


def _text(record: Any) -> bytes:
    return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False).encode()


def write_tensors(path: Path, tensors: Mapping[str, Any], precision: str | None = None) -> str:
    """Writes tensors as safetensors, atomically, and returns the SHA-256 of the file.

    Those of floating-point numbers are rounded to the precision where one is named, such as "float16".
    """
    import torch
    from safetensors.torch import save

    kind = getattr(torch, precision) if precision else None
    rounded = {name: t.to(kind) if kind and t.is_floating_point() else t for name, t in tensors.items()}
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in rounded.items()})
    write(path, content)
    return sha256_of(content)


def read_tensors(path: Path, sha256: str) -> dict[str, Any]:
    """Reads a safetensors file after checking that it is the one whose SHA-256 was written down."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    content = read(path, sha256)
    try:
        return load(content)
    except SafetensorError as error:
        raise RecordError(f"{path} is damaged, no safetensors: {error}") from error


def load_result(name: str) -> dict[str, Any]:
    """The shipped result of a full run, such as `load_result("mnist")`: the `table1.json` that it wrote.

    Raises:
        ValueError: there is no result of this name.
    """
    found = {path.stem: path for place in reversed(_RESULTS) for path in sorted(place.glob("*.json"))}
    if name not in found:
        known = ", ".join(sorted(found)) or "none: no full run has been made"
        raise ValueError(f"name is {name!r}, expected one of {known}")
    return read_json(found[name])


def environment(device: Any = "cpu") -> dict[str, Any]:
    """The versions and the machine behind a result: everything but its name. The device as torch knows it."""
    import torch

    device = torch.device(device)
    rolab = "not installed"
    with suppress(PackageNotFoundError):
        rolab = version("rolab")
    return {
        "rolab": rolab,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
    }


def _processor() -> str:
    """The processor's name; Linux keeps it in a file, elsewhere `platform` knows it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
