"""Significance of what a table of results shows, in words: beside the paper, and against luck.

Every function is true of any table that `experiments.table` makes, so a reader's own run gets its own
sentences. 'The robust networks' are the three of the paper, whatever other rows there are. Some nets may have
been trained with fewer seeds, always the first ones: nets are compared on the seeds that all of them have,
and a net with the baseline of its own seed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from operator import gt
from statistics import mean
from typing import Any

from scipy.stats import ttest_1samp

from rolab.experiments import EXPERIMENTS, NETS, NORMS, PAPER, TITLES, grid
from rolab.plotting.style import style

LEVEL = 0.05  # of significance
ROBUST = NETS[1:]
WORDS = {  # what the nets of an experiment are judged on, and what is said of attacks with many steps
    "mnist": ("digits", "open here, see notebook 09"),
    "cifar10": ("images", "notebook 09 asks it of digits"),
}
Result = Mapping[str, Any]  # as `experiments.table` makes it
Row = Mapping[str, Any]  # a net in its "rows"


def noun_of(result: Result) -> str:
    """What the nets were judged on."""
    return WORDS[result["experiment"]][0]


def rows_of(result: Result, nets: Iterable[str] = ROBUST) -> list[Row]:
    """The rows of these nets, in their order."""
    rows = {row["net"]: row for row in result["rows"]}
    return [rows[net] for net in nets]


def titles(nets: Iterable[str]) -> str:
    """What the nets are called, one after the other."""
    return ", ".join(TITLES[net] for net in nets)


def listed(nets: Collection[str], everything: Collection[Any]) -> str:
    """Some of the nets, in words.

    >>> listed(["baseline", "robust-l1"], NETS), listed(ROBUST, ROBUST), listed([], NETS)
    ('baseline, robust ℓ1', 'all 3 networks', 'none of the networks')
    """
    if len(nets) == len(everything):
        return f"all {len(nets)} networks"
    return titles(nets) or "none of the networks"


def by_net(said: Mapping[str, str]) -> str:
    """What is said of each net, behind its title."""
    return ", ".join(f"{TITLES[net]} {what}" for net, what in said.items())


def ranking(accuracies: Mapping[str, float]) -> str:
    """The nets by their accuracy as it is printed.

    >>> ranking({"robust-l1": 99.1, "robust-l2": 99.104, "baseline": 99})
    'baseline < robust ℓ1 = robust ℓ2'
    """
    printed = {net: round(accuracy, 2) for net, accuracy in accuracies.items()}
    ranked = sorted(printed, key=printed.__getitem__)
    return " < ".join(" = ".join(map(TITLES.__getitem__, equal)) for _, equal in groupby(ranked, printed.get))


def crossing(x: Sequence[float], y: Sequence[float], level: float) -> float | None:
    """Where a falling curve first crosses a level, between two points by a straight line; None if nowhere.

    >>> crossing([0, 1, 2], [100, 60, 20], 50)
    1.25
    """
    for (start, high), (end, low) in pairwise(zip(x, y, strict=True)):
        if high >= level > low:
            return start + (end - start) * (high - level) / (high - low)
    return None


def tested(result: Result) -> tuple[int, str]:
    """How many test images the nets were judged on, and that said where it is not the paper's 10,000."""
    subset = EXPERIMENTS[result["experiment"]](result["preset"]).subset
    return (1_000, " of 1,000") if subset else (10_000, "")


# Nets with different numbers of seeds


def _seeds(count: int) -> str:
    return f"{count} seed{'s' * (count > 1)}"


def _counts(rows: Iterable[Row]) -> list[int]:
    """With how many seeds each net was trained."""
    return [len(row["test_accuracy"]["values"]) for row in rows]


def _uneven(rows: Iterable[Row]) -> bool:
    return len(set(_counts(rows))) > 1


def in_common(rows: Sequence[Row], column: str) -> dict[str, list[float]]:
    """The accuracies of each net in the seeds that all of them have, seed by seed."""
    return {row["net"]: row[column]["values"][: min(_counts(rows))] for row in rows}


def means(rows: Sequence[Row], column: str = "test_accuracy") -> dict[str, float]:
    """The accuracy of each net, a mean over the seeds that all of them have."""
    return {net: mean(values) for net, values in in_common(rows, column).items()}


