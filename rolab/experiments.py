"""The paper's experiments as data, and the tables made of what was measured (§5).

Every net of a seed has the same architecture, recipe and initialisation and is trained from scratch; only the
uncertainty set differs. `rolab.reproduction` runs them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, stdev
from typing import Any

from rolab.nets import MNIST_STD
from rolab.objectives import Nominal, Objective, Robust
from rolab.runs import Recipe
from rolab.sets import Ball

NORMS = ("l1", "l2", "linf")
NETS = ("baseline", *(f"robust-{norm}" for norm in NORMS))


class InvariantError(AssertionError):
    """Something that must hold of the paper's table does not."""


@dataclass(frozen=True)
class Experiment:
    """One table of the paper: what is trained, how, and on what it is judged. Radii are in pixel units.

    Attributes:
        name: "mnist"
        preset: the name of the preset that set the other fields
        recipe: the same for all nets
        seeds: one initialisation, one collection A and one row of values each
        radii: norm → radius of the ball in training
        sizes: norm → how many examples of A it contributes
        grids: norm → the radii tried, ascending, in the search for A
        epsilons: the ℓ∞ radii of Figure 3
        scales: the factors by which the radii of A grow
        examples: how many training examples are used, from the first on; None is all
    """

    name: str
    preset: str
    recipe: Recipe
    seeds: tuple[int, ...]
    radii: Mapping[str, float]
    sizes: Mapping[str, int]
    grids: Mapping[str, tuple[float, ...]]
    epsilons: tuple[float, ...]
    scales: tuple[float, ...] = (1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0)
    examples: int | None = None

    def objective(self, net: str) -> Objective:
        """Nominal for the baseline, Algorithm 1 with the norm's ball for a robust net."""
        if net == "baseline":
            return Nominal()
        norm = net.removeprefix("robust-")
        return Robust(Ball(norm, self.radii[norm]))

    def radius(self, net: str) -> float | None:
        """The radius with which a net is trained, None for the baseline."""
        return self.radii.get(net.removeprefix("robust-"))

    def identity(self) -> dict[str, Any]:
        """What makes two runs the same experiment: everything but the seeds."""
        record = asdict(self)
        del record["seeds"]
        return _plain(record)


# The paper's numbers (Table 1), in percent.
PAPER = {
    "mnist": {
        "baseline": {"test_accuracy": 99.09, "adversarial_accuracy": 0.0},
        "robust-l1": {"test_accuracy": 99.16, "adversarial_accuracy": 33.83},
        "robust-l2": {"test_accuracy": 99.28, "adversarial_accuracy": 76.55},
        "robust-linf": {"test_accuracy": 99.33, "adversarial_accuracy": 79.96},
    }
}

PRESETS = {
    "fast": (Recipe(epochs=2), (0,)),
    "full": (Recipe(epochs=12), (0, 1, 2, 3, 4)),
    "paper": (
        Recipe(
            epochs=120,
            learning_rate=0.01,
            schedule="constant",
            nesterov=False,
            weight_decay=1e-3,
            shuffle=False,
        ),
        (0,),
    ),
}


def mnist_experiment(preset: str = "fast", seeds: tuple[int, ...] | None = None) -> Experiment:
    """The MNIST experiment: `fast` (minutes), `full` (five seeds) or `paper` (the authors' recipe)."""
    if preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}, expected one of {', '.join(PRESETS)}")
    recipe, usual = PRESETS[preset]
    seeds = usual if seeds is None else tuple(seeds)
    if not seeds or len(set(seeds)) < len(seeds) or any(not isinstance(s, int) or s < 0 for s in seeds):
        raise ValueError(f"seeds is {seeds!r}, expected distinct whole numbers from 0 up")
    # The authors' radii are in standardised units: 2, 2 and 0.2 standard deviations of a pixel.
    radii = {"l1": 2 * MNIST_STD, "l2": 2 * MNIST_STD, "linf": 0.2 * MNIST_STD}
    return Experiment(
        name="mnist",
        preset=preset,
        recipe=recipe,
        seeds=seeds,
        radii=radii,
        sizes={norm: 401 for norm in NORMS},
        grids={
            "l1": tuple(round(0.1 * k, 1) for k in range(1, 301)),
            "l2": tuple(round(0.02 * k, 2) for k in range(1, 501)),
            "linf": tuple(round(0.002 * k, 3) for k in range(1, 501)),
        },
        epsilons=tuple(round(0.02 * k, 2) for k in range(17)),
    )


