"""The command line: `rolab reproduce | census | zoo | lab`. Wrong input: one sentence and exit status 2."""

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Robust optimisation, from linear programs to neural networks.",
)


@app.command()
def reproduce(
    experiment: Annotated[str, typer.Argument(help="What to reproduce: mnist (Table 1, Figures 1–3).")],
    preset: Annotated[
        str, typer.Option(help="fast (minutes), full (five seeds, about an hour) or paper.")
    ] = "fast",
    seeds: Annotated[str | None, typer.Option(help="Seeds, such as 0,1,2; by default the preset's.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results [default: runs/EXPERIMENT-PRESET].")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Train the nets of a table of the paper, and print the table with the paper's figures beside it.

    Run again with the same folder, it goes on where it stopped.
    """
    from rolab.experiments import mnist_experiment

    if experiment != "mnist":
        raise ValueError(f"experiment is {experiment!r}, expected mnist")
    plan = mnist_experiment(preset, None if seeds is None else _numbers(seeds))
    folder = out or Path("runs") / f"{experiment}-{preset}"

    from rolab.reproduction import reproduce as run

    try:
        result = run(plan, folder, device=device)
    except KeyboardInterrupt:
        print("rolab: interrupted; the same command goes on from here", file=sys.stderr)
        raise typer.Exit(130) from None
    show(result)
    print(f"\nThe table, the figures and the nets are in {folder}.")


@app.command()
def census(
    nets: Annotated[str, typer.Option(help="Networks, such as baseline,robust-linf.")] = "baseline",
    radius: Annotated[
        float | None, typer.Option(help="Count also what a change by so much does, out of [0, 1] too.")
    ] = None,
    digits: Annotated[int, typer.Option(help="So many test digits, from the first on.")] = 10_000,
    out: Annotated[Path, typer.Option(help="The file of the record.")] = Path("runs/single_pixel.json"),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Count the digits that one pixel has misread: by one gradient step, and by trying every pixel.

    Run again with the same file, it goes on where it stopped.
    """
    from rolab import census as counting
    from rolab import data
    from rolab import zoo as shelf
    from rolab.training import pick_device

    if not 1 <= digits <= 10_000:
        raise ValueError(f"digits: expected 1 to 10000, got {digits}")
    place = pick_device(device)
    models = {name: shelf.load(f"mnist/{name}").to(place) for name in nets.split(",")}
    radii = {"within [0, 1]": None} | ({} if radius is None else {f"by {radius:g}": radius})
    try:
        record = counting.census(models, data.mnist("test")[:digits], out, radii)
    except KeyboardInterrupt:
        print("rolab: interrupted; the same command goes on from here", file=sys.stderr)
        raise typer.Exit(130) from None
    from rolab.figures import Table

    print(Table(counting.table(record)))
    print(f"\nThe record is {out}.")


@app.command()
def zoo(name: Annotated[str | None, typer.Argument(help="A network, to see its card.")] = None) -> None:
    """List the trained networks that ship with the package, or show the card of one."""
    import json

    from rolab import zoo as shelf

    if name is not None:
        print(json.dumps(shelf.card(name), indent=1, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    listing = Table("name", "objective", "test %", "on A %", "parameters")
    for each in shelf.names():
        card = shelf.card(each)
        figures = [f"{card[key]:.2f}" for key in ("test_accuracy", "adversarial_accuracy")]
        listing.add_row(each, card["objective"], *figures, f"{card['parameters']:,}")
    Console().print(listing)


@app.command()
def lab(
    folder: Annotated[
        Path | None, typer.Argument(help="The notebooks [default: those of this checkout].")
    ] = None,
) -> None:
    """Open the course in JupyterLab."""
    import subprocess

    notebooks = folder or Path(__file__).parent.parent / "notebooks"
    if not notebooks.is_dir():
        raise ValueError(
            f"folder {notebooks} does not exist; the notebooks come with a clone of the repository"
        )
    try:
        import jupyterlab  # noqa: F401
    except ImportError as error:
        raise ValueError("JupyterLab is not installed; pip install 'rolab[course]' brings it") from error
    raise SystemExit(subprocess.call([sys.executable, "-m", "jupyterlab", f"--notebook-dir={notebooks}"]))


def show(result: dict) -> None:
    """Print a result's table, ours beside the paper's."""
    from rich.console import Console
    from rich.table import Table

    from rolab.experiments import COLUMNS, PAPER, caption, figures_of

    printed = Table(*COLUMNS)
    for row in result["rows"]:
        printed.add_row(*figures_of(row, PAPER[result["experiment"]]))
    console = Console()
    console.print(printed)
    console.print(caption(result), highlight=False)


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"seeds is {text!r}, expected whole numbers with commas between, such as 0,1,2"
        ) from None


def main() -> None:
    """The entry point: runs a command; bad input becomes one sentence and exit status 2."""
    try:
        app()
    except ValueError as error:
        print(f"rolab: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except AssertionError as error:
        print(f"rolab: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
