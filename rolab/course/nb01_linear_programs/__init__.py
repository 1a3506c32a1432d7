"""The code behind notebook 01, robust linear programs: problems, figures, explorers, exercises."""

from rolab.course.nb01_linear_programs.envelope_figure import EnvelopeFigure
from rolab.course.nb01_linear_programs.explorers import CuttingSetExplorer, PlanExplorer, RegionExplorer
from rolab.course.nb01_linear_programs.problems import (
    budget_for,
    drug_factory,
    portfolio,
    production,
    repaired,
    violation_bound,
)

__all__ = [
    "CuttingSetExplorer",
    "EnvelopeFigure",
    "PlanExplorer",
    "RegionExplorer",
    "budget_for",
    "drug_factory",
    "portfolio",
    "production",
    "repaired",
    "violation_bound",
]
