"""The table of an experiment: made of what its seeds measured, and shown beside the paper's numbers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from statistics import mean, stdev
from typing import Any

from rolab.experiments.catalogue import experiment_of
from rolab.experiments.spec import Experiment


def mean_sd(values: Sequence[float]) -> dict[str, Any]:
    """Mean, standard deviation (None for a single value) and the values, one a seed."""
    sd = stdev(values) if len(values) > 1 else None
    return {"mean": mean(values), "sd": sd, "values": list(values)}


def table(
    experiment: Experiment, records: Sequence[Mapping], made_on: Mapping, seconds: float
) -> dict[str, Any]:
    """The results of an experiment, from one record a seed, as they are written to `table1.json`."""

    def of(net: str, name: str) -> list[Any]:
        nets = (record["nets"] for record in records)
        return [measured[net][name] for measured in nets if net in measured and name in measured[net]]

    def curves(name: str) -> dict[str, dict[str, list]]:
        all_of = {net: [mean_sd(p) for p in zip(*of(net, name), strict=True)] for net in experiment.nets}
        return {net: {key: [p[key] for p in ps] for key in ("mean", "sd")} for net, ps in all_of.items()}

    def measured(net: str, name: str) -> dict[str, Any]:
        found = [measures[name] for measures in of(net, "measures")]
        tests = {f"{name}_mcnemar": [each["mcnemar"] for each in found]} if "mcnemar" in found[0] else {}
        return {name: mean_sd([each["value"] for each in found]), **tests}

    def step_cost(net: str) -> dict[str, Any]:
        seconds = of(net, "seconds"), of(experiment.baseline, "seconds")
        epochs = experiment.recipe_of(experiment.baseline).epochs / experiment.recipe_of(net).epochs
        return mean_sd([epochs * own / standard for own, standard in zip(*seconds, strict=False)])

    def row(net: str) -> dict[str, Any]:
        return {
            "net": net,
            "title": experiment.nets[net].title,
            "radius": experiment.radius(net),
            "test_accuracy": mean_sd(of(net, "test_accuracy")),
            "adversarial_accuracy": mean_sd(of(net, "adversarial_accuracy")),
            "mcnemar": None,
            **{test: of(net, test) for test in experiment.comparisons(net)},
            "training_seconds": mean_sd(of(net, "seconds")),
            "step_cost": step_cost(net),
            **{key: value for name in experiment.measures for key, value in measured(net, name).items()},
        }

    sizes = dict(experiment.examples_per_norm)
    return {
        "experiment": experiment.name,
        "preset": experiment.preset,
        "seeds": list(experiment.seeds),
        "recipe": asdict(experiment.recipe),
        "rows": [row(net) for net in experiment.nets],
        "collection": {
            "size": records[0]["size"],
            "examples_per_norm": sizes,
            "radii": {norm: mean_sd([record["radii"][norm] for record in records]) for norm in sizes},
        },
        "radius_scaling": {"scale": list(experiment.radius_scales), "accuracy": curves("radius_scaling")},
        "accuracy_vs_epsilon": {
            "epsilon": list(experiment.epsilons),
            "accuracy": curves("accuracy_vs_epsilon"),
        },
        "epochs": curves("epochs"),
        "environment": dict(made_on),
        "seconds": seconds,
    }


Cell = Callable[[Mapping], str]  # of a row


def table_cells(result: Mapping, experiment: Experiment | None = None) -> list[list[str]]:
    """The table as text, its heads first: what each net has, and the paper's figures beside it."""
    experiment = experiment or experiment_of(result)
    rows, nets = result["rows"], experiment.nets

    def spread(name: str, digits: int = 2) -> Cell:
        def cell(row: Mapping) -> str:
            mean, sd = row[name]["mean"], row[name]["sd"]
            return f"{mean:.{digits}f}" + ("" if sd is None else f" ± {sd:.{digits}f}")

        return cell

    def printed(name: str) -> Cell:
        return lambda row: f"{nets[row['net']].paper[name]:.2f}" if nets[row["net"]].paper else "–"

    def radius(row: Mapping) -> str:
        return "–" if row["radius"] is None else f"{row['radius']:.3g}"

    def tests(row: Mapping) -> str:
        return "–" if row["mcnemar"] is None else ", ".join(f"{test['p']:.2g}" for test in row["mcnemar"])

    columns: list[tuple[str, Cell]] = [("net", lambda row: nets[row["net"]].title), ("radius", radius)]
    in_paper = any(net.paper for net in nets.values())
    for title, name in (("test %", "test_accuracy"), ("on A %", "adversarial_accuracy")):
        columns += [(title, spread(name)), *([("paper", printed(name))] if in_paper else [])]
    columns += [(measure.title, spread(name)) for name, measure in experiment.measures.items()]
    columns += [("step", spread("step_cost", 1))] if experiment.measures else []
    columns.append(("McNemar's p", tests))
    return [[title for title, _ in columns], *([cell(row) for _, cell in columns] for row in rows)]


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    line, *lines = ("| " + " | ".join(cells) + " |" for cells in (heads, *rows))
    return "\n".join([line, "|" + "---|" * len(heads), *lines])


