"""What a table of results says, in words: beside the paper, and against luck.

Every function is true of any table that `experiments.table` makes, so a reader's own run gets its own
sentences. 'The robust networks' are the three of the paper, whatever other rows there are. Some nets may have
been trained with fewer seeds, always the first ones: nets are compared on the seeds that all of them have,
and a net with the baseline of its own seed.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from statistics import mean
from typing import Any

from scipy.stats import ttest_1samp

from rolab.experiments import (
    NETS,
    NORMS,
    PAPER,
    SWEEPS,
    TITLES,
    Experiment,
    cifar10_experiment,
    grid,
    mnist_experiment,
)
from rolab.figures import style

LEVEL = 0.05  # of significance
NOUNS = {"mnist": "digits", "cifar10": "images"}  # what the nets are judged on
PLANS: dict[str, Callable[[str], Experiment]] = {"mnist": mnist_experiment, "cifar10": cifar10_experiment}
MANY_STEPS = {"mnist": "open here, see notebook 09", "cifar10": "notebook 09 asks it of digits"}
ROBUST = NETS[1:]


def rows_of(result: Mapping[str, Any], nets: Iterable[str] = ROBUST) -> list[Mapping[str, Any]]:
    """The rows of these nets, in their order."""
    rows = {row["net"]: row for row in result["rows"]}
    return [rows[net] for net in nets]


# Phrases


def listed(nets: Collection[str], everything: Collection[Any]) -> str:
    """Some of the nets, in words.

    >>> listed(["baseline", "robust-l1"], NETS), listed(ROBUST, ROBUST), listed([], NETS)
    ('baseline, robust ℓ1', 'all 3 networks', 'none of the networks')
    """
    if len(nets) == len(everything):
        return f"all {len(nets)} networks"
    return ", ".join(TITLES[net] for net in nets) or "none of the networks"


def ordered(accuracies: Mapping[str, float]) -> str:
    """The nets by their accuracy as it is printed.

    >>> ordered({"robust-l1": 99.1, "robust-l2": 99.104, "baseline": 99})
    'baseline < robust ℓ1 = robust ℓ2'
    """
    ranked = sorted(accuracies, key=lambda net: round(accuracies[net], 2))
    said = TITLES[ranked[0]]
    for one, other in zip(ranked, ranked[1:], strict=False):
        said += f" {'=' if round(accuracies[one], 2) == round(accuracies[other], 2) else '<'} {TITLES[other]}"
    return said


def passes(x: Sequence[float], y: Sequence[float], level: float) -> float | None:
    """Where a falling curve first passes a level, between two points by a straight line; None if it does not.

    >>> passes([0, 1, 2], [100, 60, 20], 50)
    1.25
    """
    for k in range(1, len(x)):
        if y[k - 1] >= level > y[k]:
            return x[k - 1] + (x[k] - x[k - 1]) * (y[k - 1] - level) / (y[k - 1] - y[k])
    return None


def _seeds(count: int) -> str:
    return f"{count} seed{'s' * (count > 1)}"


def tested(result: Mapping[str, Any]) -> tuple[int, str]:
    """How many test images the nets were judged on, and that said where it is not the paper's 10,000."""
    excerpt = PLANS[result["experiment"]](result["preset"]).excerpt
    return (1_000, " of 1,000") if excerpt else (10_000, "")


# Nets with different numbers of seeds


def _seeds_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """With how many seeds each net was trained."""
    return {row["net"]: len(row["test_accuracy"]["values"]) for row in rows}


def _uneven(rows: Iterable[Mapping[str, Any]]) -> bool:
    return len(set(_seeds_of(rows).values())) > 1


def in_common(rows: Sequence[Mapping[str, Any]], column: str) -> dict[str, list[float]]:
    """The accuracies of each net in the seeds that all of them have, seed by seed."""
    count = min(_seeds_of(rows).values())
    return {row["net"]: row[column]["values"][:count] for row in rows}


