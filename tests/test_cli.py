"""The command line: what it prints, and that wrong input costs one sentence and the exit status 2."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rolab import cli
from rolab.experiments.tables import table_cells
from rolab.storage import load_result
from rolab.terminal import print_table

COMMAND = [sys.executable, "-m", "rolab.cli"]


def rolab(*arguments, cwd=None, **environment):
    """A process of its own."""
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env={**os.environ, **environment})


@pytest.fixture
def called(monkeypatch, capfd, tmp_path):
    """`main` in this process, for what needs no other: its exit status, what it printed and what it said."""

    def call(*arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["rolab", *map(str, arguments)])
        monkeypatch.setattr(cli, "_obey_signals", lambda: None)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capfd.readouterr()

    return call


def is_one_sentence(said):
    return said.startswith("rolab: ") and said.count("\n") == 1 and "Traceback" not in said


def test_help_tells_the_defaults():
    assert "default: (runs/EXPERIMENT-PRESET)" in " ".join(rolab("reproduce", "--help").stdout.split())


def test_help_lists_the_commands():
    said = rolab("--help")
    assert said.returncode == 0
    for command in ("reproduce", "evaluate", "single-pixel", "data", "zoo", "lab", "course"):
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
        (["single-pixel", "--radius", "nan"], "rolab: radius: expected a finite number above 0, got nan"),
        (["evaluate", "--nets", ""], "rolab: nets: expected distinct nets with commas between, got ''"),
        (["reproduce"], "rolab: Missing argument"),
        (["dance"], "rolab: No such command 'dance'; try rolab --help"),
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


NUMBERS = ["0", "-1", "1.5", "nan", "inf", "1e999", "x", "", "9" * 400, "٣٣٣٣٣"]
WRONG = {  # option or argument → what it may not be
    "reproduce": {
        "": ["", "MNIST", "cifar", "mnist "],
        "--preset": ["", "Fast"],
        "--precision": ["", "float64"],
    }
    | {
        "--seeds": ["", ",", "0,0", "0,-1", "true", "1.5", "0;1", "9" * 30],
        "--device": ["", "abacus", "meta"],
    },
    "evaluate": {"--nets": ["", ",", "baseline,", "baseline,baseline", "../baseline", "nobody"]}
    | {"--examples": NUMBERS, "--seed": NUMBERS[1:], "--device": ["", "abacus", "cuda:99"]},
    "single-pixel": {
        "--nets": ["", ",", "baseline,", "nobody"],
        "--examples": NUMBERS,
        "--device": ["", "abacus"],
    }
    | {"--radius": ["0", "-1", "nan", "inf", "-inf", "1e999", "x", ""]},
    "zoo": {"": ["", "mnist", "../mnist/baseline", "/", "mnist/baseline/", "\\udcff"]},
    "data fetch": {"": ["", "mnist", "cifar"]},
    "lab": {"": ["nowhere", "~nosuchuser", "a" * 5000]},
    "data": {"": ["", "dance"]},
}
NEEDED = {"reproduce": ["mnist"], "data fetch": ["cifar10"]}
PATHS = {"evaluate": "--out", "single-pixel": "--out", "reproduce": "--out", "data fetch": "--cache"}


def vector(command, name, value):
    needed = NEEDED.get(command, []) if name else []
    return [*command.split(), *needed, *([f"{name}={value}"] if name else [value])]


@pytest.mark.parametrize(
    "arguments",
    [vector(c, name, v) for c, options in WRONG.items() for name, values in options.items() for v in values],
    ids=repr,
)
def test_each_wrong_value_of_each_option_costs_one_sentence_and_leaves_nothing(called, tmp_path, arguments):
    status, printed, said = called(*arguments)
    assert (status, printed) == (2, "") and is_one_sentence(said), (printed, said)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["", *WRONG, "data list"])
@pytest.mark.parametrize(
    "extra", [["--speed"], ["--speed=9"], ["-x"], ["a", "b", "c"], ["--out"]], ids=" ".join
)
def test_wrong_usage_of_each_command_costs_one_sentence(called, tmp_path, command, extra):
    status, printed, said = called(*command.split(), *extra)
    assert (status, printed) == (2, "") and is_one_sentence(said), said
    assert "; try rolab" in said or extra == ["--out"]
    assert not list(tmp_path.iterdir())


def bad_paths(folder):
    """Names under which nothing can be written."""
    (folder / "file").write_text("mine")
    (folder / "locked").mkdir(mode=0o500)
    yield from (
        "~nosuchuser/x",
        folder / "file" / "below",
        folder / ("a" * 300),
        "/dev/null/x",
        "/proc/x/y",
    )
    if os.geteuid():
        yield folder / "locked" / "x"


@pytest.mark.parametrize("command", PATHS)
def test_a_place_that_cannot_be_written_costs_one_sentence(called, tmp_path_factory, command):
    more = ["--examples=1", "--nets=baseline"] if "--out" in PATHS[command] and command in WRONG else []
    for path in bad_paths(folder := tmp_path_factory.mktemp("elsewhere")):
        arguments = vector(command, PATHS[command], path) + (more if command != "reproduce" else [])
        status, printed, said = called(*arguments)
        assert status == 2 and is_one_sentence(said), (path, said)
    assert sorted(each.name for each in folder.iterdir()) == ["file", "locked"]


DEEP = "[" * 100_000 + "]" * 100_000
RECORDS = [
    DEEP,
    "{",
    "[]",
    "1",
    "null",
    '"x"',
    "{}",
    '{"identity": 1}',
    '{"identity": {}, "rows": 7}',
    "\\ud800",
    "",
]


@pytest.mark.parametrize("command", ["evaluate", "single-pixel", "reproduce"])
@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record[:24])
def test_a_record_of_another_form_costs_one_sentence_and_is_left_alone(
    called, tmp_path_factory, command, record
):
    out = tmp_path_factory.mktemp("out") / ("experiment.json" if command == "reproduce" else "record.json")
    out.write_text(record)
    place = out.parent if command == "reproduce" else out
    more = [] if command == "reproduce" else ["--examples=1", "--nets=baseline"]
    status, printed, said = called(*vector(command, "--out", place), *more)
    assert (status, printed) == (2, "") and is_one_sentence(said), said
    assert out.read_text() == record


WORDS = st.one_of(
    st.sampled_from(
        [*"reproduce evaluate single-pixel zoo data fetch list lab mnist cifar10 -- - --help -h".split()]
    ),
    st.sampled_from(
        "--preset --seeds --out --device --nets --examples --radius --seed --from --cache".split()
    ),
    st.text(st.characters(exclude_characters="\0"), max_size=8),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS, max_size=5))
def test_any_arguments_end_with_a_known_status_and_at_most_one_sentence(called, tmp_path, arguments):
    """The work itself is replaced by nothing: what comes before it is what is tried."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "rolab.experiments.runner.reproduce", lambda *_, **__: (_ for _ in ()).throw(ValueError("ran"))
        )
        patch.setattr("rolab.cli._load_nets", lambda *_: (_ for _ in ()).throw(ValueError("ran")))
        patch.setattr("rolab.data.fetch_cifar10", lambda *_: None)
        patch.setattr("subprocess.call", lambda *_: 0)
        status, printed, said = called(*arguments)
    assert status == 0 and not said or status == 2 and is_one_sentence(said), (arguments, status, said)
    assert not list(tmp_path.iterdir())


