"""The checkers of the exercises: 'not yet', a tick, or the property that is violated.

    >>> def mine(g, radius):
    ...     return radius * g.sign()
    >>> l1_maximizer(mine)
    ✗ the ℓ1 maximiser: for g = (3, -4), radius 2: ‖Δ‖₁ is 4, the radius is 2
    >>> l1_maximizer(...)
    … the ℓ1 maximiser: not yet

A checker is a function of the reader's answer, made by the decorator `exercise`. For every property that must
hold it calls `require(fact, complaint)`, and it returns what is to be said when all of them do:

    @exercise("the robust margin")
    def robust_margin(answer):
        require(answer > 0, f"a margin is positive, yours is {answer:g}")
        return "so the classifier withstands any Δ in the ball"

The answer may be a value or a function. Not yet solved are `...`, None, a function that raises
NotImplementedError, and one that returns `...` or None. A checker never raises: a notebook with unsolved or
wrong answers runs to its end.
"""

from rolab.check.algorithm import flow, hand_step, robust_logistic
from rolab.check.certificates import certificate
from rolab.check.orders import lead_error, saved, swaps
from rolab.check.penalties import ridge_penalty, worst_entries, worst_frobenius
from rolab.check.perturbations import l1_maximizer, l2_in_box
from rolab.check.programs import box_support, budget_maximizer, cutting_set, mended
from rolab.check.reports import (
    NOT_YET,
    SOLVED,
    VIOLATED,
    Report,
    Violated,
    exercise,
    guess,
    parameters,
    require,
)
from rolab.check.suspects import linear_proof, masks, suspects, worst_curve
from rolab.check.tables import images_gained, mcnemar, standard_error

__all__ = [
    "NOT_YET",
    "SOLVED",
    "VIOLATED",
    "Report",
    "Violated",
    "box_support",
    "budget_maximizer",
    "certificate",
    "cutting_set",
    "exercise",
    "flow",
    "guess",
    "hand_step",
    "images_gained",
    "l1_maximizer",
    "l2_in_box",
    "lead_error",
    "linear_proof",
    "masks",
    "mcnemar",
    "mended",
    "parameters",
    "require",
    "robust_logistic",
    "ridge_penalty",
    "saved",
    "standard_error",
    "suspects",
    "swaps",
    "worst_curve",
    "worst_entries",
    "worst_frobenius",
]