def which_seeds(result: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Which seeds all of the nets have; nothing where they all have the same."""
    common = result["seeds"][: min(_seeds_of(rows).values())]
    if not _uneven(rows):
        return ""
    if len(common) == 1:
        return f" in seed {common[0]}, the only one that all have"
    return f" in the seeds {', '.join(map(str, common))}, which all have"


def _own_seeds(rows: Iterable[Mapping[str, Any]]) -> str:
    """What to say of curves, of which only the means are kept, if the nets have different seeds."""
    return ", each a mean over the seeds that it has" if _uneven(rows) else ""


# Beside the paper


def beside_the_paper(result: Mapping[str, Any]) -> str:
    """How our means, and the order of the nets, stand to the paper's; a Markdown list."""
    said = []
    tested = f"the test {NOUNS[result['experiment']]}"
    for column, where in (("test_accuracy", tested), ("adversarial_accuracy", "A")):
        # The baseline's 0 on A is no number to compare: A is made so.
        paper = {net: row[column] for net, row in PAPER[result["experiment"]].items() if row[column]}
        rows = rows_of(result, paper)
        ours = {row["net"]: row[column]["mean"] for row in rows}
        above = listed([net for net in paper if ours[net] > paper[net]], paper)
        order = ordered({net: mean(values) for net, values in in_common(rows, column).items()})
        theirs = ordered(paper)
        said.append(f"- On {where} our mean is above the paper's number for {above}.")
        said.append(
            f"  The order{which_seeds(result, rows)}: {order}"
            f"{', as in' if order == theirs else f'; {theirs} in'} the paper."
        )
    return "\n".join(said)


def own_norm(accuracies: Mapping[str, Mapping[str, float]]) -> str:
    """Which net is best on each part of A, from net → the norm that made the part → accuracy."""
    said = []
    for norm in NORMS:
        most = max(parts[norm] for parts in accuracies.values())
        best = " and ".join(TITLES[net] for net, parts in accuracies.items() if parts[norm] == most)
        said.append(f"on the {style(norm).label} examples {best}")
    return f"Best {'; '.join(said)}."


def small_steps(result: Mapping[str, Any]) -> str:
    """How the radii of A compare with the radii of training."""
    said = []
    for norm, row in zip(NORMS, rows_of(result), strict=True):
        made, trained = result["collection"]["radii"][norm]["mean"], row["radius"]
        said.append(f"{style(norm).label}: {made:.3g} against {trained:.3g}, {made / trained:.1f} times")
    return "The radii of A (mean over the seeds) against those of training: " + "; ".join(said) + "."


def as_radii_grow(result: Mapping[str, Any]) -> str:
    """What becomes of the order on A when its radii grow."""
    scale, curves = result["radius_scaling"]["scale"], result["radius_scaling"]["accuracy"]
    start, end = ({net: curves[net]["mean"][k] for net in ROBUST} for k in (0, -1))
    order = "the same" if ordered(start) == ordered(end) else f"another: {ordered(end)}"
    if _uneven(rows_of(result)) and order != "the same":
        order += f" (it was {ordered(start)})"
    lost = "; ".join(f"{TITLES[net]} from {start[net]:.1f} to {end[net]:.1f} %" for net in ROBUST)
    return (
        f"At {scale[-1]:g} times the radii the order is {order}. "
        f"The accuracies go, {lost}{_own_seeds(rows_of(result))}."
    )


# Against luck


def standard_errors(result: Mapping[str, Any]) -> str:
    """The paper's gains and the two kinds of luck, counted in images; a Markdown list."""
    paper, noun, n = PAPER[result["experiment"]], NOUNS[result["experiment"]], 10_000
    base = paper["baseline"]["test_accuracy"]
    images = (n * base / 100 * (1 - base / 100)) ** 0.5  # one standard error
    gains = {net: round((paper[net]["test_accuracy"] - base) / 100 * n) for net in ROBUST}
    said = [
        f"The paper's gains over its baseline, in images of {n:,}: "
        + ", ".join(f"{TITLES[net]} {gain:+d}" for net, gain in gains.items())
        + ".",
        f"At {base:.2f} % one standard error is {100 * images / n:.2f} points, {images:.0f} images.",
        f"That of a difference, if each network had its own {noun}, is {2**0.5 * images:.0f} images.",
    ]
    (baseline,) = rows_of(result, ["baseline"])
    ours = baseline["test_accuracy"]
    if ours["sd"] is None:
        said.append("One seed says nothing about the luck of training.")
    else:
        values = ", ".join(f"{value:.2f}" for value in ours["values"])
        n, of = tested(result)
        said.append(
            f"Our baseline, from {len(ours['values'])} seeds: {values} %, a standard deviation of "
            f"{n * ours['sd'] / 100:.0f} images{of}. "
            f"The {noun} stay the same: this is the luck of training alone."
        )
    return "\n".join(f"- {sentence}" for sentence in said)


def lead_in(test: Mapping[str, Any]) -> int:
    """By how many images the second net of McNemar's test is ahead."""
    return test["only_b"] - test["only_a"]


def leads_of(row: Mapping[str, Any]) -> list[int]:
    """The lead over the baseline of the same seed in images, seed by seed."""
    return [lead_in(test) for test in row["mcnemar"]]


def seeds_p(leads: Sequence[float]) -> float | None:
    """The p of a t-test: could leads that are 0 on average look like these? None if they do not differ.

    >>> round(seeds_p([1, 2, 3]), 3), seeds_p([5])
    (0.074, None)
    """
    return float(ttest_1samp(leads, 0).pvalue) if len(set(leads)) > 1 else None


def _significant(row: Mapping[str, Any], better: bool) -> int:
    """In how many seeds the net's lead, or its lag, is significant."""
    return sum(
        test["p"] < LEVEL and (lead > 0) == better
        for test, lead in zip(row["mcnemar"], leads_of(row), strict=True)
    )


def disputes(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """On how many images a robust net and the baseline of its seed disagree, a row for each net and seed."""
    return [
        {
            "network": TITLES[row["net"]],
            "seed": seed,
            "only the baseline right": test["only_a"],
            "only this one right": test["only_b"],
            "lead, images": f"{lead:+d}",
            "p": f"{test['p']:.2g}",
        }
        for row in rows_of(result)
        for seed, test, lead in zip(result["seeds"], row["mcnemar"], leads_of(row), strict=False)
    ]


def luck(row: Mapping[str, Any]) -> str:
    """One net against the baseline: what the seeds and McNemar's test say."""
    leads, n, name = leads_of(row), len(row["mcnemar"]), f"**{TITLES[row['net']]}**"
    if n == 1:
        return f"{name} has a lead of {leads[0]:+d} images, p = {row['mcnemar'][0]['p']:.2g}."
    ahead = sum(lead > 0 for lead in leads)
    p = seeds_p(leads)
    return (
        f"{name} has a lead of {sum(leads) / n:+.1f} images on average ({min(leads):+d} to {max(leads):+d}). "
        f"It is ahead in {ahead} of {n} seeds, in {_significant(row, better=True)} of them significantly so "
        f"(McNemar, p < {LEVEL})." + (f" Over the seeds a t-test gives p = {p:.2g}." if p is not None else "")
    )


def verdict(result: Mapping[str, Any]) -> str:
    """What is significant and what is not, in short."""
    rows = rows_of(result)
    said = f"McNemar's test finds a significant gain for {_significant_in(rows, better=True)}"
    if worse := _significant_in([row for row in rows if _significant(row, better=False)], better=False):
        said += f", a significant loss for {worse}"
    if several := [row for row in rows if len(row["mcnemar"]) > 1]:
        p = {row["net"]: seeds_p(leads_of(row)) for row in several}
        sure = [row for row in several if (value := p[row["net"]]) is not None and value < LEVEL]
        gains, losses = (
            [row["net"] for row in sure if (sum(leads_of(row)) > 0) == up] for up in (True, False)
        )
        said += ". The t-test over the seeds"
        if len(several) < len(rows):
            names = ", ".join(TITLES[row["net"]] for row in several)
            said += f" (only {names} {'has' if len(several) == 1 else 'have'} several)"
        few = len(several) < len(rows) and not gains
        said += " finds no gain" if few else f" finds a gain for {listed(gains, rows)}"
        said += f", a loss for {listed(losses, rows)}" * bool(losses)
    return said + "."


def _significant_in(rows: Sequence[Mapping[str, Any]], better: bool) -> str:
    """For each net, in how many of its seeds its lead, or its lag, is significant."""
    of = {row["net"]: f" of {_seeds(len(row['mcnemar']))}" for row in rows}
    common = of[rows[0]["net"]] if len(set(of.values())) == 1 else ""
    return (
        ", ".join(
            f"{TITLES[row['net']]} in {_significant(row, better)}" + ("" if common else of[row["net"]])
            for row in rows
        )
        + common
    )


def against_luck(result: Mapping[str, Any]) -> str:
    """Every robust net against the baseline, how many tests luck alone would win, the verdict; Markdown."""
    rows = rows_of(result)
    tests = sum(len(row["mcnemar"]) for row in rows)
    said = [f"- {luck(row)}" for row in rows]
    said.append(
        f"- By the luck of the images alone, if the nets are equally good, at most {LEVEL * tests:.2g} of "
        f"these {tests} tests fall below {LEVEL} on average."
    )
    return "\n".join([*said, "", f"**In short.** {verdict(result)}"])


# Claim by claim


def claims(*results: Mapping[str, Any]) -> str:
    """The paper's claims of §5, in our words, beside what we measured; a Markdown table.

    A column for each result, which has the name of what was judged if there are several.
    """
    nouns = [NOUNS[result["experiment"]] for result in results]
    found = [_findings(result, noun) for result, noun in zip(results, nouns, strict=True)]
    heads = nouns if len(results) > 1 else ["here"]
    claimed = found[0] if len(set(nouns)) == 1 else _findings(results[0], "images")
    return grid(["the paper", *heads], zip(claimed, *(each.values() for each in found), strict=True))


def _findings(result: Mapping[str, Any], noun: str) -> dict[str, str]:
    """What we measured, claim by claim, on what is called so."""
    experiment, rows = result["experiment"], rows_of(result)
    others = result["collection"].get("other_baselines")
    gains = ", ".join(f"{TITLES[row['net']]} {mean(leads_of(row)):+.1f}" for row in rows)
    on_A = [row["adversarial_accuracy"]["mean"] for row in rows]
    both = which_seeds(result, rows) and f"; both{which_seeds(result, rows)}"
    epsilon, curves = result[SWEEPS[experiment]]["epsilon"], result[SWEEPS[experiment]]["accuracy"]
    above = {
        net: sum(r > b for r, b in zip(curves[net]["mean"][1:], curves["baseline"]["mean"][1:], strict=True))
        for net in ROBUST
    }
    return {
        f"the robust networks are better on the test {noun}, all three": (
            f"in images{tested(result)[1]} {gains}. {verdict(result)}"
        ),
        f"ℓ∞ is best on the test {noun}, and in the table on A": (
            f"on the test {noun} {_best(rows, 'test_accuracy')}{_baseline_beside(result, rows)}; "
            f"on A {_best(rows, 'adversarial_accuracy')}{both}"
        ),
        "the robust networks read many examples of A correctly": (
            f"{min(on_A):.0f} to {max(on_A):.0f} %; they were aimed at the baseline, and the radii are ours"
            + (f"; baselines of other seeds read {others['mean']:.0f} %" if others else "")
        ),
        "it is harder to make new adversarial examples for them": (
            "above the baseline under their own one-step attack at "
            + ", ".join(f"{above[net]} ({TITLES[net]})" for net in ROBUST)
            + f" of the {len(epsilon) - 1} values of ε{_own_seeds(rows_of(result, NETS))}; "
            + f"against many steps: {MANY_STEPS[experiment]}"
        ),
        "each number from one network": _trained(result),
    }


def _best(rows: Sequence[Mapping[str, Any]], column: str) -> str:
    """The best robust net and the next, and whether the seeds can tell the two apart."""
    values = in_common(rows, column)
    average = {net: mean(values[net]) for net in ROBUST}
    # ℓ∞ comes first if it shares the first place.
    first, second, *_ = sorted(reversed(ROBUST), key=lambda net: -average[net])
    p = seeds_p([round(a - b, 6) for a, b in zip(values[first], values[second], strict=True)])
    return (
        f"{TITLES[first]} with {average[first]:.2f} %, before {TITLES[second]} with {average[second]:.2f} %"
        + (f" (t-test over the seeds: p = {p:.2g})" if p is not None else "")
    )


def _baseline_beside(result: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """The baseline in the seeds that all have, where those are fewer than it has."""
    every = [*rows_of(result, ["baseline"]), *rows]
    values = in_common(every, "test_accuracy")["baseline"]
    return f" (baseline {mean(values):.2f} %)" if _uneven(every) else ""


def _trained(result: Mapping[str, Any]) -> str:
    """How many nets of each kind there are."""
    counts = _seeds_of(rows_of(result, NETS))
    if len(set(counts.values())) == 1:
        return f"{_seeds(counts['baseline'])} of every network"
    return "; ".join(
        f"{_seeds(n)} of {listed([net for net in counts if counts[net] == n], counts)}"
        for n in sorted(set(counts.values()), reverse=True)
    )
