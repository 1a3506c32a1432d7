"""Exceptions: every error that a user of the library may want to catch, in one place."""


class NonFiniteError(ValueError):
    """A tensor has a NaN or an infinite entry."""


class NoExpressionError(ValueError):
    """A set of which only the maximiser and the projection are known has no expression in cvxpy."""


class EmptySetError(ValueError):
    """There is no point in the set."""


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


class DataError(ValueError):
    """A data set that is not there, or is not what it should be."""


class RecordError(ValueError):
    """A file or folder that cannot be written, or does not hold what it should."""


class DivergedError(ValueError):
    """The loss became NaN or infinite. Where the run has a folder, the last whole epoch is kept there."""


class MaskingWarning(UserWarning):
    """A net that attacks cannot judge: random, without gradients, or one that learns while it answers."""


class InvariantError(AssertionError):
    """Something that must hold of the paper's table does not."""


class WorkerError(ValueError):
    """A worker process ended without a word."""
