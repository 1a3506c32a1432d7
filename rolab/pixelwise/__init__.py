"""Every single pixel of a digit, changed as far as it may go: what the gradient promises, and what is true.

The ℓ1 step takes the pixel with the largest promise, ⟨g, Δ⟩. The truth takes the one with the largest loss,
and costs two forward passes a pixel. The live explorer of `rolab.widgets` and the figure that stands without
a kernel both draw a `PixelScan`, so they cannot differ.
"""

from rolab.course.nb03_perturbations.single_pixel_figure import PixelFigure
from rolab.course.nb03_perturbations.single_pixel_scan import SinglePixelScan, single_pixel_scan

__all__ = ["PixelFigure", "PixelScan", "scan"]
