"""The paper's experiments as data, and the tables made of what was measured (§5).

Every net of a seed has the same architecture, recipe and initialisation and is trained from scratch; only the
uncertainty set differs. `rolab.reproduction` runs them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import mean, stdev
from typing import Any, Literal

import torch

from rolab import data
from rolab.data import Dataset
from rolab.nets import MNIST_STD
from rolab.objectives import Augmented, Nominal, Objective, Robust
from rolab.sets import Ball
from rolab.training.devices import multiplies_bfloat16
from rolab.training.recipe import Recipe

NORMS = ("l1", "l2", "linf")
NETS = ("baseline", *(f"robust-{norm}" for norm in NORMS))
AUGMENTED = "-augmented"  # ends the name of a net that is trained with flips and shifts
LONGER = "baseline-longer"  # a baseline that takes as long as a robust net, with more epochs


TABLES = {"mnist": "table1", "cifar10": "table2"}  # what the paper calls an experiment's table
SWEEPS = {"mnist": "figure3", "cifar10": "figure6"}  # and the figure of accuracy against ε


class InvariantError(AssertionError):
    """Something that must hold of the paper's table does not."""


@dataclass(frozen=True)
class Experiment:
    """One table of the paper: what is trained, how, and on what it is judged. Radii are in pixel units.

    Attributes:
        name: "mnist" or "cifar10", the data as `rolab.data` calls them
        preset: the name of the preset that set the other fields
        recipe: the same for all nets
        seeds: one initialisation, one collection A and one row of values each
        radii: norm → radius of the ball in training
        sizes: norm → how many examples of A it contributes
        grids: norm → the radii tried, ascending, in the search for A
        epsilons: the ℓ∞ radii of Figure 3
        scales: the factors by which the radii of A grow
        examples: how many training examples are used, from the first on; None is all
        architecture: the name of a network of `rolab.nets`
        smoothing: of the labels in the loss that is descended
        excerpt: whether the images that ship with the package are enough
        augmented: which nets are trained once more, with flips and shifts
        repeated: which nets are trained with every seed and not with the first alone; None is all
        longer: the epochs in which one more baseline takes as long as a robust net; None is no such net
        stored: the precision of the weights of a finished net, to which they are rounded before it is judged
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
    architecture: str = "ConvNet"
    smoothing: float = 0.0
    excerpt: bool = False
    augmented: tuple[str, ...] = ()
    repeated: tuple[str, ...] | None = None
    longer: int | None = None
    stored: Literal["float32", "float16"] = "float32"

    @property
    def nets(self) -> tuple[str, ...]:
        """The names of all nets: the four of the paper, the longer baseline, those with augmentation."""
        longer = (LONGER,) if self.longer else ()
        return (*NETS, *longer, *(f"{net}{AUGMENTED}" for net in self.augmented))

    def nets_of(self, seed: int) -> tuple[str, ...]:
        """The nets that are trained with a seed."""
        return self.nets if self.repeated is None or seed == self.seeds[0] else self.repeated

    def images(self, split: Literal["train", "test"]) -> Dataset:
        """The images that the nets are trained on, or judged on."""
        whole = data.mnist(split) if self.name == "mnist" else data.cifar10(split, excerpt=self.excerpt)
        return whole[: self.examples] if split == "train" else whole

    def objective(self, net: str) -> Objective:
        """Nominal for the baseline, Algorithm 1 with the norm's ball for a robust net."""
        radius = self.radius(net)
        objective: Objective = Nominal(self.smoothing)
        if radius is not None:
            objective = Robust(Ball(_norm(net), radius), smoothing=self.smoothing)
        return Augmented(objective) if net.endswith(AUGMENTED) else objective

    def recipe_of(self, net: str) -> Recipe:
        """The recipe; more epochs for the longer baseline."""
        longer = self.longer if net == LONGER else None
        return replace(self.recipe, epochs=longer) if longer else self.recipe

    def on(self, device: str | torch.device, precision: str | None = None) -> "Experiment":
        """The experiment in this precision; None: the recipe's, or float32 where a device lacks bfloat16."""
        if precision is None:
            precision = self.recipe.precision if multiplies_bfloat16(device) else "float32"
        return replace(self, recipe=replace(self.recipe, precision=precision))

    def radius(self, net: str) -> float | None:
        """The radius with which a net is trained, None for a baseline."""
        return self.radii.get(_norm(net))

    def opponents(self, net: str) -> dict[str, str]:
        """With which nets McNemar's test compares a net: name of the test → net. None for the baseline.

        With flips and shifts it is the baseline that has them too; a robust net meets the longer baseline as
        well.
        """
        augmented = f"baseline{AUGMENTED}"
        if net.endswith(AUGMENTED):
            return {"mcnemar": augmented if net != augmented and augmented in self.nets else "baseline"}
        met = {} if net == "baseline" else {"mcnemar": "baseline"}
        return met | ({"against_longer": LONGER} if self.longer and self.radius(net) is not None else {})

    def without_rivals(self) -> "Experiment":
        """The experiment with the paper's nets only. A folder that holds it can take the rivals up later."""
        return replace(self, longer=None, augmented=())

    def identity(self) -> dict[str, Any]:
        """What makes two runs the same experiment: everything but which nets there are, of which seeds."""
        record = asdict(self)
        for which in ("seeds", "longer", "augmented", "repeated"):
            del record[which]
        return _plain(record)


