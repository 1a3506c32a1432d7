"""The ensemble attack: several attacks, and the worst that any of them finds."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from rolab.attacks.black_box import random_search
from rolab.attacks.guards import guarded
from rolab.attacks.losses import logit_of, margin, without
from rolab.attacks.pgd import BestSoFar, ascend, nearest_to_zero, pgd, random_point
from rolab.attacks.queries import leaves_no_trace, logits_of
from rolab.sets import UncertaintySet, UncertaintySetLike, resolve


@leaves_no_trace
def ensemble(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    U: UncertaintySetLike,
    budget: int = 2000,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The worst perturbation of each example that several attacks find: the toolkit's honest number.

    In this order, each on the examples that the others have left:

        6/20 of the budget   `pgd` on the cross-entropy, a long run from 0, two short ones from random points
        2/20                 `pgd` on the margin
        9/20                 `pgd` towards each of nine wrong classes, the most likely first
        3/20                 `random_search`, which no masked gradient can mislead

    One step overstates what a network withstands, and so does one attack: where PGD is stuck on a loss that
    is flat, the margin or a search without gradients may not be. What is left is still only an upper bound of
    the robust accuracy. AutoAttack (Croce and Hein 2020) is made in the same spirit, with a budget of some
    thousands. As there, guards look first: a `MaskingWarning` says where no attack can judge the model.

    Args:
        model, x, y, U: as for `first_order`; the model in the mode in which it is to be judged
        budget: gradients and queries for each example, all attacks together, at least 20
        generator: where all random numbers come from

    Returns:
        Δ shaped like x, in U: one that misleads the model where any was found, else the largest margin.

    Raises:
        ValueError: the budget is too small.
    """
    if budget < 20:
        raise ValueError(f"budget: expected at least 20 gradients and queries, got {budget}")
    x, U = x.detach(), resolve(U, x)
    with torch.no_grad():
        ranked = without(logits_of(model, x, y), y).argsort(1, descending=True)

    def towards(target: Tensor, rows: Tensor) -> Tensor:
        """Climbs z_target − z_y, until the answer is any class but y."""
        to, own = target[rows], y[rows]
        return ascend(
            model, x[rows], U[rows],
            lambda z, active: logit_of(z, to[active]) - logit_of(z, own[active]),
            lambda z, active: z.argmax(1) != own[active],
            steps=budget // 20,
        )  # fmt: skip

    def at(rows: Tensor) -> tuple[nn.Module, Tensor, Tensor, UncertaintySet]:
        return model, x[rows], y[rows], U[rows]

    def run(rows: Tensor, shares: int, **options: Any) -> Tensor:
        return pgd(*at(rows), steps=shares * budget // 20, generator=generator, **options)

    attacks: list[Callable[[Tensor], Tensor]] = [
        lambda rows: run(rows, 4),
        lambda rows: run(rows, 1, start=random_point(U[rows], x[rows], generator), restarts=1),
        lambda rows: run(rows, 2, loss=margin),
        *(partial(towards, ranked[:, k]) for k in range(min(9, ranked.shape[1] - 1))),
        lambda rows: random_search(*at(rows), queries=3 * budget // 20, generator=generator),
    ]
    best = BestSoFar(nearest_to_zero(U, x))
    with guarded(model, x, y):
        for attack in attacks:
            if len(best.active):
                d, goal = attack(best.active), y[best.active]
                with torch.no_grad():
                    logits = logits_of(model, x[best.active] + d, goal)
                best.update(d, logits.argmax(1) != goal, margin(logits, goal))
    return best.perturbation
