"""Accuracy under attack, in eval mode: of one attack, and the worst of several."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from rolab.arguments import as_list
from rolab.attacks import Attack, ensemble, first_order
from rolab.attacks.guards import EXAMPLES, guarded
from rolab.data import Dataset
from rolab.data.base import check_data
from rolab.evaluation.accuracy import as_sets, correct, device_of, eval_mode, in_batches
from rolab.evaluation.statistics import AccuracyEstimate
from rolab.sets import UncertaintySet, UncertaintySetLike, resolve


def rows_of(U: UncertaintySetLike, rows: Tensor) -> UncertaintySetLike:
    """The sets of some examples; a function of x makes them itself."""
    return U[rows] if isinstance(U, UncertaintySet) else U


def fitted(U: UncertaintySetLike, data: Dataset) -> UncertaintySetLike:
    """The set, once it is known to fit all the examples; a function of x is asked for each part of them."""
    return resolve(U, data.images) if isinstance(U, UncertaintySet) else U


def first_examples(model: nn.Module, data: Dataset) -> tuple[Tensor, Tensor]:
    """Images and labels of those that guards look at, beside the model."""
    device, some = device_of(model, data.images), data[:EXAMPLES]
    return some.images.to(device), some.labels.to(device)


@contextmanager
def guarded_evaluation(model: nn.Module, data: Dataset) -> Iterator[None]:
    """Warns, once for all that happens in the block, where attacks cannot judge the model in eval mode."""
    with eval_mode(model), guarded(model, *first_examples(model, data)):
        yield


def perturbations(
    model: nn.Module, data: Dataset, U: UncertaintySetLike, attack: Attack = first_order
) -> Tensor:
    """The Δ that an attack finds, shaped like the images and beside them; in eval mode, part by part.

    A `MaskingWarning` says where such a Δ tells nothing of the model: see `rolab.attacks.guards`.
    """
    check_data(data)
    U = fitted(U, data)
    with guarded_evaluation(model, data):
        return in_batches(
            lambda x, y, rows: attack(model, x, y, rows_of(U, rows.cpu())),
            model, data.images, data.labels, torch.arange(len(data)),
        )  # fmt: skip


def correct_under_attack(
    model: nn.Module, data: Dataset, U: UncertaintySetLike, attack: Attack = first_order
) -> Tensor:
    """Which examples are still classified correctly under an attack: bool (N,)."""
    return correct(model, data, perturbations(model, data, U, attack))


def robust_mask(
    model: nn.Module,
    data: Dataset,
    sets: Sequence[UncertaintySetLike],
    attacks: Sequence[Attack] = (ensemble,),
) -> Tensor:
    """Which examples no attack has broken in a set, nor in one before it: bool (sets, N).

    The sets are nested, each within the next, so whatever breaks an example in one of them does so in all
    that follow: an example that is lost stays lost, and is not attacked again.

    Raises:
        ValueError: a Δ found in one set is not in the next, or what should be a list is none.
    """
    check_data(data)
    sets = [fitted(U, data) for U in as_sets(sets)]
    attacks = as_list(attacks, "attacks", "an attack (model, x, y, U) -> Δ", callable, least=1)
    with guarded_evaluation(model, data):
        return _robust_mask(model, data, sets, attacks)


def _robust_mask(
    model: nn.Module, data: Dataset, sets: Sequence[UncertaintySetLike], attacks: Sequence[Attack]
) -> Tensor:
    right = correct(model, data)
    worst = torch.zeros_like(data.images)
    rows = []
    for number, U in enumerate(sets):
        lost = (~right).nonzero()[:, 0]
        if not resolve(U, data.images)[lost].contains(worst[lost]).all():
            raise ValueError(f"sets[{number}]: expected nested sets, each within the next, got {U!r}")
        for attack in attacks:
            left = right.nonzero()[:, 0]
            if len(left):
                d = perturbations(model, data[left], rows_of(U, left), attack)
                broken = ~correct(model, data[left], d)
                worst[left[broken]], right[left[broken]] = d[broken], False
        rows.append(right.clone())
    return torch.stack(rows) if rows else right.new_zeros(0, len(data))


def worst_case_accuracy(
    model: nn.Module,
    data: Dataset,
    sets: Sequence[UncertaintySetLike],
    attacks: Sequence[Attack] = (ensemble,),
) -> list[AccuracyEstimate]:
    """The accuracy under the worst of all attacks, for each of some nested sets: a curve that cannot rise.

    An upper bound of the true robust accuracy, (1/N) Σ_i 1[the model is right at x_i + Δ for all Δ ∈ U]. One
    attack's own curve may rise with the radius, as that of a single step does where it jumps over the worst.

    Args:
        sets: each contained in the next, such as `[lambda x, r=r: Ball("linf", r) & pixel_box(x) for r in …]`
        attacks: `(model, x, y, U) -> Δ`, run in this order on what the others have left

    Raises:
        ValueError: the sets are not nested, or there are no examples.
    """
    check_data(data, least=1)
    return [AccuracyEstimate.of(right) for right in robust_mask(model, data, sets, attacks)]
