"""Control experiments that the paper does not have: what else could have done it? Questions, and words.

Other baselines on A, a baseline that trains as long, flips and shifts; and the same table on other data.
Every function is true of any table that `experiments.table` makes; where a table lacks the nets, it says so.
"""

from collections.abc import Mapping
from itertools import combinations
from math import comb
from statistics import mean
from typing import Any

from scipy.stats import ttest_1samp

from rolab.course.live import OneOf, Quantities, Quantity
from rolab.course.nb07_mnist import significance
from rolab.course.nb07_mnist.significance import ROBUST, Result, lead_and_p, lead_in, noun_of, rows_of
from rolab.experiments import NETS, PAPER, TITLES, grid
from rolab.experiments.presets import AUGMENTED, LONGER
from rolab.plotting.style import style

SAME_TIME = OneOf(
    {
        "neither": "no significant difference from any of the three",
        "better": "significantly better than some, worse than none",
        "worse": "significantly worse than some, better than none",
        "both": "significantly better than some, worse than others",
    }
)
AUGMENTED_LEAD = OneOf(
    {"smaller": "clearly smaller", "larger": "clearly larger", "alike": "not to be told from before"}
)
ON = {"test_accuracy": "clean images", "adversarial_accuracy": "A"}
SWAPS = Quantities(ON, {"swaps": "pairs in another order"}, Quantity("pairs", least=0, most=6))


def mistakes(*results: Result) -> str:
    """How seldom the baseline is wrong, on each data set."""
    wrong = {
        noun_of(result): 100 - rows_of(result, ["baseline"])[0]["test_accuracy"]["mean"] for result in results
    }
    said = (
        f"on one in {100 / share:.0f} of the {noun}" if share else f"on no {noun}"
        for noun, share in wrong.items()
    )
    return f"The baseline is wrong {' and '.join(said)}."


