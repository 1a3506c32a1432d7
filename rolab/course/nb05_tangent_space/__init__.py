"""The code behind notebook 05, tangent space: the moves of a digit, explorers, figures, small nets."""

from rolab.course.live import busy, folded
from rolab.course.nb05_tangent_space.circle_figure import CircleFigure
from rolab.course.nb05_tangent_space.claims import (
    bends_in_words,
    formula_error,
    paper_and_here,
    promise_in_words,
)
from rolab.course.nb05_tangent_space.energy_figure import (
    EnergyFigure,
    energy_figure,
    energy_found,
    energy_in_words,
    energy_kind,
)
from rolab.course.nb05_tangent_space.known_explorer import KnownTangentExplorer
from rolab.course.nb05_tangent_space.learnt_explorer import LearntTangentExplorer
from rolab.course.nb05_tangent_space.moves import UNITS
from rolab.course.nb05_tangent_space.projection_explorer import ProjectionExplorer
from rolab.course.nb05_tangent_space.quiz import QUIZ
from rolab.course.nb05_tangent_space.small_nets import (
    TESTS,
    SmallNets,
    best_in_words,
    means,
    results_table,
    table_found,
    table_kind,
    tangents_at,
)

__all__ = [
    "QUIZ",
    "TESTS",
    "UNITS",
    "CircleFigure",
    "EnergyFigure",
    "KnownTangentExplorer",
    "LearntTangentExplorer",
    "ProjectionExplorer",
    "SmallNets",
    "best_in_words",
    "bends_in_words",
    "busy",
    "energy_figure",
    "energy_found",
    "energy_in_words",
    "energy_kind",
    "folded",
    "formula_error",
    "means",
    "paper_and_here",
    "promise_in_words",
    "results_table",
    "table_found",
    "table_kind",
    "tangents_at",
]
