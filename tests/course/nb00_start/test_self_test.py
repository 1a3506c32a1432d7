"""The self-test: a tick where all is there, and for each thing that is missing the sentence that mends it."""

import sys
from importlib import metadata

import pytest

from rolab import data, zoo
from rolab.course.nb00_start import self_test as room
from rolab.course.nb00_start.self_test import INSTALL, Finding, SelfTest, self_test
from rolab.errors import DataError, RecordError


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The data and the nets are read elsewhere."""
    monkeypatch.setattr(data, "mnist", lambda split: range(5))
    monkeypatch.setattr(zoo, "load", lambda name: None)


def finding(what):
    (found,) = (each for each in self_test().findings if each.what == what)
    return found


def without(name, monkeypatch, version=None):
    """As if a package were missing, or had another version."""
    true = metadata.version

    def answer(asked):
        if asked != name:
            return true(asked)
        if version is None:
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(metadata, "version", answer)


def test_here_all_is_ready_and_nothing_has_an_advice():
    found = self_test()
    assert found and found.summary == "All is ready."
    assert {"Python", "torch", "ipywidgets", "plotly", "device", "MNIST"} <= {f.what for f in found.findings}
    assert not [each for each in found.findings if each.ok and each.advice]
    assert finding("torch").found == metadata.version("torch")


@pytest.mark.parametrize("name", ["ipywidgets", "plotly", "papermill"])
def test_what_is_missing_is_said_with_what_brings_it(monkeypatch, name):
    without(name, monkeypatch)
    assert finding(name) == Finding(name, "missing", False, INSTALL)
    found = self_test()
    assert not found and found.summary.startswith("1 of ")
    assert f"✗ {name}: missing. pip install" in repr(found)


@pytest.mark.parametrize(("version", "ok"), [("4.9.1", False), ("5.20", True), ("12.0.0rc1", True)])
def test_versions_are_compared_as_numbers(monkeypatch, version, ok):
    without("plotly", monkeypatch, version)
    assert finding("plotly").ok is ok
    assert ("rolab needs 5.20 or newer" in finding("plotly").advice) is not ok


def test_an_old_python(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 18, "final", 0))
    assert finding("Python") == Finding("Python", "3.9.18", False, "rolab needs 3.11 or newer: install it")


def test_rolab_itself_is_not_installed(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "metadata", missing)
    assert finding("rolab").advice == INSTALL


@pytest.mark.parametrize(
    ("room_", "name", "error", "what"),
    [(data, "mnist", DataError, "MNIST"), (zoo, "load", RecordError, "trained networks")],
)
def test_a_damaged_file_is_said_with_its_own_remedy(monkeypatch, room_, name, error, what):
    def damaged(asked):
        raise error("the file is altered; install rolab again")

    monkeypatch.setattr(room_, name, damaged)
    assert finding(what) == Finding(what, "damaged", False, "the file is altered; install rolab again")


def test_cifar10_is_not_needed(monkeypatch):
    monkeypatch.setattr(data, "is_fetched", lambda: False)
    assert finding("CIFAR-10").ok is None and "rolab data fetch cifar10" in finding("CIFAR-10").advice
    assert self_test()


def test_a_device_is_named(monkeypatch):
    import torch

    monkeypatch.setattr(room, "pick_device", lambda asked: torch.device("cuda"))
    assert finding("device").found == "cuda" and finding("device").ok


def test_the_table_is_escaped_and_has_a_mark_in_each_row():
    table = SelfTest([Finding("a <b>", "1 & 2"), Finding("c", "none", False, "get it")])._repr_html_()
    assert "a &lt;b&gt;" in table and "1 &amp; 2" in table
    assert table.count("<tr>") == 2 and table.count("✓") == table.count("✗") == 1
    assert "1 of 2 need your attention." in table
