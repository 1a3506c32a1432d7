"""Figures: one description, drawn by plotly on the screen and by matplotlib on the page.

Curves, ImageGrid              ready-made figures
Figure, Panel, Line, …         to make one: a title and panels with marks
Slider                         states of a figure under a slider that needs no kernel
"""

from rolab.plotting.curves import Curves
from rolab.plotting.figure import ABOVE, BESIDE, Figure, Legend, Table
from rolab.plotting.image_grid import ImageGrid, ImageRow
from rolab.plotting.kernel_free_slider import Slider, Sliding
from rolab.plotting.marks import Area, Bars, Cursor, Line, Mark, Picture, Points, Text, segments
from rolab.plotting.panels import Axis, Panel
from rolab.plotting.pixels import pixels
from rolab.plotting.style import BLUE, INK, PALE, RED, Style, style

__all__ = [
    "ABOVE",
    "BESIDE",
    "BLUE",
    "INK",
    "PALE",
    "RED",
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
    "Mark",
    "Panel",
    "Picture",
    "Points",
    "Slider",
    "Sliding",
    "Style",
    "Table",
    "Text",
    "pixels",
    "segments",
    "style",
]
