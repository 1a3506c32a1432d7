"""Attacks without gradients: random search, every single pixel, and the smallest radius that is enough."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from rolab.attacks.gradient import first_order
from rolab.attacks.losses import margin
from rolab.attacks.pgd import uniform
from rolab.attacks.worst import Worst, nearest_to_zero
from rolab.sets import UncertaintySetLike, pixel_box, resolve

Attack = Callable[[nn.Module, Tensor, Tensor, UncertaintySetLike], Tensor]


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
    random window in which Δ is replaced by Δ*(±1 on the window), the set's own answer to one sign for all of
    it, followed by the projection on U. In an ℓ∞ ball that is ±radius on the window and the old Δ elsewhere.
    The windows shrink from most of the image to some pixels. An example that is lost is left alone from then
    on, which changes nothing for the others.

    Args:
        model: maps (N, …) pixels in [0, 1] to (N, K) logits
        x: images (N, …); those of shape (N, C, H, W) are pictures, any others a line of pixels
        y: class numbers (N,)
        U: an uncertainty set, or a function `x -> set`
        queries: forward passes for each example, the first for the image itself
        generator: where the stripes and windows come from

    Returns:
        Δ shaped like x, in U.

    Raises:
        ValueError: queries is not positive, or U does not fit x.
    """
    if queries < 1:
        raise ValueError(f"queries: expected a number ≥ 1, got {queries}")
    x, U = x.detach(), resolve(U, x)
    worst, V = Worst(nearest_to_zero(U, x)), U
    for query in range(queries):
        if not len(worst.left):
            break
        d = worst.perturbation[worst.left]
        if query == 1:
            d = V.maximizer(_stripes(x, generator)[worst.left])
        elif query > 1:
            window = _windows(x, 0.8 / (1 + 255 * query / queries), generator)[worst.left]
            d = V.project(torch.where(window == 0, d, V.maximizer(window)))
        logits, goal = model(x[worst.left] + d), y[worst.left]
        if not worst.see(d, logits.argmax(1) != goal, margin(logits, goal)).all():
            V = U[worst.left]
    return worst.perturbation


def _grid(x: Tensor) -> tuple[int, int, int]:
    """Channels, height and width of the images (N, C, H, W); else one line of pixels."""
    return (x.shape[1], x.shape[2], x.shape[3]) if x.ndim == 4 else (1, 1, x[0].numel())


def _stripes(x: Tensor, generator: torch.Generator | None) -> Tensor:
    """±1, one sign for each column of each channel, shaped like x."""
    channels, height, width = _grid(x)
    sign = (uniform(x, (len(x), channels, 1, width), generator) - 0.5).sign()
    return sign.expand(-1, -1, height, -1).reshape(x.shape)


