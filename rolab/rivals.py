"""What else could have done it? A robust net beside rivals that the paper does not have, in words.

Other baselines on A, a baseline that trains as long, flips and shifts; and the same table on other data.
Every function is true of any table that `experiments.table` makes; where a table lacks the rival, it says so.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import mean
from typing import Any

from scipy.stats import ttest_1samp

from rolab.experiments import NETS, PAPER, TITLES, grid
from rolab.experiments.presets import AUGMENTED, LONGER
from rolab.verdicts import (
    LEVEL,
    NOUNS,
    ROBUST,
    in_common,
    lead_in,
    leads_of,
    ordered,
    rows_of,
    tested,
    which_seeds,
)


def resolution(result: Mapping[str, Any]) -> str:
    """What leads the seeds allow: Student's 95 % interval of the mean lead, beside the paper's gain."""
    paper, said = PAPER[result["experiment"]], []
    n, of = tested(result)
    for row in rows_of(result):
        leads = leads_of(row)
        if len(set(leads)) > 1:
            low, high = ttest_1samp(leads, 0).confidence_interval(0.95)
            gain = paper[row["net"]]["test_accuracy"] - paper["baseline"]["test_accuracy"]
            said.append(
                f"From {len(leads)} seeds the lead of {TITLES[row['net']]} over the baseline is, with 95 % "
                f"confidence, between {low:+.0f} and {high:+.0f} images{of}; "
                f"the paper's gain is {n * gain / 100:+.0f}."
            )
    return " ".join(said) or "One seed says nothing of how much a lead varies from one training to the next."


def others_on_A(result: Mapping[str, Any]) -> str:
    """What baselines that A was not aimed at read of it, and what the robust nets read beyond that.

    A robust net is compared with them on the same A, that of its own seed.
    """
    others = result["collection"].get("other_baselines")
    if not others:
        return "There is one baseline only, that at which A was aimed. More seeds would give others."
    values, size = others["values"], result["collection"]["size"]
    rows = []
    for row in rows_of(result):
        pairs = list(zip(row["adversarial_accuracy"]["values"], others["per_seed"], strict=False))
        mine, theirs = (mean(side) for side in zip(*pairs, strict=True))
        rows.append(
            [TITLES[row["net"]], f"{len(pairs)}", f"{mine:.1f}", f"{theirs:.1f}", f"{mine - theirs:+.1f}"]
        )
    heads = ("network", "seeds", "on A %", "other baselines on the same A %", "difference")
    share = others["mean"] / 100
    said = (
        f"Baselines of other seeds are right on {others['mean']:.1f} % of A ({min(values):.1f} to "
        f"{max(values):.1f} %), without any robust training. One standard error of an accuracy on "
        f"{size:,} examples is {100 * (share * (1 - share) / size) ** 0.5:.1f} points."
    )
    return f"{grid(heads, rows)}\n\n{said}"


def same_time(result: Mapping[str, Any], ratio: float) -> str:
    """The robust nets beside a baseline that trains as long; a Markdown table and what it says.

    Args:
        result: the table
        ratio: what a robust step costs, in standard steps
    """
    if LONGER not in (row["net"] for row in result["rows"]):
        return "This run has no baseline with more epochs; the preset `full` has one."
    short, *robust, longer = rows_of(result, ("baseline", *ROBUST, LONGER))
    rows = []
    for row in (longer, short, *robust):
        epochs = len(result["epochs"][row["net"]]["mean"])
        cost = epochs * (ratio if row in robust else 1)
        test, on_A = (row[f"{which}_accuracy"]["values"][0] for which in ("test", "adversarial"))
        lead, p = "–", "–"
        if row is not longer:  # it was compared with the baseline, and the robust nets with it
            sign, against = (-1, longer["mcnemar"][0]) if row is short else (1, row["against_longer"][0])
            lead, p = f"{sign * lead_in(against):+d}", f"{against['p']:.2g}"
        rows.append([TITLES[row["net"]], f"{epochs}", f"{cost:.0f}", f"{test:.2f}", lead, p, f"{on_A:.1f}"])
    heads = ["network", "epochs", "cost, in standard epochs", "test %"]
    heads += ["lead over the first, images", "p", "on A %"]
    return f"{grid(heads, rows)}\n\n{_one_each(result)} {_beaten(robust)}"


def _one_each(result: Mapping[str, Any]) -> str:
    return f"All of seed {result['seeds'][0]}, one network each: no p here knows of the luck of training."


def _beaten(robust: Sequence[Mapping[str, Any]]) -> str:
    """Whether the robust nets are better than the baseline that trains as long."""
    tests = {row["net"]: row["against_longer"][0] for row in robust}
    better = [net for net, t in tests.items() if t["p"] < LEVEL and lead_in(t) > 0]
    worse = [net for net, t in tests.items() if t["p"] < LEVEL and lead_in(t) < 0]
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
    rows, said, tests = [], [], []
    for net in robust:
        plain = net.removesuffix(AUGMENTED)
        for first, second, how in (
            ("baseline", plain, f"{TITLES[plain]}, without"),
            (f"baseline{AUGMENTED}", net, f"{TITLES[plain]}, both with flips and shifts"),
        ):
            one, other = rows_of(result, (first, second))
            tests.append(test := other["mcnemar"][0])
            accuracies = [row["test_accuracy"]["values"][0] for row in (one, other)]
            rows.append(
                [how, *(f"{accuracy:.2f}" for accuracy in accuracies)]
                + [f"{lead_in(test):+d}", f"{test['p']:.2g}"]
            )
        error = sum(test["only_a"] + test["only_b"] for test in tests[-2:]) ** 0.5
        change = lead_in(tests[-1]) - lead_in(tests[-2])
        said.append(
            f"With flips and shifts the lead of {TITLES[plain]} changes by {change:+d} images; one standard "
            f"error of such a change is {error:.0f} (as if the two leads were independent)."
        )
    before, after = rows_of(result, ("baseline", f"baseline{AUGMENTED}"))
    points = after["test_accuracy"]["values"][0] - before["test_accuracy"]["values"][0]
    said.append(
        f"Flips and shifts change the baseline by {points:+.2f} points (p = {after['mcnemar'][0]['p']:.2g})."
    )
    heads = ("", "baseline, test %", "robust, test %", "lead of the robust net, images", "p")
    return f"{grid(heads, rows)}\n\n{_one_each(result)} {' '.join(said)}"


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
    tables, said = [], []
    for column, where in (("test_accuracy", "clean images"), ("adversarial_accuracy", "A")):
        ours = [means(result, column) for result in results]
        rows = []
        for result, found in zip(results, ours, strict=True):
            paper = {net: row[column] for net, row in PAPER[result["experiment"]].items()}
            rows.append([NOUNS[result["experiment"]], ordered(found), ordered(paper)])
        tables.append(grid((f"on {where}", "here", "the paper"), rows))
        for one, other in combinations(range(len(results)), 2):
            pairs = swapped(ours[one], ours[other])
            names = "; ".join(f"{TITLES[a]} and {TITLES[b]}" for a, b in pairs)
            all_pairs = len(NETS) * (len(NETS) - 1) // 2
            said.append(
                f"Pairs swapped on {where}: {len(pairs)} of {all_pairs}{f' ({names})' * bool(names)}."
            )
    fewer = [
        f"the order on {NOUNS[result['experiment']]} is that{which}"
        for result in results
        if (which := which_seeds(result, rows_of(result, NETS)))
    ]
    said += [f"Note: {'; '.join(fewer)}."] * bool(fewer)
    return "\n\n".join([*tables, " ".join(said)])
