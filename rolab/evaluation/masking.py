"""Gradient masking: signs that a net only hides its gradients, after Athalye, Carlini and Wagner (2018)."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from rolab.attacks import Attack, first_order, log_loss, pgd, random_point, random_search
from rolab.attacks.guards import FEW, MaskingCheck, asked, guards
from rolab.attacks.pgd import draw
from rolab.data import Dataset
from rolab.evaluation.accuracy import accuracy_percent, eval_mode, in_batches
from rolab.evaluation.robustness import (
    correct_under_attack,
    first_examples,
    guarded_evaluation,
    perturbations,
)
from rolab.evaluation.statistics import AccuracyEstimate, mcnemar
from rolab.sets import UncertaintySetLike, resolve

LEVEL = 0.05  # differences are called differences where chance makes them more seldom than this


def masking_report(
    model: nn.Module,
    data: Dataset,
    U: Callable[[float], UncertaintySetLike],
    radii: Sequence[float],
    *,
    steps: int = 40,
    queries: int = 300,
    generator: torch.Generator | None = None,
) -> list[MaskingCheck]:
    """Is the net robust, or are its gradients of no use to an attack? Eight questions, each with a verdict.

    The signs that Athalye, Carlini and Wagner (2018) name. None proves anything, and a net may mask without
    them; but a net that shows one has not been shown to be robust by an attack that follows its gradient.

    Args:
        data: some hundreds of examples tell enough
        U: radius → a set, or a function `x -> set`
        radii: two radii: one at which the net is said to be robust, and one so large that no net can be
        steps, queries: of `pgd` and of `random_search`

    Returns:
        Eight findings: those of `rolab.attacks.guards`, probabilities, chance, zero gradients, learning; and
            one step against many, gradients against none, a radius without bound, flatness.

    Raises:
        ValueError: radii are not two, ascending from above 0.
    """
    if len(radii) != 2 or not 0 < radii[0] < radii[1]:
        raise ValueError(f"radii: expected two, ascending from above 0, got {list(radii)}")
    near, far = U(radii[0]), U(radii[1])

    def wandering(model: nn.Module, x: Tensor, y: Tensor, U: UncertaintySetLike) -> Tensor:
        """From a random point, so that it does not begin with the single step that it is compared with."""
        return pgd(model, x, y, U, steps=steps, start=random_point(U, x, generator))

    many = partial(pgd, steps=steps, restarts=1, generator=generator)
    left = partial(correct_under_attack, model, data)
    with eval_mode(model):
        answered = guards(model, *first_examples(model, data))
    with asked():  # the findings say it
        one_step, wandered, white = left(near, first_order), left(near, wandering), left(near, many)
        black = left(near, partial(random_search, queries=queries, generator=generator))
        return [
            *answered,
            _beats("Does one step beat many?", ("one step", one_step), (f"{steps} steps", wandered)),
            _beats("Does an attack without gradients beat one with?", ("without", black), ("with", white)),
            _unbounded(left(far, many), radii[1]),
            flatness(model, data, near, generator),
        ]


def _beats(question: str, weak: tuple[str, Tensor], strong: tuple[str, Tensor]) -> MaskingCheck:
    """Whether the attack that should be the weaker one leaves less, by more than chance: McNemar's test."""
    (weaker, left), (stronger, left_by_strong) = weak, strong
    a, b, p = accuracy_percent(left), accuracy_percent(left_by_strong), mcnemar(left, left_by_strong)["p"]
    because = f"{weaker} leaves {a:.1f} %, {stronger} {b:.1f} % (p = {p:.2g})"
    return MaskingCheck.of(question, a < b and p < LEVEL, because, {weaker: a, stronger: b, "p": p})


def _unbounded(right: Tensor, radius: float) -> MaskingCheck:
    """Whether something withstands an attack that may do whatever it wants."""
    left = AccuracyEstimate.of(right)
    question = "Does accuracy stay above 0 as the radius grows?"
    because = f"at radius {radius:g}, where nothing is left to be robust to, {left}"
    return MaskingCheck.of(question, left.low > 1, because, {"accuracy": left.percent})


def flatness(
    model: nn.Module, data: Dataset, U: UncertaintySetLike, generator: torch.Generator | None = None
) -> MaskingCheck:
    """The last question of `masking_report`: is a random step of full length worse than the gradient's?

    It counts the examples for which one of ten random extreme points of U has the larger loss.
    """

    def anywhere(model: nn.Module, x: Tensor, y: Tensor, U: UncertaintySetLike) -> Tensor:
        return resolve(U, x).maximizer(draw(torch.randn, x, x.shape, generator))

    def losses(attack: Attack) -> Tensor:
        images = data.images + perturbations(model, data, U, attack)
        return in_batches(torch.no_grad()(lambda x, y: log_loss(model(x), y)), model, images, data.labels)

    with guarded_evaluation(model, data):
        along = losses(first_order)
        elsewhere = torch.stack([losses(anywhere) for _ in range(10)]).amax(0)
    share = accuracy_percent(elsewhere > along)
    question = "Is the loss flat along the gradient but not elsewhere?"
    because = f"for {share:.1f} % of the examples a random direction raises the loss more than the gradient's"
    return MaskingCheck.of(question, share > FEW, because, {"share": share})
