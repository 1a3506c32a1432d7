"""Attack losses: functions of logits z (N, K) and classes y (N,), large where the model errs."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from rolab.arguments import one_if_zero

Loss = Callable[[Tensor, Tensor], Tensor]


def log_odds(logits: Tensor, y: Tensor) -> Tensor:
    """log(p_y / (1 − p_y)) = z_y − log Σ_{k≠y} exp z_k: (N, K), (N,) → (N,). Its gradient does not fade."""
    z = precise(logits)
    return logit_of(z, y) - without(z, y).logsumexp(1)


def log_loss(logits: Tensor, y: Tensor) -> Tensor:
    """The cross-entropy of each example, −log p_y = log(1 + Σ_{k≠y} exp(z_k − z_y)): (N, K), (N,) → (N,).

    Written in the last form nothing cancels. In the first, where single precision rounds p_y to 1 (a margin
    of 16 between the logits is enough), the gradient loses its part p_y − 1, and an attack goes astray on
    just those images of which the network is most sure.
    """
    return F.softplus(-log_odds(logits, y), threshold=40)


def unfading(loss: Loss) -> Loss:
    """What an attack climbs in place of a loss: as large where that is large, but its gradient does not fade.

    The log-loss, log(1 + exp(−o)) of the log-odds o, is lost in exp(−o) where the model is very sure; in
    single precision from o = 104 on. There, beyond 40, −o stands in its place: still a monotone function of
    the log-loss, so with parallel gradients. The other losses do not fade.
    """
    if loss is not log_loss:
        return loss

    def climbed(logits: Tensor, y: Tensor) -> Tensor:
        odds = log_odds(logits, y)
        return torch.where(odds > 40, -odds, F.softplus(-odds, threshold=40))

    return climbed


def margin(logits: Tensor, y: Tensor) -> Tensor:
    """max_{k≠y} z_k − z_y, positive where the model errs: (N, K), (N,) → (N,). Carlini and Wagner (2017).

    Unlike that of the cross-entropy, its gradient does not fade where the model is sure.

    >>> margin(torch.tensor([[2.0, 1.5, 0.0]]), torch.tensor([0]))
    tensor([-0.5000])
    """
    z = precise(logits)
    return without(z, y).amax(1) - logit_of(z, y)


def logit_ratio(logits: Tensor, y: Tensor) -> Tensor:
    """The difference-of-logits ratio, (max_{k≠y} z_k − z_y) / (z_(1) − z_(3)): (N, K), (N,) → (N,).

    z_(1) ≥ z_(2) ≥ z_(3) are the largest logits. The margin in a unit of its own: the same whatever the
    logits are multiplied by. Croce and Hein (2020).

    Raises:
        ValueError: there are fewer than three classes.
    """
    largest, _, third, *_ = _ranked(logits)
    return margin(logits, y) / one_if_zero(largest - third)


def targeted_logit_ratio(logits: Tensor, target: Tensor) -> Tensor:
    """The margin to a class that is to be reached, in a unit of its own, small where it is near.

        (max_{k≠t} z_k − z_t) / (z_(1) − (z_(3) + z_(4)) / 2)

    `logit_ratio` is constant, 1, where the target is the third largest logit; hence the mean of two, as in
    Croce and Hein (2020). With three classes these are z_(2) and z_(3).

    Raises:
        ValueError: there are fewer than three classes.
    """
    ranked = _ranked(logits)
    return margin(logits, target) / one_if_zero(ranked[0] - (ranked[-2] + ranked[-1]) / 2)


def _ranked(logits: Tensor) -> tuple[Tensor, ...]:
    """The three largest logits, four where there are as many, in descending order: (N,) each."""
    if logits.shape[1] < 3:
        raise ValueError(f"logits: expected at least 3 classes, got shape {tuple(logits.shape)}")
    return precise(logits).topk(min(4, logits.shape[1]), dim=1).values.unbind(1)


def precise(logits: Tensor) -> Tensor:
    """In single precision at least, also under `torch.autocast`."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def logit_of(z: Tensor, y: Tensor) -> Tensor:
    """The logit of each example's class: (N, K), (N,) → (N,)."""
    return z.gather(1, y[:, None])[:, 0]


def without(z: Tensor, y: Tensor) -> Tensor:
    """The logits with −∞ for each example's class: (N, K), (N,) → (N, K)."""
    return z.scatter(1, y[:, None], -math.inf)
