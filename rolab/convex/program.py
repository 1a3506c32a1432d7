"""A robust linear program, eqs. (5) and (6): its statement, its standard form, and what may be asked of it.

Every row holds for all data of its uncertainty set. With the row's data a + P z, its right-hand side b + qᵀz
and z ∈ Z that is

    (a + P z)ᵀx ≤ b + qᵀz  for all z ∈ Z    ⇔    aᵀx + σ_Z(Pᵀx - q) ≤ b:

the *robust counterpart*. The support function σ_Z is the one that attacks a network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch

from rolab.convex import inputs
from rolab.convex.inputs import listed
from rolab.convex.standard import OBJECTIVE, Standard, UncertainRow
from rolab.sets import UncertaintySet

if TYPE_CHECKING:
    from rolab.convex.solution import Solution, WorstCase


@dataclass(frozen=True, eq=False)
class Uncertain:
    """What an uncertainty set Z does to rows: coefficients a + P z, right-hand side b + qᵀz, for all z ∈ Z.

    Attributes:
        Z: the set; a set alone in place of an `Uncertain` means P = I, the coefficients move by z itself
        row: P (n, k), dense or sparse, n variables; or a dictionary row name → P. None: I, or 0 if there is
            an `rhs`. Under "objective" it moves the objective's coefficients
        rhs: q (k,), or a dictionary row name → q. None: certain
        relative: P = diag(a), so that z is the relative change of each coefficient
    """

    Z: UncertaintySet
    row: Any = None
    rhs: Any = None
    relative: bool = False


@dataclass(frozen=True, eq=False, init=False)
class RobustLP:
    """A linear program whose data are known up to a set.

        >>> from rolab.sets import Budget
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

    Args:
        minimize, maximize: the objective's coefficients, one of the two: (n,) or a dictionary
            variable → number
        rows: name → (coefficients, "<=", ">=" or "==", right-hand side); coefficients as in the objective
        variables: their names; x1, x2, … if left out
        lower, upper: bounds on the variables, numbers or (n,); None: no bound. x ≥ 0 if left out
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
        if np.ndim(coefficients) != 1 and not isinstance(coefficients, Mapping):
            raise ValueError(f"{goal}: expected numbers, one a variable, got {coefficients!r}")
        inputs.check_mapping(rows, "rows", "name → (coefficients, sense, right-hand side)")
        if isinstance(coefficients, Mapping) and variables is None:
            variables = list(coefficients)
        variables = (
            tuple(f"x{j + 1}" for j in range(len(coefficients))) if variables is None else tuple(variables)
        )
        if len(set(variables)) < len(variables) or not variables:
            raise ValueError(f"variables: expected at least one name and no name twice, got {variables}")
        c = inputs.as_coefficients(coefficients, goal, variables)
        found = [inputs.as_row(name, row, variables) for name, row in (rows or {}).items()]
        A = sp.csr_array(np.array([a for a, _, _ in found]).reshape(-1, len(c)))
        b = np.array([rhs for _, _, rhs in found], float)
        senses = tuple(sense for _, sense, _ in found)
        self._set(
            c, A, b, senses, tuple(rows or ()), variables, lower, upper, maximize is not None, uncertain
        )

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
        """The program min (or max) cᵀx subject to A x ≤ b, A dense or sparse; rows are 1, 2, … if unnamed."""
        c, A, b = np.asarray(c, float), sp.csr_array(A, dtype=float), np.asarray(b, float)
        if A.shape != (len(b), len(c)):
            raise ValueError(f"A: expected shape ({len(b)}, {len(c)}), from b and c, got {A.shape}")
        senses = (senses,) * len(b) if isinstance(senses, str) else tuple(senses)
        names = tuple(str(i + 1) for i in range(len(b))) if names is None else tuple(names)
        variables = tuple(f"x{j + 1}" for j in range(len(c))) if variables is None else tuple(variables)
        for what, values, length in (
            ("senses", senses, len(b)),
            ("names", names, len(b)),
            ("variables", variables, len(c)),
        ):
            if len(values) != length:
                raise ValueError(f"{what}: expected {length}, got {len(values)}")
        if len(set(names)) < len(names):
            raise ValueError("names: expected no name twice")
        for sense, name in zip(senses, names, strict=True):
            inputs.check_sense(sense, name)
        for what, values in (("c", c), ("A", A.data), ("b", b)):
            if not np.isfinite(values).all():
                raise ValueError(f"{what}: expected finite entries, got NaN or infinity")
        program = object.__new__(cls)
        program._set(c, A, b, senses, names, variables, lower, upper, maximize, uncertain)
        return program

    def _set(
        self,
        c: np.ndarray,
        A: sp.csr_array,
        b: np.ndarray,
        senses: tuple[str, ...],
        names: tuple[str, ...],
        variables: tuple[str, ...],
        lower: Any,
        upper: Any,
        maximize: bool,
        uncertain: Mapping[str | tuple[str, ...], Any] | None,
    ) -> None:
        if OBJECTIVE in names:
            raise ValueError(f"rows: expected no row of the name {OBJECTIVE!r}, which means the objective")
        for name, value in (
            ("c", c), ("A", A), ("b", b), ("senses", senses), ("names", names), ("variables", variables),
            ("lower", inputs.as_bounds(lower, -np.inf, "lower", len(c))),
            ("upper", inputs.as_bounds(upper, np.inf, "upper", len(c))),
            ("maximize", maximize),
        ):  # fmt: skip
            object.__setattr__(self, name, value)
        if (wrong := self.lower > self.upper).any():
            j = int(wrong.argmax())
            came = f"{self.lower[j]:g} and {self.upper[j]:g}"
            raise ValueError(f"lower, upper: expected lower <= upper, got {came} for {variables[j]!r}")
        inputs.check_mapping(uncertain, "uncertain", "row name → set")
        blocks = {
            (key,) if isinstance(key, str) else tuple(key): value
            if isinstance(value, Uncertain)
            else Uncertain(value)
            for key, value in (uncertain or {}).items()
        }
        object.__setattr__(self, "uncertain", blocks)
        _ = self.standard  # which checks the uncertain rows

    # The standard form

    @cached_property
    def standard(self) -> Standard:
        """min cᵀx, Gx ≤ h, Ex = f, with the uncertain rows; t ≥ cᵀx joins x if the objective is uncertain."""
        sign = np.array([inputs.SIGN[sense] for sense in self.senses])
        equal = np.array([sense == "==" for sense in self.senses], bool)
        c = -self.c if self.maximize else self.c
        rows = sp.csr_array(self.A.multiply(sign[:, None])) if len(sign) else self.A
        data = {name: i for i, name in enumerate(self.names)}
        effects = [effect for key, block in self.uncertain.items() for effect in self._effects(key, block)]
        touched = [name for name, *_ in effects]
        if twice := {name for name in touched if touched.count(name) > 1}:
            raise ValueError(f"uncertain: {sorted(twice)[0]!r} is named twice; join its sets into one")
        epigraph = OBJECTIVE in touched
        G, h, names = (
            rows[~equal],
            (sign * self.b)[~equal],
            [n for n, e in zip(self.names, equal, strict=True) if not e],
        )
        E, lower, upper = rows[equal], self.lower, self.upper
        if epigraph:
            G = sp.block_array([[G, None], [sp.csr_array(c[None]), np.array([[-1.0]])]], format="csr")
            h, names = np.append(h, 0.0), [*names, OBJECTIVE]
            E = sp.csr_array(sp.hstack([E, sp.csr_array((E.shape[0], 1))]))
            lower, upper = np.append(lower, -np.inf), np.append(upper, np.inf)
            c = np.append(np.zeros_like(c), 1.0)
        index, moved = {name: i for i, name in enumerate(names)}, []
        for name, Z, P, q in effects:
            s = (-1.0 if self.maximize else 1.0) if name == OBJECTIVE else sign[data[name]]
            if epigraph:
                P = sp.csr_array(sp.vstack([P, sp.csr_array((1, P.shape[1]))]))
            moved.append(UncertainRow(index[name], name, Z, sp.csr_array(s * P), s * q))
        moved.sort(key=lambda row: row.index)
        equalities = tuple(n for n, e in zip(self.names, equal, strict=True) if e)
        return Standard(
            c, sp.csr_array(G), h, sp.csr_array(E), (sign * self.b)[equal], lower, upper, tuple(names),
            equalities, tuple(moved),
        )  # fmt: skip

    def _effects(
        self, key: tuple[str, ...], block: Uncertain
    ) -> list[tuple[str, UncertaintySet, sp.csr_array, np.ndarray]]:
        """For each row of the key: its name, Z, P (n, k) and q (k,), checked."""
        if not isinstance(block.Z, UncertaintySet):
            raise ValueError(f"uncertain: expected an UncertaintySet for {listed(key)}, got {block.Z!r}")
        n = len(self.c)
        for name in key:
            if name not in (*self.names, OBJECTIVE):
                raise ValueError(f"uncertain: there is no row {name!r}; there are {listed(self.names)}")
            if name != OBJECTIVE and self.senses[self.names.index(name)] == "==":
                raise ValueError(
                    f"uncertain: {name!r} is an equality, which cannot hold for all data; solve it for a "
                    "variable, or state it as two inequalities"
                )
        found = []
        for place, name in enumerate(key):
            P, q = (inputs.of_row(value, name) for value in (block.row, block.rhs))
            if (
                P is None
                and q is None
                and any(isinstance(value, Mapping) for value in (block.row, block.rhs))
            ):
                raise ValueError(f"row, rhs: expected an entry for {name!r}, which the key names, got none")
            if P is not None and block.relative:
                raise ValueError(f"uncertain: expected either row or relative for {name!r}, got both")
            if q is not None and name == OBJECTIVE:
                raise ValueError("uncertain: the objective has no right-hand side; leave its rhs out")
            if P is None and q is not None and not block.relative:
                P = sp.csr_array((n, np.size(q)))
            elif P is None:
                P = sp.diags_array(self.nominal_of(name) if block.relative else np.ones(n)).tocsr()
                if len(key) > 1:
                    P = sp.hstack(
                        [P if i == place else sp.csr_array((n, n)) for i in range(len(key))], format="csr"
                    )
            P = sp.csr_array(P.numpy() if isinstance(P, torch.Tensor) else P, dtype=float)
            if P.shape[0] != n:
                raise ValueError(
                    f"row: expected ({n}, k) for {name!r}, a row a variable, got shape {P.shape}"
                )
            q = np.zeros(P.shape[1]) if q is None else np.asarray(q, float)
            if q.shape != (P.shape[1],):
                raise ValueError(
                    f"rhs: expected ({P.shape[1]},) for {name!r}, as row has columns, got {q.shape}"
                )
            if not (np.isfinite(P.data).all() and np.isfinite(q).all()):
                raise ValueError(f"row, rhs: expected finite entries for {name!r}, got NaN or infinity")
            try:
                block.Z.maximizer(torch.zeros(1, P.shape[1], dtype=torch.float64))
            except ValueError as error:
                raise ValueError(
                    f"uncertain: the set of {name!r} is asked with {P.shape[1]} numbers and answers: {error}"
                ) from error
            found.append((name, block.Z, P, q))
        return found

    def nominal_of(self, name: str) -> np.ndarray:
        """The coefficients of a row, or of the objective, as printed."""
        return self.c if name == OBJECTIVE else self.A[[self.names.index(name)]].toarray()[0]

    # Questions

    def solve(self, method: str = "both", *, tolerance: float = 1e-6, rounds: int | None = None) -> Solution:
        """The robust optimum.

        Args:
            method: "counterpart", one convex problem; "cutting-set", a linear program and the worst scenarios
                found so far, [13] of the paper; "both", which refuses to answer if the two disagree;
                "oracle", online learning with an oracle for the nominal program, [2] of the paper, an
                approximation
            tolerance: relative, of the cutting sets' violations
            rounds: how many cutting sets, or steps of the online learner, at most: 1000 if left out, and 200
                in "both". Many uncertain numbers in one row may need more, the counterpart needs none

        Raises:
            InfeasibleError, UnboundedError: the program has no solution; the message names rows or variables.
            DisagreementError: the two methods differ by more than 1e-5, relatively.
            SolverError: the rounds were not enough, or a solver gave up.
        """
        from rolab.convex import methods

        return methods.solve(self, method, tolerance, rounds)

    def worst_case(self, x: Any) -> WorstCase:
        """The worst data for a decision x, row by row, and the worst value of the objective."""
        from rolab.convex.solution import worst_case

        return worst_case(self, self.decision(x))

    def explain(self, row: str, x: Any = None) -> str:
        """The dual derivation of a row's counterpart in four lines, at x (the optimum if left out).

        Every line holds numbers, and every step is checked: an `AssertionError` would be a bug of ours.
        """
        from rolab.convex.explain import explain

        x = self.solve("counterpart").x if x is None else self.decision(x)
        return explain(self, row, x)

    def price_of_robustness(
        self, scales: Iterable[float], method: str = "counterpart"
    ) -> list[dict[str, Any]]:
        """The optimum while all sets are scaled: for each scale `objective`, `loss` and `percent` of nominal.

        Where no decision holds for all data, the three are None.
        """
        from rolab.convex.errors import InfeasibleError

        nominal, rows = self.nominal().solve("counterpart").objective, []
        for scale in scales:
            try:
                objective = self.scaled(scale).solve(method).objective
            except InfeasibleError:
                rows.append({"scale": scale, "objective": None, "loss": None, "percent": None})
                continue
            loss = nominal - objective if self.maximize else objective - nominal
            loss = loss if abs(loss) > 1e-8 * (1 + abs(nominal)) else 0.0  # the solver's rounding
            percent = 100 * loss / abs(nominal) if nominal else None
            rows.append({"scale": scale, "objective": objective, "loss": loss, "percent": percent})
        return rows

    def scaled(self, factor: float) -> RobustLP:
        """The same program with every uncertainty set scaled: factor 0 is the nominal program."""
        return self._restricted(
            self.names,
            {key: replace(block, Z=block.Z.scaled(factor)) for key, block in self.uncertain.items()},
        )

    def nominal(self) -> RobustLP:
        """The same program with its data as printed, z = 0."""
        return self._restricted(self.names, {})

    def _restricted(self, names: Iterable[str], uncertain: Mapping | None = None) -> RobustLP:
        """The program with some of its rows."""
        kept = [i for i, name in enumerate(self.names) if name in set(names)]
        chosen = {self.names[i] for i in kept} | {OBJECTIVE}
        blocks = {}
        for key, block in (self.uncertain if uncertain is None else uncertain).items():
            if set(key) <= chosen:
                blocks[key] = block
            elif rest := tuple(name for name in key if name in chosen):
                effects = {name: (P, q) for name, _, P, q in self._effects(key, block)}
                row, rhs = ({name: effects[name][i] for name in rest} for i in (0, 1))
                rhs.pop(OBJECTIVE, None)
                blocks[rest] = Uncertain(block.Z, row, rhs)
        return RobustLP.from_arrays(
            self.c, self.A[kept], self.b[kept], senses=[self.senses[i] for i in kept],
            names=[self.names[i] for i in kept], variables=self.variables, lower=self.lower, upper=self.upper,
            maximize=self.maximize, uncertain=blocks,
        )  # fmt: skip

    def decision(self, x: Any) -> np.ndarray:
        """The decision x as an array (n,), from an array or a dictionary variable → number."""
        return inputs.as_coefficients(x, "x", self.variables)
