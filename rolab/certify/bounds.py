"""Certified bounds of the margin: on which images no perturbation of a set can change the answer.

An attack that fails proves nothing: the accuracy that it leaves is an upper bound of robust accuracy. Here is
a lower bound; the truth lies between. With the network's layers between planes (`relaxations.py`), Σ c_i y'_i
is at least a linear function of z: take the lower plane where c_i > 0, else the upper. With z = W y + b that
is one of y, and so on, backwards, until one of Δ is left. Its least value over U is −σ(−c), the course's
oracle.
The intervals l ≤ z ≤ u are found in the same way, from the first layer on. Of networks that were trained to
have good bounds, plain interval arithmetic (`intervals`) proves as much in no time; so it goes first.

Sources: Zhang et al. (2018), Efficient Neural Network Robustness Certification with General Activation
Functions (CROWN); for max pooling Singh et al. (2019), An Abstract Domain for Certifying Neural Networks.
"""

import copy

import torch
from torch import Tensor, nn

from rolab.arguments import as_rows, class_numbers
from rolab.certify.intervals import box_around, is_shared, largest_differences, supports
from rolab.certify.relaxations import Layer, LinearRelaxation, layers_of, logits
from rolab.data import Dataset
from rolab.errors import NonFiniteError
from rolab.sets import UncertaintySet, UncertaintySetLike, resolve

MANY = 100  # examples at a time, but for planes
Path = list[tuple[Layer, LinearRelaxation]]


@torch.no_grad()
def margin_bound(model: nn.Module, x: Tensor, y: Tensor, U: UncertaintySetLike) -> Tensor:
    """A lower bound of the margin that is left of the logits z: min over Δ in U, k ≠ y of (z_y − z_k)(x + Δ).

    Each difference is bounded as one function. The result speaks of the network in exact arithmetic: what
    float64 may have rounded is taken off. A sum of n terms, |terms| adding up to M, errs by at most some
    n · 2⁻⁵³ · M, here 10⁻⁷.

    Made for ℓ∞ in the pixel box, where the intervals of the first layer are exact. Any set will do whose
    support function is exact, but the first layer sees only the box around it, which is far larger than an
    ℓ1 ball. As U grows the bound may rise here and there, since the planes change; what it bounds does not.

    Args:
        model: a `ConvNet`, or a `Sequential` of `Linear`, `Conv2d`, `ReLU`, `MaxPool2d`, `AvgPool2d`,
            `AdaptiveAvgPool2d`, `Flatten`, `Identity`, `Standardize`, of `BatchNorm1d`, `BatchNorm2d` and
            `Dropout` in eval mode, and of `rolab.nets.Residual` blocks of these; with two logits at least
        x, y, U: as for `rolab.attacks.first_order`

    Returns:
        float64 (N,), beside the images

    Raises:
        ValueError: the model holds what cannot be bounded, is too large or has one logit; x is not finite, y
            are not class numbers, or U does not fit x.
    """
    as_rows(x, "x", finite=False)
    layers = layers_of(model, x)
    return _margin_bound(model, layers, x.double(), y, _fitting(layers, x, y, U))


@torch.no_grad()
def certified(model: nn.Module, data: Dataset, U: UncertaintySetLike) -> Tensor:
    """On which examples the answer is right and, it is proved, no Δ in U changes it: bool (N,).

    `margin_bound` must exceed not 0 but ε · M: M is what the terms of a logit add up to, were they all
    positive, ε the rounding of the model's float type. This is for the network as it is run. In float32 its
    logits of digits differ from the exact ones by 10⁻⁵, and ε · M is above 10⁻³; but that is measured, not
    proved: no order of summation can err by more than some hundred times ε · M, which is of no use.

    Images that are read wrongly are not tried.

    Raises:
        ValueError: as `margin_bound`.
    """
    x, y = data.images, data.labels
    layers = layers_of(model, x)
    V = _fitting(layers, x, y, U)
    right = torch.cat([logits(layers, some) for some in [x[:0], *x.split(MANY)]]).argmax(1) == y
    eps = max((torch.finfo(p.dtype).eps for p in model.parameters()), default=torch.finfo(x.dtype).eps)
    slack = eps * float(layers[-1].size.max())
    rows = right.nonzero().squeeze(1)
    bound = _margin_bound(model, layers, x[rows].double(), y[rows], V[rows], enough=slack)
    return right.index_put((rows,), bound > slack)


