"""Robust optimisation, the paper's §3: linear programs, regression and the SVM, on `rolab.sets`.

    RobustLP(...).solve()          the optimum that holds for all data, solved twice, with a proof
    robust_least_squares(A, b, U)  min over x of max over Δ ∈ U of ‖(A + Δ)x - b‖
    robust_svm(X, y, U)            min over w, b of the hinge losses under the worst perturbation

Linear programs: `program` states, `standard` brings into one form, `methods`, `cutting` and `learning` solve,
`solution` proves, `explain` derives, `conflicts` says why there is no solution. Regression: `designs` has the
inner maximum, `regression` the outer minimum and the penalties that ridge and lasso owe to it; `svm` the SVM.
"""

from rolab.convex.designs import WorstDesign, regularizer, worst_design
from rolab.convex.errors import DisagreementError, InfeasibleError, SolverError, UnboundedError
from rolab.convex.program import RobustLP, Uncertain
from rolab.convex.regression import (
    Equivalent,
    RobustFit,
    lasso_equivalent,
    ridge_equivalent,
    robust_least_squares,
)
from rolab.convex.solution import Scenario, Solution, WorstCase
from rolab.convex.svm import RobustSVM, regularized_svm, robust_svm, worst_hinge

__all__ = [
    "DisagreementError",
    "Equivalent",
    "InfeasibleError",
    "RobustFit",
    "RobustLP",
    "RobustSVM",
    "Scenario",
    "Solution",
    "SolverError",
    "Uncertain",
    "UnboundedError",
    "WorstCase",
    "WorstDesign",
    "lasso_equivalent",
    "regularized_svm",
    "regularizer",
    "ridge_equivalent",
    "robust_least_squares",
    "robust_svm",
    "worst_design",
    "worst_hinge",
]
