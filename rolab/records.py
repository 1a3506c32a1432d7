"""What is written down: tensors and JSON, whole or not at all, and the machine on which they were made."""

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout


class RecordError(ValueError):
    """A file or folder that cannot be written, or does not hold what it should."""


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


def holds_something(folder: Path) -> bool:
    """Is there a file of this name, or a folder with more in it than the leftovers of a broken-off write?"""
    if not folder.is_dir():
        return folder.exists()
    return any(not path.name.startswith(".") for path in folder.iterdir())


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keeps a folder, made if it is not there, to one process; another one meanwhile meets a `RecordError`.

    The operating system frees the lock of a process that died. Where there are no locks, one goes on without.
    """
    lock = FileLock(folder / ".lock", mode=0o666)  # in a shared folder it is everybody's
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(f"cannot write {folder}: {error.strerror or error}") from error
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RecordError(f"another process is writing to {folder}: wait for it, or stop it") from error
    except PermissionError as error:  # the folder, or the lock in it, is another user's
        raise RecordError(f"cannot lock {folder}: {error.strerror or error}") from error
    except (OSError, NotImplementedError):
        pass
    try:
        yield
    finally:
        if lock.is_locked:
            with suppress(OSError):  # Windows removes it itself
                Path(lock.lock_file).unlink()
            lock.release()


def write_json(path: Path, record: Any) -> None:
    """Writes a record as indented JSON, atomically."""
    write(path, (json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Reads a JSON record; a `RecordError` says which file is damaged."""
    return parse_json(_read(path), str(path))


def parse_json(content: bytes, name: str) -> Any:
    """The record in the bytes of a JSON file; the name is for the error."""
    try:
        return json.loads(content)
    except ValueError as error:
        raise RecordError(f"{name} is damaged, no JSON: {error}") from error


def write_tensors(path: Path, tensors: dict[str, Any]) -> str:
    """Writes tensors as safetensors, atomically, and returns the SHA-256 of the file."""
    from safetensors.torch import save

    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    write(path, content)
    return hashlib.sha256(content).hexdigest()


def read_tensors(path: Path, sha256: str) -> dict[str, Any]:
    """Reads a safetensors file after checking that it is the one whose SHA-256 was written down."""
    return parse_tensors(_read(path), sha256, str(path))


def parse_tensors(content: bytes, sha256: str, name: str) -> dict[str, Any]:
    """The tensors in the bytes of a safetensors file with this SHA-256; the name is for the error."""
    from safetensors.torch import load

    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise RecordError(
            f"{name} was altered or cut short: its SHA-256 is {found[:12]}…, "
            f"the record beside it says {sha256[:12]}…"
        )
    return load(content)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecordError(f"cannot read {path}: {error.strerror or error}") from error


def environment(device: Any = "cpu") -> dict[str, Any]:
    """The versions and the machine behind a result: everything but its name. The device as torch knows it."""
    import torch

    device = torch.device(device)

    def installed(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return "not installed"

    return {
        "rolab": installed("rolab"),
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
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
