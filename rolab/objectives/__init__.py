"""Objectives: what training descends. A new method of training is one class here."""

from rolab.objectives.base import Augmented, Objective, Scaled, Sum
from rolab.objectives.jacobian import JacobianPenalty
from rolab.objectives.operator_norm import OperatorNorm, operator_norms
from rolab.objectives.robust import Nominal, Robust, frozen_statistics
from rolab.objectives.tangent import TangentPropagation
from rolab.objectives.virtual import KLHessian, Unlabelled, Virtual

__all__ = [
    "Augmented",
    "JacobianPenalty",
    "KLHessian",
    "Nominal",
    "Objective",
    "OperatorNorm",
    "Robust",
    "Scaled",
    "Sum",
    "TangentPropagation",
    "Unlabelled",
    "Virtual",
    "frozen_statistics",
    "operator_norms",
]
