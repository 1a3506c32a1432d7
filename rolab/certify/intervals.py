"""Interval arithmetic through a network: the first layer by the set's support function, the others by boxes.

With z = W y + b and y in a box of middle m and half-width r, entry by entry,

    W m + b − |W| r  ≤  z  ≤  W m + b + |W| r,

and ReLU and max pooling take bounds to bounds. The first layer needs no box: over x + U its entries are
w_iᵀx + b_i − σ(−w_i) to w_iᵀx + b_i + σ(w_i). And of the last layer, differences of logits are bounded, each
as one function. All this costs about as much as two passes of the network, and has a gradient in its weights:
that of the support function is Δ*(w), by Danskin's theorem. So a network can be trained to have good bounds.

Source: Gowal et al. (2018), On the Effectiveness of Interval Bound Propagation for Training Verifiably Robust
Models.
"""

from collections.abc import Sequence
from functools import reduce
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor, nn

from rolab.arguments import as_logits, class_numbers
from rolab.attacks.losses import logit_of
from rolab.certify.parts import MONOTONE, STEPS, SUMS, Map, apply, linear, parts_of, positive
from rolab.sets import UncertaintySet, UncertaintySetLike, resolve

LARGEST = 2**24  # entries of the directions of one batch


def largest_differences(model: nn.Module, x: Tensor, y: Tensor, U: UncertaintySetLike) -> Tensor:
    """Upper bounds of how far each logit can come above that of y: max over Δ in U of (z_k − z_y)(x + Δ).

    Exact where the network is affine, and where U is {0}. What rounding may add is not in it.

    Args:
        model: as for `rolab.certify.margin_bound`
        x, y, U: as for `rolab.attacks.first_order`

    Returns:
        (N, K), 0 for k = y, with a gradient in the weights of the model

    Raises:
        ValueError: the model holds what cannot be bounded, or y or U do not fit x.
    """
    parts, V, y = parts_of(model), resolve(U, x), class_numbers(y, x)
    head = list(takewhile(_is_affine, parts))
    tail = list(takewhile(_is_affine, reversed(parts[len(head) :])))[::-1]
    if len(head) == len(parts):  # nothing but a first layer
        z = as_logits(_run(head, x), x, finite=False)
        return z - logit_of(z, y)[:, None] + supports(_differences(head, x, y), x, V)
    lower, upper = through(parts[len(head) : len(parts) - len(tail)], *box_around(x, V, head))
    middle, reach = (lower + upper) / 2, (upper - lower) / 2
    z = as_logits(_run(tail, middle), x, finite=False)
    spread = _differences(tail, middle, y).abs() @ reach.flatten(1)[:, :, None]
    return z - logit_of(z, y)[:, None] + spread.squeeze(2)


def affine_interval(affine: Map, positive: Map, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    """The least and the largest value of each entry of W y + b, for y in a box; `positive` is |W|."""
    middle, reach = affine((lower + upper) / 2), positive((upper - lower) / 2)
    return middle - reach, middle + reach


def through(parts: Sequence[Any], lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    """Bounds (N, …) of what parts make of a box."""
    low, high = [lower], [upper]  # stacks
    for part in parts:
        if _is_affine(part):
            low[-1], high[-1] = affine_interval(part, positive(part), low[-1], high[-1])
        else:
            apply(part, part, low)
            apply(part, part, high)
    return low[-1], high[-1]


def box_around(x: Tensor, U: UncertaintySet, head: Sequence[Any] = ()) -> tuple[Tensor, Tensor]:
    """The smallest box around all W(x + Δ) + b with Δ in U, where affine parts make W y + b of y.

    Every entry takes two values of the support function, which is interval arithmetic where U is a box. Where
    each example has a set of its own that is none, these can be too many: then sets that enclose U and need
    less stand in for it, all of them together; or the box around x + U, if none is known.
    """
    if U.separable and sum(isinstance(part, SUMS) for part in head) < 2:
        one = torch.ones_like(x)
        return through(head, x + U.maximizer(-one), x + U.maximizer(one))
    z, W = _run(head, x), _matrix(head, x)[None]
    if head and not is_shared(U) and 2 * len(x) * W.numel() > LARGEST:
        simpler = [V for V in U.enclosing(x.shape) if V.separable or is_shared(V)]
        boxes = [box_around(x, V, head) for V in simpler] or [through(head, *box_around(x, U))]
        lower, upper = (torch.stack(sides) for sides in zip(*boxes, strict=True))
        return lower.amax(0), upper.amin(0)
    above, below = supports(torch.cat([W, -W], 1), x, U).chunk(2, 1)
    return z - below.reshape(-1, *z.shape[1:]), z + above.reshape(-1, *z.shape[1:])


def supports(c: Tensor, x: Tensor, U: UncertaintySet) -> Tensor:
    """σ of several directions for each example, (N, M, d) → (N, M), with the gradient Δ*(c) in them.

    Directions (1, M, d) are those of all examples; if U is, too, so are the values: (1, M).
    """
    if len(c) > 1 or not is_shared(U):
        c = c.expand(len(x), -1, -1)
        U = U[torch.arange(len(x), device=x.device).repeat_interleave(c.shape[1])]
    furthest = U.maximizer(c.detach().reshape(-1, *x.shape[1:])).reshape(c.shape)
    return (c * furthest).sum(2)


def is_shared(U: UncertaintySet) -> bool:
    """Whether U is the set of every example, as it says itself."""
    return U[:1] is U


def _is_affine(part: Any) -> bool:
    return part not in STEPS and not isinstance(part, MONOTONE)


def _run(maps: Sequence[Any], y: Tensor) -> Tensor:
    """Affine maps, one after the other."""
    return reduce(lambda y, part: part(y), maps, y)


def _matrix(maps: Sequence[Any], y: Tensor) -> Tensor:
    """The matrix (m, n) of affine maps on what is shaped like y."""
    n = y.shape[1:].numel()
    axes = torch.eye(n, dtype=y.dtype, device=y.device).view(n, *y.shape[1:])
    return reduce(lambda y, part: linear(part)(y), maps, axes).flatten(1).T


def _differences(maps: Sequence[Any], like: Tensor, y: Tensor) -> Tensor:
    """The rows of z_k − z_y for each example, where affine maps give the logits z: (N, K, n)."""
    W = _matrix(maps, like)
    return W - W[y][:, None]
