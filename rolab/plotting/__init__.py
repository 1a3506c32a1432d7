"""Figures: one description, drawn by plotly on the screen and by matplotlib on the page.

Curves, ImageGrid              ready-made figures
Figure, Panel, Line, …         to make one: a title and panels with marks
Slider                         states of a figure under a slider that needs no kernel
"""

from rolab.plotting.curves import Curves
from rolab.plotting.figure import ABOVE, BESIDE, Figure, Legend, Table
from rolab.plotting.images import ImageGrid, ImageRow
from rolab.plotting.panels import (
    Area,
    Axis,
    Bars,
    Cursor,
    Line,
    Panel,
    Picture,
    Points,
    Text,
    segments,
)
from rolab.plotting.slider import Slider, Sliding
from rolab.plotting.style import STYLES, Style, style

__all__ = [
    "ABOVE",
    "BESIDE",
    "STYLES",
    "Area",
    "Axis",
    "Bars",
    "Cursor",
    "Curves",
    "Figure",
    "ImageGrid",
    "ImageRow",
    "Legend",
    "Line",
    "Panel",
    "Picture",
    "Points",
    "Slider",
    "Sliding",
    "Style",
    "Table",
    "Text",
    "segments",
    "style",
]
