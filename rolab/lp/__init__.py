"""Robust linear programs, eqs. (5) and (6) of the paper's §3, on `rolab.sets`.

    RobustLP(...).solve()    the optimum that holds for all data, solved twice, with a proof

`problem` states and is the front door, `uncertain` says what moves, `standard_form` brings all into one form;
`solve` chooses among `counterpart`, `cutting_set` and `online`; `worst_case` asks the sets, `solution`
proves, `derivation` derives, `infeasibility` says why there is no solution.
"""

from rolab.errors import DisagreementError, InfeasibleError, SolverError, UnboundedError
from rolab.lp.problem import RobustLP
from rolab.lp.solution import CuttingSetRound, OnlineReport, Solution
from rolab.lp.uncertain_rows import Uncertain
from rolab.lp.worst_case import Scenario, WorstCase

__all__ = [
    "CuttingSetRound",
    "DisagreementError",
    "InfeasibleError",
    "OnlineReport",
    "RobustLP",
    "Scenario",
    "Solution",
    "SolverError",
    "Uncertain",
    "UnboundedError",
    "WorstCase",
]
