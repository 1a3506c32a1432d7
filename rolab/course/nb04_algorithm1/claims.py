"""What the paper says about Algorithm 1, and what notebook 04 has found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from IPython.display import Markdown


def claims(found: Mapping[str, Any]) -> Markdown:
    """A table, folded, for it holds answers; `found` has the notebook's numbers by their names."""
    rows = {
        "each iteration minimises a surrogate of (9): one step up, one step down": "the descent step holds "
        "Δ̂ constant. Where Δ̂ is the only maximiser, that is a step down (9), by Danskin's theorem; "
        "elsewhere it need not be",
        "the output becomes stable in a neighbourhood of every training point": "in the plane, as far as "
        "the data allow: margin {reached:.2f} with ε = {epsilon:g}, {without:.2f} without, {attainable:.2f} "
        "at most",
        "robustness to adversarial examples increases": "right on {robust:.0f} % instead of {standard:.0f} "
        "% under one step of radius {radius:g}, after {steps} steps on 6000 digits; stronger attacks: 09",
        "training is expected to take twice as long": "{factor:.2f} times as long on this machine, "
        "{shipped:.2f} times in the shipped benchmark",
        "the inner maximum (10) is intractable, so one step is taken": "in the plane one step finds "
        "{small:.0f} % of the worst loss at ε = 0.1, {large:.0f} % at ε = 0.4",
    }
    table = "\n".join(f"| {paper} | {here.format(**found)} |" for paper, here in rows.items())
    summary = "<summary>The table: it holds answers to the predictions above</summary>"
    return Markdown(f"<details>{summary}\n\n| the paper | here |\n|---|---|\n{table}\n\n</details>")
