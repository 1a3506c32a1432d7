"""The figures of the paper, from what the experiments measured. `rolab.plotting` tells what a figure can do.

    accuracy_vs_epsilon(table)                              # in a notebook
    draw("runs/mnist", experiment, table, A, predicted)     # all of an experiment, as .html and .png

`table` is what `experiments.table` gives, A the paper's collection. Of a table alone the experiment is known
where it is one of the paper's.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from rolab.data import MNIST_CLASSES
from rolab.evaluation import Collection
from rolab.experiments.catalogue import experiment_of
from rolab.experiments.spec import Experiment
from rolab.plotting.curves import Curves
from rolab.plotting.figure import Figure
from rolab.plotting.image_grid import ImageGrid, ImageRow
from rolab.plotting.style import style
from rolab.storage import user_path

Classes = Sequence[int | str]  # the names of the labels


def single_pixel_examples(
    collection: Collection, predicted: Tensor, count: int = 8, classes: Classes = MNIST_CLASSES
) -> ImageGrid:
    """Figure 1: one pixel is enough. Single-pixel examples of the collection, the first of each true class.

    Args:
        collection: A, as `evaluation.adversarial_collection` gives it
        predicted: what the network makes of each of its examples, (len(collection),)
        count: how many pairs
        classes: the names of the labels
    """
    chosen = _first_of_each_class(collection, "l1", count)
    read = [_turns(collection, predicted, k, classes) for k in chosen]
    return ImageGrid(
        title=f"One pixel is enough: this {read[0].replace(' → ', ' is read as ')}",
        rows=_pair(collection, predicted, chosen, "l1", classes),
        alt=f"{len(chosen)} digits, and below them the same with one pixel changed, circled. "
        f"The network reads them as {', '.join(read)}. A pixel below 0 is purple, one above 1 orange.",
    )


def adversarial_examples(
    collection: Collection, predicted: Tensor, count: int | None = None, classes: Classes = MNIST_CLASSES
) -> ImageGrid:
    """Figures 2 and 4: a sample of the collection from every norm, the first of each true class.

    The arguments are those of `single_pixel_examples`; of pairs there are 8, or 5 where classes have long
    names, if `count` is left out.
    """
    count = count or (8 if max(len(str(name)) for name in classes) < 3 else 5)
    chosen = {norm: _first_of_each_class(collection, norm, count) for norm in collection.radii}
    return ImageGrid(
        title="In every norm a small step along the gradient changes the answer",
        rows=[row for norm, k in chosen.items() for row in _pair(collection, predicted, k, norm, classes)],
        alt="Images, and below them their adversarial examples. "
        + " ".join(
            f"{style(norm).label}: {', '.join(_turns(collection, predicted, i, classes) for i in k)}."
            for norm, k in chosen.items()
        ),
    )


def _first_of_each_class(collection: Collection, norm: str, count: int) -> list[int]:
    first: dict[int, int] = {}
    for k, name in enumerate(collection.names):
        if name == norm:
            first.setdefault(int(collection.sources.labels[k]), k)
    return [first[label] for label in sorted(first)][:count]


def _turns(collection: Collection, predicted: Tensor, k: int, classes: Classes) -> str:
    return f"{classes[int(collection.sources.labels[k])]} → {classes[int(predicted[k])]}"


def _only_pixel(perturbation: Tensor) -> tuple[int, int] | None:
    """The (row, column) of the one pixel that is changed, None if there are more."""
    places = perturbation.abs().amax(0).nonzero().tolist()
    return (places[0][0], places[0][1]) if len(places) == 1 else None


def _pair(
    collection: Collection, predicted: Tensor, chosen: list[int], norm: str, classes: Classes
) -> list[ImageRow]:
    """Originals, and below them what the norm made of them; a pixel that alone is changed is circled."""
    radius = f"{style(norm).label}, radius {collection.radii[norm]:g}"
    heading = f"{radius} (pixels are in [0, 1]; below it purple, above it orange)"
    captions = [_turns(collection, predicted, k, classes) for k in chosen]
    original, changed = collection.sources.images[chosen], collection.examples().images[chosen]
    circles = [_only_pixel(collection.perturbation[k]) for k in chosen]
    above = ImageRow(original, "original", heading=heading)
    return [above, ImageRow(changed, "adversarial", captions, circles)]


def accuracy_vs_epsilon(table: Mapping[str, Any], experiment: Experiment | None = None) -> Curves:
    """Figures 3 and 6: accuracy against ε, every net under its own fast gradient sign attack."""
    sweep, shown = table["accuracy_vs_epsilon"], experiment or experiment_of(table)
    epsilon, curves = sweep["epsilon"], sweep["accuracy"]
    at = len(epsilon) // 3
    said = f"At ε = {epsilon[at]:g}, {_compared(shown, curves, at)}"
    x_title = "ε, the ℓ∞ radius (pixels are in [0, 1])"
    return _curves(table, shown, said, epsilon, curves, x_title, y_range=(0, 101))


def radius_scaling(table: Mapping[str, Any], experiment: Experiment | None = None) -> Curves:
    """Accuracy on A as its radii grow: is Table 1 more than a matter of small steps?"""
    shown = experiment or experiment_of(table)
    scale, curves = table["radius_scaling"]["scale"], table["radius_scaling"]["accuracy"]
    said = f"With {scale[-1]:g} times the radii {_compared(shown, curves, -1)}"
    paper = _paper(shown, scale[0], "adversarial_accuracy")
    x_title = "the radii of A, as a multiple"
    return _curves(table, shown, said, scale, curves, x_title, paper=paper, y_range=(-2, 101))


def accuracy_by_epoch(table: Mapping[str, Any], experiment: Experiment | None = None) -> Curves:
    """Test accuracy after every epoch, of the nets with as many as the baseline; at the end the paper's."""
    shown = experiment or experiment_of(table)
    count = len(table["epochs"][shown.baseline]["mean"])
    curves = {net: curve for net, curve in table["epochs"].items() if len(curve["mean"]) == count}
    said = f"After {count} epochs {_compared(shown, curves, -1, 2)}"
    paper = _paper(shown, count, "test_accuracy")
    return _curves(table, shown, said, list(range(1, count + 1)), curves, "epoch", paper=paper)


