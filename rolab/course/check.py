"""The checkers of the exercises: 'not yet', a tick, or the property that is violated.

    >>> def mine(g, radius):
    ...     return radius * g.sign()
    >>> l1_maximizer(mine)
    ✗ the ℓ1 maximiser: for g = (3, -4), radius 2: ‖Δ‖₁ is 4, the radius is 2. Your answers are those of \
radius · sign(g), the step of the ℓ∞ ball
    >>> l1_maximizer(...)
    … the ℓ1 maximiser: not yet

A checker is a function of the reader's answer, made by the decorator `exercise`. For every property that must
hold it calls `require(fact, complaint)`, and it returns what is to be said when all of them do:

    @exercise("the robust margin")
    def robust_margin(answer):
        require(answer > 0, f"a margin is positive, yours is {answer:g}")
        return "so the classifier withstands any Δ in the ball"

The answer may be a value or a function. `checking.examine` tries a function on many cases, and where it fails
names the typical mistake that gives the same answers, if there is one. Not yet solved are `...`, None, a
function that raises NotImplementedError or returns `...`, and one in which nothing is written; any other that
returns None has forgotten its `return`. A checker never raises: a notebook with unsolved or wrong answers is
run to its end.
"""

# ruff: noqa: F401  (the one place that names all of them)

from rolab.course.checking import NOT_YET, SOLVED, VIOLATED, exercise, parameters, require
from rolab.course.nb01_linear_programs.exercises import box_support, budget_maximizer, cutting_set, mended
from rolab.course.nb02_regression.exercises import ridge_penalty, worst_entries, worst_frobenius
from rolab.course.nb03_perturbations.exercises import certificate, l1_maximizer, l2_in_box
from rolab.course.nb04_algorithm1.exercises import flow, hand_step, robust_logistic
from rolab.course.nb05_tangent_space.exercises import projection, tangent_maximizer, tangent_penalty
from rolab.course.nb06_relatives.exercises import convolution_norm, dropout_penalty, power_step
from rolab.course.nb07_mnist.exercises import images_gained, mcnemar, standard_error
from rolab.course.nb08_cifar10.exercises import lead_error, saved, swaps
from rolab.course.nb09_robustness.exercises import linear_proof, masks, suspects, worst_curve
from rolab.course.nb10_open.exercises import own_set
from rolab.course.report import report
