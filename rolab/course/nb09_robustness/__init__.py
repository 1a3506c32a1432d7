"""The code behind notebook 09, robustness under many attacks: figures, explorer, exercises."""

from rolab.course.nb09_robustness.explorer import RobustnessExplorer
from rolab.course.nb09_robustness.figures import bounds_figure, robustness_figure

__all__ = ["RobustnessExplorer", "bounds_figure", "robustness_figure"]
