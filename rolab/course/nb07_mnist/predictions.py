"""What notebooks 07 and 08 ask before they show a table of results, and what came out."""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

from rolab.course.live import OneOf, Quantities, Quantity
from rolab.course.nb07_mnist.significance import (
    ROBUST,
    Result,
    crossing,
    noun_of,
    orders_as_radii_grow,
    rows_of,
    significant,
)
from rolab.experiments import NETS, NORMS, PAPER, TITLES

PERCENT = Quantity("%", least=0, most=100)
SAME_ORDER = OneOf({"the same": "the same order", "another": "another order"})
OWN_NORM = OneOf({0: "none of the three", 1: "one", 2: "two", 3: "all three"})


def table_of(result: Result) -> Quantities:
    """The paper's table as a reader predicts it: two accuracies of each of its four nets, in percent."""
    paper, columns = PAPER[result["experiment"]], _columns(result)
    printed = {(net, column): paper[net][column] for net in NETS for column in columns}
    known = {("baseline", "adversarial_accuracy"): 0.0}  # A is made so
    rows = {net: TITLES[net] for net in NETS}
    return Quantities(rows, columns, PERCENT, given=known, beside={"the paper": printed})


def table_found(result: Result) -> dict[tuple[str, str], float]:
    """The numbers of that table, means over the seeds."""
    rows = rows_of(result, NETS)
    return {(row["net"], column): row[column]["mean"] for row in rows for column in _columns(result)}


def _columns(result: Result) -> dict[str, str]:
    return {"test_accuracy": f"test {noun_of(result)}", "adversarial_accuracy": "A"}


def half_of(result: Result) -> Quantities:
    """The ε at which nets are right on half of the images; at most the largest that was measured."""
    epsilon = Quantity(factor=True, least=0, most=result["accuracy_vs_epsilon"]["epsilon"][-1])
    nets = {"baseline": "the baseline", "best": "the best robust network"}
    return Quantities(nets, {"half": "right on half at ε ="}, epsilon)


def half_found(result: Result) -> dict[tuple[str, str], float]:
    """Where the mean curves fall to half; the largest ε that was measured if they do not."""
    sweep = result["accuracy_vs_epsilon"]
    epsilon, curves = sweep["epsilon"], sweep["accuracy"]
    crossed = {net: crossing(epsilon, curves[net]["mean"], 50) for net in NETS}
    found = {net: epsilon[-1] if at is None else at for net, at in crossed.items()}
    return {("baseline", "half"): found["baseline"], ("best", "half"): max(found[net] for net in ROBUST)}


def crossings(result: Result, levels: Sequence[float] = (95, 90, 50)) -> list[dict[str, Any]]:
    """Where the mean curve of each net falls to each level; None where it does not."""
    sweep, rows = result["accuracy_vs_epsilon"], []
    for net in NETS:
        at = (crossing(sweep["epsilon"], sweep["accuracy"][net]["mean"], level) for level in levels)
        rows.append({"network": TITLES[net]} | {f"{n} % at ε =": x for n, x in zip(levels, at, strict=True)})
    return rows


def standard_error_in_images(percent: float, images: int = 10_000) -> float:
    """One standard error of an accuracy in percent, in images.

    >>> standard_error_in_images(50, 100)
    5.0
    """
    return sqrt(images * percent / 100 * (1 - percent / 100))


def best_on_their_own(accuracies: Mapping[str, Mapping[str, float]]) -> int:
    """How many robust nets are the best on the part of A that their own norm made, alone or with others.

    accuracies: net → the norm that made the part → accuracy
    """
    best = {norm: max(parts[norm] for parts in accuracies.values()) for norm in NORMS}
    return sum(accuracies[f"robust-{norm}"][norm] == best[norm] for norm in NORMS)


def typically_disputed(result: Result) -> int:
    """On how many images a robust net and the baseline of its seed disagree: the median, made even."""
    tests = [test for row in rows_of(result) for test in row["mcnemar"]]
    disputed = sorted(test["only_a"] + test["only_b"] for test in tests)
    return max(20, disputed[len(disputed) // 2] // 2 * 2)


def comparisons(result: Result) -> Quantity:
    """How many of all comparisons of a robust net with the baseline of its seed."""
    return Quantity("comparisons", least=0, most=sum(len(row["mcnemar"]) for row in rows_of(result)))


def gains_found(result: Result) -> int:
    """In how many of them McNemar's test finds the robust net better."""
    return sum(significant(row["mcnemar"], 1) for row in rows_of(result))


def order_found(result: Result) -> str:
    """Whether the order on A stays what it is when the radii grow: an answer of SAME_ORDER."""
    was, order = orders_as_radii_grow(result)
    return "the same" if was == order else "another"
