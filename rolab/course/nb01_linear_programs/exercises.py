"""The exercises of notebook 01, robust linear programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rolab.course.checking import Violated, brief, exercise, finite_array, number, require, shown
from rolab.course.nb01_linear_programs.problems import production
from rolab.lp import RobustLP
from rolab.sets import Ball, Budget, Scenarios, UncertaintySet

ROUNDS = 60  # after so many a cutting-set loop is stopped


@exercise("the support function of a box")
def box_support(f: Callable) -> str:
    """f(w, radius) → the largest ⟨w, z⟩ with |z_i| ≤ radius; w is a vector (n,)."""
    many = np.random.default_rng(1).normal(size=20).tolist()
    for w in ([3.0, -4.0], [0.0, 0.0], [-1.0, -2.0, 0.5], many):
        radius, case = 0.2, _case(w, 0.2)
        value, truth = number(f(np.array(w), radius), case), radius * float(np.abs(w).sum())
        at = f", reached at z = {shown(radius * np.sign(w))}" if len(w) < 5 else ""
        said = f"{case}: yours is {value:.4g}, it is {truth:.4g}{at}"
        require(abs(value - truth) <= 1e-6 * (1 + truth), said)
    return "it is the dual norm, radius · ‖w‖₁"


@exercise("the maximiser of a budget")
def budget_maximizer(f: Callable) -> str:
    """f(w, gamma, radius) → z with |z_i| ≤ radius and Σ|z_i| ≤ gamma · radius that maximises ⟨w, z⟩."""
    many = np.random.default_rng(1).normal(size=30).tolist()
    few = [([3.0, -4.0], 1.0), ([3.0, -4.0], 1.5), ([3.0, -4.0, 1.0], 0.5), ([2.0, -2.0, 2.0], 1.5)]
    few += [([3.0, -4.0], 5.0), ([3.0, -4.0], 0.0), ([0.0, 0.0], 1.0)]
    for w, gamma in [*few, (many, 7.3)]:
        radius, case = 0.2, _case(w, 0.2, gamma)
        z = finite_array(
            f(np.array(w), gamma, radius), (len(w),), case, "z", f"z has shape {{}}, w has {(len(w),)}"
        )
        largest, total = np.abs(z).max(), np.abs(z).sum()
        require(largest <= radius + 1e-6, f"{case}: an entry of z is {largest:.4g}, the radius is {radius:g}")
        most = gamma * radius
        require(total <= most + 1e-6, f"{case}: Σ|z_i| is {total:.4g}, Γ · radius is {most:.4g}")
        value = float(np.dot(w, z))
        best = float(Budget(gamma, radius).support(torch.tensor([w], dtype=torch.float64)))
        spent = " (a part of the budget is not spent)" if total < min(most, radius * len(w)) - 1e-6 else ""
        require(value >= best - 1e-6, f"{case}: ⟨w, z⟩ is {value:.4g}, it could be {best:.4g}{spent}")
    return "at most Γ entries at their worst, the largest first, and the rest of Γ on the next"


@dataclass
class Workshop:
    """max cᵀx with some rows and (a + P z)ᵀx ≤ b for all z in Z, for one who owns a nominal solver."""

    c: list[float]
    rows: dict[str, tuple]
    a: list[float]
    P: Sequence[Sequence[float]]
    b: float
    Z: UncertaintySet
    asked: int = 0
    most: int = 0  # scenarios in one list

    def solve(self, scenarios: Any) -> Any:
        """The best plan if the data are one of these scenarios."""
        self.asked, self.most = self.asked + 1, max(self.most, len(scenarios))
        if self.asked > ROUNDS:
            held = f"your list never held more than {self.most} scenario{'s' * (self.most != 1)}"
            endless = f"after {ROUNDS} rounds there is no end, and {held}"
            raise Violated(f"{endless}: add the worst one, replace none")
        rows = dict(self.rows)
        for k, z in enumerate(scenarios):
            rows[str(k)] = (np.array(self.a) + np.array(self.P) @ np.asarray(z), "<=", self.b)
        return RobustLP(maximize=self.c, rows=rows, upper=2000).solve("cutting-set").x

    def worst(self, x: Any) -> tuple[Any, float]:
        """The z that is worst for x, and by how much it breaks the row."""
        w = np.array(self.P).T @ np.asarray(x, float)
        z = self.Z.maximizer(torch.from_numpy(w)[None])[0].numpy()
        return z, float(np.dot(self.a, x) + w @ z - self.b)


def workshops() -> dict[str, Workshop]:
    """Three programs, the last of which makes a loop that replaces go round in circles."""
    hours = [[4.0, 0.0], [0.0, 2.0]]
    demand = {"demand 1": ([1, 0], "<=", 1000), "demand 2": ([0, 1], "<=", 1500)}
    rows = demand | {"together": ([1, 1], "<=", 1750)}
    simplex, least = {"simplex": ([1, 1, 0], "==", 1)}, [[-1, 0], [0, -1], [0, 0]]
    corners = Scenarios(torch.tensor([[0.5, -0.5], [-0.5, 0.5]], dtype=torch.float64))
    circles = Workshop([0, 0, 1], simplex, [-0.5, -0.5, 1], least, 0, corners)
    sets = {"a budget": Budget(1.5, 0.2), "a ball": Ball("l2", 0.2)}
    found = {name: Workshop([12, 9], rows, [4, 2], hours, 4800, Z) for name, Z in sets.items()}
    return found | {"max over x₁ + x₂ = 1 of min(x₁, x₂)": circles}


@exercise("a cutting-set loop")
def cutting_set(f: Callable) -> str:
    """f(solve, worst) → the robust plan x.

    solve(scenarios) is the best plan if the data are one of a list of scenarios z; worst(x) is the z that is
    worst for x, and by how much it breaks the row.
    """
    for name, shop in workshops().items():
        known: list[Any] = []
        while (found := shop.worst(best := shop.solve(known)))[1] > 1e-6:
            known.append(found[0])
        shop.asked = shop.most = 0
        x = _plan(f(shop.solve, shop.worst), len(shop.c), f"with {name}")
        z, violation = shop.worst(x)
        said = f"with {name}: your plan {shown(x)} breaks the row by {violation:.4g} under z = {shown(z)}"
        require(violation <= 1e-4, said)
        value, most = float(np.dot(shop.c, x)), float(np.dot(shop.c, best))
        said = f"with {name}: your plan is robust, but brings {value:,.6g} where {most:,.6g} is possible"
        require(value >= most - 1e-4 * (1 + abs(most)), said)
    return "it ends, its plan is robust, and no robust plan is better"


@exercise("the mended loop")
def mended(f: Callable) -> str:
    """f(radius, gamma) → the robust plan (x₁, x₂) of `problems.production` with Budget(gamma, radius)."""
    for radius, gamma in ((0.2, 1.5), (0.0, 1.5), (0.1, 2.0), (0.3, 1.0)):
        program = production(Budget(gamma, radius))
        case = f"for radius {radius:g}, Γ = {gamma:g}"
        x = _plan(f(radius, gamma), 2, case)
        worst = program.worst_case(x)
        row = max(worst.violations, key=worst.violations.__getitem__)
        z = shown(worst.scenarios["labour"].z)
        plan, broken = f"{case}: your plan {shown(x)}", worst.violations[row]
        require(broken <= 1e-3, f"{plan} breaks {row!r} by {broken:.4g}; the worst z is {z}")
        best = program.solve("counterpart").objective
        said = (
            f"{plan} is robust, but brings {worst.objective:,.2f} where {best:,.2f} is possible: it prepares"
        )
        said += f" for data that no z with |z_i| ≤ {radius:g} makes"
        require(worst.objective >= best * (1 - 1e-6), said)
    return "16,650 for the published data, and right for other radii and budgets too"


def _plan(x: Any, n: int, case: str) -> Any:
    return finite_array(x, (n,), case, "your plan", f"expected a plan of {n} numbers, got shape {{}}")


def _case(w: Any, radius: float, gamma: float | None = None) -> str:
    return f"for w = {brief(w)}, radius {radius:g}" + ("" if gamma is None else f", Γ = {gamma:g}")
