"""What notebook 01 says once a prediction is made; in a cell of its own it could be read before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rolab.plotting import Curves

PRICE = "Hours 40 % longer cost far less than 40 %: the plan moves to the product that needs fewer of them."
FEARED = "Γ grows like √n: the *share* of the numbers that must be feared goes to zero."
ROUNDS = (
    "Near the optimum one cut is nearly as good as the curve: the violation falls by a factor that grows "
    "from round to round, as in Newton's method."
)
FORGETTING = (
    "**Remember this for Algorithm 1.** Adversarial training asks for the worst perturbation of the present "
    "network, takes one step against it, and forgets it. It replaces. What saves it from this circle, most "
    "of the time, is that its steps are small and become smaller."
)


def fate(x: Sequence[float]) -> str:
    """Where x₁ goes, round by round: one of three words of section 6."""
    if abs(x[-1] - x[-2]) > 0.01:
        return "jumps for ever"
    return "settles at one half" if abs(x[-1] - 0.5) < 0.01 else "stays at an end"


def forgetting_figure(x: Mapping[str, Sequence[float]]) -> Curves:
    """x₁ against the round, for "add" and "replace"."""
    return Curves(
        title="Adding settles at once; replacing runs in a circle",
        x=list(range(1, len(x["add"]) + 1)),
        mean=x,
        x_title="round",
        y_title="x₁",
        y_range=(-0.05, 1.05),
        alt="With adding, x₁ goes to one half in the second round and stays; with replacing it jumps between "
        "1 and 0 in each round.",
    )
