"""A walk: one image, one net, one uncertainty set that grows. What a net answers on the way, and the figures.

The live explorer of `rolab.widgets` and the figures that stand without a kernel all draw a `Walk`, so they
cannot differ.
"""

from rolab.course.nb03_perturbations.comparison_figure import PairFigure
from rolab.course.nb03_perturbations.perturbation_sweep.perturbation_sweep import GAIN, Walk, walk
from rolab.course.nb03_perturbations.sweep_figure import WalkFigure

__all__ = ["GAIN", "PairFigure", "Walk", "WalkFigure", "walk"]
