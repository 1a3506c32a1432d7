"""Guards: whether an attack that follows the gradient can judge a net at all, asked before any verdict.

    with guarded(model, x, y):  # warns if it cannot, once: what is called within does not ask again
        …

The questions that AutoAttack asks (Croce and Hein 2020), after Athalye, Carlini and Wagner (2018).
"""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from rolab.arguments import as_logits, class_numbers
from rolab.attacks.losses import log_odds
from rolab.errors import MaskingWarning

FEW = 10  # percent of examples that may show a sign of masking in a net that does not mask
EXAMPLES = 100  # at most so many are looked at
_ASKED: ContextVar[bool] = ContextVar("asked", default=False)


@dataclass(frozen=True)
class MaskingCheck:
    """One sign of masked gradients, looked for.

    Attributes:
        question: what was asked
        masked: whether the answer is a sign of masking
        words: the answer, a sentence with its numbers
        numbers: the same numbers by name, accuracies and shares in percent
    """

    question: str
    masked: bool
    words: str
    numbers: dict[str, float]

    @classmethod
    def of(cls, question: str, masked: bool, because: str, numbers: dict[str, float]) -> "MaskingCheck":
        """With an answer that begins with yes or no."""
        return cls(question, masked, f"{'Yes' if masked else 'No'}: {because}.", numbers)

    def __str__(self) -> str:
        return f"{self.question} {self.words}"


@contextmanager
def guarded(model: nn.Module, x: Tensor, y: Tensor) -> Iterator[None]:
    """Warns, once, where `guards` find that attacks cannot judge the net; the arguments are theirs."""
    found = [] if _ASKED.get() or not len(x) else [check for check in guards(model, x, y) if check.masked]
    if found:
        said = " ".join(map(str, found))
        _warn(MaskingWarning(f"model: what attacks leave of this net need not be robust. {said}"))
    with asked():
        yield


@contextmanager
def asked() -> Iterator[None]:
    """Within the block no guard asks again."""
    token = _ASKED.set(True)
    try:
        yield
    finally:
        _ASKED.reset(token)


def _warn(warning: Warning) -> None:
    """The warning, at the line that has called the library."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals["__name__"].partition(".")[0] in ("rolab", "contextlib"):
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level)


def guards(model: nn.Module, x: Tensor, y: Tensor) -> list[MaskingCheck]:
    """Four questions to which an honest net answers no, in the mode in which it is.

        Are the outputs probabilities?        then their gradient is 0 where the net is sure
        Is the net random?                    two answers to the same images differ by more than rounding
        Is the gradient 0?                    that of log(p_y / (1 − p_y)), which no margin lets fade
        Does the net learn while it answers?  it differentiates, changes itself, or asks if autograd is on

    It takes three forward passes and a backward pass. Of these nothing is left in the parameters and buffers,
    nor in torch's random numbers.

    Args:
        model: maps (N, …) pixels to (N, K) logits
        x, y: images (N, …) and classes (N,); the first `EXAMPLES` are looked at

    Raises:
        ValueError: there is no image, y are not class numbers, or the outputs not (N, K) with K ≥ 2.
    """
    if not len(class_numbers(y, x)):
        raise ValueError("x: expected at least one image, got none")
    x, y, refused = x.detach()[:EXAMPLES].clone().requires_grad_(), y[:EXAMPLES], ""
    devices = [x.device] if x.device.type == "cuda" else []
    watch = _Watch()
    with torch.random.fork_rng(devices), _restored(model) as changed:
        with watch, torch.enable_grad():
            z = as_logits(model(x), x, finite=False)
        gradient = _no_gradient(z, x, y)  # before the next pass may change what it needs
        try:
            with watch, torch.no_grad():
                first, second = model(x), model(x)
        except RuntimeError as error:
            refused = f"without autograd it raises '{str(error).splitlines()[0]}'"
            first, second = model(x).detach(), model(x).detach()
        changes = changed()
    random, aware, rounding = _apart(first, second), _apart(first, z), torch.finfo(z.dtype).eps ** (2 / 3)
    learns = [
        "it differentiates" * watch.differentiated,
        f"it changes its {', '.join(changes[:3])}" * bool(changes),
        refused,
        f"with autograd its logits differ by {aware:.2g} of the largest" * (aware > rounding >= random),
    ]
    reasons = "; ".join(filter(None, learns)) or "it does not differentiate, and nothing in it changes"
    return [
        _probabilities(first),
        MaskingCheck.of(
            "Is the net random?",
            random > rounding,
            f"two answers to the same images differ by {random:.2g} of the largest logit",
            {"difference": random},
        ),
        gradient,
        MaskingCheck.of("Does the net learn while it answers?", any(learns), reasons, {"difference": aware}),
    ]


def _probabilities(z: Tensor) -> MaskingCheck:
    """Whether the rows are in [0, 1] and sum to 1, up to rounding."""
    rounding = z.shape[1] * torch.finfo(z.dtype).eps
    inside = ((z >= 0) & (z <= 1 + rounding)).all(1) & ((z.double().sum(1) - 1).abs() <= rounding)
    share = _percent(inside)
    because = f"{share:.1f} % of the outputs lie in [0, 1] and sum to 1, where attacks expect logits"
    return MaskingCheck.of("Are the outputs probabilities?", share == 100, because, {"share": share})


def _no_gradient(z: Tensor, x: Tensor, y: Tensor) -> MaskingCheck:
    """Whether the input gradient is exactly 0 for more than a few examples."""
    g = torch.zeros_like(x)
    if z.requires_grad:
        (g,) = torch.autograd.grad(
            log_odds(z, class_numbers(y, x, z.shape[1])).sum(), x, materialize_grads=True
        )
    share = _percent((g.flatten(1) == 0).all(1))
    because = f"for {share:.1f} % of the examples the gradient of the log-odds is exactly 0"
    return MaskingCheck.of("Is the gradient 0?", share > FEW, because, {"share": share})


def _percent(found: Tensor) -> float:
    return 100 * int(found.sum()) / len(found)


def _apart(a: Tensor, b: Tensor) -> float:
    """max |a − b|, as a share of max |a|."""
    a, b = a.detach().double(), b.detach().double()
    return float((a - b).abs().max() / a.abs().max().clamp(min=torch.finfo(a.dtype).tiny))


class _Watch(TorchFunctionMode):
    """Sees whether a derivative is taken."""

    differentiated = False

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        self.differentiated |= func in (torch.autograd.grad, torch.autograd.backward, Tensor.backward)
        return func(*args, **(kwargs or {}))


@contextmanager
def _restored(model: nn.Module) -> Iterator[Any]:
    """Puts back parameters and buffers behind the block; what it gives, called, names those that changed.

    What batch norm in training notes down of each batch is put back, but is no change.
    """
    kept = [
        (f"{name}.{key}".lstrip("."), part, key, tensor, tensor.detach().clone())
        for name, part in model.named_modules()
        for key, tensor in [*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)]
    ]

    def changed() -> list[str]:
        return [
            name
            for name, part, key, _, before in kept
            if not torch.equal(getattr(part, key), before)
            and not (isinstance(part, nn.modules.batchnorm._BatchNorm) and part.training)
        ]

    try:
        yield changed
    finally:
        with torch.no_grad():
            for _, part, key, tensor, before in kept:
                if not torch.equal(tensor, before):
                    tensor.copy_(before)
                if getattr(part, key) is not tensor:
                    setattr(part, key, tensor)
