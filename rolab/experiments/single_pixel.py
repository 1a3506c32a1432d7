"""Single-pixel robustness: for how many digits does one pixel suffice, by one gradient and exhaustively?

One pixel may go to either end of its box. The first-order step takes the pixel that the gradient promises
most for; the exhaustive attack tries every pixel at both ends. Only digits that the net reads right count.
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
from rolab.evaluation import BATCH, correct, eval_mode, predict
from rolab.experiments.presets import TITLES
from rolab.sets import Box, SparsePixels, pixel_box
from rolab.storage import claim, environment, write_json

AT_ONCE = 50  # digits, between two writes of the record


def count_misread(
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
        The record; its `rows` have, for each net and radius, how many digits are `correct`, and which of them
        are misread after the `first_order` step and after the `exhaustive` attack.

    Raises:
        RecordError: the file holds the record of other nets, digits or radii.
    """
    device = next(next(iter(nets.values())).parameters()).device
    identity = {"examples": len(data), "radii": dict(radii), "nets": list(nets)}
    begin = {"environment": environment(device), "rows": []}
    wanted = [(net, name) for net in nets for name in radii]

    def finished(record: dict[str, Any]) -> bool:
        return sum(row["done"] for row in record["rows"]) == len(wanted) * len(data)

    with claim(out, identity, "single-pixel count", begin, folder=False, finished=finished) as record:
        done = sum(row["done"] for row in record["rows"])
        with tqdm(total=len(wanted) * len(data), initial=done, unit="digit", disable=not progress) as bar:
            for place, (net, name) in enumerate(wanted):
                if place == len(record["rows"]):
                    start = {"net": net, "radius": radii[name], "done": 0, "seconds": 0.0}
                    record["rows"].append(start | {"correct": 0, "first_order": [], "exhaustive": []})
                row = record["rows"][place]
                while row["done"] < len(data):
                    rows = slice(row["done"], row["done"] + AT_ONCE)
                    began = time.perf_counter()
                    _count(row, nets[net], data, rows, radii[name])
                    row["seconds"] = round(row["seconds"] + time.perf_counter() - began, 3)
                    write_json(out, record)
                    bar.update(min(AT_ONCE, len(data) - rows.start))
    return record


def table(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The counts of a record, a row for each net and radius; percentages of those read right."""
    rows = []
    for row in record["rows"]:
        by = "within [0, 1]" if row["radius"] is None else f"by ±{row['radius']:g}"
        counts = {
            name: f"{len(row[key])} ({100 * len(row[key]) / row['correct']:.2f} %)"
            for name, key in (("the step", "first_order"), ("the truth", "exhaustive"))
        }
        net = TITLES.get(row["net"], row["net"])
        rows.append({"net": net, "one pixel": by, "read right": row["correct"], **counts})
    return rows


def _count(row: dict[str, Any], model: nn.Module, data: Dataset, rows: slice, radius: float | None) -> None:
    """Adds some digits to a row."""
    device = next(model.parameters()).device
    chunk = data[rows]
    right = correct(model, chunk).nonzero()[:, 0]
    x, y = chunk.images[right].to(device), chunk.labels[right].to(device)
    box = pixel_box(x) if radius is None else Box(-radius, radius)
    with eval_mode(model):
        step = first_order(model, x, y, SparsePixels(1, box))
        _, misread = single_pixel(model, x, y, box, batch=BATCH)
    numbers = right + rows.start
    row["correct"] += len(right)
    row["first_order"] += numbers[(predict(model, x + step) != y).cpu()].tolist()
    row["exhaustive"] += numbers[misread.cpu()].tolist()
    row["done"] = min(rows.stop, len(data))
