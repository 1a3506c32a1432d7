"""Styles of the experiments' nets: the baseline black, a robust net in the colour of its norm."""

from dataclasses import replace

from rolab.experiments import NORMS, TITLES
from rolab.plotting.style import STYLES as NORM_STYLES
from rolab.plotting.style import Style
from rolab.plotting.style import style as _style

STYLES = {
    "baseline": Style("baseline", "#000000"),
    **NORM_STYLES,
    **{f"robust-{norm}": replace(NORM_STYLES[norm], label=TITLES[f"robust-{norm}"]) for norm in NORMS},
    "masked": Style("the fifth", "#CC79A7", "dot", "cross"),  # which notebook 09 unmasks
}


def style(name: str, place: int = 0) -> Style:
    """The style of a net or a norm by its name; of anything else, by its place among the curves."""
    return _style(name, place, STYLES)
