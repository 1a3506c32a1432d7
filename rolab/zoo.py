"""Model zoo: the trained networks that ship, each with its card: how it was made and what it can do."""

from pathlib import Path
from typing import Any

from torch import nn

from rolab import nets
from rolab.storage import read_json, read_tensors, write_json, write_tensors

SHELF = Path(__file__).parent / "_zoo"


def names() -> list[str]:
    """The names that `load` knows, such as "mnist/robust-linf"."""
    return sorted(f"{path.parent.name}/{path.stem}" for path in SHELF.glob("*/*.json"))


def card(name: str) -> dict[str, Any]:
    """The card of a network: architecture, objective, recipe, seed, accuracies (percent), SHA-256, machine.

    Raises:
        ValueError: the zoo has no such network.
    """
    known = names()
    if name not in known:
        alike = [each for each in known if each.split("/")[0] == name.split("/")[0]]
        raise ValueError(f"name is {name!r}, expected one of {', '.join(alike or known)}")
    return read_json(SHELF / f"{name}.json")


def load(name: str) -> nn.Module:
    """The network, on the CPU and in eval mode, once its weights have been checked against its card.

    Raises:
        ValueError: the zoo has no such network.
        RecordError: the weights are missing, or are not those of the card.
    """
    written = card(name)
    model = getattr(nets, written["architecture"])()
    model.load_state_dict(read_tensors(SHELF / f"{name}.safetensors", written["sha256"]))
    return model.eval()


def keep(
    folder: Path, name: str, model: nn.Module, run: dict[str, Any], precision: str = "float32", **facts: Any
) -> None:
    """Writes a finished net and its card into a folder, from where they can be taken into the zoo.

    Args:
        folder: where `NET.safetensors` and `NET.json` go
        name: as `load` will know it, such as "mnist/robust-linf"
        run: what `run.json` says of its training
        precision: of the weights in the file, "float32" or "float16"; `load` gives a net in float32 again
        facts: what else the card should say
    """
    net = name.split("/")[-1]
    sha256 = write_tensors(folder / f"{net}.safetensors", model.state_dict(), precision)
    written = {
        "net": name,
        "architecture": type(model).__name__,
        "parameters": sum(p.numel() for p in model.parameters()),
        **{name: run["identity"][name] for name in ("seed", "objective", "recipe")},
        **facts,
        "sha256": sha256,
        "environment": run["environment"],
        "seconds": round(sum(epoch["seconds"] for epoch in run["history"]), 1),
    }
    write_json(folder / f"{net}.json", written)
