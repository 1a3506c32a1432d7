"""What a net reads in two images, as bars and in words."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rolab.evaluation import device_of, eval_mode
from rolab.plotting import INK, Axis, Bars, Panel


def probabilities(model: nn.Module, images: Tensor) -> Tensor:
    """The class probabilities of images (N, …), in eval mode: (N, K)."""
    with eval_mode(model), torch.inference_mode():
        return model(images.to(device_of(model, images))).float().softmax(1).cpu().clone()


def bars(
    probability: Tensor,
    names: Sequence[str],
    colors: Sequence[str],
    domain: tuple[float, float, float, float],
) -> Panel:
    """The class probabilities (2, K) of two images, side by side."""
    classes = range(probability.shape[1])
    marks = [
        Bars(classes, row, color, name=name, offset=offset, outline=INK)
        for row, color, name, offset in zip(probability, colors, names, (-0.2, 0.2), strict=True)
    ]
    return Panel(marks, Axis("class", ticks=classes), Axis("probability", (0, 1.02)), domain)
