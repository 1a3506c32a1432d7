"""What the table of the related work shows, in sentences that are computed from it.

Every sentence is true of any table that `rolab reproduce related-work` makes. Differences are those to the
baseline of the same seed; by more than luck means p < 0.05 in a paired t-test over the seeds, corrected for
the number of methods (Holm 1979).
"""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from scipy.stats import ttest_1samp

Result = Mapping[str, Any]  # as `experiments.table` makes it
Row = Mapping[str, Any]  # a net in its "rows"

LEVEL = 0.05
COLUMNS = {
    "test_accuracy": "On unperturbed images",
    "ensemble_accuracy": "Under all attacks in the ℓ∞ ball of 0.1",
    "ensemble_accuracy_l2": "Under all attacks in the ℓ2 ball of 1.5",
}


def holm(p: Sequence[float]) -> list[float]:
    """p-values of several tests, corrected so that one of them is wrong with the level's probability at most.

    >>> holm([0.01, 0.5, 0.02])
    [0.03, 0.5, 0.04]
    """
    ranked, corrected, least = sorted(range(len(p)), key=p.__getitem__), [1.0] * len(p), 0.0
    for rank, k in enumerate(ranked):
        least = corrected[k] = min(1.0, max(least, (len(p) - rank) * p[k]))
    return corrected


def against_baseline(result: Result, column: str) -> dict[str, tuple[float, float]]:
    """Title of each method → its mean lead over the baseline in points, and Holm's p; at least two seeds."""
    baseline, *others = result["rows"]
    standard = baseline[column]["values"]
    leads = [[a - b for a, b in zip(row[column]["values"], standard, strict=True)] for row in others]
    p = [  # without spread there is no t
        float(ttest_1samp(lead, 0).pvalue) if len(set(lead)) > 1 else float(lead[0] == 0) for lead in leads
    ]
    return {
        row["title"]: (mean(lead), corrected)
        for row, lead, corrected in zip(others, leads, holm(p), strict=True)
    }


def dominated(result: Result) -> dict[str, str]:
    """Title of each method → that of another that is no worse in accuracies and cost, and better in one."""
    merits = {
        row["title"]: [*(row[column]["mean"] for column in COLUMNS), -row["step_cost"]["mean"]]
        for row in result["rows"]
    }

    def beats(a: list[float], b: list[float]) -> bool:
        return a != b and all(own >= other for own, other in zip(a, b, strict=True))

    found = {}
    for title, merit in merits.items():
        better = [other for other, m in merits.items() if beats(m, merit)]
        if better:
            found[title] = max(better, key=lambda other: merits[other][1])
    return found


def _leads(result: Result, column: str, where: str) -> str:
    sure = {title: lead for title, (lead, p) in against_baseline(result, column).items() if p < LEVEL}
    parts = []
    for word, sign in (("better", 1), ("worse", -1)):
        some = sorted((title for title in sure if sure[title] * sign > 0), key=lambda t: -abs(sure[t]))
        said = ", ".join(f"{title} ({sure[title]:+.2f})" for title in some)
        parts.append(f"{word} than the baseline by more than luck: {said or 'none'}")
    return f"{where}, {'; '.join(parts)}."


def _below(result: Result, least: float = 98.5) -> str:
    clean = {row["title"]: row["test_accuracy"]["mean"] for row in result["rows"]}
    few = [f"{title} ({accuracy:.2f} %)" for title, accuracy in clean.items() if accuracy < least]
    return f"Below {least} % on unperturbed images: {', '.join(few) or 'none'}."


def _operator_norm(strengths: Result) -> str:
    """What the penalty [21] does, over its strength."""

    def of(row: Row) -> str:
        return f"{row['norm_product']:.3g}, {row['accuracy']:.2f} %, {row['pgd_accuracy']:.1f} %"

    tried = [row for row in strengths["rows"] if row["method"] == "operator-norm"]
    said = "; ".join(f"{row['strength']:g}: {of(row)}" for row in tried)
    return (
        "The penalty on operator norms [21], on images held out: product of the norms, accuracy, what PGD "
        f"leaves at ε = 0.1. Without it {of(strengths['rows'][0])}; with a factor of {said}."
    )


def findings(result: Result, strengths: Result) -> list[str]:
    """The sentences: who is better than the baseline, who is dominated, what operator norms do.

    Args:
        result: the table
        strengths: what `rolab.experiments.strength_selection` wrote
    """
    said = []
    if len(result["seeds"]) > 1:
        said += [_leads(result, column, where) for column, where in COLUMNS.items()]
    pairs = ", ".join(f"{title} (by {other})" for title, other in dominated(result).items())
    said.append(
        "Dominated, by a method no worse in these three accuracies and in the cost of a step, and better in "
        f"one of them: {pairs or 'none'}."
    )
    return [*said, _below(result), _operator_norm(strengths)]