def _paper(experiment: Experiment, x: float, column: str) -> dict[str, tuple[float, float]]:
    """The paper's numbers, all at the same place."""
    return {name: (x, net.paper[column]) for name, net in experiment.nets.items() if net.paper}


def _compared(experiment: Experiment, curves: Mapping[str, Any], at: int, digits: int = 0) -> str:
    """The message of most figures: the accuracies, at one place, of the baseline and the best robust net."""
    accuracies = {net: curves[net]["mean"][at] for net in experiment.main_nets if net in curves}
    first, *robust = accuracies
    best = max(robust, key=accuracies.__getitem__)
    ours, theirs = (f"{accuracies[net]:.{digits}f}" for net in (first, best))
    names = [experiment.nets[net].title for net in (first, best)]
    return f"the {names[0]} is right on {ours} %, the {names[1]} net on {theirs} %"


def _curves(
    table: Mapping, experiment: Experiment, title: str, x: Sequence, curves: Mapping, axis: str, **more: Any
) -> Curves:
    """The curves of the main nets."""
    seeds, nets = len(table["seeds"]), [net for net in experiment.main_nets if net in curves]
    alone = [experiment.nets[net].title for net in nets if seeds > 1 and None in curves[net]["sd"]]
    means, sds = ({net: curves[net][key] for net in nets} for key in ("mean", "sd"))
    alt = f"{title}. Accuracy in percent against {axis}, "
    alt += f"mean of {seeds} seeds with a bar of one standard deviation" if seeds > 1 else "one seed"
    alt += f" (no bar: one seed, {', '.join(alone)})." if alone else "."
    alt += " Hollow markers: the paper." * ("paper" in more)
    return Curves(title, x, means, axis, "accuracy in %", sds, alt=alt, styles=experiment.styles, **more)


Drawing = Callable[[Experiment, Mapping[str, Any], Collection, Tensor], Figure]
DRAWINGS: Mapping[str, Drawing] = {  # what `Experiment.figures` may name
    "single-pixel examples": lambda e, _, A, seen: single_pixel_examples(A, seen, classes=e.classes),
    "adversarial examples": lambda e, _, A, seen: adversarial_examples(A, seen, classes=e.classes),
    "accuracy against ε": lambda e, table, *_: accuracy_vs_epsilon(table, e),
    "accuracy as A grows": lambda e, table, *_: radius_scaling(table, e),
    "accuracy by epoch": lambda e, table, *_: accuracy_by_epoch(table, e),
}


def draw(
    out: str | Path, experiment: Experiment, table: Mapping, collection: Collection, predicted: Tensor
) -> None:
    """Writes the figures of an experiment, each as .html and .png.

    Args:
        out: the folder
        experiment: which figures, under which names
        table: as `experiments.table` gives it
        collection: A of the first seed
        predicted: what that seed's baseline makes of each example of A, (len(collection),)
    """
    for name, kind in experiment.figures.items():
        figure = DRAWINGS[kind](experiment, table, collection, predicted)
        figure.html(user_path(out) / f"{name}.html")
        figure.png(user_path(out) / f"{name}.png")
