"""Accuracy in percent: what a network answers, its input gradients, and its accuracy against the radius."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from rolab.attacks import ascent_direction, input_gradient
from rolab.data import Dataset
from rolab.nets.layers import temporarily
from rolab.sets import UncertaintySetLike, resolve

BATCH = 200  # more no longer fits into the caches of a laptop


def eval_mode(model: nn.Module) -> AbstractContextManager[None]:
    """Puts the model in eval mode, and every part of it back into the mode it came in.

    Convolutions are computed in full single precision meanwhile, where an NVIDIA card would round to TF32.
    """
    conv: Any = getattr(torch.backends.cudnn, "conv", None)  # since PyTorch 2.9
    tf32 = (conv, "fp32_precision", "ieee") if conv else (torch.backends.cudnn, "allow_tf32", False)
    return temporarily([tf32, *((module, "training", False) for module in model.modules())])


def in_batches(function: Callable[..., Tensor], model: nn.Module, *tensors: Tensor) -> Tensor:
    """A function of the tensors' rows, `BATCH` at a time on the model's device, the model in eval mode.

    Shape:
        tensors (N, …), at least one; what the function gives is put together, (N, …), beside the first tensor
    """
    device = next(model.parameters()).device
    with eval_mode(model):
        parts = [
            function(*(part.to(device) for part in batch)).to(tensors[0].device)
            for batch in zip(*(tensor.split(BATCH) for tensor in tensors), strict=True)
        ]
    return torch.cat(parts)


def predict(model: nn.Module, images: Tensor) -> Tensor:
    """The class with the largest logit, in eval mode: pixels (N, …) in [0, 1] → (N,), beside the images."""
    return in_batches(torch.inference_mode()(lambda x: model(x).argmax(1)), model, images)


def correct(model: nn.Module, data: Dataset, perturbation: Tensor | None = None) -> Tensor:
    """Which examples the model classifies correctly, at x or at x + Δ: bool (N,)."""
    images = data.images if perturbation is None else data.images + perturbation
    return predict(model, images) == data.labels


def accuracy_percent(right: Tensor) -> float:
    """The share of True in a bool tensor (N,), in percent.

    Raises:
        ValueError: N is 0.
    """
    if not len(right):
        raise ValueError("the share of right answers: expected at least one example, got none")
    return 100 * int(right.sum()) / len(right)


def accuracy(model: nn.Module, data: Dataset) -> float:
    """The share of the examples that the model classifies correctly, in percent."""
    return accuracy_percent(correct(model, data))


def gradients(model: nn.Module, data: Dataset) -> Tensor:
    """∇ₓJ of every example in eval mode, shaped like the images and beside them."""
    return in_batches(lambda x, y: input_gradient(model, x, y), model, data.images, data.labels)


def ascent_directions(model: nn.Module, data: Dataset) -> Tensor:
    """For each example a positive multiple of ∇ₓJ, however small that is; in eval mode, like the images."""
    return in_batches(lambda x, y: ascent_direction(model, x, y), model, data.images, data.labels)


def accuracy_vs_radius(model: nn.Module, data: Dataset, sets: Sequence[UncertaintySetLike]) -> list[float]:
    """The accuracy under the model's own first-order attack, once for each set: Figures 3 and 6.

    The gradient does not depend on the set, so one gradient serves the whole sweep:
    Δ_U = argmax_{Δ ∈ U} ⟨∇ₓJ(x), Δ⟩ for each U.
    """
    g = ascent_directions(model, data)
    return [accuracy_percent(correct(model, data, resolve(U, data.images).maximizer(g))) for U in sets]
