"""What may be wrong with a program that is well stated, or with the search for its solution."""


class InfeasibleError(ValueError):
    """No decision satisfies every row for all data.

    Attributes:
        conflict: names of rows that contradict each other; without any one of them the others can be met
    """

    def __init__(self, message: str = "infeasible", conflict: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.conflict = conflict


class UnboundedError(ValueError):
    """The objective gets better without end.

    Attributes:
        variables: those that grow without end along such a ray
    """

    def __init__(self, message: str = "unbounded", variables: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.variables = variables


class DisagreementError(ArithmeticError):
    """The counterpart and the cutting sets gave different optima: one of them is wrong."""


class SolverError(ArithmeticError):
    """A solver gave up, or the rounds allowed to it were used up."""
