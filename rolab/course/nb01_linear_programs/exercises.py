"""The exercises of notebook 01, robust linear programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from rolab.course.checking import Violated, brief, examine, exercise, finite_array, number, require, shown
from rolab.course.nb01_linear_programs.problems import production
from rolab.lp import RobustLP
from rolab.sets import Ball, Budget, Scenarios, UncertaintySet

ROUNDS = 60  # after so many a cutting-set loop is stopped


@exercise("the support function of a box")
def box_support(f: Callable) -> str:
    """f(w, radius) → the largest ⟨w, z⟩ with |z_i| ≤ radius; w is a vector (n,)."""
    many = np.random.default_rng(1).normal(size=20)
    vectors: list[tuple[Any, float]] = [([3, -4], 0.2), ([0, 0], 0.5), ([-1, -2, 0.5], 1.7), (many, 0.03)]
    cases = {f"for w = {brief(w)}, radius {r:g}": (np.array(w, float), r) for w, r in vectors}

    def judge(answer: Any, w: np.ndarray, radius: float) -> None:
        value, truth = number(answer, ""), radius * float(np.abs(w).sum())
        at = f", reached at z = {shown(radius * np.sign(w))}" if len(w) < 5 else ""
        require(abs(value - truth) <= 1e-6 * truth, f"yours is {value:.4g}, it is {truth:.4g}{at}")

    mistakes = {
        "radius · Σ w_i, without abs: each z_i takes the sign of its w_i": lambda w, r: r * w.sum(),
        "radius · |Σ w_i|: abs belongs inside the sum, to each w_i": lambda w, r: r * abs(w.sum()),
        "‖w‖₁: the radius is left out": lambda w, r: np.abs(w).sum(),
        "radius · max |w_i|, the support function of the ℓ1 ball: in a box all z_i move, not one": (
            lambda w, r: r * np.abs(w).max()
        ),
        "radius · ‖w‖₂, the support function of the ℓ2 ball: a box has corners, which reach further": (
            lambda w, r: r * np.linalg.norm(w)
        ),
        "radius · Σ w_i²: that is ⟨w, z⟩ for z = radius · w, which is no corner of the box": (
            lambda w, r: r * (w**2).sum()
        ),
        "the smallest ⟨w, z⟩: the sign is wrong": lambda w, r: -r * np.abs(w).sum(),
        "the largest minus the smallest ⟨w, z⟩, twice as much": lambda w, r: 2 * r * np.abs(w).sum(),
        "the mean over the entries, not their sum": lambda w, r: r * np.abs(w).mean(),
        "the worst z: what is asked for is ⟨w, z⟩": lambda w, r: r * np.sign(w),
        "the terms radius · |w_i|: they are to be added up": lambda w, r: r * np.abs(w),
    }
    examine(f, cases, judge, mistakes)
    return "it is the dual norm, radius · ‖w‖₁"


@exercise("the maximiser of a budget")
def budget_maximizer(f: Callable) -> str:
    """f(w, gamma, radius) → z with |z_i| ≤ radius and Σ|z_i| ≤ gamma · radius that maximises ⟨w, z⟩."""
    many = np.random.default_rng(1).normal(size=30)
    given: list[tuple[Any, float, float]] = [
        ([3, -4], 1.0, 0.2),
        ([3, -4], 1.5, 0.2),
        ([3, -4, 1], 0.5, 0.7),
        ([2, -2, 2], 1.5, 3.0),
        ([3, -4], 5.0, 0.2),
        ([3, -4], 0.0, 0.2),
        ([0, 0], 1.0, 0.2),
        ([1, 4, -2, 0.5], 2.25, 0.05),
        (many, 7.3, 0.4),
    ]
    cases = {
        f"for w = {brief(w)}, radius {radius:g}, Γ = {gamma:g}": (np.array(w, float), gamma, radius)
        for w, gamma, radius in given
    }

    def judge(answer: Any, w: np.ndarray, gamma: float, radius: float) -> None:
        z = finite_array(answer, w.shape, "", "z", f"z has shape {{}}, w has {w.shape}")
        largest, total, most = np.abs(z).max(), np.abs(z).sum(), gamma * radius
        slack = 1e-6 * radius
        require(largest <= radius + slack, f"an entry of z is {largest:.4g}, the radius is {radius:g}")
        require(total <= most + slack * len(w), f"Σ|z_i| is {total:.4g}, Γ · radius is {most:.4g}")
        value, best = float(w @ z), float(w @ _spent(np.argsort(-np.abs(w)), w, gamma, radius))
        left = " (a part of the budget is not spent)" if total < min(most, radius * len(w)) - slack else ""
        require(value >= best * (1 - 1e-6), f"⟨w, z⟩ is {value:.4g}, it could be {best:.4g}{left}")

    def largest_first(w: np.ndarray, gamma: float, radius: float) -> np.ndarray:
        return _spent(np.argsort(-np.abs(w)), w, gamma, radius)

    mistakes = {
        "a budget spent in the order of the entries: begin with the largest |w_i|": (
            lambda w, gamma, r: _spent(range(len(w)), w, gamma, r)
        ),
        "a budget spent on the smallest |w_i| first: np.argsort is ascending": (
            lambda w, gamma, r: _spent(np.argsort(np.abs(w)), w, gamma, r)
        ),
        "a budget spent on the largest w_i first: it is |w_i| that counts": (
            lambda w, gamma, r: _spent(np.argsort(-w), w, gamma, r)
        ),
        "a budget spent on the smallest w_i first: sort by |w_i|, the largest first": (
            lambda w, gamma, r: _spent(np.argsort(w), w, gamma, r)
        ),
        "the right entries without their sign: z_i takes that of w_i": (
            lambda w, gamma, r: np.abs(largest_first(w, gamma, r))
        ),
        "the minimiser: the sign is wrong": lambda w, gamma, r: -largest_first(w, gamma, r),
        "the whole part of Γ: the rest of it goes to the next entry": (
            lambda w, gamma, r: largest_first(w, gamma // 1, r)
        ),
        "Γ rounded up: the last entry gets only what is left": (
            lambda w, gamma, r: largest_first(w, np.ceil(gamma), r)
        ),
        "z in units of the radius: multiply by it": lambda w, gamma, r: largest_first(w, gamma, 1.0),
        "the corner of the box: Γ is left out": lambda w, gamma, r: r * np.sign(w),
        "the ℓ1 ball's maximiser: Γ · radius on one entry, which takes no more than the radius": (
            lambda w, gamma, r: _spent(np.argsort(-np.abs(w))[:1], w, 1, gamma * r)
        ),
        "Γ divided among all entries: the largest first, each as much as it takes": (
            lambda w, gamma, r: min(1, gamma / len(w)) * r * np.sign(w)
        ),
        "z in the order of the sorted w: put each entry back in its place": (
            lambda w, gamma, r: largest_first(w, gamma, r)[np.argsort(-np.abs(w))]
        ),
        "⟨w, z⟩: what is asked for is the z": lambda w, gamma, r: w @ largest_first(w, gamma, r),
    }
    examine(f, cases, judge, mistakes)
    return "at most Γ entries at their worst, the largest first, and the rest of Γ on the next"


def _spent(order: Iterable[int], w: np.ndarray, gamma: float, radius: float) -> np.ndarray:
    """The z that gives the entries, in this order, as much of Γ as they take."""
    z = np.zeros(len(w))
    for i in order:
        z[i] = radius * min(1.0, gamma) * np.sign(w[i])
        gamma -= min(1.0, gamma)
    return z


@dataclass
class Workshop:
    """max cᵀx with some rows and (a + P z)ᵀx ≤ b for all z in Z, for one who owns a nominal solver.

    It remembers what it was asked, to say afterwards where a loop went wrong.
    """

    c: list[float]
    rows: dict[str, tuple]
    a: list[float]
    P: np.ndarray
    b: float
    Z: UncertaintySet
    solved: list[list] = field(default_factory=list)  # each list of scenarios
    plans: list[Any] = field(default_factory=list)  # what came out
    judged: list[tuple[Any, Any, float]] = field(default_factory=list)  # plans, the worst z, the violation

    def solve(self, scenarios: Any) -> Any:
        """The best plan if the data are one of these scenarios."""
        n = self.P.shape[1]
        takes = f"`solve` takes a list of scenarios z of {n} numbers each, yours holds one of shape {{}}"
        self.solved.append([finite_array(z, (n,), "", "a scenario in your list", takes) for z in scenarios])
        require(len(self.solved) <= ROUNDS, f"after {ROUNDS} rounds there is no end{self._endless()}")
        rows = dict(self.rows)
        for k, z in enumerate(self.solved[-1]):
            rows[str(k)] = (self.a + self.P @ z, "<=", self.b)
        self.plans.append(RobustLP(maximize=self.c, rows=rows, upper=2000).solve("cutting-set").x)
        return self.plans[-1].copy()

    def worst(self, x: Any) -> tuple[Any, float]:
        """The z that is worst for x, and by how much it breaks the row."""
        n = len(self.c)
        x = finite_array(x, (n,), "", "a plan", f"`worst` takes a plan of {n} numbers, yours has shape {{}}")
        w = self.P.T @ x
        z = self.Z.maximizer(torch.from_numpy(w)[None])[0].numpy()
        self.judged.append((x.copy(), z, float(np.dot(self.a, x) + w @ z - self.b)))
        return z.copy(), self.judged[-1][2]

    def _endless(self) -> str:
        """Why a loop has no end."""
        held = max(map(len, self.solved))
        if any(violation <= 1e-6 for _, _, violation in self.judged):
            return ", though one of your plans breaks nothing, `worst` said (10⁻⁶ or less): return that one"
        if not self.judged:
            return ", and `worst` was never asked"
        if held < ROUNDS // 2:
            some = f"{held} scenario{'s' * (held != 1)}"
            return f", and your list never held more than {some}: add the worst one, replace none"
        z = self.judged[-1][1]
        missing = f"; your list lacks z = {shown(z)}, which `worst` has named last: add it"
        return self._foreign() or ("" if _among(z, self.solved[-1]) else missing)

    def _foreign(self) -> str:
        """A scenario that the reader made up, if there is one."""
        named = [z for _, z, _ in self.judged]
        for z in (z for scenarios in self.solved for z in scenarios if z.any()):
            if not _among(z, named):
                return f"; your list holds z = {shown(z)}, which `worst` has never named"
        return ""

    def explained(self, x: Any) -> str:
        """Where a wrong plan comes from."""
        if _among(x, [z for _, z, _ in self.judged]):
            return "; that is a scenario z, and no plan"
        if not _among(x, self.plans):
            return "; `solve` has never given it"
        if self._foreign():
            return self._foreign()
        if _among(x, [plan for plan, _, _ in self.judged]):
            return "; `worst` told you so: add its z and solve again"
        return "; you have not asked `worst` about it"


def _among(x: Any, others: Sequence[Any]) -> bool:
    return any(x.shape == other.shape and np.allclose(x, other) for other in others)


HOURS = np.diag([4.0, 2.0])  # by how much z changes the data of two products
DEMAND = {
    "demand 1": ([1, 0], "<=", 1000),
    "demand 2": ([0, 1], "<=", 1500),
    "together": ([1, 1], "<=", 1750),
}


def workshop(Z: UncertaintySet, share: float = 1.0) -> Workshop:
    """The program of `problems.production`, the hours of which change by this share of z."""
    return Workshop([12, 9], DEMAND, [4, 2], share * HOURS, 4800, Z)


def workshops() -> dict[str, Workshop]:
    """Three programs, the last of which makes a loop that replaces go round in circles."""
    simplex, least = {"simplex": ([1, 1, 0], "==", 1)}, np.array([[-1, 0], [0, -1], [0, 0]])
    corners = Scenarios(torch.tensor([[0.5, -0.5], [-0.5, 0.5]], dtype=torch.float64))
    circles = Workshop([0, 0, 1], simplex, [-0.5, -0.5, 1], least, 0, corners)
    found = {"a budget": workshop(Budget(1.5, 0.2)), "a ball": workshop(Ball("l2", 0.9))}  # 3 and 18 rounds
    return found | {"max over x₁ + x₂ = 1 of min(x₁, x₂)": circles}


def _robust_plan(master: Workshop, fact: Workshop) -> Any:
    """Where a cutting-set loop ends that solves in one workshop and asks in the other what is worst."""
    known: list[Any] = []
    while (found := fact.worst(plan := master.solve(known)))[1] > 1e-6:
        known.append(found[0])
    return plan


@exercise("a cutting-set loop")
def cutting_set(f: Callable) -> str:
    """f(solve, worst) → the robust plan x.

    solve(scenarios) is the best plan if the data are one of a list of scenarios z; worst(x) is the z that is
    worst for x, and by how much it breaks the row.
    """
    for (name, shop), own in zip(workshops().items(), workshops().values(), strict=True):
        best = _robust_plan(own, own)
        try:
            x = _plan(f(shop.solve, shop.worst), len(shop.c))
            why, (z, violation) = shop.explained(x), own.worst(x)
            require(
                violation <= 1e-4,
                f"your plan {shown(x)} breaks the row by {violation:.4g} under z = {shown(z)}{why}",
            )
            value, most = float(np.dot(shop.c, x)), float(np.dot(shop.c, best))
            said = (
                f"your plan {shown(x)} is robust, but brings {value:,.6g} where {most:,.6g} is possible{why}"
            )
            require(value >= most - 1e-4 * abs(most), said)
        except Violated as complaint:
            raise Violated(f"with {name}: {complaint}") from None
    return "it ends, its plan is robust, and no robust plan is better"


@exercise("the mended loop")
def mended(f: Callable) -> str:
    """f(radius, gamma) → the robust plan (x₁, x₂) of `problems.production` with Budget(gamma, radius)."""
    given = (0.2, 1.5), (0.0, 1.5), (0.1, 2.0), (0.3, 1.0), (0.9, 1.25), (0.1, 0.6)
    cases = {f"for radius {radius:g}, Γ = {gamma:g}": (radius, gamma) for radius, gamma in given}

    def judge(answer: Any, radius: float, gamma: float) -> None:
        x, program = _plan(answer, 2), production(Budget(gamma, radius))
        worst = program.worst_case(x)
        row = max(worst.violations, key=worst.violations.__getitem__)
        broken, z = worst.violations[row], shown(worst.scenarios["labour"].z)
        require(broken <= 1e-3, f"your plan {shown(x)} breaks {row!r} by {broken:.4g}; the worst z is {z}")
        value, best = worst.objective, program.solve("counterpart").objective
        said = f"your plan {shown(x)} is robust, but brings {value:,.2f} where {best:,.2f} is possible"
        require(value >= best * (1 - 1e-6), said)

    def loop(gamma: float, master: float, fact: float) -> Any:
        return _robust_plan(*(workshop(Budget(gamma, 1.0), share) for share in (master, fact)))

    def plan(gamma: float, radius: float, relative: bool = True) -> Any:
        return production(Budget(gamma, radius), relative).solve("counterpart").x

    mistakes = {
        "the published loop: its master problem changes the hours by z, its worst case by radius · z": (
            lambda radius, gamma: loop(gamma, 1.0, radius)
        ),
        "a loop whose hours change by all of z: the radius is left out": lambda radius, gamma: plan(
            gamma, 1.0
        ),
        "a loop that takes the radius twice, in the set and in the hours": (
            lambda radius, gamma: plan(gamma, radius**2)
        ),
        "a loop whose worst case takes the radius twice, in the set and in the hours": (
            lambda radius, gamma: loop(gamma, radius, radius**2)
        ),
        "a loop that takes z for hours: it is their relative change": (
            lambda radius, gamma: plan(gamma, radius, relative=False)
        ),
        "the nominal program, with the hours as printed": lambda radius, gamma: plan(gamma, 0.0),
        "radius 0.2, whatever is asked for": lambda radius, gamma: plan(gamma, 0.2),
        "Γ = 1.5, whatever is asked for": lambda radius, gamma: plan(1.5, radius),
        "a loop that protects against the whole box: Γ is left out": lambda radius, gamma: plan(2.0, radius),
        "one plan, whatever is asked for": lambda radius, gamma: plan(1.5, 0.2),
    }
    examine(f, cases, judge, mistakes)
    return "16,650 for the published data, and right for other radii and budgets too"


def _plan(x: Any, n: int) -> Any:
    return finite_array(x, (n,), "", "your plan", f"expected a plan of {n} numbers, got shape {{}}")
