"""The code behind notebook 03, worst-case perturbations: a scan, a sweep, their figures, the explorers."""

from rolab.course.nb03_perturbations.single_pixel_explorer import SinglePixelExplorer
from rolab.course.nb03_perturbations.support_function_figure import SupportFunctionFigure
from rolab.course.nb03_perturbations.sweep_explorer import PerturbationExplorer

__all__ = ["PerturbationExplorer", "SinglePixelExplorer", "SupportFunctionFigure"]
