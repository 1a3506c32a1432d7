"""Robust regression and support vector machines: in linear models the worst case is a regulariser, §3.1.

    robust_least_squares(A, b, U)  min over x of max over Δ ∈ U of ‖(A + Δ)x - b‖
    robust_svm(X, y, U)            min over w, b of the hinge losses under the worst perturbation

`worst_case` has the inner maximum, `least_squares` the outer minimum, `penalties` what ridge and lasso owe to
it, from `square_root`; `svm` has the SVM. From §2: `limits`, how robust a linear or quadratic classifier can
be at all, and `dropout`, which is a ridge too.
"""

from rolab.linear_models.dropout import (
    dropout_curve,
    dropout_increase,
    dropout_least_squares,
    dropout_ridge,
)
from rolab.linear_models.least_squares import RobustFit, robust_least_squares
from rolab.linear_models.limits import (
    linear_limit,
    linear_robustness,
    quadratic_limit,
    quadratic_robustness,
    spread_of_eigenvalues,
)
from rolab.linear_models.penalties import EquivalentPenalty, lasso_equivalent, ridge_equivalent
from rolab.linear_models.svm import RobustSVM, regularized_svm, robust_svm, worst_hinge
from rolab.linear_models.worst_case import WorstDesign, worst_design

__all__ = [
    "EquivalentPenalty",
    "RobustFit",
    "RobustSVM",
    "WorstDesign",
    "lasso_equivalent",
    "regularized_svm",
    "ridge_equivalent",
    "robust_least_squares",
    "robust_svm",
    "linear_limit",
    "linear_robustness",
    "quadratic_limit",
    "quadratic_robustness",
    "spread_of_eigenvalues",
    "dropout_curve",
    "dropout_increase",
    "dropout_least_squares",
    "dropout_ridge",
    "worst_design",
    "worst_hinge",
]