def _norm(net: str) -> str:
    """The norm in the name of a robust net; of a baseline its name."""
    return net.removesuffix(AUGMENTED).removeprefix("robust-")


# The paper's numbers (Tables 1 and 2), in percent.
PAPER = {
    "mnist": {
        "baseline": {"test_accuracy": 99.09, "adversarial_accuracy": 0.0},
        "robust-l1": {"test_accuracy": 99.16, "adversarial_accuracy": 33.83},
        "robust-l2": {"test_accuracy": 99.28, "adversarial_accuracy": 76.55},
        "robust-linf": {"test_accuracy": 99.33, "adversarial_accuracy": 79.96},
    },
    "cifar10": {
        "baseline": {"test_accuracy": 90.79, "adversarial_accuracy": 0.0},
        "robust-l1": {"test_accuracy": 91.11, "adversarial_accuracy": 56.31},
        "robust-l2": {"test_accuracy": 91.04, "adversarial_accuracy": 59.92},
        "robust-linf": {"test_accuracy": 91.36, "adversarial_accuracy": 65.01},
    },
}

PRESETS = ("fast", "full", "paper")
MNIST_RECIPES = {
    "fast": Recipe(epochs=2),
    "full": Recipe(epochs=12),
    "paper": Recipe(
        epochs=120,
        learning_rate=0.01,
        schedule="constant",
        nesterov=False,
        weight_decay=1e-3,
        shuffle=False,
    ),
}


def _seeds(preset: str, seeds: Sequence[int] | None, usual: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The seeds asked for, or the preset's, once both are known to make sense."""
    if preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}, expected one of {', '.join(PRESETS)}")
    seeds = usual.get(preset, (0,)) if seeds is None else tuple(seeds)
    if (
        not seeds
        or len(set(seeds)) < len(seeds)
        or any(not isinstance(s, int) or not 0 <= s < 2**63 for s in seeds)
    ):
        raise ValueError(f"seeds is {seeds!r}, expected distinct whole numbers from 0 up, below 2⁶³")
    return seeds


