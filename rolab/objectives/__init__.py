"""Objectives: what training descends. A new method of training is one class here."""

from rolab.objectives.base import Augmented, Objective, Scaled, Step, Sum
from rolab.objectives.certified import Certified
from rolab.objectives.free import Free
from rolab.objectives.noise import Noise
from rolab.objectives.robust import Nominal, Robust, frozen_statistics
from rolab.objectives.stale import Stale

__all__ = [
    "Augmented",
    "Certified",
    "Free",
    "Noise",
    "Nominal",
    "Objective",
    "Robust",
    "Scaled",
    "Stale",
    "Step",
    "Sum",
    "frozen_statistics",
]