def _fitting(layers: list[Layer], x: Tensor, y: Tensor, U: UncertaintySetLike) -> UncertaintySet:
    """U beside x in float64, if it, x and y fit each other and the network."""
    classes = len(layers[-1].bias)
    if classes < 2:
        raise ValueError(f"model: expected K ≥ 2 logits, got {classes}")
    if not x.isfinite().all():
        raise NonFiniteError("x: expected finite pixels, got NaN or infinity")
    class_numbers(y, x, classes)
    return resolve(U, x.double())


def _margin_bound(
    model: nn.Module,
    layers: list[Layer],
    x: Tensor,
    y: Tensor,
    V: UncertaintySet,
    enough: float = torch.inf,
) -> Tensor:
    """`margin_bound`, the better of two; planes are laid only where intervals do not show `enough`."""
    differences = torch.eye(len(layers[-1].bias)).to(x)
    bound = _by_intervals(model, layers, x, y, V)
    for rows in (bound <= enough).nonzero():  # one at a time: ConvNet needs some 100 MB for each
        c = differences[y[rows], None] - differences  # e_y − e_k for each k: (n, K, K)
        lower, upper = (side.flatten(1) for side in box_around(x[rows], V[rows]))
        scale = _scale(lower, upper)
        path = _path(layers, x[rows], V[rows], lower, upper, scale)
        least = _least(c, path, x[rows], V[rows]) - scale * _slack(layers)
        bound[rows] = bound[rows].maximum(_least_of_others(least, y[rows]))
    return bound


def _by_intervals(model: nn.Module, layers: list[Layer], x: Tensor, y: Tensor, V: UncertaintySet) -> Tensor:
    """`margin_bound` by interval arithmetic alone; −∞ where its first layer would cost as much as planes."""
    model, bound = copy.deepcopy(model).to(x), x.new_full((len(x),), -torch.inf)
    if not (V.separable or is_shared(V)):
        return bound
    for rows in torch.arange(len(x), device=x.device).split(MANY):
        least = -largest_differences(model, x[rows], y[rows], V[rows])
        least -= _scale(*box_around(x[rows], V[rows])) * _slack(layers)
        bound[rows] = _least_of_others(least, y[rows])
    return bound


def _least_of_others(margins: Tensor, y: Tensor) -> Tensor:
    """The least entry of each row but that of y: (N, K), (N,) → (N,)."""
    return margins.scatter(1, y[:, None], torch.inf).amin(1)


def _scale(lower: Tensor, upper: Tensor) -> Tensor:
    """The largest |pixel| in a box around x + U, if over 1: (N, 1)."""
    return torch.maximum(lower.abs(), upper.abs()).flatten(1).amax(1, keepdim=True).clamp(min=1)


def _slack(layers: list[Layer]) -> Tensor:
    """What float64 may have rounded in a bound of the difference of two logits, for pixels up to 1."""
    return 2 * layers[-1].slack.max()


def _path(
    layers: list[Layer], x: Tensor, U: UncertaintySet, lower: Tensor, upper: Tensor, scale: Tensor
) -> Path:
    """Planes around the activations of each layer, for x + Δ in a box; scale is the largest, if over 1."""
    path: Path = []
    for layer in layers:
        lower, upper = layer.interval(lower, upper)
        for outputs, inputs in layer.views if layer.activations else ():
            last, planes = path[-1]
            seen = LinearRelaxation(*(part[:, inputs] for part in planes))
            c = layer.weight[outputs][:, inputs]
            found = _least(torch.cat([c, -c])[None], [*path[:-1], (last, seen)], x, U)
            low, high = found.split(len(outputs), 1)
            lower[:, outputs] = lower[:, outputs].maximum(layer.bias[outputs] + low)
            upper[:, outputs] = upper[:, outputs].minimum(layer.bias[outputs] - high)
        lower, upper = lower - scale * layer.slack, upper + scale * layer.slack
        path.append((layer, layer.relaxation(lower, upper)))
        lower, upper = layer.activate(lower), layer.activate(upper)
    return path


def _least(c: Tensor, path: Path, x: Tensor, U: UncertaintySet) -> Tensor:
    """A lower bound of Σ c_i y_i over x + U, where y leaves the path; c of shape (N or 1, M, m) → (N, M)."""
    constant = x.new_zeros(len(x), 1)
    for layer, planes in reversed(path):
        up, down = c.clamp(min=0), c.clamp(max=0)
        constant = constant + (down @ planes.shift[:, :, None]).squeeze(2)
        c = up * planes.low[:, None] + down * planes.high[:, None]
        used = (planes.low + planes.high).any(0)  # the others are constants
        c, source = c[:, :, used], planes.source[:, used]
        constant = constant + (c @ layer.bias[source][:, :, None]).squeeze(2)
        c = c @ layer.weight[source]
    return constant + (c @ x.flatten(1)[:, :, None]).squeeze(2) - supports(-c, x, U)