def radii_tried(split: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How well each radius did on the split of the training set, and which were chosen."""
    return [
        {
            "U": "none" if row["norm"] is None else f"{style(row['norm']).label} ball",
            "radius": row["radius"],
            "held-out %": row["accuracy"],
            "McNemar's p, against none": f"{row['mcnemar']['p']:.2g}" if row["mcnemar"] else "–",
            "": "chosen" if row in _chosen(split) else "",
        }
        for row in split["rows"]
    ]


def radii_in_words(split: Mapping[str, Any]) -> str:
    """Whether the chosen radii did better than none there."""
    chosen = _chosen(split)
    none = next(row["accuracy"] for row in split["rows"] if row["norm"] is None)
    won = sum(row["mcnemar"]["p"] < significance.LEVEL and row["accuracy"] > none for row in chosen)
    made = f"{split['trained_on']:,} training images, judged on {split['judged_on']:,} others"
    epochs = f"{split['recipe']['epochs']} epochs"
    found = f"Of the {len(chosen)} chosen, {won} beat no robust training at all by more than luck."
    return f"How the radii were chosen: {made}, {epochs}. {found}"


def _chosen(split: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in split["rows"] if row["norm"] and row["radius"] == split["chosen"][row["norm"]]]


def resolution(result: Result) -> str:
    """What leads the seeds allow: Student's 95 % interval of the mean lead, beside the paper's gain."""
    paper, said = PAPER[result["experiment"]], []
    n, of = significance.tested(result)
    for row in rows_of(result):
        leads = significance.leads_of(row)
        if len(set(leads)) > 1:
            low, high = ttest_1samp(leads, 0).confidence_interval(0.95)
            gain = paper[row["net"]]["test_accuracy"] - paper["baseline"]["test_accuracy"]
            lead = f"From {len(leads)} seeds the lead of {TITLES[row['net']]} over the baseline is"
            between = f"with 95 % confidence, between {low:+.0f} and {high:+.0f} images{of}"
            said.append(f"{lead}, {between}; the paper's gain is {n * gain / 100:+.0f}.")
    return " ".join(said) or "One seed says nothing of how much a lead varies from one training to the next."


def others_on_A(result: Result) -> str:
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
        numbers = f"{mine:.1f}", f"{theirs:.1f}", f"{mine - theirs:+.1f}"
        rows.append([TITLES[row["net"]], f"{len(pairs)}", *numbers])
    heads = ("network", "seeds", "on A %", "other baselines on the same A %", "difference")
    share = others["mean"] / 100
    said = (
        f"Baselines of other seeds are right on {others['mean']:.1f} % of A ({min(values):.1f} to "
        f"{max(values):.1f} %), without any robust training. One standard error of an accuracy on "
        f"{size:,} examples is {100 * (share * (1 - share) / size) ** 0.5:.1f} points."
    )
    return f"{grid(heads, rows)}\n\n{said}"


def same_time(result: Result, ratio: float) -> str:
    """The robust nets beside a baseline that trains as long; a Markdown table and what it says.

    Args:
        result: the table
        ratio: what a robust step costs, in standard steps
    """
    if LONGER not in (row["net"] for row in result["rows"]):
        return "This run has no baseline with more epochs; the preset `full` has one."
    short, *robust, longer = rows_of(result, ("baseline", *ROBUST, LONGER))
    # The longer baseline was compared with the baseline, and the robust nets with it.
    leads = [["–", "–"], lead_and_p(longer["mcnemar"][0], -1)]
    leads += [lead_and_p(row["against_longer"][0]) for row in robust]
    rows = []
    for row, lead in zip((longer, short, *robust), leads, strict=True):
        epochs = len(result["epochs"][row["net"]]["mean"])
        cost = epochs * (ratio if row in robust else 1)
        test, on_A = (row[f"{which}_accuracy"]["values"][0] for which in ("test", "adversarial"))
        rows.append([TITLES[row["net"]], f"{epochs}", f"{cost:.0f}", f"{test:.2f}", *lead, f"{on_A:.1f}"])
    heads = ["network", "epochs", "cost, in standard epochs", "test %"]
    heads += ["lead over the first, images", "p", "on A %"]
    said = []
    for word, sign in (("better", 1), ("worse", -1)):
        won = {row["net"]: significance.significant(row["against_longer"][:1], sign) for row in robust}
        if nets := [net for net in won if won[net]]:
            said.append(f"significantly {word}: {significance.titles(nets)}")
    found = "; ".join(said) or "none of them differs from it significantly"
    beaten = f"Against the baseline that trains as long, {found} (McNemar, p < {significance.LEVEL})."
    return f"{grid(heads, rows)}\n\n{_one_each(result)} {beaten}"


def time_found(result: Result) -> str | None:
    """How the longer baseline does beside the robust nets, an answer of SAME_TIME; None if there is none."""
    if LONGER not in (row["net"] for row in result["rows"]):
        return None
    tests = [row["against_longer"][0] for row in rows_of(result)]
    worse, better = (significance.significant(tests, sign) > 0 for sign in (1, -1))
    return {(True, True): "both", (True, False): "worse", (False, True): "better"}.get(
        (worse, better), "neither"
    )


def time_in_words(result: Result) -> str:
    """What more epochs bring, and what robust training brings for the same time, in seed 0."""
    *robust, longer = rows_of(result, (*ROBUST, LONGER))
    leads = [lead_in(row["mcnemar"][0]) for row in robust]
    on_A = [row["adversarial_accuracy"]["values"][0] for row in (longer, *robust)]
    return (
        f"On clean images, beside the baseline, more epochs bring {lead_in(longer['mcnemar'][0]):+d} images, "
        f"robust training {min(leads):+d} to {max(leads):+d}. Of A, which was aimed at neither, the longer "
        f"baseline reads {on_A[0]:.1f} %, the robust networks {min(on_A[1:]):.1f} to {max(on_A[1:]):.1f} %."
    )


def _one_each(result: Result) -> str:
    return f"All of seed {result['seeds'][0]}, one network each: no p here knows of the luck of training."


def beside_augmentation(result: Result) -> str:
    """The gain of a robust net over the baseline, without and with flips and shifts; Markdown."""
    rows = {row["net"]: row for row in result["rows"]}
    test = {net: row["test_accuracy"]["values"][0] for net, row in rows.items()}
    augmented = {net: more for more, net in AUGMENTED.items() if more in rows}
    base = augmented.pop("baseline", None)
    if base is None or not augmented:
        return "This run has no nets with flips and shifts; the preset `full` has two."
    lines, said = [], []
    for net, more in augmented.items():
        tests = [rows[which]["mcnemar"][0] for which in (net, more)]
        pairs = [("baseline", net, "without"), (base, more, "both with flips and shifts")]
        for (first, second, how), against in zip(pairs, tests, strict=True):
            accuracies = (f"{test[first]:.2f}", f"{test[second]:.2f}")
            lines.append([f"{TITLES[net]}, {how}", *accuracies, *lead_and_p(against)])
        change, error = _change_of_lead(*tests)
        changes = f"With flips and shifts the lead of {TITLES[net]} changes by {change:+d} images"
        luck = f"one standard error of such a change is {error:.0f} (as if the two leads were independent)"
        said.append(f"{changes}; {luck}.")
    points, p = test[base] - test["baseline"], rows[base]["mcnemar"][0]["p"]
    said.append(f"Flips and shifts change the baseline by {points:+.2f} points (p = {p:.2g}).")
    heads = ("", "baseline, test %", "robust, test %", "lead of the robust net, images", "p")
    return f"{grid(heads, lines)}\n\n{_one_each(result)} {' '.join(said)}"


def _change_of_lead(*tests: Mapping[str, Any]) -> tuple[int, float]:
    """From one of McNemar's tests to the other; and its standard error, as if they were independent."""
    before, after = map(lead_in, tests)
    return after - before, sum(test["only_a"] + test["only_b"] for test in tests) ** 0.5


def augmented_found(result: Result) -> str | None:
    """How flips and shifts change the lead of the robust net, by two standard errors; None if not tried."""
    rows = {row["net"]: row for row in result["rows"]}
    pairs = [(plain, net) for net, plain in AUGMENTED.items() if plain in ROBUST and net in rows]
    if not pairs:
        return None
    change, error = _change_of_lead(*(rows[net]["mcnemar"][0] for net in pairs[0]))
    return "alike" if abs(change) <= 2 * error else "larger" if change > 0 else "smaller"


def swapped(first: Mapping[str, float], second: Mapping[str, float]) -> list[tuple[str, str]]:
    """The pairs of nets that stand in one order in the first, and in the other in the second; ties do not.

    >>> swapped({"baseline": 99.1, "robust-l1": 99.3}, {"baseline": 90.7, "robust-l1": 90.5})
    [('baseline', 'robust-l1')]
    """
    one, two = ({net: round(side[net], 2) for net in first} for side in (first, second))  # as printed
    return [(a, b) for a, b in combinations(first, 2) if (one[a] - one[b]) * (two[a] - two[b]) < 0]


def swaps_found(one: Result, other: Result) -> dict[tuple[str, str], int]:
    """How many pairs of the four nets swap from one data set to the other: the truth of SWAPS."""
    ours = {column: [significance.means(rows_of(r, NETS), column) for r in (one, other)] for column in ON}
    return {(column, "swaps"): len(swapped(*pair)) for column, pair in ours.items()}


def orders(*results: Result) -> str:
    """How the four nets are ordered in the paper and here, on each data set; and how many pairs swap.

    Ours are means over the seeds that all four nets have; Markdown.
    """
    tables, said = [], []
    for column, where in ON.items():
        ours = [significance.means(rows_of(result, NETS), column) for result in results]
        rows = []
        for result, found in zip(results, ours, strict=True):
            paper = {net: row[column] for net, row in PAPER[result["experiment"]].items()}
            rows.append([noun_of(result), significance.ranking(found), significance.ranking(paper)])
        tables.append(grid((f"on {where}", "here", "the paper"), rows))
        for one, other in combinations(range(len(results)), 2):
            pairs = swapped(ours[one], ours[other])
            names = "; ".join(f"{TITLES[a]} and {TITLES[b]}" for a, b in pairs)
            of = f"{len(pairs)} of {comb(len(NETS), 2)}"
            said.append(f"Pairs swapped on {where}: {of}{f' ({names})' * bool(names)}.")
    seeds = ((noun_of(result), significance.which_seeds(result, rows_of(result, NETS))) for result in results)
    if fewer := [f"the order on {noun} is that{which}" for noun, which in seeds if which]:
        said.append(f"Note: {'; '.join(fewer)}.")
    return "\n\n".join([*tables, " ".join(said)])
