"""Projected gradient ascent (PGD) on any set: the first-order step, repeated. Madry et al. (2018)."""

from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature

import torch
from torch import Tensor, nn

from rolab.arguments import as_logits, as_rows, class_numbers, normalized
from rolab.attacks.first_order import Attack, backward, full_precision
from rolab.attacks.losses import Loss, log_loss, logit_ratio, targeted_logit_ratio, unfading
from rolab.attacks.queries import couples_batch, leaves_no_trace
from rolab.errors import NonFiniteError
from rolab.sets import UncertaintySet, UncertaintySetLike, resolve

RowLoss = Callable[[Tensor, Tensor], Tensor]  # of logits (n, K) and the rows of the batch, (n,)


@leaves_no_trace
def pgd(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    U: UncertaintySetLike,
    *,
    steps: int = 20,
    step: UncertaintySet | None = None,
    start: Tensor | None = None,
    restarts: int = 0,
    loss: Loss = log_loss,
    target: Tensor | None = None,
    go_on: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Gradient ascent within U, step by step: a lower bound of the inner maximum, eq. (10).

        Δ ← Π_U(Δ + Δ*_step(g))            with `step`, a set such as Ball("linf", 0.01): projected ascent
        Δ ← Δ + (1 − t)(Δ*_U(m) − Δ)       without: Frank and Wolfe's, with t = i/steps for i = 0, 1, …

    with g along ∇ₓJ(x + Δ) and m ← t m + g/max|g|. The second is the default: it goes to the worst point that
    the linear model sees, first all the way (so one step is `first_order`), then less and less, and as its
    steps become small, it follows the mean of the gradients met: where the loss is rough, one of them leads
    astray. It needs no projection, cannot leave U, and is right for every set: in an ℓ1 ball in the pixel
    box, a step that moves one pixel stops when that pixel is full.

    Of all that it visits it keeps the worst for each example: what misleads the model, else what has the
    largest loss. An example that is lost is left alone from then on. The examples do not meet, so this
    changes nothing for the others (but for rounding, if the model rounds differently in batches of another
    size). Where they do meet, in batch norm that is training, the batch stays whole: what is lost stays in it
    with the Δ that misled the model.

    With `go_on` no example is left alone, and what is kept is what has the largest loss: the inner maximum of
    eq. (9), which training asks for, also of examples that the model misreads.

    Args:
        model, x, y, U: as for `first_order`
        steps: gradients in each run; there is one forward pass more, to see where the last step has led
        step: the set of single steps for projected ascent
        start: where the first run begins, (N, …); by default in the point of U nearest to 0
        restarts: further runs, each from a `random_point` of U, for the examples that are not yet lost
        loss: of logits and classes, (N, K), (N,) → (N,): `log_loss`, `margin` or `logit_ratio`
        target: classes (N,) to be taken for: ascends −loss(z, target), for `logit_ratio` the
            `targeted_logit_ratio`, and succeeds where that is the answer
        go_on: to the largest loss, whatever the model answers
        generator: where the random starts come from

    Returns:
        Δ shaped like x, in U, without gradient history.

    Raises:
        ValueError: a gradient is NaN or infinite, a number of steps is negative, shapes do not fit, y or
            target are no class numbers, the model answers no logits, or U is not convex and more than one
            step, from 0, is asked for.
    """
    for what, number in (("steps", steps), ("restarts", restarts)):
        if number < 0:
            raise ValueError(f"{what}: expected a number ≥ 0, got {number}")
    if start is not None and start.shape != x.shape:
        raise ValueError(f"start: expected shape {tuple(x.shape)}, got {tuple(start.shape)}")
    name, goal, sign = "y", class_numbers(y, x), 1
    if target is not None:
        name, goal, sign = "target", class_numbers(target, x, name="target"), -1
        loss = targeted_logit_ratio if loss is logit_ratio else loss
    climbed = loss if couples_batch(model) else unfading(loss)
    return ascend(
        model, x, U,
        lambda z, rows: sign * climbed(z, class_numbers(goal[rows], rows, z.shape[1], name)),
        None if go_on else lambda z, rows: (z.argmax(1) == goal[rows]) == (target is not None),
        steps=steps, step=step, start=start, restarts=restarts, generator=generator,
    )  # fmt: skip


def inner_maximum(attack: Attack) -> Attack:
    """The attack as eq. (9) asks for it: one that can `go_on` when an example is misread does so."""
    return partial(attack, go_on=True) if "go_on" in signature(attack).parameters else attack


def ascend(
    model: nn.Module,
    x: Tensor,
    U: UncertaintySetLike,
    loss: RowLoss,
    success: RowLoss | None,
    *,
    steps: int,
    step: UncertaintySet | None = None,
    start: Tensor | None = None,
    restarts: int = 0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """`pgd` on any loss, until success if there is one: both are functions of logits (n, K) and rows (n,)."""
    x, U = x.detach(), resolve(U, x)
    if steps > 1 or step is not None:
        check_convex(U)
    with full_precision(x):
        first = nearest_to_zero(U, x) if start is None else U.project(start.detach())
    best, whole = BestSoFar(first), couples_batch(model)
    for run in range(1 + restarts):
        d = first if run == 0 else random_point(U, x, generator)
        d, V, small = d[best.active], U[best.active], step and step[best.active]
        mean = torch.zeros_like(as_rows(d, "start"))
        for i in range(1 + steps):
            if not len(best.active):
                break
            logits, losses, g = _look(model, x, d, loss, best, gradient=i < steps, whole=whole)
            lost = success(logits, best.active) if success else losses.isnan()  # none is NaN
            stays = best.update(d, lost, losses)
            if not stays.all():
                d, g, mean = d[stays], g[stays], mean[stays]
                V, small = U[best.active], step and step[best.active]
            with full_precision(x):
                if i < steps and small:
                    d = V.project(d + small.maximizer(g))
                elif i < steps:
                    mean = i / steps * mean + normalized(as_rows(g, "g"))[0]
                    d = d.lerp(V.maximizer(mean.view_as(d)).to(d), 1 - i / steps)
    return best.perturbation


def nearest_to_zero(U: UncertaintySet, x: Tensor) -> Tensor:
    """The point of U nearest to 0, shaped like x; without a projection where U is known to hold 0."""
    zero = torch.zeros_like(x)
    return zero if U.contains_zero else U.project(zero)


class BestSoFar:
    """For each example the Δ that misleads the model, else the Δ with the largest loss, of all seen so far.

    Attributes:
        perturbation: these Δ, (N, …)
        active: the examples that are not lost yet, ascending
    """

    def __init__(self, start: Tensor) -> None:
        """Begins with no Δ seen; what it returns if none ever is, is `start`."""
        self.perturbation = start.clone()
        self.active = torch.arange(len(start), device=start.device)
        precise = torch.promote_types(start.dtype, torch.float32)  # MPS has no float64
        self._losses = torch.full((len(start),), -torch.inf, dtype=precise, device=start.device)

    def update(self, d: Tensor, success: Tensor, losses: Tensor) -> Tensor:
        """Takes in one Δ for each active example, whether it misleads, and its loss; bool (n,), who stays."""
        worse = success | (losses > self._losses[self.active])
        rows = self.active[worse]
        self.perturbation[rows], self._losses[rows] = d[worse], losses[worse].to(self._losses)
        self.active = self.active[~success]
        return ~success


def _look(
    model: nn.Module, x: Tensor, d: Tensor, loss: RowLoss, best: BestSoFar, gradient: bool, whole: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The logits (n, K) of those left at x + d, their losses (n,), and, where asked for, the way up."""
    rows = best.active
    seen = x[rows] + d
    if whole:
        seen = (x + best.perturbation).index_copy(0, rows, seen)
    seen.requires_grad_(gradient)
    with torch.set_grad_enabled(gradient):
        logits = as_logits(model(seen), seen)
        logits = logits[rows] if whole else logits
        if gradient:
            losses, g, _ = backward(logits, seen, lambda z: loss(z, rows), whole)
        else:
            losses, g = loss(logits, rows), seen
    if not losses.isfinite().all():
        raise NonFiniteError("loss: expected finite numbers, got NaN or infinity")
    return logits.detach(), losses, g[rows] if whole else g


def check_convex(U: UncertaintySet) -> None:
    """Raises a `ValueError` where means of points of U may leave it."""
    if not U.convex:
        raise ValueError(f"U: expected a convex set for steps within it, got {U!r}; use one step, not PGD")


def random_point(U: UncertaintySetLike, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """A random point of U for each example, shaped like x: somewhere between two random extreme points.

    t Δ*(g) + (1 − t) Δ*(g'), with g and g' normal and t uniform. The two oracles tell no more of a set.
    """
    U, g, h = resolve(U, x), *(draw(torch.randn, x, x.shape, generator) for _ in range(2))
    check_convex(U)
    t = draw(torch.rand, x, (len(x), *[1] * (x.ndim - 1)), generator)
    with full_precision(x):
        return t * U.maximizer(g) + (1 - t) * U.maximizer(h)


def draw(
    kind: Callable[..., Tensor], x: Tensor, shape: Sequence[int], generator: torch.Generator | None
) -> Tensor:
    """Numbers of `torch.randn` or `torch.rand`, beside x and of its type; drawn where the generator lives."""
    device = generator.device if generator else x.device
    return kind(shape, dtype=x.dtype, device=device, generator=generator).to(x.device)
