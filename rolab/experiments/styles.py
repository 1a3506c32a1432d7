"""Styles of the experiments' nets in figures: the baseline black, a robust net in the colour of its norm."""

from dataclasses import replace

from rolab.experiments.presets import SHIPPED
from rolab.plotting.style import STYLES as NORM_STYLES
from rolab.plotting.style import Style
from rolab.plotting.style import style as _style

STYLES = NORM_STYLES | {
    name: replace(net.style, label=net.title) for name, net in SHIPPED.items() if net.style
}


def style(name: str, place: int = 0) -> Style:
    """The style of a net or a norm by its name; of anything else, by its place among the curves."""
    return _style(name, place, STYLES)