def test_a_tilde_is_a_home_where_the_shell_does_not_see_it(called, tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    (home / "file").write_text("[]")
    for command in PATHS:
        said = called(*vector(command, PATHS[command], "~/file/below"))[2]
        assert str(home / "file") in said and "~" not in said


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8", "koi8-r"])
def test_a_table_survives_every_encoding(encoding):
    """± and ℓ∞ are written as they are or in other words, and never cost the table."""
    script = "from rolab import cli; cli.app = lambda: 0\n"
    script += "import typer; cli.app = typer.Typer()\n@cli.app.command()\ndef f():\n"
    script += "    cli.print_table(['net', 'ε ≤'], [['robust ℓ∞', '98.98 ± 0.05'], ['\\udcff–☃', '1']])\n"
    script += "import sys; sys.argv = ['rolab']; sys.argv[1:] = ['f'][:0] or ['--']\ncli.main()"
    env = {**os.environ, "PYTHONIOENCODING": f"{encoding}:strict"}
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, env=env)
    printed = result.stdout.decode(encoding)
    assert (result.returncode, result.stderr) == (0, b"") and printed.count("\n") == 4
    assert ("robust ℓ∞" if encoding == "utf-8" else "robust linf") in printed
    assert f"98.98 {'+/-' if encoding in ('ascii', 'koi8-r') else '±'} 0.05" in printed


