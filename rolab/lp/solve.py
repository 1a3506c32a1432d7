"""The choice among the methods of solution; by default two of them, which must agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rolab.errors import DisagreementError, InfeasibleError, SolverError, UnboundedError
from rolab.lp.counterpart import AGREE, checked_counterpart, counterpart
from rolab.lp.cutting_set import cutting_set
from rolab.lp.infeasibility import infeasible, unbounded
from rolab.lp.online import oracle
from rolab.lp.solution import Solution
from rolab.lp.standard_form import StandardForm

ROUNDS = {"both": 200, "counterpart": 1, "cutting-set": 1000, "oracle": 1000}  # unless the user says so


def solve(form: StandardForm, method: str, tolerance: float, rounds: int | None) -> Solution:
    """See `RobustLP.solve`."""
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance: expected a number between 0 and 1, got {tolerance!r}")
    if rounds is None:
        rounds = ROUNDS[method]
    if not isinstance(rounds, int) or rounds < 1:
        raise ValueError(f"rounds: expected a whole number from 1 up, got {rounds!r}")
    try:
        return METHODS[method](form, tolerance, rounds)
    except InfeasibleError:
        raise infeasible(form) from None
    except UnboundedError as error:
        raise (unbounded(form) if str(error) == "unbounded" else error) from None


def both(form: StandardForm, tolerance: float, rounds: int) -> Solution:
    """Solves twice, and answers only if the two agree: what one forgets, the other finds."""
    first = counterpart(form)
    try:
        second = cutting_set(form, tolerance, rounds)
    except SolverError as error:
        hint = 'method="counterpart" needs no rounds, and `verify` checks its proof'
        raise SolverError(f"{error}; {hint}") from None
    if abs(first.objective - second.objective) > AGREE * (1 + abs(second.objective)):
        raise DisagreementError(
            f"the counterpart gives {first.objective:.9g}, the cutting sets {second.objective:.9g}: no answer"
        )
    return replace(second, method="both")


METHODS: dict[str, Callable[[StandardForm, float, int], Solution]] = {
    "both": both,
    "counterpart": checked_counterpart,
    "cutting-set": cutting_set,
    "oracle": oracle,
}
