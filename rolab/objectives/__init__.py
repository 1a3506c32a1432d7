"""Objectives: what training descends. A new method of training is one class here."""

from rolab.objectives.base import Augmented, Objective, Scaled, Step, Sum
from rolab.objectives.certified import Certified
from rolab.objectives.contractive import Contractive
from rolab.objectives.free import Free
from rolab.objectives.jacobian import JacobianPenalty
from rolab.objectives.noise import Noise
from rolab.objectives.operator_norm import OperatorNorm, operator_norms
from rolab.objectives.robust import Nominal, Robust, frozen_statistics
from rolab.objectives.stale import Stale
from rolab.objectives.tangent import TangentPropagation
from rolab.objectives.virtual import KLHessian, Unlabelled, Virtual

__all__ = [
    "Augmented",
    "Certified",
    "Contractive",
    "Free",
    "JacobianPenalty",
    "KLHessian",
    "Noise",
    "Nominal",
    "Objective",
    "OperatorNorm",
    "Robust",
    "Scaled",
    "Stale",
    "Step",
    "Sum",
    "TangentPropagation",
    "Unlabelled",
    "Virtual",
    "frozen_statistics",
    "operator_norms",
]
