"""Robust linear programs in the plane, drawn: the set of the data on one side, the decisions on the other.

Region(program, "ball", 0.2, 0)    the nominal and the robust decisions, the optimum, its worst scenario
RegionFigure(regions, …)           regions under a slider
Envelope(sets)                     one row under 1, 3, 10, … and all scenarios
Cuts(program)                      the cutting-set method, round by round
"""

from rolab.polygons.cuts import Cuts
from rolab.polygons.envelope import Envelope
from rolab.polygons.geometry import Polygon, nominal_region
from rolab.polygons.region import SHAPES, Region, RegionFigure

__all__ = ["SHAPES", "Cuts", "Envelope", "Polygon", "Region", "RegionFigure", "nominal_region"]
