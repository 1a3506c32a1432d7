"""The code behind notebook 04, Algorithm 1: a run in the plane, its figure and explorer, curves, the quiz."""

from rolab.course.nb04_algorithm1.claims import claims
from rolab.course.nb04_algorithm1.curves import descent_curves, envelope, margin_curve, replacing_curves
from rolab.course.nb04_algorithm1.explorer import TrainingExplorer
from rolab.course.nb04_algorithm1.quiz import QUIZ
from rolab.course.nb04_algorithm1.two_moons import TrainingState, TrainingTrace, flowing_step, small_net

__all__ = [
    "QUIZ",
    "TrainingExplorer",
    "TrainingState",
    "TrainingTrace",
    "claims",
    "descent_curves",
    "envelope",
    "flowing_step",
    "margin_curve",
    "replacing_curves",
    "small_net",
]
