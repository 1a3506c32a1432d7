"""What else could have done it? A robust net beside rivals that the paper does not have, in words.

Other baselines on A, a baseline that trains as long, flips and shifts; and the same table on other data.
Every function is true of any table that `experiments.table` makes; where a table lacks the rival, it says so.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import mean
from typing import Any

from rolab.experiments import AUGMENTED, LONGER, NETS, PAPER, TITLES
from rolab.verdicts import LEVEL, NOUNS, ROBUST, in_common, ordered, rows_of, which_seeds


def others_on_A(result: Mapping[str, Any]) -> str:
    """What baselines that A was not aimed at read of it, and what the robust nets read beyond that.

    A robust net is compared with them on the same A, that of its own seed.
    """
    others = result["collection"].get("other_baselines")
    if not others:
        return "There is one baseline only, that at which A was aimed. More seeds would give others."
    values = others["values"]
    beyond = []
    for row in rows_of(result):
        pairs = zip(row["adversarial_accuracy"]["values"], others["of_each_A"], strict=False)
        beyond.append(f"{TITLES[row['net']]} {mean([mine - theirs for mine, theirs in pairs]):+.1f}")
    return (
        f"On A they are right on {others['mean']:.1f} % ({min(values):.1f} to {max(values):.1f} % in "
        f"{len(values)} pairs of seeds), without any robust training. "
        f"Beyond that, in points, on the same A: {', '.join(beyond)}."
    )


def same_time(result: Mapping[str, Any], ratio: float) -> str:
    """The robust nets beside a baseline that trains as long; a Markdown table and what it says.

    Args:
        result: the table
        ratio: what a robust step costs, in standard steps
    """
    if LONGER not in (row["net"] for row in result["rows"]):
        return "This run has no baseline with more epochs; the preset `full` has one."
    short, *robust, longer = rows_of(result, ("baseline", *ROBUST, LONGER))
    lines = ["| network | epochs | cost, in standard epochs | test % | lead over it, images | p |"]
    lines.append("|---|---|---|---|---|---|")
    for row in (longer, short, *robust):
        epochs = len(result["epochs"][row["net"]]["mean"])
        cost = epochs * (ratio if row in robust else 1)
        accuracy = row["test_accuracy"]["values"][0]
        against = row["against_longer"][0] if row in robust else None
        lead = f"{against['only_b'] - against['only_a']:+d} | {against['p']:.2g}" if against else "– | –"
        lines.append(f"| {TITLES[row['net']]} | {epochs} | {cost:.0f} | {accuracy:.2f} | {lead} |")
    return "\n".join([*lines, "", f"All of seed {result['seeds'][0]}. {_beaten(robust)}"])


def _beaten(robust: Sequence[Mapping[str, Any]]) -> str:
    """Whether the robust nets are better than the baseline that trains as long."""
    tests = {row["net"]: row["against_longer"][0] for row in robust}
    better = [net for net, t in tests.items() if t["p"] < LEVEL and t["only_b"] > t["only_a"]]
    worse = [net for net, t in tests.items() if t["p"] < LEVEL and t["only_b"] < t["only_a"]]
    said = [
        f"significantly {word}: {', '.join(TITLES[net] for net in nets)}"
        for word, nets in (("better", better), ("worse", worse))
        if nets
    ]
    found = "; ".join(said) or "none of them differs from it significantly"
    return f"Against the baseline that trains as long, {found} (McNemar, p < {LEVEL})."


def beside_augmentation(result: Mapping[str, Any]) -> str:
    """The gain of a robust net over the baseline, without and with flips and shifts; Markdown."""
    augmented = [row["net"] for row in result["rows"] if row["net"].endswith(AUGMENTED)]
    robust = [net for net in augmented if net != f"baseline{AUGMENTED}"]
    if not robust or f"baseline{AUGMENTED}" not in augmented:
        return "This run has no nets with flips and shifts; the preset `full` has two."
    lines = [
        "| | baseline, test % | robust, test % | lead of the robust net, images | p |",
        "|---|---|---|---|---|",
    ]
    said = []
    for net in robust:
        plain = net.removesuffix(AUGMENTED)
        for first, second, how in (
            ("baseline", plain, f"{TITLES[plain]}, neither"),
            (f"baseline{AUGMENTED}", net, f"{TITLES[plain]}, both with flips and shifts"),
        ):
            one, other = rows_of(result, (first, second))
            test = other["mcnemar"][0]
            accuracies = [row["test_accuracy"]["values"][0] for row in (one, other)]
            lead = test["only_b"] - test["only_a"]
            lines.append(
                f"| {how} | {accuracies[0]:.2f} | {accuracies[1]:.2f} | {lead:+d} | {test['p']:.2g} |"
            )
        before, after = (
            row["test_accuracy"]["values"][0] for row in rows_of(result, ("baseline", f"baseline{AUGMENTED}"))
        )
        said.append(f"Flips and shifts alone give the baseline {after - before:+.2f} points.")
    return "\n".join([*lines, "", f"All of seed {result['seeds'][0]}. {' '.join(dict.fromkeys(said))}"])


def means(result: Mapping[str, Any], column: str = "test_accuracy") -> dict[str, float]:
    """The accuracy of each of the four nets, a mean over the seeds that all of them have.

    Args:
        result: the table
        column: "test_accuracy" or "adversarial_accuracy"
    """
    return {net: mean(values) for net, values in in_common(rows_of(result, NETS), column).items()}


def swapped(first: Mapping[str, float], second: Mapping[str, float]) -> list[tuple[str, str]]:
    """The pairs of nets that stand in one order in the first, and in the other in the second; ties do not.

    >>> swapped({"baseline": 99.1, "robust-l1": 99.3}, {"baseline": 90.7, "robust-l1": 90.5})
    [('baseline', 'robust-l1')]
    """

    def apart(accuracies: Mapping[str, float], a: str, b: str) -> float:
        return round(accuracies[a], 2) - round(accuracies[b], 2)  # as they are printed

    return [(a, b) for a, b in combinations(first, 2) if apart(first, a, b) * apart(second, a, b) < 0]


def orders(*results: Mapping[str, Any]) -> str:
    """How the four nets are ordered in the paper and here, on each data set; and how many pairs swap.

    Ours are means over the seeds that all four nets have; Markdown.
    """
    lines, said = [], []
    for column, where in (("test_accuracy", "clean images"), ("adversarial_accuracy", "A")):
        ours = [means(result, column) for result in results]
        lines += ["", f"| on {where} | here | the paper |", "|---|---|---|"]
        for result, found in zip(results, ours, strict=True):
            paper = {net: row[column] for net, row in PAPER[result["experiment"]].items()}
            lines.append(f"| {NOUNS[result['experiment']]} | {ordered(found)} | {ordered(paper)} |")
        for one, other in combinations(range(len(results)), 2):
            pairs = swapped(ours[one], ours[other])
            names = "; ".join(f"{TITLES[a]} and {TITLES[b]}" for a, b in pairs)
            all_pairs = len(NETS) * (len(NETS) - 1) // 2
            said.append(
                f"Pairs swapped on {where}: {len(pairs)} of {all_pairs}{f' ({names})' * bool(names)}."
            )
    fewer = [
        f"the {NOUNS[result['experiment']]}' order is one{which}"
        for result in results
        if (which := which_seeds(result, rows_of(result, NETS)))
    ]
    said += [f"Note: {'; '.join(fewer)}."] * bool(fewer)
    return "\n".join([*lines[1:], "", " ".join(said)])
