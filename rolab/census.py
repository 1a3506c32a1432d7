"""A census: for how many digits does one pixel suffice, by one gradient and in truth?

One pixel may go to either end of its box. The step takes the pixel that the gradient promises most for; the
truth tries every pixel at both ends. The record counts only digits that the net reads correctly.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn
from tqdm.auto import tqdm

from rolab.attacks import first_order, single_pixel
from rolab.data import Dataset
from rolab.evaluation import BATCH, evaluating, predict
from rolab.figures import style
from rolab.records import RecordError, environment, read_json, write_json
from rolab.sets import Box, SparsePixels, pixel_box

DIGITS = 50  # at once, between two writes of the record


def census(
    nets: Mapping[str, nn.Module],
    data: Dataset,
    out: Path,
    radii: Mapping[str, float | None],
    *,
    progress: bool = True,
) -> dict[str, Any]:
    """Counts, for each net, the digits that a single pixel has misread; writes the record as it goes.

    Run again with the same nets, radii and file, it goes on where it stopped.

    Args:
        nets: name → network
        data: the digits, grey
        out: the JSON file of the record
        radii: name → by how much the pixel may change, up or down; None: as far as [0, 1] lets it
        progress: whether a bar is shown

    Returns:
        The record; its `rows` have, for each net and radius, how many digits are read `right`, and which of
        them are misread after the `step` and in `truth`.

    Raises:
        RecordError: the file holds the record of another census.
    """
    first = next(iter(nets.values()))
    plan = {"digits": len(data), "radii": dict(radii), "nets": list(nets)}
    plan["environment"] = environment(next(first.parameters()).device)
    record: dict[str, Any] = read_json(out) if out.exists() else plan | {"rows": []}
    if any(record.get(key) != plan[key] for key in ("digits", "radii", "nets")):
        raise RecordError(f"{out} holds another census: give another file, or remove it")
    wanted = [(net, name) for net in nets for name in radii]
    done = sum(row["done"] for row in record["rows"])
    with tqdm(total=len(wanted) * len(data), initial=done, unit="digit", disable=not progress) as bar:
        for place, (net, name) in enumerate(wanted):
            if place == len(record["rows"]):
                start: dict[str, Any] = {"net": net, "radius": radii[name], "done": 0, "seconds": 0.0}
                record["rows"].append(start | {"right": 0, "step": [], "truth": []})
            row = record["rows"][place]
            while row["done"] < len(data):
                rows = slice(row["done"], row["done"] + DIGITS)
                began = time.perf_counter()
                _count(row, nets[net], data, rows, radii[name])
                row["seconds"] = round(row["seconds"] + time.perf_counter() - began, 3)
                write_json(out, record)
                bar.update(min(DIGITS, len(data) - rows.start))
    return record


def table(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The counts of a record, a row for each net and radius; percentages of those read right."""
    rows = []
    for row in record["rows"]:
        by = "within [0, 1]" if row["radius"] is None else f"by ±{row['radius']:g}"
        shares = (
            f"{len(row[who])} ({100 * len(row[who]) / row['right']:.2f} %)" for who in ("step", "truth")
        )
        counts = dict(zip(("the step", "the truth"), shares, strict=True))
        rows.append({"net": style(row["net"]).label, "one pixel": by, "read right": row["right"], **counts})
    return rows


def _count(row: dict[str, Any], model: nn.Module, data: Dataset, rows: slice, radius: float | None) -> None:
    """Adds some digits to a row."""
    device = next(model.parameters()).device
    chunk = data[rows]
    right = (predict(model, chunk.images) == chunk.labels).nonzero()[:, 0]
    x, y = chunk.images[right].to(device), chunk.labels[right].to(device)
    box = pixel_box(x) if radius is None else Box(-radius, radius)
    with evaluating(model):
        step = first_order(model, x, y, SparsePixels(1, box))
        _, falls = single_pixel(model, x, y, box, batch=BATCH)
    numbers = right + rows.start
    row["right"] += len(right)
    row["step"] += numbers[(predict(model, x + step) != y).cpu()].tolist()
    row["truth"] += numbers[falls.cpu()].tolist()
    row["done"] = min(rows.stop, len(data))