def _plain(value: Any) -> Any:
    """The value as JSON gives it back: tuples become lists."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean, standard deviation (None for a single value) and the values, one a seed."""
    sd = stdev(values) if len(values) > 1 else None
    return {"mean": mean(values), "sd": sd, "values": list(values)}


def table(
    experiment: Experiment, records: Sequence[Mapping], made_on: Mapping, seconds: float
) -> dict[str, Any]:
    """The results of an experiment, from one record a seed, as they are written to `table1.json`."""

    def curve(net: str, name: str) -> dict[str, list]:
        points = [spread(values) for values in zip(*(r["nets"][net][name] for r in records), strict=True)]
        return {"mean": [point["mean"] for point in points], "sd": [point["sd"] for point in points]}

    def row(net: str) -> dict[str, Any]:
        measured = [record["nets"][net] for record in records]
        return {
            "net": net,
            "radius": experiment.radius(net),
            "test_accuracy": spread([m["test_accuracy"] for m in measured]),
            "adversarial_accuracy": spread([m["adversarial_accuracy"] for m in measured]),
            "mcnemar": None if net == "baseline" else [m["mcnemar"] for m in measured],
            "training_seconds": spread([m["seconds"] for m in measured]),
        }

    return {
        "experiment": experiment.name,
        "preset": experiment.preset,
        "seeds": list(experiment.seeds),
        "recipe": asdict(experiment.recipe),
        "rows": [row(net) for net in NETS],
        "collection": {
            "size": records[0]["size"],
            "sizes": dict(experiment.sizes),
            "radii": {norm: spread([record["radii"][norm] for record in records]) for norm in NORMS},
        },
        "growth": {
            "scale": list(experiment.scales),
            "accuracy": {net: curve(net, "growth") for net in NETS},
        },
        "figure3": {
            "epsilon": list(experiment.epsilons),
            "accuracy": {net: curve(net, "sweep") for net in NETS},
        },
        "epochs": {net: curve(net, "epochs") for net in NETS},
        "environment": dict(made_on),
        "seconds": seconds,
    }


TITLES = {
    "baseline": "baseline",
    "robust-l1": "robust ℓ1",
    "robust-l2": "robust ℓ2",
    "robust-linf": "robust ℓ∞",
}


def figures_of(row: Mapping, paper: Mapping) -> list[str]:
    """A row of the table as text: net, radius, test and A as we and the paper have them, McNemar's p."""

    def shown(value: Mapping) -> str:
        return f"{value['mean']:.2f}" + (f" ± {value['sd']:.2f}" if value["sd"] is not None else "")

    published = paper[row["net"]]
    return [
        TITLES[row["net"]],
        "–" if row["radius"] is None else f"{row['radius']:.3f}",
        shown(row["test_accuracy"]),
        f"{published['test_accuracy']:.2f}",
        shown(row["adversarial_accuracy"]),
        f"{published['adversarial_accuracy']:.2f}",
        "–" if row["mcnemar"] is None else ", ".join(f"{test['p']:.2g}" for test in row["mcnemar"]),
    ]


COLUMNS = ("net", "radius", "test %", "paper", "on A %", "paper", "McNemar's p")


def markdown(result: Mapping) -> str:
    """The table as Markdown, the paper's figures beside ours, with what it was made of below."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    lines += [
        "| " + " | ".join(figures_of(row, PAPER[result["experiment"]])) + " |" for row in result["rows"]
    ]
    return "\n".join([*lines, "", caption(result), ""])


def caption(result: Mapping) -> str:
    """What a reader must know to read the table: seeds, recipe, the collection, machine and time."""
    seeds, recipe, made_on = result["seeds"], result["recipe"], result["environment"]
    radii = ", ".join(
        f"{norm.replace('l', 'ℓ', 1).replace('inf', '∞')} "
        + ("/".join(f"{radius:g}" for radius in dict.fromkeys(values["values"])))
        for norm, values in result["collection"]["radii"].items()
    )
    which = f"seeds {', '.join(map(str, seeds))}, mean ± standard deviation"
    return (
        f"Preset `{result['preset']}`: {which if len(seeds) > 1 else f'seed {seeds[0]}'}, {recipe['epochs']} "
        f"epoch{'s' * (recipe['epochs'] > 1)}; radii in pixel units, pixels in [0, 1]. "
        f"A: {result['collection']['size']} examples, anew from the baseline of each seed, radii {radii}. "
        f"McNemar's exact test compares a net with the baseline on the test images, one p a seed. "
        f"Made on {made_on['processor']}, {made_on['cores']} cores, {made_on['system']}, "
        f"torch {made_on['torch']}, in {result['seconds'] / 60:.0f} minutes."
    )
