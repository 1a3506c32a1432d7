"""Self-test of an installation: what the course needs, whether it is here, and what to do where it is not."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib import metadata

from rolab import data, zoo
from rolab.errors import DataError, RecordError
from rolab.training import pick_device

MARKS = {True: ("✓", "#00795a"), False: ("✗", "#b34700"), None: ("–", "#7A7A7A")}
SHOWN = ("torch", "jupyterlab", "ipywidgets", "anywidget", "plotly", "matplotlib", "papermill")
INSTALL = "pip install 'rolab[course]', or in a clone pip install -e '.[course]'; then restart the kernel"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        what: was looked for
        found: what is there
        ok: whether that will do; None where nothing needs it
        advice: what to do where it will not
    """

    what: str
    found: str
    ok: bool | None = True
    advice: str = ""


@dataclass(frozen=True)
class SelfTest:
    """What was found: a table with a tick or a cross in each row."""

    findings: Sequence[Finding]

    def __bool__(self) -> bool:
        return all(each.ok is not False for each in self.findings)

    @property
    def summary(self) -> str:
        """In one sentence."""
        bad = sum(each.ok is False for each in self.findings)
        return f"{bad} of {len(self.findings)} need your attention." if bad else "All is ready."

    def _repr_html_(self) -> str:
        rows = []
        for each in self.findings:
            mark, color = MARKS[each.ok]
            cells = (
                f'<b style="color: {color}">{mark}</b>',
                *map(escape, (each.what, each.found, each.advice)),
            )
            rows.append("".join(f'<td style="text-align: left">{cell}</td>' for cell in cells))
        lines = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table>{lines}</table><p><b>{self.summary}</b></p>"

    def __repr__(self) -> str:
        lines = [
            f"{MARKS[each.ok][0]} {each.what}: {each.found}{f'. {each.advice}' if each.advice else ''}"
            for each in self.findings
        ]
        return "\n".join([*lines, self.summary])


def self_test() -> SelfTest:
    """Looks for Python and the packages in their versions, a device, the digits, the trained networks."""
    return SelfTest([*_versions(), _device(), *_shipped(), _cifar10()])


def _versions() -> Iterator[Finding]:
    """Python and packages, beside what rolab asks for."""
    try:
        asked, needed = metadata.metadata("rolab"), metadata.requires("rolab") or []
    except metadata.PackageNotFoundError:
        yield Finding("rolab", "not installed", False, INSTALL)
        return
    least = asked["Requires-Python"].removeprefix(">=")
    python = ".".join(map(str, sys.version_info[:3]))
    fresh = _numbers(python) >= _numbers(least)
    yield Finding("Python", python, fresh, "" if fresh else f"rolab needs {least} or newer: install it")
    for requirement in needed:
        name, _, version = requirement.partition(";")[0].strip().partition(">=")
        if name in SHOWN:
            yield _package(name, version)


def _package(name: str, least: str) -> Finding:
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(name, "missing", False, INSTALL)
    new = _numbers(found) >= _numbers(least)
    return Finding(name, found, new, "" if new else f"rolab needs {least} or newer: {INSTALL}")


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, such as 2.14.1+cu130."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def _device() -> Finding:
    """The one that `device="auto"` takes: any will do."""
    device = pick_device("auto")
    cores = os.cpu_count() or 1
    return Finding("device", f"cpu, {cores} core{'s' * (cores > 1)}" if device.type == "cpu" else str(device))


def _shipped() -> Iterator[Finding]:
    """The digits and the networks, each checked by its SHA-256."""
    yield _loaded("MNIST", lambda: f"{len(data.mnist('train')) + len(data.mnist('test')):,} digits, checked")
    yield _loaded("trained networks", lambda: f"{len([zoo.load(name) for name in zoo.names()])}, checked")


def _loaded(what: str, load: Callable[[], str]) -> Finding:
    try:
        return Finding(what, load())
    except (DataError, RecordError) as error:
        return Finding(what, "damaged", False, str(error))


def _cifar10() -> Finding:
    if data.is_fetched():
        return Finding("CIFAR-10", "60,000 images")
    return Finding(
        "CIFAR-10", "an excerpt", None, "enough for 08; `rolab data fetch cifar10` brings the rest"
    )
