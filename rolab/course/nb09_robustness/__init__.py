"""The code behind notebook 09, robustness under many attacks: figures, explorer, claims, exercises."""

from rolab.course.nb09_robustness.explorer import RobustnessExplorer
from rolab.course.nb09_robustness.figures import bounds_figure, robustness_figure
from rolab.course.nb09_robustness.quiz import QUIZ

__all__ = ["QUIZ", "RobustnessExplorer", "bounds_figure", "robustness_figure"]
