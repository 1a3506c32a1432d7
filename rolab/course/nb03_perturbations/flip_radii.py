"""At which radius a step of equation (11) flips each digit, and what the medians say of the nets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from rolab.data import Dataset
from rolab.evaluation import ascent_directions, predict
from rolab.experiments.styles import style
from rolab.sets import UncertaintySet

Medians = Mapping[str, Mapping[str, float | None]]  # net → norm → the median radius


def flip_radii(net: nn.Module, digits: Dataset, U: UncertaintySet, radii: Sequence[float]) -> Tensor:
    """The first radius (N,) at which one step flips each digit; inf where none does.

    The direction of the step does not depend on the radius: one gradient a digit serves all radii.

    Args:
        digits: (N, C, H, W)
        U: the set at radius 1
        radii: ascending, in pixel units
    """
    step = U.maximizer(ascent_directions(net, digits))
    found = torch.full((len(digits),), torch.inf, dtype=torch.float64)
    for radius in radii:
        rows = found.isinf().nonzero()[:, 0]
        if len(rows):
            answers = predict(net, digits.images[rows] + radius * step[rows])
            found[rows[answers != digits.labels[rows]]] = radius
    return found


def medians(found: Mapping[str, Mapping[str, Tensor]], count: int | None = None) -> Medians:
    """net → norm → the median over the first so many digits; None where half of them stand firm."""

    def median(radii: Tensor) -> float | None:
        middle = float(radii[:count].sort().values[len(radii[:count]) // 2])
        return None if middle == torch.inf else middle

    return {net: {norm: median(radii) for norm, radii in row.items()} for net, row in found.items()}


def surprise(seen: Medians, norm: str = "l1") -> str:
    """Which nets do better in a norm than the one that was trained against it, in words."""

    def size(net: str) -> float:
        middle = seen[net][norm]
        return torch.inf if middle is None else middle

    label, own = style(norm).label, f"robust-{norm}"
    better = [style(net).label for net in seen if size(net) > size(own)]
    if not better:
        return f"No net does better in {label} than the one that was trained against it."
    return f"Better in {label} than the net that was trained against {label}: {', '.join(better)}."
