"""The certificate of optimality of a robust linear program: a proof that arithmetic alone can check.

The proof is weak duality. Freeze the data of every uncertain row at one scenario z of its set, the binding
one, and weigh the rows by multipliers y ≥ 0: the sum bounds the objective of every decision that is robust,
since such a one satisfies each frozen row. If the decision at hand is robust and attains the bound, it is
best.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from rolab.lp.standard_form import StandardForm
from rolab.lp.worst_case import Scenario, worst_case


def verify(
    form: StandardForm,
    x: np.ndarray,
    objective: float,
    scenarios: Mapping[str, Scenario],
    multipliers: Mapping[str, float],
    tolerance: float,
) -> float:
    """See `Solution.verify`."""
    if not multipliers:
        raise ValueError("verify: this solution came without a certificate")
    worst = worst_case(form, x)
    for name, violation in worst.violations.items():
        if violation > tolerance * worst.sizes[name]:
            raise ValueError(f"verify: row {name!r} is broken by {violation:.3g} in its worst case")
    scale = 1 + abs(objective)
    if abs(worst.objective - objective) > tolerance * scale:
        raise ValueError(f"verify: the worst objective is {worst.objective:.9g}, not {objective:.9g}")
    bound, gradient = _weighted(form, scenarios, multipliers, tolerance)
    weight = sum(abs(y) for y in multipliers.values())
    slope = tolerance * (1 + np.abs(form.c).max() + weight * abs(form.G).max() if form.G.nnz else 1)
    for j, r in enumerate(gradient):  # min of r_j x_j over lower ≤ x_j ≤ upper
        edge = form.lower[j] if r > 0 else form.upper[j]
        if np.isfinite(edge):
            bound += r * edge
        elif abs(r) > slope:
            name = (*form.variables, "t")[j]
            raise ValueError(f"verify: the multipliers leave the slope {r:.3g} along {name!r}")
    bound = -bound if form.maximize else bound
    gap = abs(bound - objective) / scale
    if gap > tolerance:
        raise ValueError(f"verify: the proof's bound is {bound:.9g}, the objective {objective:.9g}")
    return gap


def _weighted(
    form: StandardForm, scenarios: Mapping[str, Scenario], multipliers: Mapping[str, float], tolerance: float
) -> tuple[float, np.ndarray]:
    """The rows with their frozen data, weighed: c + Σ y_i g_i(z_i) + Eᵀν, and -Σ y_i h_i(z_i) - νᵀf."""
    y, nu = (np.array([multipliers[name] for name in rows]) for rows in (form.names, form.equalities))
    if (y < -tolerance * (1 + np.abs(y).max(initial=0))).any():
        raise ValueError(f"verify: the multiplier of {form.names[int(y.argmin())]!r} is {y.min():.3g} < 0")
    gradient, bound = form.c + form.G.T @ y + form.E.T @ nu, float(-y @ form.h - nu @ form.f)
    for row in form.uncertain:
        z = scenarios[row.name].z
        if not row.Z.contains(
            torch.from_numpy(z)[None], atol=tolerance * (1 + np.abs(z).max(initial=0))
        ).item():
            raise ValueError(f"verify: the scenario of {row.name!r} is not in its set")
        gradient = gradient + y[row.index] * (row.P @ z)
        bound -= float(y[row.index] * (row.q @ z))
    return bound, gradient
