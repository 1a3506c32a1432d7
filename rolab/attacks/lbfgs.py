"""L-BFGS attacks in the pixel box: Szegedy et al. (2014), eq. (1), and Nguyen et al. (2015)."""

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import Bounds, OptimizeResult, minimize
from torch import Tensor, nn

from rolab.attacks.losses import log_loss, log_odds, margin
from rolab.attacks.queries import leaves_no_trace, logits_of
from rolab.sets import pixel_box

LEAST, MOST = 1e-5, 1e5  # where the search looks for c, in units of the margin to be overcome


@leaves_no_trace
def lbfgs(
    model: nn.Module,
    x: Tensor,
    target: Tensor,
    *,
    c: float | None = None,
    searches: int = 7,
    iterations: int = 100,
) -> Tensor:
    """The smallest distortion that makes the model answer `target`: eq. (1), by L-BFGS-B.

        min over Δ of  c ‖Δ‖₂² + J(x + Δ, target)   with   x + Δ ∈ [0, 1]^d

    The norm is squared, as ‖Δ‖₂ itself has no gradient at 0. The larger c, the smaller Δ: the search
    bisects log c for the largest c at which the model still answers `target`. Of the Δ that succeed it
    returns the shortest. Near them J also weighs classes that do not stand in the way; so the search goes on
    with the logits multiplied by s, c ‖Δ‖₂² + J(sz)/s; for large s that is c ‖Δ‖₂² and the margin,
    max(0, max_{k≠t} z_k − z_t). On a linear softmax its end is the shortest Δ there is. Nothing says that a
    network's J is convex: what it finds is an upper bound.

    Each example is a problem of its own: they would share a line search and its curvature.

    Args:
        model, x: as for `first_order`
        target: class numbers (N,), what the images are to be taken for
        c: the weight of the distortion; by default the search finds it
        searches: halvings of log c, for each s
        iterations: of L-BFGS-B, at most, for each c

    Returns:
        Δ shaped like x. If the target is never reached, that of the smallest c tried.

    Raises:
        ValueError: c is not positive, or there are not as many targets as images.
    """
    if c is not None and not c > 0:
        raise ValueError(f"c: expected a number > 0, got {c}")

    def shortest(x: Tensor, target: Tensor) -> Tensor:
        """The Δ of one example (1, …) for this c, or the shortest one that succeeds."""

        def solved(c: float, start: Tensor, s: float = 1.0) -> Tensor:
            return _minimize(
                lambda d: s * c * d.square().sum() + log_loss(s * model(x + d), target), x, start, iterations
            )

        if c is not None:
            return solved(c, torch.zeros_like(x))
        with torch.no_grad():
            lead = margin(model(x), target).item()  # the unit of J, so that of c, too
        if lead < 0:
            return torch.zeros_like(x)
        lead = lead or 1.0
        best, length, found = torch.zeros_like(x), math.inf, None
        for s in (max(1.0, 1 / lead), max(1.0, 50 / lead)):
            low, high = (LEAST * lead, MOST * lead) if found is None else (found / 8, found * 8)
            best = best if length < math.inf else solved(low, best, s)
            for _ in range(searches):
                middle = math.sqrt(low * high)
                d = solved(middle, best, s)
                with torch.no_grad():
                    succeeds = bool(model(x + d).argmax(1) == target)
                if succeeds:
                    found = middle
                if succeeds and d.norm() < length:
                    best, length = d, d.norm().item()
                low, high = (middle, high) if succeeds else (low, middle)
        return best

    return _one_by_one(model, x, target, shortest)


@leaves_no_trace
def fooling(
    model: nn.Module, x: Tensor, target: Tensor, *, confidence: float = 0.99, iterations: int = 200
) -> Tensor:
    """Turns images of nothing into what the model takes for `target`, p_target ≥ confidence: [15].

        max over x + Δ ∈ [0, 1]^d of  log p_target − log(1 − p_target) = z_target − log Σ_{k≠target} exp z_k

    These are the log odds, of which the gradient does not fade. L-BFGS-B stops once the confidence is
    reached; at confidence 1 it goes on to a maximum.

    Args:
        model, target: as for `lbfgs`
        x: where to begin, (N, …): black, grey, or noise; pixels in [0, 1]
        confidence: the probability asked for, in (0, 1]
        iterations: of L-BFGS-B, at most

    Returns:
        Δ shaped like x; x + Δ are the images.

    Raises:
        ValueError: the confidence is not in (0, 1], or there are not as many targets as images.
    """
    if not 0 < confidence <= 1:
        raise ValueError(f"confidence: expected a number in (0, 1], got {confidence}")
    enough = math.log(confidence / (1 - confidence)) if confidence < 1 else math.inf

    def drawn(start: Tensor, goal: Tensor) -> Tensor:
        zero = torch.zeros_like(start)
        return _minimize(lambda d: -log_odds(model(start + d), goal), start, zero, iterations, -enough)

    return _one_by_one(model, x, target, drawn)


def _minimize(
    objective: Callable[[Tensor], Tensor], x: Tensor, start: Tensor, iterations: int, least: float = -math.inf
) -> Tensor:
    """A Δ shaped like x (1, …) with a small objective and x + Δ in [0, 1]; stops at `least` or below."""

    def vector(t: Tensor) -> np.ndarray:
        return t.flatten().cpu().double().numpy()

    def with_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        d = torch.from_numpy(flat).to(x).reshape(x.shape).requires_grad_()
        with torch.enable_grad():
            value = objective(d).sum()
        (gradient,) = torch.autograd.grad(value, d)
        return value.item(), vector(gradient)

    def stop(intermediate_result: OptimizeResult) -> None:
        if intermediate_result.fun <= least:
            raise StopIteration

    options = {"maxiter": iterations, "ftol": 10 * torch.finfo(x.dtype).eps, "gtol": 1e-8}
    result = minimize(
        with_gradient, vector(start), jac=True, method="L-BFGS-B",
        bounds=Bounds(vector(-x), vector(1 - x)), callback=stop, options=options,
    )  # fmt: skip
    return pixel_box(x).project(torch.from_numpy(result.x).to(x).reshape(x.shape))


def _one_by_one(
    model: nn.Module, x: Tensor, target: Tensor, solve: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """The Δ of each example, a problem of its own, from images (1, …) and classes (1,)."""
    x = x.detach()
    with torch.no_grad():
        logits_of(model, x, target, "target")
    return torch.cat([x[:0], *(solve(x[i : i + 1], target[i : i + 1]) for i in range(len(x)))])
