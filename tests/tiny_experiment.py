"""A tiny MNIST experiment that trains in seconds, and what several tests ask of the files of a run."""

from hashlib import sha256
from pathlib import Path

from rolab.data import Dataset, cifar10

FIGURES = [
    f"{name}.{kind}"
    for name in ("figure1", "figure2", "figure3", "radius_scaling", "epochs")
    for kind in ("html", "png")
]
SIZES = {"l1": 5, "l2": 6, "linf": 7}
TINY = """
from dataclasses import replace

from rolab.experiments import mnist_experiment
from rolab.training import Recipe

tiny = replace(
    mnist_experiment("fast"),
    recipe=Recipe(epochs=2, batch_size=50),
    examples=1500,
    examples_per_norm={"l1": 5, "l2": 6, "linf": 7},
    radius_grids={
        "l1": (1.0, 2.0, 4.0, 8.0, 16.0), "l2": (0.25, 0.5, 1.0, 2.0), "linf": (0.02, 0.05, 0.1, 0.4)
    },
    epsilons=(0.0, 0.1),
    radius_scales=(1.0, 2.0),
)
"""
_namespace: dict = {}
exec(TINY, _namespace)  # the same text makes a script, for the processes that are killed
tiny = _namespace["tiny"]


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder: when it was changed, and its bytes."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def few_cifar10_images(split: str) -> Dataset:
    """The first 200 of the excerpt."""
    return cifar10(split, excerpt=True)[:200]


def check_a_finished_run(folder):
    """It keeps the weights of the net and nothing of the optimiser, a small part of what training needs."""
    left = {path.name for path in folder.iterdir() if path.suffix != ".lock"}
    assert left == {"evaluation.json", "run.json", "run.before.json", "weights.safetensors"}
    assert (folder / "weights.safetensors").read_bytes() == folder.with_suffix(".safetensors").read_bytes()
    from rolab.storage import read_json

    assert (
        read_json(folder / "run.json")["sha256"]
        == sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    )
