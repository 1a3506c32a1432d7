"""The choice among the methods of solution; by default two of them, which must agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rolab.errors import DisagreementError, InfeasibleError, NoExpressionError, SolverError, UnboundedError
from rolab.lp.counterpart import counterpart
from rolab.lp.cutting_set import cutting_set
from rolab.lp.infeasibility import infeasible, unbounded
from rolab.lp.online import oracle
from rolab.lp.solution import Solution
from rolab.lp.standard_form import StandardForm

PRECISE = 1e-6  # relative: the gap that a proof may leave
AGREE = 1e-5  # relative: how far two methods may differ


def solve(form: StandardForm, method: str, tolerance: float, rounds: int | None) -> Solution:
    """See `RobustLP.solve`."""
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance: expected a number between 0 and 1, got {tolerance!r}")
    run, usual = METHODS[method]
    rounds = usual if rounds is None else rounds
    if not isinstance(rounds, int) or rounds < 1:
        raise ValueError(f"rounds: expected a whole number from 1 up, got {rounds!r}")
    try:
        return run(form, tolerance, rounds)
    except InfeasibleError:
        raise infeasible(form) from None
    except UnboundedError as error:
        raise (unbounded(form) if str(error) == "unbounded" else error) from None


def by_counterpart(form: StandardForm, *_: float) -> Solution:
    """The counterpart's answer, if its proof bears it out."""
    answer = counterpart(form)
    try:
        answer.verify(PRECISE)
    except ValueError as error:
        raise SolverError(f"the counterpart was not solved: {error}") from None
    return answer


def by_cutting_sets(form: StandardForm, tolerance: float, rounds: int) -> Solution:
    """The cutting sets' answer, if its proof bears it out; its scenarios come from the sets themselves."""
    answer = cutting_set(form, tolerance, rounds)
    try:
        answer.gap(max(PRECISE, tolerance))
    except ValueError as error:
        raise SolverError(f"the cutting sets were not precise enough: {error}") from None
    return answer


def both(form: StandardForm, tolerance: float, rounds: int) -> Solution:
    """Solves twice, and answers only if the two agree: what one forgets, the other finds.

    Where one of them gives up, the other's answer stands on its own proof, and says which method it is of.
    """
    answers: list[Solution] = []
    errors: list[Exception] = []
    for run in (by_counterpart, by_cutting_sets):
        try:
            answers.append(run(form, tolerance, rounds))
        except (InfeasibleError, UnboundedError, NoExpressionError, SolverError) as error:
            errors.append(error)
    if not answers:  # that there is none, if one of them says so; else why the last gave up
        none = [error for error in errors if isinstance(error, InfeasibleError | UnboundedError)]
        raise [*none, errors[-1]][0]
    if errors:
        return answers[0]
    first, second = answers
    size = form.objective_size(second.objective, form.point(second.x), form.units.variable)
    if abs(first.objective - second.objective) > AGREE * size:
        raise DisagreementError(
            f"the counterpart gives {first.objective:.9g}, the cutting sets {second.objective:.9g}: no answer"
        )
    return replace(second, method="both")


METHODS: dict[str, tuple[Callable[[StandardForm, float, int], Solution], int]] = {  # and rounds if left out
    "both": (both, 200),
    "counterpart": (by_counterpart, 1),
    "cutting-set": (by_cutting_sets, 1000),
    "oracle": (oracle, 1000),
}
