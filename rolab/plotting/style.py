"""Colours, dashes and markers of curves: the visual grammar that all figures share.

A colour is never alone: each curve has a dash and a marker for those who do not see the colour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WIDTH = 720  # px, of every figure
FONT = "DejaVu Sans, Verdana, Arial, sans-serif"
CONFIG = {"displayModeBar": False}  # plotly's tool bar would lie on the title
INK, PALE, GREY, RED, BLUE = "#222222", "#dddddd", "#7A7A7A", "#D55E00", "#0072B2"
PALETTE = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#D55E00", "#0072B2", "#CC79A7", "#7A7A7A")
DASHES = {"solid": "-", "dash": "--", "dashdot": "-.", "dot": ":"}  # plotly's name → matplotlib's
MARKERS = {"circle": "o", "square": "s", "diamond": "D", "triangle-up": "^", "x": "x", "cross": "P"}
MARKERS["triangle-down"] = "v"  # no curve has it by its place


@dataclass(frozen=True)
class Style:
    """How one curve looks: its name for readers, a colour, a dash and a marker (in plotly's words)."""

    label: str
    color: str
    dash: str = "solid"
    marker: str = "circle"


STYLES: Mapping[str, Style] = {  # of the norms
    "l1": Style("ℓ1", "#E69F00", "dashdot", "triangle-up"),
    "l2": Style("ℓ2", "#0072B2", "dash", "square"),
    "linf": Style("ℓ∞", "#009E73", "solid", "diamond"),
}


def style(name: str, place: int = 0, styles: Mapping[str, Style] = STYLES) -> Style:
    """The style of a name, by default of a norm; of any other name, by its place among the curves."""
    if name in styles:
        return styles[name]
    dashes, markers = list(DASHES), list(MARKERS)[:-1]
    return Style(name, *(each[place % len(each)] for each in (PALETTE, dashes, markers)))