def mnist_experiment(preset: str = "fast", seeds: tuple[int, ...] | None = None) -> Experiment:
    """The MNIST experiment: `fast` (minutes), `full` (five seeds) or `paper` (the authors' recipe)."""
    seeds = _seeds(preset, seeds, {"full": (0, 1, 2, 3, 4)})
    # The authors' radii are in standardised units: 2, 2 and 0.2 standard deviations of a pixel.
    radii = {"l1": 2 * MNIST_STD, "l2": 2 * MNIST_STD, "linf": 0.2 * MNIST_STD}
    return Experiment(
        name="mnist",
        preset=preset,
        recipe=MNIST_RECIPES[preset],
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


# airbench's rate for a batch of 500, and its decay, which is stated apart from the rate: divided by it.
CIFAR10_RECIPES = {
    "fast": Recipe(epochs=10, batch_size=100, learning_rate=0.2, momentum=0.85, weight_decay=0.0153 / 11.5),
    "full": Recipe(
        epochs=26,
        batch_size=500,
        learning_rate=0.7324,
        momentum=0.85,
        weight_decay=0.0153 / 11.5,
        precision="bfloat16",
    ),
    # The authors' rate is 1, but Torch7 multiplies a gradient by 1 - momentum and PyTorch does not.
    "paper": Recipe(
        epochs=300,
        batch_size=128,
        learning_rate=0.1,
        schedule="halving",
        nesterov=False,
        weight_decay=5e-4,
    ),
}


def cifar10_experiment(preset: str = "fast", seeds: tuple[int, ...] | None = None) -> Experiment:
    """The CIFAR-10 experiment: `fast` (the excerpt, minutes), `full` (hours on two cores) or `paper` (a GPU).

    The radii are ours. The authors' only known one, ℓ2 0.2, is in units of locally normalised YUV and has no
    counterpart in pixels.
    """
    seeds = _seeds(preset, seeds, {"full": (0, 1, 2)})
    few = preset == "fast"
    return Experiment(
        name="cifar10",
        preset=preset,
        recipe=CIFAR10_RECIPES[preset],
        seeds=seeds,
        radii={"l1": 0.1, "l2": 0.02, "linf": 0.0005},
        sizes={norm: 50 for norm in NORMS} if few else {"l1": 571, "l2": 571, "linf": 570},
        grids={
            "l1": tuple(round(0.02 * k, 2) for k in range(1, 501)),
            "l2": tuple(round(0.001 * k, 3) for k in range(1, 501)),
            "linf": tuple(round(0.00002 * k, 5) for k in range(1, 501)),
        },
        epsilons=tuple(round(0.001 * k, 3) for k in range(11)),
        architecture="VGG" if preset == "paper" else "WhitenedNet",
        smoothing=0.0 if preset == "paper" else 0.2,
        excerpt=few,
        augmented=("baseline", "robust-linf") if preset == "full" else (),
        repeated=("baseline", "robust-linf"),
        longer=45 if preset == "full" else None,
        stored="float16",
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

    def of(net: str) -> list[Mapping[str, Any]]:
        return [record["nets"][net] for record in records if net in record["nets"]]

    def curve(net: str, name: str) -> dict[str, list]:
        points = [spread(values) for values in zip(*(measured[name] for measured in of(net)), strict=True)]
        return {"mean": [point["mean"] for point in points], "sd": [point["sd"] for point in points]}

    def row(net: str) -> dict[str, Any]:
        measured = of(net)
        return {
            "net": net,
            "radius": experiment.radius(net),
            "test_accuracy": spread([m["test_accuracy"] for m in measured]),
            "adversarial_accuracy": spread([m["adversarial_accuracy"] for m in measured]),
            "mcnemar": None,
            **{test: [m[test] for m in measured if test in m] for test in experiment.opponents(net)},
            "training_seconds": spread([m["seconds"] for m in measured]),
        }

    return {
        "experiment": experiment.name,
        "preset": experiment.preset,
        "seeds": list(experiment.seeds),
        "recipe": asdict(experiment.recipe),
        "rows": [row(net) for net in experiment.nets],
        "collection": {
            "size": records[0]["size"],
            "sizes": dict(experiment.sizes),
            "radii": {norm: spread([record["radii"][norm] for record in records]) for norm in NORMS},
        },
        "growth": {
            "scale": list(experiment.scales),
            "accuracy": {net: curve(net, "growth") for net in experiment.nets},
        },
        SWEEPS[experiment.name]: {
            "epsilon": list(experiment.epsilons),
            "accuracy": {net: curve(net, "sweep") for net in experiment.nets},
        },
        "epochs": {net: curve(net, "epochs") for net in experiment.nets},
        "environment": dict(made_on),
        "seconds": seconds,
    }


TITLES = {
    "baseline": "baseline",
    "robust-l1": "robust ℓ1",
    "robust-l2": "robust ℓ2",
    "robust-linf": "robust ℓ∞",
}
TITLES |= {f"{net}{AUGMENTED}": f"{title}, flips and shifts" for net, title in TITLES.items()}
TITLES[LONGER] = "baseline, more epochs"


def figures_of(row: Mapping, paper: Mapping) -> list[str]:
    """A row of the table as text: net, radius, test and A as we and the paper have them, McNemar's p."""

    def shown(value: Mapping) -> str:
        return f"{value['mean']:.2f}" + (f" ± {value['sd']:.2f}" if value["sd"] is not None else "")

    published = paper.get(row["net"])
    return [
        TITLES[row["net"]],
        "–" if row["radius"] is None else f"{row['radius']:.3g}",
        shown(row["test_accuracy"]),
        f"{published['test_accuracy']:.2f}" if published else "–",
        shown(row["adversarial_accuracy"]),
        f"{published['adversarial_accuracy']:.2f}" if published else "–",
        "–" if row["mcnemar"] is None else ", ".join(f"{test['p']:.2g}" for test in row["mcnemar"]),
    ]


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    line, *lines = ("| " + " | ".join(cells) + " |" for cells in (heads, *rows))
    return "\n".join([line, "|" + "---|" * len(heads), *lines])


COLUMNS = ("net", "radius", "test %", "paper", "on A %", "paper", "McNemar's p")


def markdown(result: Mapping, radii: bool = True) -> str:
    """The table as Markdown, the paper's figures beside ours, with what it was made of below.

    Args:
        result: the table
        radii: whether to tell those of A, which a reader may be asked to predict
    """
    rows = [figures_of(row, PAPER[result["experiment"]]) for row in result["rows"]]
    return "\n".join([grid(COLUMNS, rows), "", caption(result, radii), ""])


def caption(result: Mapping, radii: bool = True) -> str:
    """What a reader must know to read the table: seeds, recipe, the collection, machine and time."""
    seeds, recipe, made_on = result["seeds"], result["recipe"], result["environment"]
    of_A = ", ".join(
        f"{norm.replace('l', 'ℓ', 1).replace('inf', '∞')} "
        + "/".join(f"{radius:g}" for radius in values["values"][: None if values["sd"] else 1])
        for norm, values in result["collection"]["radii"].items()
    )
    augmented = any(row["net"].endswith(AUGMENTED) for row in result["rows"])
    beside = " (robust with flips and shifts: with the baseline that has them too)" * augmented
    which = f"seeds {', '.join(map(str, seeds))}, mean ± standard deviation"
    fewer = [TITLES[row["net"]] for row in result["rows"] if len(row["test_accuracy"]["values"]) < len(seeds)]
    which += f" (seed {seeds[0]} alone: {'; '.join(fewer)})" * bool(fewer)
    longer = LONGER in (row["net"] for row in result["rows"])
    more = f" ({TITLES[LONGER]}: {len(result['epochs'][LONGER]['mean'])})" if longer else ""
    return (
        f"Preset `{result['preset']}`: {which if len(seeds) > 1 else f'seed {seeds[0]}'}, {recipe['epochs']} "
        f"epoch{'s' * (recipe['epochs'] > 1)}{more}; radii in pixel units, pixels in [0, 1]. "
        f"A: {result['collection']['size']} examples, anew from the baseline of each seed"
        f"{f', radii {of_A}' * radii}. "
        f"McNemar's exact test compares a net with the baseline{beside} on the test images, one p a seed. "
        f"Made on {made_on['processor']}, {made_on['cores']} cores, {made_on['system']}, "
        f"torch {made_on['torch']}, in {result['seconds'] / 60:.0f} minutes."
    )