def _windows(x: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """±1 in a random window with this share of the pixels, one sign for each channel; 0 outside; like x."""
    channels, height, width = _grid(x)
    tall = min(height, max(1, round(math.sqrt(share * height * width))))
    wide = min(width, max(1, round(share * height * width / tall)))
    places = uniform(x, (2, len(x), 1), generator)
    sign = (uniform(x, (len(x), channels, 1, 1), generator) - 0.5).sign()

    def inside(place: Tensor, size: int, whole: int) -> Tensor:
        first = (place * (whole - size + 1)).floor()
        index = torch.arange(whole, device=x.device)
        return (index >= first) & (index < first + size)

    rows, columns = inside(places[0], tall, height), inside(places[1], wide, width)
    return (sign * (rows[:, None, :, None] & columns[:, None, None, :])).reshape(x.shape)


@torch.no_grad()
def single_pixel(
    model: nn.Module, x: Tensor, y: Tensor, box: UncertaintySetLike = pixel_box, *, batch: int = 512
) -> tuple[Tensor, Tensor]:
    """The best change of a single pixel, found by trying all: every entry of x at both ends of its range.

    The truth that the ℓ1 step of eq. (11), one pixel by one gradient, is a guess at; among the moves that
    use the range of a pixel to its end, it is the worst one: argmax of max_{k≠y} z_k − z_y. Some 800 forward
    passes for a digit, as black pixels cannot get blacker. In a colour image a pixel of one channel moves.

    Args:
        model: maps (N, …) pixels in [0, 1] to (N, K) logits
        x: images (N, …)
        y: class numbers (N,)
        box: what each pixel may do, a `Box` or a function `x -> set`: Δ*(1) and Δ*(−1) are the ends
        batch: how many images the model gets at once, which bounds the memory

    Returns:
        Δ shaped like x, and for each example whether it misleads the model, bool (N,).
    """
    x, U = x.detach(), resolve(box, x)
    perturbation = torch.zeros_like(x, memory_format=torch.contiguous_format)  # its rows are written below
    flips, entries = torch.zeros(len(x), dtype=torch.bool, device=x.device), x.shape[1:].numel()
    moves = torch.cat([U.maximizer(torch.ones_like(x)), U.maximizer(-torch.ones_like(x))]).reshape(
        2, len(x), entries
    )
    for rows in torch.arange(len(x), device=x.device).split(32):
        move = moves[:, rows].transpose(0, 1).flatten(1)  # (n, 2d), how far each goes
        margins = torch.full_like(move, -torch.inf)
        for places in (move != 0).nonzero().split(batch):
            i, j = places.unbind(1)
            images = x[rows[i]].flatten(1)
            images[torch.arange(len(i), device=x.device), j % images.shape[1]] += move[i, j]
            logits = model(images.reshape(-1, *x.shape[1:]))
            margins[i, j] = margin(logits, y[rows[i]]).to(margins)
        best, j = margins.max(1)
        able = best > -torch.inf  # where no pixel can move, Δ stays 0
        i, j = rows[able], j[able]
        perturbation.flatten(1)[i, j % entries] = move[able, j]
        flips[rows] = best > 0
    return perturbation, flips


def minimal_radius(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    U: Callable[[Tensor], UncertaintySetLike],
    *,
    grid: Sequence[float],
    attack: Attack = first_order,
    bisections: int = 10,
) -> tuple[Tensor, Tensor]:
    """For each example the smallest radius at which an attack succeeds, and the Δ that does.

    The first success on an ascending grid; then bisection between it and the failure before, all examples at
    once. Success need not be monotone in the radius, since an attack can miss what it found in a smaller
    set: the answer is a radius at which it does succeed, next to one at which it does not, above the grid's
    failures; and for a given attack only, an upper bound of the distance to the nearest other class.

    Args:
        model: maps (N, …) pixels in [0, 1] to (N, K) logits
        x: images (N, …)
        y: class numbers (N,)
        U: the family of sets: radii (n,), one for each example, → a set, or a function `x -> set`. For
            example `Ball("l2", 1).scaled`, or `lambda r: lambda x: Ball("linf", r) & pixel_box(x)`
        grid: radii > 0, ascending
        attack: `(model, x, y, set) -> Δ`
        bisections: halvings of the bracket

    Returns:
        The radii (N,), 0 where x itself is misclassified and inf where the whole grid fails; Δ shaped like x,
        0 in these two cases.

    Raises:
        ValueError: the grid is empty, not ascending or not positive.
    """
    if not len(grid) or grid[0] <= 0 or any(a >= b for a, b in zip(grid, grid[1:], strict=False)):
        raise ValueError(f"grid: expected ascending radii > 0, got {list(grid)}")
    x = x.detach()
    found = torch.zeros_like(x)

    def succeeds(rows: Tensor, radii: Tensor) -> Tensor:
        """Tries these examples at these radii, and keeps the Δ that succeed."""
        d = attack(model, x[rows], y[rows], U(radii))
        lost = _misled(model, x[rows] + d, y[rows])
        found[rows[lost]] = d[lost]
        return lost

    high = torch.full((len(x),), torch.inf, dtype=x.dtype, device=x.device)
    low = torch.zeros_like(high)
    high[_misled(model, x, y)] = 0
    for radius in grid:
        rows = high.isinf().nonzero()[:, 0]
        if not len(rows):
            break
        radii = high.new_full((len(rows),), radius)
        lost = succeeds(rows, radii)
        high[rows[lost]], low[rows[~lost]] = radius, radius
    rows = (high.isfinite() & (high > 0)).nonzero()[:, 0]
    for _ in range(bisections if len(rows) else 0):
        middle = (low[rows] + high[rows]) / 2
        lost = succeeds(rows, middle)
        high[rows[lost]], low[rows[~lost]] = middle[lost], middle[~lost]
    return high, found


@torch.no_grad()
def _misled(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return model(x).argmax(1) != y
