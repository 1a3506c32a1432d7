"""The figures of the paper, from what the experiments measured. `rolab.figures` tells what a figure can do.

    plots.figure3(table)                                    # in a notebook
    plots.draw("runs/mnist", table, collection, predicted)  # all of them, as .html and .png

`table` is what `experiments.table` gives, `collection` the paper's A.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from rolab.data import CIFAR10_CLASSES, MNIST_CLASSES
from rolab.evaluation import Collection
from rolab.experiments import NETS, PAPER, SWEEPS
from rolab.figures import Curves, Figure, style
from rolab.pictures import Pictures, Row


def figure1(collection: Collection, predicted: Tensor, count: int = 8) -> Pictures:
    """Figure 1: one pixel is enough. Single-pixel examples of the collection, the first of each true class.

    Args:
        collection: A, as `evaluation.adversarial_collection` gives it
        predicted: what the network makes of each of its examples, (len(collection),)
        count: how many pairs
    """
    chosen = _first_of_each_class(collection, "l1", count)
    read = [_turns(collection, predicted, k) for k in chosen]
    return Pictures(
        title=f"One pixel is enough: this {read[0].replace(' → ', ' is read as ')}",
        rows=_pair(collection, predicted, chosen, "l1"),
        alt=f"{len(chosen)} digits, and below them the same with one pixel changed, circled. "
        f"The network reads them as {', '.join(read)}. A pixel below 0 is purple, one above 1 orange.",
    )


def figure2(
    collection: Collection, predicted: Tensor, count: int = 8, classes: Sequence[int | str] = MNIST_CLASSES
) -> Pictures:
    """Figure 2: a sample of the collection from every norm, the first of each true class.

    Args:
        collection: A
        predicted: what the network makes of each of its examples, (len(collection),)
        count: how many pairs
        classes: their names
    """
    chosen = {norm: _first_of_each_class(collection, norm, count) for norm in collection.radii}
    return Pictures(
        title="In every norm a small step along the gradient changes the answer",
        rows=[
            row
            for norm, k in chosen.items()
            for row in _pair(collection, predicted, k, norm, classes=classes)
        ],
        alt="Images, and below them their adversarial examples. "
        + " ".join(
            f"{style(norm).label}: {', '.join(_turns(collection, predicted, i, classes) for i in k)}."
            for norm, k in chosen.items()
        ),
    )


def figure4(collection: Collection, predicted: Tensor, count: int = 5) -> Pictures:
    """Figure 4: the same of photographs, fewer in a row, as their classes have long names."""
    return figure2(collection, predicted, count, CIFAR10_CLASSES)


def _first_of_each_class(collection: Collection, norm: str, count: int) -> list[int]:
    first: dict[int, int] = {}
    for k, name in enumerate(collection.names):
        if name == norm:
            first.setdefault(int(collection.sources.labels[k]), k)
    return sorted(first.values(), key=lambda k: int(collection.sources.labels[k]))[:count]


def _turns(
    collection: Collection, predicted: Tensor, k: int, classes: Sequence[int | str] = MNIST_CLASSES
) -> str:
    return f"{classes[int(collection.sources.labels[k])]} → {classes[int(predicted[k])]}"


def _only_pixel(perturbation: Tensor) -> tuple[int, int] | None:
    """The (row, column) of the one pixel that is changed, None if there are more."""
    places = perturbation.abs().amax(0).nonzero().tolist()
    return (places[0][0], places[0][1]) if len(places) == 1 else None


def _pair(
    collection: Collection,
    predicted: Tensor,
    chosen: list[int],
    norm: str,
    classes: Sequence[int | str] = MNIST_CLASSES,
) -> list[Row]:
    """Originals, and below them what the norm made of them; a pixel that alone is changed is circled."""
    radius = f"{style(norm).label}, radius {collection.radii[norm]:g}"
    heading = f"{radius} (pixels are in [0, 1]; below it purple, above it orange)"
    captions = [_turns(collection, predicted, k, classes) for k in chosen]
    original, changed = collection.sources.images[chosen], collection.examples().images[chosen]
    return [
        Row(original, "original", heading=heading),
        Row(changed, "adversarial", captions, [_only_pixel(collection.perturbation[k]) for k in chosen]),
    ]


def figure3(table: Mapping[str, Any]) -> Curves:
    """Figures 3 and 6: accuracy against ε, every net under its own fast gradient sign attack."""
    sweep = table[SWEEPS[table["experiment"]]]
    epsilon, curves = sweep["epsilon"], sweep["accuracy"]
    at = len(epsilon) // 3
    said = f"At ε = {epsilon[at]:g}, {_compared({net: curve['mean'][at] for net, curve in curves.items()})}"
    return _curves(table, said, epsilon, curves, "ε, the ℓ∞ radius (pixels are in [0, 1])", y_range=(0, 101))


def growth(table: Mapping[str, Any]) -> Curves:
    """Accuracy on A as its radii grow: is Table 1 more than a matter of small steps?"""
    scale, curves = table["growth"]["scale"], table["growth"]["accuracy"]
    said = (
        f"With {scale[-1]:g} times the radii {_compared({net: c['mean'][-1] for net, c in curves.items()})}"
    )
    paper = {net: (scale[0], row["adversarial_accuracy"]) for net, row in PAPER[table["experiment"]].items()}
    return _curves(
        table, said, scale, curves, "the radii of A, as a multiple", paper=paper, y_range=(-2, 101)
    )


def epochs(table: Mapping[str, Any]) -> Curves:
    """Test accuracy after every epoch; the paper's final accuracies stand at the end."""
    curves = table["epochs"]
    count = len(curves["baseline"]["mean"])
    said = f"After {count} epochs {_compared({net: curve['mean'][-1] for net, curve in curves.items()}, 2)}"
    paper = {net: (count, row["test_accuracy"]) for net, row in PAPER[table["experiment"]].items()}
    return _curves(table, said, list(range(1, count + 1)), curves, "epoch", paper=paper)


