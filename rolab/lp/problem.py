"""A robust linear program, eqs. (5) and (6): its statement, and what may be asked of it.

Every row holds for all data of its uncertainty set. With the row's data a + P z, its right-hand side b + qᵀz
and z ∈ Z that is

    (a + P z)ᵀx ≤ b + qᵀz  for all z ∈ Z    ⇔    aᵀx + σ_Z(Pᵀx - q) ≤ b:

the *robust counterpart*. The support function σ_Z is the one that attacks a network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from rolab.errors import InfeasibleError
from rolab.lp import inputs
from rolab.lp.derivation import derive
from rolab.lp.solution import Solution
from rolab.lp.solve import solve
from rolab.lp.standard_form import OBJECTIVE, SIGN, StandardForm
from rolab.lp.uncertain_rows import Uncertain, uncertain_rows
from rolab.lp.worst_case import WorstCase, worst_case


@dataclass(frozen=True, eq=False, init=False)
class RobustLP:
    """A linear program whose data are known up to a set.

        >>> from rolab.sets import Ball, Budget
        >>> lp = RobustLP(
        ...     maximize=[12, 9],
        ...     rows={
        ...         "first": ([1, 0], "<=", 1000),
        ...         "second": ([0, 1], "<=", 1500),
        ...         "together": ([1, 1], "<=", 1750),
        ...         "labour": ([4, 2], "<=", 4800),
        ...     },
        ...     uncertain={"labour": Uncertain(Budget(gamma=1.5, radius=0.2), relative=True)},
        ... )
        >>> answer = lp.solve()
        >>> round(answer.objective, 3), answer.x.round(3).tolist()
        (16650.0, [300.0, 1450.0])

    All variables are real numbers that are decided before z is known, and all z of a set are treated alike:
    integers, adjustable variables and ambiguity sets cannot be stated. What can: an affine decision rule
    y(z) = y0 + Yᵀz, by hand, with y0 and Y as variables. To order x now at 1 and y(z) later at 2, for a
    demand of 10 + 5z, where each unit left over costs 2:

        >>> rule = RobustLP(
        ...     minimize={"x": 0, "y0": 0, "Y": 0, "cost": 1},
        ...     rows={
        ...         "cost": ({"x": 1 + 2, "y0": 2 + 2, "cost": -1}, "<=", 20),  # + (2 + 2) Y z - 10 z
        ...         "demand": ({"x": 1, "y0": 1}, ">=", 10),  # + Y z - 5 z
        ...         "later": ({"y0": 1}, ">=", 0),  # + Y z
        ...     },
        ...     upper={"x": 8},
        ...     lower={"Y": None, "cost": None},
        ...     uncertain={
        ...         "cost": Uncertain(Ball("linf", 1.0), row=[[0], [0], [4], [0]], rhs=[10]),
        ...         "demand": Uncertain(Ball("linf", 1.0), row=[[0], [0], [1], [0]], rhs=[5]),
        ...         "later": Uncertain(Ball("linf", 1.0), row=[[0], [0], [1], [0]]),
        ...     },
        ... )
        >>> adjusted = rule.solve()
        >>> round(adjusted.objective, 3), round(adjusted["y0"], 3), round(adjusted["Y"], 3)
        (22.0, 3.5, 3.5)

    With Y = 0, an order that does not depend on z, it costs 42.

    Args:
        minimize, maximize: the objective's coefficients, one of the two: (n,) or a dictionary
            variable → number
        rows: name → (coefficients, "<=", ">=" or "==", right-hand side); coefficients as in the objective
        variables: their names; x1, x2, … if left out
        lower, upper: bounds on the variables, a number, (n,) or by name; None: no bound. x ≥ 0 if left out
        uncertain: what may move: a row's name, "objective", or a tuple of them → a set or an `Uncertain`. A
            tuple means one z for all of its rows: without matrices, z holds their coefficients one after the
            other. Each row then has to hold for its projection of the set

    Raises:
        ValueError: names the row, the variable or the argument that is wrong.
    """

    c: np.ndarray
    A: sp.csr_array
    b: np.ndarray
    senses: tuple[str, ...]
    names: tuple[str, ...]
    variables: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    maximize: bool
    uncertain: Mapping[tuple[str, ...], Uncertain] = field(repr=False)

    def __init__(
        self,
        *,
        minimize: Any = None,
        maximize: Any = None,
        rows: Mapping[str, tuple[Any, str, float]] | None = None,
        variables: Sequence[str] | None = None,
        lower: Any = 0.0,
        upper: Any = None,
        uncertain: Mapping[str | tuple[str, ...], Any] | None = None,
    ) -> None:
        if (minimize is None) == (maximize is None):
            raise ValueError("minimize, maximize: expected exactly one of the two")
        goal, coefficients = ("minimize", minimize) if maximize is None else ("maximize", maximize)
        if not isinstance(coefficients, Mapping) and np.ndim(coefficients) != 1:
            raise ValueError(f"{goal}: expected numbers, one a variable, got {coefficients!r}")
        inputs.check_mapping(rows, "rows", "name → (coefficients, sense, right-hand side)")
        inputs.check_names(rows or (), "rows")
        if variables is None and not isinstance(coefficients, Mapping):
            counted = [f"x{j + 1}" for j in range(len(coefficients))]
            variables = inputs.labels(coefficients, goal) or counted
        variables = tuple(coefficients if variables is None else variables)
        if len(set(variables)) < len(variables) or not variables:
            raise ValueError(f"variables: expected at least one name and no name twice, got {variables}")
        c = inputs.as_coefficients(coefficients, goal, variables)
        found = [inputs.as_row(name, row, variables) for name, row in (rows or {}).items()]
        A = sp.csr_array(np.array([a for a, _, _ in found]).reshape(-1, len(c)))
        b = np.array([rhs for _, _, rhs in found], float)
        senses = tuple(sense for _, sense, _ in found)
        self._set(
            lower, upper, uncertain, c=c, A=A, b=b, senses=senses, names=tuple(rows or ()),
            variables=variables, maximize=maximize is not None,
        )  # fmt: skip

    @classmethod
    def from_arrays(
        cls,
        c: Any,
        A: Any,
        b: Any,
        *,
        senses: str | Sequence[str] = "<=",
        names: Sequence[str] | None = None,
        variables: Sequence[str] | None = None,
        lower: Any = 0.0,
        upper: Any = None,
        maximize: bool = False,
        uncertain: Mapping[str | tuple[str, ...], Any] | None = None,
    ) -> RobustLP:
        """The program min (or max) cᵀx subject to A x ≤ b, A dense or sparse; rows are 1, 2, … if unnamed.

        A Series or a DataFrame of pandas is read by its labels, which are the names if there are no others.
        """
        variables = variables or inputs.labels(c, "c") or inputs.labels(A, "A", "columns")
        names = names or inputs.labels(b, "b") or inputs.labels(A, "A")
        c = inputs.as_vector(inputs.by_label(c, "c", variables or ()), "c")
        b = inputs.as_vector(inputs.by_label(b, "b", names or ()), "b")
        A = inputs.as_matrix(inputs.by_label(A, "A", names or (), variables or ()), "A")
        if A.shape != (len(b), len(c)):
            raise ValueError(f"A: expected shape ({len(b)}, {len(c)}), from b and c, got {A.shape}")
        senses = inputs.by_label(senses, "senses", names or ())
        senses = (senses,) * len(b) if isinstance(senses, str) else tuple(senses)
        names = tuple(str(i + 1) for i in range(len(b))) if names is None else tuple(names)
        variables = tuple(f"x{j + 1}" for j in range(len(c))) if variables is None else tuple(variables)
        for what, values, data in (("senses", senses, b), ("names", names, b), ("variables", variables, c)):
            if len(values) != len(data):
                raise ValueError(f"{what}: expected {len(data)}, got {len(values)}")
        inputs.check_names(names, "names")
        if len(set(names)) < len(names):
            raise ValueError("names: expected no name twice")
        for sense, name in zip(senses, names, strict=True):
            inputs.check_sense(sense, name)
        for what, values in (("c", c), ("A", A.data), ("b", b)):
            if not np.isfinite(values).all():
                raise ValueError(f"{what}: expected finite entries, got NaN or infinity")
        return object.__new__(cls)._set(
            lower, upper, uncertain, c=c, A=A, b=b, senses=senses, names=names, variables=variables,
            maximize=maximize,
        )  # fmt: skip

    def _set(
        self, lower: Any, upper: Any, uncertain: Mapping[str | tuple[str, ...], Any] | None, **known: Any
    ) -> RobustLP:
        if OBJECTIVE in known["names"]:
            raise ValueError(f"rows: expected no row of the name {OBJECTIVE!r}, which means the objective")
        variables = known["variables"]
        known["lower"] = inputs.as_bounds(lower, -np.inf, 0.0, "lower", variables)
        known["upper"] = inputs.as_bounds(upper, np.inf, np.inf, "upper", variables)
        if (wrong := known["lower"] > known["upper"]).any():
            j = int(wrong.argmax())
            came = f"{known['lower'][j]:g} and {known['upper'][j]:g}"
            raise ValueError(f"lower, upper: expected lower <= upper, got {came} for {variables[j]!r}")
        inputs.check_mapping(uncertain, "uncertain", "row name → set")
        known["uncertain"] = blocks = {}
        for key, value in (uncertain or {}).items():
            block = value if isinstance(value, Uncertain) else Uncertain(value)
            several = key if isinstance(key, tuple) else (key,)
            inputs.check_names(several, "uncertain")
            blocks[several] = block
        self.__dict__.update(known)
        _ = self.standard_form  # which checks the uncertain rows
        return self

    @cached_property
    def standard_form(self) -> StandardForm:
        """min cᵀx, Gx ≤ h, Ex = f, with the uncertain rows; t ≥ cᵀx joins x if the objective is uncertain."""
        signs, equal = np.array([SIGN[each] for each in self.senses]), np.array(self.senses, object) == "=="
        rows = sp.csr_array(self.A.multiply(signs[:, None])) if len(signs) else self.A
        rhs, labels = signs * self.b, np.array(self.names, object)
        sign = dict(zip(self.names, signs.tolist(), strict=True))
        sign[OBJECTIVE] = -1.0 if self.maximize else 1.0
        form = StandardForm(
            sign[OBJECTIVE] * self.c, rows[~equal], rhs[~equal], rows[equal], rhs[equal], self.lower,
            self.upper, tuple(labels[~equal]), tuple(labels[equal]), self.variables, sign,
        )  # fmt: skip
        return form.with_uncertain(uncertain_rows(form, self.uncertain))

    # Questions

    def solve(self, method: str = "both", *, tolerance: float = 1e-6, rounds: int | None = None) -> Solution:
        """The robust optimum.

        Args:
            method: "counterpart", one convex problem; "cutting-set", a linear program and the worst scenarios
                found so far, [13] of the paper; "both", which refuses to answer if the two disagree, and
                where one gives up answers by the other, whose name the solution then bears;
                "oracle", online learning with an oracle for the nominal program, [2] of the paper, an
                approximation
            tolerance: relative, of the cutting sets' violations
            rounds: how many cutting sets, or steps of the online learner, at most: 1000 if left out, and 200
                in "both". Many uncertain numbers in one row may need more, the counterpart needs none

        Raises:
            InfeasibleError, UnboundedError: the program has no solution; the message names rows or variables.
            DisagreementError: the two methods differ by more than 1e-5, relatively.
            SolverError: the rounds were not enough, a solver gave up, or its answer failed its own proof.
        """
        return solve(self.standard_form, method, tolerance, rounds)

    def worst_case(self, x: Any) -> WorstCase:
        """The worst data for a decision x, row by row, and the worst value of the objective."""
        return worst_case(self.standard_form, self._decision(x))

    def explain(self, row: str, x: Any = None) -> str:
        """The dual derivation of a row's counterpart in four lines, at x (the optimum if left out).

        Every line holds numbers, and every step is checked: an `AssertionError` would be a bug of ours.
        """
        x = self.solve("counterpart").x if x is None else self._decision(x)
        return derive(self.standard_form, row, x)

    def price_of_robustness(self, scales: Iterable[float], method: str = "counterpart") -> list[dict]:
        """The optimum while all sets are scaled: for each scale `objective`, `loss` and `percent` of nominal.

        Where no decision holds for all data, the three are None.
        """
        printed, rows = self.nominal().solve("counterpart"), []
        nominal, form = printed.objective, printed.standard_form
        rounding = 1e-8 * form.objective_size(nominal, printed.x, form.units.variable)
        for scale in scales:
            try:
                objective = self.scaled(scale).solve(method).objective
            except InfeasibleError:
                rows.append({"scale": scale, "objective": None, "loss": None, "percent": None})
                continue
            loss = nominal - objective if self.maximize else objective - nominal
            loss = loss if abs(loss) > rounding else 0.0
            percent = 100 * loss / abs(nominal) if nominal else None
            rows.append({"scale": scale, "objective": objective, "loss": loss, "percent": percent})
        return rows

    def scaled(self, factor: float) -> RobustLP:
        """The same program with every uncertainty set scaled: factor 0 is the nominal program."""
        blocks = self.uncertain.items()
        return self._with({key: replace(block, Z=block.Z.scaled(factor)) for key, block in blocks})

    def nominal(self) -> RobustLP:
        """The same program with its data as printed, z = 0."""
        return self._with({})

    def _with(self, uncertain: Mapping[Any, Uncertain]) -> RobustLP:
        stated = {each.name: getattr(self, each.name) for each in fields(self)}
        return RobustLP.from_arrays(**(stated | {"uncertain": uncertain}))

    def _decision(self, x: Any) -> np.ndarray:
        return inputs.as_coefficients(x, "x", self.variables)