def markdown(result: Mapping, radii: bool = True, experiment: Experiment | None = None) -> str:
    """The table as Markdown, the paper's figures beside ours, with what it was made of below.

    Args:
        result: the table
        radii: whether to tell those of A, which a reader may be asked to predict
        experiment: whose it is; the paper's of this name, if left out
    """
    heads, *cells = table_cells(result, experiment)
    rows = grid(heads, cells)
    return f"{rows}\n\n{caption(result, radii, experiment)}\n"


def caption(result: Mapping, radii: bool = True, experiment: Experiment | None = None) -> str:
    """What a reader must know to read the table: seeds, recipe, the collection, machine and time."""
    known = (experiment or experiment_of(result)).nets
    seeds, epochs, made_on = result["seeds"], result["recipe"]["epochs"], result["environment"]
    of_A = ", ".join(
        f"{norm.replace('l', 'ℓ', 1).replace('inf', '∞')} "
        + "/".join(f"{radius:g}" for radius in values["values"][: None if values["sd"] else 1])
        for norm, values in result["collection"]["radii"].items()
    )
    nets = {row["net"]: known[row["net"]] for row in result["rows"]}
    beside = "; ".join(dict.fromkeys(net.note for net in nets.values() if net.note))
    which = f"seeds {', '.join(map(str, seeds))}, mean ± standard deviation"
    counts = {row["net"]: len(row["test_accuracy"]["values"]) for row in result["rows"]}
    fewer = "; ".join(nets[name].title for name, count in counts.items() if count < len(seeds))
    which += f" (seed {seeds[0]} alone: {fewer})" * bool(fewer)
    lengths = {name: len(result["epochs"][name]["mean"]) for name, net in nets.items() if net.recipe}
    others = "; ".join(f"{nets[name].title}: {length}" for name, length in lengths.items())
    return (
        f"Preset `{result['preset']}`: {which if len(seeds) > 1 else f'seed {seeds[0]}'}, {epochs} "
        f"epoch{'s' * (epochs > 1)}{f' ({others})' * bool(others)}; radii in pixel units, pixels in [0, 1]. "
        f"A: {result['collection']['size']} examples, anew from the baseline of each seed"
        f"{f', radii {of_A}' * radii}. "
        f"McNemar's exact test compares a net with the baseline{f' ({beside})' * bool(beside)} "
        f"on the test images, one p a seed. "
        f"Made on {made_on['processor']}, {made_on['cores']} cores, {made_on['system']}, "
        f"torch {made_on['torch']}, in {result['seconds'] / 60:.0f} minutes."
    )
