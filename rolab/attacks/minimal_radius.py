"""The minimal adversarial radius: the smallest at which an attack succeeds, example by example."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from rolab.attacks.first_order import Attack
from rolab.attacks.pgd import pgd
from rolab.attacks.queries import leaves_no_trace, logits_of
from rolab.sets import UncertaintySetLike


@leaves_no_trace
def minimal_radius(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    U: Callable[[Tensor], UncertaintySetLike],
    *,
    grid: Sequence[float],
    attack: Attack = pgd,
    bisections: int = 10,
) -> tuple[Tensor, Tensor]:
    """For each example the smallest radius at which an attack succeeds, and the Δ that does.

    The first success on an ascending grid; then bisection between it and the failure before, all examples at
    once. Success need not be monotone in the radius, since an attack can miss what it found in a smaller
    set: the answer is a radius at which it does succeed, next to one at which it does not, above the grid's
    failures; and for a given attack only, an upper bound of the distance to the nearest other class.

    Args:
        model, x, y: as for `first_order`
        U: the family of sets: radii (n,), one for each example, → a set, or a function `x -> set`. For
            example `Ball("l2", 1).scaled`, or `lambda r: lambda x: Ball("linf", r) & pixel_box(x)`
        grid: radii > 0, ascending
        attack: `(model, x, y, set) -> Δ`; `first_order` is quicker, and ends up to three times as far away
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
    found, high = torch.zeros_like(x), torch.full((len(x),), torch.inf, dtype=x.dtype, device=x.device)
    low = torch.zeros_like(high)

    def attempt(rows: Tensor, radii: Tensor) -> None:
        """Tries these examples at these radii; keeps the Δ that succeed, and narrows the brackets."""
        if not len(rows):
            return
        d = attack(model, x[rows], y[rows], U(radii))
        success = _errs(model, x[rows] + d, y[rows])
        found[rows[success]] = d[success]
        high[rows[success]], low[rows[~success]] = radii[success], radii[~success]

    high[_errs(model, x, y)] = 0
    for radius in grid:
        rows = high.isinf().nonzero()[:, 0]
        attempt(rows, high.new_full((len(rows),), radius))
    rows = (high.isfinite() & (high > 0)).nonzero()[:, 0]
    for _ in range(bisections):
        attempt(rows, (low[rows] + high[rows]) / 2)
    return high, found


@torch.no_grad()
def _errs(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return logits_of(model, x, y).argmax(1) != y
