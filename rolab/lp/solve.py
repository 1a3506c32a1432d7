"""The choice among the methods of solution; by default two of them, which must agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rolab.errors import DisagreementError, InfeasibleError, SolverError, UnboundedError
from rolab.lp.counterpart import AGREE, counterpart
from rolab.lp.cutting_set import cutting_set
from rolab.lp.infeasibility import infeasible, unbounded
from rolab.lp.online import oracle
from rolab.lp.solution import Solution
from rolab.lp.standard_form import StandardForm


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


def both(form: StandardForm, tolerance: float, rounds: int) -> Solution:
    """Solves twice, and answers only if the two agree: what one forgets, the other finds."""
    first = counterpart(form, False)
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


METHODS: dict[str, tuple[Callable[[StandardForm, float, int], Solution], int]] = {  # and rounds if left out
    "both": (both, 200),
    "counterpart": (lambda form, *_: counterpart(form, True), 1),
    "cutting-set": (cutting_set, 1000),
    "oracle": (oracle, 1000),
}
