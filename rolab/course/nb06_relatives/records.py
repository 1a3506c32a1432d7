"""Records of long runs, and what a notebook shows where one has not been made yet."""

from collections.abc import Sequence
from typing import Any

from IPython.display import Markdown

from rolab import storage
from rolab.course.live import OneOf
from rolab.experiments.related_work import related_nets

COLUMNS = {
    "clean, %": "test_accuracy",
    "after all attacks, ℓ∞ 0.1, %": "ensemble_accuracy",
    "ℓ2 1.5, %": "ensemble_accuracy_l2",
    "Π norms": "norm_product",
    "steps": "step_cost",
}


def record(name: str) -> dict[str, Any] | None:
    """A shipped result, or None where it has not been made yet."""
    try:
        return storage.load_result(name)
    except ValueError:
        return None


def missing() -> Markdown:
    """A sentence in the place of what the benchmark of all methods would show."""
    command = "rolab reproduce related-work --preset full"
    return Markdown(f"*The record `results/related_work.json` has not been made yet: `{command}` makes it.*")


def measured(row: dict[str, Any], key: str) -> tuple[float, float] | None:
    """Mean and standard deviation of something in a row; 0 where there is no spread, None if not measured."""
    value = row.get(key)
    if isinstance(value, dict):
        mean = value.get("mean")
        return None if mean is None else (float(mean), float(value.get("sd") or 0.0))
    return None if value is None else (float(value), 0.0)


def in_words(row: dict[str, Any], key: str, digits: int = 2) -> str:
    """mean ± sd of something in a row, a dash if it was not measured."""
    found = measured(row, key)
    if found is None:
        return "–"
    mean, sd = found
    return f"{mean:.{digits}f} ± {sd:.{digits}f}" if sd else f"{mean:.{digits}f}"


def row_of(found: dict[str, Any], net: str) -> dict[str, Any]:
    """The row of a net in a record, by its name."""
    return next(row for row in found["rows"] if row["net"] == net)


def mean_of(found: dict[str, Any], net: str, key: str = "test_accuracy") -> float:
    """The mean of something that was measured of a net."""
    return row_of(found, net)[key]["mean"]


def methods_table(related: dict[str, Any], names: Sequence[str]) -> list[dict[str, Any]]:
    """Some methods of the benchmark: accuracies, the product of operator norms, the price."""
    return [
        {"method": row["title"], **{title: in_words(row, key) for title, key in COLUMNS.items()}}
        for row in (row_of(related, name) for name in names)
    ]


def methods_kind(related: dict[str, Any] | None) -> OneOf:
    """One of the benchmark's methods, where its record has been made or not."""
    if related:
        return OneOf({row["net"]: row["title"] for row in related["rows"]})
    return OneOf({spec.name: spec.title for spec in related_nets(epochs=1)})


def unlabelled_table(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What images without labels add: accuracy, price, and McNemar's p against the supervised net."""
    rows = []
    for row in found["rows"]:
        p = ", ".join(f"{test['p']:.2g}" for test in row.get("mcnemar") or ()) or None
        said = {"trained on": row["title"], "test accuracy, %": in_words(row, "test_accuracy")}
        rows.append(said | {"steps": in_words(row, "step_cost", 1), "p against the first": p})
    return rows
