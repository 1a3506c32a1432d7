"""The linear programs of notebook 01, with their data. Each is a function of what is uncertain.

Sources: A. Ben-Tal, L. El Ghaoui, A. Nemirovski, *Robust Optimization*, 2009, §1.1 (the drug factory), and
D. Bertsimas, M. Sim, *The price of robustness*, Operations Research 52, 2004, §6.1 (the portfolio).
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from scipy.stats import binom

from rolab.lp import RobustLP, Uncertain
from rolab.sets import Ball, Budget, UncertaintySet


def drug_factory(Z: UncertaintySet | None = None, errors: tuple[float, float] = (0.005, 0.02)) -> RobustLP:
    """A month of a factory that buys two raw materials (kg) and makes two drugs (1000 packs); profit in $.

    A kilogram of the raw materials holds 0.01 and 0.02 g of the active agent, uncertain by ±0.5 % and ±2 %.

    Args:
        Z: the set of (z₁, z₂), the errors in units of the largest; the box |z_i| ≤ 1 if left out
        errors: the largest relative errors of the two contents

    >>> round(drug_factory().nominal().solve().objective, 2), round(drug_factory().solve().objective, 2)
    (8819.66, 8294.57)
    """
    agent = (0.01, 0.02)
    moved = [[agent[0] * errors[0], 0], [0, agent[1] * errors[1]], [0, 0], [0, 0]]
    return RobustLP(
        variables=["raw I", "raw II", "drug I", "drug II"],
        maximize=[-100, -199.9, 5500, 6100],
        rows={
            "active agent": ([*agent, -0.5, -0.6], ">=", 0),
            "storage": ([1, 1, 0, 0], "<=", 1000),
            "manpower": ([0, 0, 90, 100], "<=", 2000),
            "equipment": ([0, 0, 40, 50], "<=", 800),
            "budget": ([100, 199.9, 700, 800], "<=", 100_000),
        },
        uncertain={"active agent": Uncertain(Ball("linf", 1.0) if Z is None else Z, row=moved)},
    )


def repaired(x: np.ndarray, error: float) -> np.ndarray:
    """The factory's plan x (4,) with as much drug I as the agent allows, everything else as it was paid for.

    Both contents are lower than printed, by this share of their tolerances of 0.5 and 2 %.

    >>> repaired(np.array([0.0, 500.0, 20.0, 0.0]), 1.0).round(6).tolist()
    [0.0, 500.0, 19.6, 0.0]
    """
    agent = 0.01 * (1 - 0.005 * error) * x[0] + 0.02 * (1 - 0.02 * error) * x[1]
    made = x.copy()
    made[2] = min(x[2], (agent - 0.6 * x[3]) / 0.5)
    return made


def production(Z: UncertaintySet | None = None, relative: bool = True) -> RobustLP:
    """Two products that share a workshop; the hours that each takes, 4 and 2, are uncertain.

    Args:
        Z: the set of (z₁, z₂); Budget(1.5, 0.2) if left out
        relative: z is the relative change of the hours, so that they are 4(1 + z₁) and 2(1 + z₂); else their
            change in hours

    >>> production().solve("counterpart").x.round(3).tolist()
    [300.0, 1450.0]
    """
    Z = Budget(gamma=1.5, radius=0.2) if Z is None else Z
    return RobustLP(
        maximize=[12, 9],
        rows={
            "demand 1": ([1, 0], "<=", 1000),
            "demand 2": ([0, 1], "<=", 1500),
            "together": ([1, 1], "<=", 1750),
            "labour": ([4, 2], "<=", 4800),
        },
        uncertain={"labour": Uncertain(Z, relative=relative)},
    )


def portfolio(gamma: float, n: int = 150) -> RobustLP:
    """How to divide 1 $ among n assets; the returns p_i may fall by up to δ_i, at most Γ of them at once.

    p_i = 1.15 + 0.05 i/n and δ_i = (0.05/450)·√(2 i n (n + 1)): the better an asset, the riskier.

    >>> round(portfolio(5).solve("counterpart").objective, 6)
    1.17089
    """
    i = np.arange(1, n + 1)
    spread = 0.05 / 450 * np.sqrt(2 * i * n * (n + 1))
    return RobustLP(
        maximize=1.15 + 0.05 * i / n,
        rows={"all of it": (np.ones(n), "==", 1)},
        uncertain={"objective": Uncertain(Budget(gamma, 1.0), row=np.diag(spread))},
    )


def violation_bound(gamma: float, n: int) -> float:
    """The most likely that a row with a budget Γ is broken, if its n errors are independent and symmetric.

    With ν = (Γ + n)/2, μ = ν - ⌊ν⌋ and the number H of heads in n tosses of a fair coin, it is
    (1 - μ) P(H = ⌊ν⌋) + P(H > ⌊ν⌋): their Theorem 3.

    Raises:
        ValueError: gamma is not between 0 and n.

    >>> round(violation_bound(24.3, 100), 3)
    0.01
    """
    if not 0 <= gamma <= n:
        raise ValueError(f"gamma: expected 0 to {n}, the number of errors, got {gamma!r}")
    whole, part = divmod((gamma + n) / 2, 1)
    heads = binom(n, 0.5)
    return float((1 - part) * heads.pmf(whole) + heads.sf(whole))


def budget_for(probability: float, n: int) -> float:
    """The least Γ, in steps of 0.1, for which `violation_bound` is at most `probability`; n if there is none.

    >>> budget_for(0.01, 100)
    24.3
    """
    tenths = bisect_left(range(10 * n), -probability, key=lambda k: -violation_bound(k / 10, n))
    return tenths / 10
