"""Storage: atomic, hash-checked JSON and safetensors; locks, claims, shipped results, environment."""

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rolab.errors import RecordError

PATIENCE = 900.0  # seconds to wait for another process before going on without it
_RESULTS = Path(__file__).parent / "_results", Path(__file__).parents[1] / "results"  # installed; in a clone


def write(path: Path, content: bytes) -> None:
    """Writes a file atomically: whoever looks sees the old file or the new one, whole, also after a crash."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
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


def read(path: Path, sha256: str | None = None) -> bytes:
    """Reads a file, and checks that it is the one with this SHA-256."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(f"cannot read {path}: {error.strerror or error}") from error
    if sha256 is not None and (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise RecordError(
            f"{path} was altered or cut short: its SHA-256 is {found[:12]}…, expected {sha256[:12]}…"
        )
    return content


@contextmanager
def lock(path: Path, say: Callable[[str], None] | None = None) -> Iterator[None]:
    """Keeps a file, in a folder made if it is not there, to one process.

    The operating system frees the lock of a process that died. Where there are no locks, one goes on without.

    Args:
        path: the file; the lock lies beside it
        say: where given, another process that has the lock is waited for, `PATIENCE` seconds, and then the
            work goes on without it; this is told of either, a line each

    Raises:
        RecordError: without `say`, another process has the lock, or the lock is another user's.
    """
    beside = FileLock(path.with_name(f".{path.name}.lock"), mode=0o666)  # everybody's, in a shared folder
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        try:
            beside.acquire(timeout=0)
        except Timeout as error:
            if say is None:
                raise RecordError(f"another process is writing to {path}: wait for it, or stop it") from error
            say(f"another process is bringing {path}: waiting for it")
            beside.acquire(timeout=PATIENCE)
    except (OSError, NotImplementedError) as error:  # a Timeout is an OSError too
        if say is not None:
            say(f"going on without a lock ({error})")
        elif isinstance(error, PermissionError):  # the folder, or the lock in it, is another user's
            raise RecordError(f"cannot lock {path}: {error.strerror or error}") from error
    try:
        yield
    finally:
        if beside.is_locked:
            if say is None:  # nobody waits for it
                with suppress(OSError):  # Windows removes it itself
                    Path(beside.lock_file).unlink()
            beside.release()


@contextmanager
def claim(
    path: Path, identity: Mapping[str, Any], kind: str, begin: Mapping[str, Any], *, folder: bool = True
) -> Iterator[dict[str, Any]]:
    """Keeps a record of some work to one process and one identity, and gives it: as it was left, or new.

    Args:
        path: the JSON file; under "identity" it says what the work is
        identity: what must be the same for the work to go on, as plain values
        kind: what such work is called in errors, as "run"
        begin: what else a new record says; it is written at once: an unwritable place fails now
        folder: whether the file's folder is claimed with it, and may hold nothing else at the beginning

    Raises:
        RecordError: the place holds something else, is damaged or cannot be written, or is another process's.
    """
    asked = json.loads(json.dumps(identity))
    place, advice = (path.parent, "choose another folder") if folder else (path, "choose another file")
    with lock(path):
        if path.exists():
            record = read_json(path)
        elif folder and any(not each.name.startswith(".") for each in place.iterdir()):
            record = None  # hidden are locks, and what is left of a write that was broken off
        else:
            record = {"identity": asked, **begin}
            write_json(path, record)
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
        yield record


def _differing(held: Any, asked: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two records differ, as `recipe.epochs`, and what they say there."""
    if isinstance(held, dict) and isinstance(asked, dict):
        for key in dict.fromkeys([*asked, *held]):
            yield from _differing(held.get(key), asked.get(key), f"{name}.{key}" if name else key)
    elif held != asked:
        yield name, held, asked


def write_json(path: Path, record: Any) -> None:
    """Writes a record as indented JSON, atomically."""
    write(path, (json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Reads a JSON record; a `RecordError` says which file is damaged."""
    try:
        return json.loads(read(path))
    except ValueError as error:
        raise RecordError(f"{path} is damaged, no JSON: {error}") from error


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
    return hashlib.sha256(content).hexdigest()


def read_tensors(path: Path, sha256: str) -> dict[str, Any]:
    """Reads a safetensors file after checking that it is the one whose SHA-256 was written down."""
    from safetensors.torch import load

    return load(read(path, sha256))


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
