"""What a record of attacks and proofs says, in words and tables: all of it computed from the record."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rolab.evaluation import mcnemar
from rolab.experiments import NETS, NORMS, grid
from rolab.experiments.robustness_results import RobustnessResults
from rolab.experiments.styles import style

FOUR = tuple(NETS)
ROBUST = tuple(f"robust-{norm}" for norm in NORMS)
LEVEL = 0.05  # of significance
Record = Mapping[str, Any]


def listed(nets: Iterable[str]) -> str:
    """Some networks, in words."""
    return ", ".join(style(net).label for net in nets) or "none"


# One step, and more


def loss(results: RobustnessResults, net: str, radius: float) -> float:
    """By how many points the hardest attack leaves less than one step does."""
    return results.percent(net, radius, 1, 0) - results.percent(net, radius, *results.hardest)


def loses_most(results: RobustnessResults, radius: float) -> str:
    """The one of the four nets for which that is most."""
    return max(FOUR, key=lambda net: loss(results, net, radius))


def accuracy_rows(
    results: RobustnessResults,
    nets: Iterable[str],
    radii: Iterable[float],
    runs: Mapping[str, tuple[int, int]],
) -> list[dict[str, Any]]:
    """A row for each radius and net, a column for each run: name → steps and restarts."""
    return [
        {"network": style(net).label, "ε": radius}
        | {name: str(results.accuracy(net, radius, *run)) for name, run in runs.items()}
        for radius in sorted(set(radii))
        for net in nets
    ]


def more_steps(results: RobustnessResults) -> str:
    """What the hardest attack takes from what one step leaves, radius by radius; a Markdown list."""
    steps, restarts = results.hardest
    said = [f"From one step to {steps} steps with {restarts} restarts, in percent of the digits:"]
    for radius in results.radii:
        ends = (
            f"{style(net).label} from {results.percent(net, radius, 1, 0):.0f} to "
            f"{results.percent(net, radius, steps, restarts):.0f}"
            for net in FOUR
        )
        said.append(f"- ε = {radius:g}: {', '.join(ends)}")
    return f"{said[0]}\n\n" + "\n".join(said[1:])


# The fifth


def after_one_step(results: RobustnessResults, radius: float) -> str:
    """What one step leaves of all nets."""
    left = {net: results.percent(net, radius, 1, 0) for net in (*FOUR, "masked")}
    first, *_, last = sorted(FOUR, key=left.__getitem__, reverse=True)
    return (
        f"Of the four, {style(first).label} keeps most, {left[first]:.0f} %, and {style(last).label} least, "
        f"{left[last]:.0f} %. {style('masked').label.capitalize()} keeps {left['masked']:.0f} %."
    )


def fifth_in_words(results: RobustnessResults) -> str:
    """What all attacks leave of the fifth net, beside others and beside one step."""
    left = {net: results.after_all(net, 0.2).percent for net in ("masked", "robust-linf", "baseline")}
    one = {radius: results.percent("masked", radius, 1, 0) for radius in (0.2, 0.3)}
    return (
        f"At ε = 0.2 all attacks together leave the fifth {left['masked']:.0f} %, robust ℓ∞ "
        f"{left['robust-linf']:.0f} % and the baseline {left['baseline']:.0f} %. One step reports "
        f"{one[0.2]:.0f} % there, and {one[0.3]:.0f} % at ε = 0.3, where all attacks leave "
        f"{results.after_all('masked', 0.3).percent:.1f} %."
    )


def masking_signs(record: Record) -> dict[str, int]:
    """How many of the eight questions each net answers with yes."""
    runs = record["runs"]
    nets = RobustnessResults.of(record).nets
    return {net: sum(f["masked"] for f in runs[f"{net}/masking"]["findings"]) for net in nets}


def signs_in_words(record: Record) -> str:
    """The same in a sentence."""
    near, _ = record["identity"]["masking_radii"]
    found = ", ".join(f"{style(net).label} {signs}" for net, signs in masking_signs(record).items())
    digits = RobustnessResults.of(record).examples
    return f"In the record, {digits} digits and ε = {near:g}, so many questions have the answer yes: {found}."


# Proofs


def proof_radii(record: Record) -> tuple[float, ...]:
    """The radii for which proofs were tried."""
    return tuple(record["identity"]["proof_radii"])


def proved(record: Record, net: str, radius: float) -> float:
    """For which share of the digits a proof holds, in percent."""
    part = record["runs"][f"{net}/certified"]
    return 100 * part["correct"][proof_radii(record).index(radius)] / part["examples"]


def half_proved(record: Record, net: str) -> float:
    """The largest of the radii at which at least half of the digits are proved; 0 if none."""
    return max((radius for radius in proof_radii(record) if proved(record, net, radius) >= 50), default=0.0)


def proof_rows(record: Record, nets: Iterable[str]) -> list[dict[str, Any]]:
    """A row for each net, a column for each radius; percent."""
    return [
        {"network": style(net).label}
        | {f"proved at ε = {radius:g}, %": proved(record, net, radius) for radius in proof_radii(record)}
        for net in nets
    ]


# Transfer


def transfer_rows(record: Record, radius: float = 0.2) -> list[dict[str, Any]]:
    """What each net reads of what was made for each; a row for each source, percent."""
    return [
        {f"PGD, ε = {radius:g}, made for": style(source).label}
        | {style(net).label: found["percent"] for net, found in row.items()}
        for source, row in record["runs"][f"transfer/{radius:g}"]["accuracy"].items()
    ]


# Claim by claim


def claims(record: Record, table: Mapping[str, Any]) -> str:
    """The paper's claims, in our words, beside what stronger attacks leave of them; a Markdown table.

    Args:
        record: of `rolab evaluate`
        table: of the MNIST experiment
    """
    results = RobustnessResults.of(record)
    handed = record["runs"]["transfer/0.2"]["accuracy"]["baseline"]
    own = ", ".join(f"{results.after_all(net, 0.2).percent:.1f}" for net in ROBUST)
    rows = [
        (
            "robust training improves the accuracy on clean test digits",
            "no attack is involved, so it **survives** as far as it was true: "
            + ", ".join(_gain(table, net) for net in ROBUST),
        ),
        (
            "the robust networks withstand the adversarial examples made for the baseline (A)",
            "**survives** in part: of what PGD makes for the baseline at ε = 0.2 "
            f"(which itself reads {handed['baseline']['percent']:.1f} %), "
            + ", ".join(f"{style(net).label} reads {handed[net]['percent']:.1f} %" for net in ROBUST)
            + f"; all attacks on each itself leave {own} %. A flatters",
        ),
        (
            "it is harder to generate new adversarial examples for a robust network (Figure 3)",
            "it **survives** where a network is better than the baseline by more than luck: "
            + "; ".join(_harder(results, radius) for radius in (0.1, 0.2, 0.3)),
        ),
        (
            "Figure 3, by one step, shows how robust",
            "the height **does not survive**: all attacks instead of one step, "
            + "; ".join(
                f"ε = {radius:g}: {', '.join(_drop(results, net, radius) for net in FOUR)}"
                for radius in (0.1, 0.2)
            ),
        ),
        (
            "ℓ∞ training gives the most robust network",
            f"{_first_is(results, 'robust-linf')} among the four, under ℓ∞ attacks: "
            f"{_first_two(results, 0.1)}; {_first_two(results, 0.2)}. "
            "One network a set; p is over digits, not over trainings",
        ),
        (
            "the output becomes stable in a neighbourhood of the points",
            "proved on the first 100 test digits, robust ℓ∞ (baseline): "
            + ", ".join(
                f"{proved(record, 'robust-linf', radius):.0f} ({proved(record, 'baseline', radius):.0f}) % "
                f"at ε = {radius:g}"
                for radius in proof_radii(record)
            )
            + "; attacks at 0.1 have broken "
            f"{100 - results.after_all('robust-linf', 0.1).percent:.0f} %: open between",
        ),
        (
            "(what a reader may conclude) a network that one step cannot break is robust",
            f"**does not survive**: {_drop(results, 'masked', 0.3)} at ε = 0.3",
        ),
    ]
    return grid(("the paper, in our words", "under stronger attacks"), rows)


def _gain(table: Mapping[str, Any], net: str) -> str:
    """What training with a set did to the accuracy on clean digits, and whether it is luck."""
    rows = {row["net"]: row for row in table["rows"]}
    gain = rows[net]["test_accuracy"]["mean"] - rows["baseline"]["test_accuracy"]["mean"]
    p: Sequence[float] = [test["p"] for test in rows[net]["mcnemar"]]
    seeds = f"p < {LEVEL} in {sum(value < LEVEL for value in p)} of {len(p)} seeds"
    return f"{style(net).label} {gain:+.2f} points ({seeds})"


def _luck(results: RobustnessResults, net: str, other: str, radius: float) -> float:
    """McNemar's p for what all attacks leave of two networks, on the same digits."""
    return mcnemar(results.robust_mask(net, radius), results.robust_mask(other, radius))["p"]


