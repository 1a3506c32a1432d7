"""The exhaustive single-pixel attack: every pixel at both ends of its range."""

import torch
from torch import Tensor, nn

from rolab.arguments import as_rows, class_numbers
from rolab.attacks.losses import margin
from rolab.attacks.queries import leaves_no_trace, logits_of
from rolab.sets import UncertaintySetLike, pixel_box, resolve


@leaves_no_trace
@torch.no_grad()
def single_pixel(
    model: nn.Module, x: Tensor, y: Tensor, box: UncertaintySetLike = pixel_box, *, batch: int = 512
) -> tuple[Tensor, Tensor]:
    """The best change of a single pixel, found by trying all: every entry of x at both ends of its range.

    The truth that the ℓ1 step of eq. (11), one pixel by one gradient, is a guess at; among the moves that
    use the range of a pixel to its end, it is the worst one: argmax of max_{k≠y} z_k − z_y. Some 800 forward
    passes for a digit, as black pixels cannot get blacker. In a colour image a pixel of one channel moves.

    Args:
        model, x, y: as for `first_order`
        box: what each pixel may do, a `Box` or a function `x -> set`: Δ*(1) and Δ*(−1) are the ends
        batch: how many images the model gets at once, which bounds the memory

    Returns:
        Δ shaped like x, and for each example whether it misleads the model, bool (N,).
    """
    as_rows(x, "x")
    class_numbers(y, x)
    x, U = x.detach(), resolve(box, x)
    perturbation = torch.zeros_like(x, memory_format=torch.contiguous_format)  # its rows are written below
    flips, entries = torch.zeros(len(x), dtype=torch.bool, device=x.device), x.shape[1:].numel()
    moves = torch.stack([U.maximizer(sign * torch.ones_like(x)).flatten(1) for sign in (1, -1)])
    for rows in torch.arange(len(x), device=x.device).split(32):
        move = moves[:, rows].transpose(0, 1).flatten(1)  # (n, 2d), how far each goes
        margins = torch.full_like(move, -torch.inf)
        for places in (move != 0).nonzero().split(batch):
            i, j = places.unbind(1)
            images = x[rows[i]].flatten(1)
            images[torch.arange(len(i), device=x.device), j % images.shape[1]] += move[i, j]
            goal = y[rows[i]]
            logits = logits_of(model, images.reshape(-1, *x.shape[1:]), goal)
            margins[i, j] = margin(logits, goal).to(margins)
        best, j = margins.max(1)
        able = best > -torch.inf  # where no pixel can move, Δ stays 0
        i, j = rows[able], j[able]
        perturbation.flatten(1)[i, j % entries] = move[able, j]
        flips[rows] = best > 0
    return perturbation, flips
