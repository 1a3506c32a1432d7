"""Projected gradient ascent (PGD) on any set: the first-order step, repeated. Madry et al. (2018)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from rolab.attacks.first_order import full_precision
from rolab.attacks.losses import Loss, log_loss
from rolab.errors import NonFiniteError
from rolab.sets import UncertaintySet, UncertaintySetLike, resolve

RowLoss = Callable[[Tensor, Tensor], Tensor]  # of logits (n, K) and the rows of the batch, (n,)


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
    generator: torch.Generator | None = None,
) -> Tensor:
    """Gradient ascent within U, step by step: a lower bound of the inner maximum, eq. (10).

        Δ ← Π_U(Δ + Δ*_step(g))            with `step`, a set such as Ball("linf", 0.01): projected ascent
        Δ ← Δ + (1 − i/steps)(Δ*_U(g) − Δ)  without: Frank and Wolfe's, for i = 0, 1, …

    with g = ∇ₓJ(x + Δ). The second is the default: it goes to the worst point that the linear model sees,
    first all the way (so one step is `first_order`), then less and less. It needs no projection, cannot leave
    U, and is right for every set: where U is a product, like an ℓ∞ ball, the two do alike, but in an ℓ1 ball
    in the pixel box a step that moves one pixel stops when that pixel is full.

    Of all that it visits it keeps the worst for each example: what misleads the model, else what has the
    largest loss. An example that is lost is left alone from then on. The examples do not meet, so this
    changes nothing for the others (but for rounding, if the model rounds differently in batches of another
    size). Where they do meet, in batch norm that is training, the batch stays whole: what is lost stays in it
    with the Δ that misled the model.

    Args:
        model, x, y, U: as for `first_order`
        steps: gradients in each run; there is one forward pass more, to see where the last step has led
        step: the set of single steps for projected ascent
        start: where the first run begins, (N, …); by default in the point of U nearest to 0
        restarts: further runs, each from a `random_point` of U, for the examples that are not yet lost
        loss: of logits and classes, (N, K), (N,) → (N,): `log_loss`, `margin` or `logit_ratio`
        target: classes (N,) to be taken for: ascends −loss(z, target), and succeeds where that is the answer
        generator: where the random starts come from

    Returns:
        Δ shaped like x, in U, without gradient history.

    Raises:
        ValueError: a gradient is NaN or infinite, a number of steps is negative, shapes do not fit, or U is
            not convex and more than one step, from 0, is asked for.
    """
    for name, number in (("steps", steps), ("restarts", restarts)):
        if number < 0:
            raise ValueError(f"{name}: expected a number ≥ 0, got {number}")
    for name, given, shape in (("start", start, x.shape), ("target", target, y.shape)):
        if given is not None and given.shape != shape:
            raise ValueError(f"{name}: expected shape {tuple(shape)}, got {tuple(given.shape)}")
    goal, sign = (y, 1) if target is None else (target, -1)
    return ascend(
        model, x, U, lambda z, rows: sign * loss(z, goal[rows]),
        lambda z, rows: (z.argmax(1) == goal[rows]) == (target is not None),
        steps=steps, step=step, start=start, restarts=restarts, generator=generator,
    )  # fmt: skip


def ascend(
    model: nn.Module,
    x: Tensor,
    U: UncertaintySetLike,
    loss: RowLoss,
    success: RowLoss,
    *,
    steps: int,
    step: UncertaintySet | None = None,
    start: Tensor | None = None,
    restarts: int = 0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """`pgd` on any loss, until success says so: both are functions of logits (n, K) and rows of x, (n,)."""
    x, U = x.detach(), resolve(U, x)
    if steps > 1 or step is not None:
        check_convex(U)
    with full_precision(x):
        first = nearest_to_zero(U, x) if start is None else U.project(start.detach())
    best, whole = BestSoFar(first), couples_batch(model)
    for run in range(1 + restarts):
        d = first if run == 0 else random_point(U, x, generator)
        d, V, small = d[best.active], U[best.active], step and step[best.active]
        for i in range(1 + steps):
            if not len(best.active):
                break
            logits, losses, g = _look(model, x, d, loss, best, gradient=i < steps, whole=whole)
            stays = best.update(d, success(logits, best.active), losses)
            if not stays.all():
                d, g, V, small = d[stays], g[stays], U[best.active], step and step[best.active]
            with full_precision(x):
                if i < steps and small:
                    d = V.project(d + small.maximizer(g))
                elif i < steps:
                    d = d.lerp(V.maximizer(g), 1 - i / steps)
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
    """The logits (n, K) of those left at x + d, their losses (n,), and, where asked for, ∇ₓ of these."""
    rows = best.active
    seen = x[rows] + d
    if whole:
        seen = (x + best.perturbation).index_copy(0, rows, seen)
    seen.requires_grad_(gradient)
    with torch.set_grad_enabled(gradient):
        logits = model(seen)[rows] if whole else model(seen)
        losses = loss(logits, rows)
        if not losses.isfinite().all():
            raise NonFiniteError("loss: expected finite numbers, got NaN or infinity from the model")
        g = torch.autograd.grad(losses.sum(), seen)[0] if gradient else seen
    return logits.detach(), losses.detach(), g[rows] if whole else g


def couples_batch(model: nn.Module) -> bool:
    """Whether the examples of a batch meet in the model, in batch norm that takes the mean of the batch."""
    return any(
        isinstance(part, nn.modules.batchnorm._BatchNorm) and (part.training or part.running_mean is None)
        for part in model.modules()
    )


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
