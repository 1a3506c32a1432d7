"""Queries of a model: the logits of a batch, if they are logits, and without a trace in the model."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from rolab.arguments import as_logits, as_rows, class_numbers
from rolab.nets.layers import temporarily

P, R = ParamSpec("P"), TypeVar("R")


def logits_of(model: nn.Module, x: Tensor, y: Tensor, name: str = "y", *, wait: bool = True) -> Tensor:
    """The logits z (N, K) of a batch x, once z are finite logits and y class numbers, (N,).

    Whoever does not `wait` for an accelerator has their entries looked at on a CPU only.
    """
    class_numbers(y, x, name=name)
    look = wait or x.device.type == "cpu"
    z = as_logits(model(x), x, finite=look)
    class_numbers(y, x, z.shape[1] if look else None, name)
    return z


def leaves_no_trace(
    attack: Callable[Concatenate[nn.Module, Tensor, P], R],
) -> Callable[Concatenate[nn.Module, Tensor, P], R]:
    """The attack with `frozen_buffers`, on images x that are a batch."""

    @wraps(attack)
    def frozen(model: nn.Module, x: Tensor, *arguments: P.args, **options: P.kwargs) -> R:
        as_rows(x, "x", finite=False)
        with frozen_buffers(model):
            return attack(model, x, *arguments, **options)

    return frozen


def frozen_buffers(model: nn.Module) -> AbstractContextManager[None]:
    """While an attack looks at a network in training, what its layers keep in buffers does not move.

    Batch norm takes mean and deviation of the batch, as the descent will, but its running averages, with
    which the finished net works, stay: they are averages over steps, of what was descended.
    """
    training = [layer for layer in model.modules() if layer.training]
    norms = [(layer, "track_running_stats", False) for layer in training if isinstance(layer, _BatchNorm)]
    others = [
        (layer, name, kept.clone())
        for layer in training
        if not isinstance(layer, _BatchNorm)
        for name, kept in layer.named_buffers(recurse=False)
    ]
    return temporarily([*norms, *others])


def couples_batch(model: nn.Module) -> bool:
    """Whether the examples of a batch meet in the model, in batch norm that takes the mean of the batch."""
    return any(
        isinstance(part, _BatchNorm) and (part.training or part.running_mean is None)
        for part in model.modules()
    )