def which_seeds(result: Result, rows: Sequence[Row]) -> str:
    """Which seeds all of the nets have; nothing where they all have the same."""
    if not _uneven(rows):
        return ""
    first, *more = map(str, result["seeds"][: min(_counts(rows))])
    many = f" in the seeds {', '.join([first, *more])}, which all have"
    return many if more else f" in seed {first}, the only one that all have"


def _own_seeds(rows: Iterable[Row]) -> str:
    """What to say of curves, of which only the means are kept, if the nets have different seeds."""
    return ", each a mean over the seeds that it has" if _uneven(rows) else ""


# Beside the paper


def beside_the_paper(result: Result) -> str:
    """How our means, and the order of the nets, stand to the paper's; a Markdown list."""
    said = []
    for column, where in (("test_accuracy", f"the test {noun_of(result)}"), ("adversarial_accuracy", "A")):
        # The baseline's 0 on A is no number to compare: A is made so.
        paper = {net: row[column] for net, row in PAPER[result["experiment"]].items() if row[column]}
        rows = rows_of(result, paper)
        above = listed([row["net"] for row in rows if row[column]["mean"] > paper[row["net"]]], paper)
        order, theirs = ranking(means(rows, column)), ranking(paper)
        beside = ", as in" if order == theirs else f"; {theirs} in"
        said.append(f"- On {where} our mean is above the paper's number for {above}.")
        said.append(f"  The order{which_seeds(result, rows)}: {order}{beside} the paper.")
    return "\n".join(said)


def own_norm(accuracies: Mapping[str, Mapping[str, float]]) -> str:
    """Which net is best on each part of A, from net → the norm that made the part → accuracy."""
    said = []
    for norm in NORMS:
        most = max(parts[norm] for parts in accuracies.values())
        best = " and ".join(TITLES[net] for net, parts in accuracies.items() if parts[norm] == most)
        said.append(f"on the {style(norm).label} examples {best}")
    return f"Best {'; '.join(said)}."


def small_steps(result: Result) -> str:
    """How the radii of A compare with the radii of training."""
    said, radii = [], result["collection"]["radii"]
    for norm, row in zip(NORMS, rows_of(result), strict=True):
        made, trained = radii[norm]["mean"], row["radius"]
        said.append(f"{style(norm).label}: {made:.3g} against {trained:.3g}, {made / trained:.1f} times")
    return f"The radii of A (mean over the seeds) against those of training: {'; '.join(said)}."


def orders_as_radii_grow(result: Result) -> tuple[str, str]:
    """The order of the robust nets on A, as it is made and with its largest radii."""
    curves = result["radius_scaling"]["accuracy"]
    start, end = (ranking({net: curves[net]["mean"][k] for net in ROBUST}) for k in (0, -1))
    return start, end


def as_radii_grow(result: Result) -> str:
    """What becomes of the order on A when its radii grow."""
    scale, curves = result["radius_scaling"]["scale"], result["radius_scaling"]["accuracy"]
    uneven = _own_seeds(rows_of(result))
    was, order = orders_as_radii_grow(result)
    order = "the same" if was == order else f"another: {order}" + f" (it was {was})" * bool(uneven)
    ends = {net: (curves[net]["mean"][0], curves[net]["mean"][-1]) for net in ROBUST}
    lost = "; ".join(f"{TITLES[net]} from {start:.1f} to {end:.1f} %" for net, (start, end) in ends.items())
    return f"At {scale[-1]:g} times the radii the order is {order}. The accuracies fall: {lost}{uneven}."


# Against luck


def standard_errors(result: Result) -> str:
    """The paper's gains and the two kinds of luck, counted in images; a Markdown list."""
    paper, noun, n = PAPER[result["experiment"]], noun_of(result), 10_000
    base = paper["baseline"]["test_accuracy"]
    images = (n * base / 100 * (1 - base / 100)) ** 0.5  # one standard error
    gains = {net: f"{round((paper[net]['test_accuracy'] - base) / 100 * n):+d}" for net in ROBUST}
    said = [
        f"The paper's gains over its baseline, in images of {n:,}: {by_net(gains)}.",
        f"At {base:.2f} % one standard error is {100 * images / n:.2f} points, {images:.0f} images.",
        f"That of a difference, if each network had its own {noun}, is {2**0.5 * images:.0f} images.",
    ]
    ours = rows_of(result, ["baseline"])[0]["test_accuracy"]
    if ours["sd"] is None:
        said.append("One seed says nothing about the luck of training.")
    else:
        values = ", ".join(f"{value:.2f}" for value in ours["values"])
        n, of = tested(result)
        sd = f"a standard deviation of {n * ours['sd'] / 100:.0f} images{of}"
        said.append(f"Our baseline, from {len(ours['values'])} seeds: {values} %, {sd}.")
        said[-1] += f" The {noun} stay the same: this is the luck of training alone."
    return "\n".join(f"- {sentence}" for sentence in said)


