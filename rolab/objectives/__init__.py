"""Objectives: what training descends. A new method of training is one class `(model, x, y) -> scalar` here.

Nominal: the standard loss. Robust: eq. (9), Algorithm 1. They add and scale; Augmented perturbs the images.
"""

from rolab.objectives.base import Augmented, Objective, Scaled, Sum
from rolab.objectives.robust import Nominal, Robust, frozen_statistics

__all__ = ["Augmented", "Nominal", "Objective", "Robust", "Scaled", "Sum", "frozen_statistics"]
