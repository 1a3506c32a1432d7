"""The trained networks that ship with the package, each with its card: how it was made and what it can do."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from torch import nn

from rolab import nets
from rolab.records import RecordError, parse_json, parse_tensors


def names() -> list[str]:
    """The names that `load` knows, such as "mnist/robust-linf"."""
    found = [
        f"{folder.name}/{file.name.removesuffix('.json')}"
        for folder in _shelf().iterdir()
        if folder.is_dir()
        for file in folder.iterdir()
        if file.name.endswith(".json")
    ]
    return sorted(found)


def card(name: str) -> dict[str, Any]:
    """The card of a network: architecture, objective, recipe, seed, accuracies (percent), SHA-256, machine.

    Raises:
        ValueError: the zoo has no such network.
    """
    if name not in names():
        raise ValueError(f"name is {name!r}, expected one of {', '.join(names())}")
    return parse_json(_shelf().joinpath(f"{name}.json").read_bytes(), f"{name}.json")


def load(name: str) -> nn.Module:
    """The network, on the CPU and in eval mode, once its weights have been checked against its card.

    Raises:
        ValueError: the zoo has no such network.
        RecordError: the weights are not those of the card.
    """
    written = card(name)
    try:
        content = _shelf().joinpath(f"{name}.safetensors").read_bytes()
    except OSError as error:
        raise RecordError(f"the weights of {name} are missing: {error}") from error
    model = getattr(nets, written["architecture"])()
    model.load_state_dict(parse_tensors(content, written["sha256"], f"{name}.safetensors"))
    return model.eval()


def _shelf() -> Traversable:
    return files("rolab").joinpath("_zoo")