def lead_in(test: Mapping[str, Any]) -> int:
    """By how many images the second net of McNemar's test is ahead."""
    return test["only_b"] - test["only_a"]


def lead_and_p(test: Mapping[str, Any], sign: int = 1) -> list[str]:
    """The lead of the second net, or of the first (sign -1), and the p of McNemar's test, as printed."""
    return [f"{sign * lead_in(test):+d}", f"{test['p']:.2g}"]


def leads_of(row: Row) -> list[int]:
    """The lead over the baseline of the same seed in images, seed by seed."""
    return [lead_in(test) for test in row["mcnemar"]]


def significant(tests: Iterable[Mapping[str, Any]], sign: int) -> int:
    """How many of McNemar's tests find the second net better (sign 1), or worse (-1)."""
    return sum(test["p"] < LEVEL and sign * lead_in(test) > 0 for test in tests)


def seeds_p(leads: Sequence[float]) -> float | None:
    """The p of a t-test: could leads that are 0 on average look like these? None if they do not differ.

    >>> round(seeds_p([1, 2, 3]), 3), seeds_p([5])
    (0.074, None)
    """
    return float(ttest_1samp(leads, 0).pvalue) if len(set(leads)) > 1 else None


def _t_test(leads: Sequence[float], say: str) -> str:
    """What to say of that p; nothing where there is none."""
    p = seeds_p(leads)
    return "" if p is None else say.format(p)


