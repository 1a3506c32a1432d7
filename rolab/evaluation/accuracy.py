"""Accuracy in percent: what a network answers, its input gradients, and its accuracy against the radius."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from rolab.arguments import as_list, as_logits, class_numbers
from rolab.attacks import ascent_direction, input_gradient
from rolab.data import Dataset
from rolab.data.base import check_data
from rolab.nets.layers import temporarily
from rolab.sets import UncertaintySet, UncertaintySetLike, resolve

BATCH = 200  # more no longer fits into the caches of a laptop


def eval_mode(model: nn.Module) -> AbstractContextManager[None]:
    """Puts the model in eval mode, and every part of it back into the mode it came in.

    Convolutions are computed in full single precision meanwhile, where an NVIDIA card would round to TF32.
    """
    check_model(model)
    conv: Any = getattr(torch.backends.cudnn, "conv", None)  # since PyTorch 2.9
    tf32 = (conv, "fp32_precision", "ieee") if conv else (torch.backends.cudnn, "allow_tf32", False)
    return temporarily([tf32, *((module, "training", False) for module in model.modules())])


def check_model(model: Any, name: str = "model") -> None:
    """Raise a `ValueError` unless this is a network."""
    if not isinstance(model, nn.Module):
        raise ValueError(f"{name}: expected an nn.Module, got {model!r}")


def device_of(model: nn.Module, x: Tensor) -> torch.device:
    """Where the model lies; that of x for one without parameters and buffers."""
    return next(chain(model.parameters(), model.buffers()), x).device


def in_batches(function: Callable[..., Tensor], model: nn.Module, *tensors: Tensor) -> Tensor:
    """A function of the tensors' rows, `BATCH` at a time on the model's device, the model in eval mode.

    Shape:
        tensors (N, …), at least one; what the function gives is put together, (N, …), beside the first tensor
    """
    with eval_mode(model):
        device = device_of(model, tensors[0])
        parts = [
            function(*(part.to(device) for part in batch)).to(tensors[0].device)
            for batch in zip(*(tensor.split(BATCH) for tensor in tensors), strict=True)
        ]
    return torch.cat(parts)


def predict(model: nn.Module, images: Tensor) -> Tensor:
    """The class with the largest logit, in eval mode: pixels (N, …) in [0, 1] → (N,), beside the images.

    Raises:
        ValueError: what the model answers are no logits (N, K), or NaN is among them.
    """
    return in_batches(torch.inference_mode()(lambda x: as_logits(model(x), x).argmax(1)), model, images)


def correct(model: nn.Module, data: Dataset, perturbation: Tensor | None = None) -> Tensor:
    """Which examples the model classifies correctly, at x or at x + Δ: bool (N,).

    Raises:
        ValueError: as for `predict`, or a label is none of the model's classes.
    """
    check_data(data)
    data = data if perturbation is None else data.perturbed(perturbation)

    @torch.inference_mode()
    def right(x: Tensor, y: Tensor) -> Tensor:
        logits = as_logits(model(x), x)
        return logits.argmax(1) == class_numbers(y, x, logits.shape[1], "labels")

    return in_batches(right, model, data.images, data.labels)


def check_right(right: Any, name: str = "right", least: int = 1) -> None:
    """Raise a `ValueError` unless this says of each of at least so many examples whether it is right."""
    expected = f"{name}: expected a bool tensor (N,), which examples are right"
    if not isinstance(right, Tensor):
        raise ValueError(f"{expected}, got {type(right).__name__}")
    if right.dtype != torch.bool or right.ndim != 1:
        raise ValueError(f"{expected}, got {right.dtype} of shape {tuple(right.shape)}")
    if len(right) < least:
        raise ValueError(f"{name}: expected at least one example, got none")


def accuracy_percent(right: Tensor) -> float:
    """The share of True in a bool tensor (N,), in percent.

    Raises:
        ValueError: it is of another form, or N is 0.
    """
    check_right(right)
    return 100 * int(right.sum()) / len(right)


def accuracy(model: nn.Module, data: Dataset) -> float:
    """The share of the examples that the model classifies correctly, in percent."""
    check_data(data, least=1)
    return accuracy_percent(correct(model, data))


def gradients(model: nn.Module, data: Dataset) -> Tensor:
    """∇ₓJ of every example in eval mode, shaped like the images and beside them."""
    check_data(data)
    return in_batches(lambda x, y: input_gradient(model, x, y), model, data.images, data.labels)


def ascent_directions(model: nn.Module, data: Dataset) -> Tensor:
    """For each example a positive multiple of ∇ₓJ, however small that is; in eval mode, like the images."""
    check_data(data)
    return in_batches(lambda x, y: ascent_direction(model, x, y), model, data.images, data.labels)


def as_sets(sets: Any) -> list[UncertaintySetLike]:
    """A list of sets, checked to be one before anything is computed."""
    kind = "an UncertaintySet or a function x -> UncertaintySet"
    return as_list(sets, "sets", kind, lambda U: isinstance(U, UncertaintySet) or callable(U))


def accuracy_vs_radius(model: nn.Module, data: Dataset, sets: Sequence[UncertaintySetLike]) -> list[float]:
    """The accuracy under the model's own first-order attack, once for each set: Figures 3 and 6.

    Its direction does not depend on the set, so one gradient serves the whole sweep:
    Δ_U = argmax_{Δ ∈ U} ⟨∇ₓJ(x), Δ⟩ for each U.
    """
    check_data(data, least=1)
    sets, g = as_sets(sets), ascent_directions(model, data)
    return [accuracy_percent(correct(model, data, resolve(U, data.images).maximizer(g))) for U in sets]