def numbers_of(text):
    return sorted(re.findall(r"\d[\d,.]*", text))


@pytest.mark.parametrize("columns", [1, 20, 40, 79, 80, 200, None])
def test_no_number_is_cut_however_narrow_the_terminal(monkeypatch, capsys, columns):
    result = load_result("mnist")
    monkeypatch.setenv("COLUMNS", str(columns)) if columns else monkeypatch.delenv("COLUMNS", raising=False)
    heads, *rows = table_cells(result)
    print_table(heads, rows)
    printed = capsys.readouterr().out
    assert numbers_of(printed) == sorted(n for row in rows for cell in row for n in numbers_of(cell))
    assert "…" not in printed and all(cell in printed for row in rows for cell in row)
    if columns == 200:
        assert max(map(len, printed.splitlines())) <= 200


def test_nobody_reads_the_output_any_more():
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run([*COMMAND, "zoo"], stdout=writing, stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it")
def test_the_output_goes_to_a_full_disk():
    with open("/dev/full", "w") as full:
        result = subprocess.run([*COMMAND, "zoo"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 2 and is_one_sentence(result.stderr)


def test_the_zoo_is_listed_and_its_cards_shown():
    listing = rolab("zoo")
    assert listing.returncode == 0
    for name in ("mnist/baseline", "mnist/robust-l1", "mnist/robust-l2", "mnist/robust-linf"):
        assert name in listing.stdout
    card = json.loads(rolab("zoo", "mnist/robust-linf").stdout)
    assert card["net"] == "mnist/robust-linf" and len(card["sha256"]) == 64


def shared_memory():
    return set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()


def used(name):
    """Whether a process that lives has it: tests beside this one make semaphores of their own."""
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with suppress(OSError):  # it has ended, or is somebody else's
            if f"/{name}" in maps.read_text():
                return True
    return False


def group_is_gone(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name
)
@pytest.mark.parametrize("to", [os.killpg, os.kill], ids=["to all, as a terminal does", "to the command"])
def test_a_signal_is_answered_with_how_to_go_on(tmp_path, number, to):
    """The workers end, and nothing is left in shared memory."""
    before = shared_memory()
    command = [*COMMAND, "reproduce", "mnist", "--out", "out", "--device", "cpu"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    heard = {"preexec_fn": lambda: signal.signal(number, signal.SIG_DFL)}  # a job's child may be deaf
    with subprocess.Popen(command, cwd=tmp_path, start_new_session=True, **heard, **pipes) as child:
        try:
            while not list(tmp_path.glob("out/seed-0/*/run.json")):
                assert child.poll() is None
                time.sleep(0.05)
            to(child.pid, number)
            printed, said = child.communicate()
            while not group_is_gone(child.pid):
                time.sleep(0.05)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
    assert child.returncode == 128 + number
    by = "" if number == signal.SIGINT else f" by {number.name}"
    assert said.splitlines()[-1] == f"rolab: interrupted{by}; the same command goes on from here"
    assert not re.search("Traceback|leaked|died", said) and printed == ""
    left = {name for name in shared_memory() - before if name.startswith("sem.mp")}
    assert not {name for name in left if not used(name) and name in shared_memory()}


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has none")
def test_what_nohup_ignores_stays_ignored():
    script = "import signal; from rolab import cli; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    script += "cli._obey_signals(); assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN\n"
    script += "assert callable(signal.getsignal(signal.SIGTERM))"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
