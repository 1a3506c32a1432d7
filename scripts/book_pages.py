"""The pages of the book that are made from records, cards and docstrings: no number in them is typed."""

import importlib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rolab import zoo
from rolab.experiments.presets import TITLES
from rolab.experiments.robustness_results import RobustnessResults
from rolab.storage import load_result

ROOT = Path(__file__).parents[1]

MODULES = {  # of the reference: module → its title
    "rolab": "The front door",
    "rolab.norms": "Norms",
    "rolab.sets": "Uncertainty sets",
    "rolab.lp": "Robust linear programs",
    "rolab.linear_models": "Robust regression and the SVM",
    "rolab.attacks": "Attacks",
    "rolab.objectives": "Objectives",
    "rolab.training": "Training",
    "rolab.manifold": "Tangents of the data",
    "rolab.evaluation": "Evaluation",
    "rolab.certify": "Certificates",
    "rolab.nets": "Networks",
    "rolab.data": "Data",
    "rolab.zoo": "The zoo",
    "rolab.course.check": "The checkers",
    "rolab.course.report": "The report to hand in",
    "rolab.course.editions": "Editions for a class",
}

USES = {  # what a net is for, and what it is not for
    "mnist/baseline": (
        "The net of the paper's Table 1 that was trained on clean digits: what the others are compared with.",
        "It has no robustness to speak of. Do not take its accuracy for a promise about changed images.",
    ),
    "mnist/robust-l1": (
        "The net of Table 1 trained by Algorithm 1 against an ℓ1 ball.",
        "Its worst case was measured in ℓ∞ balls only; against many steps it is far weaker than against one.",
    ),
    "mnist/robust-l2": (
        "The net of Table 1 trained by Algorithm 1 against an ℓ2 ball.",
        "Its worst case was measured in ℓ∞ balls only; against many steps it is far weaker than against one.",
    ),
    "mnist/robust-linf": (
        "The net of Table 1 trained by Algorithm 1 against an ℓ∞ ball: the strongest of the four.",
        "It was trained against one step. Beyond the radius of its training the accuracy falls fast.",
    ),
    "mnist/masked": (
        "An exercise of notebook 09: a net that looks robust to one step, because its gradients mislead.",
        "Never take it for a robust net, and do not report a one-step accuracy of it without this card.",
    ),
    "mnist/scattering": (
        "A net on fixed scattering features, trained on clean digits: notebook 06 compares its stability.",
        "It is not trained to be robust. No ensemble of attacks was run on it.",
    ),
    "autoencoders/mnist": (
        "A contractive autoencoder: its Jacobian gives the tangent planes of notebook 05.",
        "It classifies nothing. Only a part of what digits really do lies in its planes (`tangent_energy`).",
    ),
}
CIFAR10 = (
    "A net of the paper's Table 2, in notebook 08: a small VGG on photographs of ten classes.",
    "The radii of its training are tiny. No worst case was measured: use it to compare, not to rely on.",
)
UNRELIABLE, MOST, FEW = "unreliable", 90, 10  # percent


