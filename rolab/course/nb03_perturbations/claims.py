"""What the paper says about perturbations, and what notebook 03 has found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from IPython.display import Markdown
from torch import Tensor


def claims(
    g: Tensor, bounded: Mapping[str, Any], free: Mapping[str, Any], shares: Mapping[str, float]
) -> Markdown:
    """A table, folded, for it holds answers.

    Args:
        g: the gradient of one digit
        bounded, free: the counts of single pixels within [0, 1] and without bounds
        shares: norm → percent of ⟨g, Δ⟩ that clipping leaves
    """
    still, every = int((g == 0).sum()), g.numel()
    flips, step = len(free["exhaustive"]), len(free["first_order"])
    rows = {
        "the ℓ∞ step of (11) is the fast gradient sign step (2)": f"yes; as sign(0) = 0, it leaves {still} "
        f"of the {every} pixels of your digit as they are",
        "the ℓ1 step of (11) changes a single pixel": "yes, also at ties, where one of the tied pixels is "
        "taken",
        "one pixel can be enough to have a digit misread (Figure 1)": f"yes: {flips} of {free['correct']} "
        f"digits if it may change by {free['radius']:g}, of which the ℓ1 step finds {step}; "
        f"{len(bounded['exhaustive'])} if it turns black or white",
        "the perturbations know no pixel bounds": "kept, to compare; clipped afterwards, the ℓ2 step has "
        f"{shares['l2']:.0f} % of what is possible, the ℓ1 step {shares['l1']:.0f} %",
        "the radii are not stated": "ours are, in pixel units: see [07](07_mnist_reproduction.ipynb)",
    }
    table = "\n".join(f"| {paper} | {here} |" for paper, here in rows.items())
    summary = "<summary>The table: it holds answers to the predictions above</summary>"
    return Markdown(f"<details>{summary}\n\n| the paper | here |\n|---|---|\n{table}\n\n</details>")