def disputed_images(result: Result) -> list[dict[str, Any]]:
    """On how many images a robust net and the baseline of its seed disagree, a row for each net and seed."""
    names = "network", "seed", "only the baseline right", "only this one right", "lead, images", "p"
    rows = (
        (TITLES[row["net"]], seed, test["only_a"], test["only_b"], *lead_and_p(test))
        for row in rows_of(result)
        for seed, test in zip(result["seeds"], row["mcnemar"], strict=False)
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def lead_of(row: Row) -> str:
    """One net against the baseline: what the seeds and McNemar's test say."""
    tests, leads, name = row["mcnemar"], leads_of(row), f"**{TITLES[row['net']]}**"
    if len(tests) == 1:
        return f"{name} has a lead of {leads[0]:+d} images, p = {tests[0]['p']:.2g}."
    ahead = f"ahead in {sum(lead > 0 for lead in leads)} of {len(tests)} seeds"
    return (
        f"{name} has a lead of {mean(leads):+.1f} images on average ({min(leads):+d} to {max(leads):+d}). "
        f"It is {ahead}, in {significant(tests, 1)} of them significantly so (McNemar, p < {LEVEL})."
        f"{_t_test(leads, ' Over the seeds a t-test gives p = {:.2g}.')}"
    )


def in_short(result: Result) -> str:
    """What is significant and what is not, in short."""
    rows = rows_of(result)
    said = f"McNemar's test finds a significant gain for {_in_seeds(rows, 1)}"
    if worse := [row for row in rows if significant(row["mcnemar"], -1)]:
        said += f", a significant loss for {_in_seeds(worse, -1)}"
    if several := [row["net"] for row in rows if len(row["mcnemar"]) > 1]:
        leads = {row["net"]: leads_of(row) for row in rows}
        sure = [net for net in several if (p := seeds_p(leads[net])) is not None and p < LEVEL]
        gains, losses = ([net for net in sure if sign * sum(leads[net]) > 0] for sign in (1, -1))
        said += ". The t-test over the seeds"
        if few := len(several) < len(rows):
            said += f" (only {titles(several)} {'has' if len(several) == 1 else 'have'} several)"
        said += " finds no gain" if few and not gains else f" finds a gain for {listed(gains, rows)}"
        said += f", a loss for {listed(losses, rows)}" * bool(losses)
    return said + "."


def _in_seeds(rows: Sequence[Row], sign: int) -> str:
    """For each net, in how many of its seeds it is significantly better (sign 1), or worse (-1)."""
    each, said = _uneven(rows), {}
    for row in rows:
        of = f" of {_seeds(len(row['mcnemar']))}"
        said[row["net"]] = f"in {significant(row['mcnemar'], sign)}" + of * each
    return by_net(said) + of * (not each)


def against_luck(result: Result) -> str:
    """Every robust net against the baseline, how many tests luck alone would win, and in short; Markdown."""
    rows = rows_of(result)
    tests = sum(len(row["mcnemar"]) for row in rows)
    said = [f"- {lead_of(row)}" for row in rows]
    below = f"at most {LEVEL * tests:.2g} of these {tests} tests fall below {LEVEL} on average"
    said.append(f"- By the luck of the images alone, if the nets are equally good, {below}.")
    return "\n".join([*said, "", f"**In short.** {in_short(result)}"])


# Claim by claim


CLAIMS = (
    "the robust networks are better on the test {}, all three",
    "ℓ∞ is best on the test {}, and in the table on A",
    "the robust networks read many examples of A correctly",
    "it is harder to make new adversarial examples for them",
    "each number from one network",
)


def claims(*results: Result) -> str:
    """The paper's claims of §5, in our words, beside what we measured; a Markdown table.

    A column for each result, which has the name of what was judged if there are several.
    """
    nouns = [noun_of(result) for result in results]
    noun = nouns[0] if len(set(nouns)) == 1 else "images"
    heads = ["the paper", *(nouns if len(results) > 1 else ["here"])]
    return grid(heads, zip([claim.format(noun) for claim in CLAIMS], *map(_findings, results), strict=True))


def _findings(result: Result) -> list[str]:
    """What we measured, claim by claim."""
    rows, every = rows_of(result), rows_of(result, NETS)
    others = result["collection"].get("other_baselines")
    gains = by_net({row["net"]: f"{mean(leads_of(row)):+.1f}" for row in rows})
    on_A = [row["adversarial_accuracy"]["mean"] for row in rows]
    both = which_seeds(result, rows) and f"; both{which_seeds(result, rows)}"
    beside = f" (baseline {means(every)['baseline']:.2f} %)" if _uneven(every) else ""
    sweep = result["accuracy_vs_epsilon"]
    curves = {net: curve["mean"][1:] for net, curve in sweep["accuracy"].items()}
    above = [f"{sum(map(gt, curves[net], curves['baseline']))} ({TITLES[net]})" for net in ROBUST]
    return [
        f"in images{tested(result)[1]} {gains}. {in_short(result)}",
        f"on the test {noun_of(result)} {_best(rows, 'test_accuracy')}{beside}; "
        f"on A {_best(rows, 'adversarial_accuracy')}{both}",
        f"{min(on_A):.0f} to {max(on_A):.0f} %; they were aimed at the baseline, and the radii are ours"
        + (f"; baselines of other seeds read {others['mean']:.0f} %" if others else ""),
        f"above the baseline under their own one-step attack at {', '.join(above)} of the "
        f"{len(sweep['epsilon']) - 1} values of ε{_own_seeds(every)}; "
        f"against many steps: {WORDS[result['experiment']][1]}",
        _trained(every),
    ]


def _best(rows: Sequence[Row], column: str) -> str:
    """The best robust net and the next, and whether the seeds can tell the two apart."""
    values, average = in_common(rows, column), means(rows, column)
    # ℓ∞ comes first if it shares the first place.
    first, second, *_ = sorted(reversed(ROBUST), key=lambda net: -average[net])
    leads = [round(a - b, 6) for a, b in zip(values[first], values[second], strict=True)]
    return (
        f"{TITLES[first]} with {average[first]:.2f} %, before {TITLES[second]} with {average[second]:.2f} %"
        f"{_t_test(leads, ' (t-test over the seeds: p = {:.2g})')}"
    )


def _trained(rows: Sequence[Row]) -> str:
    """How many nets of each kind there are."""
    counts = _counts(rows)
    nets = {n: [row["net"] for row, count in zip(rows, counts, strict=True) if count == n] for n in counts}
    if len(nets) == 1:
        return f"{_seeds(counts[0])} of every network"
    return "; ".join(f"{_seeds(n)} of {titles(nets[n])}" for n in sorted(nets, reverse=True))
