"""The code behind notebook 05, tangent space: the moves of a digit, three explorers, two figures."""

from rolab.course.nb05_tangent_space.circle_figure import CircleFigure
from rolab.course.nb05_tangent_space.energy_figure import EnergyFigure
from rolab.course.nb05_tangent_space.known_explorer import KnownTangentExplorer
from rolab.course.nb05_tangent_space.learnt_explorer import LearntTangentExplorer
from rolab.course.nb05_tangent_space.projection_explorer import ProjectionExplorer

__all__ = [
    "CircleFigure",
    "EnergyFigure",
    "KnownTangentExplorer",
    "LearntTangentExplorer",
    "ProjectionExplorer",
]
