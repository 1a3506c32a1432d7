"""Checks before training: what would fail after an epoch is said before the first step."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.module import register_module_forward_pre_hook

from rolab.arguments import as_logits, check_pixels, class_numbers
from rolab.data.base import Dataset, check_data
from rolab.evaluation.accuracy import check_model, device_of, eval_mode
from rolab.nets.layers import temporarily


def check_weights(model: nn.Module, kept: bool) -> None:
    """Raise a `ValueError` unless there are weights to learn, all finite, none tied where a run is kept."""
    check_model(model)
    if not any(weight.requires_grad for weight in model.parameters()):
        raise ValueError("model: expected weights that require a gradient, got none")
    owner = dict[tuple, str]()  # of its memory
    for name, weight in model.state_dict().items():
        if not weight.isfinite().all():
            raise ValueError(f"model: expected finite weights, got NaN or infinity in {name}")
        if (
            kept
            and weight.numel()
            and (other := owner.setdefault((weight.device, weight.data_ptr()), name)) != name
        ):
            advice = "a run's folder keeps each by itself: untie them, or train without a folder"
            raise ValueError(f"model: expected weights of their own, got {other} and {name} tied; {advice}")


def check_examples(model: nn.Module, data: Dataset, test: Dataset | None, batch_size: int) -> None:
    """Raise a `ValueError` unless a model can be trained on these data, and tested on those.

    It must answer them with logits of all their classes, and no batch may be left over that is too small for
    its batch norm. It sees two images of each, in eval mode, and is left as it was.
    """
    check_data(data, "data", least=1)
    check_pixels(data.images, "data")
    with temporarily([(part, "training", part.training) for part in model.modules()]):
        model.train()  # a model may leave some of its batch norms in eval mode
        norms = {part: name for name, part in model.named_modules() if isinstance(part, _BatchNorm)}
        norms = {part: name for part, name in norms.items() if part.training}
    alone = list[str]()  # batch norms that see a single number of an example in each channel

    def look(part: nn.Module, inputs: tuple) -> None:
        if part in norms and inputs[0].numel() == 2 * inputs[0].shape[1]:
            alone.append(norms[part])

    with register_module_forward_pre_hook(look):
        _check_answers(model, data, "data")
    if alone and (len(data) - 1) % batch_size == 0:
        why = f"of which {alone[0]}, a batch norm, can take no deviation"
        came = f"{batch_size} for {len(data)} examples"
        raise ValueError(f"batch_size: expected one that leaves no batch of one example, {why}, got {came}")
    if test is not None:
        check_data(test, "test", least=1)
        if not test.images.isfinite().all():
            raise ValueError("test: expected finite pixels, got NaN or infinity")
        _check_answers(model, test, "test")


def _check_answers(model: nn.Module, data: Dataset, name: str) -> None:
    x = data.images[[0, -1]].to(device_of(model, data.images))
    with eval_mode(model), torch.no_grad(), torch.random.fork_rng([]):
        try:
            answer = model(x)
        except (RuntimeError, IndexError, TypeError, NotImplementedError) as error:
            came = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
            raise ValueError(
                f"{name}: expected images that the model takes, got {tuple(x.shape)}: {came}"
            ) from error
    classes = as_logits(answer, x, finite=False).shape[1]
    class_numbers(data.labels, data.images, classes, f"labels of {name}")