def _compared(accuracies: Mapping[str, float], digits: int = 0) -> str:
    """The message of most figures: the baseline's accuracy and that of the best robust net."""
    best = max(NETS[1:], key=lambda net: accuracies[net])
    ours, theirs = f"{accuracies['baseline']:.{digits}f}", f"{accuracies[best]:.{digits}f}"
    return f"the baseline is right on {ours} %, the {style(best).label} net on {theirs} %"


def _curves(
    table: Mapping[str, Any], title: str, x: Sequence[float], curves: Mapping, x_title: str, **more: Any
) -> Curves:
    seeds = len(table["seeds"])
    alone = [net for net in NETS if seeds > 1 and None in curves[net]["sd"]]
    return Curves(
        title,
        x,
        {net: curves[net]["mean"] for net in NETS},
        x_title,
        "accuracy in %",
        {net: curves[net]["sd"] for net in NETS},
        alt=f"{title}. Accuracy in percent against {x_title}, "
        + (f"mean of {seeds} seeds with a bar of one standard deviation" if seeds > 1 else "one seed")
        + (f" (no bar: one seed, {', '.join(style(net).label for net in alone)})." if alone else ".")
        + " Hollow markers: the paper." * ("paper" in more),
        **more,
    )


def draw(out: str | Path, table: Mapping[str, Any], collection: Collection, predicted: Tensor) -> None:
    """Writes the paper's figures of an experiment, and how A's radii grow: each as .html and .png.

    Args:
        out: the folder
        table: as `experiments.table` gives it
        collection: A of the first seed
        predicted: what that seed's baseline makes of each example of A, (len(collection),)
    """
    figures: dict[str, Figure] = {"growth": growth(table), SWEEPS[table["experiment"]]: figure3(table)}
    if table["experiment"] == "mnist":
        figures |= {"figure1": figure1(collection, predicted), "figure2": figure2(collection, predicted)}
        figures |= {"epochs": epochs(table)}
    else:
        figures |= {
            "figure4": figure4(collection, predicted),
            "figure5": epochs(table),
        }
    for name, figure in figures.items():
        figure.html(Path(out) / f"{name}.html")
        figure.png(Path(out) / f"{name}.png")
