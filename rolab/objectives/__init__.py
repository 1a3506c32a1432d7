"""Objectives: what training descends. A new method of training is one class here."""

from rolab.objectives.base import Augmented, Objective, Scaled, Sum
from rolab.objectives.contractive import Contractive
from rolab.objectives.robust import Nominal, Robust, frozen_statistics

__all__ = ["Augmented", "Contractive", "Nominal", "Objective", "Robust", "Scaled", "Sum", "frozen_statistics"]
