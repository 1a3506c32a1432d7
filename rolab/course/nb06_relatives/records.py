"""Records of long runs, and what a notebook shows where one has not been made yet."""

from typing import Any

from IPython.display import Markdown

from rolab import storage

MADE_BY = {
    "related_work": "rolab reproduce related-work --preset full",
    "unlabelled": "python -m rolab.experiments.unlabelled",
}


def record(name: str) -> dict[str, Any] | None:
    """A shipped result, or None where it has not been made yet."""
    try:
        return storage.load_result(name)
    except ValueError:
        return None


def missing(name: str) -> Markdown:
    """A sentence in the place of what the record would show."""
    return Markdown(f"*The record `results/{name}.json` has not been made yet: `{MADE_BY[name]}` makes it.*")


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


def unlabelled_table(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What images without labels add: accuracy, price, and McNemar's p against the supervised net."""
    rows = []
    for row in found["rows"]:
        p = ", ".join(f"{test['p']:.2g}" for test in row.get("mcnemar") or ()) or None
        said = {"trained on": row["title"], "test accuracy, %": in_words(row, "test_accuracy")}
        rows.append(said | {"steps": in_words(row, "step_cost", 1), "p against the first": p})
    return rows


def virtual_accuracy(found: dict[str, Any]) -> float:
    """The mean accuracy with the images that have no labels, percent."""
    return next(float(row["test_accuracy"]["mean"]) for row in found["rows"] if row["net"] == "virtual")
