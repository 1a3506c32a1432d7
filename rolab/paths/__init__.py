"""Robust fits as their radius grows, drawn: a line, coefficients, two support vector machines.

LineFit(t, b, places)           the line under the worst loads, and its worst residual against γ
Paths(A, b, U, …)               the robust path beside the path of the penalty that it equals
Margins(X, y, places)           one budget for all examples beside one for each

Each is computed once for all radii, and has a slider of its own, which needs no kernel; `rolab.dials` has
live ones.
"""

from rolab.course.nb02_regression.line_fit import LineFit
from rolab.paths.coefficients import Paths
from rolab.paths.margins import Margins
from rolab.paths.sliding import Sliding

__all__ = ["LineFit", "Margins", "Paths", "Sliding"]
