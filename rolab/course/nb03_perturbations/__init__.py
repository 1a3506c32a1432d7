"""The code behind notebook 03, worst-case perturbations: scans, sweeps, their figures, the explorers."""

from rolab.course.nb03_perturbations.comparison_figure import ComparisonFigure
from rolab.course.nb03_perturbations.perturbation_sweep import PerturbationSweep, perturbation_sweep
from rolab.course.nb03_perturbations.single_pixel_explorer import SinglePixelExplorer
from rolab.course.nb03_perturbations.single_pixel_figure import SinglePixelFigure
from rolab.course.nb03_perturbations.single_pixel_scan import SinglePixelScan, single_pixel_scan
from rolab.course.nb03_perturbations.support_function_figure import SupportFunctionFigure
from rolab.course.nb03_perturbations.sweep_explorer import LARGEST, UNIT_BALLS, PerturbationExplorer
from rolab.course.nb03_perturbations.sweep_figure import SweepFigure

__all__ = [
    "LARGEST",
    "UNIT_BALLS",
    "ComparisonFigure",
    "PerturbationExplorer",
    "PerturbationSweep",
    "SinglePixelExplorer",
    "SinglePixelFigure",
    "SinglePixelScan",
    "SupportFunctionFigure",
    "SweepFigure",
    "perturbation_sweep",
    "single_pixel_scan",
]