def table(heads: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def model_cards() -> str:
    """A section for each net of the zoo: uses, limits, accuracies, the worst case, how it was made."""
    record = load_result("robustness")
    return "\n\n".join(part for name in zoo.names() for part in _card(name, zoo.card(name), record)) + "\n"


def _card(name: str, card: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[str]:
    uses, limits = USES.get(name, CIFAR10)
    overrated = one_step_overrates(name, record)
    yield f"## {name}" + f" ({UNRELIABLE})" * bool(overrated)
    if overrated:
        yield f":::{{warning}}\n**{UNRELIABLE}**: {overrated}\n:::"
    yield f"**For** {uses}"
    yield f"**Limits** {limits}"
    environment = card["environment"]
    facts = {
        "architecture": f"`{card['architecture']}`, {card['parameters']:,} parameters",
        "trained with": f"`{card['objective']}`, seed {card['seed']}, {card['recipe']['epochs']} epochs",
        "clean accuracy": _percent(card.get("test_accuracy")),
        "accuracy on the collection A": _percent(card.get("adversarial_accuracy")),
    }
    if "tangent_energy" in card:
        facts["tangent energy"] = f"{card['tangent_energy']:.2f}"
    facts["trained on"] = f"{environment['processor']}, {environment['device']}, in {card['seconds']:,.0f} s"
    facts["versions"] = f"rolab {environment['rolab']}, torch {environment['torch']}"
    facts["SHA-256 of the weights"] = f"`{card['sha256'][:16]}…`"
    yield table(["", name], [[key, value] for key, value in facts.items()])
    rows = worst_case(name, record)
    if rows:
        yield "**Worst case**, accuracy in percent with its 95 % interval, in ℓ∞ balls and the pixel box:"
        shown = [key for key in rows[0] if key != "net"]
        yield table(shown, [["–" if row[key] is None else row[key] for key in shown] for row in rows])
    else:
        yield "**Worst case**: not measured."


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} %"


def one_step_overrates(name: str, record: Mapping[str, Any]) -> str:
    """What is said of a net of which one step leaves nearly all digits and all attacks few."""
    shelf, _, net = name.partition("/")
    results = RobustnessResults.of(record)
    if shelf == "mnist" and net in results.nets:
        for radius in results.radii:
            step, left = results.accuracy(net, radius, 1, 0), results.after_all(net, radius)
            if step.percent > MOST and left.percent < FEW:
                return f"at ε = {radius} one gradient step leaves {step}, and all attacks together {left}."
    return ""


def worst_case(name: str, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of `rolab evaluate` about a net; none of a net that it was not run on."""
    shelf, _, net = name.partition("/")
    results = RobustnessResults.of(record)
    if shelf != "mnist" or net not in results.nets:
        return []
    return [row for row in results.table() if row["net"] == TITLES.get(net, net)]


def records() -> str:
    """A row for each record in results/: seeds, examples, versions, machine and time."""
    rows = []
    for path in sorted((ROOT / "results").glob("*.json")):
        record = load_result(path.stem)
        made: Mapping[str, Any] = next(find(record, "environment"), {})
        seeds = record.get("seeds", list(find(record, "seed"))[:1])
        parts = {key: record[key] for key in ("rows", "runs") if key in record}
        seconds = record.get("seconds") or sum(find(parts, "seconds"))
        rows.append(
            [
                f"`{path.name}`",
                ", ".join(map(str, seeds)) or "none needed",
                f"{made.get('python', '–')}, {made.get('torch', '–')}",
                f"{made.get('processor', '–')}, {made.get('threads', '–')} of {made.get('cores', '–')} cores",
                made.get("device", "–"),
                f"{seconds / 60:,.0f} min" if seconds else "not recorded",
            ]
        )
    return table(["record", "seeds", "Python, torch", "processor, threads", "device", "time"], rows) + "\n"


def find(record: Any, key: str) -> Iterator[Any]:
    """All values under a key, the outermost first."""
    if isinstance(record, Mapping):
        if key in record:
            yield record[key]
        else:
            for value in record.values():
                yield from find(value, key)
    elif isinstance(record, list):
        for value in record:
            yield from find(value, key)


def reference() -> dict[str, str]:
    """A page for each module, of all its public names; and the list of them."""
    pages = {}
    for module, title in MODULES.items():
        exported = getattr(importlib.import_module(module), "__all__", None)
        options = "   :members:\n" if module != "rolab" else ""
        options += "   :imported-members:\n" * bool(exported and module != "rolab")
        text = f"# {title}: `{module}`\n\n```{{eval-rst}}\n.. automodule:: {module}\n{options}```\n"
        if module == "rolab":
            homes = importlib.import_module(module)._HOME
            text += "\n" + table(
                ["name", "where it is documented"],
                [[f"`{n}`", f"`rolab.{home}`"] for n, home in homes.items()],
            )
        pages[module] = text + "\n"
    listed = "\n".join(MODULES)
    pages["index"] = (
        f"# Reference\n\nAll public names, from their docstrings.\n\n```{{toctree}}\n{listed}\n```\n"
    )
    return pages


def drawn_digit() -> str:
    """The digit that one draws, of notebook 00, live in the page; nothing where the course has none."""
    room = "rolab.course.nb00_start"
    if find_spec(room) is None or find_spec(f"{room}.drawn_digit") is None:
        return ""
    shown = importlib.import_module(f"{room}.drawn_digit").drawn_digit()
    fence = "`" * 8
    return f"{fence}{{raw}} html\n{shown._repr_mimebundle_()['text/html']}\n{fence}\n"