def _harder(results: RobustnessResults, radius: float) -> str:
    """What all attacks leave, and which networks are better than the baseline by more than luck."""
    left = {net: results.after_all(net, radius).percent for net in FOUR}
    ahead = [net for net in ROBUST if left[net] > left["baseline"]]
    better = [net for net in ahead if _luck(results, net, "baseline", radius) < LEVEL]
    numbers = ", ".join(f"{style(net).label} {value:.1f}" for net, value in left.items())
    return f"at ε = {radius:g} for {listed(better)} (all attacks leave {numbers} %)"


def _ranked(results: RobustnessResults, radius: float) -> list[str]:
    """The four, by what all attacks leave of them."""
    return sorted(FOUR, key=lambda net: -results.after_all(net, radius).percent)


def _first_is(results: RobustnessResults, net: str) -> str:
    first = all(_ranked(results, radius)[0] == net for radius in (0.1, 0.2))
    return "**survives**" if first else "**does not survive**"


def _first_two(results: RobustnessResults, radius: float) -> str:
    """The two networks of which all attacks leave most."""
    first, second, *_ = _ranked(results, radius)
    one, two = (results.after_all(net, radius).percent for net in (first, second))
    return (
        f"at ε = {radius:g} {style(first).label} has {one:.1f} %, then {style(second).label} {two:.1f} % "
        f"(McNemar's p = {_luck(results, first, second, radius):.2g})"
    )


def _drop(results: RobustnessResults, net: str, radius: float) -> str:
    """From one step to all attacks."""
    one, every = results.percent(net, radius, 1, 0), results.after_all(net, radius).percent
    return f"{style(net).label} from {one:.1f} to {every:.1f} %"
