"""The code behind notebook 03, worst-case perturbations: a scan, a sweep, their figures, the explorers."""

from rolab.course.live import busy
from rolab.course.nb03_perturbations.claims import claims
from rolab.course.nb03_perturbations.flip_radii import flip_radii, medians, surprise
from rolab.course.nb03_perturbations.pixel_prediction import Pixel
from rolab.course.nb03_perturbations.quiz import QUIZ
from rolab.course.nb03_perturbations.single_pixel_explorer import SinglePixelExplorer
from rolab.course.nb03_perturbations.support_function_figure import SupportFunctionFigure
from rolab.course.nb03_perturbations.sweep_explorer import PerturbationExplorer

__all__ = [
    "QUIZ",
    "PerturbationExplorer",
    "Pixel",
    "SinglePixelExplorer",
    "SupportFunctionFigure",
    "busy",
    "claims",
    "flip_radii",
    "medians",
    "surprise",
]
