"""The command line: what it prints, and that wrong input costs one sentence and the exit status 2."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest


def rolab(*arguments, cwd=None):
    command = [sys.executable, "-m", "rolab.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def test_help_tells_the_defaults():
    assert "default: (runs/EXPERIMENT-PRESET)" in " ".join(rolab("reproduce", "--help").stdout.split())


def test_help_lists_the_commands():
    said = rolab("--help")
    assert said.returncode == 0
    for command in ("reproduce", "evaluate", "single-pixel", "data", "zoo", "lab"):
        assert command in said.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["reproduce", "cifar"], "rolab: experiment is 'cifar', expected one of mnist, cifar10"),
        (
            ["reproduce", "mnist", "--preset", "slow"],
            "rolab: preset is 'slow', expected one of fast, full, paper",
        ),
        (["reproduce", "mnist", "--seeds", "0,x"], "rolab: seeds is '0,x', expected whole numbers"),
        (["reproduce", "mnist", "--seeds", "1,1"], "rolab: seeds is (1, 1), expected distinct whole numbers"),
        (
            ["reproduce", "mnist", "--device", "abacus"],
            "rolab: device is 'abacus', which this machine does not have",
        ),
        (
            ["reproduce", "cifar10", "--precision", "half"],
            "rolab: precision is 'half', expected one of float32, bfloat16",
        ),
        (["zoo", "mnist/nobody"], "rolab: name is 'mnist/nobody', expected one of mnist/baseline"),
        (["evaluate", "--examples", "0"], "rolab: examples: expected 1 to 10000, got 0"),
        (["evaluate", "--nets", "nobody"], "rolab: name is 'mnist/nobody', expected one of mnist/baseline"),
        (["evaluate", "--device", "abacus"], "rolab: device is 'abacus', which this machine does not have"),
        (["single-pixel", "--examples", "10001"], "rolab: examples: expected 1 to 10000, got 10001"),
        (["lab", "nowhere"], "rolab: folder nowhere does not exist"),
    ],
)
def test_wrong_input_gets_one_sentence(arguments, sentence, tmp_path):
    said = rolab(*arguments, cwd=tmp_path)
    assert said.returncode == 2
    assert said.stderr.startswith(sentence)
    assert len(said.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())  # nothing half-written


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    said = rolab("reproduce", "mnist", "--out", tmp_path)
    assert said.returncode == 2
    assert said.stderr.startswith(f"rolab: {tmp_path} holds something else and no experiment")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    said = rolab("reproduce", "mnist", "--out", tmp_path / "file" / "below")
    assert said.returncode == 2
    assert said.stderr.startswith("rolab: cannot write") and len(said.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["reproduce"], ["reproduce", "mnist", "--speed", "9"], ["dance"]])
def test_usage_errors_exit_with_2(arguments):
    assert rolab(*arguments).returncode == 2


def test_the_zoo_is_listed_and_its_cards_shown():
    listing = rolab("zoo")
    assert listing.returncode == 0
    for name in ("mnist/baseline", "mnist/robust-l1", "mnist/robust-l2", "mnist/robust-linf"):
        assert name in listing.stdout
    card = json.loads(rolab("zoo", "mnist/robust-linf").stdout)
    assert card["net"] == "mnist/robust-linf" and len(card["sha256"]) == 64


@pytest.mark.slow
def test_ctrl_c_is_answered_with_how_to_go_on(tmp_path):
    """As a terminal sends it: to the command and to all of its workers."""
    command = [sys.executable, "-m", "rolab.cli", "reproduce", "mnist", "--out", "out", "--device", "cpu"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}  # a job's child may be deaf
    with subprocess.Popen(command, cwd=tmp_path, start_new_session=True, **heard, **pipes) as child:
        try:
            while not list(tmp_path.glob("out/seed-0/*/run.json")):
                assert child.poll() is None
                time.sleep(0.05)
            os.killpg(child.pid, signal.SIGINT)
            printed, said = child.communicate()
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
    assert child.returncode == 130
    assert said.splitlines()[-1] == "rolab: interrupted; the same command goes on from here"
    assert "Traceback" not in said
    assert printed == ""
