"""Who still stands? The shipped nets under more steps, more restarts, stronger attacks, and certificates.

trial(model, data, sets, …)    who withstands `pgd`, for each radius, number of steps and of restarts
record(nets, data, out)        that, the ensemble, certificates, transfer and masking, written down
Standing.run(nets, data)       the trial of several nets, computed anew,
Standing.of(record)            or read back: the same numbers
standing.figure(20, 5)         the curves of all nets after so many steps and restarts
standing.band(net)             one net, between what is proved and what attacks have left
"""

from rolab.standing.curves import Curve, CurveFigure
from rolab.standing.figure import BandFigure, StandingFigure
from rolab.standing.recording import Certified, Plan, record
from rolab.standing.results import Standing
from rolab.standing.trials import RADII, RESTARTS, STEPS, falls, pixel_ball, trial

__all__ = [
    "RADII",
    "RESTARTS",
    "STEPS",
    "BandFigure",
    "Certified",
    "Curve",
    "CurveFigure",
    "Plan",
    "Standing",
    "StandingFigure",
    "falls",
    "pixel_ball",
    "record",
    "trial",
]
