"""A black-box attack: random search, which sees logits and no gradient."""

import math

import torch
from torch import Tensor, nn

from rolab.arguments import class_numbers, one_if_zero
from rolab.attacks.losses import margin
from rolab.attacks.pgd import BestSoFar, draw, nearest_to_zero
from rolab.attacks.queries import leaves_no_trace, logits_of
from rolab.sets import UncertaintySetLike, resolve


@leaves_no_trace
@torch.no_grad()
def random_search(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    U: UncertaintySetLike,
    *,
    queries: int = 1000,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Random search that sees nothing but logits: keep what raises the margin max_{k≠y} z_k − z_y.

    In the manner of Square Attack (Andriushchenko et al. 2020): first random stripes, then in each query a
    random window of Δ is replaced by one number ±a, and what comes of it is the direction in which the set
    is asked for its worst point, Δ ← Δ*(Δ with the window). In an ℓ∞ ball that is ±radius on the window and
    the old Δ elsewhere, whatever a is; in an ℓ2 ball a says how much of the radius the window gets, and the
    rest of Δ gives or takes it. The windows shrink from most of the image to some pixels. An example that is
    lost is left alone from then on, which changes nothing for the others.

    Args:
        model, y, U: as for `first_order`
        x: images (N, …); those of shape (N, C, H, W) are pictures, any others a line of pixels
        queries: forward passes for each example, the first for the image itself
        generator: where the stripes and windows come from

    Returns:
        Δ shaped like x, in U.

    Raises:
        ValueError: queries is not positive, y are no class numbers, the model answers no logits, or U does
            not fit x.
    """
    if queries < 1:
        raise ValueError(f"queries: expected a number ≥ 1, got {queries}")
    class_numbers(y, x)
    x, U = x.detach(), resolve(U, x)
    best = BestSoFar(nearest_to_zero(U, x))
    for query in range(queries):
        if not len(best.active):
            break
        d, V = best.perturbation[best.active], U[best.active]
        if query == 1:
            d = V.maximizer(_stripes(x, generator)[best.active])
        elif query > 1:
            window = _windows(x, 0.8 / (1 + 255 * query / queries), generator)[best.active]
            height = _heights(x, best.perturbation, generator)[best.active]
            d = V.maximizer(torch.where(window == 0, d, height * window))
        goal = y[best.active]
        logits = logits_of(model, x[best.active] + d, goal)
        best.update(d, logits.argmax(1) != goal, margin(logits, goal))
    return best.perturbation


def _heights(x: Tensor, d: Tensor, generator: torch.Generator | None) -> Tensor:
    """Random heights of windows, (N, 1, …): from half to eight times the root mean square of Δ."""
    size = d.flatten(1).abs()
    spread = one_if_zero(size.square().mean(1).sqrt())
    low, high = spread / 2, torch.maximum(8 * spread, 1.5 * size.amax(1))
    u = draw(torch.rand, x, (len(x),), generator)
    return (high * (low / high) ** u).reshape(-1, *[1] * (x.ndim - 1))


def _grid(x: Tensor) -> tuple[int, int, int]:
    """Channels, height and width of the images (N, C, H, W); else one line of pixels."""
    return (x.shape[1], x.shape[2], x.shape[3]) if x.ndim == 4 else (1, 1, x[0].numel())


def _stripes(x: Tensor, generator: torch.Generator | None) -> Tensor:
    """±1, one sign for each column of each channel, shaped like x."""
    channels, height, width = _grid(x)
    sign = (draw(torch.rand, x, (len(x), channels, 1, width), generator) - 0.5).sign()
    return sign.expand(-1, -1, height, -1).reshape(x.shape)


def _windows(x: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """±1 in a random window with this share of the pixels, one sign for each channel; 0 outside; like x."""
    channels, height, width = _grid(x)
    tall = min(height, max(1, round(math.sqrt(share * height * width))))
    wide = min(width, max(1, round(share * height * width / tall)))
    places = draw(torch.rand, x, (2, len(x), 1), generator)
    sign = (draw(torch.rand, x, (len(x), channels, 1, 1), generator) - 0.5).sign()

    def inside(place: Tensor, size: int, whole: int) -> Tensor:
        first = (place * (whole - size + 1)).floor()
        index = torch.arange(whole, device=x.device)
        return (index >= first) & (index < first + size)

    rows, columns = inside(places[0], tall, height), inside(places[1], wide, width)
    return (sign * (rows[:, None, :, None] & columns[:, None, None, :])).reshape(x.shape)
